"""Calls of the exchange's own records: taken once, and never in place of what the hub heard itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hub.context import Hub
from hub.cti.models import CallAlias, CallRow, LegRow
from hub.intake.models import Account, RawRecord
from hub.records.call import LegResult, Outcome
from hub.timeline.models import Interaction
from tests.unit.flow.made import BEGAN, account, call, count, raw, take


@pytest.fixture
def owner(hub: Hub) -> Account:
    return account(hub)


def row(hub: Hub) -> CallRow:
    with hub.db.read() as session:
        return session.scalars(select(CallRow)).one()


def lose(hub: Hub, **values: object) -> None:
    """Let the call be one whose end the hub had to guess."""
    with hub.db.write() as session:
        session.execute(update(CallRow).values(outcome=Outcome.LOST, end_estimated=True, talk_s=0.0, **values))
        session.execute(update(LegRow).values(answered_at=None, result=LegResult.NO_ANSWER))


def test_taking_a_call_twice_is_taking_it_once(hub: Hub, owner: Account) -> None:
    assert take(hub, owner, call()) == ["new"]
    first = row(hub)
    assert take(hub, owner, call()) == ["known"]

    again = row(hub)
    assert (again.id, again.version, again.changed_at) == (first.id, first.version, first.changed_at)
    assert (again.source, again.open, again.state) == ("backfill", False, None)
    assert [count(hub, table) for table in (LegRow, RawRecord, Interaction)] == [1, 1, 1]


def test_a_call_is_known_under_any_of_its_keys_and_by_any_of_its_channels(hub: Hub, owner: Account) -> None:
    take(hub, owner, call("1.1", aliases=("1.7",)))

    assert take(hub, owner, call("1.7")) == ["known"]
    assert take(hub, owner, call("2.2", aliases=("1.1",))) == ["known"]
    by_channel = call("3.3", legs=(replace(call().legs[0], uid="1.1-101"),))
    assert take(hub, owner, by_channel) == ["known"]
    assert (count(hub, CallRow), count(hub, CallAlias)) == (1, 1)


def test_a_guessed_end_is_completed_once(hub: Hub, owner: Account) -> None:
    take(hub, owner, call())
    lose(hub)

    assert take(hub, owner, call()) == ["completed"]
    assert take(hub, owner, call()) == ["known"]
    done = row(hub)
    assert (done.outcome, done.end_estimated, done.talk_s) == ("answered", False, 60.0)
    assert done.ended_at == BEGAN + timedelta(seconds=65)
    with hub.db.read() as session:
        leg = session.scalars(select(LegRow)).one()
        entry = session.scalars(select(Interaction)).one()
    assert (leg.result, leg.answered_at) == ("answered", BEGAN + timedelta(seconds=5))
    assert (entry.detail["outcome"], entry.ended_at) == ("answered", BEGAN + timedelta(seconds=65))


def test_a_call_that_is_heard_of_still_is_left_to_the_listener(hub: Hub, owner: Account) -> None:
    take(hub, owner, call())
    lose(hub, state={"x": 1})

    assert take(hub, owner, call()) == ["known"]
    assert row(hub).outcome == Outcome.LOST
    assert raw(hub).version == 1


def test_what_the_hub_heard_to_its_end_is_not_changed_by_records(hub: Hub, owner: Account) -> None:
    take(hub, owner, call())

    assert take(hub, owner, call(outcome=Outcome.BUSY, talk_s=1.0)) == ["known"]
    assert (row(hub).outcome, row(hub).talk_s) == ("answered", 60.0)


def test_calls_of_two_exchanges_with_the_same_key_are_two_calls(hub: Hub, owner: Account) -> None:
    with hub.db.write() as session:
        other = Account(name="Other", connector="asterisk")
        session.add(other)
    take(hub, owner, call())

    assert take(hub, other, call()) == ["new"]
    with hub.db.read() as session:
        assert len(set(session.scalars(select(CallRow.public_id)))) == 2
