"""Notice what sources send: new places in their payloads, such as have another type now, and such as come no more.

`keep` is told of records in the order in which they came and writes down what they have, `keep_gone` what they have no
more. What came while a stream was new to us is its baseline: kept, and no news. A place is news until a person saw it, and
again when something new happens to it.

Nothing here reads raw records (`hub.sources` does), and whatever is noticed stops nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from hub.mapping import paths
from hub.mapping.models import SourceField, SourceLook
from hub.mapping.paths import Places
from hub.store.base import now
from hub.store.insert import insert
from hub.store.turn import in_turn

BASELINE = timedelta(days=1)  # after the first look at a stream, nothing is news
BASELINE_RECORDS = 20  # nor is it before so many records were looked at
GONE_RECORDS = 50  # without a place that at least half of those before had
GONE_AFTER = timedelta(days=3)  # that those records span at least
SOME = 400  # rows of one statement


class News(StrEnum):
    NEW = "new"
    RETYPED = "retyped"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Looked:
    """A record that was looked at."""

    received_at: datetime
    places: Places


@dataclass(frozen=True, slots=True)
class Item:
    """A place that is news."""

    id: int
    path: str
    types: tuple[str, ...]  # the newest last
    records: int
    first_at: datetime
    last_at: datetime
    since: datetime  # when it came, changed, or came for the last time
    inside: int  # other places in it that are the same news


@dataclass(slots=True)
class StreamNews:
    """What is new of one stream."""

    stream: str
    new: list[Item] = field(default_factory=list)
    retyped: list[Item] = field(default_factory=list)
    gone: list[Item] = field(default_factory=list)
    more: int = 0  # so many records had places beyond those that are kept

    @property
    def items(self) -> Sequence[tuple[News, Item]]:
        lists = ((News.NEW, self.new), (News.RETYPED, self.retyped), (News.GONE, self.gone))
        return [(news, item) for news, items in lists for item in items]

    @property
    def since(self) -> datetime | None:
        return min((item.since for _, item in self.items), default=None)


# --- kept ---------------------------------------------------------------------------------------------------------


def begin(session: Session, account_id: int, stream: str) -> None:
    """Have a mark for a stream, or a container of one."""
    session.execute(insert(session, SourceLook).values(account_id=account_id, stream=stream).on_conflict_do_nothing())


def look_of(session: Session, account_id: int, stream: str) -> SourceLook | None:
    """Return the mark of a stream, or of a container."""
    return session.scalar(select(SourceLook).where(SourceLook.account_id == account_id, SourceLook.stream == stream))


def keep(
    session: Session, former: SourceLook, records: Sequence[Looked], last: tuple[datetime, int], count: int
) -> bool:
    """Write down what records have, and move the mark behind them: one transaction, and so counted once.

    Args:
        former: the mark from which on the records were read.
        records: in the order in which they came; those that could not be looked at are not among them.
        last: when the last one was received, and its id.
        count: how many there were, with those that could not be looked at.

    Returns:
        False: somebody else moved the mark meanwhile, and nothing was written.
    """
    account_id, kind = former.account_id, kind_of(former.stream)
    in_turn(session, f"source {account_id} {kind}")
    looks = _looks(session, account_id, kind)
    look = next((one for one in looks if one.id == former.id), None)
    if look is None or _mark(look) != _mark(former):
        return False
    before = sum(one.records for one in looks)
    settled_at = min(one.began_at for one in looks) + BASELINE if before >= BASELINE_RECORDS else None
    counted, moment = _counted(records), now()
    known = _known(session, account_id, kind, counted)
    room = paths.MOST - _count(session, account_id, kind)
    new = [path for path in counted if path not in known]
    _add(session, former, {path: counted[path] for path in new[:room]}, moment, settled_at, before + count)
    _change(
        session, [(known[path], counted[path]) for path in counted if path in known], moment, settled_at, before + count
    )
    left = set(new[room:])
    look.more += sum(one.places.more or not left.isdisjoint(one.places.types) for one in records)
    look.records += count
    look.received_at, look.raw_record_id = last
    look.looked_at = moment
    return True


@dataclass(slots=True)
class _Seen:
    """What a page of records had in one place."""

    types: list[str]
    records: int
    first_at: datetime
    last_at: datetime


def _counted(records: Sequence[Looked]) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for record in records:
        for path, kind in record.places.types.items():
            seen = found.get(path)
            if seen is None:
                found[path] = _Seen([kind], 1, record.received_at, record.received_at)
                continue
            seen.records += 1
            seen.last_at = record.received_at
            if kind not in seen.types:
                seen.types.append(kind)
    return found


def _mark(look: SourceLook) -> tuple[datetime | None, int]:
    return look.received_at, look.raw_record_id


def _looks(session: Session, account_id: int, kind: str) -> Sequence[SourceLook]:
    is_of = or_(SourceLook.stream == kind, SourceLook.stream.startswith(f"{kind}:", autoescape=True))
    return session.scalars(select(SourceLook).where(SourceLook.account_id == account_id, is_of)).all()


def _count(session: Session, account_id: int, kind: str) -> int:
    mine = (SourceField.account_id == account_id, SourceField.stream == kind)
    return session.scalar(select(func.count()).select_from(SourceField).where(*mine)) or 0


def _known(session: Session, account_id: int, kind: str, wanted: Collection[str]) -> dict[str, SourceField]:
    mine = (SourceField.account_id == account_id, SourceField.stream == kind)
    every, found = sorted(wanted), dict[str, SourceField]()
    for at in range(0, len(every), SOME):
        some = SourceField.path.in_(every[at : at + SOME])
        found |= {row.path: row for row in session.scalars(select(SourceField).where(*mine, some))}
    return found


def _add(
    session: Session,
    look: SourceLook,
    added: Mapping[str, _Seen],
    moment: datetime,
    settled_at: datetime | None,
    looked: int,
) -> None:
    values = [
        {
            "account_id": look.account_id,
            "stream": kind_of(look.stream),
            "path": path,
            "types": seen.types,
            "records": seen.records,
            "looked": looked,
            "first_at": seen.first_at,
            "last_at": seen.last_at,
            # What was received before then is no news, however late it is looked at.
            "seen_at": moment if settled_at is None or seen.first_at < settled_at else None,
        }
        for path, seen in added.items()
    ]
    if values:
        session.execute(insert(session, SourceField).on_conflict_do_nothing(), values)


def _change(
    session: Session,
    changes: Sequence[tuple[SourceField, _Seen]],
    moment: datetime,
    settled_at: datetime | None,
    looked: int,
) -> None:
    """Bring rows up to date: one statement for what changes of all of them."""
    for row, seen in changes:
        fresh = [kind for kind in seen.types if kind not in row.types]
        if fresh:
            row.types = [*row.types, *fresh]
            if settled_at is not None and seen.last_at >= settled_at:
                row.retyped_at = moment
        if row.gone_at is not None:
            row.gone_at = None  # it is back
    if changes:
        table: Any = SourceField.__table__
        values = {"records": table.c.records + bindparam("so_many"), "last_at": bindparam("last"), "looked": looked}
        session.execute(
            update(table).where(table.c.id == bindparam("row")).values(values),
            [{"row": row.id, "so_many": seen.records, "last": max(row.last_at, seen.last_at)} for row, seen in changes],
        )


def gone(session: Session, account_id: int, kind: str) -> Sequence[SourceField]:
    """Return the places that come no more and of which that is not written down, of a stream looked through to its end."""
    looks, row = _looks(session, account_id, kind), SourceField
    newest = max((one.received_at for one in looks if one.received_at), default=None)
    if newest is None:
        return []
    looked = sum(one.records for one in looks)
    query = select(row).where(
        row.account_id == account_id, row.stream == kind, row.gone_at.is_(None), row.last_at <= newest - GONE_AFTER,
        row.looked <= looked - GONE_RECORDS, row.records * 2 >= row.looked,
    )  # fmt: skip
    return session.scalars(query).all()


def keep_gone(session: Session, account_id: int, kind: str) -> int:
    """Write down which places come no more; returns how many."""
    in_turn(session, f"source {account_id} {kind}")
    rows, moment = gone(session, account_id, kind), now()
    # In the first time of a stream, what comes no more was gone already when we came to it.
    began = min((one.began_at for one in _looks(session, account_id, kind)), default=moment)
    for row in rows:
        row.gone_at = moment
        if moment < began + BASELINE:
            row.seen_at = moment
    return len(rows)


# --- told ---------------------------------------------------------------------------------------------------------


def news(session: Session, account_id: int) -> list[StreamNews]:
    """Return what nobody has seen yet, by stream; of places one in another only the outer one."""
    found: dict[str, StreamNews] = {}
    query = select(SourceField).where(SourceField.account_id == account_id, _is_news())
    grouped: dict[tuple[str, News], list[SourceField]] = defaultdict(list)
    for row in session.scalars(query.order_by(SourceField.stream, SourceField.path)):
        grouped[row.stream, _what(row)].append(row)
    for (stream, what), rows in sorted(grouped.items()):
        told = found.setdefault(stream, StreamNews(stream))
        getattr(told, what.value).extend(_outer(rows, what))
    more = select(SourceLook.stream, SourceLook.more).where(SourceLook.account_id == account_id, SourceLook.more > 0)
    for stream, count in session.execute(more):
        if (told_of := found.get(kind_of(stream))) is not None:
            told_of.more += count
    return list(found.values())


def seen(session: Session, account_id: int, ids: Collection[int], moment: datetime) -> int:
    """Mark places as seen, as they were shown at a moment, with those in them; returns how many.

    What happened to one since then is still news.
    """
    moment = min(moment, now())
    shown = select(SourceField).where(SourceField.account_id == account_id, _is_news())
    rows = session.scalars(shown.with_for_update()).all()
    outer = {(row.stream, _what(row), row.path) for row in rows if row.id in ids}
    chosen = [row for row in rows if any((row.stream, _what(row), one) in outer for one in _ways(row.path))]
    for row in chosen:
        row.seen_at = moment if row.seen_at is None else max(row.seen_at, moment)
    return len(chosen)


def _ways(path: str) -> tuple[str, ...]:
    return (path, *paths.parents(path))


def _is_news() -> ColumnElement[bool]:
    row = SourceField
    return or_(row.seen_at.is_(None), row.retyped_at > row.seen_at, row.gone_at > row.seen_at)


def _what(row: SourceField) -> News:
    if row.gone_at is not None and (row.seen_at is None or row.gone_at > row.seen_at):
        return News.GONE
    return News.NEW if row.seen_at is None else News.RETYPED


def _outer(rows: Sequence[SourceField], what: News) -> Iterator[Item]:
    there = {row.path for row in rows}
    inside = Counter[str]()
    outer = []
    for row in rows:
        above = [one for one in paths.parents(row.path) if one in there]
        if above:
            inside[above[-1]] += 1
        else:
            outer.append(row)
    for row in outer:
        since = {News.NEW: row.first_at, News.RETYPED: row.retyped_at, News.GONE: row.last_at}[what] or row.last_at
        yield Item(row.id, row.path, tuple(row.types), row.records, row.first_at, row.last_at, since, inside[row.path])


def kind_of(stream: str) -> str:
    """Return the kind of records of a stream, without its container."""
    return stream.partition(":")[0]
