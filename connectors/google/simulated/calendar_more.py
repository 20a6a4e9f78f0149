"""The Calendar API over the calendars: the list of calendars, free and busy, push channels.

Sources: https://developers.google.com/workspace/calendar/api/v3/reference/calendarList, .../freebusy, .../guides/push
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from connectors.google.simulated import event_rules as rules
from connectors.google.simulated.calendar_api import book
from connectors.google.simulated.calendar_book import ROLES, CalendarBook
from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import ApiError, Json, bad_request, cursor_gone, not_found
from connectors.google.simulated.meetings import utc
from connectors.google.simulated.paging import cut, pack, place, unpack

_OWN = ("summaryOverride", "colorId", "backgroundColor", "foregroundColor", "hidden", "selected", "defaultReminders",
        "notificationSettings")  # fmt: skip
_LONGEST_S = 30 * 86_400
_USUAL_S = 7 * 86_400


@dataclass(slots=True)
class Listed:
    """A calendar on somebody's list."""

    calendar_id: str
    seq: int
    deleted: bool = False
    own: Json = field(default_factory=dict)  # what this user chose for it


# -- calendars and the list of them ---------------------------------------------------------------------------------


def get_calendar(call: Call) -> Json:
    where = book(call)
    return {
        "kind": "calendar#calendar", "etag": f'"c{where.id}"', "id": where.id, "summary": where.summary,
        "description": where.description, "timeZone": where.zone, "dataOwner": where.owner,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }  # fmt: skip


def create_calendar(call: Call) -> Json:
    where = call.user.new_calendar(call.wanted("summary"), zone=call.body.get("timeZone") or "UTC")
    where.description = call.body.get("description", "")
    return {
        "kind": "calendar#calendar", "etag": f'"c{where.id}"', "id": where.id, "summary": where.summary,
        "description": where.description, "timeZone": where.zone,
    }  # fmt: skip


def list_calendars(call: Call) -> Json:
    query, user = call.query, call.user
    since = _since(call)
    at = place(query.get("pageToken", ""), bad_request("Invalid page token value.", "invalid"))
    opened = at.opened or {"seq": call.world.tick()}
    lowest = ROLES.index(query["minAccessRole"]) if query.get("minAccessRole") in ROLES else 0
    found = sorted(
        (
            one
            for one in user.calendars.values()
            if (since < one.seq <= opened["seq"] if since is not None else _wanted(call, one, lowest))
        ),
        key=_key,
    )
    page = cut(found, _key, call.limit("maxResults", 100, 250), replace(at, opened=opened), call.world.faults)
    answer: Json = {
        "kind": "calendar#calendarList", "etag": f'"l{opened["seq"]}"',
        "items": [_listed(call, one) for one in page.items],
    }  # fmt: skip
    if page.next_token:
        answer["nextPageToken"] = page.next_token
    elif not call.world.faults.take("no_sync_token"):
        answer["nextSyncToken"] = pack("l", {"user": user.address, "seq": opened["seq"]})
    return answer


def _key(one: Listed) -> str:
    return one.calendar_id


def _wanted(call: Call, one: Listed, lowest: int) -> bool:
    if one.deleted:
        return bool(call.query.get("showDeleted"))
    if one.own.get("hidden") and not call.query.get("showHidden"):
        return False
    return ROLES.index(call.world.meetings.books[one.calendar_id].role(call.user.address)) >= lowest


