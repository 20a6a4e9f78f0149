"""What happened with a party, newest first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.fields.models import Of
from hub.identity import parties
from hub.identity.models import Party
from hub.intake.models import Account
from hub.security.policy import Right
from hub.timeline import queries
from hub.timeline.models import Interaction, Kind, Participant
from hub.timeline.queries import Cursor, Wanted
from hub.web.api import fields, paging, shapes
from hub.web.api.notes import NoteFileShape
from hub.web.api.operation import Moment, Operation, serve
from hub.web.frame import current_person


class ParticipantShape(BaseModel):
    """A party's part in it."""

    id: UUID
    kind: str = Field(description="person or company")
    name: str
    role: str = Field(description="caller, callee, sender, recipient or customer")


class TimelineNote(BaseModel):
    """A note that belongs to it."""

    id: UUID
    text: str
    pinned: bool
    author: str
    created_at: datetime
    files: list[NoteFileShape]


class InteractionShape(BaseModel):
    """Anything on a timeline. Where only the metadata may be seen, what it says is left empty."""

    id: UUID
    kind: str = Field(description="call, email, meeting, document, payment, lead, message, note or task")
    direction: str
    started_at: datetime
    ended_at: datetime | None
    summary: str
    parties: list[ParticipantShape]
    account: shapes.Ref | None = Field(description="The connection it came by")
    source_url: str
    visibility: str
    detail: dict[str, Any]
    notes: list[TimelineNote]


class InteractionPage(paging.Page[InteractionShape]):
    """A page of a timeline."""


class TimelineQuery(paging.Paging):
    """Which part of a timeline."""

    kind: tuple[Kind, ...] = Field((), description="Several: kind=call,email")
    since: Moment | None = Field(None, description="Began then or later")
    until: Moment | None = Field(None, description="Began before then")


@serve(
    Operation(
        "GET",
        "/parties/<uuid:party_id>/timeline",
        "What happened with a party, newest first",
        Right.USE,
        InteractionPage,
        query=TimelineQuery,
        subject="timeline",
    )
)
def timeline(session: Session, party_id: UUID, query: TimelineQuery) -> InteractionPage:
    """Return one page of a timeline, as far as the reader may see it."""
    party = parties.get(session, party_id)
    place = paging.position(query)
    page = queries.page(
        session,
        parties.with_merged(session, party),
        person=current_person(),
        wanted=Wanted(kinds=tuple(dict.fromkeys(query.kind)), since=query.since, until=query.until),
        before=Cursor(paging.from_micros(place[0]), place[1]) if place else None,
        limit=query.limit,
    )
    numbers = [item.number for item in page.items]
    accounts, people = _accounts(session, numbers), participants(session, numbers)
    seen = fields.Seen(session)
    items = [_shape(item, accounts.get(item.number), people.get(item.number, []), seen) for item in page.items]
    following = paging.cursor([paging.micros(page.next.started_at), page.next.interaction_id]) if page.next else None
    return InteractionPage(items=items, next=following)


def _shape(
    item: queries.Item, account: shapes.Ref | None, people: list[ParticipantShape], seen: fields.Seen
) -> InteractionShape:
    # A name that a mapping brought before it was a field's: who sees the field, sees it on the call.
    detail = seen.extras(Of.CALL, item.detail) if item.kind == Kind.CALL else dict(item.detail)
    return InteractionShape(
        id=item.id,
        kind=item.kind,
        direction=item.direction,
        started_at=item.started_at,
        ended_at=item.ended_at,
        summary=item.summary,
        parties=people,
        account=account,
        source_url=item.source_url,
        visibility=item.visibility,
        detail=detail,
        notes=[
            TimelineNote(
                id=note.id,
                text=note.text,
                pinned=note.pinned,
                author=note.author,
                created_at=note.created_at,
                files=[NoteFileShape(**file._asdict()) for file in note.files],
            )
            for note in item.notes
        ],
    )


def _accounts(session: Session, numbers: Sequence[int]) -> Mapping[int, shapes.Ref]:
    rows = session.execute(
        select(Interaction.id, Account.public_id, Account.name)
        .join(Account, Account.id == Interaction.account_id)
        .where(Interaction.id.in_(numbers))
    )
    return {row.id: shapes.Ref(id=row.public_id, name=row.name) for row in rows}


def participants(session: Session, numbers: Sequence[int]) -> Mapping[int, list[ParticipantShape]]:
    """Return who takes part in interactions, by their inner ids."""
    rows = session.execute(
        select(Participant.interaction_id, Party.public_id, Party.kind, Party.name, Participant.role)
        .join(Party, Party.id == Participant.party_id)
        .where(Participant.interaction_id.in_(numbers))
        .order_by(Participant.id)
    )
    found: dict[int, list[ParticipantShape]] = {}
    for row in rows:
        shape = ParticipantShape(id=row.public_id, kind=row.kind, name=row.name, role=row.role)
        found.setdefault(row.interaction_id, []).append(shape)
    return found
