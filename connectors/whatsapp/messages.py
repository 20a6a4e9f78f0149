"""A message as Meta posts it, as a flat record. Whatever has no field of its own stays in `original`.

Of somebody with a user name Meta may leave the phone number out; then only the id that this business knows him by is there.
Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages,
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from hub.connector.contract import Delivered
from hub.records.message import Channel, Content

RECORDS = "message"
LONGEST_ID = 300
_PHONE = re.compile(r"\+?([0-9]{5,20})")
_USER = re.compile(r"[A-Z]{2}(\.ENT)?\.[A-Za-z0-9]{1,128}")  # an id that a business knows somebody by
_HEX = re.compile(r"[0-9a-fA-F]{64}")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A number of ours."""

    id: str
    number: str  # as people see it

    @classmethod
    def of(cls, metadata: Any) -> Self | None:
        """Read what stands beside messages; None: it names no number."""
        told = inner(metadata)
        line = text(told.get("phone_number_id"))
        if not line.isascii() or not line.isdigit():
            return None
        number = text(told.get("display_phone_number"))
        return cls(line, phone(number) or number)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at the other end, as far as he is told."""

    phone: str = ""  # with +
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says, whatever its type."""

    content: Content
    text: str = ""
    reply_to: str = ""
    media: Mapping[str, Any] | None = None


def delivered(line: Line, one: Any, contacts: Sequence[Person], *, is_ours: bool = False) -> Delivered | None:
    """Return a message as a record; None: it has no id, comes from nobody, or belongs to a group.

    Args:
        is_ours: somebody of us wrote it, in the WhatsApp Business app.
    """
    told = inner(one)
    remote_id = text(told.get("id"))
    peer = _peer(told, contacts, is_ours=is_ours)
    if not remote_id or len(remote_id) > LONGEST_ID or not (peer.phone or peer.id) or told.get("group_id"):
        return None
    said = _said(told)
    payload: dict[str, Any] = {
        "id": remote_id,
        "channel": str(Channel.WHATSAPP),
        "direction": "outbound" if is_ours else "inbound",
        "line": line.id,
        "line_number": line.number,
        "at": moment(told.get("timestamp")),
        "content": str(said.content),
        "text": said.text,
        "reply_to": said.reply_to or text(inner(told.get("context")).get("id")),
        "peer_phone": peer.phone,
        "peer_id": peer.id,
        "peer_name": peer.name,
        "media": [dict(said.media)] if said.media else [],
        "referral": _referral(told.get("referral")),
        "original": dict(told),
    }
    return Delivered(RECORDS, remote_id, filled(payload))


def contacts_of(listed: Any) -> Sequence[Person]:
    """Return the people that a post names beside its messages."""
    found = []
    for one in listed if isinstance(listed, list) else []:
        told, profile = inner(one), inner(inner(one).get("profile"))
        user = text(told.get("user_id"))
        person = Person(
            phone(told.get("wa_id")),
            user_id(user) or user_id(told.get("wa_id")),
            text(profile.get("name")) or text(profile.get("username")),
        )
        found.append(person)
    return found


def _peer(told: Json, contacts: Sequence[Person], *, is_ours: bool) -> Person:
    """Return who wrote, or whom we wrote to; the names stand beside, found by number or id."""
    given = told.get("to" if is_ours else "from")
    number = phone(given)
    known = user_id(told.get("to_user_id" if is_ours else "from_user_id")) or user_id(given)
    beside = next((one for one in contacts if (known and one.id == known) or (number and one.phone == number)), None)
    if beside is None and len(contacts) == 1 and not (number or known):
        beside = contacts[0]
    if beside is None:
        return Person(number, known)
    return Person(number or beside.phone, known or beside.id, beside.name)


# --- what a message says --------------------------------------------------------------------------------------------


def _said(told: Json) -> _Said:
    kind = text(told.get("type"))
    if kind == "contacts":
        return _contacts(told.get(kind))
    read = _KINDS.get(kind)
    if read is not None:
        return read(inner(told.get(kind)))
    return (
        _Said(Content.OTHER, _errors(told.get("errors"))) if told.get("errors") else _other(kind, inner(told.get(kind)))
    )


def _text(one: Json) -> _Said:
    return _Said(Content.TEXT, text(one.get("body")))


def _file(content: Content) -> Callable[[Json], _Said]:
    def read(one: Json) -> _Said:
        media = {
            "id": text(one.get("id")),
            "media_type": text(one.get("mime_type")).partition(";")[0].strip(),
            "name": text(one.get("filename")),
            "sha256": sha256(one.get("sha256")),
        }
        return _Said(content, text(one.get("caption")), media=filled(media) if media["id"] else None)

    return read


