"""A simulated Odoo as the CRM: calls, mails, meetings, notes, leads and tasks on the right partners, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from connectors.odoo.simulator import OdooSimulator
from hub import app as hub_app
from hub.connector import crm
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.crm.models import CrmCopy
from hub.cti.models import CallRow
from hub.leads.models import LeadRow
from hub.mail.models import MailMessage, MailThread
from hub.outbound.models import Outbox, OutboxState
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.store.session import Database, open_engine
from hub.timeline import notes, tasks
from hub.timeline.models import Kind, Task
from tests.e2e import kill_crm
from tests.e2e.content import copied
from tests.e2e.crm_desk import Crm
from tests.e2e.mortals import Mortals
from tests.fakes.servers import Postgres

DANA = "dana@customer.example"
WRITES = ("res.partner", "mail.message", "mail.activity", "crm.lead")
HOSTILE = "<script>alert(1)</script> \u202e\u202e & \x00 \n second line " + "x" * 200_000


@dataclass
class OdooCrm(Crm):
    """A hub with one account at an Odoo that it writes to."""

    site: Any
    connector: ClassVar[str] = "odoo"

    def know(self) -> None:
        self.read(crm.CONTACTS)

    def there(self, model: str) -> list[dict[str, Any]]:
        view = self.site.world.view
        return list(view.rows(model, view.tables[model].ids))

    def call(self, party: int, **facts: Any) -> None:
        """A call is over."""
        told = {"direction": "inbound", "outcome": "answered", "number": "+972542345678", "talk_s": 185.0, **facts}
        row = self.happens(party, Kind.CALL, direction=told["direction"], summary="")
        with self.hub.db.write() as session:
            session.add(CallRow(
                account_id=self.account, key=str(row.id), open=False, source="live", started_at=now(), interaction_id=row.id,
                party_id=party, **told,
            ))  # fmt: skip

    def mail(self, party: int, subject: str, text: str, *, to: int | None = None) -> int:
        """A mail comes, into a conversation of its own or another one; returns the conversation."""
        row = self.happens(party, Kind.EMAIL, summary=subject, row=to)
        with self.hub.db.write() as session:
            thread = session.scalar(select(MailThread).where(MailThread.interaction_id == row.id))
            if thread is None:
                thread = MailThread(interaction_id=row.id)
                session.add(thread)
                session.flush()
            session.add(MailMessage(
                key=f"{row.id}-{text}", thread_id=thread.id, message_id=f"<{text}@example.com>", at=now(), subject=subject,
                refers_to=[], text=text, people={}, attachments=[], defects=[],
            ))  # fmt: skip
        return row.id

    def lead(self, party: int, name: str) -> None:
        """A lead comes."""
        row = self.happens(party, Kind.LEAD, summary="Lead · Garden", detail={
            "form": "Garden", "campaign": "Spring", "answers": [{"question": "How large?", "answer": "200 m²"}],
        })  # fmt: skip
        with self.hub.db.write() as session:
            session.add(LeadRow(
                account_id=self.account, remote_id=str(row.id), interaction_id=row.id, created_at=now(), name=name,
                email=DANA, phone="+972542345678",
            ))  # fmt: skip


@contextmanager
def odoo() -> Iterator[OdooSimulator]:
    site = OdooSimulator(0, Faults())
    site.let_write(*WRITES)
    site.start()
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture
def desk(hub: Hub) -> Iterator[OdooCrm]:
    with odoo() as site:
        yield opened(hub, site)


def opened(hub: Hub, site: OdooSimulator, **changes: str) -> OdooCrm:
    site.add_partner("Northwind", is_company=True, email="office@northwind.example")
    site.add_partner("Dana Levi", email=DANA, phone="054-234-5678")
    made = OdooCrm.open(hub, site, writes="true", tasks="true", calls_per_minute="100000", **changes)
    made.know()
    made.choose(with_text=True, makes_people=True)
    return made


def a_day(desk: OdooCrm, noa: Any) -> datetime:
    """Let the things of a day happen; returns when the task is due."""
    dana, tom = desk.known(DANA), desk.person("Tom Baker", "tom@customer.example", "+447700900456")
    desk.call(dana)
    desk.call(tom, outcome="missed", talk_s=0.0, number="+447700900456")
    thread = desk.mail(dana, "Offer", "We would like an offer")
    desk.mail(dana, "Offer", "And please soon", to=thread)
    desk.happens(dana, Kind.MEETING, summary="Visit the garden")
    desk.lead(dana, "Dana Levi")
    due = now().astimezone(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=3)
    with desk.hub.db.write() as session:
        notes.add(session, noa, party_id=dana, text="Likes olive trees\nand <b>figs</b>")
        tasks.add(session, noa, title="Send the offer", due_at=due, party_id=dana, owner_id=noa.id)
    return due


def must_be_there_once(desk: OdooCrm) -> None:
    partners = {row["id"]: row["name"] for row in desk.there("res.partner")}
    assert sorted(partners.values()).count("Tom Baker") == 1
    said = sorted((partners[row["res_id"]], row["subject"]) for row in desk.there("mail.message") if row["subject"])
    assert said == [
        ("Dana Levi", "Incoming call, 3:05"), ("Dana Levi", "Likes olive trees"), ("Dana Levi", "Offer"),
        ("Dana Levi", "Offer"), ("Dana Levi", "Visit the garden"), ("Tom Baker", "Missed call"),
    ]  # fmt: skip
    [lead] = desk.there("crm.lead")
    assert (lead["contact_name"], partners[lead["partner_id"]]) == ("Dana Levi", "Dana Levi")
    [activity] = desk.there("mail.activity")
    assert (activity["summary"], partners[activity["res_id"]]) == ("Send the offer", "Dana Levi")


def test_a_day_is_on_the_right_partners_once(desk: OdooCrm) -> None:
    with desk.hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
    due = a_day(desk, noa)
    desk.settle()
    assert desk.refused() == []
    must_be_there_once(desk)
    [note] = [row for row in desk.there("mail.message") if row["subject"] == "Likes olive trees"]
    assert "and &lt;b&gt;figs&lt;/b&gt;" in note["body"]
    [activity] = desk.there("mail.activity")
    assert activity["date_deadline"] == due.date()
    # What an activity became there, the task is here; and the other way round.
    desk.know()
    desk.read(crm.TASKS)
    desk.site.change(
        "mail.activity", activity["id"], summary="Send a better offer", date_deadline=(due + timedelta(days=4)).date()
    )
    desk.read(crm.TASKS)
    with desk.hub.db.read() as session:
        task = session.scalars(select(Task)).one()
        assert task.title == "Send a better offer"
        assert task.due_at.date() == (due + timedelta(days=4)).date()
    with desk.hub.db.write() as session:
        tasks.done(session, noa, session.merge(task))
    desk.settle()
    [activity] = desk.there("mail.activity")
    # Who changed it there was root: what a person says there is not written over, but that it is done is taken from us.
    assert desk.settle() == 0


@pytest.mark.parametrize("fault", ["commit_then_timeout", "serialization", "bad_gateway", "rate_limited", "hang"])
def test_an_answer_that_is_lost_makes_nothing_twice(desk: OdooCrm, fault: str) -> None:
    with desk.hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
    a_day(desk, noa)
    desk.plan()
    desk.site.faults.add(f"{fault}=4")
    desk.send()
    assert desk.refused() == []
    must_be_there_once(desk)


def test_ten_hundredths_more_requests_than_writes_at_most(desk: OdooCrm) -> None:
    with desk.hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
        party = desk.known(DANA)
        for number in range(120):
            notes.add(session, noa, party_id=party, text=f"Note {number}")
    desk.plan()
    before = desk.site.asked
    desk.site.faults.add("commit_then_timeout=4")
    desk.send()
    assert len(desk.there("mail.message")) == 120
    assert desk.site.asked - before <= 132


def test_what_people_changed_in_odoo_is_left_alone_and_hostile_words_do_no_harm(desk: OdooCrm) -> None:
    row = desk.happens(desk.known(DANA), Kind.MEETING, summary="Visit")
    with desk.hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
        notes.add(session, noa, party_id=desk.known(DANA), text=HOSTILE[:19_000])
    desk.settle()
    messages = {one["subject"]: one for one in desk.there("mail.message")}
    assert all("<script" not in one["body"] and "\u202e" not in one["body"] for one in messages.values())
    desk.site.change("mail.message", messages["Visit"]["id"], body="<p>What Dana said</p>")
    desk.happens(desk.known(DANA), Kind.MEETING, summary="Visit of the roof", row=row.id)
    desk.settle()
    bodies = [one["body"] for one in desk.there("mail.message")]
    assert "<p>What Dana said</p>" in bodies
    assert len(desk.refused()) == 1


def test_what_is_not_allowed_waits_and_says_which_right_is_missing(hub: Hub) -> None:
    with odoo() as site:
        site.world.people.by_login("hub-readonly").given.clear()
        desk = opened(hub, site)
        desk.happens(desk.known(DANA), Kind.MEETING)
        desk.plan()
        desk.send(most=1)
        with hub.db.read() as session:
            row = session.scalars(select(Outbox)).one()
            assert (row.state, row.trouble) == (OutboxState.WAITING, "scope")
            assert "not allowed" in row.last_error
        site.let_write(*WRITES)
        desk.send()
        assert len(desk.there("mail.message")) == 1


@pytest.mark.timeout(300)
def test_killed_at_every_place_the_day_is_there_once(
    hub: Hub, tmp_path: Path, database_url: str, postgres_server: Postgres
) -> None:
    program = Mortals(tmp_path, kill_crm)
    try:
        with odoo() as site:
            hub.db.engine.dispose()
            clean = copied(database_url, tmp_path, postgres_server)  # in which nothing is to be written
            desk = opened(hub, site, timeout_s="10")
            with hub.db.write() as session:
                noa = users.person(users.add(session, "noa@example.com", "Noa", Role.AGENT))
            a_day(desk, noa)
            hub_app.close_hub(hub)
            places = program.die_everywhere(tmp_path, database_url, clean)
            for what in ("before POST", "after POST"):
                assert any(one.startswith(what) and "loading.py:load" in one for one in places), places
            must_be_there_once(desk)
            database = Database(open_engine(database_url))
            with database.read() as session:
                assert {row.state for row in session.scalars(select(Outbox))} == {OutboxState.SENT}
                assert len(session.scalars(select(CrmCopy).where(CrmCopy.remote_id != "")).all()) == 8
            database.close()
    finally:
        program.close()
