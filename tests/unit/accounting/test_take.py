"""Documents on their way: kept once, whose they are, on whose books, and struck through when their ledger has them no more."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from hub.accounting.models import AllocationRow, BusinessRecord, DocumentRow, InstalmentRow, PaymentRow
from hub.identity.models import Party
from hub.intake.models import RawState
from hub.security.models import Business
from hub.timeline.models import Interaction, Kind, Participant
from tests.unit.accounting.books import ALLOCATIONS, COMPANIES, CONTACTS, INVOICES, PAYMENTS, Books, invoice, rows

Open = Callable[..., Books]
CEDAR = {"remote_id": "7", "kind": "company", "name": "Cedar Ltd", "emails": ["office@cedar.example"]}


def test_a_document_is_kept_once_however_often_it_comes(opened: Open) -> None:
    books = opened()
    books.say(CONTACTS, CEDAR)
    books.say(INVOICES, invoice("1"))
    before = rows(books, DocumentRow)[0].public_id
    books.say(INVOICES, invoice("1", balance="17.00", status="partly_paid", number="INV/1/changed"))
    [row], [shown] = rows(books, DocumentRow), rows(books, Interaction, Interaction.kind == Kind.DOCUMENT)
    assert (row.public_id, row.balance, row.number) == (before, Decimal("17.00"), "INV/1/changed")
    assert (shown.id, shown.detail["balance"]) == (row.interaction_id, "17.00")
    assert [one.party_id for one in rows(books, Participant)] == [row.party_id]


def test_a_document_that_came_before_its_customer_is_given_to_them(opened: Open) -> None:
    books = opened()
    books.say(INVOICES, invoice("1"))
    assert rows(books, DocumentRow)[0].party_id is None
    books.say(CONTACTS, CEDAR)
    [row], [party], [part] = rows(books, DocumentRow), rows(books, Party), rows(books, Participant)
    assert row.party_id == part.party_id == party.id


def test_without_contacts_the_document_says_who_its_customer_is(opened: Open) -> None:
    letters = opened("Letters", "letters")
    told = {"party": None, "party_name": "Cedar Ltd", "party_tax_id": "PL 526-10-40-828"}
    letters.say(INVOICES, invoice("1", **told), invoice("2", **told), invoice("3", party=None, party_name=None))
    [party] = rows(letters, Party)
    assert (party.kind, party.name) == ("company", "Cedar Ltd")
    assert [one.party_id for one in rows(letters, DocumentRow)] == [party.id, party.id, None]


def test_two_accounts_know_the_same_company_by_its_tax_id(opened: Open) -> None:
    books, letters = opened(), opened("Letters", "letters")
    books.say(CONTACTS, {**CEDAR, "tax_id": "PL5261040828"})
    letters.say(
        INVOICES, invoice("1", party=None, party_name="CEDAR LIMITED", party_tax_id="526-104-08-28", party_country="PL")
    )
    [party] = rows(books, Party)
    assert rows(books, DocumentRow)[0].party_id == party.id


def test_a_legal_entity_is_what_its_ledger_says_as_soon_as_it_is_read(opened: Open) -> None:
    books = opened()
    books.say(INVOICES, invoice("1"))
    [placeholder] = rows(books, Business)
    assert placeholder.name == "Books 1"
    books.say(
        COMPANIES,
        {
            "remote_id": "1",
            "name": "North Ltd",
            "tax_id": "PL7010002395",
            "currency": "PLN",
            "time_zone": "Europe/Warsaw",
        },
    )
    [business] = rows(books, Business)
    assert (business.id, business.name, business.currency) == (placeholder.id, "North Ltd", "PLN")


@pytest.mark.parametrize("documents_first", [True, False])
def test_documents_that_name_no_legal_entity_are_of_the_only_one(opened: Open, documents_first: bool) -> None:
    books = opened()
    steps = [
        (INVOICES, invoice("1", business=None)),
        (COMPANIES, {"remote_id": "x", "name": "North Ltd", "tax_id": "PL7010002395"}),
    ]
    for stream, record in steps if documents_first else reversed(steps):
        books.say(stream, record)
    [business] = rows(books, Business)
    assert (business.name, rows(books, DocumentRow)[0].business_id) == ("North Ltd", business.id)
    books.say(COMPANIES, {"remote_id": "y", "name": "South Ltd", "tax_id": "PL5261040828"})
    books.say(INVOICES, invoice("2", business=None))
    assert {one.business_id for one in rows(books, DocumentRow)} == {business.id}


def test_one_legal_entity_in_two_ledgers_is_one(opened: Open) -> None:
    first, second = opened("First"), opened("Second")
    north = {"remote_id": "1", "name": "North Ltd", "tax_id": "PL7010002395"}
    first.say(COMPANIES, north)
    second.say(INVOICES, invoice("9"))
    second.say(COMPANIES, {**north, "name": "NORTH sp. z o.o.", "tax_id": "701 000 23 95", "country": "PL"})
    [business] = rows(first, Business)
    assert (business.name, rows(first, DocumentRow)[0].business_id) == ("North Ltd", business.id)
    assert len(rows(first, BusinessRecord)) == 2


def test_a_document_of_two_ledgers_is_one_debt(opened: Open) -> None:
    books, letters = opened(), opened("Letters", "letters")
    books.say(COMPANIES, {"remote_id": "1", "name": "North Ltd", "tax_id": "PL7010002395"})
    letters.say(
        INVOICES,
        invoice(
            "x",
            party=None,
            party_name=None,
            business=None,
            balance=None,
            seller_tax_id="7010002395",
            buyer_name="Cedar",
            buyer_country="PL",
            seller_country="PL",
        ),
    )
    books.say(INVOICES, invoice("1", number="INV/x"))
    by_key = {one.key: one for one in rows(books, DocumentRow)}
    assert len(by_key) == 2
    copies = [one for one in by_key.values() if one.twin_of_id]
    assert [one.twin_of_id for one in copies] == [by_key["invoices:1"].id]
    books.lose(INVOICES, "1")
    assert [one.twin_of_id for one in rows(books, DocumentRow)] == [None, None]


def test_neither_seller_nor_buyer_is_ours(opened: Open) -> None:
    letters = opened("Letters", "letters")
    [state] = letters.say(
        INVOICES, invoice("1", party=None, party_name=None, seller_tax_id="PL7010002395", buyer_tax_id="PL5261040828")
    )
    assert state == RawState.SET_ASIDE
    assert "not ours" in letters.why(INVOICES, "1")


def test_a_bill_is_what_somebody_else_calls_an_invoice(opened: Open) -> None:
    books, letters = opened(), opened("Letters", "letters")
    books.say(COMPANIES, {"remote_id": "1", "name": "North Ltd", "tax_id": "PL7010002395"})
    given = {
        "party": None,
        "party_name": None,
        "seller_name": "Oak",
        "seller_tax_id": "PL5261040828",
        "buyer_tax_id": "PL7010002395",
    }
    letters.say(INVOICES, invoice("1", **given), invoice("2", kind="credit_note", **given))
    [bill, credit] = rows(letters, DocumentRow)
    assert (bill.kind, bill.side, bill.party_name) == ("bill", "purchase", "Oak")
    assert (credit.kind, credit.gross) == ("vendor_credit", Decimal("-117.00"))


def test_what_is_gone_is_struck_through_and_may_come_back(opened: Open) -> None:
    books = opened()
    books.say(INVOICES, invoice("1"))
    books.lose(INVOICES, "1")
    [row], [shown] = rows(books, DocumentRow), rows(books, Interaction)
    assert (row.gone_at is not None, row.is_open, shown.detail["gone"]) == (True, False, True)
    books.say(INVOICES, invoice("1", number="again"))
    [row], [shown] = rows(books, DocumentRow), rows(books, Interaction)
    assert (row.gone_at, row.is_open, "gone" in shown.detail) == (None, True, False)


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        ({}, True),
        ({"balance": "0", "status": "paid"}, False),
        ({"status": "draft"}, False),
        ({"status": "void"}, False),
        ({"kind": "quote"}, False),
        ({"kind": "proforma"}, False),
        ({"kind": "credit_note"}, True),
        ({"balance": None}, False),
    ],
)
def test_only_what_somebody_owes_is_open(opened: Open, values: dict[str, Any], is_open: bool) -> None:
    books = opened()
    books.say(INVOICES, invoice("1", **values))
    assert rows(books, DocumentRow)[0].is_open is is_open


def test_the_first_open_instalment_says_when_a_document_is_due(opened: Open) -> None:
    books = opened()
    parts = [
        {"due_date": f"2026-{month:02}-01", "amount": "39.00", "balance": left}
        for month, left in ((9, "0.00"), (10, "39.00"), (11, "39.00"))
    ]
    books.say(INVOICES, invoice("1", instalments=parts, balance="78.00"))
    assert str(rows(books, DocumentRow)[0].open_due_date) == "2026-10-01"
    books.say(INVOICES, invoice("1", instalments=parts[:1], balance="78.00"))
    assert len(rows(books, InstalmentRow)) == 1


def test_a_payment_whose_invoice_is_not_here_yet_waits_for_nobody(opened: Open) -> None:
    books = opened()
    listed = [
        {"document": "invoices:1", "amount": "40.00", "date": "2026-09-10"},
        {"document": "invoices:2", "amount": "10.00"},
    ]
    payment = {
        "remote_id": "5",
        "date": "2026-09-10",
        "amount": "50.00",
        "currency": "ILS",
        "party": "7",
        "allocations": listed,
        "business": "1",
    }
    books.say(PAYMENTS, payment)
    books.say(PAYMENTS, {**payment, "allocations": listed[:1]})
    [row], [settled] = rows(books, PaymentRow), rows(books, AllocationRow)
    assert (row.amount, settled.document_key, settled.source_key, settled.amount) == (
        Decimal(50),
        "invoices:1",
        "payments:5",
        Decimal(40),
    )
    books.lose(PAYMENTS, "5")
    assert rows(books, PaymentRow)[0].gone_at is not None
    assert rows(books, AllocationRow) == []


def test_an_allocation_of_its_own_goes_when_it_is_undone(opened: Open) -> None:
    books = opened()
    books.say(
        ALLOCATIONS,
        {"remote_id": "3", "document": "invoices:1", "source": "payments:5", "amount": "40.00", "date": "2026-09-10"},
    )
    assert rows(books, AllocationRow)[0].amount == Decimal(40)
    books.lose(ALLOCATIONS, "3")
    assert rows(books, AllocationRow) == []


def test_an_allocation_of_its_own_stays_whatever_its_payment_lists(opened: Open) -> None:
    books = opened()
    books.say(ALLOCATIONS, {"remote_id": "3", "document": "invoices:1", "source": "payments:5", "amount": "40.00"})
    payment = {"remote_id": "5", "date": "2026-09-10", "amount": "50.00", "currency": "ILS", "business": "1"}
    listed = [{"document": "invoices:2", "amount": "10.00"}]
    books.say(PAYMENTS, {**payment, "allocations": listed})
    books.say(PAYMENTS, {**payment, "allocations": []})
    assert [one.remote_id for one in rows(books, AllocationRow)] == ["allocations:3"]
    books.say(PAYMENTS, {**payment, "allocations": listed})
    books.lose(PAYMENTS, "5")
    assert [one.remote_id for one in rows(books, AllocationRow)] == ["allocations:3"]


def test_allocations_are_told_apart_by_their_place_whatever_a_ledger_calls_them(opened: Open) -> None:
    books = opened()
    payment = {"remote_id": "5", "date": "2026-09-10", "amount": "50.00", "currency": "ILS", "business": "1"}
    listed = [{"id": "1", "document": f"invoices:{number}", "amount": "25.00"} for number in (1, 2)]
    books.say(PAYMENTS, {**payment, "allocations": listed})
    assert [one.document_key for one in rows(books, AllocationRow)] == ["invoices:1", "invoices:2"]
    books.say(PAYMENTS, {**payment, "allocations": listed[1:]})
    assert [one.document_key for one in rows(books, AllocationRow)] == ["invoices:2"]


def test_what_is_a_contacts_goes_along_where_it_becomes_another_customer(opened: Open) -> None:
    books = opened()
    books.say(CONTACTS, CEDAR)
    books.say(INVOICES, invoice("1"))
    books.say(PAYMENTS, {"remote_id": "5", "date": "2026-09-10", "amount": "50.00", "currency": "ILS", "party": "7"})
    books.withdraw(CONTACTS, "7")
    books.say(CONTACTS, {**CEDAR, "name": "Cedar Limited"})
    before, after = rows(books, Party)
    assert (before.name, after.name) == ("Cedar Ltd", "Cedar Limited")
    for table in (DocumentRow, PaymentRow, Participant):
        assert {one.party_id for one in rows(books, table)} == {after.id}


def test_one_bad_document_never_stops_the_others(opened: Open) -> None:
    books = opened()
    states = books.say(INVOICES, invoice("1"), invoice("2", gross="1.001"), invoice("3"))
    assert states == [RawState.APPLIED, RawState.SET_ASIDE, RawState.APPLIED]
    assert [one.key for one in rows(books, DocumentRow)] == ["invoices:1", "invoices:3"]
