"""The query language and change data capture, as the documentation describes them."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.quickbooks.simulated.query import read
from connectors.quickbooks.simulator import QuickBooksSimulator
from tests.unit.quickbooks_simulator.conftest import Api, code, told


@pytest.fixture
def shop(books: QuickBooksSimulator) -> QuickBooksSimulator:
    """Five invoices of 100 to 500, a day apart; the first two are paid, one of them in part."""
    people, now = books.people, books.world.clock.now().replace(microsecond=0)
    dana, noa = people.customer("Dana Levi", "dana@customer.example"), people.customer("Noa O'Hara")
    for number in range(1, 6):
        owner = dana if number % 2 else noa
        people.invoice(owner, f"{number}00.00", number=f"A {number}", at=now - timedelta(days=10 - number))
    first, second, *_ = (one.id for one in people.books.all("Invoice"))
    people.pay(dana, "100.00", {first: "100.00"})
    people.pay(noa, "50.00", {second: "50.00"})
    return books


def numbers(api: Api, rest: str) -> list[str]:
    return [one["DocNumber"] for one in api.query(f"select * from Invoice {rest}").get("Invoice", [])]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", "12345"),
        ("where Balance = '0'", "1"),
        ("where Balance > '0' and Balance < '300.00'", "2"),
        ("WHERE Balance >= '300' ORDERBY Balance DESC", "543"),
        ("where Id > '3' orderby Id", "45"),
        ("where Id in ('5', '1', '77') order by Id desc", "51"),
        ("where DocNumber like 'A%' startposition 2 maxresults 2", "23"),
        ("where DocNumber like '% 4'", "4"),
        ("where DocNumber = 'A 3'", "3"),
        ("where CustomerRef = '2'", "24"),
        ("orderby MetaData.LastUpdatedTime desc, Id maxresults 3", "125"),
        ("startposition 6", ""),
        ("maxresults 0", ""),
    ],
)
def test_invoices_are_found(shop: QuickBooksSimulator, api: Api, rest: str, expected: str) -> None:
    assert [one[-1] for one in numbers(api, rest)] == list(expected)


def test_by_date_and_by_time_of_change(shop: QuickBooksSimulator, api: Api) -> None:
    third = api.query("select * from Invoice where DocNumber = 'A 3'")["Invoice"][0]
    assert numbers(api, f"where TxnDate <= '{third['TxnDate']}'") == ["A 1", "A 2", "A 3"]
    changed = third["MetaData"]["LastUpdatedTime"]
    assert numbers(api, f"where MetaData.LastUpdatedTime > '{changed}'") == ["A 1", "A 2", "A 4", "A 5"]
    assert numbers(api, f"where MetaData.LastUpdatedTime = '{changed}'") == ["A 3"]


def test_counts_and_empty_answers(shop: QuickBooksSimulator, api: Api) -> None:
    assert api.query("select count(*) from Invoice where Balance > '0'") == {"totalCount": 4}
    assert api.query("select * from Bill") == {}
    assert api.query("select * from Invoice maxresults 2")["maxResults"] == 2
    assert api.query("select * from Invoice startposition 4")["startPosition"] == 4


def test_inactive_customers_are_shown_to_who_asks_for_them(shop: QuickBooksSimulator, api: Api) -> None:
    shop.people.deactivate(shop.people.books.all("Customer")[0])
    assert [one["Id"] for one in api.query("select * from Customer")["Customer"]] == ["2"]
    every = api.query("select * from Customer where Active in (true, false)")["Customer"]
    assert [(one["Id"], one["Active"], one["DisplayName"]) for one in every] == [
        ("1", False, "Dana Levi (deleted)"),
        ("2", True, "Noa O'Hara"),
    ]
    assert api.query(r"select * from Customer where DisplayName = 'Noa O\'Hara'")["Customer"][0]["Id"] == "2"


def test_a_query_may_be_posted_as_text(shop: QuickBooksSimulator, api: Api) -> None:
    text = {"Content-Type": "application/text"}
    answer = api.ask("POST", "query", data="select count(*) from Invoice", headers=text)
    assert told(answer)["QueryResponse"] == {"totalCount": 5}
    assert code(api.ask("POST", "query", data="x", headers={"Content-Type": "application/json"})) == (400, "500")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", "4000"),
        ("selekt * from Invoice", "4000"),
        ("select * Invoice", "4000"),
        ("select * from Invoice where", "4000"),
        ("select * from Invoice where Id > '1' or Id < '0'", "4000"),
        ("select * from Invoice where Id = '1' garbage", "4000"),
        ("select * from Invoice where Id ! '1'", "4000"),
        ("select * from Invoice where Id in ('1'", "4000"),
        ("select * from Invoice where Id = 'open", "4000"),
        ("select * from Invoice; drop table Invoice", "4000"),
        ("select * from Spaceship", "4001"),
        ("select * from Invoice where Colour = 'red'", "4001"),
        ("select * from Invoice where Balance > 'much'", "4001"),
        ("select * from Invoice where MetaData.LastUpdatedTime > 'yesterday'", "4001"),
        ("select * from Invoice maxresults 1001", "4001"),
        ("select * from Invoice startposition 0", "4001"),
    ],
)
def test_what_is_no_query_is_refused_with_its_code(shop: QuickBooksSimulator, api: Api, text: str, number: str) -> None:
    assert code(api.get("query", query=text)) == (400, number)


def test_words_may_be_written_in_any_case() -> None:
    asked = read("SELECT Id, SyncToken FROM invoice WHERE active IN (TRUE) STARTPOSITION 3 MAXRESULTS 7")
    assert (asked.entity, asked.names, asked.start, asked.most) == ("Invoice", ("Id", "SyncToken"), 3, 7)
    assert asked.where[0].name == "Active"


# --- change data capture ------------------------------------------------------------------------------------------------


def test_what_changed_and_what_was_deleted_is_told(shop: QuickBooksSimulator, api: Api) -> None:
    people = shop.people
    since = people.books.stamp(people.books.now() + timedelta(seconds=5))
    shop.clock.advance(seconds=10)
    fourth, fifth = people.books.get("4", "Invoice"), people.books.get("5", "Invoice")
    before = people.books.now()
    people.delete(fourth)
    after = people.books.now()
    people.void(fifth)
    invoices, customers = api.changed("Invoice,Customer", since)
    assert customers == {}
    told: dict[str, Any] = {one["Id"]: one for one in invoices["Invoice"]}
    assert told.keys() == {"4", "5"}
    deleted = told["4"].pop("MetaData")["LastUpdatedTime"]
    assert people.books.stamp(before) <= deleted <= people.books.stamp(after)
    assert told["4"] == {"domain": "QBO", "status": "Deleted", "Id": "4"}
    assert (told["5"]["TotalAmt"], told["5"]["Balance"], told["5"]["PrivateNote"]) == (0, 0, "Voided")
    assert invoices["maxResults"] == 2
    assert code(api.get("invoice/4")) == (400, "610")
    assert api.query("select * from Invoice where Id = '4'") == {}


def test_the_moment_itself_belongs_to_it(shop: QuickBooksSimulator, api: Api) -> None:
    changed = api.query("select * from Invoice where Id = '5'")["Invoice"][0]["MetaData"]["LastUpdatedTime"]
    [found] = api.changed("Invoice", changed)
    assert "5" in [one["Id"] for one in found["Invoice"]]


@pytest.mark.parametrize(
    "params",
    [
        {"entities": "Invoice", "changedSince": "2020-01-01"},
        {"entities": "Invoice", "changedSince": "soon"},
        {"entities": "Spaceship", "changedSince": "2026-11-01T00:00:00Z"},
        {"entities": "", "changedSince": "2026-11-01T00:00:00Z"},
        {},
    ],
)
def test_what_cannot_be_told_is_refused(shop: QuickBooksSimulator, api: Api, params: dict[str, str]) -> None:
    assert code(api.get("cdc", **params)) == (400, "4001")


def test_thirty_days_and_no_more(shop: QuickBooksSimulator, api: Api) -> None:
    since = shop.people.books.stamp(shop.clock.now() - timedelta(days=29))
    assert api.changed("Invoice", since)[0]["maxResults"] == 5
    shop.clock.advance(days=2)
    api.token = shop.world.oauth.access(shop.settings()["realm"])
    assert code(api.get("cdc", entities="Invoice", changedSince=since)) == (400, "4001")


def test_a_thousand_objects_and_no_more(shop: QuickBooksSimulator, api: Api) -> None:
    shop.people.fill(1_010, shop.people.books.all("Customer"), days=5)
    since = shop.people.books.stamp(shop.clock.now() - timedelta(days=20))
    invoices, customers = api.changed("Invoice,Customer", since)
    assert (len(invoices["Invoice"]), customers) == (1_000, {})


# --- pages that are odd -------------------------------------------------------------------------------------------------


def page(api: Api, start: int) -> tuple[int, list[str]]:
    found = api.query(f"select * from Invoice orderby Id startposition {start} maxresults 2")
    return found.get("startPosition", 0), [one["Id"] for one in found.get("Invoice", [])]


def test_pages_go_wrong_on_command(shop: QuickBooksSimulator, api: Api) -> None:
    assert [page(api, start)[1] for start in (1, 3, 5, 7)] == [["1", "2"], ["3", "4"], ["5"], []]
    shop.faults.add("replay_page")
    assert page(api, 1) == (1, ["1", "2"]), "there is none before it"
    assert page(api, 3) == (1, ["1", "2"])
    shop.faults.add("reorder_page")
    assert page(api, 3) == (3, ["4", "3"])
    shop.faults.add("empty_page")
    assert page(api, 3) == (0, [])
    shop.faults.add("cut_page")
    assert page(api, 3) == (3, ["3"])
    shop.faults.add("endless_page=2")
    assert [page(api, 5), page(api, 7)] == [(3, ["3"]), (3, ["3"])]
    shop.page(1)
    assert page(api, 5) == (5, ["5"])
    assert page(api, 1) == (1, ["1"])


def test_amounts_with_the_noise_of_floats(shop: QuickBooksSimulator, api: Api) -> None:
    shop.faults.add("float_noise")
    noisy = api.query("select * from Invoice where Id = '5'")["Invoice"][0]["TotalAmt"]
    assert noisy != 500
    assert abs(noisy - 500) < 1e-6
    shop.faults.add("endless_page")
    assert (
        len(api.changed("Invoice", shop.people.books.stamp(shop.clock.now() - timedelta(days=9)))[0]["Invoice"])
        == 1_000
    )
