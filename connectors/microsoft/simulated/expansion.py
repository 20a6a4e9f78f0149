"""When an event takes place: a single one once, a series on each of its days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

from connectors.microsoft.simulated import patterns
from connectors.microsoft.simulated.errors import Json
from connectors.microsoft.simulated.items import Item
from connectors.microsoft.simulated.zones import instant, wall, written

_LONGEST = timedelta(days=2)  # how much earlier than its wall time an occurrence can begin in UTC, and more


@dataclass(frozen=True)
class Instance:
    """One time that an event takes place."""

    item: Item
    day: date | None  # of a series
    start: datetime
    end: datetime


def happens(item: Item, day: date) -> bool:
    """Whether a series has an occurrence of that day; it may have been moved to another."""
    if not item.repeats or day in item.cancelled:
        return False
    return any(one == day for one in takewhile(lambda one: one <= day, patterns.days(item.body["recurrence"])))


def times(item: Item, day: date | None) -> tuple[Json, Json]:
    """Start and end of an event, or of an occurrence, in the zone of the event."""
    body = item.on(day)
    if day is None:
        return body["start"], body["end"]
    changed = item.exceptions.get(day, {})
    first, last = wall(item.body["start"]), wall(item.body["end"])
    moved = day - first.date()
    start = changed.get("start") or written(first + moved, item.body["start"]["timeZone"])
    end = changed.get("end") or written(last + moved, item.body["end"]["timeZone"])
    return start, end


def original_start(item: Item, day: date) -> datetime:
    """When an occurrence was to begin by its series."""
    first = item.body["start"]
    return instant(written(wall(first) + (day - wall(first).date()), first["timeZone"]))


def instances(item: Item, since: datetime, until: datetime) -> list[Instance]:
    """When an event takes place within a time, the first one first; what only touches the time is not in it."""
    found = (_instance(item, day) for day in _candidates(item, until))
    return sorted((one for one in found if _within(one, since, until)), key=lambda one: one.start)


def _candidates(item: Item, until: datetime) -> Iterator[date | None]:
    if not item.repeats:
        yield None
        return
    last = (until + _LONGEST).date()
    for day in takewhile(lambda one: one <= last, patterns.days(item.body["recurrence"])):
        if day not in item.cancelled and day not in item.exceptions:
            yield day
    # What was moved may lie anywhere.
    yield from (day for day in item.exceptions if day not in item.cancelled)


def _instance(item: Item, day: date | None) -> Instance:
    start, end = times(item, day)
    return Instance(item, day, instant(start).astimezone(UTC), instant(end).astimezone(UTC))


def _within(one: Instance, since: datetime, until: datetime) -> bool:
    return one.start < until and (one.end > since or one.start == one.end == since)
