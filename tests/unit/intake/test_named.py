"""Records that notifications named: each asked for until it is there, however often it was named and whoever dies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.stream import Filtered, Lane, Named, NotYet, Upsert
from hub.errors import AuthError, LimitedError
from hub.intake import health, named, read, receive
from hub.intake.models import NAMED, Account, Health, NamedRecord, RawRecord, RawState, StreamState
from hub.intake.named import SOME, Finder
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, claim, new_owner

PLACE = f"{NAMED}lead:page"


@dataclass
class Forms:
    """A remote that shows some records, and fails as told."""

    there: set[str] = field(default_factory=set)
    fault: Exception | None = None
    asked: list[list[str]] = field(default_factory=list)

    def find_named(self, records: str, mailbox: str, remote_ids: Sequence[str]) -> Sequence[Upsert | Filtered | NotYet]:
        assert (records, mailbox) == ("lead", "page")
        self.asked.append(list(remote_ids))
        if self.fault is not None:
            raise self.fault
        return [Upsert(one, {"id": one}) if one in self.there else NotYet(one, "not there") for one in remote_ids]


class Takes:
    """Takes records and does nothing with them."""

    def take(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        for raw in raws:
            raw.state = RawState.APPLIED

    def gone(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None: ...

    def is_careful(self, account: Account, records: str) -> bool: ...

    def withdraw(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None: ...


class Desk:
    def __init__(self, database: Database) -> None:
        self.db, self.forms = database, Forms()
        with database.write() as session:
            row = Account(name="Forms", connector="forms")
            session.add(row)
            session.flush()
            self.account = row.id

    def name(self, *remote_ids: str) -> None:
        with self.db.write() as session:
            named.keep(session, self.account, [Named("lead", "page", one, said={"id": one}) for one in remote_ids])

    def claim(self) -> Lease | None:
        with self.db.write() as session:
            leases = claim(session, StreamState, named.due(), owner=new_owner(), lease_s=60)
        return leases[0] if leases else None

    def work(self) -> bool:
        lease = self.claim()
        if lease is not None:
            Finder(self.db, self.open, Takes()).find(lease)
        return lease is not None

    def open(self, account: Account, lane: Lane) -> Any:
        assert (account.id, lane) == (self.account, Lane.INTERACTIVE)
        return self.forms

    def kept(self) -> set[str]:
        with self.db.read() as session:
            return set(session.scalars(select(RawRecord.remote_id)))

    def rows(self) -> dict[str, NamedRecord]:
        with self.db.read() as session:
            return {row.remote_id: row for row in session.scalars(select(NamedRecord))}

    def later(self, by: timedelta) -> None:
        """Let time pass."""
        with self.db.write() as session:
            session.execute(update(NamedRecord).values(due_at=NamedRecord.due_at, named_at=now() - by))
            session.execute(update(NamedRecord).where(NamedRecord.due_at.is_not(None)).values(due_at=now()))
            session.execute(update(StreamState).where(StreamState.due_at.is_not(None)).values(due_at=now()))

    def health(self) -> Health:
        with self.db.write() as session:
            return health.refresh(session, self.account)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_what_was_named_is_asked_for_once_however_often_it_was_named(desk: Desk) -> None:
    desk.forms.there = {"1", "2"}
    desk.name("1", "2", "1")
    desk.name("2")
    assert desk.work()
    desk.name("1")  # a notification that is repeated
    assert not desk.work()
    assert desk.kept() == {"1", "2"}
    assert desk.forms.asked == [["1", "2"]]
    assert all(row.done_at and not row.due_at for row in desk.rows().values())


def test_many_are_asked_for_a_few_at_a_time(desk: Desk) -> None:
    ids = [str(number) for number in range(SOME + 3)]
    desk.forms.there = set(ids)
    desk.name(*ids)
    assert desk.work()
    assert [len(one) for one in desk.forms.asked] == [SOME, 3]
    assert desk.kept() == set(ids)


def test_what_is_not_there_yet_is_asked_for_again(desk: Desk) -> None:
    desk.name("1")
    assert desk.work()
    assert not desk.work()
    row = desk.rows()["1"]
    assert (row.why, row.tries) == ("not there", 1)
    assert row.due_at == row.named_at + timedelta(seconds=5)
    desk.forms.there.add("1")
    desk.later(timedelta(minutes=1))
    assert desk.work()
    assert desk.kept() == {"1"}


def test_what_never_comes_is_given_up_visibly_and_can_be_tried_again(desk: Desk) -> None:
    desk.name("1")
    desk.later(timedelta(hours=37))
    assert desk.work()
    row = desk.rows()["1"]
    assert (row.due_at, row.done_at) == (None, None)
    assert desk.health() == Health.WARNINGS
    desk.forms.there.add("1")
    with desk.db.write() as session:
        assert named.try_again(session, desk.account) == 1
    assert desk.work()
    assert desk.kept() == {"1"}
    assert desk.health() == Health.HEALTHY


def test_lost_access_parks_what_was_named_and_costs_no_tries(desk: Desk) -> None:
    desk.forms.fault = AuthError("the token is dead")
    desk.name("1")
    assert desk.work()
    assert not desk.work()
    desk.name("2")
    assert not desk.work()  # nobody asks with a dead token
    assert desk.health() == Health.NEEDS_YOU
    assert [row.tries for row in desk.rows().values()] == [0, 0]
    desk.forms.fault, desk.forms.there = None, {"1", "2"}
    with desk.db.write() as session:
        read.begin(session, desk.account)  # somebody connected again
    assert desk.work()
    assert desk.kept() == {"1", "2"}


def test_silence_that_the_remote_wants_is_no_failure(desk: Desk) -> None:
    desk.forms.fault = LimitedError("too much", retry_after=1140)
    desk.name("1")
    assert desk.work()
    desk.forms.fault = None
    assert not desk.work()
    with desk.db.read() as session:
        state = session.scalars(select(StreamState).where(StreamState.stream == PLACE)).one()
    assert (state.failures, state.trouble) == (0, "limited")
    assert state.due_at is not None
    assert timedelta(minutes=18) < state.due_at - now() <= timedelta(minutes=19)


def test_what_was_read_in_pages_meanwhile_is_not_asked_for(desk: Desk) -> None:
    desk.name("1")
    with desk.db.write() as session:
        receive.keep(session, desk.account, receive.Delivered("lead", "1", {"id": "1"}))
    assert desk.work()
    assert desk.forms.asked == []
    assert desk.rows()["1"].done_at is not None


def test_a_worker_that_lost_its_place_keeps_nothing(desk: Desk) -> None:
    desk.forms.there = {"1"}
    desk.name("1")
    lease = desk.claim()
    assert lease is not None
    with desk.db.write() as session:
        session.execute(update(StreamState).values(attempt=StreamState.attempt + 1))
    Finder(desk.db, desk.open, Takes()).find(lease)
    assert desk.kept() == set()
    assert desk.rows()["1"].done_at is None


def test_words_that_no_database_holds_are_kept_without_them(desk: Desk) -> None:
    with desk.db.write() as session:
        named.keep(session, desk.account, [Named("lead", "page", "1", said={"x": "a\x00b\ud800"})])
        receive.keep_odd(session, desk.account, "notification", {"x": "a\x00"}, "odd")
        receive.keep_odd(session, desk.account, "notification", {"x": "a\x00"}, "odd")
    assert desk.rows()["1"].said == {"x": "a\ufffdb\ufffd"}
    with desk.db.read() as session:
        assert [raw.state for raw in session.scalars(select(RawRecord))] == [RawState.SET_ASIDE]
