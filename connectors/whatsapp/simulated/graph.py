"""The Cloud API: numbers, messages, files, and what a token is worth. Refusals come with HTTP 400 and a code.

Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference,
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, parse_qsl, urlsplit

from connectors.whatsapp.simulated.people import File, Json, Line, Person
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

FILES = "/whatsapp_business/attachments/"
URL_LIVES_S = 300.0
LONGEST = 4096
SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging", "public_profile")
_VERSION = re.compile(r"/v\d{1,3}\.0(?P<rest>/.*)?")
_HUGE = 200 << 20
_LYING = 3 << 20


@dataclass
class RefusalError(Exception):
    """An error of Graph."""

    code: int
    message: str
    details: str = ""
    subcode: int = 0
    status: int = 400
    transient: bool = False

    def answer(self) -> Answer:
        error: Json = {
            "message": f"(#{self.code}) {self.message}", "type": "OAuthException", "code": self.code,
            "fbtrace_id": secrets.token_urlsafe(8),
        }  # fmt: skip
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode:
            error["error_subcode"] = self.subcode
        if self.transient:
            error["is_transient"] = True
        return json_answer({"error": error}, self.status)


@dataclass
class Sent:
    """A message that the business sent."""

    id: str
    line: Line
    person: Person
    body: Json


class Posts(Protocol):
    """What the world does with a message that was taken."""

    def __call__(self, sent: Sent) -> None: ...


@dataclass
class Graph:
    """What the business has at Meta."""

    faults: Faults
    clock: Clock
    app_id: str
    app_secret: str
    token: str
    business: str
    lines: Mapping[str, Line]
    people: list[Person]
    posts: Posts
    base_url: str = ""
    files: dict[str, File] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    addresses: dict[str, tuple[str, float]] = field(default_factory=dict)  # hash -> file, until when

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path == FILES:
            return self._file(request)
        match = _VERSION.fullmatch(request.path)
        try:
            if match is None:
                raise RefusalError(2500, "An active access token must be used, or the version is unknown.")
            return self._version(request, (match["rest"] or "/").strip("/").split("/"))
        except RefusalError as refused:
            return refused.answer()

    def _version(self, request: Request, parts: list[str]) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if parts == [""] and request.http == "POST":
            return self._batch(request, token)
        self._misfortune()
        self._must_live(token)
        match request.http, parts:
            case "GET", ["debug_token"]:
                return json_answer(self._debug(dict(request.query).get("input_token", "")))
            case "GET", [self.business, "phone_numbers"]:
                return json_answer({"data": [self._line(one) for one in self.lines.values()], "paging": {}})
            case "GET", [self.business, "subscribed_apps"]:
                app = {"whatsapp_business_api_data": {"id": self.app_id, "name": "Hub", "link": self.base_url}}
                return json_answer({"data": [] if self.faults.take("not_subscribed") else [app]})
            case "POST", [line, "messages"] if line in self.lines:
                return self._send(self.lines[line], _json(request.body))
            case "GET", [media] if media in self.files:
                return self._address(self.files[media])
        raise _not_there(parts[0])

    def _misfortune(self) -> None:
        """Refuse what is refused on command."""
        for name, error in _REFUSALS.items():
            if self.faults.take(name):
                raise error()

    def _must_live(self, token: str) -> None:
        if token == f"{self.app_id}|{self.app_secret}":
            return
        if token != self.token:
            raise RefusalError(190, "Invalid OAuth access token - Cannot parse access token", status=401)
        if self.faults.take("token_expired"):
            raise RefusalError(190, "Error validating access token: Session has expired.", subcode=463, status=401)
        if self.faults.take("revoked"):
            raise RefusalError(
                190, "Error validating access token: The session has been invalidated.", subcode=460, status=401
            )

    # -- what a token is worth ----------------------------------------------------------------------------------------

    def _batch(self, request: Request, token: str) -> Answer:
        self._misfortune()
        self._must_live(token)
        [call] = json.loads(dict(parse_qsl(request.body.decode()))["batch"])
        url = urlsplit(call["relative_url"])
        asked = parse_qs(url.query).get("input_token", [""])[0]
        body = self._debug(asked) if url.path == "debug_token" else {}
        return json_answer([{"code": 200, "headers": [], "body": json.dumps(body)}])

    def _debug(self, token: str) -> Json:
        is_dead = self.faults.waits("token_expired") or self.faults.waits("revoked")
        if token != self.token or is_dead:
            error = {"code": 190, "message": "Error validating access token: Session has expired."}
            return {"data": {"is_valid": False, "scopes": [], "error": error}}
        scopes = [
            one for one in SCOPES if one != "whatsapp_business_messaging" or not self.faults.waits("scope_missing")
        ]
        return {"data": {"app_id": self.app_id, "type": "SYSTEM_USER", "is_valid": True, "expires_at": 0,
                         "data_access_expires_at": 0, "scopes": scopes}}  # fmt: skip

    def _line(self, one: Line) -> Json:
        quality = "RED" if self.faults.waits("low_quality") else "GREEN"
        return {"id": one.id, "display_phone_number": one.display, "verified_name": one.name,
                "quality_rating": quality, "status": "CONNECTED"}  # fmt: skip

    # -- messages -----------------------------------------------------------------------------------------------------

    def _send(self, line: Line, asked: Json) -> Answer:
        for name, error in _SENDING.items():
            if self.faults.take(name):
                raise error()
        person = self._recipient(asked)
        text = asked.get("text")
        if asked.get("messaging_product") != "whatsapp" or asked.get("type") != "text" or not isinstance(text, dict):
            raise RefusalError(100, "Invalid parameter", "messaging_product and text are required")
        if not 0 < len(str(text.get("body", ""))) <= LONGEST:
            raise RefusalError(100, "Invalid parameter", f"text.body must have 1 to {LONGEST} characters")
        sent = Sent(f"wamid.{secrets.token_hex(20)}", line, person, asked)
        self.sent.append(sent)
        self.posts(sent)
        contact = {"input": asked.get("to") or asked.get("recipient"), "user_id": person.user_id}
        contact |= {} if person.hides_number else {"wa_id": person.wa_id}
        told = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": sent.id}]}
        answer = json_answer(told)
        return Answer(answer.status, answer.body, answer.content_type, answer.headers, wrote=True)

    def _recipient(self, asked: Json) -> Person:
        number, user = re.sub(r"\D", "", str(asked.get("to", ""))), asked.get("recipient")
        for one in self.people:
            if (number and one.wa_id == number) or (not number and user and one.user_id == user):
                return one
        if not number:
            raise RefusalError(131009, "Parameter value is not valid", "recipient")
        raise RefusalError(131026, "Message Undeliverable", "Message Undeliverable.")

    # -- files --------------------------------------------------------------------------------------------------------

    def _address(self, file: File) -> Answer:
        if self.faults.take("media_gone"):
            raise _not_there(file.id)
        mark = secrets.token_urlsafe(16)
        self.addresses[mark] = (file.id, self.clock.time() + URL_LIVES_S)
        host = "https://files.elsewhere.example" if self.faults.take("media_elsewhere") else self.base_url
        size = _HUGE if self.faults.take("media_huge") else len(file.content)
        return json_answer({
            "messaging_product": "whatsapp", "url": f"{host}{FILES}?mid={file.id}&hash={mark}", "id": file.id,
            "mime_type": file.media_type, "sha256": hashlib.sha256(file.content).hexdigest(), "file_size": size,
        })  # fmt: skip

    def _file(self, request: Request) -> Answer:
        name, until = self.addresses.get(dict(request.query).get("hash", ""), ("", 0.0))
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401)
        if name not in self.files or self.clock.time() > until:
            return Answer(404)
        content = b"\0" * _LYING if self.faults.take("media_lies") else self.files[name].content
        return Answer(200, content, self.files[name].media_type)


def _json(body: bytes) -> Json:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise RefusalError(100, "Invalid parameter", "The body is no JSON object")
    return told


def _not_there(what: str) -> RefusalError:
    text = f"Object with ID '{what}' does not exist, cannot be loaded due to missing permissions"
    return RefusalError(100, f"Unsupported request. {text}", subcode=33)


def _refusal(*given: Any, **more: Any) -> Callable[[], RefusalError]:
    return lambda: RefusalError(*given, **more)


_REFUSALS: Mapping[str, Callable[[], RefusalError]] = {
    "server_error": _refusal(131000, "Something went wrong", status=500),
    "unavailable": _refusal(131016, "Service unavailable", status=503),
    "transient": _refusal(2, "API Service", transient=True),
    "rate_limited": _refusal(80007, "Rate limit issues", status=429),
    "scope_missing": _refusal(10, "Application does not have permission for this action", status=403),
    "api_disabled": _refusal(368, "Temporarily blocked for policies violations", status=403),
}
_SENDING: Mapping[str, Callable[[], RefusalError]] = {
    "throttled": _refusal(130429, "Rate limit hit", "Message failed to send because there were too many messages"),
    "pair_limited": _refusal(131056, "(Business Account, Consumer Account) pair rate limit hit", "Too many messages"),
    "window_closed": _refusal(
        131047, "Re-engagement message", "More than 24 hours have passed since the customer last replied"
    ),
    "undeliverable": _refusal(131026, "Message Undeliverable", "Message Undeliverable."),
    "account_locked": _refusal(131031, "Business Account locked", status=403),
}
