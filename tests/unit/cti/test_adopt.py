"""A number gets an owner: what was nobody's becomes theirs, and what is somebody's stays."""

import pytest
from sqlalchemy import select

from hub.context import Hub
from hub.cti.models import CallRow, MatchBasis
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.identity.parties import Given
from hub.intake.models import Account
from hub.records.call import Outcome
from hub.timeline.models import Participant, Task
from tests.unit.flow.made import account, call, take


@pytest.fixture
def owner(hub: Hub) -> Account:
    return account(hub)


def customer(hub: Hub, name: str, *numbers: str) -> Party:
    with hub.db.write() as session:
        given = [Given("phone", number) for number in numbers]
        return parties.create(session, None, PartyKind.PERSON, name, given, region="IL")


def whose(hub: Hub) -> set[int | None]:
    """Every party that the calls, timeline rows and tasks belong to."""
    with hub.db.read() as session:
        return {
            *session.scalars(select(CallRow.party_id)),
            *session.scalars(select(Participant.party_id)),
            *session.scalars(select(Task.party_id)),
        }


MISSED = call(outcome=Outcome.MISSED, answered_at=None, talk_s=0.0)


def test_earlier_calls_and_missed_calls_follow_whoever_the_number_is(hub: Hub, owner: Account) -> None:
    take(hub, owner, MISSED)
    assert whose(hub) == {None}
    noa = customer(hub, "Noa", "054-1234567")

    assert whose(hub) == {noa.id}
    with hub.db.read() as session:
        assert session.scalars(select(CallRow.match_basis)).one() == MatchBasis.NUMBER
        assert session.scalars(select(Participant.origin_party_id)).one() == noa.id


def test_another_number_takes_nothing(hub: Hub, owner: Account) -> None:
    take(hub, owner, MISSED)
    customer(hub, "Adam", "054-7654321")

    assert whose(hub) == {None}


def test_a_second_owner_takes_nothing_from_the_first(hub: Hub, owner: Account) -> None:
    take(hub, owner, MISSED)
    noa = customer(hub, "Noa", "054-1234567")
    customer(hub, "Adam", "054-1234567")

    assert whose(hub) == {noa.id}


def test_what_a_person_chose_stays(hub: Hub, owner: Account) -> None:
    adam = customer(hub, "Adam", "054-7654321")
    take(hub, owner, call())
    with hub.db.write() as session:
        row = session.scalars(select(CallRow)).one()
        row.party_id, row.match_basis = adam.id, MatchBasis.MANUAL
        session.scalars(select(Participant)).one().party_id = adam.id
    customer(hub, "Noa", "054-1234567")

    assert whose(hub) == {adam.id}


def test_a_withheld_number_is_nobodys(hub: Hub, owner: Account) -> None:
    take(hub, owner, call(outcome=Outcome.MISSED, withheld=True, caller=""))
    customer(hub, "Noa", "054-1234567")

    assert whose(hub) == {None}


def test_naming_that_is_taken_back_takes_the_adoption_back(hub: Hub, owner: Account) -> None:
    take(hub, owner, MISSED)

    def crash() -> None:
        with hub.db.write() as session:
            parties.create(session, None, PartyKind.PERSON, "Noa", [Given("phone", "054-1234567")], region="IL")
            session.flush()
            raise RuntimeError("the process died here")

    with pytest.raises(RuntimeError):
        crash()
    assert whose(hub) == {None}
