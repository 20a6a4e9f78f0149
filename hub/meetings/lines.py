"""Read the recurrence lines of a series: RRULE, EXRULE, RDATE, EXDATE.

Sources: RFC 5545, 3.8.5 (the properties), 3.3.9 (periods); EXRULE is of RFC 2445, and calendars still write it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from icalendar.prop import vDuration

from hub.errors import ShapeError
from hub.meetings.rule import Frequency, Rule, moment, parse
from hub.records.meeting import WallTime, When
from hub.records.zone import iana

LONGEST_LINE = 100_000  # characters
MOST_LINES = 2_000
MOST_DATES = 5_000
MOST_RULES = 20


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall time in which a series is reckoned: that of its first start. `zone` is empty for whole days."""

    first: datetime  # naive; midnight for whole days
    zone: str

    @classmethod
    def of(cls, start: When) -> "Clock":
        if isinstance(start, date):
            return cls(datetime.combine(start, time()), "")
        return cls(start.local, start.zone)

    def read(self, value: date | datetime, zone: str | None = None) -> datetime:
        """Return a day or time in this wall time: aware as it is, naive in `zone`, a day at the time of the first."""
        if not isinstance(value, datetime):
            return datetime.combine(value, self.first.time())
        if not self.zone:
            return datetime.combine(value.date(), time())  # the day as written; its zone would only move it
        if value.tzinfo is not None:
            return WallTime.at(value, self.zone).local
        if zone in {None, self.zone}:
            return value
        return WallTime.at(WallTime(value, zone or self.zone).instant, self.zone).local

    def write(self, local: datetime) -> When:
        """Return a naive time of this clock as the start of a meeting."""
        return WallTime(local, self.zone) if self.zone else local.date()


@dataclass(frozen=True, slots=True)
class Lines:
    """What the lines say, in the wall time of the series."""

    rules: tuple[Rule, ...] = ()
    excluded: tuple[Rule, ...] = ()
    added: tuple[tuple[datetime, timedelta | None], ...] = ()  # a start, and how long where it differs
    removed_days: frozenset[date] = frozenset()
    removed: frozenset[datetime] = frozenset()  # instants in UTC: two wall times may be one where the clocks change


def read(lines: Sequence[str], clock: Clock) -> Lines:
    """Read all lines of a series.

    A TZID that names no zone is read as the zone of the series: the one that its writer sees. Floating times too.

    Raises:
        ShapeError: a line is none of the four, or there are too many.
    """
    if len(lines) > MOST_LINES:
        raise ShapeError(f"a series with {len(lines)} recurrence lines")
    rules: dict[str, list[Rule]] = {"RRULE": [], "EXRULE": []}
    dates: dict[str, list[_Date]] = {"RDATE": [], "EXDATE": []}
    for line in lines:
        name, zone, value = _split(line)
        if name in rules:
            rules[name].append(_of_days(parse(value)) if not clock.zone else parse(value))
        elif name in dates:
            dates[name].extend(_dates(value, zone))
        elif not name.startswith("X-"):
            raise ShapeError(f"{name[:40]!r} is no recurrence line")
        if sum(map(len, rules.values())) > MOST_RULES or sum(map(len, dates.values())) > MOST_DATES:
            raise ShapeError("a series with more rules or dates than anybody makes")
    days, instants = _removed(dates["EXDATE"], clock)
    added = sorted({item.start_in(clock): item.length_in(clock) for item in dates["RDATE"]}.items())
    return Lines(tuple(rules["RRULE"]), tuple(rules["EXRULE"]), tuple(added), days, instants)


def _of_days(rule: Rule) -> Rule:
    """Return a rule for a series of whole days: parts of a time are without meaning there (RFC 5545, 3.3.10)."""
    if rule.frequency < Frequency.DAILY:
        raise ShapeError("a series of whole days that recurs within a day")
    return replace(rule, hours=(), minutes=(), seconds=())


@dataclass(frozen=True, slots=True)
class _Date:
    """One value of a date line."""

    value: date | datetime
    zone: str | None
    end: datetime | timedelta | None = None

    def start_in(self, clock: Clock) -> datetime:
        return clock.read(self.value, self.zone)

    def length_in(self, clock: Clock) -> timedelta | None:
        if not isinstance(self.end, datetime):
            return self.end if self.end is None else max(self.end, timedelta())
        return max(clock.read(self.end, self.zone) - self.start_in(clock), timedelta())


def _split(line: str) -> tuple[str, str | None, str]:
    """Take a line apart: its name, the zone it names if that is known, its value."""
    text = line.strip()
    if len(text) > LONGEST_LINE or any(ord(letter) < 32 for letter in text):
        raise ShapeError("a recurrence line that is too long or not one line")
    # No value of these lines has a colon, but names of zones have one that should be in quotes: tzone:MicrosoftCustom.
    head, colon, value = text.rpartition(":")
    if not colon:
        raise ShapeError(f"{text[:60]!r} is no recurrence line")
    name, *parameters = head.split(";")
    zone = next((item[5:] for item in parameters if item[:5].upper() == "TZID="), "")
    return name.upper(), iana(zone), value


def _dates(value: str, zone: str | None) -> Iterator[_Date]:
    for item in filter(None, (part.strip() for part in value.split(","))):
        start, slash, end = item.partition("/")
        yield _Date(moment(start), zone, _period_end(end) if slash else None)


def _period_end(text: str) -> datetime | timedelta:
    if not text.upper().startswith(("P", "+P", "-P")):
        end = moment(text)
        if isinstance(end, datetime):
            return end
        raise ShapeError(f"a period that ends at {text[:40]!r}")
    try:
        length: timedelta = vDuration.from_ical(text.upper()[:40])  # type: ignore[no-untyped-call] # icalendar's own gap
    except (ValueError, OverflowError):
        raise ShapeError(f"a period of the length {text[:40]!r}") from None
    return length


def _removed(dates: Sequence[_Date], clock: Clock) -> tuple[frozenset[date], frozenset[datetime]]:
    """Sort out what is taken away: whole days, which some calendars write for timed series too, and instants."""
    days, instants = set(), set()
    for item in dates:
        if not isinstance(item.value, datetime):
            days.add(item.value)
        elif not clock.zone:
            days.add(item.value.date())
        elif item.value.tzinfo is not None:
            instants.add(item.value.astimezone(UTC))
        else:
            instants.add(WallTime(item.value, item.zone or clock.zone).instant)
    return frozenset(days), frozenset(instants)
