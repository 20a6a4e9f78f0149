"""A person and a source who say something of one record at the same moment, and many fields at once."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from hub.accounting.models import DocumentRow
from hub.context import Hub
from hub.cti.models import CallRow
from hub.fields import change, definitions
from hub.fields.models import FieldRow, Of, Type
from hub.identity.models import Party
from hub.leads.models import LeadRow
from hub.store.turn import in_turn
from tests.e2e.field_world import ADMIN, FieldWorld
from tests.fakes.api import Office
from tests.fakes.exchange import FakeExchange

MANY = tuple(f"many_{number}" for number in range(120))
# SQLite has one writer, and there is nothing to see.
where_several_write = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
TABLES: dict[Of, Any] = {Of.PERSON: Party, Of.LEAD: LeadRow, Of.CALL: CallRow, Of.DOCUMENT: DocumentRow}


@pytest.fixture
def world(hub: Hub, tmp_path: Path) -> FieldWorld:
    return FieldWorld(hub, tmp_path / "mappings", FakeExchange(), ("note_text", "site", *MANY))


def begin(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Do something beside; returns what came of it when the thread has ended."""
    came: list[Any] = []

    def work() -> None:
        try:
            came.append(act())
        except Exception as error:  # noqa: BLE001 - whoever began it compares it
            came.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, came


def wait_until_one_waits(world: FieldWorld | Office) -> None:
    """Return when somebody waits for a lock of this database."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with world.hub.db.read() as session:
            if session.scalar(waits):
                return
    pytest.fail("nobody waited")


@where_several_write
@pytest.mark.parametrize("of", list(TABLES))
def test_what_a_person_fills_in_stays_and_what_the_source_says_beside_it_comes(world: FieldWorld, of: Of) -> None:
    for name in ("note_text", "site"):
        world.define(of, name, Type.TEXT)
    world.give(of, "1", note_text="before", site="before")
    public_id, table = world.id(of, "1"), TABLES[of]
    with world.hub.db.write() as session:
        row, known = session.query(table).filter_by(public_id=public_id).one(), definitions.load(session)
        if of is Of.PERSON:
            change.party(session, ADMIN, known, row, {"note_text": "mine"}, region="IL")
        else:
            change.record(session, ADMIN, known, of, row, {"note_text": "mine"}, region="IL")
        session.flush()
        thread, came = begin(lambda: world.give(of, "1", note_text="theirs", site="theirs"))
        wait_until_one_waits(world)
    thread.join(30)
    assert [one[0] for one in came] == ["applied"]
    kept = world.kept(of, "1")
    assert (kept["note_text"], kept["site"]) == ("mine", "theirs")


@where_several_write
def test_documents_wait_for_contacts_before_they_hold_what_those_need(world: FieldWorld) -> None:
    world.define(Of.DOCUMENT, "note_text", Type.TEXT)
    world.document("1", note_text="before")
    with world.hub.db.write() as session:
        in_turn(session, Party.__tablename__)  # as a page of contacts does, which then gives them their documents
        thread, came = begin(lambda: world.document("1", note_text="after", party_name="Palm Ltd"))
        wait_until_one_waits(world)
        session.execute(text("SET LOCAL lock_timeout = '5s'"))
        session.execute(update(DocumentRow).values(party_id=None))
    thread.join(30)
    assert [one[0] for one in came] == ["applied"]
    assert world.kept(Of.DOCUMENT, "1")["note_text"] == "after"


@pytest.mark.parametrize("of", [Of.PERSON, Of.DOCUMENT])
def test_as_many_fields_as_there_are_come_in(world: FieldWorld, of: Of) -> None:
    with world.hub.db.write() as session:
        for name in MANY:
            session.add(FieldRow(of=of, name=name, type=Type.TEXT))
    world.give(of, "1", **{name: name.upper() for name in MANY})
    kept = world.kept(of, "1")
    assert [kept.get(name) for name in MANY] == [name.upper() for name in MANY]