def _place(one: Json) -> _Said:
    named = [text(one.get("name")), text(one.get("address"))]
    where = ", ".join(text(one.get(name)) for name in ("latitude", "longitude"))
    return _Said(Content.PLACE, "\n".join(part for part in [*named, where.strip(", "), text(one.get("url"))] if part))


def _contacts(told: Any) -> _Said:
    lines = []
    for one in told if isinstance(told, list) else []:
        card = inner(one)
        name = text(inner(card.get("name")).get("formatted_name"))
        numbers = [text(inner(number).get("phone")) for number in _list(card.get("phones"))]
        mails = [text(inner(mail).get("email")) for mail in _list(card.get("emails"))]
        lines.append(", ".join(part for part in [name, *numbers, *mails] if part))
    return _Said(Content.CONTACTS, "\n".join(lines))


def _reaction(one: Json) -> _Said:
    return _Said(Content.REACTION, text(one.get("emoji")), text(one.get("message_id")))


def _button(one: Json) -> _Said:
    return _Said(Content.CHOICE, text(one.get("text")) or text(one.get("payload")))


def _interactive(one: Json) -> _Said:
    chosen = inner(one.get(text(one.get("type"))))
    words = [text(chosen.get(name)) for name in ("title", "description", "body", "response_json")]
    return _Said(Content.CHOICE, "\n".join(word for word in words if word))


def _order(one: Json) -> _Said:
    lines = [text(one.get("text"))]
    for item in map(inner, _list(one.get("product_items"))):
        price = f"{text(item.get('item_price'))} {text(item.get('currency'))}".strip()
        lines.append(f"{text(item.get('quantity'))} x {text(item.get('product_retailer_id'))} {price}".strip())
    return _Said(Content.OTHER, "\n".join(line for line in lines if line))


def _system(one: Json) -> _Said:
    return _Said(Content.OTHER, text(one.get("body")) or text(one.get("type")))


def _template(one: Json) -> _Said:
    return _Said(Content.TEMPLATE, text(one.get("body")) or text(one.get("name")))


def _other(kind: str, one: Json) -> _Said:
    """Say as much as there is of a type that came after this was written."""
    return _Said(Content.OTHER, text(one.get("body")) or text(one.get("text")) or kind)


def _errors(listed: Any) -> str:
    """Return what Meta says of a message that it could not hand over."""
    for one in map(inner, _list(listed)):
        words = [text(inner(one.get("error_data")).get("details")), text(one.get("message")), text(one.get("title"))]
        if found := next((word for word in words if word), ""):
            return found
    return ""


_KINDS: Mapping[str, Callable[[Json], _Said]] = {
    "text": _text, "image": _file(Content.IMAGE), "audio": _file(Content.AUDIO), "voice": _file(Content.AUDIO),
    "video": _file(Content.VIDEO), "document": _file(Content.FILE), "sticker": _file(Content.STICKER),
    "location": _place, "reaction": _reaction, "button": _button, "interactive": _interactive,
    "order": _order, "system": _system, "template": _template,
}  # fmt: skip


def _referral(one: Any) -> dict[str, Any] | None:
    """Return the ad that somebody came from, or the post, which has no id of an ad.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/text
    """
    told = inner(one)
    found = {
        "ad_id": text(told.get("source_id")) if told.get("source_type") == "ad" else "",
        "url": text(told.get("source_url")),
        "headline": text(told.get("headline")),
        "text": text(told.get("body")),
        "click_id": text(told.get("ctwa_clid")),
    }
    return filled(found) or None


# --- single values --------------------------------------------------------------------------------------------------


def inner(value: Any) -> dict[str, Any]:
    """Return an object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Return a text or a number as text; anything else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return value if isinstance(value, str) else str(value)


def phone(value: Any) -> str:
    """Return a number as WhatsApp writes it, always with its country, with a +; empty: it is none."""
    digits = re.sub(r"[ ()-]", "", text(value))
    match = _PHONE.fullmatch(digits)
    return f"+{match[1]}" if match else ""


def user_id(value: Any) -> str:
    """Return the id that this business knows somebody by, such as `US.13491208655302741918`; empty: it is none."""
    given = text(value)
    return given if _USER.fullmatch(given) else ""


def moment(value: Any) -> str:
    """Return seconds since 1970 as a time in UTC; empty where they are none."""
    try:
        seconds = int(text(value)) if len(text(value)) <= 12 else 0
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def sha256(value: Any) -> str:
    """Return a hash in hexadecimal, which webhooks write in base64; empty: it is none."""
    given = text(value)
    if _HEX.fullmatch(given):
        return given.lower()
    try:
        made = base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        return ""
    return made.hex() if len(made) == 32 else ""


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not there; of an empty text nothing follows, and a reaction taken back is told by its content."""
    return {name: value for name, value in values.items() if value not in ("", None, [])}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []
