"""Read streams: one page, one transaction. A process that dies at any line repeats a page, and that changes nothing.

A worker holds the lease of a stream's row. It asks the remote for the page at the kept cursor, outside any transaction,
and then keeps the records, what became of them and the next cursor together, under the fence of the lease. The cursor
never stands behind anything that was not kept. A lost cursor begins a new epoch: nothing is wiped, and what a complete
pass did not show is marked as gone afterwards.
"""

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.contract import Delivered
from hub.connector.stream import (
    Change,
    Cursor,
    Filtered,
    Findable,
    Gone,
    Lane,
    Left,
    Page,
    Phase,
    Remote,
    Stream,
    Upsert,
)
from hub.errors import CursorExpired, DisabledError, GoneError, RetryLaterError, ScopeError, said
from hub.events.tell import quiet
from hub.intake import health, receive, record_link
from hub.intake.models import (
    LISTING,
    NAMED,
    Account,
    AccountState,
    FilteredRecord,
    RawRecord,
    RawState,
    Reading,
    StreamState,
)
from hub.intake.receive import Fate, Shown
from hub.intake.trouble import Trouble, again, of_reading
from hub.intake.vanishing import stop
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, LeaseLostError, fence, holds, release

LIST_EVERY_S = 3600
SLICE_S = 20.0  # a stream with much to read lets others go first after so long
SWEEP = 500  # records marked as gone in one transaction
PROVE = 50  # records asked for by id at once
CHUNK = 200  # records kept in one transaction; some remotes have pages of 2,500
FILTERED_FOR = timedelta(days=60)  # how long it is remembered that a record was not for the hub; audits look back less
LOGGED_FOR = timedelta(days=90)  # runs in the log
PASS = frozenset({Phase.FULL, Phase.SWEEP, Phase.PROVE})  # from the beginning
_log = log.get(__name__)


