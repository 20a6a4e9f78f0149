"""A mailbox of any size that is made up while it is read: the same number is always the same message.

Conversations of three, every fourth message also as a page, every tenth with a file, as Gmail and as Graph answer.
Making a message up costs time of its own; `Mailbox.spent_s` says how much, so that it can be taken off.
"""

import base64
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from connectors.microsoft.folders import Where
from connectors.microsoft.sifting import payload
from hub.connector.stream import Cursor, Page, Phase, Push, Remote, Stream, Upsert, Writer
from hub.context import Hub
from hub.errors import RejectedError
from hub.flow import Taker
from hub.identity import parties
from hub.identity.models import Identifier, PartyKind
from hub.intake import read
from hub.intake.models import Account, StreamState
from hub.intake.read import Reader
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner

OWNER = "noa@acme.example"
STREAM = f"mail:{OWNER}"
INBOX = "inbox"
CUSTOMERS = 500
PAGE = 50
WHOLE_S = 1e6  # no slice ends before the mailbox does
KNOWN_FOR = timedelta(days=1)  # customers who just came would be asked for once more
_FIRST_MS = 1_790_000_000_000
_SAID = "Hello, please tell us when the order comes and what it costs. "
_TEXT = base64.urlsafe_b64encode((_SAID * 26).encode()).decode()
_PAGE = f"<html><body><p>{_SAID * 26}</p></body></html>"
_HTML = base64.urlsafe_b64encode(_PAGE.encode()).decode()
# What Exchange Online writes into the header of each mail that it takes in: about 5 KB.
_EXCHANGE = [
    *((f"X-MS-Exchange-Organization-{number}", "0123456789abcdef" * 4) for number in range(25)),
    *((name, "0123456789abcdef" * 40) for name in ("ARC-Message-Signature", "ARC-Seal", "DKIM-Signature")),
    ("X-Microsoft-Antispam-Message-Info", "0123456789abcdef" * 80),
]


@dataclass(frozen=True)
class Provider:
    """Whose mail it is, and how a message is kept."""

    title: str
    connector: str
    message: Callable[[int], Upsert]


def gmail(number: int) -> dict[str, Any]:
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


def outlook(number: int) -> dict[str, Any]:
    """Return one message as Graph hands it over."""
    at = datetime.fromtimestamp(_FIRST_MS / 1000 + number * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = (
        {"contentType": "html", "content": _PAGE} if number % 4 == 0 else {"contentType": "text", "content": _SAID * 26}
    )
    offer = {
        "id": f"a{number}",
        "name": "offer.pdf",
        "contentType": "application/pdf",
        "size": 20_000,
        "isInline": False,
    }
    dana = {"emailAddress": {"name": "Dana Levi", "address": f"dana{number % CUSTOMERS}@customer.example"}}
    return {
        "@odata.etag": f'W/"{number}"', "id": f"m{number:0151}", "parentFolderId": INBOX, "conversationId": f"t{number // 3}",
        "internetMessageId": f"<{number}@customer.example>", "subject": f"Order {number // 3}", "from": dana, "sender": dana,
        "toRecipients": [{"emailAddress": {"name": "Noa", "address": OWNER}}], "ccRecipients": [], "bccRecipients": [],
        "replyTo": [], "receivedDateTime": at, "sentDateTime": at, "categories": [], "isDraft": False,
        "internetMessageHeaders": [
            *(one for one in _header(number) if one["name"] not in {"From", "To"}),
            *({"name": name, "value": value} for name, value in _EXCHANGE),
        ],
        "singleValueExtendedProperties": [{"id": "Integer 0x36", "value": "0"}, {"id": "String 0x1a", "value": "IPM.Note"}],
        "body": said, "bodyPreview": _SAID,
        "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", **offer}] if number % 10 == 0 else [],
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


def _graph(number: int) -> Upsert:
    message = outlook(number)
    return Upsert(message["id"], payload(message, Where(("Inbox",), "inbox")))


GMAIL = Provider("Gmail", "google", lambda number: Upsert(f"m{number:08}", gmail(number)))
OUTLOOK = Provider("Outlook", "microsoft", _graph)
PROVIDERS = (GMAIL, OUTLOOK)


@dataclass
class Mailbox:
    """The stream of a made-up mailbox, and the account it is in."""

    size: int
    provider: Provider = GMAIL
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
        changes = [self.provider.message(number) for number in range(first, last)]
        more = last < self.size
        following = Cursor(Phase.FULL, page=str(last), anchor="1") if more else Cursor(Phase.INCREMENTAL, token="1")
        self.watch()
        self.spent_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu
        return Page(changes, following, more)

    def watch(self) -> None:
        """Look at something while a page is read."""

    def opened(self, hub: Hub, account: Account) -> Remote:
        """Return the account that the mailbox is in."""
        return self

    def stream(self, _: str) -> Stream:
        return self

    def streams(self) -> Sequence[Stream]:
        return [self]

    def writer(self, records: str, mailbox: str = "") -> Writer:
        raise RejectedError(f"{mailbox} takes no {records}")

    def push(self) -> Push | None:
        return None


def know(hub: Hub, addresses: Iterable[str]) -> None:
    """Let customers have been there for a while before a mailbox is read."""
    with hub.db.write() as session:
        for one in addresses:
            parties.create(session, None, PartyKind.PERSON, one, [parties.Given(parties.EMAIL, one)], region="IL")
        session.execute(update(Identifier).values(valid_from=now() - KNOWN_FOR))


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
        know(hub, (f"dana{number}@customer.example" for number in range(CUSTOMERS)))
        with hub.db.write() as session:
            account = Account(name="Mailbox", connector=mailbox.provider.connector)
            session.add(account)
            session.flush()
            read.enrol(session, account.id, [mailbox])
            self.account = account.id

    def forget(self) -> None:
        """Let the next pass begin anew."""
        with self.hub.db.write() as session:
            read.forget_cursor(session, self.account, self.mailbox.key)

    def read(self, slice_s: float = WHOLE_S) -> Spent:
        """Read everything there is, as long at a time; what that cost."""
        taker = Taker(self.hub.flow)
        reader = Reader(self.hub.db, lambda one, _: self.mailbox.opened(self.hub, one), taker, slice_s=slice_s)
        self.mailbox.spent_s = self.mailbox.cpu_s = 0.0
        wall, cpu, counts = time.perf_counter(), time.process_time(), Counter[str]()
        while not self._is_at_its_end():
            counts.update(reader.read(self._claimed()))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Spent(wall - self.mailbox.spent_s, cpu - self.mailbox.cpu_s, counts)

    def _is_at_its_end(self) -> bool:
        with self.hub.db.read() as session:
            state = session.scalars(select(StreamState).where(StreamState.stream == self.mailbox.key)).one()
        assert not state.last_error, state.last_error
        return state.cursor is not None and state.phase == Phase.INCREMENTAL

    def _claimed(self) -> Lease:
        with self.hub.db.write() as session:
            which = StreamState.stream == self.mailbox.key
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=WHOLE_S)
        return lease
