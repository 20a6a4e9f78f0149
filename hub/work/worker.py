"""Workers: threads that claim what is due and do it. What is due is a row; a lost wake-up costs seconds, never work."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub import log
from hub.store.base import Base, now
from hub.store.session import DATABASE_AWAY, Database
from hub.work import schedule
from hub.work.lease import Lease, claim, new_owner, renew
from hub.work.retry import pause_s

LONGEST_PAUSE_S = 300.0  # after failures in a row, before the same sweep or turn is tried again
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of work: rows of a table that are due, and what to do with one."""

    name: str
    table: type[Base]
    due: Callable[[], ColumnElement[bool]]
    run: Callable[[Lease], object]
    at_once: int = 1  # rows claimed together
    first: Callable[[], Sequence[Any]] | None = None  # which of them go first; else the oldest row


def _nothing(_: Session) -> None:
    """Do nothing: all there is to do comes after the transaction."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Something to be done once every so often, by whoever comes first."""

    name: str
    every: timedelta
    run: Callable[[Session], None] = _nothing  # in one transaction with the turn: a crash gives the turn back
    # Behind it, in transactions of its own: a crash leaves it to the next turn.
    then: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Short work on many rows in one transaction; doing it twice changes nothing."""

    name: str
    waits: Callable[[Session], bool]  # a cheap look, without writing
    run: Callable[[Session], None]


class Trigger(Protocol):
    """How workers are told to look; carries no work itself."""

    def notify(self, kind: str) -> None:
        """Say that something of this kind is due now."""


class Workers:
    """The workers of one process."""

    def __init__(  # noqa: PLR0913 - the wired parts
        self,
        db: Database,
        jobs: Sequence[Job],
        turns: Sequence[Turn] = (),
        sweeps: Sequence[Sweep] = (),
        *,
        threads: int,
        lease_s: float,
        heartbeat_s: float,
        look_s: float,
        one_by_one: bool = False,
    ) -> None:
        """Keep the wired parts.

        Args:
            one_by_one: a call wakes one thread, which calls the next if it finds work: for many threads and many calls.
        """
        self._db = db
        self._jobs = list(jobs)
        self._turns = list(turns)
        self._sweeps = list(sweeps)
        self._count = threads
        self._lease_s = lease_s
        self._heartbeat_s = heartbeat_s
        self._look_s = look_s
        self._one_by_one = one_by_one
        self.owner = new_owner()
        self._stop = threading.Event()
        self._wake = threading.Condition()
        self._hints = 0
        self._is_watched = False  # a thread that found nothing looks again by itself
        self._over: dict[str, str] = {}  # turn -> its slot that somebody took already
        self._held: dict[tuple[type[Base], int], Lease] = {}
        self._held_lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, tuple[int, float]] = {}  # sweep or turn -> failures in a row, when to try again

    def start(self) -> None:
        for number in range(self._count):
            self._begin(f"worker-{number}", self._work)
        if self._count:
            self._begin("heartbeat", self._beat)

    def _begin(self, name: str, job: Callable[[], None]) -> None:
        thread = threading.Thread(target=job, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """Stop claiming; work in progress is given a few seconds, then its lease runs out and another does it."""
        self._stop.set()
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(5)

    def notify(self, kind: str) -> None:
        """Look now instead of at the next turn."""
        del kind
        with self._wake:
            self._hints += 1
            self._wake.notify(1 if self._one_by_one else len(self._threads))

    def _work(self) -> None:
        while not self._stop.is_set():
            hints = self._hints
            try:
                found = self.run_once()
            except DATABASE_AWAY as error:
                _log.warning("database away; workers wait", error=type(error).__name__)
                found = 0
            except Exception:  # noqa: BLE001 - a worker that ended would take all work with it
                _log.exception("work failed")
                found = 0
            if not found:
                self._rest(hints)

    def _rest(self, hints: int) -> None:
        """Wait until something may be due: one thread looks again by itself, the others until one of them is called."""
        with self._wake:
            if hints != self._hints or self._stop.is_set():
                return
            if self._is_watched:
                self._wake.wait()
                return
            self._is_watched = True
            self._wake.wait(self._look_s)
            self._is_watched = False

    def _call_another(self) -> None:
        """Let another thread look while this one works."""
        with self._wake:
            self._wake.notify()

    def run_once(self) -> int:
        """Claim and do what is due now; returns how many pieces of work that was."""
        with self._db.read() as session:  # mostly there is nothing, and looking costs no write
            ripe = [job for job in self._jobs if self._is_due(session, job)]
        done = sum(self._run_job(job) for job in ripe)
        done += sum(self._tried(sweep.name, partial(self._run_sweep, sweep)) for sweep in self._sweeps)
        return done + sum(self._tried(turn.name, partial(self._run_turn, turn)) for turn in self._turns)

    def _tried(self, name: str, run: Callable[[], int]) -> int:
        """Run a sweep or a turn; one that fails must not end the others, and is left alone for longer each time."""
        failures, next_at = self._failures.get(name, (0, 0.0))
        if time.monotonic() < next_at:
            return 0
        try:
            done = run()
        except DATABASE_AWAY:
            raise
        except Exception:  # noqa: BLE001 - as above: its transaction is rolled back, and it is tried again
            wait_s = pause_s(failures, self._look_s, LONGEST_PAUSE_S)
            self._failures[name] = (failures + 1, time.monotonic() + wait_s)
            _log.exception("work failed", work=name, again_in_s=round(wait_s))
            return 0
        self._failures.pop(name, None)
        return done

    def _is_due(self, session: Session, job: Job) -> bool:
        row: Any = job.table
        return session.scalar(select(row.id).where(job.due()).limit(1)) is not None

    def _run_job(self, job: Job) -> int:
        with self._db.write() as session:
            leases = claim(
                session,
                job.table,
                job.due(),
                owner=self.owner,
                lease_s=self._lease_s,
                limit=job.at_once,
                order_by=job.first() if job.first else (),
                counted=job.first is not None,
            )
        if leases:
            self._call_another()
        for lease in leases:
            self._hold(job.table, lease)
        try:
            for lease in leases:
                self._do(job, lease)
        finally:
            for lease in leases:  # also those it never came to: held any longer, nobody else would ever do them
                self._let_go(job.table, lease)
        return len(leases)

    def _do(self, job: Job, lease: Lease) -> None:
        try:
            job.run(lease)
        except DATABASE_AWAY:
            raise
        except Exception:  # noqa: BLE001 - one bad row must not end the worker; its lease runs out and it is tried again
            _log.exception("work failed", job=job.name, row=lease.id, attempt=lease.attempt)
        finally:
            self._let_go(job.table, lease)

    def _run_sweep(self, sweep: Sweep) -> int:
        with self._db.read() as session:
            if not sweep.waits(session):
                return 0
        self._call_another()
        with self._db.write() as session:
            sweep.run(session)
        return 1

    def _run_turn(self, turn: Turn) -> int:
        moment = now()
        slot = schedule.slot_of(moment, turn.every)
        if self._over.get(turn.name) == slot:
            return 0
        with self._db.read() as session:
            if schedule.is_taken(session, turn.name, moment, turn.every):
                self._over[turn.name] = slot
                return 0
        with self._db.write() as session:
            if not schedule.take(session, turn.name, moment, turn.every, self.owner):
                return 0
            self._call_another()
            turn.run(session)
        if turn.then is not None:
            turn.then()
        return 1

    def _hold(self, table: type[Base], lease: Lease) -> None:
        with self._held_lock:
            self._held[table, lease.id] = lease

    def _let_go(self, table: type[Base], lease: Lease) -> None:
        with self._held_lock:
            self._held.pop((table, lease.id), None)

    def _beat(self) -> None:
        """Renew the leases of what really runs, so that only the dead lose theirs."""
        while not self._stop.wait(self._heartbeat_s):
            with self._held_lock:
                # By their numbers, as everybody locks them who locks several.
                held = sorted(self._held.items(), key=lambda one: (one[0][0].__tablename__, one[0][1]))
            if not held:
                continue
            try:
                with self._db.write() as session:
                    for (table, _), lease in held:
                        renew(session, table, [lease], lease_s=self._lease_s)
            except DATABASE_AWAY as error:
                _log.warning("heartbeat failed", error=type(error).__name__)
