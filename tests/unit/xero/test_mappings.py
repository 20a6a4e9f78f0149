"""What becomes of Xero's objects: documents, payments and people of the hub, through the shipped mappings."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.xero.lines import COUNT, trimmed
from connectors.xero.transforms import TRANSFORMS
from hub.accounting import said
from hub.errors import RecordError
from hub.identity.said import said as said_of
from hub.identity.transforms import TRANSFORMS as OF_IDENTITY
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from hub.records.document import Document, DocumentKind, Payment, Side, Status
from tests.unit.xero.desk import CONTACT, CREDIT, INVOICE

FOLDER = Path(__file__).parents[3] / "mappings" / "xero"
WHO = {"ContactID": CONTACT, "Name": "Sonnenschein GmbH"}
DAY, LATER = "/Date(1793491200000+0000)/", "/Date(1796083200000+0000)/"  # 1 November and 1 December 2026
CHANGED = "/Date(1793527200123+0000)/"
ADVANCE: dict[str, Any] = {
    "Contact": WHO, "Date": DAY, "Status": "AUTHORISED", "CurrencyCode": "EUR", "SubTotal": "100.00", "Total": "100.00",
    "RemainingCredit": "60.00", "UpdatedDateUTC": CHANGED, "HubBaseCurrency": "EUR",
    "Allocations": [
        {"AllocationID": "a-1", "Amount": "40.00", "Date": DAY, "IsDeleted": False, "Invoice": {"InvoiceID": INVOICE}},
        {"AllocationID": "a-2", "Amount": "1.00", "Date": DAY, "IsDeleted": True, "Invoice": {"InvoiceID": INVOICE}},
    ],
}  # fmt: skip
SALE: dict[str, Any] = {
    "InvoiceID": INVOICE, "Type": "ACCREC", "InvoiceNumber": "INV-0001", "Reference": "PO 7", "Contact": WHO, "Date": DAY,
    "DueDate": LATER, "Status": "AUTHORISED", "LineAmountTypes": "Exclusive", "SubTotal": "100.00", "TotalTax": "20.00",
    "Total": "120.00", "AmountDue": "70.00", "AmountPaid": "30.00", "AmountCredited": "20.00", "CurrencyCode": "USD",
    "CurrencyRate": "1.25", "UpdatedDateUTC": CHANGED, "HubBaseCurrency": "EUR", "HubLink": "https://go.xero.com/app/!x/1",
    "LineItems": [{"Description": text} for text in ("Work", "Travel", "Hotel", "Food")],
}  # fmt: skip
NOTE: dict[str, Any] = {
    **{name: ADVANCE[name] for name in ADVANCE if name != "Type"}, "CreditNoteID": CREDIT, "Type": "ACCRECCREDIT",
    "CreditNoteNumber": "CN-1", "TotalTax": "0.00",
}  # fmt: skip


def values(records: str, payload: dict[str, Any]) -> dict[str, Any]:
    mapping = read_file(FOLDER / f"{records}.toml", registry=Registry(OF_IDENTITY, TRANSFORMS))
    return apply(mapping, trimmed(payload), Context("NZ", "Pacific/Auckland"))


def document(records: str, payload: dict[str, Any], **changes: Any) -> Document:
    return said.document(values(records, {**payload, **changes}))


def payment(records: str, payload: dict[str, Any], **changes: Any) -> Payment:
    return said.payment(values(records, {**payload, **changes}))


# --- documents ----------------------------------------------------------------------------------------------------------


def test_an_invoice_with_everything() -> None:
    made = document("invoices", SALE)
    assert (made.kind, made.side, made.status) == (DocumentKind.INVOICE, Side.SALE, Status.PARTLY_PAID)
    assert (made.remote_id, made.number, made.source_status) == (INVOICE, "INV-0001", "AUTHORISED")
    assert [made.net, made.tax, made.gross, made.balance] == [Decimal(one) for one in (100, 20, 120, 70)]
    assert (made.issue_date, made.due_date) == (date(2026, 11, 1), date(2026, 12, 1))
    assert (made.currency, made.base_currency, made.fx_rate) == ("USD", "EUR", "0.8")
    assert (made.party.remote_id, made.party.name) == (CONTACT, "Sonnenschein GmbH")
    assert (made.lines, made.first_lines) == (4, ("Work", "Travel", "Hotel"))
    assert (made.url, made.has_pdf) == ("https://go.xero.com/app/!x/1", True)
    assert [one["number"] for one in made.references] == ["PO 7"]
    assert made.updated_at == datetime(2026, 11, 1, 10, 0, 0, 123_000, tzinfo=UTC)
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("told", "paid", "credited", "status"),
    [
        ("DRAFT", "0.00", "0.00", Status.DRAFT), ("SUBMITTED", "0.00", "0.00", Status.DRAFT),
        ("AUTHORISED", "0.00", "0.00", Status.OPEN), ("AUTHORISED", 0, 0, Status.OPEN),
        ("AUTHORISED", "0.01", "0.00", Status.PARTLY_PAID), ("AUTHORISED", "0.00", "5", Status.PARTLY_PAID),
        ("PAID", "120.00", "0.00", Status.PAID), ("PAID", "0.00", "0.00", Status.PAID),
        ("VOIDED", "0.00", "0.00", Status.VOID), ("PARKED", "0.00", "0.00", Status.UNKNOWN),
    ],
)  # fmt: skip
def test_the_status_of_an_invoice(told: str, paid: Any, credited: Any, status: Status) -> None:
    assert document("invoices", SALE, Status=told, AmountPaid=paid, AmountCredited=credited).status is status


def test_an_invoice_with_little() -> None:
    few = ("InvoiceID", "Type", "Status", "CurrencyCode", "Total", "AmountDue")
    made = document("invoices", {name: SALE[name] for name in few})
    assert (made.status, made.gross, made.fx_rate, made.has_pdf) == (Status.OPEN, Decimal(120), "", True)
    assert made.references == () or list(made.references) == []


def test_a_bill_is_owed_by_us() -> None:
    made = document("invoices", SALE, Type="ACCPAY")
    assert (made.kind, made.side, made.gross, made.has_pdf) == (DocumentKind.BILL, Side.PURCHASE, Decimal(120), False)


@pytest.mark.parametrize("change", [{"Type": "OTHER"}, {"Total": None}, {"CurrencyCode": ""}, {"Total": "much"}])
def test_what_is_no_invoice_is_set_aside(change: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        document("invoices", SALE, **change)


def test_a_credit_counts_down_and_settles() -> None:
    made = document("credit_notes", NOTE)
    assert (made.kind, made.status) == (DocumentKind.CREDIT_NOTE, Status.PARTLY_PAID)
    assert (made.gross, made.balance) == (Decimal(-100), Decimal(-60))
    assert [(one.document, one.amount, one.day) for one in made.allocations] == [
        (f"invoices:{INVOICE}", Decimal(40), date(2026, 11, 1))
    ]
    assert document("credit_notes", NOTE, RemainingCredit="100.00").status is Status.OPEN
    assert document("credit_notes", NOTE, Status="PAID", RemainingCredit="0.00").status is Status.PAID
    assert document("credit_notes", NOTE, Status="VOIDED", RemainingCredit="0.00").status is Status.VOID
    theirs = document("credit_notes", NOTE, Type="ACCPAYCREDIT")
    assert (theirs.kind, theirs.side, theirs.has_pdf) == (DocumentKind.VENDOR_CREDIT, Side.PURCHASE, False)


@pytest.mark.parametrize(
    ("told", "status"),
    [("DRAFT", "draft"), ("SENT", "open"), ("ACCEPTED", "accepted"), ("DECLINED", "declined"), ("INVOICED", "converted"),
     ("NEW", "unknown")],
)  # fmt: skip
def test_a_quote(told: str, status: str) -> None:
    quote = {**SALE, "QuoteID": "q", "QuoteNumber": "QU-1", "ExpiryDate": LATER, "DueDate": None}
    made = document("quotes", quote, Status=told)
    assert (made.kind, made.number, made.status.value) == (DocumentKind.QUOTE, "QU-1", status)
    assert made.balance is None


@pytest.mark.parametrize("told", ["DRAFT", "SUBMITTED", "AUTHORISED", "BILLED", "NEW"])
def test_a_purchase_order(told: str) -> None:
    order = {**SALE, "PurchaseOrderID": "p", "PurchaseOrderNumber": "PO-1", "DeliveryDate": LATER}
    made = document("purchases", order, Status=told)
    assert (made.kind, made.side, made.service_date) == (
        DocumentKind.PURCHASE_ORDER,
        Side.PURCHASE,
        date(2026, 12, 1),
    )
    assert (made.status is Status.UNKNOWN) == (told == "NEW")


def test_ten_thousand_lines_are_counted_and_not_kept() -> None:
    long = {**SALE, "LineItems": [{"Description": f"{number}"} for number in range(5_000)]}
    kept = trimmed(long)
    assert (len(kept["LineItems"]), kept[COUNT]) == (100, 5_000)
    made = document("invoices", long)
    assert (made.lines, made.first_lines) == (5_000, ("0", "1", "2"))


def test_a_contact_inside_a_document_is_the_same_however_it_was_read() -> None:
    full = {**WHO, "EmailAddress": "s@son.example", "Phones": [{"PhoneNumber": "1"}]}
    assert trimmed({**SALE, "Contact": full}) == trimmed(SALE)
    assert trimmed({"Invoice": {"InvoiceID": INVOICE, "Contact": full}})["Invoice"]["Contact"] == WHO


# --- payments -----------------------------------------------------------------------------------------------------------

PAID: dict[str, Any] = {
    "PaymentID": "pay-1", "PaymentType": "ACCRECPAYMENT", "Status": "AUTHORISED", "Date": DAY, "Amount": "30.00",
    "Reference": "wire", "UpdatedDateUTC": CHANGED,
    "Invoice": {"InvoiceID": INVOICE, "CurrencyCode": "USD", "Contact": WHO},
}  # fmt: skip


def test_a_payment_of_an_invoice() -> None:
    made = payment("payments", PAID)
    assert (made.side, made.is_refund, made.status) == (Side.SALE, False, Status.DONE)
    assert (made.amount, made.currency, made.day) == (Decimal(30), "USD", date(2026, 11, 1))
    assert (made.party.remote_id, made.reference) == (CONTACT, "wire")
    assert made.names_allocations
    assert [(one.document, one.amount) for one in made.allocations] == [(f"invoices:{INVOICE}", Decimal(30))]


def test_money_that_goes_back_of_a_credit() -> None:
    refund = {**PAID, "PaymentType": "ARCREDITPAYMENT", "CreditNote": {"CreditNoteID": CREDIT, "CurrencyCode": "EUR"}}
    made = payment("payments", {name: refund[name] for name in refund if name != "Invoice"})
    assert (made.side, made.is_refund, made.currency) == (Side.SALE, True, "EUR")
    assert [one.document for one in made.allocations] == [f"credit_notes:{CREDIT}"]


@pytest.mark.parametrize(
    ("told", "side", "is_refund"),
    [
        ("ACCPAYPAYMENT", Side.PURCHASE, False), ("APCREDITPAYMENT", Side.PURCHASE, True),
        ("AROVERPAYMENTPAYMENT", Side.SALE, True), ("ARPREPAYMENTPAYMENT", Side.SALE, True),
        ("APPREPAYMENTPAYMENT", Side.PURCHASE, True), ("APOVERPAYMENTPAYMENT", Side.PURCHASE, True),
    ],
)  # fmt: skip
def test_which_way_money_goes(told: str, side: Side, *, is_refund: bool) -> None:
    made = payment("payments", PAID, PaymentType=told)
    assert (made.side, made.is_refund) == (side, is_refund)


@pytest.mark.parametrize("change", [{"PaymentType": "NEW"}, {"Invoice": {"InvoiceID": INVOICE}}, {"Date": None}])
def test_what_is_no_payment_is_set_aside(change: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        payment("payments", PAID, **change)


@pytest.mark.parametrize(
    ("records", "key", "types"),
    [("prepayments", "PrepaymentID", ("RECEIVE-PREPAYMENT", "SPEND-PREPAYMENT")),
     ("overpayments", "OverpaymentID", ("RECEIVE-OVERPAYMENT", "SPEND-OVERPAYMENT"))],
)  # fmt: skip
def test_money_ahead_is_a_payment_with_a_rest(records: str, key: str, types: tuple[str, str]) -> None:
    made = payment(records, ADVANCE, **{key: "ahead", "Type": types[0]})
    assert (made.remote_id, made.side, made.is_refund) == ("ahead", Side.SALE, False)
    assert (made.amount, made.unapplied, made.currency) == (Decimal(100), Decimal(60), "EUR")
    assert [(one.document, one.amount) for one in made.allocations] == [(f"invoices:{INVOICE}", Decimal(40))]
    assert payment(records, ADVANCE, **{key: "ahead", "Type": types[1]}).side is Side.PURCHASE
    assert payment(records, ADVANCE, **{key: "ahead", "Type": types[0], "Status": "VOIDED"}).status is Status.VOID


# --- people and the organisation ----------------------------------------------------------------------------------------


def test_a_contact_is_a_company_unless_its_name_is_a_persons() -> None:
    told: dict[str, Any] = {
        **WHO, "EmailAddress": "s@son.example", "TaxNumber": "DE123", "UpdatedDateUTC": CHANGED, "FirstName": "Sam",
        "LastName": "Sonne", "Website": "https://son.example", "ContactGroups": [{"Name": "VIP"}],
        "Phones": [{"PhoneType": "DEFAULT", "PhoneCountryCode": "49", "PhoneAreaCode": "030", "PhoneNumber": "901820"}],
    }  # fmt: skip
    company = said_of(values("contacts", told))
    assert company.name == "Sonnenschein GmbH"
    found = values("contacts", told)
    assert (found["kind"], found["emails"], found["groups"]) == ("company", "s@son.example", ["VIP"])
    assert found["phones"] == [{"value": "+49 30 901820", "label": "work"}]
    person = values("contacts", {**told, "Name": "Sam Sonne"})
    assert not person.get("kind")
    assert (person["given"], person["family"]) == ("Sam", "Sonne")


@pytest.mark.parametrize(
    ("terms", "days", "text"),
    [
        ({"Sales": {"Day": 30, "Type": "DAYSAFTERBILLDATE"}, "Bills": {"Day": 7, "Type": "OFCURRENTMONTH"}}, 30, None),
        ({"Sales": {"Day": 14, "Type": "DAYSAFTERBILLMONTH"}}, None, "14 days after the end of the invoice month"),
        ({"Sales": {"Day": 20, "Type": "OFFOLLOWINGMONTH"}}, None, "20 of the following month"),
        ({"Sales": {"Day": 28, "Type": "OFCURRENTMONTH"}}, None, "28 of the current month"),
        ({"Bills": {"Day": 7, "Type": "DAYSAFTERBILLDATE"}}, None, None),
        ({}, None, None),
    ],
)
def test_what_a_customer_is_to_pay_by(terms: dict[str, Any], days: int | None, text: str | None) -> None:
    told = said_of(values("contacts", {**WHO, "UpdatedDateUTC": CHANGED, "PaymentTerms": terms})).more
    assert (told.get("payment_terms_days"), told.get("payment_terms")) == (days, text)


def test_the_organisation() -> None:
    told = {
        "OrganisationID": "o", "Name": "Acme", "LegalName": "Acme Ltd", "BaseCurrency": "NZD", "CountryCode": "NZ",
        "TaxNumber": "101-2-303", "Timezone": "NEWZEALANDSTANDARDTIME",
    }  # fmt: skip
    found = values("companies", told)
    assert (found["name"], found["currency"], found["country"]) == ("Acme Ltd", "NZD", "NZ")
    assert (found["tax_id"], found["time_zone"]) == ("101-2-303", "Pacific/Auckland")
    assert values("companies", {**told, "LegalName": None})["name"] == "Acme"
