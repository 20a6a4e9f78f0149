"""What is attached to a message: its parts that are no text of it.

Source: https://learn.microsoft.com/graph/api/resources/attachment
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.microsoft.simulated.errors import ApiError, Json, not_found
from connectors.microsoft.simulated.mailbox import Message
from connectors.microsoft.simulated.stamps import stamp
from hub.connector.simulated import mime

_OVERHEAD = 190  # `size` counts what Exchange keeps of an attachment beside its bytes
_FILE, _ITEM = "#microsoft.graph.fileAttachment", "#microsoft.graph.itemAttachment"
_CAST = "microsoft.graph.fileAttachment/"
_OF_FILES = ("contentId", "contentLocation", "contentBytes")


@dataclass(frozen=True)
class Attached:
    """One attachment of a message."""

    part_id: str
    part: mime.Part

    @property
    def is_item(self) -> bool:
        """Whether it is a mail, not a file."""
        return self.part.get_content_type() == "message/rfc822"

    @property
    def content_id(self) -> str:
        return mime.header(self.part, "Content-ID").strip().strip("<>")

    @property
    def is_inline(self) -> bool:
        return self.part.get_content_disposition() == "inline" or (
            bool(self.content_id) and self.part.get_content_disposition() != "attachment"
        )

    @property
    def name(self) -> str:
        if self.is_item:
            return next((mime.header(one, "Subject") for one in mime.children(self.part)), "")
        return mime.filename(self.part) or self.content_id or "attachment"

    def id(self, message_id: str) -> str:
        """Its id, given the one of the message that the caller knows."""
        return message_id[:-1] + "ABEgAQ" + base64.urlsafe_b64encode(f"{self.part_id:>12}".encode()).decode()


def attached(message: Message) -> list[Attached]:
    return list(_found(mime.parse(message.raw), ""))


def has_files(message: Message) -> bool:
    """Whether a message has an attachment that is not shown in its text: only then `hasAttachments` is true."""
    return any(not one.is_inline for one in attached(message))


def content(one: Attached) -> bytes:
    """The bytes of a file, or of a mail as it would travel."""
    return mime.content(one.part)


def attachment(message: Message, message_id: str, wanted: str) -> Attached:
    """The attachment with an id. Raises ApiError (404)."""
    found = next((one for one in attached(message) if one.id(message_id) == wanted), None)
    if found is None:
        raise not_found()
    return found


def shown(one: Attached, message: Message, message_id: str, select: str = "") -> Json:
    """An attachment as Graph tells of it. Raises ApiError (400) for a property that only files have.

    Such a one is asked for as `microsoft.graph.fileAttachment/contentId`.
    """
    raw = content(one)
    found: Json = {
        "@odata.type": _ITEM if one.is_item else _FILE,
        "id": one.id(message_id), "lastModifiedDateTime": stamp(message.modified), "name": one.name,
        "contentType": None if one.is_item else one.part.get_content_type(), "size": len(raw) + _OVERHEAD,
        "isInline": one.is_inline,
    }  # fmt: skip
    wanted = [name.strip() for name in select.split(",") if name.strip()]
    if not one.is_item:
        found |= {"contentId": one.content_id or None, "contentLocation": None}
        if not wanted or f"{_CAST}contentBytes" in wanted:
            found["contentBytes"] = base64.b64encode(raw).decode()
    for name in wanted:
        if name in _OF_FILES:
            raise ApiError(
                400, "RequestBroker--ParseUri", "Parsing OData Select and Expand failed: Could not find a property "
                f"named '{name}' on type 'microsoft.graph.attachment'.",
            )  # fmt: skip
    kept = {"@odata.type", "id", *(name.removeprefix(_CAST) for name in wanted)}
    return {name: value for name, value in found.items() if not wanted or name in kept}


def _found(part: mime.Part, part_id: str) -> Iterator[Attached]:
    if part.get_content_type() == "message/rfc822" and part_id:
        yield Attached(part_id, part)
        return
    if part.is_multipart():
        for number, child in enumerate(mime.children(part)):
            yield from _found(child, f"{part_id}.{number}".strip("."))
        return
    is_text = part.get_content_maintype() == "text" and not mime.filename(part)
    if part_id and not is_text:
        yield Attached(part_id, part)
