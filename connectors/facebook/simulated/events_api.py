"""Conversions that are reported to a dataset: what is wrong with one is an error of the whole request.

Sources: https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api and
https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
"""

import re
from typing import Any

from connectors.facebook.simulated.call import Call, Reply, Route
from connectors.facebook.simulated.errors import ApiError, Json, invalid

MOST = 1000
OLDEST_S = 7 * 86_400
_LEAD_ID = re.compile(r"^\d{15,17}$")
_HASH = re.compile(r"^[0-9a-f]{64}$")
_SOURCES = frozenset({
    "email", "website", "app", "phone_call", "chat", "physical_store", "system_generated", "business_messaging", "other",
})  # fmt: skip
_HASHED = ("em", "ph", "fn", "ln", "ct", "zp", "country", "db", "ge", "st")
_TOO_OLD = 2804003
_NOBODY = 2804050


def take(call: Call) -> Reply:
    """Take events, all or none."""
    call.needs("ads_management")
    events = call.value("data")
    if not isinstance(events, list) or not events:
        raise invalid("param data must be an array.")
    if len(events) > MOST:
        raise invalid(f"The parameter data must have at most {MOST} events.")
    for number, one in enumerate(events):
        _check(call, number, one)
    for one in events:
        call.world.ledger.add(call.node, one, call.text("test_event_code"))
    return Reply({"events_received": len(events), "messages": [], "fbtrace_id": call.world.new_id()})


def _check(call: Call, number: int, event: Any) -> None:
    """Raises ApiError: says of which event what is wrong."""
    if not isinstance(event, dict):
        raise _wrong(number, "must be an object")
    if not isinstance(event.get("event_name"), str) or not event["event_name"].strip():
        raise _wrong(number, "event_name is required")
    at = event.get("event_time")
    if type(at) is not int:
        raise _wrong(number, "event_time must be a Unix timestamp in seconds")
    now = call.world.clock.time()
    if at < now - OLDEST_S or at > now + 60:
        raise _wrong(number, "event_time is more than 7 days in the past, or in the future", _TOO_OLD)
    if event.get("action_source") not in _SOURCES:
        raise _wrong(number, "action_source is required")
    _check_person(number, event.get("user_data"))


def _check_person(number: int, told: Any) -> None:
    if not isinstance(told, dict) or not told:
        raise _wrong(number, "user_data is required", _NOBODY)
    if "lead_id" in told and not _LEAD_ID.match(str(told["lead_id"])):
        raise _wrong(number, "user_data.lead_id must have 15 to 17 digits")
    for name in _HASHED:
        values = told.get(name, [])
        if not all(_HASH.match(str(one)) for one in (values if isinstance(values, list) else [values])):
            raise _wrong(number, f"user_data.{name} must be hashed with SHA-256")


def _wrong(number: int, why: str, subcode: int = 0) -> ApiError:
    return invalid("Invalid parameter", subcode=subcode, user=("Invalid event", f"data[{number}]: {why}"))


def latest(call: Call) -> Reply:
    """Nothing is read here; whoever tries is told so, as an object that is there."""
    told: Json = {"id": call.node}
    return Reply(told)


ROUTES: tuple[Route, ...] = (
    Route("POST", "dataset", "events", take, writes=True),
    Route("GET", "dataset", "", latest),
)
