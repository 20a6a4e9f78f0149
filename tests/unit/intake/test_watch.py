"""Accounts that are looked at all the time: what was found is kept, decides how they are, and outlasts whatever fails."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from hub.connector.contract import Arrived, Finding, Level, Look
from hub.connector.stream import Lane, Remote
from hub.errors import LimitedError, RetryLaterError
from hub.intake import health, watch
from hub.intake.models import WATCH, Account, AccountState, Health, RawRecord, RawState, StreamState
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, claim, new_owner

FINE = Finding("webhook", Level.GREEN, "On.")
ODD = Finding("token", Level.AMBER, "It ends soon.", "Renew it.")
BAD = Finding("access", Level.RED, "It was taken away.", "Assign it.")


class Desk:
    """One account, and what its remote finds."""

    def __init__(self, database: Database) -> None:
        self.db = database
        self.memories: list[Mapping[str, Any]] = []
        self.answer: Callable[[Arrived], Look] = lambda _: Look([FINE], timedelta(minutes=10))
        with database.write() as session:
            row = Account(name="Ads", connector="ads")
            session.add(row)
            session.flush()
            self.account = row.id
            session.add(
                StreamState(
                    account_id=row.id, stream="lead:1", records="lead", title="Form", every_s=60, last_ok_at=now(),
                    last_run_at=now(), phase="incremental",
                )
            )  # fmt: skip
        self.plan()

    def look(self, memory: Mapping[str, Any], arrived: Arrived) -> Look:
        self.memories.append(memory)
        return self.answer(arrived)

    def plan(self, *connectors: str) -> None:
        with self.db.write() as session:
            watch.plan(session, connectors or ("ads",))

    def lease(self) -> Lease:
        with self.db.write() as session:
            session.execute(update(StreamState).where(StreamState.stream == WATCH).values(due_at=now()))
        with self.db.write() as session:
            [lease] = claim(session, StreamState, watch.due(), owner=new_owner(), lease_s=60)
        return lease

    def run(self, remote: object | None = None) -> None:
        def opened(account: Account, lane: Lane) -> Remote:
            assert (account.id, lane) == (self.account, Lane.INTERACTIVE)
            return cast("Remote", self if remote is None else remote)

        watch.look(self.db, opened, self.lease())

    @property
    def state(self) -> StreamState:
        with self.db.read() as session:
            return session.scalars(select(StreamState).where(StreamState.stream == WATCH)).one()

    def health(self) -> tuple[str, str]:
        with self.db.read() as session:
            row = session.get_one(Account, self.account)
            return row.health, row.health_text

    def found(self) -> list[Finding]:
        with self.db.read() as session:
            return list(watch.findings(session, self.account))


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_each_account_has_one_row_and_only_where_its_connector_wants_it(desk: Desk) -> None:
    desk.plan()
    desk.plan("other")
    with desk.db.write() as session:
        session.add(Account(name="Not read yet", connector="ads"))
        session.add(Account(name="Other", connector="other"))
    desk.plan()
    assert desk.state.account_id == desk.account


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([FINE], (Health.HEALTHY, "")),
        ([FINE, ODD], (Health.WARNINGS, "Self-check: It ends soon. Renew it.")),
        ([ODD, BAD, FINE], (Health.NEEDS_YOU, "Self-check: It was taken away. Assign it.")),
    ],
)
def test_the_worst_that_was_found_decides_how_the_account_is(
    desk: Desk, findings: list[Finding], expected: tuple[Health, str]
) -> None:
    desk.answer = lambda _: Look(findings, timedelta(minutes=10), {"seen": 1})
    desk.run()
    assert (desk.health(), desk.found()) == (expected, findings)
    assert desk.state.due_at is not None
    assert timedelta(minutes=9) < desk.state.due_at - now() <= timedelta(minutes=10)


def test_the_next_look_has_the_memory_of_the_last(desk: Desk) -> None:
    desk.answer = lambda _: Look([], timedelta(seconds=5), {"seen": len(desk.memories)})
    desk.run()
    desk.run()
    assert desk.memories == [{}, {"seen": 1}]


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [(RetryLaterError("away"), 60), (LimitedError("too much", retry_after=300), 300), (ValueError("ours"), 600)],
)
def test_a_look_that_fails_takes_nothing_back_and_is_repeated(desk: Desk, fault: Exception, wait_s: int) -> None:
    desk.answer = lambda _: Look([BAD], timedelta(minutes=10), {"seen": 1})
    desk.run()

    def fail(_: Arrived) -> Look:
        raise fault

    desk.answer = fail
    desk.run()
    assert (desk.found(), desk.state.cursor) == ([BAD], {"seen": 1})
    assert desk.health()[0] == Health.NEEDS_YOU
    assert desk.state.last_error != ""
    assert desk.state.due_at is not None
    assert timedelta(seconds=wait_s - 10) < desk.state.due_at - now() <= timedelta(seconds=wait_s)


def test_whoever_lost_the_lease_writes_nothing(desk: Desk) -> None:
    def overtaken(_: Arrived) -> Look:
        with desk.db.write() as session:
            session.execute(update(StreamState).values(owner="another"))
        return Look([BAD], timedelta(minutes=10))

    desk.answer = overtaken
    desk.run()
    assert desk.found() == []


def test_a_paused_account_is_left_alone_and_one_without_looks_for_good(desk: Desk) -> None:
    with desk.db.write() as session:
        session.get_one(Account, desk.account).state = AccountState.PAUSED
    desk.run()
    assert (desk.memories, desk.state.due_at is None) == ([], False)
    with desk.db.write() as session:
        session.get_one(Account, desk.account).state = AccountState.ACTIVE
    desk.run(remote=object())
    assert desk.state.due_at is None


def test_a_record_arrived_when_it_was_taken_in(desk: Desk) -> None:
    asked: list[datetime | None] = []

    def ask(arrived: Arrived) -> Look:
        asked.extend(arrived("lead", name) for name in ("there", "aside", "nowhere"))
        return Look([], timedelta(minutes=10))

    at = now().replace(microsecond=0)
    with desk.db.write() as session:
        for name, state in (("there", RawState.APPLIED), ("aside", RawState.SET_ASIDE)):
            session.add(
                RawRecord(
                    account_id=desk.account, stream="lead", remote_id=name, payload={}, hash=name, state=state, applied_at=at
                )
            )  # fmt: skip
    desk.answer = ask
    desk.run()
    assert asked == [at, None, None]


def test_what_an_audit_counts_otherwise_and_what_came_unnamed_are_warnings() -> None:
    told = StreamState(stream="lead:1", last_ok_at=now(), every_s=60, usual_gap_s=60, trouble="", phase="incremental")
    told.audit = {"missing": [], "counted": 5, "drift": -1}
    assert health.of_stream(told, now()) == (
        Health.WARNINGS,
        "The other system counts 5 records; the hub has 6 of them.",
    )
    told.audit = {"missing": [], "unnamed": 2}
    assert health.of_stream(told, now())[0] is Health.WARNINGS
    told.audit = {"missing": [], "counted": 5, "drift": 0, "unnamed": 0}
    assert health.of_stream(told, now()) == (Health.HEALTHY, "")
