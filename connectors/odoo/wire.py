"""The three ways to call a method of a model of Odoo: JSON-2, JSON-RPC and XML-RPC. What may be called the client decides.

Sources: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html,
https://www.odoo.com/documentation/18.0/developer/reference/external_api.html
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import requests

from connectors.odoo import xml_rpc
from connectors.odoo.errors import NoPlaceError, Refusal, error_of, refusal_of, refusal_of_fault
from connectors.odoo.settings import JSON2, JSONRPC, XMLRPC, OdooSettings
from hub.connector.http import Session, blocks
from hub.errors import AuthError, RetryLaterError

LARGEST = 100 * 2**20  # bytes of one answer
JSON, XML = "application/json", "text/xml"
_WHOSE = "Odoo's answer"
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Posted:
    """What came back from one request."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    asked_at: datetime | None  # by the server's clock, at the latest; None: it does not say what time it is


@dataclass(frozen=True, slots=True)
class Answer:
    value: Any
    asked_at: datetime | None  # as of `Posted`


class Wire(Protocol):
    """One protocol."""

    name: str

    @property
    def uid(self) -> int:
        """Number of the user whose key it is; 0: nobody asks for it."""

    def call(self, model: str, method: str, parameters: Parameters) -> Answer:
        """Call a method; `ids` among the parameters are the records that it is called on.

        Raises:
            ConnectorError: one of them, see `errors.error_of`.
        """


