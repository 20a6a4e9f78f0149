"""What waits to go out is sent once, in order, and what cannot be sent is never forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.stream import Remote, Written
from hub.context import Hub
from hub.errors import AuthError, GoneError, LimitedError, NotFoundError, RejectedError, RetryLaterError, UserError
from hub.intake.models import Account, AccountState
from hub.intake.trouble import Trouble
from hub.outbound import deliver, outbox
from hub.outbound.deliver import Deliverer, Item
from hub.outbound.models import Delivery, Outbox, OutboxState
from hub.outbound.plan import Planned
from hub.security.models import User
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner


class Kind:
    """Writes to a list; a fault may come before the write or after it, as a lost answer does."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}
        self.order: list[str] = []
        self.faults: list[tuple[str, Exception]] = []
        self.told: list[tuple[str, str]] = []

    def send(self, remote: Remote, item: Item) -> Written:
        del remote
        when, fault = self.faults.pop(0) if self.faults else ("", None)
        if fault is not None and when == "before":
            raise fault
        if item.key not in self.written:
            assert not item.again or when != "known"
            self.written[item.key] = item.payload["text"]
            self.order.append(item.payload["text"])
        if fault is not None:
            raise fault
        return Written(f"r-{item.key}")

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        del session
        assert written is not None
        self.told.append(("sent", item.payload["text"]))

    def refused(self, session: Session, item: Item, why: str) -> None:
        del session
        self.told.append(("refused", why))


class Desk:
    def __init__(self, hub: Hub) -> None:
        self.hub, self.kind = hub, Kind()
        self.deliverer = Deliverer(hub.db, lambda account, lane: None, {"letter": self.kind})  # type: ignore[arg-type,return-value]  # nobody asks it
        with hub.db.write() as session:
            accounts = [Account(name=name, connector="webforms", settings={}) for name in ("One", "Two")]
            session.add_all(accounts)
            session.flush()
            self.one, self.two = (account.id for account in accounts)

    def put(self, text: str, *, key: str = "", about: str = "", mailbox: str = "noa", account: int = 0) -> None:
        with self.hub.db.write() as session:
            outbox.store(
                session,
                [Planned(account or self.one, "letter", about or text, {"text": text}, key or text, mailbox=mailbox)],
            )

    def take(self, limit: int = 10) -> list[Lease]:
        with self.hub.db.write() as session:
            taken: list[Lease] = []
            for _ in range(limit):
                found = claim(session, Outbox, self.deliverer.due(), owner=new_owner(), lease_s=60)
                if not found:
                    return taken
                taken += found
            return taken

    def run(self) -> None:
        while leases := self.take(1):
            self.deliverer.deliver(leases[0])

    def rows(self) -> Sequence[Outbox]:
        with self.hub.db.read() as session:
            return session.scalars(select(Outbox).order_by(Outbox.id)).all()

    def hurry(self, **values: Any) -> None:
        with self.hub.db.write() as session:
            session.execute(update(Outbox).where(Outbox.due_at.is_not(None)).values(due_at=now(), **values))


@pytest.fixture
def desk(hub: Hub) -> Desk:
    return Desk(hub)


def test_things_are_sent_once_and_each_try_is_written_down(desk: Desk) -> None:
    desk.put("a")
    desk.put("a")
    desk.put("b")
    desk.run()
    assert desk.kind.order == ["a", "b"]
    assert [(row.state, row.remote_id, row.due_at) for row in desk.rows()] == [
        (OutboxState.SENT, "r-a", None), (OutboxState.SENT, "r-b", None),
    ]  # fmt: skip
    with desk.hub.db.read() as session:
        assert session.scalars(select(Delivery.ok)).all() == [True, True]


def test_things_of_one_object_keep_their_order_and_others_do_not_wait(desk: Desk) -> None:
    desk.kind.faults = [("before", RetryLaterError("away"))]
    desk.put("first", about="meeting")
    desk.put("second", about="meeting")
    desk.put("other")
    desk.run()
    assert desk.kind.order == ["other"]
    desk.hurry()
    desk.run()
    assert desk.kind.order == ["other", "first", "second"]


def test_one_thing_at_a_time_goes_to_a_mailbox(desk: Desk) -> None:
    for text, mailbox, account in (("a", "noa", 0), ("b", "noa", 0), ("c", "adam", 0), ("d", "noa", desk.two)):
        desk.put(text, mailbox=mailbox, account=account)
    leases = desk.take()
    assert len(leases) == 3
    for lease in leases:
        desk.deliverer.deliver(lease)
    assert sorted(desk.kind.order) == ["a", "c", "d"]
    desk.run()
    assert len(desk.kind.order) == 4


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(desk: Desk) -> None:
    desk.kind.faults = [("after", RetryLaterError("cut"))]
    desk.put("a")
    desk.run()
    [row] = desk.rows()
    assert (row.state, row.trouble, row.failures) == (OutboxState.WAITING, Trouble.AWAY, 1)
    desk.hurry()
    desk.run()
    assert desk.kind.order == ["a"]
    assert desk.kind.told == [("sent", "a")]


