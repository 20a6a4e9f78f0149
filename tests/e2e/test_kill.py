"""The hub is killed with -9 in the middle of calls: none lost, none doubled, none open for ever, no card twice."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.asterisk.simulated_pbx import SimCall
from hub.context import Hub
from hub.cti import screen_pop
from hub.cti.models import CallRow, Pop
from hub.security import users
from hub.settings import Settings
from hub.timeline.models import Interaction
from tests.e2e import calls
from tests.e2e.calls import Office, until
from tests.e2e.listening import Listening
from tests.e2e.processes import HubProcess, Nursery

SETTLE_S = "1.0"  # long enough to be killed in it


@pytest.fixture
def environment(tmp_path: Path, database_url: str) -> dict[str, str]:
    return calls.environment(tmp_path, database_url, HUB_CALLS__SETTLE_S=SETTLE_S, HUB_WORK__LISTENER_LEASE_S="1.5",
                             HUB_WORK__LISTENER_HEARTBEAT_S="0.4")  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return calls.settings(tmp_path, database_url)


@pytest.fixture
def master(tmp_path: Path) -> Path:
    file = tmp_path / "Master.csv"
    file.touch()
    return file


@pytest.fixture
def office(hub: Hub, master: Path) -> Iterator[Office]:
    """The exchange lives here, the hub that listens in a process of its own; `office.hub` only looks at the rows."""
    with calls.office(hub, start=False, timeout_s=1, cdr_source=f"{master}?zone=UTC") as made:
        yield made


@pytest.fixture
def process(tmp_path: Path, office: Office, environment: dict[str, str], nursery: Nursery) -> Iterator[HubProcess]:
    with HubProcess(tmp_path, environment, "up", "--port", "0", nursery=nursery) as started:
        hears(office)
        yield started


def hears(office: Office) -> None:
    """Wait until a hub has asked for the channels; what rings from now on is new to it."""
    asked = [one for one in office.pbx.received if one.get("action") == "CoreShowChannels"]
    until(
        lambda: (
            office.pbx.clients and len([o for o in office.pbx.received if o.get("action") == "CoreShowChannels"]) > 0
        ),
        60,
        why=asked,
    )


def again(office: Office, process: HubProcess) -> None:
    """Kill the hub without warning and start it anew."""
    process.kill()
    until(lambda: not office.pbx.clients)
    office.pbx.received.clear()
    process.start()
    hears(office)


def ring(office: Office, *extensions: str) -> SimCall:
    call = office.pbx.ring(caller=office.number(), extensions=list(extensions))
    office.written(call.linked, ringing=extensions)
    return call


def shown(office: Office, key: str) -> dict[str, datetime]:
    """Who was shown a card, and when for the first time."""
    return {extension: pop.shown_at for extension, pop in office.pops(key).items()}


def test_a_hub_killed_in_every_phase_of_one_call_goes_on_with_it_each_time(office: Office, process: HubProcess) -> None:
    call = ring(office, "101", "102")
    key, first = call.linked, shown(office, call.linked)
    again(office, process)  # while it rings
    call.answer("101")
    office.written(key, answered=["101"])
    again(office, process)  # while they talk
    call.transfer("103")
    office.written(key, ringing=["103"])
    again(office, process)  # while the colleague's phone rings
    call.answer("103")
    office.written(key, answered=["103"])
    call.hangup("caller")
    until(lambda: (view := office.view(key)) is not None and not view["open"])
    again(office, process)  # while it settles
    view = office.finished(key)
    assert (view["outcome"], view["end_estimated"], view["hangup_by"]) == ("answered", False, "caller")
    assert [(t["kind"], t["from"], t["to"], t["result"]) for t in view["transfers"]] == [
        ("blind", "101", "103", "completed")
    ]
    assert view["id"] == office.public_id(key)
    assert (len(office.views()), office.count(Interaction)) == (1, 1)
    pops = shown(office, key)
    assert sorted(pops) == ["101", "102", "103"]
    assert {extension: pops[extension] for extension in first} == first
    assert all(pop.retracted_at for pop in office.pops(key).values())


def test_calls_in_all_phases_survive_a_kill_and_what_happened_meanwhile_is_found(
    office: Office, process: HubProcess, master: Path
) -> None:
    rings, talks, ends_unseen, begins_unheard = (ring(office, "101"), ring(office, "102"), ring(office, "103"), None)
    talks.answer("102")
    ends_unseen.answer("103")
    settles = ring(office, "201")
    settles.hangup("caller")
    dismissed = ring(office, "202")
    for call, extension in ((talks, "102"), (ends_unseen, "103")):
        office.written(call.linked, answered=[extension])
    with office.hub.db.write() as session:
        row = session.scalars(select(CallRow).where(CallRow.key == dismissed.linked)).one()
        screen_pop.dismiss(session, office.bus, row, office.user("202"))
    just = office.pbx.ring(caller=office.number(), extensions=["203"])  # its first events are on their way
    process.kill()

    ends_unseen.hangup("agent")
    begins_unheard = office.pbx.ring(caller=office.number(), extensions=["101"])
    over = office.pbx.ring(caller=office.number(), extensions=["102"])
    over.hangup("caller")
    gap = record_of_a_gap(master, office.number())
    office.pbx.received.clear()
    process.start()
    hears(office)

    assert office.written(begins_unheard.linked, ringing=["101"])
    assert office.written(just.linked, ringing=["203"])
    assert office.finished(ends_unseen.linked)["end_estimated"]
    assert office.finished(settles.linked)["outcome"] == "missed"
    for call, extension in ((rings, "101"), (begins_unheard, "101"), (just, "203"), (dismissed, "202")):
        call.answer(extension)
        office.written(call.linked, answered=[extension])
    for call in (rings, talks, begins_unheard, just, dismissed):
        call.hangup("caller")
        view = office.finished(call.linked)
        assert (view["outcome"], view["end_estimated"], view["open"]) == ("answered", False, False)
    assert (office.finished(gap)["source"], office.finished(gap)["outcome"]) == ("backfill", "missed")
    assert office.pops(gap) == {}
    assert office.row(over.linked) is None  # began and ended unheard, and its record is not written yet
    assert office.pops(dismissed.linked)["202"].dismissed_at is not None
    views = office.views()
    assert len(views) == 8
    assert not [view for view in views if view["open"]]
    assert office.count(Interaction) == 8
    with office.hub.db.read() as session:
        pairs = [(pop.call_id, pop.user_id) for pop in session.scalars(select(Pop))]
    assert len(set(pairs)) == len(pairs) == 7


def record_of_a_gap(master: Path, number: str) -> str:
    """The record of a call of two minutes ago that nobody heard."""
    began = datetime.now(UTC) - timedelta(minutes=2)
    key = f"{int(began.timestamp())}.4711"
    times = [f"{began + timedelta(seconds=s):%Y-%m-%d %H:%M:%S}" for s in (0, 12)]
    master.write_text(
        f'"","{number}","5550100","from-trunk","{number}","PJSIP/trunk-0000cccc","PJSIP/101-0000cccd","Dial","x",'
        f'"{times[0]}","","{times[1]}",12,0,"NO ANSWER","DOCUMENTATION","{key}",""\n'
    )
    return key


def test_a_hub_that_is_told_to_stop_gives_its_exchange_back_and_a_browser_sees_the_same_card(
    office: Office, process: HubProcess
) -> None:
    password = "a sentence is good"
    with office.hub.db.write() as session:
        user = users.by_email(session, "noa@example.com")
        assert user is not None
        users.set_password(session, user, password)
    call = ring(office, "101", "102")
    with Listening(process.address(), "noa@example.com", password) as browser:
        before = until(lambda: browser.card(office.public_id(call.linked)))
        assert browser.events("call.ringing") == []  # it came with the state, not as news
    assert process.end(signal.SIGTERM) == 0
    office.pbx.received.clear()
    process.start()
    hears(office)
    with Listening(process.address(), "noa@example.com", password) as browser:
        after: dict[str, Any] = until(lambda: browser.card(office.public_id(call.linked)))
        assert (after["call"], after["number"], after["state"]) == (before["call"], before["number"], "ringing")
        call.answer("101")
        until(lambda: browser.events("call.answered"))
        assert browser.events("call.ringing") == []
    call.hangup("caller")
    assert office.finished(call.linked)["outcome"] == "answered"
