"""Every kind of object is answered as Intuit's schema says; a simulator that lies is found out."""

from typing import Any

import pytest

from connectors.quickbooks.simulator import QuickBooksSimulator
from tests.unit.quickbooks_simulator.conftest import Api, told
from tests.unit.quickbooks_simulator.finance_types import entities, wrong_exchange

ALL = sorted(entities())


def populate(books: QuickBooksSimulator) -> None:
    """One of everything, with money moved in every way."""
    people = books.people
    people.term("Net 30", 30)
    dana = people.customer(
        "Dana Levi", "dana@customer.example", BillAddr={"Id": "5", "Line1": "1 Road", "City": "Haifa"}
    )
    job = people.customer("Terrace", parent=dana)
    euro = people.customer("Garten GmbH", "info@garten.example", currency="EUR")
    stones = people.vendor("Stones Ltd", "office@stones.example", TaxIdentifier="514321987")
    first, second = people.invoice(dana, "100.00", tax="17.00"), people.invoice(job, "50.00")
    abroad = people.invoice(euro, "200.00", rate="1.0842")
    people.pay(dana, "117.00", {first.id: "117.00"})
    people.pay(euro, "100.00", {abroad.id: "50.00"})
    people.apply(people.credit_memo(dana, "20.00"), {second.id: "20.00"})
    people.sales_receipt(dana, "9.90")
    people.refund_receipt(dana, "5.00")
    people.estimate(dana, "400.00", status="Accepted")
    bill = people.bill(stones, "80.00", tax="13.60")
    people.pay_bill(stones, "40.00", {bill.id: "40.00"})
    people.apply(people.vendor_credit(stones, "10.00"), {bill.id: "10.00"})
    people.purchase_order(stones, "45.00")
    people.void(people.invoice(dana, "1.00", note="by mistake"))


@pytest.mark.parametrize("entity", ALL)
def test_each_kind_is_answered_as_the_schema_says(books: QuickBooksSimulator, api: Api, entity: str) -> None:
    populate(books)
    listed = api.query(f"select * from {entity}")[entity]
    assert listed
    if entity != "CompanyInfo":
        one = told(api.get(f"{entity.lower()}/{listed[0]['Id']}"))[entity]
        assert one == listed[0]
        assert api.changed(entity, listed[0]["MetaData"]["LastUpdatedTime"])[0][entity]
    sparse = api.query(f"select Id from {entity}")[entity]
    if entity != "CompanyInfo":
        assert {"Id": listed[0]["Id"], "domain": "QBO", "sparse": True} in sparse


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        (("Balance",), "many", "'many' is no decimal"),
        (("EmailStatus",), "Scheduled", "'Scheduled' is no EmailStatusEnum"),
        (("Colour",), "red", "unknown to Invoice"),
        (("DueDate",), None, "missing"),
    ],
)
def test_a_simulator_that_answers_something_else_is_found_out(
    books: QuickBooksSimulator, api: Api, path: tuple[str], value: Any, wrong: str
) -> None:
    invoice = books.people.invoice(books.people.customer("Dana"), "10.00")
    if value is None:
        del invoice.fields[path[0]]
    else:
        invoice.fields[path[0]] = value
    found: list[str] = []
    books.observe(lambda exchange: found.extend(wrong_exchange(exchange)))
    books._gateway.observers.pop(0)  # the one of the fixture would fail this test
    api.get(f"invoice/{invoice.id}")
    assert len(found) == 1
    assert wrong in found[0]


def test_words_that_nobody_published_come_on_command(books: QuickBooksSimulator, api: Api) -> None:
    books.people.invoice(books.people.customer("Dana"), "10.00")
    books.faults.add("unknown_enum")
    [odd] = api.query("select * from Invoice")["Invoice"]
    assert odd["EmailStatus"] == "Scheduled"
    assert odd["Line"][-1]["DetailType"] == "HologramLineDetail"
    [plain] = api.query("select * from Invoice")["Invoice"]
    assert plain["EmailStatus"] == "NotSet"
