"""A real Odoo 19 as the CRM: a day is there once with the right partners, tasks end on both sides, people's words stay theirs.

One module and one server with the app CRM. Each test begins with a hub of its own and an Odoo without customers. Between both
stands somebody who counts what is called, and loses answers.
"""

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from sqlalchemy import delete, select, update

from hub import app as hub_app
from hub.connector import crm
from hub.context import Hub
from hub.crm.deliver import CHANGED_THERE
from hub.crm.models import CrmCopy
from hub.leads.models import LeadRow
from hub.outbound.models import Outbox, OutboxState
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline import tasks
from hub.timeline.models import Kind, Task, TaskCopy
from tests.e2e import kill_crm, odoo_peer
from tests.e2e.content import copied
from tests.e2e.mortals import Mortals
from tests.e2e.odoo_peer import FOLDER, INSTALLED, Peer
from tests.e2e.test_crm_odoo import DANA, OdooCrm, a_day, must_be_there_once
from tests.fakes.servers import Postgres

US, NOA, DANAS_NUMBER = "salesman", "noa@example.com", "054-234-5678"
PARTNER, NOTE, ACTIVITY, LEAD = "res.partner", "mail.message", "mail.activity", "crm.lead"
SHOWN = {
    PARTNER: ("name", "email", "phone"),
    NOTE: ("res_id", "subject", "body", "date", "author_id", "subtype_id", "message_type", "write_uid", "notified_partner_ids"),
    ACTIVITY: ("res_id", "summary", "note", "date_deadline", "user_id", "active", "automated"),
    LEAD: ("name", "type", "contact_name", "email_from", "phone", "description", "partner_id", "user_id", "stage_id", "write_uid"),
}  # fmt: skip

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not INSTALLED, reason=f"no real Odoo in {FOLDER} (tests.prepare builds it: Debian's apt, Python)"
    ),
]


# --- Odoo, and who stands before it ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """Run an Odoo with the app CRM, where our user may write what a CRM keeps, and Noa works."""
    with odoo_peer.running() as made:
        made.stop()
        files = made.files
        subprocess.run(
            [files.python, files.program, "-c", files.home / "odoo.conf", "-i", "crm", "--without-demo", "--skip-auto-install",
             "--no-http", "--stop-after-init"],
            cwd=files.home, check=True, capture_output=True,
        )  # fmt: skip
        made.start()
        put_into(made, US, "base.group_partner_manager")
        made.create("res.users", {"name": "Noa", "login": NOA, "email": NOA}, no_reset_password=True)
        yield made


def put_into(peer: Peer, login: str, group: str, *, out: bool = False) -> None:
    """Put a user into a group, or take him out."""
    [user] = peer.call("res.users", "search", domain=[["login", "=", login]])
    peer.call("res.users", "write", ids=[user], vals={"group_ids": [[3 if out else 4, named(peer, group)]]})


def named(peer: Peer, name: str) -> int:
    """Return the number of what every Odoo has by this name."""
    module, _, rest = name.partition(".")
    domain = [["module", "=", module], ["name", "=", rest]]
    [found] = peer.call("ir.model.data", "search_read", domain=domain, fields=["res_id"])
    return int(found["res_id"])


