"""What is told of customers to whoever listens: who they are, and what of them is other; their values are read by the API."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.events import types
from hub.events.tell import tell, wants
from hub.identity.models import Party


def parties(session: Session, type_: str, several: Iterable[Party], *, changed: Sequence[str] = ()) -> None:
    """Tell of parties that were made or changed."""
    if wants(session, (type_,)):
        for party in several:
            said: dict[str, Any] = {"id": str(party.public_id), "kind": party.kind, "name": party.name}
            tell(session, type_, party.public_id, said | ({"changed": sorted(changed)} if changed else {}))


def linked(session: Session, new: Collection[int], changed: Mapping[int, Collection[str]]) -> None:
    """Tell of parties that came with records of a source, or of which records say something else now, by inner ids."""
    if not wants(session, (types.PARTY_CREATED, types.PARTY_CHANGED)):
        return
    query = select(Party).where(Party.id.in_({*new, *changed})).order_by(Party.id)
    for party in session.scalars(query):
        if party.id in new:
            parties(session, types.PARTY_CREATED, [party])
        else:
            parties(session, types.PARTY_CHANGED, [party], changed=sorted(changed[party.id]))


def merged(session: Session, keep: Party, other: Party, *, apart: bool) -> None:
    """Tell that two parties are one from now on, or two again."""
    type_ = types.PARTY_PARTED if apart else types.PARTY_MERGED
    data = {"id": str(keep.public_id), "kind": keep.kind, "name": keep.name, "other": str(other.public_id)}
    tell(session, type_, keep.public_id, data)
