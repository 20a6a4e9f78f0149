"""Put one interaction on the timeline, or bring it up to date: the same record twice is one row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from hub.records.interaction import Interaction as Record
from hub.store import rows
from hub.store.among import among
from hub.store.base import new_public_id
from hub.timeline import index, told
from hub.timeline.models import Interaction, Participant

_ROW = cast("Table", Interaction.__table__)
_NEW = insert(_ROW).returning(_ROW.c.public_id, _ROW.c.id)
_BY_RAW = select(_ROW).where(among(_ROW.c.raw_record_id, "those", numbers=True))
_BY_ID = select(_ROW).where(among(_ROW.c.id, "those", numbers=True))
_SHOWN = frozenset(index.Shown._fields)
_TABLE = cast("Table", Participant.__table__)
_BEFORE = select(_TABLE).where(among(_TABLE.c.interaction_id, "present", numbers=True))
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
_TOLD = frozenset({"direction", "summary", "started_at", "ended_at", "visibility", "source_url", "detail"})
_Known = Row[*tuple[Any, ...]]
_Who = tuple[str, str, str]  # role, kind of identifier, its value


class Placed(NamedTuple):
    """A row of the timeline."""

    id: int
    public_id: UUID


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


def add(session: Session, entries: Sequence[Entry], *, account_id: int | None) -> list[Placed]:
    """Insert or update the interactions of raw records, with their participants; safe to repeat.

    A party that a person chose for an unknown number stays: a record that still names nobody takes nothing away.
    """
    session.flush()  # what waits in the session may be asked for, or pointed to
    known = _known(session, entries)
    found = [(entry, known.get(_place(entry))) for entry in entries]
    values = [_values(entry) for entry in entries]
    new = iter(_insert(session, [(e, v) for (e, row), v in zip(found, values, strict=True) if row is None], account_id))
    changes = {row.id: _change_of(row, v) for (_, row), v in zip(found, values, strict=True) if row is not None}
    _update(session, changes, {row.id: row for _, row in found if row is not None})
    placed = [Placed(row.id, row.public_id) if row is not None else next(new) for _, row in found]
    _participants(session, list(zip(placed, entries, strict=True)), [row.id for row in known.values()])
    told.interactions(session, _happened(zip(placed, found, strict=True), changes))
    return placed


def _happened(
    placed: Iterable[tuple[Placed, tuple[Entry, _Known | None]]], changes: Mapping[int, Mapping[str, Any]]
) -> Iterator[told.Happened]:
    """Return what there is to tell: what is new, and what is other than it was."""
    for row, (entry, before) in placed:
        changed = None if before is None else [name for name in changes[row.id] if name in _TOLD]
        if changed is None or changed:
            parties = [part.party_id for part in entry.parts if part.party_id is not None]
            yield told.Happened(row.public_id, entry.record, parties, entry.owner_id, changed)


def _insert(
    session: Session, entries: Sequence[tuple[Entry, Mapping[str, Any]]], account_id: int | None
) -> list[Placed]:
    """Insert new rows with one statement, and return them in the order of their entries."""
    if not entries:
        return []
    values = [
        {"public_id": new_public_id(), "account_id": account_id, "raw_record_id": entry.raw_record_id, **of_record}
        for entry, of_record in entries
    ]
    made = {row.public_id: row.id for row in session.execute(_NEW, values)}
    index.begin(session, {made[one["public_id"]]: index.Shown(**{n: one[n] for n in _SHOWN}) for one in values})
    return [Placed(made[one["public_id"]], one["public_id"]) for one in values]


def _update(session: Session, changes: Mapping[int, Mapping[str, Any]], before: Mapping[int, _Known]) -> None:
    """Bring rows up to date, and what they are found by where that is something else now."""
    rows.change(session, Interaction, changes)
    shown = [(number, {name: change[name] for name in _SHOWN & change.keys()}) for number, change in changes.items()]
    others = [number for number, change in shown if change and _is_found_otherwise(before[number], change)]
    index.refresh(session, others)


def _is_found_otherwise(row: _Known, change: Mapping[str, Any]) -> bool:
    before = index.Shown.of(row)
    return before.found_by() != before._replace(**change).found_by()


def _change_of(row: _Known, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a row is another value now."""
    change = rows.other(row, values)
    if values["owner_id"] is None:
        change.pop("owner_id", None)  # an owner that a record does not name stays
    return change


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


def _known(session: Session, entries: Sequence[Entry]) -> dict[tuple[str, int | None], _Known]:
    """Return the rows that are there already."""
    raw_ids = [one.raw_record_id for one in entries if one.interaction_id is None and one.raw_record_id is not None]
    ids = [one.interaction_id for one in entries if one.interaction_id is not None]
    by_raw = session.execute(_BY_RAW, {"those": raw_ids}) if raw_ids else ()
    by_id = session.execute(_BY_ID, {"those": ids}) if ids else ()
    return {("raw", row.raw_record_id): row for row in by_raw} | {("row", row.id): row for row in by_id}


def _place(entry: Entry) -> tuple[str, int | None]:
    if entry.interaction_id is not None:
        return ("row", entry.interaction_id)
    return ("raw", entry.raw_record_id) if entry.raw_record_id is not None else ("new", None)


def _participants(session: Session, placed: Sequence[tuple[Placed, Entry]], present: Sequence[int]) -> None:
    """Write who took part, a statement for each kind of change; `present` are the rows that were there before."""
    before: dict[int, dict[_Who, _Known]] = defaultdict(dict)
    for one in session.execute(_BEFORE, {"present": present}) if present else ():
        before[one.interaction_id][one.role, one.identifier_kind, one.value] = one
    new, changed, gone = [], [], []
    for row, entry in placed:
        known = before.get(row.id, {}).copy()
        for part in entry.parts:
            old = known.pop((part.role, part.identifier_kind, part.value), None)
            if old is None:
                new.append(_new(row.id, entry.record, part))
            elif change := _change(entry.record, part, old):
                changed.append(change)
        gone += [one.id for one in known.values()]
    if gone:
        session.execute(delete(_TABLE).where(_TABLE.c.id.in_(gone)))
    if changed:
        session.execute(_CHANGE, changed)
    if new:
        session.execute(insert(_TABLE), new)


def _new(number: int, record: Record, part: Part) -> dict[str, Any]:
    return {
        "interaction_id": number,
        "party_id": part.party_id,
        "origin_party_id": part.party_id,
        "started_at": record.started_at,
        "kind": record.kind,
        "role": part.role,
        "identifier_kind": part.identifier_kind,
        "value": part.value,
    }


def _change(record: Record, part: Part, old: _Known) -> dict[str, Any] | None:
    """Return what to write of somebody who was there before; None where all is as it was."""
    is_found = part.party_id is not None and old.party_id is None
    if not is_found and (old.started_at, old.kind) == (record.started_at, record.kind):
        return None
    party_id, origin_id = (part.party_id, part.party_id) if is_found else (old.party_id, old.origin_party_id)
    return {"row": old.id, "at": record.started_at, "what": record.kind, "party": party_id, "origin": origin_id}


def adopt(session: Session, party_id: int, identifier_kind: str, value: str, *, former: int | None = None) -> int:
    """Give a party the earlier interactions of an identifier that nobody was known for, or a former party; returns how many."""
    whose = Participant.party_id.is_(None) if former is None else Participant.party_id == former
    done = session.execute(
        update(Participant)
        .where(whose, Participant.identifier_kind == identifier_kind, Participant.value == value)
        .values(party_id=party_id, origin_party_id=party_id)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
