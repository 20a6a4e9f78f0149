"""The container that the suite of all connectors plays with: what it promises, seen through Graph."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import requests

from connectors.facebook.simulator import FacebookSimulator, create
from hub.connector.simulator import Container, Faults
from tests.unit.facebook_simulator.conftest import Callback, Graph
from tests.unit.facebook_simulator.spec_fields import problems

Graphs = Callable[..., Graph]
CUSTOMER = "dana@customer.example"


def leads(facebook: FacebookSimulator, container: Container, graph: Graphs) -> list[dict[str, object]]:
    """What a listing of its form shows."""
    _, page_id, form_id = container.stream.split(":")
    owner = facebook.world.tokens.check(facebook.settings()["token"])
    page = graph(facebook.world.tokens.of_page(owner, page_id).text)
    return page.all(f"/{form_id}/leads", fields="id,created_time,field_data", limit="4")


def test_a_container_is_empty_and_its_texts_are_what_graph_tells(facebook: FacebookSimulator, graph: Graphs) -> None:
    container = facebook.container("lead")
    assert container.texts() == container.titles() == {}
    assert leads(facebook, container, graph) == []

    ids = list(container.grow(6, CUSTOMER))

    texts = container.texts()
    shown = {str(one["id"]): json.dumps(one) for one in leads(facebook, container, graph)}
    assert texts.keys() == shown.keys() == set(ids)
    assert len(set(texts.values())) == 6
    assert all(text in shown[one] for one, text in texts.items())
    assert [one for one in ids if CUSTOMER in shown[one]] == ids[:1] == list(container.titles())
    assert container.settings["pages"] == container.stream.split(":")[1]


def test_nobody_changes_what_he_sent(facebook: FacebookSimulator, graph: Graphs) -> None:
    container = facebook.container("lead")
    first, second = container.grow(2, CUSTOMER)
    before = leads(facebook, container, graph)

    container.change(first)
    container.remove(second)
    container.expire()

    assert leads(facebook, container, graph) == before
    assert container.texts().keys() == {first, second}


def test_every_lead_comes_hours_after_the_one_before_and_none_too_old(facebook: FacebookSimulator) -> None:
    container = facebook.container("lead")
    ids = container.grow(600, CUSTOMER)
    moments = [facebook.world.leads[one].created_at for one in ids]

    assert all(later - sooner > 2 * 3600 for sooner, later in pairwise(moments))
    assert moments[-1] < facebook.clock.time()
    assert len(container.texts()) == 600


@pytest.fixture
def unchecked() -> Iterator[FacebookSimulator]:
    """A simulator that may say what Meta's fields do not have."""
    simulator = create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


def test_a_spoiled_lead_is_not_as_the_fields_say_until_it_is_mended(unchecked: FacebookSimulator) -> None:
    container = unchecked.container("lead")
    container.grow(2, CUSTOMER)
    odd = container.spoil(CUSTOMER)
    container.grow(2, CUSTOMER)
    page_id = container.stream.split(":")[1]
    owner = unchecked.world.tokens.check(unchecked.settings()["token"])
    token = unchecked.world.tokens.of_page(owner, page_id).text

    with requests.Session() as wire:
        wire.verify, wire.trust_env = unchecked.settings()["ca"], False
        page = Graph(unchecked.world.base_url, wire, token, unchecked.settings()["app_secret"])

        def shown() -> list[dict[str, object]]:
            found: list[dict[str, object]] = page.get(
                f"/{container.stream.split(':')[2]}/leads", fields="id,campaign_name,field_data"
            )["data"]
            return found

        found = shown()
        container.mend(odd)
        mended = {str(one["id"]): one for one in shown()}

    assert [one["id"] for one in found if problems("Lead", one)] == [odd] == [found[0]["id"]]
    assert problems("Lead", mended[odd]) == []
    assert container.texts()[odd] in json.dumps(mended[odd])


def test_whoever_is_told_hears_of_what_comes(facebook: FacebookSimulator, callback: Callback) -> None:
    container = facebook.container("lead")
    container.tell(callback.url)
    page_id = container.stream.split(":")[1]
    facebook.world.pages[page_id].subscribed = ["leadgen"]

    [lead] = container.grow(1, CUSTOMER)
    facebook.notifier.flush()

    [body] = callback.bodies
    assert json.loads(body)["entry"][0]["changes"][0]["value"]["leadgen_id"] == lead
