"""What two customers would be as one, before anybody decides: it is done, looked at, and not kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.identity import parties as store
from hub.identity import pins
from hub.identity.merging.merge import merge
from hub.identity.models import Party
from hub.identity.pins import Word
from hub.security.models import User
from hub.security.policy import Person


@dataclass(frozen=True, slots=True)
class Look:
    """A customer as a preview shows it.

    Attributes:
        sources: by field the word that counts; a field that nobody said, or a list, has none.
    """

    name: str
    company: str
    owner: str
    identifiers: tuple[tuple[str, str], ...]  # kind and value
    fields: Mapping[str, Any]
    sources: Mapping[str, Word]


def preview(session: Session, person: Person | None, one: Party, other: Party, *, winner: Party | None = None) -> Look:
    """Return what a merge would make; the session must be for writing, and nothing is written.

    Raises:
        UserError: they cannot be merged.
    """
    trial = session.begin_nested()
    try:
        row = merge(session, person, one, other, winner=winner)
        return look(session, session.get_one(Party, row.winner_id))
    finally:
        trial.rollback()


def look(session: Session, party: Party) -> Look:
    """Return a customer as it is."""
    company = session.scalar(select(Party.name).where(Party.id == party.company_id)) if party.company_id else ""
    owner = session.scalar(select(User.name).where(User.id == party.owner_id)) if party.owner_id else ""
    held = store.identifiers(session, party)
    return Look(
        name=party.name,
        company=company or "",
        owner=owner or "",
        identifiers=tuple((one.kind, one.value) for one in held),
        fields=dict(party.fields),
        sources=pins.counting(pins.words(session, party)),
    )
