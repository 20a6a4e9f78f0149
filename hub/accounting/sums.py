"""Sums of money in SQL: in two parts, since one sum of the largest amounts would not fit into the 64 bits of SQLite."""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, true, type_coerce

from hub.store.base import Money

_MILLIONTHS = 10**Money.PLACES


def parts(column: Any, added: ColumnElement[bool] | None = None) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the sum of a column of money as whole units, and the millionths beside them.

    Args:
        added: which rows count; None: all.
    """
    whole, where = type_coerce(column, BigInteger()), true() if added is None else added
    return func.sum(whole // _MILLIONTHS).filter(where), func.sum(whole % _MILLIONTHS).filter(where)


def joined(units: Any, rest: Any) -> Decimal:
    """Return the sum of both parts, as a database answered them. Pure."""
    return Decimal(int(units or 0)) + Decimal(int(rest or 0)).scaleb(-Money.PLACES)
