"""Say when a rule comes round, in bounded work whatever the rule.

Everything here is in wall time without a zone: the clock on the wall is what a series keeps when the clocks change.

Why not the libraries: dateutil looks at its end only when it has found a date, so that `recurring-ical-events` takes 8 s
over "daily, on 30 February" and never comes back from "every second" [measured]. The tests compare the two on tame rules.
Source: RFC 5545, 3.3.10, with its table of what each BY part does.
"""

import calendar
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise, product

from hub.errors import ShapeError
from hub.meetings.rule import Frequency, Rule, Weekday

STEPS = 60_000  # days and times looked at for one series, less than half a second
_UNITS = {
    Frequency.SECONDLY: timedelta(seconds=1),
    Frequency.MINUTELY: timedelta(minutes=1),
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(weeks=1),
}
_MIDNIGHT = time()


@dataclass(slots=True)
class Budget:
    """The work that one series may cause."""

    left: int = STEPS

    def spend(self, steps: int) -> None:
        """Count some work.

        Raises:
            ShapeError: the series costs too much.
        """
        self.left -= steps
        if self.left < 0:
            raise ShapeError("the series recurs too often or too seldom to be followed")


def starts(
    rule: Rule,
    first: datetime,
    *,
    after: datetime,
    before: datetime,
    until: datetime | None,
    budget: Budget,
    with_first: bool = True,
) -> Iterator[datetime]:
    """Yield the starts of a series from `after` to `before`, both included, in order.

    The first start belongs to the series and is counted, whether it fits the rule or not (RFC 5545, 3.8.5.3); only an
    end before it, as cutting a series in two leaves it, takes it away.

    Args:
        until: the rule's end in the same wall time.
        with_first: false for a rule that takes times away, which says no start of its own.

    Raises:
        ShapeError: from the budget.
    """
    last = before if until is None else min(before, until)
    if first > last:
        return
    if with_first and first >= after:
        yield first
    counted = int(with_first)
    if counted == rule.count:
        return
    floor = first if rule.count else max(first, after)
    for moment in _rounds(_complete(rule, first), first, floor, last, budget):
        if moment < floor or moment < first or (with_first and moment == first):
            continue
        if moment > last:
            return
        counted += 1
        if moment >= after:
            yield moment
        if counted == rule.count:
            return


def _complete(rule: Rule, first: datetime) -> Rule:
    """Take from the first start what the rule leaves open: the day and the time."""
    if not (rule.weekdays or rule.month_days or rule.year_days):
        match rule.frequency:
            case Frequency.YEARLY if rule.weeks:
                rule = replace(rule, weekdays=(Weekday(first.weekday()),))
            case Frequency.YEARLY:
                rule = replace(rule, months=rule.months or (first.month,), month_days=(first.day,))
            case Frequency.MONTHLY:
                rule = replace(rule, month_days=(first.day,))
            case Frequency.WEEKLY:
                rule = replace(rule, weekdays=(Weekday(first.weekday()),))
            case _:
                pass
    hours = rule.hours or ((first.hour,) if rule.frequency > Frequency.HOURLY else ())
    minutes = rule.minutes or ((first.minute,) if rule.frequency > Frequency.MINUTELY else ())
    seconds = rule.seconds or ((first.second,) if rule.frequency > Frequency.SECONDLY else ())
    return replace(rule, hours=hours, minutes=minutes, seconds=seconds)


def _rounds(rule: Rule, first: datetime, floor: datetime, last: datetime, budget: Budget) -> Iterator[datetime]:
    """Yield what the rule gives in each of its periods, from the one with `floor` to the one with `last`."""
    if rule.frequency < Frequency.DAILY:
        yield from _within_days(rule, first, floor, last, budget)
        return
    fits = _day_test(rule)
    times = [time(*clock) for clock in product(rule.hours, rule.minutes, rule.seconds)]
    for begin, end in _periods(rule, first, floor, last):
        budget.spend(1)
        days = []
        for ordinal in range(begin.toordinal(), end.toordinal()):
            day = date.fromordinal(ordinal)
            if rule.months and day.month not in rule.months:
                continue
            budget.spend(1)
            if fits(day):
                days.append(day)
        if rule.positions:
            budget.spend(len(days) * len(times))
            yield from _at_positions(rule.positions, [datetime.combine(*pair) for pair in product(days, times)])
            continue
        for pair in product(days, times):
            budget.spend(1)
            yield datetime.combine(*pair)


