"""kill -9 while what happened is written into a CRM: each is there once, and the hub knows where."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from hub import app as hub_app
from hub.connector import crm
from hub.context import Hub
from hub.crm.models import CrmCopy
from hub.outbound.models import Outbox, OutboxState
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.store.session import Database, open_engine
from hub.timeline import notes, tasks
from hub.timeline.models import TaskCopy
from tests.e2e import kill_crm
from tests.e2e.content import copied
from tests.e2e.crm_desk import Crm, espo
from tests.e2e.mortals import Mortals
from tests.fakes.servers import Postgres

AMONG = (
    ("before POST", "EspoWriter.create"), ("after POST", "EspoWriter.create"), ("before COMMIT", "CrmKind._make"),
    ("after COMMIT", "CrmKind._make"), ("before COMMIT", "TaskPush._make"), ("after COMMIT", "TaskPush._make"),
    ("before COMMIT", "Deliverer._sent"), ("after COMMIT", "Deliverer._sent"), ("after PUT", "EspoWriter.update"),
)  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Mortals]:
    program = Mortals(tmp_path, kill_crm)
    yield program
    program.close()


@pytest.mark.timeout(300)
def test_killed_at_every_place_everything_is_written_once(
    hub: Hub, program: Mortals, tmp_path: Path, database_url: str, postgres_server: Postgres
) -> None:
    with espo() as site:
        desk = Crm.open(hub, site, timeout_s="10")
        site.store.add("Contact", firstName="Dana", lastName="Levi", emailAddress="dana@customer.example")
        desk.know()
        hub.db.engine.dispose()  # PostgreSQL copies only what nobody looks at
        clean = copied(database_url, tmp_path, postgres_server)  # in which nothing is to be written
        desk.choose(makes_people=True, with_text=True)
        dana = desk.known("dana@customer.example")
        tom = desk.person("Tom Baker", "tom@customer.example")
        row = desk.happens(dana, summary="Before anything is written")
        desk.settle()
        desk.happens(dana, summary="Written anew", row=row.id)
        desk.happens(tom, summary="With Tom")
        with hub.db.write() as session:
            noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
            notes.add(session, noa, party_id=dana, text="Likes olive trees")
        due = now() + timedelta(days=1)
        with hub.db.write() as session:
            tasks.add(session, noa, title="Send the offer", due_at=due, party_id=dana, owner_id=noa.id)
        hub_app.close_hub(hub)
        places = program.die_everywhere(tmp_path, database_url, clean)
        for what, where in AMONG:
            assert any(one.startswith(what) and where in one for one in places), (what, where, places)

        assert sorted(one["name"] for one in desk.rows("Meeting")) == ["With Tom", "Written anew"]
        assert len(desk.rows("Note")) == 1
        assert [one["name"] for one in desk.rows("Task")] == ["Send the offer"]
        assert sorted(one["lastName"] for one in desk.rows("Contact")) == ["Baker", "Levi"]
        there = {one["id"] for one in desk.rows("Meeting", "Note", "Contact")}
        database = Database(open_engine(database_url))
        with database.read() as session:
            known = session.scalars(select(CrmCopy).where(CrmCopy.records != crm.TASKS)).all()
            assert {one.remote_id.rpartition("/")[2] for one in known} <= there
            assert len(known) == 4
            assert [one.remote_id for one in session.scalars(select(TaskCopy))] == [desk.rows("Task")[0]["id"]]
            assert {row.state for row in session.scalars(select(Outbox))} == {OutboxState.SENT}
        database.close()
