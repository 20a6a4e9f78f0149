"""Schedules: each turn runs once. A turn missed while nothing ran is caught up once, not as often as it was missed."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.store.insert import insert
from hub.work.models import Slot

KEPT_DAYS = 30


def slot_of(moment: datetime, every: timedelta) -> str:
    """Name the turn that a moment falls into; the same in whatever time zone the moment is written."""
    begin = int(moment.timestamp() // every.total_seconds() * every.total_seconds())
    return datetime.fromtimestamp(begin, UTC).isoformat(timespec="seconds")


def take(session: Session, schedule: str, moment: datetime, every: timedelta, owner: str) -> bool:
    """Take the present turn of a schedule; False: somebody has it already."""
    made = session.execute(
        insert(session, Slot)
        .values(schedule=schedule, slot=slot_of(moment, every), owner=owner, begun_at=moment)
        .on_conflict_do_nothing()
        .returning(Slot.slot)
    ).scalar()
    return made is not None


def is_taken(session: Session, schedule: str, moment: datetime, every: timedelta) -> bool:
    """Look without writing, which is what happens most of the time."""
    query = select(Slot.slot).where(Slot.schedule == schedule, Slot.slot == slot_of(moment, every))
    return session.scalar(query) is not None


def forget(session: Session, moment: datetime) -> None:
    """Drop turns that are long over."""
    session.execute(delete(Slot).where(Slot.begun_at < moment - timedelta(days=KEPT_DAYS)))
