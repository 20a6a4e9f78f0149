"""Takes what a gateway posts: messages that came in, and what became of those that we sent."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.sms import message, proof
from connectors.sms.message import Part
from connectors.sms.settings import Preset, Proof, SmsSettings
from hub.connector.contract import Account, Delivered, Received
from hub.connector.fields import LARGEST, Fields, flat, is_form, read_form, read_json
from hub.connector.hook import Hook
from hub.errors import ShapeError

MOST = 1000  # messages of one call
LONGEST_ID = 300


@dataclass(frozen=True, slots=True)
class _Call:
    account: Account[SmsSettings]
    hook: Hook


def receive(account: Account[SmsSettings], hook: Hook) -> Received:
    """Check and read one call.

    Raises:
        HookError: it is not from whom it says.
        ShapeError: it is neither JSON nor a form, or there is too much of it.
    """
    settings = account.settings
    if len(hook.body) > LARGEST:
        raise ShapeError(f"the body has {len(hook.body)} bytes; at most {LARGEST}")
    proof.check(settings, hook)
    call = _Call(account, hook)
    records: dict[tuple[str, str], Delivered] = {}
    odd: list[Mapping[str, Any]] = []
    parts = _parts(settings, hook)
    for part in parts:
        record = _record(call, part, len(parts))
        name = (record.stream, record.remote_id) if record else ("", "")
        if record is None or records.setdefault(name, record) != record:
            odd.append(dict(part))
    # Twilio would take JSON for instructions of its own language that it cannot read: no word is good for it.
    answer = None if settings.preset is Preset.TWILIO else {"ok": True}
    return Received(records=tuple(records.values()), answer=answer, odd=tuple(odd))


def _parts(settings: SmsSettings, hook: Hook) -> Sequence[Fields]:
    """Return the messages and states of a call, each with its fields."""
    if is_form(hook):
        return [read_form(hook)]
    if hook.body.lstrip()[:1] == b"[":
        hook = replace(hook, body=b'{"messages":' + hook.body + b"}")
    told = read_json(hook)
    found = next((told[name] for name in settings.names["list"] if isinstance(told.get(name), list)), None)
    if settings.preset is Preset.TWILIO or not found or not all(isinstance(one, dict) for one in found):
        return [flat(told)]
    if len(found) > MOST:
        raise ShapeError(f"a call has at most {MOST} messages")
    return [flat(one) for one in found]


def _record(call: _Call, fields: Fields, many: int) -> Delivered | None:
    """Return a message or a state; None: nobody understands it."""
    settings = call.account.settings
    part = Part(settings, fields, call.account.time_zone)
    word = part.word
    if word and word not in message.CAME_IN:
        state = settings.words.get(word)
        if state is not None and part.id:
            return message.status(part, state)
        if not part.one("text"):
            return None
    return message.inbound(part, part.id or _named(call, part, many))


def _named(call: _Call, part: Part, many: int) -> str:
    """Return a name for a message whose gateway gives it none: the call's own, or what it says and when.

    Without a time either, the same words in another second are another message: better twice than not at all.
    """
    headers = call.hook.headers
    given = headers.get("webhook-id", "") if call.account.settings.proved_by is Proof.STANDARD else ""
    given = given or headers.get("idempotency-key", "")
    if given and many == 1:
        return given if len(given) <= LONGEST_ID else _hash([given])
    return _hash([given, part.fields, "" if given or part.one("at") else int(time.time())])


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:40]
