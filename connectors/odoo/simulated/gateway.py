"""The front door: which protocol, which database, whose key, and what goes wrong on command.

Sources: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html (JSON-2) and
https://www.odoo.com/documentation/19.0/developer/reference/external_rpc_api.html (XML-RPC, JSON-RPC); statuses and bodies
were recorded from Odoo 19.0.
"""

import json
import re
import xmlrpc.client
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from email.utils import format_datetime
from html import escape
from typing import Any
from xml.parsers.expat import ExpatError

from connectors.odoo.simulated import crm, writes
from connectors.odoo.simulated.calls import METHODS, call_by_name, call_by_place
from connectors.odoo.simulated.errors import (
    OdooError,
    access_denied,
    database_error,
    key_error,
    no_right,
    not_found,
    of_http,
    type_error,
    unauthorized,
    user_error,
)
from connectors.odoo.simulated.people import Person
from connectors.odoo.simulated.world import World
from hub.connector.simulated.wire import Answer, Request

JSON2 = re.compile(r"^/json/2/([^/]+)/([^/]+)$")
_HTML, _JSON, _XML = "text/html; charset=utf-8", "application/json; charset=utf-8", "text/xml; charset=utf-8"
_VERSIONS = frozenset({"/web/version", "/json/version"})
_WRITES = frozenset(
    name for (_, name), one in METHODS.items() if one.handler.__module__ in {writes.__name__, crm.__name__}
)  # fmt: skip
_NO_DATABASE = (
    "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected and the requested URL was "
    "not found in the server-wide controllers.</p>\n<p>Please verify the hostname, <a href=/web/login>login</a> and try "
    "again.</p>\n\n<!-- Alternatively, use the X-Odoo-Database header. -->\n"
)
# What callers' nonsense ends in, here as there: Odoo answers 500 with the name of the exception.
_FORESEEN = (ValueError, TypeError, AttributeError, KeyError, IndexError, ArithmeticError, RecursionError)
_SLOW = timedelta(hours=1)  # by which a clock is behind, with its fault
_FAULT_OTHER, _FAULT_WARNING, _FAULT_DENIED, _FAULT_NO_RIGHT = 1, 2, 3, 4  # of XML-RPC


