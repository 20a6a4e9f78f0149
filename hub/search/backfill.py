"""Make the texts of rows that were there before the code that finds them: in pages, the newest rows first.

A page and the mark behind it are one transaction, so whatever dies leaves a page that is made again. What is written
meanwhile has its text at once and may be made twice, which changes nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.accounting import index as documents
from hub.accounting.models import DocumentRow
from hub.identity import search as parties
from hub.identity.models import Party
from hub.store.full_text import TextIndex, TextTable
from hub.store.insert import insert
from hub.timeline import index as entries
from hub.timeline.models import Interaction

PAGE = 500


@dataclass(frozen=True, slots=True)
class Made:
    """One table of texts, the rows it is made of, and how."""

    texts: TextTable
    version: int
    row: Any
    refresh: Callable[[Session, Iterable[int]], None]


ALL = (
    Made(parties.TEXTS, parties.VERSION, Party, parties.refresh_all),
    Made(documents.TEXTS, documents.VERSION, DocumentRow, documents.refresh),
    Made(entries.TEXTS, entries.VERSION, Interaction, entries.refresh),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the texts are, counted by the ids of rows."""

    left: int
    of: int

    @property
    def percent(self) -> int:
        """What is done, in whole percent; below 100 until all is."""
        return min(99, 100 * (self.of - self.left) // self.of) if self.left else 100


def progress(session: Session) -> Progress:
    """Say how many rows still wait for their texts."""
    known = {row.name: row for row in session.scalars(select(TextIndex))}
    left = of = 0
    for made in ALL:
        row = known.get(made.texts.name)
        if row is None or row.version != made.version:  # not begun
            last = _last(session, made)
            left, of = left + last, of + last
        else:
            left, of = left + row.upto, of + row.of
    return Progress(left, of)


def waits(session: Session) -> bool:
    """Say whether a page is to be made; a cheap look."""
    done = {row.name: row.version for row in session.scalars(select(TextIndex).where(TextIndex.upto == 0))}
    return any(done.get(made.texts.name) != made.version for made in ALL)


def page(session: Session, *, wait: bool = False) -> None:
    """Make one page of texts; `wait` for another process that is at it, else leave it to that one."""
    for made in ALL:
        query = select(TextIndex).where(TextIndex.name == made.texts.name).with_for_update(skip_locked=not wait)
        row = session.scalars(query).first()
        if row is None:
            values = {"name": made.texts.name, "version": 0, "upto": 0, "of": 0}
            session.execute(insert(session, TextIndex).values(**values).on_conflict_do_nothing())
            row = session.scalars(query).first()
        if row is None:
            continue
        if row.version != made.version:
            row.version, row.upto = made.version, _last(session, made)
            row.of = row.upto
        if row.upto:
            _page(session, made, row)
            return


def _page(session: Session, made: Made, row: TextIndex) -> None:
    id_ = made.row.id
    page = session.scalars(select(id_).where(id_ <= row.upto).order_by(id_.desc()).limit(PAGE)).all()
    # What somebody writes at this moment is not waited for, but come back to: two who wait for each other both fail.
    free = session.scalars(select(id_).where(id_.in_(page)).with_for_update(key_share=True, skip_locked=True)).all()
    made.refresh(session, free)
    if held := set(page) - set(free):
        row.upto = max(held)
    else:
        row.upto = page[-1] - 1 if len(page) == PAGE else 0


def restart(session: Session) -> None:
    """Have all texts made anew."""
    for row in session.scalars(select(TextIndex).with_for_update()):
        row.version = 0


def _last(session: Session, made: Made) -> int:
    return session.scalar(select(func.max(made.row.id))) or 0
