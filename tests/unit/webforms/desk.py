"""An account that takes forms, and hooks as the web layer hands them on."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from connectors.webforms.settings import WebFormsSettings
from connectors.webforms.webhook import receive
from hub.connector.contract import Account, Received
from hub.connector.hook import Hook

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "webforms"
SECRET = "s3cret-of-this-test"


def account(**settings: Any) -> Account[WebFormsSettings]:
    return Account(1, "forms", WebFormsSettings.model_validate(settings), "IL", "Asia/Jerusalem")


def hook(body: bytes, kind: str = JSON, **headers: str) -> Hook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(EnvironBuilder(method="POST", data=body, content_type=kind).get_environ())
    form = dict(request.form.lists()) if kind.startswith("multipart/") else {}
    return Hook(body, named, request.mimetype, form)


def in_json(fields: Any) -> Hook:
    return hook(json.dumps(fields, ensure_ascii=False).encode())


def in_form(fields: Any) -> Hook:
    return hook(urlencode(fields, doseq=True).encode(), FORM)


def recorded(name: str) -> tuple[Account[WebFormsSettings], Hook]:
    """A recorded hook, and the account it was recorded for."""
    file = FIXTURES / f"{name}.http"
    head, _, body = file.read_bytes().partition(b"\n\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head.decode().splitlines())}
    return account(**json.loads(file.with_name("account.json").read_text("utf-8"))), Hook(
        body, headers, headers["content-type"]
    )


def lead(received: Received) -> dict[str, Any]:
    (one,) = received.records
    assert one.stream == "lead"
    assert one.payload["id"] == one.remote_id
    return one.payload


def taken(given: Hook, **settings: Any) -> dict[str, Any]:
    return lead(receive(account(**settings), given))


def answers(payload: dict[str, Any]) -> dict[str, list[str]]:
    """What was answered, by key."""
    return {one["key"]: one["values"] for one in payload["answers"]}
