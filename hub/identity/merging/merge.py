"""Make one customer of two: everything of the loser becomes the winner's, and a journal says what it was.

Parties, links, what is said and what points to them change in one transaction; a long history follows in pages
(`history`), and is read through both until then (`parties.with_merged`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import told
from hub.identity.merging import gather, history, journal, moves, pair
from hub.identity.models import (
    Claim,
    Identifier,
    Link,
    Merge,
    NotSame,
    Party,
    PartyStatus,
    Review,
    ReviewState,
)  # fmt: skip
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.turn import in_turn

MOST_RECORDS = 50  # of one customer: more are a mistake
AT_ONCE = 1_000  # rows of history that move with the merge itself; more follow in the background


@dataclass(frozen=True, slots=True)
class Why:
    """By which rule a program merges, and what for; empty: a person does."""

    rule: str = ""
    score: float | None = None
    reasons: Sequence[Any] = ()


BY_HAND = Why()


def merge(
    session: Session,
    person: Person | None,
    one: Party,
    other: Party,
    *,
    winner: Party | None = None,
    why: Why = BY_HAND,
) -> Merge:
    """Make one party of two; safe against whoever merges, takes in or edits the same ones at this moment.

    Args:
        winner: whose id, name and place stay, where a person chose; else the older one's.

    Raises:
        UserError: they are one already, a person and a company, or too many records; a program may not where somebody
            said that they are not the same.
    """
    in_turn(session, Party.__tablename__)
    first, second = pair.locked(session, one, other)
    keep, lose = (second, first) if winner is not None and winner.id == second.id else (first, second)
    _check(session, keep, lose, why)
    row = Merge(
        winner_id=keep.id, loser_id=lose.id, actor_id=person.id if person and person.id else None, rule=why.rule,
        score=why.score, reasons=list(why.reasons), marks=moves.marks(session), before={"winner": journal.columns(keep)},
        due_at=now(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    _keep(session, row)
    _judge(session, person, keep, lose)
    followers = session.scalars(select(Party.id).where(Party.merged_into == lose.id)).all()
    journal.write(session, row, journal.MERGED, followers)
    session.execute(update(Party).where(Party.id.in_(followers)).values(merged_into=keep.id))  # chains stay short
    gather.gather(session, row, keep, lose)
    _inherit(keep, lose)
    lose.status, lose.merged_into, lose.version = PartyStatus.MERGED, keep.id, lose.version + 1
    keep.version += 1
    row.before = {**row.before, "after": journal.columns(keep)}
    session.flush()
    history.advance(session, row, AT_ONCE)
    pair.told(session, [keep, lose])
    facts = {"merge": str(row.public_id), "other": str(lose.public_id), "rule": why.rule}
    told.merged(session, keep, lose, apart=False)
    audit.record(session, person, "party.merged", "party", keep.public_id, **facts)
    return row


def _check(session: Session, keep: Party, lose: Party, why: Why) -> None:
    if keep.id == lose.id:
        raise UserError("This is one and the same customer already.", error_id="same_party", field="other")
    for one in (keep, lose):
        if one.status != PartyStatus.ACTIVE:
            text = "Somebody else merged or erased one of them just now; look at both again."
            raise UserError(text, error_id="conflict", field="other")
    if keep.kind != lose.kind:
        text = "A person and a company are never one; say that the person works there."
        raise UserError(text, error_id="different_kinds", field="other")
    pair.check_still(session, keep.id, lose.id)
    records = session.scalar(select(func.count()).where(Link.party_id.in_({keep.id, lose.id}))) or 0
    if records > MOST_RECORDS:
        text = f"Together they have {records} source records; more than {MOST_RECORDS} are never one customer."
        raise UserError(text, error_id="too_many_records", field="other")
    if why.rule and pair.are_not_same(session, keep, lose):
        raise UserError("Somebody said that they are not the same.", error_id="not_same", field="other")


def _keep(session: Session, row: Merge) -> None:
    """Write down what is the winner's own, so that what comes later is known, and what was shared."""
    of_winner = session.scalars(select(Link.id).where(Link.party_id == row.winner_id)).all()
    journal.write(session, row, journal.OWN_LINKS, of_winner)
    query = select(Identifier).where(Identifier.party_id.in_({row.winner_id, row.loser_id}))
    held = session.scalars(query).all()
    journal.write(session, row, journal.OWN_IDENTIFIERS, [one.id for one in held if one.party_id == row.winner_id])
    flags = journal.flags(session, {(one.kind, one.value) for one in held})
    journal.write(session, row, journal.SHARED, before=flags)
    said = session.scalars(select(Claim).where(Claim.party_id == row.winner_id)).all()
    journal.write(session, row, journal.SAID, before={"winner": journal.fingerprints(said)})


def _judge(session: Session, person: Person | None, keep: Party, lose: Party) -> None:
    """Follow in what was asked and said of the two: they are the same."""
    session.execute(
        update(Review)
        .where(pair.between(session, Review, keep, lose), Review.state != ReviewState.SAME)
        .values(state=ReviewState.SAME, decided_at=now(), decided_by=person.id if person and person.id else None)
        .execution_options(synchronize_session=False)
    )
    forget = delete(NotSame).where(pair.between(session, NotSame, keep, lose))
    session.execute(forget.execution_options(synchronize_session=False))


def _inherit(keep: Party, lose: Party) -> None:
    """Take over what no source said and the winner lacks."""
    keep.owner_id = keep.owner_id or lose.owner_id
    keep.business_id = keep.business_id or lose.business_id
