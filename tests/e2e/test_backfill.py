"""The exchange's records, taken in: each call once, however often they are read; on both databases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from hub.app import settled_of
from hub.connector.exchange import Classify, HistoryPage
from hub.context import Hub
from hub.cti import backfill
from hub.cti.keep import Seen, keep
from hub.cti.models import CallRow, Click, Extension
from hub.identity import parties
from hub.identity.callers import Found
from hub.identity.models import PartyKind
from hub.intake import accounts
from hub.intake.models import Account, StreamState
from hub.records.call import Call, Direction, HangupBy, Leg, LegResult, Outcome, Segment, Source
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.timeline.models import Interaction
from hub.work.lease import Lease, LeaseLostError, claim, new_owner
from tests.fakes.exchange import FakeExchange

BEGAN = now().replace(microsecond=0) - timedelta(hours=1)
ANSWERED, ENDED = BEGAN + timedelta(seconds=5), BEGAN + timedelta(seconds=65)


def told(key: str, **values: Any) -> Call:
    """An inbound call of a minute at phone 101, as records tell it."""
    uid = f"{key}-101"
    leg = Leg(uid, "101", "", False, BEGAN, BEGAN, ANSWERED, ENDED, LegResult.ANSWERED, talking=False)
    call = Call(
        key=key, aliases=(), version=9, direction=Direction.INBOUND, caller="0542222222", caller_name="", withheld=False,
        did="5550101", callee="", queue="", keyed="", click_id="", started_at=BEGAN, ringing_at=BEGAN,
        answered_at=ANSWERED, ended_at=ENDED, end_estimated=False, outcome=Outcome.ANSWERED, reason="",
        hangup_by=HangupBy.CALLER, wait_s=0.0, ring_s=5.0, talk_s=60.0, legs=(leg,),
        segments=(Segment(uid, "101", ANSWERED, ENDED, consult=False),), transfers=(), recordings=(),
        source=Source.BACKFILL, settled=True,
    )  # fmt: skip
    return replace(call, **values)


def half_heard(key: str, **values: Any) -> Call:
    """The same call by a hub that did not hear how it ended."""
    values = {
        "version": 4, "source": Source.LIVE, "outcome": Outcome.LOST, "reason": "forgotten", "end_estimated": True,
        "ended_at": BEGAN + timedelta(seconds=30), "talk_s": 25.0, "hangup_by": None, **values,
    }  # fmt: skip
    return told(key, **values)


@dataclass
class Recorded(FakeExchange):
    """An exchange with records; `asked` are the positions and times from which it was read."""

    pages: Sequence[Sequence[Call]] = ()
    asked: list[tuple[dict[str, Any] | None, datetime]] = field(default_factory=list)

    def history(self, position: dict[str, Any] | None, since: datetime, classify: Classify) -> Iterator[HistoryPage]:
        del classify
        self.asked.append((position, since))
        for number in range((position or {}).get("page", 0), len(self.pages)):
            yield HistoryPage(tuple(self.pages[number]), {"page": number + 1}, number + 1 < len(self.pages))


@dataclass
class Desk:
    """A hub and an exchange whose records it reads."""

    hub: Hub
    account: Account
    exchange: Recorded

    def heard(self, call: Call) -> None:
        """A call that the hub listened to until it stopped."""
        with self.hub.db.write() as session:
            account = session.get_one(Account, self.account.id)
            (row,) = keep(session, account.id, account.public_id, [Seen(call, None, Found(""), lambda _: None)])
            settled_of(self.hub.flow)(session, account, [(call, row)])

    def lease(self) -> Lease:
        with self.hub.db.write() as session:
            session.execute(update(StreamState).values(lease_until=None))
            backfill.due(session, self.account.id, now())
            session.flush()
            return claim(session, StreamState, StreamState.stream == "history", owner=new_owner(), lease_s=60)[0]

    def read(self, *pages: Sequence[Call], full: bool = False, lease: Lease | None = None) -> dict[str, int]:
        self.exchange.pages = pages or self.exchange.pages
        return backfill.read(
            self.hub.db, lease or self.lease(), self.exchange, settled_of(self.hub.flow), region="IL", overlap_min=0,
            full=full,
        )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """All calls, whole."""
        with self.hub.db.read() as session:
            rows = session.scalars(select(CallRow).order_by(CallRow.key))
            return [{name: getattr(row, name) for name in CallRow.__table__.columns.keys()} for row in rows]  # noqa: SIM118 - columns are no mapping

    def entries(self) -> int:
        with self.hub.db.read() as session:
            return session.scalar(select(func.count()).select_from(Interaction)) or 0


@pytest.fixture
def desk(hub: Hub) -> Desk:
    values = {"host": "127.0.0.1", "username": "hub", "secret": "a-secret-of-this-test"}
    with hub.db.write() as session:
        account = accounts.create(session, hub.connectors["asterisk"], hub.vault, "Office", values, region="IL")
        noa = users.add(session, "noa@example.com", "Noa", Role.AGENT)
        session.add(Extension(account_id=account.id, number="101", user_id=noa.id))
    return Desk(hub, account, Recorded())


def test_records_taken_again_change_nothing(desk: Desk) -> None:
    calls = [told("1.1"), told("1.2", caller="0543333333", outcome=Outcome.MISSED, talk_s=0.0, answered_at=None)]
    assert desk.read(calls) == {"new": 2, "completed": 0, "known": 0}
    before = desk.rows()
    assert desk.read() == {"new": 0, "completed": 0, "known": 0}  # from where it stopped there is nothing
    for _ in range(2):
        assert desk.read(full=True) == {"new": 0, "completed": 0, "known": 2}
        assert desk.rows() == before
    assert desk.entries() == 2


def test_a_click_whose_call_only_the_records_know_is_taken_and_gives_its_party(desk: Desk) -> None:
    with desk.hub.db.write() as session:
        dana = parties.create(session, None, PartyKind.PERSON, "Dana", region="IL")
        session.add(
            Click(id="order-1", account_id=desk.account.id, extension="101", number="+972542222222", party_id=dana.id)
        )
    desk.read([told("order-1-ch", click_id="order-1", direction=Direction.OUTBOUND, caller="", callee="0542222222")])
    assert [(row["party_id"], row["match_basis"]) for row in desk.rows()] == [(dana.id, "click")]
    with desk.hub.db.read() as session:
        assert session.get_one(Click, "order-1").state == "taken"


def test_a_guessed_end_is_completed_once(desk: Desk) -> None:
    desk.heard(half_heard("1.1"))
    assert desk.read([told("1.1")])["completed"] == 1
    (row,) = before = desk.rows()
    assert (row["outcome"], row["reason"], row["ended_at"], row["end_estimated"]) == ("answered", "", ENDED, False)
    assert (row["talk_s"], row["hangup_by"], row["source"]) == (60.0, "caller", "live")
    assert desk.read(full=True) == {"new": 0, "completed": 0, "known": 1}
    assert desk.rows() == before
    assert desk.entries() == 1


def test_a_guess_is_not_replaced_by_another_guess(desk: Desk) -> None:
    """Where the exchange died, its records do not know the end either: it stays estimated."""
    desk.heard(half_heard("1.1", reason="pbx_died"))
    before = desk.rows()
    last = told("1.1", outcome=Outcome.LOST, reason="pbx_died", end_estimated=True, hangup_by=None)
    for _ in range(2):
        assert desk.read([last], full=True) == {"new": 0, "completed": 0, "known": 1}
        assert desk.rows() == before
    assert desk.rows()[0]["end_estimated"]


def test_a_call_whose_record_was_passed_by_is_asked_for_again_without_others(desk: Desk) -> None:
    """Its record was read while the hub took it for a live one; what is older than the account stays out."""
    older = told("0.9", started_at=BEGAN - timedelta(seconds=30))
    assert desk.read([])["new"] == 0
    desk.heard(half_heard("1.1"))
    desk.exchange.pages = [[older, told("1.1")]]
    with desk.hub.db.write() as session:  # everything was read
        row = session.scalars(select(StreamState).where(StreamState.stream == "history")).one()
        row.cursor = {"position": {"page": 1}}
    assert desk.read() == {"new": 0, "completed": 1, "known": 0}
    position, since = desk.exchange.asked[-1]
    assert position is None
    assert since <= BEGAN - backfill.CLOCKS
    assert [row["key"] for row in desk.rows()] == ["1.1"]
    with desk.hub.db.read() as session:
        row = session.scalars(select(StreamState).where(StreamState.stream == "history")).one()
    assert (row.cursor or {})["position"] == {"page": 1}  # where to go on is as it was
    assert desk.read() == {"new": 0, "completed": 0, "known": 0}


def test_a_reader_whose_lease_was_taken_writes_nothing_more(desk: Desk) -> None:
    slow = desk.lease()
    desk.lease()  # another worker took over
    with pytest.raises(LeaseLostError):
        desk.read([told("1.1")], lease=slow)
    assert desk.rows() == []


def test_a_reader_that_dies_between_two_pages_goes_on_with_the_second(desk: Desk) -> None:
    class DiedError(Exception):
        pass

    def dies(what: str, _: int) -> None:
        if len(desk.rows()) == 1:
            raise DiedError(what)

    desk.exchange.pages = [[told("1.1")], [told("1.2"), told("1.3")]]
    with pytest.raises(DiedError):
        backfill.read(
            desk.hub.db, desk.lease(), desk.exchange, settled_of(desk.hub.flow), region="IL", overlap_min=0,
            progress=dies,
        )  # fmt: skip
    assert [row["key"] for row in desk.rows()] == ["1.1"]
    assert desk.read() == {"new": 2, "completed": 0, "known": 0}
    assert desk.entries() == len(desk.rows()) == 3
