"""Takes one webhook call: who sent it, what it says, what the telephone system shall do."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs

from connectors.phonehook.message import Event, HookMessage
from connectors.phonehook.settings import PhoneHookSettings, digits
from hub.connector.contract import Account, Received
from hub.connector.hook import Hook
from hub.errors import HookError, ShapeError

MAX_BODY = 64 * 1024
SIGNATURE = "x-hub-signature-256"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


def receive(account: Account[PhoneHookSettings], hook: Hook) -> Received:
    """Check and read one call.

    Raises:
        HookError: it is not signed as agreed.
        ShapeError: it is not of the contract; the text says what is wrong.
    """
    settings = account.settings
    if len(hook.body) > MAX_BODY:
        raise ShapeError(f"a message of {len(hook.body)} bytes is too long; at most {MAX_BODY}")
    _check_signature(settings.signing_secret.get_secret_value(), hook)
    if hook.query:
        # They end up in the log of every server on the way.
        raise ShapeError("variables in the address are not taken; send them in the body")
    message = HookMessage.read(_fields(hook))
    answer = _answer(settings, message)
    if answer.get("action") == "reject":
        message = message.model_copy(update={"rejected": True})
    return Received(heard=(message.raw(),), answer=answer)


def _check_signature(secret: str, hook: Hook) -> None:
    if not secret:
        return
    wanted = "sha256=" + hmac.new(secret.encode(), hook.body, hashlib.sha256).hexdigest()
    given = hook.headers.get(SIGNATURE, "").strip().lower()
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "surrogateescape")):
        raise HookError(f"the header {SIGNATURE} is missing or wrong; sign the raw body with the account's secret")


def _fields(hook: Hook) -> dict[str, Any]:
    kind = hook.content_type.partition(";")[0].strip().lower()
    fields: dict[str, Any]
    if kind == _MULTIPART:
        fields = {name: list(values) for name, values in hook.form.items()}
    elif kind == _FORM:
        fields = _form(_decoded(hook.body))
    else:
        fields = _json(_decoded(hook.body))
    fields.pop("rejected", None)  # that is ours to say
    return fields


def _form(text: str) -> dict[str, Any]:
    # Read here and not by the web layer, which takes escaped latin-1 bytes for broken UTF-8.
    for encoding in ("utf-8", "latin-1"):
        try:
            return dict(parse_qs(text, keep_blank_values=True, max_num_fields=500, encoding=encoding, errors="strict"))
        except UnicodeDecodeError:
            continue
        except ValueError:
            break
    raise ShapeError("the form has too many fields")


def _json(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise ShapeError("the body is neither JSON nor a form; set Content-Type to what it is") from None
    if not isinstance(fields, dict):
        raise ShapeError("the body must be one JSON object")
    return fields


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")  # old telephone systems; every byte has a letter


def _answer(settings: PhoneHookSettings, message: HookMessage) -> dict[str, Any]:
    """What the telephone system shall do with a new call; nothing special is `{}`."""
    if message.event is not Event.NEW_CALL:
        return {}
    if message.inbound:
        number = digits(message.caller)
        if settings.reject_blocked and number and number.startswith(settings.blocked):
            return {"action": "reject", "reason": "busy"}
        return {}
    if settings.caller_id:
        # The contract's documentation spells it both ways.
        number = settings.caller_id
        return {"action": "dial", "callerId": number, "caller_id": number, "number": message.called}
    return {}
