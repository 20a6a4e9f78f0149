"""Work at an import: a row of work, done page by page.

What became of a page's rows, how far the import came and what it counted are one transaction, under the fence of the lease.
A process that dies at any line repeats the page it was at, and nothing of that page had been kept. A check takes the same
pages and rolls each of them back; it keeps nothing but its counts, so one that dies begins again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from hub import log
from hub.errors import UserError
from hub.events.tell import quiet
from hub.flow import Flow
from hub.imports import batches
from hub.imports.batches import Progress, file_of
from hub.imports.columns import Options
from hub.imports.doubles import Doubles
from hub.imports.enclosed import Enclosed
from hub.imports.models import BatchState, Fate, ImportBatch, What
from hub.imports.page import Pages, Taken, matching
from hub.imports.reading import Look, Row, open_table
from hub.imports.reading import Table as RowsOf
from hub.imports.rows import TOLD, Shaper
from hub.imports.taking_back import take_back
from hub.imports.users import MOST_TOLD, Users
from hub.intake.models import Account
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import Database
from hub.timeline import note_files
from hub.work.lease import Lease
from hub.work.shift import SLICE_S, Pace, Shift, shift

PAGE = 1_000  # rows of one transaction
MOST_SHOWN = 50  # examples of what a check found
_log = log.get(__name__)


@dataclass(slots=True)
class Counts:
    """What was counted; kept as JSON.

    Attributes:
        fates: rows by `Fate`; `noted`: taken, but somebody should look at them.
        reasons: refused rows by reason.
        strangers: old users who are nobody of us, with their rows.
        without_company: people whose company was not imported before them.
        doubles: rows of the file that have a number or an address of an earlier one.
        shown: examples: number, name, the key that matched, and the earlier row's number (0: somebody who was here).
    """

    fates: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    strangers: Counter[str] = field(default_factory=Counter)
    without_company: int = 0
    doubles: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Counts":
        """Return what `as_json` made."""
        return cls(
            Counter({str(fate): int(kept.get(fate, 0)) for fate in (*Fate, "noted")}),
            Counter(kept.get("reasons", {})),
            Counter(kept.get("strangers", {})),
            int(kept.get("without_company", 0)),
            int(kept.get("doubles", 0)),
            list(kept.get("shown", ())),
            float(kept.get("seconds", 0.0)),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept: fates beside the rest, `rows` is their sum."""
        return {
            "rows": sum(self.fates[fate] for fate in Fate),
            **{str(fate): self.fates[fate] for fate in (*Fate, "noted")},
            "reasons": dict(self.reasons),
            "strangers": dict(self.strangers.most_common(MOST_TOLD)),
            "without_company": self.without_company,
            "doubles": self.doubles,
            "shown": self.shown[:MOST_SHOWN],
            "seconds": round(self.seconds, 3),
        }

    def add(self, taken: Taken) -> None:
        """Count a page."""
        self.fates += taken.counts()
        self.reasons += taken.reasons()
        self.strangers += taken.strangers
        self.without_company += taken.without_company


class _TakenBackError(Exception):
    """What a check did is rolled back."""


class _StoppedError(Exception):
    """Somebody paused or cancelled it."""


def _nobody(_: Progress) -> None:
    """Nobody watches."""


