"""A message of Graph as the hub's mails are made of: header, parts, and what the mailbox says of it.

A mail that came from outside brings the header it travelled with; one that was written in this mailbox has none, so
what is missing there is said in the same words out of the message's own properties.
Sources: https://learn.microsoft.com/graph/api/resources/message,
https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/7834 (no header where it was sent from)
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from hub.connector.mail import Part, from_parts
from hub.connector.mail_part import safe_name
from hub.errors import ShapeError
from hub.records.mail import Envelope, Mail, Place

Json = Mapping[str, Any]

# Names of Exchange's own properties, as Graph asks for them; what it answers may be written in another way.
# Sources: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxprops (PidTagSensitivity,
# PidTagMessageClass, PidTagInternetReferences, PidTagInReplyToId)
SENSITIVITY, CLASS = "Integer 0x36", "String 0x1a"
REFERENCES, IN_REPLY_TO = "String 0x1039", "String 0x1042"
PROPERTIES = (SENSITIVITY, CLASS, REFERENCES, IN_REPLY_TO)
# Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmsg/4c5f91f9-e25c-47bd-901f-71e0610d6346
_SENSITIVE = {"1": "Personal", "2": "Private", "3": "Company-Confidential"}
# What a meeting's program wrote, by the beginning of its class, else by its type.
# Source: https://learn.microsoft.com/office/vba/outlook/concepts/forms/item-types-and-message-classes
_METHODS = {
    "ipm.schedule.meeting.request": "REQUEST",
    "ipm.schedule.meeting.canceled": "CANCEL",
    "ipm.schedule.meeting.resp": "REPLY",
    "#microsoft.graph.eventmessagerequest": "REQUEST",
    "#microsoft.graph.eventmessageresponse": "REPLY",
}
_TYPES = {"text": "text/plain", "html": "text/html"}
_ITEM, _LINK = "#microsoft.graph.itemAttachment", "#microsoft.graph.referenceAttachment"


def read(message: Json, labels: Sequence[str], place: str) -> Mail:
    """Read one message.

    Args:
        message: as Graph answers it, with its text or without.
        labels: as `labels` makes them.
        place: where its folder is, as `hub.records.mail.Place` has it; empty: in none of these.

    Raises:
        ShapeError, ValueError, TypeError: it is none.
    """
    told = Envelope(
        remote_id=str(message.get("id", "")),
        thread_id=str(message.get("conversationId") or ""),
        received_at=_moment(message.get("receivedDateTime")),
        labels=tuple(labels),
        places=places(place),
        snippet=str(message.get("bodyPreview") or ""),
    )
    return from_parts(header(message), parts(message) if "body" in message else (), told)


def labels(names: Sequence[str], message: Json) -> list[str]:
    """Return the folders that a message is in, from the outermost to its own, and its categories."""
    found = message.get("categories")
    return [*names, *(str(one) for one in found)] if isinstance(found, list) else list(names)


def places(place: Any) -> frozenset[Place]:
    """Return where the mailbox keeps a message."""
    return frozenset({Place(place)}) if place else frozenset()


def header(message: Any) -> list[tuple[str, str]]:
    """Return names and values of a message's header, in their order, and behind them what it leaves out."""
    if not isinstance(message, dict):
        raise ShapeError("the message is no JSON object")
    travelled = [
        (str(one.get("name", "")), str(one.get("value") or ""))
        for one in message.get("internetMessageHeaders") or ()
        if isinstance(one, dict)
    ]
    said = {name.strip().lower() for name, value in travelled if value.strip()}
    return [*travelled, *((name, value) for name, value in _own(message) if name.lower() not in said and value)]


def parts(message: Any) -> list[Part]:
    """Return the text of a message and its files, which are named and not loaded."""
    if not isinstance(message, dict) or not isinstance(body := message.get("body"), dict):
        raise ShapeError("the message has no body")
    content = str(body.get("content") or "").encode("utf-8", "replace")
    kind = _TYPES.get(str(body.get("contentType", "")).lower(), "text/plain")
    listed = message.get("attachments")
    files = listed if isinstance(listed, list) else []
    # Exchange takes the calendar's part out. What it said is the text of the mail, word for word.
    method = _method(message)
    meeting = [Part("", "text/calendar", content, len(content), "utf-8", method=method)] if method else []
    text = Part(number="body", media_type=kind, content=content, size=len(content), charset="utf-8")
    return [text, *meeting, *(_file(one) for one in files if isinstance(one, dict))]


def extended(message: Json) -> dict[str, str]:
    """Return Exchange's own properties of a message by their names, in the spelling of the constants above."""
    listed = message.get("singleValueExtendedProperties")
    found = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            found[_spelling(str(one.get("id", "")))] = str(one.get("value") or "")
    return {name: found[_spelling(name)] for name in PROPERTIES if _spelling(name) in found}


def _spelling(name: str) -> str:
    """Write the name of a property in one way: Graph does not keep to the zeros and capitals that were asked for."""
    kind, _, number = name.strip().lower().partition(" 0x")
    return f"{kind} 0x{number.lstrip('0')}"


def _own(message: Json) -> Iterator[tuple[str, str]]:
    """Yield what a header says, out of the properties of the message."""
    properties = extended(message)
    yield "From", _people([message.get("from")])
    sender = _people([message.get("sender")])
    yield "Sender", sender if sender != _people([message.get("from")]) else ""
    for name, field in (("To", "to"), ("Cc", "cc"), ("Bcc", "bcc")):
        yield name, _people(message.get(f"{field}Recipients"))
    yield "Reply-To", _people(message.get("replyTo"))
    yield "Subject", str(message.get("subject") or "")
    yield "Message-ID", str(message.get("internetMessageId") or "")
    sent = _moment(message.get("sentDateTime"))
    yield "Date", format_datetime(sent) if sent else ""
    yield "In-Reply-To", properties.get(IN_REPLY_TO, "")
    yield "References", properties.get(REFERENCES, "")
    yield "Sensitivity", _SENSITIVE.get(properties.get(SENSITIVITY, ""), "")


def _people(listed: Any) -> str:
    """Write people as a header does; their names were decoded already and may hold anything."""
    found = []
    for one in listed if isinstance(listed, list) else ():
        told = one.get("emailAddress") if isinstance(one, dict) else None
        if not isinstance(told, dict):
            continue
        name, address = str(told.get("name") or ""), str(told.get("address") or "")
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        if address:
            found.append(f'"{quoted}" <{address}>' if name and name != address else f"<{address}>")
        elif name:
            found.append(f'"{quoted}"')
    return ", ".join(found)


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(str(text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _method(message: Json) -> str:
    name = extended(message).get(CLASS) or str(message.get("@odata.type") or "")
    return next((method for begin, method in _METHODS.items() if name.lower().startswith(begin)), "")


def _file(one: Json) -> Part:
    kind = str(one.get("@odata.type") or "")
    name, media_type = str(one.get("name") or ""), str(one.get("contentType") or "").lower()
    if kind == _ITEM:
        name, media_type = f"{name or 'message'}.eml", "message/rfc822"
    is_inline = bool(one.get("isInline"))
    return Part(
        number=str(one.get("id") or ""),
        media_type=media_type or "application/octet-stream",
        content=None,
        size=int(one.get("size") or 0),
        name=safe_name(name),
        content_id=str(one.get("contentId") or "").strip().strip("<>"),
        disposition="inline" if is_inline else "attachment",
        related=is_inline,
    )
