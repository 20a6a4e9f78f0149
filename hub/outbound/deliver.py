"""Send what waits: one thing, one write at the remote, one transaction that says so.

The write is made outside any transaction, under the fence of the row's lease, and can be repeated: its key is the same
each time, and every writer finds what it wrote before. A process that dies before the remote was asked, while it
answered, or before its answer was kept leaves a row that is due again; the remote is then asked again by the same key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, delete
from sqlalchemy.orm import Session

from hub import log
from hub.connector.stream import Lane, Remote, Written
from hub.errors import said
from hub.intake import trouble as troubles
from hub.intake.models import Account, AccountState
from hub.intake.trouble import Trouble
from hub.outbound import outbox
from hub.outbound.models import Delivery, Outbox, OutboxState
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, holds, release

LOOK_AGAIN = timedelta(hours=1)  # at what waits for a person; who connects again need not wait for it
REMOVED = "The connection was removed."
SENT_FOR = timedelta(days=30)  # how long it is remembered what was sent, and each try
# Takes a record in that we wrote ourselves, as the reader of its stream would: account, records, what the remote answered.
Arrived = Callable[[Session, int, str, Written], None]
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be sent.

    Attributes:
        key: the same however often it is tried.
        again: it may have been written already, by a try whose answer was lost.
    """

    id: int
    account_id: int
    mailbox: str
    object_key: str
    payload: Mapping[str, Any]
    key: str
    user_id: int | None
    again: bool


class Kind(Protocol):
    """How things of one kind are written, and what the hub does when they were."""

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Write it, in no transaction; None: it turned out that nothing was to be written.

        Raises:
            RejectedError, UserError: never, for this reason.
            ConnectorError: as of a stream.
        """

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Follow that it was written, in the transaction that marks it so."""

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Follow that it will not be written unless a person tries it again."""


class Deliverer:
    """Sends rows of the outbox."""

    def __init__(self, db: Database, open_remote: Callable[[Account, Lane], Remote], kinds: Mapping[str, Kind]) -> None:
        self._db = db
        self._open = open_remote
        self._kinds = kinds

    def due(self) -> ColumnElement[bool]:
        """Return what may be sent now."""
        return outbox.due(list(self._kinds))

    def first(self) -> Sequence[Any]:
        """Return which goes first: what waits longest."""
        return (Outbox.due_at,)

    def deliver(self, lease: Lease) -> None:
        """Send one thing."""
        with self._db.read() as session:
            row = session.get_one(Outbox, lease.id)
            account = session.get_one(Account, row.account_id)
        item = Item(
            row.id,
            row.account_id,
            row.mailbox,
            row.object_key,
            row.payload,
            row.idempotency_key,
            row.user_id,
            again=lease.attempt > 1,
        )
        kind = self._kinds[row.kind]
        if account.state == AccountState.REMOVED:
            self._refuse(lease, item, kind, REMOVED, Trouble.REFUSED)
            return
        try:
            if not self._is_ours(lease):
                return
            written = kind.send(self._open(account, Lane.INTERACTIVE), item)
        except DATABASE_AWAY:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this one alone, visibly
            self._failed(lease, row, item, kind, fault)
        else:
            self._sent(lease, item, kind, written)

    def _is_ours(self, lease: Lease) -> bool:
        with self._db.read() as session:
            return holds(session, Outbox, lease)

    def _sent(self, lease: Lease, item: Item, kind: Kind, written: Written | None) -> None:
        with self._db.write() as session:
            if not holds(session, Outbox, lease, lock=True):
                return  # another worker has it, and will find what we wrote
            kind.sent(session, item, written)
            answer = written.remote_id if written else ""
            _tried(session, item, ok=True, answer=answer)
            values = {"state": OutboxState.SENT, "done_at": now(), "due_at": None, "remote_id": answer}
            release(session, Outbox, lease, failures=0, trouble="", last_error="", **values)

    def _failed(self, lease: Lease, row: Outbox, item: Item, kind: Kind, fault: Exception) -> None:
        trouble, why = troubles.of_writing(fault, f"{row.kind} {row.id}"), said(fault)
        if trouble in {Trouble.REFUSED, Trouble.DEFECT}:
            self._refuse(lease, item, kind, why, trouble)
            return
        if trouble is not Trouble.LIMITED:
            _log.info("not sent yet", kind=row.kind, outbox=row.id, trouble=str(trouble), reason=why)
        values: dict[str, Any] = {"trouble": str(trouble), "last_error": why}
        values["due_at"] = troubles.again(trouble, fault, row.failures) or now() + LOOK_AGAIN
        if trouble is not Trouble.LIMITED:
            values["failures"] = row.failures + 1
        with self._db.write() as session:
            if release(session, Outbox, lease, **values) and trouble is not Trouble.LIMITED:
                _tried(session, item, ok=False, answer=why)

    def _refuse(self, lease: Lease, item: Item, kind: Kind, why: str, trouble: Trouble) -> None:
        _log.warning("not sent", outbox=item.id, reason=why)
        with self._db.write() as session:
            if not holds(session, Outbox, lease, lock=True):
                return
            kind.refused(session, item, why)
            _tried(session, item, ok=False, answer=why)
            values: dict[str, Any] = {
                "state": OutboxState.REFUSED,
                "due_at": None,
                "trouble": str(trouble),
                "last_error": why,
            }
            if why == REMOVED and item.user_id is None:  # nobody could decide about it any more
                values |= {"state": OutboxState.DROPPED, "done_at": now()}
            release(session, Outbox, lease, **values)


def _tried(session: Session, item: Item, *, ok: bool, answer: str) -> None:
    session.add(Delivery(outbox_id=item.id, ok=ok, answer=answer[:1000]))


def forget(session: Session) -> None:
    """Drop what was sent or given up long ago; nobody asks for its tries any more."""
    session.execute(delete(Outbox).where(Outbox.done_at < now() - SENT_FOR))
