"""Decide what may be written to a remote calendar for a meeting made, moved or called off in the hub. Pure.

What goes wrong elsewhere is ruled out here: nobody is invited or told unless a person says so (`notify`), attendees are
not touched by the way, the event of another organiser is never written, nothing that was made before an account was
connected is pushed to it, and a series is written as a whole or one time of it, never "this and following".
"""

import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from hub.errors import ShapeError, UserError
from hub.meetings import lines as recurrence
from hub.meetings.lines import Clock
from hub.meetings.occurrences import end_from, key, occurrences
from hub.records.meeting import Attendee, Meeting, Privacy, WallTime, When

MARKER = "hub"  # private extended property by which the hub knows what it made, also after a crash before the answer
LONGEST_TITLE = 1_000
LONGEST_TEXT = 8_000
_NAMESPACE = uuid.UUID("6a0a3f5e-6d0b-5c3b-9a3e-2f6c1d0a7b54")


class Scope(StrEnum):
    ALL = "all"  # the single meeting or the whole series
    THIS = "this"  # one time of a series
    FOLLOWING = "following"  # this and all later ones: refused


@dataclass(frozen=True, slots=True)
class Target:
    """The calendar that is written to.

    Attributes:
        addresses: in lower case, under which it organises: the mailbox, and of a second calendar its own.
        connected_at: when the account was connected for the first time; reconnecting does not change it.
    """

    account_id: int
    calendar: str
    addresses: AbstractSet[str]
    connected_at: datetime
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person asked for.

    Attributes:
        key: stable and unique text, the same when a form is sent twice or a plan is made again.
        at: when, aware.
        notify: tell those who are invited; else they are neither told nor written down at the remote.
    """

    key: str
    at: datetime
    notify: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A meeting as it is made in the hub."""

    title: str
    start: When
    end: When
    description: str = ""
    location: str = ""
    recurrence: tuple[str, ...] = ()
    attendees: tuple[Attendee, ...] = ()
    privacy: Privacy = Privacy.DEFAULT
    transparent: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """Make an event. The id is ours, so that making it again after a lost answer is refused by the remote, not doubled."""

    account_id: int
    calendar: str
    event_id: str
    draft: Draft
    markers: Mapping[str, str]
    idempotency_key: str
    notify: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Change the named fields of an event and no others.

    Attributes:
        remote_id: of the event; empty for a time of a series that is no exception yet: then `series_id` and
            `original_start` say which.
        etag: what must still be there; empty: the remote is read before.
        base: what the named fields said, and when it took place: what others must not have changed meanwhile.
    """

    account_id: int
    calendar: str
    remote_id: str
    series_id: str
    original_start: date | datetime | None
    fields: Mapping[str, Any]
    etag: str
    idempotency_key: str
    notify: bool = False
    base: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call off an event, a series or one time of it; named as in `Change`."""

    account_id: int
    calendar: str
    remote_id: str
    series_id: str
    original_start: date | datetime | None
    etag: str
    idempotency_key: str
    notify: bool = False
    base: Mapping[str, Any] = field(default_factory=dict)


Write = Create | Change | Cancel


@dataclass(frozen=True, slots=True)
class Held:
    """A meeting as this very account holds it; remote ids of another mailbox mean something else there."""

    master: Meeting
    exceptions: Sequence[Meeting] = field(default_factory=tuple)


def event_id(request: str) -> str:
    """Return the id of an event that the hub makes: the same for the same request.

    Google takes 5 to 1024 letters of base32hex, `a` to `v` and digits; the hexadecimal form of a UUID is such a text, and
    Microsoft takes it as `transactionId`. Source: https://developers.google.com/workspace/calendar/api/v3/reference/events
    """
    return uuid.uuid5(_NAMESPACE, request).hex


def create(draft: Draft, target: Target, ask: Ask) -> Create:
    """Plan a new event; without `notify` those who come are left out, because some remotes tell them all the same.

    Raises:
        UserError: it may not be made; `error_id` says why.
    """
    _may_write(target, ask)
    _check(draft, set(Draft.__slots__))
    if ask.notify and _over(draft, ask.at):
        raise UserError("Nobody is invited to what is over.", error_id="past", field="start")
    own_id = event_id(f"{target.account_id}:{ask.key}")
    return Create(
        target.account_id,
        target.calendar,
        own_id,
        draft if ask.notify else replace(draft, attendees=()),
        {MARKER: own_id},
        _idempotency("create", target, ask),
        ask.notify,
    )


