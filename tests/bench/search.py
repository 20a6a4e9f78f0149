"""One box over a million parties, a million texts of the timeline and a million documents: mixed questions, one at a time.

`python -m tests.bench search=100000` fills each database with so many (`many`). The baseline is the database's full text alone
over the same table of parties, asked for the same words and nothing else: no numbers looked up, no other group, nothing shown,
any fifty rows.
"""

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import text

from hub.accounting import panel
from hub.identity import search as parties
from hub.search import everything
from hub.search.everything import Group
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.full_text import tsquery
from hub.store.session import Database, open_engine
from hub.timeline import index as entries
from tests.bench import many
from tests.bench.many import Many, address, family, number, phone
from tests.bench.table import Row, quantile
from tests.fakes.servers import Postgres

SIZE = 1_000_000
MOST_MS = 100.0
ROUNDS = 3
SOME = 1_000  # entries that are indexed again, to see what it costs to write one
AT = datetime(2026, 1, 1, tzinfo=UTC)


def run(size: int = SIZE) -> list[Row]:
    """Build, ask, compare; one database after the other."""
    rows: list[Row] = []
    for name, opened in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        with opened() as url:
            began = time.perf_counter()
            of = Many(size)
            many.fill(url, partial(many.people, of=of), partial(many.history, of=of))
            print(f"{name}: {size:,} of each in {time.perf_counter() - began:.0f} s", flush=True)
            database = Database(open_engine(url))
            try:
                rows += [*_ask(database, name, size), *_write(database, name)]
            finally:
                database.close()
    return rows


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=os.environ.get("TMPDIR")) as folder:
        yield f"sqlite:///{Path(folder) / 'hub.db'}"


@contextmanager
def _postgres() -> Iterator[str]:
    server = Postgres()
    try:
        yield server.database()
    finally:
        server.close()


# --- asking ---------------------------------------------------------------------------------------------------------


def questions(size: int) -> dict[str, list[str]]:
    """Return what is asked, by kind: as people ask, some while they are still typing."""
    dice = random.Random(5)
    some = [dice.randrange(1, size + 1) for _ in range(6)]
    return {
        "first names, 100,000 hits": ["דנה", "anna", "محمد", "иван", "invoice", "הצעת"],
        "two words": ["דנה כהן", "anna kowalska", "محمد حداد", "иван петров", "katarzyna lewandowski", "offer router"],
        "while typing": ["da", "dan", "dani", "koval", "kowa", "anna k", "דנה כ", "ив", "lew", "inv", "מש", "ko", "בר", "ви", "رو", "bab"],
        "family names, 20 to 30,000 hits": [*(family(rank) for rank in (1, 2, 3, 4, 6, 10, 18, 31, 60, 101, 500, 2200)),
                                            *(f"{first} {family(rank)}" for first, rank in (("anna", 2), ("דנה", 5), ("иван", 1)))],
        "with accents": ["ŁUKASZ ŻAK", "wisniewska", "müller", "счет", "Dabrowski"],
        "numbers by part": [*(phone(n)[-7:] for n in some), *(phone(n)[5:10] for n in some), "9725", "+97254", "054", "541"],
        "whole numbers": [*(f"0{phone(n)[4:]}" for n in some), *(phone(n) for n in some)],
        "addresses": [*(address(n) for n in some), "person12", "example.com"],
        "documents": [
            *(number(n) for n in some), *(f"{n}/2026" for n in some), *(f"FV{n}" for n in some), "2026",
            "FV 12", "fv",
        ],
        "nothing": ["zzyzx", "קסילופון", "999999999999", "nobody@nowhere.example", "anna zzyzx"],
        "single letters": ["a", "5", "ד"],
    }  # fmt: skip


def _ask(database: Database, name: str, size: int) -> list[Row]:
    agent = Person(many.AGENT, None, "agent@acme.example", "Agent", Role.AGENT)
    asked = questions(size)

    def ask(question: str) -> None:
        with database.read() as session:
            eye = panel.eyes(session, agent, at=AT, zone="Asia/Jerusalem")
            everything.search(session, eye, question, groups=tuple(Group), limit=8)

    for some in asked.values():  # warm
        _timed(ask, some)
    took: dict[str, list[float]] = {kind: [] for kind in asked}
    for _ in range(ROUNDS):
        for kind, some in asked.items():
            took[kind] += _timed(ask, some)
    rows = [
        Row(f"  search on {name}, {kind}", f"p50 {quantile(some, 0.5):.1f} ms, worst {max(some):.1f} ms")
        for kind, some in took.items()
    ]
    mixed = [one for some in took.values() for one in some]
    raw = _bare(database, [one for some in asked.values() for one in some])
    p50, p95, base = quantile(mixed, 0.5), quantile(mixed, 0.95), quantile(raw, 0.95)
    return [
        Row(f"search on {name}, {size:,} of each, p50", f"{p50:.1f} ms", baseline=f"{quantile(raw, 0.5):.1f} ms bare"),
        Row(
            f"search on {name}, {size:,} of each, p95", f"{p95:.1f} ms", f"<= {MOST_MS:.0f} ms", f"{base:.1f} ms bare",
            f"{p95 / base:.1f}", p95 <= MOST_MS,
        ),
        *rows,
    ]  # fmt: skip


def _timed(ask: Callable[[str], object], questions: Sequence[str]) -> list[float]:
    """Return the milliseconds that each question takes."""
    took = []
    for one in questions:
        began = time.perf_counter()
        ask(one)
        took.append((time.perf_counter() - began) * 1e3)
    return took


def _bare(database: Database, questions: Sequence[str]) -> list[float]:
    """Ask the database's full text alone for parties whose words begin so, past everything of ours; the second time counts."""
    url = database.engine.url
    asked = [[group[0] for group in parties.terms(one)] for one in questions]
    if database.is_sqlite:
        sql = "SELECT rowid FROM party_text WHERE party_text MATCH ? LIMIT 50"
        with closing(sqlite3.connect(str(url.database))) as lite:
            lite.execute("PRAGMA cache_size=-65536")
            written = [" AND ".join(f'"{word}"*' for word in words) for words in asked]
            _timed(lambda one: lite.execute(sql, (one,)).fetchall(), written)
            return _timed(lambda one: lite.execute(sql, (one,)).fetchall(), written)
    sql = "SELECT party_id FROM party_text WHERE document @@ to_tsquery('simple', %s) LIMIT 50"
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as post:
        written = [tsquery([[[word]] for word in words], exact=False) for words in asked]
        _timed(lambda one: post.execute(sql, (one,)).fetchall(), written)
        return _timed(lambda one: post.execute(sql, (one,)).fetchall(), written)


def _write(database: Database, name: str) -> list[Row]:
    """Index some entries again: what a change of one costs beside writing its row."""
    with database.write() as session:
        ids = list(session.scalars(text("SELECT id FROM interaction ORDER BY id DESC LIMIT :most"), {"most": SOME}))
        began = time.perf_counter()
        entries.refresh(session, ids)
        took = (time.perf_counter() - began) / SOME
    return [Row(f"  search on {name}, one text written again", f"{took * 1e6:.0f} µs")]
