"""The lines of an exchange's self-test that the hub knows by itself: what it heard, and what nobody has told it yet."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hub import app as hub_app
from hub.connector.contract import Level
from hub.context import Hub
from hub.cti import self_test
from hub.cti.models import Extension, LegRow, Recording, RecordingState, SeenEndpoint
from hub.intake import accounts
from hub.intake.models import Account
from hub.security import users
from hub.security.models import Role, User
from hub.store.base import now
from tests.fakes.api import add_call
from tests.fakes.browser import Browser, someone


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


def test_the_page_shows_these_lines_with_those_of_the_connector(hub: Hub, exchange: Account, noa: User) -> None:
    someone(hub, Role.ADMIN)
    admin = Browser(hub_app.create_app(hub))
    admin.sign_in("admin@example.com")
    page = f"/connections/{exchange.public_id}"
    shown = admin.post(f"{page}/check", on=page).text
    assert "No event of a call was heard yet." in shown
    assert f"Without a phone, so without cards: {noa.name}." in shown
    assert "cannot be reached" in shown
