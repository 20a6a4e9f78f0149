"""What waits for an answer: the queue in its order, what is alike in it, and what a merge would make of a pair."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, case, exists, func, select, union_all
from sqlalchemy.orm import Session, aliased

from hub.identity.claims import Said, display, golden, is_said_here
from hub.identity.models import Claim, Identifier, Link, NotSame, Party, PartyKind, PartyStatus, Review, ReviewState
from hub.identity.reviewing.taught import alike
from hub.identity.reviews import WAITING

# So many of the likeliest are put in order by what they are worth; nobody answers more in a day.
MOST = 2_000

Worth = Callable[[Any], ColumnElement[Any]]  # of a review: its score, times what it is worth to know


class Waiting(NamedTuple):
    """A question in the queue."""

    id: int
    a_id: int
    b_id: int
    score: float
    reasons: Sequence[Any]
    state: str

    @property
    def alike(self) -> str:
        return alike(self.reasons)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many wait, and how many of those were put off."""

    waiting: int
    later: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would count if one of two parties won."""

    name: str
    company: str
    job_title: str
    records: int  # source records
    identifiers: int


def open_ones() -> Select[Any]:
    """Return the questions that can be answered: both are there, and nobody said that they are not the same."""
    one, other = aliased(Party), aliased(Party)
    apart = exists().where(NotSame.a_id == Review.a_id, NotSame.b_id == Review.b_id)
    return (
        select(Review)
        .join(one, and_(one.id == Review.a_id, one.status == PartyStatus.ACTIVE))
        .join(other, and_(other.id == Review.b_id, other.status == PartyStatus.ACTIVE))
        .where(Review.state.in_(WAITING), ~apart)
    )


_MINE: BindParameter[int] = bindparam("party")
# Built once: every page of a customer asks it.
_THEIRS = union_all(select(Review.id).where(Review.a_id == _MINE), select(Review.id).where(Review.b_id == _MINE))
_OF_PARTY = open_ones().where(Review.id.in_(_THEIRS)).order_by(Review.score.desc(), Review.id).limit(1)


def counts(session: Session) -> Counts:
    """Count the questions that wait."""
    asked = open_ones().with_only_columns(
        func.count(), func.coalesce(func.sum(case((Review.state == ReviewState.LATER, 1), else_=0)), 0)
    )
    waiting, later = session.execute(asked).one()
    return Counts(int(waiting), int(later))


def waiting(session: Session, worth: Worth, limit: int = MOST) -> list[Waiting]:
    """Return the questions in their order: what is worth most first, what was put off last, the longest ago first."""
    likeliest = (
        open_ones()
        .with_only_columns(Review.id)
        .order_by(case((Review.state == ReviewState.LATER, 1), else_=0), Review.score.desc(), Review.id)
        .limit(MOST)
        .subquery()
    )
    is_later = case((Review.state == ReviewState.LATER, 1), else_=0)
    query = (
        select(Review.id, Review.a_id, Review.b_id, Review.score, Review.reasons, Review.state)
        .where(Review.id.in_(select(likeliest.c.id)))
        .order_by(is_later, case((is_later == 1, Review.decided_at)), worth(Review).desc(), Review.id)
        .limit(limit)
    )
    return [Waiting(*row) for row in session.execute(query)]


def of_party(session: Session, party: Party) -> Review | None:
    """Return the likeliest question about a party; None: nobody is asked about it."""
    return session.scalars(_OF_PARTY, {"party": party.id}).first()


def preview(session: Session, keep: Party, lose: Party) -> Preview:
    """Return what would count of two parties as one; it is what `merging` makes of them."""
    rows = session.scalars(select(Claim).where(Claim.party_id.in_({keep.id, lose.id}))).all()
    mine, theirs = _said(rows, keep.id), _said(rows, lose.id)
    here = {one.field for one in mine if one.link_id is None}
    theirs = [one for one in theirs if one.link_id is not None or one.field not in here]
    said, added = [*mine, *theirs], {one.field for one in theirs}

    def counts_anew(field: str) -> bool:
        return field in added and not is_said_here(mine, field)

    renamed = any(map(counts_anew, ("name", "emails", "phones", "tax_id")))
    job = golden(said, "job_title") if counts_anew("job_title") else keep.fields.get("job_title")
    held = select(func.count(func.distinct(Identifier.kind + " " + Identifier.value))).where(
        Identifier.party_id.in_({keep.id, lose.id}), Identifier.valid_to.is_(None)
    )
    records = select(func.count()).where(Link.party_id.in_({keep.id, lose.id}))
    return Preview(
        name=(display(said) if renamed else "") or keep.name,
        company=_company(session, keep, lose, mine, theirs),
        job_title=str(job or lose.fields.get("job_title") or ""),
        records=session.scalar(records) or 0,
        identifiers=session.scalar(held) or 0,
    )


def _said(rows: Collection[Claim], party_id: int) -> list[Said]:
    return [
        Said(one.field, one.value, one.link_id, one.observed_at, one.id) for one in rows if one.party_id == party_id
    ]


def _company(session: Session, keep: Party, lose: Party, mine: Sequence[Said], theirs: Sequence[Said]) -> str:
    number = keep.company_id
    if keep.kind == PartyKind.PERSON and not is_said_here(mine, "company"):
        said = golden([*mine, *theirs], "company")
        theirs_counts = is_said_here(theirs, "company") or (said is not None and said != golden(mine, "company"))
        if (theirs_counts and golden(theirs, "company") == said) or (number is None and said is None):
            number = lose.company_id
    return session.scalar(select(Party.name).where(Party.id == number)) or "" if number is not None else ""
