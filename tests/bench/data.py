"""A made-up company of any size in an SQLite file: parties in five scripts, their numbers, calls and timelines.

The same rows always give the same file. It is built once, below BENCH_CACHE (var/bench), and copied for each run,
so that no run sees what another one wrote.
"""

import hashlib
import json
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from hub.identity import search
from hub.search import backfill
from hub.security.models import Role
from hub.store.migrate import SCRIPTS, upgrade
from hub.store.session import open_engine

LARGE, SMALL = 2_000_000, 20_000  # timeline rows
ROWS_PER_PARTY = 10  # as many on a usual page in a small company as in a large one
LARGEST_SHARE = 33  # every so many-th row is of the one large party
LARGEST = 1  # its id
USERS = 20
END = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=5 * 365)
CHUNK = 20_000
ROOT = Path(__file__).parents[2]

FIRST = ("Anna", "Tom", "Michał", "Zofia", "Łukasz", "דנה", "נועה", "יוסף", "אורי", "محمد", "سارة", "ليلى",
         "Иван", "Мария", "Дмитрий", "Ольга")  # fmt: skip
LAST = ("Kowalska", "Baker", "Lewandowski", "Żak", "לוי", "כהן", "מזרחי", "حداد", "خليل", "Петров", "Смирнова", "Silva",
        "O'Neil", "Nowak", "Müller", "בן־דוד")  # fmt: skip
TRADES = ("Traders", "Sp. z o.o.", "בע״מ", "Ltd", "Торговый дом", "للتجارة")
# Of a hundred rows so many are of a kind: what a company that sells by telephone has.
KINDS = [
    *["call"] * 45, *["email"] * 32, *["meeting"] * 5, *["document"] * 6, *["payment"] * 4, *["message"] * 4,
    *["note"] * 2, *["lead"] * 2,
]  # fmt: skip
# Each call has one phone, and every third a recording.
OF_CALLS = (
    (
        "INSERT INTO leg (call_id, uid, extension, user_id, number, origin, channel, offered_at, ringing_at, answered_at,"
        " ended_at, result, consult_by) SELECT id, key, user_id + 100, user_id, '', direction = 'outbound',"
        " 'PJSIP/' || (user_id + 100) || '-00000001', started_at, started_at, answered_at, ended_at, 'answered', '' FROM call"
    ),
    (
        "INSERT INTO recording (public_id, call_id, path, voicemail, state, started_at, size, sha256, content_type, legal_hold,"
        " owner, attempt, last_error) SELECT printf('%012x', id) || '70008000000000000000', id, key || '.wav', 0, 'ready',"
        " started_at, 16000, '', 'audio/wav', 0, '', 0, '' FROM call WHERE id % 3 = 0"
    ),
)


