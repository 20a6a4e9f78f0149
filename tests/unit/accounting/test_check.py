"""The ledger's own sums are compared with ours; what differs is read again, and what still differs is named."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.accounting import check
from hub.accounting.check import Sums, compare
from hub.accounting.models import CheckState, DocumentRow, LedgerCheck
from hub.connector.ledger import Total
from hub.errors import RetryLaterError
from hub.intake.models import Account
from hub.settings import Settings
from hub.store.session import Database
from tests.unit.accounting.books import INVOICES, Books, flow, invoice


class Ledger:
    """A remote that sums what is in it."""

    def __init__(self, *totals: Total) -> None:
        self.sums = list(totals)
        self.error: Exception | None = None

    def totals(self) -> Sequence[Total]:
        if self.error is not None:
            raise self.error
        return self.sums


def total(count: int, gross: str, balance: str | None = None, **more: str) -> Total:
    facts = {"records": INVOICES, "business": "1", "kind": "invoice", "currency": "ILS", "month": "2026-09", **more}
    return Total(**facts, count=count, gross=Decimal(gross), balance=Decimal(balance) if balance else None)


@pytest.fixture
def books(settings: Settings, database: Database, tmp_path: Path) -> Books:
    return Books(database, flow(settings, tmp_path / "mappings", [("ledger", (INVOICES,))]), "Books", "ledger")


def checked(books: Books, ledger: Ledger, again: Callable[[Sequence[str]], int] = len) -> LedgerCheck:
    with books.db.read() as session:
        account = session.get_one(Account, books.account_id)
    found = check.check(books.db, account, ledger, INVOICES, again)  # type: ignore[arg-type]  # of a remote it is asked for sums only
    assert found is not None
    return found


def test_sums_that_agree_agree_to_the_cent(books: Books) -> None:
    books.say(
        INVOICES, invoice("1"), invoice("2", balance="17.00"), invoice("3", status="draft"), invoice("4", status="void")
    )
    found = checked(books, Ledger(total(2, "234.00", "134.00"), total(9, "1.00", records="orders")))
    assert (found.state, found.compared, found.differences) == (CheckState.AGREES, 1, [])


@pytest.mark.parametrize(
    "theirs",
    [
        [total(1, "117.01", "117.00")],
        [total(1, "117.00", "116.99")],
        [total(2, "117.00", "117.00")],
        [],
        [total(1, "117.00", "117.00"), total(1, "5.00", currency="EUR")],
        [total(1, "117.00", "117.00", month="2026-08")],
    ],
)
def test_a_cent_is_a_difference_and_its_documents_are_named(books: Books, theirs: list[Total]) -> None:
    books.say(INVOICES, invoice("1"))
    found = checked(books, Ledger(*theirs))
    assert found.state == CheckState.DIFFERS
    with books.db.read() as session:
        own = str(session.scalars(select(DocumentRow.public_id)).one())
    named = [one["documents"] for one in found.differences]
    assert [own] in named or theirs[:1] == [total(1, "117.00", "117.00")]


def test_what_was_changed_here_by_hand_is_read_again_and_right(books: Books) -> None:
    books.say(INVOICES, invoice("1"), invoice("2"))
    with books.db.write() as session:
        session.scalars(select(DocumentRow).order_by(DocumentRow.id)).first().balance = Decimal(1)  # type: ignore[union-attr]  # it was said

    def again(ids: Sequence[str]) -> int:
        for one in ids:
            books.say(INVOICES, invoice(one, source_status="read again"))
        return len(ids)

    found = checked(books, Ledger(total(2, "234.00", "234.00")), again)
    assert (found.state, found.repaired) == (CheckState.AGREES, 2)


def test_credit_notes_count_down_on_both_sides(books: Books) -> None:
    books.say(INVOICES, invoice("1"), invoice("2", kind="credit_note"))
    ledger = Ledger(total(1, "117.00", "117.00"), total(1, "-117.00", "-117.00", kind="credit_note"))
    assert checked(books, ledger).state == CheckState.AGREES


def test_a_ledger_that_cannot_be_asked_is_said(books: Books) -> None:
    ledger = Ledger()
    ledger.error = RetryLaterError("the books are closed")
    found = checked(books, ledger)
    assert (found.state, found.error) == (CheckState.FAILED, "the books are closed")
    assert "closed" in check.said(found)


def test_what_a_ledger_does_not_sum_is_not_compared() -> None:
    ours = {("1", "invoice", "ILS", "2026-09", ""): Sums(2, Decimal(5), Decimal(3))}
    theirs = {("1", "invoice", "ILS", "2026-09", ""): Sums(2, Decimal(5), None)}
    assert compare(theirs, ours) == []
    assert compare({}, ours)[0].theirs == Sums()
