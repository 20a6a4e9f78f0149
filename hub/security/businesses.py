"""Whose money a person sees: of all legal entities of the group, or of some."""

from collections.abc import Collection

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from hub.security.models import UserBusiness
from hub.security.policy import Person

_OF = select(UserBusiness.business_id).where(UserBusiness.user_id == bindparam("user"))


def allowed(session: Session, person: Person) -> frozenset[int] | None:
    """Return the legal entities whose money a person sees; None: all of them. Programs see all."""
    return (of_user(session, person.id) if person.id else None) or None


def of_user(session: Session, user_id: int) -> frozenset[int]:
    """Return the legal entities that somebody's sight is limited to; none: it is not."""
    return frozenset(session.scalars(_OF, {"user": user_id}))


def become(session: Session, former: int, now_is: int) -> None:
    """Let who sees the money of one legal entity only see that of the one which it turned out to be.

    When the former is deleted, a limit to it alone would be gone with it, and who had it would see everything.
    """
    seen = UserBusiness.business_id
    known = select(UserBusiness.user_id).where(seen == now_is)
    both = UserBusiness.user_id.in_(session.scalars(known).all())
    session.execute(update(UserBusiness).where(seen == former, ~both).values(business_id=now_is))


def allow(session: Session, user_id: int, business_ids: Collection[int]) -> None:
    """Let a person see the money of these legal entities only; none of them: of all."""
    session.execute(delete(UserBusiness).where(UserBusiness.user_id == user_id))
    if business_ids:
        rows = [{"user_id": user_id, "business_id": one} for one in sorted(set(business_ids))]
        session.execute(insert(UserBusiness), rows)
