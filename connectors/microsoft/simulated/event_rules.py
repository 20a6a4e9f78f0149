"""What an event may look like, and what a change makes of it.

Source: https://learn.microsoft.com/graph/api/resources/event
"""

import html
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any

from connectors.microsoft.simulated import extended, patterns
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request
from connectors.microsoft.simulated.shapes import EVENT, EVENT_SET_BY_SERVER, read
from connectors.microsoft.simulated.zones import instant, is_midnight, midnight, tomorrow, wall, written
from hub.connector.simulated import mime

NEVER = "0001-01-01T00:00:00Z"  # when somebody answered who did not
PRIVATE = frozenset({
    "categories", "isReminderOn", "reminderMinutesBeforeStart", "showAs", "singleValueExtendedProperties",
})  # fmt: skip
"""What each copy of a meeting has for itself: its change is told to nobody."""
RESCHEDULING = frozenset({"start", "end", "recurrence", "isAllDay"})
_NOT_SET = EVENT_SET_BY_SERVER | {"@odata.type"}
_NOWHERE: Json = {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"}


def friendly(event: Mapping[str, Any], zone_name: str) -> Json:
    """An event as Graph takes it, from plain values.

    Args:
        event: `start` and `end` may be dates (whole days) or datetimes, `attendees` addresses, `body` and `location` text.
        zone_name: of wall times, and in which moments are written.
    """
    found = dict(event)
    start, end = found.get("start"), found.get("end")
    if isinstance(start, datetime) and end is None:
        found["end"] = start + timedelta(hours=1)
    elif isinstance(start, date) and not isinstance(start, datetime):
        found |= {"isAllDay": True, "end": end or tomorrow(start)}
    for name in ("start", "end"):
        value = found.get(name)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = midnight(value)
        if isinstance(value, datetime):
            found[name] = written(value, zone_name)
    if isinstance(found.get("body"), str):
        found["body"] = {"contentType": "text", "content": found["body"]}
    if isinstance(found.get("location"), str):
        found["location"] = {"displayName": found["location"]}
    found["attendees"] = [
        {"emailAddress": {"address": one}} if isinstance(one, str) else one for one in found.get("attendees") or []
    ]
    return found if "attendees" in event else {name: value for name, value in found.items() if name != "attendees"}


def given(body: Mapping[str, Any]) -> Json:
    """What a client may set of what it sent. Raises ApiError (400) for what no event holds."""
    found: Json = read(EVENT, body)
    return {name: deepcopy(value) for name, value in found.items() if name not in _NOT_SET}


def fresh() -> Json:
    """An event of which nothing is said yet."""
    return {
        "allowNewTimeProposals": True, "attendees": [], "body": {"contentType": "html", "content": ""}, "categories": [],
        "hideAttendees": False, "importance": "normal", "isAllDay": False, "isCancelled": False,
        "isOnlineMeeting": False, "isReminderOn": True, "location": dict(_NOWHERE), "locations": [],
        "onlineMeeting": None, "onlineMeetingProvider": "unknown", "recurrence": None, "reminderMinutesBeforeStart": 15,
        "responseRequested": True, "sensitivity": "normal", "showAs": "busy", "singleValueExtendedProperties": {},
        "subject": "", "transactionId": None,
    }  # fmt: skip


def merged(old: Json, changes: Json, organizer: str) -> Json:
    """An event after a change. Raises ApiError (400)."""
    found = old | {name: deepcopy(value) for name, value in changes.items()}
    if "attendees" in changes:
        found["attendees"] = attendees(changes["attendees"], old["attendees"], organizer)
    if extended.NAME in changes:
        found[extended.NAME] = extended.kept(old[extended.NAME], changes[extended.NAME])
    if "location" in changes or "locations" in changes:
        found |= _places(changes)
    # What is removed is as in an event of which nothing is said.
    return found | {name: value for name, value in fresh().items() if found[name] is None}


def timed(body: Json) -> Json:
    """Check an event's times and its recurrence, and write them as Exchange does.

    Raises:
        ApiError: 400
    """
    for name in ("start", "end"):
        if not body.get(name):
            raise bad_request(f"The {name} of the event is missing.", "ErrorInvalidRequest")
    start, end = wall(body["start"]), wall(body["end"])
    zone_name = str(body["start"].get("timeZone") or "UTC")
    if body["isAllDay"]:
        _whole_days(start, end)
    if instant(body["end"]) < instant(body["start"]):
        raise ApiError(
            400,
            "ErrorPropertyValidationFailure",
            "At least one property failed validation: the end is before the start.",
        )
    found = body | {"start": written(start, zone_name), "end": written(end, str(body["end"].get("timeZone") or "UTC"))}
    if body.get("recurrence"):
        found["recurrence"] = patterns.normal(body["recurrence"], start.date(), zone_name)
        # The series begins on the first day that its pattern allows, whatever day was given.
        later = next(patterns.days(found["recurrence"])) - start.date()
        found |= {"start": written(start + later, zone_name), "end": written(end + later, found["end"]["timeZone"])}
    return found


def _whole_days(start: datetime, end: datetime) -> None:
    for name, moment in (("Start", start), ("End", end)):
        if not is_midnight(moment):
            raise bad_request(
                f"The Event.{name} property for an all-day event needs to be set to midnight.", "ErrorInvalidRequest"
            )
    if end <= start:
        raise bad_request(
            "The duration of an event marked as All day must be at least 24 hours.", "ErrorInvalidRequest"
        )


def attendees(wanted: Iterable[Mapping[str, Any]], known: Iterable[Json], organizer: str) -> list[Json]:
    """Guests as Graph writes them, each once and without the organiser; who has answered keeps his answer.

    Raises:
        ApiError: 400
    """
    answers = {address_of(one): one["status"] for one in known}
    found: dict[str, Json] = {}
    for one in wanted:
        mail = one.get("emailAddress") or {}
        address = (mail.get("address") or "").strip()
        if "@" not in address:
            raise bad_request("At least one recipient isn't valid.", "ErrorInvalidRecipients")
        if address.lower() == organizer:
            continue
        found[address.lower()] = {
            "type": one.get("type") or "required",
            "status": answers.get(address.lower(), {"response": "none", "time": NEVER}),
            "emailAddress": {"name": mail.get("name") or address, "address": address},
        }
    return list(found.values())


def address_of(attendee: Mapping[str, Any]) -> str:
    return str(attendee["emailAddress"]["address"]).lower()


def guests(body: Json) -> set[str]:
    """Addresses of everybody who is invited."""
    return {address_of(one) for one in body["attendees"]}


def answered(invited: Iterable[Json], address: str, response: str, when: str) -> list[Json]:
    """Guests after one of them has answered."""
    status = {"response": response, "time": when}
    return [one | {"status": status} if address_of(one) == address else one for one in invited]


def _places(changes: Json) -> Json:
    """`location` and `locations` always say the same."""
    listed = changes["locations"] if changes.get("locations") else [changes.get("location")]
    found = [_place(one) for one in listed if one and one.get("displayName")]
    named = "; ".join(one["displayName"] for one in found)
    return {"locations": found, "location": _place({"displayName": named} if len(found) != 1 else found[0])}


def _place(value: Json) -> Json:
    name = value.get("displayName") or ""
    known = {"uniqueId": name, "uniqueIdType": "private"} if name else {}
    return _NOWHERE | known | value


def hypertext(body: Json) -> str:
    """A body as HTML, in which Exchange keeps every text."""
    content, is_html = body.get("content") or "", body.get("contentType") == "html"
    if is_html and "<html" in content.lower():
        return str(content)
    inner = content if is_html else html.escape(content, quote=False)
    return f"<html><head></head><body>{inner}</body></html>" if inner else ""


def plain(content: str) -> str:
    """The text of a piece of HTML."""
    return mime.untagged(content).strip()
