"""A file as a player asks for it, whole or one part of it; the same for pages and programs. Source: RFC 9110, section 14."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from flask import Response, request
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import RequestedRangeNotSatisfiable

BLOCK = 1 << 16  # bytes read at once
# Types a browser plays. Anything else is offered as plain bytes, so that no file is ever run as a page.
AUDIO = frozenset(
    {"audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg", "audio/mp4", "audio/webm", "audio/gsm", "audio/basic"}
)
Part = tuple[int, int]
"""First byte, and the one after the last."""


def asked(size: int, etag: str) -> Part | None:
    """Return the one part that is asked for; None: the whole, which also answers several parts at once.

    Raises:
        RequestedRangeNotSatisfiable: outside the file (416, with its size).
    """
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or not _unchanged(etag):
        return None
    part = wanted.range_for_length(size)
    if part is None:
        raise RequestedRangeNotSatisfiable(length=size, description=f"The file has {size} bytes.")
    return part


def answer(
    size: int, part: Part | None, open_at: Callable[[int], BinaryIO], *, content_type: str, etag: str = ""
) -> Response:
    """Send a file or one part of it; it is opened where the part begins, and not at all where only the head is asked."""
    start, stop = part or (0, size)
    response = Response(b"", 206 if part else 200, content_type="application/octet-stream")
    if request.method != "HEAD":
        # Opened before the answer begins, so that a missing file is an error in words and not half a body.
        file = open_at(start)
        response.response = _blocks(file, stop - start)
        response.call_on_close(file.close)
    if content_type in AUDIO:
        response.content_type = content_type
    response.content_length = stop - start
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cache-Control"] = "private, no-store"  # the next listening must come to us again
    if etag:
        response.set_etag(etag)
    if part:
        response.content_range = ContentRange("bytes", start, stop, size)
    return response


def _unchanged(etag: str) -> bool:
    """Say whether a range goes on with the file that was begun. Source: RFC 9110, section 13.1.5."""
    condition = request.if_range
    return (condition.etag is None and condition.date is None) or bool(etag and condition.etag == etag)


def _blocks(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0 and (block := file.read(min(BLOCK, left))):
        left -= len(block)
        yield block
