"""E-invoices that customers attach to mails: fetched, read once, and only where an account wants them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.einvoice import remote as einvoice_remote
from connectors.einvoice.records import record_of
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub import flow
from hub.accounting import attachments as mail_invoices
from hub.accounting.attachments import Attachments
from hub.accounting.models import DocumentRow
from hub.connector.contract import Delivered
from hub.connector.simulated.mime import Attachment
from hub.context import Hub
from hub.intake import accounts, receive
from hub.intake.models import Account, AccountState, FilteredRecord, RawRecord
from hub.mail import files
from hub.mail.models import MailFile
from hub.security.models import Business
from hub.work.lease import claim, new_owner
from tests.e2e.test_google_calendar import NOA
from tests.e2e.test_google_mail import MailOffice, ask
from tests.unit.einvoice.files import empty_pdf, factur_x, fixture

XML = Attachment("Faktura 7.XML", fixture("fa3-vat.xml"))
PDF = Attachment("rechnung.pdf", factur_x(fixture("cii.xml")))
OFFER = Attachment("offer.pdf", empty_pdf())


class Desk(MailOffice):
    """An office with an account of e-invoices, and workers that are run by hand."""

    def __init__(self, hub: Hub, google: GoogleSimulator) -> None:
        super().__init__(hub, google, visibility="all")
        self.looks = Attachments(hub.db, hub.remotes.open, files.shelf(hub.settings), files.limits(hub.settings))

    def wants(self, ends: str) -> int:
        with self.hub.db.write() as session:
            if not session.scalar(select(func.count()).select_from(Business)):
                session.add(Business(name="Green Garden", tax_id="PL1234563218", region="PL"))
            made = accounts.create(
                session,
                self.hub.connectors["einvoice"],
                self.hub.vault,
                f"Mail {ends}",
                {"from_mails": ends},
                region="PL",
            )
            return made.id

    def look(self) -> int:
        return self.looks.turn()

    def fetch(self) -> int:
        """Fetch what was asked for, as workers do."""
        with self.hub.db.write() as session:
            leases = claim(session, MailFile, files.due(), owner=new_owner(), lease_s=60, limit=9)
        for lease in leases:
            hub_app.fetcher(self.hub).fetch(lease)
        return len(leases)

    def documents(self) -> dict[str, Decimal]:
        with self.hub.db.write() as session:
            flow.waiting(self.hub.flow, session)
        with self.hub.db.read() as session:
            return {row.number: row.gross for row in session.scalars(select(DocumentRow))}

    def count(self, table: Any) -> int:
        with self.hub.db.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator) -> Desk:
    return Desk(hub, google)


def come(desk: Desk, google: GoogleSimulator, attachments: Sequence[Attachment], **more: Any) -> None:
    ask(google, attachments=list(attachments), **more)
    desk.read()


def test_invoices_of_a_customers_mail_become_documents_once(desk: Desk, google: GoogleSimulator) -> None:
    desk.wants(".xml .pdf")
    come(desk, google, [XML, OFFER, PDF])
    assert desk.look() == 0, "first they are fetched"
    assert desk.fetch() == 3
    assert desk.look() == 3
    assert desk.documents() == {"FV 7/03/2026": Decimal("1338.00"), "RE-2026/3": Decimal("119.00")}

    assert (desk.look(), desk.fetch(), desk.look()) == (0, 0, 0)
    come(desk, google, [XML], subject="Once more")
    desk.look()
    desk.fetch()
    desk.look()
    assert len(desk.documents()) == 2, "the same file by another mail is the same document"


def test_nobody_touches_mail_unless_an_account_wants_it(desk: Desk, google: GoogleSimulator) -> None:
    desk.wants("")
    come(desk, google, [XML])
    assert desk.look() == 0
    assert desk.count(MailFile) == 0


def test_only_files_with_the_right_name_are_fetched(desk: Desk, google: GoogleSimulator) -> None:
    desk.wants(".xml")
    come(desk, google, [XML, OFFER, PDF])
    desk.look()
    assert desk.count(MailFile) == 1


def test_two_accounts_get_their_own_and_a_late_one_what_is_there(desk: Desk, google: GoogleSimulator) -> None:
    desk.wants(".xml")
    come(desk, google, [XML])
    desk.look()
    desk.fetch()
    assert desk.look() == 1
    desk.wants(".xml .pdf")
    assert desk.look() == 1
    with desk.hub.db.read() as session:
        stream = select(func.count()).select_from(RawRecord).where(RawRecord.stream == "invoices")
        assert session.scalar(stream) == 2


def test_mail_of_strangers_and_mail_that_not_everybody_may_see_is_left(
    desk: Desk, hub: Hub, google: GoogleSimulator
) -> None:
    desk.wants(".xml")
    google.deliver(NOA, from_="who@stranger.example", subject="Invoice", body="Pay", attachments=[XML])
    desk.read()
    assert (desk.look(), desk.count(MailFile)) == (0, 0)
    come(desk, google, [XML])
    [row] = desk.threads()
    with hub.db.write() as session:
        kept = session.get_one(type(row), row.id)
        kept.visibility = "owner"
    assert (desk.look(), desk.count(MailFile)) == (0, 0)


def test_what_dies_before_its_end_looks_again(
    desk: Desk, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wants(".xml")
    come(desk, google, [XML])
    desk.look()
    desk.fetch()

    def dies(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(receive, "filter_out", dies)
        with pytest.raises(RuntimeError):
            desk.look()
    assert desk.documents() == {}
    assert desk.look() == 1
    assert desk.documents() == {"FV 7/03/2026": Decimal("1338.00")}


def test_others_write_while_a_file_is_read(
    desk: Desk, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = desk.wants(".xml")
    come(desk, google, [XML])
    desk.look()
    desk.fetch()

    def paused_meanwhile(data: bytes) -> Delivered:
        with desk.hub.db.write() as session:
            session.get_one(Account, account_id).state = AccountState.PAUSED
        return record_of(data)

    with monkeypatch.context() as patch:
        patch.setattr(einvoice_remote, "record_of", paused_meanwhile)
        desk.look()
    assert desk.documents() == {}, "what was taken back meanwhile is not kept"
    with desk.hub.db.write() as session:
        session.get_one(Account, account_id).state = AccountState.ACTIVE
    assert desk.look() == 1
    assert desk.documents() == {"FV 7/03/2026": Decimal("1338.00")}


def test_a_mail_that_became_private_while_its_file_was_read_is_left(
    desk: Desk, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wants(".xml")
    come(desk, google, [XML])
    desk.look()
    desk.fetch()
    [row] = desk.threads()

    def hidden_meanwhile(data: bytes) -> Delivered:
        with desk.hub.db.write() as session:
            session.get_one(type(row), row.id).visibility = "owner"
        return record_of(data)

    monkeypatch.setattr(einvoice_remote, "record_of", hidden_meanwhile)
    desk.look()
    assert desk.documents() == {}
    assert desk.count(FilteredRecord) == 0


def test_only_so_many_files_are_asked_for_at_once(
    desk: Desk, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wants(".xml .pdf")
    monkeypatch.setattr(mail_invoices, "MOST_ASKED", 2)
    monkeypatch.setattr(mail_invoices, "SOME", 1)
    come(desk, google, [XML, OFFER, PDF])
    desk.look()
    assert desk.count(MailFile) == 2
    desk.look()
    assert desk.count(MailFile) == 3


def test_a_file_that_is_no_more_is_looked_at_once(desk: Desk, google: GoogleSimulator) -> None:
    desk.wants(".pdf")
    come(desk, google, [OFFER])
    desk.look()
    desk.fetch()
    with desk.hub.db.read() as session:
        [row] = session.scalars(select(MailFile)).all()
    desk.looks.shelf.remove(row.sha256)
    assert desk.look() == 1
    assert desk.look() == 0
    with desk.hub.db.read() as session:
        assert session.scalars(select(FilteredRecord.reason).where(FilteredRecord.stream == "attachments")).all() == [
            "not_had"
        ]
