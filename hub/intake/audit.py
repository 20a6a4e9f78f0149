"""Compare what a remote has with what the hub has seen of it: a green status that hides lost records is the worst.

Once a night, for each stream that can say which records there are: every id must be known here, kept or filtered with
its reason. What is missing is fetched at once, and the account stays amber until an audit finds nothing missing.
Where the remote counts its records, the count must be ours; where its notifications name records, those that reading
found and no notification named are counted by the day. Both are warnings: what is there is read all the same.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.ledger import Sweeps
from hub.connector.sift import Reason
from hub.connector.stream import Counts, Findable, FindsNamed, Lane, Remote, Tally
from hub.errors import BrakeError, ConnectorError, ShapeError
from hub.intake import health, receive
from hub.intake.models import (
    LISTING,
    Account,
    AccountState,
    FilteredRecord,
    NamedRecord,
    PushChannel,
    RawRecord,
    StreamState,
)
from hub.intake.read import Reader
from hub.intake.trouble import Trouble
from hub.intake.vanishing import stop
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, LeaseLostError, release

WINDOW = timedelta(days=14)  # that is compared; older records were compared before
EVERY = timedelta(days=1)
AGAIN = timedelta(hours=1)  # after one that could not be ended, or begun: everything is just being read
PATIENCE = timedelta(hours=1)  # with notifications that come after what they name was read
DAYS = 30  # for which it is written down how many did not come
NAMED = 50  # missing ids that are written down
UNSEEN = (Reason.TRASH, Reason.SPAM)  # why records in places that no stream reads are filtered
SOME = 500
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Audit:
    """What one audit of a stream found. `compared` is None where the stream cannot be audited."""

    stream: str
    compared: int | None
    missing: tuple[str, ...] = ()
    fetched: int = 0
    error: str = ""
    too_early: bool = False
    counted: int | None = None  # by the remote; None: it does not count
    drift: int = 0  # how many more that are than the hub has
    unnamed: Mapping[str, int] | None = None  # by day; None: no notification names records
    vanished: int = 0  # records that the remote has no more; marked as gone
    differs: str = ""  # what else was compared and differs
    brake: bool = False  # so many vanished that a person must agree first


class Also(Protocol):
    """What is compared besides, once a stream's ids agree: such as a ledger's sums."""

    def __call__(self, account: Account, remote: Remote, records: str, fetch: Callable[[Sequence[str]], int], /) -> str:
        """Compare; `fetch` reads records again by their ids.

        Returns:
            What differs all the same, in words; empty: nothing.

        Raises:
            ConnectorError: not now.
        """


def audit(
    db: Database,
    lease: Lease,
    open_remote: Callable[[Account, Lane], Remote],
    reader: Reader,
    *,
    lane: Lane,
    also: Also | None = None,
) -> Audit:
    """Audit one stream, fetch what is missing, write down what was found, and say when next."""
    with db.write() as session:
        state = session.get_one(StreamState, lease.id)
        account = session.get_one(Account, state.account_id)
        state.audit_at = now() + AGAIN  # whatever becomes of this one: it must not be tried all the time
    found = _found(db, state, account, lambda: open_remote(account, lane), reader, lease, also)
    with db.write() as session:
        values: dict[str, Any] = {} if found.error or found.too_early else {"audit_at": now() + EVERY}
        if found.compared is not None and not found.error:
            values["audit"] = {
                "at": now().isoformat(),
                "compared": found.compared,
                "missing": list(found.missing[:NAMED]),
                **_compared(found, state.audit or {}),
            }
        if found.brake:
            values |= {"trouble": str(Trouble.BRAKE), "last_error": found.error, "due_at": None}
        if release(session, StreamState, lease, **values):
            health.refresh(session, account.id)
    if found.missing:
        _log.warning(
            "an audit found records missing", account=account.name, stream=state.stream, count=len(found.missing)
        )
    if found.drift:
        _log.warning(
            "a remote counts otherwise than the hub has", account=account.name, stream=state.title or state.stream,
            counted=found.counted, drift=found.drift,
        )  # fmt: skip
    return found


def _compared(found: Audit, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written down of counts and of notifications that did not come."""
    told: dict[str, Any] = {"vanished": found.vanished, "differs": found.differs}
    if found.counted is not None:
        told |= {"counted": found.counted, "drift": found.drift}
    if found.unnamed is not None:
        days = Counter(before.get("unnamed_by_day") or {}) + Counter(found.unnamed)
        told |= {
            "named": True,
            "unnamed": sum(found.unnamed.values()),
            "unnamed_by_day": dict(sorted(days.items())[-DAYS:]),
        }
    return told


