"""When a repeated event takes place: RRULE, RDATE and EXDATE lines over wall time.

Sources: RFC 5545 and https://developers.google.com/workspace/calendar/api/concepts/events-calendars#recurring_events
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rruleset, rrulestr  # type: ignore[import-untyped]  # ships no types

Moment = date | datetime  # a date for events of whole days
MOST = 750  # occurrences of a series without end
_UNTIL = re.compile(r"UNTIL=([0-9TZ]+)", re.IGNORECASE)
_STAMP = re.compile(r"\d{8}(T\d{6}Z)?")


def zone(name: str) -> ZoneInfo:
    """Raises ValueError for a zone that does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone {name!r}") from None


def stamp(moment: Moment) -> str:
    """The part of an instance's id that says when it was to begin."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return moment.strftime("%Y%m%d")


def split_id(event_id: str) -> tuple[str, str]:
    """Divide an instance's id into its master's id and its stamp, or return the id and nothing."""
    master, _, tail = event_id.rpartition("_")
    return (master, tail) if master and _STAMP.fullmatch(tail) else (event_id, "")


def occurrences(start: Moment, zone_name: str, lines: Sequence[str], before: datetime | None = None) -> list[Moment]:
    """Return when each occurrence begins, the first ones first.

    Raises:
        ValueError: a line cannot be understood.
    """
    place = zone(zone_name)
    whole_day = not isinstance(start, datetime)
    begin = start.astimezone(place).replace(tzinfo=None) if isinstance(start, datetime) else _midnight(start)
    rules = rruleset()
    repeats = False
    for line in lines:
        name, _, value = line.partition(":")
        kind = name.partition(";")[0].upper()
        if kind in ("RRULE", "EXRULE"):
            rule = rrulestr(
                _UNTIL.sub(lambda found: _until(found[1], place, whole_day=whole_day), value), dtstart=begin
            )
            (rules.rrule if kind == "RRULE" else rules.exrule)(rule)
            repeats = repeats or kind == "RRULE"
        elif kind in ("RDATE", "EXDATE"):
            for moment in _moments(name, value, place):
                (rules.rdate if kind == "RDATE" else rules.exdate)(moment)
        else:
            raise ValueError(f"no such line: {line!r}")
    if not repeats:
        rules.rdate(begin)
    return list(_found(rules, place, before, whole_day=whole_day))


def _found(rules: Iterable[Any], place: ZoneInfo, before: datetime | None, *, whole_day: bool) -> Iterator[Moment]:
    for local in islice(rules, MOST):
        moment = local.replace(tzinfo=place)
        if before is not None and moment >= before:
            return
        yield local.date() if whole_day else moment


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time of a day, whatever the zone


def _local(text: str, place: ZoneInfo) -> datetime:
    """Read a moment of RFC 5545 as wall time of a place."""
    text = text.partition("/")[0]
    if "T" not in text.upper():
        return datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - wall time
    moment = datetime.strptime(text.rstrip("Zz"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - made aware below where it is UTC
    if text.endswith(("Z", "z")):
        return moment.replace(tzinfo=UTC).astimezone(place).replace(tzinfo=None)
    return moment


def _until(text: str, place: ZoneInfo, *, whole_day: bool) -> str:
    local = _local(text, place)
    if "T" not in text.upper() and not whole_day:
        local += timedelta(hours=23, minutes=59, seconds=59)
    return "UNTIL=" + local.strftime("%Y%m%dT%H%M%S")


def _moments(name: str, value: str, place: ZoneInfo) -> Iterator[datetime]:
    given = re.search(r"TZID=([^;:]+)", name, re.IGNORECASE)
    source = zone(given[1]) if given else place
    for text in value.split(","):
        local = _local(text.strip(), source)
        same = local if "T" not in text.upper() else local.replace(tzinfo=source).astimezone(place).replace(tzinfo=None)
        yield same
