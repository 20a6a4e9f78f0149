"""Decide what of a meeting the timeline shows: a series is collapsed to what has been and the next time.

No sentence is made here: the rule is told in parts, and the page says them in the reader's language.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from hub.errors import ShapeError
from hub.meetings import lines as recurrence
from hub.meetings.lines import Clock
from hub.meetings.occurrences import Occurrence, occurrences
from hub.meetings.rule import DAYS, Rule
from hub.records.meeting import Meeting, Privacy, Response, When

PAST = timedelta(days=365)
AHEAD = timedelta(days=5 * 366)  # also a meeting on 29 February has its next time within it
MOST_ROWS = 400
MOST_LOOKED_AT = 10_000
STRICTNESS = ("all", "metadata", "owner")  # the words of an interaction's visibility, from open to closed


class Place(StrEnum):
    """Where a row stands in time."""

    PAST = "past"  # over, or going on
    NEXT = "next"  # the next that will take place
    AHEAD = "ahead"  # cancelled, before the next


@dataclass(frozen=True, slots=True)
class Repeats:
    """How a series comes round, in parts to be said in the reader's language.

    Attributes:
        frequency: daily, weekly, monthly, yearly, hourly, minutely, secondly.
        weekdays: `mo` to `su`, each with its number in the month or year (0: every, -1: the last).
        irregular: dates were added by hand or there are several rules; what is said is not the whole.
    """

    frequency: str
    interval: int = 1
    weekdays: tuple[tuple[str, int], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    until: date | None = None  # the last day, in the zone of the series
    count: int | None = None
    irregular: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the timeline.

    Attributes:
        struck: cancelled; it stays to be seen.
        declined: all our people who are asked said no.
        visibility: who sees the title and the text: `all`, `metadata` (others see that and with whom), `owner`.
        repeats: how the series comes round; None for a single meeting.
    """

    key: str
    start: When
    end: When
    place: Place
    struck: bool
    declined: bool
    visibility: str
    repeats: Repeats | None
    occurrence: Occurrence


def shown(
    master: Meeting | None,
    exceptions: Iterable[Meeting],
    now: datetime,
    *,
    ours: AbstractSet[str] = frozenset(),
    past: timedelta = PAST,
    usual: str = "all",
) -> list[Row]:
    """Return the rows of one meeting: each past time in a window, the next one, and cancelled ones before it.

    A time that all our people declined is a row of the past, but never the next.

    Args:
        now: aware; days of all-day meetings are reckoned in its zone.
        ours: addresses of our people, in lower case.
        usual: visibility that the calendar's account gives to what is not private.

    Raises:
        ShapeError: from `occurrences`.
    """
    exceptions = tuple(exceptions)
    repeats = described(master) if master and master.is_series and master.start else None

    def row(item: Occurrence, place: Place) -> Row:
        return Row(
            key=item.key,
            start=item.start,
            end=item.end,
            place=place,
            struck=item.cancelled,
            declined=declined(item.meeting, ours),
            visibility=visibility(item.meeting.privacy, usual),
            repeats=repeats,
            occurrence=item,
        )

    been = occurrences(master, exceptions, since=now - past, until=now, limit=MOST_LOOKED_AT)
    rows = [row(item, Place.PAST) for item in been[-MOST_ROWS:]]
    known = {item.key for item in been}
    struck: list[Row] = []
    for item in occurrences(master, exceptions, since=now, until=now + AHEAD, limit=MOST_ROWS):
        if item.key in known:
            continue  # going on
        if item.cancelled:
            struck.append(row(item, Place.AHEAD))
        elif not declined(item.meeting, ours):
            return [*rows, *struck, row(item, Place.NEXT)]
    return [*rows, *struck[:1]]  # nothing is to come: of a series called off for good one struck row says it


def visibility(privacy: Privacy, usual: str = "all", *, private: str = "metadata") -> str:
    """Return who sees the title and text of a meeting: the stricter of what is usual and what its owner chose.

    Google and Outlook show others a private event as "busy"; on a customer's timeline it shows that it took place and with
    whom, because that is what the customer's page is for. `private` may be `owner` where that is too much.
    """
    own = private if privacy in {Privacy.PRIVATE, Privacy.CONFIDENTIAL} else "all"
    return max(usual, own, key=STRICTNESS.index)


def declined(meeting: Meeting, ours: AbstractSet[str]) -> bool:
    """Say whether all our people who are asked said no. The organiser comes, unless he is asked and says no too."""
    said = {a.address.lower(): a.response for a in meeting.attendees if a.address.lower() in ours and not a.resource}
    organiser = meeting.organiser.lower()
    if organiser in ours and organiser not in said:
        return False
    return bool(said) and all(response is Response.DECLINED for response in said.values())


def described(master: Meeting) -> Repeats | None:
    """Tell how a series comes round; None where only dates are listed.

    Raises:
        ShapeError: its lines are not to be understood.
    """
    if master.start is None:
        raise ShapeError(f"the series {master.remote_id[:80]!r} has no start")
    clock = Clock.of(master.start)
    said = recurrence.read(master.recurrence, clock)
    if not said.rules:
        return None
    rule = said.rules[0]
    return Repeats(
        frequency=rule.frequency.name.lower(),
        interval=rule.interval,
        weekdays=tuple((DAYS[item.day].lower(), item.nth) for item in rule.weekdays),
        month_days=rule.month_days,
        months=rule.months,
        positions=rule.positions,
        until=_last_day(rule, clock),
        count=rule.count,
        irregular=len(said.rules) > 1 or bool(said.added or said.excluded),
    )


def _last_day(rule: Rule, clock: Clock) -> date | None:
    if isinstance(rule.until, datetime):
        return clock.read(rule.until).date()
    return rule.until
