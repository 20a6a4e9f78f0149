"""Put one interaction on the timeline, or bring it up to date: the same record twice is one row."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from hub.records.interaction import Interaction as Record
from hub.store.base import new_public_id
from hub.timeline import index
from hub.timeline.models import Interaction, Participant

_NEW = insert(Interaction).returning(Interaction).execution_options(render_nulls=True)  # so that one shape fits all
_TABLE = cast("Table", Participant.__table__)
_BEFORE = select(_TABLE).where(_TABLE.c.interaction_id.in_(bindparam("present", expanding=True)))
_CHANGE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row"))
    .values(
        started_at=bindparam("at"),
        kind=bindparam("what"),
        party_id=bindparam("party"),
        origin_party_id=bindparam("origin"),
    )
)
_Known = Row[*tuple[Any, ...]]
_Who = tuple[str, str, str]  # role, kind of identifier, its value


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
    business_id: int | None = None  # legal entity that it belongs to


def add(session: Session, entries: Sequence[Entry], *, account_id: int | None) -> list[Interaction]:
    """Insert or update the interactions of raw records, with their participants; safe to repeat.

    A party that a person chose for an unknown number stays: a record that still names nobody takes nothing away.
    """
    known = _known(session, entries)
    found = [known.get(_place(entry)) for entry in entries]
    new = iter(_insert(session, [entry for entry, row in zip(entries, found, strict=True) if row is None], account_id))
    changed = [row.id for entry, row in zip(entries, found, strict=True) if row is not None and _update(row, entry)]
    session.flush()
    rows = [row or next(new) for row in found]
    index.begin(session, [row for row, before in zip(rows, found, strict=True) if before is None])
    index.refresh(session, changed)
    _participants(session, list(zip(rows, entries, strict=True)), [row.id for row in known.values()])
    return rows


def _insert(session: Session, entries: Sequence[Entry], account_id: int | None) -> list[Interaction]:
    """Insert new rows with one statement, and return them in the order of their entries."""
    if not entries:
        return []
    ids = [new_public_id() for _ in entries]
    values = [
        {"public_id": public_id, "account_id": account_id, "raw_record_id": entry.raw_record_id, **_values(entry)}
        for public_id, entry in zip(ids, entries, strict=True)
    ]
    made = {row.public_id: row for row in session.scalars(_NEW, values)}
    return [made[public_id] for public_id in ids]


def _update(row: Interaction, entry: Entry) -> bool:
    """Bring a row up to date, and say whether anything of it changed."""
    is_changed = False
    for name, value in _values(entry).items():
        is_kept = name == "owner_id" and value is None  # an owner that a record does not name stays
        if not is_kept and getattr(row, name) != value:  # what is set is looked at when it is written, changed or not
            setattr(row, name, value)
            is_changed = True
    return is_changed


def _values(entry: Entry) -> dict[str, Any]:
    record = entry.record
    return {
        "owner_id": entry.owner_id,
        "business_id": entry.business_id,
        "kind": record.kind,
        "direction": record.direction,
        "summary": record.summary,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "visibility": record.visibility,
        "source_url": record.source_url,
        "detail": dict(record.detail),
    }


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


def _participants(session: Session, placed: Sequence[tuple[Interaction, Entry]], present: Sequence[int]) -> None:
    """Write who took part, a statement for each kind of change; `present` are the rows that were there before."""
    before: dict[int, dict[_Who, _Known]] = defaultdict(dict)
    for one in session.execute(_BEFORE, {"present": present}) if present else ():
        before[one.interaction_id][one.role, one.identifier_kind, one.value] = one
    new, changed, gone = [], [], []
    for row, entry in placed:
        known = dict(before[row.id])
        for part in entry.parts:
            old = known.pop((part.role, part.identifier_kind, part.value), None)
            if old is None:
                new.append(_new(row, part))
            elif change := _change(row, part, old):
                changed.append(change)
        gone += [one.id for one in known.values()]
    if gone:
        session.execute(delete(_TABLE).where(_TABLE.c.id.in_(gone)))
    if changed:
        session.execute(_CHANGE, changed)
    if new:
        session.execute(insert(_TABLE), new)


def _new(row: Interaction, part: Part) -> dict[str, Any]:
    return {
        "interaction_id": row.id,
        "party_id": part.party_id,
        "origin_party_id": part.party_id,
        "started_at": row.started_at,
        "kind": row.kind,
        "role": part.role,
        "identifier_kind": part.identifier_kind,
        "value": part.value,
    }


def _change(row: Interaction, part: Part, old: _Known) -> dict[str, Any] | None:
    """Return what to write of somebody who was there before; None where all is as it was."""
    is_found = part.party_id is not None and old.party_id is None
    if not is_found and (old.started_at, old.kind) == (row.started_at, row.kind):
        return None
    party_id, origin_id = (part.party_id, part.party_id) if is_found else (old.party_id, old.origin_party_id)
    return {"row": old.id, "at": row.started_at, "what": row.kind, "party": party_id, "origin": origin_id}


def adopt(session: Session, party_id: int, identifier_kind: str, value: str, *, former: int | None = None) -> int:
    """Give a party the earlier interactions of an identifier that nobody was known for, or a former party; returns how many."""
    whose = Participant.party_id.is_(None) if former is None else Participant.party_id == former
    done = session.execute(
        update(Participant)
        .where(whose, Participant.identifier_kind == identifier_kind, Participant.value == value)
        .values(party_id=party_id, origin_party_id=party_id)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
