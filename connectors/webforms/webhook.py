"""Takes one answer of a form: from whom, by a person or a robot, and what was answered."""

import time
from datetime import UTC, datetime
from typing import Any

from connectors.webforms import presets, proof
from connectors.webforms.lead import name_of
from connectors.webforms.settings import WebFormsSettings
from hub.connector.contract import Account, Delivered, Finding, Level, Received
from hub.connector.fields import LARGEST
from hub.connector.hook import Hook
from hub.errors import ShapeError

RECORDS = "lead"
EARLIEST = 2000  # a year; whatever tells an earlier one has no clock


def receive(account: Account[WebFormsSettings], hook: Hook) -> Received:
    """Check and read one call.

    Raises:
        HookError: it is not from whom it says.
        ShapeError: it is not what this program sends.
    """
    settings = account.settings
    if len(hook.body) > LARGEST:
        raise ShapeError(f"the body has {len(hook.body)} bytes; at most {LARGEST}")
    proof.check(settings, hook)
    if presets.is_trapped(settings, hook):
        return _thanks(settings, hook)  # as to everybody, so that it learns nothing
    lead = presets.read(settings, hook)
    if not any(value.strip() for one in lead.answers for value in one["values"]) and not lead.consents:
        raise ShapeError("nothing was answered")
    payload: dict[str, Any] = {
        "form_name": settings.form_name, "language": settings.language, "platform": "web",
        **{name: value for name, value in lead.payload().items() if value not in ("", None)},
    }  # fmt: skip
    if moment := _moment(payload.pop("created_at", "")):
        payload["created_at"] = moment
    remote_id = name_of(lead, int(time.time() // 60))
    return _thanks(settings, hook, Delivered(RECORDS, remote_id, {"id": remote_id, **payload}))


def check(account: Account[WebFormsSettings]) -> list[Finding]:
    """Look at the settings: nobody can be asked."""
    how = account.settings.proved_by
    text = f"Ready to take answers; calls prove themselves by {how.value}."
    return [Finding("hook", Level.GREEN, text, "Let the form post to the account's address.")]


def _thanks(settings: WebFormsSettings, hook: Hook, *records: Delivered) -> Received:
    wants_page = "text/html" in hook.headers.get("accept", "")
    return Received(
        records=records, answer={"ok": True}, page=wants_page, redirect=settings.thanks_url if wants_page else ""
    )


def _moment(text: str) -> str:
    """Return when it was answered, as the program says; never later than now, and empty where it does not say."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if told.year <= EARLIEST:
        return ""
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return min(told, datetime.now(UTC)).isoformat()
