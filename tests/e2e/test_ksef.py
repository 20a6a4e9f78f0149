"""KSeF over TLS to documents: sold and bought, each once, with KSeF's number, on both databases."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from connectors.ksef.simulator import KsefSimulator
from hub.accounting.models import DocumentRow
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.flow import Taker
from hub.intake import accounts, read
from hub.intake.models import RawRecord, RawState, StreamState
from hub.intake.read import Reader
from hub.intake.trouble import Trouble
from hub.security.models import Business
from hub.store.base import now
from hub.work.lease import claim, new_owner

ROLES = ("invoices:Subject1", "invoices:Subject2")


@dataclass
class Desk:
    """A hub with one company at KSeF."""

    hub: Hub
    ksef: KsefSimulator
    account: int

    def read(self, *streams: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for stream in streams or (read.LISTING, *ROLES, "legal_entity"):
            with self.hub.db.write() as session:
                which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
                session.execute(update(StreamState).where(which).values(due_at=now()))
                [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
            for what, count in Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow)).read(lease).items():
                counts[what] = counts.get(what, 0) + count
        return {what: count for what, count in counts.items() if count}

    def documents(self) -> dict[str, DocumentRow]:
        with self.hub.db.read() as session:
            rows = session.scalars(select(DocumentRow).where(DocumentRow.account_id == self.account)).all()
            assert len({row.key for row in rows}) == len(rows)
            return {row.number: row for row in rows}

    def state(self, stream: str) -> StreamState:
        with self.hub.db.read() as session:
            which = (StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(select(StreamState).where(*which)).one()


@pytest.fixture
def desk(hub: Hub) -> Iterator[Desk]:
    simulator = KsefSimulator(0, Faults())
    simulator.start()
    since = simulator.clock.now().date().replace(day=1)
    plenty = dict.fromkeys(("metadata_per_hour", "exports_per_hour", "invoices_per_hour"), "100000")
    with hub.db.write() as session:
        values = {**simulator.settings(), **plenty, "since": since.isoformat()}
        account = accounts.create(session, hub.connectors["ksef"], hub.vault, "Green Garden", values, region="PL").id
    yield Desk(hub, simulator, account)
    simulator.stop()


def test_what_was_sold_and_bought_becomes_documents_of_the_company(desk: Desk) -> None:
    sold = desk.ksef.sell("S 1/2026", Decimal("100.00"), email="dana@customer.example")
    bought = desk.ksef.buy("B 7", Decimal("50.00"))
    counts = desk.read()
    assert counts["new"] == 3  # and the company
    found = desk.documents()
    assert {number: (row.kind, row.side, row.gross, row.ksef_no) for number, row in found.items()} == {
        "S 1/2026": ("invoice", "sale", Decimal("123.00"), sold.number),
        "B 7": ("bill", "purchase", Decimal("61.50"), bought.number),
    }
    row = found["S 1/2026"]
    assert (row.key, row.balance, row.balance_source) == (f"invoices:{sold.number}", None, "none")
    assert row.url.startswith("https://qr.ksef.mf.gov.pl/invoice/1234563218/")
    assert (row.party_name, found["B 7"].party_name) == ("Dana Nowak", "Dostawca S.A.")
    with desk.hub.db.read() as session:
        business = session.get_one(Business, row.business_id)
        assert (business.name, business.tax_id, business.currency) == ("Green Garden", "1234563218", "PLN")
        assert found["B 7"].business_id == business.id

    asked = desk.ksef.asked
    assert desk.read(*ROLES) == {}
    assert desk.ksef.asked == asked + 2, "one request for each role"


def test_only_what_is_new_is_fetched(desk: Desk) -> None:
    desk.ksef.sell("S 1", Decimal("100.00"))
    desk.read()
    desk.ksef.sell("S 2", Decimal("10.00"))
    assert desk.read("invoices:Subject1") == {"new": 1}
    assert set(desk.documents()) == {"S 1", "S 2"}


def test_many_invoices_come_in_packages_of_many_parts(desk: Desk) -> None:
    desk.ksef.page(40)
    desk.ksef.world.part_size = 4_000
    for number in range(100):
        desk.ksef.sell(f"S {number}", Decimal(10 + number))
    assert desk.read(read.LISTING, "invoices:Subject1") == {"new": 100}
    assert sum(row.gross for row in desk.documents().values()) == sum(
        Decimal(10 + one) * Decimal("1.23") for one in range(100)
    )
    assert len(desk.ksef.world.packages) == 3


def test_limits_of_a_company_as_ksef_has_them_are_kept(hub: Hub, desk: Desk) -> None:
    """With KSeF's own numbers the second look of a role must wait minutes, and nothing is lost by it."""
    with hub.db.write() as session:
        values = {**desk.ksef.settings(), "since": desk.ksef.clock.now().date().replace(day=1).isoformat()}
        desk.account = accounts.create(session, hub.connectors["ksef"], hub.vault, "As allowed", values, region="PL").id
    desk.ksef.sell("S 1", Decimal("100.00"))
    asked = desk.ksef.asked
    desk.read(read.LISTING, "invoices:Subject1")
    assert set(desk.documents()) == {"S 1"}
    assert desk.ksef.asked > asked
    asked = desk.ksef.asked
    desk.read("invoices:Subject2")
    assert desk.ksef.asked == asked
    state = desk.state("invoices:Subject2")
    assert state.trouble == Trouble.LIMITED
    assert state.due_at is not None
    assert 60 < (state.due_at - now()).total_seconds() <= 210


def test_an_invoice_that_is_none_waits_and_names_its_reason(desk: Desk) -> None:
    kept = desk.ksef.sell("S 1", Decimal("100.00"))
    kept.odd = b"<x/>"
    desk.ksef.sell("S 2", Decimal("10.00"))
    assert desk.read(read.LISTING, "invoices:Subject1")["set aside"] == 1
    assert set(desk.documents()) == {"S 2"}
    with desk.hub.db.read() as session:
        [raw] = session.scalars(select(RawRecord).where(RawRecord.state == RawState.SET_ASIDE)).all()
        assert raw.remote_id == kept.number
        assert "no invoice that is known" in raw.error
