"""Leases: who works on a row until when, and the check that he still may.

A table whose rows are work has the columns `due_at, owner, attempt, lease_until`. A claim sets owner and attempt;
saving a result asks for the same pair again (the fence), so that a worker that was too slow changes nothing.
Leases use the database's clock: machines disagree about the time, one database does not.
"""

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from hub.store.base import Base
from hub.store.turn import in_turn


def new_owner() -> str:
    """A name for this worker that no other worker ever had."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one row."""

    id: int
    owner: str
    attempt: int


class LeaseLostError(Exception):
    """Another worker holds the row now: nothing of this one's may be written any more."""

    def __init__(self) -> None:
        super().__init__("another worker took the work over")


def database_now(session: Session) -> datetime:
    """The database's time; of SQLite, this machine's."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def claim(  # noqa: PLR0913 - the facts of a claim
    session: Session,
    table: type[Base],
    where: ColumnElement[bool],
    *,
    owner: str,
    lease_s: float,
    limit: int = 1,
    order_by: Sequence[Any] = (),
    counted: bool = False,
) -> list[Lease]:
    """Take up to `limit` rows that nobody works on; `where` says which are due.

    Args:
        order_by: which go first.
        counted: `where` counts rows that others hold, so that only one may claim at a time.
    """
    row: Any = table
    if counted:
        in_turn(session, f"claim {table.__tablename__}")
    moment = database_now(session)
    free = or_(row.lease_until.is_(None), row.lease_until < moment)
    # A statement of its own: as a part of the update PostgreSQL may run it again for each row, and the limit with it.
    ids = session.scalars(
        select(row.id)
        .where(where, free)
        .order_by(*order_by, row.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # ignored by SQLite, where one writer writes at a time
    ).all()
    if not ids:
        return []
    attempts = session.execute(
        update(row)
        .where(row.id.in_(ids))
        .values(owner=owner, attempt=row.attempt + 1, lease_until=moment + timedelta(seconds=lease_s))
        .returning(row.id, row.attempt)
        .execution_options(synchronize_session=False)
    ).all()
    taken = {one.id: one.attempt for one in attempts}
    return [Lease(id=number, owner=owner, attempt=taken[number]) for number in ids if number in taken]  # in their order


def renew(session: Session, table: type[Base], leases: Sequence[Lease], *, lease_s: float) -> list[Lease]:
    """Say that we still work on these rows; returns those that are still ours."""
    moment = database_now(session)
    return [
        lease for lease in leases if _touch(session, table, lease, {"lease_until": moment + timedelta(seconds=lease_s)})
    ]


def release(session: Session, table: type[Base], lease: Lease, **values: Any) -> bool:
    """Give a row back with its result; False: another worker took over, and the result must be dropped."""
    return _touch(session, table, lease, {"owner": "", "lease_until": None, **values})


def holds(session: Session, table: type[Base], lease: Lease, *, lock: bool = False) -> bool:
    """Ask again just before an effect outside.

    Args:
        lock: let nobody else take the row until the end of this transaction.
    """
    row: Any = table
    fence = (row.id == lease.id) & (row.owner == lease.owner) & (row.attempt == lease.attempt)
    query = select(row.id).where(fence)
    return session.scalar(query.with_for_update() if lock else query) is not None


def fence(session: Session, table: type[Base], lease: Lease) -> None:
    """Make sure that the row is still ours, and stays so until the end of this transaction.

    Raises:
        LeaseLostError: another worker took over.
    """
    if not holds(session, table, lease, lock=True):
        raise LeaseLostError


def _touch(session: Session, table: type[Base], lease: Lease, values: dict[str, Any]) -> bool:
    row: Any = table
    done = session.execute(
        update(row)
        .where(row.id == lease.id, row.owner == lease.owner, row.attempt == lease.attempt)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
