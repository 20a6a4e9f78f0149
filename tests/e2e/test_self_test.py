"""The lines of an exchange's self-test that the hub knows by itself: what it heard, and what nobody has told it yet."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hub import app as hub_app
from hub.connector.contract import Level
from hub.context import Hub
from hub.cti import listener, self_test
from hub.cti.inquiries import Inquiries
from hub.cti.listener import ASKED, LIVE
from hub.cti.models import Extension, LegRow, Recording, RecordingState, SeenEndpoint
from hub.intake import accounts
from hub.intake.models import Account, StreamState
from hub.security import users
from hub.security.models import Role, User
from hub.store.base import now
from tests.e2e import calls
from tests.fakes.api import add_call
from tests.fakes.browser import Browser, someone
from tests.fakes.servers import free_port


@pytest.fixture
def exchange(hub: Hub) -> Account:
    with hub.db.write() as session:
        values = {"host": "127.0.0.1", "port": "1", "username": "hub", "secret": "x"}
        return accounts.create(session, hub.connectors["asterisk"], hub.vault, "Office", values)


@pytest.fixture
def noa(hub: Hub) -> User:
    with hub.db.write() as session:
        return users.add(session, "noa@example.com", "Noa", Role.AGENT)


def said(hub: Hub, exchange: Account) -> dict[str, tuple[Level, str]]:
    """The findings by topic."""
    with hub.db.read() as session:
        row = session.get_one(Account, exchange.id)
        findings = self_test.heard(session, hub.telephone, row, "IL", now())
    assert all(one.action for one in findings if one.level is not Level.GREEN)
    return {one.topic: (one.level, one.text) for one in findings}


def offered(hub: Hub, exchange: Account, user: User, key: str, *, rang: bool, **facts: Any) -> None:
    with hub.db.write() as session:
        call = add_call(session, exchange, key, now() - timedelta(hours=1), [user], **facts)
        if not rang:
            leg = session.scalars(select(LegRow).where(LegRow.call_id == call.id)).one()
            leg.ringing_at = leg.answered_at = None


def test_events_are_told_by_their_kinds(hub: Hub, exchange: Account) -> None:
    assert said(hub, exchange)["events"] == (Level.AMBER, "No event of a call was heard yet.")
    with hub.db.write() as session:
        session.get_one(Account, exchange.id).facts = {
            "counters": {"received": 99, "event.ChannelStarted": 2, "event.ChannelEnded": 7}
        }
    level, text = said(hub, exchange)["events"]
    assert (level, "ChannelEnded 7, ChannelStarted 2; dropped 0" in text) == (Level.GREEN, True)
    with hub.db.write() as session:
        session.get_one(Account, exchange.id).facts = {"counters": {"event.ChannelStarted": 2, "dropped": 5}}
    assert said(hub, exchange)["events"][0] is Level.AMBER


def test_what_nobody_mapped_is_named(hub: Hub, exchange: Account, noa: User) -> None:
    with hub.db.write() as session:
        session.add(SeenEndpoint(account_id=exchange.id, name="PJSIP/101"))
    found = said(hub, exchange)
    assert found["endpoints"] == (Level.AMBER, "Nobody said what this is: PJSIP/101.")
    assert found["users"] == (Level.AMBER, "Without a phone, so without cards: Noa.")
    with hub.db.write() as session:
        session.add(Extension(account_id=exchange.id, number="101", user_id=noa.id))
    found = said(hub, exchange)
    assert (found["endpoints"][0], found["users"][0]) == (Level.GREEN, Level.GREEN)


def test_a_group_whose_phones_never_ring_is_named(hub: Hub, exchange: Account, noa: User) -> None:
    for key in ("1", "2"):
        offered(hub, exchange, noa, key, rang=False, queue="sales")
        offered(hub, exchange, noa, f"{key}-rings", rang=key == "1", queue="support")
    assert said(hub, exchange)["ringing"][0] is Level.GREEN, "two calls prove nothing"
    offered(hub, exchange, noa, "3", rang=False, queue="sales")
    offered(hub, exchange, noa, "3-rings", rang=False, queue="support")
    assert said(hub, exchange)["ringing"] == (Level.AMBER, "No phone ever rang for: sales.")


def test_the_newest_recording_says_whether_recordings_can_be_read(hub: Hub, exchange: Account, noa: User) -> None:
    assert "newest recording" not in said(hub, exchange)
    with hub.db.write() as session:
        call = add_call(session, exchange, "1", now(), [noa], outcome="answered")
        old = Recording(call_id=call.id, path="/a", state=RecordingState.READY, started_at=now() - timedelta(hours=1))
        session.add(old)
    assert said(hub, exchange)["newest recording"][0] is Level.GREEN
    with hub.db.write() as session:
        new = Recording(
            call_id=call.id, path="/b", state=RecordingState.MISSING, started_at=now(), last_error="Permission denied"
        )
        session.add(new)
    level, text = said(hub, exchange)["newest recording"]
    assert (level, "Permission denied" in text) == (Level.AMBER, True)


def test_questions_about_callers_are_counted_where_the_exchange_can_ask(hub: Hub, exchange: Account) -> None:
    assert "questions" not in said(hub, exchange), "nothing to ask us by"
    with hub.db.write() as session:
        row = session.get_one(Account, exchange.id)
        row.settings = {**row.settings, "agi_port": 4573, "agi_names": True}
    assert said(hub, exchange)["questions"] == (Level.AMBER, "Nothing was asked about a caller in the last day.")
    asked = Inquiries()
    asked.add(now().timestamp() - 25 * 3600, 0.001)
    for seconds in [0.004] * 95 + [0.2] * 4 + [0.9]:
        asked.add(now().timestamp(), seconds)
    with hub.db.write() as session:
        session.add(StreamState(account_id=exchange.id, stream=LIVE, cursor={ASKED: asked.dump()}))
    level, text = said(hub, exchange)["questions"]
    assert (level, text) == (
        Level.GREEN, "Asked about 100 callers in the last day: 95 of 100 answers within 5 ms; 1 came too late.",
    )  # fmt: skip
    for _ in range(10):
        asked.add(now().timestamp(), 2.0)
    with hub.db.write() as session:
        state = session.scalars(select(StreamState)).one()
        state.cursor = {ASKED: asked.dump()}
    level, text = said(hub, exchange)["questions"]
    assert (level, "too many answers after 300 ms; 11 came too late" in text) == (Level.AMBER, True)


def test_a_question_over_fastagi_is_in_the_self_test_also_after_a_restart(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "FACTS_S", 0.1)
    with calls.office(hub, agi_port=free_port()) as office:
        port = office.account.settings["agi_port"]
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), 5) as dialplan:
                dialplan.sendall(b"agi_request: lookup\nagi_callerid: 0541234567\n\n")
                dialplan.recv(1000)
            calls.until(lambda: said(hub, office.account)["questions"][0] is Level.GREEN)
            office.stop()
            office.start()
        calls.until(lambda: "Asked about 2 callers" in said(hub, office.account)["questions"][1])


def test_the_page_shows_these_lines_with_those_of_the_connector(hub: Hub, exchange: Account, noa: User) -> None:
    someone(hub, Role.ADMIN)
    admin = Browser(hub_app.create_app(hub))
    admin.sign_in("admin@example.com")
    page = f"/connections/{exchange.public_id}"
    shown = admin.post(f"{page}/check", on=page).text
    assert "No event of a call was heard yet." in shown
    assert f"Without a phone, so without cards: {noa.name}." in shown
    assert "cannot be reached" in shown
