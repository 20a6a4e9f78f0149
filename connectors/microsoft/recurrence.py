"""How a series comes round: Graph's `patternedRecurrence` as a line of iCalendar, and back.

Exchange means the last day of a month that is too short for the day of the month; an RRULE would leave that month out.
Sources: https://learn.microsoft.com/graph/api/resources/recurrencepattern,
https://learn.microsoft.com/graph/api/resources/recurrencerange,
https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal (RecurrencePattern structure), RFC 5545, 3.3.10
"""

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from hub.errors import RejectedError, ShapeError
from hub.records.meeting import WallTime, When
from hub.records.zone import windows

MOST_INTERVAL = 999  # that Exchange takes
_DAYS = {
    "monday": "MO", "tuesday": "TU", "wednesday": "WE", "thursday": "TH", "friday": "FR", "saturday": "SA", "sunday": "SU",
}  # fmt: skip
_NAMES = {short: name for name, short in _DAYS.items()}
_INDEXES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_PLACES = {number: name for name, number in _INDEXES.items()}
_SHORTEST = 28  # days that every month has
_FEBRUARY, _LEAP_YEAR = 2, 2024
_NTH = re.compile(r"(-?[0-9]{1,2})?([A-Z]{2})")
_NO_SUCH = "Outlook cannot repeat a meeting like this: "


