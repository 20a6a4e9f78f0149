"""Write an export: a folder that appears when it is whole, with what is in each of its files and their hashes.

Rows are read in one look at the database and written as they come, so an export of any size needs little memory. Files
(recordings, attachments, pictures) follow, some at a time; one that cannot be had is named with its reason, and the rest
goes on. All is written beside the wanted folder and renamed at the end: a process that dies leaves a folder that ends in
`.part`, and nothing that looks like an export.
"""

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.exchange import Exchange
from hub.cti.models import CallRow, Recording, RecordingState
from hub.errors import ConnectorError, UserError
from hub.exports import contacts, kinds, report
from hub.exports.kinds import KINDS, Kind, One
from hub.identity.models import ContactPhoto, Party
from hub.intake.models import Account
from hub.mail.files import safe_name
from hub.mail.models import FileState, MailFile, MailMessage
from hub.messages.models import MediaState, MessageMedia
from hub.privacy.scope import closure
from hub.privacy.shelves import Shelves
from hub.records.cell import MARK, harmless
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.session import Database
from hub.store.shelf import Shelf, flush
from hub.timeline.models import NoteFile

ROWS = 1000  # read and written at once
SOME = 200  # files that are looked up at once
BLOCK = 1 << 18  # bytes
README = """This folder is an export of the Hub, made {at}{whom}.

Each kind of thing is two files with the same rows: NAME.csv for spreadsheets, NAME.jsonl (one JSON object a line) for
programs. Rows are joined by their ids: `party_id` of a note is `id` in parties, `interaction_id` that of interactions, and
so on; `public_id` is the id that pages and the API use. Times are in UTC, amounts of money exact. Lists and objects stand
in a cell of a CSV as JSON. A text that a spreadsheet would run as a formula has an apostrophe before it in CSV, and none
in JSONL. manifest.json counts the rows of each file and has its SHA-256; what could not be had is in it, with the reason.

{kinds}
"""
Step = Callable[[int, int], None]
"""Hears how much was done just now, and how much more there turned out to be."""


@dataclass(frozen=True, slots=True)
class Source:
    """What an export is read from."""

    db: Database
    shelves: Shelves
    exchange_of: Callable[[Account], Exchange]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is to be."""

    party: int | None = None  # of whom; None: everything
    mark: bool = False  # CSV files begin with a byte order mark, by which spreadsheets know UTF-8
    files: bool = True  # recordings, attachments and pictures too


@dataclass(slots=True)
class _Part:
    """The folder while it is written."""

    folder: Path
    files: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)

    def open(self, name: str) -> "_File":
        return _File(self, name)


class _File:
    """One file, hashed as it is written."""

    def __init__(self, part: _Part, name: str) -> None:
        path = part.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part, self._name = part, name
        self._file = path.open("xb")
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self._digest.update(block)
        self._size += len(block)

    def end(self, **facts: Any) -> None:
        """Put it on the disk and into the manifest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        told = {"file": self._name, **facts, "bytes": self._size, "sha256": self._digest.hexdigest()}
        self._part.files.append(told)

    def close(self) -> None:
        self._file.close()


def export(source: Source, person: Person | None, folder: Path, wanted: Wanted, step: Step) -> dict[str, Any]:
    """Write a folder; returns its manifest.

    Raises:
        UserError: there is something in the folder already, or it cannot be written.
    """
    _must_be_new(folder)
    with source.db.read() as session:
        one = _one(session, wanted.party)
    with source.db.write() as session:  # before anything leaves: an export that dies half-way was asked for too
        subject = ("party", one.public_ids[0]) if one is not None else ("export", "")
        audit.record(session, person, "data.exported", *subject, files=wanted.files)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _part_of(folder) as part:
            _rows(source.db, part, one, wanted, step)
            if wanted.files:
                _files(source, part, one, step)
            manifest = _end(source.db, part, one, wanted)
            part.folder.replace(folder)
            flush(folder.parent)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    return manifest


