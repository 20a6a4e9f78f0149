"""Files of somebody who is erased: from the shelf as soon as nobody else's row points to the same bytes.

The file goes before the transaction that takes the row away commits: a process that dies between leaves a row whose file
is no more, which the next try takes away, and never a file that nobody knows of.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from hub.identity import photos
from hub.identity.models import ContactPhoto
from hub.imports import batches
from hub.imports.models import BatchState, ImportBatch
from hub.mail import files
from hub.mail.models import MailFile
from hub.messages import media
from hub.messages.models import MessageMedia
from hub.privacy.columns import emptied
from hub.settings import Settings
from hub.store.shelf import Shelf
from hub.store.turn import in_turn
from hub.timeline import note_files
from hub.timeline.models import NoteFile


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where the hub keeps files."""

    mail: Shelf
    media: Shelf
    photos: Shelf
    imports: Shelf
    notes: Shelf


def shelves(settings: Settings) -> Shelves:
    """Return the folders of the settings."""
    return Shelves(
        mail=files.shelf(settings), media=media.shelf(settings), photos=photos.shelf(settings),
        imports=batches.shelf(settings), notes=note_files.shelf(settings),
    )  # fmt: skip


def drop_mail_files(session: Session, on: Shelves, which: ColumnElement[bool]) -> int:
    """Take away files of mails; returns how many."""
    return _drop(session, MailFile, files.LOCK, on.mail, which)


def drop_media(session: Session, on: Shelves, which: ColumnElement[bool]) -> int:
    """Take away files of messages; returns how many."""
    return _drop(session, MessageMedia, media.LOCK, on.media, which)


def drop_photos(session: Session, on: Shelves, which: ColumnElement[bool]) -> int:
    """Take away pictures of contacts; returns how many."""
    return _drop(session, ContactPhoto, photos.LOCK, on.photos, which)


def drop_note_files(session: Session, on: Shelves, which: ColumnElement[bool]) -> int:
    """Take away files of notes; returns how many."""
    return _drop(session, NoteFile, note_files.LOCK, on.notes, which)


def drop_imported(session: Session, on: Shelves, batch_ids: Collection[int]) -> None:
    """Take away the files that were imported; what came of them stays, and so does who else was in them."""
    in_turn(session, batches.LOCK)
    which = ImportBatch.id.in_(batch_ids)
    hashes = {
        one for row in session.execute(select(ImportBatch.sha256, ImportBatch.archive).where(which)) for one in row
    }
    session.execute(update(ImportBatch).where(which).values(sha256="", archive=""))
    _remove(on.imports, hashes - {""} - batches.still_held(session, hashes))


def drop_unread(session: Session, on: Shelves) -> None:
    """Take away files that were brought and not imported to their end: nobody knows who else is in them."""
    in_turn(session, batches.LOCK)
    waiting = ImportBatch.state.in_((*batches.OPEN, BatchState.PAUSED, BatchState.CANCELLED, BatchState.FAILED))
    drop_imported(session, on, session.scalars(select(ImportBatch.id).where(waiting)).all())
    session.execute(delete(ImportBatch).where(ImportBatch.state.in_(batches.OPEN)))
    session.execute(update(ImportBatch).where(waiting).values(**emptied(ImportBatch)))


def purge(session: Session, on: Shelves) -> None:
    """Remove from all shelves what no row points to any more, such as a picture that was replaced."""
    files.purge(session, on.mail)
    media.purge(session, on.media)
    photos.purge(session, on.photos)
    note_files.purge(session, on.notes)
    batches.sweep(session, on.imports)


def _drop(session: Session, table: Any, lock: str, shelf: Shelf, which: ColumnElement[bool]) -> int:
    in_turn(session, lock)
    rows = session.execute(select(table.id, table.sha256).where(which)).all()
    session.execute(delete(table).where(table.id.in_([row.id for row in rows])))
    hashes = {row.sha256 for row in rows} - {""}
    held = set(session.scalars(select(table.sha256).where(table.sha256.in_(hashes)))) if hashes else set()
    _remove(shelf, hashes - held)
    return len(rows)


def _remove(shelf: Shelf, hashes: Collection[str]) -> None:
    for name in sorted(hashes):
        shelf.remove(name)
