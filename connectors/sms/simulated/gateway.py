"""What gateways take: a small one that takes JSON, and Twilio's Messages API.

Sources: https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/messaging/api/media-resource
"""

import json
import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

Json = dict[str, Any]
API = "/2010-04-01/Accounts/"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_HUGE = 3 << 20


@dataclass
class Sent:
    """A message that was taken."""

    id: str
    sender: str
    to: str
    text: str
    callback: str
    reference: str = ""


@dataclass
class Gateway:
    """Who may send, and what was sent."""

    faults: Faults
    account: str
    password: str
    numbers: tuple[str, ...]
    taken: Callable[[Sent], None]
    base_url: str = ""
    sent: list[Sent] = field(default_factory=list)
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    known_keys: dict[str, str] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)  # numbers of people who wrote STOP

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path.startswith("/cdn/"):
            return self._file(request.path.rpartition("/")[2])
        is_twilio = request.path.startswith(API)
        refused = self._misfortune(is_twilio=is_twilio) or self._shut_out(request, is_twilio=is_twilio)
        if refused is not None:
            return refused
        return self._twilio(request) if is_twilio else self._generic(request)

    def _misfortune(self, *, is_twilio: bool) -> Answer | None:
        for name, (status, code, message) in _REFUSALS.items():
            if self.faults.take(name):
                headers = {"Retry-After": "1"} if status == 429 else {}
                body = {"code": code, "message": message, "status": status} if is_twilio else {"error": message}
                return json_answer(body, status, headers)
        return None

    def _shut_out(self, request: Request, *, is_twilio: bool) -> Answer | None:
        given = request.headers.get("authorization", "")
        if is_twilio:
            basic = b64decode(given.removeprefix("Basic ") or b"").decode("utf-8", "replace")
            is_in = basic == f"{self.account}:{self.password}"
        else:
            is_in = given == f"Bearer {self.password}"
        if is_in and not self.faults.take("revoked"):
            return None
        words = "Authenticate"
        return json_answer({"code": 20003, "message": words, "status": 401} if is_twilio else {"error": words}, 401)

    # -- a small gateway ------------------------------------------------------------------------------------------------

    def _generic(self, request: Request) -> Answer:
        match request.http, request.path:
            case "GET", "/v1/account":
                return json_answer({"balance": "12.50", "currency": "EUR"})
            case "GET", path if path.startswith("/v1/media/"):
                return self._file(path.rpartition("/")[2])
            case "POST", "/v1/messages":
                return self._take_json(request)
        return json_answer({"error": "no such place"}, 404)

    def _take_json(self, request: Request) -> Answer:
        try:
            told = json.loads(request.body)
        except ValueError:
            told = {}
        number, text = str(told.get("to", "")), str(told.get("text", ""))
        if not re.fullmatch(r"\+?[0-9]{7,15}", number) or not text:
            return json_answer({"error": "to and text are needed"}, 422)
        key = request.headers.get("idempotency-key", "")
        if key and key in self.known_keys:
            return json_answer({"id": self.known_keys[key], "status": "accepted"}, 200)
        sent = Sent(
            f"gw-{secrets.token_hex(8)}", str(told.get("from", "")), number, text, "", str(told.get("reference", ""))
        )
        if key:
            self.known_keys[key] = sent.id
        return self._took(sent, {"id": sent.id, "status": "accepted"}, 202)

    # -- Twilio ---------------------------------------------------------------------------------------------------------

    def _twilio(self, request: Request) -> Answer:
        rest = request.path.removeprefix(API)
        account = self.account
        if rest == f"{account}.json":
            status = "suspended" if self.faults.take("suspended") else "active"
            return json_answer({"sid": account, "friendly_name": "Green Garden", "status": status, "type": "Full"})
        if rest == f"{account}/IncomingPhoneNumbers.json":
            return json_answer({"incoming_phone_numbers": [self._number(one) for one in self.numbers]})
        if rest == f"{account}/Messages.json" and request.http == "POST":
            return self._take_form(dict(parse_qsl(request.body.decode())))
        if re.fullmatch(rf"{account}/Messages/MM[0-9a-f]+/Media/(ME[0-9a-f]+)", rest):
            host = "https://files.elsewhere.example" if self.faults.take("media_elsewhere") else self.base_url
            return Answer(307, headers={"Location": f"{host}/cdn/{rest.rpartition('/')[2]}"})
        words = f"The requested resource {request.path} was not found"
        return json_answer({"code": 20404, "message": words, "status": 404}, 404)

    def _number(self, one: str) -> Json:
        return {
            "phone_number": one,
            "capabilities": {"sms": True, "mms": True, "voice": True},
            "sms_url": "https://hub.example/hooks/x",
        }

    def _take_form(self, told: Mapping[str, str]) -> Answer:
        number, sender = told.get("To", ""), told.get("From", "") or told.get("MessagingServiceSid", "")
        if not _E164.fullmatch(number):
            return _no(21211, f"The 'To' number {number} is not a valid phone number.")
        if sender not in self.numbers and not sender.startswith("MG") and not sender.isalnum():
            return _no(21606, "The From phone number is not a valid, SMS-capable inbound phone number.")
        if number in self.stopped:
            return _no(21610, "Attempt to send to unsubscribed recipient")
        if len(told.get("Body", "")) > 1600:
            return _no(21617, "The concatenated message body exceeds the 1600 character limit")
        sent = Sent(f"SM{secrets.token_hex(16)}", sender, number, told.get("Body", ""), told.get("StatusCallback", ""))
        answer = {
            "sid": sent.id,
            "status": "queued",
            "to": number,
            "from": sender,
            "body": sent.text,
            "error_code": None,
        }
        return self._took(sent, answer, 201)

    # -- both -----------------------------------------------------------------------------------------------------------

    def _took(self, sent: Sent, told: Json, status: int) -> Answer:
        self.sent.append(sent)
        self.taken(sent)
        answer = json_answer(told, status)
        return Answer(status, answer.body, answer.content_type, answer.headers, wrote=True)

    def _file(self, name: str) -> Answer:
        if name not in self.files or self.faults.take("media_gone"):
            return Answer(404)
        content, kind = self.files[name]
        return Answer(200, b"\0" * _HUGE if self.faults.take("media_huge") else content, kind)


def _no(code: int, message: str) -> Answer:
    return json_answer(
        {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": 400},
        400,
    )


_REFUSALS: Mapping[str, tuple[int, int, str]] = {
    "token_expired": (401, 20003, "Authenticate"),
    "scope_missing": (403, 20403, "403 Forbidden"),
    "server_error": (500, 20500, "Internal Server Error"),
    "unavailable": (503, 20503, "Service Unavailable"),
    "rate_limited": (429, 20429, "Too Many Requests"),
}
