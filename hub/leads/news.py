"""New leads told at once to whoever looks after them; those that nobody answers, to everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.leads.models import LeadRow, Touchpoint
from hub.leads.take import FRESH
from hub.security.models import Role, User
from hub.store.base import now

EVENT = "lead.new"
LATE = "lead.late"
SOME = 50  # told in one transaction


@dataclass(frozen=True, slots=True)
class News:
    """A lead that somebody is told of."""

    event: str
    users: tuple[int, ...]
    lead: UUID
    name: str
    phone: str
    source: str  # the form's or the campaign's name
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return it as a browser gets it."""
        return {
            "id": str(self.lead), "name": self.name, "number": self.phone, "source": self.source,
            "created_ms": self.created_at.timestamp() * 1000,
        }  # fmt: skip


def waits(session: Session, answer_within: timedelta) -> bool:
    """Say whether anybody is to be told anything: a cheap look."""
    return session.scalar(select(LeadRow.id).where(_untold() | _late(answer_within)).limit(1)) is not None


def take(session: Session, answer_within: timedelta) -> list[News]:
    """Return whom to tell of what, and write down that it was told; who dies in between tells it again."""
    everybody = session.scalars(select(User.id).where(User.disabled_at.is_(None), User.role != Role.ADMIN)).all()
    everybody = everybody or session.scalars(select(User.id).where(User.disabled_at.is_(None))).all()
    found = []
    query = select(LeadRow).where(_untold() | _late(answer_within)).order_by(LeadRow.id).limit(SOME)
    for row in session.scalars(query.with_for_update(skip_locked=True)):
        if row.told_at is None:
            users: Sequence[int] = [row.owner_id] if row.owner_id is not None else everybody
            row.told_at = now()
            found.append(_news(session, EVENT, row, users))
        else:
            row.escalated_at = now()
            found.append(_news(session, LATE, row, everybody))
    return found


def _news(session: Session, event: str, row: LeadRow, users: Sequence[int]) -> News:
    source = session.scalar(select(Touchpoint.form_name).where(Touchpoint.lead_id == row.id))
    name = row.name or row.email or row.phone
    return News(event, tuple(users), row.public_id, name, row.phone, source or "", row.created_at)


def _is_open() -> ColumnElement[bool]:
    moment = now()
    return (
        LeadRow.closed_at.is_(None)
        & LeadRow.contacted_at.is_(None)
        & LeadRow.is_test.is_(False)
        & (LeadRow.created_at > moment - FRESH)
    )


def _untold() -> ColumnElement[bool]:
    return _is_open() & LeadRow.told_at.is_(None)


def _late(answer_within: timedelta) -> ColumnElement[bool]:
    """Say which were told and not answered in time."""
    return _is_open() & LeadRow.escalated_at.is_(None) & (LeadRow.told_at < now() - answer_within)
