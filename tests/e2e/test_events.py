"""What happens is told once to whoever listens, in the transaction in which it does; what is history is not told."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.events import tell as events
from hub.events.models import Event
from hub.identity import parties, pins
from hub.identity.merging.merge import merge
from hub.identity.merging.split import split
from hub.identity.merging.undo import undo
from hub.identity.models import Party, PartyKind
from hub.identity.parties import Given
from hub.records.interaction import Interaction as Record
from hub.security import users
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.base import now
from hub.store.session import Database
from hub.timeline import notes, tasks
from hub.timeline.add import Entry, Part, add
from tests.fakes.merging import Desk

LISTENER = "tests"


@pytest.fixture
def noa(database: Database) -> Person:
    with database.write() as session:
        events.listen(session, LISTENER, 1, [])
        return users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))


def told(database: Database) -> list[tuple[str, str]]:
    """Types and subjects, in their order."""
    with database.read() as session:
        return [(row.type, row.subject) for row in session.scalars(select(Event).order_by(Event.id))]


def data_of(database: Database, type_: str) -> dict[str, object]:
    with database.read() as session:
        return session.scalars(select(Event.data).where(Event.type == type_).order_by(Event.id.desc())).first() or {}


def test_what_people_do_with_a_customer_is_told_in_order_with_the_customer_as_its_subject(
    database: Database, noa: Person
) -> None:
    with database.write() as session:
        dana = parties.create(
            session, noa, PartyKind.PERSON, "Dana Levi", [Given("phone", "054-234-5678")], region="IL"
        )
    with database.write() as session:
        row = session.get_one(Party, dana.id)
        parties.edit(session, noa, row, name="Dana Cohen")
        parties.add_identifier(session, noa, row, Given("email", "d@levi.example"), region="IL")
        notes.add(session, noa, party_id=row.id, text="Calls on Mondays\nand never on Fridays")
        task = tasks.add(session, noa, title="Call", due_at=now(), party_id=row.id, owner_id=noa.id)
    with database.write() as session:
        task = tasks.get(session, task.public_id)
        tasks.done(session, noa, task)
        tasks.undo(session, noa, task)
    one = str(dana.public_id)
    expected = [
        "party.created", "party.changed", "party.changed", "note.created", "task.created", "task.done", "task.reopened",
    ]  # fmt: skip
    assert told(database) == [(type_, one) for type_ in expected]
    assert data_of(database, "note.created")["summary"] == "Calls on Mondays"
    assert data_of(database, "task.done")["parties"] == [one]
    assert data_of(database, "party.created") == {"id": one, "kind": "person", "name": "Dana Levi"}


def test_a_transaction_that_fails_told_nothing(database: Database, noa: Person) -> None:
    with database.engine.connect() as connection, Session(connection) as session:
        parties.create(session, noa, PartyKind.PERSON, "Dana Levi", region="IL")
        session.rollback()
    assert told(database) == []


def test_nothing_is_written_where_nobody_listens(database: Database, noa: Person) -> None:
    with database.write() as session:
        events.listen(session, LISTENER, 1, ["task.created"])
    with database.write() as session:
        dana = parties.create(session, noa, PartyKind.PERSON, "Dana Levi", region="IL")
        tasks.add(session, noa, due_at=now(), party_id=dana.id)
    assert [type_ for type_, _ in told(database)] == ["task.created"]
    with database.write() as session:
        events.leave(session, LISTENER, 1)
    with database.write() as session:
        tasks.add(session, noa, due_at=now(), party_id=dana.id)
    assert len(told(database)) == 1


def test_merges_and_what_sources_say_are_told(database: Database, noa: Person) -> None:
    with database.write() as session:
        desk = Desk(session)
        one = desk.take(0, "a", "Dana Levi", emails=["dana@levi.example"])
        other = desk.take(1, "b", "Dana L.", emails=["d@home.example"])
        desk.take(1, "b", "Dana Lev", emails=["d@home.example"])
        row = merge(session, noa, one, other)
        undo(session, noa, row)
        merge(session, noa, one, other)
        [word] = [word for word in pins.words(session, one)["name"] if word.value == "Dana Lev"]
        pins.pin(session, noa, one, word, begun={})
        split(session, noa, one, [word.link_id or 0])
    first, second = str(one.public_id), str(other.public_id)
    said = told(database)
    assert said[:3] == [("party.created", first), ("party.created", second), ("party.changed", second)]
    of_merges = [type_ for type_, subject in said if subject == first and type_ != "party.changed"]
    assert of_merges == ["party.created", "party.merged", "party.parted", "party.merged", "party.parted"]
    assert data_of(database, "party.merged")["other"] == second


def called(session: Session, party: Party, *, ago: timedelta = timedelta(minutes=5), **more: str) -> Entry:
    begun = now() - ago
    record = Record("call", "inbound", begun, begun + timedelta(minutes=1), more.get("summary", "Asked for a price"), (),
                    visibility=more.get("visibility", "all"))  # fmt: skip
    return Entry(record, [Part(party.id, "caller", "phone", "+972542345678")])


def test_an_interaction_is_told_unless_it_is_old_or_not_for_everybody(database: Database, noa: Person) -> None:
    with database.write() as session:
        events.listen(session, LISTENER, 1, ["call.ended", "call.changed"])
        dana = parties.create(session, noa, PartyKind.PERSON, "Dana Levi", region="IL")
    entries: Sequence[Callable[[Session], Entry]] = (
        lambda session: called(session, dana),
        lambda session: called(session, dana, ago=timedelta(days=3)),
        lambda session: called(session, dana, visibility="metadata"),
        lambda session: called(session, dana, visibility="owner"),
    )
    for make in entries:
        with database.write() as session:
            [placed] = add(session, [make(session)], account_id=None)
    assert told(database) == [("call.ended", str(dana.public_id))] * 2
    assert data_of(database, "call.ended")["summary"] is None, "of the second, not everybody sees what it was about"
    with database.write() as session, events.quiet(session):
        [placed] = add(session, [called(session, dana)], account_id=None)
    assert len(told(database)) == 2, "history"
    with database.write() as session:
        changed = called(session, dana, summary="Asked for another price")
        add(session, [Entry(changed.record, changed.parts, interaction_id=placed.id)], account_id=None)
    assert told(database)[-1] == ("call.changed", str(dana.public_id))
    assert "summary" in data_of(database, "call.changed")["changed"]  # type: ignore[operator]  # a list of names


@pytest.mark.usefixtures("noa")
def test_every_taker_gets_each_event_once_and_a_crash_gives_all_back(database: Database) -> None:
    with database.write() as session:
        for number in range(events.SOME + 5):
            events.tell(session, "task.created", f"s{number % 3}", {"n": number})
    taken: list[int] = []

    def take(_: Session, rows: Sequence[Event]) -> None:
        taken.extend(row.data["n"] for row in rows)

    def fail(_: Session, rows: Sequence[Event]) -> None:
        raise ZeroDivisionError(len(rows))

    with pytest.raises(ZeroDivisionError), database.write() as session:
        events.hand_on(session, [take, fail])
    taken.clear()
    while True:
        with database.read() as session:
            if not events.waits(session):
                break
        with database.write() as session:
            events.hand_on(session, [take])
    assert taken == list(range(events.SOME + 5))


@pytest.mark.usefixtures("noa")
def test_what_happened_is_forgotten_when_it_was_handed_on_long_ago(database: Database) -> None:
    with database.write() as session:
        for number in range(3):
            events.tell(session, "task.created", "s", {"n": number})
        rows = session.scalars(select(Event).order_by(Event.id)).all()
        for row in rows[:2]:
            row.created_at = now() - events.KEPT_FOR - timedelta(hours=1)
        rows[0].taken_at = now()
        session.flush()
        events.forget(session)
    with database.read() as session:
        assert [row["n"] for row in session.scalars(select(Event.data).order_by(Event.id))] == [1, 2]
