"""A hub with administrators' fields of every kind of record and every type, and a source that fills them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from hub import flow as flows
from hub.accounting.models import DocumentRow
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.cti.models import CallRow
from hub.fields import edit
from hub.fields.edit import Draft, OptionDraft
from hub.fields.models import FieldRow, Of, Type
from hub.identity.models import Link, Party
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.leads.models import LeadRow
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.base import now
from hub.web.factory import make_flask
from tests.fakes.api import ApiClient, Office, add_call, office
from tests.fakes.browser import Browser, signed_in
from tests.fakes.exchange import FakeExchange

ADMIN = Person(0, None, "", "tests", Role.ADMIN)
RECORDS = {"contacts": "party", "lead": "lead", "invoices": "document"}
OWN = {
    "party": ("remote_id", "name", "kind", "company", "emails"),
    "lead": ("remote_id", "answers", "created_at"),
    "document": ("remote_id", "kind", "party_name", "currency", "gross", "issue_date", "number"),
    "call": ("remote_id", "direction", "started_at", "outcome"),
}
SIZES = ("small", "large")


class FieldWorld:
    """One account whose mapping takes every field as it is called, and people who look at what comes of it."""

    def __init__(self, hub: Hub, folder: Path, exchange: FakeExchange, more: tuple[str, ...]) -> None:
        self._map(folder, more)
        made: Office = office(hub, exchange)
        self.hub = replace(made.hub, flow=flows.open_flow(hub.settings, folder))
        self.app: Flask = make_flask(self.hub)
        self.agent, self.manager, self.admin = (
            ApiClient(self.app.test_client(), one.token) for one in (made.as_agent, made.as_manager, made.as_admin)
        )
        self.noa, self.exchange_account = made.agent, made.account
        self.account = self.connection("Books")
        self.caller: int | None = None  # whose calls are

    def connection(self, name: str) -> int:
        """Connect an account of the source."""
        with self.hub.db.write() as session:
            row = Account(name=name, connector="books", region="IL")
            session.add(row)
            session.flush()
            return row.id

    def _map(self, folder: Path, more: tuple[str, ...]) -> None:
        copytree(flows.MAPPINGS / flows.HUB, folder / flows.HUB)
        (folder / "books").mkdir()
        for stream, record in {**RECORDS, "calls": "call"}.items():
            lines = [f'stream = "{stream}"', f'record = "{record}"', "[fields]"]
            lines += [f'{name} = {{ from = "{name}"{_type(name)} }}' for name in (*OWN[record], *more)]
            (folder / "books" / f"{stream}.toml").write_text("\n".join(lines), "utf-8")

    def browser(self, email: str = "noa@example.com") -> Browser:
        return signed_in(self.hub, email, self.app)

    def define(self, of: Of, name: str, type_: Type, **more: Any) -> FieldRow:
        options = [OptionDraft({"en": text.title(), "he": f"{text} בעברית"}, text) for text in more.pop("options", ())]
        labels = more.pop("labels", {"en": name.replace("_", " ").title()})
        draft = Draft(type=type_, labels=labels, name=name, options=more.pop("drafts", options), **more)
        with self.hub.db.write() as session:
            return edit.create(session, ADMIN, of, draft, region="IL")

    def archive(self, row: FieldRow) -> None:
        with self.hub.db.write() as session:
            edit.archive(session, ADMIN, row.public_id)

    # --- what the source says -----------------------------------------------------------------------------------------

    def say(self, stream: str, *records: Mapping[str, Any]) -> list[tuple[RawState, str]]:
        """Take records in; returns what became of each, with the reason."""
        with self.hub.db.write() as session:
            account = session.get_one(Account, self.account)
            kept = [Delivered(stream, one["remote_id"], dict(one)) for one in records]
            pages = receive.keep_page(session, account.id, stream, kept)
            raws = receive.rows(session, [one for one in pages if one.waits])
            flows.process(self.hub.flow, session, account, raws)
            return [(RawState(raw.state), raw.error) for raw in raws]

    def contact(self, remote_id: str, **values: Any) -> tuple[RawState, str]:
        [found] = self.say("contacts", {"remote_id": remote_id, "name": f"Person {remote_id}", **values})
        return found

    def lead(self, remote_id: str, **values: Any) -> tuple[RawState, str]:
        answers = [{"key": "full_name", "values": [f"Lead {remote_id}"]}]
        [found] = self.say(
            "lead", {"remote_id": remote_id, "answers": answers, "created_at": now().isoformat(), **values}
        )
        return found

    def document(self, remote_id: str, **values: Any) -> tuple[RawState, str]:
        said = {"kind": "invoice", "party_name": "Cedar Ltd", "currency": "ILS", "gross": "10.00", "number": remote_id}
        [found] = self.say("invoices", {"remote_id": remote_id, "issue_date": "2026-09-01", **said, **values})
        return found

    def call(self, remote_id: str, **values: Any) -> tuple[RawState, str]:
        """A finished call of the agent, as a webhook of another exchange would tell of it."""
        with self.hub.db.write() as session:
            mine = (CallRow.account_id == self.account, CallRow.key == remote_id)
            if session.scalar(select(CallRow.id).where(*mine)) is None:
                account = session.get_one(Account, self.account)
                add_call(session, account, remote_id, now(), [self.noa], party_id=self.caller)
        said = {"direction": "inbound", "started_at": now().isoformat(), "outcome": "missed"}
        [found] = self.say("calls", {"remote_id": remote_id, **said, **values})
        return found

    def again(self) -> None:
        """Run the mappings over everything once more."""
        with self.hub.db.write() as session:
            account = session.get_one(Account, self.account)
            ids = session.scalars(select(RawRecord.id).where(RawRecord.account_id == self.account)).all()
            flows.take_again(self.hub.flow, session, account, ids)

    # --- what the hub made of it --------------------------------------------------------------------------------------

    def row(self, of: Of, remote_id: str) -> Any:
        with self.hub.db.read() as session:
            query: Any
            match of:
                case Of.LEAD:
                    query = select(LeadRow).where(LeadRow.remote_id == remote_id)
                case Of.CALL:
                    query = select(CallRow).where(CallRow.key == remote_id)
                case Of.DOCUMENT:
                    query = select(DocumentRow).where(DocumentRow.key == f"invoices:{remote_id}")
                case _:
                    mine = (Link.remote_id == remote_id, Link.stream == "contacts")
                    query = select(Party).join(Link, Link.party_id == Party.id).where(*mine)
            row: Any = session.scalars(query).one()
            session.expunge(row)
            return row

    def kept(self, of: Of, remote_id: str) -> dict[str, Any]:
        return dict(self.row(of, remote_id).fields)

    def id(self, of: Of, remote_id: str) -> UUID:
        found: UUID = self.row(of, remote_id).public_id
        return found

    def give(self, of: Of, remote_id: str, **values: Any) -> tuple[RawState, str]:
        """Let the source say something of a record of any kind."""
        match of:
            case Of.LEAD:
                return self.lead(remote_id, **values)
            case Of.CALL:
                return self.call(remote_id, **values)
            case Of.DOCUMENT:
                return self.document(remote_id, **values)
            case Of.COMPANY:
                return self.contact(remote_id, kind="company", **values)
        return self.contact(remote_id, **values)


def _type(name: str) -> str:
    return ', type = "datetime"' if name in {"created_at", "started_at"} else ""


PATHS = {Of.PERSON: "parties", Of.COMPANY: "parties", Of.LEAD: "leads", Of.CALL: "calls", Of.DOCUMENT: "documents"}


def page_of(of: Of, public_id: UUID) -> str:
    """The address of a record's page."""
    kind = "customers" if of in {Of.PERSON, Of.COMPANY} else PATHS[of]
    return f"/{kind}/{public_id}{'/card' if of is Of.CALL else ''}"


def form_of(of: Of, public_id: UUID) -> str:
    """The address of the form for its fields."""
    return f"{page_of(of, public_id)}/edit" if of in {Of.PERSON, Of.COMPANY} else f"/{PATHS[of]}/{public_id}/fields"


def list_of(of: Of) -> str:
    return "/customers" if of in {Of.PERSON, Of.COMPANY} else f"/{PATHS[of]}"