class Between:
    """Hands requests to Odoo and its answers back; knows what was called, and keeps answers to itself on command."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.called: list[str] = []  # as `model.method`
        self.to_lose: list[str] = []  # of whose calls the next answer is lost
        self.to_kill: dict[str, float] = {}  # Odoo dies so many seconds after the next of these calls came
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                outer._hand_on(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def settings(self) -> dict[str, str]:
        return {
            "base_url": f"http://127.0.0.1:{self._server.server_port}", "database": self.peer.database,
            "api_key": self.peer.made["keys"][US], "calls_per_minute": "100000",
        }  # fmt: skip

    def _hand_on(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in {"host", "connection"}}
        called = ".".join(asked.path.split("/")[-2:])
        self.called.append(called)
        patience = self.to_kill.pop(called, None)
        try:
            answer = requests.post(f"{self.peer.url}{asked.path}", data=body, headers=headers, timeout=patience or 60)
        except requests.RequestException:
            answer = None
        if patience is not None:
            self.peer.kill()
        if answer is None or patience is not None:
            asked.close_connection = True
            return
        if called in self.to_lose:
            self.to_lose.remove(called)
            asked.close_connection = True
            return
        asked.send_response_only(answer.status_code)
        for name in ("Date", "Content-Type"):
            asked.send_header(name, answer.headers[name])
        asked.send_header("Content-Length", str(len(answer.content)))
        asked.end_headers()
        asked.wfile.write(answer.content)


# --- the hub --------------------------------------------------------------------------------------------------------------


@dataclass
class RealCrm(OdooCrm):
    """A hub with one account at a real Odoo that it writes to; `site` is who stands between."""

    site: Between

    @classmethod
    def begun(cls, hub: Hub, site: Between, **changes: str) -> Self:
        site.peer.create(PARTNER, {"name": "Northwind", "is_company": True, "email": "office@northwind.example"})
        site.peer.create(PARTNER, {"name": "Dana Levi", "email": DANA, "phone": DANAS_NUMBER})
        made = cls.open(hub, site, writes="true", tasks="true", **{"timeout_s": "20", **changes})
        made.know()
        return made

    def read(self, stream: str) -> Any:
        state = super().read(stream)
        assert state.last_error == ""
        return state

    def there(self, model: str) -> list[dict[str, Any]]:
        """Return records as they are, archived or not, relations by their ids alone."""
        domain = [["model", "=", PARTNER]] if model == NOTE else []
        rows = self.site.peer.call(
            model, "search_read", domain=domain, fields=[*SHOWN[model]], context={"active_test": False}
        )
        return [{name: value[0] if _is_relation(value) else value for name, value in row.items()} for row in rows]

    def note(self, subject: str) -> dict[str, Any]:
        [found] = [one for one in self.there(NOTE) if one["subject"] == subject]
        return found

    def activity(self) -> dict[str, Any]:
        [found] = self.there(ACTIVITY)
        return found

    def by_people(self, model: str, method: str, number: int, **parameters: Any) -> None:
        """Somebody at Odoo does something with a record."""
        self.site.peer.call(model, method, ids=[number], **parameters)

    def partner(self, name: str) -> dict[str, Any]:
        [found] = [one for one in self.there(PARTNER) if one["name"] == name]
        return found

    def colleague(self) -> int:
        """Return the number of Noa, as Odoo's user."""
        [found] = self.site.peer.call("res.users", "search", domain=[["login", "=", NOA]])
        return int(found)

    def change_lead(self, name: str) -> None:
        """A lead is called something else, and its row of the timeline tells so."""
        with self.hub.db.write() as session:
            lead = session.scalars(select(LeadRow)).one()
            lead.name, row = name, lead.interaction_id
        self.happens(self.known(DANA), Kind.LEAD, summary=f"Lead · {name}", row=row)

    def task_copy(self) -> str | None:
        with self.hub.db.read() as session:
            return session.scalars(select(TaskCopy.remote_id)).one()

    def task(self) -> Task:
        with self.hub.db.read() as session:
            return session.scalars(select(Task)).one()


def _is_relation(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)


@pytest.fixture
def between(peer: Peer) -> Iterator[Between]:
    """Stand before an Odoo without customers."""
    before = set(peer.call(PARTNER, "search", domain=[], context={"active_test": False}))
    made = Between(peer)
    try:
        yield made
    finally:
        made.close()
        for model in (LEAD, ACTIVITY, PARTNER):
            there = peer.call(model, "search", domain=[], context={"active_test": False})
            peer.call(model, "unlink", ids=[one for one in there if model != PARTNER or one not in before])


@pytest.fixture
def desk(hub: Hub, between: Between) -> RealCrm:
    made = RealCrm.begun(hub, between)
    made.choose(with_text=True, makes_people=True)
    return made


@pytest.fixture
def noa(hub: Hub) -> Person:
    with hub.db.write() as session:
        return users.person(users.add(session, NOA, "Noa", Role.AGENT))


def add_task(desk: RealCrm, noa: Person) -> datetime:
    """Noa is to do something for Dana, and Odoo has it; returns when it is due."""
    due = now().astimezone(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=3)
    with desk.hub.db.write() as session:
        tasks.add(session, noa, title="Send the offer", due_at=due, party_id=desk.known(DANA), owner_id=noa.id)
    desk.settle()
    return due


# --- what happens ---------------------------------------------------------------------------------------------------------