class Importer:
    """Works at imports."""

    def __init__(
        self,
        db: Database,
        flow: Flow,
        settings: Settings,
        *,
        slice_s: float = SLICE_S,
        rest: float = 0.0,
        watch: Callable[[Progress], None] = _nobody,
    ) -> None:
        """Take the parts.

        Args:
            slice_s, rest: as of `Pace`; a check is done in one go.
            watch: told of each page.
        """
        self._db, self._flow, self._settings = db, flow, settings
        self._pace, self._watch = Pace(settings.work.lease_s, slice_s, rest), watch

    def run(self, lease: Lease) -> None:
        """Work at one import until it is over, stopped, or its time is over; nothing is raised but a lost database."""
        with shift(self._db, ImportBatch, lease, self._pace) as at:
            with self._db.read() as session:
                batch = session.get(ImportBatch, lease.id)
                account = session.get(Account, batch.account_id) if batch is not None else None
            if batch is None or account is None:
                return
            try:
                if batch.state == BatchState.RUNNING:
                    self._import(at, batch)
                elif batch.state == BatchState.CHECKING:
                    self._check(at, batch)
                elif batch.state == BatchState.UNDOING:
                    self._undo(at)
            except _StoppedError:
                return
            except UserError as error:
                _fail(at, str(error))

    # --- the import itself ----------------------------------------------------------------------------------------

    def _import(self, at: Shift, batch: ImportBatch) -> None:
        with self._table(batch, keep=True) as table:
            for rows in table.pages(after=batch.position):
                began = time.monotonic()
                self._watch(self._page(at, table, rows))
                at.rest(began)
                if not at.goes_on():
                    return
        with _page_of(at, BatchState.RUNNING) as (session, row):
            row.progress, row.archive = 1.0, ""
            _end(row, BatchState.DONE)
            told = batches.progress(session, row)
        if batch.archive:
            batches.drop_archive(self._db, self._settings, batch.archive)
        self._watch(told)

    def _page(self, at: Shift, table: "_Rows", rows: list[Row]) -> Progress:
        began = time.monotonic()
        with table.ready(rows), _page_of(at, BatchState.RUNNING) as (session, batch):
            taken = table.take(session, session.get_one(Account, batch.account_id), rows)
            taken.write(session, batch.id)
            counts = Counts.of_json(batch.counts)
            counts.add(taken)
            counts.seconds += time.monotonic() - began
            batch.counts, batch.position = counts.as_json(), rows[-1].number
            batch.progress, batch.error = table.progress(), ""
            return batches.progress(session, batch)

    @contextmanager
    def _table(self, batch: ImportBatch, *, keep: bool) -> Iterator["_Rows"]:
        """Open the file, and the files that its rows name; these come in where they are to be kept."""
        what, options = What(batch.what), Options.of_json(batch.options)
        with self._db.read() as session:
            users = Users(session, batch.account_id, options.users)
        path, look = file_of(self._settings, batch), Look.of_json(batch.look)
        with open_table(path, look) as table:
            shaper = Shaper(what, batch.columns, options, at=batch.asked_at, mended=set(TOLD) <= set(table.columns))
            if what is not What.FILES:
                yield _Rows(table, Pages(self._flow, what, shaper, batch_id=batch.id, users=users))
                return
            archive, on = batches.archive_of(self._settings, batch), note_files.shelf(self._settings)
            with closing(Enclosed(shaper, batch.columns, archive, on, keep=keep)) as files:
                with open_table(path, look) as first:
                    files.learn(first.rows())
                yield _Rows(table, Pages(self._flow, what, files, batch_id=batch.id, users=users), files)

    # --- a check --------------------------------------------------------------------------------------------------

    def _check(self, at: Shift, batch: ImportBatch) -> None:
        counts = Counts()
        with at.page() as session:
            batches.forget_check(session, batch)
        with Doubles() as doubles, self._table(batch, keep=False) as table:
            for rows in table.pages():
                began = time.monotonic()
                taken = self._try(at, table, batch, rows, counts, doubles)
                counts.add(taken)
                counts.seconds += time.monotonic() - began
                self._watch(_keep_check(at, counts, taken, table.progress()))
                at.rest(began)
        with _page_of(at, BatchState.CHECKING) as (session, row):
            row.state, row.found, row.progress = BatchState.CHECKED, counts.as_json(), 1.0
            row.due_at, row.lease_until, row.owner = None, None, ""
            told = batches.progress(session, row)
        self._watch(told)

    def _try(
        self, at: Shift, table: "_Rows", batch: ImportBatch, rows: list[Row], counts: Counts, doubles: Doubles
    ) -> Taken:
        """Take a page and roll it back."""
        taken: Taken | None = None
        with suppress(_TakenBackError), table.ready(rows), _page_of(at, BatchState.CHECKING) as (session, _):
            taken = table.take(session, session.get_one(Account, batch.account_id), rows)
            self._tell(session, taken, counts, doubles)
            raise _TakenBackError
        assert taken is not None, "it was taken before it was taken back"
        return taken

    def _tell(self, session: Session, taken: Taken, counts: Counts, doubles: Doubles) -> None:
        """Count what is there twice, with examples."""
        for one, earlier, key in doubles.of(taken.outcomes):
            counts.doubles += 1
            _show(counts, one.shaped.row.number, one.shaped.payload, key, earlier)
        joined = [one for one in taken.outcomes if one.joined]
        for one, key in matching(session, joined[: max(0, MOST_SHOWN - len(counts.shown))]):
            _show(counts, one.shaped.row.number, one.shaped.payload, key, 0)

    # --- back -----------------------------------------------------------------------------------------------------

    def _undo(self, at: Shift) -> None:
        goes_on = True
        while goes_on:
            began = time.monotonic()
            with _page_of(at, BatchState.UNDOING) as (session, batch):
                more = take_back(self._flow, session, batch)
                if not more:
                    _end(batch, BatchState.UNDONE)
                told = batches.progress(session, batch)
            self._watch(told)
            if more:
                at.rest(began)
            goes_on = more and at.goes_on()


