"""Events and tasks of calendars, one row each; what recurs is one row with its rule as text.

Sources: RFC 5545 (https://www.rfc-editor.org/rfc/rfc5545), 3.6.1 (events), 3.6.2 (tasks), 3.3.4 and 3.3.5 (days and times).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar.prop import vDuration

from hub.errors import UserError
from hub.imports.reading.content import Content, clean, contents, joined, split, unescaped
from hub.imports.reading.encoding import Lines
from hub.imports.reading.table import Row
from hub.records.zone import iana

LARGEST_EVENT = 1 << 20  # characters, without files
_KINDS = {"VEVENT": "event", "VTODO": "task"}
_COLUMNS = (
    "kind", "uid", "title", "start", "end", "all_day", "time_zone", "rrule", "exceptions", "recurrence_id", "organizer",
    "attendees", "location", "description", "status", "priority", "completed", "groups", "url", "created", "changed", "other",
)  # fmt: skip
_TEXTS = {
    "UID": "uid", "SUMMARY": "title", "LOCATION": "location", "DESCRIPTION": "description", "STATUS": "status",
    "PRIORITY": "priority", "URL": "url",
}  # fmt: skip
_TIMES = {
    "DTSTART": "start", "DTEND": "end", "DUE": "end", "RECURRENCE-ID": "recurrence_id", "COMPLETED": "completed",
    "CREATED": "created", "LAST-MODIFIED": "changed",
}  # fmt: skip
_NOTHING = {"DTSTAMP", "SEQUENCE", "TRANSP", "CLASS", "DURATION", "REQUEST-STATUS"}
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_LONGEST_OTHER = 10_000


@dataclass(slots=True)
class _Event:
    number: int
    kind: str
    contents: list[Content] = field(default_factory=list)
    size: int = 0
    trouble: str = ""


class Events:
    """The events of a file as a table. A row carries the line on which its event begins.

    `start` and `end` are days, or times with their offset; without an offset where no zone is said or `time_zone` names one that
    is not known. The end of an event of whole days is the day after the last, as in the standard.
    """

    columns: tuple[str, ...] = _COLUMNS

    def __init__(self, lines: Lines) -> None:
        """Read the names of time zones that the file defines, and count. Raises UserError."""
        self._lines = lines
        self._zones = _zones(lines)
        self.total: int | None = sum(1 for _ in self._events())
        if not self.total:
            raise UserError("The file has no event. Choose another file.", error_id="empty_file", field="file")

    def close(self) -> None:
        """Nothing is open between two rows."""

    def progress(self) -> float:
        return self._lines.progress()

    def rows(self, after: int = 0) -> Iterator[Row]:
        for event in self._events():
            if event.number > after:
                values, trouble = clean(self._values(event))
                yield Row(event.number, values, event.trouble or trouble)

    def _events(self) -> Iterator[_Event]:
        event: _Event | None = None
        inside = 0  # alarms
        for one in contents(self._lines):
            kind = one.value.strip().upper()
            if one.name == "BEGIN" and kind in _KINDS:
                if event:
                    event.trouble = "bad_event"
                    yield event
                event, inside = _Event(one.number, kind), 0
            elif event and one.name == "END" and kind in {event.kind, "VCALENDAR"}:
                event.trouble = event.trouble or ("bad_event" if kind != event.kind else "")
                yield event
                event = None
            elif event and one.name in {"BEGIN", "END"}:
                inside = max(inside + (1 if one.name == "BEGIN" else -1), 0)
            elif event and not inside:
                _keep(event, one)
        if event:
            event.trouble = "bad_event"
            yield event

    def _values(self, event: _Event) -> dict[str, str]:
        values = dict.fromkeys(_COLUMNS, "")
        values["kind"] = _KINDS[event.kind]
        other: list[str] = []
        for one in event.contents:
            try:
                if not self._put(values, one) and one.name not in _NOTHING:
                    other.append(_other(one))
            except (ValueError, OverflowError):
                event.trouble = "bad_event"
                other.append(f"{one.name}: {one.value[:1000]}")
        if not values["end"]:
            try:
                values["end"] = self._end(event)
            except (ValueError, OverflowError):
                event.trouble = "bad_event"
        values["other"] = "\n".join(other)[:_LONGEST_OTHER]
        return values

    def _put(self, values: dict[str, str], one: Content) -> bool:
        """Put a value where it belongs; False: there is no column for it. Raises ValueError."""
        name = one.name
        if name in _TEXTS:
            values[_TEXTS[name]] = unescaped(one.value).strip()
        elif name in _TIMES:
            values[_TIMES[name]] = self._moment(one).isoformat()
            if name == "DTSTART":
                values["all_day"] = "true" if "T" not in one.value else "false"
                values["time_zone"] = self._zones.get(one.first("TZID")) or iana(one.first("TZID")) or one.first("TZID")
        elif name in {"RRULE", "RDATE", "EXRULE"}:
            values["rrule"] = joined([values["rrule"], one.value if name == "RRULE" else f"{name}:{one.value}"], "\n")
        elif name == "EXDATE":
            moments = [self._moment(one, part).isoformat() for part in one.value.split(",")]
            values["exceptions"] = joined([values["exceptions"], *moments])
        elif name in {"ATTENDEE", "ORGANIZER"}:
            column = "attendees" if name == "ATTENDEE" else "organizer"
            values[column] = joined([values[column], _person(one)], "; ")
        elif name == "CATEGORIES":
            values["groups"] = joined([values["groups"], *split(one.value, ",")])
        else:
            return False
        return True

    def _moment(self, one: Content, value: str = "") -> date | datetime:
        """Read a day or a time, in its zone. Raises ValueError."""
        found = _MOMENT.fullmatch((value or one.value).strip())
        if not found:
            raise ValueError
        day = date(int(found[1]), int(found[2]), int(found[3]))
        if found[4] is None:
            return day
        # A leap second is written as 60, and no clock of ours has it.
        clock = time(int(found[4]), int(found[5]), min(int(found[6]), 59))
        zone = self._zones.get(one.first("TZID")) or iana(one.first("TZID"))
        return datetime.combine(day, clock, tzinfo=UTC if found[7] else ZoneInfo(zone) if zone else None)

    def _end(self, event: _Event) -> str:
        """Reckon the end from a duration. Raises ValueError."""
        found = {one.name: one for one in event.contents}
        if not {"DTSTART", "DURATION"} <= found.keys():
            return ""
        start = self._moment(found["DTSTART"])
        duration: timedelta = vDuration.from_ical(found["DURATION"].value.strip())  # type: ignore[no-untyped-call]  # it has no types
        if isinstance(start, datetime) and start.tzinfo:
            return (start.astimezone(UTC) + duration).astimezone(start.tzinfo).isoformat()
        return (start + duration).isoformat()


def _keep(event: _Event, one: Content) -> None:
    if not one.name:
        event.trouble = "bad_event"
    if one.is_cut:
        if one.name not in {"ATTACH", "IMAGE"}:
            event.trouble = "bad_event"
        one = Content(one.number, one.group, one.name, one.parameters, "", one.size)
    event.size += len(one.value) + 100  # what a line costs even if it is empty
    if event.size > LARGEST_EVENT:
        event.trouble = "bad_event"
    else:
        event.contents.append(one)


def _other(one: Content) -> str:
    if not one.name:
        return one.value
    return f"{one.name}: {unescaped(one.value) if one.value else f'{one.size} characters'}"


def _person(one: Content) -> str:
    address = re.sub(r"^mailto:", "", one.value.strip(), flags=re.IGNORECASE)
    name = one.first("CN").strip()
    return f"{name} <{address}>" if name and name != address else address


def _zones(lines: Lines) -> dict[str, str]:
    """Return the places of zones that the file defines under a name of its own."""
    zones: dict[str, str] = {}
    tzid, inside = "", False
    for one in contents(lines):
        if one.name in {"BEGIN", "END"} and one.value.strip().upper() == "VTIMEZONE":
            tzid, inside = "", one.name == "BEGIN"
        elif inside and one.name == "TZID":
            tzid = one.value.strip()
        # There are 600 places.
        elif inside and tzid and one.name == "X-LIC-LOCATION" and len(zones) < 1_000:
            place = iana(one.value)
            if place and not iana(tzid):
                zones[tzid] = place
    return zones
