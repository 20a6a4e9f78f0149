"""One record taken by itself, as a webhook brings it, into an SQLite hub of a million parties: whose is it, what does it say.

`python -m tests.bench single=100000` fills the hub with so many (`many`), each with a record of an address book. Then records
come one by one, each in a transaction of its own: kept, linked, searchable. What is promised is the time until it is known whose
a record is, ours on a processor: on a machine that others use too, the clock on the wall says more of them. Told beside it:
the whole transaction, the wall, the commit, which waits for the disk, and the second look that follows. Baseline: the rows that a new customer makes, inserted into the
same file by sqlite3 alone, before its commit.
"""

import json
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import text
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub import log
from hub.cli.here import little_garbage
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.identity import link
from hub.identity import search as parties
from hub.identity.resolving import second_look
from hub.intake import receive
from hub.intake.models import Account
from hub.settings import load
from tests.bench import many
from tests.bench.many import Filler, Filling, Many, Values, identifier
from tests.bench.table import Row, quantile

SIZE = 1_000_000
RECORDS = 2_000
MOST_MS = 5.0
FORM = 2  # the account whose records come one by one
BOOK_STREAM, STREAM = "contacts", "people"
CROWD = 40  # parties that share one switchboard
SWITCHBOARD = "+97236123456"
BARE = 100_000_000  # from here on the ids of rows of the baseline


