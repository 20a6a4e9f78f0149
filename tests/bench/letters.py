"""A mailbox of any size that is made up while it is read: the same number is always the same message.

As Gmail's `messages.get` answers: conversations of three, every fourth message also as a page, every tenth with a file.
Making a message up costs time of its own; `Mailbox.spent_s` says how much, so that it can be taken off.
"""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from hub.connector.stream import Change, Cursor, Page, Phase, Push, Stream, Upsert, Writer
from hub.context import Hub
from hub.errors import RejectedError
from hub.flow import Taker
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import read
from hub.intake.models import Account, StreamState
from hub.intake.read import Reader
from hub.work.lease import Lease, claim, new_owner

OWNER = "noa@acme.example"
STREAM = f"mail:{OWNER}"
CUSTOMERS = 500
PAGE = 50
WHOLE_S = 1e6  # no slice ends before the mailbox does
_FIRST_MS = 1_790_000_000_000
_SAID = "Hello, please tell us when the order comes and what it costs. "
_TEXT = base64.urlsafe_b64encode((_SAID * 26).encode()).decode()
_HTML = base64.urlsafe_b64encode(f"<html><body><p>{_SAID * 26}</p></body></html>".encode()).decode()


def message(number: int) -> dict[str, Any]:
    """Return one message as Gmail hands it over."""
    said: dict[str, Any] = {"size": len(_SAID) * 26, "data": _TEXT}
    body: dict[str, Any] = {"mimeType": "text/plain", "partId": "", "filename": "", "body": said}
    if number % 4 == 0:
        page = {
            "mimeType": "text/html",
            "partId": "1",
            "filename": "",
            "headers": [],
            "body": {"size": 1700, "data": _HTML},
        }
        text = {"mimeType": "text/plain", "partId": "0", "filename": "", "headers": [], "body": said}
        body = {
            "mimeType": "multipart/alternative",
            "partId": "",
            "filename": "",
            "body": {"size": 0},
            "parts": [text, page],
        }
    if number % 10 == 0:
        file = {"attachmentId": f"a{number}", "size": 20_000}
        offer = {"mimeType": "application/pdf", "partId": "1", "filename": "offer.pdf", "headers": [], "body": file}
        inner = {**body, "partId": "0", "headers": []}
        body = {
            "mimeType": "multipart/mixed",
            "partId": "",
            "filename": "",
            "body": {"size": 0},
            "parts": [inner, offer],
        }
    return {
        "id": f"m{number:08}", "threadId": f"t{number // 3}", "labelIds": ["INBOX", "UNREAD"], "snippet": _SAID,
        "sizeEstimate": 3000, "internalDate": str(_FIRST_MS + number * 60_000), "historyId": str(number),
        "payload": {**body, "headers": _header(number)},
    }  # fmt: skip


def _header(number: int) -> list[dict[str, str]]:
    fields = [
        ("Received", "from mx.customer.example by mx.example with ESMTPS; Mon, 2 Nov 2026 10:00:00 +0200 (IST)"),
        ("Received", "from desk.customer.example by mx.customer.example; Mon, 2 Nov 2026 10:00:00 +0200 (IST)"),
        ("From", f"Dana Levi <dana{number % CUSTOMERS}@customer.example>"),
        ("To", f"Noa <{OWNER}>"),
        ("Subject", f"{'Re: ' if number % 3 else ''}Order {number // 3}"),
        ("Date", f"Mon, 2 Nov 2026 10:00:{number % 60:02} +0200"),
        ("Message-ID", f"<{number}@customer.example>"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
    ]
    if number % 3:
        fields += [(name, f"<{number - 1}@customer.example>") for name in ("In-Reply-To", "References")]
    return [{"name": name, "value": value} for name, value in fields]


@dataclass
class Mailbox:
    """The stream of a made-up mailbox, and the account it is in."""

    size: int
    key: str = STREAM
    title: str = "Mail"
    records: str = STREAM
    mailbox: str = OWNER
    asked: str = "all"
    every: timedelta = timedelta(minutes=5)
    full_every: timedelta | None = None
    spent_s: float = 0.0
    cpu_s: float = 0.0

    def begin(self) -> Cursor:
        return Cursor(anchor="1")

    def pull(self, cursor: Cursor) -> Page:
        wall, cpu = time.perf_counter(), time.process_time()
        first = int(cursor.page or 0)
        last = min(self.size, first + PAGE)
        changes: list[Change] = [Upsert(f"m{number:08}", message(number)) for number in range(first, last)]
        more = last < self.size
        following = Cursor(Phase.FULL, page=str(last), anchor="1") if more else Cursor(Phase.INCREMENTAL, token="1")
        self.watch()
        self.spent_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu
        return Page(changes, following, more)

    def watch(self) -> None:
        """Look at something while a page is read."""

    def stream(self, _: str) -> Stream:
        return self

    def streams(self) -> Sequence[Stream]:
        return [self]

    def writer(self, records: str, mailbox: str = "") -> Writer:
        raise RejectedError(f"{mailbox} takes no {records}")

    def push(self) -> Push | None:
        return None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a pass cost, without making the messages up."""

    wall_s: float
    cpu_s: float
    counts: Mapping[str, int]


class MailReader:
    """A wired hub with one account that has the mailbox, and its customers."""

    def __init__(self, hub: Hub, mailbox: Mailbox) -> None:
        self.hub, self.mailbox = hub, mailbox
        with hub.db.write() as session:
            for number in range(CUSTOMERS):
                given = [parties.Given(parties.EMAIL, f"dana{number}@customer.example")]
                parties.create(session, None, PartyKind.PERSON, f"Dana {number}", given, region="IL")
            account = Account(name="Mailbox", connector="google")
            session.add(account)
            session.flush()
            read.enrol(session, account.id, [mailbox])
            self.account = account.id

    def forget(self) -> None:
        """Let the next pass begin anew."""
        with self.hub.db.write() as session:
            read.forget_cursor(session, self.account, STREAM)

    def read(self) -> Spent:
        """Read everything there is; what that cost."""
        reader = Reader(self.hub.db, lambda *_: self.mailbox, Taker(self.hub.flow), slice_s=WHOLE_S)
        lease = self._claimed()
        self.mailbox.spent_s = self.mailbox.cpu_s = 0.0
        wall, cpu = time.perf_counter(), time.process_time()
        counts = reader.read(lease)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        with self.hub.db.read() as session:
            error = session.scalars(select(StreamState.last_error).where(StreamState.id == lease.id)).one()
        assert not error, error
        return Spent(wall - self.mailbox.spent_s, cpu - self.mailbox.cpu_s, counts)

    def _claimed(self) -> Lease:
        with self.hub.db.write() as session:
            which = StreamState.stream == STREAM
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=WHOLE_S)
        return lease
