"""The Calendar API over the calendars: events.

Source: https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.google.simulated import event_rules as rules
from connectors.google.simulated.calendar_book import ROLES, CalendarBook, Entry
from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import ApiError, Json, bad_request, cursor_gone, not_found
from connectors.google.simulated.meetings import utc
from connectors.google.simulated.paging import Page, cut, fingerprint, pack, place, unpack
from connectors.google.simulated.recurrence import stamp
from connectors.google.simulated.stamps import rfc3339

# These cannot be combined with a sync token.
_NOT_WITH_TOKEN = (
    "iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin",
)  # fmt: skip
# A listing narrowed by one of these gives no sync token.
_NO_TOKEN = ("iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "updatedMin")
_SHAPING = ("singleEvents", "showDeleted", "eventTypes", "showHiddenInvitations")  # must stay the same
_SEEN_BY_ALL = frozenset({
    "id", "status", "start", "end", "recurrence", "recurringEventId", "originalStartTime", "iCalUID", "visibility",
    "eventType", "htmlLink", "created", "updated", "transparency",
})  # fmt: skip


def book(call: Call, *, role: str = "freeBusyReader", name: str = "calendarId") -> CalendarBook:
    """The calendar that a path names. Raises ApiError (404, or 403 for too small a role)."""
    wanted = call.path.get(name) or call.query.get(name, "")
    found = call.world.meetings.books.get(call.user.address if wanted == "primary" else wanted)
    mine = found.role(call.user.address) if found else ""
    if found is None or not mine:
        raise not_found("Not Found")
    if ROLES.index(mine) < ROLES.index(role):
        raise ApiError(403, "requiredAccessLevel", "You need to have writer access to this calendar.",
                       domain="calendar")  # fmt: skip
    return found


# -- one event --------------------------------------------------------------------------------------------------------


def shown(call: Call, where: CalendarBook, entry: Entry) -> Json:
    """An event as this reader may see it."""
    body = entry.body
    role = where.role(call.user.address)
    hidden = body.get("visibility") in ("private", "confidential")
    if role == "freeBusyReader" or (role == "reader" and hidden):
        body = {name: value for name, value in body.items() if name in _SEEN_BY_ALL} | {"visibility": "private"}
    found = {"kind": "calendar#event", "etag": entry.etag, **body, "updated": rfc3339(entry.updated_ms / 1000)}
    zone = call.query.get("timeZone") or where.zone
    for name in ("start", "end", "originalStartTime"):
        if name in found:
            found[name] = rules.in_zone(found[name], zone)
    for name in ("organizer", "creator"):
        if name in found:
            found[name] = found[name] | ({"self": True} if found[name].get("email") == where.id else {})
    if "attendees" in found:
        guests = [one | {"self": True} if one.get("email") == where.id else one for one in found["attendees"]]
        most = call.query.get("maxAttendees")
        if most and len(guests) > most:
            guests, found["attendeesOmitted"] = [one for one in guests if one.get("self")], True
        found["attendees"] = guests
    return found


def listed(call: Call, where: CalendarBook, entry: Entry) -> Json:
    """An event in a listing: of a deleted one there is little more than the id."""
    if not entry.gone:
        return shown(call, where, entry)
    kept = ("id", "status", "recurringEventId", "originalStartTime")
    return {"kind": "calendar#event", "etag": entry.etag} | {
        name: entry.body[name] for name in kept if name in entry.body
    }


def get(call: Call) -> Json:
    where = book(call)
    return shown(call, where, where.find(call.path["eventId"]))


def insert(call: Call) -> Json:
    where = book(call, role="writer")
    entry = call.world.meetings.insert(
        where, call.body, by=call.user.address, send_updates=_updates(call), conference=_knows_calls(call)
    )
    return shown(call, where, entry)


def import_event(call: Call) -> Json:
    where = book(call, role="writer")
    call.wanted("iCalUID")
    entry = call.world.meetings.insert(where, call.body, by=call.user.address, imported=True)
    return shown(call, where, entry)


def patch(call: Call) -> Json:
    """`patch` merges, `update` replaces."""
    where = _writable(call)
    entry = call.world.meetings.change(
        where, call.path["eventId"], call.body, by=call.user.address, send_updates=_updates(call),
        conference=_knows_calls(call), whole=call.method.id.endswith("update"),
    )  # fmt: skip
    return shown(call, where, entry)


def delete(call: Call) -> None:
    where = _writable(call)
    call.world.meetings.cancel(where, call.path["eventId"], by=call.user.address, send_updates=_updates(call))


def move(call: Call) -> Json:
    where = _writable(call)
    target = book(call, role="writer", name="destination")
    entry = call.world.meetings.move(
        where, call.path["eventId"], target, by=call.user.address, send_updates=_updates(call)
    )
    return shown(call, target, entry)


def _writable(call: Call) -> CalendarBook:
    """The calendar of an event that is to be changed, after the conditions of the request.

    Source: https://developers.google.com/workspace/calendar/api/guides/version-resources
    """
    where = book(call, role="writer")
    entry = where.find(call.path["eventId"])
    wanted = call.headers.get("if-match", "*")
    if wanted not in ("*", entry.etag):
        where_is = {"location": "If-Match", "locationType": "header"}
        raise ApiError(412, "conditionNotMet", "Precondition Failed", location=where_is)
    if call.world.faults.take("forbidden_for_non_organizer"):
        raise rules.forbidden_for_non_organizer()
    return where


def _updates(call: Call) -> str:
    if call.query.get("sendNotifications"):
        return "all"
    return str(call.query.get("sendUpdates", "none"))


def _knows_calls(call: Call) -> bool:
    return int(call.query.get("conferenceDataVersion", 0)) > 0


# -- listings -----------------------------------------------------------------------------------------------------------


def list_events(call: Call) -> Json:
    """All events, or with a sync token those that changed."""
    where = book(call)
    query = call.query
    since = _since(call, where)
    at = place(query.get("pageToken", ""), bad_request("Invalid page token value.", "invalid"))
    shape = fingerprint({name: query.get(name) for name in _SHAPING} | {"calendar": where.id, "since": since})
    opened = at.opened or {"seq": call.world.tick(), "shape": shape}
    if opened["shape"] != shape:
        raise bad_request("The request parameters do not match the page token.", "invalid")
    found, key = _entries(call, where, since, opened["seq"])
    page = cut(found, key, call.limit("maxResults", 250, 2500), replace(at, opened=opened), call.world.faults)
    return _answer(call, where, page, opened["seq"])


def _answer(call: Call, where: CalendarBook, page: Page[Entry], seq: int) -> Json:
    newest = max((one.updated_ms for one in where.entries.values()), default=call.world.clock.ms())
    answer: Json = {
        "kind": "calendar#events", "etag": f'"p{where.id}{newest}"', "summary": where.summary,
        "description": where.description, "updated": rfc3339(newest / 1000), "timeZone": where.zone,
        "accessRole": where.role(call.user.address), "defaultReminders": [],
        "items": [listed(call, where, one) for one in page.items],
    }  # fmt: skip
    if page.next_token:
        answer["nextPageToken"] = page.next_token
    elif not any(call.query.get(name) for name in _NO_TOKEN) and not call.world.faults.take("no_sync_token"):
        answer["nextSyncToken"] = pack("e", {
            "calendar": where.id, "seq": seq, "shape": _shape(call), "window": _window_texts(call),
        })  # fmt: skip
    return answer


def _shape(call: Call) -> str:
    # Deleted events always come with a sync token, whatever the first listing showed.
    return fingerprint({name: call.query.get(name) for name in _SHAPING if name != "showDeleted"})


def _window_texts(call: Call) -> list[str]:
    if call.query.get("syncToken"):
        return list(unpack("e", call.query["syncToken"])["window"])
    return [call.query.get("timeMin", ""), call.query.get("timeMax", "")]


def _since(call: Call, where: CalendarBook) -> int | None:
    """The moment that the sync token stands for, if there is one. Raises ApiError (400, 410)."""
    token = call.query.get("syncToken")
    if not token:
        return None
    for name in _NOT_WITH_TOKEN:
        if call.query.get(name):
            raise bad_request(f"Sync token cannot be used with the parameter '{name}'.", "invalid")
    if call.query.get("showDeleted") is False:
        raise bad_request("Sync token cannot be used with showDeleted=false.", "invalid")
    try:
        facts = unpack("e", token)
        seq, shape, calendar = int(facts["seq"]), facts["shape"], facts["calendar"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise bad_request("Invalid sync token value.", "invalid") from None
    if calendar != where.id or shape != _shape(call):
        raise bad_request("The request parameters do not match the sync token.", "invalid")
    if call.world.faults.take("expire_cursor"):
        where.expire_tokens()
    if seq < where.floor:
        raise cursor_gone()
    return seq


def _entries(
    call: Call, where: CalendarBook, since: int | None, upto: int
) -> tuple[list[Entry], Callable[[Entry], Any]]:
    """What is listed, sorted, and the key by which it is."""
    query = call.query
    single = bool(query.get("singleEvents"))
    order = query.get("orderBy")
    if order == "startTime" and not single:
        raise bad_request("The requested ordering is not available for the particular query.")
    test = _test(call, where)
    stored = [one for one in where.entries.values() if since is None or since < one.seq <= upto]
    found = [
        one
        for entry in stored
        for one in (_singles(where, entry, incremental=since is not None) if single else [entry])
        if test(one)
    ]

    def by_start(entry: Entry) -> Any:
        start = entry.body.get("start") or entry.body.get("originalStartTime") or {}
        return (rules.instant(start, where.zone).timestamp(), entry.id)

    def by_change(entry: Entry) -> Any:
        return (entry.seq, entry.id)

    def by_id(entry: Entry) -> Any:
        return entry.id

    key = by_start if order == "startTime" else by_change if order == "updated" or since is not None else by_id
    return sorted(found, key=key), key


def _singles(where: CalendarBook, entry: Entry, *, incremental: bool) -> Iterator[Entry]:
    """An event as single events: a series as its instances, but those that are exceptions stand for themselves."""
    body = entry.body
    if not body.get("recurrence") or entry.gone:
        if not (body.get("recurrence") and not incremental):
            yield entry
        return
    try:
        starts = rules.occurrences(body, where.zone)
    except ValueError:
        return
    for start in starts:
        if f"{entry.id}_{stamp(start)}" not in where.entries:
            yield Entry(rules.instance(body, start, where.zone), entry.seq, entry.updated_ms)


def _test(call: Call, where: CalendarBook) -> Callable[[Entry], bool]:
    """What the query's parameters let through."""
    query = call.query
    single, shows = bool(query.get("singleEvents")), bool(query.get("showDeleted") or query.get("syncToken"))
    low, high = _window(call)
    updated = _moment(query, "updatedMin")
    words = str(query.get("q", "")).lower().split()

    def test(entry: Entry) -> bool:
        body = entry.body
        if updated and entry.updated_ms < updated.timestamp() * 1000:
            return False
        if entry.gone and not (shows or updated or ("recurringEventId" in body and not single)):
            return False
        if query.get("iCalUID") and body.get("iCalUID") != query["iCalUID"]:
            return False
        if query.get("eventTypes") and body.get("eventType", "default") not in query["eventTypes"]:
            return False
        if words and not _says(body, words):
            return False
        if not _has_properties(body, query):
            return False
        return entry.gone or _inside(where, body, low, high)

    return test