def run(size: int = SIZE) -> list[Row]:
    """Fill, take, compare."""
    log.setup("error", "text")
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=os.environ.get("TMPDIR")) as folder:
        file, of = Path(folder) / "hub.db", Many(size)
        began = time.perf_counter()
        many.fill(f"sqlite:///{file}", partial(many.people, of=of), partial(contacts, of=of))
        print(f"SQLite: {size:,} parties in {time.perf_counter() - began:.0f} s", flush=True)
        settings = load({"HUB_HOME": folder, "HUB_DATABASE__URL": f"sqlite:///{file}", "HUB_LOG__LEVEL": "error"})
        hub = hub_app.create_hub(settings)
        try:
            took = _take(hub, of)
        finally:
            hub_app.close_hub(hub)
        bare = _bare(file, of)
    return _shown(size, took, bare)


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of one record: on a processor and by the wall inside its transaction, and by the wall with its commit.

    `whose` is the part, on a processor, until it is known whose it is; `again` what its second look takes.
    """

    kind: str
    cpu: float
    inside: float
    whole: float
    whose: float = 0.0
    again: float = 0.0


def _shown(size: int, took: Sequence[Took], bare: Sequence[Took]) -> list[Row]:
    p99, base = quantile([one.whose for one in took], 0.99), quantile([one.cpu for one in bare], 0.99)
    kinds = dict.fromkeys(one.kind for one in took)
    return [
        Row(
            f"whose is one record, of {size:,} parties on SQLite, CPU, p99", f"{p99:.2f} ms", f"<= {MOST_MS:.0f} ms",
            f"{base:.2f} ms bare", f"{p99 / base:.1f}", p99 <= MOST_MS,
        ),
        Row("  taken in whole", _both(one.cpu for one in took), "", _both(one.cpu for one in bare)),
        Row("  looked at again", _both(one.again for one in took if one.again)),
        Row("  by the wall", _both(one.inside for one in took), "", _both(one.inside for one in bare)),
        Row("  with its commit", _both(one.whole for one in took), "", _both(one.whole for one in bare)),
        *(Row(f"  {kind}, CPU", _both(one.cpu for one in took if one.kind == kind)) for kind in kinds),
    ]  # fmt: skip


def _both(took: Iterable[float]) -> str:
    some = list(took)
    return f"{quantile(some, 0.5):.2f} and {quantile(some, 0.99):.2f} ms"


# --- what is there ----------------------------------------------------------------------------------------------------


def contacts(filler: Filler, of: Many) -> None:
    """Put in a record of the address book for every party, with what it says; and a second account that has said nothing."""
    numbers = range(1, of.size + 1)
    filler.rows("account", [{"id": FORM, "name": "Form", "connector": "form", "region": "IL", **_new(FORM)}])
    filler.rows("raw_record", (_raw(n, _card(of, n)) for n in numbers))
    filler.rows("link", (_link(n, _card(of, n)) for n in numbers))
    filler.rows("claim", (one for n in numbers for one in _claims(n, _card(of, n))))
    filler.rows("identifier", (_desk(of.size + 1 + n) for n in range(min(CROWD, of.firms))))


def _new(n: int) -> Values:
    return {"public_id": f"{n:032x}", "created_at": many.WRITTEN}


def _card(of: Many, n: int) -> Values:
    """Return what the address book says of a party."""
    held = many.held_by(n)
    card: Values = {"remote_id": f"c{n}", "name": of.name(n)}
    for field, kind in (("phones", "phone"), ("emails", "email")):
        if values := [value for of_kind, value in held if of_kind == kind]:
            card[field] = values
    return card | ({"company": name} if (name := of.company_name(n)) else {})


def _raw(n: int, card: Values) -> Values:
    return {
        "id": n, "account_id": many.BOOKS, "stream": BOOK_STREAM, "remote_id": card["remote_id"], "payload": json.dumps(card),
        "hash": receive.content_hash(card), "state": "applied", "version": 1, "received_at": many.WRITTEN, **_new(n),
    }  # fmt: skip


def _link(n: int, card: Values) -> Values:
    return {
        "id": n, "party_id": n, "origin_party_id": n, "account_id": many.BOOKS, "stream": BOOK_STREAM, "remote_id": card["remote_id"],
        "raw_record_id": n, "seen_at": many.WRITTEN,
    }  # fmt: skip


def _claims(n: int, card: Values) -> Iterator[Values]:
    for field, said in card.items():
        if field == "remote_id":
            continue
        value: Values = {"value": said}
        if isinstance(said, list):
            value = {"value": [{"value": one, "label": ""} for one in said], "keys": said}
        yield _claim(n, field, value)
    yield _claim(n, "kind", {"value": "person"})


def _claim(n: int, field: str, value: Values) -> Values:
    return {"party_id": n, "link_id": n, "field": field, "value": json.dumps(value), "observed_at": many.WRITTEN}


def _desk(party: int) -> Values:
    return identifier(party, "phone", SWITCHBOARD) | {"label": "fixed", "shared": True}


# --- what comes -------------------------------------------------------------------------------------------------------


def records(of: Many) -> Iterator[tuple[str, int, Values]]:
    """Yield what comes, mixed: of what kind it is, from which account, what it says."""
    dice = random.Random(7)
    some = dice.sample(range(3, of.size + 1, 3), RECORDS)  # every third party has an address
    for at in range(RECORDS):
        n = some[at]
        named: Values = {"remote_id": f"r{at}", "name": of.name(n)}
        match at % 6:
            case 0:
                fresh = {"phones": [many.phone(of.size + 10 + at)], "emails": [f"new{at}@example.com"]}
                yield "new", FORM, {**named, **fresh, "company": many.firm(at % of.firms)}
            case 1:
                yield "known by its address", FORM, {**named, "emails": [many.address(n)]}
            case 2:
                yield "known by its mobile", FORM, {**named, "phones": [many.phone(n)]}
            case 3:
                yield "changed", many.BOOKS, {**_card(of, n), "job_title": f"Buyer {at}"}
            case 4:
                yield "the same again", many.BOOKS, _card(of, n)
            case _:
                shared = {"phones": [SWITCHBOARD], "emails": [f"desk{at}@example.com"]}
                yield "with a shared number", FORM, {**named, **shared}


def _take(hub: Hub, of: Many) -> list[Took]:
    """Take all records, one by one."""
    took: list[Took] = []
    decided: list[float] = []
    decide = link._decide

    def watched(*given: Any, **named: Any) -> None:
        clock = _Clock()
        decide(*given, **named)
        decided.append(clock.read()[0])

    with little_garbage(), patch.object(link, "_decide", watched):
        for kind, account, values in records(of):
            with hub.db.write() as session:
                session.connection()  # waits for its turn
                clock = _Clock()
                _one(session, session.get_one(Account, account), values)
                session.flush()
                cpu, inside = clock.read()
            took.append(Took(kind, cpu, inside, clock.read()[1], decided.pop(), _again(hub)))
    _check(hub, of)
    return took


def _again(hub: Hub) -> float:
    """Let whoever waits be looked at again; returns the milliseconds on a processor."""
    with hub.db.read() as session:
        if not second_look.waits(session):
            return 0.0
    with hub.db.write() as session:
        clock = _Clock()
        second_look.page(session)
        session.flush()
        return clock.read()[0]


class _Clock:
    def __init__(self) -> None:
        self._cpu, self._wall = time.thread_time(), time.perf_counter()

    def read(self) -> tuple[float, float]:
        """Return the milliseconds since it was made: of this thread on a processor, and by the wall."""
        return (time.thread_time() - self._cpu) * 1e3, (time.perf_counter() - self._wall) * 1e3


def _one(session: Session, account: Account, values: Values) -> None:
    """Keep a record and take it, as the flow does; also where it is the same again, as a replay does."""
    stream = BOOK_STREAM if account.id == many.BOOKS else STREAM
    kept = receive.keep_page(session, account.id, stream, [Delivered(stream, values["remote_id"], values)])
    [raw] = receive.rows(session, kept)
    [state] = link.take(session, account, [link.Given(raw, values)], region="IL")
    receive.settle(session, [raw], state, "")


def _check(hub: Hub, of: Many) -> None:
    """See that what was measured is what was meant: of six records two made a customer, and none of them a company."""
    with hub.db.read() as session:
        made = session.scalar(text("SELECT count(*) FROM party")) or 0
    wanted = sum(kind in {"new", "with a shared number"} for kind, _, _ in records(of))
    assert made - of.size - of.firms == wanted, (made - of.size - of.firms, wanted)


def _bare(file: Path, of: Many) -> list[Took]:
    """Insert what new customers make and nothing more."""
    took = []
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            db.execute(f"PRAGMA {pragma}")
        for at in range(RECORDS):
            statements = _statements(of, BARE + at)
            db.execute("BEGIN IMMEDIATE")
            clock = _Clock()
            for sql, values in statements:
                db.execute(sql, values)
            cpu, inside = clock.read()
            db.execute("COMMIT")
            took.append(Took("new", cpu, inside, clock.read()[1]))
    return took


def _statements(of: Many, n: int) -> list[tuple[str, Sequence[Any]]]:
    """Return what inserts a customer with a record: the same rows as the hub's own."""
    found: list[tuple[str, Sequence[Any]]] = []

    def put(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        names, marks = ", ".join(f'"{one}"' for one in columns), ", ".join("?" * len(columns))
        found.extend((f'INSERT INTO "{table}" ({names}) VALUES ({marks})', row) for row in rows)

    filling = Filling(put, "rowid")
    held = [("phone", f"+9725{n}"), ("email", f"bare{n}@example.com")]
    card: Values = {"remote_id": f"b{n}", "name": of.name(1 + n % of.size), "company": many.firm(n % of.firms)}
    card |= {"phones": [held[0][1]], "emails": [held[1][1]]}
    filling.rows("raw_record", [_raw(n, card)])
    filling.rows("party", [many.person(n, card["name"], None)])
    filling.rows("link", [_link(n, card)])
    filling.rows("claim", _claims(n, card))
    filling.rows("identifier", [identifier(n, kind, value) for kind, value in held])
    filling.texts(parties.TEXTS, [(n, parties.body(card["name"], card["company"], held))])
    return found