def test_a_day_is_on_the_right_partners_once_and_nobody_is_mailed(desk: RealCrm, noa: Person) -> None:
    due, began = a_day(desk, noa), len(desk.site.called)
    desk.settle()
    assert desk.refused() == []
    must_be_there_once(desk)
    called = desk.site.called[began:]
    assert sum(one.endswith(".load") for one in called) == 9  # six notes, a lead, a task, Tom
    assert not {one.rpartition(".")[2] for one in called} & {"write", "unlink"}
    call, said = desk.note("Incoming call, 3:05"), desk.note("Likes olive trees")
    assert call["body"].startswith("<p><b>Incoming call, 3:05</b> · +972542345678</p>")
    assert "and &lt;b&gt;figs&lt;/b&gt;" in said["body"]
    assert said["author_id"] == desk.partner("Noa")["id"]
    assert {(one["message_type"], *one["notified_partner_ids"]) for one in (call, said)} == {("comment",)}
    activity = desk.activity()
    assert (activity["date_deadline"], activity["user_id"], activity["automated"]) == (
        due.date().isoformat(), desk.colleague(), False,
    )  # fmt: skip
    assert desk.site.peer.call("mail.mail", "search_count", domain=[]) == 0
    assert desk.settle() == 0


def test_notes_are_dated_when_it_happened_and_internal(desk: RealCrm) -> None:
    at = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)
    desk.happens(desk.known(DANA), Kind.MEETING, summary="Visit", started_at=at, ended_at=at)
    desk.choose(days=(now() - at).days + 1)
    desk.settle()
    note = desk.note("Visit")
    assert (note["date"], note["subtype_id"]) == ("2026-03-29 00:59:58", named(desk.site.peer, "mail.mt_note"))


@pytest.mark.parametrize("with_text", [False, True])
def test_mails_and_meetings_have_their_whole_text_only_where_that_is_chosen(desk: RealCrm, *, with_text: bool) -> None:
    desk.choose(with_text=with_text)
    dana = desk.known(DANA)
    desk.mail(dana, "Offer <b>", "We would like an offer\n& soon")
    desk.happens(dana, Kind.MEETING, summary="Visit", detail={"location": "The roof", "description": "Bring the plan"})
    desk.settle()
    mail, visit = desk.note("Offer <b>")["body"], desk.note("Visit")["body"]
    assert mail.startswith("<p><b>Offer &lt;b&gt;</b></p>")
    assert ("We would like an offer<br>&amp; soon" in mail) is with_text
    assert ("The roof<br><br>Bring the plan" in visit) is with_text


@pytest.mark.parametrize("kind", ["lead", "opportunity"])
def test_a_lead_is_one_lead_and_leaves_its_partner_as_it_is(hub: Hub, between: Between, noa: Person, kind: str) -> None:
    desk = RealCrm.begun(hub, between, leads_as=kind)
    desk.choose(with_text=True)
    before = desk.partner("Dana Levi")
    desk.lead(desk.known(DANA), "Dana Levi")
    with hub.db.write() as session:
        session.scalars(select(LeadRow)).one().owner_id = noa.id
    desk.settle()
    [lead] = desk.there(LEAD)
    assert (lead["type"], lead["partner_id"], lead["contact_name"]) == (kind, before["id"], "Dana Levi")
    assert lead["user_id"] == desk.colleague()
    for said in ("Campaign: Spring", "Phone: +972542345678", "How large?: 200 m²"):
        assert said in lead["description"]
    assert desk.partner("Dana Levi") == before
    assert between.peer.call("mail.mail", "search_count", domain=[]) == 0, "who has the lead is told by the hub"


def test_what_becomes_an_activity_is_no_task_here(hub: Hub, between: Between) -> None:
    desk = RealCrm.begun(hub, between, as_activities="call")
    desk.choose()
    desk.call(desk.known(DANA))
    desk.settle()
    activity = desk.activity()
    assert (activity["summary"], activity["automated"], activity["active"]) == ("Incoming call, 3:05", True, True)
    assert activity["date_deadline"] == now().astimezone(UTC).date().isoformat()
    desk.read(crm.TASKS)
    with hub.db.read() as session:
        assert session.scalars(select(Task)).all() == []


# --- once -----------------------------------------------------------------------------------------------------------------


