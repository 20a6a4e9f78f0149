"""Events made, changed and called off in a calendar of Outlook.

An event that the hub makes carries the hub's own id in a property that Outlook does not show, and in the transaction that it
is made in: one that a lost answer left behind is found by it. Exchange itself tells everybody who is in a meeting of
each change; nothing prevents that. So nobody is written down unless a person said that they are to be told, and a meeting with
others in it is not changed or called off unless a person said so: it is refused, with that reason.
Sources: https://learn.microsoft.com/graph/api/user-post-events, https://learn.microsoft.com/graph/api/event-update,
https://learn.microsoft.com/graph/api/event-cancel,
https://learn.microsoft.com/graph/api/resources/extended-properties-overview
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from connectors.microsoft import calendar, recurrence, zones
from connectors.microsoft.calendar import AS_TEXT, CalendarStream
from connectors.microsoft.client import Answer, Client
from connectors.microsoft.event_form import MARK, MARKER
from connectors.microsoft.listing import items
from connectors.microsoft.series import Series, read_name
from hub.connector import calendars
from hub.connector.stream import Upsert, Written
from hub.errors import ConflictError, GoneError, ReadOnlyError, RejectedError
from hub.records.meeting import Attendee, Privacy, WallTime, When

_OWN = frozenset({"showAs"})  # what each copy of a meeting has for itself: nobody is told
_TAKEN = "ErrorDuplicateTransactionId"
_TOLD = "Outlook tells everybody who is in this meeting. Say that they are to be told, or do it in Outlook."
_ELSEWHERE = "Somebody else organises this meeting."
_CALL = (
    "This meeting has a Teams call, whose link is part of its text. Change the text in Outlook, so that the call stays."
)
_OVER = "The series does not take place at this time any more."


@dataclass(frozen=True, slots=True)
class CalendarWriter:
    """Writes to one calendar of one mailbox (`hub.connector.stream.Writer`).

    Values have the names of `hub.meetings.plan.Draft`; besides them `id` and `markers` of a new event, and `notify`.
    """

    client: Client
    stream: CalendarStream

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make an event with our own mark; one that a lost answer left behind is found by it."""
        del key  # the mark says the same
        mark = str(values["markers"][MARKER])
        if (known := self._marked(mark)) is not None:
            return known
        properties = [{"id": MARK, "value": mark}]
        body = {**_body(values), "transactionId": str(values["id"]), "singleValueExtendedProperties": properties}
        try:
            made = self.client.send("POST", f"{self.stream.base}/events", body, prefer=(AS_TEXT,))
        except (ConflictError, RejectedError) as error:
            # Somebody did the same at the same time: Exchange knows the transaction.
            known = self._marked(mark) if isinstance(error, ConflictError) or _TAKEN in str(error) else None
            if known is None:
                raise RejectedError(str(error)) from error
            return known
        return self._written(str(made["id"]), made)

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields of an event, if it is still what `version` was; guests only with `notify`.

        Raises:
            ReadOnlyError: somebody else organises it.
            RejectedError: somebody would be told who is not to be, or the link of a call would be lost.
        """
        del key
        event = self._event(remote_id)
        _check(event, version)
        body = _body({"start": Series(event).first, **values} if values.get("recurrence") else values)
        if not body:
            return self._written(remote_id, event)
        if "body" in body and event.get("isOnlineMeeting"):
            raise RejectedError(_CALL)
        if body.keys() - _OWN and _guests(event) and not values.get("notify"):
            raise RejectedError(_TOLD)
        path, seen = self.stream.path(str(event["id"])), str(event.get("@odata.etag") or "")
        return self._written(remote_id, self.client.send("PATCH", path, body, version=seen, prefer=(AS_TEXT,)))

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Call an event off and tell nobody."""
        self.cancel(remote_id, version=version, key=key, notify=False)

    def cancel(self, remote_id: str, *, version: str, key: str, notify: bool) -> None:
        """Call an event off; one that is called off already is fine.

        Raises:
            ConflictError: it changed since `version`.
            ReadOnlyError: somebody else organises it.
            RejectedError: somebody would be told who is not to be.
        """
        del key
        try:
            event = self._event(remote_id)
            if event.get("isCancelled"):
                return
            _check(event, version)
            path, seen = self.stream.path(str(event["id"])), str(event.get("@odata.etag") or "")
            if not _guests(event):
                self.client.send("DELETE", path, version=seen)
            elif notify:
                # This one takes no If-Match: what was read a moment ago must do.
                self.client.send("POST", f"{path}/cancel", {"comment": ""})
            else:
                raise RejectedError(_TOLD)
        except GoneError:
            return

    def one_time(self, series_id: str, original_start: date | datetime) -> str:
        """Return the name of one time of a series, by where it stood at first.

        Raises:
            GoneError: the series does not take place then.
        """
        series = self.stream.series([series_id]).get(series_id)
        if series is None:
            raise GoneError(_OVER)
        day = _day(series, original_start)
        if self.stream.time_of(series, day) is None:
            raise GoneError(_OVER)
        return series.name(day)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _event(self, remote_id: str) -> Answer:
        """Return an event as it is; of a time of a series, what Graph calls it now. Raises GoneError."""
        named = read_name(remote_id)
        if named is None:
            return self.client.get(self.stream.path(remote_id), prefer=(AS_TEXT,))
        master, day = named
        series = self.stream.series([master]).get(master)
        event = self.stream.time_of(series, day) if series is not None else None
        if event is None:
            raise GoneError(_OVER)
        return dict(event)

    def _marked(self, mark: str) -> Written | None:
        """Find the event that was made with a mark."""
        condition = f"singleValueExtendedProperties/any(ep: ep/id eq '{MARK}' and ep/value eq '{mark}')"
        answer = self.client.get(f"{self.stream.base}/events", {"$filter": condition}, prefer=(AS_TEXT,))
        found = items(answer, "events")
        return self._written(str(found[0]["id"]), found[0]) if found else None

    def _written(self, remote_id: str, event: Mapping[str, Any]) -> Written:
        """Return what was written as the stream will show it."""
        if event.get("type") == "singleInstance":
            shown = self.stream.single(event)
            return Written(shown.remote_id, shown.version, shown.payload)
        found = next((one for one in self.stream.fresh([remote_id]) if isinstance(one, Upsert)), None)
        return Written(remote_id, found.version, found.payload) if found else Written(remote_id)