def parties_of(rows: int) -> int:
    """Return how many parties a company with so many timeline rows has."""
    return max(2, rows // ROWS_PER_PARTY)


def number_of(party: int) -> str:
    """Return the telephone number of a party, E.164."""
    return f"+9725{'0234'[party % 4]}{2_000_000 + party * 7:07d}"


def party_id(party: int) -> str:
    """Return the public id of a party, as SQLite keeps it."""
    return _uuid(END - SPAN, party)


def copy_to(home: Path, rows: int) -> Path:
    """Put a database with so many timeline rows into an empty HUB_HOME and return its file."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "hub.db"
    shutil.copyfile(built(rows), file)
    return file


def built(rows: int) -> Path:
    """Return the cached database, built first where there is none of this form."""
    folder = Path(os.environ.get("BENCH_CACHE") or ROOT / "var" / "bench")
    folder.mkdir(parents=True, exist_ok=True)
    form = hashlib.sha256(Path(__file__).read_bytes())
    for script in sorted((SCRIPTS / "versions").glob("*.py")):
        form.update(script.read_bytes())
    file = folder / f"timeline-{rows}-{form.hexdigest()[:12]}.db"
    if not file.exists():
        for old in folder.glob(f"timeline-{rows}-*"):
            old.unlink()
        half = file.with_suffix(f".{os.getpid()}.half")
        began = time.monotonic()
        print(f"building {file.name}, once", flush=True)
        _build(half, rows)
        half.replace(file)
        print(f"  {file.stat().st_size / 1e6:,.0f} MB in {time.monotonic() - began:.0f} s", flush=True)
    return file


def _build(file: Path, rows: int) -> None:
    file.unlink(missing_ok=True)
    engine = open_engine(f"sqlite:///{file}")
    upgrade(engine)
    engine.dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-400000")
        indexes = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN"
            " ('interaction', 'participant', 'call', 'leg', 'recording', 'identifier', 'party')"
        ).fetchall()
        for name, _ in indexes:
            db.execute(f'DROP INDEX "{name}"')
        db.execute("BEGIN")
        _people(db)
        # Nothing else is searched for here, and no worker is to begin with that.
        _insert(db, "text_index", "name version upto of", [(one.texts.name, one.version, 0, 0) for one in backfill.ALL])
        _parties(db, parties_of(rows))
        _timeline(db, rows)
        for statement in OF_CALLS:
            db.execute(statement)
        db.execute("COMMIT")
        for _, sql in indexes:
            db.execute(sql)


def _insert(db: sqlite3.Connection, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    marks = ", ".join("?" * len(columns.split()))
    db.executemany(f'INSERT INTO "{table}" ({", ".join(columns.split())}) VALUES ({marks})', rows)


def _people(db: sqlite3.Connection) -> None:
    at = _time(END - SPAN)
    columns = [row for row in db.execute('PRAGMA table_info("user")') if row[1] != "id"]
    for number in range(1, USERS + 1):
        facts = {
            "public_id": _uuid(END - SPAN, number), "email": f"agent{number}@example.com", "name": f"Agent {number}",
            "role": Role.AGENT.value, "created_at": at,
        }  # fmt: skip
        row = {name: facts.get(name, _empty(kind)) for _, name, kind, needed, *_ in columns if needed or name in facts}
        _insert(db, "user", " ".join(row), [tuple(row.values())])
    _insert(
        db, "account",
        "id public_id name connector settings secrets region time_zone state health health_text facts"
        " hook_token_hash old_hook_token_hash created_at",
        [(1, _uuid(END - SPAN, 1), "Former exchange", "asterisk", "{}", "", "", "", "paused", "paused", "", "{}", "",
          "", at)],
    )  # fmt: skip


def _empty(kind: str) -> object:
    """Return the value of a column that nothing is known of."""
    if "JSON" in kind:
        return "{}"
    return 0 if kind.startswith(("INT", "BIGINT", "BOOL", "FLOAT", "NUM")) else ""


def _parties(db: sqlite3.Connection, count: int) -> None:
    """Every tenth is a company; most of the others work at one."""
    dice = random.Random(1)
    at = _time(END - SPAN)
    firms = list(range(10, count + 1, 10))
    names = {firm: f"{dice.choice(LAST)} {firm} {dice.choice(TRADES)}" for firm in firms}
    places: dict[int, int | None] = {}
    for number in range(1, count + 1):
        if number not in names:
            names[number] = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
            places[number] = dice.choice(firms) if firms and dice.random() < 0.6 else None
    _insert(
        db, "party", "id public_id kind status name company_id owner_id fields version created_at changed_at",
        ((n, party_id(n), "person" if n in places else "company", "active", names[n], places.get(n), n % USERS + 1, "{}",
          1, at, at) for n in range(1, count + 1)),
    )  # fmt: skip
    _insert(
        db, "identifier",
        "party_id kind value raw label tail possible shared blocked verified valid_from", _identifiers(count, at),
    )  # fmt: skip
    _insert(
        db, "party_text", "rowid body",
        ((n, search.body(names[n], names.get(places.get(n) or 0, ""), [("phone", number_of(n))]))
         for n in range(1, count + 1)),
    )  # fmt: skip


def _identifiers(count: int, at: str) -> Iterator[tuple[Any, ...]]:
    for n in range(1, count + 1):
        phone = number_of(n)
        yield n, "phone", phone, phone, "mobile", phone[-9:], 0, 0, 0, 0, at
        if n % 3 == 0:
            yield n, "email", f"person{n}@example.com", f"person{n}@example.com", "", "", 0, 0, 0, 0, at


def _timeline(db: sqlite3.Connection, rows: int) -> None:
    step = SPAN / rows
    count = parties_of(rows)
    dice = random.Random(2)
    facts = (
        (n, LARGEST if n % LARGEST_SHARE == 0 else dice.randint(1, count), dice.choice(KINDS),
         dice.choice(("inbound", "outbound")), END - SPAN + step * n, dice.randint(1, USERS), dice.randint(5, 900))
        for n in range(1, rows + 1)
    )  # fmt: skip
    while chunk := list(islice(facts, CHUNK)):
        _insert(
            db, "interaction",
            "id public_id kind direction started_at ended_at summary visibility owner_id account_id source_url detail",
            (_interaction(*fact) for fact in chunk),
        )  # fmt: skip
        _insert(
            db, "participant",
            "interaction_id party_id origin_party_id started_at kind role identifier_kind value",
            ((n, party, party, _time(at), kind, "customer", "phone" if kind == "call" else "", number_of(party))
             for n, party, kind, _, at, _, _ in chunk),
        )  # fmt: skip
        _insert(
            db, "call",
            "public_id account_id key open version direction outcome reason caller caller_name withheld callee number did"
            " trunk queue keyed click_id started_at ringing_at answered_at ended_at end_estimated hangup_by wait_s ring_s"
            " talk_s source party_id match_basis candidates user_id disposition interaction_id changed_at",
            (_call(*fact) for fact in chunk if fact[2] == "call"),
        )  # fmt: skip


def _interaction(
    n: int, party: int, kind: str, direction: str, at: datetime, user: int, talk_s: int
) -> tuple[Any, ...]:
    if kind == "call":
        summary = f"{direction.capitalize()} call, answered, {talk_s // 60}:{talk_s % 60:02d}"
        detail = {
            "call": _hyphened(_uuid(at, n)), "outcome": "answered", "reason": "", "number": number_of(party), "did": "5550100",
            "queue": "", "talk_s": talk_s, "extensions": [str(100 + user)], "users": [user],
        }  # fmt: skip
    else:
        summary = f"Re: Offer no. {n} — הצעת מחיר"
        detail = {"text": "We come back to you by Sunday. " * 3}
    return (
        n, _uuid(at, n), kind, direction, _time(at), _time(at + timedelta(seconds=talk_s)), summary, "all", user,
        1 if kind == "call" else None, "", json.dumps(detail),
    )  # fmt: skip


def _call(n: int, party: int, _: str, direction: str, at: datetime, user: int, talk_s: int) -> tuple[Any, ...]:
    phone, start, end = number_of(party), _time(at), _time(at + timedelta(seconds=talk_s))
    ours = str(100 + user)
    caller, callee = (phone, ours) if direction == "inbound" else (ours, phone)
    return (
        _uuid(at, n), 1, f"{n}.1", 0, 5, direction, "answered", "", caller, "", 0, callee, phone, "5550100", "PJSIP/trunk",
        "", "", "", start, start, start, end, 0, "caller", 4.0, 4.0, float(talk_s), "live", party, "number", "[]", user, "",
        n, end,
    )  # fmt: skip


def _uuid(at: datetime, n: int) -> str:
    """A UUIDv7 without chance in it."""
    return f"{int(at.timestamp() * 1000):012x}7{n & 0xFFF:03x}8{n:015x}"


def _hyphened(uuid: str) -> str:
    return "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]))


def _time(at: datetime) -> str:
    """How SQLAlchemy writes a time into SQLite."""
    return at.isoformat(" ", "microseconds")[:26]


def sample(rows: int, count: int, seed: int = 3) -> list[int]:
    """Return parties to look at: chosen by chance, the largest among them."""
    dice = random.Random(seed)
    return [LARGEST, *(dice.randint(2, parties_of(rows)) for _ in range(count - 1))]
