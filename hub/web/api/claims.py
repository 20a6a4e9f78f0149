"""What each source says of a customer, and the choice of one of them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from hub.fields import definitions, pins
from hub.identity import parties as store
from hub.identity.models import Party
from hub.identity.pins import Word
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Operation, Way, serve
from hub.web.frame import current_hub, current_person


class ClaimShape(BaseModel):
    """What one source record, or somebody in the hub, says of one field."""

    id: int
    field: str = Field(description="name, company, job_title … or the name of a field that administrators defined")
    value: Any
    source: shapes.Ref | None = Field(description="The account whose record says it; null: it was said in the hub")
    by: shapes.Ref | None = Field(description="Who said it in the hub; null: a program, or somebody who is no more")
    at: datetime
    counts: bool = Field(description="It is what the customer has now, or a part of it")


class ClaimPage(paging.Page[ClaimShape]):
    """A page of what is said of a customer: by field, in the order in which it was first said."""


class Claims(BaseModel):
    """Everything that is said of a customer now: by field, what counts first."""

    items: list[ClaimShape]


@serve(
    Operation(
        "GET", "/parties/<uuid:party_id>/claims", "What each source says of a customer", Right.USE, ClaimPage,
        query=paging.Paging,
    )
)  # fmt: skip
def claims(session: Session, party_id: UUID, query: paging.Paging) -> ClaimPage:
    """List the claims of a party."""
    words = _words(session, store.get(session, party_id))
    page, following = paging.part(words, query, lambda word: [word.field, word.id])
    return ClaimPage(items=_shaped(page), next=following)


@serve(
    Operation(
        "POST",
        "/parties/<uuid:party_id>/claims/<int:claim_id>/pin",
        "Let the word of one source count",
        Right.EDIT_PARTIES,
        Claims,
        way=Way.WRITE,
        errors=(404,),
        description="Its value is kept as if somebody had typed it: from then on no source changes it.",
    )
)
def pin(session: Session, party_id: UUID, claim_id: int) -> Claims:
    """Pin a claim."""
    party = store.get(session, party_id)
    pins.pin(session, current_person(), party, claim_id, region=current_hub().settings.hub.region)
    return Claims(items=_shaped(_words(session, party)))


@serve(
    Operation(
        "POST",
        "/parties/<uuid:party_id>/fields/<field>/unpin",
        "Let the sources decide again",
        Right.EDIT_PARTIES,
        Claims,
        way=Way.WRITE,
        errors=(404,),
        description="What was said in the hub of this field is taken back.",
    )
)
def unpin(session: Session, party_id: UUID, field: str) -> Claims:
    """Take back what was said here."""
    party = store.get(session, party_id)
    pins.unpin(session, current_person(), party, field)
    return Claims(items=_shaped(_words(session, party)))


def _words(session: Session, party: Party) -> Iterator[Word]:
    said = pins.words(session, current_person(), definitions.load(session), party)
    return chain.from_iterable(said.values())


def _shaped(words: Iterable[Word]) -> list[ClaimShape]:
    return [
        ClaimShape(
            id=word.id,
            field=word.field,
            value=word.value,
            source=_ref(word.account),
            by=_ref(word.by),
            at=word.at,
            counts=word.counts,
        )
        for word in words
    ]


def _ref(named: tuple[Any, str] | None) -> shapes.Ref | None:
    return shapes.Ref(id=named[0], name=named[1]) if named is not None else None