class Gateway:
    """Answers requests, one at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.observers: list[Callable[[str, str, Mapping[str, Any]], None]] = []  # of model, method, parameters

    def handle(self, request: Request) -> Answer:
        """Answer a request; the server's own clock stands in its head."""
        answer = self._answer(request)
        slow = _SLOW if self._world.faults.take("expire_cursor") else timedelta()
        stamp = format_datetime(self._world.clock.now() - slow, usegmt=True)
        return Answer(answer.status, answer.body, answer.content_type, {"Date": stamp, **answer.headers}, answer.wrote)

    def _answer(self, request: Request) -> Answer:
        path, version = request.path, self._world.version
        if trouble := self._trouble(path):
            return trouble
        if path in _VERSIONS and version >= 19:
            return _json({"version_info": [version, 0, 0, "final", 0, ""], "version": f"{version}.0"})
        if path == "/web/webclient/version_info":
            return _json({"jsonrpc": "2.0", "id": None, "result": self._version()})
        if path == "/web/health":
            return _json({"status": "pass"})
        if path.startswith("/json/2/") and version >= 19:
            return self._json2(request)
        if path == "/jsonrpc":
            return self._jsonrpc(request)
        if path in ("/xmlrpc/2/common", "/xmlrpc/2/object"):
            return self._xmlrpc(request)
        return _page(404, "Page not found")

    def _version(self) -> dict[str, Any]:
        version = self._world.version
        return {
            "server_version": f"{version}.0", "server_version_info": [version, 0, 0, "final", 0, ""],
            "server_serie": f"{version}.0", "protocol_version": 1,
        }  # fmt: skip

    # -- what goes wrong on command ---------------------------------------------------------------------------------------

    def _trouble(self, path: str) -> Answer | None:
        """Troubles of what stands before Odoo."""
        take = self._world.faults.take
        if take("rate_limited"):
            return Answer(429, _words("Too Many Requests"), _HTML, {"Retry-After": "1"})
        if take("unavailable"):
            return _page(503, "Service Temporarily Unavailable")
        if take("bad_gateway"):
            return _page(502, "Bad Gateway")
        if path not in _VERSIONS and take("api_disabled"):
            return _page(403, "Forbidden")
        return None

    def _misfortune(self, model: str, *, by_key: bool) -> None:
        """Troubles of Odoo itself. Raises OdooError."""
        take = self._world.faults.take
        if take("server_error"):
            raise database_error("OperationalError", "server closed the connection unexpectedly\n")
        if take("serialization"):
            raise database_error("errors.SerializationFailure", "could not serialize access due to concurrent update\n")
        if take("revoked"):
            raise unauthorized("Invalid apikey") if by_key else access_denied()
        if model == "res.users":
            return
        if take("token_expired"):
            raise unauthorized("Invalid apikey") if by_key else access_denied()
        known = self._world.models.get(model)
        if take("scope_missing"):
            raise no_right("read", known.title if known else model, model)
        if take("app_removed"):
            raise (
                not_found(f"the model '{model}' does not exist")
                if by_key
                else user_error(f"Object {model} doesn't exist")
            )

    # -- JSON-2 -----------------------------------------------------------------------------------------------------------

    def _json2(self, request: Request) -> Answer:
        if request.headers.get("x-odoo-database", self._world.database_name) != self._world.database_name:
            return Answer(404, _NO_DATABASE.encode(), _HTML)
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if request.http == "POST" and kind != "application/json":
            return _page(415, "Unsupported Media Type", {"Accept": "application/json"})
        found = JSON2.match(request.path)
        headers: dict[str, str] = {}
        try:
            if found is None or request.http != "POST":
                raise not_found("Did you mean POST /json/2/<model>/<method>?")
            body = _parsed(request.body)
            person = self._bearer(request, headers)
            self._misfortune(found[1], by_key=True)
            value = self._run(person, found[1], found[2], body)
        except OdooError as error:
            return Answer(error.status, json.dumps(error.body()).encode(), _JSON, headers)
        return Answer(200, json.dumps(value).encode(), _JSON, wrote=found[2] in _WRITES)

    def _bearer(self, request: Request, headers: dict[str, str]) -> Person:
        """Whose key it is. Raises OdooError."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            if kind:
                headers["WWW-Authenticate"] = "Bearer"
            raise unauthorized("User not authenticated, use an API Key with a Bearer Authorization header.")
        person = self._world.people.with_key(key.strip(), self._world.now())
        if person is None:
            raise unauthorized("Invalid apikey")
        return person

    def _run(self, person: Person, model: str, method: str, body: Mapping[str, Any]) -> Any:
        for one in self.observers:
            one(model, method, body)
        try:
            with self._world.lock:
                return call_by_name(self._world, person, model, method, body)
        except _FORESEEN as error:
            raise OdooError(f"builtins.{type(error).__name__}", str(error)) from error

    # -- JSON-RPC and XML-RPC ---------------------------------------------------------------------------------------------

    def _service(self, service: str, method: str, args: Sequence[Any]) -> Any:
        """Do what the services `common` and `object` offer. Raises OdooError."""
        if service == "common" and method == "version":
            return self._version()
        if service == "common" and method in ("authenticate", "login"):
            database, login, key, *_ = args
            self._is_ours(database)
            if self._world.faults.take("revoked"):
                return False
            person = self._world.people.signed_in(str(login), str(key), self._world.now())
            return person.uid if person is not None else False
        if service != "object" or method != "execute_kw":
            raise key_error(service if service not in ("common", "object") else method)
        database, uid, key, model, name, *rest = args
        self._is_ours(database)
        person = self._world.people.with_key(str(key), self._world.now())
        if person is None or person.uid != uid:
            raise access_denied()
        self._misfortune(str(model), by_key=False)
        for one in self.observers:
            one(str(model), str(name), {"args": rest[0] if rest else [], **(rest[1] if len(rest) > 1 else {})})
        with self._world.lock:
            kwargs = rest[1] if len(rest) > 1 else {}
            return call_by_place(self._world, person, str(model), str(name), rest[0] if rest else [], kwargs)

    def _is_ours(self, database: Any) -> None:
        """Raises OdooError."""
        if database != self._world.database_name:
            text = f'connection to server failed: FATAL:  database "{database}" does not exist\n'
            raise database_error("OperationalError", text)

    def _jsonrpc(self, request: Request) -> Answer:
        try:
            asked = json.loads(request.body)
            params, number = asked["params"], asked.get("id")
            service, method, args = params["service"], params["method"], params["args"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return Answer(400, b"Invalid JSON data", _HTML)
        try:
            value = self._guarded(service, method, args)
            told = {"result": value} if value is not None else {}
        except OdooError as error:
            told = {"error": {"code": 0, "message": "Odoo Server Error", "data": error.body()}}
        return _json({"jsonrpc": "2.0", "id": number, **told})

    def _xmlrpc(self, request: Request) -> Answer:
        service = request.path.rpartition("/")[2]
        try:
            args, method = xmlrpc.client.loads(request.body.decode())
            value = self._guarded(service, str(method), args)
            if value is None:
                raise type_error("cannot marshal None unless allow_none is enabled")
            text = xmlrpc.client.dumps((value,), methodresponse=True)
        except OdooError as error:
            text = xmlrpc.client.dumps(_fault(error))
        except (ExpatError, UnicodeDecodeError, xmlrpc.client.Error) as error:
            text = xmlrpc.client.dumps(
                xmlrpc.client.Fault(_FAULT_OTHER, f"Traceback (most recent call last):\n{error}")
            )
        return Answer(200, text.encode(), _XML)

    def _guarded(self, service: str, method: str, args: Sequence[Any]) -> Any:
        """Raises OdooError, also where the arguments are none."""
        try:
            return self._service(service, method, args)
        except _FORESEEN as error:
            raise OdooError(f"builtins.{type(error).__name__}", str(error)) from error


def _fault(error: OdooError) -> xmlrpc.client.Fault:
    """XML-RPC has four numbers; of what Odoo did not foresee it sends the whole traceback."""
    kind = error.name.removeprefix("odoo.exceptions.")
    if kind == "AccessDenied":
        return xmlrpc.client.Fault(_FAULT_DENIED, error.message)
    if kind == "AccessError":
        return xmlrpc.client.Fault(_FAULT_NO_RIGHT, error.message)
    if kind in ("UserError", "MissingError", "ValidationError"):
        return xmlrpc.client.Fault(_FAULT_WARNING, error.message)
    return xmlrpc.client.Fault(_FAULT_OTHER, error.trace)


def _parsed(body: bytes) -> Mapping[str, Any]:
    """The parameters of a call; what is no object has none. Raises OdooError."""
    try:
        found = json.loads(body or b"{}")
    except ValueError as error:
        raise of_http("BadRequest", f"could not parse the body as json: {error}", 400) from None
    return found if isinstance(found, dict) else {}


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), _JSON)


def _words(title: str) -> bytes:
    return f"<!doctype html>\n<html lang=en>\n<title>{escape(title)}</title>\n<h1>{escape(title)}</h1>\n".encode()


def _page(status: int, title: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, _words(f"{status} {title}"), _HTML, headers or {})
