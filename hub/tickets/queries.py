"""Which tickets are open. Everybody who may see customers sees them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hub.intake.models import Account, AccountState
from hub.tickets.models import TicketRow
from hub.timeline.models import Participant

MOST = 50  # open tickets of one customer that a page shows


class OpenTicket(NamedTuple):
    """An open ticket as a page shows it."""

    id: UUID
    number: str
    title: str
    state: str
    priority: str
    opened_at: datetime
    url: str
    source: str  # name of the connection


def of_parties(party_ids: Sequence[int]) -> ColumnElement[bool]:
    """Say which tickets are of some parties."""
    theirs = select(Participant.interaction_id).where(Participant.party_id.in_(party_ids), Participant.kind == "ticket")
    return TicketRow.interaction_id.in_(theirs)


def is_open() -> ColumnElement[bool]:
    """Say which tickets are open: not closed, still there, of a connection that is."""
    there = select(Account.id).where(Account.state != AccountState.REMOVED)
    return TicketRow.closed_at.is_(None) & TicketRow.gone_at.is_(None) & TicketRow.account_id.in_(there)


def open_of(session: Session, party_ids: Sequence[int], *, limit: int = MOST) -> list[OpenTicket]:
    """Return the open tickets of parties, the oldest first."""
    query = (
        select(
            TicketRow.public_id, TicketRow.number, TicketRow.title, TicketRow.state, TicketRow.priority,
            TicketRow.opened_at, TicketRow.url, Account.name,
        )
        .join(Account, Account.id == TicketRow.account_id)
        .where(is_open(), of_parties(party_ids))
        .order_by(TicketRow.opened_at, TicketRow.id)
        .limit(limit)
    )  # fmt: skip
    return [OpenTicket(*row) for row in session.execute(query)]


def count_of(session: Session, party_ids: Sequence[int]) -> int:
    """Return how many tickets of parties are open."""
    query = select(func.count()).select_from(TicketRow).where(is_open(), of_parties(party_ids))
    return session.scalar(query) or 0
