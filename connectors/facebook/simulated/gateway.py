"""The front door of Graph: who asks, may he, what does he ask, is it too much.

Sources: https://developers.facebook.com/docs/graph-api/overview and
https://developers.facebook.com/docs/graph-api/batch-requests
"""

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from connectors.facebook.simulated import ads_api, app_api, events_api, leads_api, pages_api
from connectors.facebook.simulated.call import Call, Reply, Route
from connectors.facebook.simulated.errors import (
    ApiError,
    Json,
    aliases,
    blocked,
    dead,
    denied,
    invalid,
    no_lead_access,
    not_there,
    old_version,
    throttled,
    unknown,
)
from connectors.facebook.simulated.stamps import escaped
from connectors.facebook.simulated.things import AdAccount, Form, Lead, Page
from connectors.facebook.simulated.tokens import Token
from connectors.facebook.simulated.views import KINDS, may_see, view
from connectors.facebook.simulated.world import World
from hub.connector.simulated.wire import Answer, Request

MOST_IDS = 50
MOST_INSIDE = 50  # calls of one batch
_VERSION = re.compile(r"^v(\d{1,3})\.0$")
_ROOTS = frozenset({"debug_token", "oauth/access_token"})
_TOKENS = frozenset({"GET oauth/access_token", "POST oauth/access_token", "GET debug_token", "GET person/accounts"})


def _node(call: Call) -> Reply:
    """Tell of the thing that the path names."""
    kind = kind_of(call.world, call.node)
    may_see(call, kind, call.node)
    return Reply(view(call, kind, call.node, call.text("fields")))


ROUTES: tuple[Route, ...] = (
    *pages_api.ROUTES, *leads_api.ROUTES, *ads_api.ROUTES, *events_api.ROUTES, *app_api.ROUTES,
    *(Route("GET", kind, "", _node) for kind in KINDS),
)  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """One call and its answer, for whoever checks them."""

    route: str  # such as `GET form/leads`
    params: Mapping[str, Any]
    status: int
    answer: Any


@dataclass(frozen=True)
class _Target:
    """What a call is about."""

    route: Route
    node: Any
    version: int
    page_id: str  # page or ad account whose limits it counts on; empty: nobody's


def kind_of(world: World, node: Any) -> str:
    """What kind of thing somebody asks for."""
    names = {"Page": "page", "Form": "form", "Lead": "lead", "Person": "person", "AdAccount": "account",
             "Campaign": "campaign", "AdSet": "adset", "Ad": "ad"}  # fmt: skip
    if isinstance(node, str):
        return "app" if node == world.tokens.app_id else "dataset"
    return names[type(node).__name__]


@dataclass(frozen=True)
class _Refused:
    """What was refused last for want of a right, and how much of it was asked for."""

    target: _Target
    asked: int
    error: ApiError


