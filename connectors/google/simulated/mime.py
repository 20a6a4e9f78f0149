"""How Gmail shows a mail: a tree of parts.

Source: https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages#Message.MessagePart
"""

import base64
import html
from collections.abc import Callable

from connectors.google.simulated.errors import Json
from hub.connector.simulated.mime import Part, children, content, filename, headers, plain_text

INLINE_LIMIT = 2_000_000  # a larger text is fetched like an attachment


def encoded(raw: bytes) -> str:
    """Bytes as Gmail writes them in JSON."""
    return base64.urlsafe_b64encode(raw).decode()


def decoded(text: str) -> bytes:
    """Bytes as clients write them in JSON. Raises ValueError."""
    cleaned = text.replace("+", "-").replace("/", "_").rstrip("=")
    return base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), altchars=b"-_", validate=True)


def tree(part: Part, attachment_id: Callable[[str], str], part_id: str = "") -> Json:
    """A mail as a tree of message parts. Whatever is no text is only named, to be fetched by its attachment id."""
    kind, name, inner = part.get_content_type(), filename(part), children(part)
    found: Json = {
        "partId": part_id, "mimeType": kind, "filename": name,
        "headers": [{"name": name, "value": value} for name, value in headers(part)],
    }  # fmt: skip
    if part.is_multipart() and kind != "message/rfc822":
        found["body"] = {"size": 0}
    else:
        raw = content(part)
        is_text = kind.startswith("text/") and not name and len(raw) <= INLINE_LIMIT
        found["body"] = {"size": len(raw)}
        if is_text and raw:
            found["body"]["data"] = encoded(raw)
        elif not is_text:
            found["body"]["attachmentId"] = attachment_id(part_id)
    if inner:
        found["parts"] = [
            tree(child, attachment_id, f"{part_id}.{number}".strip(".")) for number, child in enumerate(inner)
        ]
    return found


def snippet(part: Part) -> str:
    """The beginning of a mail in one line, escaped as Gmail escapes it."""
    return html.escape(" ".join(plain_text(part).split())[:200])
