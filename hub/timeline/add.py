"""Put one interaction on the timeline, or bring it up to date: the same record twice is one row."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
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


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes on the timeline: one record, who took part, and the raw record it was made of.

    What is made of several raw records (a meeting in three calendars) has none of them; who makes it remembers the
    row, and gives its `interaction_id` to bring it up to date.
    """

    record: Record
    parts: Sequence[Part]
    raw_record_id: int | None = None
    interaction_id: int | None = None
    owner_id: int | None = None  # whose it is, where not everybody may see it


def add(session: Session, entries: Sequence[Entry], *, account_id: int | None) -> list[Interaction]:
    """Insert or update the interactions of raw records, with their participants; safe to repeat.

    A party that a person chose for an unknown number stays: a record that still names nobody takes nothing away.
    """
    known = _known(session, entries)
    rows = []
    for entry in entries:
        record = entry.record
        row = known.get(_place(entry))
        if row is None:
            row = Interaction(
                raw_record_id=entry.raw_record_id, account_id=account_id, kind=record.kind, started_at=record.started_at
            )
            session.add(row)
        row.owner_id = entry.owner_id if entry.owner_id is not None else row.owner_id
        row.kind, row.direction, row.summary = record.kind, record.direction, record.summary
        row.started_at, row.ended_at = record.started_at, record.ended_at
        row.visibility, row.source_url, row.detail = record.visibility, record.source_url, dict(record.detail)
        rows.append(row)
    session.flush()
    present = [row.id for row in known.values()]
    before: dict[int, list[Participant]] = defaultdict(list)
    for old in session.scalars(select(Participant).where(Participant.interaction_id.in_(present))) if present else ():
        before[old.interaction_id].append(old)
    for row, entry in zip(rows, entries, strict=True):
        _participants(session, row, entry.parts, before[row.id])
    session.flush()
    return rows


def _known(session: Session, entries: Sequence[Entry]) -> dict[tuple[str, int | None], Interaction]:
    """Return the rows that are there already."""
    raw_ids = [one.raw_record_id for one in entries if one.interaction_id is None and one.raw_record_id is not None]
    ids = [one.interaction_id for one in entries if one.interaction_id is not None]
    by_raw = session.scalars(select(Interaction).where(Interaction.raw_record_id.in_(raw_ids))) if raw_ids else ()
    by_id = session.scalars(select(Interaction).where(Interaction.id.in_(ids))) if ids else ()
    return {("raw", row.raw_record_id): row for row in by_raw} | {("row", row.id): row for row in by_id}


def _place(entry: Entry) -> tuple[str, int | None]:
    if entry.interaction_id is not None:
        return ("row", entry.interaction_id)
    return ("raw", entry.raw_record_id) if entry.raw_record_id is not None else ("new", None)


def _participants(session: Session, row: Interaction, parts: Sequence[Part], before: Sequence[Participant]) -> None:
    known = {(p.role, p.identifier_kind, p.value): p for p in before}
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
    for gone in known.values():
        session.delete(gone)


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
