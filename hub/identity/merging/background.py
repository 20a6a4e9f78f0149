"""The history of a merge on its way, page by page: to the winner, or back to the loser.

A page and its lines of the journal are one transaction, under the fence of the lease: a page that a dying process was at
is as if it had never begun (`history`).
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement

from hub import log
from hub.identity.merging import history, moves
from hub.identity.models import Merge, MergeState, Party
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.store.turn import in_turn
from hub.work.lease import Lease, LeaseLostError, database_now, fence, release

SLICE_S = 20.0  # a merge with much to do lets other work go first after so long
WAIT = timedelta(minutes=1)  # before one that cannot go on is tried again
_log = log.get(__name__)


def due() -> ColumnElement[bool]:
    """Return what is to be worked at now."""
    return Merge.due_at <= now()


def first() -> Sequence[Any]:
    """Return which go first: those that somebody waits for."""
    return (Merge.state == MergeState.DONE, Merge.id)


class Mover:
    """Works at merges."""

    def __init__(
        self, db: Database, *, lease_s: float, slice_s: float = SLICE_S, rest: float = 0.25, page: int = moves.PAGE
    ) -> None:
        """Take the parts.

        Args:
            rest: pause after each page, as a share of the time that it took: processes that write to one SQLite have no queue.
            page: rows moved in one transaction.
        """
        self._db, self._lease_s, self._slice_s, self._rest, self._page = db, lease_s, slice_s, rest, page

    def run(self, lease: Lease) -> None:
        """Work at one merge until all of it is where it belongs, or its time is over; nothing is raised but a lost database."""
        deadline = time.monotonic() + self._slice_s
        try:
            while self._step(lease):
                if time.monotonic() > deadline:
                    self._release(lease, now())
                    return
        except LeaseLostError:
            return  # another one works at it
        except DATABASE_AWAY:
            with suppress(*DATABASE_AWAY):  # then its lease runs out
                self._release(lease, now() + WAIT)
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this merge alone, visibly
            _log.exception("the history of a merge cannot be moved", merge=lease.id)
            self._release(lease, now() + WAIT, error=type(fault).__name__)

    def _step(self, lease: Lease) -> bool:
        """Move a page; True: there is more."""
        began = time.monotonic()
        with self._db.write() as session:
            in_turn(
                session, Party.__tablename__
            )  # first, as whoever merges or takes records in: else each waits for the other
            fence(session, Merge, lease)
            row = session.get_one(Merge, lease.id)
            more = history.advance(session, row, self._page)
            row.error = ""
            row.lease_until = database_now(session) + timedelta(seconds=self._lease_s) if more else None
            row.owner = row.owner if more else ""
        if more and self._rest:
            threading.Event().wait((time.monotonic() - began) * self._rest)
        return more

    def _release(self, lease: Lease, due_at: Any, **values: Any) -> None:
        with self._db.write() as session:
            release(session, Merge, lease, due_at=due_at, **values)
