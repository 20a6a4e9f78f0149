"""Several processes on one PostgreSQL and one bus: one listens to each exchange, another takes over, nobody doubles."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.context import Hub
from hub.cti.models import Pop
from hub.intake.models import StreamState
from hub.live.bus import RedisBus
from hub.settings import load
from hub.timeline.models import Interaction
from tests.e2e import calls
from tests.e2e.calls import Office, until
from tests.e2e.processes import HubProcess
from tests.fakes.servers import Postgres, Valkey

TAKEOVER_S = 15.0


@pytest.fixture
def environment(
    tmp_path: Path, postgres_server: Postgres, postgres_template: str, valkey_server: Valkey
) -> dict[str, str]:
    url = postgres_server.database(postgres_template)
    return calls.environment(
        tmp_path, url, HUB_LIVE__BUS=valkey_server.url, HUB_CALLS__SETTLE_S="0.5", HUB_LOG__LEVEL="warning"
    )


@pytest.fixture
def hub(environment: dict[str, str]) -> Iterator[Hub]:
    with calls.wired(load(environment)) as wired:
        yield wired


@pytest.fixture
def office(hub: Hub) -> Iterator[Office]:
    with calls.office(hub, start=False, timeout_s=1) as made:
        yield made


def holder(office: Office) -> str:
    with office.hub.db.read() as session:
        row = session.scalar(select(StreamState).where(StreamState.stream == "live"))
        return row.owner if row is not None else ""


def hears(office: Office, process: HubProcess) -> None:
    assert process.process is not None
    pid = str(process.process.pid)
    until(lambda: holder(office).split(":")[1:2] == [pid] and office.pbx.clients == 1, 60, why=lambda: process.text)
    until(lambda: any(one.get("action") == "CoreShowChannels" for one in office.pbx.received))


@pytest.fixture
def two(tmp_path: Path, office: Office, environment: dict[str, str]) -> Iterator[tuple[HubProcess, HubProcess]]:
    """One that holds the exchange, one that waits for it."""
    with HubProcess(tmp_path, environment, "listen") as first:
        hears(office, first)
        with HubProcess(tmp_path, environment, "listen") as second:
            until(lambda: "stop with Ctrl-C" in second.text, 60, why=lambda: second.text)
            yield first, second


def bus_of(environment: dict[str, str]) -> RedisBus:
    bus = RedisBus(environment["HUB_LIVE__BUS"])
    bus.drop_user(0)  # nobody: it only begins to read
    until(bus.is_up)
    return bus


def test_when_the_one_that_listens_is_killed_another_goes_on_with_its_calls(
    two: tuple[HubProcess, HubProcess], office: Office, environment: dict[str, str]
) -> None:
    first, second = two
    with closing(bus_of(environment)) as bus:
        talks, rings = (office.pbx.ring(caller=office.number(), extensions=[e]) for e in ("101", "102"))
        talks.answer("101")
        office.written(talks.linked, answered=["101"])
        office.written(rings.linked, ringing=["102"])
        until(lambda: [card["call"] for card in bus.cards(office.user("102"))] == [office.public_id(rings.linked)])
        office.pbx.received.clear()
        first.kill()
        began = time.monotonic()
        hears(office, second)
        assert time.monotonic() - began < TAKEOVER_S
        assert [card["call"] for card in bus.cards(office.user("102"))] == [office.public_id(rings.linked)]
        rings.answer("102")
        until(lambda: [card["state"] for card in bus.cards(office.user("102"))] == ["answered"])
        for call in (talks, rings):
            call.hangup("caller")
            view = office.finished(call.linked)
            assert (view["outcome"], view["end_estimated"]) == ("answered", False)
        assert len(office.views()) == office.count(Interaction) == office.count(Pop) == 2


def test_one_that_is_told_to_stop_hands_over_at_once(two: tuple[HubProcess, HubProcess], office: Office) -> None:
    first, second = two
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    office.written(call.linked, ringing=["101"])
    office.pbx.received.clear()
    assert first.end(signal.SIGTERM) == 0
    began = time.monotonic()
    hears(office, second)
    assert time.monotonic() - began < 8
    call.answer("101")
    office.written(call.linked, answered=["101"])
    call.hangup("caller")
    assert office.finished(call.linked)["outcome"] == "answered"
    assert len(office.views()) == 1


def test_one_that_slept_and_wakes_up_writes_nothing_over_what_happened_since(
    two: tuple[HubProcess, HubProcess], office: Office
) -> None:
    """As a virtual machine that was moved: it still believes that the exchange is its own."""
    first, second = two
    call = office.pbx.ring(caller=office.number(), extensions=["101", "102"])
    office.written(call.linked, ringing=["101", "102"])
    first.send(signal.SIGSTOP)
    until(lambda: holder(office).split(":")[1:2] == [str(second.process.pid)], 40)  # type: ignore[union-attr]  # it runs
    until(lambda: office.pbx.clients == 2)
    call.answer("101")
    office.written(call.linked, answered=["101"])
    call.hangup("caller")
    view = office.finished(call.linked)
    first.send(signal.SIGCONT)
    until(lambda: "another process listens now" in first.text, 40, why=lambda: first.text)
    until(lambda: office.pbx.clients == 1)
    again = office.pbx.ring(caller=office.number(), extensions=["101"])
    again.hangup("caller")
    office.finished(again.linked)
    assert [{**one, "recordings": []} for one in office.views()[:1]] == [{**view, "recordings": []}]
    assert len(office.views()) == office.count(Interaction) == 2
