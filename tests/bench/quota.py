"""Requests and quota units of mail, beside the least that the same takes with the provider's pages and batches.

A mailbox of 10,000 messages of which 500 concern customers; a day with 40 changes; a look at which nothing changed.
Counted is what the simulated provider saw: HTTP requests (a batch is one) and quota units (each of its parts costs).
"""

import math
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from connectors.google import simulator as google
from connectors.google.client import BATCH as GMAIL_BATCH
from connectors.google.mail import ASKED, COST, LISTED
from connectors.google.simulated.bulk import fill as fill_gmail
from connectors.microsoft import simulator as microsoft
from connectors.microsoft.client import BATCH as GRAPH_BATCH
from connectors.microsoft.folders import UNREAD
from connectors.microsoft.mail import LARGE
from connectors.microsoft.simulated.bulk import fill as fill_outlook
from hub import app as hub_app
from hub import log
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.intake import accounts, read
from hub.intake.models import RawRecord, StreamState
from hub.settings import load
from hub.work.lease import claim, new_owner
from tests.bench.letters import know
from tests.bench.table import Row

SIZE = 10_000
MATCHING = 500
CUSTOMERS = [f"dana{number}@customer.example" for number in range(40)]
CHANGES = 40
MOST = 1.1
OWNER = "noa@acme.example"
RECORDS = f"mail:{OWNER}"
LEASE_S = 3600


@dataclass(frozen=True, slots=True)
class Cost:
    requests: int
    units: int


class Gmail:
    """A simulated Gmail with one mailbox."""

    title, connector = "Gmail", "google"
    # Our own limits stretch a first pass over minutes; here only what it costs is of interest.
    settings: Mapping[str, Any] = {"mail_units_per_minute": 1_000_000, "mail_project_units_per_minute": 1_000_000}

    def __init__(self) -> None:
        self.simulator = google.create(0, Faults())

    def spent(self) -> Cost:
        """Return what was asked so far."""
        return Cost(self.simulator.asked, self.simulator.spent(OWNER).units)

    def fill(self, size: int) -> Cost:
        """Put years of mail into the mailbox, and return the least of a first pass.

        A token, the anchor, the lists of ids, the messages in batches, and what changed meanwhile.
        """
        fill_gmail(self.simulator.user(OWNER).mail, size, matching=CUSTOMERS, matching_count=MATCHING)
        questions = math.ceil(len(CUSTOMERS) / ASKED)  # a question has room for so many addresses
        lists = questions * math.ceil(MATCHING / questions / LISTED)
        units = COST["profile"] + lists * COST["list"] + MATCHING * COST["get"]
        return Cost(1 + 1 + lists + math.ceil(MATCHING / GMAIL_BATCH), units)

    def change(self) -> Cost:
        """Let a day pass, and return the least of a look at it."""
        for number in range(CHANGES):
            customer = CUSTOMERS[number % len(CUSTOMERS)]
            self.simulator.deliver(OWNER, from_=customer, subject=f"News {number}", body="Hello")
        return self._look(CHANGES)

    def idle(self) -> Cost:
        """Return the least of a look at nothing."""
        return self._look(0)

    def _look(self, count: int) -> Cost:
        """One page of the history holds them all, and then the messages themselves."""
        return Cost(1 + math.ceil(count / GMAIL_BATCH), COST["history"] + count * COST["get"])


