"""Two customers that are one: merged, taken back, listed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import parties as store
from hub.identity.merging import undo as undoing
from hub.identity.merging.merge import merge
from hub.identity.models import Merge
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Body, Operation, Way, serve
from hub.web.frame import current_person

State = Literal["moving", "done", "undoing", "undone"]


class MergeShape(BaseModel):
    """Two customers that became one, or were taken apart again."""

    id: UUID
    winner: shapes.Match | None = Field(description="Whose id, name and place stay")
    loser: shapes.Match | None = Field(description="As it was before; its id leads to the winner until this is undone")
    state: State = Field(
        description="moving, undoing: the history is on its way; what is read is complete meanwhile, but for a customer"
        " that is being given back"
    )
    at: datetime
    by: shapes.Ref | None = Field(description="Who merged; null: a program, or somebody who is no more")
    rule: str = Field(description="By which rule a program decided; empty: a person did; split: records were taken out")
    score: float | None
    reasons: list[Any] = Field(description="What the rule gave as its reasons")
    moved: int = Field(description="Rows of history that changed hands")
    undone_at: datetime | None
    undone_by: shapes.Ref | None


class MergePage(paging.Page[MergeShape]):
    """A page of the merges of a customer, the newest first."""


class MergeWith(Body):
    """Whom to merge with."""

    other: UUID = Field(description="A customer of the same kind")
    winner: UUID | None = Field(
        None, description="Whose id and words count, one of the two; without it, the older one's"
    )


class StayedShape(BaseModel):
    """What people wrote on the page of both; it is the winner's now."""

    kind: str = Field(description="note, task, meeting_booking or mail_draft")
    id: UUID


class Undone(BaseModel):
    """What became of a merge that was taken back."""

    merge: MergeShape
    stayed: list[StayedShape]


@serve(
    Operation(
        "POST",
        "/parties/<uuid:party_id>/merge",
        "Merge two customers",
        Right.EDIT_PARTIES,
        MergeShape,
        body=MergeWith,
        status=201,
        way=Way.WRITE,
        errors=(404, 409),
        description="Everything of one becomes the other's. A long history follows within seconds; it can be undone.",
    )
)
def merge_parties(session: Session, party_id: UUID, body: MergeWith) -> MergeShape:
    """Merge a party with another one."""
    one = store.get(session, party_id)
    with shapes.within("other"):
        other = store.get(session, body.other)
    winner = None
    if body.winner is not None:
        with shapes.within("winner"):
            winner = store.get(session, body.winner)
        if winner.id not in {one.id, other.id}:
            raise UserError("winner: it is one of the two that are merged", error_id="unknown_winner", field="winner")
    return _shaped(session, [merge(session, current_person(), one, other, winner=winner)])[0]


@serve(
    Operation(
        "GET", "/parties/<uuid:party_id>/merges", "What a customer was merged from", Right.USE, MergePage,
        query=paging.Paging,
    )
)  # fmt: skip
def merges_of(session: Session, party_id: UUID, query: paging.Paging) -> MergePage:
    """List the merges of a party, and those that were undone."""
    place = paging.position(query)
    before = place[0] if place is not None else None
    rows = undoing.of_party(session, store.get(session, party_id), before=before, limit=query.limit + 1)
    page, following = paging.cut(rows, query.limit, lambda row: [row.id])
    return MergePage(items=_shaped(session, page), next=following)


@serve(Operation("GET", "/merges/<uuid:merge_id>", "One merge", Right.USE, MergeShape))
def one_merge(session: Session, merge_id: UUID) -> MergeShape:
    """Return a merge."""
    return _shaped(session, [undoing.get(session, merge_id)])[0]


@serve(
    Operation(
        "POST",
        "/merges/<uuid:merge_id>/undo",
        "Take a merge back",
        Right.EDIT_PARTIES,
        Undone,
        way=Way.WRITE,
        errors=(409,),
        description="What was added since goes with its source; what people wrote stays with the winner and is listed."
        " Merges that were made on top of it are taken back first: the error names them in this order.",
    )
)
def undo_merge(session: Session, merge_id: UUID) -> Undone:
    """Take a merge back."""
    row = undoing.get(session, merge_id)
    stayed = undoing.undo(session, current_person(), row)
    return Undone(merge=_shaped(session, [row])[0], stayed=[StayedShape(kind=one.kind, id=one.id) for one in stayed])


def _shaped(session: Session, rows: Sequence[Merge]) -> list[MergeShape]:
    parties = shapes.parties(session, (number for row in rows for number in (row.winner_id, row.loser_id)))
    users = shapes.users(session, (number for row in rows for number in (row.actor_id, row.undone_by)))
    return [
        MergeShape.model_validate({
            "id": row.public_id, "winner": parties.get(row.winner_id), "loser": parties.get(row.loser_id),
            "state": row.state, "at": row.at, "by": users.get(row.actor_id or 0), "rule": row.rule, "score": row.score,
            "reasons": row.reasons, "moved": row.moved, "undone_at": row.undone_at,
            "undone_by": users.get(row.undone_by or 0),
        })
        for row in rows
    ]  # fmt: skip
