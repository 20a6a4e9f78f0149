"""Notes that are questions: open until somebody answered or closes them, for those who have no help desk."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, UserError
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person, Right, may
from hub.store.base import now
from hub.timeline.models import Interaction, Note, Question

MOST = 50  # open questions of one customer that a page shows
OPEN, CLOSED = "open", "closed"  # in the detail of its row on the timeline


class OpenQuestion(NamedTuple):
    """An open question as a page shows it."""

    id: UUID  # of its note
    text: str
    author: str
    asked_at: datetime


def ask(session: Session, note: Note, *, closed_at: datetime | None = None) -> Question:
    """Make a note that has a row of its own on the timeline a question; of one that is a question already nothing changes."""
    row = session.get(Question, note.id)
    if row is None:
        row = Question(note_id=note.id, closed_at=closed_at)
        session.add(row)
        session.flush()
        show(session, note, row)
    return row


def of_notes(session: Session, note_ids: Iterable[int]) -> dict[int, Question]:
    """Return which of some notes are questions, by the ids of notes."""
    wanted = sorted(set(note_ids))
    return {row.note_id: row for row in session.scalars(select(Question).where(Question.note_id.in_(wanted)))}


def close(session: Session, person: Person, note: Note) -> Question:
    """Say that a question was answered; who said so first, and when, stays. Everybody who edits customers may.

    Raises:
        ForbiddenError: the person may not edit customers.
        UserError: the note is no question.
    """
    row = _held(session, person, note)
    if row.closed_at is None:
        row.closed_at, row.closed_by = now(), person.id or None
        _change(session, person, note, row, "question.closed")
    return row


def reopen(session: Session, person: Person, note: Note) -> Question:
    """Ask a question again. Raises as `close`."""
    row = _held(session, person, note)
    if row.closed_at is not None:
        row.closed_at, row.closed_by = None, None
        _change(session, person, note, row, "question.reopened")
    return row


def open_of(session: Session, party_ids: Sequence[int], *, limit: int = MOST) -> list[OpenQuestion]:
    """Return the open questions about parties, the oldest first."""
    query = (
        select(Note.public_id, Note.text, User.name, Note.created_at)
        .join(Question, Question.note_id == Note.id)
        .outerjoin(User, User.id == Note.author_id)
        .where(Note.party_id.in_(party_ids), Question.closed_at.is_(None))
        .order_by(Note.created_at, Note.id)
        .limit(limit)
    )
    return [OpenQuestion(row[0], row[1], row[2] or "", row[3]) for row in session.execute(query)]


def count_of(session: Session, party_ids: Sequence[int]) -> int:
    """Return how many questions about parties are open."""
    query = select(func.count()).select_from(Note).join(Question, Question.note_id == Note.id)
    return session.scalar(query.where(Note.party_id.in_(party_ids), Question.closed_at.is_(None))) or 0


def _held(session: Session, person: Person, note: Note) -> Question:
    if not may(person.role, Right.EDIT_PARTIES):
        raise ForbiddenError("You may not close questions; an administrator can give you this right.")
    row = session.get(Question, note.id, with_for_update=True)
    if row is None:
        raise UserError("This note is no question.", error_id="no_question", field="note")
    return row


def _change(session: Session, person: Person, note: Note, row: Question, action: str) -> None:
    note.changed_at = now()  # an import that is taken back leaves what somebody here went on with
    session.flush()  # the note before its row on the timeline, as everybody writes them who puts files with it
    show(session, note, row)
    audit.record(session, person, action, "note", note.public_id)
    session.flush()


def show(session: Session, note: Note, row: Question) -> None:
    """Let the row of the timeline say whether it is open."""
    if note.interaction_id is not None:
        interaction = session.get_one(Interaction, note.interaction_id)
        interaction.detail = {**interaction.detail, "question": OPEN if row.closed_at is None else CLOSED}