def test_answers_that_are_lost_double_nothing(desk: RealCrm, noa: Person) -> None:
    a_day(desk, noa)
    desk.plan()
    desk.site.to_lose += [f"{model}.load" for model in (NOTE, PARTNER, NOTE, LEAD, ACTIVITY)]
    desk.send()
    assert desk.site.to_lose == []
    assert desk.refused() == []
    must_be_there_once(desk)


@pytest.mark.timeout(300)
def test_killed_at_every_place_the_hub_writes_the_day_once(
    hub: Hub, between: Between, tmp_path: Path, database_url: str, postgres_server: Postgres
) -> None:
    program = Mortals(tmp_path, kill_crm)
    try:
        hub.db.engine.dispose()
        clean = copied(database_url, tmp_path, postgres_server)  # in which nothing is to be written
        desk = RealCrm.begun(hub, between)
        desk.choose(with_text=True, makes_people=True)
        with hub.db.write() as session:
            noa = users.person(users.add(session, NOA, "Noa", Role.AGENT))
        a_day(desk, noa)
        hub_app.close_hub(hub)
        places = program.die_everywhere(tmp_path, database_url, clean)
        assert any(one.startswith("after POST") and "loading.py:load" in one for one in places), places
        must_be_there_once(desk)
    finally:
        program.close()


def test_an_odoo_that_is_killed_in_the_middle_has_the_day_once(desk: RealCrm, noa: Person) -> None:
    a_day(desk, noa)
    desk.plan()
    for called, seconds in (("mail.message.load", 10.0), ("crm.lead.load", 0.02)):  # it answered; or nobody knows
        desk.site.to_kill[called] = seconds
        desk.send(most=15)
        assert not desk.site.to_kill, "it died"
        desk.site.peer.start()
    desk.settle()
    assert desk.refused() == []
    must_be_there_once(desk)


def test_a_hub_that_forgot_what_it_wrote_finds_it_again(desk: RealCrm, noa: Person) -> None:
    a_day(desk, noa)
    desk.settle()
    before = {model: desk.there(model) for model in SHOWN}
    with desk.hub.db.write() as session:
        session.execute(delete(CrmCopy))
        session.execute(update(TaskCopy).values(remote_id=None))
        session.execute(update(Outbox).values(state=OutboxState.WAITING, done_at=None, due_at=now()))
    assert desk.send() == 8
    assert {model: desk.there(model) for model in SHOWN} == before
    assert desk.task_copy() == str(desk.activity()["id"])


def test_who_may_not_write_waits_until_he_may(hub: Hub, between: Between) -> None:
    desk = RealCrm.begun(hub, between, api_key=between.peer.made["keys"]["reader"])
    desk.choose()
    desk.happens(desk.known(DANA), Kind.MEETING, summary="Visit")
    desk.plan()
    desk.send(most=1)
    with hub.db.read() as session:
        row = session.scalars(select(Outbox)).one()
        assert (row.state, row.trouble) == (OutboxState.WAITING, "scope")
        assert "not allowed" in row.last_error
    assert not [one for one in desk.there(NOTE) if one["subject"]]
    put_into(between.peer, "reader", "base.group_partner_manager")
    try:
        desk.send()
    finally:
        put_into(between.peer, "reader", "base.group_partner_manager", out=True)
    assert desk.note("Visit")["res_id"] == desk.partner("Dana Levi")["id"]


# --- people's words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [NOTE, LEAD])
def test_what_people_changed_in_odoo_is_not_written_over_and_somebody_is_told(desk: RealCrm, model: str) -> None:
    dana, field = desk.known(DANA), "body" if model == NOTE else "description"
    desk.lead(dana, "Dana Levi")
    row = desk.happens(dana, Kind.MEETING, summary="Visit")
    desk.settle()
    there = desk.note("Visit") if model == NOTE else desk.there(LEAD)[0]
    desk.by_people(model, "write", there["id"], vals={field: "<p>What Dana said</p>"})
    if model == NOTE:
        desk.happens(dana, Kind.MEETING, summary="Visit of the roof", row=row.id)
    else:
        desk.change_lead("Dana Levi and sons")
    desk.settle()
    assert desk.refused() == [CHANGED_THERE]
    [found] = [one for one in desk.there(model) if one["id"] == there["id"]]
    del there["write_uid"], found["write_uid"]
    assert found == {**there, field: "<p>What Dana said</p>"}


