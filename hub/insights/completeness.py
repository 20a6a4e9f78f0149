"""How many records have a valid value, field by field: of all records of a kind, and of the parts that they fall into.

Everything is counted when somebody looks; nothing is kept, so no number is older than its page.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

from hub.fields.models import Of
from hub.insights import targets
from hub.insights.kinds import KINDS, Eyes, Kind, between
from hub.insights.measures import NUMBERS, Measure, State, measures
from hub.insights.splits import By, Key, Split, split
from hub.insights.targets import Target

# A sum counts two things at once, so that no expression is worked out twice: what is filled counts so much, the rest one.
_FILLED = 2**32
_ROWS = 5_000  # distinct values that are fetched at once
_REMEMBERED = 50_000  # distinct values of a field


@dataclass(slots=True)
class Count:
    """How the field of some records stands."""

    total: int = 0  # records of which it is expected
    filled: int = 0  # with a valid value
    invalid: int = 0  # with something that is no valid value

    @property
    def empty(self) -> int:
        """Records with nothing."""
        return self.total - self.filled - self.invalid

    @property
    def missing(self) -> int:
        """Records without a valid value."""
        return self.total - self.filled

    @property
    def percent(self) -> int:
        """How many of a hundred have a valid value; not rounded up, so that 100 means all."""
        return self.filled * 100 // self.total if self.total else 0

    def add(self, other: "Count") -> None:
        """Take others to these."""
        self.total += other.total
        self.filled += other.filled
        self.invalid += other.invalid


@dataclass(frozen=True, slots=True)
class Line:
    """One field: of all records, and of each part, in the order of the report's keys."""

    measure: Measure
    count: Count
    parts: Sequence[Count]
    target: Target | None


@dataclass(frozen=True, slots=True)
class Report:
    """How full the records of a kind are."""

    of: Of
    by: By | None
    total: int  # records
    keys: Sequence[Key]
    sizes: Sequence[int]  # records of each part
    lines: Sequence[Line]


Counts = dict[Any, dict[str, Count]]  # by what the split's column has, then by field
_ALL = ""  # the key of all records, and the field that is every record


