"""What happens is written into a CRM: each once, on its customer, never over what people wrote there."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from connectors.espocrm.simulator import EspoSimulator
from hub.connector import crm
from hub.context import Hub
from hub.crm import targets
from hub.identity import parties
from hub.identity.models import Link, Party
from hub.identity.parties import Given
from hub.intake.models import Account, AccountState
from hub.outbound.models import Outbox
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.timeline import notes, tasks
from hub.timeline.models import Interaction, Kind, Participant, Task
from tests.e2e.crm_desk import Crm, espo

DANA = "dana@customer.example"


@pytest.fixture
def site() -> Iterator[EspoSimulator]:
    with espo() as one:
        yield one


@pytest.fixture
def desk(hub: Hub, site: EspoSimulator) -> Crm:
    made = Crm.open(hub, site)
    site.store.add("Contact", firstName="Dana", lastName="Levi", emailAddress=DANA)
    made.know()
    made.choose()
    return made


def _dana(desk: Crm) -> int:
    return desk.known(DANA)


def test_what_happens_is_written_once_with_the_customer_and_rewritten_where_it_changes(desk: Crm) -> None:
    dana = _dana(desk)
    [contact] = desk.site.store.all("Contact")
    at = {"started_at": now(), "ended_at": now()}
    row = desk.happens(dana, Kind.MEETING, summary="Visit the garden", **at)
    desk.settle()
    [meeting] = desk.rows("Meeting")
    assert meeting["name"] == "Visit the garden"
    assert contact["id"] in str(meeting)
    asked = desk.site.asked
    desk.happens(dana, Kind.MEETING, summary="Visit the garden", row=row.id, **at)
    assert desk.settle() == 0, "nothing is told of what says the same"
    desk.happens(dana, Kind.MEETING, summary="Visit the roof", row=row.id)
    desk.settle()
    [meeting] = desk.rows("Meeting")
    assert meeting["name"] == "Visit the roof"
    assert desk.site.asked - asked <= 2


def test_what_somebody_changed_in_the_crm_is_not_written_over_and_a_person_is_told(desk: Crm) -> None:
    row = desk.happens(_dana(desk), Kind.MEETING)
    desk.settle()
    [meeting] = desk.rows("Meeting")
    desk.site.store.change("Meeting", meeting["id"], name="What the customer said", at=now() + timedelta(minutes=5))
    desk.happens(_dana(desk), Kind.MEETING, summary="Another word", row=row.id)
    desk.settle()
    assert [one["name"] for one in desk.rows("Meeting")] == ["What the customer said"]
    assert [one.startswith("Somebody changed this record") for one in desk.refused()] == [True]
    desk.site.store.remove("Meeting", meeting["id"])
    with desk.hub.db.write() as session:
        session.execute(update(Outbox).values(state="waiting", due_at=now()))
    desk.settle()
    assert desk.rows("Meeting") == []
    desk.happens(_dana(desk), Kind.MEETING, summary="A third word", row=row.id)
    desk.settle()
    assert desk.rows("Meeting") == [], "what somebody deleted there is not made again"


def test_what_became_private_is_taken_back_and_what_only_its_owner_sees_is_never_written(desk: Crm) -> None:
    with desk.hub.db.write() as session:
        owner = users.add(session, "noa@example.com", "Noa", Role.AGENT).id
    dana = _dana(desk)
    row = desk.happens(dana, summary="Secret plans", visibility="metadata")
    desk.settle()
    assert [one["name"] for one in desk.rows("Meeting")] == ["Meeting"]
    desk.happens(dana, summary="Secret plans", visibility="all", row=row.id)
    desk.settle()
    assert [one["name"] for one in desk.rows("Meeting")] == ["Secret plans"]
    with desk.hub.db.write() as session:
        session.execute(update(Interaction).values(owner_id=owner))
    desk.happens(dana, summary="Secret plans", visibility="owner", row=row.id)
    desk.settle()
    assert desk.rows("Meeting") == []
    desk.happens(dana, summary="Nobody's business", visibility="owner")
    assert desk.settle() == 0


def test_somebody_who_is_not_there_waits_is_found_or_is_made_once(hub: Hub, site: EspoSimulator) -> None:
    desk = Crm.open(hub, site)
    desk.choose(makes_people=False)
    omer = desk.person("Omer Katz", "omer@customer.example", "054-234-5678")
    desk.happens(omer)
    desk.happens(omer, Kind.NOTE, summary="Wants an offer")
    desk.settle()
    assert desk.rows("Meeting", "Note", "Call") == []
    assert [one.remote_id for one in desk.copies().values()] == ["", ""]
    # Somebody makes him there: the next look at the people of the CRM brings what waited.
    site.store.add("Contact", firstName="Omer", lastName="Katz", emailAddress="omer@customer.example")
    desk.know()
    desk.settle()
    assert len(desk.rows("Meeting", "Note")) == 2
    assert len(site.store.all("Contact")) == 1
    # Who is not there is made where that is chosen; what happened before as well, by one choice.
    tom = desk.person("Tom Baker", "tom@customer.example")
    desk.happens(tom, Kind.MEETING, summary="First")
    desk.settle()
    desk.choose(makes_people=True)
    desk.happens(tom, Kind.MEETING, summary="Second")
    desk.settle()
    assert {one["name"] for one in desk.rows("Meeting")} == {"Visit", "First", "Second"}
    [made] = [one for one in site.store.all("Contact") if one["lastName"] == "Baker"]
    desk.know()
    with hub.db.read() as session:
        links = session.scalars(select(Link.party_id).where(Link.remote_id == made["id"])).all()
        assert links == [tom], "whom we made is whom we know"
        assert len(session.scalars(select(Party)).all()) == 2


@pytest.mark.parametrize("fault", ["commit_then_timeout", "hang", "server_error", "rate_limited", "truncated_json"])
def test_an_answer_that_is_lost_makes_nothing_twice(desk: Crm, fault: str) -> None:
    for number in range(4):
        desk.happens(_dana(desk), Kind.MEETING, summary=f"Meeting {number}")
    tom = desk.person("Tom Baker", "tom@customer.example")
    desk.choose(makes_people=True)
    desk.happens(tom, Kind.MEETING, summary="Meeting of Tom")
    desk.plan()
    desk.site.faults.add(f"{fault}=3")
    desk.send()
    names = sorted(one["name"] for one in desk.rows("Meeting"))
    assert names == ["Meeting 0", "Meeting 1", "Meeting 2", "Meeting 3", "Meeting of Tom"]
    assert len(desk.site.store.all("Contact")) == 2
    assert desk.refused() == []


def test_a_call_of_an_unknown_number_is_written_when_it_becomes_somebodys(desk: Crm) -> None:
    row = desk.happens(None, Kind.MEETING, summary="Who was it?", known_by="phone", value="+972542345678")
    desk.settle()
    assert desk.rows("Meeting") == []
    with desk.hub.db.write() as session:
        dana = session.get_one(Party, _dana(desk))
        parties.add_identifier(session, None, dana, Given("phone", "054-234-5678"), region="IL")
    with desk.hub.db.read() as session:
        query = select(Participant.party_id).where(Participant.interaction_id == row.id)
        assert session.scalars(query).all() == [dana.id]
    desk.settle()
    assert [one["name"] for one in desk.rows("Meeting")] == ["Who was it?"]


def test_two_crms_have_everything_once_and_one_that_is_away_keeps_nobody_waiting(hub: Hub, site: EspoSimulator) -> None:
    with espo() as other:
        one, two = Crm.open(hub, site, "One"), Crm.open(hub, other, "Two")
        for desk in (one, two):
            desk.site.store.add("Contact", firstName="Dana", lastName="Levi", emailAddress=DANA)
            desk.know()
            desk.choose()
        dana = _dana(one)
        other.stop()
        for number in range(3):
            one.happens(dana, Kind.MEETING, summary=f"Meeting {number}")
        one.plan()
        one.send(most=12)
        assert len(one.rows("Meeting")) == 3
        other.start()
        with hub.db.write() as session:
            # A day later.
            account = session.get_one(Account, two.account)
            account.settings = (
                {**account.settings, **other.settings()} if "base_url" in account.settings else account.settings
            )
        two.send()
        assert sorted(one["name"] for one in two.rows("Meeting")) == ["Meeting 0", "Meeting 1", "Meeting 2"]
        assert len(one.rows("Meeting")) == 3


def test_history_since_the_chosen_day_is_written_and_what_was_told_to_nobody_is_found(
    hub: Hub, site: EspoSimulator
) -> None:
    desk = Crm.open(hub, site)
    site.store.add("Contact", firstName="Dana", lastName="Levi", emailAddress=DANA)
    desk.know()
    dana = _dana(desk)
    desk.happens(dana, summary="Long ago", started_at=now() - timedelta(days=40), ended_at=None)
    desk.happens(dana, summary="Last week", started_at=now() - timedelta(days=6), ended_at=None)
    desk.choose(days=7)
    desk.settle()
    assert [one["name"] for one in desk.rows("Meeting")] == ["Last week"]
    desk.choose(days=50)
    desk.settle()
    assert sorted(one["name"] for one in desk.rows("Meeting")) == ["Last week", "Long ago"]
    with hub.db.write() as session:
        targets.stop(session, None, session.get_one(Account, desk.account))
    desk.happens(dana, summary="Nobody's business")
    assert desk.settle() == 0
    desk.choose(days=50)
    desk.settle()
    assert len(desk.rows("Meeting")) == 3, "what was written is known again"
    with hub.db.write() as session:
        session.get_one(Account, desk.account).state = AccountState.REMOVED
    desk.plan()
    with hub.db.read() as session:
        assert targets.active(session) == []


def test_notes_of_people_are_written_with_their_text_only_where_that_is_chosen(desk: Crm) -> None:
    with desk.hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
        note = notes.add(session, noa, party_id=_dana(desk), text="Likes olive trees\nand <b>nothing</b> else")
    desk.settle()
    assert "Likes olive trees" in str(desk.rows("Note"))
    assert "nothing" not in str(desk.rows("Note"))
    desk.choose(with_text=True)
    with desk.hub.db.write() as session:
        notes.edit(session, noa, session.merge(note), "Likes figs\nand nothing else")
    desk.settle()
    [post] = desk.rows("Note")
    assert "and nothing else" in str(post)


def test_tasks_go_both_ways_and_end_where_they_are_ended_first(desk: Crm) -> None:
    due = now() + timedelta(days=2)
    with desk.hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
        ours = tasks.add(
            session, noa, title="Send the offer", due_at=due, party_id=_dana(desk), owner_id=noa.id
        ).public_id
    desk.settle()
    [there] = desk.rows("Task")
    assert there["name"] == "Send the offer"
    desk.read(crm.TASKS)
    with desk.hub.db.read() as session:
        assert session.scalars(select(Task.title)).all() == ["Send the offer"], "what comes back is ours"
    # Another title, there; then it is done there.
    desk.site.store.change("Task", there["id"], name="Send a better offer")
    desk.read(crm.TASKS)
    with desk.hub.db.read() as session:
        task = tasks.get(session, ours)
        assert (task.title, task.done_at) == ("Send a better offer", None)
        assert abs(task.due_at - due) < timedelta(days=1)
    desk.site.store.change("Task", there["id"], status="Completed")
    desk.read(crm.TASKS)
    with desk.hub.db.read() as session:
        assert tasks.get(session, ours).done_reason == "elsewhere"
    # One that began there is done here.
    [contact] = desk.site.store.all("Contact")
    desk.site.store.add("Task", name="Call about the roof", contactId=contact["id"], status="Not Started")
    desk.read(crm.TASKS)
    with desk.hub.db.write() as session:
        theirs = session.scalars(select(Task).where(Task.title == "Call about the roof")).one()
        tasks.done(session, noa, theirs)
    desk.settle()
    assert {one["name"]: one["status"] for one in desk.rows("Task")} == {
        "Send a better offer": "Completed", "Call about the roof": "Completed",
    }  # fmt: skip
    desk.read(crm.TASKS)
    assert desk.settle() == 0
    assert len(desk.rows("Task")) == 2
