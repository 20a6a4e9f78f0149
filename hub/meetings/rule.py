"""Read a recurrence rule. What is not understood is refused, never guessed.

Source: RFC 5545, 3.3.10 (https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum

from hub.errors import ShapeError

LONGEST_RULE = 4_000  # characters; a BYYEARDAY with every day of a year has 1,500
LARGEST_INTERVAL = 10_000
LARGEST_COUNT = 1_000_000
MOST_TIMES_A_DAY = 24 * 60
MOST_POSITIONS = 31
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


class Frequency(IntEnum):
    """How often, from often to seldom."""

    SECONDLY = 0
    MINUTELY = 1
    HOURLY = 2
    DAILY = 3
    WEEKLY = 4
    MONTHLY = 5
    YEARLY = 6


@dataclass(frozen=True, slots=True)
class Weekday:
    day: int  # Monday is 0
    nth: int = 0  # 2: the second of the month or year, -1: the last, 0: every


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; an empty part does not restrict. `until` is a day, a naive local time, or an aware time in UTC."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    month_days: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    weeks: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    week_start: int = 0


# part: (field, smallest, largest, may be negative). 60 seconds, a leap second, never come round in a calendar.
_NUMBERS = {
    "BYSECOND": ("seconds", 0, 59, False),
    "BYMINUTE": ("minutes", 0, 59, False),
    "BYHOUR": ("hours", 0, 23, False),
    "BYMONTHDAY": ("month_days", 1, 31, True),
    "BYYEARDAY": ("year_days", 1, 366, True),
    "BYWEEKNO": ("weeks", 1, 53, True),
    "BYMONTH": ("months", 1, 12, False),
    "BYSETPOS": ("positions", 1, 366, True),
}
_OTHERS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}
_WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_MOMENT = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?")


def parse(text: str) -> Rule:
    """Read the value of an RRULE or EXRULE.

    Raises:
        ShapeError: it is no rule, or none that a meeting can have; the message names the part.
    """
    parts = _parts(text)
    frequency = _frequency(parts.get("FREQ", ""))
    rule = Rule(
        frequency,
        interval=_number("INTERVAL", parts.get("INTERVAL", "1"), LARGEST_INTERVAL),
        count=_number("COUNT", parts["COUNT"], LARGEST_COUNT) if "COUNT" in parts else None,
        until=moment(parts["UNTIL"]) if "UNTIL" in parts else None,
        weekdays=tuple(_weekday(item) for item in _items(parts, "BYDAY")),
        week_start=_week_start(parts.get("WKST", "MO")),
        **{field: _numbers(parts, name) for name, (field, *_) in _NUMBERS.items()},
    )
    _check(rule)
    return rule


def moment(text: str) -> date | datetime:
    """Read a DATE or a DATE-TIME: naive as written, in UTC where it ends with Z.

    Raises:
        ShapeError: it is neither.
    """
    match = _MOMENT.fullmatch(text.strip().upper())
    if not match:
        raise ShapeError(f"{text[:40]!r} is neither a date nor a time of a calendar")
    day, clock, utc = match.groups()
    try:
        if clock is None:
            return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()
        # Second 60 is a leap second, which no clock of ours shows.
        clock = clock[:4] + "59" if clock.endswith("60") else clock
        naive = datetime.strptime(day + clock, "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone comes from the line
    except ValueError:
        raise ShapeError(f"there is no day or time {text[:40]!r}") from None
    return naive.replace(tzinfo=UTC) if utc else naive


def _parts(text: str) -> dict[str, str]:
    if len(text) > LONGEST_RULE:
        raise ShapeError(f"a recurrence rule of {len(text)} characters")
    parts: dict[str, str] = {}
    for part in filter(None, text.strip().upper().split(";")):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or name in parts:
            raise ShapeError(f"the recurrence rule has {part[:40]!r}, which is no part of its own")
        # RSCALE (RFC 7529) names another calendar than the usual; X- parts are a program's own.
        if name not in _NUMBERS and name not in _OTHERS and not name.startswith("X-"):
            if (name, value) in {("RSCALE", "GREGORIAN"), ("SKIP", "OMIT")}:
                continue
            raise ShapeError(f"the recurrence rule has {part[:40]!r}, which is not known")
        parts[name] = value.strip()
    return parts


def _frequency(word: str) -> Frequency:
    try:
        return Frequency[word]
    except KeyError:
        raise ShapeError(f"a recurrence rule with the frequency {word[:40]!r}") from None


def _number(name: str, text: str, largest: int) -> int:
    # int() takes digits of every script and as many as there are; a rule has few, and plain ones.
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 0 < int(text) <= largest:
        raise ShapeError(f"a recurrence rule with {name}={text[:40]}; 1 to {largest} can be followed")
    return int(text)


def _items(parts: dict[str, str], name: str) -> list[str]:
    return [item.strip() for item in parts[name].split(",")] if name in parts else []


def _numbers(parts: dict[str, str], name: str) -> tuple[int, ...]:
    _, smallest, largest, negative = _NUMBERS[name]
    found = set()
    for item in _items(parts, name):
        sign = "[+-]?" if negative else ""
        if not re.fullmatch(sign + "[0-9]{1,3}", item) or not smallest <= abs(int(item)) <= largest:
            raise ShapeError(f"a recurrence rule with {name}={item[:40]}")
        found.add(int(item))
    return tuple(sorted(found))


def _weekday(text: str) -> Weekday:
    match = _WEEKDAY.fullmatch(text)
    nth = int(match[1] or 0) if match else 0
    if not match or abs(nth) > 53 or (match[1] and not nth):
        raise ShapeError(f"a recurrence rule with BYDAY={text[:40]}")
    return Weekday(DAYS.index(match[2]), nth)


def _week_start(text: str) -> int:
    if text not in DAYS:
        raise ShapeError(f"a recurrence rule with WKST={text[:40]}")
    return DAYS.index(text)


def _check(rule: Rule) -> None:
    times = max(1, len(rule.hours)) * max(1, len(rule.minutes)) * max(1, len(rule.seconds))
    if times > MOST_TIMES_A_DAY:
        raise ShapeError(f"a recurrence rule with {times} times a day")
    if len(rule.positions) > MOST_POSITIONS:
        raise ShapeError(f"a recurrence rule with {len(rule.positions)} positions (BYSETPOS)")
    if rule.weeks and rule.frequency is not Frequency.YEARLY:
        raise ShapeError("a recurrence rule with BYWEEKNO that is not yearly")
