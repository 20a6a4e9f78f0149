"""The front door of Graph: who asks, may he, what does he ask, is it too much.

Sources: https://learn.microsoft.com/graph/errors, .../throttling, .../best-practices-concept
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlencode
from uuid import uuid4

from connectors.microsoft.simulated import calendar_api, contacts_api, free_busy, mail_api, subscriptions, users
from connectors.microsoft.simulated.call import Call, Reply, Route
from connectors.microsoft.simulated.errors import (
    ApiError,
    Json,
    bad_request,
    bad_token,
    denied,
    mailbox_concurrency,
    no_mailbox,
    throttled,
)
from connectors.microsoft.simulated.oauth import Token
from connectors.microsoft.simulated.world import World
from hub.connector.simulated.wire import Answer, Request

ROUTES: tuple[Route, ...] = (
    *users.ROUTES, *mail_api.ROUTES, *calendar_api.ROUTES, *free_busy.ROUTES, *contacts_api.ROUTES,
    *subscriptions.ROUTES,
)  # fmt: skip
VERSION = "/v1.0"
_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_KEY = re.compile(r"^([A-Za-z.]+)\('(.*)'\)$")  # `mailFolders('inbox')` is `mailFolders/inbox`
_CALENDAR = frozenset({"calendar", "calendars", "calendarview", "events"})
_SHARED = frozenset({"Calendars.Read.Shared", "Calendars.ReadWrite.Shared"})
_OF_EVERYBODY = frozenset({"photo", "photos"})


@dataclass(frozen=True)
class Exchange:
    """One call and its answer, for whoever checks them."""

    route: Route
    mailbox: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    status: int
    answer: Json | None


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path, decoded; functions by their plain name, keys in brackets as parts of their own."""
    return tuple(_segments(path))


def _segments(path: str) -> Iterator[str]:
    for raw in path.strip("/").split("/"):
        part = unquote(raw)
        if found := _KEY.match(part):
            yield found[1]
            yield found[2].replace("''", "'")
        elif part.endswith("()") or part.startswith("microsoft.graph."):
            yield part.removeprefix("microsoft.graph.").removesuffix("()")
        else:
            yield part