def writer(client: Client, records: str) -> CalendarWriter:
    """Return what writes to a calendar; its name is kind, mailbox and container.

    Raises:
        RejectedError: the settings do not let the hub write there.
    """
    written = calendars.written_to(client.settings, client.mailbox, records)
    return CalendarWriter(client, calendar.stream(client, written))


def _check(event: Mapping[str, Any], version: str) -> None:
    """Refuse to touch what is somebody else's, or not what was seen."""
    if not event.get("isOrganizer"):
        raise ReadOnlyError(_ELSEWHERE)
    if version and version != event.get("@odata.etag"):
        raise ConflictError("The event changed meanwhile.")


def _guests(event: Mapping[str, Any]) -> bool:
    """Whether anybody hears of a change: also a room does."""
    return bool(event.get("attendees"))


def _day(series: Series, original: date | datetime) -> date:
    if not isinstance(original, datetime):
        return original
    return WallTime.at(original, series.zone or "UTC").local.date()


def _body(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields as Graph writes them; the call of a meeting is never among them, so that calls stay."""
    given = {name: value for name, value in values.items() if name != "attendees" or values.get("notify")}
    body = {_FIELDS[name][0]: _FIELDS[name][1](value) for name, value in given.items() if name in _FIELDS}
    if "start" in given:
        body["isAllDay"] = not isinstance(given["start"], WallTime)
    if given.get("recurrence"):
        body["recurrence"] = recurrence.to_graph(given["recurrence"], given["start"])
    elif "recurrence" in given and "id" not in given:  # of an event that is there: it comes once only from now on
        body["recurrence"] = None
    return body


def _attendees(people: Sequence[Attendee]) -> list[dict[str, Any]]:
    return [
        {
            "emailAddress": {"address": one.address, **({"name": one.name} if one.name else {})},
            "type": "resource" if one.resource else "optional" if one.optional else "required",
        }
        for one in people
    ]


def _when(when: When) -> dict[str, str]:
    return zones.to_graph(when)


_SENSITIVITY = MappingProxyType({Privacy.PRIVATE: "private", Privacy.CONFIDENTIAL: "confidential"})
_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "title": ("subject", str),
        "description": ("body", lambda value: {"contentType": "text", "content": str(value)}),
        "location": ("location", lambda value: {"displayName": str(value)}),
        "start": ("start", _when),
        "end": ("end", _when),
        "attendees": ("attendees", _attendees),
        "privacy": ("sensitivity", lambda value: _SENSITIVITY.get(value, "normal")),
        "transparent": ("showAs", lambda value: "free" if value else "busy"),
    }
)
