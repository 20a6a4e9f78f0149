"""Files that came with mails: fetched when somebody wants one, from a mailbox that has a copy.

`ask` writes a row, a worker fetches it (`Fetcher.fetch`), the page looks again until it is there or says why not. The
bytes are on the shelf (store/shelf.py). A worker that dies anywhere leaves a row whose lease runs out, and another one
fetches the file again from the beginning; nobody is ever shown half a file, or one that the scanner did not pass.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.mail import Part, from_parts
from hub.connector.stream import HasFiles, Lane, Remote
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    NotFoundError,
    RecordError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)
from hub.intake.models import Account, AccountState, RawRecord
from hub.mail.models import FileState, MailCopy, MailFile, MailMessage
from hub.records.mail import Attachment
from hub.settings import Settings
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import Database
from hub.store.shelf import Draft, Shelf, TooLargeError, Verdict
from hub.store.turn import in_turn
from hub.work.lease import Lease, holds, release
from hub.work.retry import pause_s

LOCK = MailFile.__tablename__  # held by whoever puts files on the shelf or takes them away
PATIENCE = timedelta(minutes=10)  # a provider that cannot be reached is asked again for so long
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
REMEMBERED = timedelta(days=1)  # why a file could not be had
A_NIGHT = 10_000  # files removed at once
LONGEST_NAME = 150
# Asking again can change what became of these; of the others only a changed file could.
AGAIN = frozenset(FileState) - {FileState.PENDING, FileState.READY, FileState.INFECTED}
_PARTS = TypeAdapter(list[Part])
_NEEDS_YOU = (AuthError, ScopeError, DisabledError)
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Which files are fetched at all."""

    largest: int  # bytes
    refused: frozenset[str] = field(default=frozenset())  # ends of names (`.exe`) and media types

    def refusal(self, name: str, media_type: str, size: int) -> FileState | None:
        """Say why a file is not fetched, by what the mail says of it; None: it may be."""
        end = f".{name.rpartition('.')[2]}".lower().strip() if "." in name else ""
        if end in self.refused or media_type.lower() in self.refused:
            return FileState.REFUSED
        return FileState.TOO_LARGE if size > self.largest else None


def limits(settings: Settings) -> Limits:
    """Return what the settings allow."""
    mail = settings.mail
    return Limits(mail.largest_file_mb * 2**20, frozenset(one.lower() for one in mail.refused_files))


def shelf(settings: Settings) -> Shelf:
    """Return the folder of the settings."""
    mail = settings.mail
    return Shelf(settings.mail_files, mail.largest_file_mb * 2**20, mail.scan_command, mail.scan_s)


# --- asking -------------------------------------------------------------------------------------------------------


def ask(session: Session, message: MailMessage, places: Sequence[int], allowed: Limits) -> list[MailFile]:
    """Want files of a message: those that are not there are fetched next, those that failed are tried again.

    Raises:
        NotFoundError: the message has no such file.
    """
    if not all(0 <= place < len(message.attachments) for place in places):
        raise NotFoundError("The mail has no such file.")
    moment = now()
    for place in places:
        values = {"message_id": message.id, "place": place, "content_id": "", "state": FileState.PENDING}
        values |= {"reason": "", "sha256": "", "asked_at": moment, "due_at": moment, "owner": "", "attempt": 0}
        session.execute(insert(session, MailFile).values(values).on_conflict_do_nothing())
    rows = of_message(session, message.id, lock=True)
    for place in places:
        told: Any = message.attachments[place]
        _want(rows[place], allowed.refusal(str(told["name"]), str(told["type"]), int(told["size"])))
    session.flush()
    return [rows[place] for place in places]


def _want(row: MailFile, refusal: FileState | None) -> None:
    if row.state == FileState.READY:
        return
    if refusal is not None:
        row.state, row.due_at = refusal, None
    elif row.state in AGAIN:
        row.state, row.reason, row.asked_at, row.due_at = FileState.PENDING, "", now(), now()


