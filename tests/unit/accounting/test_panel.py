"""What is shown of a customer's money: exact, per legal entity and currency, and never "no debt" where nobody knows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from hub.accounting import alerts as alert
from hub.accounting import queries
from hub.accounting.ageing import Row
from hub.accounting.alerts import Word
from hub.accounting.models import BusinessRecord
from hub.accounting.panel import Known, Panel, Terms, eyes, panel
from hub.accounting.queries import OVERDUE, UNSETTLED, Wanted
from hub.identity.models import Party
from hub.intake.models import StreamState
from hub.security import businesses
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.settings import Settings
from hub.store.session import Database
from tests.unit.accounting.books import ALLOCATIONS, CONTACTS, INVOICES, PAYMENTS, Books, flow, invoice

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
AGENT = Person(0, None, "noa@example.com", "Noa", Role.AGENT)
CEDAR = {"remote_id": "7", "kind": "company", "name": "Cedar Ltd"}


@pytest.fixture
def books(settings: Settings, database: Database, tmp_path: Path) -> Books:
    streams = (CONTACTS, INVOICES, PAYMENTS, ALLOCATIONS)
    made = Books(database, flow(settings, tmp_path / "mappings", [("ledger", streams)]), "Books", "ledger")
    with database.write() as session:
        read = {"records": INVOICES, "last_ok_at": AT, "last_full_at": AT, "last_run_at": AT, "phase": "incremental"}
        session.add(StreamState(account_id=made.account_id, stream=INVOICES, **read))
    made.say(CONTACTS, CEDAR)
    return made


def shown(books: Books, person: Person = AGENT) -> Panel:
    with books.db.read() as session:
        ids = session.scalars(select(Party.id)).all()
        found = panel(session, person, ids, ledgers=("ledger",), at=AT, zone="Asia/Jerusalem")
    assert found is not None
    return found


def test_debts_stand_by_their_age_and_credits_apart(books: Books) -> None:
    books.say(
        INVOICES,
        invoice("1", due_date="2026-11-22"), invoice("2", due_date="2026-11-21"), invoice("3", due_date="2026-08-01"),
        invoice("4", kind="credit_note", balance="10.00"), invoice("5", due_date=None), invoice("6", status="draft"),
        invoice("7", currency="EUR", due_date="2027-01-01"),
    )  # fmt: skip
    books.say(
        PAYMENTS,
        {
            "remote_id": "1",
            "date": "2026-11-01",
            "amount": "50.00",
            "unapplied": "20.00",
            "currency": "ILS",
            "party": "7",
            "business": "1",
        },
    )
    [euro, shekel] = shown(books).owed
    assert (euro.currency, euro.aged.net) == ("EUR", Decimal("117.00"))
    rows = {row: amount for row, amount in shekel.aged.rows.items() if amount}
    assert rows == {
        Row.NOT_DUE: Decimal("117.00"), Row.DAYS_30: Decimal("117.00"), Row.OLDER: Decimal("117.00"),
        Row.NO_DUE_DATE: Decimal("117.00"), Row.UNAPPLIED: Decimal("-20.00"), Row.CREDITS: Decimal("-10.00"),
    }  # fmt: skip
    assert shekel.last_payment == (datetime(2026, 11, 1, tzinfo=UTC).date(), Decimal("50.00"))


def test_the_worked_example_of_days_late(books: Books) -> None:
    books.say(
        INVOICES,
        *(
            invoice(
                str(n), gross="100.00", balance="0.00", due_date="2026-09-01", issue_date="2026-08-01", status="paid"
            )
            for n in range(3)
        ),
    )
    for n in range(3):
        parts = [("2026-08-30", "40.00"), ("2026-10-01", "60.00")]
        books.say(
            ALLOCATIONS,
            *(
                {"remote_id": f"{n}-{day}", "document": f"invoices:{n}", "amount": amount, "date": day}
                for day, amount in parts
            ),
        )
    [owed] = shown(books).owed
    assert (owed.behaviour.days_late, owed.behaviour.settled) == (Decimal("17.2"), 3)


def test_the_copy_of_another_account_is_no_second_debt(books: Books) -> None:
    books.say(INVOICES, invoice("1"), invoice("2"))
    with books.db.write() as session:
        from hub.accounting.models import DocumentRow  # noqa: PLC0415 - one table of one test

        first, second = session.scalars(select(DocumentRow).order_by(DocumentRow.id))
        second.twin_of_id = first.id
    assert shown(books).owed[0].aged.net == Decimal("117.00")


def test_somebody_limited_to_one_legal_entity_sees_only_its_money(books: Books) -> None:
    books.say(INVOICES, invoice("1", business="1"), invoice("2", business="2", gross="5.00", balance="5.00"))
    with books.db.write() as session:
        user = User(email="noa@example.com", name="Noa", password_hash="")
        session.add(user)
        session.flush()
        [second] = session.scalars(select(BusinessRecord.business_id).where(BusinessRecord.remote_id == "2"))
        businesses.allow(session, user.id, [second])
        limited = Person(user.id, None, "", "Noa", Role.AGENT)
    assert [one.aged.net for one in shown(books, limited).owed] == [Decimal("5.00")]
    assert len(shown(books).owed) == 2


@pytest.mark.parametrize(
    ("values", "is_sure"),
    [
        ({}, True),
        ({"trouble": "auth", "last_error": "connect again"}, False),
        ({"last_full_at": None}, False),
        ({"last_ok_at": None}, False),
    ],
)
def test_what_nobody_knows_is_not_nothing(books: Books, values: dict[str, Any], is_sure: bool) -> None:
    with books.db.write() as session:
        session.execute(update(StreamState).values(title="Invoices", **values))
    [known] = shown(books).known
    assert (known.knows, known.is_sure, known.trouble) == (True, is_sure, values.get("last_error", ""))


def test_a_customer_whom_the_ledger_does_not_know_is_not_called_free_of_debt(books: Books) -> None:
    with books.db.write() as session:
        session.add(Party(name="Somebody else"))
    with books.db.read() as session:
        number = session.scalars(select(Party.id).where(Party.name == "Somebody else")).one()
        found = panel(session, AGENT, [number], ledgers=("ledger",), at=AT, zone="UTC")
        nothing = panel(session, AGENT, [number], ledgers=("other",), at=AT, zone="UTC")
        nobody = panel(session, Person(0, None, "", "", "guest"), [number], ledgers=("ledger",), at=AT, zone="UTC")
    assert found is not None
    assert (found.known[0].knows, found.owed) == (False, [])
    assert (nothing, nobody) == (None, None)


Say = Callable[[Books], None]


def _late(books: Books) -> None:
    books.say(INVOICES, invoice("1", due_date="2026-10-01"))


def _paid_before(books: Books) -> None:
    books.say(INVOICES, invoice("0", balance="0.00", status="paid", issue_date="2026-05-01", due_date="2026-06-01"))
    books.say(ALLOCATIONS, {"remote_id": "1", "document": "invoices:0", "amount": "117.00", "date": "2026-05-20"})
    _late(books)


def _paid_late_before(books: Books) -> None:
    books.say(INVOICES, invoice("0", balance="0.00", status="paid", issue_date="2026-05-01", due_date="2026-06-01"))
    books.say(ALLOCATIONS, {"remote_id": "1", "document": "invoices:0", "amount": "117.00", "date": "2026-06-20"})
    _late(books)


def _blocked(books: Books) -> None:
    books.say(CONTACTS, {**CEDAR, "blocked": True, "blocked_reason": "Cheque bounced"})


def _blocked_before(books: Books) -> None:
    _blocked(books)
    books.say(CONTACTS, {**CEDAR, "name": "Cedar"})


def _limited(limit: str, currency: str = "ILS") -> Say:
    def say(books: Books) -> None:
        books.say(CONTACTS, {**CEDAR, "credit_limit": limit, "credit_currency": currency})
        books.say(INVOICES, invoice("1", due_date="2026-12-01"))

    return say


@pytest.mark.parametrize(
    ("say", "least", "words"),
    [
        (_late, {}, [Word.OVERDUE]),
        (_late, {"ILS": Decimal(117)}, [Word.OVERDUE]),
        (_late, {"ILS": Decimal("117.01")}, []),
        (_late, {"EUR": Decimal(500)}, [Word.OVERDUE]),
        (_paid_before, {}, [Word.FIRST]),
        (_paid_late_before, {}, [Word.OVERDUE]),
        (_blocked, {}, [Word.BLOCKED]),
        (_blocked_before, {}, []),
        (_limited("116.99"), {}, [Word.OVER_LIMIT]),
        (_limited("117.0"), {}, []),
        (_limited("116.99", "EUR"), {}, []),
        (_limited("116.99", ""), {}, []),  # nobody says of which currency
    ],
)
def test_alerts_say_what_to_know_before_speaking(
    books: Books, say: Say, least: dict[str, Decimal], words: list[Word]
) -> None:
    say(books)
    found = alert.alerts(shown(books), least)
    assert [one.word for one in found] == words
    assert all(one.as_of == AT for one in found)


def test_terms_are_what_the_ledgers_card_of_a_customer_says(books: Books) -> None:
    terms = {"credit_limit": "5000.50", "credit_currency": "ILS", "payment_terms": "30 days", "payment_terms_days": 30}
    books.say(CONTACTS, {**CEDAR, **terms, "blocked": True, "blocked_reason": "Cheque bounced"})
    [found] = shown(books).terms
    assert found == Terms("Books", True, "Cheque bounced", Decimal("5000.50"), "ILS", "30 days", 30, found.businesses)
    assert alert.alerts(shown(books), {})[0].reason == "Cheque bounced"
    books.lose(CONTACTS, "7")
    assert shown(books).terms == [], "of a card that is no more"


def test_a_ledger_that_cannot_be_asked_comes_first(books: Books) -> None:
    _late(books)
    with books.db.write() as session:
        session.execute(
            update(StreamState).values(trouble="away", last_error="no answer", last_ok_at=AT - timedelta(days=2))
        )
    assert [one.word for one in alert.alerts(shown(books), {})] == [Word.UNSURE, Word.OVERDUE]


@pytest.mark.parametrize("status", ["", OVERDUE, UNSETTLED])
def test_sqlite_looks_through_nobody_elses_documents(books: Books, status: str) -> None:
    """It plans without knowing how much there is: what is asked while a phone rings must leave it no wrong way."""
    if not books.db.is_sqlite:
        pytest.skip("PostgreSQL plans by how much there is")
    books.say(INVOICES, invoice("1"))
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(books.db.engine, "before_cursor_execute", note)
    shown(books)
    with books.db.read() as session:
        eye = eyes(session, AGENT, at=AT, zone="Asia/Jerusalem")
        wanted = Wanted(status=status, party_ids=tuple(session.scalars(select(Party.id))))
        queries.documents(session, eye, wanted)
        queries.document_totals(session, eye, wanted)
        event.remove(books.db.engine, "before_cursor_execute", note)
        plans = {
            line.detail
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for line in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        }
    many = ("document", "payment", "allocation", "lately")
    looked = {plan for plan in plans if plan.split()[1] in many and plan.split()[0] in ("SCAN", "SEARCH")}
    assert {plan.split()[1] for plan in looked} == set(many)
    narrow = ("(party_id=?", "(account_id=? AND document_key=?", "(account_id=? AND key=?", "(issue_date=?)")
    assert [plan for plan in looked if not any(one in plan for one in narrow)] == []


def test_the_age_of_the_oldest_figure_counts() -> None:
    def known(name: str, as_of: datetime | None, *, knows: bool = True) -> Known:
        return Known(1, name, "ledger", knows, as_of)

    late = AT - timedelta(hours=3)
    assert Panel([known("a", AT), known("b", late)], [], [], []).as_of == late
    assert Panel([known("a", AT), known("b", None)], [], [], []).as_of is None
    assert Panel([known("a", AT), known("b", None, knows=False)], [], [], []).as_of == AT
