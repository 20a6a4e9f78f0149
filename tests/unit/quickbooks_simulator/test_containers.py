"""The containers that the suite of all connectors plays with: what they promise, seen through the API."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.quickbooks.simulated.containers import CONTAINERS
from connectors.quickbooks.simulator import FAULTS, QuickBooksSimulator, create
from hub.connector.simulator import Container, Faults, StreamFault, StreamSimulator
from tests.unit.quickbooks_simulator.conftest import Api
from tests.unit.quickbooks_simulator.finance_types import problems

CUSTOMER = "dana@customer.example"


def listed(api: Api, kind: str) -> dict[str, Any]:
    entities = CONTAINERS[kind].entities  # type: ignore[attr-defined]  # every class of ours has it
    found: dict[str, Any] = {}
    for entity in entities:
        for one in api.query(f"select * from {entity} maxresults 1000").get(entity, []):
            found[one["Id"]] = one
    return found


@pytest.mark.parametrize("kind", CONTAINERS)
def test_its_texts_are_what_the_api_tells(books: QuickBooksSimulator, api: Api, kind: str) -> None:
    container = books.container(kind)
    promised: Container = container
    assert promised.stream == kind
    assert container.texts() == {}
    ids = list(container.grow(5, CUSTOMER))
    texts = container.texts()
    shown = listed(api, kind)
    assert list(texts) == ids
    assert len(set(texts.values())) == 5
    assert all(text in json.dumps(shown[one], default=str) for one, text in texts.items())
    before = shown[ids[0]]["MetaData"]["LastUpdatedTime"]
    container.change(ids[0])
    container.remove(ids[1])
    [new] = container.grow(1, CUSTOMER)
    shown, texts = listed(api, kind), container.texts()
    assert set(texts) == {ids[0], *ids[2:], new}
    assert all(text in json.dumps(shown[one], default=str) for one, text in texts.items())
    assert shown[ids[0]]["MetaData"]["LastUpdatedTime"] > before
    assert ids[1] not in shown


@pytest.mark.parametrize("kind", CONTAINERS)
def test_what_was_there_before_anybody_read_is_old_and_what_comes_then_is_new(
    books: QuickBooksSimulator, api: Api, kind: str
) -> None:
    container = books.container(kind)
    container.grow(4, CUSTOMER)
    hour_ago = (books.clock.now() - timedelta(hours=1)).isoformat()
    entities = ",".join(CONTAINERS[kind].entities)  # type: ignore[attr-defined]  # see above
    assert not any(api.changed(entities, hour_ago))
    [new] = container.grow(1, CUSTOMER)
    told = [one for response in api.changed(entities, hour_ago) for one in next(iter(response.values()), [])]
    assert [one["Id"] for one in told] == [new]


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_spoilt_record_is_wrong_and_a_mended_one_right(kind: str) -> None:
    books = create(0, Faults())
    container = books.container(kind)
    [entity, *_] = CONTAINERS[kind].entities  # type: ignore[attr-defined]  # see above
    container.grow(1, CUSTOMER)
    odd = container.spoil(CUSTOMER)
    record = books.people.books.get(odd, entity)
    assert problems(entity, {**record.fields, "Id": odd, "sparse": True})
    container.mend(odd)
    told = {**record.fields, "Id": odd, "sparse": True}
    assert problems(entity, json.loads(json.dumps(told, default=float), parse_float=Decimal)) == []


def test_a_lost_cursor_stays_lost_and_the_deleted_are_forgotten(books: QuickBooksSimulator, api: Api) -> None:
    container = books.container("invoices")
    books.world.oauth.access_token_s = 366 * 86_400.0
    api.token = books.world.oauth.access(books.people.books.realm)
    [one] = container.grow(1, CUSTOMER)
    container.remove(one)
    before = books.clock.now().isoformat()
    container.expire()
    for _ in range(2):
        assert api.get("cdc", entities="Invoice", changedSince=before).status_code == 400
    assert api.changed("Invoice", (books.clock.now() - timedelta(hours=1)).isoformat()) == [{}]


def test_the_simulator_has_what_the_suite_needs(books: QuickBooksSimulator) -> None:
    promised: StreamSimulator = books
    assert promised.asked == 0
    assert {str(one) for one in StreamFault} <= set(FAULTS)
    assert all(isinstance(value, str) for value in books.settings().values())