def _window(call: Call) -> tuple[datetime | None, datetime | None]:
    """The window of the listing; a sync token remembers that of the first one."""
    low_text, high_text = _window_texts(call)
    low = _moment({"timeMin": low_text}, "timeMin")
    high = _moment({"timeMax": high_text}, "timeMax")
    if low and high and low >= high:
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    return low, high


def _moment(query: Any, name: str) -> datetime | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return utc(text)
    except ValueError:
        raise bad_request("Bad Request") from None


def _inside(where: CalendarBook, body: Json, low: datetime | None, high: datetime | None) -> bool:
    if low is None and high is None:
        return True
    if body.get("recurrence"):
        try:
            starts = rules.occurrences(body, where.zone, high)
        except ValueError:
            return True
        return any(_inside(where, rules.instance(body, start, where.zone), low, high) for start in reversed(starts))
    start = rules.instant(body.get("start", {}), where.zone)
    end = rules.instant(body.get("end") or body.get("start", {}), where.zone)
    return (low is None or end > low) and (high is None or start < high)


def _says(body: Json, words: list[str]) -> bool:
    people = [body.get("organizer", {}), *body.get("attendees", [])]
    texts = [body.get(name, "") for name in ("summary", "description", "location")]
    texts += [str(one.get(name, "")) for one in people for name in ("email", "displayName")]
    text = " ".join(texts).lower()
    return all(word in text for word in words)


