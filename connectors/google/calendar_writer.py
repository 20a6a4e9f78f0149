"""Events made, changed and called off in a calendar.

An event that the hub makes has an id of the hub's own, so that making it twice is refused and not doubled. Nobody is
told, and no guest is written down, unless a person said so: some calendars tell guests all the same.
Sources: https://developers.google.com/workspace/calendar/api/v3/reference/events,
https://developers.google.com/workspace/calendar/api/guides/version-resources (If-Match)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from googleapiclient.http import HttpRequest

from connectors.google import calendar
from connectors.google.client import Client
from hub.connector import calendars
from hub.connector.stream import Limit, Written
from hub.errors import ConflictError, GoneError, RejectedError
from hub.records.meeting import Attendee, WallTime, When


@dataclass(frozen=True, slots=True)
class CalendarWriter:
    """Writes to one calendar of one mailbox (`hub.connector.stream.Writer`).

    Values have the names of `hub.meetings.plan.Draft`; besides them `id` and `markers` of a new event, and `notify`.
    """

    client: Client
    calendar: str

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make an event with our own id; one that a lost answer left behind is found by it."""
        del key  # the id says the same
        own_id, markers = str(values["id"]), dict(values["markers"])
        body = {"id": own_id, **_body(values), "extendedProperties": {"private": markers}}
        api = self.client.calendar.events()
        try:
            return self._written(api.insert(calendarId=self.calendar, body=body, sendUpdates=_updates(values)))
        except ConflictError:
            found = self._call(api.get(calendarId=self.calendar, eventId=own_id))
        if not _has(found, markers):
            raise RejectedError("Google: another event has this id already.")
        return _answered(found)

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields of an event, if it is still what `version` was; guests only with `notify`."""
        del key
        body = _body(values, changed=True)
        request = self.client.calendar.events().patch(
            calendarId=self.calendar, eventId=remote_id, body=body, sendUpdates=_updates(values)
        )
        return self._written(_only_if(request, version))

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Call an event off and tell nobody."""
        self.cancel(remote_id, version=version, key=key, notify=False)

    def cancel(self, remote_id: str, *, version: str, key: str, notify: bool) -> None:
        """Call an event off; one that is called off already is fine.

        Raises:
            ConflictError: it changed since `version`.
            ReadOnlyError: somebody else organises it.
        """
        del key
        updates = _updates({"notify": notify})
        request = self.client.calendar.events().delete(calendarId=self.calendar, eventId=remote_id, sendUpdates=updates)
        request.postproc = _no_answer
        try:
            self._call(_only_if(request, version))
        except GoneError:
            return

    def one_time(self, series_id: str, original_start: date | datetime) -> str:
        """Return the id of one time of a series, by where it stood at first.

        Raises:
            GoneError: the series does not take place then.
        """
        asked = {"calendarId": self.calendar, "eventId": series_id, "originalStart": _original(original_start)}
        items = self._call(self.client.calendar.events().instances(**asked)).get("items", [])
        found = [str(one["id"]) for one in items if isinstance(one, dict) and one.get("id")]
        if not found:
            raise GoneError("The series does not take place at this time any more.")
        return found[0]

    def _written(self, request: HttpRequest) -> Written:
        return _answered(self._call(request))

    def _call(self, request: HttpRequest) -> dict[str, Any]:
        return self.client.call(request, self._limits)

    @property
    def _limits(self) -> Sequence[Limit]:
        return calendar.limits(self.client)


def writer(client: Client, records: str) -> CalendarWriter:
    """Return what writes to a calendar; its name is kind, mailbox and container.

    Raises:
        RejectedError: the settings do not let the hub write there.
    """
    return CalendarWriter(client, calendars.written_to(client.settings, client.mailbox, records))


def _answered(event: dict[str, Any]) -> Written:
    return Written(str(event["id"]), str(event.get("etag", "")), event)


def _no_answer(*_: object) -> dict[str, Any]:
    """Read the answer to a deletion: Google sends none."""
    return {}


def _only_if(request: HttpRequest, version: str) -> HttpRequest:
    if version:
        request.headers["If-Match"] = version
    return request


def _has(event: Mapping[str, Any], markers: Mapping[str, str]) -> bool:
    kept = event.get("extendedProperties", {}).get("private", {})
    # Of a deleted event Google may tell no more than its id; the id is ours and nobody else's.
    return event.get("status") == "cancelled" or all(kept.get(name) == value for name, value in markers.items())


def _updates(values: Mapping[str, Any]) -> str:
    return "all" if values.get("notify") else "none"


def _body(values: Mapping[str, Any], *, changed: bool = False) -> dict[str, Any]:
    """Return the given fields as Google writes them; conference data is never among them, so that calls stay.

    Args:
        changed: of an event that is there: a day must take the place of a time, and the other way round.
    """
    given = {name: value for name, value in values.items() if name != "attendees" or values.get("notify")}
    body = {_FIELDS[name][0]: _FIELDS[name][1](value) for name, value in given.items() if name in _FIELDS}
    if changed:
        for name in ("start", "end"):
            if name in body:
                body[name] = {"date": None, "dateTime": None, "timeZone": None, **body[name]}
    return body


def _when(when: When) -> dict[str, str]:
    if isinstance(when, WallTime):
        # With its offset: of an hour that comes twice the name of the zone alone does not say which.
        moment = when.instant.astimezone(ZoneInfo(when.zone))
        return {"dateTime": moment.isoformat(), "timeZone": when.zone}
    return {"date": when.isoformat()}


def _attendees(people: Sequence[Attendee]) -> list[dict[str, Any]]:
    return [
        {"email": one.address, **({"displayName": one.name} if one.name else {}), "optional": one.optional}
        for one in people
    ]


def _original(start: date | datetime) -> str:
    return start.astimezone(UTC).isoformat() if isinstance(start, datetime) else start.isoformat()


_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "title": ("summary", str),
        "description": ("description", str),
        "location": ("location", str),
        "start": ("start", _when),
        "end": ("end", _when),
        "recurrence": ("recurrence", list),
        "attendees": ("attendees", _attendees),
        "privacy": ("visibility", str),
        "transparent": ("transparency", lambda value: "transparent" if value else "opaque"),
    }
)
