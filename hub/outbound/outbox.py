"""Keep what is to be sent, in the transaction of the change that made it necessary; and what people do about it."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, aliased

from hub.errors import NotFoundError
from hub.intake.models import Account, AccountState
from hub.intake.trouble import Trouble
from hub.outbound.models import Outbox, OutboxState
from hub.outbound.plan import Planned
from hub.store.base import now
from hub.store.insert import insert

STORED = "outbox stored"  # in what a session carries: there is something to be sent


def store(session: Session, planned: Sequence[Planned]) -> None:
    """Write outbox rows; one that is there already stays as it is."""
    if not planned:
        return
    session.info[STORED] = True
    moment = now()
    rows = [
        {
            "account_id": item.account_id,
            "mailbox": item.mailbox,
            "kind": item.kind,
            "object_key": item.object_key,
            "payload": item.payload,
            "idempotency_key": item.idempotency_key,
            "user_id": item.user_id,
            "state": OutboxState.WAITING,
            "created_at": moment,
            "due_at": item.not_before or moment,
            "owner": "",
            "attempt": 0,
            "failures": 0,
            "trouble": "",
            "last_error": "",
            "remote_id": "",
        }
        for item in planned
    ]
    session.execute(insert(session, Outbox).values(rows).on_conflict_do_nothing(index_elements=["idempotency_key"]))


def due(kinds: Sequence[str]) -> ColumnElement[bool]:
    """Return what may be sent now: of each object the oldest first, and to each mailbox one thing at a time."""
    other = aliased(Outbox)
    moment = now()
    same = (other.account_id == Outbox.account_id) & (other.id != Outbox.id)
    before = (other.object_key == Outbox.object_key) & (other.state == OutboxState.WAITING) & (other.id < Outbox.id)
    running = (other.state == OutboxState.WAITING) & (other.mailbox == Outbox.mailbox) & (other.lease_until > moment)
    # What a removed connection never sent is given back to whoever waits for it.
    moves = Account.state.in_((AccountState.ACTIVE, AccountState.REMOVED))
    moving = select(Account.id).where(Account.id == Outbox.account_id, moves)
    return (
        (Outbox.state == OutboxState.WAITING)
        & Outbox.kind.in_(list(kinds))
        & (Outbox.due_at <= moment)
        & moving.correlate(Outbox).exists()
        & ~select(other.id).where(same, before).correlate(Outbox).exists()
        & ~select(other.id).where(same, running).correlate(Outbox).exists()
    )


def take_back(session: Session, key: str) -> bool:
    """Do not send something after all; False: somebody has begun, and it may be written already."""
    done = session.execute(
        update(Outbox)
        .where(Outbox.idempotency_key == key, Outbox.state == OutboxState.WAITING, Outbox.attempt == 0)
        .values(state=OutboxState.DROPPED, done_at=now(), due_at=None)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one


def wake(session: Session, account_id: int) -> None:
    """Try again now what waits for a person who has just connected the account again."""
    session.execute(
        update(Outbox)
        .where(Outbox.account_id == account_id, Outbox.state == OutboxState.WAITING, Outbox.trouble != "")
        .where(Outbox.trouble != Trouble.LIMITED)
        .values(due_at=now())
        .execution_options(synchronize_session=False)
    )


def retry(session: Session, number: int) -> Outbox:
    """Let a refused thing be tried once more.

    Raises:
        NotFoundError: it is not there, or not refused.
    """
    row = _refused(session, number)
    row.state, row.due_at, row.failures, row.trouble, row.last_error = OutboxState.WAITING, now(), 0, "", ""
    return row


def drop(session: Session, number: int) -> Outbox:
    """Give up something that the remote refused.

    Raises:
        NotFoundError: it is not there, or not refused.
    """
    row = _refused(session, number)
    row.state, row.done_at = OutboxState.DROPPED, now()
    return row


def _refused(session: Session, number: int) -> Outbox:
    query = select(Outbox).where(Outbox.id == number, Outbox.state == OutboxState.REFUSED).with_for_update()
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError("This does not wait for anybody any more.")
    return row
