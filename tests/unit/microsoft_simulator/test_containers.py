"""The containers that the suite of all connectors plays with: what they promise, seen through Graph."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.microsoft.simulated.containers import CONTAINERS
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulated.titles import next_version
from hub.connector.simulator import Faults, StreamFault
from tests.unit.microsoft_simulator.conftest import IMMUTABLE, NOA, Graph, open_wire
from tests.unit.microsoft_simulator.graph_types import problems

Graphs = Callable[..., Graph]
CUSTOMER = "dana@customer.example"
TYPES = {"calendar": "Event", "mail": "Message", "contacts": "Contact"}
every_kind = pytest.mark.parametrize("kind", CONTAINERS)


def first_round(microsoft: MicrosoftSimulator, kind: str) -> str:
    """Where a round of changes of a container's place begins."""
    now = microsoft.clock.now()
    since, until = ((now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (-30, 30))
    return {
        "calendar": f"/me/calendarView/delta?startDateTime={since}&endDateTime={until}",
        "mail": "/me/mailFolders/inbox/messages/delta",
        "contacts": "/me/contactFolders/contacts/contacts/delta",
    }[kind]


def told(items: list[dict[str, Any]]) -> dict[str, str]:
    """What a round tells of records that are here."""
    return {one["id"]: json.dumps(one, ensure_ascii=False) for one in items if "@removed" not in one}


@pytest.fixture
def unchecked() -> Iterator[MicrosoftSimulator]:
    """A simulator that may say what Graph's types do not have."""
    simulator = create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


@every_kind
def test_a_container_is_empty_and_its_texts_are_what_graph_tells(
    microsoft: MicrosoftSimulator, graph: Graphs, kind: str
) -> None:
    container, outlook = microsoft.container(kind), graph()
    assert container.texts() == container.titles() == {}
    ids = list(container.grow(5, CUSTOMER))
    found, _ = outlook.all(first_round(microsoft, kind), headers=IMMUTABLE)
    texts, shown = container.texts(), told(found)
    assert texts.keys() == shown.keys() == set(ids)
    assert len(set(texts.values())) == 5
    assert all(text in shown[one] for one, text in texts.items())
    assert CUSTOMER in shown[ids[0]]
    assert kind == "contacts" or container.titles().keys() == set(ids)


@every_kind
def test_a_change_is_another_text_and_what_is_removed_is_nowhere(
    microsoft: MicrosoftSimulator, graph: Graphs, kind: str
) -> None:
    container, outlook = microsoft.container(kind), graph()
    changed, again, dropped, *_ = container.grow(4, CUSTOMER)
    before = container.texts()
    _, link = outlook.all(first_round(microsoft, kind), headers=IMMUTABLE)
    for remote_id in (changed, again, again):
        container.change(remote_id)
    container.remove(dropped)
    found, _ = outlook.all(link, headers=IMMUTABLE)
    texts, shown = container.texts(), told(found)
    assert dropped in {one["id"] for one in found if "@removed" in one}
    assert shown.keys() == {changed, again}
    assert all(texts[one] in shown[one] for one in shown)
    assert not set(texts.values()) & {before[changed], before[again], before[dropped]}
    place = {"calendar": "events", "mail": "messages", "contacts": "contacts"}[kind]
    assert outlook.ask("GET", f"/me/{place}/{dropped}", headers=IMMUTABLE).status_code == 404
    assert outlook.get(f"/me/{place}/{changed}", headers=IMMUTABLE)["id"] == changed


@every_kind
def test_what_is_forgotten_is_told_anew_without_what_is_gone(
    microsoft: MicrosoftSimulator, graph: Graphs, kind: str
) -> None:
    container, outlook = microsoft.container(kind), graph()
    _, dropped = container.grow(2, CUSTOMER)
    _, link = outlook.all(first_round(microsoft, kind), headers=IMMUTABLE)
    container.remove(dropped)
    container.expire()
    assert outlook.ask("GET", link).status_code == 410
    found, _ = outlook.all(first_round(microsoft, kind), headers=IMMUTABLE)
    assert [one["id"] for one in found] == list(container.texts())


@every_kind
def test_a_spoiled_record_is_not_as_the_types_say_until_it_is_mended(unchecked: MicrosoftSimulator, kind: str) -> None:
    container = unchecked.container(kind)
    wire = open_wire(unchecked.settings()["ca"])
    outlook = Graph(unchecked.world.base_url, wire, unchecked.oauth.access(NOA))
    container.grow(1, CUSTOMER)
    odd = container.spoil(CUSTOMER)
    found, link = outlook.all(first_round(unchecked, kind), headers=IMMUTABLE)
    assert [one["id"] for one in found if problems(TYPES[kind], one)] == [odd]
    container.mend(odd)
    [mended], _ = outlook.all(link, headers=IMMUTABLE)
    wire.close()
    assert mended["id"] == odd
    assert problems(TYPES[kind], mended) == []
    assert container.texts()[odd] in json.dumps(mended, ensure_ascii=False)


@every_kind
@pytest.mark.parametrize("fault", [StreamFault.EMPTY_PAGE, StreamFault.REPLAY_PAGE, StreamFault.REORDER_PAGE])
def test_pages_are_small_and_odd_on_command_and_nothing_is_missing(
    microsoft: MicrosoftSimulator, graph: Graphs, kind: str, fault: StreamFault
) -> None:
    container, outlook = microsoft.container(kind), graph()
    microsoft.page(2)
    ids = container.grow(5, CUSTOMER)
    microsoft.faults.add(f"{fault}=2")
    found, _ = outlook.all(first_round(microsoft, kind), headers=IMMUTABLE)
    assert not microsoft.faults.take(fault), "it never happened"
    assert told(found).keys() == set(ids)


@pytest.mark.parametrize(
    ("title", "following"), [("A (version 1)", "A (version 2)"), ("B 7 (version 9)", "B 7 (version 10)")]
)
def test_the_next_version_of_a_title_counts_on(title: str, following: str) -> None:
    assert next_version(title) == following
