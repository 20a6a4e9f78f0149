"""A day of interactions written into a CRM: what a write costs in requests, how many go out in a second, and each is there once.

`python -m tests.bench crm_writes=1000` writes so many. Calls, mails of conversations, meetings and leads of customers whom Odoo
knows are told as they happen; the workers hand the events on, plan and send, one at a time to one account. Everything runs on
SQLite and on PostgreSQL. Odoo is simulated in another process, which shares the machine's processors with the hub.
Baseline: as many bare `load` requests over one requests.Session to another simulated Odoo, from a program that keeps nothing.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import requests
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.odoo.forms import LEAD, MESSAGE, PARTNER
from connectors.odoo.simulator import OdooSimulator
from hub import app as hub_app
from hub import log
from hub.connector import crm
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.crm import plan
from hub.cti.models import CallRow
from hub.events import tell
from hub.identity.models import Identifier
from hub.leads.models import LeadRow
from hub.mail.models import MailMessage, MailThread
from hub.outbound.models import Outbox, OutboxState
from hub.records.interaction import Interaction as Record
from hub.security import users
from hub.security.models import Role
from hub.settings import load
from hub.store.base import Base, now
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Kind
from hub.work.worker import Job, Sweep, Workers
from tests.bench.data import ROOT
from tests.bench.table import Row
from tests.e2e.crm_desk import Crm
from tests.fakes.servers import Postgres

SIZE = 10_000
CUSTOMERS = 400
MOST_REQUESTS = 1.1  # for each write
# Of a hundred records half are calls, 36 mails of twelve conversations, and so on.
KINDS = [*[Kind.CALL] * 50, *[Kind.EMAIL] * 12, *[Kind.MEETING] * 9, *[Kind.LEAD] * 5]
MAILS = 3  # of a conversation
PAGE = 500  # of one transaction
DAY = timedelta(hours=23)  # so that all are of the chosen day, however long this takes
PATIENCE_S = 3600.0
COLLEAGUE = "noa@company.example"
TEXT = "Thank you for the offer. The olive trees would be planted in spring, and the fence before it.\n" * 4
There = Counter[tuple[str, str, str]]  # address of the customer, what it is called, when it happened


def run(size: int = SIZE, kind: str = "") -> list[Row]:
    """Measure on both databases, or on the one that is named."""
    log.setup("error", "text")
    rows: list[Row] = []
    with ExitStack() as stack:
        for name in [kind] if kind else ["sqlite", "postgresql"]:
            server = None
            if name == "postgresql":
                server = Postgres()
                stack.callback(server.close)
            rows += [Row(name, f"load {os.getloadavg()[0]:.1f}"), *_measured(server, size)]
    return rows


def _measured(server: Postgres | None, size: int) -> list[Row]:
    with desk(server) as mine:
        expected = Day(mine.hub, mine.account, size).happen()
        planning = mine.planned(size)
        before = mine.site.told()["asked"]
        sending, cpu = mine.sent()
        asked = mine.site.told()["asked"] - before
        _must_be_there_once(mine, expected)
    bare = raw(size)
    each, per_s = asked / size, size / sending
    return [
        Row(f"  {size:,} interactions of a day: requests for each write", f"{each:.3f}", f"<= {MOST_REQUESTS}",
            ok=each <= MOST_REQUESTS),
        Row("    written", f"{per_s:,.0f}/s", "", f"{size / bare:,.0f}/s bare requests", f"{per_s * bare / size:.2f}x"),
        Row("    processor of the hub", f"{cpu / sending:.0%}", "", f"{cpu / size * 1000:.1f} ms for each write"),
        Row("    planned", f"{size / planning:,.0f}/s"),
        Row("    missing, or doubled", "0, 0", "0, 0", ok=True),
    ]  # fmt: skip


def _must_be_there_once(mine: "Desk", expected: There) -> None:
    there: There = Counter(tuple(one) for one in mine.site.told()["there"])
    missing, more = expected - there, there - expected
    assert not missing, f"{missing.total()} are missing, such as {min(missing)}"
    assert not more, f"{more.total()} are there that should not be, or twice, such as {min(more)}"
    assert mine.refused() == []


# --- the hub --------------------------------------------------------------------------------------------------------


@dataclass
class Desk(Crm):
    """A hub with one account at an Odoo that it writes to."""

    site: Any
    connector: ClassVar[str] = "odoo"

    def planned(self, count: int) -> float:
        """Let workers hand the events on until so many writes wait; returns how many seconds that took."""
        return self._worked(self._workers(sends=False), lambda waiting, told: waiting == count and not told)[0]

    def sent(self) -> tuple[float, float]:
        """Let workers send until nothing waits; returns the seconds that took, and those of the processor."""
        return self._worked(self._workers(sends=True), lambda waiting, _told: not waiting)

    def _workers(self, *, sends: bool) -> Workers:
        """Return workers as the hub has them, which do nothing else."""
        work, outgoing = self.hub.settings.work, hub_app.deliverer(self.hub)
        job = Job("outbox", Outbox, outgoing.due, outgoing.deliver, first=outgoing.first)
        sweeps = [Sweep("events", tell.waits, hub_app.hand_on_events), Sweep("crm", plan.waits, plan.page)]
        return Workers(
            self.hub.db, [job] if sends else [], sweeps=[] if sends else sweeps, threads=work.threads,
            lease_s=work.lease_s, heartbeat_s=work.heartbeat_s, look_s=work.reconcile_s,
        )  # fmt: skip

    def _worked(self, workers: Workers, over: Callable[[int, bool], bool]) -> tuple[float, float]:
        began, used = time.monotonic(), time.process_time()
        workers.start()
        try:
            while not over(*self._left()):
                if time.monotonic() > began + PATIENCE_S:
                    raise TimeoutError(f"{self._left()} still wait")
                time.sleep(0.05)
            return time.monotonic() - began, time.process_time() - used
        finally:
            workers.close()

    def _left(self) -> tuple[int, bool]:
        with self.hub.db.read() as session:
            waiting = session.scalar(select(func.count(Outbox.id)).where(Outbox.state == OutboxState.WAITING)) or 0
            return waiting, tell.waits(session) or plan.waits(session)


@contextmanager
def desk(server: Postgres | None) -> Iterator[Desk]:
    """Open a hub that knows the customers of a simulated Odoo, and is to write into it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
        database = server.database() if server else f"sqlite:///{folder / 'hub.db'}"
        site = Site(CUSTOMERS)
        stack.callback(site.close)
        hub = hub_app.create_hub(
            load({"HUB_HOME": str(folder), "HUB_DATABASE__URL": database, "HUB_LOG__LEVEL": "error"})
        )
        stack.callback(hub_app.close_hub, hub)
        made = Desk.open(hub, site, writes="true", timeout_s="60", calls_per_minute="100000")
        made.read(crm.CONTACTS)
        made.choose(with_text=True)
        yield made


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens with a customer: one record of the CRM for each of its moments."""

    kind: str
    address: str
    party: int
    at: Sequence[datetime]
    number: int

    @property
    def title(self) -> str:
        return f"{self.kind.capitalize()} {self.number}"

    @property
    def talk_s(self) -> int:
        return 30 + self.number % 900

    def entry(self) -> Entry:
        detail = {"form": "Garden", "campaign": "Spring"} if self.kind == Kind.LEAD else {"description": TEXT}
        record = Record(
            self.kind, started_at=self.at[0], ended_at=self.at[0] + timedelta(minutes=20), summary=self.title,
            direction="inbound" if self.kind == Kind.CALL else "", mentions=(), detail=detail,
        )  # fmt: skip
        return Entry(record, [Part(self.party, "customer", "", "")])

    def there(self) -> Iterator[tuple[str, str, str]]:
        """Return what is to be in the CRM of it."""
        for at in self.at:
            match self.kind:
                case Kind.CALL:
                    title = f"Incoming call, {self.talk_s // 60}:{self.talk_s % 60:02}"
                case Kind.EMAIL:
                    title = f"{self.title}, {at:%H:%M:%S}"
                case _:
                    title = self.title
            yield self.address, title, "" if self.kind == Kind.LEAD else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


class Day:
    """What happens on a day with whom Odoo knows; a day of so many records always has the same."""

    def __init__(self, hub: Hub, account: int, size: int) -> None:
        self._hub, self._account = hub, account
        chance, since = random.Random(size), now().replace(microsecond=0) - DAY
        with hub.db.write() as session:
            self._noa = users.add(session, COLLEAGUE, "Noa", Role.AGENT).id
            known = select(Identifier.value, Identifier.party_id).where(Identifier.kind == "email")
            customers = sorted((row.value, row.party_id) for row in session.execute(known))
        assert len(customers) == CUSTOMERS, f"{len(customers)} customers were read"
        self._happenings: list[Happening] = []
        written = 0
        while written < size:
            kind, (address, party) = chance.choice(KINDS), chance.choice(customers)
            records = min(MAILS if kind == Kind.EMAIL else 1, size - written)
            at = [since + timedelta(seconds=DAY.seconds * (written + one) // size) for one in range(records)]
            self._happenings.append(Happening(kind, address, party, at, written))
            written += records

    def happen(self) -> There:
        """Let everything happen; returns what must be in the CRM of it, each once."""
        for begin in range(0, len(self._happenings), PAGE):
            some = self._happenings[begin : begin + PAGE]
            with self._hub.db.write() as session:
                placed = add(session, [one.entry() for one in some], account_id=None)
                for one, place in zip(some, placed, strict=True):
                    session.add_all(self._rows(session, one, place.id))
        return Counter(record for one in self._happenings for record in one.there())

    def _rows(self, session: Session, one: Happening, interaction: int) -> Sequence[Base]:
        match one.kind:
            case Kind.CALL:
                return [CallRow(
                    account_id=self._account, key=str(interaction), open=False, source="live", started_at=one.at[0],
                    interaction_id=interaction, party_id=one.party, user_id=self._noa, direction="inbound", outcome="answered",
                    number=f"+97254{one.number:07}", talk_s=float(one.talk_s),
                )]  # fmt: skip
            case Kind.LEAD:
                return [LeadRow(
                    account_id=self._account, remote_id=str(interaction), interaction_id=interaction, created_at=one.at[0],
                    name=one.title, email=one.address, owner_id=self._noa,
                )]  # fmt: skip
            case Kind.EMAIL:
                thread = MailThread(interaction_id=interaction)
                session.add(thread)
                session.flush()
                return [MailMessage(
                    key=f"{interaction}-{number}", thread_id=thread.id, message_id=f"<{interaction}.{number}@example.com>",
                    at=at, subject=title, refers_to=[], text=TEXT, people={}, attachments=[], defects=[],
                ) for number, (at, (_, title, _)) in enumerate(zip(one.at, one.there(), strict=True))]  # fmt: skip
            case _:
                return []


# --- one Odoo, a child process --------------------------------------------------------------------------------------


class Site:
    """A simulated Odoo with so many customers, in a process of its own."""

    def __init__(self, customers: int) -> None:
        code = f"from tests.bench.crm_writes import serve; serve({customers})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._settings: dict[str, str] = self._heard()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # so it removes its keys
        self._process.wait(30)

    def settings(self) -> dict[str, str]:
        """Return the settings of an account."""
        return self._settings

    def told(self) -> dict[str, Any]:
        """Return how many requests came, and what is there."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        told: dict[str, Any] = self._heard()
        return told

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def serve(customers: int) -> None:
    """Be Odoo; for each line that is read print how many requests came, and what is there."""
    site = OdooSimulator(0, Faults())
    site.let_write(PARTNER, MESSAGE, LEAD)
    for number in range(customers):
        site.add_partner(f"Customer {number}", email=f"customer{number}@people.example")
    site.start()
    print(json.dumps(site.settings()), flush=True)
    for _ in sys.stdin:
        with site.world.lock:
            print(json.dumps({"asked": site.asked, "there": list(_there(site))}), flush=True)
    site.stop()


