"""Money through the API: amounts as decimal text, the same filters as the lists, and the limits of the token's user."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hub.context import Hub
from hub.security import businesses
from hub.web.factory import make_flask
from tests.fakes.api import ApiClient, Office, office
from tests.fakes.exchange import FakeExchange
from tests.fakes.ledger import ABROAD, CEDAR, HOME, INVOICES, ORDERS, Ledger, day

NOBODY = "018f0000-0000-7000-8000-000000000000"
DECIMAL = re.compile(r"-?\d+\.\d{2}")


@pytest.fixture
def ledger(hub: Hub, tmp_path: Path) -> Ledger:
    made = Ledger(hub, tmp_path / "mappings")
    made.tell()
    return made


@pytest.fixture
def desk(ledger: Ledger) -> Office:
    made = office(ledger.hub, FakeExchange())
    hub = replace(made.hub, connectors={**made.hub.connectors, **ledger.hub.connectors})
    app = make_flask(hub)
    names = ("as_agent", "as_manager", "as_admin", "as_program")
    clients = {name: ApiClient(app.test_client(), getattr(made, name).token) for name in names}
    return replace(made, hub=hub, app=app, **clients)


def numbers(client: ApiClient, path: str = "/documents") -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return [one["number"] for one in answer.get_json()["items"]]


def test_documents_come_newest_first_in_pages_and_none_twice(desk: Office) -> None:
    pages = desk.as_agent.pages("/documents", 4)
    assert [len(page) for page in pages] == [4, 4, 4, 1]
    found = [one["id"] for page in pages for one in page]
    assert len(set(found)) == 13
    days = [one["issue_date"] or "" for page in pages for one in page]
    assert days == sorted(days, reverse=True), "the draft without a day comes last"
    for one in (one for page in pages for one in page):
        assert DECIMAL.fullmatch(one["gross"]), one
        assert one["balance"] is None or DECIMAL.fullmatch(one["balance"])
    assert [len(page) for page in desk.as_agent.pages("/payments", 2)] == [2, 2, 1]


def test_documents_and_payments_are_found_by_what_they_are(desk: Office, ledger: Ledger) -> None:
    client, account = desk.as_agent, ledger.public_id
    for query, found in (
        ("status=overdue", ["FV 1/2026", "INV/2026/0004"]), ("status=void", ["INV/2026/0006"]), ("kind=quote", ["Q-20"]),
        ("side=purchase", ["B-77"]), ("currency=eur", ["FV 1/2026"]), (f"business={ledger.business(ABROAD)}", ["FV 1/2026"]),
        (f"account={account}&kind=order", ["SO-9"]), (f"since={day(5)}&until={day(4)}", ["INV/2026/0007"]), ("q=so-9", ["SO-9"]),
        (f"party={ledger.customer()}&kind=credit_note", ["CN/2026/0001"]), ("nobody=true", ["INV/2026/0007"]), ("gone=true", []),
        (f"status=unsettled&since={day(16)}", ["INV/2026/0007", "CN/2026/0001"]),
    ):  # fmt: skip
        assert numbers(client, f"/documents?{query}") == found, query
    assert numbers(client, "/payments?status=unapplied") == ["P-4"]
    assert numbers(client, f"/payments?since={day(85)}&until={day(75)}") == ["P-3"]
    for wrong, status in (
        ("status=late", 400), ("kind=letter", 400), ("colour=red", 400), (f"account={NOBODY}", 404), (f"party={NOBODY}", 404),
        ("since=yesterday", 400), ("business=99999999999999999999", 400), ("currency=shekel", 400), ("after=x.y", 400),
    ):  # fmt: skip
        assert client.get(f"/documents?{wrong}").status_code == status, wrong
    assert client.get("/payments?status=overdue").status_code == 400


def test_one_document_is_told_whole(desk: Office, ledger: Ledger) -> None:
    client = desk.as_agent
    told = client.get(f"/documents/{ledger.document('4')}").get_json()
    assert (told["gross"], told["balance"], told["net"], told["tax"]) == ("4310.50", "4310.50", "3684.19", "626.31")
    assert (told["overdue"], told["status"], told["source_status"]) == (True, "open", "posted / not_paid")
    assert told["party"]["name"] == CEDAR
    assert told["business"]["name"] == HOME
    assert told["allocation_no"] == "123456789"
    assert told["references"] == [{"kind": "order", "number": "SO-9", "document": str(ledger.document("9", ORDERS))}]
    assert told["as_of"] is not None
    foreign = client.get(f"/documents/{ledger.document('10')}").get_json()
    assert (foreign["currency"], foreign["gross_base"], foreign["base_currency"], foreign["fx_rate"]) == (
        "EUR",
        "1062.50",
        "PLN",
        "4.25",
    )
    settled = client.get(f"/documents/{ledger.document('5')}").get_json()["settled_by"]
    assert [(one["amount"], one["payment"], one["by_payment"]) for one in settled] == [
        ("600.00", str(ledger.payment("4")), True)
    ]
    payment = client.get(f"/payments/{ledger.payment('4')}").get_json()
    assert (payment["amount"], payment["unapplied"], payment["day"]) == ("725.00", "125.00", day(12))
    assert [one["document"] for one in payment["settles"]] == [str(ledger.document("5"))]
    ledger.lose(INVOICES, "4")
    assert client.get(f"/documents/{ledger.document('4')}").get_json()["gone"] is True
    assert client.get(f"/documents/{NOBODY}").status_code == 404
    assert client.get(f"/payments/{NOBODY}").status_code == 404


def test_what_a_customer_owes_is_told_with_its_age(desk: Office, ledger: Ledger) -> None:
    client, where = desk.as_agent, f"/parties/{ledger.customer()}/money"
    told = client.get(where).get_json()
    assert [(one["business"]["name"], one["currency"], one["balance"], one["overdue"]) for one in told["owed"]] == [
        (HOME, "ILS", "4535.50", "4310.50"), (ABROAD, "EUR", "250.00", "250.00"),
    ]  # fmt: skip
    home = told["owed"][0]
    assert sum(round(float(one) * 100) for one in home["ageing"].values()) == 453550
    assert (home["ageing"]["61-90"], home["ageing"]["unapplied_payments"], home["ageing"]["open_credits"]) == (
        "4310.50",
        "-125.00",
        "-50.00",
    )
    assert (home["last_payment_day"], home["last_payment"], home["behaviour"]["settled"]) == (day(12), "725.00", 3)
    assert told["owed"][1]["behaviour"]["days_late"] is None
    assert [(one["business"]["name"], one["balance"]) for one in told["owing"]] == [(HOME, "300.00")]
    assert [(one["account"], one["knows"], one["sure"]) for one in told["ledgers"]] == [("The books", True, True)]
    assert [(one["word"], one["amount"]) for one in told["alerts"]] == [("overdue", "4310.50"), ("overdue", "250.00")]
    ledger.fails()
    told = client.get(where).get_json()
    assert told["ledgers"][0]["sure"] is False
    assert told["alerts"][0]["word"] == "unsure"
    ledger.state("removed")
    assert client.get(where).get_json() == {
        "ledgers": [],
        "company": None,
        "owed": [],
        "owing": [],
        "terms": [],
        "alerts": [],
    }


def test_the_token_of_a_person_of_one_legal_entity_tells_nothing_of_the_others(desk: Office, ledger: Ledger) -> None:
    with desk.hub.db.write() as session:
        businesses.allow(session, desk.agent.id, [ledger.business(ABROAD)])
    client = desk.as_agent
    assert numbers(client) == ["FV 1/2026"]
    assert numbers(client, "/payments") == []
    assert numbers(client, f"/documents?business={ledger.business(HOME)}") == []
    assert client.get(f"/documents/{ledger.document('4')}").status_code == 404
    assert client.get(f"/payments/{ledger.payment('4')}").status_code == 404
    told = client.get(f"/parties/{ledger.customer()}/money").get_json()
    assert [one["currency"] for one in told["owed"]] == ["EUR"]
    assert told["owing"] == []
    assert [one["amount"] for one in told["alerts"]] == ["250.00"]
    timeline = client.get(f"/parties/{ledger.customer()}/timeline?limit=200").get_json()["items"]
    assert {one["detail"].get("currency") for one in timeline} == {"EUR"}
    assert len(numbers(desk.as_program)) == 13, "a program's own token sees all"
