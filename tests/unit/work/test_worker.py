"""Workers: what is due gets done, what fails waits, and the others go on."""

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hub.intake.models import StreamState
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, release
from hub.work.models import Slot
from hub.work.worker import Job, Sweep, Turn, Workers


@pytest.fixture
def rows(due_streams: Callable[[int], list[int]]) -> list[int]:
    return due_streams(3)


def due() -> ColumnElement[bool]:
    return StreamState.due_at <= now()


class Done:
    """Does a row by making it not due; fails where it is told to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rows: list[int] = []
        self.fails: dict[int, Exception] = {}

    def __call__(self, lease: Lease) -> None:
        self.rows.append(lease.id)
        if lease.id in self.fails:
            raise self.fails[lease.id]
        with self.database.write() as session:
            assert release(session, StreamState, lease, due_at=None)


def workers(database: Database, *jobs: Job, threads: int = 0, **more: Any) -> Workers:
    return Workers(
        database, jobs, more.get("turns", ()), more.get("sweeps", ()), threads=threads, lease_s=60, heartbeat_s=0.05,
        look_s=0.05,
    )  # fmt: skip


def away() -> OperationalError:
    return OperationalError("SELECT 1", None, Exception("gone"))


def until(what: Callable[[], object]) -> None:
    clock = threading.Event()
    for _ in range(1000):
        if what():
            return
        clock.wait(0.02)
    raise AssertionError("did not happen in time")


def expire(database: Database) -> None:
    with database.write() as session:
        session.execute(update(StreamState).values(lease_until=now() - timedelta(seconds=1)))


class TestJobs:
    def test_what_is_due_is_done_once(self, database: Database, rows: list[int]) -> None:
        done = Done(database)
        mine = workers(database, Job("job", StreamState, due, done))
        while mine.run_once():
            pass

        assert done.rows == rows

    def test_one_that_fails_waits_for_its_lease_and_the_others_go_on(self, database: Database, rows: list[int]) -> None:
        done = Done(database)
        done.fails[rows[0]] = ValueError("a bad row")
        mine = workers(database, Job("job", StreamState, due, done))
        while mine.run_once():
            pass
        assert done.rows == rows

        assert mine.run_once() == 0  # it rests, though it is due
        del done.fails[rows[0]]
        expire(database)
        assert mine.run_once() == 1
        assert done.rows == [*rows, rows[0]]

    def test_a_failing_kind_of_job_does_not_end_another(self, database: Database, rows: list[int]) -> None:
        bad, good = Done(database), Done(database)
        bad.fails = {row: ValueError("all bad") for row in rows}
        jobs = [
            Job("bad", StreamState, lambda: due() & (StreamState.stream == "s0"), bad),
            Job("good", StreamState, lambda: due() & (StreamState.stream != "s0"), good),
        ]
        mine = workers(database, *jobs)
        while mine.run_once():
            pass

        assert (bad.rows, good.rows) == (rows[:1], rows[1:])

    def test_rows_claimed_together_and_not_come_to_are_not_held_for_ever(
        self, database: Database, rows: list[int]
    ) -> None:
        """The database goes away at the first of three: a heartbeat that renewed the others would keep all from them."""
        done = Done(database)
        done.fails[rows[0]] = away()
        mine = workers(database, Job("job", StreamState, due, done, at_once=3))
        with pytest.raises(OperationalError):
            mine.run_once()

        assert mine._held == {}
        expire(database)
        done.fails.clear()
        while mine.run_once():
            pass
        assert sorted(done.rows[1:]) == rows


class TestTurns:
    def test_a_turn_is_run_once_by_whoever_comes_first(self, database: Database) -> None:
        ran: list[str] = []
        turn = Turn("nightly", timedelta(days=1), lambda _: ran.append("x"))
        first, second = workers(database, turns=[turn]), workers(database, turns=[turn])

        assert [first.run_once(), second.run_once(), first.run_once()] == [1, 0, 0]
        assert ran == ["x"]

    def test_what_comes_behind_a_turn_finds_it_written_and_no_transaction_around_it(self, database: Database) -> None:
        seen: list[list[str]] = []

        def behind() -> None:
            with database.write() as session:  # in another one it would wait for itself
                seen.append(list(session.scalars(select(Slot.schedule))))

        mine = workers(database, turns=[Turn("slow", timedelta(days=1), then=behind)])
        assert [mine.run_once(), mine.run_once()] == [1, 0]
        assert seen == [["slow"]]

    def test_what_fails_behind_a_turn_waits_for_the_next_one(self, database: Database) -> None:
        tried: list[str] = []

        def behind() -> None:
            tried.append("x")
            raise ValueError("not today")

        turn = Turn("slow", timedelta(days=1), then=behind)
        assert [workers(database, turns=[turn]).run_once() for _ in range(2)] == [0, 0]
        assert tried == ["x"], "the turn was taken"

    def test_a_turn_that_fails_is_given_back_and_tried_later_and_the_next_one_is_run(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[str] = []
        broken = [True]

        def fail(session: Session) -> None:
            session.add(Slot(schedule="half done", slot="1", owner=""))
            session.flush()
            ran.append("broken")
            if broken:
                raise ValueError("not today")

        day = timedelta(days=1)
        mine = workers(database, turns=[Turn("bad", day, fail), Turn("good", day, lambda _: ran.append("good"))])
        clock = [1000.0]
        monkeypatch.setattr("hub.work.worker.time.monotonic", lambda: clock[0])

        assert mine.run_once() == 1
        assert ran == ["broken", "good"]
        with database.read() as session:
            assert session.scalars(select(Slot.schedule)).all() == ["good"]

        assert mine.run_once() == 0  # left alone for a while
        assert ran == ["broken", "good"]
        clock[0] += 3600
        broken.clear()
        assert mine.run_once() == 1
        assert ran == ["broken", "good", "broken"]

    def test_pauses_after_failures_grow_and_have_an_end(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[float] = []
        clock = [1000.0]

        def fail(_: Session) -> None:
            ran.append(clock[0])
            raise ValueError("never")

        monkeypatch.setattr("hub.work.worker.time.monotonic", lambda: clock[0])
        mine = workers(database, sweeps=[Sweep("bad", lambda _: True, fail)])
        for _ in range(120):
            mine.run_once()
            clock[0] += 15.0

        pauses = [later - earlier for earlier, later in pairwise(ran)]
        assert pauses[0] <= 30
        assert all(150 <= pause <= 320 for pause in pauses[-4:])  # half of the longest is left to chance


class TestSweeps:
    def test_a_sweep_is_run_only_where_something_waits(self, database: Database) -> None:
        ran: list[str] = []
        waits = [True]

        def run(_: Session) -> None:
            ran.append("x")
            waits[0] = False

        mine = workers(database, sweeps=[Sweep("sweep", lambda _: waits[0], run)])
        assert [mine.run_once(), mine.run_once()] == [1, 0]
        assert ran == ["x"]

    def test_a_sweep_that_fails_ends_neither_jobs_nor_turns(self, database: Database, rows: list[int]) -> None:
        done, ran = Done(database), list[str]()

        def fail(_: Session) -> None:
            raise ValueError("bad sweep")

        mine = workers(
            database,
            Job("job", StreamState, due, done),
            sweeps=[Sweep("bad", lambda _: True, fail)],
            turns=[Turn("good", timedelta(days=1), lambda _: ran.append("x"))],
        )
        while mine.run_once():
            pass

        assert done.rows == rows
        assert ran == ["x"]


class TestThreads:
    def test_threads_do_what_is_due_when_told_and_end(self, database: Database, rows: list[int]) -> None:
        done = Done(database)
        mine = workers(database, Job("job", StreamState, due, done), threads=2)
        mine.start()
        mine.notify("anything")
        until(lambda: sorted(done.rows) == rows)
        mine.close()

        assert not [thread for thread in mine._threads if thread.is_alive()]

    def test_a_heartbeat_keeps_long_work_and_only_that(self, database: Database, rows: list[int]) -> None:
        begun, may_end = threading.Event(), threading.Event()

        def run(lease: Lease) -> None:
            if lease.id == rows[0]:
                begun.set()
                assert may_end.wait(30)
            with database.write() as session:
                assert release(session, StreamState, lease, due_at=None)

        mine = workers(database, Job("job", StreamState, due, run), threads=1)
        mine.start()
        assert begun.wait(30)
        expire(database)  # as after a minute of work

        def renewed() -> bool:
            with database.read() as session:
                until_ = session.get_one(StreamState, rows[0]).lease_until
                other = session.get_one(StreamState, rows[1]).lease_until
            return until_ is not None and until_ > now() and other is not None and other < now()

        until(renewed)
        may_end.set()
        mine.close()

    def test_a_database_that_is_away_ends_no_worker(self, database: Database, rows: list[int]) -> None:
        done = Done(database)
        done.fails[rows[0]] = away()
        mine = workers(database, Job("job", StreamState, due, done), threads=1)
        mine.start()
        until(lambda: set(done.rows) == set(rows))
        mine.close()
