"""Put one interaction on the timeline, or bring it up to date: the same record twice is one row."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub.records.interaction import Interaction as Record
from hub.timeline.models import Interaction, Participant


@dataclass(frozen=True, slots=True)
class Part:
    """Somebody's part in an interaction; `party_id` None while nobody knows whose `value` it is."""

    party_id: int | None
    role: str
    identifier_kind: str
    value: str


def add(
    session: Session, record: Record, parts: Sequence[Part], *, raw_record_id: int | None, account_id: int | None
) -> Interaction:
    """Insert or update the interaction of a raw record, with its participants; safe to repeat.

    A party that a person chose for an unknown number stays: a record that still names nobody takes nothing away.
    """
    row = None
    if raw_record_id is not None:
        row = session.scalar(select(Interaction).where(Interaction.raw_record_id == raw_record_id))
    if row is None:
        row = Interaction(
            raw_record_id=raw_record_id, account_id=account_id, kind=record.kind, started_at=record.started_at
        )
        session.add(row)
    row.kind, row.direction, row.summary = record.kind, record.direction, record.summary
    row.started_at, row.ended_at = record.started_at, record.ended_at
    row.visibility, row.source_url, row.detail = record.visibility, record.source_url, dict(record.detail)
    session.flush()
    _participants(session, row, parts)
    return row


def _participants(session: Session, row: Interaction, parts: Sequence[Part]) -> None:
    known = {
        (p.role, p.identifier_kind, p.value): p
        for p in session.scalars(select(Participant).where(Participant.interaction_id == row.id))
    }
    for part in parts:
        old = known.pop((part.role, part.identifier_kind, part.value), None)
        if old is None:
            session.add(
                Participant(
                    interaction_id=row.id,
                    party_id=part.party_id,
                    origin_party_id=part.party_id,
                    started_at=row.started_at,
                    kind=row.kind,
                    role=part.role,
                    identifier_kind=part.identifier_kind,
                    value=part.value,
                )
            )
            continue
        old.started_at, old.kind = row.started_at, row.kind
        if part.party_id is not None and old.party_id is None:
            old.party_id = old.origin_party_id = part.party_id
    if known:
        session.execute(delete(Participant).where(Participant.id.in_([p.id for p in known.values()])))
    session.flush()


def adopt(session: Session, party_id: int, identifier_kind: str, value: str) -> int:
    """Give a party the earlier interactions of an identifier that nobody was known for; returns how many."""
    done = session.execute(
        update(Participant)
        .where(
            Participant.party_id.is_(None), Participant.identifier_kind == identifier_kind, Participant.value == value
        )
        .values(party_id=party_id, origin_party_id=party_id)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