def _since(call: Call) -> int | None:
    token = call.query.get("syncToken")
    if not token:
        return None
    for name in ("minAccessRole", "showOwnOrganizationOnly"):
        if call.query.get(name):
            raise bad_request(f"Sync token cannot be used with the parameter '{name}'.", "invalid")
    if call.query.get("showDeleted") is False or call.query.get("showHidden") is False:
        raise bad_request("Sync token cannot be used with showDeleted=false or showHidden=false.", "invalid")
    try:
        facts = unpack("l", token)
        seq, user = int(facts["seq"]), facts["user"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise bad_request("Invalid sync token value.", "invalid") from None
    if call.world.faults.take("expire_cursor"):
        call.user.expire_calendar_list()
    if user != call.user.address or seq < call.user.calendar_floor:
        raise cursor_gone()
    return seq


def _listed(call: Call, one: Listed) -> Json:
    found: Json = {"kind": "calendar#calendarListEntry", "etag": f'"{one.seq}"', "id": one.calendar_id}
    if one.deleted:
        return found | {"deleted": True}
    where = call.world.meetings.books[one.calendar_id]
    found |= {
        "summary": where.summary, "timeZone": where.zone, "accessRole": where.role(call.user.address),
        "selected": True, "defaultReminders": [], "colorId": "14", "dataOwner": where.owner,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]}, **one.own,
    }  # fmt: skip
    if where.description:
        found["description"] = where.description
    return found | ({"primary": True} if where.primary and where.owner == call.user.address else {})


def _entry(call: Call, calendar_id: str) -> Listed:
    wanted = call.user.address if calendar_id == "primary" else calendar_id
    found = call.user.calendars.get(wanted)
    if found is None or found.deleted:
        raise not_found("Not Found")
    return found


def get_listed(call: Call) -> Json:
    return _listed(call, _entry(call, call.path["calendarId"]))


def add_listed(call: Call) -> Json:
    where = call.world.meetings.books.get(call.wanted("id"))
    if where is None or not where.role(call.user.address):
        raise not_found("Not Found")
    one = call.user.list_calendar(where)
    one.own.update({name: call.body[name] for name in _OWN if name in call.body})
    return _listed(call, one)


def change_listed(call: Call) -> Json:
    one = _entry(call, call.path["calendarId"])
    one.own.update({name: call.body[name] for name in _OWN if name in call.body})
    one.seq = call.world.tick()
    return _listed(call, one)


def remove_listed(call: Call) -> None:
    one = _entry(call, call.path["calendarId"])
    call.user.unlist_calendar(one.calendar_id)


def list_settings(call: Call) -> Json:
    found = [_setting(name, value) for name, value in _settings(call).items()]
    return {"kind": "calendar#settings", "etag": '"s"', "items": found}


def get_setting(call: Call) -> Json:
    found = _settings(call)
    name = call.path["setting"]
    if name not in found:
        raise not_found("Not Found")
    return _setting(name, found[name])


def _settings(call: Call) -> dict[str, str]:
    return {"timezone": call.user.calendar().zone, "locale": "en", "weekStart": "0", "format24HourTime": "true"}


def _setting(name: str, value: str) -> Json:
    return {"kind": "calendar#setting", "etag": f'"s{name}"', "id": name, "value": value}


# -- free and busy ---------------------------------------------------------------------------------------------------


def free_busy(call: Call) -> Json:
    try:
        low, high = utc(call.wanted("timeMin")), utc(call.wanted("timeMax"))
    except ValueError:
        raise bad_request("Bad Request") from None
    if low >= high:
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    items = call.body.get("items", [])
    if len(items) > 50:
        raise bad_request("Too many calendars requested.", "tooManyCalendarsRequested")
    return {
        "kind": "calendar#freeBusy", "timeMin": _text(low), "timeMax": _text(high),
        "calendars": {one["id"]: _busy_calendar(call, one["id"], low, high) for one in items},
    }  # fmt: skip


def _busy_calendar(call: Call, calendar_id: str, low: datetime, high: datetime) -> Json:
    where = call.world.meetings.books.get(call.user.address if calendar_id == "primary" else calendar_id)
    if where is None or not where.role(call.user.address):
        return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
    return {"busy": [{"start": _text(start), "end": _text(end)} for start, end in busy(where, low, high)]}


