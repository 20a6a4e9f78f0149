"""A small ledger with two legal entities and one customer: its records go the way of every record, without a network."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from hub.accounting.models import DocumentRow, PaymentRow
from hub.connector.contract import AccountSettings, Connector
from hub.connector.stream import Remote
from hub.context import Hub
from hub.errors import RejectedError
from hub.identity.models import Link, Party
from hub.intake import accounts
from hub.intake.models import Account, StreamState
from hub.records.document import Line
from hub.remotes import Remotes
from hub.security.models import Business
from hub.store.base import now
from tests.unit.accounting.books import ALLOCATIONS, COMPANIES, CONTACTS, INVOICES, ORDERS, PAYMENTS, Books, flow

NAME = "books"
STREAMS = (COMPANIES, CONTACTS, INVOICES, ORDERS, PAYMENTS, ALLOCATIONS)
HOME, ABROAD = "Acme Israel", "Acme Polska"  # our legal entities, 1 and 2
CEDAR = "Cedar Ltd"  # the customer, contact 7
PDF = b"%PDF-1.7\nnothing more\n%%EOF\n"
HERE = ZoneInfo("Asia/Jerusalem")


class Settings(AccountSettings):
    """None."""


class Remembered:
    """What the ledger hands out when it is asked; `fails` is raised instead."""

    def __init__(self) -> None:
        self.told: Sequence[Line] = (
            Line("Router, 8 ports", Decimal(2), "pcs", Decimal("1500.00"), Decimal("3000.00")),
            Line("=1+1", Decimal(1), "", Decimal("684.19"), Decimal("684.19")),
        )
        self.file = PDF
        self.fails: Exception | None = None
        self.asked: list[str] = []
        self.before: Callable[[], None] = lambda: None  # called while it is asked

    def stream(self, key: str) -> "Remembered":
        self.asked.append(key)
        return self

    def writer(self, records: str, mailbox: str = "") -> NoReturn:
        raise RejectedError(f"Nothing is written to its {records}{mailbox}.")

    def lines(self, remote_id: str) -> Sequence[Line]:
        self._ask(remote_id)
        return self.told

    def pdf(self, remote_id: str, *, largest: int) -> bytes:
        assert largest > 0
        self._ask(remote_id)
        return self.file

    def _ask(self, remote_id: str) -> None:
        self.asked.append(remote_id)
        self.before()
        if self.fails is not None:
            raise self.fails


class Ledger(Books):
    """One connected ledger."""

    def __init__(self, hub: Hub, folder: Path, name: str = "The books", connector: str = NAME) -> None:
        self.remote = Remembered()
        made = flow(hub.settings, folder, [(connector, STREAMS)])
        known = {**hub.connectors, connector: self._connector(connector)}
        mappings = {**hub.flow.mappings, **made.mappings}
        remotes = Remotes(hub.settings, hub.db, hub.vault, known)
        self.hub = replace(hub, connectors=known, flow=replace(hub.flow, mappings=mappings), remotes=remotes)
        self.db, self.flow = hub.db, self.hub.flow
        with hub.db.write() as session:
            row = accounts.create(session, known[connector], hub.vault, name, {}, region="IL")
            self.account_id, self.public_id = row.id, row.public_id
            for stream in STREAMS:
                session.add(
                    StreamState(account_id=row.id, stream=stream, records=stream, every_s=600, phase="incremental")
                )
        self.read()

    def _connector(self, name: str) -> Connector[Settings]:
        return Connector(
            name=name, title="Simple Books", docs="https://books.example.com", settings=Settings, check=lambda _account: [],
            remote=lambda _account, _tools: cast("Remote", self.remote),
        )  # fmt: skip

    # ------------------------------------------------------------------ how it is
    def read(self, at: datetime | None = None, **values: Any) -> None:
        """Its streams were read to the end at a moment."""
        at = at or now()
        self._streams(last_ok_at=at, last_full_at=at, trouble="", last_error="", **values)

    def never_read(self) -> None:
        self._streams(last_ok_at=None, last_full_at=None, trouble="", last_error="")

    def fails(self, why: str = "the key was refused") -> None:
        self._streams(trouble="auth", last_error=why)

    def state(self, state: str) -> None:
        with self.db.write() as session:
            session.get_one(Account, self.account_id).state = state

    def _streams(self, **values: Any) -> None:
        with self.db.write() as session:
            session.execute(update(StreamState).where(StreamState.account_id == self.account_id).values(**values))

    # ------------------------------------------------------------------ what it says
    def know(self) -> None:
        """Its legal entities and the customer."""
        self.say(
            COMPANIES,
            {"remote_id": "1", "name": HOME, "country": "IL", "currency": "ILS", "time_zone": "Asia/Jerusalem"},
            {"remote_id": "2", "name": ABROAD, "country": "PL", "currency": "PLN", "time_zone": "Europe/Warsaw"},
        )
        self.say(CONTACTS, {"remote_id": "7", "kind": "company", "name": CEDAR, "emails": "office@cedar.example"})

    def tell(self) -> None:
        """All kinds of documents of one customer."""
        self.know()
        self.say(
            INVOICES,
            one("1", number="INV/2026/0001", issue_date=day(200), due_date=day(170), gross="1170.00", balance="0"),
            one("2", number="INV/2026/0002", issue_date=day(150), due_date=day(120), gross="2340.00", balance="0"),
            one("3", number="INV/2026/0003", issue_date=day(120), due_date=day(90), gross="500.00", balance="0"),
            one(
                "4", number="INV/2026/0004", issue_date=day(100), due_date=day(70), net="3684.19", tax="626.31",
                gross="4310.50", balance="4310.50", has_pdf=True, first_lines=["Router, 8 ports"], lines_count=2,
                url="https://books.example.com/4", source_status="posted / not_paid", allocation_no="123456789",
                references=[{"kind": "order", "number": "SO-9", "key": f"{ORDERS}:9"}],
            ),
            one("5", number="INV/2026/0005", issue_date=day(20), due_date=day(-10), gross="1000.00", balance="400.00"),
            one("6", kind="credit_note", number="CN/2026/0001", issue_date=day(15), due_date=None, gross="50.00", balance="50.00"),
            one("8", number="", status="draft", issue_date=None, due_date=None, gross="77.00", balance="77.00"),
            one("9", number="INV/2026/0006", status="void", issue_date=day(90), due_date=day(60), gross="88.00", balance="0"),
            one("10", number="FV 1/2026", business="2", currency="EUR", issue_date=day(40), due_date=day(10), gross="250.00",
                balance="250.00", base_currency="PLN", fx_rate="4.25", gross_base="1062.50"),
            one("11", kind="bill", number="B-77", issue_date=day(30), due_date=day(0), gross="300.00", balance="300.00"),
            one("12", number="INV/2026/0007", party="", party_name="", issue_date=day(5), gross="10.00", balance="10.00"),
        )  # fmt: skip
        self.say(
            ORDERS,
            one("9", kind="order", number="SO-9", issue_date=day(110), due_date=None, balance=None, gross="4310.50", status="open"),
            one("20", kind="quote", number="Q-20", issue_date=day(3), due_date=None, balance=None, gross="900.00", status="accepted"),
        )  # fmt: skip
        self.say(
            PAYMENTS,
            paid("1", day(172), "1170.00", [("1", "1170.00")]),
            paid("2", day(100), "2340.00", [("2", "2340.00")]),
            paid("3", day(80), "500.00", [("3", "500.00")]),
            paid("4", day(12), "725.00", [("5", "600.00")], unapplied="125.00", method="Bank transfer"),
            paid("5", day(9), "30.00", [], status="void"),
        )
        self.read()

    # ------------------------------------------------------------------ what the hub made of it
    def customer(self, remote_id: str = "7") -> UUID:
        with self.db.read() as session:
            query = select(Party.public_id).join(Link, Link.party_id == Party.id)
            return session.scalars(query.where(Link.account_id == self.account_id, Link.remote_id == remote_id)).one()

    def document(self, remote_id: str, records: str = INVOICES) -> UUID:
        return self._id(DocumentRow, f"{records}:{remote_id}")

    def payment(self, remote_id: str) -> UUID:
        return self._id(PaymentRow, f"{PAYMENTS}:{remote_id}")

    def business(self, name: str) -> int:
        with self.db.read() as session:
            return session.scalars(select(Business.id).where(Business.name == name)).one()

    def _id(self, table: type[DocumentRow | PaymentRow], key: str) -> UUID:
        with self.db.read() as session:
            mine = (table.account_id == self.account_id, table.key == key)
            return session.scalars(select(table.public_id).where(*mine)).one()


def day(ago: int) -> str:
    """A day so many days ago where most of the ledger's documents are from: at night it is another one than that of UTC."""
    return (datetime.now(HERE).date() - timedelta(days=ago)).isoformat()


def one(remote_id: str, **values: Any) -> dict[str, Any]:
    """A document of the customer; an invoice unless it says otherwise."""
    said = {
        "remote_id": remote_id, "kind": "invoice", "number": f"INV/{remote_id}", "party": "7", "party_name": CEDAR,
        "issue_date": day(10), "due_date": day(-20), "currency": "ILS", "gross": "100.00", "balance": "100.00",
        "business": "1", **values,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def paid(
    remote_id: str, on: str, amount: str, settles: Sequence[tuple[str, str]] = (), **values: Any
) -> dict[str, Any]:
    """A payment of the customer, with what it settled."""
    parts = [
        {"id": str(place), "document": f"{INVOICES}:{document}", "amount": part, "date": on}
        for place, (document, part) in enumerate(settles)
    ]
    return {
        "remote_id": remote_id, "side": "sale", "date": on, "amount": amount, "currency": "ILS", "business": "1", "party": "7",
        "party_name": CEDAR, "number": f"P-{remote_id}", "allocations": parts, **values,
    }  # fmt: skip


__all__ = ["ABROAD", "CEDAR", "HOME", "PDF", "Ledger", "date", "day", "one", "paid"]