def one_moment(session: Session) -> None:
    """Let everything that is read from here on be of one moment, before anything is read; SQLite does so by itself.

    A report takes several statements: what is written between two of them would make its numbers contradict each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def report(
    session: Session, eye: Eyes, of: Of, by: By | None = None, *, since: date | None = None, until: date | None = None
) -> Report:
    """Count the records of a kind, after `one_moment`; the caller has made sure that the person sees them.

    Args:
        since, until: the days between which they began to be, both included; None: whenever.
    """
    kind, found = between(KINDS[of], since, until), measures(of, eye)
    # A value stands in several parts, and parts are counted apart from all records: it is judged once all the same.
    listed = [replace(one, judge=lru_cache(_REMEMBERED)(one.judge)) if one.judge else one for one in found.values()]
    parted = split(session, kind, by, eye) if by else None
    parts = counted(session, kind, eye, listed, parted) if parted else {}
    whole = _whole(parts) if parted and parted.has_each_once else counted(session, kind, eye, listed, None)
    every = whole.get(_ALL, {})
    shown = _in_order(parts, parted) if parted else []
    wanted = targets.of_kind(session, of)
    nothing = Count()
    return Report(
        of=of,
        by=by,
        total=every.get(_ALL, nothing).total,
        keys=[key for key, _ in shown],
        sizes=[part[_ALL].total for _, part in shown],
        lines=[
            Line(one, every.get(name, nothing), [part[name] for _, part in shown], wanted.get(name))
            for name, one in found.items()
        ],
    )


def counted(session: Session, kind: Kind, eye: Eyes, listed: Sequence[Measure], parted: Split | None) -> Counts:
    """Count fields of the records of a kind, by what the split's column has; without one, all under one key.

    One statement counts all fields that the database can judge. Of each other field the distinct values are read, with
    how often each stands there, some at a time, and judged one after the other.
    """
    counts = _by_database(session, kind, eye, listed, parted)
    for one in listed:
        if one.judge is not None:
            _judged(session, kind, eye, one, parted, counts)
    return counts


def _expected(one: Measure) -> ColumnElement[int]:
    """Return 1 for records of which a field is expected."""
    return literal(1) if one.counts is None else case((one.counts, 1), else_=0)


def _by_database(session: Session, kind: Kind, eye: Eyes, listed: Sequence[Measure], parted: Split | None) -> Counts:
    columns: list[ColumnElement[Any]] = [func.count()]
    for one in listed:
        if one.counts is not None:
            columns.append(func.sum(_expected(one)))
        if one.state is not None:
            columns.append(func.sum(_weight(one)))
    query = select(_key(parted), *columns).select_from(_source(kind, parted)).where(*kind.where(eye))
    if parted is not None:
        query = query.group_by(parted.column)
    return {key: _read(listed, rest) for key, *rest in session.execute(query) if rest[0]}


def _weight(one: Measure) -> ColumnElement[int]:
    """Return what a record adds to the sum of a field."""
    assert one.state is not None
    filled, invalid = (one.state.in_([NUMBERS[state]]) for state in (State.FILLED, State.INVALID))
    weight = case((filled, _FILLED), (invalid, 1), else_=0)
    return weight if one.counts is None else case((one.counts, weight), else_=0)


def _read(listed: Sequence[Measure], numbers: Sequence[Any]) -> dict[str, Count]:
    """Read one row; the columns are those of `_by_database`."""
    rest = iter(numbers)
    every = int(next(rest))
    found = {_ALL: Count(every)}
    for one in listed:
        count = Count(every if one.counts is None else int(next(rest)))
        if one.state is not None:
            count.filled, count.invalid = divmod(int(next(rest)), _FILLED)
        found[one.name] = count
    return found


def _judged(session: Session, kind: Kind, eye: Eyes, one: Measure, parted: Split | None, counts: Counts) -> None:
    """Add what distinct values of one field say."""
    assert one.raw is not None
    assert one.judge is not None
    parent = literal("") if one.parent is None else func.coalesce(one.parent, "")
    values = select(_key(parted).label("part"), one.raw.label("raw"), parent.label("parent"))
    values = values.select_from(_source(kind, parted)).where(*kind.where(eye), one.is_there)
    if one.counts is not None:
        values = values.where(one.counts)
    row = values.subquery("row").c
    query = select(row.part, row.raw, row.parent, func.count()).group_by(row.raw, row.parent, row.part)
    # Plain rows: what the session would do with each of so many takes as long as judging them.
    for part, raw, of_parent, number in session.connection().execute(query, execution_options={"yield_per": _ROWS}):
        count = counts[part][one.name]
        if one.judge(raw, of_parent):
            count.filled += number
        else:
            count.invalid += number


def _source(kind: Kind, parted: Split | None) -> Any:
    return kind.table if parted is None else parted.source


def _key(parted: Split | None) -> ColumnElement[Any]:
    return literal(_ALL) if parted is None else parted.column


def _whole(parts: Counts) -> Counts:
    """Add up parts that have each record once."""
    every: dict[str, Count] = defaultdict(Count)
    for part in parts.values():
        for name, count in part.items():
            every[name].add(count)
    return {_ALL: dict(every)}


def _in_order(parts: Counts, parted: Split) -> list[tuple[Key, Mapping[str, Count]]]:
    """Return the parts that have records: months from the newest on, of others the largest first."""
    found = [(parted.own[value], part) for value, part in parts.items() if value in parted.own]
    if parted.order:
        places = {word: place for place, word in enumerate(parted.order)}
        return sorted(found, key=lambda one: places[one[0].word])
    return sorted(found, key=lambda one: (-one[1][_ALL].total, not one[0].name, one[0].name.casefold(), one[0].word))
