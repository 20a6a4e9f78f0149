"""The history of a merge on its way, page by page: to the winner, or back to the loser.

A page and its lines of the journal are one transaction, under the fence of the lease: a page that a dying process was at
is as if it had never begun (`history`).
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement

from hub.identity.merging import history, moves
from hub.identity.models import Merge, MergeState, Party
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease
from hub.work.shift import SLICE_S, Pace, Shift, shift


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
            lease_s, slice_s, rest: as of `Pace`.
            page: rows moved in one transaction.
        """
        self._db, self._pace, self._page = db, Pace(lease_s, slice_s, rest), page

    def run(self, lease: Lease) -> None:
        """Work at one merge until all of it is where it belongs, or its time is over; nothing is raised but a lost database."""
        with shift(self._db, Merge, lease, self._pace) as at:
            while self._step(at) and at.goes_on():
                pass

    def _step(self, at: Shift) -> bool:
        """Move a page; True: there is more."""
        began = time.monotonic()
        # The turn of whoever merges or takes records in comes first: else each waits for the other.
        with at.page(turn=Party.__tablename__) as session:
            row = session.get_one(Merge, at.lease.id)
            more = history.advance(session, row, self._page)
            row.error = ""
            if not more:
                row.lease_until, row.owner = None, ""
        if more:
            at.rest(began)
        return more
