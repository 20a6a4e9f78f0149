"""What calls made of events and calls made of detail records have in common."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.asterisk.records.group import age
from connectors.asterisk.records.rows import CdrRow
from hub.records.call import Direction, Leg, RecordingFile, Segment

# No record says whether a message was left or only the greeting heard. A caller who stays this long in the mailbox is
# counted as one who left a message: too many call-backs are better than one forgotten.
MAILBOX_S = 6.0
BUSY_BY_ITSELF_S = 2.0  # busy is also how many phones say "declined", but then somebody had to press a key
_GAP_S = 1.0  # a shorter break of talk is the exchange swapping channels
NUMBER = re.compile(r"\+?[0-9*#]{1,32}\Z")
_ENDPOINT = re.compile(r"-[0-9a-f]{8}(;[12])?\Z")
LOCAL = re.compile(r"Local/(?P<exten>[^@/-]+)@")
WITHHELD = frozenset({"anonymous", "restricted", "private", "unavailable", "withheld"})
_NO_NUMBER = frozenset({"", "unknown", "<unknown>", "s"})
MAILBOXES = frozenset({"voicemail", "voicemailmain", "minivmrecord"})


def joined_segments(segments: Sequence[Segment]) -> list[Segment]:
    """Stretches of one leg without the tiny breaks in which the exchange swaps bridges."""
    joined: list[Segment] = []
    for segment in sorted(segments, key=lambda one: (one.started_at, one.leg)):
        before = next(
            (one for one in reversed(joined) if (one.leg, one.consult) == (segment.leg, segment.consult)), None
        )
        if before and before.ended_at and (segment.started_at - before.ended_at).total_seconds() <= _GAP_S:
            joined[joined.index(before)] = replace(
                before, ended_at=max(before.ended_at, segment.ended_at or before.ended_at)
            )
        else:
            joined.append(segment)
    return joined


def recordings_of(rows: Sequence[CdrRow]) -> tuple[RecordingFile, ...]:
    files: dict[str, RecordingFile] = {}
    for row in rows:
        if row.recording:
            files.setdefault(row.recording, RecordingFile(row.recording, row.start))
    return tuple(files.values())


def key_of(ids: Sequence[tuple[str, datetime]]) -> str:
    """The linkedid of the oldest channel: what the live call is known by."""
    return min(ids, key=lambda one: age(*one))[0]


def aliases_of(ids: Sequence[tuple[str, datetime]]) -> tuple[str, ...]:
    key = key_of(ids)
    return tuple(dict.fromkeys(one for one, _ in ids if one != key))


def click_of(key: str) -> str:
    """Return the id of the click-to-dial order that began a call: with -ch it is the Uniqueid of the agent's channel."""
    return key[:-3] if key.endswith("-ch") else ""


def shown_number(number: str) -> str:
    return "" if number.lower() in WITHHELD | _NO_NUMBER else number


def trunk_of(names: Iterable[str]) -> str:
    return next((_ENDPOINT.sub("", name) for name in names), "")


def first_ringing(legs: Sequence[Leg], direction: Direction) -> datetime | None:
    """First ringing: of a phone of ours, or of the outside party that we called."""
    rung = [leg.ringing_at for leg in legs if leg.ringing_at and not leg.origin]
    if not rung and direction is Direction.OUTBOUND:
        rung = [leg.ringing_at for leg in legs if leg.ringing_at]
    return min(rung, default=None)


def ring_seconds(
    ringing: datetime | None, answered: datetime | None, legs: Sequence[Leg], ended: datetime | None
) -> float:
    if ringing is None:
        return 0.0
    until = answered or max((leg.ended_at for leg in legs if leg.ended_at and not leg.origin), default=ended) or ringing
    return max(0.0, (until - ringing).total_seconds())


def talk_seconds(segments: Sequence[Segment]) -> float:
    """Seconds in which anybody talked; two at once in a conference count once."""
    total, until = 0.0, None
    for segment in sorted(segments, key=lambda one: one.started_at):
        start, end = segment.started_at, segment.ended_at or segment.started_at
        start = max(start, until) if until else start
        total += max(0.0, (end - start).total_seconds())
        until = max(end, until) if until else end
    return total
