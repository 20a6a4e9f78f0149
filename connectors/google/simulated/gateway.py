"""The front door of all APIs: who asks, may he, what does he ask, what does it cost.

Source: https://developers.google.com/workspace/gmail/api/guides/handle-errors and the discovery documents
"""

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl

from connectors.google.simulated import (
    account,
    calendar_api,
    calendar_more,
    directory,
    gmail,
    gmail_more,
    people_api,
    people_groups,
    pubsub,
)
from connectors.google.simulated import fieldmask as masks
from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import (
    ApiError,
    Json,
    api_disabled,
    bad_request,
    bad_token,
    rate_limited,
    scope_missing,
)
from connectors.google.simulated.oauth import Token
from connectors.google.simulated.spec import Method, Spec
from connectors.google.simulated.world import Exchange, World
from hub.connector.simulated.wire import Answer, Request, json_answer

HANDLERS: dict[str, Handler] = {
    **account.HANDLERS, **calendar_api.HANDLERS, **calendar_more.HANDLERS, **directory.HANDLERS, **gmail.HANDLERS, **gmail_more.HANDLERS,
    **people_api.HANDLERS, **people_groups.HANDLERS, **pubsub.HANDLERS,
}  # fmt: skip
_LOST = "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> The requested URL was not found on this server."


def overridden(request: Request) -> Request:
    """A long GET may come as POST of its query.

    Source: https://cloud.google.com/apis/docs/system-parameters (X-HTTP-Method-Override)
    """
    verb = request.headers.get("x-http-method-override")
    if request.http != "POST" or not verb:
        return request
    query, body = request.query, request.body
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        query = [*query, *parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)]
        body = b""
    return Request(verb.upper(), request.path, query, request.headers, body)


class Gateway:
    """Answers calls of the APIs. `observers` see each with its answer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._spec = Spec()
        self.observers: list[Callable[[Exchange], None]] = []

    def handle(self, request: Request) -> Answer:
        """Answer one call."""
        request = overridden(request)
        path = request.path.removeprefix("/people") if request.path.startswith("/people/v1/") else request.path
        found = self._spec.find(request.http, path)
        if found is None:
            return Answer(404, _LOST.encode(), "text/html; charset=UTF-8")
        method, places = found
        query: Json = {}
        body: Json = {}
        user = ""
        try:
            token = self._token(request)
            user = token.principal
            self._misfortune(method)
            handler = self._handler(method, token)
            mask = masks.parse(next((text for name, text in request.query if name == "fields"), "*"))
            query = method.read_query(request.query)
            body = self._body(method, request)
            self._world.quota.charge(method.api, method.id, user)
            call = Call(self._world, method, user, token.scopes, places, query, body, request.headers, request.media)
            with self._world.lock:
                value = handler(call)
        except ApiError as error:
            self._observe(Exchange(method, user, query, body, error.code, error.body()))
            return json_answer(error.body(), error.code, error.headers)
        self._observe(Exchange(method, user, query, body, 204 if value is None else 200, value))
        if value is None:
            return Answer(204, wrote=method.writes)
        etag = {"ETag": value["etag"]} if "etag" in value else {}
        return replace(json_answer(masks.keep(mask, value), headers=etag), wrote=method.writes)

    def _observe(self, exchange: Exchange) -> None:
        for observer in self.observers:
            observer(exchange)

    def _token(self, request: Request) -> Token:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            text = next((value for name, value in request.query if name in ("access_token", "oauth_token")), "")
        found = self._world.oauth.check(text.strip())
        if found is None:
            raise bad_token()
        return found

    def _misfortune(self, method: Method) -> None:
        """Commit a fault that was ordered, if any."""
        if method.api == "pubsub":
            return  # notifications have faults of their own
        take = self._world.faults.take
        if take("token_expired"):
            raise bad_token()
        if take("api_disabled"):
            raise api_disabled(method.api)
        if take("scope_missing"):
            raise scope_missing(method.api, method.id)
        if take("server_error"):
            raise ApiError(500, "backendError", "Internal error encountered.")
        if take("unavailable"):
            raise ApiError(503, "backendError", "The service is currently unavailable.")
        if take("rate_limited"):
            raise rate_limited(429)
        if take("rate_limited_403"):
            raise rate_limited(403)
        if take("quota_user"):
            raise rate_limited(403, "userRateLimitExceeded")

    def _handler(self, method: Method, token: Token) -> Handler:
        if method.scopes and not method.scopes & token.scopes:
            raise scope_missing(method.api, method.id)
        handler = HANDLERS.get(method.id)
        if handler is None:
            raise ApiError(501, "notImplemented", f"{method.id} is not part of this simulator.")
        return handler

    def _body(self, method: Method, request: Request) -> Json:
        if not request.body or not method.request:
            return {}
        try:
            found = json.loads(request.body)
        except ValueError:
            raise bad_request("Invalid JSON payload received. Unexpected token.", "parseError") from None
        if not isinstance(found, dict):
            raise bad_request("Invalid JSON payload received. Root element must be a message.", "parseError")
        method.check_body(found)
        return found
