"""Pairs of customers that may be one: asked, answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import parties as store
from hub.identity import reviews
from hub.identity.models import Merge, Review
from hub.identity.reviewing import queue
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Body, Operation, Way, serve
from hub.web.frame import current_person

State = Literal["open", "later", "same", "not_same"]


class ReasonShape(BaseModel):
    """What speaks for or against one customer."""

    code: str = Field(description="Such as same_mobile or names_near; new ones may come")
    values: list[str] = Field(description="What belongs to it: how far names agree, the names, how many hold a number")


class DuplicateShape(BaseModel):
    """Two customers that may be one."""

    id: UUID
    one: shapes.Match | None
    other: shapes.Match | None
    score: float = Field(description="How likely they are one, 0.5 to 1")
    reasons: list[ReasonShape]
    state: State
    at: datetime = Field(description="When it was asked")
    answered_at: datetime | None
    answered_by: shapes.Ref | None = Field(description="null: nobody, a program, or somebody who is no more")


class DuplicatePage(paging.Page[DuplicateShape]):
    """A page of pairs."""


class DuplicateQuery(paging.Paging):
    """Which pairs."""

    state: Literal["waiting", "open", "later", "same", "not_same"] = Field(
        "waiting", description="waiting: open, and those that were put off"
    )


class Answer(Body):
    """What a person says of a pair."""

    answer: Literal["same", "not_same", "later"]
    winner: UUID | None = Field(
        None, description="Of those that are the same, whose id and words count; without it, the older one's"
    )


class Answered(BaseModel):
    """What became of a pair."""

    duplicate: DuplicateShape
    merge: UUID | None = Field(description="The merge that made one of the two; it can be undone")


@serve(
    Operation(
        "GET",
        "/duplicates",
        "Pairs of customers that may be one, the likeliest first",
        Right.EDIT_PARTIES,
        DuplicatePage,
        query=DuplicateQuery,
    )
)
def duplicates(session: Session, query: DuplicateQuery) -> DuplicatePage:
    """List pairs; of those that wait only the ones that can be answered."""
    rows = session.scalars(_wanted(query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row.score, row.id])
    return DuplicatePage(items=_shaped(session, page), next=following)


@serve(
    Operation(
        "POST",
        "/duplicates/<uuid:duplicate_id>",
        "Say whether two customers are one",
        Right.EDIT_PARTIES,
        Answered,
        body=Answer,
        way=Way.WRITE,
        errors=(404, 409),
        description="The same ones are merged, which `/merges/{id}/undo` takes back. Of others no program makes one customer.",
    )
)
def answer_duplicate(session: Session, duplicate_id: UUID, body: Answer) -> Answered:
    """Keep what a person says of a pair."""
    row, winner = reviews.get(session, duplicate_id), None
    if body.winner is not None:
        if body.answer != "same":
            raise UserError(
                "winner: there is one only of those that are the same", error_id="unknown_winner", field="winner"
            )
        with shapes.within("winner"):
            winner = store.get(session, body.winner)
    merged: Merge | None = reviews.decide(session, current_person(), row, body.answer, winner=winner)
    return Answered(duplicate=_shaped(session, [row])[0], merge=merged.public_id if merged else None)


def _wanted(query: DuplicateQuery) -> Select[Any]:
    if query.state in {"same", "not_same"}:
        wanted: Select[Any] = select(Review).where(Review.state == query.state)
    else:
        wanted = queue.open_ones()
        if query.state != "waiting":
            wanted = wanted.where(Review.state == query.state)
    place = paging.position(query)
    if place is not None:
        wanted = wanted.where(tuple_(Review.score, Review.id) < tuple_(literal(place[0]), literal(place[1])))
    return wanted.order_by(Review.score.desc(), Review.id.desc()).limit(query.limit + 1)


def _shaped(session: Session, rows: Sequence[Review]) -> list[DuplicateShape]:
    parties = shapes.parties(session, (number for row in rows for number in (row.a_id, row.b_id)))
    users = shapes.users(session, (row.decided_by for row in rows))
    return [
        DuplicateShape.model_validate({
            "id": row.public_id, "one": parties.get(row.a_id), "other": parties.get(row.b_id), "score": row.score,
            "reasons": [{"code": code, "values": values} for code, values in row.reasons], "state": row.state,
            "at": row.at, "answered_at": row.decided_at, "answered_by": users.get(row.decided_by or 0),
        })
        for row in rows
    ]  # fmt: skip
