"""A series of Outlook: its master with the exceptions and the cancelled times, each named by its day.

Graph names a time of a series in two ways: by the id of an event, which comes into being as it is asked for, and by
`OID.{id of the master}.{day}`, which says whose time it is and survives whatever becomes of it. The hub knows times by
the second. Source: https://learn.microsoft.com/graph/api/event-get (cancelledOccurrences, exceptionOccurrences)
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from connectors.microsoft import recurrence, zones
from hub.errors import ShapeError
from hub.records.meeting import WallTime

Event = Mapping[str, Any]

# What a master is asked for; the two lists are answered only where they are named.
SELECTED = (
    "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "categories", "transactionId", "originalStartTimeZone",
    "originalEndTimeZone", "iCalUId", "subject", "body", "bodyPreview", "importance", "sensitivity", "isAllDay", "isCancelled",
    "isOrganizer", "responseRequested", "showAs", "type", "webLink", "isOnlineMeeting", "onlineMeetingProvider",
    "onlineMeeting", "onlineMeetingUrl", "recurrence", "responseStatus", "start", "end", "location", "locations", "attendees",
    "organizer", "cancelledOccurrences", "exceptionOccurrences",
)  # fmt: skip
ASKED = {"$select": ",".join(SELECTED), "$expand": "exceptionOccurrences"}
_NAME = re.compile(r"OID\.(?P<master>.+)\.(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})", re.DOTALL)
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Series:
    """What Graph says of a master that was asked for with `ASKED`."""

    master: Event

    @property
    def id(self) -> str:
        return str(self.master["id"])

    @cached_property
    def zone(self) -> str:
        """IANA name of the zone whose clocks it keeps; empty: Outlook's own, which is no place."""
        repeats = self.master.get("recurrence")
        span = repeats.get("range") if isinstance(repeats, dict) else None
        named = span.get("recurrenceTimeZone") if isinstance(span, dict) else None
        return zones.place(named, self.master.get("originalStartTimeZone"))

    @property
    def is_all_day(self) -> bool:
        return bool(self.master.get("isAllDay"))

    @cached_property
    def first(self) -> date | WallTime:
        """When its first time begins. Raises ShapeError."""
        start = self.master.get("start")
        if self.is_all_day:
            return zones.day(start)
        return WallTime.at(zones.moment(start), self.zone or "UTC")

    @property
    def is_readable(self) -> bool:
        """Whether it says when it begins."""
        try:
            return bool(self.first)
        except ShapeError:
            return False

    @property
    def is_ruled(self) -> bool:
        """Whether a rule says when it takes place; else each time must be asked for."""
        if not self.zone and not self.is_all_day:
            return False
        try:
            recurrence.line(self.master.get("recurrence"), _day(self.first))
        except ShapeError:
            return False
        return True

    @cached_property
    def cancelled(self) -> frozenset[date]:
        """The days on which it does not take place."""
        named = (read_name(str(one)) for one in _list(self.master.get("cancelledOccurrences")))
        return frozenset(one[1] for one in named if one is not None)

    @cached_property
    def exceptions(self) -> Mapping[date, dict[str, Any]]:
        """The times that differ, by the day that they were meant for; one that does not say that is none."""
        found: dict[date, dict[str, Any]] = {}
        for one in _list(self.master.get("exceptionOccurrences")):
            if isinstance(one, dict) and one.get("id"):
                with suppress(ShapeError):
                    found[self.day_of(one)] = one
        return found

    def with_exceptions(self, more: Iterable[Event | None]) -> "Series":
        """Return the series with more exceptions than its master lists."""
        found = [one for one in more if one is not None]
        listed = [*_list(self.master.get("exceptionOccurrences")), *found]
        return Series({**self.master, "exceptionOccurrences": listed}) if found else self

    def day_of(self, event: Event) -> date:
        """Return for which day of the series a time was meant.

        Raises:
            ShapeError: it does not say when it was to begin.
        """
        named = read_name(str(event.get("occurrenceId") or ""))
        if named is not None:
            return named[1]
        original = event.get("originalStart")
        if not original:  # one that is as the series says
            return zones.day(event.get("start")) if self.is_all_day else self._local(event.get("start")).date()
        if self.is_all_day:
            at = zones.moment(original)
            # A day begins at midnight of UTC, or of the zone where it was made: the midnight next to it is meant.
            return at.date() if at.time() == time() else (self._local(original) + _HALF_A_DAY).date()
        return self._local(original).date()

    def place(self, day: date) -> date | WallTime:
        """Return when the time of a day was to begin."""
        first = self.first
        return WallTime(datetime.combine(day, first.local.time()), first.zone) if isinstance(first, WallTime) else day

    def name(self, day: date) -> str:
        """Name one of its times."""
        return f"OID.{self.id}.{day.isoformat()}"

    def _local(self, written: Any) -> datetime:
        return WallTime.at(zones.moment(written), self.zone or "UTC").local


def read_name(text: str) -> tuple[str, date] | None:
    """Return of which master and which day a name is; None: it names no time of a series."""
    found = _NAME.fullmatch(text)
    try:
        return (found["master"], date.fromisoformat(found["day"])) if found else None
    except ValueError:
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _day(when: date | WallTime) -> date:
    return when.local.date() if isinstance(when, WallTime) else when
