"""The books of a simulated Xero organisation in a wired hub: everything, what changes, what goes, and what is told of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from sqlalchemy import delete, select, update

from connectors.xero import client as xero_client
from connectors.xero import organisation
from connectors.xero import simulator as xero_simulator
from connectors.xero.push import HEADER
from connectors.xero.simulator import XeroSimulator
from hub.accounting.models import AllocationRow, BusinessRecord
from hub.connector.ledger import HasLines, HasPdf
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.errors import GoneError, LimitedError, RejectedError
from hub.flow import Taker
from hub.identity.models import Party
from hub.intake import accounts, read
from hub.intake.models import Account, StreamState
from hub.intake.read import Reader
from hub.security.models import Business
from hub.store.base import now
from hub.work.models import Bucket
from tests.e2e.ledger_desk import LedgerDesk, amounts, granted, once, signature
from tests.e2e.reached import reached
from tests.fakes.browser import Browser

STREAMS = (
    "companies", "contacts", "invoices", "credit_notes", "payments", "prepayments", "overpayments", "quotes", "purchases",
)  # fmt: skip
PATIENT = {"requests_per_minute": 100_000}
SALES = ("contacts", "invoices", "credit_notes", "payments")


class Desk(LedgerDesk):
    """A hub with the books of one organisation."""

    def __init__(self, hub: Hub, xero: XeroSimulator, **settings: object) -> None:
        super().__init__(hub, "xero", STREAMS, {**xero.settings(), **PATIENT, **settings})
        self.xero, self.books = xero, xero.books

    def pass_time(self, **by: float) -> None:
        self.xero.clock.advance(**by)

    def silence_is_over(self) -> None:
        with self.hub.db.write() as session:
            session.execute(delete(Bucket))

    def allocations(self) -> set[tuple[str, Decimal]]:
        with self.hub.db.read() as session:
            return {(row.document_key, row.amount) for row in session.scalars(select(AllocationRow))}


@pytest.fixture
def xero() -> Iterator[XeroSimulator]:
    simulator = xero_simulator.create(0, Faults())
    simulator.start()
    simulator.tokens.access_token_s = 400 * 86_400  # tests move its clock
    organisation._known.clear()
    yield simulator
    simulator.stop()
    assert not simulator.writes, "somebody wanted to write"


@pytest.fixture
def desk(hub: Hub, xero: XeroSimulator) -> Desk:
    return Desk(hub, xero)


# --- everything ---------------------------------------------------------------------------------------------------------


def test_the_whole_books_are_read_as_they_are(desk: Desk) -> None:
    books = desk.books
    dana, bob = books.add_contact("Dana Ltd", email="dana@customer.example"), books.add_contact("Bob Supplies")
    invoice, bill = books.invoice(dana, "100"), books.bill(bob, "80")
    draft = books.invoice(dana, "1", status="DRAFT")
    credit, back = books.credit_note(dana, "20"), books.credit_note(bob, "12.50", type_="ACCPAYCREDIT")
    quote, order = books.add("Quotes", dana, "500"), books.add("PurchaseOrders", bob, "45")
    early = books.add("Prepayments", dana, "33", type_="RECEIVE-PREPAYMENT")
    paid, settled = books.pay(invoice, "40"), books.pay(bill)
    books.allocate(credit, invoice, "10")
    books.allocate(early, invoice, "3")
    desk.read()

    found = desk.documents()
    row = found[f"invoices:{invoice.id}"]
    assert amounts(row) == ("invoice", "partly_paid", invoice.total, books.left(invoice))
    assert row.url.endswith(f"/{books.short_code}/invoicing/view/{invoice.id}")
    assert (row.currency, row.base_currency) == ("EUR", "EUR")
    assert amounts(found[f"invoices:{draft.id}"])[1] == "draft"
    assert amounts(found[f"invoices:{bill.id}"]) == ("bill", "paid", bill.total, Decimal(0))
    assert amounts(found[f"credit_notes:{credit.id}"])[:3] == ("credit_note", "partly_paid", -credit.total)
    assert amounts(found[f"credit_notes:{back.id}"])[:3] == ("vendor_credit", "open", -back.total)
    assert amounts(found[f"quotes:{quote.id}"])[0] == "quote"
    assert amounts(found[f"purchases:{order.id}"])[0] == "purchase_order"
    assert len(found) == 7

    payments = desk.payments()
    assert set(payments) == {f"payments:{paid.id}", f"payments:{settled.id}", f"prepayments:{early.id}"}
    assert payments[f"payments:{paid.id}"].amount == Decimal(40)
    assert payments[f"payments:{settled.id}"].side == "purchase"
    assert payments[f"prepayments:{early.id}"].unapplied == books.left(early)
    assert desk.allocations() == {
        (f"invoices:{invoice.id}", Decimal(40)), (f"invoices:{bill.id}", bill.total),
        (f"invoices:{invoice.id}", Decimal(10)), (f"invoices:{invoice.id}", Decimal(3)),
    }  # fmt: skip

    assert row.party_id == found[f"credit_notes:{credit.id}"].party_id == desk.party(dana.id)
    assert found[f"invoices:{bill.id}"].party_id == desk.party(bob.id)
    with desk.hub.db.read() as session:
        [entity] = session.scalars(select(Business).join(BusinessRecord).where(BusinessRecord.is_told))
        assert entity.name == books.name
        assert session.get_one(Party, desk.party(dana.id)).name == "Dana Ltd"


@once
def test_a_foreign_currency_is_kept_with_what_one_of_it_is_worth(desk: Desk) -> None:
    books = desk.books
    invoice = books.invoice(books.add_contact("Klient"), "100", currency="USD", rate="1.25")  # dollars for one euro
    paid = books.pay(invoice, "50")
    desk.read(read.LISTING, *SALES)
    row = desk.documents()[f"invoices:{invoice.id}"]
    assert (row.currency, row.base_currency) == ("USD", "EUR")
    assert Decimal(row.fx_rate) == Decimal("0.8")
    assert desk.payments()[f"payments:{paid.id}"].currency == "USD"


@once
def test_pages_are_read_to_the_end_however_small(desk: Desk) -> None:
    desk.xero.page(20)
    made = desk.books.fill(150, desk.books.add_contact("Dana"))
    desk.read(read.LISTING, "invoices")
    assert {f"invoices:{one.id}" for one in made} == set(desk.documents())
    asked = desk.xero.asked
    desk.pass_time(hours=1)
    desk.read("invoices")
    assert desk.xero.asked <= asked + 1


@once
def test_what_changes_while_pages_are_read_is_not_lost(desk: Desk) -> None:
    """Xero's page 2 is counted anew each time; by the time of change, records would slip past it."""
    desk.xero.page(10)
    made = desk.books.fill(40, desk.books.add_contact("Dana"))
    desk.read(read.LISTING)
    Reader(desk.hub.db, desk.hub.remotes.open, Taker(desk.hub.flow), slice_s=0).read(desk.claimed("invoices"))
    first = set(desk.raws("invoices"))
    assert 0 < len(first) < len(made)
    for one in made:
        if one.id in first:
            desk.books.change(one, number=f"X-{one.id[:8]}")
    late = desk.books.invoice(desk.books.add_contact("New"), "7")
    desk.read("invoices", "invoices")
    assert set(desk.raws("invoices")) == {one.id for one in made} | {late.id}
    assert all(row.number.startswith("X-") for key, row in desk.documents().items() if key.split(":")[1] in first)


