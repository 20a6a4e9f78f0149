"""Two customers and more of whom several sources speak, with a history; and everything that is known, as it stands."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import hub.tables  # noqa: F401 - so that everything that points to a party is there
from hub.accounting.models import DocumentRow
from hub.connector.contract import Delivered
from hub.cti.models import CallRow
from hub.identity import link
from hub.identity.models import Claim, Identifier, Link, Party, PartyStatus
from hub.intake import receive
from hub.intake.models import Account
from hub.records.interaction import Interaction as Record
from hub.security.models import Business
from hub.store.base import Base
from hub.store.session import Database
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Note, Participant, Task

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
STREAM = "contacts:noa@acme.example:connections"
# The journal itself, what only grows, and what says when something was last written.
APART = {"merge", "merge_item", "not_same", "review", "audit", "alembic_version"}
WRITTEN = {("party", "version"), ("party", "changed_at"), ("note", "changed_at"), ("call", "changed_at")}


class Desk:
    """Accounts whose records are taken, in a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.accounts = [Account(name=name, connector="google") for name in ("A", "B", "C", "D")]
        session.add_all(self.accounts)
        session.flush()
        self.at = MONDAY

    def take(self, account: int, remote_id: str, name: str, **more: Any) -> Party:
        """Take one record as the flow does; returns whose it is."""
        owner = self.accounts[account]
        self.at += timedelta(minutes=1)
        values: Mapping[str, Any] = {"remote_id": remote_id, "name": name, "updated_at": self.at.isoformat(), **more}
        kept = receive.keep_page(self.session, owner.id, STREAM, [Delivered(STREAM, remote_id, {**values})])
        [raw] = receive.rows(self.session, kept)
        link.take(self.session, owner, [link.Given(raw, values)], region="IL")
        return self.session.get_one(Party, self.link(account, remote_id).party_id)

    def link(self, account: int, remote_id: str) -> Link:
        return self.session.scalars(
            select(Link).where(Link.account_id == self.accounts[account].id, Link.remote_id == remote_id)
        ).one()

    def talk(self, party: Party | None, value: str, kind: str = "phone") -> int:
        """Something happened on a number or address; returns the interaction."""
        self.at += timedelta(minutes=1)
        record = Record(
            kind="call", direction="inbound", started_at=self.at, ended_at=None, summary="Hello", mentions=()
        )
        [row] = add(
            self.session, [Entry(record, [Part(party.id if party else None, "caller", kind, value)])], account_id=None
        )
        return row.id

    def call(self, party: Party, number: str) -> CallRow:
        self.at += timedelta(minutes=1)
        row = CallRow(
            account_id=self.accounts[0].id, key=self.at.isoformat(), direction="inbound", number=number, party_id=party.id,
            started_at=self.at, source="test", open=False,
        )  # fmt: skip
        self.session.add(row)
        self.session.flush()
        return row

    def document(self, party: Party, account: int, remote_id: str) -> DocumentRow:
        business = self.session.scalars(select(Business)).first() or Business(name="Ours", region="IL")
        self.session.add(business)
        self.session.flush()
        row = DocumentRow(
            account_id=self.accounts[account].id, key=f"invoices:{remote_id}:{self.at.isoformat()}", business_id=business.id,
            party_id=party.id, party_remote_id=remote_id, kind="invoice", side="sale", status="open", currency="ILS",
            gross=100, balance_source="remote",
        )  # fmt: skip
        self.session.add(row)
        self.session.flush()
        return row

    def write(self, party: Party, text: str) -> Note:
        row = Note(party_id=party.id, text=text)
        self.session.add(row)
        self.session.flush()
        return row

    def task(self, party: Party, title: str) -> Task:
        row = Task(party_id=party.id, title=title, due_at=MONDAY)
        self.session.add(row)
        self.session.flush()
        return row

    def whose(self, row: Any) -> int:
        self.session.refresh(row)
        return int(row.party_id)

    def happened(self, party: Party) -> set[int]:
        """The interactions that are a party's alone."""
        return set(self.session.scalars(select(Participant.interaction_id).where(Participant.party_id == party.id)))

    def held(self, party: Party) -> set[str]:
        query = select(Identifier.value).where(Identifier.party_id == party.id, Identifier.valid_to.is_(None))
        return set(self.session.scalars(query))


@contextmanager
def opened(database: Database) -> Iterator[Desk]:
    with Session(database.engine, expire_on_commit=False) as session:
        yield Desk(session)
        session.rollback()


def dump(session: Session, only: Collection[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Everything in the database, or some tables, but the journal and when it was written."""
    session.flush()
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name in APART or (only and table.name not in only):
            continue
        rows = session.execute(select(table)).mappings()
        found[table.name] = sorted(
            ({name: value for name, value in row.items() if (table.name, name) not in WRITTEN} for row in rows),
            key=repr,
        )
    return found


def differing(one: dict[str, list[dict[str, Any]]], other: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What is in one of two dumps and not in the other, by table."""
    return {
        name: (
            [row for row in one[name] if row not in other[name]],
            [row for row in other[name] if row not in one[name]],
        )
        for name in one
        if one[name] != other[name]
    }


def whole(session: Session) -> None:
    """Fail where something is with nobody, with somebody who is no customer any more, or there twice."""
    active = set(session.scalars(select(Party.id).where(Party.status == PartyStatus.ACTIVE)))
    for table in (Link, Identifier, Claim, Participant, Note, Task):
        strays = [one for one in session.scalars(select(table.party_id)) if one is not None and one not in active]
        assert not strays, f"{table.__tablename__}: with parties that are merged: {strays}"
    of_link = dict(session.execute(select(Link.id, Link.party_id)).all())
    for claim in session.execute(select(Claim.link_id, Claim.party_id).where(Claim.link_id.is_not(None))):
        assert of_link[claim.link_id] == claim.party_id, "what a record says is with its record"
    for one in session.execute(select(Identifier.link_id, Identifier.party_id).where(Identifier.link_id.is_not(None))):
        assert of_link[one.link_id] == one.party_id, "a number is with the record that brought it"
    for merged in session.scalars(select(Party).where(Party.merged_into.is_not(None))):
        assert merged.status == PartyStatus.MERGED
        assert merged.merged_into in active, "chains are one step long"
