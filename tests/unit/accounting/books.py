"""A ledger for tests: its records go through the real flow, under a mapping that takes every field as it is called."""

from collections.abc import Sequence
from pathlib import Path
from shutil import copytree
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import flow as flows
from hub.accounting import said
from hub.accounting.panel import TOLD
from hub.connector.contract import Delivered
from hub.flow import Flow, open_flow
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.settings import Settings
from hub.store.session import Database

CONTACTS, COMPANIES, INVOICES, ORDERS, PAYMENTS, ALLOCATIONS = (
    "contacts", "companies", "invoices", "orders", "payments", "allocations"
)  # fmt: skip
_PARTY = ("remote_id", "kind", "name", "emails", "phones", "tax_id", "tax_country", *TOLD)
_SIDES = tuple(f"{who}_{part}" for who in ("seller", "buyer") for part in ("name", "country", "email", "tax_id"))
_FIELDS = {
    CONTACTS: ("party", _PARTY),
    COMPANIES: ("business", tuple(said.BusinessFields.model_fields)),
    INVOICES: ("document", tuple({*said.DocumentFields.model_fields, *_SIDES})),
    ORDERS: ("document", tuple(said.DocumentFields.model_fields)),
    PAYMENTS: ("payment", tuple(said.PaymentFields.model_fields)),
    ALLOCATIONS: ("allocation", tuple(said.AllocationFields.model_fields)),
}
_DATETIMES, _DATES = {"updated_at"}, {"issue_date", "due_date", "service_date", "date"}


def flow(settings: Settings, folder: Path, connectors: Sequence[tuple[str, Sequence[str]]]) -> Flow:
    """The hub's own mappings, and those of ledgers: each by its name and its streams."""
    for name, streams in connectors:
        (folder / name).mkdir(parents=True)
        for stream in streams:
            record, fields = _FIELDS[stream]
            lines = [f'stream = "{stream}"', f'record = "{record}"', "[fields]"]
            lines += [f'{field} = {{ from = "{field}"{_type(field)} }}' for field in sorted(fields)]
            (folder / name / f"{stream}.toml").write_text("\n".join(lines))
    copytree(flows.MAPPINGS / flows.HUB, folder / flows.HUB)
    return open_flow(settings, folder)


def _type(field: str) -> str:
    if field in _DATETIMES:
        return ', type = "datetime"'
    if field == "credit_limit":  # other amounts are read by who takes documents
        return ', type = "decimal"'
    return ', type = "date"' if field in _DATES else ""


class Books:
    """One account at a ledger."""

    def __init__(self, database: Database, made: Flow, name: str, connector: str) -> None:
        self.db, self.flow = database, made
        with database.write() as session:
            row = Account(name=name, connector=connector)
            session.add(row)
            session.flush()
            self.account_id = row.id

    def say(self, stream: str, *records: dict[str, Any]) -> list[RawState]:
        """Take records in; returns what became of each."""
        with self.db.write() as session:
            return self.say_in(session, stream, *records)

    def say_in(self, session: Session, stream: str, *records: dict[str, Any]) -> list[RawState]:
        """The same as a part of a transaction."""
        account = session.get_one(Account, self.account_id)
        kept = [Delivered(stream, one["remote_id"], one) for one in records]
        pages = receive.keep_page(session, account.id, stream, kept)
        raws = receive.rows(session, [one for one in pages if one.waits])
        flows.process(self.flow, session, account, raws)
        return [RawState(raw.state) for raw in raws]

    def lose(self, stream: str, *remote_ids: str) -> None:
        with self.db.write() as session:
            raws = self._raws(session, stream, remote_ids)
            flows.Taker(self.flow).gone(session, session.get_one(Account, self.account_id), raws)

    def withdraw(self, stream: str, *remote_ids: str) -> None:
        """They are not for the hub after all."""
        with self.db.write() as session:
            raws = self._raws(session, stream, remote_ids)
            flows.Taker(self.flow).withdraw(session, session.get_one(Account, self.account_id), raws)

    def remove(self) -> None:
        """The connection is removed."""
        with self.db.write() as session:
            flows.remove(session, session.get_one(Account, self.account_id))

    def _raws(self, session: Session, stream: str, remote_ids: Sequence[str]) -> Sequence[RawRecord]:
        mine = (RawRecord.account_id == self.account_id, RawRecord.stream == stream)
        return session.scalars(select(RawRecord).where(*mine, RawRecord.remote_id.in_(remote_ids))).all()

    def why(self, stream: str, remote_id: str) -> str:
        with self.db.read() as session:
            mine = (RawRecord.account_id == self.account_id, RawRecord.stream == stream)
            return session.scalars(select(RawRecord.error).where(*mine, RawRecord.remote_id == remote_id)).one()


def rows(books: Books, table: Any, *where: Any) -> Sequence[Any]:
    """What the database has of a table, the oldest first."""
    with books.db.read() as session:
        return session.scalars(select(table).where(*where).order_by(table.id)).all()


def invoice(remote_id: str, **values: Any) -> dict[str, Any]:
    """An invoice of 117 shekels to contact 7, not paid."""
    return {
        "remote_id": remote_id, "kind": "invoice", "number": f"INV/{remote_id}", "party": "7", "party_name": "Cedar Ltd",
        "issue_date": "2026-09-01", "due_date": "2026-10-01", "currency": "ILS", "gross": "117.00", "balance": "117.00",
        "status": "open", "business": "1", **values,
    }  # fmt: skip
