"""What people do in their books, and what the API tells of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.quickbooks.simulated.books import Record
from connectors.quickbooks.simulated.digits import noisy, written
from connectors.quickbooks.simulator import QuickBooksSimulator
from tests.unit.quickbooks_simulator.conftest import Api, told


def shown(api: Api, record: Record) -> Any:
    return told(api.get(f"{record.entity.lower()}/{record.id}"))[record.entity]


def test_numbers_are_written_as_the_api_writes_them() -> None:
    assert written({"a": Decimal("362.07"), "b": Decimal("150.00"), "c": Decimal(0), "d": [True, None, "ש"]}) == (
        '{"a":362.07,"b":150.0,"c":0,"d":[true,null,"ש"]}'
    )
    assert written(noisy(Decimal("115.50"))) == "115.49999999999999"


def test_a_payment_in_part_and_in_full(books: QuickBooksSimulator, api: Api) -> None:
    people = books.people
    dana = people.customer("Dana")
    invoice = people.invoice(dana, "100.00", tax="17.00")
    first = shown(api, invoice)
    assert (first["TotalAmt"], first["Balance"], first["TxnTaxDetail"]["TotalTax"]) == (117, 117, 17)
    payment = people.pay(dana, "50.00", {invoice.id: "40.00"})
    part = shown(api, invoice)
    assert (part["Balance"], part["SyncToken"]) == (77, "1")
    assert part["LinkedTxn"] == [{"TxnId": payment.id, "TxnType": "Payment"}]
    paid = shown(api, payment)
    assert (paid["TotalAmt"], paid["UnappliedAmt"]) == (50, 10)
    assert paid["Line"] == [{"Amount": 40, "LinkedTxn": [{"TxnId": invoice.id, "TxnType": "Invoice"}]}]
    people.pay(dana, "77.00", {invoice.id: "77.00"})
    assert shown(api, invoice)["Balance"] == 0
    assert shown(api, dana)["Balance"] == -10, "what he paid and nothing was settled with"


def test_a_voided_invoice_stays_with_nothing_on_it(books: QuickBooksSimulator, api: Api) -> None:
    people = books.people
    dana = people.customer("Dana")
    invoice = people.invoice(dana, "100.00", note="Spring")
    payment = people.pay(dana, "100.00", {invoice.id: "100.00"})
    people.void(invoice)
    void = shown(api, invoice)
    assert (void["TotalAmt"], void["Balance"], void["PrivateNote"]) == (0, 0, "Voided - Spring")
    assert "LinkedTxn" not in void
    assert {one["Amount"] for one in void["Line"]} == {0}
    freed = shown(api, payment)
    assert (freed["UnappliedAmt"], freed["Line"]) == (100, [])


@pytest.mark.parametrize("how", ["void", "delete"])
def test_without_its_payment_an_invoice_is_open_again(books: QuickBooksSimulator, api: Api, how: str) -> None:
    people = books.people
    dana = people.customer("Dana", currency="EUR")
    invoice = people.invoice(dana, "100.00", rate="1.25")
    payment = people.pay(dana, "100.00", {invoice.id: "100.00"})
    assert shown(api, invoice)["HomeBalance"] == 0
    getattr(people, how)(payment)
    again = shown(api, invoice)
    assert (again["Balance"], again["HomeBalance"], again["HomeTotalAmt"], again["ExchangeRate"]) == (
        100, 125, 125, Decimal("1.25"),
    )  # fmt: skip
    assert "LinkedTxn" not in again


def test_a_credit_settles_by_a_payment_of_nothing(books: QuickBooksSimulator, api: Api) -> None:
    people = books.people
    dana = people.customer("Dana")
    invoice, credit = people.invoice(dana, "100.00"), people.credit_memo(dana, "30.00")
    link = people.apply(credit, {invoice.id: "25.00"})
    assert shown(api, invoice)["Balance"] == 75
    told_credit = shown(api, credit)
    assert (told_credit["Balance"], told_credit["RemainingCredit"], told_credit["TotalAmt"]) == (5, 5, 30)
    told_link = shown(api, link)
    assert told_link["TotalAmt"] == 0
    assert [one["LinkedTxn"][0]["TxnType"] for one in told_link["Line"]] == ["Invoice", "CreditMemo"]


def test_bills_are_paid_and_credited(books: QuickBooksSimulator, api: Api) -> None:
    people = books.people
    stones = people.vendor("Stones Ltd")
    bill, credit = people.bill(stones, "80.00"), people.vendor_credit(stones, "10.00")
    people.apply(credit, {bill.id: "10.00"})
    paid = people.pay_bill(stones, "30.00", {bill.id: "30.00"})
    told_bill = shown(api, bill)
    assert told_bill["Balance"] == 40
    assert [one["TxnType"] for one in told_bill["LinkedTxn"]] == ["BillPaymentCheck", "BillPaymentCheck"]
    assert shown(api, paid)["PayType"] == "Check"
    assert shown(api, credit)["Balance"] == 0


def test_sub_customers_name_their_parents(books: QuickBooksSimulator, api: Api) -> None:
    people = books.people
    dana = people.customer("Dana Levi")
    terrace = people.customer("Terrace", parent=dana)
    people.invoice(terrace, "10.00")
    job, parent = shown(api, terrace), shown(api, dana)
    assert (job["Job"], job["ParentRef"], job["FullyQualifiedName"]) == (True, {"value": dana.id}, "Dana Levi:Terrace")
    assert (parent["Job"], parent["Balance"], parent["BalanceWithJobs"]) == (False, 0, 10)


def test_what_customers_owe_by_age(books: QuickBooksSimulator, api: Api) -> None:
    people, today = books.people, books.clock.now().date()

    def due(days: int) -> str:
        return (today - timedelta(days=days)).isoformat()

    dana = people.customer("Dana")
    terrace = people.customer("Terrace", parent=dana)
    euro = people.customer("Garten", currency="EUR")
    people.invoice(dana, "100.00", due=due(-3))
    people.invoice(dana, "40.00", due=due(31))
    people.invoice(terrace, "7.00", due=due(1))
    people.invoice(euro, "10.00", rate="2", due=due(95))
    people.pay(dana, "15.00", day=today.isoformat())
    report = told(api.get("reports/AgedReceivables", report_date=today.isoformat()))
    assert [one["ColTitle"] for one in report["Columns"]["Column"]][1:] == [
        "Current", "1 - 30", "31 - 60", "61 - 90", "91 and over", "Total",
    ]  # fmt: skip
    section, abroad, total = report["Rows"]["Row"]
    assert [one["value"] for one in section["Header"]["ColData"]] == ["Dana", "85.00", "", "40.00", "", "", "125.00"]
    assert section["Rows"]["Row"][0]["ColData"][2]["value"] == "7.00"
    assert [one["value"] for one in section["Summary"]["ColData"]][-1] == "132.00"
    assert abroad["ColData"][0] == {"value": "Garten", "id": euro.id}
    assert abroad["ColData"][5]["value"] == "20.00"
    assert [one["value"] for one in total["Summary"]["ColData"]] == [
        "TOTAL", "85.00", "7.00", "40.00", "", "20.00", "152.00",
    ]  # fmt: skip
    assert report["Header"]["Currency"] == "USD"


def test_thousands_are_billed_quickly(books: QuickBooksSimulator, api: Api) -> None:
    made = books.people.fill(2_000, [books.people.customer("Dana"), books.people.customer("Noa")])
    assert len({one.id for one in made}) == 2_000
    assert api.query("select count(*) from Invoice") == {"totalCount": 2_000}
