"""How much of what a form has is here, and until when the rest can be fetched. Says only what is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.connector.stream import Choice
from hub.leads.models import LeadRow, Touchpoint


@dataclass(frozen=True, slots=True)
class Ours:
    """What the hub has of a form."""

    all: int = 0
    recent: int = 0  # within the time for which the remote keeps them
    oldest_at: datetime | None = None  # of the recent ones
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """How a form stands against what its remote still has."""

    there: int | None = None  # records that the remote still shows; None: it does not say
    missing: int | None = None  # of them, not here; None: not known
    oldest_leaves_at: datetime | None = None  # the remote forgets the oldest that it has; None: not known
    may_leave_from: datetime | None = (
        None  # of the missing ones the first may be gone at this moment; None: none is missing
    )


def of_forms(session: Session, account_id: int, since: datetime | None) -> dict[str, Ours]:
    """Return what the hub has of each form of an account, tests left out.

    Args:
        since: what is older the remote no longer has; None: it keeps everything.
    """
    is_recent = LeadRow.created_at > since if since is not None else LeadRow.id > 0
    query = (
        select(
            Touchpoint.form_id,
            func.count(),
            func.count(LeadRow.id).filter(is_recent),
            func.min(LeadRow.created_at).filter(is_recent),
            func.max(LeadRow.created_at),
        )
        .join(Touchpoint, Touchpoint.lead_id == LeadRow.id)
        .where(LeadRow.account_id == account_id, LeadRow.is_test.is_(False))
        .group_by(Touchpoint.form_id)
    )
    return {form_id: Ours(every, recent, *ends) for form_id, every, recent, *ends in session.execute(query)}


def left(choice: Choice, ours: Ours, kept_for: timedelta | None, at: datetime) -> Left:
    """Say how a form stands. Pure.

    A remote that counts what it ever had and what it forgot has the difference. Of what is missing nobody knows the age, but
    none is older than the form. Only where nothing is missing, the oldest one of ours is the oldest that the remote has.
    """
    if kept_for is None or choice.total is None:
        return Left()
    there = max(0, choice.total - (choice.expired or 0))
    missing = max(0, there - ours.recent)
    if missing:
        first = choice.created_at + kept_for if choice.created_at else at
        return Left(there, missing, may_leave_from=max(first, at))
    leaves = ours.oldest_at + kept_for if there and ours.oldest_at else None
    return Left(there, 0, oldest_leaves_at=leaves)


def soonest(found: Sequence[Left]) -> tuple[datetime | None, int]:
    """Return when the first lead of several forms leaves its remote, and how many of them are not here. Pure."""
    moments = [at for one in found for at in (one.oldest_leaves_at, one.may_leave_from) if at is not None]
    return min(moments, default=None), sum(one.missing or 0 for one in found)
