"""Clean the file of the database: what was deleted lies in it until its place is used again, and anybody can read it.

SQLite: full-text tables are merged, the whole file is written anew, and the log beside it is emptied. It needs as much
free disk as the file is large, and nobody writes meanwhile: about a second for a hundred megabytes. PostgreSQL gives the
place of deleted rows back by itself (autovacuum); whoever wants it at once runs `VACUUM FULL`.
"""

import sqlite3
from contextlib import closing

from sqlalchemy import text

from hub.store.session import BUSY_MS, Database

_TEXTS = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5%'"


class BusyError(Exception):
    """The file cannot be cleaned for now; says why."""


def texts(db: Database) -> None:
    """Leave nothing in full-text tables of what was deleted."""
    if db.is_sqlite:
        with db.write() as session:
            for name in session.scalars(text(_TEXTS)).all():
                session.execute(text(f"INSERT INTO {name} ({name}) VALUES ('optimize')"))  # noqa: S608 - a table of ours


def file(db: Database) -> None:
    """Leave nothing in the file of what was deleted.

    Raises:
        BusyError: try again in a moment.
    """
    if not db.is_sqlite:
        return
    texts(db)
    # A connection of its own: those of the hub keep what is temporary in memory, and this is as large as the file.
    with closing(
        sqlite3.connect(str(db.engine.url.database), isolation_level=None, timeout=BUSY_MS / 1000)
    ) as connection:
        connection.execute("PRAGMA temp_store=FILE")
        connection.execute("PRAGMA synchronous=FULL")
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:  # somebody writes for long, the disk is full
            raise BusyError(f"The database file cannot be cleaned yet: {error}.") from None
        is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise BusyError("Somebody reads what was before; the database file cannot be cleaned yet.")
