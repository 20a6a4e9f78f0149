"""Run the present mapping again over what an account sent: a row of work, done page by page.

What became of a page's records, how far the run came and what it counted are one transaction, under the fence of the
lease. A process that dies at any line repeats the page it was at, and nothing of that page had been kept. Where a
mapping, or anything else that the result depends on, changes in the middle, the run begins anew: in the end every
record was taken under the same one. Records that are as they were are taken again too, see decision 0028.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from hub import flow as flows
from hub import log
from hub.errors import HubError, NotFoundError
from hub.events.tell import quiet
from hub.fields import incoming
from hub.flow import Flow
from hub.intake import receive
from hub.intake.models import Account, AccountState, RawRecord, RawState
from hub.mapping.models import Replay, ReplayStatus
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.session import Database
from hub.store.turn import in_turn
from hub.work.lease import Lease, LeaseLostError, database_now
from hub.work.shift import SLICE_S, Pace, Shift, shift

PAGE = flows.PAGE  # records taken in one transaction
TOLD_FOR = timedelta(days=1)  # how long it is told of a run that is over
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `rate` in records per second of work, `eta` as long as it goes on like that."""

    id: UUID
    stream: str
    since: datetime | None
    status: str
    is_held: bool  # somebody works at it right now
    done: int
    total: int
    applied: int
    set_aside: int
    rate: float
    eta: timedelta | None
    why: str  # it waits; empty: it does not
    asked_by: str  # empty: the command line, or somebody who is no more
    asked_at: datetime
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.status != ReplayStatus.WAITING


# --- asked for and taken back -------------------------------------------------------------------------------------


def ask(
    session: Session, person: Person | None, account_id: int, stream: str = "", since: datetime | None = None
) -> Replay:
    """Ask for a run over what is there now; one that waits and is about all of this is returned instead.

    Had that one begun, it begins anew: whoever asks wants everything as it is from now on.

    Args:
        person: who asks; None: the command line.
        stream: kind of records, or one container's; empty: all of them.
        since: only what was received from then on.

    Raises:
        NotFoundError: there is no such connection any more.
    """
    account = session.get(Account, account_id)
    if account is None or account.state == AccountState.REMOVED:
        raise NotFoundError("There is no such connection.")
    in_turn(session, f"replay {account_id}")
    row = _covering(session, account_id, stream, since)
    # Whatever came since the former question came under what counted then.
    last = session.scalar(select(func.max(RawRecord.id))) or 0
    if row is not None:
        row.last, row.due_at, row.mapping_hash = last, now(), ""
    else:
        row = Replay(account_id=account_id, stream=stream, since=since, last=last)
        row.asked_by = person.id if person and person.id else None
        session.add(row)
    session.flush()
    _record(session, person, "replay.asked", account, row)
    return row


def cancel(session: Session, person: Person | None, row: Replay) -> bool:
    """Take a run back; what it did stays. False: it was over already."""
    done = session.execute(
        update(Replay)
        .where(Replay.id == row.id, Replay.status == ReplayStatus.WAITING)
        # With the owner goes the right of whoever is at it: the page under way is kept or not, and then nothing more.
        .values(status=ReplayStatus.CANCELLED, ended_at=now(), due_at=None, owner="", lease_until=None, error="")
    )
    session.refresh(row)
    if not done.rowcount:  # type: ignore[attr-defined]  # an UPDATE has one
        return False
    _record(session, person, "replay.cancelled", session.get_one(Account, row.account_id), row, done=_done(row))
    return True