def change(
    held: Held,
    fields: Mapping[str, Any],
    target: Target,
    ask: Ask,
    *,
    scope: Scope = Scope.ALL,
    original_start: date | datetime | None = None,
) -> Change | None:
    """Plan a change, or None where nothing would change. A new start without an end keeps the length.

    Args:
        fields: values by the names of `Draft`; what is not named is not written.
        original_start: of the one time that is meant, with `Scope.THIS`.

    Raises:
        UserError: it may not be changed; `error_id` says why.
    """
    event, current = _meant(held, target, ask, scope, original_start)
    _check_names(fields, scope, ask)
    wanted = dict(fields)
    if "start" in wanted and "end" not in wanted:
        wanted["end"] = _end_of_moved(current, wanted["start"])
    wanted = {name: value for name, value in wanted.items() if value != getattr(current, name)}
    if not wanted:
        return None
    after = _draft_of(replace(current, **wanted))
    _check(after, wanted.keys())
    if ask.notify and _over(after, ask.at):
        raise UserError("Nobody is told of what is over.", error_id="past", field="start")
    return Change(
        target.account_id,
        target.calendar,
        event.remote_id,
        event.series_id,
        event.original_start,
        wanted,
        event.etag,
        _idempotency("change", target, ask),
        ask.notify,
        {name: getattr(current, name) for name in dict.fromkeys(("start", "end", *wanted))},
    )


def cancel(
    held: Held, target: Target, ask: Ask, *, scope: Scope = Scope.ALL, original_start: date | datetime | None = None
) -> Cancel:
    """Plan to call a meeting off.

    Raises:
        UserError: it may not be called off; `error_id` says why.
    """
    event, current = _meant(held, target, ask, scope, original_start)
    return Cancel(
        target.account_id,
        target.calendar,
        event.remote_id,
        event.series_id,
        event.original_start,
        event.etag,
        _idempotency("cancel", target, ask),
        ask.notify,
        {"start": current.start, "end": current.end},
    )


def refusal(meeting: Meeting, target: Target, at: datetime) -> str:
    """Return why an event may not be written, as one word, or nothing: for pages that show what can be done.

    Args:
        at: when the change was made in the hub.
    """
    if at < target.connected_at:
        return "older_than_connection"
    if not target.writable:
        return "read_only"
    if meeting.is_cancelled:
        return "cancelled"
    # An event without organiser is nobody's but of who made it; that we did is said by our own mark.
    ours = meeting.organiser.lower() in target.addresses if meeting.organiser else MARKER in meeting.markers
    return "" if ours else "not_organiser"


_SENTENCES = {
    "older_than_connection": "This was made before the calendar was connected and is not sent to it.",
    "read_only": "This calendar can be read only.",
    "cancelled": "The meeting was called off.",
    "not_organiser": "Only the organiser can change this meeting; ask whoever invited.",
}


def refused(word: str) -> UserError:
    """Return the error that says why an event may not be written; `word` is that of `refusal`."""
    return UserError(_SENTENCES[word], error_id=word)


def _may_write(target: Target, ask: Ask) -> None:
    word = "older_than_connection" if ask.at < target.connected_at else "" if target.writable else "read_only"
    if word:
        raise refused(word)


def _meant(
    held: Held, target: Target, ask: Ask, scope: Scope, original_start: date | datetime | None
) -> tuple[Meeting, Meeting]:
    """Return the event to be written, by its ids, and what it says now.

    Raises:
        UserError: it may not be written, or is not there.
    """
    word = refusal(held.master, target, ask.at)
    if word:
        raise refused(word)
    match scope:
        case Scope.ALL:
            return held.master, held.master
        case Scope.FOLLOWING:
            raise UserError(
                "Change the whole series or one time of it; for all later ones end this series and make a new one.",
                error_id="this_and_following",
            )
        case Scope.THIS:
            return _one_time(held, original_start)


