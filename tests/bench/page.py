"""The timeline's first page in a company of 2,000,000 rows: the query beside raw sqlite3, the page beside a small company's."""

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event

from hub.security.models import Role
from hub.security.policy import Person
from hub.store.session import Database, open_engine
from hub.timeline import queries
from tests.bench import data
from tests.bench.office import Office, first_user, sign_in
from tests.bench.table import Row, quantile

N = 300
WARM_UP = 30
# The query as one writes it by hand: the index gives order and limit, each row is then fetched by its key.
RAW = """
SELECT p.interaction_id, p.party_id, p.started_at, p.kind, i.public_id, i.direction, i.ended_at, i.summary, i.detail,
       i.visibility, i.owner_id, i.source_url, u.name, a.name, a.connector
FROM participant p JOIN interaction i ON i.id = p.interaction_id
LEFT JOIN user u ON u.id = i.owner_id LEFT JOIN account a ON a.id = i.account_id
WHERE p.party_id = ? ORDER BY p.started_at DESC, p.interaction_id DESC LIMIT 31
"""
RAW_NOTES = """
SELECT n.interaction_id, n.public_id, n.text, n.pinned, n.author_id, coalesce(u.name, ''), n.created_at
FROM note n LEFT JOIN user u ON u.id = n.author_id WHERE n.interaction_id IN ({}) ORDER BY n.created_at, n.id
"""


class Stopwatch(sqlite3.Cursor):
    """A cursor that adds up the time spent in it."""

    spent = 0.0

    def execute(self, *given: Any) -> "Stopwatch":
        began = time.perf_counter()
        try:
            super().execute(*given)
        finally:
            Stopwatch.spent += time.perf_counter() - began
        return self

    def fetchall(self) -> list[Any]:
        began = time.perf_counter()
        try:
            return super().fetchall()
        finally:
            Stopwatch.spent += time.perf_counter() - began


class Watched(sqlite3.Connection):
    """A connection whose cursors are stopwatches."""

    def cursor(self, factory: Any = Stopwatch) -> Any:
        return super().cursor(factory)


def query(file: Path, chosen: Sequence[int]) -> tuple[list[float], list[float], list[float]]:
    """Return seconds for each party: in our query's cursors, in raw sqlite3, in our whole query path."""
    engine = open_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "do_connect")
    def watched(_dialect: Any, _record: Any, _arguments: Any, named: dict[str, Any]) -> None:
        named["factory"] = Watched

    database = Database(engine)
    person = Person(1, None, "bench@example.com", "Bench", Role.AGENT)
    ours, raw, whole = [], [], []
    with closing(sqlite3.connect(file, isolation_level=None)) as plain:
        plain.execute("PRAGMA cache_size=-65536")
        for turn, party in enumerate([*chosen[:WARM_UP], *chosen]):
            # They take turns in being first, since the first one fetches the pages from the disk for both.
            if turn % 2:
                other = _raw(plain, party)
            with database.read() as session:
                session.connection()
                Stopwatch.spent, began = 0.0, time.perf_counter()
                page = queries.page(session, [party], person=person)
                took, spent = time.perf_counter() - began, Stopwatch.spent
            if not turn % 2:
                other = _raw(plain, party)
            assert page.items
            if turn >= WARM_UP:
                ours.append(spent)
                whole.append(took)
                raw.append(other)
    database.close()
    return ours, raw, whole


def _raw(db: sqlite3.Connection, party: int) -> float:
    db.execute("BEGIN")
    began = time.perf_counter()
    rows = db.execute(RAW, (party,)).fetchall()
    marks = ", ".join("?" * len(rows))
    db.execute(RAW_NOTES.format(marks), [row[0] for row in rows]).fetchall()
    took = time.perf_counter() - began
    db.execute("COMMIT")
    return took


class Reader:
    """A signed-in browser that looks at customers, on one kept connection."""

    def __init__(self, office: Office) -> None:
        with office.hub() as hub:
            with hub.db.read() as session:
                user = first_user(session)
            [(name, value)] = sign_in(hub, [user])
        self._headers = {"Cookie": f"{name}={value}", "Accept-Encoding": "identity"}
        self._connection = HTTPConnection("127.0.0.1", office.port, timeout=30)
        self.seconds: list[float] = []

    def look(self, party: int) -> None:
        path = f"/customers/{UUID(data.party_id(party))}"
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self.seconds.append(time.perf_counter() - began)
        assert answer.status == 200, f"{path}: {answer.status}"
        assert b'class="item' in body or b"<li" in body

    def close(self) -> None:
        self._connection.close()


def pages(large: Office, small: Office) -> tuple[list[float], list[float]]:
    """Return seconds of whole pages in both companies, asked in turns; both servers run."""
    with ExitStack() as stack:
        readers = []
        for office in (large, small):
            stack.enter_context(office.up())
            readers.append(stack.enter_context(closing(Reader(office))))
        chosen = list(zip(data.sample(large.rows, N), data.sample(small.rows, N), strict=True))
        for number in range(0, N, 10):
            chosen[number] = (data.LARGEST, data.LARGEST)
        for of_large, of_small in [*chosen[:WARM_UP], *chosen]:
            readers[0].look(of_large)
            readers[1].look(of_small)
        return readers[0].seconds[WARM_UP:], readers[1].seconds[WARM_UP:]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        large = Office(Path(folder) / "large", data.LARGE)
        small = Office(Path(folder) / "small", data.SMALL)
        ours, raw, whole = query(large.home / "hub.db", data.sample(data.LARGE, N))
        of_large, of_small = pages(large, small)
    at_p50 = quantile(ours, 0.5) / quantile(raw, 0.5)
    slow, usual = quantile(of_large, 0.95), quantile(of_small, 0.95)
    return [
        Row("Timeline page, execute and fetch, p50", _ms(quantile(ours, 0.5)), "<= 1.5x", f"{_ms(quantile(raw, 0.5))} raw sqlite3",
            f"{at_p50:.2f}x", at_p50 <= 1.5),
        Row("  our whole query path, p50 / p95", f"{_ms(quantile(whole, 0.5))} / {_ms(quantile(whole, 0.95))}"),
        Row(f"Customer page over HTTP, {data.LARGE:,} rows, p95", _ms(slow), "<= 30 ms", "", "", slow <= 0.030),
        Row("  against the small company's, p95", _ms(slow), "<= 1.3x", f"{_ms(usual)} at {data.SMALL:,} rows",
            f"{slow / usual:.2f}x", slow <= 1.3 * usual),
        Row("  p50 of both", _ms(quantile(of_large, 0.5)), "", _ms(quantile(of_small, 0.5)),
            f"{quantile(of_large, 0.5) / quantile(of_small, 0.5):.2f}x"),
    ]  # fmt: skip