def test_what_nobody_changed_in_odoo_is_brought_up_to_date(desk: RealCrm) -> None:
    dana = desk.known(DANA)
    desk.lead(dana, "Dana Levi")
    row = desk.happens(dana, Kind.MEETING, summary="Visit")
    desk.settle()
    desk.happens(dana, Kind.MEETING, summary="Visit of the roof", row=row.id)
    desk.change_lead("Dana Levi and sons")
    desk.settle()
    assert desk.refused() == []
    assert "<b>Visit of the roof</b>" in desk.note("Visit of the roof")["body"]
    assert [one["name"] for one in desk.there(LEAD)] == ["Dana Levi and sons"]


def test_what_people_deleted_in_odoo_stays_deleted(desk: RealCrm) -> None:
    row = desk.happens(desk.known(DANA), Kind.MEETING, summary="Visit")
    desk.settle()
    desk.by_people(NOTE, "unlink", desk.note("Visit")["id"])
    for summary in ("Visit of the roof", "Visit of the garden"):
        desk.happens(desk.known(DANA), Kind.MEETING, summary=summary, row=row.id)
        desk.settle()
    assert desk.refused() == []
    assert not [one for one in desk.there(NOTE) if one["subject"]]


# --- tasks ----------------------------------------------------------------------------------------------------------------


def test_a_task_that_is_done_in_odoo_is_over_here(desk: RealCrm, noa: Person) -> None:
    add_task(desk, noa)
    desk.by_people(ACTIVITY, "action_feedback", desk.activity()["id"], feedback="By mail")
    desk.read(crm.TASKS)
    task = desk.task()
    assert task.done_at is not None
    assert task.done_reason == "elsewhere"
    assert desk.settle() == 0


def test_a_task_that_is_done_here_is_ended_in_odoo_once(desk: RealCrm, noa: Person) -> None:
    add_task(desk, noa)
    with desk.hub.db.write() as session:
        tasks.done(session, noa, session.merge(desk.task()))
    desk.plan()
    desk.site.to_lose.append(f"{ACTIVITY}.action_feedback")
    desk.send()
    assert (desk.site.to_lose, desk.refused()) == ([], [])
    assert desk.activity()["active"] is False
    ended = [one for one in desk.there(NOTE) if "To-Do" in one["body"]]
    assert [one["res_id"] for one in ended] == [desk.partner("Dana Levi")["id"]]
    desk.read(crm.TASKS)
    assert desk.task().done_reason == "person"
    with desk.hub.db.write() as session:
        tasks.undo(session, noa, session.merge(desk.task()))
    desk.settle()
    assert desk.activity()["active"] is True
    desk.read(crm.TASKS)
    assert desk.task().done_at is None


def test_what_people_change_of_a_task_is_taken_and_not_written_back(desk: RealCrm, noa: Person) -> None:
    day = (add_task(desk, noa) + timedelta(days=4)).date()
    desk.by_people(
        ACTIVITY, "write", desk.activity()["id"], vals={"summary": "Send a better offer", "date_deadline": str(day)}
    )
    with desk.hub.db.write() as session:  # before we hear of it
        tasks.done(session, noa, session.merge(desk.task()))
    desk.plan()
    desk.send(most=1)
    assert desk.activity()["active"] is True, "what was changed there is taken first"
    desk.read(crm.TASKS)
    task = desk.task()
    assert (task.title, task.due_at.date(), task.done_reason) == ("Send a better offer", day, "person")
    desk.send()
    activity = desk.activity()
    assert (activity["summary"], activity["date_deadline"], activity["active"]) == (
        "Send a better offer",
        str(day),
        False,
    )


def test_an_activity_that_people_make_is_a_task_here_and_ends_from_here(desk: RealCrm, noa: Person) -> None:
    peer = desk.site.peer
    [model] = peer.call("ir.model", "search", domain=[["model", "=", PARTNER]])
    dana = desk.partner("Dana Levi")["id"]
    peer.create(ACTIVITY, {"res_model_id": model, "res_id": dana, "summary": "Call her", "date_deadline": "2026-12-01"})
    desk.read(crm.TASKS)
    task = desk.task()
    assert (task.title, task.party_id, task.done_at) == ("Call her", desk.known(DANA), None)
    assert desk.settle() == 0, "what came from there is not written back"
    with desk.hub.db.write() as session:
        tasks.done(session, users.person(session.get_one(User, noa.id)), session.merge(task))
    desk.settle()
    assert desk.refused() == []
    assert desk.activity()["active"] is False
