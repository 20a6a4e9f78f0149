"""Lists: how much they show, what they leave out, how they are sorted and cut."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.xero.simulator import XeroSimulator
from hub.connector.simulator import StreamFault
from tests.unit.xero_simulator.conftest import Open, Xero

ID = {"Contacts": "ContactID", "Invoices": "InvoiceID", "Payments": "PaymentID", "Quotes": "QuoteID"}


@pytest.fixture
def ten(xero: XeroSimulator) -> list[str]:
    """The ids of ten invoices with their payments and quotes, each a minute after the one before."""
    books = xero.books
    for number in range(10):
        contact = books.add_contact(f"Customer {number}")
        books.pay(books.invoice(contact, str(100 + number), texts=("Work", "Material")), "5")
        books.add("Quotes", contact, "7", status="SENT")
        xero.clock.advance(minutes=1)
    return list(books.things["Invoices"])


def ids(found: list[Any], kind: str = "Invoices") -> list[str]:
    return [one[ID[kind]] for one in found]


def test_lines_come_with_pages_or_alone_and_not_in_a_plain_list(
    xero: XeroSimulator, reach: Open, ten: list[str]
) -> None:
    api = reach(xero)
    assert {len(one["LineItems"]) for one in api.get("Invoices")["Invoices"]} == {0}
    assert "pagination" not in api.get("Invoices")
    assert {len(one["LineItems"]) for one in api.get("Invoices", page=1)["Invoices"]} == {2}
    [one] = api.get(f"Invoices/{ten[0]}")["Invoices"]
    assert len(one["LineItems"]) == 2
    assert one["Contact"]["Phones"]
    for short in api.get("Invoices", page=1, summaryOnly="true")["Invoices"]:
        assert not {"LineItems", "Payments", "CreditNotes"} & set(short)
    assert "Balances" in api.get("Contacts", page=1)["Contacts"][0]
    assert "Balances" not in api.get("Contacts", page=1, summaryOnly="true")["Contacts"][0]


def test_pages_are_counted_and_no_page_is_larger_than_a_thousand(
    xero: XeroSimulator, reach: Open, ten: list[str]
) -> None:
    api = reach(xero)
    answer = api.get("Invoices", page=2, pageSize=4)
    assert answer["pagination"] == {"page": 2, "pageSize": 4, "pageCount": 3, "itemCount": 10}
    assert ids(answer["Invoices"]) == ten[4:8]
    assert api.get("Invoices", page=1, pageSize=5000)["pagination"]["pageSize"] == 1000
    assert api.get("Invoices", page=9)["Invoices"] == []
    assert "pagination" not in api.get("Quotes", page=1)
    assert len(api.all("Quotes")) == 10


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        ({"order": "UpdatedDateUTC DESC"}, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"where": 'Total>=128.4 AND Status=="AUTHORISED"'}, [7, 8, 9]),
        ({"where": 'InvoiceNumber=="INV-0001" OR Total = 130.8'}, [0, 9]),
        ({"where": 'Contact.Name == "Customer 3"'}, [3]),
        ({"where": "AmountPaid<5"}, []),
        ({"where": "Date >= DateTime(2001, 01, 01) AND Total < 121"}, [0]),
        ({"Statuses": "DRAFT,PAID"}, []),
    ],
)
def test_lists_are_filtered_and_sorted(
    xero: XeroSimulator, reach: Open, ten: list[str], query: dict[str, str], positions: list[int]
) -> None:
    assert ids(reach(xero).all("Invoices", **query)) == [ten[at] for at in positions]


def test_ids_choose_and_if_modified_since_has_seconds(xero: XeroSimulator, reach: Open, ten: list[str]) -> None:
    api, books = reach(xero), xero.books
    assert set(ids(api.all("Invoices", IDs=f"{ten[3]},{ten[5]}"))) == {ten[3], ten[5]}
    third = books.things["Invoices"][ten[3]].updated_at
    assert ids(api.all("Invoices", since=third.strftime("%Y-%m-%dT%H:%M:%S"))) == ten[3:]
    assert ids(api.all("Invoices", since=third.isoformat())) == ten[3:]
    later = third + timedelta(seconds=1)
    assert ids(api.all("Invoices", since=later.strftime("%a, %d %b %Y %H:%M:%S GMT"))) == ten[4:]


@pytest.mark.parametrize(
    ("query", "since"),
    [
        ({"page": "0"}, ""), ({"page": "one"}, ""), ({"page": "1", "pageSize": "-1"}, ""), ({"where": "Total =="}, ""),
        ({"where": "Total == 1 XOR Total == 2"}, ""), ({"where": "Date == DateTime(2026, 13, 1)"}, ""), ({"order": "1; DROP"}, ""),
        ({}, "yesterday"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(
    xero: XeroSimulator, reach: Open, query: dict[str, str], since: str
) -> None:
    answer = reach(xero).ask("Invoices", since=since, **query)
    assert answer.status_code == 400
    assert answer.json()["Message"]


@pytest.mark.parametrize("kind", ["Invoices", "Payments", "Quotes"])
@pytest.mark.parametrize("fault", [StreamFault.EMPTY_PAGE, StreamFault.REPLAY_PAGE, StreamFault.REORDER_PAGE])
def test_pages_are_odd_on_command_and_nothing_is_missing(
    xero: XeroSimulator, reach: Open, ten: list[str], kind: str, fault: StreamFault
) -> None:
    xero.page(4)
    assert len(ten) == len(xero.books.things[kind])
    xero.faults.add(f"{fault}=2")
    api = reach(xero)
    assert set(ids(api.all(kind), kind)) == set(xero.books.things[kind])
    assert not xero.faults.take(fault), "it never happened"
    assert ids(api.all(kind), kind) == ids(api.get(kind)[kind], kind)


def test_a_page_that_is_cut_short_can_be_told_by_its_counts(xero: XeroSimulator, reach: Open, ten: list[str]) -> None:
    xero.page(4)
    xero.faults.add("cut_page")
    answer = reach(xero).get("Invoices", page=1)
    assert len(answer["Invoices"]) == 3 < answer["pagination"]["pageSize"]
    assert len(reach(xero).all("Invoices")) == len(ten)


def test_endless_pages_never_end(xero: XeroSimulator, reach: Open, ten: list[str]) -> None:
    xero.page(4)
    api = reach(xero)
    xero.faults.add("endless_page")
    seen: list[list[str]] = []
    for page in (1, 2, 3, 4):
        answer = api.get("Invoices", page=page)
        assert answer["pagination"]["pageCount"] > page
        seen.append(ids(answer["Invoices"]))
    assert seen == [ten[:4]] * 4


def odd(api: Xero, kind: str = "Invoices") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(api.ask(kind, page=1).text, parse_float=str)
    found: dict[str, Any] = answer[kind][0]
    return found


def test_amounts_and_words_are_odd_on_command(unchecked: XeroSimulator, reach: Open) -> None:
    api, books = reach(unchecked), unchecked.books
    books.pay(books.invoice(books.add_contact("Dana"), "100"), "3")
    unchecked.faults.add("float_noise")
    assert odd(api)["Total"] == "119.9999999999999"
    unchecked.faults.add("many_decimals")
    assert odd(api)["Total"] == "120.005"
    unchecked.faults.add("many_decimals")
    assert odd(api, "Payments")["Amount"] == "3.005"
    unchecked.faults.add("unknown_enum")
    assert odd(api)["Status"] == "ONHOLD"
    assert (odd(api)["Status"], odd(api)["Total"]) == ("AUTHORISED", "120.00")
