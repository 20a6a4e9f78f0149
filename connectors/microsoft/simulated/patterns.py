"""On which days a series takes place: `patternedRecurrence` in all its six kinds.

Sources: https://learn.microsoft.com/graph/api/resources/recurrencepattern and
https://learn.microsoft.com/graph/api/resources/recurrencerange
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import islice, takewhile
from typing import Any

from connectors.microsoft.simulated.errors import ApiError, Json

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
INDEXES = ("first", "second", "third", "fourth", "last")
_LAST_YEAR = 2199  # of a series without end
_NEVER = "0001-01-01"  # what Graph writes where a series has no last day
_NEEDED = {
    "daily": frozenset(),
    "weekly": frozenset({"daysOfWeek"}),
    "absoluteMonthly": frozenset({"dayOfMonth"}),
    "relativeMonthly": frozenset({"daysOfWeek"}),
    "absoluteYearly": frozenset({"dayOfMonth", "month"}),
    "relativeYearly": frozenset({"daysOfWeek", "month"}),
}


def days(recurrence: Json) -> Iterator[date]:
    """Every day of a series as `normal` wrote it, the first ones first."""
    pattern, span = recurrence["pattern"], recurrence["range"]
    start = date.fromisoformat(span["startDate"])
    kind = _KINDS.get(pattern["type"], _once)
    found = (
        day
        for day in kind({"interval": 1, "firstDayOfWeek": "sunday", "index": "first"} | pattern, start)
        if day >= start
    )
    if span["type"] == "numbered":
        return islice(found, span["numberOfOccurrences"])
    last = date.fromisoformat(span["endDate"]) if span["type"] == "endDate" else date(_LAST_YEAR, 12, 31)
    return takewhile(lambda day: day <= last, found)


def normal(recurrence: Json, start: date, zone_name: str) -> Json:
    """Check a recurrence and write it as Graph does, where every property has a value.

    Raises:
        ApiError: 400
    """
    try:
        pattern, span = dict(recurrence["pattern"]), dict(recurrence["range"])
        found = {"pattern": _pattern(pattern), "range": _range(span, start, zone_name)}
        next(days(found))
    except (KeyError, TypeError, ValueError, OverflowError, StopIteration):
        raise ApiError(
            400, "ErrorPropertyValidationFailure", "At least one property failed validation: Recurrence."
        ) from None
    return found


def _pattern(given: Json) -> Json:
    kind = _one_of(given["type"], tuple(_NEEDED))
    if not all(given.get(name) for name in _NEEDED[kind]):
        raise ValueError("a property that this type needs is missing")
    wanted = [_one_of(day, DAYS) for day in given.get("daysOfWeek") or []]
    return {
        "type": kind,
        "interval": _number(given.get("interval", 1), 1, 999),
        "month": _number(given.get("month") or 0, 0, 12),
        "dayOfMonth": _number(given.get("dayOfMonth") or 0, 0, 31),
        **({"daysOfWeek": sorted(set(wanted), key=DAYS.index)} if wanted else {}),
        "firstDayOfWeek": _one_of(given.get("firstDayOfWeek") or "sunday", DAYS),
        "index": _one_of(given.get("index") or "first", INDEXES),
    }


def _range(given: Json, start: date, zone_name: str) -> Json:
    kind = _one_of(given["type"], ("endDate", "noEnd", "numbered"))
    first = date.fromisoformat(given.get("startDate") or start.isoformat())
    ends = kind == "endDate"
    if ends and date.fromisoformat(given["endDate"]) < first:
        raise ValueError("it ends before it begins")
    return {
        "type": kind,
        "startDate": first.isoformat(),
        "endDate": date.fromisoformat(given["endDate"]).isoformat() if ends else _NEVER,
        "recurrenceTimeZone": given.get("recurrenceTimeZone") or zone_name,
        "numberOfOccurrences": _number(given["numberOfOccurrences"], 1, 999) if kind == "numbered" else 0,
    }


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    """Values of enumerations are understood whatever their case."""
    found = next((one for one in allowed if one.lower() == str(value).lower()), None)
    if found is None:
        raise ValueError(f"no such value: {value!r}")
    return found


def _number(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"not between {least} and {most}: {value!r}")
    return value


# -- the six kinds ------------------------------------------------------------------------------------------------------


def _once(_pattern: Json, start: date) -> Iterator[date]:
    """A kind that does not exist, such as people of a far future may have."""
    yield start


def _daily(pattern: Json, start: date) -> Iterator[date]:
    day = start
    while day.year <= _LAST_YEAR:
        yield day
        day += timedelta(days=pattern["interval"])


def _weekly(pattern: Json, start: date) -> Iterator[date]:
    week = start - timedelta(days=(start.weekday() - DAYS.index(pattern["firstDayOfWeek"])) % 7)
    wanted = {DAYS.index(name) for name in pattern["daysOfWeek"]}
    while week.year <= _LAST_YEAR:
        yield from (day for day in (week + timedelta(days=n) for n in range(7)) if day.weekday() in wanted)
        week += timedelta(weeks=pattern["interval"])


def _monthly(pattern: Json, start: date) -> Iterator[tuple[int, int]]:
    months = range(start.year * 12 + start.month - 1, (_LAST_YEAR + 1) * 12, pattern["interval"])
    return ((number // 12, number % 12 + 1) for number in months)


def _yearly(pattern: Json, start: date) -> Iterator[tuple[int, int]]:
    return ((year, pattern["month"]) for year in range(start.year, _LAST_YEAR + 1, pattern["interval"]))


def _numbered(months: Iterator[tuple[int, int]], pattern: Json) -> Iterator[date]:
    # Where a month is too short, its last day is meant: an RRULE with BYMONTHDAY=31 would leave such a month out.
    # Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal (PatternTypeSpecific: Month)
    for year, month in months:
        yield date(year, month, min(pattern["dayOfMonth"], monthrange(year, month)[1]))


def _placed(months: Iterator[tuple[int, int]], pattern: Json) -> Iterator[date]:
    # Counted are all the days named together: "first" of all five weekdays is the first working day.
    wanted = {DAYS.index(name) for name in pattern["daysOfWeek"]}
    place = -1 if pattern["index"] == "last" else INDEXES.index(pattern["index"])
    for year, month in months:
        allowed = [
            day
            for number in range(1, monthrange(year, month)[1] + 1)
            if (day := date(year, month, number)).weekday() in wanted
        ]
        yield allowed[place]


_KINDS: dict[str, Callable[[Json, date], Iterator[date]]] = {
    "daily": _daily,
    "weekly": _weekly,
    "absoluteMonthly": lambda pattern, start: _numbered(_monthly(pattern, start), pattern),
    "relativeMonthly": lambda pattern, start: _placed(_monthly(pattern, start), pattern),
    "absoluteYearly": lambda pattern, start: _numbered(_yearly(pattern, start), pattern),
    "relativeYearly": lambda pattern, start: _placed(_yearly(pattern, start), pattern),
}
