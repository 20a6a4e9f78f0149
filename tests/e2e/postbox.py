"""A remote of messages inside the test: what it was handed, and what goes wrong; and a hub with an account of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from hub import flow
from hub.connector.contract import Delivered
from hub.connector.stream import Lane, Push, Remote, Stream, Writer, Written
from hub.context import Hub
from hub.errors import GoneError
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.messages import media
from hub.messages.deliver import MessageKind
from hub.messages.models import Conversation, MessageMedia, MessageRow
from hub.messages.take import refresh
from hub.outbound.deliver import Deliverer
from hub.outbound.models import Outbox, OutboxState
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner

DANA = "+972502345678"
LINE = "1001"


@dataclass
class Postbox:
    """The remote. `faults` are raised before the next writes, those of `late` after them, as a lost answer is."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    late: list[Exception] = field(default_factory=list)
    files: dict[str, bytes | Exception] = field(default_factory=dict)
    tells_payload: bool = True

    def streams(self) -> list[Stream]:
        return []

    def stream(self, key: str) -> Stream:
        raise GoneError(key)

    def push(self) -> Push | None:
        return None

    def writer(self, records: str, mailbox: str = "") -> Writer:
        assert (records, mailbox) == ("message", LINE)
        return self

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        self.asked.append(dict(values))
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(dict(values))
        self.keys.append(key)
        if self.late:
            raise self.late.pop(0)
        remote_id = f"wamid.{len(self.sent)}"
        return Written(
            remote_id,
            payload=payload(remote_id, direction="outbound", text=values["text"]) if self.tells_payload else None,
        )

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        raise AssertionError("messages are never changed")

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        raise AssertionError("messages are never taken back")

    def media(self, media: str, *, largest: int) -> bytes:
        found = self.files.get(media, GoneError("it is no more"))
        if isinstance(found, Exception):
            raise found
        assert len(found) <= largest
        return found


def payload(remote_id: str, *, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    """A record as connectors/whatsapp delivers it."""
    return {
        "id": remote_id, "channel": "whatsapp", "direction": "inbound", "line": LINE, "line_number": "+972 3 234 5678",
        "at": (at or now()).isoformat(), "content": "text", "text": f"text of {remote_id}", "peer_phone": DANA, **more,
    }  # fmt: skip


@dataclass
class Office:
    """A hub with an account whose remote is the postbox."""

    hub: Hub
    post: Postbox = field(default_factory=Postbox)
    account: int = 0

    def __post_init__(self) -> None:
        with self.hub.db.write() as session:
            row = Account(name="Our WhatsApp", connector="whatsapp", region="IL")
            session.add(row)
            session.flush()
            self.account = row.id

    def hear(self, *records: dict[str, Any], stream: str = "message") -> None:
        """Take in what a webhook brought, as the hook and the worker do."""
        with self.hub.db.write() as session:
            receive.keep_page(session, self.account, stream, [Delivered(stream, one["id"], one) for one in records])
        self.work()

    def tell(self, message_id: str, state: str, **more: Any) -> None:
        told = {
            "id": f"{message_id}:{state}",
            "message_id": message_id,
            "state": state,
            "at": now().isoformat(),
            **more,
        }
        self.hear(told, stream="message_status")

    def work(self) -> None:
        with self.hub.db.write() as session:
            flow.waiting(self.hub.flow, session)
        with self.hub.db.read() as session:
            assert session.scalars(select(RawRecord.error).where(RawRecord.error != "")).all() == []

    def deliverer(self) -> Deliverer:
        kinds = {"message": MessageKind(self.hub.db, self._arrived, "IL")}
        return Deliverer(self.hub.db, self._open, kinds)

    def _arrived(self, session: Any, account_id: int, records: str, written: Written) -> None:
        flow.take_written(self.hub.flow, session, account_id, records, written)

    def _open(self, account: Account, lane: Lane) -> Remote:
        assert account.id == self.account
        del lane
        return self.post

    def claim(self) -> Lease | None:
        deliverer = self.deliverer()
        with self.hub.db.write() as session:
            found = claim(session, Outbox, deliverer.due(), owner=new_owner(), lease_s=60)
        return found[0] if found else None

    def deliver(self) -> None:
        """Send what is due, until nothing is."""
        deliverer = self.deliverer()
        while (lease := self.claim()) is not None:
            deliverer.deliver(lease)

    def hurry(self, **values: Any) -> None:
        """Let what waits be due now, as if its time had come."""
        with self.hub.db.write() as session:
            waits = Outbox.state == OutboxState.WAITING
            session.execute(update(Outbox).where(waits).values(due_at=now(), **values))

    def fetch(self) -> None:
        fetcher = media.Fetcher(self.hub.db, self._open, media.shelf(self.hub.settings))
        while True:
            with self.hub.db.write() as session:
                found = claim(session, MessageMedia, media.due(), owner=new_owner(), lease_s=60)
            if not found:
                return
            fetcher.fetch(found[0])

    def messages(self) -> list[MessageRow]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(MessageRow).order_by(MessageRow.at, MessageRow.id)))

    def conversation(self) -> Conversation:
        with self.hub.db.read() as session:
            return session.scalars(select(Conversation)).one()

    def age(self, **ago: float) -> None:
        """Let the last message of the customer be older."""
        with self.hub.db.write() as session:
            session.execute(
                update(MessageRow).where(MessageRow.direction == "inbound").values(at=now() - timedelta(**ago))
            )
            for one in session.scalars(select(Conversation)):
                refresh(session, one)
