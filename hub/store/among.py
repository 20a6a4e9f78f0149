"""`column IN (thousands of values)` with one parameter and not thousands, each of which has a name and is bound by itself.

On SQLite the values go as a list of JSON, on PostgreSQL as an array; both look each of them up by the column's index.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class _Values(TypeDecorator[Iterable[Any]]):
    """Texts, or whole numbers."""

    impl = Text
    cache_ok = True

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        written: Any = Text() if dialect.name == "sqlite" else ARRAY(BigInteger() if self.numbers else Text())
        return dialect.type_descriptor(written)

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        values = list(value or ())
        return json.dumps(values) if dialect.name == "sqlite" else values


class _Among(FunctionElement[bool]):
    inherit_cache = True
    name = "among"
    type = Boolean()

    def self_group(self, against: object = None) -> "_Among":
        """Stay as it is: SQLite has no type for truth, and no index answers whether something `= 1` is."""
        del against
        return self


def among(column: Any, values: str, *, numbers: bool = False) -> _Among:
    """Say whether a column of texts, or of whole `numbers`, is one of the values that a statement is given by this name."""
    return _Among(column, bindparam(values, type_=_Values(numbers=numbers)))


@compiles(_Among)
def _any(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **how)} = ANY({compiler.process(values, **how)})"


@compiles(_Among, "sqlite")
def _in(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    one, listed = compiler.process(column, **how), compiler.process(values, **how)
    return f"{one} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - a column and a parameter