class Door:
    """Where one server is posted to."""

    def __init__(self, settings: OdooSettings) -> None:
        self.settings = settings
        self._session = Session(settings.ca)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def post(self, path: str, content: bytes, kind: str, headers: Mapping[str, str] | None = None) -> Posted:
        """Post something. Raises RetryLaterError: the server cannot be reached."""
        return self._sent("POST", path, content, {"Content-Type": kind, **(headers or {})})

    def get(self, path: str) -> Posted:
        """Read a page that is open to everybody. Raises as `post`."""
        return self._sent("GET", path, None, {})

    def _sent(self, verb: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Posted:
        try:
            answer = self._session.request(
                verb, f"{self.settings.base}{path}", data=content, headers={"Accept": "*/*", **headers},
                timeout=self.settings.timeout_s, stream=True, allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Odoo's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Odoo cannot be reached: {type(error).__name__}") from None
        body = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(body) > LARGEST:
            raise RetryLaterError(f"{_WHOSE} is larger than {LARGEST} bytes; set a smaller page")
        return Posted(answer.status_code, answer.headers, body, _asked_at(answer))


class Json2:
    """Odoo 19 and newer: one transaction a call."""

    name = JSON2
    uid = 0

    def __init__(self, door: Door, key: str = "", uid: int = 0) -> None:
        del uid
        self._door = door
        self._key = key or door.settings.api_key.get_secret_value()

    def call(self, model: str, method: str, parameters: Parameters) -> Answer:
        headers = {"Authorization": f"Bearer {_plain(self._key)}"}
        if self._door.settings.database:
            headers["X-Odoo-Database"] = self._door.settings.database
        posted = self._door.post(f"/json/2/{model}/{method}", json.dumps(parameters).encode(), JSON, headers)
        told = read(posted.content)
        if posted.status != requests.codes.ok or told is _UNREADABLE:
            raise error_of(refusal_of(told, posted.status), model, posted.headers)
        return Answer(told, posted.asked_at)


class _Rpc(ABC):
    """What the two older protocols share: who is let in has a number, and methods are called by `execute_kw`."""

    def __init__(self, door: Door, key: str = "", uid: int = 0) -> None:
        settings = door.settings
        self._door = door
        self._database, self._username = settings.database, settings.username
        self._key = key or settings.api_key.get_secret_value()
        self.uid = uid

    def call(self, model: str, method: str, parameters: Parameters) -> Answer:
        if not self.uid:
            self.uid = self._login()
        named = dict(parameters)
        ids = [named.pop("ids")] if "ids" in named else []
        return self._execute(model, self._database, self.uid, self._key, model, method, ids, named)

    def _login(self) -> int:
        if not (self._username and self._database):
            raise AuthError("This Odoo has no JSON-2: enter the database and the name of the user whose key it is.")
        told = self._service("common", "authenticate", "res.users", self._database, self._username, self._key, {}).value
        if not isinstance(told, int) or isinstance(told, bool) or not told:
            raise AuthError("Odoo knows no such user with this key: correct it and connect again.")
        return told

    def _execute(self, model: str, *arguments: Any) -> Answer:
        return self._service("object", "execute_kw", model, *arguments)

    @abstractmethod
    def _service(self, service: str, method: str, model: str, *arguments: Any) -> Answer:
        """Call a service; the model is the one that an error is about."""


class JsonRpc(_Rpc):
    """Odoo up to 21."""

    name = JSONRPC

    def _service(self, service: str, method: str, model: str, *arguments: Any) -> Answer:
        called = {"service": service, "method": method, "args": arguments}
        body = {"jsonrpc": "2.0", "method": "call", "params": called, "id": 1}
        posted = self._door.post("/jsonrpc", json.dumps(body).encode(), JSON)
        told = read(posted.content)
        if posted.status != requests.codes.ok or not isinstance(told, dict):
            raise error_of(Refusal("", "", posted.status), model, posted.headers)
        if "error" in told or "result" not in told:
            error = told.get("error")
            data = error.get("data") if isinstance(error, dict) else None
            raise error_of(refusal_of(data, posted.status), model, posted.headers)
        return Answer(told["result"], posted.asked_at)


class XmlRpc(_Rpc):
    """Odoo up to 21, ten times as slow."""

    name = XMLRPC

    def _service(self, service: str, method: str, model: str, *arguments: Any) -> Answer:
        posted = self._door.post(f"/xmlrpc/2/{service}", xml_rpc.encoded(method, *arguments), XML)
        if posted.status != requests.codes.ok:
            raise error_of(Refusal("", "", posted.status), model, posted.headers)
        try:
            return Answer(xml_rpc.decoded(posted.content), posted.asked_at)
        except xml_rpc.FaultError as fault:
            raise error_of(refusal_of_fault(fault.code, fault.text), model, posted.headers) from None


WIRES: Mapping[str, type[Json2 | JsonRpc | XmlRpc]] = {JSON2: Json2, JSONRPC: JsonRpc, XMLRPC: XmlRpc}


def version(door: Door) -> str:
    """Return the version that a server says it has, such as `19.0`.

    Raises:
        NoPlaceError: it is no Odoo.
        RetryLaterError: it cannot be reached.
    """
    found = _version_of(door.get("/web/version")) or _version_of(door.post("/web/webclient/version_info", b"{}", JSON))
    if found:
        return found
    raise NoPlaceError("There is no Odoo at this address.")


def _version_of(posted: Posted) -> str:
    told = read(posted.content)
    told = told.get("result", told) if isinstance(told, dict) else None
    found = (told.get("version") or told.get("server_version")) if isinstance(told, dict) else None
    return found if posted.status == requests.codes.ok and isinstance(found, str) else ""


def read(content: bytes) -> Any:
    """Read JSON with its amounts as the digits that were sent; `_UNREADABLE` where it is none."""
    try:
        return json.loads(content, parse_float=str, parse_constant=_refused)
    except (ValueError, RecursionError):
        return _UNREADABLE


class _Unreadable:
    """What is no JSON; an answer may be null or false."""


_UNREADABLE = _Unreadable()


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _plain(key: str) -> str:
    """Return a key as a header may have it."""
    if not key.isascii() or not key.isprintable():
        raise AuthError("The API key has characters that no key has; copy it again.")
    return key


def _asked_at(answer: requests.Response) -> datetime | None:
    """Return when a request was sent, at the latest, by the clock of who answered it.

    Their moment of answering, less the time that the answer took to begin: whatever they looked at, they looked later.
    """
    try:
        answered_at = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    at = answered_at if answered_at.tzinfo else answered_at.replace(tzinfo=UTC)
    return at.astimezone(UTC) - answer.elapsed - timedelta(seconds=1)
