"""What would stay if an import were undone now, said before somebody does it."""

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from hub.imports.models import BatchState, Fate, ImportBatch, ImportRow
from hub.timeline import history

MOST = 5_000  # rows that are looked at: a page must not wait for a million
_SOME = 500


@dataclass(frozen=True, slots=True)
class Stays:
    """Rows that would stay, by why."""

    later: int
    touched: int
    is_all: bool  # False: only the first rows were looked at

    def __bool__(self) -> bool:
        return bool(self.later or self.touched)


def stays(session: Session, batch: ImportBatch) -> Stays:
    """Count what a later import changed and what somebody went on with."""
    mine = select(ImportRow.raw_record_id).where(
        ImportRow.batch_id == batch.id, ImportRow.raw_record_id.is_not(None), ImportRow.fate != Fate.SAME
    )
    ids = [one for one in session.scalars(mine.order_by(ImportRow.number).limit(MOST + 1)) if one is not None]
    later = touched = 0
    for begin in range(0, min(len(ids), MOST), _SOME):
        some = ids[begin : min(begin + _SOME, MOST)]
        changed = _changed_later(session, batch, some)
        later += len(changed)
        touched += len(history.touched(session, some) - changed)
    return Stays(later, touched, len(ids) <= MOST)


def _changed_later(session: Session, batch: ImportBatch, raw_ids: list[int]) -> set[int]:
    other = aliased(ImportBatch)
    is_undone = exists().where(other.id == ImportRow.batch_id, other.state == BatchState.UNDONE)
    query = select(ImportRow.raw_record_id).where(
        ImportRow.raw_record_id.in_(raw_ids), ImportRow.batch_id > batch.id, ImportRow.fate == Fate.UPDATE, ~is_undone
    )
    return {one for one in session.scalars(query) if one is not None}
