"""Which rows of a file have a number, an address or a tax id of an earlier row; in a file of its own, so that memory stays flat."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from hub.imports.models import Fate
from hub.imports.page import Outcome, digits


class Doubles:
    """Remembers by what rows are known."""

    def __enter__(self) -> Self:
        """Open a file that nobody else sees and that goes with the process."""
        self._folder = tempfile.TemporaryDirectory(prefix="hub-import-")
        self._file = sqlite3.connect(f"{self._folder.name}/keys.db", isolation_level=None)
        with closing(self._file.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode=OFF")
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("CREATE TABLE first (key TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")
            cursor.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget everything."""
        self._file.close()
        self._folder.cleanup()

    def of(self, outcomes: Sequence[Outcome]) -> Iterator[tuple[Outcome, int, str]]:
        """Yield rows that have something of an earlier one: which one, and what; remember all of them."""
        for one in outcomes:
            if one.fate is Fate.BAD:
                continue
            found: tuple[int, str] | None = None
            for key in _keys(one.shaped.payload):
                earlier = self._file.execute("SELECT number FROM first WHERE key = ?", (key,)).fetchone()
                if earlier is None:
                    self._file.execute("INSERT INTO first VALUES (?, ?)", (key, one.shaped.row.number))
                elif found is None and earlier[0] != one.shaped.row.number:
                    found = earlier[0], key
            if found is not None:
                yield one, *found


def _keys(payload: dict[str, Any]) -> list[str]:
    entries = [entry for name in ("phones", "emails") for entry in payload.get(name, ()) if isinstance(entry, dict)]
    written = [entry["value"] for entry in entries] + [payload.get("tax_id", "")]
    return list(dict.fromkeys(digits(value) or value.strip().casefold() for value in written if value.strip()))
