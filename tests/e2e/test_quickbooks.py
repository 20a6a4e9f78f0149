"""The books of a simulated QuickBooks company in a wired hub: everything, what changes, what goes, and what is told of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from sqlalchemy import select, update

from connectors.quickbooks import changes, listing
from connectors.quickbooks import simulator as quickbooks_simulator
from connectors.quickbooks.simulator import QuickBooksSimulator
from hub import app as hub_app
from hub.accounting.models import AllocationRow, BusinessRecord
from hub.connector.ledger import HasLines, HasPdf
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.errors import GoneError, RejectedError
from hub.identity.models import Party
from hub.intake import accounts, read
from hub.intake.models import StreamState
from hub.security.models import Business
from tests.e2e.ledger_desk import LONG_AGO, LedgerDesk, amounts, granted, once, signature
from tests.e2e.reached import reached
from tests.fakes.browser import Browser

STREAMS = (
    "companies", "contacts", "quotes", "invoices", "credit_notes", "bills", "vendor_credits", "purchases", "payments",
)  # fmt: skip
PATIENT = {"requests_per_minute": 100_000}
SALES = ("contacts", "invoices", "payments")


class Desk(LedgerDesk):
    """A hub with the books of one company."""

    def __init__(self, hub: Hub, quickbooks: QuickBooksSimulator, **settings: object) -> None:
        super().__init__(hub, "quickbooks", STREAMS, {**quickbooks.settings(), **PATIENT, **settings})
        self.quickbooks, self.people = quickbooks, quickbooks.people

    def pass_time(self, **by: float) -> None:
        self.quickbooks.clock.advance(**by)

    def allocations(self) -> set[tuple[str, str, Decimal]]:
        with self.hub.db.read() as session:
            return {
                (row.source_key or row.said_by, row.document_key, row.amount)
                for row in session.scalars(select(AllocationRow))
            }


@pytest.fixture
def quickbooks() -> Iterator[QuickBooksSimulator]:
    simulator = quickbooks_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()
    assert not simulator.world.refused, "somebody wanted to write"


@pytest.fixture
def desk(hub: Hub, quickbooks: QuickBooksSimulator) -> Desk:
    return Desk(hub, quickbooks)


# --- everything ---------------------------------------------------------------------------------------------------------


def test_the_whole_books_are_read_as_they_are(desk: Desk) -> None:
    people = desk.people
    dana = people.customer("Dana Ltd", "dana@customer.example")
    kitchen = people.customer("Kitchen", "kitchen@customer.example", parent=people.customer("House", parent=dana))
    bob = people.vendor("Bob Supplies", "bob@supplier.example")
    invoice, job, receipt = people.invoice(dana, "100"), people.invoice(kitchen, "50"), people.sales_receipt(dana, "30")
    credit, quote = people.credit_memo(dana, "20"), people.estimate(dana, "500", status="Accepted")
    paid = people.pay(dana, "60", {invoice.id: "50"})
    people.apply(credit, {invoice.id: "10"})
    refund = people.refund_receipt(dana, "5")
    bill, order, back = people.bill(bob, "80"), people.purchase_order(bob, "45"), people.vendor_credit(bob, "12.50")
    settled = people.pay_bill(bob, "30", {bill.id: "30"})
    desk.read()

    found = desk.documents()
    now_at = {record.id: record.fields for record in (invoice, job, receipt, credit, bill, back)}
    for key, record in (("invoices", invoice), ("invoices", job), ("credit_notes", credit), ("bills", bill)):
        row, sign = found[f"{key}:{record.id}"], -1 if record is credit else 1
        assert row.gross == sign * Decimal(str(now_at[record.id]["TotalAmt"])), key
        assert row.balance == sign * Decimal(str(now_at[record.id]["Balance"])), key
        assert row.url.endswith(f"?txnId={record.id}")
    assert found[f"invoices:{invoice.id}"].status == "partly_paid"
    assert amounts(found[f"invoices:salesreceipt:{receipt.id}"])[:2] == ("invoice_receipt", "paid")
    assert amounts(found[f"quotes:{quote.id}"])[:2] == ("quote", "accepted")
    assert amounts(found[f"purchases:{order.id}"])[:2] == ("purchase_order", "open")
    assert found[f"vendor_credits:{back.id}"].gross == -Decimal(str(now_at[back.id]["TotalAmt"]))
    assert len(found) == 8

    payments = desk.payments()
    assert set(payments) == {
        f"payments:{paid.id}",
        f"payments:refundreceipt:{refund.id}",
        f"payments:billpayment:{settled.id}",
    }
    assert payments[f"payments:{paid.id}"].unapplied == Decimal(10)
    assert payments[f"payments:refundreceipt:{refund.id}"].is_refund
    assert payments[f"payments:billpayment:{settled.id}"].side == "purchase"
    assert {(document, amount) for _, document, amount in desk.allocations()} == {
        (f"invoices:{invoice.id}", Decimal(50)), (f"bills:{bill.id}", Decimal(30)),
    }  # fmt: skip

    owed = found[f"invoices:{job.id}"]
    assert (owed.party_remote_id, owed.contact_remote_id) == (dana.id, kitchen.id)
    assert owed.party_id == found[f"invoices:{invoice.id}"].party_id == desk.party(dana.id)
    assert found[f"bills:{bill.id}"].party_id == desk.party(f"vendor:{bob.id}")
    for stream in ("contacts", "invoices", "payments", "bills"):
        kept = {remote_id: raw.payload for remote_id, raw in desk.raws(stream).items()}
        alone = {one.remote_id: one.payload for one in desk.stream(stream).find(sorted(kept))}
        assert alone == kept, "one by one as all together"
    with desk.hub.db.read() as session:
        [entity] = session.scalars(select(Business).join(BusinessRecord).where(BusinessRecord.is_told))
        assert entity.name == desk.people.books.name
        assert session.get_one(Party, desk.party(dana.id)).name == "Dana Ltd"


@once
def test_a_foreign_currency_keeps_the_rate_of_the_books(desk: Desk) -> None:
    client = desk.people.customer("Klient", "k@client.example", CurrencyRef={"value": "EUR", "name": "Euro"})
    invoice = desk.people.invoice(client, "100", currency="EUR", rate="1.25")
    desk.read(read.LISTING, "contacts", "invoices")
    row = desk.documents()[f"invoices:{invoice.id}"]
    assert (row.currency, row.base_currency) == ("EUR", "USD")
    assert Decimal(row.fx_rate) == Decimal("1.25")


@once
def test_pages_are_read_to_the_end_however_small(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SIZE", 20)
    owners = [desk.people.customer(f"Customer {number}") for number in range(3)]
    made = desk.people.fill(150, owners)
    desk.read(read.LISTING, "invoices")
    assert {f"invoices:{one.id}" for one in made} == set(desk.documents())
    assert desk.stream("invoices").ids() == {one.id for one in made}


# --- changes ------------------------------------------------------------------------------------------------------------


def test_a_payment_changes_its_invoice_and_a_deletion_opens_it_again(desk: Desk) -> None:
    dana = desk.people.customer("Dana", "dana@customer.example")
    invoice, other = desk.people.invoice(dana, "100"), desk.people.invoice(dana, "7")
    total = Decimal(str(invoice.fields["TotalAmt"]))
    desk.read(read.LISTING, *SALES)
    key, before = f"invoices:{invoice.id}", desk.documents()[f"invoices:{other.id}"].changed_at
    assert desk.documents()[key].balance == total

    desk.pass_time(minutes=30)
    payment = desk.people.pay(dana, "40", {invoice.id: "40"})
    asked = desk.quickbooks.asked
    desk.read("invoices", "payments")
    assert desk.quickbooks.asked == asked + 2, "one question for each stream"
    assert desk.documents()[key].balance == total - 40
    assert desk.documents()[key].status == "partly_paid"
    assert desk.documents()[f"invoices:{other.id}"].changed_at == before

    desk.pass_time(minutes=30)
    desk.people.delete(payment)
    desk.read("invoices", "payments")
    assert desk.documents()[key].balance == total
    assert desk.payments()[f"payments:{payment.id}"].gone_at is not None
    assert desk.state("invoices").epoch == 1


def test_void_and_deleted_invoices_are_told_apart(desk: Desk) -> None:
    dana = desk.people.customer("Dana", "dana@customer.example")
    void, deleted = desk.people.invoice(dana, "100"), desk.people.invoice(dana, "50")
    desk.read(read.LISTING, *SALES)
    desk.pass_time(minutes=30)
    desk.people.void(void)
    desk.people.delete(deleted)
    desk.read("invoices")
    found = desk.documents()
    row = found[f"invoices:{void.id}"]
    assert (*amounts(row)[1:], row.gone_at, row.is_open) == ("void", Decimal(0), Decimal(0), None, False)
    gone = found[f"invoices:{deleted.id}"]
    assert gone.gone_at is not None
    assert not gone.is_open


@once
def test_a_customer_who_became_a_part_of_another_one_is_known_with_the_next_document(desk: Desk) -> None:
    dana = desk.people.customer("Dana", "dana@customer.example")
    desk.read(read.LISTING, *SALES)
    desk.pass_time(minutes=30)
    job = desk.people.customer("Garden", parent=dana)
    invoice = desk.people.invoice(job, "10")
    asked = desk.quickbooks.asked
    desk.read("invoices")
    assert desk.quickbooks.asked == asked + 1
    assert desk.documents()[f"invoices:{invoice.id}"].party_remote_id == dana.id


def test_after_a_month_of_silence_everything_is_read_anew(desk: Desk) -> None:
    dana = desk.people.customer("Dana", "dana@customer.example")
    kept, deleted = desk.people.invoice(dana, "100"), desk.people.invoice(dana, "50")
    desk.read(read.LISTING, *SALES)
    ids = {remote_id: raw.id for remote_id, raw in desk.raws("invoices").items()}
    desk.people.delete(deleted)
    desk.people.pay(dana, "1", {kept.id: "1"})
    desk.pass_time(days=31)
    late = desk.people.invoice(dana, "3")
    desk.read("invoices")
    assert desk.state("invoices").epoch == 2
    found = desk.documents()
    assert found[f"invoices:{deleted.id}"].gone_at is not None
    assert found[f"invoices:{kept.id}"].status == "partly_paid"
    assert found[f"invoices:{late.id}"].status == "open"
    assert {remote_id: raw.id for remote_id, raw in desk.raws("invoices").items() if remote_id in ids} == ids


@once
def test_more_changes_than_an_answer_shows_are_not_lost(desk: Desk) -> None:
    dana = desk.people.customer("Dana", "dana@customer.example")
    old = desk.people.invoice(dana, "100")
    desk.read(read.LISTING, *SALES)
    desk.quickbooks.world.most_changes = changes.MOST
    desk.pass_time(minutes=30)
    desk.people.delete(old)
    made = [desk.people.invoice(dana, "1") for _ in range(changes.MOST + 5)]
    desk.pass_time(minutes=30)
    desk.read("invoices")
    assert desk.state("invoices").epoch == 2
    found = desk.documents()
    assert found[f"invoices:{old.id}"].gone_at is not None
    assert {f"invoices:{one.id}" for one in made} <= set(found)


def test_the_nightly_look_finds_what_no_change_told(desk: Desk) -> None:
    """A deletion behind the 1,000th change, or one of a support desk: the ids themselves are compared."""
    dana = desk.people.customer("Dana", "dana@customer.example")
    lost, kept = desk.people.invoice(dana, "100"), desk.people.invoice(dana, "50")
    desk.read(read.LISTING, *SALES)
    desk.people.delete(lost)
    desk.people.books.tombstones.clear()
    desk.read("invoices")
    assert desk.documents()[f"invoices:{lost.id}"].gone_at is None
    with desk.hub.db.write() as session:
        session.execute(update(StreamState).values(begun_at=LONG_AGO))
    found = hub_app.run_audit(desk.hub, desk.claimed("invoices"))
    assert (found.error, found.vanished, found.missing) == ("", 1, ())
    rows = desk.documents()
    assert rows[f"invoices:{lost.id}"].gone_at is not None
    assert rows[f"invoices:{kept.id}"].gone_at is None


# --- single documents -----------------------------------------------------------------------------------------------------


@once
def test_lines_are_read_when_somebody_opens_a_document(desk: Desk) -> None:
    dana = desk.people.customer("Dana", "dana@customer.example")
    invoice = desk.people.invoice(dana, "100")
    desk.read(read.LISTING, "invoices")
    assert "Line" not in desk.raws("invoices")[invoice.id].payload
    invoices = desk.stream("invoices")
    assert isinstance(invoices, HasLines)
    assert isinstance(invoices, HasPdf)
    [line] = invoices.lines(invoice.id)
    assert (line.text, line.net) == ("Service", Decimal(100))
    with pytest.raises(GoneError):
        invoices.lines("999")
    with pytest.raises(GoneError):
        invoices.lines("nothing of the kind")
    with pytest.raises(RejectedError):
        desk.hub.remotes.open(desk.row()).writer("invoices")


# --- access -------------------------------------------------------------------------------------------------------------


def test_several_workers_at_once_refresh_once(desk: Desk) -> None:
    desk.read()
    oauth, before = desk.quickbooks.world.oauth, desk.grant()
    desk.pass_time(days=2)  # the next refresh brings another refresh token
    oauth.expire_access_tokens()
    counted = oauth.refreshes
    desk.read_at_once()
    assert oauth.refreshes == counted + 1
    assert desk.grant().refresh_token != before.refresh_token, "the new one is kept"
    oauth.expire_access_tokens()
    desk.read("invoices")


@once
def test_a_company_that_took_the_permission_back_asks_for_a_person(desk: Desk) -> None:
    desk.read()
    desk.quickbooks.world.oauth.disconnect(desk.people.books.realm)
    hub_app.reader(desk.hub).read(desk.claimed("invoices"))
    state = desk.state("invoices")
    assert state.trouble == "auth"
    assert "Connect" in state.last_error
    asked = desk.quickbooks.asked
    hub_app.reader(desk.hub).read(desk.claimed("bills"))
    assert desk.quickbooks.asked == asked, "what is dead is not tried again"


# --- webhooks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def listening(hub: Hub, quickbooks: QuickBooksSimulator) -> Iterator[Desk]:
    with reached(hub) as house:
        desk = Desk(house, quickbooks)
        desk.read()
        desk.listen()
        quickbooks.webhooks.url = desk.hook
        yield desk
        quickbooks.webhooks.url = ""


@pytest.mark.parametrize("as_cloud_events", [False, True], ids=["old form", "CloudEvents"])
def test_a_webhook_makes_its_streams_due_in_both_forms(listening: Desk, *, as_cloud_events: bool) -> None:
    webhooks = listening.quickbooks.webhooks
    webhooks.as_cloud_events = as_cloud_events
    listening.calm()
    assert listening.due() == set()
    dana = listening.people.customer("Dana", "dana@customer.example")
    listening.quickbooks.notifier.flush()
    assert listening.due() == {"contacts"}
    invoice = listening.people.invoice(dana, "100")
    listening.people.pay(dana, "5", {invoice.id: "5"})
    listening.quickbooks.notifier.flush()
    assert listening.due() >= {"contacts", "invoices", "payments"}
    assert {status for _, status in listening.quickbooks.notifier.sent} == {200}


@once
@pytest.mark.parametrize(
    "body",
    [{"eventNotifications": [{"dataChangeEvent": {"entities": [{"name": "Invoice", "id": "1"}]}}]},
     [{"specversion": "1.0", "type": "qbo.invoice.updated.v1", "intuitentityid": "1", "intuitaccountid": "9"}]],
)  # fmt: skip
def test_who_does_not_sign_is_told_no(listening: Desk, body: Any) -> None:
    listening.calm()
    url, raw = listening.quickbooks.webhooks.url, json.dumps(body).encode()
    signed = signature(b"another word", raw)
    for headers in ({}, {"intuit-signature": "x"}, {"intuit-signature": signed}):
        assert requests.post(url, data=raw, headers=headers, timeout=10).status_code == 401
    assert listening.due() == set()
    good = signature(listening.quickbooks.webhooks.verifier_token.encode(), raw)
    assert requests.post(url, data=raw, headers={"intuit-signature": good}, timeout=10).status_code == 200
    assert listening.due() == {"invoices"}


# --- consent ------------------------------------------------------------------------------------------------------------

Connect = Callable[..., int]


@pytest.fixture
def connect(hub: Hub, quickbooks: QuickBooksSimulator, admin: Browser) -> Connect:
    """Go to the page of consent and back; returns the status of the last page."""
    known = {name: one for name, one in quickbooks.settings().items() if name not in ("refresh_token", "realm")}
    with hub.db.write() as session:
        values = {**known, "timeout_s": 5}
        row = accounts.create(session, hub.connectors["quickbooks"], hub.vault, "QuickBooks", values)
        path = f"/connections/{row.public_id}"
    quickbooks.world.oauth.redirect_uris = {f"{hub.settings.public_url}/oauth/callback"}

    def go(change: Callable[[Mapping[str, str]], str] = quickbooks.consent) -> int:
        sent = admin.post(f"{path}/connect", on=path)
        assert sent.status_code == 303, sent.text
        asked = dict(parse_qsl(urlsplit(str(sent.location)).query))
        back = change(asked).removeprefix(hub.settings.public_url)
        return admin.get(back).status_code

    return go


@once
def test_a_person_connects_a_company_and_the_callback_says_which(
    hub: Hub, quickbooks: QuickBooksSimulator, connect: Connect
) -> None:
    assert connect() == 303
    assert granted(hub, "QuickBooks") == (quickbooks.people.books.realm, True)
    other = quickbooks.world.found("123456", "Other Ltd")
    assert connect(lambda asked: quickbooks.consent(asked, other.books.realm)) == 422
    assert granted(hub, "QuickBooks") == (quickbooks.people.books.realm, True), "what was there before is untouched"


@once
def test_who_says_no_grants_nothing(hub: Hub, quickbooks: QuickBooksSimulator, connect: Connect) -> None:
    assert connect(quickbooks.world.oauth.declined) == 422
    assert granted(hub, "QuickBooks") == ("", False)