class Taker(Protocol):
    """Where records go from here: mapping, identity, timeline."""

    def take(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        """Take new and changed records; each one's state says afterwards what became of it."""

    def gone(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        """Follow that records are no more at the remote."""

    def is_careful(self, account: Account, records: str) -> bool:
        """Say whether a person must agree before many records of a kind are gone, because a list no longer has them."""

    def withdraw(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        """Take back what turned out not to be for the hub: a label, a block. Nothing of its content stays."""


class Progress(Protocol):
    """Whoever watches: a progress bar, or nobody."""

    def page(self, stream: str, counts: Counter[str], expected: int | None) -> None:
        """A page was kept; the counts are those of this run so far."""

    def wait(self, stream: str, seconds: float, why: str) -> None:
        """The stream must wait."""


class Unwatched:
    """Nobody watches."""

    def page(self, stream: str, counts: Counter[str], expected: int | None) -> None: ...

    def wait(self, stream: str, seconds: float, why: str) -> None: ...


@dataclass(slots=True)
class Run:
    """What one run of a stream has done so far."""

    lease: Lease
    stream: Stream
    state: StreamState
    account: Account
    began_at: datetime = field(default_factory=now)
    counts: Counter[str] = field(default_factory=Counter)
    phases: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)  # cursors asked for in this run: the loop guard
    expired: int = 0  # cursors lost in a row without a page between

    @property
    def shown(self) -> Shown:
        return Shown(self.stream.key, self.state.epoch)


class Reader:
    """Reads the streams of all accounts."""

    def __init__(
        self,
        db: Database,
        open_remote: Callable[[Account, Lane], Remote],
        taker: Taker,
        *,
        progress: Progress | None = None,
        slice_s: float = SLICE_S,
    ) -> None:
        self._db = db
        self._open = open_remote
        self._taker = taker
        self._progress = progress or Unwatched()
        self._slice_s = slice_s

    def read(self, lease: Lease) -> Counter[str]:
        """Read one stream until nothing is left, its time is over or something is in the way; say when next."""
        with self._db.read() as session:
            state = session.get_one(StreamState, lease.id)
            account = session.get_one(Account, state.account_id)
        if account.state != AccountState.ACTIVE or not state.wanted:
            with self._db.write() as session:
                release(session, StreamState, lease, due_at=None)
            return Counter()
        run: Run | None = None
        trouble, error = Trouble.NONE, ""
        due_at: datetime | None = now() + _every(state)
        try:
            remote = self._open(account, Lane(state.lane))
            if state.stream == LISTING:
                self._list(lease, account, remote)
            else:
                run = Run(lease, remote.stream(state.stream), state, account)
                if self._all(run):
                    due_at = now()  # there is more, and others go first
        except LeaseLostError:
            _log.warning("another worker took the stream over", account=account.name, stream=state.stream)
            return run.counts if run else Counter()
        except DATABASE_AWAY:
            raise
        except GoneError as gone:
            return self._unwanted(lease, str(gone))
        except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this stream alone, visibly
            trouble, error = of_reading(fault, f"{account.name} {state.stream}"), said(fault)
            due_at = again(trouble, fault, state.failures)
            self._progress.wait(state.stream, max(0.0, (due_at - now()).total_seconds()) if due_at else 0.0, error)
        self._end(lease, state, run, trouble, error, due_at)
        return run.counts if run else Counter()

    def catch_up(self, lease: Lease) -> None:
        """Read a stream to its present end and keep the lease.

        Raises:
            ConnectorError: the remote cannot be asked.
        """
        with self._db.read() as session:
            state = session.get_one(StreamState, lease.id)
            account = session.get_one(Account, state.account_id)
        run = Run(lease, self._open(account, Lane(state.lane)).stream(state.stream), state, account)
        while self._all(run):
            pass

    def fetch(self, lease: Lease, remote_ids: Sequence[str]) -> int:
        """Fetch single records of a stream, past its cursor; returns how many of them there were.

        Raises:
            ConnectorError: the remote cannot be asked.
        """
        with self._db.read() as session:
            state = session.get_one(StreamState, lease.id)
            account = session.get_one(Account, state.account_id)
        stream = self._open(account, Lane(state.lane)).stream(state.stream)
        if not isinstance(stream, Findable):
            return 0
        changes = stream.find(remote_ids)
        run = Run(lease, stream, state, account)
        for some in _chunks(changes):
            with self._db.write() as session:
                fence(session, StreamState, run.lease)
                self._keep(session, run, some)
        return sum(isinstance(change, Upsert | Filtered) for change in changes)

    def _list(self, lease: Lease, account: Account, remote: Remote) -> None:
        streams = list(remote.streams())
        templates = record_link.offered(remote, [stream.records for stream in streams])
        with self._db.write() as session:
            fence(session, StreamState, lease)
            enrol(session, account.id, streams, opens=partial(_opens, remote))
            _keep_templates(session, account.id, templates)

    def _all(self, run: Run) -> bool:
        """Read page after page; True: there is more, but the time is over."""
        deadline = time.monotonic() + self._slice_s
        while self._step(run):
            if time.monotonic() > deadline:
                return True
        return False

    def _step(self, run: Run) -> bool:
        """Read one page, or do one piece of the hub's own work; True: there is more.

        Raises:
            GoneError: the container is no more, and so nobody reads it any more.
        """
        cursor = Cursor.of_json(run.state.cursor or {})
        try:
            if self._must_begin(run):
                self._begin(run)
                cursor = Cursor.of_json(run.state.cursor or {})
            run.phases.add(cursor.phase)
            own = {Phase.SWEEP: self._sweep, Phase.PROVE: self._prove, Phase.LEAVE: self._depart}
            return own.get(cursor.phase, self._page)(run, cursor)
        except GoneError:
            if cursor.phase is Phase.LEAVE:
                raise
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            self._keep_cursor(session, run, _leaving(cursor), epoch=run.state.epoch + 1)
        return True

    def _must_begin(self, run: Run) -> bool:
        """Say whether a pass from the beginning is due: never done, lost, asked otherwise, or grown old."""
        state = run.state
        if state.cursor is None or state.asked != run.stream.asked:
            return True
        if not state.full_every_s or state.last_full_at is None:
            return False
        is_idle = Cursor.of_json(state.cursor).phase is Phase.INCREMENTAL
        return is_idle and now() - state.last_full_at > timedelta(seconds=state.full_every_s)

    def _begin(self, run: Run) -> None:
        """Begin a pass from the beginning under a new epoch; the records of the old one stay as they are."""
        cursor = replace(run.stream.begin(), opened_at=now(), asked=run.stream.asked)
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            first = {"begun_at": cursor.opened_at} if run.state.epoch == 0 else {}
            self._keep_cursor(session, run, cursor, epoch=run.state.epoch + 1, expected=None, **first)
        run.pages.clear()

    def _page(self, run: Run, cursor: Cursor) -> bool:
        try:
            page = self._pulled(run, cursor)
            changes = _proven(run.stream, page.changes)
        except CursorExpired:
            run.expired += 1
            if run.expired > 1:
                raise RetryLaterError("the remote forgot our place twice in a row") from None
            run.counts["began anew"] += 1
            self._begin(run)
            return True
        run.expired = 0
        is_first = cursor.phase is Phase.FULL and run.state.last_full_at is None  # the history of before we came
        *before, last = _chunks(changes)
        for some in before:  # a writer that waits for a large page would keep telephones waiting
            with self._db.write() as session:
                fence(session, StreamState, run.lease)
                self._keep(session, run, some, is_history=is_first)
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            self._keep(session, run, last, is_history=is_first)
            following = page.next
            if not page.more and cursor.phase is Phase.FULL:
                following = replace(following, phase=Phase.SWEEP if page.complete else Phase.PROVE)
            self._keep_cursor(session, run, following, expected=page.expected)
        self._progress.page(run.state.stream, run.counts, run.state.expected)
        return page.more or following.phase in {Phase.SWEEP, Phase.PROVE}

    def _pulled(self, run: Run, cursor: Cursor) -> Page:
        """Ask for a page; one that was asked for in this run already would go round for ever."""
        place = _mark(cursor)
        if place in run.pages:
            self._leave_circle(run, cursor)
            raise RetryLaterError("the remote sends us round in a circle: it named a page that it gave already")
        run.pages.add(place)
        page = run.stream.pull(cursor)
        if not page.more and not page.next.token:
            raise RetryLaterError("the remote ended its listing without saying where to go on from")
        if page.more and page.next == cursor:
            self._leave_circle(run, cursor)
            raise RetryLaterError("the remote sends us round in a circle: the next page is this page")
        if not page.more:
            run.pages.clear()
        return page

    def _leave_circle(self, run: Run, cursor: Cursor) -> None:
        """Go back to the first page of this pass: the place where we are leads nowhere, later as well as now."""
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            if cursor.phase is Phase.FULL:
                session.execute(update(StreamState).where(StreamState.id == run.lease.id).values(cursor=None))
            else:
                self._keep_cursor(session, run, replace(cursor, page=""))

    def _keep(self, session: Session, run: Run, changes: Sequence[Change], *, is_history: bool = False) -> None:
        """Keep what a page said, and take it on; everything here is part of one transaction."""
        with quiet(session) if is_history else nullcontext():
            self._take(session, run, changes)

    def _take(self, session: Session, run: Run, changes: Sequence[Change]) -> None:
        account, stream = run.account, run.stream
        upserts = [one for one in changes if isinstance(one, Upsert)]
        filtered = [one for one in changes if isinstance(one, Filtered)]
        # First what went: something that was deleted and made anew is not two.
        self._lose(session, run, [one.remote_id for one in changes if isinstance(one, Gone)])
        kept: list[receive.Kept] = []
        for shown, some in self._places(session, run, upserts):
            delivered = [Delivered(stream.records, one.remote_id, one.payload, one.version) for one in some]
            kept += receive.keep_page(session, account.id, stream.records, delivered, shown)
        run.counts.update(one.fate for one in kept)
        raws = receive.rows(session, [one for one in kept if one.waits])
        self._taker.take(session, account, raws)
        run.counts["set aside"] += sum(raw.state == RawState.SET_ASIDE for raw in raws)
        run.counts.update(f"filtered: {raw.error}" for raw in raws if raw.state == RawState.FILTERED and raw.error)
        values = [{"remote_id": one.remote_id, "reason": one.reason, "day": one.day} for one in filtered]
        receive.filter_out(session, account.id, stream.records, values, run.shown)
        run.counts.update(f"filtered: {one.reason}" for one in filtered)
        if any(one.fate is Fate.NEW for one in kept):  # what was there already was not filtered
            self._unfilter(session, run, [one.remote_id for one in upserts])
        self._leave(session, run, [one.remote_id for one in changes if isinstance(one, Left)])
        self._taker.withdraw(session, account, self._raws(session, run, [one.remote_id for one in filtered]))

    def _places(self, session: Session, run: Run, upserts: Sequence[Upsert]) -> list[tuple[Shown, list[Upsert]]]:
        """Divide records by the streams they lie in: of what one finds elsewhere, that one must notice when it goes."""
        elsewhere = {one.container for one in upserts} - {"", run.stream.key}
        query = select(StreamState.stream, StreamState.epoch).where(
            StreamState.account_id == run.account.id, StreamState.stream.in_(elsewhere), StreamState.wanted
        )
        read = {key: Shown(key, epoch) for key, epoch in session.execute(query)} if elsewhere else {}
        found: dict[Shown, list[Upsert]] = {run.shown: []}
        for one in upserts:
            found.setdefault(read.get(one.container, run.shown), []).append(one)
        return list(found.items())

    def _raws(self, session: Session, run: Run, remote_ids: Sequence[str]) -> Sequence[RawRecord]:
        query = select(RawRecord).where(
            RawRecord.account_id == run.account.id,
            RawRecord.stream == run.stream.records,
            RawRecord.remote_id.in_(remote_ids),
        )
        return session.scalars(query.with_for_update()).all() if remote_ids else []

    def _lose(self, session: Session, run: Run, remote_ids: Sequence[str]) -> None:
        """Mark records as gone at the remote, and let the timeline follow."""
        self._mark_gone(session, run, [raw for raw in self._raws(session, run, remote_ids) if raw.gone_at is None])

    def _mark_gone(self, session: Session, run: Run, raws: Sequence[RawRecord]) -> None:
        if not raws:
            return
        moment = now()
        for raw in raws:
            raw.gone_at = moment
        self._taker.gone(session, run.account, raws)
        run.counts["gone"] += len(raws)

    def _leave(self, session: Session, run: Run, remote_ids: Sequence[str]) -> None:
        """Forget where records are; another stream may show them, and until then they are not called gone."""
        if remote_ids:
            session.execute(
                update(RawRecord)
                .where(
                    RawRecord.account_id == run.account.id,
                    RawRecord.stream == run.stream.records,
                    RawRecord.remote_id.in_(remote_ids),
                    RawRecord.container == run.stream.key,
                )
                .values(container="")
                .execution_options(synchronize_session=False)
            )

    def _unfilter(self, session: Session, run: Run, remote_ids: Sequence[str]) -> None:
        query = select(FilteredRecord).where(
            FilteredRecord.account_id == run.account.id,
            FilteredRecord.stream == run.stream.records,
            FilteredRecord.id_hash.in_([receive.id_hash(one) for one in remote_ids]),
        )
        for row in session.scalars(query) if remote_ids else ():
            session.delete(row)

    def _unseen(self, session: Session, run: Run, most: int) -> Sequence[RawRecord]:
        """Return records that the pass from the beginning did not show."""
        query = select(RawRecord).where(
            RawRecord.account_id == run.account.id,
            RawRecord.container == run.stream.key,
            RawRecord.epoch < run.state.epoch,
            RawRecord.gone_at.is_(None),
        )
        return session.scalars(query.order_by(RawRecord.id).limit(most)).all()

    def _vanished(self, session: Session, run: Run) -> tuple[int, int]:
        """Count the records that the pass from the beginning did not show, and all that there were."""
        mine = (
            RawRecord.account_id == run.account.id, RawRecord.container == run.stream.key, RawRecord.gone_at.is_(None),
        )  # fmt: skip
        unseen = func.count().filter(RawRecord.epoch < run.state.epoch)
        vanished, total = session.execute(select(unseen, func.count()).select_from(RawRecord).where(*mine)).one()
        return vanished, total

    def _prove(self, run: Run, cursor: Cursor) -> bool:
        """Ask what became of records that a pass of chosen ones did not show, a few at a time: gone, or as they were."""
        with self._db.read() as session:
            ids = [raw.remote_id for raw in self._unseen(session, run, PROVE)]
        changes = run.stream.find(ids) if ids and isinstance(run.stream, Findable) else ()
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            self._keep(session, run, changes)
            for raw in self._raws(session, run, ids):
                raw.epoch = run.state.epoch
            if not ids:
                self._keep_cursor(session, run, replace(cursor, phase=Phase.INCREMENTAL, page=""), last_full_at=now())
        return bool(ids)

    def _depart(self, run: Run, cursor: Cursor) -> bool:
        """Ask what became of the records of a container that is no more: gone, or somewhere else.

        Raises:
            GoneError: all were asked for. Where nobody may be asked, the stream stands still as it is.
        """
        kept: dict[str, Any] | None = None
        try:
            if self._prove(run, cursor):
                return True
            why = "There is no such place any more."
        except (ScopeError, DisabledError) as error:
            why = str(error)
            if cursor.token:
                kept = replace(cursor, phase=Phase.INCREMENTAL).as_json()
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            values = {"cursor": kept, "phase": str(Phase.INCREMENTAL if kept else Phase.FULL)}
            session.execute(
                update(StreamState)
                .where(StreamState.id == run.lease.id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
        raise GoneError(why)

    def _sweep(self, run: Run, cursor: Cursor) -> bool:
        """Mark what a complete pass did not show, a few at a time; then the pass is over."""
        with self._db.write() as session:
            fence(session, StreamState, run.lease)
            unseen = self._unseen(session, run, SWEEP)
            if unseen and self._taker.is_careful(run.account, run.stream.records):
                stop(session.get_one(StreamState, run.lease.id), *self._vanished(session, run))
            self._mark_gone(session, run, unseen)
            if len(unseen) == SWEEP:
                return True
            self._keep_cursor(session, run, replace(cursor, phase=Phase.INCREMENTAL, page=""), last_full_at=now())
        return False

    def _keep_cursor(self, session: Session, run: Run, cursor: Cursor, **values: Any) -> None:
        kept = {"cursor": cursor.as_json(), "phase": str(cursor.phase), "asked": run.stream.asked, **values}
        session.execute(
            update(StreamState)
            .where(StreamState.id == run.lease.id)
            .values(**kept)
            .execution_options(synchronize_session=False)
        )
        for name, value in kept.items():
            setattr(run.state, name, value)

    def _unwanted(self, lease: Lease, why: str) -> Counter[str]:
        with self._db.write() as session:
            release(session, StreamState, lease, due_at=None, wanted=False, last_error=why[:1000])
        return Counter()

    def _end(
        self, lease: Lease, state: StreamState, run: Run | None, trouble: Trouble, error: str, due_at: datetime | None
    ) -> None:
        """Give the stream back, write the log of runs and bring the account's health up to date."""
        moment = now()
        counts = run.counts if run else Counter()
        values: dict[str, Any] = {"due_at": due_at, "trouble": str(trouble), "last_error": error, "last_run_at": moment}
        is_full = bool(run and run.phases & PASS)
        values["lane"] = Lane.BACKFILL if state.phase in PASS else Lane.INCREMENTAL
        if trouble is Trouble.NONE:
            values |= {"failures": 0, "failing_since": None, "last_ok_at": moment, "usual_gap_s": _gap(state, moment)}
        elif trouble is not Trouble.LIMITED:
            values |= {"failures": state.failures + 1, "failing_since": state.failing_since or moment}
        with self._db.write() as session:
            if not holds(session, StreamState, lease, lock=True):
                return
            row = session.execute(select(StreamState.due_at, StreamState.lane).where(StreamState.id == lease.id)).one()
            if row.due_at != state.due_at:  # somebody hinted while we read: what they mean may be behind us
                values |= {"due_at": row.due_at, "lane": row.lane}
            release(session, StreamState, lease, **values)
            if error or is_full or any(name != Fate.UNCHANGED for name, count in counts.items() if count):
                session.add(_reading(state, run, trouble, error, moment))
            health.refresh(session, state.account_id)


def _reading(state: StreamState, run: Run | None, trouble: Trouble, error: str, moment: datetime) -> Reading:
    counts = {name: count for name, count in run.counts.items() if count} if run else {}
    phase = Phase.FULL if run and Phase.FULL in run.phases else Phase.INCREMENTAL
    return Reading(
        account_id=state.account_id,
        stream=state.stream,
        phase=phase,
        epoch=state.epoch,
        began_at=run.began_at if run else moment,
        ended_at=moment,
        counts=counts,
        trouble=str(trouble),
        error=error,
    )


def _mark(cursor: Cursor) -> str:
    """Return what a cursor is recognised by; its text may be long, and a run remembers many."""
    return hashlib.sha256(json.dumps(cursor.as_json(), sort_keys=True, default=str).encode()).hexdigest()


def _chunks(changes: Sequence[Change]) -> list[list[Change]]:
    """Cut a page into what one transaction takes, deletions first; at least one chunk, which the cursor goes with.

    The cursor stands behind the last one only: a process that dies in between reads the page again.
    """
    latest = {change.remote_id: change for change in changes}  # the remote may say several things of one record
    ordered = sorted(latest.values(), key=lambda change: not isinstance(change, Gone))
    return [ordered[begin : begin + CHUNK] for begin in range(0, len(ordered), CHUNK)] or [[]]


def _proven(stream: Stream, changes: Sequence[Change]) -> Sequence[Change]:
    """Ask what became of records that left their container, where the remote can be asked: moved, or gone."""
    left = [change.remote_id for change in changes if isinstance(change, Left)]
    if not left or not isinstance(stream, Findable):
        return changes
    found = {change.remote_id: change for change in stream.find(left)}
    return [found.get(change.remote_id, change) if isinstance(change, Left) else change for change in changes]


def _every(state: StreamState) -> timedelta:
    """Return the pause until the next look, a little uneven so that accounts spread."""
    return timedelta(seconds=state.every_s * random.uniform(0.9, 1.1))  # noqa: S311 - as above


def _gap(state: StreamState, moment: datetime) -> int:
    """Return how long it usually takes from one good look to the next: a slow average."""
    if state.last_ok_at is None:
        return state.every_s
    gap = (moment - state.last_ok_at).total_seconds()
    return round(gap if not state.usual_gap_s else state.usual_gap_s * 0.8 + gap * 0.2)


def begin(session: Session, account_id: int) -> None:
    """Let an account be read from now on, also where it stood still: first, which streams it has."""
    rows = session.scalars(select(StreamState).where(StreamState.account_id == account_id, StreamState.records != ""))
    known = {row.stream: row for row in rows}
    of_named = (StreamState.account_id == account_id, StreamState.stream.startswith(NAMED, autoescape=True))
    places = session.scalars(select(StreamState).where(*of_named)).all()
    if LISTING not in known:
        known[LISTING] = StreamState(account_id=account_id, stream=LISTING, records=LISTING, every_s=LIST_EVERY_S)
        session.add(known[LISTING])
    known[LISTING].due_at, known[LISTING].lane = now(), Lane.INTERACTIVE
    for row in (*known.values(), *places):
        if row.wanted and row.due_at is None:
            row.due_at = now()


def wanted(session: Session, account_id: int) -> Sequence[StreamState]:
    """Return the streams of an account that are read, by name."""
    query = select(StreamState).where(StreamState.account_id == account_id, StreamState.wanted)
    return session.scalars(query.where(StreamState.records.not_in(("", LISTING))).order_by(StreamState.stream)).all()


def forget_cursor(session: Session, account_id: int, stream: str) -> None:
    """Let a stream be read from the beginning; whoever reads it now goes on from a cursor that no longer counts."""
    session.execute(
        update(StreamState)
        .where(StreamState.account_id == account_id, StreamState.stream == stream)
        .values(cursor=None, attempt=StreamState.attempt + 1, due_at=now())
        .execution_options(synchronize_session=False)
    )


def _keep_templates(session: Session, account_id: int, templates: Mapping[str, str]) -> None:
    row = session.get_one(Account, account_id, with_for_update={"key_share": True})
    if row.facts.get(record_link.FACT, {}) != templates:
        others = {name: value for name, value in row.facts.items() if name != record_link.FACT}
        row.facts = {**others, record_link.FACT: dict(templates)} if templates else others


def _opens(remote: Remote, key: str) -> bool:
    """Say whether the settings want a stream, listed or not."""
    try:
        remote.stream(key)
    except GoneError:
        return False
    return True


def _leaving(cursor: Cursor) -> Cursor:
    """Return the cursor of a stream whose container is no more; only an unfinished pass from the beginning is given up."""
    return replace(cursor, phase=Phase.LEAVE, token=cursor.token if cursor.phase is Phase.INCREMENTAL else "", page="")


def enrol(
    session: Session, account_id: int, streams: Iterable[Stream], *, opens: Callable[[str], bool] = lambda _key: False
) -> list[StreamState]:
    """Write down which streams an account has; those that are new are due now, those that are no more stand still.

    Args:
        opens: says of a stream that is not listed whether the settings want it all the same. If so, its container is no
            more, or not to be read any more, and its records are asked for first.
    """
    query = select(StreamState).where(StreamState.account_id == account_id, StreamState.records.not_in(("", LISTING)))
    known = {row.stream: row for row in session.scalars(query.with_for_update())}
    for stream in streams:
        row = known.pop(stream.key, None)
        if row is None:
            row = StreamState(account_id=account_id, stream=stream.key, lane=Lane.BACKFILL, due_at=now())
            session.add(row)
        elif not row.wanted or row.phase == Phase.LEAVE:
            row.wanted, row.due_at = True, now()
            if row.phase == Phase.LEAVE:  # it is back
                row.cursor, row.phase, row.attempt = None, Phase.FULL, row.attempt + 1
        row.title, row.records, row.mailbox = stream.title, stream.records, stream.mailbox
        row.every_s = round(stream.every.total_seconds())
        row.full_every_s = round(stream.full_every.total_seconds()) if stream.full_every else 0
    for gone in known.values():
        if not gone.wanted or gone.cursor is None or not opens(gone.stream):
            gone.wanted, gone.due_at = False, None
        elif gone.phase != Phase.LEAVE:
            gone.cursor, gone.phase = _leaving(Cursor.of_json(gone.cursor)).as_json(), Phase.LEAVE
            gone.epoch, gone.attempt, gone.due_at = gone.epoch + 1, gone.attempt + 1, now()
    session.flush()
    return list(wanted(session, account_id))


def hint(session: Session, account_id: int, streams: Iterable[str], lane: Lane = Lane.INCREMENTAL) -> None:
    """Let streams be read now: a notification came, or a person pressed the button."""
    session.execute(
        update(StreamState)
        .where(StreamState.account_id == account_id, StreamState.stream.in_(list(streams)), StreamState.wanted)
        .values(due_at=now(), lane=lane)
        .execution_options(synchronize_session=False)
    )


def forget(session: Session) -> None:
    """Drop what no audit compares any more, and old runs of the log."""
    session.execute(delete(FilteredRecord).where(FilteredRecord.day < (now() - FILTERED_FOR).date()))
    session.execute(delete(Reading).where(Reading.began_at < now() - LOGGED_FOR))