def _one_time(held: Held, original_start: date | datetime | None) -> tuple[Meeting, Meeting]:
    master = held.master
    if original_start is None or not master.is_series:
        raise UserError("Say which time of which series is meant.", error_id="not_in_series")
    wanted = key(master.uid, original_start)
    known = [item for item in held.exceptions if key(master.uid, item.original_start) == wanted]
    moments = [_instant(original_start), *(_instant(item.start) for item in known if item.start)]
    around = {"since": min(moments) - timedelta(days=1), "until": max(moments) + timedelta(days=2)}
    found = [item for item in occurrences(master, known, limit=1_000, **around) if item.key == wanted]
    if not found:
        raise UserError("The series does not take place then.", error_id="not_in_series")
    if found[0].cancelled:
        raise refused("cancelled")
    current = replace(found[0].meeting, start=found[0].start, end=found[0].end, recurrence=())
    if found[0].is_exception:
        return found[0].meeting, current
    return replace(current, remote_id="", series_id=master.remote_id, original_start=original_start, etag=""), current


def _check_names(fields: Mapping[str, Any], scope: Scope, ask: Ask) -> None:
    unknown = set(fields) - {"attendees", *Draft.__slots__}
    if unknown:
        raise UserError(f"A meeting has no field {min(unknown)}.", error_id="unknown_field", field=min(unknown))
    if "attendees" in fields and not ask.notify:
        raise UserError("Who comes is changed by inviting.", error_id="not_notified", field="attendees")
    # Google: the visibility of one instance can become that of the whole series.
    for name in ("recurrence", "privacy"):
        if name in fields and scope is Scope.THIS:
            raise UserError("This can be changed for the whole series only.", error_id="series_only", field=name)


def _check(draft: Draft, names: AbstractSet[str]) -> None:
    """Refuse what no calendar takes, in the named fields; what the remote itself says in others is its own affair."""
    if names & {"start", "end"}:
        if isinstance(draft.start, WallTime) != isinstance(draft.end, WallTime):
            raise UserError("Give times or whole days for both start and end.", error_id="bad_time", field="end")
        if not _instant(draft.start) < _instant(draft.end):
            raise UserError("The end must be after the start.", error_id="bad_time", field="end")
    for name, longest in (("title", LONGEST_TITLE), ("location", LONGEST_TITLE), ("description", LONGEST_TEXT)):
        if name in names and len(getattr(draft, name)) > longest:
            raise UserError(f"At most {longest} characters.", error_id="too_long", field=name)
    if names & {"start", "recurrence"}:
        try:
            recurrence.read(draft.recurrence, Clock.of(draft.start))
        except ShapeError as error:
            raise UserError(str(error), error_id="bad_recurrence", field="recurrence") from error


def _end_of_moved(current: Meeting, start: When) -> When:
    if isinstance(start, WallTime) != isinstance(current.start, WallTime):
        raise UserError("Say also when it ends.", error_id="bad_time", field="end")
    return end_from(current, start)


def _draft_of(meeting: Meeting) -> Draft:
    """Return what a meeting says; one without an end ends in the form of its start."""
    if meeting.start is None:
        raise UserError("The meeting has no start.", error_id="bad_time", field="start")
    end = meeting.end if meeting.end is not None else end_from(meeting, meeting.start)
    return Draft(
        meeting.title,
        meeting.start,
        end,
        meeting.description,
        meeting.location,
        meeting.recurrence,
        meeting.attendees,
        meeting.privacy,
        meeting.transparent,
    )


def _over(draft: Draft, at: datetime) -> bool:
    """Say whether nothing of it is still to come; a series may go on."""
    return not draft.recurrence and _instant(draft.end) < at - timedelta(days=isinstance(draft.end, date))


def _instant(when: When | datetime) -> datetime:
    if isinstance(when, WallTime):
        return when.instant
    return when if isinstance(when, datetime) else datetime.combine(when, time(), UTC)


def _idempotency(verb: str, target: Target, ask: Ask) -> str:
    return f"meeting:{verb}:{target.account_id}:{ask.key}"
