"""Messages told at once to whoever looks after the customer, else to everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hub.identity.models import Party
from hub.messages.models import Conversation
from hub.security.models import Role, User
from hub.store.base import now

EVENT = "message.new"
FRESH = timedelta(days=1)  # an older one is history, which nobody is called to; it waits in My day all the same
SOME = 50  # told in one transaction


@dataclass(frozen=True, slots=True)
class News:
    """A conversation that somebody is told of."""

    users: tuple[int, ...]
    conversation: UUID
    name: str

    def as_json(self) -> dict[str, Any]:
        """Return it as a browser gets it."""
        return {"id": str(self.conversation), "name": self.name}


def waits(session: Session) -> bool:
    """Say whether anybody is to be told anything: a cheap look."""
    return session.scalar(select(Conversation.id).where(_untold()).limit(1)) is not None


def take(session: Session) -> list[News]:
    """Return whom to tell of what, and write down that it was told; who dies in between tells it again."""
    active = set(session.scalars(select(User.id).where(User.disabled_at.is_(None))))
    agents = session.scalars(select(User.id).where(User.disabled_at.is_(None), User.role != Role.ADMIN)).all()
    everybody: Sequence[int] = agents or sorted(active)
    query = select(Conversation).where(_untold()).order_by(Conversation.id).limit(SOME)
    found = []
    for row in session.scalars(query.with_for_update(skip_locked=True)):
        row.told_to = row.last_inbound_at
        party = session.get(Party, row.party_id) if row.party_id is not None else None
        owners = [one for one in (party.owner_id if party else None, row.owner_id) if one in active]
        users = owners[:1] or everybody
        name = (party.name if party else "") or row.peer_name or row.peer_phone
        found.append(News(tuple(one for one in users if one is not None), row.public_id, name))
    return found


def _untold() -> ColumnElement[bool]:
    told = or_(Conversation.told_to.is_(None), Conversation.told_to < Conversation.last_inbound_at)
    return Conversation.unanswered_since.is_not(None) & (Conversation.last_inbound_at > now() - FRESH) & told
