"""Who writes, and how Meta tells what they wrote.

Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages,
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
AD: Json = {
    "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
    "headline": "גינה חדשה לקיץ", "body": "Spring offer / 20%", "media_type": "image",
    "image_url": "https://scontent.example/ad.jpg", "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e_mIEOOj27vDVwFjN80dp4_0NiNhEgpGo0AHemvuSoifXaytfTzcchptiErTKCqTrJ5nW1h7IHYeYymGb5K5J5iTROpBhWAGaIAeUzHL50",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A number of the business."""

    id: str
    display: str
    name: str

    @property
    def metadata(self) -> Json:
        return {"display_phone_number": self.display, "phone_number_id": self.id}


@dataclass(frozen=True, slots=True)
class Person:
    """A customer; whoever took a user name may keep the number to himself."""

    wa_id: str
    user_id: str
    name: str
    username: str = ""
    hides_number: bool = False

    @property
    def contact(self) -> Json:
        profile = {"name": self.name, **({"username": self.username} if self.username else {})}
        told: Json = {"profile": profile, "user_id": self.user_id}
        return told if self.hides_number else {**told, "wa_id": self.wa_id}

    @property
    def sender(self) -> Json:
        """How a message names him."""
        told: Json = {"from_user_id": self.user_id}
        return told if self.hides_number else {**told, "from": self.wa_id}

    @property
    def recipient(self) -> Json:
        """How a status names him."""
        told: Json = {"recipient_user_id": self.user_id}
        return told if self.hides_number else {**told, "recipient_id": self.wa_id}


@dataclass(frozen=True, slots=True)
class File:
    """What somebody sent besides words."""

    id: str
    content: bytes
    media_type: str

    @property
    def told(self) -> Json:
        digest = base64.b64encode(hashlib.sha256(self.content).digest()).decode()
        return {"id": self.id, "mime_type": self.media_type, "sha256": digest}


def body_of(kind: str, text: str, file: File | None) -> Json:
    """The part of a message that its type names."""
    of_file: Json = file.told if file else {}
    shapes: Mapping[str, Any] = {
        "text": {"body": text},
        "image": {**of_file, "caption": text},
        "video": {**of_file, "caption": text},
        "audio": {**of_file, "voice": True},
        "document": {**of_file, "caption": text, "filename": "מדידות.pdf"},
        "sticker": {**of_file, "animated": False},
        "location": {"latitude": 32.0853, "longitude": 34.7818, "name": "Garden", "address": "HaYarkon 1, Tel Aviv"},
        "contacts": [{"name": {"formatted_name": "Noa Levi", "first_name": "Noa"},
                      "phones": [{"phone": "+972 50 234 5679", "wa_id": "972502345679", "type": "CELL"}]}],
        "button": {"payload": "yes", "text": text},
        "interactive": {"type": "list_reply", "list_reply": {"id": "r1", "title": text, "description": "Morning"}},
        "order": {"catalog_id": "194836987003835", "text": text, "product_items": [
            {"product_retailer_id": "di9ozbzfi4", "quantity": 2, "item_price": 30, "currency": "ILS"}]},
        "system": {"body": "User Dana changed from 972502345678 to 972502345688", "wa_id": "972502345688", "type": "user_changed_number"},
    }  # fmt: skip
    if kind == "unsupported":
        details = {"details": "Message type is currently not supported."}
        error = {
            "code": 131051,
            "title": "Message type unknown",
            "message": "Message type unknown",
            "error_data": details,
        }
        return {"errors": [error], "type": kind, kind: {"type": "poll"}}
    return {"type": kind, kind: shapes.get(kind, {"body": text})}


def post(business: str, changes: Sequence[tuple[float, str, Json]]) -> Json:
    """Several changes as one request tells them: when, which field, and what."""
    listed = [{"value": value, "field": field} for _, field, value in changes]
    return {"object": "whatsapp_business_account", "entry": [{"id": business, "changes": listed}]}


def escaped(value: Any) -> bytes:
    r"""JSON in ASCII, with `\u05e9` for other letters and `\/` for a slash, which is what is signed.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
    """
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()
