"""The refused rows of an import as a file: each with its reason, to be mended and imported again."""

import csv
import io
from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.imports import batches
from hub.imports.models import ImportBatch, ImportRow
from hub.imports.rows import TOLD, guarded
from hub.settings import Settings

SOME = 500


def write(session: Session, settings: Settings, batch: ImportBatch) -> Iterator[str]:
    """Yield a CSV file in pieces, as spreadsheets open it: marked as UTF-8, and no cell of it a formula."""
    rows = batches.refused(session, batch, limit=SOME)
    columns = _columns(settings, batch, rows)
    yield "\ufeff" + _line([*TOLD, *(guarded(one) for one in columns)])
    while rows:
        yield "".join(
            _line(
                [
                    str(row.number),
                    row.reason,
                    guarded(row.said),
                    *(guarded(str(row.cells.get(one, ""))) for one in columns),
                ]
            )
            for row in rows
        )
        rows = batches.refused(session, batch, after=rows[-1].number, limit=SOME)


def _columns(settings: Settings, batch: ImportBatch, rows: Sequence[ImportRow]) -> list[str]:
    """Return the columns in the order of the file; where it is kept no more, those that the first rows have."""
    try:
        there: list[str] = list(batches.preview(settings, batch, 0).columns)
    except UserError:
        there = sorted(batch.columns)
    return [one for one in dict.fromkeys((*there, *(name for row in rows for name in row.cells))) if one not in TOLD]


def _line(cells: Sequence[str]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow(cells)
    return file.getvalue()