def _has_properties(body: Json, query: Any) -> bool:
    for kind in ("private", "shared"):
        have = body.get("extendedProperties", {}).get(kind, {})
        for pair in query.get(f"{kind}ExtendedProperty", ()):
            name, _, value = pair.partition("=")
            if have.get(name) != value:
                return False
    return True


def instances(call: Call) -> Json:
    """The instances of one series, changed ones included."""
    where = book(call)
    master = where.find(call.path["eventId"])
    low, high = _window(call)
    shows, wanted = bool(call.query.get("showDeleted")), call.query.get("originalStart")
    found = [
        one
        for one in [*_singles(where, master, incremental=False), *where.exceptions(master.id)]
        if (shows or not one.gone) and (one.gone or _inside(where, one.body, low, high))
    ]
    if wanted:
        found = [
            one
            for one in found
            if rules.instant(one.body["originalStartTime"], where.zone)
            == rules.instant({"dateTime": wanted}, where.zone)
            or one.body["originalStartTime"].get("date") == wanted
        ]

    def key(entry: Entry) -> str:
        return entry.id

    at = place(call.query.get("pageToken", ""))
    page = cut(sorted(found, key=key), key, call.limit("maxResults", 250, 2500), at, call.world.faults)
    answer: Json = {
        "kind": "calendar#events", "etag": master.etag, "summary": where.summary, "timeZone": where.zone,
        "accessRole": where.role(call.user.address), "defaultReminders": [],
        "items": [listed(call, where, one) for one in page.items],
    }  # fmt: skip
    return answer | ({"nextPageToken": page.next_token} if page.next_token else {})


HANDLERS: dict[str, Handler] = {
    "calendar.events.list": list_events,
    "calendar.events.get": get,
    "calendar.events.insert": insert,
    "calendar.events.import": import_event,
    "calendar.events.patch": patch,
    "calendar.events.update": patch,
    "calendar.events.delete": delete,
    "calendar.events.move": move,
    "calendar.events.instances": instances,
}
