"""What money is called: every word of the records has one, doubts never sound like "nothing", figures carry their age."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
from flask import Flask
from flask_babel import Babel

from hub.accounting.ageing import Aged, Row
from hub.accounting.alerts import Alert, Word, alerts
from hub.accounting.panel import Known, Owed, Panel, Terms
from hub.accounting.queries import Document, Place
from hub.errors import AuthError, ConnectorError, GoneError, LimitedError, RejectedError, RetryLaterError, ShapeError
from hub.records.document import DocumentKind, Side, Status
from hub.store.base import now
from hub.web.console import card, money_words
from hub.web.console.money import Money
from hub.web.frame import EXTENSION
from hub.web.jinja import money_text

AT = datetime(2026, 11, 23, 8, 42, tzinfo=UTC)
INVOICE = Document(
    id=UUID(int=1), place=Place(None, 1), kind="invoice", side="sale", status="open", source_status="", number="7", issue_date=None,
    due_date=None, currency="ILS", gross=Decimal(100), balance=Decimal(100), is_overdue=False, is_gone=False, is_copy=False,
    business="Acme", business_id=1, party=None, party_name="", account="Books", account_id=1, url="", changed_at=AT,
    fields={},
)  # fmt: skip
KNOWN = Known(1, "Books", "books", knows=True, as_of=AT, businesses=frozenset({1}))


@pytest.fixture(autouse=True)
def page() -> object:
    app = Flask(__name__)
    app.extensions[EXTENSION] = SimpleNamespace(settings=SimpleNamespace(hub=SimpleNamespace(region="IL")))
    Babel(app, locale_selector=lambda: "en", timezone_selector=lambda: "Asia/Jerusalem")
    with app.test_request_context():
        yield


def owed(currency: str = "ILS", business_id: int = 1, **rows: str) -> Owed:
    amounts = {row: Decimal(rows.get(row.name.lower(), "0")) for row in Row}
    return Owed(
        business_id, f"Acme {business_id}", currency, Aged(business_id, currency, amounts), (), AT.date(), as_of=AT
    )


def told(*several: Owed, known: Known = KNOWN, terms: tuple[Terms, ...] = ()) -> Panel:
    return Panel([known], several, [], terms, {one.business_id: one.business for one in several})


def test_every_word_of_the_records_is_called_something() -> None:
    assert set(money_words.KINDS) == set(DocumentKind)
    assert set(money_words.STATUSES) == set(Status)
    assert set(money_words.SIDES) == set(Side)
    assert set(money_words.ROWS) == set(Row)
    assert money_words.kind("letter") == "Document of an unknown kind"
    assert money_words.title("invoice", "INV/1") == "Invoice INV/1"
    assert money_words.payment_title("sale", "P-1") == "Payment received P-1"
    assert money_words.payment_title("purchase", is_refund=True) == "Refund from a supplier"
    assert str(money_words.heading("invoice", "<7>")) == "Invoice <bdi>&lt;7&gt;</bdi>"


@pytest.mark.parametrize(
    ("values", "word", "weight"),
    [
        ({}, "Not paid", ""),
        ({"is_overdue": True}, "Overdue", "bad"),
        ({"is_overdue": True, "is_gone": True}, "No longer in the ledger", ""),
        ({"status": "void"}, "Cancelled", ""),
        ({"status": "paid"}, "Paid", "ok"),
        ({"kind": "order"}, "Issued", ""),
        ({"kind": "credit_note"}, "Not used yet", ""),
        ({"kind": "credit_note", "status": "paid"}, "Used up", "ok"),
        ({"status": "strange"}, "Status unknown", ""),
    ],
)
def test_how_a_document_stands(values: dict[str, object], word: str, weight: str) -> None:
    one = replace(INVOICE, **values)  # type: ignore[arg-type]  # of a table of cases
    assert (money_words.status(one), money_words.weight(one)) == (word, weight)


def test_the_age_of_a_figure_names_the_day_where_it_is_not_today() -> None:
    assert money_words.as_of(None) == "not read to the end yet"
    moment = now()
    assert len(money_words.as_of(moment)) < len(money_words.as_of(moment - timedelta(days=3)))
    assert money_words.as_of(AT - timedelta(days=400)).startswith("as of 10/19/25, 11:42")


def test_a_doubt_never_sounds_like_no_debt() -> None:
    for one in (
        replace(KNOWN, as_of=None), replace(KNOWN, is_reading=True), replace(KNOWN, trouble="auth: expired"),
        replace(KNOWN, trouble="paused"), replace(KNOWN, is_late=True), replace(KNOWN, knows=False, as_of=None),
    ):  # fmt: skip
        for said in (money_words.ledger(one), money_words.freshness(one)):
            assert "may be owed" in said or "more may be owed" in said or "old" in said, said
            assert "expired" not in said, "the remote's own words are for administrators"


def test_alerts_say_how_much_how_old_where_and_as_of_when() -> None:
    several = [owed(days_90="4310.50", not_due="10"), owed("EUR", 2, days_30="5")]
    found = alerts(told(*several), {"EUR": Decimal(6)})
    assert [(one.word, one.amount) for one in found] == [(Word.OVERDUE, Decimal("4310.50"))]
    text = money_words.alert(found[0], with_business=True)
    assert text.startswith("Overdue ₪4,310.50 · 61-90 days · Acme 1 · as of ")
    assert "Acme" not in money_words.alert(found[0], with_business=False)
    first = Alert(Word.FIRST, AT, Decimal(5), "EUR", Row.DAYS_30)
    assert money_words.alert(first, with_business=False).startswith("Overdue for the first time: €5.00 · 1-30 days")
    blocked = Alert(Word.BLOCKED, AT, reason="Cheque bounced", account="Books")
    assert money_words.alert(blocked, with_business=False).startswith("Blocked in Books · Cheque bounced · as of")


def test_a_credit_limit_is_that_of_one_ledger() -> None:
    limit = Terms("Books", credit_limit=Decimal(100), credit_currency="ILS", businesses=frozenset({1}))
    inside = told(owed(not_due="90"), owed(business_id=2, not_due="90"), terms=(limit,))
    assert alerts(inside, {}) == [], "what is owed to a legal entity of another ledger does not count against it"
    above = told(
        owed(not_due="90"), owed(business_id=3, not_due="90"), terms=(replace(limit, businesses=frozenset({1, 3})),)
    )
    assert [(one.word, one.amount) for one in alerts(above, {})] == [(Word.OVER_LIMIT, Decimal(180))]
    assert "₪180.00 is owed" in money_words.alert(alerts(above, {})[0], with_business=False)


def test_on_the_card_the_worst_of_money_comes_first_and_leaves_room() -> None:
    terms = Terms("Books", blocked=True, businesses=frozenset({1}))
    panel = told(owed(older="1"), owed("EUR", days_30="1"), known=replace(KNOWN, trouble="auth"), terms=(terms,))
    shown = card.alerts([], [], Money(panel, None, alerts(panel, {})))
    assert [one.text.split(" ")[0] for one in shown] == ["Books", "Blocked", "Overdue"]
    assert [one.weight for one in shown] == ["warn", "bad", "bad"]


def test_why_a_ledger_handed_nothing_out_has_words() -> None:
    for error, word in (
        (GoneError("x"), "gone"), (RejectedError("x"), "refused"), (AuthError("x"), "auth"), (LimitedError("x"), "limited"),
        (RetryLaterError("x"), "away"), (ShapeError("x"), "away"), (ConnectorError("x"), "away"),
    ):  # fmt: skip
        assert money_words.trouble(error) == word
        assert word in money_words.TROUBLES


def test_amounts_have_all_decimals_of_their_currency() -> None:
    # Babel's own table drops the coins of some of these; an invoice has them.
    for amount, currency, shown in (
        ("12.50", "RSD", "RSD 12.50"), ("1.234", "IQD", "IQD 1.234"), ("1.234", "KWD", "KWD 1.234"), ("5", "JPY", "¥5"),
        ("-1234.5", "ILS", "-₪1,234.50"), ("1", "ZZZ", "ZZZ 1.00"),
    ):  # fmt: skip
        assert money_text(Decimal(amount), currency).replace("\xa0", " ") in {shown, shown.replace(" ", "")}, currency
