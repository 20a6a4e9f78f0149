"""Say when a meeting takes place: of a series with its exceptions, each time within a window.

A series keeps its wall time when the clocks change, and an all-day one its days. Sources: RFC 5545, 3.8.4.4
(RECURRENCE-ID), 3.8.5 (recurrence), 3.6.1 (events without end).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge as merge_sorted

from hub.errors import ShapeError
from hub.meetings import lines as recurrence
from hub.meetings.expand import Budget, starts
from hub.meetings.lines import Clock, Lines
from hub.meetings.rule import Rule
from hub.records.meeting import Meeting, WallTime, When

_FIRST_YEAR, _LAST_YEAR = 1000, 9900  # of windows; room for zones and long meetings on both sides
_CHANGE = timedelta(hours=3)  # more than clocks are ever put forward or back
_PLACE = 8  # steps of work that a place costs beyond finding it
_LONGEST_REACH = timedelta(days=400)  # how long before the window a time of a series may have begun


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a meeting takes place, or was to.

    `key` names it for ever and in every mailbox: the uid of the series and where it stood before it was moved.
    `meeting` says its title and the rest: the exception where there is one, else the master.
    """

    key: str
    start: When
    end: When  # exclusive
    original_start: date | datetime | None  # None: of a single meeting
    cancelled: bool
    meeting: Meeting
    is_exception: bool = False


def key(uid: str, original_start: date | datetime | None) -> str:
    """Name an occurrence: uid, a bar, and the original start in UTC or as a day; nothing for a single meeting.

    >>> key("a@b", datetime(2025, 3, 30, 9, tzinfo=UTC)), key("a@b", date(2025, 3, 30)), key("a@b", None)
    ('a@b|20250330T090000Z', 'a@b|20250330', 'a@b|')
    """
    if original_start is None:
        return f"{uid}|"
    if isinstance(original_start, datetime):
        return f"{uid}|{original_start.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{uid}|{original_start:%Y%m%d}"


def occurrences(
    master: Meeting | None, exceptions: Iterable[Meeting], *, since: datetime, until: datetime, limit: int
) -> list[Occurrence]:
    """Return what a meeting does from `since` to `until`, in order, the earliest `limit`.

    Args:
        master: the single meeting or the series; None where one is invited to single times of a series only.
        exceptions: its exceptions, also cancelled ones; of two for the same time the later version counts.
        since, until: aware; the days of all-day meetings are compared with the days of their zones.

    Raises:
        ShapeError: the recurrence is not to be understood, or comes round absurdly often.
    """
    window = _Window(_bounded(since), _bounded(until))
    start = master.start if master else None
    if master is None or start is None:
        found = [_alone(item) for item in _latest(exceptions, None).values()]
    else:
        overrides = _latest(exceptions, Clock.of(start))
        found = [_moved(item, original) for original, item in overrides.items() if not item.is_cancelled and item.start]
        if master.is_series:
            found += _of_series(master, start, overrides, window, limit)
        else:
            found.append(Occurrence(key(master.uid, None), *span(master), None, master.is_cancelled, master))
    found = [item for item in found if window.has(item.start, item.end)]
    found.sort(key=lambda item: (window.instant(item.start), item.key))
    return found[:limit]


def span(meeting: Meeting) -> tuple[When, When]:
    """Return when one event begins and ends; without an end it is a day, or a moment (RFC 5545, 3.6.1).

    Raises:
        ShapeError: it has no start.
    """
    if meeting.start is None:
        raise ShapeError(f"the event {meeting.remote_id[:80]!r} has no start")
    return meeting.start, end_from(meeting, meeting.start)


def end_from(meeting: Meeting, start: When) -> When:
    """Return when a meeting ends that begins at another time and takes as long.

    Raises:
        ShapeError: beyond the years that can be reckoned with.
    """
    return _Length.of(meeting).end(start)


@dataclass(frozen=True, slots=True)
class _Length:
    """How long each time of a series is.

    Between clocks of one zone it is what they show: a night shift ends at 7:00 in every night, as people mean it. Between
    two zones it is time that passes.
    """

    days: int = 0
    clock: timedelta = timedelta()
    zone: str = ""  # of the end, where it is another

    @classmethod
    def of(cls, meeting: Meeting) -> "_Length":
        start, end = meeting.start, meeting.end
        if isinstance(start, date) and isinstance(end, date):
            return cls(days=max(1, (end - start).days))
        if not isinstance(start, WallTime) or not isinstance(end, WallTime):
            return cls(days=1 if isinstance(start, date) else 0)
        if start.zone == end.zone:
            return cls(clock=max(end.local - start.local, timedelta()))
        return cls(clock=max(end.instant - start.instant, timedelta()), zone=end.zone)

    @property
    def reach(self) -> timedelta:
        """How long before a window a time that is in it may have begun."""
        return min(max(timedelta(days=self.days), self.clock), _LONGEST_REACH)

    def end(self, start: When) -> When:
        try:
            if isinstance(start, date):
                return start + timedelta(days=self.days)
            if self.zone:
                return WallTime.at(start.instant + self.clock, self.zone)
            end = WallTime(start.local + self.clock, start.zone)
            if not self.clock or end.instant > start.instant:
                return end
            # Where the clocks jump over the start, the end may come to lie at or before it.
            return WallTime.at(start.instant + self.clock, start.zone)
        except OverflowError:
            raise ShapeError("a meeting that ends after the last year that can be reckoned with") from None


