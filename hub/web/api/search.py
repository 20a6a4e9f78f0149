"""One question to everything: customers, documents, leads and timelines."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from hub.accounting import panel
from hub.identity.words import LONGEST_QUERY
from hub.records.document import DocumentKind
from hub.search import everything
from hub.search.everything import FoundDocument, FoundEntry, FoundParty, Group, Reason
from hub.search.highlight import Piece
from hub.security.policy import Right
from hub.store.base import now
from hub.web.api import paging, shapes
from hub.web.api.operation import Operation, serve
from hub.web.frame import current_hub, current_person

MOST = 50


class PieceShape(BaseModel):
    """A part of a text."""

    text: str
    hit: bool = Field(description="It is what was asked for")


class ReasonShape(BaseModel):
    """Why something was found: what of it has what was asked for."""

    of: str = Field(description="name, company, phone, email, tax_id, former (a name before a merge), number or text")
    pieces: list[PieceShape]


class PartyFound(BaseModel):
    """A person or company."""

    id: UUID
    kind: str = Field(description="person or company")
    name: str
    company: str
    reasons: list[ReasonShape]


class DocumentFound(BaseModel):
    """A document."""

    id: UUID
    kind: str = Field(description=", ".join(DocumentKind))
    number: str
    issue_date: date | None
    party: shapes.Match | None = Field(description="The customer or supplier; null: nobody could be recognised")
    party_name: str = Field(description="As on the document")
    reasons: list[ReasonShape]


class EntryFound(BaseModel):
    """An entry of a timeline, or a lead."""

    id: UUID
    kind: str = Field(description="call (its notes), email, meeting, message, note, payment, lead or ticket")
    direction: str
    started_at: datetime
    title: list[PieceShape]
    parties: list[shapes.Match]
    reasons: list[ReasonShape]


class Found(BaseModel):
    """What was found. What the token's user may not see is neither here nor counted."""

    parties: list[PartyFound]
    documents: list[DocumentFound]
    leads: list[EntryFound]
    timeline: list[EntryFound]
    more: list[Group] = Field(description="Groups of which there is more than the limit")


class SearchQuery(paging.Query):
    """What is looked for."""

    q: str = Field(min_length=1, max_length=LONGEST_QUERY, description="Words, a number or a part of one, an address")
    groups: tuple[Group, ...] = Field(tuple(Group), min_length=1, description="Several: groups=parties,documents")
    limit: int = Field(10, ge=1, le=MOST, description="How many of each group at most")


@serve(
    Operation(
        "GET",
        "/search",
        "Find customers, documents, leads and what happened",
        Right.USE,
        Found,
        query=SearchQuery,
        description="Every word must be there, or begin so; numbers are found by any part of four digits or more, numbers of "
        "documents by any three characters. Exact matches come first, then the newest.",
    )
)
def search(session: Session, query: SearchQuery) -> Found:
    """Find everything that has what is asked for."""
    zone = current_hub().settings.hub.time_zone
    eye = panel.eyes(session, current_person(), at=now(), zone=zone)
    found = everything.search(session, eye, query.q, groups=query.groups, limit=query.limit)
    return Found(
        parties=[_party(one) for one in found.parties],
        documents=[_document(one) for one in found.documents],
        leads=[_entry(one) for one in found.leads],
        timeline=[_entry(one) for one in found.timeline],
        more=[group for group in Group if group in found.more],
    )


def _party(one: FoundParty) -> PartyFound:
    hit = one.hit
    return PartyFound(
        id=hit.id, kind=hit.kind, name=hit.name, company=hit.company, reasons=list(_reasons(one.reasons))
    )  # fmt: skip


def _document(one: FoundDocument) -> DocumentFound:
    line = one.line
    return DocumentFound(
        id=line.id,
        kind=line.kind,
        number=line.number,
        issue_date=line.issue_date,
        party=shapes.Match(id=line.party.id, kind=line.party.kind, name=line.party.name) if line.party else None,
        party_name=line.party_name,
        reasons=list(_reasons(one.reasons)),
    )


def _entry(one: FoundEntry) -> EntryFound:
    entry = one.entry
    return EntryFound(
        id=entry.id,
        kind=entry.kind,
        direction=entry.direction,
        started_at=entry.started_at,
        title=_pieces(one.title),
        parties=[shapes.Match(id=of.id, kind=of.kind, name=of.name) for of in entry.parties],
        reasons=list(_reasons(one.reasons)),
    )


def _reasons(reasons: Iterable[Reason]) -> Iterable[ReasonShape]:
    return (ReasonShape(of=one.of, pieces=_pieces(one.pieces)) for one in reasons)


def _pieces(pieces: Iterable[Piece]) -> list[PieceShape]:
    return [PieceShape(text=one.text, hit=one.hit) for one in pieces]
