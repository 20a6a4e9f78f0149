"""Rows by the id that pages, programs and other systems use."""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.store.base import PublicId

Row = TypeVar("Row", bound=PublicId)


def by_public_id(
    session: Session, table: type[Row], public_id: UUID, missing: str, *which: ColumnElement[bool], lock: bool = False
) -> Row:
    """Return a row.

    Args:
        missing: what is said where there is none.
        which: none but these count.
        lock: let nobody else change it until the end of the transaction.

    Raises:
        NotFoundError: there is none.
    """
    query = select(table).where(table.public_id == public_id, *which)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError(missing)
    return row
