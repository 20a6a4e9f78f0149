"""The answer of a query as a file, so that an import of it can be resumed, is the same all along, and keeps no password."""

import csv
import io
from collections.abc import Iterator

from hub.imports.reading import Look, open_query

LOOK = Look(format="csv", encoding="utf-8", delimiter=",")
_ROWS = 500


def blocks(url: str, query: str) -> Iterator[bytes]:
    """Yield the rows of a query as a CSV file.

    Raises:
        UserError: it cannot be asked, or is more than one question.
    """
    with open_query(url, query) as table:
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(table.columns)
        for count, row in enumerate(table.rows(), 1):
            writer.writerow([row.values.get(name, "") for name in table.columns])
            if count % _ROWS == 0:
                yield _taken(file)
        yield _taken(file)


def _taken(file: io.StringIO) -> bytes:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text.encode("utf-8", "replace")
