"""Celery as the trigger: with a broker workers are told at once, without it they find the row by looking."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement

from hub.intake.models import Account, StreamState
from hub.settings import load
from hub.store.base import now
from hub.store.migrate import upgrade
from hub.store.session import Database, open_engine
from hub.work.celery_trigger import ENOUGH, QUEUE, CeleryTrigger
from hub.work.lease import Lease, release
from hub.work.trigger import OwnWorkers, open_trigger
from hub.work.worker import Job, Workers
from tests.e2e.calls import until
from tests.fakes.servers import Valkey, free_port

ROOT = Path(__file__).parents[2]
LONG_S = 60.0  # between two looks: what is done sooner was told
NOTIFYING = """
import sys
from hub.settings import load
from hub.work.trigger import open_trigger

trigger = open_trigger(load({"HUB_WORK__BROKER": sys.argv[1]}))
trigger.notify("streams")
trigger.close()
"""


@pytest.fixture
def broker() -> Iterator[Valkey]:
    """A broker of our own, because tests kill it."""
    server = Valkey()
    yield server
    server.close()


class Company:
    """One stream, and workers that do it by making it not due."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.looked = threading.Event()  # the workers found nothing and wait
        self.done = threading.Event()
        with database.write() as session:
            account = Account(name="PBX", connector="x")
            session.add(account)
            session.flush()
            stream = StreamState(account_id=account.id, stream="people")
            session.add(stream)
            session.flush()
            self.stream = stream.id

    def workers(self, look_s: float) -> Workers:
        def run(lease: Lease) -> None:
            with self.database.write() as session:
                assert release(session, StreamState, lease, due_at=None)
            self.done.set()

        def due() -> ColumnElement[bool]:
            self.looked.set()
            return StreamState.due_at <= now()

        job = Job("streams", StreamState, due, run)
        return Workers(self.database, [job], threads=1, lease_s=60, heartbeat_s=1, look_s=look_s)

    def is_due(self) -> None:
        with self.database.write() as session:
            session.get_one(StreamState, self.stream).due_at = now()


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    upgrade(engine)
    database = Database(engine)
    yield Company(database)
    database.close()


def test_a_row_is_worked_on_because_another_process_said_so(broker: Valkey, company: Company) -> None:
    trigger, workers = CeleryTrigger(broker.url), company.workers(LONG_S)
    workers.start()
    trigger.deliver_to(workers)
    try:
        assert company.looked.wait(10)
        company.is_due()
        assert not company.done.wait(0.5)
        subprocess.run([sys.executable, "-c", NOTIFYING, broker.url], cwd=ROOT, check=True, timeout=30)

        assert company.done.wait(5)

        # The consumer comes back with the broker.
        broker.stop()
        broker.start()
        company.done.clear()
        company.is_due()
        trigger.notify("streams")

        assert company.done.wait(10)
    finally:
        trigger.close()
        workers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trigger-")]


def test_a_broker_that_is_away_slows_nobody_and_looking_finds_the_row(company: Company) -> None:
    trigger, workers = CeleryTrigger(f"redis://127.0.0.1:{free_port()}/0"), company.workers(0.2)
    workers.start()
    try:
        company.is_due()
        begun = time.monotonic()
        for number in range(1000):
            trigger.notify(f"kind {number % 3}")

        assert time.monotonic() - begun < 3  # not a wait for each of them
        assert company.done.wait(5)
    finally:
        begun = time.monotonic()
        trigger.close()
        assert time.monotonic() - begun < 5
        workers.close()


def test_a_broker_that_is_away_is_one_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Any] = []
    monkeypatch.setattr("hub.work.celery_trigger._log.warning", lambda *_, **facts: lines.append(facts))
    trigger = CeleryTrigger(f"redis://127.0.0.1:{free_port()}/0")
    for kind in ("one", "two", "three"):
        trigger.notify(kind)
        until(lambda: not trigger._kinds)
    trigger.close()

    assert lines == [{"error": "OperationalError"}]


def test_messages_that_nobody_takes_do_not_pile_up(broker: Valkey) -> None:
    trigger = CeleryTrigger(broker.url)
    trigger._send([f"kind {number}" for number in range(ENOUGH)])
    trigger._send(["one more"])

    with trigger._app.connection_for_read() as connection:
        assert connection.SimpleQueue(QUEUE).qsize() == ENOUGH


def test_without_a_broker_the_workers_of_this_process_are_told() -> None:
    class Told:
        kinds: list[str] = []  # noqa: RUF012 - one test, one object

        def notify(self, kind: str) -> None:
            self.kinds.append(kind)

    trigger, told = open_trigger(load({})), Told()
    assert isinstance(trigger, OwnWorkers)
    trigger.notify("before there are any")
    trigger.deliver_to(told)
    trigger.notify("history")

    assert told.kinds == ["history"]