def _periods(rule: Rule, first: datetime, floor: datetime, last: datetime) -> Iterator[tuple[date, date]]:
    """Yield the days of each period of the rule, the second excluded, that lie around `floor` to `last`."""
    begin, index = _period_begin(rule, first.date()), 0
    index = max(0, _periods_between(rule.frequency, begin, floor.date()) // rule.interval) * rule.interval
    while True:
        try:
            this, following = _shift(rule.frequency, begin, index), _shift(rule.frequency, begin, index + 1)
        except (OverflowError, ValueError):
            return  # beyond the last year that there is
        if this > last.date():
            return
        yield this, following
        index += rule.interval


def _period_begin(rule: Rule, day: date) -> date:
    match rule.frequency:
        case Frequency.YEARLY:
            return day.replace(month=1, day=1)
        case Frequency.MONTHLY:
            return day.replace(day=1)
        case Frequency.WEEKLY:
            return day - timedelta(days=(day.weekday() - rule.week_start) % 7)
        case _:
            return day


def _periods_between(frequency: Frequency, begin: date, day: date) -> int:
    match frequency:
        case Frequency.YEARLY:
            return day.year - begin.year
        case Frequency.MONTHLY:
            return (day.year - begin.year) * 12 + day.month - begin.month
        case _:
            return (day - begin) // _UNITS[frequency]


def _shift(frequency: Frequency, begin: date, periods: int) -> date:
    match frequency:
        case Frequency.YEARLY:
            return begin.replace(year=begin.year + periods)
        case Frequency.MONTHLY:
            years, month = divmod(begin.month - 1 + periods, 12)
            return begin.replace(year=begin.year + years, month=month + 1)
        case _:
            return begin + periods * _UNITS[frequency]


def _within_days(rule: Rule, first: datetime, floor: datetime, last: datetime, budget: Budget) -> Iterator[datetime]:
    """Yield what an hourly or more frequent rule gives; what cannot fit is jumped over, not walked through."""
    unit = _UNITS[rule.frequency]
    begin = _round_down(first, unit)
    step = unit * rule.interval
    fits = _day_test(rule)
    moment = begin + max(0, (floor - begin) // step) * step
    while moment <= last:
        budget.spend(1)
        skip_to = _next_fitting(rule, moment, fits)
        if skip_to is not None:
            moment = begin + -((begin - skip_to) // step) * step  # the first of our steps not before it
            continue
        minutes = rule.minutes if rule.frequency is Frequency.HOURLY else (moment.minute,)
        seconds = rule.seconds if rule.frequency > Frequency.SECONDLY else (moment.second,)
        found = [moment.replace(minute=minute, second=second) for minute, second in product(minutes, seconds)]
        budget.spend(len(found))
        yield from _at_positions(rule.positions, found) if rule.positions else found
        moment += step


def _next_fitting(rule: Rule, moment: datetime, fits: Callable[[date], bool]) -> datetime | None:
    """Return a later time before which the rule cannot come round, or None where it does in this very period."""
    if not fits(moment.date()) or (rule.months and moment.month not in rule.months):
        return datetime.combine(moment.date() + timedelta(days=1), _MIDNIGHT)
    if rule.hours and moment.hour not in rule.hours:
        return _round_down(moment, timedelta(hours=1)) + timedelta(hours=1)
    if rule.frequency < Frequency.HOURLY and rule.minutes and moment.minute not in rule.minutes:
        return _round_down(moment, timedelta(minutes=1)) + timedelta(minutes=1)
    if rule.frequency is Frequency.SECONDLY and rule.seconds and moment.second not in rule.seconds:
        return moment + timedelta(seconds=1)
    return None


def _round_down(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - datetime.combine(moment.date(), _MIDNIGHT)) % unit


def _at_positions(positions: Iterable[int], found: list[datetime]) -> list[datetime]:
    """Pick by position within one period: 1 is the first, -1 the last."""
    size = len(found)
    indexes = {p - 1 if p > 0 else size + p for p in positions}
    return [found[index] for index in sorted(indexes) if 0 <= index < size]


def _day_test(rule: Rule) -> Callable[[date], bool]:
    """Make the question whether a day fits all the BY parts that restrict days, except the month."""
    plain = {w.day for w in rule.weekdays if not w.nth or rule.frequency < Frequency.MONTHLY}
    counted = {(w.day, w.nth) for w in rule.weekdays if w.nth and rule.frequency >= Frequency.MONTHLY}
    in_year = rule.frequency is Frequency.YEARLY and not rule.months

    def fits(day: date) -> bool:
        if rule.weekdays and day.weekday() not in plain and not _is_nth(day, counted, in_year=in_year):
            return False
        if rule.month_days:
            size = calendar.monthrange(day.year, day.month)[1]
            if day.day not in rule.month_days and day.day - size - 1 not in rule.month_days:
                return False
        if rule.year_days:
            size = 366 if calendar.isleap(day.year) else 365
            number = day.timetuple().tm_yday
            if number not in rule.year_days and number - size - 1 not in rule.year_days:
                return False
        return not rule.weeks or _in_weeks(day, rule)

    return fits


def _is_nth(day: date, counted: set[tuple[int, int]], *, in_year: bool) -> bool:
    """Say whether a day is, for instance, the second Monday or the last Friday of its month or year."""
    if not counted:
        return False
    if in_year:
        place, size = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
    else:
        place, size = day.day, calendar.monthrange(day.year, day.month)[1]
    weekday = day.weekday()
    return (weekday, (place - 1) // 7 + 1) in counted or (weekday, -((size - place) // 7 + 1)) in counted


def _in_weeks(day: date, rule: Rule) -> bool:
    """Say whether a day is in one of the weeks. Week 1 is the first with four days in the year.

    The days around New Year may belong to a week of the neighbouring year.
    """
    ordinal = day.toordinal()
    bounds = [_first_week(day.year + offset, rule.week_start) for offset in (-1, 0, 1, 2)]
    for begin, end in pairwise(bounds):
        if begin <= ordinal < end:
            number, size = (ordinal - begin) // 7 + 1, (end - begin) // 7
            return number in rule.weeks or number - size - 1 in rule.weeks
    return False


def _first_week(year: int, week_start: int) -> int:
    """Return the ordinal of the day on which week 1 of a year begins."""
    january_4 = date(min(max(year, 1), 9999), 1, 4)
    return january_4.toordinal() - (january_4.weekday() - week_start) % 7