def test_a_worker_that_was_too_slow_changes_nothing(desk: Desk) -> None:
    desk.put("a")
    [slow] = desk.take()
    with desk.hub.db.write() as session:
        session.execute(update(Outbox).values(lease_until=now() - timedelta(seconds=1)))
    desk.run()
    desk.deliverer.deliver(slow)
    assert desk.kind.order == ["a"]
    assert desk.kind.told == [("sent", "a")]


def test_a_worker_killed_between_the_write_and_its_note_is_followed_by_one_that_finds_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As a kill does, it runs no handler of ours."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    desk.put("a")
    with monkeypatch.context() as patch:
        patch.setattr(desk.kind, "sent", die)
        [lease] = desk.take()
        with pytest.raises(Killed):
            desk.deliverer.deliver(lease)
    with desk.hub.db.write() as session:
        session.execute(update(Outbox).values(lease_until=now() - timedelta(seconds=1)))
    desk.run()
    assert (desk.kind.order, desk.kind.told) == (["a"], [("sent", "a")])
    assert desk.rows()[0].state == OutboxState.SENT


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fault", "state", "trouble", "wait_s"),
    [
        (LimitedError("slowly", retry_after=7200), OutboxState.WAITING, Trouble.LIMITED, 7200),
        (RetryLaterError("away"), OutboxState.WAITING, Trouble.AWAY, 15),
        (AuthError("connect again"), OutboxState.WAITING, Trouble.AUTH, 3600),
        (RejectedError("no such address"), OutboxState.REFUSED, Trouble.REFUSED, None),
        (GoneError("deleted"), OutboxState.REFUSED, Trouble.REFUSED, None),
        (UserError("too large"), OutboxState.REFUSED, Trouble.REFUSED, None),
        (ZeroDivisionError("oh"), OutboxState.REFUSED, Trouble.DEFECT, None),
    ],
)
def test_errors_are_told_apart_by_what_happens_next(
    desk: Desk, fault: Exception, state: OutboxState, trouble: Trouble, wait_s: float | None
) -> None:
    desk.kind.faults = [("before", fault)]
    desk.put("a")
    desk.run()
    [row] = desk.rows()
    assert (row.state, row.trouble) == (state, trouble)
    assert (str(fault) in row.last_error) == (trouble is not Trouble.DEFECT)
    assert row.failures == (0 if trouble in {Trouble.LIMITED, Trouble.REFUSED, Trouble.DEFECT} else 1)
    if wait_s is None:
        assert row.due_at is None
        assert desk.kind.told[0][0] == "refused"
    else:
        assert row.due_at is not None
        assert wait_s * 0.4 < (row.due_at - now()).total_seconds() <= wait_s


def test_what_was_refused_is_tried_again_or_dropped_by_a_person(desk: Desk) -> None:
    desk.kind.faults = [("before", RejectedError("no")), ("before", RejectedError("no"))]
    desk.put("a")
    desk.put("b")
    desk.run()
    first, second = desk.rows()
    with desk.hub.db.write() as session:
        outbox.retry(session, first.id)
        outbox.drop(session, second.id)
    with desk.hub.db.write() as session, pytest.raises(NotFoundError):
        outbox.retry(session, second.id)
    desk.run()
    assert [row.state for row in desk.rows()] == [OutboxState.SENT, OutboxState.DROPPED]
    assert desk.kind.order == ["a"]


def test_a_paused_account_sends_nothing_until_it_is_resumed(desk: Desk) -> None:
    desk.put("a")
    with desk.hub.db.write() as session:
        session.get_one(Account, desk.one).state = AccountState.PAUSED
    assert desk.take() == []
    with desk.hub.db.write() as session:
        session.get_one(Account, desk.one).state = AccountState.ACTIVE
    desk.run()
    assert desk.kind.order == ["a"]


def test_what_a_removed_account_never_sent_goes_back_to_who_waits_for_it(desk: Desk, hub: Hub) -> None:
    with hub.db.write() as session:
        noa = User(email="noa@acme.example", name="Noa", role="agent")
        session.add(noa)
        session.flush()
        session.get_one(Account, desk.one).state = AccountState.REMOVED
        told = Planned(desk.one, "letter", "hers", {"text": "hers"}, "hers", mailbox="noa", user_id=noa.id)
        outbox.store(session, [told])
    desk.put("nobody's")
    desk.run()
    assert desk.kind.order == []
    assert desk.kind.told == [("refused", deliver.REMOVED)] * 2
    assert [row.state for row in desk.rows()] == [OutboxState.REFUSED, OutboxState.DROPPED]


def test_who_connects_again_need_not_wait_for_what_stood_still(desk: Desk) -> None:
    desk.kind.faults = [("before", AuthError("connect again"))]
    desk.put("a")
    desk.run()
    assert desk.take() == []
    with desk.hub.db.write() as session:
        outbox.wake(session, desk.one)
    desk.run()
    assert desk.kind.order == ["a"]


def test_what_was_sent_is_forgotten_after_a_while_and_what_waits_is_not(desk: Desk) -> None:
    desk.put("a")
    desk.run()
    desk.put("b")
    with desk.hub.db.write() as session:
        session.execute(update(Outbox).where(Outbox.done_at.is_not(None)).values(done_at=now() - timedelta(days=31)))
        deliver.forget(session)
    assert [row.payload["text"] for row in desk.rows()] == ["b"]
