"""A file of a message out of Gmail's answers, as it arrives: a large one is never held whole.

Source: https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages.attachments
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.google.letters import DEEPEST
from hub.errors import GoneError, RetryLaterError, ShapeError

_DATA = re.compile(rb'"data"\s*:\s*"')
_SEARCHED = 1 << 16  # bytes before the content begins
_FILLER = b"\\u003d"  # `=` as some of Google's servers write it in JSON
_FOREIGN = re.compile(rb"[^A-Za-z0-9_\-+/=\s\\]")


def body(payload: Any, number: str) -> Mapping[str, Any]:
    """Return the body of one part of a message.

    Raises:
        GoneError: the message has no such part.
    """
    found = _part(payload, number, DEEPEST) if isinstance(payload, dict) else None
    if found is None:
        raise GoneError(f"The mail has no part {number}.")
    said = found.get("body")
    return said if isinstance(said, dict) else {}


def _part(part: Mapping[str, Any], number: str, deep: int) -> Mapping[str, Any] | None:
    if str(part.get("partId", "")) == number:
        return part
    inner = part.get("parts")
    for one in inner if isinstance(inner, list) and deep else ():
        if isinstance(one, dict) and (found := _part(one, number, deep - 1)) is not None:
            return found
    return None


def data_of(answer: Iterable[bytes]) -> Iterator[bytes]:
    """Return the text of an attachment's `data` as it arrives, without ever holding the JSON around it.

    Raises:
        ShapeError: there is none.
        RetryLaterError: it breaks off.
    """
    blocks = iter(answer)
    head = b""
    while (found := _DATA.search(head)) is None:
        block = next(blocks, b"")
        head += block
        if not block or len(head) > _SEARCHED + len(block):
            raise ShapeError("Gmail's answer has no content of the file")
    block = head[found.end() :]
    while True:
        content, quote, _ = block.partition(b'"')
        yield content
        if quote:
            return
        block = next(blocks, b"")
        if not block:
            raise RetryLaterError("Gmail's answer broke off in the middle of the file")


def decoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return the bytes of base64 that comes in pieces, in either alphabet.

    Raises:
        ShapeError: it is none.
    """
    rest = b""
    for piece in pieces:
        text = rest + piece
        if _FOREIGN.search(piece):
            raise ShapeError("the content of the file is no base64")
        # The filler of the end may be cut in two by a block's end.
        text = b"".join(text.replace(_FILLER, b"").split()).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        end = len(text) if b"\\" not in text else text.index(b"\\")
        whole = end - end % 4
        rest = text[whole:]
        if len(rest) > len(_FILLER) + 4:
            raise ShapeError("the content of the file is no base64")
        if whole:
            yield base64.b64decode(text[:whole])
    if rest:
        try:
            yield base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
        except binascii.Error:
            raise ShapeError("the content of the file ends in the middle") from None
