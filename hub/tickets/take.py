"""Take tickets in: each once, as its help desk has it now, on the timeline of whoever asked.

Whose a ticket is follows from the customer that it names, by the same rules as of documents (`accounting/whose.py`). Safe to
repeat at any line: a ticket is unique by its account and key, its row on the timeline by its raw record.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from hub.accounting import whose
from hub.accounting.whose import Contacts
from hub.identity.email import read_email
from hub.identity.link import ERASED
from hub.identity.models import Party
from hub.identity.parties import EMAIL
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.records.interaction import Interaction as Record
from hub.records.ticket import Ticket, TicketState
from hub.security import suppression
from hub.store.base import new_public_id, now
from hub.store.insert import insert
from hub.store.turn import in_turn
from hub.tickets.models import TicketRow
from hub.tickets.said import said
from hub.timeline import add as timeline
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind, Participant

_TABLE = cast("Table", TicketRow.__table__)
_KEPT = {"id", "public_id", "account_id", "key"}  # an update leaves them as they are
_SOME = 500


@dataclass(frozen=True, slots=True)
class Given:
    """A ticket: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


@dataclass(slots=True)
class _Work:
    """A ticket on its way."""

    raw: RawRecord
    ticket: Ticket
    public_id: UUID
    party_id: int | None = None

    @property
    def key(self) -> str:
        return key_of(self.raw)

    @property
    def party_remote_id(self) -> str:
        return whose.remote_id_of(self.ticket.party)


def take(session: Session, account: Account, given: Sequence[Given], *, contacts: Contacts) -> list[RawState]:
    """Keep tickets as they are now and bring timelines up to date; of somebody who was erased nothing is kept.

    Raises:
        RecordError: one of them is no ticket.
    """
    in_turn(
        session, Party.__tablename__
    )  # who takes their contacts in at this moment sees these tickets, or we see those
    works = [_Work(one.raw, said(one.values), new_public_id()) for one in given]
    parties = whose.found(session, account, [one.ticket for one in works], contacts)
    for one in works:
        one.party_id = parties.get(one.party_remote_id)
    erased = _erased(session, account, [one for one in works if one.party_id is None], contacts)
    receive.forget(session, [one.raw for one in works if one.raw.id in erased], ERASED)
    works = [one for one in works if one.raw.id not in erased]
    _know(session, account, works)
    entries = [Entry(_record(one), _parts(account, one), one.raw.id) for one in works]
    placed = add(session, entries, account_id=account.id)
    _write(session, [_row(account, one, row.id) for one, row in zip(works, placed, strict=True)])
    return [RawState.FILTERED if one.raw.id in erased else RawState.APPLIED for one in given]


