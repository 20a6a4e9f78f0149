"""Calendars and events over Graph.

Sources: https://learn.microsoft.com/graph/api/resources/calendar and https://learn.microsoft.com/graph/api/resources/event
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from connectors.microsoft.simulated import event_rules as rules
from connectors.microsoft.simulated import event_view as view
from connectors.microsoft.simulated import extended, meetings, shapes
from connectors.microsoft.simulated.calendar_query import filtered, manner, tracked_whole, window
from connectors.microsoft.simulated.call import Call, Handler, Reply, Route
from connectors.microsoft.simulated.delta import round_of
from connectors.microsoft.simulated.errors import ApiError, Json, denied, not_found
from connectors.microsoft.simulated.event_view import Manner
from connectors.microsoft.simulated.expansion import Instance, instances
from connectors.microsoft.simulated.items import Calendar, Item
from connectors.microsoft.simulated.listing import context, expanded, listed, selected
from connectors.microsoft.simulated.zones import instant

_READ = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
_WRITE = frozenset({"Calendars.ReadWrite"})
_DEFAULT, _MOST = 10, 1000  # events of a page
_ANSWERS = {"accept": "accepted", "tentativelyAccept": "tentativelyAccepted", "decline": "declined"}


# -- which calendar, which event ----------------------------------------------------------------------------------------


def _access(call: Call, one: Calendar) -> str:
    """What the caller may do with a calendar: `owner`, what it is shared with him for, or nothing."""
    who = call.principal or call.user.address
    return "owner" if who == one.owner.address else one.acl.get(who, "")


def _calendar(call: Call, *, write: bool = False) -> Calendar:
    """The calendar that the path names. Raises ApiError (403, 404)."""
    mine, wanted = call.user.calendars, call.path.get("calendar")
    found: Calendar | None = mine.own.get(wanted) or mine.shared.get(wanted) if wanted else mine.main
    if found is None or (wanted and not _access(call, found)):
        raise not_found()
    if not _access(call, found) or (write and _access(call, found) not in ("owner", "write", "write private")):
        raise denied()
    return found


def _event(call: Call, *, write: bool = False) -> tuple[Item, date | None]:
    """The event or occurrence that the path names. Raises ApiError (403, 404)."""
    where = _calendar(call) if "calendar" in call.path else None
    mine = call.user.calendars
    for calendars in dict.fromkeys([mine, *(one.owner.calendars for one in mine.shared.values())]):
        try:
            item, day = calendars.find(call.path["event"])
        except ApiError:
            continue
        access = _access(call, item.calendar)
        if access and (where is None or item.calendar is where):
            if write and access not in ("owner", "write", "write private"):
                raise denied()
            return item, day
    raise not_found()


def _manner(call: Call, one: Calendar) -> Manner:
    access = _access(call, one)
    return manner(call, private=access == "owner" or "private" in access)


# -- one event ----------------------------------------------------------------------------------------------------------


def _shown(call: Call, item: Item, day: date | None) -> Json:
    """An event with what `$select` and `$expand` say."""
    how = _manner(call, item.calendar)
    whole = view.shown(item, day, how)
    if "cancelledOccurrences" in call.query.get("$select", "") and day is None and item.repeats:
        own = view.event_id(item, None, how)
        whole["cancelledOccurrences"] = [f"OID.{own}.{one.isoformat()}" for one in sorted(item.cancelled)]
    found = selected(call, whole)
    for term in expanded(call.query.get("$expand", "")):
        if term == "exceptionOccurrences":
            if day is None and item.repeats:
                found[term] = [view.shown(item, one, how) for one in sorted(item.exceptions)]
        else:
            found |= extended.shown(item.body[extended.NAME].get, term)
    return found


def _single(call: Call, item: Item, day: date | None, status: int = 200) -> Reply:
    return Reply({"@odata.context": f"{context(call)}/$entity", **_shown(call, item, day)}, status)


def get(call: Call) -> Reply:
    return _single(call, *_event(call))


def create(call: Call) -> Reply:
    """Make an event; the same request once more makes no other.

    Source: https://blog.rykoma.net/2020/10/05/1559 for what `transactionId` does: the same request is answered like the
    first, another one with the same is refused.
    """
    where = _calendar(call, write=True)
    given = rules.given(call.body)
    if known := _made_before(where, given):
        return _single(call, known, None, 201)
    item = meetings.insert(where, given)
    return _single(call, item, None, 201)


def _made_before(where: Calendar, given: Json) -> Item | None:
    wanted = given.get("transactionId")
    items: Iterable[Item] = where.owner.calendars.items.values()
    known = next((one for one in items if wanted and one.body["transactionId"] == wanted), None)
    if known is not None and known.posted != given:
        raise ApiError(
            400, "ErrorDuplicateTransactionId", "Your request can't be completed. The TransactionId specified in the "
            "request has already been used to create a different event.",
        )  # fmt: skip
    return known


def patch(call: Call) -> Reply:
    item, day = _event(call, write=True)
    call.only_if(item.etag(day))
    meetings.change(item, day, rules.given(call.body))
    return _single(call, item, day)


def delete(call: Call) -> Reply:
    item, day = _event(call, write=True)
    call.only_if(item.etag(day))
    meetings.remove(item, day)
    return Reply(status=204)


def cancel(call: Call) -> Reply:
    item, day = _event(call, write=True)
    meetings.cancel(item, day, call.given(shapes.CANCEL).get("comment") or "")
    return Reply(status=202)


def _respond(response: str) -> Handler:
    def handler(call: Call) -> Reply:
        item, day = _event(call, write=True)
        given = call.given(shapes.RESPOND)
        send = given.get("sendResponse") is not False
        meetings.respond(item, day, response, given.get("comment") or "", send=send)
        return Reply(status=202)

    return handler


# -- listings -----------------------------------------------------------------------------------------------------------


def events(call: Call) -> Reply:
    """Single events and masters of series; their occurrences are not in it."""
    found = [
        Instance(one, None, *(instant(one.body[name]) for name in ("start", "end"))) for one in _calendar(call).items
    ]
    return _listed(call, found)


def calendar_view(call: Call) -> Reply:
    """Everything that takes place in a time: whole occurrences, and no masters."""
    where, (since, until) = _calendar(call), window(call.query)
    found = [instance for item in where.items for instance in instances(item, since, until)]
    return _listed(call, sorted(found, key=lambda one: one.start))


def series(call: Call) -> Reply:
    """What one series takes place on in a time."""
    item, _ = _event(call)
    return _listed(call, instances(item, *window(call.query)))


def _listed(call: Call, found: list[Instance]) -> Reply:
    return listed(call, filtered(call, found), lambda one: _shown(call, one.item, one.day), _DEFAULT, _MOST)


def delta(call: Call) -> Reply:
    """One page of a round of changes within a time, which stays that of the first page.

    Source: https://learn.microsoft.com/graph/delta-query-events
    """
    where = _calendar(call)
    if not (call.query.get("$skiptoken") or call.query.get("$deltatoken")):
        tracked_whole(call.query)
        window(call.query)
    items = where.owner.calendars.items
    how = _manner(call, where)

    def named(key: str) -> str:
        return key if call.immutable else where.known.get(key, key)

    def show(key: str, asked: Mapping[str, str]) -> list[Json]:
        found = instances(items[key], *window(asked))
        if not found:
            # Also what changed outside of the time is told of so.
            # Source: https://learn.microsoft.com/graph/api/event-delta#response
            return [{"id": named(key), "@removed": {"reason": "deleted"}}]
        return [{"@odata.type": "#microsoft.graph.event", **one} for one in _changed(call, items[key], found, how)]

    return round_of(call, where.feed, show, default=_DEFAULT, highest=_MOST, named=named)


def _changed(call: Call, item: Item, found: list[Instance], how: Manner) -> list[Json]:
    """What is told of an event that changed: of a series its master, and everything of it that is in the time.

    Nothing tells of an occurrence that is in it no more; that it does not come again is all.
    Source: https://github.com/microsoftgraph/microsoft-graph-docs/pull/4501
    """
    if not item.repeats:
        return [view.shown(item, None, how)]
    take = call.world.faults.take
    stripped = bool(item.exceptions) and take("stripped_occurrences")
    told = [] if take("missing_master") else [view.shown(item, None, how)]
    for one in found:
        assert one.day is not None
        whole = one.day in item.exceptions and not stripped
        told.append(view.shown(item, one.day, how) if whole else view.bare(item, one.day, how))
    return told


# -- calendars ----------------------------------------------------------------------------------------------------------


def calendars(call: Call) -> Reply:
    mine = call.user.calendars
    found = [one for one in (mine.own | mine.shared).items() if _access(call, one[1])]
    return listed(call, found, lambda one: selected(call, view.calendar(one[1], one[0], _access(call, one[1]))))


def calendar(call: Call) -> Reply:
    one = _calendar(call)
    return _calendar_reply(call, one, call.path.get("calendar") or one.id)


def create_calendar(call: Call) -> Reply:
    if call.principal not in ("", call.user.address):
        raise denied()
    one: Calendar = call.user.calendars.add(call.given(shapes.CALENDAR)["name"])
    return replace(_calendar_reply(call, one, one.id), status=201)


def _calendar_reply(call: Call, one: Calendar, shown_id: str) -> Reply:
    found = selected(call, view.calendar(one, shown_id, _access(call, one)))
    return Reply({"@odata.context": f"{context(call)}/$entity", **found})


# -- routes -------------------------------------------------------------------------------------------------------------


def _routes() -> tuple[Route, ...]:
    found = [
        Route("GET", "/users/{user}/calendars", calendars, _READ),
        Route("POST", "/users/{user}/calendars", create_calendar, _WRITE, writes=True),
        Route("GET", "/users/{user}/calendar", calendar, _READ),
        Route("GET", "/users/{user}/calendars/{calendar}", calendar, _READ),
    ]
    for base in ("/users/{user}", "/users/{user}/calendar", "/users/{user}/calendars/{calendar}"):
        one = f"{base}/events/{{event}}"
        found += [
            Route("GET", f"{base}/calendarView", calendar_view, _READ),
            Route("GET", f"{base}/calendarView/delta", delta, _READ),
            Route("GET", f"{base}/events", events, _READ),
            Route("POST", f"{base}/events", create, _WRITE, writes=True),
            Route("GET", one, get, _READ),
            Route("PATCH", one, patch, _WRITE, writes=True),
            Route("DELETE", one, delete, _WRITE, writes=True),
            Route("GET", f"{one}/instances", series, _READ),
            Route("POST", f"{one}/cancel", cancel, _WRITE, writes=True),
            *(Route("POST", f"{one}/{name}", _respond(said), _WRITE, writes=True) for name, said in _ANSWERS.items()),
        ]
    return tuple(found)


ROUTES = _routes()
