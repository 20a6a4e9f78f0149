"""Find the first times at which several people are free. Pure: who is busy when is given.

Working hours are wall time in each person's own zone, so that they keep their place when the clocks change; what is found
is wall time in the zone of whoever books.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from hub.errors import UserError
from hub.meetings.occurrences import Occurrence
from hub.records.meeting import Response, Status, WallTime, When

LONGEST_SEARCH = timedelta(days=92)
MOST_SLOTS = 200
STEP = timedelta(minutes=15)
_SMALLEST_STEP = timedelta(minutes=5)
_MIDNIGHT = time()

Span = tuple[datetime, datetime]  # in UTC, the end excluded
# Monday is 0; several stretches a day, each from and to. To midnight is written 00:00.
Hours = Mapping[int, Sequence[tuple[time, time]]]


@dataclass(frozen=True, slots=True)
class Busy:
    """A stretch in which somebody is not free: between instants, or whole days (the end excluded) in the own zone."""

    start: date | datetime
    end: date | datetime
    tentative: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is to be there.

    Attributes:
        days_off: days without any working hours: holidays, leave.
    """

    name: str
    zone: str
    hours: Hours
    busy: Sequence[Busy] = ()
    days_off: AbstractSet[date] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Slot:
    start: WallTime
    end: WallTime


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Attributes:
        since, until: aware.
        zone: in which starts are at whole steps of the clock, and answers are given.
        pause: free time that must be left before and after.
        tentative_blocks: somebody who may come to another meeting is not free.
        all_day_blocks: an event of whole days that blocks time takes all the hours of its days.
    """

    length: timedelta
    since: datetime
    until: datetime
    zone: str
    step: timedelta = STEP
    limit: int = 10
    pause: timedelta = timedelta()
    tentative_blocks: bool = True
    all_day_blocks: bool = True


def free_slots(people: Sequence[Person], search: Search) -> list[Slot]:
    """Return the first slots in which everybody works and nobody is busy. Slots may overlap: they are choices.

    Raises:
        UserError: the search makes no sense; `error_id` says why.
    """
    _check(people, search)
    common: list[Span] = [(search.since.astimezone(UTC), search.until.astimezone(UTC))]
    for person in people:
        common = _both(common, list(_working(person, common)))
        common = _without(common, _joined(_blocks(person, search)))
    found: list[Slot] = []
    for begin, end in common:
        for start in _on_the_step(begin, end - search.length, search):
            found.append(Slot(WallTime.at(start, search.zone), WallTime.at(start + search.length, search.zone)))
            if len(found) == search.limit:
                return found
    return found


def busy_of(occurrence: Occurrence, address: str) -> Busy | None:
    """Return the time that an occurrence takes from somebody, or None: cancelled, declined, or blocking no time.

    Args:
        address: in lower case. Whoever is not named, as in an own entry without guests, is there.
    """
    meeting = occurrence.meeting
    said = next((a.response for a in meeting.attendees if a.address.lower() == address), Response.ACCEPTED)
    if occurrence.cancelled or meeting.transparent or said is Response.DECLINED:
        return None
    tentative = meeting.status is Status.TENTATIVE or said in {Response.TENTATIVE, Response.WAITING}
    return Busy(_plain(occurrence.start), _plain(occurrence.end), tentative)


def _plain(when: When) -> date | datetime:
    return when.instant if isinstance(when, WallTime) else when


def _check(people: Sequence[Person], search: Search) -> None:
    if not people:
        raise UserError("Say who is to be there.", error_id="nobody", field="people")
    if not timedelta() < search.length <= timedelta(days=1):
        raise UserError("A meeting is between a minute and a day long.", error_id="bad_length", field="length")
    if not timedelta() < search.until - search.since <= LONGEST_SEARCH:
        raise UserError("Look for a time within three months.", error_id="bad_window", field="until")
    if not _SMALLEST_STEP <= search.step <= timedelta(days=1) or not 0 < search.limit <= MOST_SLOTS:
        raise UserError("The step or the number of answers is out of reach.", error_id="bad_step", field="step")


def _working(person: Person, within: Sequence[Span]) -> Iterator[Span]:
    """Yield somebody's working time around some spans, in order."""
    if not within:
        return
    day = WallTime.at(within[0][0], person.zone).local.date() - timedelta(days=1)
    last = WallTime.at(within[-1][1], person.zone).local.date()
    while day <= last:
        if day not in person.days_off:
            for begin, end in sorted(person.hours.get(day.weekday(), ())):
                closing = day if end > begin else day + timedelta(days=1)  # into the night
                yield _instant(day, begin, person.zone), _instant(closing, end, person.zone)
        day += timedelta(days=1)


def _instant(day: date, clock: time, zone: str) -> datetime:
    return WallTime(datetime.combine(day, clock), zone).instant


def _blocks(person: Person, search: Search) -> Iterator[Span]:
    """Yield what somebody cannot be asked to, in UTC, with the pause around it."""
    for busy in person.busy:
        if busy.tentative and not search.tentative_blocks:
            continue
        if isinstance(busy.start, datetime) and isinstance(busy.end, datetime):
            yield busy.start.astimezone(UTC) - search.pause, busy.end.astimezone(UTC) + search.pause
        elif search.all_day_blocks:
            yield _instant(busy.start, _MIDNIGHT, person.zone), _instant(busy.end, _MIDNIGHT, person.zone)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, overlapping ones as one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif begin < end:
            joined.append((begin, end))
    return joined


def _both(one: Sequence[Span], other: Iterable[Span]) -> list[Span]:
    """Return what is in both."""
    others = _joined(other)
    ends = [end for _, end in others]
    found = []
    for begin, end in one:
        for start, stop in others[bisect_right(ends, begin) :]:
            if start >= end:
                break
            found.append((max(begin, start), min(end, stop)))
    return found


def _without(free: Sequence[Span], busy: Sequence[Span]) -> list[Span]:
    """Return what is left; `busy` is in order and apart."""
    ends = [end for _, end in busy]
    found = []
    for begin, end in free:
        at = begin
        for start, stop in busy[bisect_right(ends, begin) :]:
            if start >= end:
                break
            if start > at:
                found.append((at, start))
            at = stop
        if at < end:
            found.append((at, end))
    return found


def _on_the_step(earliest: datetime, latest: datetime, search: Search) -> Iterator[datetime]:
    """Yield the instants from earliest to latest at which the clock of the search shows a whole step of the day."""
    at = WallTime.at(earliest, search.zone)
    passed = at.local - datetime.combine(at.local.date(), _MIDNIGHT)
    local = at.local + -passed % search.step
    previous = None
    while local - timedelta(days=1) <= WallTime.at(latest, search.zone).local:
        instant = WallTime(local, search.zone).instant
        if instant > latest:
            return
        # The hour that comes twice is offered once, the one that does not come not at all.
        if instant >= earliest and instant != previous and WallTime.at(instant, search.zone).local == local:
            yield instant
        previous = instant
        local += search.step
