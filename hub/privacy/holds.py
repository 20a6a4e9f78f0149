"""Legal hold: who must be kept as they are, why, and since when."""

from collections.abc import Sequence

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session, aliased

from hub.errors import NotFoundError, UserError
from hub.identity.models import Party, PartyStatus
from hub.privacy.models import LegalHold
from hub.privacy.scope import closure
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.turn import in_turn

LONGEST_REASON = 1000


def place(session: Session, person: Person | None, party: Party, reason: str) -> LegalHold:
    """Keep a party as it is from now on.

    Raises:
        UserError: no reason is given, or there is nothing left to keep.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise UserError("Say in at most 1000 characters why it must be kept.", error_id="hold_reason", field="reason")
    in_turn(session, Party.__tablename__)  # as who erases: one of the two is first
    session.refresh(party)
    if party.status == PartyStatus.ERASED:
        raise UserError("This customer was erased.", error_id="erased")
    row = LegalHold(party_id=party.id, reason=reason, by_id=person.id if person and person.id else None)
    session.add(row)
    session.flush()
    audit.record(session, person, "party.held", "party", party.public_id, reason=reason)
    return row


def lift(session: Session, person: Person | None, party: Party) -> int:
    """End all holds of a party and of those that were merged into it; returns how many.

    Raises:
        NotFoundError: there is none.
    """
    some = of_party(session, party.id)
    if not some:
        raise NotFoundError("This customer is not held.")
    values = {"ended_at": now(), "ended_by": person.id if person and person.id else None}
    session.execute(update(LegalHold).where(LegalHold.id.in_([row.id for row in some])).values(values))
    audit.record(session, person, "party.hold_lifted", "party", party.public_id, holds=len(some))
    return len(some)


def of_party(session: Session, party_id: int) -> Sequence[LegalHold]:
    """Return the holds that count for a party: its own, and those of the parties that were merged into it."""
    query = select(LegalHold).where(LegalHold.party_id.in_(closure(session, party_id)), LegalHold.ended_at.is_(None))
    return session.scalars(query.order_by(LegalHold.id)).all()


def all_open(session: Session) -> Sequence[LegalHold]:
    """Return all holds that count, the newest first."""
    return session.scalars(select(LegalHold).where(LegalHold.ended_at.is_(None)).order_by(LegalHold.id.desc())).all()


def held_parties() -> Select[int]:
    """Select the ids of all parties that are held, with whatever was merged into them or they were merged into."""
    direct = select(LegalHold.party_id.label("id")).where(LegalHold.ended_at.is_(None))
    held = direct.cte("held", recursive=True)
    same, other = aliased(Party), aliased(Party)
    is_one_of_them = or_(other.merged_into == held.c.id, other.id == same.merged_into)
    held = held.union(select(other.id).select_from(held).join(same, same.id == held.c.id).join(other, is_one_of_them))
    return select(held.c.id)