@dataclass(frozen=True, slots=True)
class _Window:
    since: datetime
    until: datetime

    def instant(self, when: When) -> datetime:
        return when.instant if isinstance(when, WallTime) else datetime.combine(when, time(), self.since.tzinfo)

    def has(self, start: When, end: When) -> bool:
        """Say whether a time is within the window, at least in part; a moment at its first instant is."""
        if isinstance(start, date) and isinstance(end, date):
            last = self.until - timedelta(microseconds=1)
            return start <= last.date() and end > self.since.date()
        begins, ends = self.instant(start), self.instant(end)
        return begins < self.until and (ends > self.since or begins >= self.since)


def _bounded(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a window is between aware times")
    year = min(max(moment.year, _FIRST_YEAR), _LAST_YEAR)
    return moment if year == moment.year else moment.replace(year=year, day=min(moment.day, 28))


def _latest(exceptions: Iterable[Meeting], clock: Clock | None) -> dict[date | datetime, Meeting]:
    """Return the exceptions by the place they stood at; of two for one place the later version."""
    found: dict[date | datetime, Meeting] = {}
    for item in sorted(exceptions, key=_version):
        if item.original_start is None:
            raise ShapeError(f"the exception {item.remote_id[:80]!r} does not say of which time of the series")
        found[_place(item.original_start, clock)] = item
    return found


def _version(meeting: Meeting) -> tuple[int, datetime]:
    return meeting.sequence, meeting.updated_at or datetime.min.replace(tzinfo=UTC)


def _place(original: date | datetime, clock: Clock | None) -> date | datetime:
    """Return an original start in the form of its series: a day, or an instant in UTC."""
    if isinstance(original, datetime):
        return original.date() if clock and not clock.zone else original.astimezone(UTC)
    if clock and clock.zone:
        return WallTime(clock.read(original), clock.zone).instant  # some write the day only
    return original


def _alone(item: Meeting) -> Occurrence:
    """Make an occurrence of an exception whose series is not known."""
    original = item.original_start
    place = None if original is None else _place(original, None)
    if item.start is None and place is not None:
        start: When = WallTime.at(place, "UTC") if isinstance(place, datetime) else place
        end = start + timedelta(days=1) if isinstance(start, date) else start
    else:
        start, end = span(item)
    return Occurrence(key(item.uid, place), start, end, place, item.is_cancelled, item, is_exception=True)


def _moved(item: Meeting, original: date | datetime) -> Occurrence:
    return Occurrence(key(item.uid, original), *span(item), original, cancelled=False, meeting=item, is_exception=True)


def _of_series(
    master: Meeting, start: When, overrides: dict[date | datetime, Meeting], window: _Window, limit: int
) -> Iterator[Occurrence]:
    """Yield the times that the lines of a series give, up to the limit; those of living exceptions left out."""
    clock, length = Clock.of(start), _Length.of(master)
    said = recurrence.read(master.recurrence, clock)
    places = _Places(said, clock, window, length.reach)
    given = dict(said.added)
    seen: set[date | datetime] = set()
    yielded = 0
    for local in places:
        begin = clock.write(local)
        original = begin.instant if isinstance(begin, WallTime) else begin
        if original in seen:
            continue  # an hour that the clocks jump over is the same as the next
        seen.add(original)
        override = overrides.get(original)
        if override is None and places.removes(local, original):
            continue
        if override is not None and not override.is_cancelled and override.start:
            continue
        own = given.get(local)
        ends = length.end(begin) if own is None else _Length(max(1, own.days), own).end(begin)
        if override is not None and override.start:
            begin, ends = span(override)  # cancelled where it had been moved to
        if not window.has(begin, ends):
            continue
        cancelled = master.is_cancelled or (override is not None and override.is_cancelled)
        says = override if override is not None and override.start else master
        yield Occurrence(key(master.uid, original), begin, ends, original, cancelled, says, override is not None)
        yielded += 1
        if yielded == limit:
            return


class _Places:
    """The starts that the lines give around a window, in order and each once."""

    def __init__(self, said: Lines, clock: Clock, window: _Window, reach: timedelta) -> None:
        self.said, self.clock, self.budget = said, clock, Budget()
        # Naive times are in the order of their instants but for the hour that comes twice or not at all: what is set
        # for a time that the clocks jumped over takes place after it.
        since, until = self._naive(window.since), self._naive(window.until)
        jumped = since - self._naive(window.since - timedelta(days=1)) - timedelta(days=1)
        self.after = since - reach - max(jumped, timedelta())
        self.before = until + _CHANGE
        self.excluded = {moment for rule in said.excluded for moment in self._rounds(rule, with_first=False)}

    def __iter__(self) -> Iterator[datetime]:
        sources: list[Iterable[datetime]] = [self._rounds(rule) for rule in self.said.rules]
        sources.append(moment for moment, _ in self.said.added if self.after <= moment <= self.before)
        if not self.said.rules:
            sources.append([self.clock.first])
        previous = None
        for moment in merge_sorted(*sources):
            if moment != previous:
                self.budget.spend(_PLACE)
                yield moment
            previous = moment

    def removes(self, local: datetime, original: date | datetime) -> bool:
        """Say whether a place was taken out of the series."""
        return local.date() in self.said.removed_days or original in self.said.removed or local in self.excluded

    def _rounds(self, rule: Rule, *, with_first: bool = True) -> Iterator[datetime]:
        return starts(
            rule,
            self.clock.first,
            after=self.after,
            before=self.before,
            until=_last(rule, self.clock),
            budget=self.budget,
            with_first=with_first,
        )

    def _naive(self, moment: datetime) -> datetime:
        return WallTime.at(moment, self.clock.zone).local if self.clock.zone else moment.replace(tzinfo=None)


def _last(rule: Rule, clock: Clock) -> datetime | None:
    """Return the last moment of a rule. A day is meant to its end, though RFC 5545 wants the form of the start."""
    if rule.until is None:
        return None
    if isinstance(rule.until, datetime):
        return clock.read(rule.until)
    return datetime.combine(rule.until, time.max)
