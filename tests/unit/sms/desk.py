"""A gateway's account, and hooks as the web layer hands them on."""

import hashlib
import hmac
import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connectors.sms.remote import SmsRemote
from connectors.sms.settings import SmsSettings
from connectors.sms.simulator import SmsSimulator
from connectors.sms.webhook import receive
from hub.connector.checking import Alone
from hub.connector.contract import Account, Received
from hub.connector.hook import Hook

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
URL = "https://hub.example/hooks/our-token"
TOKEN, SID = "twilio-auth-token", "AC" + "5" * 32
SECRET = "s3cret-of-this-test"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "sms"


def account(**settings: Any) -> Account[SmsSettings]:
    return Account(1, "sms", SmsSettings.model_validate(settings), "IL", "Asia/Jerusalem")


def twilio(**settings: Any) -> Account[SmsSettings]:
    return account(**{"preset": "twilio", "account_sid": SID, "password": TOKEN, **settings})


def at(simulator: SmsSimulator, **changes: Any) -> Account[SmsSettings]:
    """The account of a simulator, which waits for nothing long."""
    return account(**{**simulator.settings(), "timeout_s": 2.0, **changes})


def remote(simulator: SmsSimulator, **changes: Any) -> SmsRemote:
    return SmsRemote(at(simulator, **changes), Alone())


def in_json(told: Any, **headers: str) -> Hook:
    return Hook(json.dumps(told).encode(), {name.replace("_", "-"): one for name, one in headers.items()}, JSON)


def in_form(fields: dict[str, str], **headers: str) -> Hook:
    return Hook(urlencode(fields).encode(), {name.replace("_", "-"): one for name, one in headers.items()}, FORM)


def said(told: Any, **settings: Any) -> Received:
    return receive(account(**settings), in_json(told))


def twilio_signature(fields: dict[str, str], url: str = URL, token: str = TOKEN) -> str:
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def recorded(name: str) -> Received:
    file = FIXTURES / f"{name}.http"
    head, _, body = file.read_bytes().partition(b"\n\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head.decode().splitlines())}
    made = account(**json.loads(file.with_name("account.json").read_text("utf-8")))
    return receive(made, Hook(body, headers, headers["content-type"]))


def one(received: Received) -> dict[str, Any]:
    """The one record of a call, without what stands in it as it came."""
    assert not received.odd
    (record,) = received.records
    assert record.payload["id"] == record.remote_id
    return {name: value for name, value in record.payload.items() if name != "original"}
