"""Fill gaps from the exchange's own records: calls that happened while nobody heard them, and ends nobody saw.

Nothing pops and nothing is doubled: a call that is known under any of its keys, or by any of its channels, is only
completed where the hub had to guess.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.exchange import Exchange
from hub.cti.directory import Directory, load
from hub.cti.keep import Seen, keep, outside_number
from hub.cti.listener import Settled
from hub.cti.models import CallAlias, CallRow, LegRow
from hub.identity.callers import Found, who
from hub.intake.models import Account, StreamState
from hub.records.call import Call, Direction, Outcome, Source
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, holds

HISTORY = "history"  # stream of the exchange's own records
_log = log.get(__name__)


class LostLeaseError(Exception):
    """Another worker reads this stream now."""


def read(  # noqa: PLR0913 - the wired parts
    db: Database,
    lease: Lease,
    exchange: Exchange,
    settled: Settled,
    *,
    region: str,
    overlap_min: float,
    full: bool = False,
    progress: Callable[[str, int], None] = lambda _, __: None,
) -> dict[str, int]:
    """Read everything new; each page and its position are one transaction.

    Args:
        progress: called with (what, how many) as calls are taken in: new, completed, known.

    Raises:
        ConnectorError: the records cannot be read.
    """
    with db.read() as session:
        state = session.get_one(StreamState, lease.id)
        account = session.get_one(Account, state.account_id)
        directory = load(session, account.id, region, exchange.guess)
        position = None if full else (state.cursor or {}).get("position")
        since = _since(account, state, full=full, overlap_min=overlap_min)
    counts = {"new": 0, "completed": 0, "known": 0}
    for page in exchange.history(position, since, directory.classify):
        with db.write() as session:
            if not holds(session, StreamState, lease):
                raise LostLeaseError
            for call in page.calls:
                what = take(session, session.get_one(Account, account.id), call, directory, settled)
                counts[what] += 1
                progress(what, 1)
            row = session.get_one(StreamState, lease.id)
            row.cursor = {**(row.cursor or {}), "position": page.position}
    _log.info("call records read", account=account.name, **counts)
    return counts


def _since(account: Account, state: StreamState, *, full: bool, overlap_min: float) -> datetime:
    if full:
        return datetime.fromtimestamp(0, account.created_at.tzinfo)
    return (state.last_run_at or account.created_at) - timedelta(minutes=overlap_min)


def take(session: Session, account: Account, call: Call, directory: Directory, settled: Settled) -> str:
    """Take one historic call in; says whether it was `new`, `completed` or `known`. Safe to repeat."""
    row = find(session, account.id, call)
    found = _found(session, call, directory)
    if row is None:
        seen = Seen(replace(call, source=Source.BACKFILL, settled=True), None, found, directory.user_of)
        row = keep(session, account.id, account.public_id, seen)
        settled(session, account, seen.call, row)
        return "new"
    if row.open or not (row.end_estimated or row.outcome == Outcome.LOST):
        return "known"
    complete(row, call)
    settled(session, account, replace(call, key=row.key, source=Source(row.source), settled=True), row)
    return "completed"


def find(session: Session, account_id: int, call: Call) -> CallRow | None:
    """Find a call under any of its keys or by any of its channels."""
    keys = [call.key, *call.aliases]
    row = session.scalar(select(CallRow).where(CallRow.account_id == account_id, CallRow.key.in_(keys)).limit(1))
    if row is not None:
        return row
    alias = select(CallAlias.call_id).where(CallAlias.account_id == account_id, CallAlias.key.in_(keys)).limit(1)
    if (call_id := session.scalar(alias)) is not None:
        return session.get(CallRow, call_id)
    uids = {*keys, *(leg.uid for leg in call.legs)}
    return session.scalar(
        select(CallRow)
        .join(LegRow, LegRow.call_id == CallRow.id)
        .where(CallRow.account_id == account_id, LegRow.uid.in_(uids))
        .limit(1)
    )


def complete(row: CallRow, call: Call) -> None:
    """Replace what was guessed about the end by what the exchange wrote down."""
    row.ended_at, row.end_estimated = call.ended_at or row.ended_at, False
    row.outcome = call.outcome or row.outcome
    row.reason = call.reason
    row.talk_s = call.talk_s
    row.answered_at = row.answered_at or call.answered_at
    row.version += 1
    row.changed_at = now()


def _found(session: Session, call: Call, directory: Directory) -> Found:
    number = outside_number(call)
    if call.direction is Direction.INTERNAL or call.withheld or not number:
        return Found("")
    return who(session, number, directory.phone_context(call.trunk), at=call.started_at)


def due(session: Session, account_id: int, at: datetime) -> None:
    """Make the exchange's records due to be read."""
    row = session.scalar(select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == HISTORY))
    if row is None:
        row = StreamState(account_id=account_id, stream=HISTORY)
        session.add(row)
    row.due_at = at


def state_of(session: Session, account_id: int) -> dict[str, Any]:
    """Return the saved position of an exchange's records."""
    row = session.scalar(select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == HISTORY))
    return dict(row.cursor or {}) if row is not None else {}
