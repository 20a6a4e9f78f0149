"""A message of Gmail as the hub's mails are made of: header, parts, and what the mailbox says of it.

Source: https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages#Message
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from hub.connector.mail import Part, from_parts
from hub.errors import ShapeError
from hub.records.mail import Envelope, Mail, Place

_PLACES = {"INBOX": Place.INBOX, "SENT": Place.SENT, "DRAFT": Place.DRAFT, "SPAM": Place.SPAM, "TRASH": Place.TRASH}
DEEPEST = 50


def header(payload: Any) -> list[tuple[str, str]]:
    """Return names and values of a message's header, in their order."""
    listed = payload.get("headers", []) if isinstance(payload, dict) else []
    if not isinstance(listed, list):
        raise ShapeError("the message's header is no list")
    return [(str(one.get("name", "")), str(one.get("value", ""))) for one in listed if isinstance(one, dict)]


def parts(payload: Any) -> list[Part]:
    """Return the leaves of a message's tree; files are named and not loaded."""
    if not isinstance(payload, dict):
        raise ShapeError("the message has no payload")
    return list(_leaves(payload, (), DEEPEST))


def places(labels: Any) -> frozenset[Place]:
    """Return where the mailbox keeps a message."""
    return frozenset(_PLACES[label] for label in labels or () if label in _PLACES)


def read(message: Mapping[str, Any], names: Mapping[str, str]) -> Mail:
    """Read one message.

    Args:
        message: as `messages.get` with `format=full` answers it.
        names: of the mailbox's labels, by their ids.
    """
    labels = tuple(names.get(str(label), str(label)) for label in message.get("labelIds", []))
    received = message.get("internalDate")
    told = Envelope(
        remote_id=str(message.get("id", "")),
        thread_id=str(message.get("threadId", "")),
        received_at=datetime.fromtimestamp(int(received) / 1000, UTC) if received else None,
        labels=labels,
        places=places(message.get("labelIds")),
        size=int(message.get("sizeEstimate", 0)),
        snippet=str(message.get("snippet", "")),
    )
    return from_parts(header(message.get("payload")), parts(message.get("payload")), told)


def _leaves(part: Mapping[str, Any], around: tuple[str, ...], deep: int) -> Iterator[Part]:
    media_type = str(part.get("mimeType", "")).lower()
    inner = part.get("parts")
    if isinstance(inner, list) and inner and deep:
        for one in inner:
            if isinstance(one, dict):
                yield from _leaves(one, (*around, media_type), deep - 1)
        return
    body = part.get("body")
    body = body if isinstance(body, dict) else {}
    said = {name.lower(): value for name, value in header(part)}
    disposition = said.get("content-disposition", "").partition(";")[0].strip().lower()
    yield Part(
        number=str(part.get("partId", "")),
        media_type=media_type or "text/plain",
        content=_decoded(body.get("data")),
        size=int(body.get("size", 0)),
        charset="utf-8",  # Gmail hands texts over in UTF-8, whatever they were sent in
        name=str(part.get("filename", "")),
        content_id=said.get("content-id", "").strip().strip("<>"),
        disposition=disposition,
        alternative="multipart/alternative" in around,
        related="multipart/related" in around,
        flowed="format=flowed" in said.get("content-type", "").replace(" ", "").lower(),
        delsp="delsp=yes" in said.get("content-type", "").replace(" ", "").lower(),
        method=_method(said.get("content-type", "")),
    )


def _decoded(data: Any) -> bytes | None:
    if not isinstance(data, str):
        return None
    try:
        return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return b""


def _method(content_type: str) -> str:
    for one in content_type.split(";")[1:]:
        name, _, value = one.partition("=")
        if name.strip().lower() == "method":
            return value.strip().strip('"').upper()
    return ""
