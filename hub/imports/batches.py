"""Imports as people see them: bring a file, choose its columns, check, start, pause, cancel, undo. Knows no pages.

    bring      the file is placed on the shelf, then a row points to it; how it is read and what its columns are is guessed
    choose     a person corrects the guess; it is the template for the next file of this source
    check      everything is done as if it counted, and taken back (run.py)
    start      a worker takes row by row; `pause`, `resume` and `cancel` count from the next page on
    undo       for seven days, also by a worker

Files of one old system belong to one source, an account without a connector: its ids mean the same in all of them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from hub.errors import UserError
from hub.fields import definitions
from hub.fields.models import Of
from hub.flow import IMPORTS, Flow
from hub.imports import columns as choosing
from hub.imports.archive import Archive
from hub.imports.columns import Options
from hub.imports.models import BatchState, Fate, ImportBatch, ImportRow, What
from hub.imports.reading import Look, Row, look, open_table
from hub.imports.targets import FIELD
from hub.intake.models import Account, AccountState, Health
from hub.mapping import versions
from hub.security import audit
from hub.security.policy import Person
from hub.settings import Settings
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.session import Database
from hub.store.shelf import MIB, Draft, Shelf
from hub.store.turn import in_turn
from hub.timeline import note_files

LOCK = ImportBatch.__tablename__  # held by whoever puts files on the shelf or takes them away
LARGEST = 64 * 1024 * MIB  # also of an archive
BLOCK = MIB
FIRST = 5  # rows that are shown
SAMPLE = 200  # rows that are looked at to guess
UNDO_FOR = timedelta(days=7)
KEPT_FOR = timedelta(days=30)  # a file that nothing came of
USUAL_SOURCE = "Imported files"
WORKING = (BatchState.CHECKING, BatchState.RUNNING, BatchState.UNDOING)
OPEN = (BatchState.LOOKED, BatchState.CHECKED)
ENDED = (BatchState.DONE, BatchState.CANCELLED, BatchState.FAILED)
BEGUN = (BatchState.RUNNING, BatchState.PAUSED, *ENDED)
_OF: Mapping[What, Of] = {What.PEOPLE: Of.PERSON, What.COMPANIES: Of.COMPANY}


def shelf(settings: Settings) -> Shelf:
    """Return the folder of files that were brought: beside the files of mails, which all machines reach."""
    return Shelf(settings.mail_files / "imports", LARGEST)


def file_of(settings: Settings, batch: ImportBatch) -> Path:
    """Return where the file of an import lies.

    Raises:
        UserError: it is there no more.
    """
    folder = shelf(settings).folder / batch.sha256[:2]
    path = folder / batch.sha256
    if not path.is_file():  # also where its name was forgotten: see purge
        raise UserError("The file is no longer kept. Bring it again.", error_id="file_gone")
    return path


def archive_of(settings: Settings, batch: ImportBatch) -> Path:
    """Return where the files lie that the rows of an import name.

    Raises:
        UserError: they are there no more.
    """
    path = shelf(settings).folder / batch.archive[:2] / batch.archive
    if not batch.archive or not path.is_file():
        raise UserError("The file is no longer kept. Bring it again.", error_id="file_gone")
    return path


# --- brought ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Brought:
    """A file, and who brings it.

    Attributes:
        name: as its owner calls it.
        source: the old system it came from.
        region: ISO 3166 country of its telephone numbers; empty: as before, else the hub's.
        look: how it is read; None: it is guessed.
        archive: the ZIP of the files that its rows name, of `What.FILES`; None: the file itself is one, with the table in it.
    """

    name: str
    what: What
    source: str = USUAL_SOURCE
    region: str = ""
    look: Look | None = None
    archive: Iterable[bytes] | None = None


def bring(
    db: Database, settings: Settings, person: Person | None, blocks: Iterable[bytes], brought: Brought
) -> ImportBatch:
    """Keep a file and guess how it is read and what its columns are.

    Raises:
        UserError: nothing can read it; the text says what to do.
        TooLargeError: it is larger than what is kept.
    """
    kept = shelf(settings)
    with _received(kept, settings, blocks, brought) as (draft, name, archive):
        how = brought.look or look(draft.path, languages=(settings.hub.language,), name=name)
        with open_table(draft.path, how) as table:
            there, total = table.columns, table.total
            rows = [row.values for row in islice(table.rows(), SAMPLE)]
        with db.write() as session:
            in_turn(session, LOCK)
            account = source(session, brought.source)
            account.region = brought.region or account.region
            batch = ImportBatch(
                account_id=account.id, what=brought.what, file_name=Path(brought.name).name[:200], sha256=draft.sha256,
                size=draft.size, archive=archive.sha256 if archive else "", look=how.as_json(), total=total, columns={},
                asked_by=person.id if person and person.id else None,
            )  # fmt: skip
            region = account.region or settings.hub.region
            chosen, options = guess(session, batch, there, rows, region=region)
            batch.columns, batch.options = chosen, options.as_json()
            for one in (draft, archive):
                if one is not None:
                    kept.place(one)
            session.add(batch)
            session.flush()
            _record(session, person, "import.brought", batch, rows=total)
    return batch


@contextmanager
def _received(
    kept: Shelf, settings: Settings, blocks: Iterable[bytes], brought: Brought
) -> Iterator[tuple[Draft, str, Draft | None]]:
    """Receive a table, by its name, and the files that its rows name; what has no place in the end is dropped."""
    with ExitStack() as stack:

        def receive(some: Iterable[bytes]) -> Draft:
            draft = kept.receive(some)
            stack.callback(draft.drop)
            return draft

        first = receive(blocks)
        if brought.what is not What.FILES:
            yield first, brought.name, None
            return
        archive = first if brought.archive is None else receive(brought.archive)
        with Archive(archive.path, largest=note_files.shelf(settings).largest) as opened:  # also to see that it can be
            if brought.archive is None:
                name, table = opened.index()
                yield receive(table), name, archive
            else:
                yield first, brought.name, archive


def blocks_of(path: Path) -> Iterator[bytes]:
    """Yield a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}. Give the path of a file.", error_id="no_file") from error


