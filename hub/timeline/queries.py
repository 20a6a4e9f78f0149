"""Pages of a party's timeline: newest first, by key and never by offset, and only what the reader may see."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Row, Select, bindparam, func, select, tuple_, union_all
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.intake.models import Account
from hub.security import businesses
from hub.security.models import User
from hub.security.policy import Person, Seen, sees, sees_business
from hub.store.base import UtcDateTime
from hub.timeline.models import Interaction, Kind, Note, NoteFile, Participant
from hub.timeline.text import norm

PAGE = 30
MOST = 200
# "By whom" and "find" have no index. They look through so many rows at a time, and so many in one request at most;
# what was not reached is behind the cursor.
LOOK = 500
LOOK_MOST = 2_000
# Contacts with people; notes, tasks and documents are none.
CONTACTS = (Kind.CALL, Kind.EMAIL, Kind.MEETING, Kind.MESSAGE)
# Plain tables: reading through mapped classes would cost more than the query.
PART, ROW, NOTE = Participant.__table__.c, Interaction.__table__.c, Note.__table__.c
FILE = NoteFile.__table__.c
USER, ACCOUNT = User.__table__.c, Account.__table__.c
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Cursor(NamedTuple):
    """Where a page ended."""

    started_at: datetime
    interaction_id: int

    def __str__(self) -> str:
        return f"{(self.started_at - _EPOCH) // _MICROSECOND}.{self.interaction_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor that came back from outside.

        Raises:
            UserError: it is none of ours.
        """
        try:
            moment, number = text.split(".")
            return cls(_EPOCH + int(moment) * _MICROSECOND, int(number))
        except (ValueError, OverflowError):
            raise UserError("This page address is damaged; start again from the first page.", field="before") from None


class Source(NamedTuple):
    """The account that an interaction came from."""

    name: str
    connector: str


class FileOf(NamedTuple):
    """A file of a note as a page shows it."""

    id: UUID
    name: str
    media_type: str
    size: int  # bytes


class NoteText(NamedTuple):
    """A note as a page shows it."""

    id: UUID
    text: str
    pinned: bool
    author_id: int | None
    author: str
    created_at: datetime
    files: tuple[FileOf, ...] = ()

    @property
    def said(self) -> str:
        """All that it is found by."""
        return " ".join([self.text, *(file.name for file in self.files)])


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a timeline. Where only the metadata may be seen, summary and detail are empty."""

    number: int  # our own id; pages and programs use `id`
    id: UUID
    party_id: int
    kind: str
    direction: str
    started_at: datetime
    ended_at: datetime | None
    summary: str
    detail: Mapping[str, Any]
    seen: Seen
    visibility: str
    owner_id: int | None
    who: str
    source: Source | None
    source_url: str
    notes: tuple[NoteText, ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether the reader sees only that it happened."""
        return self.seen is Seen.METADATA


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where to go on. `next` is set also where a search stopped before the end."""

    items: tuple[Item, ...]
    next: Cursor | None
    looked_to: datetime | None = None  # a search stopped here, though the page is not full


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to see of a timeline; empty means everything."""

    kinds: tuple[str, ...] = ()
    by: int | None = None  # id of the user whose doing it was
    find: str = ""
    unread: frozenset[str] = frozenset()  # names in the details of calls that `find` does not look at
    since: datetime | None = None
    until: datetime | None = None
    words: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(norm(self.find).split()))

    @property
    def unindexed(self) -> bool:
        return self.by is not None or bool(self.words)

    def marks(self, before: Cursor | None) -> frozenset[str]:
        """Return which limits of time the query has."""
        limits = {"before": before, "since": self.since, "until": self.until}
        return frozenset(name for name, value in limits.items() if value is not None)


EVERYTHING = Wanted()


def page(
    session: Session,
    party_ids: Sequence[int],
    *,
    person: Person,
    wanted: Wanted = EVERYTHING,
    before: Cursor | None = None,
    limit: int = PAGE,
) -> Page:
    """Return one page of the timeline of a party, or of several that are one.

    `party_ids` are the party and those that were merged into it; `before` is `next` of the page before. What the
    person may not see at all is left out; of what may be seen only as metadata, summary and detail are empty.
    """
    limit = max(1, min(limit, MOST))
    rows, following, looked_to = _collect(session, party_ids, person, wanted, before, limit)
    notes = _notes(session, [row.id for row, _ in rows])
    items = tuple(_item(row, seen, notes.get(row.id, ())) for row, seen in rows)
    return Page(items, following, looked_to)