def lose(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Take tickets off the open ones that the help desk has no more; that they were there stays on the timeline."""
    mine = (TicketRow.account_id == account.id, TicketRow.key.in_([key_of(raw) for raw in raws]))
    session.execute(
        update(TicketRow).where(*mine, TicketRow.gone_at.is_(None)).values(gone_at=now())
        .execution_options(synchronize_session="fetch")
    )  # fmt: skip
    rows = session.scalars(select(TicketRow.interaction_id).where(*mine)).all()
    for interaction in session.scalars(select(Interaction).where(Interaction.id.in_(rows))):
        interaction.detail = {**interaction.detail, "gone": True}


def adopt(session: Session, account: Account, remote_ids: Iterable[str], streams: Collection[str]) -> None:
    """Give the tickets of these contacts to whoever they are now linked to; they may have waited for nobody known."""
    asked = sorted(set(remote_ids))
    given: dict[str, set[int | None]] = defaultdict(set)
    for begin in range(0, len(asked), _SOME):
        query = (
            select(TicketRow.party_remote_id, Participant.party_id)
            .join(Participant, Participant.interaction_id == TicketRow.interaction_id)
            .where(TicketRow.account_id == account.id, TicketRow.party_remote_id.in_(asked[begin : begin + _SOME]))
            .where(Participant.identifier_kind == whose.POINTER)
            .distinct()
        )
        for remote_id, party_id in session.execute(query):
            given[remote_id].add(party_id)
    for remote_id, party_id in whose.of_links(session, account, given, streams).items():
        for former in given[remote_id] - {party_id}:
            timeline.adopt(session, party_id, whose.POINTER, whose.pointer(account.id, remote_id), former=former)


def key_of(raw: RawRecord) -> str:
    """Return what a ticket is called in its account: kind of records and remote id."""
    return f"{raw.stream}:{raw.remote_id}"


def _erased(session: Session, account: Account, nobodys: Sequence[_Work], contacts: Contacts) -> set[int]:
    """Return the raw records of those tickets of nobody that are of somebody who was erased."""
    things: dict[suppression.Thing, set[int]] = defaultdict(set)
    for one in nobodys:
        for stream in {whose.OWN, *contacts.streams} if one.party_remote_id else ():
            things["record", str(account.id), stream, one.party_remote_id].add(one.raw.id)
        if email := read_email(one.ticket.party.email):
            things[EMAIL, email.address].add(one.raw.id)
    return {number for thing in suppression.suppressed(session, things) for number in things[thing]}


def _know(session: Session, account: Account, works: Sequence[_Work]) -> None:
    """Give tickets that are there already the ids that they have."""
    by_key = {one.key: one for one in works}
    query = select(TicketRow.key, TicketRow.public_id).where(
        TicketRow.account_id == account.id, TicketRow.key.in_(by_key)
    )
    for key, public_id in session.execute(query):
        by_key[key].public_id = public_id


def _parts(account: Account, work: _Work) -> list[Part]:
    remote_id = work.party_remote_id
    if not remote_id:
        return []
    return [Part(work.party_id, "customer", whose.POINTER, whose.pointer(account.id, remote_id))]


def _record(work: _Work) -> Record:
    ticket = work.ticket
    told = {
        "ticket": str(work.public_id), "number": ticket.number, "state": str(ticket.state), "priority": ticket.priority,
        "group": ticket.group, "owner": ticket.owner,
    }  # fmt: skip
    return Record(
        kind=Kind.TICKET,
        direction="inbound",
        started_at=ticket.opened_at or work.raw.received_at,
        ended_at=_closed_at(work),
        summary=ticket.title or ticket.number,
        mentions=(),
        detail={name: value for name, value in told.items() if value},
        source_url=ticket.url,
    )


def _closed_at(work: _Work) -> Any:
    """Return since when nothing more is to be done; where the help desk does not say, since it changed last."""
    ticket = work.ticket
    if ticket.state is not TicketState.CLOSED:
        return None
    return ticket.closed_at or ticket.updated_at or work.raw.received_at


def _row(account: Account, work: _Work, interaction_id: int) -> dict[str, Any]:
    ticket = work.ticket
    return {
        "public_id": work.public_id,
        "account_id": account.id,
        "key": work.key,
        "raw_record_id": work.raw.id,
        "interaction_id": interaction_id,
        "party_remote_id": work.party_remote_id,
        "party_name": ticket.party.name,
        "party_email": ticket.party.email,
        "party_phone": ticket.party.phone,
        "number": ticket.number,
        "title": ticket.title,
        "state": str(ticket.state),
        "priority": ticket.priority,
        "desk_group": ticket.group,
        "desk_owner": ticket.owner,
        "url": ticket.url,
        "opened_at": ticket.opened_at or work.raw.received_at,
        "changed_at": ticket.updated_at or work.raw.received_at,
        "closed_at": _closed_at(work),
        "gone_at": None,
    }


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert or update tickets."""
    if not rows:
        return
    statement = insert(session, _TABLE)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in _KEPT}
    upsert = statement.on_conflict_do_update(index_elements=["account_id", "key"], set_=changed)
    session.execute(upsert, list(rows))
