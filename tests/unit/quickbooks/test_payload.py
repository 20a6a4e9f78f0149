"""What becomes of QuickBooks' objects: whose they are, what was settled, what is void, and the fields of the hub."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.quickbooks import entities, payload
from connectors.quickbooks.entities import KINDS, Entity
from hub.accounting import said
from hub.connector.stream import Change, Filtered, Gone, Upsert
from hub.errors import RecordError, ShapeError
from hub.identity.said import said as said_of
from hub.identity.transforms import TRANSFORMS
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from hub.records.document import DocumentKind, Side, Status
from tests.unit.quickbooks.books import settings

FOLDER = Path(__file__).parents[3] / "mappings" / "quickbooks"
PARENTS = {"8": "7", "7": "5"}


def taken(entity: Entity, one: dict[str, Any], home: str = "") -> Change:
    return payload.change(entity, {"Id": "17", "SyncToken": "3", **one}, settings(), PARENTS, home)


def values(records: str, entity: Entity, one: dict[str, Any], home: str = "") -> dict[str, Any]:
    found = taken(entity, one, home)
    assert isinstance(found, Upsert)
    mapping = read_file(FOLDER / f"{records}.toml", registry=Registry(TRANSFORMS))
    return apply(mapping, found.payload, Context("IL", "Asia/Jerusalem"))


def lines(*amounts: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [
        {"Amount": amount, "LinkedTxn": [{"TxnType": kind, "TxnId": remote_id}]} for kind, remote_id, amount in amounts
    ]


INVOICE: dict[str, Any] = {
    "DocNumber": "1037", "TxnDate": "2026-09-01", "DueDate": "2026-10-01", "TotalAmt": "362.07", "Balance": "62.07",
    "CustomerRef": {"value": "8", "name": "Sonnenschein:Kitchen"}, "CurrencyRef": {"value": "EUR"}, "ExchangeRate": "1.08",
    "HomeTotalAmt": "391.04", "HomeBalance": "67.04", "TxnTaxDetail": {"TotalTax": "26.82"}, "BillEmail": {"Address": "s@son.example"},
    "SalesTermRef": {"value": "3", "name": "Net 30"},
    "LinkedTxn": [{"TxnId": "100", "TxnType": "Estimate"}, {"TxnId": "190", "TxnType": "Payment"}],
    "Line": [
        {"Id": "1", "Description": "Rock Fountain", "Amount": "275.0", "DetailType": "SalesItemLineDetail"},
        {"Id": "2", "Amount": "60.25", "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "1", "name": "Hours"}}},
        {"Amount": "335.25", "DetailType": "SubTotalLineDetail"},
    ],
    "MetaData": {"LastUpdatedTime": "2026-09-02T13:16:17-07:00"},
}  # fmt: skip


# --- documents ----------------------------------------------------------------------------------------------------------


def test_an_invoice_is_a_document_of_the_one_above_all_its_customers() -> None:
    document = said.document(values("invoices", entities.INVOICE, INVOICE, "USD"))
    assert (document.kind, document.side, document.status) == (DocumentKind.INVOICE, Side.SALE, Status.PARTLY_PAID)
    assert (document.party.remote_id, document.party.contact, document.party.name) == ("5", "8", "Sonnenschein:Kitchen")
    assert (document.gross, document.net, document.tax) == (Decimal("362.07"), Decimal("335.25"), Decimal("26.82"))
    assert (document.balance, document.balance_base, document.gross_base) == (
        Decimal("62.07"),
        Decimal("67.04"),
        Decimal("391.04"),
    )
    assert (document.currency, document.base_currency, document.fx_rate) == ("EUR", "USD", "1.08")
    assert (document.issue_date, document.due_date, document.terms_text) == (
        date(2026, 9, 1),
        date(2026, 10, 1),
        "Net 30",
    )
    assert (document.lines, document.first_lines) == (2, ("Rock Fountain", "Hours"))
    assert document.references == ({"kind": "quote", "number": "", "key": "quotes:100"},)
    assert document.url == "https://app.qbo.intuit.com/app/invoice?txnId=17"
    assert document.warnings == ()
    assert document.has_pdf


def test_lines_are_not_kept() -> None:
    found = taken(entities.INVOICE, INVOICE, "USD")
    assert isinstance(found, Upsert)
    assert "Line" not in found.payload
    assert found.version == "3"
    rest = {name: value for name, value in found.payload.items() if name not in ("hub", "Id", "SyncToken")}
    assert rest == {name: value for name, value in INVOICE.items() if name != "Line"}, "all else as it came"


@pytest.mark.parametrize(
    ("entity", "one", "kind", "amounts", "status"),
    [
        (entities.INVOICE, {"Balance": "100"}, "invoice", ("100", "100"), "open"),
        (entities.INVOICE, {"Balance": 0}, "invoice", ("100", "0"), "paid"),
        (entities.INVOICE, {"TotalAmt": "0", "Balance": "0", "PrivateNote": "Voided - twice"}, "invoice", ("0", "0"), "void"),
        (entities.INVOICE, {"TotalAmt": "0.00", "Balance": "0", "PrivateNote": "unavoidable"}, "invoice", ("0", "0"), "paid"),
        (entities.INVOICE, {"Balance": "100", "PrivateNote": "void the old one"}, "invoice", ("100", "100"), "open"),
        (entities.SALES_RECEIPT, {}, "invoice_receipt", ("100", "0"), "paid"),
        (entities.CREDIT_MEMO, {"RemainingCredit": "40", "Balance": "100"}, "credit_note", ("-100", "-40"), "partly_paid"),
        (entities.BILL, {"Balance": "100"}, "bill", ("100", "100"), "open"),
        (entities.VENDOR_CREDIT, {"Balance": "0"}, "vendor_credit", ("-100", "0"), "paid"),
        (entities.VENDOR_CREDIT, {}, "vendor_credit", ("-100", None), "unknown"),
        (entities.ESTIMATE, {"TxnStatus": "Pending"}, "quote", ("100", None), "open"),
        (entities.ESTIMATE, {"TxnStatus": "Closed"}, "quote", ("100", None), "converted"),
        (entities.ESTIMATE, {"TxnStatus": "Thinking"}, "quote", ("100", None), "unknown"),
        (entities.PURCHASE_ORDER, {"POStatus": "Closed"}, "purchase_order", ("100", None), "done"),
    ],
)  # fmt: skip
def test_each_kind_has_its_sign_and_status(
    entity: Entity, one: dict[str, Any], kind: str, amounts: tuple[str, str | None], status: str
) -> None:
    least = {"TotalAmt": "100", "CurrencyRef": {"value": "USD"}, "TxnDate": "2026-11-01"}
    [records] = [of.records for of in KINDS.values() if entity in of.entities]
    document = said.document(values(records, entity, {**least, **one}))
    assert (document.kind, document.status) == (kind, status)
    assert document.side == (Side.PURCHASE if entity.supplier else Side.SALE)
    gross, balance = amounts
    assert (document.gross, document.balance) == (Decimal(gross), None if balance is None else Decimal(balance))


@pytest.mark.parametrize("odd", [["many"], "12,50", True, None, {"value": 1}, "NaN", "1e400"])
def test_an_amount_that_is_none_sets_the_document_aside_and_stops_nothing_else(odd: Any) -> None:
    with pytest.raises(RecordError):
        said.document(values("invoices", entities.INVOICE, {**INVOICE, "TotalAmt": odd}, "USD"))


def test_the_currency_of_the_books_stands_in_where_there_is_only_one() -> None:
    one = {name: value for name, value in INVOICE.items() if name not in ("CurrencyRef", "ExchangeRate")}
    assert payload.needs_home_currency(one)
    assert said.document(values("invoices", entities.INVOICE, one, "ILS")).currency == "ILS"
    assert not payload.needs_home_currency({"CurrencyRef": {"value": "USD"}})


@pytest.mark.parametrize("odd", [{}, {"Id": 7}, {"Id": ""}, {"Id": "../1"}, {"Id": None}])
def test_what_has_no_id_is_nobodys(odd: dict[str, Any]) -> None:
    with pytest.raises(ShapeError):
        payload.id_of(odd)


def test_a_chain_of_customers_that_bites_its_tail_ends() -> None:
    circle = {"1": "2", "2": "1"}
    found = payload.change(
        entities.INVOICE, {**INVOICE, "Id": "1", "CustomerRef": {"value": "1"}}, settings(), circle, "USD"
    )
    assert isinstance(found, Upsert)
    assert found.payload["hub"]["party"] in {"1", "2"}


# --- payments -----------------------------------------------------------------------------------------------------------

PAYMENT: dict[str, Any] = {
    "TxnDate": "2026-11-02", "TotalAmt": "65.00", "UnappliedAmt": "10.00", "CustomerRef": {"value": "5", "name": "Red Rock"},
    "CurrencyRef": {"value": "USD"}, "PaymentRefNum": "ch 77", "PaymentMethodRef": {"value": "1", "name": "Check"},
    "Line": lines(("Invoice", "70", "55.00")),
}  # fmt: skip


def test_a_payment_says_what_it_settled() -> None:
    payment = said.payment(values("payments", entities.PAYMENT, PAYMENT))
    assert (payment.side, payment.is_refund, payment.status) == (Side.SALE, False, Status.DONE)
    assert (payment.amount, payment.unapplied, payment.method, payment.reference) == (
        Decimal("65.00"),
        Decimal("10.00"),
        "Check",
        "ch 77",
    )
    [one] = payment.allocations
    assert (one.document, one.amount) == ("invoices:70", Decimal("55.00"))


def test_a_payment_that_settles_nothing_any_more_says_so() -> None:
    payment = said.payment(values("payments", entities.PAYMENT, {**PAYMENT, "Line": []}))
    assert payment.names_allocations
    assert payment.allocations == ()


@pytest.mark.parametrize(
    ("told", "settled"),
    [
        (lines(("Invoice", "70", "100"), ("CreditMemo", "9", "40")), {"invoices:70": "60"}),
        (lines(("Invoice", "70", "30"), ("Invoice", "71", "70"), ("CreditMemo", "9", "40")), {"invoices:71": "60"}),
        (lines(("CreditMemo", "9", "-40"), ("Invoice", "70", "100")), {"invoices:70": "60"}),
        (lines(("JournalEntry", "3", "20"), ("Invoice", "70", "60")), {"invoices:70": "60"}),
        ([{"Amount": ["x"]}, {"Amount": "5"}, {"LinkedTxn": "x", "Amount": "5"}, 7], {}),
    ],
)
def test_what_credits_settled_is_not_counted_as_money(told: Any, settled: dict[str, str]) -> None:
    found = taken(entities.PAYMENT, {**PAYMENT, "TotalAmt": "60", "Line": told})
    assert isinstance(found, Upsert)
    assert {one["document"]: one["amount"] for one in found.payload["hub"]["allocations"]} == settled


def test_where_only_a_credit_was_settled_nobody_paid() -> None:
    nothing = {**PAYMENT, "TotalAmt": "0", "Line": lines(("Invoice", "70", "40"), ("CreditMemo", "9", "40"))}
    assert taken(entities.PAYMENT, nothing) == Filtered("17", "no_money")
    void = said.payment(values("payments", entities.PAYMENT, {**nothing, "PrivateNote": "Voided", "Line": []}))
    assert (void.status, void.source_status, void.amount) == (Status.VOID, "Voided", Decimal(0))


def test_suppliers_are_paid_and_customers_get_money_back() -> None:
    bill = {"TxnDate": "2026-11-02", "TotalAmt": "30", "VendorRef": {"value": "56", "name": "Bob"}, "PayType": "Check",
            "CurrencyRef": {"value": "USD"}, "DocNumber": "6", "Line": lines(("Bill", "12", "30"))}  # fmt: skip
    payment = said.payment(values("payments", entities.BILL_PAYMENT, bill))
    assert (payment.remote_id, payment.side, payment.party.remote_id) == ("billpayment:17", Side.PURCHASE, "vendor:56")
    assert [one.document for one in payment.allocations] == ["bills:12"]
    refund = {**PAYMENT, "DocNumber": "1020", "Line": [{"DetailType": "SalesItemLineDetail", "Amount": "65"}]}
    payment = said.payment(values("payments", entities.REFUND_RECEIPT, refund))
    assert (payment.remote_id, payment.is_refund, payment.side, payment.allocations) == (
        "refundreceipt:17",
        True,
        Side.SALE,
        (),
    )


# --- contacts and what is gone ------------------------------------------------------------------------------------------


def test_customers_and_suppliers_have_ids_of_their_own() -> None:
    one = {
        "DisplayName": "Amy's Birds", "CompanyName": "Amy's Birds", "GivenName": "Amy", "FamilyName": "Lauterbach",
        "PrimaryEmailAddr": {"Address": "Birds@intuit.example, amy@birds.example"}, "PrimaryPhone": {"FreeFormNumber": "(650) 555-3311"},
        "BillAddr": {"Line1": "4581 Finch St.", "City": "Bayshore", "PostalCode": "94326"}, "WebAddr": {"URI": "http://birds.example"},
    }  # fmt: skip
    party = said_of(values("contacts", entities.CUSTOMER, one))
    assert (party.remote_id, party.is_company, party.name) == ("17", True, "Amy's Birds")
    assert [mail.value for mail in party.emails] == ["Birds@intuit.example", "amy@birds.example"]
    assert [(phone.value, phone.label) for phone in party.phones] == [("(650) 555-3311", "work")]
    assert [place.value for place in party.addresses] == ["4581 Finch St., Bayshore, 94326"]
    assert "payment_terms" not in party.more
    termed = said_of(values("contacts", entities.CUSTOMER, {**one, "SalesTermRef": {"value": "3", "name": "Net 30"}}))
    assert termed.more == {"payment_terms": "Net 30"}
    supplier = said_of(values("contacts", entities.VENDOR, {"DisplayName": "Bob"}))
    assert (supplier.remote_id, supplier.is_company, supplier.name) == ("vendor:17", False, "Bob")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_deleted_is_gone_whatever_it_was(kind: entities.Kind) -> None:
    for entity in kind.entities:
        assert taken(entity, {"status": "Deleted"}) == Gone(f"{entity.prefix}17")
    assert taken(entities.CUSTOMER, {"Active": False, "DisplayName": "X (deleted)"}) == Gone("17")


def test_a_company_is_a_legal_entity() -> None:
    told = {"CompanyName": "Green", "LegalName": "Green Ltd", "Country": "US", "DefaultTimeZone": "America/Los_Angeles",
            "hub": {"id": "934", "home_currency": "USD"}}  # fmt: skip
    mapping = read_file(FOLDER / "companies.toml", registry=Registry(TRANSFORMS))
    business = said.business(apply(mapping, told, Context("IL", "Asia/Jerusalem")))
    assert (business.remote_id, business.name, business.currency, business.country) == ("934", "Green Ltd", "USD", "US")


@pytest.mark.parametrize("value", [True, 1.5, None, [], "", "x", "Infinity"])
def test_what_is_no_amount_is_none(value: Any) -> None:
    assert payload.number(value) is None
