"""Fetch what lies at a remote and is kept on a shelf, a row for each: pictures of contacts, files of messages.

    try      by a worker with a lease; no transaction is open while it waits for the remote
    settle   the bytes get their place on the shelf, then the row points to them, under the fence of the lease

The rows have `state`, `trouble`, `reason`, `failures`, `due_at`, `finished` (the last attempt that came to an end) and the
columns of a lease (`work.lease`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hub.intake import trouble
from hub.intake.trouble import Trouble
from hub.store.base import Base, now
from hub.store.session import Database
from hub.store.shelf import Draft, Shelf
from hub.store.turn import in_turn
from hub.work.lease import Lease, holds, release

MOST_FAILURES = 10  # about three hours
MOST_DEATHS = 5  # tries in a row whose worker died
NEEDS_SOMEBODY = frozenset({Trouble.AUTH, Trouble.SCOPE, Trouble.DISABLED})


def anew(table: Any) -> dict[Any, Any]:
    """Return what makes a row due, whoever works on it: without an owner nobody passes the fence.

    `attempt` only ever grows, so that an older try of the same worker is never taken for the present one.
    """
    return {
        "trouble": Trouble.NONE, "reason": "", "failures": 0, "due_at": now(), "owner": "", "lease_until": None,
        "finished": table.attempt,
    }  # fmt: skip


def ended(lease: Lease, reason: str) -> dict[str, Any]:
    """Return what a row says whose try came to an end, whichever."""
    return {
        "trouble": Trouble.NONE, "reason": reason[:500], "due_at": None, "failures": 0, "finished": lease.attempt
    }  # fmt: skip


def later(fault: Exception, what: str, failures: int) -> dict[str, Any]:
    """Say when something is tried again that could not be had just now; without `due_at` it is enough for now.

    Args:
        what: it is, for the log of a fault that is ours.
        failures: in a row, before this one.
    """
    found = trouble.of_reading(fault, what)
    waits = {"trouble": found, "failures": failures, "due_at": trouble.again(found, fault, failures)}
    if found is Trouble.LIMITED:
        return waits
    if found in NEEDS_SOMEBODY:
        return waits | {"due_at": now() + timedelta(hours=trouble.LOOK_AGAIN_H)}
    is_enough = found is Trouble.DEFECT or failures + 1 >= MOST_FAILURES
    return waits | {"failures": failures + 1} | ({"due_at": None} if is_enough else {})


def settle(
    db: Database, lease: Lease, table: type[Base], on: Shelf, draft: Draft | None, values: Mapping[str, Any]
) -> None:
    """Put what was fetched on its shelf and point to it, in this order; whoever lost the lease does neither."""
    with db.write() as session:
        in_turn(session, table.__tablename__)
        if not holds(session, table, lease, lock=True):
            return
        if draft is not None:
            on.place(draft)
        release(session, table, lease, **values)
