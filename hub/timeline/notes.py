"""Notes of people: about a party, where they are an interaction of their own, or about a call."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, UserError
from hub.security import audit
from hub.security.policy import Person, Right, may
from hub.store.base import now
from hub.store.public import by_public_id
from hub.timeline import index, questions, told
from hub.timeline.models import Interaction, Kind, Note, NoteFile, Participant

LONGEST = 20_000
SUMMARY = 200  # characters of the first line that stand on the timeline


def add(
    session: Session,
    person: Person,
    *,
    party_id: int,
    text: str,
    pinned: bool = False,
    file_name: str = "",
    is_question: bool = False,
) -> Note:
    """Write a note about a party and put it on the timeline.

    Args:
        file_name: of the first file that is put with it next, which may say all there is to say.
        is_question: it stays open until somebody closes it (`questions`).

    Raises:
        UserError: the text is empty or too long.
    """
    text = _checked(text, may_be_empty=bool(file_name))
    at = now()
    summary = _first_line(text) or file_name[:SUMMARY]
    interaction = Interaction(kind=Kind.NOTE, started_at=at, ended_at=at, summary=summary, owner_id=person.id or None)
    session.add(interaction)
    session.flush()
    session.add(
        Participant(
            interaction_id=interaction.id,
            party_id=party_id,
            origin_party_id=party_id,
            started_at=at,
            kind=Kind.NOTE,
            role="customer",
        )
    )
    note = Note(
        party_id=party_id, interaction_id=interaction.id, author_id=person.id or None, text=text, pinned=pinned,
        created_at=at, changed_at=at,
    )  # fmt: skip
    session.add(note)
    if is_question:
        session.flush()
        questions.ask(session, note)
    index.refresh(session, [interaction.id])
    told.written(session, interaction, party_id)
    return note


def on_call(
    session: Session,
    person: Person,
    *,
    call_id: int,
    interaction_id: int | None,
    party_id: int | None,
    text: str,
    another: bool = False,
) -> Note:
    """Write what an agent noted about a call; it is shown in the call's own row of the timeline.

    Saving again changes the agent's last note of this call, so that a form that was sent twice leaves one.

    Args:
        another: other words are another note and lose none that were written before; the same words are the same note.
    """
    text = _checked(text)
    mine = select(Note).where(Note.call_id == call_id, Note.author_id == (person.id or None))
    if another:
        mine = mine.where(Note.text == text)
    note = session.scalars(mine.order_by(Note.id.desc()).limit(1)).first() if person.id else None
    if note is None:
        note = Note(call_id=call_id, author_id=person.id or None, text=text)
        session.add(note)
    note.text, note.interaction_id, note.party_id = text, interaction_id, party_id
    session.flush()
    index.refresh(session, [interaction_id] if interaction_id is not None else [])
    told.rewritten(session, interaction_id, ["note"])
    return note


def place(session: Session, rows: Mapping[int, int]) -> None:
    """Give notes that were written before their call was over the row of the timeline that it has now, by its id."""
    query = select(Note).where(Note.call_id.in_(rows), Note.interaction_id.is_(None))
    waiting = session.scalars(query).all() if rows else []
    for note in waiting:
        note.interaction_id = rows[note.call_id or 0]
    index.refresh(session, [note.interaction_id for note in waiting if note.interaction_id is not None])


def get(session: Session, public_id: UUID) -> Note:
    """Return a note.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Note, public_id, "This note is no longer there.")


def edit(session: Session, person: Person, note: Note, text: str) -> None:
    """Change the text of one's own note.

    Raises:
        ForbiddenError: somebody else wrote it.
        UserError: the text is empty or too long.
    """
    must_be_own(person, note)
    note.text = _checked(text, may_be_empty=bool(_file_name(session, note)))
    tell(session, note)


def tell(session: Session, note: Note) -> None:
    """Let the timeline and the search say what a note says now: its text, and the names of its files."""
    session.flush()  # the note before its row on the timeline: two who change both wait, and neither for ever
    if note.interaction_id is None:
        return
    if note.call_id is None:
        interaction = session.get_one(Interaction, note.interaction_id)
        interaction.summary = _first_line(note.text) or _file_name(session, note)[:SUMMARY]
    index.refresh(session, [note.interaction_id])
    told.rewritten(session, note.interaction_id, ["note"])


def _file_name(session: Session, note: Note) -> str:
    query = select(NoteFile.name).where(NoteFile.note_id == note.id).order_by(NoteFile.id)
    return session.scalar(query.limit(1)) or ""


def pin(session: Session, person: Person, note: Note, *, pinned: bool) -> None:
    """Show a note first and as an alert on the card, or no longer. Everybody who edits customers may.

    Raises:
        ForbiddenError: the person may not edit customers.
    """
    if not may(person.role, Right.EDIT_PARTIES):
        raise ForbiddenError("You may not pin notes; an administrator can give you this right.")
    note.pinned = pinned
    session.flush()


def remove(session: Session, person: Person, note: Note) -> None:
    """Delete one's own note, and its row on the timeline if it had one of its own.

    Raises:
        ForbiddenError: somebody else wrote it.
    """
    must_be_own(person, note)
    audit.record(session, person, "note.removed", "note", note.public_id, written=_iso(note.created_at))
    row_id = note.interaction_id
    interaction_id = row_id if note.call_id is None else None
    session.delete(note)
    session.flush()
    if interaction_id is None:
        index.refresh(session, [row_id] if row_id is not None else [])
    else:
        session.execute(delete(Participant).where(Participant.interaction_id == interaction_id))
        session.execute(delete(Interaction).where(Interaction.id == interaction_id))


def may_change(person: Person, note_author: int | None) -> bool:
    """Say whether a person may change or delete a note: only who wrote it."""
    return person.id != 0 and note_author == person.id


def must_be_own(person: Person, note: Note) -> None:
    """Raise ForbiddenError where somebody else wrote a note."""
    if not may_change(person, note.author_id):
        raise ForbiddenError("Only who wrote a note can change or delete it.")


def _checked(text: str, *, may_be_empty: bool = False) -> str:
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text and not may_be_empty:
        raise UserError("Write the note first.", error_id="empty_note", field="note")
    if len(text) > LONGEST:
        raise UserError(f"A note holds at most {LONGEST} characters.", error_id="long_note", field="note")
    return text


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:SUMMARY]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
