"""Look all the time at accounts where things fail without a word, and keep what was found where people see it.

Each account whose connector wants it (`hub.connector.contract.Watched`) has a row of its own for this (`WATCH`), leased like
a stream. What was found is kept in it, and decides with the streams how the account is (`health.py`).

When the process dies in a look, the next one has the memory of the one before it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.contract import Connector, Finding, Level, Look, Watched
from hub.connector.stream import Lane, Remote
from hub.errors import ConnectorError, ShapeError, said
from hub.intake import health, trouble
from hub.intake.models import WATCH, Account, AccountState, RawRecord, RawState, StreamState
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, holds, release

AFTER_FAULT = timedelta(minutes=1)
PAUSED = timedelta(minutes=10)
_LEAST = timedelta(seconds=1)
_log = log.get(__name__)


def watched(connectors: Mapping[str, Connector[Any]]) -> frozenset[str]:
    """Return the connectors whose accounts are looked at."""
    return frozenset(
        name for name, one in connectors.items() if isinstance(one.remote, type) and issubclass(one.remote, Watched)
    )


def plan(session: Session, connectors: Collection[str]) -> None:
    """Let accounts be looked at that never were."""
    reads = select(StreamState.id).where(StreamState.account_id == Account.id, StreamState.records != "")
    there = select(StreamState.id).where(StreamState.account_id == Account.id, StreamState.stream == WATCH)
    query = select(Account.id).where(
        Account.connector.in_(sorted(connectors)), Account.state == AccountState.ACTIVE, reads.exists(), ~there.exists()
    )
    for account_id in session.scalars(query.order_by(Account.id)).all():
        values = {"account_id": account_id, "stream": WATCH, "title": "Self-check", "due_at": now()}
        session.execute(insert(session, StreamState).values(**values).on_conflict_do_nothing())


def due() -> ColumnElement[bool]:
    """Return which accounts are to be looked at now."""
    return (StreamState.stream == WATCH) & (StreamState.due_at <= now())


def findings(session: Session, account_id: int) -> Sequence[Finding]:
    """Return what was found last; nothing where nobody looks."""
    mine = (StreamState.account_id == account_id, StreamState.stream == WATCH)
    kept = session.scalar(select(StreamState.audit).where(*mine))
    listed = (kept or {}).get("findings", ())
    return [Finding(one["topic"], Level(one["level"]), one["text"], one["action"]) for one in listed]


def look(db: Database, open_remote: Callable[[Account, Lane], Remote], lease: Lease) -> None:
    """Look at one account, keep what was found, and say when next."""
    with db.read() as session:
        state = session.get_one(StreamState, lease.id)
        account = session.get_one(Account, state.account_id)
    if account.state != AccountState.ACTIVE:
        _end(db, lease, account, due_at=None if account.state == AccountState.REMOVED else now() + PAUSED)
        return
    try:
        remote = open_remote(account, Lane.INTERACTIVE)
        if not isinstance(remote, Watched):
            _end(db, lease, account, due_at=None)
            return
        found = remote.look(state.cursor or {}, lambda records, remote_id: _arrived(db, account.id, records, remote_id))
    except (ConnectorError, ShapeError) as fault:
        retry = getattr(fault, "retry_after", None) or AFTER_FAULT.total_seconds()
        _end(db, lease, account, due_at=now() + timedelta(seconds=retry), last_error=said(fault))
        return
    except DATABASE_AWAY:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this look alone, visibly
        what = trouble.of_reading(fault, f"{account.name} {WATCH}")
        due_at = trouble.again(what, fault, state.failures) or now() + PAUSED
        _end(db, lease, account, due_at=due_at, last_error=said(fault))
        return
    _keep(db, lease, account, found)


def _keep(db: Database, lease: Lease, account: Account, found: Look) -> None:
    wrong = [one for one in found.findings if one.level is not Level.GREEN]
    moment = now()
    _end(
        db, lease, account, due_at=moment + max(_LEAST, found.again), cursor=dict(found.memory), last_ok_at=moment,
        last_error="; ".join(one.text for one in wrong)[:1000],
        audit={"at": moment.isoformat(), "findings": [{**asdict(one), "level": str(one.level)} for one in found.findings]},
    )  # fmt: skip
    if wrong:
        _log.info("a self-check found something", account=account.name, topics=sorted({one.topic for one in wrong}))


def _end(db: Database, lease: Lease, account: Account, *, due_at: datetime | None, **values: Any) -> None:
    with db.write() as session:
        if holds(session, StreamState, lease, lock=True):
            release(session, StreamState, lease, last_run_at=now(), due_at=due_at, **values)
            health.refresh(session, account.id)


def _arrived(db: Database, account_id: int, records: str, remote_id: str) -> datetime | None:
    """Return when a record was taken in."""
    mine = (RawRecord.account_id == account_id, RawRecord.stream == records, RawRecord.remote_id == remote_id)
    with db.read() as session:
        return session.scalar(select(RawRecord.applied_at).where(*mine, RawRecord.state == RawState.APPLIED))
