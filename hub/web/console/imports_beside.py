"""Rows of the old system that were refused, beside the customer whom they name: an archive to be read."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.imports import batches
from hub.imports.models import ImportBatch
from hub.imports.targets import FIELD
from hub.security.policy import Person, Right, may

MOST = 50


@dataclass(frozen=True, slots=True)
class Beside:
    """A refused row.

    Attributes:
        cells: heading and value; of those who may not see raw records, only of columns that everybody sees anyway.
    """

    file_name: str
    number: int
    reason: str
    said: str
    cells: tuple[tuple[str, str], ...]


def of_party(session: Session, person: Person, party_ids: Sequence[int]) -> list[Beside]:
    """Return the refused rows that name a customer."""
    rows = batches.refused_beside(session, party_ids, MOST)
    if not rows:
        return []
    ids = {row.batch_id for row in rows}
    files = {one.id: one for one in session.scalars(select(ImportBatch).where(ImportBatch.id.in_(ids)))}
    is_raw = may(person.role, Right.SEE_RAW)
    found = []
    for row in rows:
        chosen = files[row.batch_id].columns
        seen = [name for name in row.cells if is_raw or not str(chosen.get(name, FIELD)).startswith(FIELD)]
        cells = tuple((name, str(row.cells[name])) for name in seen if row.cells[name])
        said = row.said if is_raw else ""
        found.append(Beside(files[row.batch_id].file_name, row.number, row.reason, said, cells))
    return found