class Outlook:
    """The same at a simulated Microsoft 365, where each folder is looked at by itself."""

    title, connector = "Outlook in 3 folders", "microsoft"
    settings: Mapping[str, Any] = {"requests_per_minute": 1_000_000}
    folders = ("inbox", "archive", "sentitems")

    def __init__(self) -> None:
        self.simulator = microsoft.create(0, Faults())

    def spent(self) -> Cost:
        """Return what was asked so far."""
        return Cost(self.simulator.asked, self.simulator.spent(OWNER).requests)

    def fill(self, size: int) -> Cost:
        """Put years of mail into the mailbox, and return the least of a first pass.

        The folders, with those that are Outlook's own, in a batch; the headers of each; the messages in batches.
        """
        mail = self.simulator.user(OWNER).mail
        found = fill_outlook(mail, size, matching=CUSTOMERS, matching_count=MATCHING, folders=("inbox", "archive"))
        matching = Counter(mail.message(one).folder.id for one in found)
        everything = Counter(one.folder.id for one in mail.messages.values())
        pages = sum(math.ceil(count / LARGE) for count in everything.values())
        batches = sum(math.ceil(count / GRAPH_BATCH) for count in matching.values())
        own = len({*UNREAD, "inbox", "sentitems"})
        return Cost(1 + pages + batches, 1 + own + pages + MATCHING)

    def change(self) -> Cost:
        """Let a day pass, and return the least of a look at it: a page of each folder's round, and the messages."""
        mail, changed = self.simulator.user(OWNER).mail, Counter[str]()
        for number in range(CHANGES):
            folder, customer = self.folders[number % 3], CUSTOMERS[number % len(CUSTOMERS)]
            changed[folder] += 1
            if folder == "sentitems":
                mail.send(to=[customer], subject=f"News {number}", body="Hello")
            else:
                mail.receive(from_=customer, subject=f"News {number}", body="Hello", folder=folder)
        batches = sum(math.ceil(count / GRAPH_BATCH) for count in changed.values())
        return Cost(len(self.folders) + batches, len(self.folders) + CHANGES)

    def idle(self) -> Cost:
        """Return the least of a look at nothing."""
        return Cost(len(self.folders), len(self.folders))


Provider = Gmail | Outlook


def run(size: int = SIZE) -> list[Row]:
    log.setup("error", "text")
    return [row for provider in (Gmail(), Outlook()) for row in _of(provider, size)]


def _of(provider: Provider, size: int) -> list[Row]:
    provider.simulator.start()
    try:
        with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
            hub = hub_app.create_hub(load({"HUB_HOME": folder, "HUB_LOG__LEVEL": "error"}))
            try:
                return _measured(_Desk(hub, provider), size)
            finally:
                hub_app.close_hub(hub)
    finally:
        provider.simulator.stop()


def _measured(desk: "_Desk", size: int) -> list[Row]:
    least = desk.provider.fill(size)
    first = desk.spent(is_first=True)
    assert desk.kept() == MATCHING, desk.kept()
    least_of_day = desk.provider.change()
    day = desk.spent()
    assert desk.kept() == MATCHING + CHANGES, desk.kept()
    idle = desk.spent()
    return [
        *_rows(f"{desk.provider.title}, {size:,} mails, {MATCHING} matching, first pass", first, least),
        *_rows(f"  a day with {CHANGES} changes", day, least_of_day),
        *_rows("  a look that finds nothing", idle, desk.provider.idle()),
    ]


def _rows(what: str, spent: Cost, least: Cost) -> list[Row]:
    return [
        _row(f"{what}: requests", spent.requests, least.requests),
        _row("    quota units", spent.units, least.units),
    ]


def _row(what: str, spent: int, least: int) -> Row:
    return Row(what, f"{spent:,}", f"<= {MOST}x", f"{least:,} at least", f"{spent / least:.2f}x", spent <= MOST * least)


class _Desk:
    """A hub that reads one mailbox of a simulated provider."""

    def __init__(self, hub: Hub, provider: Provider) -> None:
        self.hub, self.provider = hub, provider
        know(hub, CUSTOMERS)
        settings = {**provider.simulator.settings(), "calendar": False, "contacts": False, **provider.settings}
        with hub.db.write() as session:
            connector = hub.connectors[provider.connector]
            self.account = accounts.create(session, connector, hub.vault, provider.title, settings).id
        self._read(read.LISTING)  # which also signs in, where that is checked first

    def spent(self, *, is_first: bool = False) -> Cost:
        """Read the mailbox to its end, and return what that cost; its folders are listed once an hour, so at first only."""
        before = self.provider.spent()
        if is_first:
            self._read(read.LISTING)
        with self.hub.db.read() as session:
            streams = [one.stream for one in read.wanted(session, self.account)]
        for stream in streams:
            self._read(stream)
        after = self.provider.spent()
        return Cost(after.requests - before.requests, after.units - before.units)

    def kept(self) -> int:
        with self.hub.db.read() as session:
            return len(session.scalars(select(RawRecord.id).where(RawRecord.stream == RECORDS)).all())

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