def source(session: Session, name: str) -> Account:
    """Return the account of an old system, made if it is not there.

    Raises:
        UserError: a connection has this name.
    """
    name = name.strip()
    if not name or len(name) > 100:
        raise UserError("The name of a source has 1 to 100 characters.", error_id="bad_source", field="source")
    in_turn(session, "import source")
    row = session.scalar(select(Account).where(Account.name == name, Account.state != AccountState.REMOVED))
    if row is None:
        row = Account(name=name, connector=IMPORTS, health=Health.HEALTHY)
        session.add(row)
        session.flush()
    if row.connector != IMPORTS:
        raise UserError(
            f"{name} is a connection. Give the old system another name.", error_id="bad_source", field="source"
        )
    return row


# --- chosen -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file as it is read now."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: int | None


def preview(settings: Settings, batch: ImportBatch, limit: int = FIRST) -> Preview:
    """Return the columns and first rows of a file.

    Raises:
        UserError: it cannot be read like this.
    """
    with open_table(file_of(settings, batch), Look.of_json(batch.look)) as table:
        return Preview(table.columns, tuple(islice(table.rows(), limit)), table.total)


def guess(
    session: Session, batch: ImportBatch, there: Sequence[str], rows: Sequence[Mapping[str, str]], *, region: str = ""
) -> tuple[dict[str, str], Options]:
    """Return what columns may be: as they were chosen for this source before, else by what they are called."""
    what = What(batch.what)
    before = template(session, batch)
    labels = {name: list(field.labels.values()) for name, field in _fields(session, what).items()}
    found = choosing.guess(what, there, rows, labels=labels)
    options = Options(kind="meeting" if batch.look.get("format") == "ics" and what is What.INTERACTIONS else "")
    if before is not None:
        options = Options.of_json(before.options)
        kept = {column: target for column, target in before.columns.items() if column in there}
        single = set(kept.values())
        found = {
            **{name: target for name, target in found.items() if name not in kept and target not in single},
            **kept,
        }
    if not options.dates:
        dates = choosing.guess_dates(what, found, rows, region=region)
        options = Options(**{**options.as_json(), "dates": dates})
    return {name: found[name] for name in there if name in found}, options


