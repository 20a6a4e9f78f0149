"""How records are told apart beside their fields: by the connection that speaks of them, by owner, by month.

A record that several connections speak of counts for each of them; owners and months have each record once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, exists, literal, select
from sqlalchemy.orm import Session

from hub.insights.kinds import Eyes, Kind
from hub.intake.models import Account
from hub.security.models import User

MONTHS = 12
# Keys that stand for no row of ours; all others are outside ids, and months such as 2026-11.
HERE, NOBODY, LATER, EARLIER, UNDATED = "here", "nobody", "later", "earlier", "undated"


class By(StrEnum):
    """What records are told apart by."""

    SOURCE = "source"
    OWNER = "owner"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Key:
    """One part of the records."""

    word: str  # as an address says it
    name: str = ""  # of a connection or a person; of others the page has its own words


@dataclass(frozen=True, slots=True)
class Split:
    """A way to tell records of one kind apart."""

    by: By
    column: ColumnElement[Any]
    source: FromClause  # what records are read from; `column` is of it
    own: Mapping[Any, Key] = field(default_factory=dict)  # keys by what `column` has
    order: Sequence[str] = ()  # of the words; empty: those with most records first

    @property
    def has_each_once(self) -> bool:
        """Whether the parts add up to all records."""
        return self.by is not By.SOURCE


def split(session: Session, kind: Kind, by: By, eye: Eyes) -> Split:
    """Return how records of a kind are told apart."""
    if by is By.MONTH:
        column, order = _month(kind, eye)
        return Split(by, column, kind.table, {word: Key(word) for word in order}, order)
    if by is By.OWNER:
        owners = {row.id: Key(str(row.public_id), row.name) for row in session.execute(_USERS)}
        return Split(by, kind.owner, kind.table, {**owners, None: Key(NOBODY)})
    accounts = {row.id: Key(str(row.public_id), row.name) for row in session.execute(_ACCOUNTS)}
    column, source = kind.c.get("account_id"), kind.table
    if kind.source is not None:
        column = kind.source.c.account_id
        both = kind.table.outerjoin(kind.source, kind.source.c.record_id == kind.c.id)
        return Split(by, column, both, {**accounts, None: Key(HERE)})
    return Split(by, column, source, accounts)


def of_word(found: Split, kind: Kind, word: str) -> tuple[Key, ColumnElement[bool]] | None:
    """Return a part by its word in an address, and which records of the table are in it; None: there is no such part."""
    for value, key in found.own.items():
        if key.word == word:
            return key, _is_in(found, kind, value)
    return None


def _is_in(found: Split, kind: Kind, value: Any) -> ColumnElement[bool]:
    if found.by is By.SOURCE and kind.source is not None:
        links = kind.source.alias("of_part")
        spoken_of = [links.c.record_id == kind.c.id]
        if value is None:
            return ~exists(select(links.c.record_id).where(*spoken_of))
        return exists(select(links.c.record_id).where(*spoken_of, links.c.account_id == value))
    return found.column.is_(None) if value is None else found.column == value


_USERS = select(User.id, User.public_id, User.name)
_ACCOUNTS = select(Account.id, Account.public_id, Account.name)


def _month(kind: Kind, eye: Eyes) -> tuple[ColumnElement[str], list[str]]:
    """Return the month of a record in the reader's zone: of the last twelve, else before or after them.

    Comparing with where months begin is the one way that both databases have alike, and that knows of zones.
    """
    today = eye.at.astimezone(eye.zone).date()
    first = [_before(today, months) for months in range(-1, MONTHS)]
    begins = {f"{day:%Y-%m}": day for day in first[1:]}
    edges: dict[str, date] = {LATER: first[0], **begins}
    cases = [(kind.at >= (day if kind.is_day else _moment(day, eye)), literal(word)) for word, day in edges.items()]
    return case((kind.at.is_(None), literal(UNDATED)), *cases, else_=literal(EARLIER)), [*edges, EARLIER, UNDATED]


def _before(today: date, months: int) -> date:
    """Return the first day of the month that lies so many months before this one."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _moment(day: date, eye: Eyes) -> datetime:
    return datetime.combine(day, time(), eye.zone)
