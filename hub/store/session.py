"""Engines and sessions: SQLite so that it survives a power cut, PostgreSQL so that it plans each query afresh."""

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What is raised when the database cannot be reached, is locked or has no connection left: the same again later."""
_TURN = "hub-turn"  # in what a connection carries: its turn to write
BUSY_MS = 15_000  # how long a writer waits for another one


def open_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Open the database; the folder of an SQLite file is made if it is not there."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, parsed.database, pool_size)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    # Prepared statements make PostgreSQL take a generic plan for the timeline: 50 times slower on large parties. Compiling a
    # statement takes longer than any of ours runs, and a cost that is guessed too high would have it compiled each time.
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # an error must not carry what was to be written into a log
        connect_args={"options": "-c plan_cache_mode=force_custom_plan -c jit=off -c timezone=UTC"},
    )


def _write_json(value: Any) -> str:
    """Write what stands in a JSON column, as `json.dumps` does; most are empty, or one text under one name."""
    if type(value) is dict and len(value) <= 1:
        for name, one in value.items():
            if type(name) is str and type(one) is str:
                return f"{{{encode_basestring_ascii(name)}: {encode_basestring_ascii(one)}}}"
            return json.dumps(value)
        return "{}"
    return json.dumps(value)


_DECODER = json.JSONDecoder()


def _read_json(text: str) -> Any:
    """Read what stands in a JSON column. Many are empty, and a row has several of them."""
    if text == "{}":
        return {}
    if text == "[]":
        return []
    # What `json.loads` does, without looking for blanks before and behind, of which we write none.
    value, end = _DECODER.raw_decode(text)
    return value if end == len(text) else json.loads(text)


def _sqlite(url: str, file: str | None, pool_size: int) -> Engine:
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        if not Path(file).exists():
            Path(file).touch(0o600)  # it holds numbers and names; the files beside it take its rights
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=50,
        hide_parameters=True,
        connect_args={"timeout": BUSY_MS / 1000},
        json_serializer=_write_json,
        json_deserializer=_read_json,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a 2xx to a webhook means: still there after a power cut
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA cache_size=-65536")  # 64 MB
        connection.execute("PRAGMA temp_store=MEMORY")

    turns = Turns(BUSY_MS / 1000)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another one wrote in between,
        # whatever the busy time-out; so writers take the lock at their beginning.
        if connection.get_execution_options().get("hub_read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        if _TURN not in connection.info:
            connection.info[_TURN] = turns.take()
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def given_back(_: Any, record: Any) -> None:
        if (turn := record.info.pop(_TURN, None)) is not None:
            turns.end(turn)

    return engine


class Turns:
    """Who writes next, of one process: whoever came first.

    SQLite lets writers look again after a pause that grows to a tenth of a second, so whoever writes one transaction after
    the other would keep the others away for as long as it likes. Other processes still wait as SQLite lets them.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    def take(self) -> threading.Event:
        """Wait for a turn; whoever waited too long goes on and hears from SQLite that it is locked."""
        turn = threading.Event()
        with self._lock:
            is_first = not self._queue
            self._queue.append(turn)
        try:
            if not is_first:
                turn.wait(self._patience_s)
        except BaseException:  # whoever is interrupted must not stand in the way of all who come later
            self.end(turn)
            raise
        return turn

    def end(self, turn: threading.Event) -> None:
        """Let the next one write."""
        with self._lock:
            self._queue.remove(turn)
            if self._queue:
                self._queue[0].set()


class Database:
    """The one way to rows: `with db.write() as session` and `with db.read() as session`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._write = sessionmaker(engine, expire_on_commit=False)
        self._read = sessionmaker(engine.execution_options(hub_read_only=True), expire_on_commit=False, autoflush=False)
        self._when_written: list[Callable[[Session], None]] = []

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: commits at the end, rolls back on any exception."""
        with self._write.begin() as session:
            yield session
        for call in self._when_written:
            call(session)

    def when_written(self, call: Callable[[Session], None]) -> None:
        """Have something called behind each commit, with the session that is over: it must neither wait nor fail."""
        self._when_written.append(call)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent look; on SQLite it waits for no writer. Nothing written here is kept."""
        with self._read() as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()
