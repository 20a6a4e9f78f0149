"""Transforms of mapping files that belong to meetings: times on a wall, who is asked and what they answered."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import ShapeError
from hub.identity.email import read_email
from hub.mapping.transforms import Context, Function
from hub.records.meeting import Attendee, Response, WallTime, When
from hub.records.zone import iana

# The words of Google, Microsoft and iCalendar for one answer.
# Source: https://developers.google.com/workspace/calendar/api/v3/reference/events,
# https://learn.microsoft.com/graph/api/resources/responsestatus, RFC 5545, 3.2.12
_RESPONSES: Mapping[str, Response] = MappingProxyType(
    {
        "accepted": Response.ACCEPTED,
        "organizer": Response.ACCEPTED,
        "declined": Response.DECLINED,
        "tentative": Response.TENTATIVE,
        "tentativelyaccepted": Response.TENTATIVE,
    }
)
LONGEST_LIST = 5_000  # attendees of one meeting; Google allows 200, or 100,000 on paper


def when(value: Any, *, context: Context) -> When | None:
    """Read `{"date": …}` as a day, `{"dateTime": …, "timeZone": …}` as a wall time; without a zone it is the account's.

    An offset says where on the line of time it is, the zone what a clock shows there.
    """
    if not isinstance(value, dict):
        raise ShapeError(f"{value!r:.60} is neither a day nor a time")
    if value.get("date"):
        return date.fromisoformat(str(value["date"]))
    written = value.get("dateTime")
    if not written:
        return None
    moment = datetime.fromisoformat(str(written))
    zone = iana(str(value.get("timeZone") or "")) or context.time_zone
    return WallTime(moment, zone) if moment.tzinfo is None else WallTime.at(moment, zone)


def original_start(value: Any, *, context: Context) -> date | datetime | None:
    """Read where an exception of a series stood before it was moved: a day, or an instant in UTC."""
    found = when(value, context=context)
    if not isinstance(found, WallTime):
        return found
    moment = datetime.fromisoformat(str(value["dateTime"]))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(found.zone))
    return moment.astimezone(UTC)


def attendees(value: Any) -> list[Attendee]:
    """Read people as `address`, `name`, `response`, `optional` and `resource` tell of them; who has no address is left out."""
    found: dict[str, Attendee] = {}
    for one in (value if isinstance(value, list) else [value])[:LONGEST_LIST]:
        email = read_email(str(one.get("address") or "")) if isinstance(one, dict) else None
        if email is None:
            continue
        response = _RESPONSES.get(str(one.get("response") or "").lower(), Response.WAITING)
        name = str(one.get("name") or "")[:400]
        found[email.address] = Attendee(
            email.address, name, response, optional=bool(one.get("optional")), resource=bool(one.get("resource"))
        )
    return list(found.values())


TRANSFORMS: Mapping[str, Function] = MappingProxyType(
    {"when": when, "original_start": original_start, "attendees": attendees}
)
