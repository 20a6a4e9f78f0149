"""A worker's time at one row: page after page, each of them one transaction under the fence of the lease.

A process that dies repeats the page that it was at, of which nothing had been kept. Whatever goes wrong stops this row
alone: it says why, and waits. The table has the columns of work (`lease`), and `error`.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from hub import log
from hub.errors import said
from hub.store.base import Base, now
from hub.store.session import DATABASE_AWAY, Database
from hub.store.turn import in_turn
from hub.work.lease import Lease, LeaseLostError, fence, release, renew

SLICE_S = 20.0  # a row with much to do lets other work go first after so long
WAIT = timedelta(minutes=1)
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How to go from page to page.

    Args:
        lease_s: nobody else takes the row for so long after a page.
        slice_s: after so long others go first.
        rest: pause after each page, as a share of the time that it took. Processes that write to one SQLite have no
            queue: whoever writes one transaction after the other keeps the others waiting.
        wait: before a row that cannot be gone on with is tried again.
    """

    lease_s: float
    slice_s: float = SLICE_S
    rest: float = 0.0
    wait: timedelta = WAIT


class Shift:
    """A worker's time at one row; `shift` begins one."""

    def __init__(self, db: Database, table: type[Base], lease: Lease, pace: Pace) -> None:
        self._db, self._table, self._pace = db, table, pace
        self._deadline = time.monotonic() + pace.slice_s
        self.lease = lease

    @contextmanager
    def page(self, *, turn: str = "") -> Iterator[Session]:
        """One transaction in which nobody else has the row; the lease goes on from here, unless the page ended it.

        Args:
            turn: of what others do, waited for before the row is locked; see `in_turn`.

        Raises:
            LeaseLostError: somebody took the work over, or back.
        """
        with self._db.write() as session:
            if turn:
                in_turn(session, turn)
            fence(session, self._table, self.lease)
            yield session
            renew(session, self._table, [self.lease], lease_s=self._pace.lease_s)

    def rest(self, began: float) -> None:
        """Pause after a page, which began then on the monotonic clock."""
        if self._pace.rest:
            threading.Event().wait((time.monotonic() - began) * self._pace.rest)

    def goes_on(self) -> bool:
        """Ask after a page whether there is time for another one; False: the row was given back, for others go first."""
        if time.monotonic() <= self._deadline:
            return True
        self.end(due_at=now())
        return False

    def wait(self, why: str) -> None:
        """Give the row back for later, and say there why."""
        self.end(due_at=now() + self._pace.wait, error=why)

    def end(self, **values: Any) -> None:
        """Give the row back with its result; where somebody took over, nothing is written."""
        with self._db.write() as session:
            release(session, self._table, self.lease, **values)


@contextmanager
def shift(db: Database, table: type[Base], lease: Lease, pace: Pace) -> Iterator[Shift]:
    """Begin to work at a row. Nothing is raised but a lost database: of all else the row says what it was, and waits."""
    at = Shift(db, table, lease, pace)
    try:
        yield at
    except LeaseLostError:
        return  # whoever has the row now says what becomes of it
    except DATABASE_AWAY as away:
        with suppress(*DATABASE_AWAY):  # then its lease runs out
            at.wait(f"The database could not be used ({type(away).__name__}).")
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this row alone, visibly
        _log.exception("the work at a row cannot go on", table=table.__tablename__, row=lease.id)
        at.wait(said(fault))
