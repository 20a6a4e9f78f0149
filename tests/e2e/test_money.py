"""What the agent and the manager see of money: the panel, the timeline, documents and payments, and who sees none of it."""

import csv
import html
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from hub.accounting.alerts import CHOICE
from hub.app import create_app
from hub.connector.ledger import HasLines, HasPdf
from hub.context import Hub
from hub.errors import AuthError, GoneError, LimitedError, RejectedError, RetryLaterError, ShapeError
from hub.identity import parties
from hub.identity.models import Claim, Link, Party, PartyKind
from hub.security import businesses
from hub.security.models import Audit, Business, Choice, Role, User
from hub.store.base import now
from tests.e2e.story import call
from tests.fakes.browser import Browser, signed_in, someone
from tests.fakes.ledger import (
    ABROAD,
    CEDAR,
    CONTACTS,
    HOME,
    INVOICES,
    PAYMENTS,
    PDF,
    Ledger,
    Remembered,
    day,
    one,
    paid,
)

HOSTILE = ('=HYPERLINK("http://evil.example","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =1", "\uff1d1+1")
NOBODY = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def ledger(hub: Hub, tmp_path: Path) -> Ledger:
    return Ledger(hub, tmp_path / "mappings")


@pytest.fixture
def app(ledger: Ledger) -> Flask:
    return create_app(ledger.hub)


@pytest.fixture
def agent(app: Flask, ledger: Ledger) -> Browser:
    someone(ledger.hub, Role.AGENT)
    return signed_in(ledger.hub, "agent@example.com", app)


@pytest.fixture
def narrow(app: Flask, ledger: Ledger) -> Callable[..., Browser]:
    """Somebody who sees the money of one legal entity."""

    def made(name: str, role: str = Role.MANAGER) -> Browser:
        user = someone(ledger.hub, role, "narrow@example.com")
        with ledger.db.write() as session:
            businesses.allow(session, user.id, [ledger.business(name)])
        return signed_in(ledger.hub, "narrow@example.com", app)

    return made


def said(page: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def listed(browser: Browser, path: str = "/documents", **asked: object) -> list[str]:
    """The titles of the lines of a list."""
    answer = browser.get(f"{path}?{urlencode(asked)}")
    assert answer.status_code == 200
    return [said(found).strip() for found in re.findall(r'<th scope="row"><a [^>]*>(.*?)</a>', answer.text)]


def table(browser: Browser, path: str = "/documents.csv", **asked: object) -> list[dict[str, str]]:
    answer = browser.get(f"{path}?{urlencode(asked)}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    text = answer.get_data().decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def panel_of(browser: Browser, party: UUID) -> str:
    """The words of the panel; empty where there is none."""
    answer = browser.get(f"/customers/{party}")
    assert answer.status_code == 200
    found = re.search(
        r'<section class="panel" id="money".*?(?=<section class="panel" aria-labelledby="h-timeline")',
        answer.text,
        re.DOTALL,
    )
    return said(found[0]) if found else ""


def chips_of(page: str) -> list[str]:
    """What is to be known, at the head of a customer's page."""
    head = page.partition('id="details"')[0]
    return [said(one).strip() for one in re.findall(r'<span class="chip [a-z]*"><svg.*?</svg> (.*?)</span>', head)]


# --- the customer -------------------------------------------------------------------------------------------------


def test_a_customer_shows_what_is_owed_by_legal_entity_and_currency_and_never_one_sum(
    ledger: Ledger, agent: Browser
) -> None:
    ledger.tell()
    shown = panel_of(agent, ledger.customer())
    for part in (
        f"{HOME} · ILS", "₪4,535.50", "₪4,310.50", "61-90 days overdue", "Payments that settle nothing yet -₪125.00",
        "Open credits -₪50.00", "Not due yet ₪400.00", "₪725.00", f"{ABROAD} · EUR", "€250.00", "Average days late 7.9",
        "Paid on time 38%", "Average age of what is overdue, in days 70", "What we owe them", "₪300.00",
        "No invoice was paid in the last twelve months", "as of", "How it is counted",
    ):  # fmt: skip
        assert part in shown, part
    assert "4,785" not in shown, "shekels and euros were added"
    assert f'href="/documents?customer={ledger.customer()}"' in agent.get(f"/customers/{ledger.customer()}").text


def test_no_data_is_never_shown_as_no_debt(ledger: Ledger, agent: Browser) -> None:
    ledger.know()
    known = ledger.customer()
    with ledger.db.write() as session:
        stranger = parties.create(session, None, PartyKind.PERSON, "Jan Nowy", region="IL").public_id
    nothing, unsure = "Nothing is open.", "What is owed is not known yet."
    for arrange, party, wanted, never in (
        (ledger.read, known, [nothing, "as of"], [unsure]),
        (ledger.read, stranger, ["does not know this customer", "No documents of this customer are known."], [nothing]),
        (ledger.never_read, known, [unsure, "still being read"], [nothing]),
        (ledger.never_read, stranger, ["still being read"], [nothing, "No documents"]),
        (lambda: (ledger.read(), ledger.fails()), known, [unsure, "cannot be read now", "as of"], [nothing]),
        (lambda: ledger.read(now() - timedelta(days=2)), known, [unsure, "was not read for long"], [nothing]),
        (lambda: (ledger.read(), ledger.state("paused")), known, [unsure, "is paused"], [nothing]),
    ):  # fmt: skip
        arrange()
        shown = panel_of(agent, party)
        for part in wanted:
            assert part in shown, (part, shown)
        for part in never:
            assert part not in shown, (part, shown)
    ledger.state("removed")
    assert panel_of(agent, known) == ""


def test_a_trouble_stands_above_the_figures(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    ledger.fails("password <b>expired</b>")
    shown = panel_of(agent, ledger.customer())
    assert shown.index("cannot be read now") < shown.index("₪4,535.50")
    page = agent.get(f"/customers/{ledger.customer()}").text
    assert "<b>expired" not in page
    assert "cannot be read now" in chips_of(page)[0], "the first thing to know is that the rest may be old"


def test_the_debts_of_a_connection_that_was_removed_are_not_counted_twice(
    hub: Hub, ledger: Ledger, agent: Browser, tmp_path: Path
) -> None:
    ledger.tell()
    ledger.state("removed")
    again = Ledger(ledger.hub, tmp_path / "again", "The books again", "books2")
    again.tell()
    shown = panel_of(signed_in(again.hub, "agent@example.com"), again.customer())
    assert "₪4,535.50" in shown
    assert "9,071" not in shown


def test_a_person_without_documents_shows_the_money_of_the_company(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    with ledger.db.write() as session:
        company = parties.get(session, ledger.customer())
        dana = parties.create(session, None, PartyKind.PERSON, "Dana Levi", region="IL", company=company).public_id
    shown = panel_of(agent, dana)
    assert f"Of the company {CEDAR}" in shown
    assert "₪4,535.50" in shown
    ledger.say(
        CONTACTS, {"remote_id": "9", "kind": "", "name": "Rut Cohen", "emails": "rut@cedar.example", "company": CEDAR}
    )
    ledger.say(INVOICES, one("90", party="9", party_name="Rut Cohen", gross="11.00", balance="11.00"))
    own = panel_of(agent, ledger.customer("9"))
    assert "Of the company" not in own
    assert "₪11.00" in own


def test_what_is_to_be_known_comes_first_on_the_page_and_on_the_card(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    with ledger.db.write() as session:
        party = parties.get(session, ledger.customer())
        link = session.scalars(select(Link).where(Link.party_id == party.id)).first()
        assert link is not None
        for name, value in (
            ("blocked", True),
            ("blocked_reason", "Cheque bounced"),
            ("credit_limit", "1000"),
            ("credit_currency", "ILS"),
        ):
            session.add(Claim(party_id=party.id, link_id=link.id, field=name, value={"value": value}))
        user = session.scalars(select(User).where(User.email == "agent@example.com")).one()
        exchange = ledger.account_id
        talked = call(
            session,
            exchange,
            number="+972542345678",
            party=session.get_one(Party, party.id),
            user=user,
            at=now(),
            talk_s=9,
        )
        number = talked.public_id
    chips = chips_of(agent.get(f"/customers/{ledger.customer()}").text)
    assert chips[0].startswith("Blocked in The books · Cheque bounced")
    assert chips[1].startswith(f"Overdue ₪4,310.50 · 61-90 days · {HOME} · as of ")
    assert len(chips) == 3
    card = said(agent.get(f"/calls/{number}/card").text)
    assert "Blocked in The books · Cheque bounced" in card
    assert "Overdue ₪4,310.50 · 61-90 days" in card
    shown = panel_of(agent, ledger.customer())
    assert "Credit limit · The books ₪1,000.00" in shown


def test_small_amounts_are_no_alert_and_the_first_overdue_one_is_called_so(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    with ledger.db.write() as session:
        session.add(Choice(key=CHOICE, value={"least": {"ILS": "5000.00", "EUR": "1.00"}}))
    chips = chips_of(agent.get(f"/customers/{ledger.customer()}").text)
    assert [one.split(" · ")[0] for one in chips] == ["Overdue €250.00"]
    ledger.say(CONTACTS, {"remote_id": "8", "kind": "company", "name": "Oak Ltd", "emails": "office@oak.example"})
    ledger.say(
        INVOICES,
        one("81", party="8", issue_date=day(60), due_date=day(30), gross="9000.00", balance="0"),
        one("82", party="8", issue_date=day(40), due_date=day(5), gross="9000.00", balance="9000.00"),
    )
    ledger.say(PAYMENTS, paid("81", day(31), "9000.00", [("81", "9000.00")], party="8"))
    chips = chips_of(agent.get(f"/customers/{ledger.customer('8')}").text)
    assert chips[0].startswith("Overdue for the first time: ₪9,000.00")


def test_documents_on_the_timeline_are_as_they_are_now(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    where = f"/customers/{ledger.customer()}"
    page = agent.get(where).text
    rows = [said(row) for row in re.findall(r"<li data-row.*?</li>", page, re.DOTALL)]

    def row(part: str) -> str:
        return next(one for one in rows if part in one)

    assert "₪4,310.50" in row("Invoice INV/2026/0004")
    assert "Overdue" in row("Invoice INV/2026/0004")
    assert "-₪50.00" in row("Credit note CN/2026/0001")
    assert "₪725.00" in row("Payment received P-4")
    struck = r'<s><a [^>]*>Invoice <bdi>%s</bdi></a> · <bdi class="num">₪'
    assert re.search(struck % "INV/2026/0006", page), "what is cancelled is struck through"
    assert not re.search(struck % "INV/2026/0004", page)
    assert f'href="/documents/{ledger.document("4")}"' in page
    ledger.lose(INVOICES, "4")
    page = agent.get(where).text
    assert re.search(struck % "INV/2026/0004", page)
    assert "No longer in the ledger" in page
    number = re.search(rf'{where}/items/(\d+)"[^>]*><summary>More<span class="sr"> . Payment received P-4', page)
    assert number is not None
    body = said(agent.get(f"{where}/items/{number[1]}", HX_Request="true").text)
    assert "Booked" in body
    assert "₪125.00" in body
    assert "Bank transfer" in body


# --- the lists ----------------------------------------------------------------------------------------------------


def test_documents_are_found_by_what_they_are(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    everything = [
        "Quote Q-20", "Invoice INV/2026/0007", "Credit note CN/2026/0001", "Invoice INV/2026/0005", "Supplier's invoice B-77",
        "Invoice FV 1/2026", "Invoice INV/2026/0006", "Invoice INV/2026/0004", "Order SO-9", "Invoice INV/2026/0003",
        "Invoice INV/2026/0002", "Invoice INV/2026/0001", "Invoice",
    ]  # fmt: skip
    assert listed(agent) == everything
    account = str(ledger.public_id)
    for asked, found in (
        ({"side": "purchase"}, ["Supplier's invoice B-77"]),
        ({"kind": "quote"}, ["Quote Q-20"]),
        ({"status": "overdue"}, ["Invoice FV 1/2026", "Invoice INV/2026/0004"]),
        ({"status": "void"}, ["Invoice INV/2026/0006"]),
        ({"status": "draft"}, ["Invoice"]),
        ({"status": "unsettled", "side": "sale", "currency": "ils"},
         ["Invoice INV/2026/0007", "Credit note CN/2026/0001", "Invoice INV/2026/0005", "Invoice INV/2026/0004"]),
        ({"business": ledger.business(ABROAD)}, ["Invoice FV 1/2026"]),
        ({"currency": "EUR"}, ["Invoice FV 1/2026"]),
        ({"account": account, "kind": "order"}, ["Order SO-9"]),
        ({"account": NOBODY}, []),
        ({"since": day(5), "until": day(4)}, ["Invoice INV/2026/0007"]),
        ({"q": "so-9"}, ["Order SO-9"]),
        ({"q": "cedar", "kind": "bill"}, ["Supplier's invoice B-77"]),
        ({"q": "%"}, []),
        ({"customer": ledger.customer(), "kind": "credit_note"}, ["Credit note CN/2026/0001"]),
        ({"nobody": 1}, ["Invoice INV/2026/0007"]),
        ({"gone": 1}, []),
        ({"status": "nonsense", "business": "x", "since": "yesterday"}, everything),
        ({"business": "9" * 40, "kind": "order"}, ["Order SO-9"]),
    ):  # fmt: skip
        assert listed(agent, **asked) == found, asked
    ledger.lose(INVOICES, "4")
    assert listed(agent, gone=1) == ["Invoice INV/2026/0004"]
    assert listed(agent, status="overdue") == ["Invoice FV 1/2026"]
    assert agent.get(f"/documents?customer={NOBODY}").status_code == 404
    assert agent.get("/documents?customer=x").status_code == 404
    assert agent.get("/documents?before=x.y").status_code == 422


def test_payments_are_found_by_what_they_are(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    ledger.say(PAYMENTS, paid("6", day(1), "20.00", is_refund=True), paid("7", day(1), "9.00", side="purchase"))
    found = listed(agent, "/payments")
    assert found[:2] == ["Payment to a supplier P-7", "Refund to the customer P-6"]
    for asked, named in (
        ({"status": "unapplied"}, ["Payment received P-4"]),
        ({"status": "void"}, ["Payment received P-5"]),
        ({"side": "purchase"}, ["Payment to a supplier P-7"]),
        ({"q": "p-3"}, ["Payment received P-3"]),
        ({"since": day(85), "until": day(75)}, ["Payment received P-3"]),
    ):  # fmt: skip
        assert listed(agent, "/payments", **asked) == named, asked
    sums = said(agent.get("/payments/totals", HX_Request="true").text)
    assert "Sales ILS 6 ₪4,715.00 ₪125.00" in sums, "the refund is taken off, what is void is not added"


def test_a_list_goes_on_page_by_page_and_loses_nothing(
    ledger: Ledger, agent: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.tell()
    everything = listed(agent)
    monkeypatch.setattr("hub.web.console.documents.PAGE", 4)
    found: list[str] = []
    path = "/documents"
    while path:
        page = agent.get(path, HX_Request="true").text
        found += [said(one).strip() for one in re.findall(r'<th scope="row"><a [^>]*>(.*?)</a>', page)]
        further = re.search(r'<a class="button" href="([^"]*before=[^"]*)"', page)
        path = html.unescape(further[1]) if further else ""
    assert found == everything


def test_sums_are_by_currency_and_of_the_filtered_list(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    sums = said(agent.get("/documents/totals?status=overdue", HX_Request="true").text)
    assert "Sales EUR 1 €250.00 €250.00" in sums
    assert "Sales ILS 1 ₪4,310.50 ₪4,310.50" in sums
    whole = said(agent.get("/documents/totals", HX_Request="true").text)
    assert "Purchases ILS 1 ₪300.00 ₪300.00" in whole
    assert "₪4,670.50" in whole, "what is open: 4310.50 + 400 + 10 - 50"
    largest = "9000000000000.00"
    ledger.say(INVOICES, one("95", gross=largest, balance=largest), one("96", gross=largest, balance=largest))
    assert "₪18,000,000,010,250.50" not in whole
    assert "18,000,0" in said(agent.get("/documents/totals?kind=invoice", HX_Request="true").text), (
        "a sum beyond 64 bits of millionths"
    )
    bare = agent.get("/documents/totals?kind=quote")
    assert bare.status_code == 303
    assert "Sums of this list" in agent.get(bare.headers["Location"]).text


def test_an_empty_list_says_why(hub: Hub, ledger: Ledger, agent: Browser) -> None:
    assert "No documents yet." in said(agent.get("/documents").text)
    assert "No document matches these filters." in said(agent.get("/documents?kind=quote").text)
    ledger.state("removed")
    shown = said(agent.get("/documents").text)
    assert "No accounting system is connected, so nothing is known" in shown
    assert "Connect one" not in shown, "an agent cannot"
    someone(ledger.hub, Role.ADMIN)
    assert "Connect one" in signed_in(ledger.hub, "admin@example.com").get("/payments").text


def test_a_copy_of_another_connection_is_one_debt(hub: Hub, ledger: Ledger, agent: Browser, tmp_path: Path) -> None:
    ledger.tell()
    with ledger.db.write() as session:
        session.execute(update(Business).where(Business.name == HOME).values(tax_id="IL515247466", region="IL"))
    ledger.say(
        INVOICES,
        one(
            "4",
            number="INV/2026/0004",
            issue_date=day(100),
            due_date=day(70),
            gross="4310.50",
            balance="4310.50",
            updated_at="2026-11-22T10:00:00Z",
        ),
    )
    other = Ledger(ledger.hub, tmp_path / "other", "Files", "files")
    other.know()
    other.say(INVOICES, one("a", number="INV/2026/0004", issue_date=day(100), gross="4310.50", balance=None))
    browser = signed_in(other.hub, "agent@example.com")
    assert listed(browser, q="0004") == ["Invoice INV/2026/0004"]
    assert len(listed(browser, q="0004", copies=1)) == 2
    page = said(browser.get(f"/documents/{ledger.document('4')}").text)
    assert "Also seen in" in page
    assert "Files · Invoice INV/2026/0004" in page
    assert "this one counts" in said(browser.get(f"/documents/{other.document('a')}").text)


def test_where_a_connection_is_removed_its_copies_count(ledger: Ledger, agent: Browser, tmp_path: Path) -> None:
    ledger.know()
    with ledger.db.write() as session:
        session.execute(update(Business).where(Business.name == HOME).values(tax_id="IL515247466", region="IL"))
    with_number = {"number": "T-1", "issue_date": day(100), "gross": "10.00", "balance": "10.00"}
    ledger.say(INVOICES, one("t", **with_number))
    again = Ledger(ledger.hub, tmp_path / "again", "The books again", "books2")
    again.know()
    again.say(INVOICES, one("t", **with_number))
    someone(again.hub, Role.ADMIN)
    admin = signed_in(again.hub, "admin@example.com")
    assert "this one counts" in said(admin.get(f"/documents/{again.document('t')}").text)
    admin.post(f"/connections/{ledger.public_id}/remove")
    assert "this one counts" not in said(admin.get(f"/documents/{again.document('t')}").text)
    assert "this one counts" in said(admin.get(f"/documents/{ledger.document('t')}").text)


def test_what_one_legal_entity_sold_to_another_is_two_debts(ledger: Ledger, agent: Browser) -> None:
    ledger.know()
    with ledger.db.write() as session:
        session.execute(update(Business).where(Business.name == HOME).values(tax_id="515247466", region="IL"))
    with_number = {"number": "IC-1", "issue_date": day(3), "gross": "10.00", "balance": "10.00"}
    ledger.say(INVOICES, one("ic", **with_number))
    other = Ledger(ledger.hub, Path(ledger.hub.settings.home) / "other", "The other books", "books2")
    other.say(
        INVOICES,
        one("ic", kind="bill", party_tax_id="515247466", party_country="IL", party="", business="2", **with_number),
    )
    browser = signed_in(other.hub, "agent@example.com")
    assert sorted(listed(browser, q="IC-1")) == ["Invoice IC-1", "Supplier's invoice IC-1"]


# --- as CSV -------------------------------------------------------------------------------------------------------


def test_a_list_is_saved_whole_and_no_cell_of_it_is_a_formula(
    ledger: Ledger, agent: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.console.documents.EXPORTED", 3)
    ledger.tell()
    ledger.say(INVOICES, *(one(f"h{n}", number=text, party="", party_name=text) for n, text in enumerate(HOSTILE)))
    rows = table(agent)
    assert len(rows) == 13 + len(HOSTILE), "all pages, though they are read by threes"
    assert len({row["Id"] for row in rows}) == len(rows)
    for row in rows:
        for name, cell in row.items():
            assert not cell.lstrip().startswith(("=", "+", "@", "\uff1d")), (name, cell)
            assert not cell.startswith("-") or re.fullmatch(r"-\d+\.\d+", cell), (name, cell)
    assert {f"'{text}" for text in HOSTILE if not text.startswith(" ")} <= {row["Number"] for row in rows}
    credit = next(row for row in rows if row["Number"] == "CN/2026/0001")
    assert (credit["Total"], credit["Still open"], credit["Currency"]) == ("-50.00", "-50.00", "ILS")
    overdue = table(agent, status="overdue")
    assert [row["Status"] for row in overdue] == ["Overdue", "Overdue"]
    assert overdue[1]["Status in the ledger"] == "posted / not_paid"
    assert [row["Number"] for row in table(agent, "/payments.csv", status="unapplied")] == ["P-4"]
    with ledger.db.read() as session:
        lines = session.scalars(select(Audit).where(Audit.action == "documents.exported").order_by(Audit.id)).all()
        assert [line.detail["filters"] for line in lines] == [{}, {"status": "overdue"}]
        assert {line.actor for line in lines} == {"agent@example.com"}


# --- who sees whose money -----------------------------------------------------------------------------------------


def test_a_person_of_one_legal_entity_sees_nothing_of_the_others(
    ledger: Ledger, narrow: Callable[..., Browser]
) -> None:
    ledger.tell()
    ledger.say(PAYMENTS, paid("60", day(3), "77.77", business="2", currency="EUR"))
    browser, party = narrow(ABROAD), ledger.customer()
    shown = panel_of(browser, party)
    assert "€250.00" in shown
    page = browser.get(f"/customers/{party}").text
    assert "₪" not in page, "neither panel nor timeline nor alerts"
    assert "INV/2026/0004" not in page
    assert "FV 1/2026" in page
    assert listed(browser) == ["Invoice FV 1/2026"]
    assert listed(browser, q="INV") == []
    assert listed(browser, business=ledger.business(HOME)) == []
    assert listed(browser, "/payments") == ["Payment received P-60"]
    for path in ("/documents/totals", "/payments/totals"):
        assert "ILS" not in browser.get(path, HX_Request="true").text
    assert [row["Number"] for row in table(browser)] == ["FV 1/2026"]
    assert [row["Number"] for row in table(browser, "/payments.csv")] == ["P-60"]
    assert HOME not in browser.get("/documents").text
    for path in (
        f"/documents/{ledger.document('4')}", f"/documents/{ledger.document('4')}/lines", f"/documents/{ledger.document('4')}/pdf",
        f"/payments/{ledger.payment('4')}", f"/documents/{NOBODY}",
    ):  # fmt: skip
        assert browser.get(path).status_code == 404, path
    assert ledger.remote.asked == []


def test_what_another_legal_entity_paid_is_not_named(ledger: Ledger, narrow: Callable[..., Browser]) -> None:
    ledger.tell()
    ledger.say(PAYMENTS, paid("61", day(3), "100.00", [("10", "100.00")], currency="EUR"))  # by the other legal entity
    page = said(narrow(ABROAD).get(f"/documents/{ledger.document('10')}").text)
    assert "P-61" not in page
    assert "€100.00" not in page


# --- one document -------------------------------------------------------------------------------------------------


def test_a_document_shows_everything_that_is_known_of_it(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    text = agent.get(f"/documents/{ledger.document('4')}").text
    page = said(text)
    for part in (
        "Invoice INV/2026/0004", "Overdue", "posted / not_paid", CEDAR, HOME, "₪3,684.19", "₪626.31", "123456789", "Router, 8 ports",
        "Order SO-9", "as of", "Open in Simple Books",
    ):  # fmt: skip
        assert part in page, part
    assert '<a class="button" href="https://books.example.com/4" rel="noopener noreferrer" target="_blank">' in text
    assert "As it was sent" not in page, "only an administrator sees raw records"
    foreign = said(agent.get(f"/documents/{ledger.document('10')}").text)
    assert "PLN1,062.50" in foreign
    assert "1 EUR = 4.25 PLN" in foreign
    settled = said(agent.get(f"/documents/{ledger.document('5')}").text)
    assert "Payment received P-4" in settled
    assert "₪600.00" in settled
    payment = said(agent.get(f"/payments/{ledger.payment('4')}").text)
    assert "Invoice INV/2026/0005" in payment
    assert "₪125.00" in payment
    someone(ledger.hub, Role.ADMIN)
    assert "As it was sent" in said(
        signed_in(ledger.hub, "admin@example.com").get(f"/documents/{ledger.document('4')}").text
    )
    ledger.lose(INVOICES, "4")
    gone = said(agent.get(f"/documents/{ledger.document('4')}").text)
    assert "The ledger has this no more." in gone
    assert "PDF" not in gone


def test_a_hostile_document_shows_its_words_and_does_nothing(ledger: Ledger, agent: Browser) -> None:
    ledger.know()
    evil = '<script>alert(1)</script>"\u202e'
    ledger.say(
        INVOICES,
        one("66", number=evil, party_name=evil, source_status=evil, url="javascript:alert(1)", first_lines=[evil],
            warnings=[evil], terms_text=evil, references=[{"kind": "order", "number": evil}], fx_rate=evil),
    )  # fmt: skip
    for path in (f"/documents/{ledger.document('66')}", "/documents", f"/customers/{ledger.customer()}"):
        text = agent.get(path).text
        assert "<script>alert" not in text, path
        assert "javascript:" not in text, path
        assert "\u202e" not in text, path


def test_lines_are_read_when_somebody_opens_them_and_outside_any_transaction(ledger: Ledger, agent: Browser) -> None:
    ledger.tell()
    where = f"/documents/{ledger.document('4')}"
    assert isinstance(Remembered(), HasLines)
    assert isinstance(Remembered(), HasPdf)
    agent.get(where)
    assert ledger.remote.asked == []

    def writes() -> None:  # SQLite would wait, were the page's own transaction open for writing
        with ledger.db.write() as session:
            session.execute(update(User).values(language="en"))

    ledger.remote.before = writes
    part = said(agent.get(f"{where}/lines", HX_Request="true").text)
    assert "Router, 8 ports 2 pcs ₪1,500.00 ₪3,000.00" in part
    assert ledger.remote.asked == ["invoices", "4"]
    whole = agent.get(f"{where}/lines")
    assert "<h1>" in whole.text
    assert "Router, 8 ports" in whole.text
    for error, words in (
        (GoneError("404"), "The ledger has this document no more."),
        (RejectedError("no"), "The ledger does not hand this out."),
        (AuthError("401"), "An administrator must connect it again."),
        (LimitedError("429", retry_after=5), "asked us to be slower"),
        (RetryLaterError("down"), "cannot be reached now"),
        (ShapeError("HTML"), "cannot be reached now"),
    ):  # fmt: skip
        ledger.remote.fails = error
        answer = agent.get(f"{where}/lines", HX_Request="true")
        assert (answer.status_code, words in said(answer.text)) == (200, True), words
    ledger.remote.fails = None
    ledger.state("paused")
    assert "does not hand this out" in said(agent.get(f"{where}/lines", HX_Request="true").text)


def test_a_pdf_is_handed_out_only_if_it_is_one_and_is_written_down(
    ledger: Ledger, agent: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.tell()
    where = f"/documents/{ledger.document('4')}/pdf"
    answer = agent.get(where)
    assert answer.get_data() == PDF
    assert answer.headers["Content-Disposition"] == 'attachment; filename="INV-2026-0004.pdf"'
    assert answer.headers["Content-Security-Policy"].endswith("sandbox")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with ledger.db.read() as session:
        line = session.scalars(select(Audit).where(Audit.action == "document.pdf_read")).one()
        assert (line.subject_id, line.detail["number"]) == (str(ledger.document("4")), "INV/2026/0004")
    for content in (b"<html>sign in</html>", b"", b"x" * 2000 + PDF):
        ledger.remote.file = content
        answer = agent.get(where)
        assert answer.status_code == 303
        assert "The ledger does not hand this out." in said(agent.get(answer.headers["Location"]).text)
    monkeypatch.setattr("hub.accounting.original.LARGEST_PDF", 10)
    ledger.remote.file = PDF
    assert agent.get(where).status_code == 303
    assert 'role="alert"' not in agent.get(f"/documents/{ledger.document('4')}?trouble=whatever").text


def test_a_connector_that_only_has_documents_without_balances_is_no_ledger(hub: Hub, ledger: Ledger) -> None:
    assert "books" in ledger.hub.flow.ledgers()
    without = {
        key: mapping for key, mapping in ledger.hub.flow.mappings.items() if key not in {("books", "invoices"), ("books", "orders")}
    }  # fmt: skip
    assert "books" not in replace(ledger.hub.flow, mappings=without).ledgers()
