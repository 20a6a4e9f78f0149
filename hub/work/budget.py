"""What may be asked of a remote: its limits as buckets in the database, shared by all workers of all machines.

A bucket holds a tenth of a minute's units and refills at nine tenths of the limit, so that no sixty seconds, wherever
they begin, spend more than the limit. Work that nobody waits for leaves a part of each bucket to the others.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hub.connector.stream import Lane, Limit
from hub.errors import LimitedError
from hub.store.insert import insert
from hub.work.lease import database_now
from hub.work.models import Bucket

BURST = 0.1  # of a minute's units
STEADY = 1 - BURST
RESERVE = {Lane.INTERACTIVE: 0.0, Lane.INCREMENTAL: 0.1, Lane.BACKFILL: 0.4}  # of the bucket, left to more urgent work


def spend(session: Session, limits: Sequence[Limit], units: int, lane: Lane) -> None:
    """Take units from every bucket, or from none.

    Raises:
        LimitedError: not now; `retry_after` says when there will be enough.
    """
    if not limits:
        return
    moment = database_now(session)
    buckets = [_locked(session, limit, moment) for limit in sorted(limits, key=lambda one: one.name)]
    wait_s, why = max((_wait_s(bucket, units, lane, moment), bucket.name) for bucket in buckets)
    if wait_s > 0:
        raise LimitedError(f"the limit {why} is spent; it goes on in {wait_s:.0f} s", retry_after=wait_s)
    for bucket in buckets:
        bucket.units -= units


def freeze(session: Session, limits: Sequence[Limit], retry_after: float) -> None:
    """Spend nothing from these buckets for so many seconds: the remote said so."""
    moment = database_now(session)
    for limit in sorted(limits, key=lambda one: one.name):
        bucket = _locked(session, limit, moment)
        until = moment + timedelta(seconds=retry_after)
        bucket.frozen_until = max(bucket.frozen_until or until, until)


def _locked(session: Session, limit: Limit, moment: datetime) -> Bucket:
    """Return the bucket as it is now, for nobody else to change."""
    session.execute(
        insert(session, Bucket)
        .values(name=limit.name, units=limit.per_minute * BURST, per_minute=limit.per_minute, at=moment)
        .on_conflict_do_nothing()
    )
    bucket = session.get_one(Bucket, limit.name, with_for_update=True, populate_existing=True)
    bucket.per_minute = limit.per_minute
    elapsed_s = max(0.0, (moment - bucket.at).total_seconds())
    bucket.units = min(limit.per_minute * BURST, bucket.units + elapsed_s * _per_second(bucket))
    bucket.at = moment
    return bucket


def _per_second(bucket: Bucket) -> float:
    return bucket.per_minute * STEADY / 60


def _wait_s(bucket: Bucket, units: int, lane: Lane, moment: datetime) -> float:
    frozen_s = (bucket.frozen_until - moment).total_seconds() if bucket.frozen_until else 0.0
    size = bucket.per_minute * BURST
    # What costs more than a full bucket may go when it is full, and those after it wait the longer.
    needed = min(units + RESERVE[lane] * size, size)
    return max(0.0, frozen_s, (needed - bucket.units) / _per_second(bucket))
