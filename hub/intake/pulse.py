"""What came from each account of late: how much in each hour, when last, and whether it is silent longer than is its habit.

Nobody looks at an account that only takes what is posted, so its own past alone says whether it is late. Offices sleep at
night and on their rest days: a silence counts only where something came in the same stretch of every week that is known.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from hub.intake.models import RawRecord, StreamState

HOURS = 24
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
WEEKS = 3  # that a silence is compared with
NEWEST = 50  # records whose distances say what is usual
FEWEST = 10  # below that nothing is usual yet
FACTOR = 3  # times the usual gap
LEAST = timedelta(minutes=15)
UNTESTED = 2  # times the longest gap, while no week is over


@dataclass(frozen=True, slots=True)
class Pulse:
    """What came in the last day."""

    hours: tuple[int, ...] = (0,) * HOURS  # the oldest first, the last one ends now
    last_at: datetime | None = None  # at whatever time it was

    @property
    def total(self) -> int:
        """How much came in all of them."""
        return sum(self.hours)


@dataclass(frozen=True, slots=True)
class Habit:
    """When something comes, as a rule."""

    last_at: datetime
    usual: timedelta | None = None  # from one to the next; None: too few came
    is_silent: bool = False


def hour_of(column: Any, moment: datetime) -> ColumnElement[int]:
    """Return in which of the last 24 hours a time is; earlier ones must be left out by the query."""
    begins = [(column >= moment - (HOURS - at) * HOUR, at) for at in range(HOURS - 1, 0, -1)]
    return case(*begins, else_=0)


def pulses(
    session: Session, accounts: Collection[int], moment: datetime, *, posted: Collection[int] = ()
) -> Mapping[int, Pulse]:
    """Return what came from accounts.

    Args:
        posted: those of them that take what is posted, so their streams do not say what there is.
    """
    pairs = _read_streams(session, accounts) | {(one, name) for one in posted for name in streams(session, one)}
    if not pairs:
        return {}
    at = hour_of(RawRecord.received_at, moment)
    # Each account with each stream, whether it has it or not: the index answers that, and of pairs it would read all.
    rows = session.execute(
        select(RawRecord.account_id, at, func.count(), func.max(RawRecord.received_at))
        .where(RawRecord.account_id.in_(sorted({one for one, _ in pairs})))
        .where(RawRecord.stream.in_(sorted({name for _, name in pairs})))
        .where(RawRecord.received_at > moment - HOURS * HOUR)
        .group_by(RawRecord.account_id, at)
    ).all()
    counts: dict[int, list[int]] = {}
    last: dict[int, datetime] = {}
    for account_id, hour, count, newest_at in rows:
        counts.setdefault(account_id, [0] * HOURS)[hour] = count
        last[account_id] = max(newest_at, last.get(account_id, newest_at))
    for account_id, stream in pairs:
        if account_id not in counts and (found := _newest(session, account_id, stream, 1)):
            last[account_id] = max(found[0], last.get(account_id, found[0]))
    return {one: Pulse(tuple(counts.get(one, Pulse().hours)), last.get(one)) for one in {pair[0] for pair in pairs}}


def streams(session: Session, account_id: int) -> list[str]:
    """Return of which streams an account has records, one look at the index for each."""
    found: list[str] = []
    mine = select(RawRecord.stream).where(RawRecord.account_id == account_id).order_by(RawRecord.stream).limit(1)
    while (name := session.scalar(mine.where(RawRecord.stream > found[-1]) if found else mine)) is not None:
        found.append(name)
    return found


def habit(session: Session, account_id: int, moment: datetime) -> Habit | None:
    """Return when something comes from an account that only takes what is posted; None: nothing ever came."""
    names = streams(session, account_id)
    newest = sorted(at for name in names for at in _newest(session, account_id, name, NEWEST))[-NEWEST:]
    if not newest:
        return None
    gaps = gaps_of(newest)
    if len(newest) < FEWEST:
        return Habit(newest[-1])
    usual = timedelta(seconds=median(gap.total_seconds() for gap in gaps))
    silence = moment - newest[-1]
    if silence < max(LEAST, FACTOR * usual):
        return Habit(newest[-1], usual)
    weeks = _weeks(session, account_id, names, newest[-1], moment)
    return Habit(newest[-1], usual, is_silent=is_unusual(silence, gaps, weeks))


def is_unusual(silence: timedelta, gaps: Sequence[timedelta], weeks: Sequence[bool]) -> bool:
    """Say whether a silence is no habit. Pure.

    Args:
        gaps: between those that came last, at least one.
        weeks: of each week before that is known, whether something came in the same stretch of it.
    """
    return all(weeks) if weeks else silence > UNTESTED * max(gaps)


def gaps_of(moments: Sequence[datetime]) -> list[timedelta]:
    """Return the distances between moments in order."""
    return [later - earlier for earlier, later in pairwise(moments)]


def _read_streams(session: Session, accounts: Collection[int]) -> set[tuple[int, str]]:
    query = select(StreamState.account_id, StreamState.records).distinct()
    named = (StreamState.account_id.in_(list(accounts)), StreamState.records != "")
    return {(account_id, records) for account_id, records in session.execute(query.where(*named))}


def _newest(session: Session, account_id: int, stream: str, limit: int) -> Sequence[datetime]:
    mine = (RawRecord.account_id == account_id, RawRecord.stream == stream)
    query = select(RawRecord.received_at).where(*mine).order_by(RawRecord.received_at.desc()).limit(limit)
    return session.scalars(query).all()


def _weeks(session: Session, account_id: int, names: Iterable[str], last_at: datetime, moment: datetime) -> list[bool]:
    """Return of each week before that is known whether something came in the stretch that is silent now."""
    names = list(names)
    mine = (RawRecord.account_id == account_id, RawRecord.stream.in_(names))
    first_at = session.scalar(select(func.min(RawRecord.received_at)).where(*mine))
    found = []
    for back in (week * WEEK for week in range(1, WEEKS + 1)):
        if first_at is not None and first_at <= last_at - back:
            stretch = (RawRecord.received_at > last_at - back, RawRecord.received_at <= moment - back)
            found.append(session.scalar(select(RawRecord.id).where(*mine, *stretch).limit(1)) is not None)
    return found