def _found(
    db: Database,
    state: StreamState,
    account: Account,
    opened: Callable[[], Remote],
    reader: Reader,
    lease: Lease,
    also: Also | None,
) -> Audit:
    nothing = Audit(state.stream, None)
    if account.state != AccountState.ACTIVE or not state.wanted:
        return nothing
    if state.last_ok_at is None or state.phase == "full":
        return replace(nothing, too_early=True)
    try:
        remote = opened()
        stream = remote.stream(state.stream)
        if not isinstance(stream, Findable):
            return nothing
        with db.read() as session:
            before = _shown(session, state) if isinstance(stream, Sweeps) else frozenset[str]()
        since = max(now() - WINDOW, state.begun_at)
        present = stream.ids() if isinstance(stream, Sweeps) else stream.present(since)
        reader.catch_up(lease)  # what came just before the question is no loss
        with db.read() as session:
            unseen = sorted(present - _seen(session, account.id, state.records, present))
            vanished = sorted(_shown(session, state, before - present)) if before else []
            stop(session.get_one(StreamState, state.id), len(vanished), len(before))
        fetched = sum(reader.fetch(lease, unseen[begin : begin + SOME]) for begin in range(0, len(unseen), SOME))
        for begin in range(0, len(vanished), SOME):  # gone, or only missed by the list: each is asked for
            reader.fetch(lease, vanished[begin : begin + SOME])
        differs = also(account, remote, state.records, partial(reader.fetch, lease)) if also is not None else ""
        tally = stream.tally() if isinstance(stream, Counts) else None
    except (ConnectorError, ShapeError, LeaseLostError) as error:
        return Audit(state.stream, None, error=str(error)[:500], brake=isinstance(error, BrakeError))
    with db.read() as session:  # what nobody looked at and is not for the hub is no loss either
        kept = _kept(session, account.id, state.records, unseen)
        missing = tuple(one for one in unseen if one in kept)
        gone = len(vanished) - len(_kept(session, account.id, state.records, vanished))
        found = Audit(state.stream, len(present), missing, fetched, vanished=gone, differs=differs)
        if tally is not None:
            found = _counted(found, tally, len(_seen(session, account.id, state.records, tally.listed)))
        return replace(found, unnamed=_unnamed(session, state) if isinstance(remote, FindsNamed) else None)


def _shown(session: Session, state: StreamState, among: Collection[str] | None = None) -> frozenset[str]:
    """Return the ids of records that a stream shows, or which of some it still does."""
    mine = (
        RawRecord.account_id == state.account_id, RawRecord.stream == state.records,
        RawRecord.container == state.stream, RawRecord.gone_at.is_(None),
    )  # fmt: skip
    if among is None:
        return frozenset(session.scalars(select(RawRecord.remote_id).where(*mine)))
    wanted, found = sorted(among), set[str]()
    for begin in range(0, len(wanted), SOME):
        some = RawRecord.remote_id.in_(wanted[begin : begin + SOME])
        found |= set(session.scalars(select(RawRecord.remote_id).where(*mine, some)))
    return frozenset(found)


def _counted(found: Audit, tally: Tally, ours: int) -> Audit:
    """Compare counts; where the remote's is not certain, any of them may be right. Pure."""
    if tally.least <= ours <= tally.most:
        return replace(found, counted=ours)
    theirs = tally.least if ours < tally.least else tally.most
    return replace(found, counted=theirs, drift=theirs - ours)


def _unnamed(session: Session, state: StreamState) -> dict[str, int] | None:
    """Count records since the audit before that came by reading and were not named, by the day; None: nobody tells us.

    A notification may come after the record was read, so the last hour is left to the next audit.
    """
    channel = select(PushChannel.id).where(
        PushChannel.account_id == state.account_id, PushChannel.stream == state.stream
    )
    if session.scalar(channel) is None:
        return None
    before = state.audit or {}
    if not before.get("named"):
        return {}  # from now on: what came before the channel was open nobody could name
    begun = [datetime.fromisoformat(before["at"]) - PATIENCE, *([state.last_full_at] if state.last_full_at else [])]
    was_named = exists().where(
        NamedRecord.account_id == RawRecord.account_id,
        NamedRecord.records == RawRecord.stream,
        NamedRecord.remote_id == RawRecord.remote_id,
    )
    # Of a record that changed since, this is the moment of the change; leads, calls and the like never do.
    query = select(RawRecord.received_at).where(
        RawRecord.account_id == state.account_id, RawRecord.stream == state.records,
        RawRecord.container == state.stream, RawRecord.received_at > max(begun),
        RawRecord.received_at <= now() - PATIENCE, RawRecord.version == 1, ~was_named,
    )  # fmt: skip
    return dict(Counter(moment.date().isoformat() for moment in session.scalars(query)))


def _seen(session: Session, account_id: int, records: str, ids: frozenset[str]) -> set[str]:
    """Return which of these ids the hub has seen: kept and there, or filtered."""
    wanted = sorted(ids)
    seen = _kept(session, account_id, records, wanted)
    for begin in range(0, len(wanted), SOME):
        some = wanted[begin : begin + SOME]
        hashes = {receive.id_hash(one): one for one in some}
        filtered = select(FilteredRecord.id_hash).where(
            FilteredRecord.account_id == account_id,
            FilteredRecord.stream == records,
            FilteredRecord.id_hash.in_(hashes),
            # What came out of there unseen lies where it is looked at now: that it was there says nothing.
            FilteredRecord.reason.not_in(UNSEEN),
        )
        seen |= {hashes[one] for one in session.scalars(filtered)}
    return seen


def _kept(session: Session, account_id: int, records: str, ids: Sequence[str]) -> set[str]:
    mine = (RawRecord.account_id == account_id, RawRecord.stream == records)
    kept: set[str] = set()
    for begin in range(0, len(ids), SOME):
        some = RawRecord.remote_id.in_(ids[begin : begin + SOME])
        kept |= set(session.scalars(select(RawRecord.remote_id).where(*mine, some, RawRecord.gone_at.is_(None))))
    return kept


def due() -> Any:
    """Return which streams are to be audited now."""
    return StreamState.wanted & (StreamState.records.not_in(("", LISTING))) & (StreamState.audit_at <= now())


def plan(session: Session) -> None:
    """Give streams that were never audited their first night, each at its own minute."""
    rows: Sequence[int] = session.scalars(
        select(StreamState.id).where(StreamState.audit_at.is_(None), StreamState.records.not_in(("", LISTING)))
    ).all()
    for row_id in rows:
        moment: datetime = now() + timedelta(hours=20, minutes=row_id * 7 % 480)
        session.execute(update(StreamState).where(StreamState.id == row_id).values(audit_at=moment))
