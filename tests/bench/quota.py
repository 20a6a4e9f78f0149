"""Requests and quota units of Gmail, beside the least that the same takes with the provider's pages and batches.

A mailbox of 10,000 messages of which 500 concern customers; a day with 40 changes; a look at which nothing changed.
Counted is what the simulated Google saw: HTTP requests (a batch is one) and quota units (each of its parts costs).
"""

import math
import tempfile
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from connectors.google import simulator
from connectors.google.client import BATCH
from connectors.google.mail import ASKED, COST, LISTED
from connectors.google.simulated.bulk import fill
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub import log
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts, read
from hub.intake.models import RawRecord, StreamState
from hub.settings import load
from hub.work.lease import claim, new_owner
from tests.bench.table import Row

SIZE = 10_000
MATCHING = 500
CUSTOMERS = 40
CHANGES = 40
MOST = 1.1
OWNER = "noa@acme.example"
STREAM = f"mail:{OWNER}"
LEASE_S = 3600
# Our own limits stretch a first pass over minutes; here only what it costs is of interest.
UNHURRIED = {"mail_units_per_minute": 1_000_000, "mail_project_units_per_minute": 1_000_000}


@dataclass(frozen=True, slots=True)
class Cost:
    requests: int
    units: int


def run(size: int = SIZE) -> list[Row]:
    log.setup("error", "text")
    google = simulator.create(0, Faults())
    google.start()
    try:
        with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
            hub = hub_app.create_hub(load({"HUB_HOME": folder, "HUB_LOG__LEVEL": "error"}))
            try:
                return _measured(_Desk(hub, google), size)
            finally:
                hub_app.close_hub(hub)
    finally:
        google.stop()


def _measured(desk: "_Desk", size: int) -> list[Row]:
    customers = [f"dana{number}@customer.example" for number in range(CUSTOMERS)]
    desk.know(customers)
    mail = desk.google.user(OWNER).mail
    fill(mail, size, matching=customers, matching_count=MATCHING)
    first = desk.spent()
    assert desk.kept() == MATCHING, desk.kept()
    for number in range(CHANGES):
        desk.google.deliver(OWNER, from_=customers[number % CUSTOMERS], subject=f"News {number}", body="Hello")
    day = desk.spent()
    assert desk.kept() == MATCHING + CHANGES, desk.kept()
    idle = desk.spent()
    return [
        *_rows(f"Mailbox of {size:,}, {MATCHING} matching, first pass", first, least_of_backfill()),
        *_rows(f"A day with {CHANGES} changes", day, least_of_changes(CHANGES)),
        *_rows("A look that finds nothing", idle, least_of_changes(0)),
    ]


def least_of_backfill() -> Cost:
    """A token, the anchor, the lists of ids, the messages in batches, and what changed meanwhile."""
    questions = math.ceil(CUSTOMERS / ASKED)  # a question has room for so many addresses
    lists = questions * math.ceil(MATCHING / questions / LISTED)
    units = COST["profile"] + lists * COST["list"] + MATCHING * COST["get"]
    return Cost(1 + 1 + lists + math.ceil(MATCHING / BATCH), units)


def least_of_changes(count: int) -> Cost:
    """One page of the history holds them all, and then the messages themselves."""
    return Cost(1 + math.ceil(count / BATCH), COST["history"] + count * COST["get"])


def _rows(what: str, spent: Cost, least: Cost) -> list[Row]:
    return [_row(f"{what}: requests", spent.requests, least.requests), _row("  quota units", spent.units, least.units)]


def _row(what: str, spent: int, least: int) -> Row:
    return Row(what, f"{spent:,}", f"<= {MOST}x", f"{least:,} at least", f"{spent / least:.2f}x", spent <= MOST * least)


class _Desk:
    """A hub that reads one mailbox of the simulated Google."""

    def __init__(self, hub: Hub, google: GoogleSimulator) -> None:
        self.hub, self.google = hub, google
        settings: dict[str, Any] = {**google.settings(), "calendar": False, "contacts": False, **UNHURRIED}
        with hub.db.write() as session:
            account = accounts.create(session, hub.connectors["google"], hub.vault, "Google", settings)
            self.account = account.id
        self._read(read.LISTING)

    def know(self, customers: list[str]) -> None:
        with self.hub.db.write() as session:
            for one in customers:
                given = [parties.Given(parties.EMAIL, one)]
                parties.create(session, None, PartyKind.PERSON, one, given, region="IL")

    def spent(self) -> Cost:
        """Read the mailbox to its end, and return what that cost."""
        before, asked = self.google.spent(OWNER), self.google.asked
        self._read(STREAM)
        after = self.google.spent(OWNER)
        return Cost(self.google.asked - asked, after.units - before.units)

    def kept(self) -> int:
        with self.hub.db.read() as session:
            return len(session.scalars(select(RawRecord.id).where(RawRecord.stream == STREAM)).all())

    def _read(self, stream: str) -> None:
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        reader = hub_app.reader(self.hub)
        while True:
            with self.hub.db.write() as session:
                [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=LEASE_S)
            reader.read(lease)
            with self.hub.db.read() as session:
                state = session.get_one(StreamState, lease.id)
            assert not state.last_error, state.last_error
            if stream == read.LISTING or state.phase == "incremental":
                return
