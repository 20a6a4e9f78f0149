"""100,000 posted invoices of a simulated Odoo, read by the connector and taken the whole way; then its sums beside ours.

The simulator answers in this process, so what waiting for its answers takes is taken off: what counts is everything that
the hub does with an answer once its bytes are there.
"""

import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import func, select

from connectors.odoo import wire
from connectors.odoo.simulator import OdooSimulator
from hub import app as hub_app
from hub import log
from hub.accounting.models import DocumentRow
from hub.connector.ledger import HasTotals
from hub.context import Hub
from hub.intake import accounts, read
from hub.intake.models import Account, StreamState
from hub.settings import load
from hub.work.lease import claim, new_owner
from tests.bench.table import Row

SIZE = 100_000
LEAST = 1_500  # documents a second on SQLite
STREAMS = ("companies", "contacts", "invoices")
WHOLE_S = 1e6


class Waiting:
    """Adds up how long answers were waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def counted(self) -> Any:
        """Count while requests are sent."""
        send = wire.Door._sent  # the one place where the connector waits

        def timed(door: wire.Door, *given: Any) -> wire.Posted:
            began = time.perf_counter()
            try:
                return send(door, *given)
            finally:
                self.seconds += time.perf_counter() - began

        with patch.object(wire.Door, "_sent", timed):
            yield


def run(size: int = SIZE) -> list[Row]:
    """Read the ledger and compare its sums."""
    log.setup("error", "text")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
        simulator = OdooSimulator()
        simulator.start()
        stack.callback(simulator.stop)
        simulator.fill(size)
        url = f"sqlite:///{folder / 'hub.db'}"
        hub = hub_app.create_hub(load({"HUB_HOME": str(folder), "HUB_DATABASE__URL": url, "HUB_LOG__LEVEL": "error"}))
        stack.callback(hub_app.close_hub, hub)
        account = _connect(hub, simulator)
        took = {}
        for stream in STREAMS:
            took[stream] = _read(hub, account, stream)
        assert _agrees(hub, account), "our sums are not the ledger's"
        taken, waited, counts = took["invoices"]
        assert counts["new"] == size, counts
        rate = size / (taken - waited)
        again, waited_again, counts = _read(hub, account, "invoices", forget=True)
        assert counts["unchanged"] == size, counts
    return [
        Row(f"{size:,} documents of Odoo, after transport", f"{rate:,.0f}/s", f">= {LEAST:,}/s", f"{waited:.0f} s waiting", "",
            rate >= LEAST),
        Row("  the same again, unchanged", f"{size / (again - waited_again):,.0f}/s", "", f"{waited_again:.0f} s waiting"),
    ]  # fmt: skip


def _connect(hub: Hub, simulator: OdooSimulator) -> int:
    values = {**simulator.settings(), "calls_per_minute": "100000", "timeout_s": "600"}
    with hub.db.write() as session:
        row = accounts.create(session, hub.connectors["odoo"], hub.vault, "Books", values)
        read.enrol(session, row.id, [hub.remotes.open(row).stream(one) for one in STREAMS])
        return row.id


def _read(hub: Hub, account: int, stream: str, *, forget: bool = False) -> tuple[float, float, Counter[str]]:
    """Read a stream to its end; returns the seconds, how many of them were waited, and what came."""
    which = (StreamState.account_id == account) & (StreamState.stream == stream)
    waiting, counts = Waiting(), Counter[str]()
    if forget:
        with hub.db.write() as session:
            read.forget_cursor(session, account, stream)
    began = time.perf_counter()
    with waiting.counted():
        reader = hub_app.reader(hub)
        while True:
            with hub.db.write() as session:
                [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=WHOLE_S)
            counts.update(reader.read(lease))
            with hub.db.read() as session:
                state = session.scalars(select(StreamState).where(which)).one()
            assert not state.last_error, state.last_error
            if state.phase == "incremental":
                return time.perf_counter() - began, waiting.seconds, counts


def _agrees(hub: Hub, account: int) -> bool:
    with hub.db.read() as session:
        remote = hub.remotes.open(session.get_one(Account, account))
        ours = session.execute(select(func.count(), func.sum(DocumentRow.gross), func.sum(DocumentRow.balance))).one()
    assert isinstance(remote, HasTotals)
    theirs = [one for one in remote.totals() if one.records == "invoices"]
    sums = (sum(one.gross or Decimal(0) for one in theirs), sum(one.balance or Decimal(0) for one in theirs))
    return (ours[0], *ours[1:]) == (sum(one.count for one in theirs), *sums)