def of_message(session: Session, message_id: int, *, lock: bool = False) -> dict[int, MailFile]:
    """Return the files of a message that were asked for, by their places."""
    query = select(MailFile).where(MailFile.message_id == message_id).order_by(MailFile.place)
    return {row.place: row for row in session.scalars(query.with_for_update() if lock else query)}


def lost(session: Session, row_id: int) -> None:
    """Fetch a file again that is no longer on the shelf."""
    row = session.get(MailFile, row_id, with_for_update=True)
    if row is not None and row.state == FileState.READY:
        row.state, row.sha256, row.asked_at, row.due_at = FileState.PENDING, "", now(), now()


# --- fetching -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file can be had: a copy of its message in a mailbox."""

    account: Account
    stream: str
    raw: RawRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try came to: a file, or why there is none."""

    state: FileState
    reason: str = ""
    draft: Draft | None = None
    content_id: str = ""
    retry_after: float = 0.0


def due() -> ColumnElement[bool]:
    """Return which files are to be fetched now."""
    return (MailFile.state == FileState.PENDING) & (MailFile.due_at <= now())


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches files.

    Args:
        attachments_of: reads the files of one copy out of its raw record, by its mapping; raises RecordError.
    """

    db: Database
    open_remote: Callable[[Account, Lane], Remote]
    attachments_of: Callable[[Account, RawRecord], Sequence[Attachment]]
    shelf: Shelf

    def fetch(self, lease: Lease) -> None:
        """Try once to get a file, and write down what came of it."""
        with self.db.read() as session:
            row = session.get_one(MailFile, lease.id)
            told: Any = session.get_one(MailMessage, row.message_id).attachments[row.place]
            places = _places(session, row.message_id)
        tired = now() - row.asked_at > 2 * PATIENCE  # whoever tried before died of it
        outcome = Outcome(FileState.AWAY, "every try broke off") if tired else self._tried(told, places)
        try:
            self._settle(lease, row, outcome)
        finally:
            if outcome.draft is not None:
                outcome.draft.drop()

    def _tried(self, told: Any, places: Sequence[Place]) -> Outcome:
        """Go through the copies until one gives the file; otherwise the reason that leaves most hope."""
        reasons: dict[FileState, Outcome] = {}
        for place in places:
            outcome = self._from(place, told)
            if outcome.draft is not None:
                return self._scanned(outcome)
            if outcome.state is FileState.TOO_LARGE:
                return outcome
            reasons.setdefault(outcome.state, outcome)
        for state in (FileState.AWAY, FileState.NEEDS_YOU, FileState.REFUSED):
            if state in reasons:
                return reasons[state]
        return Outcome(FileState.GONE, "no mailbox that is read has this mail")

    def _from(self, place: Place, told: Any) -> Outcome:
        if place.account.state != AccountState.ACTIVE:
            return Outcome(FileState.NEEDS_YOU, f"{place.account.name} is paused")
        try:
            stream = self.open_remote(place.account, Lane.INTERACTIVE).stream(place.stream)
            if not isinstance(stream, HasFiles):
                return Outcome(FileState.REFUSED, f"{place.account.name} hands out no files")
            own = same(told, self.attachments_of(place.account, place.raw))
            draft = self.shelf.receive(stream.file(place.raw.remote_id, own.number))
        except GoneError as error:
            return Outcome(FileState.GONE, str(error))
        except _NEEDS_YOU as error:
            return Outcome(FileState.NEEDS_YOU, f"{place.account.name}: {error}")
        except RetryLaterError as error:
            return Outcome(FileState.AWAY, str(error), retry_after=error.retry_after or 0.0)
        except TooLargeError as error:
            return Outcome(FileState.TOO_LARGE, str(error))
        except ShapeError as error:  # a network's sign-in page instead of an answer, or half of one
            return Outcome(FileState.AWAY, str(error))
        except (ConnectorError, RecordError) as error:
            return Outcome(FileState.REFUSED, str(error))
        return Outcome(FileState.READY, draft=draft, content_id=own.content_id)

    def _scanned(self, found: Outcome) -> Outcome:
        assert found.draft is not None
        try:
            verdict, why = self.shelf.scan(found.draft)
        except BaseException:
            found.draft.drop()
            raise
        if verdict is Verdict.CLEAN:
            return found
        state = FileState.INFECTED if verdict is Verdict.INFECTED else FileState.UNCHECKED
        return Outcome(state, why, draft=found.draft)

    def _settle(self, lease: Lease, row: MailFile, outcome: Outcome) -> None:
        """Put the file on the shelf and point to it, in this order, under the fence of the lease."""
        values: dict[str, Any] = {"state": outcome.state, "reason": outcome.reason[:500], "due_at": None}
        if outcome.state is FileState.AWAY and now() - row.asked_at < PATIENCE:
            wait_s = max(outcome.retry_after, pause_s(lease.attempt - 1, FIRST_PAUSE_S, LONGEST_PAUSE_S))
            values |= {"state": FileState.PENDING, "due_at": now() + timedelta(seconds=wait_s)}
        with self.db.write() as session:
            in_turn(session, LOCK)
            if not holds(session, MailFile, lease, lock=True):
                return
            if outcome.state is FileState.READY and outcome.draft is not None:
                self.shelf.place(outcome.draft)
                values |= {"sha256": outcome.draft.sha256, "size": outcome.draft.size, "content_id": outcome.content_id}
            release(session, MailFile, lease, **values)
        _log.info("file of a mail", file=lease.id, state=str(values["state"]))


