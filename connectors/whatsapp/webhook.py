r"""Webhooks: Meta posts messages and what became of ours, up to a thousand in one body, again and again for seven days.

There is no history to read later: what is posted here is the only copy. So whoever proves who he is is thanked for
whatever he sends, and what nobody understands is kept aside as it came.
Meta signs the bytes that it sends, in which letters are written as `\u05e9` and slashes as `\/`: the bytes are compared,
never what was made of them.
Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint,
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.whatsapp import messages, statuses
from connectors.whatsapp.settings import WhatsAppSettings
from hub.connector import websub
from hub.connector.contract import Account, Delivered, Received
from hub.connector.fields import is_deeper
from hub.connector.hook import Hook
from hub.errors import ShapeError

LARGEST = 5 << 20  # bytes of one post; Meta's own limit is said to be 3 MB
DEEPEST = 50
OBJECT = "whatsapp_business_account"
MESSAGES, ECHOES = "messages", "smb_message_echoes"  # echoes: what people wrote in the WhatsApp Business app
_THANKS = {"ok": True}  # Meta wants 200; after any other answer it posts the same again


@dataclass(slots=True)
class _Told:
    """What a post tells, as far as it was read."""

    settings: WhatsAppSettings
    records: dict[tuple[str, str], Delivered] = field(default_factory=dict)
    odd: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, around: Mapping[str, Any], part: Any, record: Delivered | None) -> None:
        """Keep a record, or its part as it came where it is none, or another one of the same name."""
        name = (record.stream, record.remote_id) if record else ("", "")
        if record is None or self.records.setdefault(name, record) != record:
            self.odd.append({**around, "part": part})


def receive(account: Account[WhatsAppSettings], hook: Hook) -> Received:
    """Check and read one call, or answer a handshake.

    Raises:
        HookError: it is not from whom it says.
        ShapeError: it is larger than Meta posts.
    """
    settings = account.settings
    if hook.method == "GET":
        return Received(text=websub.handshake(hook, settings.verify_token.get_secret_value()))
    if len(hook.body) > LARGEST:
        raise ShapeError(f"the body has {len(hook.body)} bytes; at most {LARGEST}")
    websub.check_signature(hook, settings.secrets)
    told = _read(settings, hook.body)
    return Received(records=tuple(told.records.values()), answer=_THANKS, odd=tuple(told.odd))


def _read(settings: WhatsAppSettings, body: bytes) -> _Told:
    """Take everything out of a signed post that can be understood, and keep the rest as it came."""
    told = _Told(settings)
    try:
        post = json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        post = None
    if is_deeper(post, DEEPEST):  # nothing that Meta posts, and what is kept must be readable by everybody
        post = None
    listed = post.get("entry") if isinstance(post, dict) else None
    if not isinstance(post, dict) or post.get("object") != OBJECT or not isinstance(listed, list):
        told.odd.append(post if isinstance(post, dict) else {"body": body.decode("utf-8", "replace")})
        return told
    for entry in listed:
        for around, change in _changes(entry):
            _take(told, around, change)
    return told


def _changes(entry: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Yield the changes of an entry, each with what is around it."""
    changes = entry.get("changes") if isinstance(entry, dict) else None
    if not isinstance(changes, list):
        yield {"entry": entry}, None
        return
    around = {name: value for name, value in entry.items() if name != "changes"}
    for change in changes:
        yield {"entry": around}, change


def _take(told: _Told, around: Mapping[str, Any], change: Any) -> None:
    """Take one change apart; of a number that is none of ours it is kept whole."""
    value = change.get("value") if isinstance(change, dict) else None
    kind = change.get("field") if isinstance(change, dict) else ""
    if kind not in (MESSAGES, ECHOES) or not isinstance(value, dict):
        told.odd.append({**around, "change": change})
        return
    line = messages.Line.of(value.get("metadata"))
    if line is None or not told.settings.wants(str(around["entry"].get("id") or ""), line.id):
        told.odd.append({**around, "change": change})
        return
    contacts = messages.contacts_of(value.get("contacts"))
    place = {"change": kind, "metadata": value.get("metadata"), **around}
    if kind == ECHOES:
        for one in _listed(value, "message_echoes"):
            told.add(place, one, messages.delivered(line, one, contacts, is_ours=True))
    for one in _listed(value, "messages"):
        told.add(place, one, messages.delivered(line, one, contacts))
    for one in _listed(value, "statuses"):
        told.add(place, one, statuses.delivered(line, one))
    for one in _listed(value, "errors"):
        told.add(place, one, None)
    if not {"message_echoes", "messages", "statuses", "errors"} & value.keys():
        told.odd.append({**around, "change": change})


def _finite(written: str) -> float:
    """Return a number that JSON may have: `NaN` and what is too large for a number are none.

    Raises:
        ValueError: it is none.
    """
    number = float(written)
    if not math.isfinite(number):
        raise ValueError("no number of JSON")
    return number


def _listed(value: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = value.get(name, [])
    return found if isinstance(found, list) else [found]