class Router:
    """Finds the method that a verb and a path name; a literal part wins over a place."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in routes:
            parts = segments(route.path)
            self._by_length.setdefault(len(parts), []).append((parts, route))

    def find(self, verb: str, parts: tuple[str, ...]) -> tuple[Route, dict[str, str]]:
        """Raises ApiError: 400 for an unknown path, 405 for a verb that is not for it."""
        matching = [
            (tuple(one.startswith("{") for one in template), route, template)
            for template, route in self._by_length.get(len(parts), ())
            if all(
                one.startswith("{") or one.lower() == part.lower() for one, part in zip(template, parts, strict=True)
            )
        ]
        if not matching:
            raise bad_request(f"Resource not found for the segment '{parts[-1] if parts else ''}'.", "BadRequest")
        closest = min(rank for rank, _, _ in matching)
        for rank, route, template in matching:
            if rank == closest and route.verb == verb:
                places = zip(template, parts, strict=True)
                return route, {one[1:-1]: part for one, part in places if one.startswith("{")}
        raise ApiError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


class Gateway:
    """Answers calls of Graph. `observers` see each with its answer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._router = Router(ROUTES)
        self.observers: list[Callable[[Exchange], None]] = []

    def handle(self, request: Request, *, at_once: int = 1) -> Answer:
        """Answer one call, which may stand inside a batch; then so many of it are on their way at the same time."""
        try:
            token = self._stranger(request) or self.admit(request)
            route, places, mailbox = self._target(request, token)
        except ApiError as error:
            return self.refusal(error, request)
        body, reply = Body(), Reply()
        try:
            with self._world.throttle.passing(token.client, mailbox, f"{route.verb} {route.path}", at_once):
                self._misfortune()
                self._check_rights(token, route, places, mailbox)
                body = _body(request)
                with contextlib.nullcontext() if route.unlocked else self._world.lock:
                    reply = route.handler(self._call(request, token, places, body))
            answer, value = _told(reply, _ids(request), wrote=route.writes), reply.value
        except ApiError as error:
            answer = self.refusal(error, request)
            value = json.loads(answer.body)
        exchange = Exchange(route, mailbox, dict(request.query), request.headers, body.json, answer.status, value)
        for observer in self.observers:
            observer(exchange)
        return answer

    def _call(self, request: Request, token: Token, places: Mapping[str, str], body: "Body") -> Call:
        query = urlencode(request.query, quote_via=quote)
        url = f"{self._world.base_url}{request.path}{'?' + query if query else ''}"
        return Call(
            self._world, request.http, url, token.principal, token.permissions, places, dict(request.query),
            request.headers, body.json, body.raw, token.client,
        )  # fmt: skip

    def admit(self, request: Request) -> Token:
        """Return whose call it is. Raises ApiError (401)."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            raise bad_token("Access token is empty.")
        found = self._world.oauth.check(text.strip())
        if found is None or self._world.faults.take("token_expired"):
            raise bad_token()
        if self._world.oauth.is_cut_off(found):
            raise bad_token("Continuous access evaluation resulted in challenge with result: InteractionRequired and "
                            "code: TokenIssuedBeforeRevocationTimestamp")  # fmt: skip
        return found

    def refusal(self, error: ApiError, request: Request) -> Answer:
        """Put an error in words, with what both sides call the request."""
        told = _ids(request)
        found = error.body(self._world.clock.now().strftime("%Y-%m-%dT%H:%M:%S"), told)
        return Answer(error.status, json.dumps(found).encode(), "application/json", {**told, **error.headers})

    # -- who asks for what ----------------------------------------------------------------------------------------------

    def _stranger(self, request: Request) -> Token | None:
        """Somebody without a token, where none is wanted."""
        with contextlib.suppress(ApiError):
            route, _ = self._router.find(request.http, segments(request.path)[1:])
            if route.anonymous:
                return Token("", frozenset(), "", 0.0)
        return None

    def _target(self, request: Request, token: Token) -> tuple[Route, dict[str, str], str]:
        """Return the method, the places of its path, and whose mailbox it is about. Raises ApiError."""
        version, *parts = segments(request.path)
        if f"/{version}" != VERSION or not parts:
            raise bad_request("Invalid version." if parts else "Empty path.", "BadRequest")
        if parts[0].lower() == "me":
            if not token.principal:
                raise bad_request("/me request is only valid with delegated authentication flow.", "BadRequest")
            parts[:1] = ["users", token.principal]
        route, places = self._router.find(request.http, tuple(parts))
        user = self._world.named(places.get("user", ""))
        return route, places, user.address if user else token.principal

    def _check_rights(self, token: Token, route: Route, places: Mapping[str, str], mailbox: str) -> None:
        parts = segments(route.path)
        area = parts[2].lower() if len(parts) > 2 and parts[0] == "users" else ""
        has = token.permissions
        if token.principal and area and mailbox != token.principal and area not in _OF_EVERYBODY:
            if area not in _CALENDAR or not has & _SHARED or not self._shares(mailbox, token.principal):
                raise denied()
            # With a permission for what others share, theirs is open as one's own is.
            has = frozenset(one.removesuffix(".Shared") for one in has & _SHARED)
            has |= {"Calendars.Read"} if "Calendars.ReadWrite" in has else set()
        if route.permissions and not route.permissions & has:
            raise denied()
        limited = self._world.oauth.app_mailboxes
        if not token.principal and area and limited and mailbox not in limited:
            raise denied("[RBAC] : Access to OData is disabled by the scope of the application's role assignments.")
        user = self._world.named(places.get("user", ""))
        if user is not None and area and not user.licensed:
            raise no_mailbox()

    def _shares(self, owner: str, reader: str) -> bool:
        with self._world.lock:
            return any(reader in one.acl for one in self._world.users[owner].calendars.own.values())

    def _misfortune(self) -> None:
        """Commit a fault that was ordered, if any."""
        take = self._world.faults.take
        if take("api_disabled"):
            raise no_mailbox()
        if take("scope_missing"):
            raise denied()
        if take("server_error"):
            raise ApiError(500, "ErrorInternalServerError", "An internal server error occurred. The operation failed.")
        if take("unavailable"):
            raise ApiError(503, "ErrorServerBusy", "The server is busy. Try again later.")
        if take("rate_limited"):
            raise throttled(1)
        if take("mailbox_concurrency"):
            raise mailbox_concurrency()


@dataclass(frozen=True)
class Body:
    """What a request carries: JSON, and as it came."""

    json: Json = field(default_factory=dict)
    raw: bytes = b""


def _body(request: Request) -> Body:
    """Read what a request carries. Raises ApiError (400)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not request.body or kind not in ("", "application/json"):
        return Body(raw=request.body)
    return Body(read_json(request.body), request.body)


def read_json(raw: bytes) -> Json:
    """Read what has to be an object. Raises ApiError (400)."""
    try:
        found = json.loads(raw, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half a letter is none
    except (ValueError, RecursionError):
        raise bad_request("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is "
                          "of valid JSON format.", "BadRequest") from None  # fmt: skip
    if not isinstance(found, dict):
        raise bad_request("Invalid JSON payload: an object is expected.", "BadRequest")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"JSON has no {text}")


def _ids(request: Request) -> dict[str, str]:
    """What both sides call a request.

    Source: https://learn.microsoft.com/graph/best-practices-concept#reliability-and-support
    """
    own = str(uuid4())
    return {"request-id": own, "client-request-id": request.headers.get("client-request-id") or own}


def _told(reply: Reply, ids: Mapping[str, str], *, wrote: bool) -> Answer:
    headers = {**ids, **reply.headers}
    if reply.content is not None:
        return Answer(reply.status, reply.content, reply.content_type, headers, wrote)
    if reply.value is None:
        return Answer(204 if reply.status == 200 else reply.status, b"", _JSON, headers, wrote)
    etag = reply.value.get("@odata.etag")
    headers |= {"OData-Version": "4.0", **({"ETag": str(etag)} if etag else {})}
    return Answer(reply.status, json.dumps(reply.value, ensure_ascii=False).encode(), _JSON, headers, wrote)
