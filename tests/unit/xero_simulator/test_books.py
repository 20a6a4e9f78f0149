"""What people do in the books, and what the API then says of it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from connectors.xero.simulated.books import WrongError
from connectors.xero.simulator import XeroSimulator
from tests.unit.xero_simulator.conftest import Open

AMOUNTS = ("AmountDue", "AmountPaid", "AmountCredited")


def amounts(shown: dict[str, object]) -> tuple[object, ...]:
    return tuple(shown[name] for name in AMOUNTS)


def test_an_invoice_is_paid_in_part_then_in_full_and_a_payment_is_taken_back(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    invoice = books.invoice(books.add_contact("Dana"), "100", status="DRAFT")
    assert api.get(f"Invoices/{invoice.id}")["Invoices"][0]["Status"] == "DRAFT"
    books.authorise(invoice)
    first = books.pay(invoice, "20")
    [shown] = api.get(f"Invoices/{invoice.id}")["Invoices"]
    assert (shown["Status"], *amounts(shown)) == ("AUTHORISED", Decimal("100.00"), Decimal("20.00"), Decimal("0.00"))
    assert [one["PaymentID"] for one in shown["Payments"]] == [first.id]

    books.pay(invoice)
    [shown] = api.get(f"Invoices/{invoice.id}")["Invoices"]
    assert (shown["Status"], *amounts(shown)) == ("PAID", Decimal("0.00"), Decimal("120.00"), Decimal("0.00"))
    assert "FullyPaidOnDate" in shown

    books.delete_payment(first)
    [shown] = api.get(f"Invoices/{invoice.id}")["Invoices"]
    assert (shown["Status"], *amounts(shown)) == ("AUTHORISED", Decimal("20.00"), Decimal("100.00"), Decimal("0.00"))
    assert {one["Status"] for one in api.all("Payments")} == {"AUTHORISED", "DELETED"}


def test_a_payment_moves_the_invoice_so_that_it_is_listed_as_modified(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    one, other = (books.invoice(books.add_contact(name), "100") for name in ("Dana", "Adam"))
    xero.clock.advance(minutes=20)
    since = xero.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    assert api.all("Invoices", since=since) == []
    books.pay(one, "1")
    assert [shown["InvoiceID"] for shown in api.all("Invoices", since=since)] == [one.id]
    assert other.status == "AUTHORISED"


def test_a_credit_note_settles_an_invoice(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    dana = books.add_contact("Dana")
    invoice, credit = books.invoice(dana, "100"), books.credit_note(dana, "50")
    made = books.allocate(credit, invoice, "45.50")
    [shown] = api.all("Invoices")
    assert amounts(shown) == (Decimal("74.50"), Decimal("0.00"), Decimal("45.50"))
    assert [(one["CreditNoteID"], one["AppliedAmount"]) for one in shown["CreditNotes"]] == [
        (credit.id, Decimal("45.50"))
    ]
    [shown] = api.all("CreditNotes")
    assert (shown["Status"], shown["RemainingCredit"]) == ("AUTHORISED", Decimal("14.50"))
    [allocation] = shown["Allocations"]
    assert (allocation["AllocationID"], allocation["Invoice"]["InvoiceID"], allocation["Amount"]) == (
        made.id,
        invoice.id,
        Decimal("45.50"),
    )
    refund = books.pay(credit)
    [shown] = api.all("CreditNotes")
    assert (shown["Status"], shown["RemainingCredit"]) == ("PAID", Decimal("0.00"))
    [shown] = api.all("Payments")
    assert (shown["PaymentID"], shown["PaymentType"]) == (refund.id, "ARCREDITPAYMENT")
    assert shown["CreditNote"]["CreditNoteNumber"] == credit.number


def test_nothing_that_was_approved_or_paid_can_be_undone_in_a_wrong_way(xero: XeroSimulator) -> None:
    books = xero.books
    invoice = books.invoice(books.add_contact("Dana"), "100")
    with pytest.raises(WrongError):
        books.delete(invoice)
    with pytest.raises(WrongError):
        books.pay(invoice, "120.01")
    books.pay(invoice, "1")
    with pytest.raises(WrongError):
        books.void(invoice)
    with pytest.raises(WrongError):
        books.authorise(invoice)


def test_void_and_deleted_ones_stay_listed(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    dana = books.add_contact("Dana")
    books.void(books.invoice(dana, "100"))
    books.delete(books.invoice(dana, "100", status="DRAFT"))
    found = api.all("Invoices")
    assert {(one["Status"], one["AmountDue"]) for one in found} == {
        ("VOIDED", Decimal("0.00")),
        ("DELETED", Decimal("0.00")),
    }
    assert len(api.all("Invoices", Statuses="VOIDED,PAID")) == 1


@pytest.mark.parametrize(
    ("currency", "rate", "net", "total"),
    [("EUR", "1", "100.00", "120.00"), ("JPY", "165.2", "1000", "1200"), ("KWD", "0.33", "10.125", "12.150")],
)
def test_amounts_are_written_with_the_digits_that_their_currency_has(
    xero: XeroSimulator, reach: Open, currency: str, rate: str, net: str, total: str
) -> None:
    books, api = xero.books, reach(xero)
    books.invoice(books.add_contact("Dana"), net, currency=currency, rate=rate)
    text = api.ask("Invoices", page=1).text
    assert f'"SubTotal":{net},' in text
    assert f'"Total":{total},' in text
    assert f'"CurrencyRate":{Decimal(rate):.10f}' in text


def test_a_number_can_change_and_so_can_the_due_date_without_a_word(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    invoice = books.invoice(books.add_contact("Dana"), "100", number="INV-7")
    books.pay(invoice, "1")
    xero.clock.advance(minutes=20)
    since = xero.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    books.extend_due(invoice, date(2031, 1, 2))
    assert api.all("Invoices", since=since) == []
    books.change(invoice, number="INV-8")
    [shown] = api.all("Invoices", since=since)
    assert (shown["InvoiceNumber"], shown["DueDateString"]) == ("INV-8", "2031-01-02T00:00:00")


def test_contacts_are_archived_and_merged(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    one, two = books.add_contact("Dana"), books.add_contact("Dana Levi")
    invoice = books.invoice(one, "100", due=xero.books.today - timedelta(days=1))
    books.merge(one, two)
    assert [shown["ContactID"] for shown in api.all("Contacts")] == [two.id]
    both = {shown["ContactID"]: shown for shown in api.all("Contacts", includeArchived="true")}
    assert (both[one.id]["ContactStatus"], both[one.id]["MergedToContactID"]) == ("ARCHIVED", two.id)
    assert both[two.id]["Balances"]["AccountsReceivable"] == {
        "Outstanding": Decimal("120.00"),
        "Overdue": Decimal("120.00"),
    }
    [shown] = api.get(f"Invoices/{invoice.id}")["Invoices"]
    assert shown["Contact"]["ContactID"] == two.id


def test_many_invoices_of_the_past_are_written_in_a_moment(xero: XeroSimulator, reach: Open) -> None:
    books, api = xero.books, reach(xero)
    made = books.fill(1200, books.add_contact("Dana"))
    found = api.all("Invoices", pageSize=1000)
    assert [one["InvoiceID"] for one in found] == [one.id for one in made]
    assert xero.asked == 2


def test_the_organisation_says_what_its_currency_is(xero: XeroSimulator, reach: Open) -> None:
    [shown] = reach(xero).get("Organisation")["Organisations"]
    assert (shown["OrganisationID"], shown["BaseCurrency"], shown["ShortCode"]) == (
        xero.books.id,
        "EUR",
        xero.books.short_code,
    )