def _there(site: OdooSimulator) -> Iterator[tuple[str, str, str]]:
    """Return whose each note and each lead is, what it is called, and when it happened."""
    view = site.world.view
    for note in view.rows(MESSAGE, view.tables[MESSAGE].ids):
        yield view.row(PARTNER, note["res_id"])["email"], note["subject"], f"{note['date']:%Y-%m-%d %H:%M:%S}"
    for lead in view.rows(LEAD, view.tables[LEAD].ids):
        yield view.row(PARTNER, lead["partner_id"])["email"], lead["name"], ""


def raw(size: int) -> float:
    """Post as many notes of that size one after the other, and keep nothing; returns the seconds."""
    site = Site(1)
    try:
        settings = site.settings()
        line = requests.Session()
        line.verify, line.trust_env = settings["ca"], False
        line.headers.update({"Authorization": f"bearer {settings['api_key']}", "X-Odoo-Database": settings["database"]})
        fields = ["id", "model", "res_id", "message_type", "subtype_id/id", "subject", "body", "date"]
        rest = [PARTNER, "1", "comment", "mail.mt_note", "A note", TEXT, "2026-11-01 10:00:00"]
        began = time.monotonic()
        for number in range(size):
            body = {"fields": fields, "data": [[f"__bare__.{number}", *rest]], "context": {"tz": "UTC"}}
            answer = line.post(f"{settings['base_url']}/json/2/{MESSAGE}/load", json=body, timeout=60)
            answer.raise_for_status()
            assert answer.json()["ids"], answer.text
        took = time.monotonic() - began
        assert len(site.told()["there"]) == size
        return took
    finally:
        site.close()