# --- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one file on their way in, with the files that they name."""

    table: RowsOf
    taker: Pages
    files: Enclosed | None = None

    def pages(self, after: int = 0) -> Iterator[list[Row]]:
        rows = self.table.rows(after=after)
        return self.files.pages(rows) if self.files is not None else _in_pages(rows)

    def ready(self, rows: Sequence[Row]) -> AbstractContextManager[None]:
        """Have what a page needs before its transaction begins."""
        return self.files.fetched(rows) if self.files is not None else nullcontext()

    def take(self, session: Session, account: Account, rows: Sequence[Row]) -> Taken:
        with quiet(session):  # what an old system knew is no news
            return self._take(session, account, rows)

    def _take(self, session: Session, account: Account, rows: Sequence[Row]) -> Taken:
        if self.files is None:
            return self.taker.take(session, account, rows)
        self.files.begin(session)
        taken = self.taker.take(session, account, rows)
        self.files.settle(session, account, taken.outcomes)
        return taken

    def progress(self) -> float:
        return self.table.progress()


# --- a page -------------------------------------------------------------------------------------------------------


@contextmanager
def _page_of(at: Shift, state: BatchState) -> Iterator[tuple[Session, ImportBatch]]:
    """One transaction for a page of an import that is still in this state."""
    with at.page() as session:
        batch = session.get_one(ImportBatch, at.lease.id)
        if batch.state != state:
            raise _StoppedError
        yield session, batch


def _keep_check(at: Shift, counts: Counts, taken: Taken, share: float) -> Progress:
    """Keep what was found: the counts, and the refused rows, to be read until it begins."""
    with _page_of(at, BatchState.CHECKING) as (session, batch):
        number = taken.outcomes[-1].shaped.row.number
        batch.found, batch.position, batch.progress = counts.as_json(), number, share
        taken.write_refused(session, batch.id)
        return batches.progress(session, batch)


def _in_pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while page := list(islice(left, PAGE)):
        yield page


def _fail(at: Shift, why: str) -> None:
    """Stop where the file cannot be read on; what came in can be undone."""
    with at.page() as session:
        batch = session.get_one(ImportBatch, at.lease.id)
        if batch.state == BatchState.CHECKING:
            batch.state, batch.error = BatchState.LOOKED, why
            batch.due_at, batch.lease_until, batch.owner = None, None, ""
        else:
            _end(batch, BatchState.FAILED, why)


def _end(batch: ImportBatch, state: BatchState, why: str = "") -> None:
    batch.state, batch.error, batch.ended_at = state, why, now()
    batch.due_at, batch.lease_until, batch.owner = None, None, ""
    if state is not BatchState.UNDONE:
        batch.undo_until = now() + batches.UNDO_FOR
    _log.info("an import is over", batch=batch.id, state=str(state))


def _show(counts: Counts, number: int, payload: Mapping[str, Any], key: str, earlier: int) -> None:
    if len(counts.shown) < MOST_SHOWN:
        name = payload.get("name") or f"{payload.get('given', '')} {payload.get('family', '')}".strip()
        counts.shown.append({"row": number, "name": name[:100], "key": key[:100], "as": earlier})
