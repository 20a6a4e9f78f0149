"""The containers that the suite of all connectors plays with: what they promise, seen through the API."""

import json
from typing import Any

import pytest

from connectors.xero.simulated.containers import CONTAINERS
from connectors.xero.simulated.things import Contact
from connectors.xero.simulator import FAULTS, STREAMS, XeroSimulator
from hub.connector.simulator import StreamFault
from tests.unit.xero_simulator.conftest import Open
from tests.unit.xero_simulator.xero_types import wrong_answer

CUSTOMER = "dana@customer.example"
LIST = {
    "contacts": "Contacts", "invoices": "Invoices", "credit_notes": "CreditNotes", "payments": "Payments", "quotes": "Quotes",
    "purchases": "PurchaseOrders",
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", CONTAINERS)


def told(kind: str, found: list[Any]) -> dict[str, str]:
    """What a list tells of records that are not deleted."""
    [name] = (
        {
            one
            for one in found[0]
            if one in ("ContactID", "InvoiceID", "CreditNoteID", "PaymentID", "QuoteID", "PurchaseOrderID")
        }
        if found
        else {""}
    )
    return {
        one[name]: json.dumps(one, ensure_ascii=False, default=str) for one in found if one.get("Status") != "DELETED"
    }


def test_it_has_every_fault_of_a_stream() -> None:
    assert {str(one) for one in StreamFault} <= set(FAULTS)
    assert set(STREAMS) <= set(LIST) == set(CONTAINERS)


@every_kind
def test_a_container_is_empty_and_its_texts_are_what_a_list_tells(xero: XeroSimulator, reach: Open, kind: str) -> None:
    container, api = xero.container(kind), reach(xero)
    assert container.texts() == container.titles() == {}
    ids = container.grow(5, CUSTOMER)
    texts, shown = container.texts(), told(kind, api.all(LIST[kind]))
    assert texts.keys() == shown.keys() == set(ids)
    assert len(set(texts.values())) == 5
    assert all(text in shown[one] for one, text in texts.items())
    first = next(iter(xero.books.things["Contacts"].values()))
    assert isinstance(first, Contact)
    assert first.email == CUSTOMER


@every_kind
def test_a_change_is_another_text_and_only_what_changed_is_listed(xero: XeroSimulator, reach: Open, kind: str) -> None:
    container, api = xero.container(kind), reach(xero)
    changed, again, dropped, *_ = container.grow(4, CUSTOMER)
    before = container.texts()
    xero.clock.advance(hours=1)
    since = xero.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    for remote_id in (changed, again, again):
        container.change(remote_id)
    container.remove(dropped)
    texts, shown = container.texts(), told(kind, api.all(LIST[kind], since=since))
    assert shown.keys() == {changed, again}
    assert all(texts[one] in shown[one] for one in shown)
    assert not set(texts.values()) & {before[changed], before[again], before[dropped]}
    whole = api.all(LIST[kind], since=since, includeArchived="true")
    assert len(whole) == 3, "what is deleted is told as well"


@every_kind
def test_a_spoiled_record_is_not_as_the_types_say_until_it_is_mended(
    unchecked: XeroSimulator, reach: Open, kind: str
) -> None:
    container, api = unchecked.container(kind), reach(unchecked)
    container.grow(1, CUSTOMER)
    odd = container.spoil(CUSTOMER)
    assert wrong_answer(LIST[kind], api.get(LIST[kind], page=1), in_pages=True)
    container.mend(odd)
    assert wrong_answer(LIST[kind], api.get(LIST[kind], page=1), in_pages=True) == []
    assert container.texts()[odd] in told(kind, api.all(LIST[kind]))[odd]
