"""What an event may look like, and who may change what of it.

Source: https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.google.simulated import recurrence
from connectors.google.simulated.errors import ApiError, Json, bad_request
from connectors.google.simulated.recurrence import Moment

ID = re.compile(r"[a-v0-9]{5,1024}")
PRIVATE = frozenset({"colorId", "reminders", "transparency", "visibility"})  # each copy has its own
SERVERS = frozenset({
    "id", "iCalUID", "kind", "etag", "created", "updated", "creator", "organizer", "htmlLink", "hangoutLink",
    "recurringEventId", "originalStartTime", "sequence", "locked", "privateCopy", "attendeesOmitted", "eventType",
})  # fmt: skip
_RESCHEDULING = ("start", "end", "recurrence", "location", "summary", "status")
_RESPONSE = frozenset({"responseStatus", "comment", "additionalGuests"})


def when(value: Moment | Json, zone: str) -> Json:
    """A start or end as the API writes it."""
    if isinstance(value, datetime):
        return {"dateTime": value.isoformat(), "timeZone": zone}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def moment(value: Json, zone: str) -> Moment:
    """Read a start or end. Raises ValueError."""
    if value.get("date"):
        return date.fromisoformat(value["date"])
    found = datetime.fromisoformat(value.get("dateTime") or "")
    return found if found.tzinfo else found.replace(tzinfo=recurrence.zone(value.get("timeZone") or zone))


def instant(value: Json, zone: str) -> datetime:
    """A start or end as a moment; the beginning of all times for what cannot be read."""
    try:
        found = moment(value, zone)
        if isinstance(found, datetime):
            return found.astimezone(UTC)
        return datetime(found.year, found.month, found.day, tzinfo=recurrence.zone(zone)).astimezone(UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def normal(body: Json, zone: str) -> None:
    """Check an event's times and rules, and write them as Google does.

    Raises:
        ApiError: 400
    """
    for name in ("start", "end"):
        value = body.get(name)
        if not value or not (value.get("date") or value.get("dateTime")):
            raise ApiError(400, "required", f"Missing {name} time.")
        body[name] = _normal_time(name, value, zone, repeats="recurrence" in body)
    if ("date" in body["start"]) is not ("date" in body["end"]):
        raise bad_request("Start and end times must either both be date or both be dateTime.", "invalid")
    if instant(body["end"], zone) < instant(body["start"], zone) or body["end"].get("date", "x") == body["start"].get(
        "date"
    ):
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    if body.get("recurrence"):
        try:
            occurrences(body, zone, datetime.now(UTC))
        except ValueError:
            raise bad_request("Invalid recurrence rule.", "invalid") from None


def _normal_time(name: str, value: Json, zone: str, *, repeats: bool) -> Json:
    try:
        if value.get("date"):
            return {"date": date.fromisoformat(value["date"]).isoformat()}
        if value.get("timeZone"):
            recurrence.zone(value["timeZone"])
        elif repeats or datetime.fromisoformat(value["dateTime"]).tzinfo is None:
            raise ApiError(400, "required", f"Missing time zone definition for {name} time.")
        found = moment(value, zone)
        assert isinstance(found, datetime)
        return {"dateTime": found.isoformat(timespec="seconds"), "timeZone": value.get("timeZone") or zone}
    except ValueError:
        raise bad_request(f"Invalid value for: {name}", "invalid") from None


def occurrences(body: Json, zone: str, before: datetime | None = None) -> list[Moment]:
    """When a series takes place. Raises ValueError."""
    own = body["start"].get("timeZone") or zone
    return recurrence.occurrences(moment(body["start"], zone), own, body.get("recurrence", []), before)


def instance(master: Json, start: Moment, zone: str) -> Json:
    """One occurrence of a series as an event of its own."""
    length = _length(master, zone)
    own = master["start"].get("timeZone") or zone
    found = {name: value for name, value in master.items() if name != "recurrence"}
    end = start + length if not isinstance(start, datetime) else _later(start, length)
    return found | {
        "id": f"{master['id']}_{recurrence.stamp(start)}",
        "recurringEventId": master["id"],
        "originalStartTime": when(start, own),
        "start": when(start, own),
        "end": when(end, own),
    }


def _length(master: Json, zone: str) -> timedelta:
    return instant(master["end"], zone) - instant(master["start"], zone) if master.get("end") else timedelta()


def _later(start: datetime, length: timedelta) -> datetime:
    return (start.astimezone(UTC) + length).astimezone(start.tzinfo)


def in_zone(value: Json, zone: str) -> Json:
    """A start or end with its moment written in a zone; the event's own zone stays named beside it."""
    if "dateTime" not in value:
        return value
    try:
        return value | {
            "dateTime": datetime.fromisoformat(value["dateTime"]).astimezone(recurrence.zone(zone)).isoformat()
        }
    except ValueError:
        return value


def attendees(given: Sequence[Any], organizer: str) -> list[Json]:
    """Guests as the API writes them; each once."""
    found: dict[str, Json] = {}
    for one in given:
        guest = (
            {"email": one} if isinstance(one, str) else {k: v for k, v in one.items() if k not in ("self", "organizer")}
        )
        email = str(guest.get("email", "")).strip().lower()
        if "@" not in email:
            raise bad_request("Invalid attendee email.", "invalid")
        answer = "accepted" if email == organizer else "needsAction"
        found[email] = {"responseStatus": answer, **guest, "email": email}
        if email == organizer:
            found[email]["organizer"] = True
    return list(found.values())


def merged(old: Json, changes: Json) -> Json:
    """Patch semantics: objects field by field, lists whole, null removes.

    Source: https://developers.google.com/workspace/calendar/api/guides/performance#patch
    """
    found = dict(old)
    for name, value in changes.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict) and isinstance(found.get(name), dict):
            found[name] = merged(found[name], value)
        else:
            found[name] = value
    for name in ("start", "end"):
        # A day instead of a moment replaces it, and the other way round.
        given = changes.get(name) or {}
        if given.get("date"):
            found[name] = {"date": given["date"]}
        elif given.get("dateTime"):
            found[name].pop("date", None)
    return found


def rescheduled(old: Json, new: Json) -> bool:
    """Whether guests would want to know."""
    return any(old.get(name) != new.get(name) for name in _RESCHEDULING)


def refusal(old: Json, new: Json, own: str) -> ApiError | None:
    """Why a guest may not make this change, if so: only the own answer and the private fields are his."""
    for name in (old.keys() | new.keys()) - PRIVATE - SERVERS:
        before, after = old.get(name), new.get(name)
        if name == "attendees":
            before, after = _but_answer(before, own), _but_answer(after, own)
        elif name == "extendedProperties":
            before, after = (before or {}).get("shared", {}), (after or {}).get("shared", {})
        elif name in ("start", "end") and before and after and instant(before, "UTC") == instant(after, "UTC"):
            continue
        if before != after:
            return forbidden_for_non_organizer()
    return None


def _but_answer(guests: Any, own: str) -> list[Json]:
    flags = {"self", "organizer"}
    return sorted(
        (
            {k: v for k, v in one.items() if k not in flags and not (k in _RESPONSE and one.get("email") == own)}
            for one in guests or ()
        ),
        key=lambda one: str(one.get("email")),
    )


def forbidden_for_non_organizer() -> ApiError:
    return ApiError(
        403, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.",
        domain="calendar",
    )  # fmt: skip