def item(session: Session, party_ids: Sequence[int], number: int, *, person: Person) -> Item | None:
    """Return one row of a party's timeline by its number; None where there is none for this person."""
    where = PART.party_id.in_(party_ids) & (PART.interaction_id == number)
    row = session.execute(_columns().where(where).limit(1)).first()
    if row is None:
        return None
    seen = _seen(person, row, _allowed(session, person, [row]))
    return None if seen is Seen.NOTHING else _item(row, seen, _notes(session, [number]).get(number, ()))


def last_contacts(session: Session, party_ids: Sequence[int], *, person: Person, limit: int = 3) -> tuple[Item, ...]:
    """Return the newest contacts with people: calls, mails, meetings, messages. Record changes are none."""
    return page(session, party_ids, person=person, wanted=Wanted(kinds=CONTACTS), limit=limit).items


def pinned(session: Session, party_ids: Sequence[int]) -> list[NoteText]:
    """Return what somebody pinned to the top of a party, newest first."""
    return [note for _, note in _noted(session.execute(_pinned_of(), {"parties": list(party_ids)}))]


def _collect(
    session: Session,
    party_ids: Sequence[int],
    person: Person,
    wanted: Wanted,
    before: Cursor | None,
    limit: int,
) -> tuple[list[tuple[Row[Any], Seen]], Cursor | None, datetime | None]:
    """Read on until the page is full, the timeline ends, or enough was looked at."""
    chosen: list[tuple[Row[Any], Seen]] = []
    known: set[int] = set()
    looked = 0
    while True:
        ask = LOOK if wanted.unindexed else limit - len(chosen) + 1
        statement = _statement(len(party_ids), len(wanted.kinds), wanted.marks(before))
        rows = session.execute(statement, _parameters(party_ids, wanted, before, ask)).all()
        notes = _notes(session, [row.id for row in rows]) if wanted.words else {}
        allowed = _allowed(session, person, rows)
        for row in rows:
            if len(chosen) == limit:
                return chosen, before, None
            before = Cursor(row.started_at, row.id)
            seen = _seen(person, row, allowed)
            if row.id in known or seen is Seen.NOTHING or not _matches(row, seen, notes.get(row.id, ()), wanted):
                continue
            known.add(row.id)
            chosen.append((row, seen))
        looked += len(rows)
        if len(rows) < ask:
            return chosen, None, None
        if looked >= LOOK_MOST:
            return chosen, before, rows[-1].started_at


def _allowed(session: Session, person: Person, rows: Sequence[Row[Any]]) -> frozenset[int] | None:
    """Return the legal entities whose money a person sees, where any of these rows is of one; None: all."""
    return businesses.allowed(session, person) if any(row.business_id is not None for row in rows) else None


def _seen(person: Person, row: Row[Any], allowed: frozenset[int] | None) -> Seen:
    if not sees_business(allowed, row.business_id):
        return Seen.NOTHING
    if row.visibility == "all":  # nearly every one is
        return Seen.FULL
    return sees(person, visibility=row.visibility, owner_id=row.owner_id, among=row.detail.get("users", ()))


def _matches(row: Row[Any], seen: Seen, notes: Sequence[NoteText], wanted: Wanted) -> bool:
    if wanted.by is not None and row.owner_id != wanted.by and wanted.by not in row.detail.get("users", ()):
        return False
    if not wanted.words:
        return True
    if seen is not Seen.FULL:
        return False  # who may not read it may not find out what it says either
    unread = wanted.unread if row.kind == Kind.CALL else frozenset()
    text = norm(" ".join([row.summary, _texts(row.detail, unread), row.who or "", *(note.said for note in notes)]))
    return all(word in text for word in wanted.words)


def _texts(detail: Mapping[str, Any], unread: frozenset[str]) -> str:
    return " ".join(value for name, value in detail.items() if isinstance(value, str) and name not in unread)


def _parameters(party_ids: Sequence[int], wanted: Wanted, before: Cursor | None, limit: int) -> dict[str, Any]:
    values: dict[str, Any] = {f"party_{i}": party for i, party in enumerate(party_ids)}
    values |= {f"kind_{i}": kind for i, kind in enumerate(wanted.kinds)}
    values |= {"most": limit, "since": wanted.since, "until": wanted.until}
    return values | {"before_at": before.started_at, "before_id": before.interaction_id} if before else values


@lru_cache(maxsize=200)
def _statement(parties: int, kinds: int, marks: frozenset[str]) -> Select[*tuple[Any, ...]]:
    """Build the query once for each shape of a question: building costs more than running it.

    One limited part per party and kind, each read from one index, then the newest of all.
    """
    parts = [_part(party, kind, marks) for party in range(parties) for kind in (range(kinds) if kinds else (None,))]
    if len(parts) == 1:
        return parts[0]
    rows = union_all(*(select(part.subquery()) for part in parts)).subquery()
    newest = (rows.c.started_at.desc(), rows.c.id.desc())
    return select(rows).order_by(*newest).limit(bindparam("most", type_=Integer))


