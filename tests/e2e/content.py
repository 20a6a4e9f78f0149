"""All that is in a database, to be compared with what another life of the same made of it."""

import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import make_url, select

import hub.tables  # noqa: F401 - knows all tables
from hub.store.base import Base, UtcDateTime
from hub.store.session import Database, open_engine
from tests.fakes.servers import Postgres

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WORK = frozenset({"replay", "merge"})  # rows of which a dying worker leaves who had them


def copied(url: str, folder: Path, server: Postgres) -> str:
    """Copy a database that nobody has open."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        shutil.copy(parsed.database, folder / "clean.db")
        return f"sqlite:///{folder / 'clean.db'}"
    assert parsed.database is not None
    return server.database(parsed.database)


class Content:
    """All rows of a database. What a run made itself is called by its place: no two runs have the same moments and ids."""

    def __init__(self, url: str, before: "Content | None" = None) -> None:
        database = Database(open_engine(url))
        self.tables: dict[str, list[dict[str, Any]]] = {}
        with database.read() as session:
            for table in Base.metadata.sorted_tables:
                if table.name == "slot":
                    continue
                rows = session.execute(select(table).order_by(*table.primary_key)).mappings()
                self.tables[table.name] = [dict(row) for row in rows]
        database.close()
        self.before = before
        self.rows = {name: {row["id"] for row in rows if "id" in row} for name, rows in self.tables.items()}
        values = (value for rows in self.tables.values() for row in rows for value in row.values())
        self.ids = frozenset(str(value) for value in values if isinstance(value, UUID))

    def told(self, since: datetime) -> dict[str, list[dict[str, Any]]]:
        """Return what must be the same in every run that began at a moment."""
        return {name: self._rows(name, rows, since) for name, rows in self.tables.items()}

    def _rows(self, name: str, rows: list[dict[str, Any]], since: datetime) -> list[dict[str, Any]]:
        told = [self._row(name, row, since) for row in rows]
        # Those that the run made may be made in another order.
        return [*(row for row in told if "id" in row), *sorted((row for row in told if "id" not in row), key=repr)]

    def _row(self, name: str, row: dict[str, Any], since: datetime) -> dict[str, Any]:
        assert self.before is not None
        table = Base.metadata.tables[name]
        old = self.before.rows[name]
        left = {"owner", "attempt", "lease_until"} if name in WORK else set()
        told = {}
        for key, value in row.items():
            column = table.c[key]
            if key in left or (key == "id" and value not in old):
                continue
            is_moment = isinstance(column.type, UtcDateTime) and value is not None and value >= since
            points_to = [one.column.table.name for one in column.foreign_keys]
            is_new = value is not None and any(value not in self.before.rows[one] for one in points_to)
            told[key] = "later" if is_moment else "made" if is_new else self._known(value)
        if name == "replay":
            told["counts"] = {one: count for one, count in row["counts"].items() if one != "seconds"}
        return told

    def _known(self, value: Any) -> Any:
        """Return a value without the ids of what this run made."""
        if isinstance(value, dict):
            return {name: self._known(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._known(one) for one in value]
        assert self.before is not None
        if isinstance(value, UUID):
            return value if str(value) in self.before.ids else "made"
        return "made" if isinstance(value, str) and _ID.fullmatch(value) and value not in self.before.ids else value


def must_equal(url: str, other: str, before: Content, since: datetime) -> None:
    """Fail where two databases that were one before differ in what was made since."""
    ours, theirs = Content(url, before).told(since), Content(other, before).told(since)
    for table in ours:
        assert ours[table] == theirs[table], table