# --- changes ------------------------------------------------------------------------------------------------------------


def test_a_payment_changes_its_invoice_and_a_deletion_opens_it_again(desk: Desk) -> None:
    dana = desk.books.add_contact("Dana")
    invoice, other = desk.books.invoice(dana, "100"), desk.books.invoice(dana, "7")
    desk.read(read.LISTING, *SALES)
    key, before = f"invoices:{invoice.id}", desk.documents()[f"invoices:{other.id}"].changed_at
    assert desk.documents()[key].balance == invoice.total

    desk.pass_time(minutes=30)
    payment = desk.books.pay(invoice, "40")
    asked = desk.xero.asked
    desk.read("invoices", "payments")
    assert desk.xero.asked == asked + 2, "one question for each stream"
    assert amounts(desk.documents()[key])[1:] == ("partly_paid", invoice.total, invoice.total - 40)
    assert desk.documents()[f"invoices:{other.id}"].changed_at == before
    assert desk.allocations() == {(key, Decimal(40))}

    desk.pass_time(minutes=30)
    desk.books.delete_payment(payment)
    desk.read("invoices", "payments")
    assert amounts(desk.documents()[key])[1:] == ("open", invoice.total, invoice.total)
    assert desk.payments()[f"payments:{payment.id}"].gone_at is not None
    assert desk.state("invoices").epoch == 1


def test_a_void_invoice_stays_and_a_deleted_one_is_gone(desk: Desk) -> None:
    dana = desk.books.add_contact("Dana")
    void, deleted = desk.books.invoice(dana, "100"), desk.books.invoice(dana, "50", status="DRAFT")
    desk.read(read.LISTING, *SALES)
    desk.pass_time(minutes=30)
    desk.books.void(void)
    desk.books.delete(deleted)
    desk.read("invoices")
    found = desk.documents()
    row = found[f"invoices:{void.id}"]
    assert (row.status, row.gone_at, row.is_open, row.balance) == ("void", None, False, Decimal(0))
    gone = found[f"invoices:{deleted.id}"]
    assert gone.gone_at is not None
    assert not gone.is_open