class Gateway:
    """Answers calls of Graph. `observers` see each with its answer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes = {(one.verb, one.kind, one.edge): one for one in ROUTES}
        self._refused: _Refused | None = None
        self.observers: list[Callable[[Exchange], None]] = []

    def handle(self, request: Request) -> Answer:
        """Answer one HTTP request: one call, several things by `ids`, or a batch."""
        try:
            version, parts = self._version(request.path)
            params = _params(request)
            params.setdefault("access_token", _bearer(request))
            if not parts and request.http == "POST":
                return self._batch(version, params)
        except ApiError as error:
            return self._refusal(error, {})
        return self._one(request.http, version, parts, params)

    def _one(self, verb: str, version: int, parts: Sequence[str], params: Mapping[str, Any]) -> Answer:
        route, headers, wrote = f"{verb} {'/'.join(parts)}", dict[str, str](), False
        try:
            headers |= self._age(version)
            reply, target = self._reply(verb, version, parts, params)
            route, wrote = target.route.name, target.route.writes
            headers |= {**reply.headers, **self._usage(target.page_id)}
            answer = Answer(200, escaped(reply.value), headers=self._common(version) | headers, wrote=wrote)
            value = reply.value
        except _CallError as refused:
            route = refused.route
            headers |= self._usage(refused.page_id, refused.error.regain_min)
            answer = self._refusal(refused.error, headers)
            value = json.loads(answer.body)
        except ApiError as error:
            answer = self._refusal(error, headers)
            value = json.loads(answer.body)
        for observer in self.observers:
            observer(Exchange(route, params, answer.status, value))
        return answer

    def _reply(self, verb: str, version: int, parts: Sequence[str], params: Mapping[str, Any]) -> tuple[Reply, _Target]:
        """Do what is asked. Raises ApiError, which says (as _CallError) of what it is, where that is known."""
        if not parts:
            return self._several(params, version)
        token = self._token(parts, params)
        with self._world.lock:
            target = self._target(verb, version, parts, token)
        try:
            if target.page_id:
                self._world.usage.count(target.page_id, target.route.name)
            self._misfortune(target, token, params)
            call = Call(self._world, verb, self._url(version, parts), token, target.node, params)
            with contextlib.nullcontext() if target.route.unlocked else self._world.lock:
                return target.route.handler(call), target
        except ApiError as error:
            raise _CallError(error, target.route.name, target.page_id) from None

    def _several(self, params: Mapping[str, Any], version: int) -> tuple[Reply, _Target]:
        """Tell of several things at once, all or none; each counts as a call."""
        ids = list(dict.fromkeys(one for one in str(params.get("ids") or "").split(",") if one))
        if not ids:
            raise ApiError(2500, "Unknown path components: /")
        if len(ids) > MOST_IDS:
            raise invalid(f"Too many IDs. Maximum: {MOST_IDS}. Provided: {len(ids)}.")
        found: dict[str, Any] = {}
        missing: list[str] = []
        target: _Target | None = None
        for one in ids:
            try:
                reply, target = self._reply("GET", version, (one,), params)
                found[one] = reply.value
            except ApiError as error:
                if (error.code, error.subcode) != (100, 33):
                    raise
                missing.append(one)
        if missing or target is None:
            raise aliases(missing)
        return Reply(found), target

    # -- batches ------------------------------------------------------------------------------------------------------

    def _batch(self, version: int, params: Mapping[str, Any]) -> Answer:
        """Answer many calls, each with a fate of its own. Raises ApiError: the batch itself is none."""
        wishes = params.get("batch")
        try:
            wishes = json.loads(wishes) if isinstance(wishes, str) else wishes
        except ValueError:
            raise invalid("param batch must be an array.") from None
        if not isinstance(wishes, list) or not all(isinstance(one, dict) for one in wishes):
            raise invalid("param batch must be an array.")
        if len(wishes) > MOST_INSIDE:
            raise ApiError(1, f"Too many requests in batch message. Maximum batch size is {MOST_INSIDE}")
        if not params.get("access_token"):
            raise _nobody()
        outer = {name: params[name] for name in ("access_token", "appsecret_proof") if name in params}
        with_headers = str(params.get("include_headers", "true")).lower() != "false"
        told: list[Json | None] = []
        wrote = False
        for one in wishes:
            if self._world.faults.take("batch_unanswered"):
                told.append(None)  # it took too long
                continue
            answer = self._inner(one, version, outer)
            wrote = wrote or answer.wrote
            told.append(_told(answer, with_headers=with_headers))
        return Answer(200, escaped(told), headers=self._common(version), wrote=wrote)

    def _inner(self, wish: Json, version: int, outer: Mapping[str, Any]) -> Answer:
        where, _, query = str(wish.get("relative_url", "")).partition("?")
        body = wish.get("body")
        form = dict(parse_qsl(body, keep_blank_values=True)) if isinstance(body, str) else {}
        params = {**outer, **dict(parse_qsl(query, keep_blank_values=True)), **form}
        if "access_token" in wish:
            params["access_token"] = wish["access_token"]
        path = "/" + where.strip("/")
        try:
            if _VERSION.match(path.strip("/").partition("/")[0]):
                version, parts = self._version(path)
            else:
                parts = _parts(path)
        except ApiError as error:
            return self._refusal(error, {})
        return self._one(str(wish.get("method", "GET")).upper(), version, parts, params)

    # -- who asks for what --------------------------------------------------------------------------------------------

    def _version(self, path: str) -> tuple[int, Sequence[str]]:
        """The version and the parts of a path; without a version it is the oldest that lives. Raises ApiError."""
        parts = _parts(path)
        found = _VERSION.match(parts[0]) if parts else None
        if not found:
            return self._world.oldest_version, parts
        if int(found[1]) > self._world.current_version:
            raise ApiError(2500, f"Unknown path components: /{parts[0]}")
        return int(found[1]), parts[1:]

    def _age(self, version: int) -> dict[str, str]:
        """What is said of an old version. Raises ApiError: it is too old."""
        world = self._world
        current = f"v{world.current_version}.0"
        is_old = version < world.oldest_version
        if world.faults.take("version_ended") or (is_old and not world.warns_of_version):
            raise old_version(f"v{version}.0", current)
        if is_old or world.faults.take("version_warning"):
            text = f"The call has been auto-upgraded to {current} as v{version}.0 will be deprecated."
            return {"X-Ad-Api-Version-Warning": text}
        return {}

    def _token(self, parts: Sequence[str], params: Mapping[str, Any]) -> Token:
        """Whose call it is. Raises ApiError."""
        if "/".join(parts) == "oauth/access_token":
            return Token("", "", "", "", 0, 0, frozenset())
        text = str(params.get("access_token") or "")
        if not text:
            raise _nobody()
        found = self._world.tokens.check(text)
        self._world.tokens.check_proof(found, str(params.get("appsecret_proof") or ""))
        return found

    def _target(self, verb: str, version: int, parts: Sequence[str], token: Token) -> _Target:
        """Raises ApiError: there is no such thing, or nothing like that to be done with it."""
        whole = "/".join(parts)
        if whole in _ROOTS:
            node, kind, edge = None, "", whole
        else:
            node = self._find(parts[0], token)
            if node is None:
                raise not_there(parts[0], verb)
            kind, edge = kind_of(self._world, node), "/".join(parts[1:])
        route = self._routes.get((verb, kind, edge))
        if route is None:
            raise not_there(parts[0], verb) if verb != "GET" else ApiError(
                2500, f"Unknown path components: /{edge}", kind="OAuthException"
            )  # fmt: skip
        page_id = node.id if isinstance(node, Page) else node.page_id if isinstance(node, Form | Lead) else ""
        page_id = page_id or (node.id if isinstance(node, AdAccount) else "")
        return _Target(route, node, version, page_id)

    def _find(self, name: str, token: Token) -> Any:
        world = self._world
        if name == "me":
            if token.kind == "PAGE":
                return world.pages.get(token.page_id)
            return world.people.get(token.person_id)
        if name in (world.tokens.app_id, *world.ledger.datasets):
            return name
        if name == "app":
            return world.tokens.app_id
        shelves: tuple[Mapping[str, Any], ...] = (
            world.leads, world.forms, world.pages, world.people, world.accounts, world.campaigns, world.adsets, world.ads,
        )  # fmt: skip
        return next((shelf[name] for shelf in shelves if name in shelf), None)

    # -- what goes wrong on command -----------------------------------------------------------------------------------

    def _misfortune(self, target: _Target, token: Token, params: Mapping[str, Any]) -> None:
        """Commit a fault that was ordered, if any. Raises ApiError."""
        take, name = self._world.faults.take, target.route.name
        if script := self._world.scripted(name):
            raise ApiError(
                script.code, script.message, subcode=script.subcode, status=script.status,
                is_transient=script.is_transient, regain_min=script.regain_min,
            )  # fmt: skip
        _troubles(take)
        if not token.person_id:
            return
        if take("revoked"):
            raise dead(460)
        wants_token = name in _TOKENS or "access_token" in str(params.get("fields", ""))
        if not wants_token and take("token_expired"):
            if token.kind == "PAGE":
                self._world.tokens.expire(token)
            raise dead(463)
        if take("api_disabled"):
            raise blocked()
        self._check_again(target, params)
        if refusal := self._right_missing(target, token):
            self._refused = _Refused(target, len(str(params.get("fields", ""))), refusal)
            raise refusal

    def _check_again(self, target: _Target, params: Mapping[str, Any]) -> None:
        """Whoever was refused and asks at once for less of the same is refused as well. Raises ApiError."""
        before, self._refused = self._refused, None
        if before is None or (before.target.route, before.target.node) != (target.route, target.node):
            return
        if len(str(params.get("fields", ""))) < before.asked:
            raise before.error

    def _right_missing(self, target: _Target, token: Token) -> ApiError | None:
        """What is said where a fault that was ordered took a right away."""
        take = self._world.faults.take
        if token.kind == "PAGE" and take("role_lost"):
            return dead(492)
        if take("scope_missing"):
            return denied("leads_retrieval")
        if target.route.kind in ("form", "lead") or target.route.edge == "leadgen_forms":
            if take("lead_access_revoked"):
                return no_lead_access(103)
            if take("lead_access_revoked_200"):
                return no_lead_access(200)
        return None

    # -- answers ------------------------------------------------------------------------------------------------------

    def _url(self, version: int, parts: Sequence[str]) -> str:
        return f"{self._world.base_url}/v{version}.0/{'/'.join(parts)}"

    def _usage(self, page_id: str, regain_min: int = 0) -> dict[str, str]:
        return self._world.usage.header(page_id, regain_min) if page_id else {}

    @staticmethod
    def _common(version: int) -> dict[str, str]:
        return {"facebook-api-version": f"v{version}.0", "x-fb-request-id": secrets.token_urlsafe(15)}

    @staticmethod
    def _refusal(error: ApiError, headers: Mapping[str, str]) -> Answer:
        """Put an error in words."""
        trace_id = secrets.token_urlsafe(15)
        told = {"x-fb-trace-id": trace_id, **headers, **error.headers}
        return Answer(error.status, escaped(error.body(trace_id)), headers=told)


class _CallError(ApiError):
    """A refusal of which it is known what it is about."""

    def __init__(self, error: ApiError, route: str, page_id: str) -> None:
        super().__init__(error.code, error.message, error.subcode)
        self.error, self.route, self.page_id = error, route, page_id


def _troubles(take: Callable[[str], bool]) -> None:
    """Troubles of the service itself. Raises ApiError."""
    if take("server_error"):
        raise ApiError(1, "An unknown error occurred", status=500)
    if take("unavailable"):
        raise unknown(503)
    if take("transient"):
        raise unknown(400)
    if take("rate_limited"):
        raise ApiError(4, "(#4) Application request limit reached", status=429, headers={"Retry-After": "1"})
    if take("leadgen_throttled"):
        raise throttled(80005, 1)
    if take("user_throttled"):
        raise throttled(17, 1, 2446079)


def _nobody() -> ApiError:
    return ApiError(104, "An access token is required to request this resource.")


def _parts(path: str) -> Sequence[str]:
    return tuple(unquote(one) for one in path.split("/") if one)


def _bearer(request: Request) -> str:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() in ("bearer", "oauth") else ""


def _params(request: Request) -> dict[str, Any]:
    """What stands in the query and in the body. Raises ApiError."""
    found: dict[str, Any] = dict(request.query)
    if not request.body:
        return found
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        try:
            told = json.loads(request.body)
        except ValueError:
            raise invalid("The body is no JSON.") from None
        return {**found, **told} if isinstance(told, dict) else found
    return {**found, **dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))}


def _told(answer: Answer, *, with_headers: bool) -> Json:
    told: Json = {"code": answer.status}
    if with_headers:
        told["headers"] = [{"name": name, "value": value} for name, value in answer.headers.items()]
    return {**told, "body": answer.body.decode()}
