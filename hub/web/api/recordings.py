"""Recordings of calls, whole or in parts. Each reading is written down."""

from collections.abc import Callable, Iterator
from typing import BinaryIO
from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from hub.security import audit
from hub.security.policy import Right
from hub.web.api.operation import Operation, serve
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub, current_person

BLOCK = 1 << 16  # bytes read at once


@serve(
    Operation(
        "GET",
        "/recordings/<uuid:recording_id>",
        "The sound of a recording, whole or in parts",
        Right.HEAR_OWN_RECORDINGS,
        answer=None,
        content_type="audio/*",
        errors=(404, 416, 502),
        description="Each reading is in the audit.",
    )
)
def recording(session: Session, recording_id: UUID) -> Response:
    """Send a recording that this person may hear."""
    hub = current_hub()
    opened = hub.telephone.recording(session, current_person(), recording_id)
    with hub.db.write() as writing:
        audit.record(
            writing,
            current_person(),
            "recording.heard",
            "recording",
            recording_id,
            address=request.remote_addr or "",
            range=request.headers.get("Range", "")[:100],
        )
    response = ranged(opened.facts.size, opened.open, etag=opened.row.sha256)
    kind = opened.facts.content_type
    response.content_type = kind if kind.startswith("audio/") else "application/octet-stream"
    return response


def ranged(size: int, open_at: Callable[[int], BinaryIO], *, etag: str = "") -> Response:
    """Answer a request for a file or one part of it; it is opened where the part begins.

    Raises:
        FaultError: the part lies outside the file (416).
    """
    part = _part(size, etag)
    start, stop = part or (0, size)
    response = Response(status=206 if part else 200)
    if request.method != "HEAD":
        file = open_at(start)
        response.call_on_close(file.close)
        response.response = _blocks(file, stop - start)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-store"
    response.content_length = stop - start
    if part:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    if etag:
        response.set_etag(etag)
    return response


def _part(size: int, etag: str) -> tuple[int, int] | None:
    """Return the one part that is asked for, as [start, stop); several at once are answered with the whole."""
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if "If-Range" in request.headers and (not etag or request.if_range.etag != etag):
        return None  # the rest of another file would be of no use
    part = asked.range_for_length(size)
    if part is None:
        text = f"The recording has {size} bytes"
        raise FaultError(416, text, "range_not_satisfiable", "Range", Content_Range=f"bytes */{size}")
    return part


def _blocks(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0 and (block := file.read(min(BLOCK, left))):
        left -= len(block)
        yield block
