"""The part of SOQL that programs ask simple lists with: SELECT, WHERE with AND, OR and brackets, ORDER BY, LIMIT.

Source: https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:'((?:[^'\\]|\\.)*)'|(\d{4}-\d\d-\d\dT[\d:.]+Z)|([A-Za-z_][A-Za-z0-9_.]*|\d+)|(>=|<=|!=|[=<>(),]))"
)


class WrongQueryError(ValueError):
    """Salesforce's MALFORMED_QUERY, or another code in `code`."""

    def __init__(self, message: str, code: str = "MALFORMED_QUERY") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    fields: tuple[str, ...]
    entity: str
    named: frozenset[str]  # every field in it
    test: Test
    order: str
    limit: int


class Parser:
    """Reads one query. Raises WrongQueryError."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise WrongQueryError(f"unexpected token at {at}")
            kind = ("text", "moment", "word", "sign")[(found.lastindex or 1) - 1]
            value = found[found.lastindex or 1]
            self._tokens.append((kind, re.sub(r"\\(.)", r"\1", value) if kind == "text" else value))
            at = found.end()
        self._at = 0
        self._named: set[str] = set()

    def read(self) -> Query:
        """Return the whole query."""
        self._expect("SELECT")
        fields = [self._field()]
        while self._take(","):
            fields.append(self._field())
        self._expect("FROM")
        entity = self._next("word")
        test: Test = self._either() if self._take("WHERE") else _anything
        order = ""
        if self._take("ORDER"):
            self._expect("BY")
            order = self._field()
            _ = self._take("ASC") or self._take("DESC")
        limit = int(self._next("word")) if self._take("LIMIT") else 50_000
        if self._at < len(self._tokens):
            raise WrongQueryError(f"unexpected token: {self._tokens[self._at][1]}")
        return Query(tuple(fields), entity, frozenset(self._named), test, order, limit)

    def _either(self) -> Test:
        parts = [self._both()]
        while self._take("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda row: any(one(row) for one in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._take("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(one(row) for one in parts)

    def _one(self) -> Test:
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        field = self._field()
        if self._take("IN"):
            self._expect("(")
            wanted = {self._next("text").lower()}
            while self._take(","):
                wanted.add(self._next("text").lower())
            self._expect(")")
            return lambda row: str(value_of(row, field) or "").lower() in wanted
        if self._take("LIKE"):
            parts = re.split(r"(%|_)", self._next("text"))
            shape = "".join({"%": ".*", "_": "."}.get(one, re.escape(one)) for one in parts)
            pattern = re.compile(shape, re.IGNORECASE | re.DOTALL)
            return lambda row: pattern.fullmatch(str(value_of(row, field) or "")) is not None
        sign = self._next("sign")
        kind, value = self._any()
        if kind == "word":
            if value not in ("true", "false") or sign != "=":
                raise WrongQueryError("unexpected token")
            return lambda row: bool(value_of(row, field)) is (value == "true")
        if sign == "=":
            return lambda row: str(value_of(row, field) or "").lower() == value.lower()
        if sign == ">=" and kind == "moment":
            return lambda row: str(value_of(row, field) or "")[:19] >= value[:19]
        raise WrongQueryError(f"unexpected token: {sign}")

    def _field(self) -> str:
        name = self._next("word")
        self._named.add(name)
        return name

    def _take(self, word: str) -> bool:
        if self._at < len(self._tokens):
            kind, value = self._tokens[self._at]
            if kind in ("word", "sign") and value.upper() == word:
                self._at += 1
                return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise WrongQueryError(f"expecting {word}")

    def _next(self, kind: str) -> str:
        found, value = self._any()
        if found != kind:
            raise WrongQueryError(f"unexpected token: {value}")
        return value

    def _any(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise WrongQueryError("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]


def value_of(row: Row, field: str) -> Any:
    """Return a field of a record, also one of another record that it names: `Account.Name`."""
    first, dot, rest = field.partition(".")
    there = row.get(first)
    return value_of(there, rest) if dot and isinstance(there, Mapping) else None if dot else there


def _anything(_row: Row) -> bool:
    return True
