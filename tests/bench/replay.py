"""A mapping run again over history: leads of web forms, contacts and invoices, with the same mapping and with a changed one.

`python -m tests.bench replay=20000` runs over so many records of each kind, `replay.leads=20000` of one. Baseline: the same pages read by bare SQLAlchemy
Core with their payloads, and what became of each record written back, a transaction for each page in the same
synchronous mode; nothing is mapped and nothing compared. What counts is our own time on a processor: on a machine that
others use too, the clock on the wall says more of them.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any, cast

from sqlalchemy import Engine, Table, func, select, update

from hub import app as hub_app
from hub import flow as flows
from hub import log, replays
from hub.cli.here import little_garbage
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.flow import MAPPINGS, Flow, open_flow
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.mapping.models import Replay, ReplayStatus
from hub.replays import PAGE, Replayer
from hub.settings import load
from hub.store.base import now
from hub.store.session import open_engine
from hub.work.lease import claim, new_owner
from tests.bench.table import Row

SIZE = 100_000
LEAST = 2_000  # records a second on SQLite
WHOLE_S = 1e6
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def lead(number: int) -> dict[str, Any]:
    return {
        "id": str(number), "created_at": (BEGAN + timedelta(minutes=number)).isoformat(), "platform": "web",
        "form_id": f"f{number % 20}", "form_name": f"Offer {number % 20}", "campaign_id": f"c{number % 50}",
        "page_url": "https://www.example.com/offer", "utm": {"source": "newsletter", "medium": "email"},
        "answers": [
            {"key": "full_name", "label": "Full name", "values": [f"Dana Levi {number}"]},
            {"key": "phone", "label": "Phone", "values": [f"+9725{number % 9}{number:07d}"]},
            {"key": "email", "label": "E-mail", "values": [f"dana{number}@example.com"]},
            {"key": "garden", "label": "How large is your garden?", "values": [f"{number % 300} m²"]},
        ],
    }  # fmt: skip


def contact(number: int) -> dict[str, Any]:
    return {
        "resourceName": f"people/c{number}",
        "metadata": {"sources": [{"type": "CONTACT", "updateTime": "2026-01-01T10:00:00Z"}]},
        "names": [{"displayName": f"Dana Levi {number}", "givenName": "Dana", "familyName": f"Levi {number}"}],
        "emailAddresses": [{"value": f"dana{number}@example.com", "type": "work"}],
        "phoneNumbers": [{"value": f"+9725{number % 9}{number:07d}", "type": "mobile"}],
        "organizations": [{"name": f"Company {number % 500}", "title": "Buyer"}],
        "biographies": [{"value": "Met at the fair"}],
    }


def invoice(number: int) -> dict[str, Any]:
    return {
        "id": number, "kind": "vat", "number": f"{number}/2026", "client_id": number % 2000 + 1, "department_id": 1,
        "buyer_name": f"Company {number % 2000}", "buyer_tax_no": "", "seller_tax_no": "", "issue_date": "2026-01-10",
        "payment_to": "2026-02-10", "currency": "PLN", "price_net": "100.00", "price_tax": "23.00", "status": "issued",
        "price_gross": "123.00", "paid": "0,00", "payment_type": "transfer", "updated_at": "2026-01-10T10:00:00Z",
    }  # fmt: skip


# Connector, stream, what one record is, and where the changed mapping differs.
KINDS: Mapping[str, tuple[str, str, Callable[[int], dict[str, Any]], tuple[str, str]]] = {
    "leads": ("webforms", "lead", lead, ('platform    = "platform"', 'platform    = { default = "site" }')),
    "contacts": ("google", "contacts", contact, ('job_title  = { from = "organizations", transform = "google_job_title"',
                                                 'job_title  = { from = "biographies.0.value"')),
    "invoices": ("fakturownia", "invoices", invoice, ('number          = "number"', 'number          = { expr = "\'FV \' & number" }')),
}  # fmt: skip


def run(size: int = SIZE, kind: str = "") -> list[Row]:
    log.setup("error", "text")
    rows: list[Row] = []
    for one in [kind] if kind else KINDS:
        connector, stream, made, change = KINDS[one]
        with ExitStack() as stack:
            stack.enter_context(little_garbage())  # as `hub replay` does
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
            url = f"sqlite:///{folder / 'hub.db'}"
            hub = hub_app.create_hub(
                load({"HUB_HOME": str(folder), "HUB_DATABASE__URL": url, "HUB_LOG__LEVEL": "error"})
            )
            stack.callback(hub_app.close_hub, hub)
            account = fill(hub, connector, stream, made, size)
            same = replayed(hub, hub.flow, account)
            other = replayed(hub, changed(hub, folder, f"{connector}/{stream}.toml", change), account)
            bare = written(url, account)
        rows += [_row(f"{size:,} {one} again, nothing changed", size, same, bare),
                 _row("  under a changed mapping", size, other, bare)]  # fmt: skip
    return rows


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the wall, and of our processor."""

    wall_s: float
    cpu_s: float


