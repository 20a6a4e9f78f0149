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
from hub.cti.keep import Seen, keep, outside_number, user_of
from hub.cti.listener import Settled
from hub.cti.models import CallAlias, CallRow, LegRow
from hub.identity.callers import Found, who
from hub.intake.models import Account, StreamState
from hub.records.call import Call, Direction, Outcome, Source
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, fence

EVERY = timedelta(minutes=10)
JUST_OVER = timedelta(seconds=90)  # an exchange writes several records of one call; connectors wait for the last
GUESSES_FOR = timedelta(days=7)  # how long an exchange may take to write down a call's end
CLOCKS = timedelta(minutes=1)  # by which the clocks of two machines may differ
HISTORY = "history"  # stream of the exchange's own records
_log = log.get(__name__)


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
        cursor = dict(state.cursor or {})
        position = None if full else cursor.get("position")
        since = _since(account, state, full=full, overlap_min=overlap_min)
    counts = {"new": 0, "completed": 0, "known": 0}
    for page in exchange.history(position, since, directory.classify):
        with db.write() as session:
            fence(session, StreamState, lease)
            for call in page.calls:
                what = take(session, session.get_one(Account, account.id), call, directory, settled)
                counts[what] += 1
                progress(what, 1)
            row = session.get_one(StreamState, lease.id)
            row.cursor = {**(row.cursor or {}), "position": page.position}
    asked_at = now()
    oldest = _oldest_guess(db, account.id, cursor.get("asked_at"))
    if oldest is not None and not full:
        # Its own clock may say that the call began a little before we heard of it.
        since = oldest - max(CLOCKS, timedelta(minutes=overlap_min))
        _ask_again(db, lease, exchange, since, directory, settled, counts)
        with db.write() as session:
            fence(session, StreamState, lease)
            row = session.get_one(StreamState, lease.id)
            row.cursor = {**(row.cursor or {}), "asked_at": asked_at.isoformat()}
    _log.info("call records read", account=account.name, **counts)
    return counts


def _oldest_guess(db: Database, account_id: int, asked_at: str | None) -> datetime | None:
    """Say when the oldest call began whose end was guessed since the records were last asked about such calls.

    Their records may have been passed by already: they were read while the hub still took the call for a live one.
    """
    query = select(CallRow).where(
        CallRow.account_id == account_id,
        CallRow.end_estimated,
        ~CallRow.open,
        CallRow.started_at > now() - GUESSES_FOR,
    )
    if asked_at is not None:
        query = query.where(CallRow.changed_at > datetime.fromisoformat(asked_at) - CLOCKS)
    with db.read() as session:
        # With a state it is not final yet: what is heard of it may overwrite whatever we write.
        return min((row.started_at for row in session.scalars(query) if row.state is None), default=None)


def _ask_again(
    db: Database,
    lease: Lease,
    exchange: Exchange,
    since: datetime,
    directory: Directory,
    settled: Settled,
    counts: dict[str, int],
) -> None:
    """Read a stretch of records once more; the saved position stays as it is."""
    for page in exchange.history(None, since, directory.classify):
        with db.write() as session:
            fence(session, StreamState, lease)
            account = session.get_one(Account, session.get_one(StreamState, lease.id).account_id)
            for call in page.calls:
                if find(session, account.id, call) is not None:  # others were taken in, or are from before our time
                    counts["completed"] += take(session, account, call, directory, settled) == "completed"


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
        (row,) = keep(session, account.id, account.public_id, [seen])
        settled(session, account, [(seen.call, row)])
        return "new"
    unsure = row.end_estimated or row.outcome == Outcome.LOST
    # With a state it is heard of still, or not final yet. Where the exchange died, its records only guess as well.
    if row.open or row.state is not None or not unsure or call.end_estimated:
        return "known"
    complete(session, row, call, directory)
    settled(session, account, [(replace(call, key=row.key, source=Source(row.source), settled=True), row)])
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


def complete(session: Session, row: CallRow, call: Call, directory: Directory) -> None:
    """Replace what was guessed about the end by what the exchange wrote down."""
    row.ended_at, row.end_estimated = call.ended_at or row.ended_at, False
    row.outcome = call.outcome or row.outcome
    row.reason = call.reason
    row.hangup_by = call.hangup_by or row.hangup_by
    row.talk_s = call.talk_s
    row.answered_at = row.answered_at or call.answered_at
    row.user_id = row.user_id or user_of(Seen(call, None, Found(""), directory.user_of))
    _complete_legs(session, row.id, call)
    row.version += 1
    row.changed_at = now()


def _complete_legs(session: Session, call_id: int, call: Call) -> None:
    """Say of the phones that were seen to ring which one took the call in the end."""
    rows = session.scalars(select(LegRow).where(LegRow.call_id == call_id)).all()
    for leg in call.legs:
        same = [row for row in rows if leg.uid == row.uid or (leg.channel and leg.channel == row.channel)]
        same = same or [row for row in rows if leg.extension and row.extension == leg.extension]
        if not same or leg.result is None:
            continue
        row = same[-1]
        row.answered_at = row.answered_at or leg.answered_at
        row.ended_at, row.result = leg.ended_at or row.ended_at, leg.result


def _found(session: Session, call: Call, directory: Directory) -> Found:
    number = outside_number(call)
    if call.direction is Direction.INTERNAL or call.withheld or not number:
        return Found("")
    return who(session, number, directory.phone_context(call.trunk), at=call.started_at)


def due(session: Session, account_id: int, at: datetime) -> None:
    """Make the exchange's records due to be read."""
    query = select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == HISTORY)
    # Locked: a reader writes its position into the same cell.
    row = session.scalar(query.with_for_update())
    if row is None:
        row = StreamState(account_id=account_id, stream=HISTORY)
        session.add(row)
    row.due_at = at
    row.cursor = {**(row.cursor or {}), "gap_at": at.isoformat()}


def next_due(state: StreamState, at: datetime) -> datetime:
    """Say when to read next; after a gap soon again, since calls that were hardly over then were not given out yet."""
    gap_at = (state.cursor or {}).get("gap_at")
    again = datetime.fromisoformat(gap_at) + JUST_OVER if gap_at else at
    return again if again > at else at + EVERY


def state_of(session: Session, account_id: int) -> dict[str, Any]:
    """Return the saved position of an exchange's records."""
    row = session.scalar(select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == HISTORY))
    return dict(row.cursor or {}) if row is not None else {}