def busy(where: CalendarBook, low: datetime, high: datetime) -> list[tuple[datetime, datetime]]:
    """When a calendar's owner has no time, cut to the window; touching times are one."""
    spans = sorted(
        (max(start, low), min(end, high))
        for body in _single_bodies(where, high)
        if _takes_time(where, body)
        for start, end in [(rules.instant(body["start"], where.zone), rules.instant(body["end"], where.zone))]
        if end > low and start < high
    )
    found: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _single_bodies(where: CalendarBook, high: datetime) -> list[Json]:
    found = []
    for entry in where.entries.values():
        if not entry.body.get("recurrence"):
            found.append(entry.body)
            continue
        try:
            starts = rules.occurrences(entry.body, where.zone, high)
        except ValueError:
            continue
        instances = [rules.instance(entry.body, start, where.zone) for start in starts]
        found += [one for one in instances if one["id"] not in where.entries]
    return found


def _takes_time(where: CalendarBook, body: Json) -> bool:
    if body.get("status") == "cancelled" or body.get("transparency") == "transparent" or "end" not in body:
        return False
    mine: Json = next((one for one in body.get("attendees", []) if one.get("email") == where.id), {})
    return bool(mine.get("responseStatus") != "declined")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- push channels ----------------------------------------------------------------------------------------------------


def watch_events(call: Call) -> Json:
    where = book(call)
    if not where.pushes:
        raise ApiError(400, "pushNotSupportedForRequestedResource",
                       "Push notifications are not supported by this resource.")  # fmt: skip
    path = f"/calendar/v3/calendars/{where.id}/events?alt=json"
    return _open(call, f"events:{where.id}", path)


def watch_list(call: Call) -> Json:
    return _open(call, f"list:{call.user.address}", "/calendar/v3/users/me/calendarList?alt=json")


def _open(call: Call, resource: str, path: str) -> Json:
    if call.body.get("type") not in ("web_hook", "webhook"):
        raise bad_request("Unknown channel type", "channelTypeUnknown")
    channel_id, address = call.wanted("id"), call.wanted("address")
    if len(channel_id) > 64:
        raise bad_request("Invalid channel id", "invalid")
    if not address.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ApiError(400, "webhookAddressNotAllowed", f"WebHook callback must be HTTPS: {address}", domain="global")
    channel = call.world.channels.open(
        channel_id, address, resource, call.world.base_url + path, token=call.body.get("token", ""),
        expires_ms=_expiry(call), owner=call.user.address,
    )  # fmt: skip
    answer: dict[str, Any] = {
        "kind": "api#channel", "id": channel.id, "resourceId": channel.resource_id, "resourceUri": channel.uri,
        "expiration": str(channel.expires_ms),
    }  # fmt: skip
    return answer | ({"token": channel.token} if channel.token else {})


def _expiry(call: Call) -> int:
    now = call.world.clock.ms()
    ttl = str(call.body.get("params", {}).get("ttl", ""))
    if ttl.isdigit():
        return now + min(int(ttl), _LONGEST_S) * 1000
    asked = int(call.body.get("expiration") or now + _USUAL_S * 1000)
    return min(asked, now + _LONGEST_S * 1000)


def stop_channel(call: Call) -> None:
    if not call.world.channels.close(call.wanted("id"), call.wanted("resourceId")):
        raise not_found(f"Channel '{call.body['id']}' not found for project '100200300400'")


HANDLERS: dict[str, Handler] = {
    "calendar.calendars.get": get_calendar,
    "calendar.calendars.insert": create_calendar,
    "calendar.calendarList.list": list_calendars,
    "calendar.calendarList.get": get_listed,
    "calendar.calendarList.insert": add_listed,
    "calendar.calendarList.patch": change_listed,
    "calendar.calendarList.update": change_listed,
    "calendar.calendarList.delete": remove_listed,
    "calendar.settings.list": list_settings,
    "calendar.settings.get": get_setting,
    "calendar.freebusy.query": free_busy,
    "calendar.events.watch": watch_events,
    "calendar.calendarList.watch": watch_list,
    "calendar.channels.stop": stop_channel,
}
