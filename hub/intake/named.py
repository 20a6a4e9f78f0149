"""Records that notifications named: written down at once, asked for by whoever works, done when they are there.

A notification is hundreds of times cheaper to keep than the record it names is to fetch, so a burst of them is thanked for
within milliseconds. One row per record waits; one row of `stream_state` for each place they are in (`NAMED`) is what a
worker leases, so that each place is asked by one worker at a time, and its trouble is seen like that of a stream.

When the process dies: a notification that was not thanked for comes again, and the same record is one row. A record that
was fetched and not kept is fetched again. It is kept, and its row done, in one transaction. Reading the place in pages
finds whatever no notification named.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.connector.stream import Filtered, FindsNamed, Lane, Named, NotYet, Remote, Upsert
from hub.errors import RejectedError, said
from hub.intake import receive, trouble
from hub.intake.models import NAMED, Account, AccountState, NamedRecord, RawRecord, StreamState
from hub.intake.read import Taker
from hub.intake.trouble import Trouble
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, LeaseLostError, fence, holds, release

SOME = 50  # records asked for at once
AT_ONCE = 10  # kept in one transaction: notifications wait behind it
# How long after it was named a record that the remote does not show is asked for again, and then given up.
AGAIN = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, *range(3600, 36 * 3600 + 1, 3600)))
KEPT = timedelta(days=40)  # Meta's longest repetition of a notification is a day and a half


def keep(session: Session, account_id: int, named: Sequence[Named]) -> None:
    """Write down records that a notification named; those that were named before stay as they are."""
    moment = now()
    rows = [
        {
            "account_id": account_id, "records": one.records, "mailbox": one.mailbox, "remote_id": one.remote_id,
            "said": receive.storable(dict(one.said)), "happened_at": one.at, "named_at": moment, "due_at": moment,
        }
        for one in {(one.records, one.remote_id): one for one in named}.values()
    ]  # fmt: skip
    if not rows:
        return
    session.execute(insert(session, NamedRecord).on_conflict_do_nothing(), rows)
    places = {f"{NAMED}{one.records}:{one.mailbox}": one.mailbox for one in named}
    query = select(StreamState.stream).where(StreamState.account_id == account_id, StreamState.stream.in_(places))
    for stream in places.keys() - set(session.scalars(query)):
        values = {"account_id": account_id, "stream": stream, "title": "Announced records", "mailbox": places[stream]}
        session.execute(
            insert(session, StreamState).values(**values, due_at=moment, lane=Lane.INTERACTIVE).on_conflict_do_nothing()
        )


def due() -> ColumnElement[bool]:
    """Return which places are to be asked: where something waits, and nothing is in the way."""
    moment = now()
    waits = exists().where(
        NamedRecord.account_id == StreamState.account_id,
        NamedRecord.mailbox == StreamState.mailbox,
        NamedRecord.due_at <= moment,
        NAMED + NamedRecord.records + ":" + NamedRecord.mailbox == StreamState.stream,
    )
    return (
        StreamState.stream.startswith(NAMED, autoescape=True)
        & StreamState.wanted
        & (StreamState.due_at <= moment)
        # Whoever died behind the last record left the trouble that was in the way before.
        & (waits.correlate(StreamState) | (StreamState.trouble != ""))
    )


def try_again(session: Session, account_id: int) -> int:
    """Let records that were given up be asked for once more; returns how many there are."""
    lost = (NamedRecord.account_id == account_id, NamedRecord.due_at.is_(None), NamedRecord.done_at.is_(None))
    done = session.execute(update(NamedRecord).where(*lost).values(due_at=now(), named_at=now(), tries=0))
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one


def forget(session: Session) -> None:
    """Drop what no notification repeats any more."""
    session.execute(delete(NamedRecord).where(NamedRecord.done_at < now() - KEPT))


class Finder:
    """Asks remotes for the records that their notifications named."""

    def __init__(self, db: Database, open_remote: Callable[[Account, Lane], Remote], taker: Taker) -> None:
        self._db = db
        self._open = open_remote
        self._taker = taker

    def find(self, lease: Lease) -> None:
        """Ask for what waits in one place, a few at a time, until nothing does or something is in the way."""
        with self._db.read() as session:
            state = session.get_one(StreamState, lease.id)
            account = session.get_one(Account, state.account_id)
        if account.state != AccountState.ACTIVE:
            self._end(lease, state, due_at=None)
            return
        records, mailbox = place_of(state)
        found, fault = Trouble.NONE, None
        try:
            remote = self._open(account, Lane.INTERACTIVE)
            if not isinstance(remote, FindsNamed):
                raise RejectedError(f"Nothing finds {records} that were announced.")
            while ids := self._waiting(account.id, records, mailbox):
                told: Sequence[Upsert | Filtered | NotYet] = remote.find_named(records, mailbox, ids)
                answers = {one.remote_id: one for one in told}
                for begin in range(0, len(ids), AT_ONCE):
                    self._keep(lease, account, records, ids[begin : begin + AT_ONCE], answers)
        except LeaseLostError:
            return
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it stops this place alone, visibly
            found, fault = trouble.of_reading(error, f"{account.name} {state.stream}"), error
        if fault is None:
            self._end(lease, state, due_at=now(), last_ok_at=now())
            return
        self._end(
            lease, state, due_at=trouble.again(found, fault, state.failures), trouble=str(found),
            last_error=said(fault), failures=state.failures + (found is not Trouble.LIMITED),
            failing_since=state.failing_since or now(),
        )  # fmt: skip

    def _waiting(self, account_id: int, records: str, mailbox: str) -> list[str]:
        """Return what is to be asked for now; what was read in pages meanwhile is done."""
        here = (NamedRecord.account_id == account_id, NamedRecord.records == records, NamedRecord.mailbox == mailbox)
        query = select(NamedRecord.remote_id).where(*here, NamedRecord.due_at <= now())
        is_there = exists().where(
            RawRecord.account_id == account_id,
            RawRecord.stream == records,
            RawRecord.remote_id == NamedRecord.remote_id,
        )
        with self._db.read() as session:
            ids = list(session.scalars(query.order_by(NamedRecord.due_at, NamedRecord.id).limit(SOME)))
            there = set(session.scalars(query.where(NamedRecord.remote_id.in_(ids), is_there))) if ids else set()
        if there:
            with self._db.write() as session:
                _done(session, account_id, records, there)
        wanted = [one for one in ids if one not in there]
        return wanted if wanted or not ids else self._waiting(account_id, records, mailbox)

    def _keep(
        self,
        lease: Lease,
        account: Account,
        records: str,
        ids: Sequence[str],
        answers: Mapping[str, Upsert | Filtered | NotYet],
    ) -> None:
        """Keep what was found, and write down what was not; all of it is one transaction."""
        found = [one for one in answers.values() if isinstance(one, Upsert) and one.remote_id in ids]
        filtered = [one for one in answers.values() if isinstance(one, Filtered) and one.remote_id in ids]
        with self._db.write() as session:
            fence(session, StreamState, lease)
            delivered = [Delivered(records, one.remote_id, one.payload, one.version) for one in found]
            kept = receive.keep_page(session, account.id, records, delivered)
            self._taker.take(session, account, receive.rows(session, [one for one in kept if one.waits]))
            values = [{"remote_id": one.remote_id, "reason": one.reason, "day": one.day} for one in filtered]
            receive.filter_out(session, account.id, records, values, receive.NOWHERE)
            there = {one.remote_id for one in found} | {one.remote_id for one in filtered}
            _done(session, account.id, records, there)
            for remote_id in ids:
                if remote_id not in there:
                    answer = answers.get(remote_id)
                    _later(session, account.id, records, remote_id, answer.why if isinstance(answer, NotYet) else "")

    def _end(self, lease: Lease, state: StreamState, *, due_at: datetime | None, **values: Any) -> None:
        """Give the place back; of one that somebody let be asked again meanwhile, that stays."""
        good = {"trouble": "", "last_error": "", "failures": 0, "failing_since": None}
        with self._db.write() as session:
            if holds(session, StreamState, lease, lock=True):
                present = session.scalar(select(StreamState.due_at).where(StreamState.id == lease.id))
                at = due_at if present == state.due_at else present
                release(session, StreamState, lease, **{**good, "last_run_at": now(), **values, "due_at": at})


def place_of(state: StreamState) -> tuple[str, str]:
    """Return the kind of records, and whose they are, of a place."""
    records = state.stream.removeprefix(NAMED)
    return records.removesuffix(f":{state.mailbox}"), state.mailbox


def _done(session: Session, account_id: int, records: str, remote_ids: Iterable[str]) -> None:
    session.execute(
        update(NamedRecord)
        .where(
            NamedRecord.account_id == account_id,
            NamedRecord.records == records,
            NamedRecord.remote_id.in_(sorted(remote_ids)),
        )
        .values(due_at=None, done_at=now(), why="")
        .execution_options(synchronize_session=False)
    )


def _later(session: Session, account_id: int, records: str, remote_id: str, why: str) -> None:
    """Let a record be asked for again, or give it up when it was named too long ago."""
    where = (NamedRecord.account_id == account_id, NamedRecord.records == records, NamedRecord.remote_id == remote_id)
    row = session.scalars(select(NamedRecord).where(*where).with_for_update()).one()
    row.why, row.due_at = why[:1000], next((row.named_at + one for one in AGAIN if row.named_at + one > now()), None)
    row.tries += 1
