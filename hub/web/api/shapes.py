"""Shapes that several answers share, and the look-ups that fill them: never one query per row."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVarTuple
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub.errors import NotFoundError, UserError
from hub.identity import parties as store
from hub.identity.models import Party
from hub.intake.models import Account, AccountState
from hub.security.models import User
from hub.store.base import UtcDateTime
from hub.web.api import paging

_Columns = TypeVarTuple("_Columns")


class Ref(BaseModel):
    """Something named elsewhere."""

    id: UUID
    name: str


class Match(BaseModel):
    """A party that something belongs to."""

    id: UUID
    kind: str = Field(description="person or company")
    name: str


def parties(session: Session, ids: Iterable[int | None]) -> Mapping[int, Match]:
    """Return parties by their inner ids."""
    rows = session.execute(select(Party.id, Party.public_id, Party.kind, Party.name).where(Party.id.in_(_set(ids))))
    return {row.id: Match(id=row.public_id, kind=row.kind, name=row.name) for row in rows}


def users(session: Session, ids: Iterable[int | None]) -> Mapping[int, Ref]:
    """Return users by their inner ids."""
    rows = session.execute(select(User.id, User.public_id, User.name).where(User.id.in_(_set(ids))))
    return {row.id: Ref(id=row.public_id, name=row.name) for row in rows}


def accounts(session: Session, ids: Iterable[int | None]) -> Mapping[int, Ref]:
    """Return accounts by their inner ids."""
    rows = session.execute(select(Account.id, Account.public_id, Account.name).where(Account.id.in_(_set(ids))))
    return {row.id: Ref(id=row.public_id, name=row.name) for row in rows}


def party_ids(session: Session, public_id: UUID) -> tuple[int, ...]:
    """Return the inner ids of a party and of all that were merged into it.

    Raises:
        NotFoundError: there is no such party.
    """
    return store.with_merged(session, store.get(session, public_id))


def account_id(session: Session, public_id: UUID) -> int:
    """Return the inner id of an account.

    Raises:
        NotFoundError: there is none.
    """
    found = session.scalar(
        select(Account.id).where(Account.public_id == public_id, Account.state != AccountState.REMOVED)
    )
    if found is None:
        raise NotFoundError(f"There is no account {public_id}")
    return found


def user_id(session: Session, public_id: UUID) -> int:
    """Return the inner id of a user.

    Raises:
        NotFoundError: there is none.
    """
    found = session.scalar(select(User.id).where(User.public_id == public_id))
    if found is None:
        raise NotFoundError(f"There is no user {public_id}")
    return found


@contextmanager
def within(field: str) -> Iterator[None]:
    """Make "there is no such thing" a fault of this field of the body."""
    try:
        yield
    except NotFoundError as error:
        raise UserError(f"{field}: {error}", error_id=f"unknown_{field}", field=field) from None


def _set(ids: Iterable[int | None]) -> set[int]:
    return {number for number in ids if number is not None}


def by_time(
    statement: Select[Any],
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[int],
    query: paging.Paging,
    *,
    newest_first: bool,
) -> Select[Any]:
    """Order a list by a time and limit it to one row more than the page."""
    place = paging.position(query)
    if place is not None:
        edge = tuple_(literal(paging.from_micros(place[0]), UtcDateTime()), literal(place[1]))
        where: ColumnElement[bool] = tuple_(at, key) < edge if newest_first else tuple_(at, key) > edge
        statement = statement.where(where)
    order = (at.desc(), key.desc()) if newest_first else (at, key)
    return statement.order_by(*order).limit(query.limit + 1)


def by_key(statement: Select[*_Columns], key: InstrumentedAttribute[int], query: paging.Paging) -> Select[*_Columns]:
    """Order a list by its inner id and limit it to one row more than the page."""
    place = paging.position(query)
    if place is not None:
        statement = statement.where(key > place[0])
    return statement.order_by(key).limit(query.limit + 1)