def test_a_credit_note_settles_an_invoice(desk: Desk) -> None:
    dana = desk.books.add_contact("Dana")
    invoice, credit = desk.books.invoice(dana, "100"), desk.books.credit_note(dana, "20")
    desk.read(read.LISTING, *SALES)
    assert desk.allocations() == set()
    desk.pass_time(minutes=30)
    desk.books.allocate(credit, invoice, credit.total)
    desk.read("credit_notes", "invoices")
    found = desk.documents()
    assert found[f"invoices:{invoice.id}"].balance == invoice.total - credit.total
    assert amounts(found[f"credit_notes:{credit.id}"]) == ("credit_note", "paid", -credit.total, Decimal(0))
    assert desk.allocations() == {(f"invoices:{invoice.id}", credit.total)}


@once
def test_a_later_due_date_that_moves_no_time_of_change_is_found_by_a_whole_reading(desk: Desk) -> None:
    invoice = desk.books.invoice(desk.books.add_contact("Dana"), "100")
    desk.books.pay(invoice, "1")
    desk.pass_time(hours=3)
    desk.read(read.LISTING, *SALES)
    assert invoice.due is not None
    later = invoice.due + timedelta(days=60)
    desk.books.extend_due(invoice, later)
    desk.read("invoices")
    assert desk.documents()[f"invoices:{invoice.id}"].due_date != later, "a known gap"
    with desk.hub.db.write() as session:
        session.execute(update(StreamState).values(last_full_at=now() - timedelta(days=31)))
    desk.read("invoices")
    assert desk.documents()[f"invoices:{invoice.id}"].due_date == later


# --- single documents -----------------------------------------------------------------------------------------------------


@once
def test_lines_and_the_pdf_are_asked_for_when_somebody_opens_a_document(desk: Desk) -> None:
    books = desk.books
    invoice = books.invoice(books.add_contact("Dana"), "100", texts=("Work", "Travel"))
    desk.read(read.LISTING, *SALES)
    invoices = desk.stream("invoices")
    assert isinstance(invoices, HasLines)
    assert isinstance(invoices, HasPdf)
    assert [line.text for line in invoices.lines(invoice.id)] == ["Work", "Travel"]
    assert invoices.pdf(invoice.id, largest=1 << 20).startswith(b"%PDF-")
    with pytest.raises(RejectedError):
        invoices.pdf(invoice.id, largest=10)
    with pytest.raises(GoneError):
        invoices.lines("00000000-0000-0000-0000-000000000000")
    with pytest.raises(RejectedError):
        desk.hub.remotes.open(desk.row()).writer("invoices")


# --- limits -------------------------------------------------------------------------------------------------------------


def test_when_the_day_is_used_up_nobody_asks_until_xero_says_so(desk: Desk) -> None:
    desk.books.invoice(desk.books.add_contact("Dana"), "100")
    desk.read()
    desk.xero.faults.add("day_limited")
    state = desk.look("invoices")
    assert state.trouble == "limited"
    assert state.due_at is not None
    assert timedelta(minutes=59) < state.due_at - now() <= timedelta(minutes=90), "as long as Xero says"
    asked = desk.xero.asked
    assert desk.look("payments").trouble == "limited", "it is the whole organisation's day"
    with pytest.raises(LimitedError):
        desk.stream("invoices").lines("00000000-0000-0000-0000-000000000000")
    assert desk.xero.asked == asked
    desk.silence_is_over()
    desk.read("invoices", "payments")


@once
def test_the_last_requests_of_a_day_are_kept_for_people(hub: Hub, xero: XeroSimulator) -> None:
    desk = Desk(hub, xero, day_reserve=4_950)
    invoice = desk.books.invoice(desk.books.add_contact("Dana"), "100")
    desk.read()
    xero.limits.per_day = 4_900  # of which a few were used
    desk.pass_time(hours=1)
    desk.look("invoices")
    asked = xero.asked
    assert desk.look("payments").trouble == "limited"
    assert xero.asked == asked
    assert desk.stream("invoices").lines(invoice.id)
    assert xero.asked == asked + 1


# --- access -------------------------------------------------------------------------------------------------------------


def test_several_workers_at_once_refresh_once(desk: Desk) -> None:
    desk.read()
    before, counted = desk.grant(), desk.xero.tokens.refreshed
    desk.xero.tokens.expire_access_tokens()
    desk.read_at_once()
    assert desk.xero.tokens.refreshed == counted + 1
    assert desk.grant().refresh_token != before.refresh_token, "the new one is kept"
    assert desk.xero.limits.peak <= xero_client.AT_ONCE
    desk.xero.tokens.expire_access_tokens()
    desk.read("invoices")