def export_contacts(db: Database, person: Person | None, file: Path, form: contacts.Form) -> int:
    """Write all people and companies for another address book; returns how many.

    Raises:
        UserError: there is such a file already, or it cannot be written.
    """
    if file.exists():
        raise UserError(f"{file} is there already; name another file.")
    with db.write() as session:
        audit.record(session, person, "data.exported", "export", "", contacts=str(form))
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    count = 0
    try:
        with db.read() as session, part.open("xb") as out:
            part.chmod(0o600)
            for block, cards in contacts.written(session, form):
                out.write(block)
                count += cards
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return count


# --- the folder ---------------------------------------------------------------------------------------------------


def _must_be_new(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise UserError(f"There is something in {folder} already; name another folder.", error_id="not_empty")


class _part_of(AbstractContextManager[_Part]):  # noqa: N801 - reads as a function
    """Make a folder beside the wanted one; it goes again where the export fails."""

    def __init__(self, folder: Path) -> None:
        self._path = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))

    def __enter__(self) -> _Part:
        return _Part(self._path)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _one(session: Session, party: int | None) -> One | None:
    if party is None:
        return None
    ids = closure(session, party)
    rows = {row.id: str(row.public_id) for row in session.scalars(select(Party).where(Party.id.in_(ids)))}
    return One(tuple(ids), tuple(rows[number] for number in ids))


def _end(db: Database, part: _Part, one: One | None, wanted: Wanted) -> dict[str, Any]:
    moment = now()
    if one is not None:
        with db.read() as session:
            told = report.of(session, one, moment)
        for name, text in (("report.json", _json(told, indent=1)), ("report.html", report.page(told))):
            _write(part, name, text.encode())
    listed = "\n".join(f"{kind.name:<20} {kind.what}" for kind in KINDS)
    whom = f" of everything about one person ({one.public_ids[0]}); report.html says what that is" if one else ""
    _write(part, "README.txt", README.format(at=f"{moment:%Y-%m-%d %H:%M} UTC", whom=whom, kinds=listed).encode())
    manifest = {
        "made_at": moment.isoformat(timespec="seconds"),
        "version": version("hub"),
        "party": one.public_ids[0] if one else None,
        "with_files": wanted.files,
        "files": part.files,
        "missing": part.missing,
    }
    with (part.folder / "manifest.json").open("xb") as out:
        out.write(_json(manifest, indent=1).encode())
        out.flush()
        os.fsync(out.fileno())
    for place, _, _ in os.walk(part.folder):
        flush(Path(place))
    return manifest


def _write(part: _Part, name: str, content: bytes) -> None:
    with closing(part.open(name)) as file:
        file.write(content)
        file.end()


# --- rows ---------------------------------------------------------------------------------------------------------


def _rows(db: Database, part: _Part, one: One | None, wanted: Wanted, step: Step) -> None:
    with db.read() as session:
        if not db.is_sqlite:  # all tables as they are at one moment; a look of SQLite always is one
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        for kind in KINDS:
            query = kind.rows(one)
            if query is not None:
                _kind(part, kind, _read(session, query), wanted, step)


def _read(session: Session, query: Any) -> Iterator[Sequence[Any]]:
    with session.execute(query.execution_options(yield_per=ROWS)) as found:
        yield from found.partitions()


def _kind(part: _Part, kind: Kind, pages: Iterator[Sequence[Any]], wanted: Wanted, step: Step) -> None:
    names, count = [one.name for one in kind.columns()], 0
    with closing(part.open(f"{kind.name}.csv")) as table, closing(part.open(f"{kind.name}.jsonl")) as lines:
        table.write(((MARK if wanted.mark else "") + _csv([names])).encode())
        for page in pages:
            table.write(_csv([[_cell(value) for value in row] for row in page]).encode("utf-8", "replace"))
            text = "".join(_json(dict(zip(names, row, strict=True))) + "\n" for row in page)
            lines.write(text.encode("utf-8", "replace"))
            count += len(page)
            step(len(page), len(page))
        table.end(rows=count)
        lines.end(rows=count)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    match value:
        case dict() | list():
            return harmless(_json(value))
        case bool():
            return "true" if value else "false"
        case datetime():
            return harmless(value.isoformat())
    return harmless(value)


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain, indent=indent)


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case UUID():
            return str(value)
        case Mapping():
            return dict(value)
    return str(value)


