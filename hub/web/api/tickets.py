"""Tickets of help desks: what customers asked there, and whether it is answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.records.ticket import TicketState
from hub.security.policy import Right
from hub.tickets import queries
from hub.tickets.models import TicketRow
from hub.timeline.models import Participant
from hub.web.api import paging, shapes
from hub.web.api.operation import Moment, Operation, serve


class TicketShape(BaseModel):
    """A ticket as its help desk has it now."""

    id: UUID
    number: str
    title: str
    state: TicketState
    open: bool = Field(description="It is neither closed nor gone, and its connection is there")
    priority: str = Field(description="The help desk's own word, as group and owner")
    group: str
    owner: str = Field(description="Who looks after it there")
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    gone_at: datetime | None = Field(description="The help desk has it no more")
    url: str = Field(description="Of its page there")
    name: str = Field(description="Who asks, as the help desk says it, and so are the next two")
    email: str
    phone: str
    party: shapes.Match | None = Field(description="The customer; null: nobody could be recognised")
    account: shapes.Ref | None = Field(description="The connection it came by")


class TicketPage(paging.Page[TicketShape]):
    """A page of tickets."""


class TicketQuery(paging.Paging):
    """Which tickets."""

    party: UUID | None = None
    state: TicketState | None = None
    open: bool | None = Field(None, description="true: those that are open, pending ones too; false: the others")
    since: Moment | None = Field(None, description="Opened then or later")
    until: Moment | None = Field(None, description="Opened before then")


@serve(
    Operation("GET", "/tickets", "Tickets, the oldest first", Right.USE, TicketPage, query=TicketQuery, errors=(404,))
)
def tickets(session: Session, query: TicketQuery) -> TicketPage:
    """List tickets; everybody who may see customers sees them."""
    wanted = select(TicketRow)
    if query.party is not None:
        wanted = wanted.where(queries.of_parties(shapes.party_ids(session, query.party)))
    if query.state is not None:
        wanted = wanted.where(TicketRow.state == query.state)
    if query.open is not None:
        wanted = wanted.where(queries.is_open() if query.open else ~queries.is_open())
    if query.since is not None:
        wanted = wanted.where(TicketRow.opened_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(TicketRow.opened_at < query.until)
    wanted = shapes.by_time(wanted, TicketRow.opened_at, TicketRow.id, query, newest_first=False)
    page, following = paging.cut(
        session.scalars(wanted).all(), query.limit, lambda row: [paging.micros(row.opened_at), row.id]
    )
    return TicketPage(items=_shaped(session, page), next=following)


def _shaped(session: Session, rows: Sequence[TicketRow]) -> list[TicketShape]:
    numbers = [row.id for row in rows]
    opened = set(session.scalars(select(TicketRow.id).where(TicketRow.id.in_(numbers), queries.is_open())))
    whose, accounts = _whose(session, rows), shapes.accounts(session, [row.account_id for row in rows])
    return [
        TicketShape(
            id=row.public_id, number=row.number, title=row.title, state=TicketState(row.state), open=row.id in opened,
            priority=row.priority, group=row.desk_group, owner=row.desk_owner, opened_at=row.opened_at,
            updated_at=row.changed_at, closed_at=row.closed_at, gone_at=row.gone_at, url=row.url, name=row.party_name,
            email=row.party_email, phone=row.party_phone, party=whose.get(row.interaction_id),
            account=accounts.get(row.account_id),
        )
        for row in rows
    ]  # fmt: skip


def _whose(session: Session, rows: Sequence[TicketRow]) -> Mapping[int, shapes.Match]:
    query = select(Participant.interaction_id, Participant.party_id).where(
        Participant.interaction_id.in_([row.interaction_id for row in rows]), Participant.party_id.is_not(None)
    )
    found = {row.interaction_id: row.party_id for row in session.execute(query)}
    parties = shapes.parties(session, found.values())
    return {number: parties[party_id] for number, party_id in found.items() if party_id in parties}