@once
def test_an_organisation_that_was_disconnected_asks_for_a_person(desk: Desk) -> None:
    desk.read()
    desk.xero.tokens.disconnect(desk.books.id)
    state = desk.look("invoices")
    assert state.trouble == "disabled"
    assert "Connect" in state.last_error


# --- webhooks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def listening(hub: Hub, xero: XeroSimulator) -> Iterator[Desk]:
    with reached(hub) as house:
        desk = Desk(house, xero)
        desk.read()
        desk.listen()
        yield desk


def test_the_intent_to_receive_is_proven_and_a_change_makes_its_streams_due(listening: Desk) -> None:
    webhooks = listening.xero.webhooks
    listening.calm()
    assert webhooks.intend(listening.hook), webhooks.verdicts
    assert listening.due() == set()
    webhooks.enter(listening.hook)
    dana = listening.books.add_contact("Dana")
    webhooks.deliver()
    webhooks.notifier.flush()
    assert listening.due() == {"contacts"}
    listening.read("contacts")
    listening.calm()
    invoice = listening.books.invoice(dana, "100")
    webhooks.deliver()
    webhooks.notifier.flush()
    assert listening.due() >= {"invoices", "payments"}
    listening.read("invoices")
    assert f"invoices:{invoice.id}" in listening.documents()


@once
def test_who_does_not_sign_is_told_no_with_nothing_more(listening: Desk) -> None:
    listening.calm()
    body = {"events": [{"eventCategory": "INVOICE", "eventType": "UPDATE", "resourceId": "x"}], "entropy": "S"}
    raw = json.dumps(body).encode()
    for headers in ({}, {HEADER: "x"}, {HEADER: signature(b"another", raw)}):
        answer = requests.post(listening.hook, data=raw, headers=headers, timeout=10)
        assert (answer.status_code, answer.content, "Set-Cookie" in answer.headers) == (401, b"", False)
    assert listening.due() == set()
    good = signature(listening.xero.webhooks.key.encode(), raw)
    answer = requests.post(listening.hook, data=raw, headers={HEADER: good}, timeout=10)
    assert (answer.status_code, answer.content, "Set-Cookie" in answer.headers) == (200, b"", False)
    assert listening.due() == {"invoices", "payments"}


# --- consent ------------------------------------------------------------------------------------------------------------

Connect = Callable[..., int]


@pytest.fixture
def connect(hub: Hub, xero: XeroSimulator, admin: Browser) -> Connect:
    """Go to the page of consent and back; returns the status of the last page."""
    known = {name: one for name, one in xero.settings().items() if name not in ("refresh_token", "tenant")}
    with hub.db.write() as session:
        row = accounts.create(session, hub.connectors["xero"], hub.vault, "Xero", {**known, "timeout_s": 5})
        path = f"/connections/{row.public_id}"
    xero.tokens.redirect_uris = {f"{hub.settings.public_url}/oauth/callback"}

    def go(*tenants: str, change: Mapping[str, str] | None = None) -> int:
        sent = admin.post(f"{path}/connect", on=path)
        assert sent.status_code == 303, sent.text
        asked = dict(parse_qsl(urlsplit(str(sent.location)).query))
        assert asked["code_challenge_method"] == "S256"
        assert not [one for one in asked["scope"].split() if one.startswith("accounting.") and ".read" not in one]
        chosen = {one: xero.world.organisations[one].name for one in tenants or (xero.books.id,)}
        code = xero.tokens.allow(xero.tokens.wish(asked), xero.world.people[0], chosen)
        query = urlencode({"code": code, "state": asked["state"], **(change or {})})
        return admin.get(f"/oauth/callback?{query}").status_code

    return go


@once
def test_a_person_connects_an_organisation(hub: Hub, xero: XeroSimulator, connect: Connect) -> None:
    assert connect() == 303
    assert granted(hub, "Xero") == (xero.books.id, True)


@once
def test_of_several_organisations_one_must_be_named(hub: Hub, xero: XeroSimulator, connect: Connect) -> None:
    other = xero.add_organisation("Other Ltd", "USD")
    assert connect(xero.books.id, other.id) == 422
    assert granted(hub, "Xero") == ("", False)
    with hub.db.write() as session:
        row = session.scalars(select(Account).where(Account.name == "Xero")).one()
        row.settings = {**row.settings, "tenant": other.id}
    assert connect(xero.books.id, other.id) == 303
    assert granted(hub, "Xero") == (other.id, True)


@once
def test_a_wrong_code_grants_nothing(hub: Hub, connect: Connect) -> None:
    assert connect(change={"code": "wrong"}) == 422
    assert granted(hub, "Xero") == ("", False)