def _part(party: int, kind: int | None, marks: frozenset[str]) -> Select[*tuple[Any, ...]]:
    where = [PART.party_id == bindparam(f"party_{party}")]
    if kind is not None:
        where.append(PART.kind == bindparam(f"kind_{kind}"))
    if "before" in marks:
        at, number = bindparam("before_at", type_=UtcDateTime()), bindparam("before_id", type_=BigInteger())
        where.append(tuple_(PART.started_at, PART.interaction_id) < tuple_(at, number))
    if "since" in marks:
        where.append(PART.started_at >= bindparam("since"))
    if "until" in marks:
        where.append(PART.started_at < bindparam("until"))
    newest = (PART.started_at.desc(), PART.interaction_id.desc())
    return _columns().where(*where).order_by(*newest).limit(bindparam("most", type_=Integer))


@lru_cache(maxsize=1)
def _columns() -> Select[*tuple[Any, ...]]:
    return (
        select(
            PART.interaction_id.label("id"),
            PART.party_id,
            PART.started_at,
            PART.kind,
            ROW.public_id,
            ROW.direction,
            ROW.ended_at,
            ROW.summary,
            ROW.detail,
            ROW.visibility,
            ROW.owner_id,
            ROW.business_id,
            ROW.source_url,
            USER.name.label("who"),
            ACCOUNT.name.label("account"),
            ACCOUNT.connector,
        )
        .select_from(Participant.__table__)
        .join(Interaction.__table__, ROW.id == PART.interaction_id)
        .outerjoin(User.__table__, USER.id == ROW.owner_id)
        .outerjoin(Account.__table__, ACCOUNT.id == ROW.account_id)
    )


def _item(row: Row[Any], seen: Seen, notes: tuple[NoteText, ...]) -> Item:
    full = seen is Seen.FULL
    return Item(
        number=row.id,
        id=row.public_id,
        party_id=row.party_id,
        kind=row.kind,
        direction=row.direction,
        started_at=row.started_at,
        ended_at=row.ended_at,
        summary=row.summary if full else "",
        detail=row.detail if full else {},
        seen=seen,
        visibility=row.visibility,
        owner_id=row.owner_id,
        who=row.who or "",
        source=Source(row.account, row.connector) if row.account else None,
        source_url=row.source_url if full else "",
        notes=notes if full else (),
    )


@lru_cache(maxsize=1)
def _note_columns() -> Select[*tuple[Any, ...]]:
    """A note with its files: as many rows as it has files, or one."""
    return select(
        NOTE.interaction_id,
        NOTE.public_id,
        NOTE.text,
        NOTE.pinned,
        NOTE.author_id,
        func.coalesce(USER.name, ""),
        NOTE.created_at,
        FILE.public_id.label("file"),
        FILE.name,
        FILE.media_type,
        FILE.size,
    ).select_from(
        Note.__table__.outerjoin(User.__table__, USER.id == NOTE.author_id).outerjoin(
            NoteFile.__table__, FILE.note_id == NOTE.id
        )
    )


@lru_cache(maxsize=1)
def _notes_of() -> Select[*tuple[Any, ...]]:
    wanted = NOTE.interaction_id.in_(bindparam("numbers", expanding=True))
    return _note_columns().where(wanted).order_by(NOTE.created_at, NOTE.id, FILE.id)


@lru_cache(maxsize=1)
def _pinned_of() -> Select[*tuple[Any, ...]]:
    wanted = NOTE.party_id.in_(bindparam("parties", expanding=True)) & NOTE.pinned
    newest = select(NOTE.id).where(wanted).order_by(NOTE.created_at.desc(), NOTE.id.desc()).limit(10)
    return _note_columns().where(NOTE.id.in_(newest)).order_by(NOTE.created_at.desc(), NOTE.id.desc(), FILE.id)


def _notes(session: Session, interaction_ids: Sequence[int]) -> dict[int, tuple[NoteText, ...]]:
    if not interaction_ids:
        return {}
    found: dict[int, tuple[NoteText, ...]] = {}
    for number, note in _noted(session.execute(_notes_of(), {"numbers": list(interaction_ids)})):
        found[number] = (*found.get(number, ()), note)
    return found


def _noted(rows: Iterable[Row[Any]]) -> Iterator[tuple[int, NoteText]]:
    """Yield notes with their files and the rows of the timeline that they are on."""
    for _, several in groupby(rows, key=itemgetter(1)):
        first, *more = several
        files = tuple(FileOf._make(row[7:]) for row in (first, *more) if row.file is not None)
        yield first[0], NoteText._make((*first[1:7], files))
