"""Files of notes: contracts, scans, pictures that people put with what they write, or that an import brings.

    received   the bytes arrive in temporary files, outside of any transaction, and the scanner looks at them
    attach     they get their places on the shelf, then the rows that point to them
    purge      what no row points to goes

A process that dies before `attach` leaves temporary files, which the shelf sweeps after a day; one that dies between the
place on the shelf and the commit leaves bytes that nobody points to, and `purge` removes them. A row goes with its note.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, NotFoundError, UserError
from hub.records.media_type import media_type
from hub.security import audit, businesses
from hub.security.policy import Person, Seen, may_attach, sees, sees_business
from hub.settings import Settings
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.shelf import MIB, Draft, Shelf, TooLargeError, Verdict
from hub.store.turn import in_turn
from hub.timeline import notes
from hub.timeline.models import Interaction, Note, NoteFile

LOCK = NoteFile.__tablename__  # held by whoever puts files on the shelf or takes them away
MOST = 50  # files of one note
LONGEST_NAME = 150
A_NIGHT = 10_000  # files removed at once
_HEAD = 4096  # bytes that say what a file is


def shelf(settings: Settings) -> Shelf:
    """Return the folder of the settings."""
    largest, mail = settings.notes.largest_file_mb * MIB, settings.mail
    return Shelf(settings.note_files, largest, mail.scan_command, mail.scan_s)


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is there whole and has no place yet."""

    name: str
    media_type: str
    draft: Draft


@contextmanager
def received(on: Shelf, given: Sequence[tuple[str, Iterable[bytes]]]) -> Iterator[list[Received]]:
    """Receive files, by their names and blocks; those that have no place in the end are dropped.

    Raises:
        UserError: there are too many, one is too large, or the scanner did not let it pass; names it.
    """
    if len(given) > MOST:
        raise UserError(f"A note has at most {MOST} files.", error_id="many_files", field="files")
    with ExitStack() as stack:
        found = []
        for written, blocks in given:
            name = cleaned(written)
            try:
                draft = on.receive(blocks)
            except TooLargeError:
                raise UserError(
                    f"{name} is larger than {on.largest // MIB} MB.", error_id="large_note_file", field="files"
                ) from None
            stack.callback(draft.drop)
            _scan(on, name, draft)
            found.append(Received(name, type_of(draft), draft))
        yield found


def type_of(draft: Draft) -> str:
    """Return what a file is, by its first bytes."""
    with draft.path.open("rb") as file:
        return media_type(file.read(_HEAD))


def _scan(on: Shelf, name: str, draft: Draft) -> None:
    verdict, _ = on.scan(draft)
    if verdict is Verdict.INFECTED:
        raise UserError(f"The virus scanner found something in {name}.", error_id="infected_file", field="files")
    if verdict is Verdict.UNKNOWN:
        raise UserError(f"The virus scanner could not look at {name}.", error_id="unchecked_file", field="files")


def attach(session: Session, on: Shelf, person: Person, note: Note, new: Sequence[Received]) -> list[NoteFile]:
    """Put files with a note.

    Raises:
        ForbiddenError: somebody else wrote it.
        UserError: it would have too many.
    """
    if not new:
        return []
    if not may_attach(person, note.author_id):
        raise ForbiddenError("Only who wrote a note can put files with it.")
    session.flush()
    in_turn(session, LOCK)  # before the note is locked, as everybody does who takes files away
    session.refresh(note, with_for_update=True)
    if _count(session, note) + len(new) > MOST:
        raise UserError(f"A note has at most {MOST} files.", error_id="many_files", field="files")
    rows = []
    for one in new:
        on.place(one.draft)
        row = NoteFile(
            note_id=note.id, name=one.name, media_type=one.media_type, size=one.draft.size, sha256=one.draft.sha256
        )
        session.add(row)
        rows.append(row)
    note.changed_at = now()
    session.flush()
    for row in rows:
        audit.record(session, person, "note.file_added", "note", note.public_id, file=str(row.public_id), size=row.size)
    notes.tell(session, note)
    return rows


def _count(session: Session, note: Note) -> int:
    return session.scalar(select(func.count()).select_from(NoteFile).where(NoteFile.note_id == note.id)) or 0


def remove(session: Session, person: Person, note: Note, file: NoteFile) -> None:
    """Take a file away from one's own note.

    Raises:
        ForbiddenError: somebody else wrote the note.
        UserError: nothing would be left of it.
    """
    notes.must_be_own(person, note)
    session.refresh(note, with_for_update=True)
    if not note.text and _count(session, note) == 1:
        raise UserError(
            "Nothing is left of the note without this file. Delete the note.", error_id="last_file", field="files"
        )
    audit.record(session, person, "note.file_removed", "note", note.public_id, file=str(file.public_id), size=file.size)
    session.delete(file)
    note.changed_at = now()
    session.flush()
    notes.tell(session, note)


def get(session: Session, person: Person, note: Note, public_id: UUID) -> NoteFile:
    """Return a file of a note that the person may read.

    Raises:
        NotFoundError: there is none, or it is not for this person.
    """
    if not may_read(session, person, note):
        raise NotFoundError("There is no such file, or it is not for you.")
    missing = "This file is no longer there."
    return by_public_id(session, NoteFile, public_id, missing, NoteFile.note_id == note.id)


def may_read(session: Session, person: Person, note: Note) -> bool:
    """Say whether a person sees what a note says: as the row of the timeline that it is on; before it has one, its writer."""
    if note.interaction_id is None:
        return notes.may_change(person, note.author_id)
    row = session.get_one(Interaction, note.interaction_id)
    if not sees_business(businesses.allowed(session, person), row.business_id):
        return False
    among = row.detail.get("users") or ()
    return sees(person, visibility=row.visibility, owner_id=row.owner_id, among=among) is Seen.FULL


# --- the end of a file --------------------------------------------------------------------------------------------


def forget(session: Session, on: Shelf, names: Collection[str]) -> None:
    """Take those of some files away that no row points to any more.

    They go before the transaction commits that took their rows: one that dies between leaves rows, which go the next time.
    """
    in_turn(session, LOCK)
    session.flush()
    for name in sorted(set(names) - {""} - _held(session, list(names))):
        on.remove(name)


def purge(session: Session, on: Shelf, *, limit: int = A_NIGHT) -> int:
    """Remove the files that no note has any more; returns how many."""
    in_turn(session, LOCK)
    return on.sweep(lambda names: _held(session, names), limit=limit)


def _held(session: Session, names: Collection[str]) -> set[str]:
    return set(session.scalars(select(NoteFile.sha256).where(NoteFile.sha256.in_(names))))


def cleaned(name: str) -> str:
    """Return a file's name without its path and without signs that nobody sees; never empty."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    text = " ".join("".join(c for c in last if unicodedata.category(c)[0] != "C").split())
    if len(text) > LONGEST_NAME:
        stem, _, end = text.rpartition(".")
        text = f"{stem[: LONGEST_NAME - len(end) - 1]}.{end}" if stem and len(end) <= 10 else text[:LONGEST_NAME]
    return text or "file"
