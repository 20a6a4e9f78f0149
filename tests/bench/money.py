"""What a customer owes in a company of 1,000,000 documents: the money panel, beside its own queries by hand in sqlite3.

`python -m tests.bench money=50000` makes so many documents. The customers have 100 documents each, and one in a thousand
has 2,000: a wholesaler who is served for years.
"""

import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from hub.accounting.panel import panel
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.base import now
from hub.store.migrate import upgrade
from hub.store.session import Database, open_engine
from tests.bench.table import Row, quantile

SIZE = 1_000_000
EACH, LARGE, ONE_IN = 100, 2_000, 1_000
N, WARM_UP = 1_000, 50
MOST_MS = 20.0
ACCOUNT, BUSINESSES = 1, (1, 2)
UNIT = 1_000_000  # amounts are kept as millionths
RAW = (
    """SELECT id, business_id, currency, kind, balance, due_date, issue_date, terms_days, side, status FROM document
       WHERE party_id = ? AND is_open AND gone_at IS NULL AND twin_of_id IS NULL""",
    """SELECT d.id, a.day, a.amount, a.is_payment FROM document d
       JOIN allocation a ON a.account_id = d.account_id AND a.document_key = d.key
       WHERE d.party_id = ? AND d.side = 'sale' AND d.issue_date >= date('now', '-3 years')""",
)


def run(size: int = SIZE) -> list[Row]:
    """Make the company and ask for its customers' money."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        file = Path(folder) / "hub.db"
        engine = open_engine(f"sqlite:///{file}")
        upgrade(engine)
        parties = _fill(file, size)
        database = Database(engine)
        try:
            usual, large, card = _measure(database, file, parties)
        finally:
            database.close()
    return [
        _row(f"money panel, {size:,} documents, p99", *usual),
        _row(f"  a customer with {LARGE:,} of them", *large),
        _row("  the same for the card of a call", *card),
    ]


def _measure(database: Database, file: Path, parties: Sequence[int]) -> list[tuple[float, float]]:
    chooser = random.Random(7)
    usual = [chooser.randrange(1, len(parties) + 1) for _ in range(N + WARM_UP)]
    usual = [one for one in usual if parties[one - 1] == EACH]
    large = [one for one, count in enumerate(parties, 1) if count > EACH] * 20
    person = Person(1, None, "bench@example.com", "Bench", Role.AGENT)
    found = []
    with closing(sqlite3.connect(file)) as plain:
        for chosen, is_whole in ((usual, True), (large, True), (large, False)):
            ours, raw = [], []
            for party in chosen:
                began = time.perf_counter()
                for query in RAW:
                    plain.execute(query, (party,)).fetchall()
                raw.append(time.perf_counter() - began)
                began = time.perf_counter()
                with database.read() as session:
                    made = panel(session, person, [party], ledgers=("odoo",), at=now(), zone="Asia/Jerusalem")
                assert made is not None
                assert made.owed, "a customer of the company owes something"
                if is_whole:
                    assert all(one.behaviour.settled for one in made.owed)
                ours.append(time.perf_counter() - began)
            found.append((quantile(ours[WARM_UP:] or ours, 0.99), quantile(raw[WARM_UP:] or raw, 0.99)))
    return found


def _row(what: str, ours: float, raw: float) -> Row:
    is_usual = what.startswith("money")
    return Row(
        what, f"{ours * 1000:.1f} ms", f"<= {MOST_MS:.0f} ms" if is_usual else "", f"{raw * 1000:.1f} ms",
        f"{ours / raw:.1f}x", ours * 1000 <= MOST_MS if is_usual else None,
    )  # fmt: skip


def _fill(file: Path, size: int) -> list[int]:
    """Write the company; returns how many documents each customer has."""
    parties: list[int] = []
    left = size
    while left > 0:
        parties.append(min(LARGE if len(parties) % ONE_IN == ONE_IN - 1 else EACH, left))
        left -= parties[-1]
    with closing(sqlite3.connect(file)) as plain:
        plain.execute("PRAGMA synchronous=OFF")
        moment = "2026-01-01 00:00:00.000000"
        plain.execute(
            "INSERT INTO account (id, name, connector, settings, secrets, region, time_zone, state, health, health_text, facts, "
            "hook_token_hash, old_hook_token_hash, created_at, public_id) VALUES "
            "(1, 'Books', 'odoo', '{}', '', '', '', 'active', 'healthy', '', '{}', '', '', ?, ?)",
            (moment, uuid4().hex),
        )
        for number in BUSINESSES:
            plain.execute(
                "INSERT INTO business (id, name, tax_id, currency, region, time_zone) VALUES (?, ?, '', 'ILS', 'IL', '')",
                (number, f"North {number}"),
            )
        plain.executemany(
            "INSERT INTO party (id, kind, status, name, fields, version, created_at, changed_at, public_id) "
            "VALUES (?, 'company', 'active', ?, '{}', 1, ?, ?, ?)",
            ((one, f"Company {one}", moment, moment, uuid4().hex) for one in range(1, len(parties) + 1)),
        )
        plain.executemany(DOCUMENT, _documents(parties))
        plain.executemany(ALLOCATION, _allocations(parties))
        plain.commit()
        plain.execute("ANALYZE")
    return parties


DOCUMENT = (
    "INSERT INTO document (public_id, account_id, key, business_id, business_remote_id, party_id, party_remote_id, "
    "contact_remote_id, party_name, party_tax_id, kind, side, status, source_status, number, issue_date, due_date, currency, gross, "
    "balance, balance_source, base_currency, fx_rate, is_open, open_due_date, allocation_no, ksef_no, url, detail, twin_key, "
    "first_seen_at, changed_at) VALUES (?, 1, ?, ?, '1', ?, ?, '', '', '', 'invoice', 'sale', ?, 'posted', ?, ?, ?, ?, ?, ?, "
    "'ledger', '', '', ?, ?, '', '', '', '{}', '', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')"
)
ALLOCATION = (
    "INSERT INTO allocation (account_id, remote_id, said_by, document_key, source_key, amount, day, is_payment) "
    "VALUES (1, ?, '', ?, '', ?, ?, 1)"
)


def _each(parties: Sequence[int]) -> Iterator[tuple[int, int, date, date, bool]]:
    """Yield number, party, day of issue, day it is due and whether it is open; one in ten is."""
    today, number = now().date(), 0
    for party, count in enumerate(parties, 1):
        for place in range(count):
            number += 1
            issued = today - timedelta(days=place * 1000 // count)
            yield number, party, issued, issued + timedelta(days=30), place % 10 == 0


def _documents(parties: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    for number, party, issued, due, is_open in _each(parties):
        currency = "EUR" if number % 7 == 0 else "ILS"
        yield (
            uuid4().hex, f"invoices:{number}", BUSINESSES[number % 2], party, str(party), "open" if is_open else "paid",
            f"INV/{number}", issued.isoformat(), due.isoformat(), currency, 117 * UNIT, 117 * UNIT if is_open else 0, is_open,
            due.isoformat() if is_open else None,
        )  # fmt: skip


def _allocations(parties: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    for number, _party, _issued, due, is_open in _each(parties):
        if not is_open:
            yield str(number), f"invoices:{number}", 117 * UNIT, (due + timedelta(days=number % 20 - 5)).isoformat()