def one(session: Session, account_id: int, public_id: UUID) -> Replay:
    """Return a run of an account.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Replay, public_id, "There is no such run.", Replay.account_id == account_id)


def unfinished(
    session: Session, account_id: int, stream: str | None = None, since: datetime | None = None
) -> Sequence[Replay]:
    """Return what is asked of an account and not over; of one stream and moment, unless `stream` is None."""
    query = select(Replay).where(Replay.account_id == account_id, Replay.status == ReplayStatus.WAITING)
    if stream is not None:
        query = query.where(Replay.stream == stream, Replay.since == since)
    return session.scalars(query.order_by(Replay.id)).all()


def _covering(session: Session, account_id: int, stream: str, since: datetime | None) -> Replay | None:
    earlier = Replay.since.is_(None)
    query = select(Replay).where(
        Replay.account_id == account_id,
        Replay.status == ReplayStatus.WAITING,
        Replay.stream.in_({"", stream, stream.partition(":")[0]}),
        earlier if since is None else earlier | (Replay.since <= since),
    )
    return session.scalars(query.order_by(Replay.id).limit(1).with_for_update()).first()


def _record(session: Session, person: Person | None, action: str, account: Account, row: Replay, **more: Any) -> None:
    since = row.since.isoformat() if row.since else ""
    facts = {"replay": str(row.public_id), "stream": row.stream, "since": since, **more}
    audit.record(session, person, action, "account", account.public_id, name=account.name, **facts)


# --- how far it is ------------------------------------------------------------------------------------------------


def progress(session: Session, account_id: int) -> list[Progress]:
    """Return the runs of an account that are not over, and those that ended within the last day; the newest first."""
    told = or_(Replay.status == ReplayStatus.WAITING, Replay.ended_at > now() - TOLD_FOR)
    query = select(Replay, User.name, User.email).outerjoin(User, User.id == Replay.asked_by)
    moment = database_now(session)
    rows = session.execute(query.where(Replay.account_id == account_id, told).order_by(Replay.id.desc()).limit(20))
    return [_progress(row, name or email or "", moment) for row, name, email in rows]


def progress_of(session: Session, row: Replay) -> Progress:
    """Return how far one run is."""
    return _progress(row, "", database_now(session))


def _progress(row: Replay, asked_by: str, moment: datetime) -> Progress:
    done, seconds = _done(row), float(row.counts.get("seconds", 0.0))
    rate = done / seconds if seconds > 0 else 0.0
    left = max(0, row.total - done)
    is_waiting = row.status == ReplayStatus.WAITING
    return Progress(
        id=row.public_id,
        stream=row.stream,
        since=row.since,
        status=row.status,
        is_held=is_waiting and row.lease_until is not None and row.lease_until > moment,
        done=done,
        total=max(row.total, done),
        applied=row.counts.get("applied", 0),
        set_aside=row.counts.get("set_aside", 0),
        rate=rate,
        eta=timedelta(seconds=left / rate) if is_waiting and rate else None,
        why=row.error,
        asked_by=asked_by,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
    )


def _done(row: Replay) -> int:
    return int(row.counts.get("applied", 0)) + int(row.counts.get("set_aside", 0))


# --- done ---------------------------------------------------------------------------------------------------------


def due() -> ColumnElement[bool]:
    """Return what is to be worked at now: of one account, one run after the other."""
    moment, other = now(), aliased(Replay)
    same = (other.account_id == Replay.account_id, other.status == ReplayStatus.WAITING)
    held = exists().where(*same, other.lease_until > moment)
    return (Replay.status == ReplayStatus.WAITING) & (Replay.due_at <= moment) & ~held


def first() -> Sequence[Any]:
    """Return which go first: what was asked for first. With an order claims are made one after the other, as `due` wants."""
    return (Replay.id,)


class NotNowError(HubError):
    """A run cannot go on; the message says why."""


def _nobody(_: Progress) -> None:
    """Nobody watches."""


class Replayer:
    """Works at runs."""

    def __init__(
        self,
        db: Database,
        flow: Flow,
        *,
        lease_s: float,
        slice_s: float = SLICE_S,
        rest: float = 0.0,
        watch: Callable[[Progress], None] = _nobody,
    ) -> None:
        """Take the parts.

        Args:
            lease_s, slice_s, rest: as of `Pace`.
            watch: told of each page.
        """
        self._db, self._flow = db, flow
        self._pace, self._watch = Pace(lease_s, slice_s, rest), watch

    def run(self, lease: Lease) -> None:
        """Work at one run until it is over, cannot go on, or its time is over; nothing is raised but a lost database."""
        with shift(self._db, Replay, lease, self._pace) as at:
            try:
                while self._step(at) and at.goes_on():
                    pass
            except NotNowError as reason:
                at.wait(str(reason))

    def _step(self, at: Shift) -> bool:
        """Begin, or take a page; True: there is more.

        Raises:
            NotNowError: it cannot go on.
            LeaseLostError: it was cancelled, or another one is at it.
        """
        began = time.monotonic()
        with self._db.read() as session:
            row = session.get(Replay, at.lease.id)
            if row is None:
                raise LeaseLostError
            account = session.get_one(Account, row.account_id)
            under = fingerprint(self._flow, session, account)
            which = flows.again(self._flow, account, row.stream, row.since)
            if row.began_at is None or row.mapping_hash != under:
                total = session.scalar(select(func.count()).where(which, RawRecord.id <= row.last)) or 0
            else:
                total, ids = None, self._ids(session, account, row, row.began_at, which)
        if total is not None:
            self._begin(at, row, total, under)
            return True
        told = self._page(at, row, under, ids, began)
        self._watch(told)
        if told.is_over:
            return False
        at.rest(began)
        return True

    def _ids(
        self, session: Session, account: Account, row: Replay, began: datetime, which: ColumnElement[bool]
    ) -> Sequence[int]:
        """Return the next page; behind the end, what was being taken in under another mapping when it was asked for."""
        if ids := stored(session, which & (RawRecord.id <= row.last), after=row.after, limit=PAGE):
            return ids
        late = mapped_otherwise(self._flow, session, account, began)
        return stored(session, which & late, after=max(row.after, row.last), limit=PAGE)

    def _begin(self, at: Shift, row: Replay, total: int, under: str) -> None:
        if row.began_at is not None:
            _log.info("a replay begins anew: what it runs has changed", replay=row.id, done=_done(row))
        with self._db.read() as session:  # a page that was mapped otherwise is committed before ours are looked for
            flows.wait_for_pages(session, row.account_id)
        values = {"total": total, "mapping_hash": under, "began_at": now(), "after": 0, "counts": {}, "error": ""}
        with at.page() as session:
            session.execute(update(Replay).where(Replay.id == row.id).values(**values))

    def _page(self, at: Shift, seen: Replay, under: str, ids: Sequence[int], began: float) -> Progress:
        """Take a page, or see that there is none left; one transaction."""
        with at.page() as session:
            row = session.get_one(Replay, seen.id)
            account = session.get_one(Account, row.account_id)
            if account.state == AccountState.PAUSED:
                raise NotNowError("The connection is paused.")
            is_asked_anew = (row.mapping_hash, row.last) != (under, seen.last)
            if account.state == AccountState.REMOVED:
                _end(row, ReplayStatus.CANCELLED, "The connection was removed.")
            elif is_asked_anew or fingerprint(self._flow, session, account) != under:
                pass  # since the page was looked for: it must be looked for again
            elif ids:
                with quiet(session):  # nothing happened but that it is read another way
                    applied, set_aside = flows.take_again(self._flow, session, account, ids)
                row.after, row.error = ids[-1], ""
                row.counts = _added(row.counts, applied, set_aside, time.monotonic() - began)
            else:
                _end(row, ReplayStatus.DONE)
        return _progress(row, "", now())


def _end(row: Replay, status: ReplayStatus, why: str = "") -> None:
    row.status, row.error, row.ended_at = status, why, now()
    row.due_at, row.lease_until, row.owner = None, None, ""
    _log.info("a replay is over", replay=row.id, status=str(status), **row.counts)


def _added(counts: dict[str, Any], applied: int, set_aside: int, seconds: float) -> dict[str, Any]:
    added = Counter({"applied": applied, "set_aside": set_aside})
    whole = {name: int(counts.get(name, 0)) + added[name] for name in ("applied", "set_aside")}
    return {**whole, "seconds": round(float(counts.get("seconds", 0.0)) + seconds, 3)}


# --- which records -------------------------------------------------------------------------------------------------


def mapped_otherwise(flow: Flow, session: Session, account: Account, before: datetime) -> ColumnElement[bool]:
    """Say which records another mapping made what they are than the one that counts: they came while one was published.

    Args:
        before: of records that were set aside it is not known which mapping did; those received until then count too.
    """
    kinds = {kind for of, kind in flow.mappings if of in {account.connector, flows.HUB}}
    aside = (RawRecord.state == RawState.SET_ASIDE) & (RawRecord.received_at <= before)
    found: list[ColumnElement[bool]] = [aside]
    for kind, mapping in flow.present_ones(session, account, kinds).items():
        if not isinstance(mapping, str):
            found.append(
                receive.is_of(kind)
                & (RawRecord.state != RawState.SET_ASIDE)
                & (RawRecord.mapping_hash != mapping.sha256)
            )
    return or_(*found)


def stored(session: Session, which: ColumnElement[bool], *, after: int, limit: int = PAGE) -> Sequence[int]:
    """Return the ids of the next page of stored records, oldest first; finding them needs no right to write."""
    query = select(RawRecord.id).where(RawRecord.id > after, which)
    return session.scalars(query.order_by(RawRecord.id).limit(limit)).all()


def fingerprint(flow: Flow, session: Session, account: Account) -> str:
    """Hash what the hub's fields of an account's records depend on, besides the records."""
    kinds = {kind for of, kind in flow.mappings if of in {account.connector, flows.HUB}}
    counting = flow.present_ones(session, account, kinds)
    mappings = {kind: one if isinstance(one, str) else one.sha256 for kind, one in counting.items()}
    context = flows.context_of(flow, account)
    account_says = (context.region, context.time_zone, sorted(context.private_labels))
    said = repr((sorted(mappings.items()), *account_says, incoming.mark(session)))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
