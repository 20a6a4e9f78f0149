"""E-invoices from files to documents: from a watched folder and posted by a program, on both databases."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from hub import app as hub_app
from hub import flow
from hub.accounting.models import DocumentRow, InstalmentRow
from hub.context import Hub
from hub.flow import Taker
from hub.intake import accounts, read
from hub.intake.models import RawRecord, RawState, StreamState
from hub.intake.read import Reader
from hub.security.models import Business
from hub.store.base import now
from hub.work.lease import claim, new_owner
from tests.unit.einvoice.files import factur_x, fixture, replaced

OURS = "PL1234563218"


@dataclass
class Office:
    """A hub with our legal entity, and an account of e-invoice files."""

    hub: Hub
    account: int
    folder: Path

    def look(self) -> dict[str, int]:
        """Read the folder as a worker does."""
        for stream in (read.LISTING, "invoices"):
            with self.hub.db.write() as session:
                which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
                session.execute(update(StreamState).where(which).values(due_at=now()))
                [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
            counts = Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow)).read(lease)
        return {what: count for what, count in counts.items() if count}

    def documents(self) -> Mapping[str, DocumentRow]:
        with self.hub.db.read() as session:
            rows = session.scalars(select(DocumentRow).where(DocumentRow.account_id == self.account)).all()
            return {row.number: row for row in rows}

    def waiting(self) -> dict[str, str]:
        """Records set aside, each with its reason."""
        with self.hub.db.read() as session:
            rows = session.scalars(
                select(RawRecord).where(RawRecord.state == RawState.SET_ASIDE, RawRecord.gone_at.is_(None))
            )
            return {str(row.payload.get("file") or row.payload.get("number")): row.error for row in rows}


@pytest.fixture
def office(hub: Hub, tmp_path: Path) -> Office:
    folder = tmp_path / "invoices"
    folder.mkdir()
    with hub.db.write() as session:
        session.add(Business(name="Green Garden", tax_id=OURS, region="PL"))
        values: dict[str, Any] = {"folder": str(folder), "settle_s": "0"}
        row = accounts.create(session, hub.connectors["einvoice"], hub.vault, "Files", values, region="PL")
        return Office(hub, row.id, folder)


def test_files_become_documents_of_our_side(office: Office) -> None:
    for name in ("fa3-vat.xml", "fa3-kor.xml", "fa3-zal.xml", "ubl-invoice.xml", "ubl-credit-note.xml"):
        (office.folder / name).write_bytes(fixture(name))
    (office.folder / "Rechnung (1).PDF").write_bytes(factur_x(fixture("cii.xml")))
    assert office.look()["new"] == 6
    assert office.waiting() == {}

    found = office.documents()
    told = {
        (row.number, row.kind): (row.side, row.gross, row.currency, row.party_tax_id, row.balance_source)
        for row in _rows(office)
    }
    assert told == {
        ("FV 7/03/2026", "invoice"): ("sale", Decimal("1338.00"), "PLN", "1111111111", "none"),
        ("FK 1/03/2026", "credit_note"): ("sale", Decimal("-246.00"), "PLN", "1111111111", "none"),
        ("ZAL 1/2026", "advance_invoice"): ("sale", Decimal("123.00"), "EUR", "DE136695976", "none"),
        ("2026 / 0017", "invoice"): ("sale", Decimal("123.00"), "EUR", "DE136695976", "none"),
        ("2026 / 0017", "credit_note"): ("sale", Decimal("-12.30"), "EUR", "", "none"),
        ("RE-2026/3", "bill"): ("purchase", Decimal("119.00"), "EUR", "DE136695976", "none"),
    }
    assert found["ZAL 1/2026"].status == "paid"
    with office.hub.db.read() as session:
        parts = session.scalars(select(InstalmentRow).where(InstalmentRow.document_id == found["RE-2026/3"].id)).all()
        assert sorted(one.amount for one in parts) == [Decimal("50.00"), Decimal("69.00")]
    assert found["FV 7/03/2026"].due_date is not None
    assert office.look() == {}


def _rows(office: Office) -> list[DocumentRow]:
    with office.hub.db.read() as session:
        return list(session.scalars(select(DocumentRow).where(DocumentRow.account_id == office.account)))


def test_the_same_twice_is_one_and_a_corrected_file_another_version(office: Office) -> None:
    (office.folder / "a.xml").write_bytes(fixture("cii.xml"))
    (office.folder / "copy of a.xml").write_bytes(fixture("cii.xml"))
    office.look()
    (office.folder / "b.pdf").write_bytes(factur_x(fixture("cii.xml")))
    assert office.look() == {"unchanged": 1}
    (office.folder / "c.xml").write_bytes(replaced("cii.xml", (">119.00<", ">120.00<")))
    assert office.look()["changed"] == 1
    [row] = _rows(office)
    assert row.gross == Decimal("120.00")


def test_what_is_not_ours_or_no_invoice_waits_with_its_reason(office: Office) -> None:
    strange = replaced("fa3-vat.xml", ("1234563218", "9999999999"))
    (office.folder / "strange.xml").write_bytes(strange)
    (office.folder / "broken.xml").write_bytes(b"<Invoice>")
    (office.folder / "picture.pdf").write_bytes(b"%PDF-1.7 nothing")
    (office.folder / "good.xml").write_bytes(fixture("fa3-upr.xml"))
    office.look()
    waiting = office.waiting()
    assert set(waiting) == {"FV 7/03/2026", "broken.xml", "picture.pdf"}
    assert "not ours" in waiting["FV 7/03/2026"]
    assert "the XML cannot be read" in waiting["broken.xml"]
    assert "the PDF cannot be read" in waiting["picture.pdf"]
    assert set(office.documents()) == {"1"}

    (office.folder / "broken.xml").write_bytes(fixture("fa3-roz.xml"))
    (office.folder / "picture.pdf").unlink()
    office.look()
    assert set(office.waiting()) == {"FV 7/03/2026"}
    assert set(office.documents()) == {"1", "ROZ 1/2026"}


def test_a_program_posts_a_file_and_is_told_what_is_wrong_with_it(office: Office, hub: Hub) -> None:
    with hub.db.write() as session:
        row = accounts.create(session, hub.connectors["einvoice"], hub.vault, "Posted", {}, region="PL")
        token = accounts.rotate_hook_token(row)
        office.account = row.id
    app: Flask = hub_app.create_app(hub)
    browser = app.test_client()
    answer = browser.post(f"/hooks/{token}", data=fixture("ubl-invoice.xml"), content_type="application/xml")
    assert answer.json == {"number": "2026 / 0017", "format": "UBL Invoice"}
    again = browser.post(f"/hooks/{token}", data=factur_x(fixture("cii.xml")), content_type="application/pdf")
    assert again.status_code == 200
    refused = browser.post(
        f"/hooks/{token}", data=replaced("cii.xml", (">119.00<", ">1e5<")), content_type="application/xml"
    )
    assert refused.status_code == 422
    assert "is no amount" in refused.text
    with hub.db.write() as session:
        flow.waiting(hub.flow, session)
    assert set(office.documents()) == {"2026 / 0017", "RE-2026/3"}
