"""A recording as the browser's player asks for it: in ranges, by permission, each listening in the audit."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cti.models import Recording, RecordingState
from hub.errors import NotFoundError, UserError
from hub.security import audit
from hub.security.models import Audit
from hub.security.policy import Person, Right
from hub.store.base import now
from hub.web import ranges
from hub.web.auth import address, needs
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("recordings", __name__)
HEARD = "recording.heard"
# A player asks for many ranges of one listening; one that begins at the beginning again is a new one.
SAME_LISTENING = timedelta(hours=4)
SAME_START = timedelta(seconds=10)
_NOT_NOW = {"gone": 404, "exchange_down": 503}  # what the telephone may say, and the status of our answer


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
    row, facts = opened.row, opened.facts
    part = ranges.asked(facts.size, row.sha256)
    with hub.db.write() as session:
        _record(session, person, row, part[0] if part else 0)
    kind = row.content_type or facts.content_type
    return ranges.answer(facts.size, part, opened.open, content_type=kind, etag=row.sha256)


def _state(session: Session, public_id: UUID) -> str:
    state = session.scalars(select(Recording.state).where(Recording.public_id == public_id)).first()
    if state is None:
        raise NotFoundError("There is no such recording.")
    return state


def _in_words(state: str, status: int) -> ResponseReturnValue:
    """Say why a known recording cannot be heard, to a person who opened its address."""
    return render_template("agent/no_recording.html", state=state), status


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
