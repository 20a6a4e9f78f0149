"""What ledgers really send: exact, or set aside with a reason; nothing is counted twice and nothing is rounded in silence."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.accounting.ageing import Row
from hub.accounting.models import DocumentRow
from hub.accounting.panel import Owed, panel
from hub.identity.models import Party
from hub.security.models import Role
from hub.security.policy import Person
from hub.settings import Settings
from hub.store.session import Database
from tests.unit.accounting.books import CONTACTS, INVOICES, Books, flow, invoice

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
AGENT = Person(0, None, "noa@example.com", "Noa", Role.AGENT)


@pytest.fixture
def books(settings: Settings, database: Database, tmp_path: Path) -> Books:
    made = Books(database, flow(settings, tmp_path / "mappings", [("ledger", (CONTACTS, INVOICES))]), "Books", "ledger")
    made.say(CONTACTS, {"remote_id": "7", "kind": "company", "name": "Cedar Ltd"})
    return made


def owed(books: Books) -> Sequence[Owed]:
    with books.db.read() as session:
        ids = session.scalars(select(Party.id)).all()
        found = panel(session, AGENT, ids, ledgers=("ledger",), at=AT, zone="UTC")
    assert found is not None
    return found.owed


def keys(books: Books) -> list[tuple[str, bool]]:
    with books.db.read() as session:
        return [(row.key, row.is_open) for row in session.scalars(select(DocumentRow).order_by(DocumentRow.id))]


def test_credit_notes_that_are_larger_than_the_invoices_leave_us_owing(books: Books) -> None:
    books.say(INVOICES, invoice("1"), invoice("2", kind="credit_note", gross="500.00", balance="500.00"))
    [one] = owed(books)
    assert (one.aged.net, one.aged.overdue) == (Decimal("-383.00"), Decimal("117.00"))
    assert one.aged.rows[Row.CREDITS] == Decimal("-500.00")


def test_an_invoice_below_zero_is_a_credit_and_no_debt(books: Books) -> None:
    books.say(INVOICES, invoice("1", gross="-40.00", balance="-40.00", net="-40.00", tax="0"))
    [one] = owed(books)
    assert (one.aged.net, one.aged.overdue, one.aged.rows[Row.CREDITS]) == (Decimal(-40), 0, Decimal(-40))


def test_a_number_that_is_changed_is_the_same_document(books: Books) -> None:
    books.say(INVOICES, invoice("1"))
    books.say(INVOICES, invoice("1", number="INV/2026/0099"))
    assert keys(books) == [("invoices:1", True)]
    assert owed(books)[0].aged.net == Decimal("117.00")


def test_one_that_was_cancelled_and_issued_again_under_its_number_counts_once(books: Books) -> None:
    books.say(INVOICES, invoice("1"))
    books.say(INVOICES, invoice("1", status="void", source_status="cancel"), invoice("2", number="INV/1"))
    assert keys(books) == [("invoices:1", False), ("invoices:2", True)]
    assert owed(books)[0].aged.net == Decimal("117.00")
    books.say(INVOICES, invoice("1", status="open"))  # and the first one is taken back to life: that is two
    assert owed(books)[0].aged.net == Decimal("234.00")


def test_one_without_a_customer_is_kept_and_nobody_s_debt(books: Books) -> None:
    books.say(INVOICES, invoice("1", party=None, party_name=None))
    assert (keys(books), list(owed(books))) == ([("invoices:1", True)], [])


def test_currencies_are_never_added(books: Books) -> None:
    books.say(
        INVOICES, invoice("1"), invoice("2", currency="EUR"), invoice("3", currency="JPY", gross="117", balance="117")
    )
    assert [(one.currency, one.aged.net) for one in owed(books)] == [
        ("EUR", Decimal(117)), ("ILS", Decimal(117)), ("JPY", Decimal(117)),
    ]  # fmt: skip
