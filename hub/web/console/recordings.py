"""A recording as the browser's player asks for it: in ranges, by permission, each listening in the audit."""

from collections.abc import Iterator
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import ContentRange, Range
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from hub.cti.models import Recording, RecordingState
from hub.cti.telephone import Opened
from hub.errors import NotFoundError, UserError
from hub.security import audit
from hub.security.models import Audit
from hub.security.policy import Person, Right
from hub.store.base import now
from hub.web.auth import address, needs
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("recordings", __name__)
BLOCK = 1 << 16
HEARD = "recording.heard"
# A player asks for many ranges of one listening; one that begins at the beginning again is a new one.
SAME_LISTENING = timedelta(hours=4)
SAME_START = timedelta(seconds=10)
_NOT_NOW = {"gone": 404, "exchange_down": 503}  # what the telephone may say, and the status of our answer
# Types a browser plays. Anything else is offered as plain bytes, so that no recording is ever run as a page.
AUDIO = frozenset(
    {"audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg", "audio/mp4", "audio/webm", "audio/gsm", "audio/basic"}
)


@blueprint.get("/recordings/<uuid:public_id>")
@needs(Right.USE)
def listen(public_id: UUID) -> ResponseReturnValue:
    """Send a recording or a range of it."""
    hub, person = current_hub(), current_person()
    with hub.db.read() as session:
        if (state := _state(session, public_id)) != RecordingState.READY:
            return _in_words(state, 404)
        try:
            opened = hub.telephone.recording(session, person, public_id)
        except UserError as error:
            if error.error_id not in _NOT_NOW:
                raise
            return _in_words(error.error_id, _NOT_NOW[error.error_id])
    size = opened.facts.size
    wanted = _wanted(size, opened.row.sha256)
    start, stop = wanted or (0, size)
    with hub.db.write() as session:
        _record(session, person, opened.row, start)
    return _send(opened, start, stop, partial=wanted is not None)


def _state(session: Session, public_id: UUID) -> str:
    state = session.scalars(select(Recording.state).where(Recording.public_id == public_id)).first()
    if state is None:
        raise NotFoundError("There is no such recording.")
    return state


def _in_words(state: str, status: int) -> ResponseReturnValue:
    """Say why a known recording cannot be heard, to a person who opened its address."""
    return render_template("agent/no_recording.html", state=state), status


def _wanted(size: int, digest: str) -> tuple[int, int] | None:
    """Return the first and last byte (exclusive) that were asked for; None: everything.

    Raises:
        RequestedRangeNotSatisfiable: outside the file (416, with its size).
    """
    asked: Range | None = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not _unchanged(digest):
        return None
    found = asked.range_for_length(size)
    if found is None:
        raise RequestedRangeNotSatisfiable(length=size)
    return found[0], found[1]


def _unchanged(digest: str) -> bool:
    """Say whether a range goes on with the file that the browser has begun. Source: RFC 9110 section 13.1.5."""
    condition = request.if_range
    return (condition.etag is None and condition.date is None) or bool(digest and condition.etag == digest)


def _record(session: Session, person: Person, row: Recording, start: int) -> None:
    """Write one line a listening, not one a range: at the beginning, or where somebody starts in the middle."""
    since = now() - (SAME_START if start == 0 else SAME_LISTENING)
    known = session.scalars(
        select(Audit.id).where(
            Audit.subject == "recording",
            Audit.subject_id == str(row.public_id),
            Audit.action == HEARD,
            Audit.user_id == person.id,
            Audit.at > since,
        )
    ).first()
    if known is None:
        audit.record(session, person, HEARD, "recording", row.public_id, address=address(), call=row.call_id)


def _send(opened: Opened, start: int, stop: int, *, partial: bool) -> ResponseReturnValue:
    if request.method == "HEAD":
        response = Response(b"", 206 if partial else 200)
    else:
        # Opened before the answer begins, so that a missing file is an error in words and not half a body.
        file = opened.open(start)
        response = Response(_blocks(file, stop - start), 206 if partial else 200, direct_passthrough=True)
        response.call_on_close(file.close)
    known = opened.row.content_type or opened.facts.content_type
    response.content_type = known if known in AUDIO else "application/octet-stream"
    response.content_length = stop - start
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"  # the next listening must come to us again
    if opened.row.sha256:
        response.set_etag(opened.row.sha256)
    if partial:
        response.content_range = ContentRange("bytes", start, stop, opened.facts.size)
    return response


def _blocks(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0 and (block := file.read(min(BLOCK, left))):
        left -= len(block)
        yield block
