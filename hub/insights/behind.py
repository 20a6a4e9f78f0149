"""The records behind a number of completeness, the newest first, page by page."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Text, cast, literal, select
from sqlalchemy.orm import Session

from hub.identity.callers import PHONE
from hub.identity.models import Claim, Identifier
from hub.identity.parties import EMAIL
from hub.identity.tax_id import KIND as TAX_ID
from hub.insights.kinds import Eyes, Kind
from hub.insights.measures import NOTHING, NUMBERS, Measure, State

PAGE = 50
MOST_LOOKED = 50_000  # records that one page looks at, where the database cannot say which are wanted
_CHUNK = 5_000
_CLAIMED = {PHONE: "phones", EMAIL: "emails", TAX_ID: "tax_id"}


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a list. `value` is what stands in the field, as it is kept."""

    number: int  # its row, by which pages go on
    id: UUID
    at: Any
    shown: Mapping[str, Any]
    value: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on; None: that was all. A page may be short and not the last."""

    records: Sequence[Record]
    before: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for."""

    states: Collection[State]
    within: ColumnElement[bool] | None = None  # of which part of the records; None: of all
    before: int | None = None  # the number of the last record of the page before
    limit: int = PAGE


def page(session: Session, eye: Eyes, kind: Kind, one: Measure, wanted: Wanted) -> Page:
    """Return records of which a field stands so."""
    where = [*kind.where(eye), *(one for one in (one.counts, wanted.within) if one is not None)]
    find = _by_database if one.judge is None else _judged
    ids, before = find(session, kind, where, one, wanted)
    rows = session.execute(_lines(kind, one).where(kind.c.id.in_(ids))).all() if ids else ()
    return Page(_pointed(session, one, [_record(kind, one, row) for row in rows]), before)


Conditions = Sequence[ColumnElement[bool]]
Found = tuple[list[int], int | None]


def _by_database(session: Session, kind: Kind, where: Conditions, one: Measure, wanted: Wanted) -> Found:
    assert one.state is not None
    query = select(kind.c.id).where(*where, one.state.in_([NUMBERS[state] for state in wanted.states]))
    ids = [row.id for row in _some(session, kind, query, wanted.before, wanted.limit + 1)]
    return ids[: wanted.limit], ids[wanted.limit - 1] if len(ids) > wanted.limit else None


def _judged(session: Session, kind: Kind, where: Conditions, one: Measure, wanted: Wanted) -> Found:
    """Read on until a page is full, or so many were looked at that the reader should say whether to go on."""
    parent = literal("") if one.parent is None else one.parent
    query = select(kind.c.id, cast(one.raw, Text).label("raw"), parent.label("parent")).where(*where)
    if State.EMPTY not in wanted.states:
        query = query.where(one.is_there)
    elif set(wanted.states) == {State.EMPTY}:
        query = query.where(~one.is_there)
    found: list[int] = []
    before = wanted.before
    for _ in range(MOST_LOOKED // _CHUNK):
        rows = _some(session, kind, query, before, _CHUNK)
        for row in rows:
            if _state(one, row) in wanted.states:
                if len(found) == wanted.limit:
                    return found, before
                found.append(row.id)
            before = row.id
        if len(rows) < _CHUNK:
            return found, None
    return found, before


def _state(one: Measure, row: Row[Any]) -> State:
    assert one.judge is not None
    if (row.raw or "") in NOTHING:
        return State.EMPTY
    return State.FILLED if one.judge(row.raw, row.parent or "") else State.INVALID


def _some(session: Session, kind: Kind, query: Select[Any], before: int | None, limit: int) -> Sequence[Row[Any]]:
    if before is not None:
        query = query.where(kind.c.id < before)
    return session.connection().execute(query.order_by(kind.c.id.desc()).limit(limit)).all()


def _lines(kind: Kind, one: Measure) -> Select[Any]:
    """Return what a list shows of records."""
    columns = [value.label(f"shown_{name}") for name, value in kind.shown.items()]
    value = literal(None) if one.shown is None else one.shown
    query = select(kind.c.id, kind.c.public_id, kind.at.label("at"), value.label("value"), *columns)
    return query.order_by(kind.c.id.desc())


def _record(kind: Kind, one: Measure, row: Row[Any]) -> Record:
    shown = {name: getattr(row, f"shown_{name}") for name in kind.shown}
    value = json.loads(row.value) if one.is_json and row.value else row.value
    return Record(row.id, row.public_id, row.at, shown, value)


# --- what stands in identifiers -----------------------------------------------------------------------------------


def _pointed(session: Session, one: Measure, records: Sequence[Record]) -> list[Record]:
    """Tell what stands in identifiers, and of what could not be read, what the source wrote."""
    if not one.points or not records:
        return list(records)
    numbers = [record.number for record in records]
    said = _identifiers(session, one.points, numbers)
    unread = [number for number in numbers if number not in said]
    said |= _claims(session, _CLAIMED[one.points], unread) if unread else {}
    return [replace(record, value=said.get(record.number, [])) for record in records]


def _identifiers(session: Session, kind: str, numbers: Sequence[int]) -> dict[int, list[str]]:
    held = select(Identifier.party_id, Identifier.value).where(
        Identifier.party_id.in_(numbers), Identifier.kind == kind, Identifier.valid_to.is_(None)
    )
    found: dict[int, list[str]] = {}
    for row in session.execute(held.order_by(Identifier.id)):
        found.setdefault(row.party_id, []).append(row.value)
    return found


def _claims(session: Session, field: str, numbers: Sequence[int]) -> dict[int, list[str]]:
    claims = select(Claim.party_id, Claim.value).where(Claim.party_id.in_(numbers), Claim.field == field)
    found: dict[int, list[str]] = {}
    for row in session.execute(claims.order_by(Claim.id)):
        found.setdefault(row.party_id, []).extend(texts(row.value.get("value")))
    return found


def texts(value: Any) -> list[str]:
    """Return the texts of a kept value: of a list of {"value": …}, of texts, or of one."""
    many: Iterable[Any] = value if isinstance(value, list) else [] if value in (None, "") else [value]
    return [str(one.get("value", "")) if isinstance(one, dict) else str(one) for one in many]