def _places(session: Session, message_id: int) -> list[Place]:
    query = (
        select(Account, RawRecord)
        .join(MailCopy, MailCopy.account_id == Account.id)
        .join(RawRecord, RawRecord.id == MailCopy.raw_record_id)
        .where(MailCopy.message_id == message_id, RawRecord.gone_at.is_(None))
        .order_by(MailCopy.id)
    )
    found = session.execute(query).all()
    return [Place(account, raw.container or raw.stream, raw) for account, raw in found]


def attachments(values: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the files of a mail out of what a mapping made of it.

    Raises:
        RecordError: it is no mail.
    """
    try:
        return from_parts((), _PARTS.validate_python(values.get("parts"))).attachments
    except ValidationError as error:
        raise ShapeError("what the mapping makes of this copy is no mail") from error


def same(told: Any, found: Sequence[Attachment]) -> Attachment:
    """Find a file of a message among those of one copy: providers number the same parts each in their own way.

    Raises:
        GoneError: this copy has no such file.
    """
    facts = (told["name"], told["type"])
    alike = [one for one in found if (one.name, one.media_type) == facts]
    for close in (
        [one for one in alike if one.number == told["number"]],
        [one for one in alike if one.size == told["size"]],
        alike,
    ):
        if close:
            return close[0]
    raise GoneError("this copy of the mail has no such file")


# --- the end of a file --------------------------------------------------------------------------------------------


def purge(session: Session, on: Shelf, *, limit: int = A_NIGHT) -> int:
    """Remove the files that no message points to any more; returns how many. One that is pointed to never goes.

    Why a file could not be had is forgotten too: settings and mailboxes change, and whoever wants it asks anew.
    """
    in_turn(session, LOCK)
    session.execute(delete(MailFile).where(MailFile.state.in_(AGAIN), MailFile.asked_at < now() - REMEMBERED))
    return on.sweep(
        lambda names: set(session.scalars(select(MailFile.sha256).where(MailFile.sha256.in_(names)))), limit=limit
    )


# --- names --------------------------------------------------------------------------------------------------------

# Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def safe_name(name: str, place: int) -> str:
    """Return a name to save a file under: no path, nothing that turns or hides a part of it, no device of Windows."""
    text = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] != "C")
    text = " ".join(_FORBIDDEN.sub("_", text).split()).strip(". ")
    if _DEVICE.match(text):
        text = f"_{text}"
    if len(text) > LONGEST_NAME:
        stem, dot, end = text.rpartition(".")
        keeps_end = dot and len(end) <= 10
        text = f"{stem[: LONGEST_NAME - len(end) - 1]}.{end}" if keeps_end else text[:LONGEST_NAME]
    return text.strip(". ") or f"file-{place + 1}"
