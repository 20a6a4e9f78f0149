"""When people are free: `getSchedule`.

Source: https://learn.microsoft.com/graph/api/calendar-getschedule
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.microsoft.simulated.calendar_query import manner
from connectors.microsoft.simulated.call import Call, Reply, Route
from connectors.microsoft.simulated.errors import Json, bad_request
from connectors.microsoft.simulated.event_view import in_zone
from connectors.microsoft.simulated.expansion import Instance, instances, times
from connectors.microsoft.simulated.shapes import GET_SCHEDULE
from connectors.microsoft.simulated.zones import instant

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User

MOST = 20  # schedules in one call
_LONGEST = timedelta(days=62)
_CODES = {"free": "0", "tentative": "1", "busy": "2", "oof": "3", "workingElsewhere": "4", "unknown": "0"}
_RANK = "04123"  # of what overlaps, the last of these is shown: the busiest
_PERMISSIONS = frozenset({"Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite"})


def get_schedule(call: Call) -> Reply:
    """Say of each address when it is busy; of one that is unknown, that it is."""
    given = call.given(GET_SCHEDULE)
    since, until, every = (
        instant(given["startTime"]),
        instant(given["endTime"]),
        given.get("availabilityViewInterval", 30),
    )
    if len(given["schedules"]) > MOST:
        raise bad_request(f"Between 1 and {MOST} schedules may be asked for.", "ErrorInvalidParameter")
    if every is None or not 5 <= every <= 1440:
        raise bad_request("The interval must be between 5 and 1440 minutes.", "ErrorInvalidMergedFreeBusyInterval")
    if until <= since or until - since > _LONGEST:
        raise bad_request("The requested time is not allowed.", "ErrorTimeIntervalTooBig")
    zone_name = manner(call).zone
    found = [_schedule(call, one, since, until, timedelta(minutes=every), zone_name) for one in given["schedules"]]
    name = f"{call.world.base_url}/v1.0/$metadata#Collection(microsoft.graph.scheduleInformation)"
    return Reply({"@odata.context": name, "value": found})


def _schedule(call: Call, address: str, since: datetime, until: datetime, every: timedelta, zone_name: str) -> Json:
    user = call.world.users.get(address.lower())
    if user is None or not user.licensed:
        error = {"message": f"Unable to resolve e-mail address {address} to an Active Directory object.",
                 "responseCode": "ErrorMailRecipientNotFound"}  # fmt: skip
        return {"scheduleId": address, "error": error, "availabilityView": "", "scheduleItems": []}
    busy = _busy(user, since, until)
    open_to = (call.principal or call.user.address) in (user.address, *user.calendars.main.acl)
    slots = [since + every * number for number in range(int((until - since) / every))]
    return {
        "scheduleId": address,
        "availabilityView": "".join(_code(busy, start, start + every) for start in slots),
        "scheduleItems": [_item(one, zone_name, details=open_to) for one in busy],
        "workingHours": {
            "daysOfWeek": ["sunday", "monday", "tuesday", "wednesday", "thursday"],
            "startTime": "08:00:00.0000000", "endTime": "17:00:00.0000000", "timeZone": {"name": user.time_zone},
        },
    }  # fmt: skip


def _busy(user: "User", since: datetime, until: datetime) -> list[Instance]:
    found = [one for item in user.calendars.main.items for one in instances(item, since, until)]
    return sorted((one for one in found if one.item.on(one.day)["showAs"] != "free"), key=lambda one: one.start)


def _code(busy: list[Instance], start: datetime, end: datetime) -> str:
    codes = [_CODES[one.item.on(one.day)["showAs"]] for one in busy if one.start < end and one.end > start]
    return max(codes, key=_RANK.index, default="0")


def _item(one: Instance, zone_name: str, *, details: bool) -> Json:
    body, (start, end) = one.item.on(one.day), times(one.item, one.day)
    whole_day = body["isAllDay"]
    found = {
        "status": body["showAs"],
        "start": in_zone(start, zone_name, whole_day=whole_day),
        "end": in_zone(end, zone_name, whole_day=whole_day),
    }
    if details:
        private = body["sensitivity"] in ("private", "confidential")
        found |= {"isPrivate": private, "subject": body["subject"], "location": body["location"]["displayName"]}
    return found


ROUTES = (
    Route("POST", "/users/{user}/calendar/getSchedule", get_schedule, _PERMISSIONS),
    Route("POST", "/users/{user}/calendars/{calendar}/getSchedule", get_schedule, _PERMISSIONS),
)
