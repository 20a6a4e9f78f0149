"""Many calls in one request, each with a fate of its own.

Of those that wait for no other, Graph asks four at a time.
Sources: https://learn.microsoft.com/graph/json-batching, https://learn.microsoft.com/graph/throttling#throttling-and-batching,
https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
"""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, mailbox_concurrency
from connectors.microsoft.simulated.gateway import VERSION, Gateway, read_json
from connectors.microsoft.simulated.throttle import AT_ONCE
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Faults

MOST = 20
_DEPENDENCY = ApiError(424, "FailedDependency", "A request that this one depends on failed.")


def is_batch(path: str) -> bool:
    return unquote(path) == f"{VERSION}/$batch"


def answer(gateway: Gateway, request: Request, faults: Faults) -> Answer:
    """Answer each inner call; what is wrong with one is told in its place."""
    try:
        gateway.admit(request)
        wishes = _wishes(request)
    except ApiError as error:
        return gateway.refusal(error, request)
    done: dict[str, Json] = {}
    wrote = False
    free = sum(not _needs(one) for one in wishes)
    for one in wishes:  # none needs a later one
        if any(done[name]["status"] >= 400 for name in _needs(one)):
            found = gateway.refusal(_DEPENDENCY, request)
        elif faults.take("throttled_batch_item"):
            found = gateway.refusal(mailbox_concurrency(), request)
        else:
            found = _answered(gateway, one, request, at_once=1 if _needs(one) else min(AT_ONCE, free))
        wrote = wrote or found.wrote
        done[_id(one)] = {"id": one["id"], "status": found.status, **_parts(found)}
    # The last answer first: clients have to go by id.
    return Answer(200, json.dumps({"responses": list(reversed(done.values()))}).encode(), wrote=wrote)


def _wishes(request: Request) -> list[Json]:
    """Read the inner calls. Raises ApiError (400): the whole batch is refused."""
    found = read_json(request.body).get("requests")
    if not isinstance(found, list) or not found or not all(_is_wish(one) for one in found):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(found) > MOST:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MOST}.", "MaximumValueExceeded")
    ids = [_id(one) for one in found]
    if len(set(ids)) != len(ids):
        raise bad_request("Request Id has to be unique in a batch.", "BadRequest")
    _check_order(found)
    return found


def _is_wish(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and all(isinstance(one.get(name), str) and one[name] for name in ("id", "method", "url"))
        and isinstance(one.get("headers", {}), dict)
        and isinstance(one.get("dependsOn", []), list)
        and ("body" not in one or bool(one.get("headers")))
    )


def _check_order(wishes: list[Json]) -> None:
    """Raises ApiError (400): a call depends on itself, on a later one, or on none."""
    known: set[str] = set()
    for one in wishes:
        if not known.issuperset(_needs(one)):
            raise bad_request("Invalid dependsOn: it names a request that does not come before.", "BadRequest")
        known.add(_id(one))


def _id(one: Json) -> str:
    return str(one["id"]).lower()  # "Not case-sensitive."


def _needs(one: Json) -> list[str]:
    return [str(name).lower() for name in one.get("dependsOn", [])]


def _answered(gateway: Gateway, one: Json, outer: Request, *, at_once: int) -> Answer:
    try:
        inner = _inner(one, outer)
    except ApiError as error:
        return gateway.refusal(error, outer)
    return gateway.handle(inner, at_once=at_once)


def _inner(one: Json, outer: Request) -> Request:
    """The call as it would have come alone; whose it is, the batch says. Raises ApiError (400)."""
    try:
        url = urlsplit(one["url"])
    except ValueError:
        raise bad_request("Invalid batch request URL.", "BadRequest") from None
    headers = {str(name).lower(): str(value) for name, value in one.get("headers", {}).items()}
    for name in ("authorization", "client-request-id"):
        if name in outer.headers:
            headers.setdefault(name, outer.headers[name])
    body = one.get("body")
    raw = b""
    if isinstance(body, str):
        try:
            raw = base64.b64decode(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4))
        except ValueError:
            raw = body.encode()
    elif body is not None:
        raw = json.dumps(body).encode()
    path = f"{VERSION}/{url.path.lstrip('/')}"
    return Request(one["method"].upper(), path, parse_qsl(url.query, keep_blank_values=True), headers, raw)


def _parts(found: Answer) -> Json:
    """Headers and body of an inner answer; what is no JSON is base64."""
    headers = {**found.headers, "Content-Type": found.content_type, "Cache-Control": "private"}
    if not found.body:
        return {"headers": headers}
    if found.content_type.startswith("application/json"):
        return {"headers": headers, "body": json.loads(found.body)}
    return {"headers": headers, "body": base64.b64encode(found.body).decode()}
