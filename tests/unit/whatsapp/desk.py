"""A WhatsApp account, and hooks as Meta posts them."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from connectors.whatsapp.client import Client
from connectors.whatsapp.remote import WhatsAppRemote
from connectors.whatsapp.settings import WhatsAppSettings
from connectors.whatsapp.simulator import WhatsAppSimulator
from connectors.whatsapp.webhook import receive
from hub.connector.checking import Alone
from hub.connector.contract import Account, Received
from hub.connector.hook import Hook

SECRET, WORD = "test_app_secret", "our-own-word"
BUSINESS, LINE = "102290129340398", "106540352242922"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "whatsapp"


def account(**changes: Any) -> Account[WhatsAppSettings]:
    given = {"app_id": "1", "app_secret": SECRET, "verify_token": WORD, "token": "EAAtest", "business_id": BUSINESS}
    return Account(1, "whatsapp", WhatsAppSettings.model_validate({**given, **changes}), "IL", "Asia/Jerusalem")


def at(simulator: WhatsAppSimulator, **changes: Any) -> Account[WhatsAppSettings]:
    """The account of a simulator, which waits for nothing long."""
    given = {**simulator.settings(), "timeout_s": 2.0, **changes}
    return Account(1, "whatsapp", WhatsAppSettings.model_validate(given), "IL", "Asia/Jerusalem")


def remote(simulator: WhatsAppSimulator, **changes: Any) -> WhatsAppRemote:
    return WhatsAppRemote(at(simulator, **changes), Alone())


def client(simulator: WhatsAppSimulator, **changes: Any) -> Client:
    return Client(at(simulator, **changes).settings, Alone())


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def hook(body: bytes, **headers: str) -> Hook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hook(body, {"x-hub-signature-256": signed(body), **named}, "application/json")


def asked(**query: str) -> Hook:
    """A handshake."""
    given = {"mode": "subscribe", "verify_token": WORD, "challenge": "0012345", **query}
    return Hook(b"", {}, "", query={f"hub.{name}": [value] for name, value in given.items()}, method="GET")


def post(*changes: dict[str, Any], business: str = BUSINESS) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": business, "changes": list(changes)}]}


def change(value: dict[str, Any], *, line: str = LINE, field: str = "messages") -> dict[str, Any]:
    metadata = {"display_phone_number": "97235551234", "phone_number_id": line}
    return {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": field}


def text(number: int, body: str = "hello", **more: Any) -> dict[str, Any]:
    return {
        "from": "972502345678", "id": f"wamid.{number}", "timestamp": "1795406400", "type": "text",
        "text": {"body": body}, **more,
    }  # fmt: skip


def said(told: Any, **changes: Any) -> Received:
    """What comes of something that Meta signed."""
    return receive(account(**changes), hook(json.dumps(told).encode()))


def recorded(name: str) -> Received:
    head, _, body = (FIXTURES / f"{name}.http").read_bytes().partition(b"\n\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head.decode().splitlines())}
    values = json.loads((FIXTURES / "account.json").read_text("utf-8"))
    made = Account(1, "whatsapp", WhatsAppSettings.model_validate(values), "IL", "UTC")
    return receive(made, Hook(body, headers, "application/json"))


def one(received: Received) -> dict[str, Any]:
    """The one record of a call, without what stands in it as it came."""
    assert not received.odd
    (record,) = received.records
    assert record.payload["id"] == record.remote_id
    return {name: value for name, value in record.payload.items() if name != "original"}