def template(session: Session, batch: ImportBatch) -> ImportBatch | None:
    """Return the last import of such rows from the same source that was begun: what was chosen there is chosen again."""
    query = select(ImportBatch).where(
        ImportBatch.account_id == batch.account_id, ImportBatch.what == batch.what, ImportBatch.state.in_(BEGUN)
    )
    return session.scalars(query.order_by(ImportBatch.id.desc()).limit(1)).first()


def choose(
    session: Session,
    settings: Settings,
    person: Person | None,
    batch: ImportBatch,
    *,
    look: Look | None = None,
    columns: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> None:
    """Say how a file is read, what its columns are, and the rest; what a check found no longer counts.

    Raises:
        UserError: it makes no sense; nothing was changed.
    """
    _must_be(batch, OPEN, "Only an import that was not begun can be changed; bring the file again.")
    must_have_files(batch)
    changed = look is not None and look.as_json() != batch.look
    if look is not None:
        batch.look = look.as_json()
    shown = preview(settings, batch, SAMPLE)
    if columns is None and changed:  # what was chosen speaks of columns as they were read before
        values = [row.values for row in shown.rows]
        columns, guessed = guess(session, batch, shown.columns, values)
        options = options or guessed
    what = What(batch.what)
    chosen = dict(batch.columns if columns is None else columns)
    wanted = options or Options.of_json(batch.options)
    choosing.check(what, chosen, wanted, there=shown.columns, fields=_fields(session, what))
    batch.columns = {name: chosen[name] for name in shown.columns if name in chosen}
    batch.options, batch.total = wanted.as_json(), shown.total
    batch.state, batch.found = BatchState.LOOKED, {}
    forget_check(session, batch)
    session.flush()
    _record(session, person, "import.chosen", batch, columns=batch.columns)


def must_have_files(batch: ImportBatch) -> None:
    """Raise UserError where rows are to name files, and none came with them."""
    if batch.what == What.FILES and not batch.archive:
        raise UserError(
            "No files came with these rows. Bring one ZIP with the table and the files in it.",
            error_id="no_archive", field="what",
        )  # fmt: skip


def _fields(session: Session, what: What) -> Mapping[str, Any]:
    """Return the fields that administrators defined for such rows."""
    of = _OF.get(what)
    return definitions.load(session).of(of) if of is not None else {}


def forget_check(session: Session, batch: ImportBatch) -> None:
    """Forget the refused rows that a check found."""
    session.execute(delete(ImportRow).where(ImportRow.batch_id == batch.id))


# --- check, run, stop ---------------------------------------------------------------------------------------------


def check(session: Session, settings: Settings, person: Person | None, batch: ImportBatch) -> None:
    """Ask for a check: a worker does everything, and takes it back."""
    _must_be(batch, OPEN, "Only an import that was not begun can be checked.")
    choose(session, settings, person, batch)
    batch.state, batch.found, batch.error = BatchState.CHECKING, {}, ""
    batch.position, batch.progress, batch.due_at = 0, 0.0, now()
    session.flush()


def start(session: Session, settings: Settings, flow: Flow, person: Person | None, batch: ImportBatch) -> None:
    """Let the rows come in.

    Raises:
        UserError: the columns make no sense, or it was begun before.
    """
    _must_be(batch, OPEN, "This import was begun before; bring the file again.")
    choose(session, settings, person, batch)
    _learn_fields(session, flow, person, batch)
    batch.state, batch.counts, batch.error = BatchState.RUNNING, {}, ""
    batch.position, batch.progress = 0, 0.0
    batch.due_at = batch.began_at = now()
    session.flush()
    _record(session, person, "import.started", batch, columns=batch.columns)


def pause(session: Session, person: Person | None, batch: ImportBatch) -> None:
    """Stop after the page that is under way."""
    _must_be(batch, (BatchState.RUNNING,), "Only an import that runs can be paused.")
    batch.state, batch.due_at, batch.owner, batch.lease_until = BatchState.PAUSED, None, "", None
    session.flush()
    _record(session, person, "import.paused", batch)


def resume(session: Session, person: Person | None, batch: ImportBatch) -> None:
    """Go on with the row after the last one."""
    _must_be(batch, (BatchState.PAUSED, BatchState.FAILED), "Only an import that is paused or failed can go on.")
    batch.state, batch.due_at, batch.error, batch.ended_at = BatchState.RUNNING, now(), "", None
    session.flush()
    _record(session, person, "import.resumed", batch)


def cancel(session: Session, person: Person | None, batch: ImportBatch) -> None:
    """End it here. What came in stays until somebody undoes it."""
    wanted = (BatchState.CHECKING, BatchState.RUNNING, BatchState.PAUSED)
    _must_be(batch, wanted, "There is nothing to cancel: it does not run.")
    batch.state = BatchState.LOOKED if batch.state == BatchState.CHECKING else BatchState.CANCELLED
    batch.due_at, batch.owner, batch.lease_until = None, "", None
    if batch.state == BatchState.CANCELLED:
        batch.ended_at, batch.undo_until = now(), now() + UNDO_FOR
    session.flush()
    _record(session, person, "import.cancelled", batch)


def undo(session: Session, person: Person | None, batch: ImportBatch) -> None:
    """Ask for everything that an import did to be taken back; what people did since stays, and is told.

    Raises:
        UserError: it did nothing, or too long ago.
    """
    _must_be(
        batch, (*ENDED, BatchState.PAUSED), "There is nothing to undo: it was not begun, still runs, or was undone."
    )
    if batch.undo_until is not None and batch.undo_until < now():
        day = f"{batch.undo_until:%Y-%m-%d}"
        raise UserError(f"This could be undone until {day}. Delete what is not wanted by hand.", error_id="too_late")
    batch.state, batch.due_at, batch.error = BatchState.UNDOING, now(), ""
    batch.position, batch.progress = 0, 0.0
    session.flush()
    _record(session, person, "import.undo", batch)


def _learn_fields(session: Session, flow: Flow, person: Person | None, batch: ImportBatch) -> None:
    """Let the source's mapping fill the administrators' fields that columns were chosen for."""
    names = [target.removeprefix(FIELD) for target in batch.columns.values() if target.startswith(FIELD)]
    if not names:
        return
    scope = versions.Scope(IMPORTS, batch.what, batch.account_id)
    live = versions.live(session, scope)
    before = dict(live.document["fields"]) if live is not None else {}
    wanted = {**{name: {"from": f"fields.{name}"} for name in names}, **before}
    if wanted == before:
        return
    if versions.draft(session, scope) is not None:
        raise UserError(
            "Somebody is changing the mapping of this source. Publish or discard that draft first.", error_id="draft"
        )
    shipped = flow.mapping(IMPORTS, batch.what)
    row = versions.save_draft(
        session, person, scope, {"fields": wanted}, base=versions.under(session, scope, shipped=shipped),
        note=f"Columns of {batch.file_name}", expected_sha=versions.seen(session, scope),
    )  # fmt: skip
    versions.publish(session, person, scope, row.sha256, shipped=shipped)


def _must_be(batch: ImportBatch, states: Sequence[BatchState], why: str) -> None:
    if batch.state not in states:
        raise UserError(why, error_id="import_state")


# --- looked at ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; counts as of `run.Counts`."""

    id: UUID
    what: str
    file_name: str
    source: str
    state: str
    row: int  # the last one
    total: int | None
    share: float  # of the file, 0 to 1
    counts: Mapping[str, Any]
    found: Mapping[str, Any]
    error: str
    asked_at: datetime
    ended_at: datetime | None
    undo_until: datetime | None

    @property
    def is_working(self) -> bool:
        return self.state in WORKING

    @property
    def rate(self) -> float:
        """Rows per second of work."""
        seconds = float(self.counts.get("seconds", 0.0))
        return int(self.counts.get("rows", 0)) / seconds if seconds else 0.0


def progress(session: Session, batch: ImportBatch) -> Progress:
    """Return how far an import is."""
    name = session.scalar(select(Account.name).where(Account.id == batch.account_id)) or ""
    return Progress(
        id=batch.public_id, what=batch.what, file_name=batch.file_name, source=name, state=batch.state,
        row=batch.position, total=batch.total, share=batch.progress, counts=batch.counts, found=batch.found,
        error=batch.error, asked_at=batch.asked_at, ended_at=batch.ended_at, undo_until=batch.undo_until,
    )  # fmt: skip


def one(session: Session, public_id: UUID) -> ImportBatch:
    """Return an import.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, ImportBatch, public_id, "There is no such import; see: hub import status")


def listed(session: Session, limit: int = 50) -> list[Progress]:
    """Return the imports, the newest first."""
    rows = session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()).limit(limit)).all()
    return [progress(session, row) for row in rows]


def same_before(session: Session, batch: ImportBatch) -> ImportBatch | None:
    """Return an import that brought the same file the same way already."""
    query = select(ImportBatch).where(
        ImportBatch.account_id == batch.account_id, ImportBatch.what == batch.what, ImportBatch.id != batch.id,
        ImportBatch.sha256 == batch.sha256, ImportBatch.state == BatchState.DONE,
    )  # fmt: skip
    if batch.archive:
        return None  # what was in the archive then nobody knows any more; a file that is here already changes nothing
    found = session.scalars(query.order_by(ImportBatch.id.desc())).all()
    return next((row for row in found if (row.columns, row.options) == (batch.columns, batch.options)), None)


def refused(session: Session, batch: ImportBatch, *, after: int = 0, limit: int = 500) -> Sequence[ImportRow]:
    """Return rows that were refused, in the order of the file."""
    query = select(ImportRow).where(
        ImportRow.batch_id == batch.id, ImportRow.fate == Fate.BAD, ImportRow.number > after
    )
    return session.scalars(query.order_by(ImportRow.number).limit(limit)).all()


def refused_beside(session: Session, party_ids: Sequence[int], limit: int = 100) -> Sequence[ImportRow]:
    """Return the refused rows that speak of a customer, to be read beside it."""
    query = select(ImportRow).where(ImportRow.party_id.in_(party_ids), ImportRow.fate == Fate.BAD)
    return session.scalars(query.order_by(ImportRow.batch_id.desc(), ImportRow.number).limit(limit)).all()


# --- work ---------------------------------------------------------------------------------------------------------


def due() -> ColumnElement[bool]:
    """Return what is to be worked at now: of one source, one import after the other."""
    moment, other = now(), aliased(ImportBatch)
    held = exists().where(other.account_id == ImportBatch.account_id, other.lease_until > moment)
    return ImportBatch.state.in_(WORKING) & (ImportBatch.due_at <= moment) & ~held


def first() -> Sequence[Any]:
    """Return which go first; with an order claims are made one after the other, as `due` wants."""
    return (ImportBatch.id,)


def purge(session: Session, settings: Settings) -> None:
    """Forget files that nobody needs any more; what came of them stays."""
    in_turn(session, LOCK)
    old = now() - KEPT_FOR
    session.execute(delete(ImportBatch).where(ImportBatch.state.in_(OPEN), ImportBatch.asked_at < old))
    over = (ImportBatch.undo_until < now()) | (ImportBatch.state == BatchState.UNDONE)
    session.execute(update(ImportBatch).where(over, ImportBatch.sha256 != "").values(sha256="", archive=""))
    session.flush()
    sweep(session, shelf(settings))


def drop_archive(db: Database, settings: Settings, name: str) -> None:
    """Remove an archive whose files all came in, unless another import has it too; a sweep does it where this dies."""
    with db.write() as session:
        in_turn(session, LOCK)
        if not still_held(session, [name]):
            shelf(settings).remove(name)


def sweep(session: Session, on: Shelf) -> None:
    """Remove files that no import has any more."""
    in_turn(session, LOCK)
    on.sweep(lambda names: still_held(session, names), limit=10_000)


def still_held(session: Session, names: Collection[str]) -> set[str]:
    """Return which of some files imports still have."""
    columns = (ImportBatch.sha256, ImportBatch.archive)
    return {one for column in columns for one in session.scalars(select(column).where(column.in_(names)))}


def _record(session: Session, person: Person | None, action: str, batch: ImportBatch, **more: Any) -> None:
    facts = {"what": batch.what, "file": batch.file_name, "sha256": batch.sha256, **more}
    audit.record(session, person, action, "import", batch.public_id, **facts)
