"""One debt that two accounts know: which of them counts, whatever becomes of either, and whoever brings them when."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from hub.accounting.models import DocumentRow
from hub.security.models import Business
from tests.unit.accounting.books import COMPANIES, INVOICES, Books, invoice, rows
from tests.unit.accounting.waiting import until_somebody_waits

Open = Callable[..., Books]
NORTH = {"remote_id": "1", "name": "North Ltd", "tax_id": "PL7010002395"}
SENT = {
    "party": None, "party_name": None, "business": None, "balance": None, "seller_tax_id": "7010002395", "buyer_name": "Cedar",
    "buyer_country": "PL", "seller_country": "PL",
}  # fmt: skip


def counting(books: Books) -> list[tuple[int, str]]:
    """The documents that count: account and key."""
    return [(one.account_id, one.key) for one in rows(books, DocumentRow) if one.twin_of_id is None and not one.gone_at]


def two(opened: Open, **values: Any) -> tuple[Books, Books]:
    """Two ledgers that both have the same invoice; the first one's counts."""
    first, second = opened("First"), opened("Second")
    for books in (first, second):
        books.say(COMPANIES, NORTH)
        books.say(INVOICES, invoice("1", number="A-1", **values))
    assert counting(first) == [(first.account_id, "invoices:1")]
    return first, second


@pytest.mark.parametrize("changed", [0, 1])
def test_with_another_number_each_counts_for_itself(opened: Open, changed: int) -> None:
    several = two(opened)
    several[changed].say(INVOICES, invoice("1", number="A-2"))
    assert len(counting(several[0])) == 2
    several[changed].say(INVOICES, invoice("1", number="A-1"))
    assert len(counting(several[0])) == 1


@pytest.mark.parametrize("changed", [0, 1])
def test_what_becomes_no_debt_neither_hides_one_nor_is_hidden(opened: Open, changed: int) -> None:
    several = two(opened)
    several[changed].say(INVOICES, invoice("1", number="A-1", kind="proforma"))
    assert len(counting(several[0])) == 2


def test_of_those_that_one_leaves_when_it_is_taken_back_one_counts(opened: Open) -> None:
    first, second = two(opened)
    third = opened("Third")
    third.say(COMPANIES, NORTH)
    third.say(INVOICES, invoice("1", number="A-1"))
    first.withdraw(INVOICES, "1")
    assert counting(third) == [(second.account_id, "invoices:1")]


def test_of_a_connection_that_was_removed_nothing_hides_a_debt(opened: Open) -> None:
    first, second = two(opened)
    first.say(INVOICES, invoice("2"))
    first.remove()
    assert counting(second) == [(second.account_id, "invoices:1"), (first.account_id, "invoices:2")]
    second.say(INVOICES, invoice("1", number="A-1", balance="17.00"))
    assert (second.account_id, "invoices:1") in counting(second)


def test_a_removed_ledger_comes_even_after_an_e_invoice(opened: Open) -> None:
    ledger, letters = opened(), opened("Letters", "letters")
    ledger.say(COMPANIES, NORTH)
    letters.say(INVOICES, invoice("x", number="A-1", **SENT))
    ledger.say(INVOICES, invoice("1", number="A-1"))
    assert counting(ledger) == [(ledger.account_id, "invoices:1")]
    ledger.remove()
    assert counting(ledger) == [(letters.account_id, "invoices:x")]


def test_a_debt_that_was_carried_over_to_another_ledger_counts_there(opened: Open) -> None:
    first, second = two(opened)
    first.say(INVOICES, invoice("1", number="A-1", status="void"))
    assert counting(first) == [(second.account_id, "invoices:1")]


def test_what_a_ledger_made_void_counts_before_its_e_invoice(opened: Open) -> None:
    ledger, letters = opened(), opened("Letters", "letters")
    ledger.say(COMPANIES, NORTH)
    letters.say(INVOICES, invoice("x", number="A-1", **SENT))
    ledger.say(INVOICES, invoice("1", number="A-1", status="void"))
    assert counting(ledger) == [(ledger.account_id, "invoices:1")]


def test_with_another_tax_id_of_ours_former_copies_count(opened: Open) -> None:
    first, second = opened("First"), opened("Second")
    first.say(COMPANIES, NORTH)
    first.say(INVOICES, invoice("1", number="A-1"))
    with first.db.write() as session:
        session.execute(update(Business).values(tax_id=""))
    second.say(COMPANIES, {**NORTH, "name": "Elsewhere"})
    second.say(INVOICES, invoice("1", number="A-1"))
    assert len(counting(first)) == 1
    first.say(COMPANIES, {**NORTH, "tax_id": "PL5261040828"})
    assert len(counting(first)) == 2


@pytest.mark.parametrize("first_is", [0, 1])
def test_two_workers_that_bring_the_same_document_at_the_same_moment_bring_one_debt(
    opened: Open, first_is: int
) -> None:
    several = (opened("First"), opened("Second"))
    for books in several:
        books.say(COMPANIES, NORTH)
    early, late = several[first_is], several[1 - first_is]
    with ThreadPoolExecutor(1) as pool:
        with early.db.write() as session:
            early.say_in(session, INVOICES, invoice("1", number="A-1"))
            told = pool.submit(late.say, INVOICES, invoice("1", number="A-1"))
            until_somebody_waits(early.db, told)
        told.result(30)
    assert len(rows(early, DocumentRow)) == 2
    assert counting(early) == [(early.account_id, "invoices:1")]