# --- files --------------------------------------------------------------------------------------------------------


def _files(source: Source, part: _Part, one: One | None, step: Step) -> None:
    """Copy recordings, attachments and pictures under names of our own, for what others call them is not to be trusted."""
    for recording, account in _paged(source.db, select(Recording, Account).join(
        CallRow, CallRow.id == Recording.call_id).join(Account, Account.id == CallRow.account_id).where(
        Recording.state == RecordingState.READY, *([Recording.call_id.in_(kinds.calls(one))] if one else [])
    ), Recording.id):  # fmt: skip
        ending = f".{str(recording.path).rpartition('.')[2]}".lower()
        name = f"files/recordings/{recording.public_id}{ending if ending[1:].isalnum() and len(ending) <= 6 else ''}"
        _copy(part, name, _recording(source, account, recording.path), step)
    for file, message in _paged(source.db, select(MailFile, MailMessage).join(
        MailMessage, MailMessage.id == MailFile.message_id).where(
        MailFile.state == FileState.READY, *([MailFile.message_id.in_(kinds.mails(one))] if one else [])
    ), MailFile.id):  # fmt: skip
        told = message.attachments[file.place] if file.place < len(message.attachments) else {}
        name = safe_name(str(told.get("name") or ""), file.place)
        _copy(part, f"files/mails/{message.public_id}/{file.place}-{name}", _on(source.shelves.mail, file.sha256), step)
    for (noted,) in _paged(source.db, select(NoteFile).where(
        *([NoteFile.note_id.in_(kinds.notes(one))] if one else [])
    ), NoteFile.id):  # fmt: skip
        name = f"files/notes/{noted.id}-{safe_name(noted.name, 0)}"
        _copy(part, name, _on(source.shelves.notes, noted.sha256), step)
    for (media,) in _paged(source.db, select(MessageMedia).where(
        MessageMedia.state == MediaState.KEPT, *([MessageMedia.message_id.in_(kinds.messages(one))] if one else [])
    ), MessageMedia.id):  # fmt: skip
        name = f"files/messages/{media.id}-{safe_name(media.name, media.place)}"
        _copy(part, name, _on(source.shelves.media, media.sha256), step)
    for (photo,) in _paged(source.db, select(ContactPhoto).where(
        ContactPhoto.sha256 != "", *([ContactPhoto.link_id.in_(kinds.links(one))] if one else [])
    ), ContactPhoto.id):  # fmt: skip
        ending = photo.media_type.rpartition("/")[2]
        name = f"files/photos/{photo.id}.{ending if ending.isalnum() else 'bin'}"
        _copy(part, name, _on(source.shelves.photos, photo.sha256), step)


def _recording(source: Source, account: Account, path: str) -> Callable[[], BinaryIO]:
    return lambda: source.exchange_of(account).open_recording(path)


def _on(shelf: Shelf, sha256: str) -> Callable[[], BinaryIO]:
    return lambda: shelf.open(sha256)


def _paged(db: Database, query: Any, key: Any) -> Iterator[Any]:
    """Yield rows some at a time, so that no look at the database stays open while files are fetched."""
    after = 0
    while True:
        with db.read() as session:
            rows = session.execute(query.where(key > after).order_by(key).limit(SOME)).all()
        if not rows:
            return
        yield from rows
        after = rows[-1][0].id


def _copy(part: _Part, name: str, opened: Callable[[], BinaryIO], step: Step) -> None:
    file = part.open(name)
    try:
        with closing(opened()) as content:
            while block := content.read(BLOCK):
                file.write(block)
        file.end()
    except (ConnectorError, FileNotFoundError) as error:
        file.close()
        (part.folder / name).unlink()
        part.missing.append(
            {"file": name, "why": str(error) if isinstance(error, ConnectorError) else "it is not there"}
        )
    finally:
        file.close()
        step(1, 1)
