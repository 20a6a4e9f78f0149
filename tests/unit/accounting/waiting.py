"""Two transactions of which one waits for the other."""

import threading
from concurrent.futures import Future
from typing import Any

from sqlalchemy import text

from hub.store.session import Database

_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


def until_somebody_waits(database: Database, working: "Future[Any]") -> None:
    """Return when a lock is waited for, or the work is over; of SQLite, at once: there is one writer anyway."""
    clock = threading.Event()
    for _ in range(1000):
        with database.read() as session:
            if database.is_sqlite or working.done() or session.scalar(_WAITING):
                return
        clock.wait(0.01)
    raise AssertionError("nobody waits, and nothing is done")
