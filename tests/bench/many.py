# ruff: noqa: RUF001 - letters of several scripts are the subject
"""So many parties, texts of the timeline and documents in either database: made by chance, always the same.

Rows go in by the database's own way for many at once, indexes are made afterwards, and the texts come from the code that the
hub itself uses. Names follow Zipf: the first word of each list is in a hundred thousand rows of a million; every fourth family name
is one of thousands, the first of which is in thirty thousand rows, the hundredth in three hundred.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, Protocol

import psycopg
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, Numeric, make_url
from sqlalchemy.types import TypeDecorator

from hub.accounting import index as documents
from hub.identity import search as parties
from hub.identity.callers import TAIL
from hub.search import backfill
from hub.store.base import Base
from hub.store.full_text import TextTable
from hub.store.migrate import upgrade
from hub.store.session import open_engine
from hub.timeline import index as entries

WRITTEN = "2026-01-01 00:00:00.000000+00:00"
AGENT, BOOKS, ACME = 2, 1, 1  # ids of the user, the account and the legal entity
FIRST = (
    "דנה", "Anna", "محمد", "Иван", "נועה", "Katarzyna", "Daniel", "Мария", "יוסף", "Łukasz", "سارة", "Daniela", "אורי",
    "Małgorzata", "Дмитрий", "خالد", "Zofia", "Ольга", "מיכאל", "Thomas", "فاطمة", "Agnieszka", "Сергей", "שירה", "Danielle",
)  # fmt: skip
LAST = (
    "כהן", "Kowalska", "حداد", "Петров", "לוי", "Lewandowski", "Baker", "Смирнова", "מזרחי", "Wiśniewska", "خليل", "Żak",
    "פרץ", "Müller", "Кузнецов", "بن داود", "Nowak", "Silva", "אברהם", "O'Neil", "Dąbrowski", "Волков", "ביטון", "Smith",
)  # fmt: skip
WORDS = (
    "invoice", "offer", "הצעת", "מחיר", "faktura", "счёт", "فاتورة", "meeting", "delivery", "router", "contract", "договор",
    "umowa", "פגישה", "משלוח", "اجتماع", "reklamacja", "возврат", "warranty", "deposit", "תשלום", "zamówienie", "عقد",
)  # fmt: skip
# Of these family names are put together, one for each digit of their rank.
SYLLABLES = (
    ("ba", "ko", "le", "mi", "ru", "sa", "to", "vi", "ne", "da"), ("בר", "קו", "לי", "מן", "רו", "שא", "טל", "וי", "נח", "דב"),
    ("ба", "ко", "ле", "ми", "ру", "са", "то", "ви", "не", "да"), ("با", "كو", "لي", "من", "رو", "سا", "طل", "في", "ني", "دا"),
)  # fmt: skip
FAMILIES = 3_000
STAFF = 200  # parties for each company, which comes after them; every fourth of them works at one
Values = dict[str, Any]


class Many:
    """So many rows of everything, always the same."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.firms = max(1, size // STAFF)
        dice = random.Random(1)
        self.names = [f"{_zipf(dice, FIRST)} {_last(dice)}" for _ in range(size + 1)]
        self.subjects = [" ".join(_zipf(dice, WORDS) for _ in range(4)) for _ in range(max(1, size // 10))]

    def name(self, n: int) -> str:
        return f"{self.names[n]} {n % 5_000}" if n % 3 == 0 else self.names[n]

    def company(self, n: int) -> int | None:
        """Return the number of the company where a party works."""
        return self.size + 1 + n % self.firms if n % 4 == 1 else None

    def company_name(self, n: int) -> str:
        """Return what the company is called where a party works; empty: it works nowhere."""
        return firm(n % self.firms) if n % 4 == 1 else ""

    def parties(self) -> Iterator[Values]:
        for n in range(1, self.size + 1):
            yield person(n, self.name(n), self.company(n))
        for n in range(self.firms):
            own = self.size + 1 + n
            yield {"id": own, "kind": "company", "status": "active", "name": firm(n), "version": 1, **new(own)}

    def identifiers(self) -> Iterator[Values]:
        for n in range(1, self.size + 1):
            for kind, value in held_by(n):
                yield identifier(n, kind, value)

    def party_texts(self) -> Iterator[tuple[int, str]]:
        for n in range(1, self.size + 1):
            yield n, parties.body(self.name(n), self.company_name(n), held_by(n))
        for n in range(self.firms):
            yield self.size + 1 + n, parties.body(firm(n), "", ())

    def said(self, n: int) -> str:
        return f"{self.subjects[n % len(self.subjects)]} {self.names[n]} {n}"

    def interactions(self) -> Iterator[Values]:
        for n in range(1, self.size + 1):
            yield {
                "id": n, "kind": _kind(n), "summary": self.said(n), "started_at": WRITTEN, "visibility": _seen_by(n),
                "owner_id": AGENT if n % 50 == 0 else None, "detail": json.dumps({"text": self.said(n)}), **new(n),
            }  # fmt: skip

    def participants(self) -> Iterator[Values]:
        for n in range(1, self.size + 1):
            yield {"interaction_id": n, "party_id": n, "origin_party_id": n, "started_at": WRITTEN, "kind": "email",
                   "role": "sender"}  # fmt: skip

    def interaction_texts(self) -> Iterator[tuple[int, str, str]]:
        for n in range(1, self.size + 1):
            who = "all" if _seen_by(n) == "all" else f"u{AGENT}" if n % 50 == 0 else ""
            yield n, entries.body([self.said(n)]), f"k{_kind(n)} b0 {who}".strip()

    def documents(self) -> Iterator[Values]:
        for n in range(1, self.size + 1):
            yield {
                "id": n, "account_id": BOOKS, "key": f"invoices:{n}", "business_id": ACME, "party_id": n,
                "party_name": self.names[n], "kind": "invoice", "side": "sale", "status": "open", "number": number(n),
                "issue_date": "2026-01-01", "currency": "ILS", "gross": 100_000_000, "balance_source": "none",
                "first_seen_at": WRITTEN, **new(n),
            }  # fmt: skip

    def document_texts(self) -> Iterator[tuple[int, str, str]]:
        for n in range(1, self.size + 1):
            yield n, documents.body(number(n), self.names[n]), f"b{ACME}"


def firm(n: int) -> str:
    """Return the name of a company."""
    return f"{LAST[n % len(LAST)]} Trading {n}"


def phone(n: int) -> str:
    """Return the mobile of a party; those of a million and some are all different."""
    return f"+9725{'0234'[n % 4]}{2_000_000 + n * 7:07d}"


def address(n: int) -> str:
    """Return the e-mail address of a party, where it has one: every third does."""
    return f"person{n}@example.com"


def held_by(n: int) -> list[tuple[str, str]]:
    """Return what points to a party."""
    return [("phone", phone(n)), *([("email", address(n))] if n % 3 == 0 else ())]


def person(n: int, name: str, company: int | None) -> Values:
    """Return the row of a person."""
    return {"id": n, "kind": "person", "status": "active", "name": name, "version": 1, "company_id": company, **new(n)}


def identifier(party: int, kind: str, value: str) -> Values:
    """Return the row of a mobile or an address."""
    tail, label = (value[-TAIL:], "mobile") if kind == "phone" else (value, "")
    return {
        "party_id": party,
        "kind": kind,
        "value": value,
        "raw": value,
        "label": label,
        "tail": tail,
        "valid_from": WRITTEN,
    }


def number(n: int) -> str:
    """Return the number of a document."""
    return f"FV {n}/2026"


def new(n: int) -> Values:
    """Return what every row of a thing has."""
    return {"public_id": f"{n:032x}", "created_at": WRITTEN, "changed_at": WRITTEN}


def _kind(n: int) -> str:
    return "email" if n % 2 else "lead" if n % 10 == 0 else "message"


def _seen_by(n: int) -> str:
    return "owner" if n % 5 == 0 else "all"


def family(rank: int) -> str:
    """Return one of the many family names; 1 is the most frequent."""
    syllables = SYLLABLES[rank % len(SYLLABLES)]
    return "".join(syllables[int(digit)] for digit in f"{rank:04d}").capitalize()


def _last(dice: random.Random) -> str:
    return family(int(FAMILIES ** dice.random())) if dice.random() < 0.25 else _zipf(dice, LAST)


def _zipf(dice: random.Random, words: Sequence[str]) -> str:
    return words[min(int(dice.paretovariate(0.35)) - 1, 10**9) % len(words)]


# --- putting in -----------------------------------------------------------------------------------------------------


class Filler(Protocol):
    """Puts many rows into a database."""

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Put rows into a table as they are."""

    def rows(self, table: str, rows: Iterable[Values]) -> None:
        """Put rows into a table; of what they do not say, each has nothing."""

    def texts(self, table: TextTable, rows: Iterable[Sequence[Any]]) -> None:
        """Put texts into a full-text table: number, words, marks."""


def people(filler: Filler, of: Many) -> None:
    """Put in who works here, and all parties with what they are found by."""
    filler.rows("user", [{"id": AGENT, "email": "agent@acme.example", "name": "Agent", "role": "agent", **new(0)}])
    filler.rows("business", [{"id": ACME, "name": "Acme", "currency": "ILS", "region": "IL"}])
    filler.rows("account", [{"id": BOOKS, "name": "Books", "connector": "books", "region": "IL", **new(0)}])
    filler.rows("party", of.parties())
    filler.rows("identifier", of.identifiers())
    filler.texts(parties.TEXTS, of.party_texts())
    filler.rows("text_index", ({"name": one.texts.name, "version": one.version} for one in backfill.ALL))


def history(filler: Filler, of: Many) -> None:
    """Put in the timeline and the documents, with what they are found by."""
    filler.rows("interaction", of.interactions())
    filler.rows("participant", of.participants())
    filler.texts(entries.TEXTS, of.interaction_texts())
    filler.rows("document", of.documents())
    filler.texts(documents.TEXTS, of.document_texts())


def fill(url: str, *steps: Callable[[Filler], None]) -> None:
    """Make a database with the hub's tables, put rows in, and make what PostgreSQL by itself makes of them in time."""
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        _fill_sqlite(str(parsed.database), steps)
    else:
        _fill_postgres(parsed.set(drivername="postgresql").render_as_string(hide_password=False), steps)


class Filling:
    """Says of rows what is put in, whatever puts it in."""

    def __init__(self, put: Callable[[str, Sequence[str], Iterable[Sequence[Any]]], None], row: str | None) -> None:
        self.put = put
        self._row = row  # what the key of a full-text table is called; None: as the table says

    def rows(self, table: str, rows: Iterable[Values]) -> None:
        rows = iter(rows)
        first = next(rows)
        columns = [one for one in Base.metadata.tables[table].c if one.name in first or _is_needed(one)]
        nothing = {one.name: _nothing(one) for one in columns}
        self.put(
            table,
            [one.name for one in columns],
            ([row.get(name, none) for name, none in nothing.items()] for row in chain([first], rows)),
        )

    def texts(self, table: TextTable, rows: Iterable[Sequence[Any]]) -> None:
        self.put(table.name, [self._row or table.key, "body", *(["marks"] if table.has_marks else [])], rows)


def _is_needed(column: Column[Any]) -> bool:
    is_counted = column.primary_key and isinstance(column.type, Integer)
    return not column.nullable and not is_counted


def _nothing(column: Column[Any]) -> Any:
    """Return the value of a column of which a row says nothing."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if column.nullable:
        return None
    if isinstance(kind, JSON):
        return "[]" if column.type.python_type is list or column.name == "fields_here" else "{}"
    if isinstance(kind, Boolean):
        return False
    return 0 if isinstance(kind, BigInteger | Integer | Numeric) else ""


def _fill_sqlite(file: str, steps: Sequence[Callable[[Filler], None]]) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
            db.execute(f"PRAGMA {pragma}")
        indexes = db.execute(
            "SELECT i.name, i.sql FROM sqlite_master AS i WHERE i.type = 'index' AND i.sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            db.execute(f'DROP INDEX "{name}"')

        def put(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
            names, marks = ", ".join(f'"{one}"' for one in columns), ", ".join("?" * len(columns))
            db.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)

        db.execute("BEGIN")
        for step in steps:
            step(Filling(put, "rowid"))
        db.execute("COMMIT")
        for _, sql in indexes:
            db.execute(sql)


def _fill_postgres(url: str, steps: Sequence[Callable[[Filler], None]]) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET session_replication_role = replica")  # what rows point to is there
        db.execute("SET maintenance_work_mem = '1GB'")
        db.execute("SET synchronous_commit = off")
        indexes = db.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        ).fetchall()
        for name, _ in indexes:
            db.execute(f'DROP INDEX "{name}"')

        def put(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
            names = ", ".join(f'"{one}"' for one in columns)
            with db.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)

        for step in steps:
            step(Filling(put, None))
        for _, sql in indexes:
            db.execute(sql)
        db.execute("VACUUM ANALYZE")
