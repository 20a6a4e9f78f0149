"""What is told of interactions to whoever listens: thin, and nothing of what not everybody here sees."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.events import types
from hub.events.tell import tell, wants
from hub.identity.models import Party
from hub.records.interaction import Interaction as Record
from hub.security.policy import EVERYBODY, finders
from hub.store.base import now
from hub.timeline.models import Interaction, Participant, Visibility

HISTORY = timedelta(days=2)  # what is new to us, but was over so long ago, is no news
_AS_OF = frozenset({"document", "payment"})  # they have the day on which they were issued, not on which they came
_EVER = frozenset({*types.NEW.values(), *types.CHANGED.values()})


@dataclass(frozen=True, slots=True)
class Happened:
    """An interaction that was put on the timeline, or that says something else now.

    Attributes:
        parties: inner ids of who took part, as far as they are known.
        changed: names of what is other; None: it is new.
    """

    public_id: UUID
    record: Record
    parties: Sequence[int]
    owner_id: int | None = None
    changed: Sequence[str] | None = None


def interactions(session: Session, happened: Iterable[Happened]) -> None:
    """Tell of interactions; nothing is looked up where nobody listens."""
    if not wants(session, _EVER):
        return
    several = list(happened)
    for one in several:
        if one.changed is not None and "visibility" in one.changed and one.record.visibility == Visibility.OWNER:
            tell(session, types.HIDDEN, one.public_id, {"id": str(one.public_id)})
    news = [one for one in several if _is_news(one)]
    ids = {number for one in news for number in one.parties}
    query = select(Party.id, Party.public_id).where(Party.id.in_(ids))
    public = {row.id: str(row.public_id) for row in session.execute(query)} if ids else {}
    for one in news:
        parties = [public[number] for number in dict.fromkeys(one.parties) if number in public]
        names = types.NEW if one.changed is None else types.CHANGED
        subject = parties[0] if parties else one.public_id
        tell(session, names[one.record.kind], subject, _data(one, parties), at=now())


def written(session: Session, interaction: Interaction, party_id: int) -> None:
    """Tell of something that a person wrote here."""
    record = Record(
        interaction.kind, interaction.direction, interaction.started_at, interaction.ended_at, interaction.summary, ()
    )
    interactions(session, [Happened(interaction.public_id, record, [party_id], interaction.owner_id)])


def rewritten(session: Session, interaction_id: int | None, changed: Sequence[str]) -> None:
    """Tell that people wrote something else about what is on the timeline."""
    if interaction_id is None or not wants(session, types.CHANGED.values()):
        return
    row = session.get_one(Interaction, interaction_id)
    query = select(Participant.party_id).where(Participant.interaction_id == row.id, Participant.party_id.is_not(None))
    record = Record(
        row.kind, row.direction, row.started_at, row.ended_at, row.summary, (), visibility=row.visibility,
        source_url=row.source_url, detail=row.detail,
    )  # fmt: skip
    parties = [one for one in session.scalars(query.order_by(Participant.id)) if one is not None]
    interactions(session, [Happened(row.public_id, record, parties, row.owner_id, changed)])


def _is_news(one: Happened) -> bool:
    record = one.record
    if record.kind not in types.NEW or record.visibility == Visibility.OWNER:
        return False
    return one.changed is not None or record.kind in _AS_OF or (record.ended_at or record.started_at) > now() - HISTORY


def _data(one: Happened, parties: Sequence[str]) -> dict[str, Any]:
    record = one.record
    is_open = EVERYBODY in finders(
        visibility=record.visibility, owner_id=one.owner_id, among=record.detail.get("users", ())
    )
    data: dict[str, Any] = {
        "id": str(one.public_id),
        "kind": record.kind,
        "direction": record.direction,
        "started_at": record.started_at.isoformat(),
        "ended_at": record.ended_at.isoformat() if record.ended_at else None,
        "summary": record.summary if is_open else None,
        "parties": list(parties),
        "source_url": record.source_url if is_open else "",
    }
    return data if one.changed is None else data | {"changed": sorted(one.changed)}