@contextmanager
def measured() -> Iterator[Callable[[], Spent]]:
    """Measure from here to the end."""
    wall, cpu = time.perf_counter(), time.process_time()
    ends: list[Spent] = []
    yield lambda: ends[0]
    ends.append(Spent(time.perf_counter() - wall, time.process_time() - cpu))


def _row(what: str, size: int, took: Spent, bare: Spent) -> Row:
    rate = size / took.cpu_s
    return Row(
        f"{what} ({size / took.wall_s:,.0f}/s on the wall)", f"{rate:,.0f}/s", f">= {LEAST:,}/s",
        f"{size / bare.cpu_s:,.0f}/s bare Core", f"{took.cpu_s / bare.cpu_s:.1f}x", rate >= LEAST,
    )  # fmt: skip


def fill(hub: Hub, connector: str, stream: str, made: Callable[[int], dict[str, Any]], size: int) -> int:
    """Take records in for the first time; returns the account."""
    with hub.db.write() as session:
        account = Account(name=f"Bench {stream}", connector=connector, region="IL")
        session.add(account)
        session.flush()
        number = account.id
    for begin in range(1, size + 1, PAGE):
        with hub.db.write() as session:
            account = session.get_one(Account, number)
            page = [made(one) for one in range(begin, min(begin + PAGE, size + 1))]
            records = [Delivered(stream, str(one.get("id") or one["resourceName"]), one) for one in page]
            kept = receive.keep_page(session, number, stream, records)
            raws = receive.rows(session, kept)
            assert flows.process(hub.flow, session, account, raws) == len(page), [raw.error for raw in raws][:3]
    return number


def changed(hub: Hub, folder: Path, file: str, change: tuple[str, str]) -> Flow:
    """Return the hub's flow with one mapping changed in one place."""
    copytree(MAPPINGS, folder / "mappings")
    mapping = folder / "mappings" / file
    text = mapping.read_text("utf-8")
    assert change[0] in text
    mapping.write_text(text.replace(*change), "utf-8")
    own = {name: one.transforms for name, one in hub.connectors.items() if one.transforms}
    return open_flow(hub.settings, folder / "mappings", own, hub.connectors)


def replayed(hub: Hub, flow: Flow, account: int) -> Spent:
    """Run a mapping over everything, as a worker does."""
    with hub.db.write() as session:
        row = replays.ask(session, None, account)
        [lease] = claim(session, Replay, Replay.id == row.id, owner=new_owner(), lease_s=WHOLE_S)
    with measured() as spent:
        Replayer(hub.db, flow, lease_s=WHOLE_S, slice_s=WHOLE_S).run(lease)
    with hub.db.read() as session:
        row = session.get_one(Replay, row.id)
        assert (row.status, row.counts["set_aside"]) == (ReplayStatus.DONE, 0), row.error
        kinds = (RawRecord.account_id == account, RawRecord.state == RawState.APPLIED)
        assert row.counts["applied"] >= (session.scalar(select(func.count()).where(*kinds)) or 0)
    return spent()


def written(url: str, account: int) -> Spent:
    """Read the same records, and write what became of them."""
    engine = open_engine(url)
    try:
        with measured() as spent:
            _written(engine, account)
        return spent()
    finally:
        engine.dispose()


def _written(engine: Engine, account: int) -> None:
    raw, after = cast("Table", RawRecord.__table__), 0
    while True:
        page = select(raw).where(raw.c.account_id == account, raw.c.id > after).order_by(raw.c.id).limit(PAGE)
        with engine.begin() as connection:
            rows = connection.execute(page).all()
            if not rows:
                return
            ids = [row.id for row in rows]
            connection.execute(
                update(raw)
                .where(raw.c.id.in_(ids))
                .values(state=RawState.APPLIED, applied_at=now(), attempts=raw.c.attempts + 1)
            )
        after = ids[-1]
