"""A remote in memory that is read in pages, with everything that remotes do wrong; and a taker that only remembers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from hub.connector.stream import Change, Cursor, Gone, Page, Phase, Remote, Stream, Upsert
from hub.errors import CursorExpired, RejectedError
from hub.intake import read
from hub.intake.models import Account, RawRecord, RawState, StreamState
from hub.store.session import Database
from hub.work.lease import claim, new_owner

SIZE = 3  # records of a page
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Crash(BaseException):
    """The process died here."""


@dataclass
class Shelf:
    """Things on a shelf, a log of what happened to them, and a stream that tells of both."""

    things: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    key: str = "things:shelf"
    title: str = "Shelf"
    records: str = "things"
    mailbox: str = ""
    asked: str = "all"
    every: timedelta = timedelta(minutes=5)
    full_every: timedelta | None = None
    forgotten: int = 0  # marks up to here are too old
    pulled: int = 0
    trip: Callable[[Cursor, Page], Page] | None = None  # what goes wrong with a page
    fail: list[Exception] = field(default_factory=list)  # raised, one a request

    def put(self, name: str, value: int) -> None:
        self.things[name] = value
        self.log.append(name)

    def take_away(self, name: str) -> None:
        if self.things.pop(name, None) is not None:
            self.log.append(name)

    def forget(self) -> None:
        """No mark that was handed out is good any more; nor is the page of a listing."""
        self.log.append("")
        self.forgotten = len(self.log)

    # --- the stream -----------------------------------------------------------------------------------------------

    def begin(self) -> Cursor:
        return Cursor(anchor=str(len(self.log)))

    def pull(self, cursor: Cursor) -> Page:
        self.pulled += 1
        if self.fail:
            raise self.fail.pop(0)
        page = self._listed(cursor) if cursor.phase is Phase.FULL else self._changed(cursor)
        return self.trip(cursor, page) if self.trip else page

    def _listed(self, cursor: Cursor) -> Page:
        if int(cursor.anchor) < self.forgotten:
            raise CursorExpired("this listing is over")
        names = sorted(name for name in self.things if name > cursor.page)
        changes = [Upsert(name, {"value": self.things[name]}) for name in names[:SIZE]]
        more = len(names) > SIZE
        following = replace(cursor, page=names[SIZE - 1]) if more else Cursor(Phase.INCREMENTAL, token=cursor.anchor)
        return Page(changes, following, more, expected=len(self.things))

    def _changed(self, cursor: Cursor) -> Page:
        since = int(cursor.token)
        if since < self.forgotten:
            raise CursorExpired("too old")
        names = self.log[since : since + SIZE]
        changes = [self.now(name) for name in names if name]
        return Page(changes, replace(cursor, token=str(since + len(names))), since + len(names) < len(self.log))

    def now(self, name: str) -> Change:
        return Upsert(name, {"value": self.things[name]}) if name in self.things else Gone(name)


class FindableShelf(Shelf):
    """One that can be asked for single things."""

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        return [self.now(one) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        del since
        return frozenset(self.things)


@dataclass
class Room:
    """A remote with one shelf."""

    shelf: Shelf

    def streams(self) -> Sequence[Stream]:
        return [self.shelf]

    def stream(self, key: str) -> Stream:
        assert key == self.shelf.key
        return self.shelf

    def writer(self, records: str, mailbox: str = "") -> Any:
        del mailbox
        raise RejectedError(f"nothing is written to {records}")

    def push(self) -> None:
        return None


@dataclass
class Notebook:
    """A taker that remembers; `bad` values are set aside."""

    bad: frozenset[int] = frozenset({666})
    careful: bool = False
    taken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def take(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        del session, account
        for raw in raws:
            is_bad = raw.payload["value"] in self.bad
            raw.state, raw.error = (RawState.SET_ASIDE, "a bad value") if is_bad else (RawState.APPLIED, "")
            self.taken.append(raw.remote_id)

    def gone(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        del session, account
        self.lost += [raw.remote_id for raw in raws]

    def is_careful(self, account: Account, records: str) -> bool:
        del account, records
        return self.careful

    def withdraw(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
        del account
        for raw in raws:
            session.delete(raw)


class Desk:
    """One account at a shelf, and a worker that reads it on demand."""

    def __init__(self, db: Database, shelf: Shelf, *, name: str = "shelf", slice_s: float = 60) -> None:
        self.db, self.shelf, self.notebook = db, shelf, Notebook()
        with db.write() as session:
            account = Account(name=name, connector="shelf")
            session.add(account)
            session.flush()
            [state] = read.enrol(session, account.id, [shelf])
            self.account_id, self.state_id = account.id, state.id
        room: Remote = Room(shelf)
        self.reader = read.Reader(db, lambda _account, _lane: room, self.notebook, slice_s=slice_s)

    def read(self) -> dict[str, int]:
        """Claim the stream as a worker does, whoever held it before, and read it."""
        with self.db.write() as session:
            state = session.get_one(StreamState, self.state_id)
            state.lease_until = _LONG_AGO
            session.flush()
            [lease] = claim(session, StreamState, StreamState.id == self.state_id, owner=new_owner(), lease_s=60)
        return dict(self.reader.read(lease))

    @property
    def state(self) -> StreamState:
        with self.db.read() as session:
            return session.get_one(StreamState, self.state_id)

    @property
    def health(self) -> str:
        with self.db.read() as session:
            return session.get_one(Account, self.account_id).health

    def raws(self) -> dict[str, RawRecord]:
        with self.db.read() as session:
            rows = session.scalars(select(RawRecord).where(RawRecord.account_id == self.account_id))
            return {row.remote_id: row for row in rows}

    def known(self) -> dict[str, int]:
        """What the hub believes to be on the shelf."""
        return {name: row.payload["value"] for name, row in self.raws().items() if row.gone_at is None}


@contextmanager
def crash_at(engine: Engine, statement: int) -> Iterator[None]:
    """Let the process die before its n-th statement (counted from 1); nothing happens if it never comes."""
    count = 0

    def look(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == statement:
            raise Crash

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", look)
