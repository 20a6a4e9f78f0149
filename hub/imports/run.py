"""Work at an import: a row of work, done page by page.

What became of a page's rows, how far the import came and what it counted are one transaction, under the fence of the lease.
A process that dies at any line repeats the page it was at, and nothing of that page had been kept. A check takes the same
pages and rolls each of them back; it keeps nothing but its counts, so one that dies begins again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from threading import Event
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from hub import log
from hub.errors import UserError
from hub.flow import Flow
from hub.imports import batches
from hub.imports.batches import Progress, file_of
from hub.imports.columns import Options
from hub.imports.doubles import Doubles
from hub.imports.models import BatchState, Fate, ImportBatch, ImportRow, What
from hub.imports.page import Pages, Taken, matching
from hub.imports.reading import Look, Row, open_table
from hub.imports.reading import Table as RowsOf
from hub.imports.rows import TOLD, Shaper
from hub.imports.taking_back import take_back
from hub.imports.users import MOST_TOLD, Users
from hub.intake import trouble
from hub.intake.models import Account
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, LeaseLostError, database_now, fence, release

PAGE = 1_000  # rows of one transaction
SLICE_S = 20.0  # an import with much to do lets other work go first after so long
WAIT = timedelta(minutes=1)  # before one that cannot go on is tried again
MOST_SHOWN = 50  # examples of what a check found
_ROW: Any = ImportRow.__table__
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
            rest: pause after each page, as a share of the time that it took: see `replays.Replayer`.
            watch: told of each page.
        """
        self._db, self._flow, self._settings = db, flow, settings
        self._lease_s, self._slice_s = settings.work.lease_s, slice_s
        self._rest, self._watch = rest, watch

    def run(self, lease: Lease) -> None:
        """Work at one import until it is over, stopped, or its time is over; nothing is raised but a lost database."""
        try:
            with self._db.read() as session:
                batch = session.get(ImportBatch, lease.id)
                account = session.get(Account, batch.account_id) if batch is not None else None
            if batch is None or account is None:
                return
            if batch.state == BatchState.RUNNING:
                self._import(lease, batch)
            elif batch.state == BatchState.CHECKING:
                self._check(lease, batch)
            elif batch.state == BatchState.UNDOING:
                self._undo(lease)
        except (LeaseLostError, _StoppedError):
            return
        except UserError as error:
            self._fail(lease, str(error))
        except DATABASE_AWAY as away:
            with suppress(*DATABASE_AWAY):  # then its lease runs out
                self._wait(lease, f"The database could not be used ({type(away).__name__}).")
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this import alone, visibly
            _log.exception("an import cannot go on", batch=lease.id)
            self._wait(lease, trouble.said(fault))

    def give_back(self, lease: Lease) -> None:
        """Let another one go on where this one is."""
        with self._db.write() as session:
            release(session, ImportBatch, lease, due_at=now())

    # --- the import itself ----------------------------------------------------------------------------------------

    def _import(self, lease: Lease, batch: ImportBatch) -> None:
        deadline = time.monotonic() + self._slice_s
        with open_table(file_of(self._settings, batch), Look.of_json(batch.look)) as table:
            pages = self._pages(batch, table)
            for rows in _in_pages(table.rows(after=batch.position)):
                began = time.monotonic()
                told = self._page(lease, pages, rows, table.progress())
                self._watch(told)
                self._have_rest(time.monotonic() - began)
                if time.monotonic() > deadline:
                    self.give_back(lease)
                    return
        with self._db.write() as session:
            fence(session, ImportBatch, lease)
            batch = session.get_one(ImportBatch, lease.id)
            _must_still(batch, BatchState.RUNNING)
            batch.progress = 1.0
            _end(batch, BatchState.DONE)
            told = batches.progress(session, batch)
        self._watch(told)

    def _page(self, lease: Lease, pages: Pages, rows: list[Row], share: float) -> Progress:
        began = time.monotonic()
        with self._db.write() as session:
            fence(session, ImportBatch, lease)
            batch = session.get_one(ImportBatch, lease.id)
            _must_still(batch, BatchState.RUNNING)
            taken = pages.take(session, session.get_one(Account, batch.account_id), rows)
            session.execute(insert(_ROW), taken.rows(batch.id))
            counts = Counts.of_json(batch.counts)
            counts.add(taken)
            counts.seconds += time.monotonic() - began
            batch.counts, batch.position, batch.progress, batch.error = counts.as_json(), rows[-1].number, share, ""
            batch.lease_until = database_now(session) + timedelta(seconds=self._lease_s)
            return batches.progress(session, batch)

    def _pages(self, batch: ImportBatch, table: RowsOf) -> Pages:
        what, options = What(batch.what), Options.of_json(batch.options)
        with self._db.read() as session:
            users = Users(session, batch.account_id, options.users)
        shaper = Shaper(what, batch.columns, options, at=batch.asked_at, mended=set(TOLD) <= set(table.columns))
        return Pages(self._flow, what, shaper, batch_id=batch.id, users=users)

    # --- a check --------------------------------------------------------------------------------------------------

    def _check(self, lease: Lease, batch: ImportBatch) -> None:
        counts = Counts()
        with self._db.write() as session:
            fence(session, ImportBatch, lease)
            batches.forget_check(session, batch)
        with Doubles() as doubles, open_table(file_of(self._settings, batch), Look.of_json(batch.look)) as table:
            pages = self._pages(batch, table)
            for rows in _in_pages(table.rows()):
                began = time.monotonic()
                taken = self._try(lease, pages, batch, rows, counts, doubles)
                counts.add(taken)
                counts.seconds += time.monotonic() - began
                self._watch(self._keep_check(lease, counts, taken, table.progress()))
                self._have_rest(time.monotonic() - began)
        with self._db.write() as session:
            fence(session, ImportBatch, lease)
            batch = session.get_one(ImportBatch, lease.id)
            _must_still(batch, BatchState.CHECKING)
            batch.state, batch.found, batch.progress = BatchState.CHECKED, counts.as_json(), 1.0
            batch.due_at, batch.lease_until, batch.owner = None, None, ""
            told = batches.progress(session, batch)
        self._watch(told)

    def _try(
        self, lease: Lease, pages: Pages, batch: ImportBatch, rows: list[Row], counts: Counts, doubles: Doubles
    ) -> Taken:
        """Take a page and roll it back."""
        taken: Taken | None = None
        with suppress(_TakenBackError), self._db.write() as session:
            fence(session, ImportBatch, lease)
            _must_still(session.get_one(ImportBatch, lease.id), BatchState.CHECKING)
            taken = pages.take(session, session.get_one(Account, batch.account_id), rows)
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

    def _keep_check(self, lease: Lease, counts: Counts, taken: Taken, share: float) -> Progress:
        """Keep what was found: the counts, and the refused rows, to be read until it begins."""
        with self._db.write() as session:
            fence(session, ImportBatch, lease)
            batch = session.get_one(ImportBatch, lease.id)
            _must_still(batch, BatchState.CHECKING)
            number = taken.outcomes[-1].shaped.row.number
            batch.found, batch.position, batch.progress = counts.as_json(), number, share
            nobody = {"party_id": None, "raw_record_id": None}  # who came with this page was taken back
            if bad := [row | nobody for row in taken.rows(batch.id) if row["fate"] == Fate.BAD]:
                session.execute(insert(_ROW), bad)
            batch.lease_until = database_now(session) + timedelta(seconds=self._lease_s)
            return batches.progress(session, batch)

    # --- back -----------------------------------------------------------------------------------------------------

    def _undo(self, lease: Lease) -> None:
        deadline = time.monotonic() + self._slice_s
        while True:
            began = time.monotonic()
            with self._db.write() as session:
                fence(session, ImportBatch, lease)
                batch = session.get_one(ImportBatch, lease.id)
                _must_still(batch, BatchState.UNDOING)
                more = take_back(self._flow, session, batch)
                if not more:
                    _end(batch, BatchState.UNDONE)
                batch.lease_until = database_now(session) + timedelta(seconds=self._lease_s) if more else None
                told = batches.progress(session, batch)
            self._watch(told)
            if not more:
                return
            self._have_rest(time.monotonic() - began)
            if time.monotonic() > deadline:
                self.give_back(lease)
                return

    # --- ends -----------------------------------------------------------------------------------------------------

    def _have_rest(self, spent_s: float) -> None:
        if self._rest:
            Event().wait(spent_s * self._rest)

    def _fail(self, lease: Lease, why: str) -> None:
        """Stop where the file cannot be read on; what came in can be undone."""
        with suppress(LeaseLostError), self._db.write() as session:
            fence(session, ImportBatch, lease)
            batch = session.get_one(ImportBatch, lease.id)
            if batch.state == BatchState.CHECKING:
                batch.state, batch.error = BatchState.LOOKED, why
                batch.due_at, batch.lease_until, batch.owner = None, None, ""
            else:
                _end(batch, BatchState.FAILED, why)

    def _wait(self, lease: Lease, why: str) -> None:
        with self._db.write() as session:
            release(session, ImportBatch, lease, due_at=now() + WAIT, error=why)


def _in_pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while page := list(islice(left, PAGE)):
        yield page


def _must_still(batch: ImportBatch, state: BatchState) -> None:
    if batch.state != state:
        raise _StoppedError


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
