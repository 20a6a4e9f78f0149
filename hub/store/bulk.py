"""Write thousands of rows of one table at once: without objects, and without what SQLAlchemy does for each value of each row.

A statement is compiled once for a database, and whole columns are prepared by their own types, so that rows are what an
insert of SQLAlchemy's would have made of them. No object of the session hears of them: whoever waits for such is to be told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, cast

from sqlalchemy import Column, Dialect, Table, bindparam, func, select, text
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase

from hub.store.base import Base, UtcDateTime
from hub.store.insert import insert_of

_THE_ROW = "the_row"  # the parameter that says which row is changed
_MOST_STATEMENTS = 200  # that are remembered


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement as a driver takes it.

    Attributes:
        names: of its parameters, in their order.
        prepare: what the type of a column does to values; most do nothing.
        usual: values of columns that nobody names, and `made` what makes them, for each row anew.
    """

    sql: str
    names: tuple[str, ...]
    prepare: Mapping[str, Callable[[Sequence[Any]], Sequence[Any]]]
    usual: Mapping[str, Any]
    made: Mapping[str, Callable[[Any], Any]]
    is_positional: bool


def reserve(session: Session, table: type[Base], count: int) -> Sequence[int]:
    """Return ids for so many new rows, rising; nobody else gets them.

    On SQLite they are those that it would give itself, for nobody else writes before the end of the transaction: whoever
    reserves writes these rows before any others of the table.
    """
    if not count:
        return ()
    of = _table(table)
    if session.get_bind().dialect.name == "sqlite":
        first = (session.scalar(select(func.max(of.c.id))) or 0) + 1
        return range(first, first + count)
    following = "SELECT nextval(pg_get_serial_sequence(:of, 'id')) FROM generate_series(1, :count)"
    return sorted(session.scalars(text(following), {"of": f'"{of.name}"', "count": count}))


def insert(
    session: Session,
    table: type[Base],
    columns: Mapping[str, Sequence[Any]],
    *,
    unless: tuple[str, ...] = (),
    **alike: Any,
) -> int:
    """Insert rows.

    Args:
        columns: values by name of column, of each as many as there are rows. A column that is not named has its default.
        unless: columns of a unique index; a row that is there already by these is left out.
        alike: columns that have the same value in all rows.

    Returns:
        How many rows were written.
    """
    statement = _insert(session.get_bind().dialect, _table(table), (*columns, *alike), unless)
    return _execute(session, statement, columns, alike)


def update(
    session: Session, table: type[Base], ids: Sequence[int], columns: Mapping[str, Sequence[Any]], **alike: Any
) -> None:
    """Change the rows of some ids; what is not named stays."""
    statement = _update(session.get_bind().dialect, _table(table), (*columns, *alike))
    _execute(session, statement, {_THE_ROW: ids, **columns}, alike)


def _execute(
    session: Session, statement: _Statement, columns: Mapping[str, Sequence[Any]], alike: Mapping[str, Any]
) -> int:
    count = len(next(iter(columns.values())))
    if not count:
        return 0
    values = [_values(statement, name, columns, alike, count) for name in statement.names]
    rows: list[Any] = list(zip(*values, strict=True))
    if not statement.is_positional:
        rows = [dict(zip(statement.names, row, strict=True)) for row in rows]
    return session.connection().exec_driver_sql(statement.sql, rows).rowcount


def _values(
    statement: _Statement, name: str, columns: Mapping[str, Sequence[Any]], alike: Mapping[str, Any], count: int
) -> Any:
    prepare = statement.prepare.get(name)
    if name in columns or name in statement.made:
        many = columns[name] if name in columns else [statement.made[name](None) for _ in range(count)]
        return many if prepare is None else prepare(many)
    one = alike[name] if name in alike else statement.usual[name]
    return repeat(one if prepare is None else prepare([one])[0], count)


def _table(table: type[Base]) -> Table:
    return cast("Table", table.__table__)


@lru_cache(maxsize=_MOST_STATEMENTS)
def _insert(dialect: Dialect, table: Table, names: tuple[str, ...], unless: tuple[str, ...]) -> _Statement:
    statement = insert_of(dialect, table).inline()
    return _compiled(
        dialect, table, names, statement.on_conflict_do_nothing(index_elements=unless) if unless else statement
    )


@lru_cache(maxsize=_MOST_STATEMENTS)
def _update(dialect: Dialect, table: Table, names: tuple[str, ...]) -> _Statement:
    return _compiled(dialect, table, names, update_of(table).where(table.c.id == bindparam(_THE_ROW)))


def _compiled(dialect: Dialect, table: Table, names: tuple[str, ...], statement: UpdateBase) -> _Statement:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    is_positional = compiled.positiontup is not None
    order = tuple(compiled.positiontup or compiled.params)
    columns = {name: table.c["id" if name == _THE_ROW else name] for name in order}
    usual: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for name in set(order) - {*names, _THE_ROW}:
        given: Any = columns[name].default if statement.is_insert else columns[name].onupdate
        (usual if given.is_scalar else made)[name] = given.arg
    prepare = {name: one for name, column in columns.items() if (one := _prepare(dialect, column)) is not None}
    return _Statement(str(compiled), order, prepare, usual, made, is_positional)


def _prepare(dialect: Dialect, column: Column[Any]) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
    each = column.type.dialect_impl(dialect).bind_processor(dialect)
    if each is None:
        return None
    if isinstance(column.type, UtcDateTime):  # rows of a page have few moments, and each takes long to write
        return lambda many: [*map({one: each(one) for one in set(many)}.__getitem__, many)]
    return lambda many: [*map(each, many)]