def line(recurrence: Any, first: date) -> str:
    """Return the RRULE that says the same.

    Args:
        first: the day of the series' first time, in the zone of the series.

    Raises:
        ShapeError: no rule says this.
    """
    try:
        pattern, span = recurrence["pattern"], recurrence["range"]
        parts = {**_pattern(pattern, first), **_range(span)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ShapeError(f"no rule says how this series comes round: {recurrence!r:.300}") from error
    return "RRULE:" + ";".join(f"{name}={value}" for name, value in parts.items())


def _pattern(pattern: Mapping[str, Any], first: date) -> dict[str, str]:
    kind, interval = str(pattern["type"]).lower(), int(pattern.get("interval") or 1)
    if interval < 1:
        raise ValueError(f"an interval of {interval}")
    every = {"INTERVAL": str(interval)} if interval > 1 else {}
    match kind:
        case "daily":
            return {"FREQ": "DAILY", **every}
        case "weekly":
            return {"FREQ": "WEEKLY", **every, **_weekly(pattern, first, interval)}
        case "absolutemonthly":
            return {"FREQ": "MONTHLY", **every, **_of_month(int(pattern["dayOfMonth"]), None, first)}
        case "relativemonthly":
            return {"FREQ": "MONTHLY", **every, **_placed(pattern, first)}
        case "absoluteyearly" | "relativeyearly":
            month = int(pattern["month"])
            if month != first.month:
                raise ValueError("the series begins in another month")
            on = {"BYMONTH": str(month)}
            if kind == "relativeyearly":
                return {"FREQ": "YEARLY", **every, **on, **_placed(pattern, first)}
            return {"FREQ": "YEARLY", **every, **on, **_of_month(int(pattern["dayOfMonth"]), month, first)}
    raise ValueError(f"a pattern of the type {kind}")


def _weekly(pattern: Mapping[str, Any], first: date, interval: int) -> dict[str, str]:
    days = _days(pattern)
    if list(_DAYS.values())[first.weekday()] not in days:
        raise ValueError("the series begins on another day of the week")
    # In which week a day lies matters only where weeks are left out; Monday is what a rule means without a word.
    starts = _DAYS[str(pattern.get("firstDayOfWeek") or "sunday").lower()]
    week = {"WKST": starts} if interval > 1 and len(days) > 1 and starts != "MO" else {}
    return {"BYDAY": ",".join(days), **week}


def _of_month(number: int, month: int | None, first: date) -> dict[str, str]:
    """Return a day of the month, or the last before it where a month is too short.

    Args:
        month: of a series that comes in one month only.
    """
    if number < 1 or first.day != min(number, monthrange(first.year, first.month)[1]):
        raise ValueError("the series begins on another day of the month")
    if number <= _SHORTEST or month not in {None, _FEBRUARY}:
        return {"BYMONTHDAY": str(min(number, _longest(month)))}
    if number >= _longest(month):
        return {"BYMONTHDAY": "-1"}
    return {"BYMONTHDAY": ",".join(map(str, range(_SHORTEST, number + 1))), "BYSETPOS": "-1"}


def _longest(month: int | None) -> int:
    """Return how many days a month can have."""
    return 31 if month is None else monthrange(_LEAP_YEAR, month)[1]


def _placed(pattern: Mapping[str, Any], first: date) -> dict[str, str]:
    days, index = _days(pattern), _INDEXES[str(pattern.get("index") or "first").lower()]
    if list(_DAYS.values())[first.weekday()] not in days:
        raise ValueError("the series begins on another day of the week")
    if len(days) == 1:
        return {"BYDAY": f"{index}{days[0]}"}
    return {"BYDAY": ",".join(days), "BYSETPOS": str(index)}


def _days(pattern: Mapping[str, Any]) -> list[str]:
    """Return the days of the week in their order, at least one."""
    named = {_DAYS[str(one).lower()] for one in pattern["daysOfWeek"]}
    if not named:
        raise ValueError("no day of the week")
    return [one for one in _DAYS.values() if one in named]


def _range(span: Mapping[str, Any]) -> dict[str, str]:
    match str(span["type"]).lower():
        case "noend":
            return {}
        case "enddate":
            return {"UNTIL": f"{date.fromisoformat(str(span['endDate'])):%Y%m%d}"}
        case "numbered":
            count = int(span["numberOfOccurrences"])
            if count > 0:
                return {"COUNT": str(count)}
    raise ValueError("an end that is none")


# --- to Graph ---------------------------------------------------------------------------------------------------------


def to_graph(lines: Sequence[str], start: When) -> dict[str, Any] | None:
    """Return what Graph calls the lines of a series; None for a single meeting.

    Raises:
        RejectedError: Outlook has no such series.
    """
    if not lines:
        return None
    if len(lines) > 1 or not lines[0].upper().startswith("RRULE:"):
        raise RejectedError(f"{_NO_SUCH}only one rule, and no dates beside it.")
    rule = dict(part.partition("=")[::2] for part in lines[0][len("RRULE:") :].upper().split(";") if part)
    known = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"}
    if unknown := sorted(rule.keys() - known):
        raise RejectedError(f"{_NO_SUCH}it knows no {unknown[0]}.")
    first = start.local.date() if isinstance(start, WallTime) else start
    try:
        return {"pattern": _to_pattern(rule, first), "range": _to_range(rule, start, first)}
    except (KeyError, ValueError) as error:
        raise RejectedError(f"{_NO_SUCH}{lines[0][:200]}") from error


def _to_pattern(rule: Mapping[str, str], first: date) -> dict[str, Any]:
    interval = int(rule.get("INTERVAL", "1"))
    if not 1 <= interval <= MOST_INTERVAL:
        raise ValueError("an interval that Exchange does not take")
    found: dict[str, Any] = {"interval": interval}
    match rule["FREQ"]:
        case "DAILY":
            _nothing_else(rule, ())
            return found | {"type": "daily"}
        case "WEEKLY":
            _nothing_else(rule, ("BYDAY",))
            days = rule.get("BYDAY", list(_NAMES)[first.weekday()]).split(",")
            week = _NAMES[rule.get("WKST", "MO")]
            return found | {"type": "weekly", "daysOfWeek": [_NAMES[one] for one in days], "firstDayOfWeek": week}
        case "MONTHLY":
            _nothing_else(rule, ("BYDAY", "BYMONTHDAY", "BYSETPOS"))
            return found | _to_days(rule, first, "Monthly")
        case "YEARLY":
            _nothing_else(rule, ("BYDAY", "BYMONTHDAY", "BYSETPOS", "BYMONTH"))
            if "BYMONTH" not in rule and "BYDAY" in rule:
                raise ValueError("a day of the week counted through the year")
            return found | {"month": int(rule.get("BYMONTH", first.month))} | _to_days(rule, first, "Yearly")
    raise ValueError("a frequency that Exchange does not know")


def _to_days(rule: Mapping[str, str], first: date, of: str) -> dict[str, Any]:
    if "BYDAY" not in rule:
        return {"type": f"absolute{of}", "dayOfMonth": _to_day_of_month(rule, first)}
    if "BYMONTHDAY" in rule:
        raise ValueError("days of the week and of the month")
    found = [_NTH.fullmatch(one) for one in rule["BYDAY"].split(",")]
    index = rule.get("BYSETPOS")
    if len(found) == 1 and index is None and found[0]:
        index = found[0][1] or ""
    elif any(one is None or one[1] for one in found):
        raise ValueError("several days, each with a number of its own")
    return {
        "type": f"relative{of}",
        "daysOfWeek": [_NAMES[one[2]] for one in found if one],
        "index": _PLACES[int(index or 0)],
    }


def _to_day_of_month(rule: Mapping[str, str], first: date) -> int:
    """Return the day of the month; beyond 28 Exchange means "or the last before it", and so must the rule."""
    days = [int(one) for one in rule.get("BYMONTHDAY", str(first.day)).split(",")]
    month = int(rule.get("BYMONTH", first.month)) if rule["FREQ"] == "YEARLY" else None
    if days == [-1]:
        return _longest(month)
    if len(days) > 1 and days == list(range(_SHORTEST, days[-1] + 1)) and rule.get("BYSETPOS") == "-1":
        return days[-1]
    safe = _SHORTEST if month in {None, _FEBRUARY} else _longest(month)
    if len(days) == 1 and "BYSETPOS" not in rule and 1 <= days[0] <= safe:
        return days[0]
    raise ValueError("a day that not every month has")


def _nothing_else(rule: Mapping[str, str], known: Sequence[str]) -> None:
    if odd := [name for name in rule if name.startswith("BY") and name not in known]:
        raise ValueError(f"{odd[0]} beside this frequency")


def _to_range(rule: Mapping[str, str], start: When, first: date) -> dict[str, Any]:
    zone = windows(start.zone) if isinstance(start, WallTime) else "UTC"
    found = {"startDate": first.isoformat(), "recurrenceTimeZone": zone}
    if "COUNT" in rule:
        return found | {"type": "numbered", "numberOfOccurrences": int(rule["COUNT"])}
    if "UNTIL" in rule:
        return found | {"type": "endDate", "endDate": _until(rule["UNTIL"], start).isoformat()}
    return found | {"type": "noEnd"}


def _until(text: str, start: When) -> date:
    """Return the last day: the end of a rule may be a moment, and then one within that day."""
    found = datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007 - the zone comes from the start
    if "T" not in text or not isinstance(start, WallTime):
        return found
    at = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - as above
    local = WallTime.at(at.replace(tzinfo=UTC), start.zone).local if text.endswith("Z") else at
    if local.time() < start.local.time():
        raise ValueError("an end before the time of its day")
    return local.date()
