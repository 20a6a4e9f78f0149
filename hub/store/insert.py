"""Insert what may be there already: the one statement that SQLite and PostgreSQL have alike and SQLAlchemy has twice."""

from typing import Any, cast

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert(session: Session, table: Any) -> postgresql.Insert:
    """Return an insert into a table or its class that takes `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return insert_of(session.get_bind().dialect, table)


def insert_of(dialect: Dialect, table: Any) -> postgresql.Insert:
    """Return the same for a database."""
    if dialect.name == "sqlite":
        return cast(postgresql.Insert, sqlite.insert(table))  # what is used of the two has one form
    return postgresql.insert(table)
