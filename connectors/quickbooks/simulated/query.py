"""The query language: `select * from Invoice where Balance > '0' orderby Id startposition 1 maxresults 100`.

No OR, no joins, no groups. Source:
https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/data-queries
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.quickbooks.simulated.books import ENTITIES, NAMES, Books, Record
from connectors.quickbooks.simulated.errors import Json, invalid_query, parser
from connectors.quickbooks.simulated.views import view

MOST, USUAL = 1000, 100  # objects of an answer
_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(<=|>=|[=<>(),*])|([A-Za-z_][\w.]*)|(-?\d+(?:\.\d+)?))")
_ENTITY_NAMES = {entity.lower(): entity for entity in ENTITIES}
_TIMES = ("MetaData.LastUpdatedTime", "MetaData.CreateTime")
_AMOUNTS = ("Balance", "TotalAmt")
_DATES = ("TxnDate", "DueDate")
# What can be asked for, beside what the objects have: a member without a value is not written at all.
_KNOWN = frozenset(
    {
        "Id", "SyncToken", "Active", "DocNumber", "DisplayName", "GivenName", "FamilyName", "CompanyName", "Name",
        "FullyQualifiedName", "CustomerRef", "VendorRef", "ParentRef", "Job", "TxnStatus", "POStatus", "PrivateNote",
        "CurrencyRef", "PrimaryEmailAddr", "PrimaryPhone", *_TIMES, *_AMOUNTS, *_DATES,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a where clause."""

    name: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood."""

    entity: str
    counts: bool
    names: tuple[str, ...]  # empty: all
    where: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]  # name, and whether downwards
    start: int
    most: int


# --- reading a query ----------------------------------------------------------------------------------------------------


class _Reader:
    """Takes one word of a query after the other."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise parser(f'Lexical error at line 1, column {at + 1}. Encountered: "{text[at]}"')
            kinds = ("text", "sign", "word", "number")
            self._tokens.append(
                next((kind, one) for kind, one in zip(kinds, found.groups(), strict=True) if one is not None)
            )
            at = found.end()
        self._at = 0

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        found = self.peek()
        self._at += 1
        return found

    def is_next(self, *words: str) -> bool:
        """Take these words if they come next, in any case of letters."""
        ahead = self._tokens[self._at : self._at + len(words)]
        if [one.lower() for _, one in ahead] != list(words) or any(kind == "text" for kind, _ in ahead):
            return False
        self._at += len(words)
        return True

    def expect(self, kind: str) -> str:
        """Raises ApiError: something else comes."""
        got, value = self.take()
        if got != kind:
            raise parser(f'Encountered " <{got.upper()}> "{value} "" at line 1. Was expecting: <{kind.upper()}>')
        return value

    def fail(self) -> None:
        """Raises ApiError: nothing more may come."""
        kind, value = self.peek()
        if kind != "end":
            raise parser(f'Encountered " <{kind.upper()}> "{value} "" at line 1. Was expecting: <EOF>')


def read(text: str) -> Query:
    """Understand a query. Raises ApiError."""
    reader = _Reader(text)
    if not reader.is_next("select"):
        reader.expect("SELECT")
    counts, names = _selected(reader)
    if not reader.is_next("from"):
        reader.expect("FROM")
    entity = reader.expect("word")
    if entity.lower() not in _ENTITY_NAMES:
        raise invalid_query(f"Invalid context declaration: {entity}")
    where = _conditions(reader)
    order = _order(reader)
    start = int(reader.expect("number")) if reader.is_next("startposition") else 1
    most = int(reader.expect("number")) if reader.is_next("maxresults") else USUAL
    reader.fail()
    if most > MOST:
        raise invalid_query(f"value {most} is too large. Max allowed value is {MOST}.")
    if start < 1 or most < 0:
        raise invalid_query("startposition begins at 1, and maxresults at 0.")
    return Query(_ENTITY_NAMES[entity.lower()], counts, names, where, order, start, most)


def _selected(reader: _Reader) -> tuple[bool, tuple[str, ...]]:
    if reader.is_next("*"):
        return False, ()
    if reader.is_next("count", "(", "*", ")"):
        return True, ()
    names = [reader.expect("word")]
    while reader.is_next(","):
        names.append(reader.expect("word"))
    return False, tuple(names)


def _conditions(reader: _Reader) -> tuple[Condition, ...]:
    if not reader.is_next("where"):
        return ()
    found = [_condition(reader)]
    while reader.is_next("and"):
        found.append(_condition(reader))
    if reader.is_next("or"):
        raise parser('Encountered " "OR" "OR "" at line 1. The operator is not supported.')
    return tuple(found)


def _condition(reader: _Reader) -> Condition:
    name = _known(reader.expect("word"))
    if reader.is_next("in"):
        if not reader.is_next("("):
            reader.expect("(")
        values = [_value(reader)]
        while reader.is_next(","):
            values.append(_value(reader))
        if not reader.is_next(")"):
            reader.expect(")")
        return Condition(name, "in", tuple(values))
    if reader.is_next("like"):
        return Condition(name, "like", (reader.expect("text"),))
    operator = reader.expect("sign")
    if operator not in ("=", "<", ">", "<=", ">="):
        raise parser(f'Encountered " "{operator}" "" at line 1.')
    return Condition(name, operator, (_value(reader),))


def _value(reader: _Reader) -> str:
    kind, value = reader.take()
    if kind == "text":
        return re.sub(r"\\(.)", r"\1", value)
    if kind == "number" or (kind == "word" and value.lower() in ("true", "false")):
        return value
    raise parser(f'Encountered " <{kind.upper()}> "{value} "" at line 1. Was expecting a value.')


def _order(reader: _Reader) -> tuple[tuple[str, bool], ...]:
    if not (reader.is_next("orderby") or reader.is_next("order", "by")):
        return ()
    found = []
    while True:
        name = _known(reader.expect("word"))
        downwards = reader.is_next("desc")
        if not downwards:
            reader.is_next("asc")
        found.append((name, downwards))
        if not reader.is_next(","):
            return tuple(found)


def _known(name: str) -> str:
    for one in _KNOWN:
        if one.lower() == name.lower():
            return one
    raise invalid_query(f"Property {name} not found for Entity")


# --- answering it -------------------------------------------------------------------------------------------------------


def matching(books: Books, query: Query) -> list[Record]:
    """All objects that a query asks for, in its order; of names only active ones, unless it asks for others."""
    found = books.all(query.entity)
    if query.entity in NAMES and not any(one.name == "Active" for one in query.where):
        found = [one for one in found if one.fields.get("Active", True)]
    found = [one for one in found if all(_holds(view(books, one), condition) for condition in query.where)]
    for name, downwards in reversed(query.order):
        found.sort(key=lambda record, name=name: _key(name, _member(view(books, record), name)), reverse=downwards)  # type: ignore[misc]  # a default binds the loop's name
    return found


def _member(told: Mapping[str, Any], name: str) -> Any:
    value: Any = told
    for one in name.split("."):
        value = value.get(one) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        return value.get("value", value.get("Address", value.get("FreeFormNumber")))
    return value


def _holds(told: Json, condition: Condition) -> bool:
    value = _member(told, condition.name)
    if condition.operator == "like":
        pattern = ".*".join(re.escape(one) for one in condition.values[0].split("%"))
        return re.fullmatch(pattern, str(value or ""), re.IGNORECASE | re.DOTALL) is not None
    have = _key(condition.name, value)
    wanted = [_key(condition.name, one) for one in condition.values]
    if condition.operator == "in":
        return have in wanted
    if have[0] == 0:
        return False  # what is not there is neither less nor more
    return _COMPARE[condition.operator](have, wanted[0])


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, wanted: have == wanted,
    "<": lambda have, wanted: have < wanted,
    ">": lambda have, wanted: have > wanted,
    "<=": lambda have, wanted: have <= wanted,
    ">=": lambda have, wanted: have >= wanted,
}


def _key(name: str, value: Any) -> tuple[int, Any]:
    """What a value is compared by; what is not there comes first. Raises ApiError: it is none of this kind."""
    if value is None:
        return 0, 0
    text = str(value)
    try:
        if name in _TIMES:
            return 1, moment(text)
        if name in _AMOUNTS:
            return 1, Decimal(text)
    except (ValueError, InvalidOperation):
        raise invalid_query(f"value {text} is not valid for {name}") from None
    if name == "Id":
        return 1, int(text) if text.isdecimal() else -1
    return 1, text.lower()


def moment(text: str) -> datetime:
    """Read a moment or a day; without a zone it is UTC. Raises ValueError."""
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.strip().replace(" ", "+"))
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else datetime.fromisoformat(f"{found.isoformat()}+00:00")


def entities(text: str) -> Sequence[str]:
    """Read a list of entities. Raises ApiError."""
    named = [one.strip() for one in text.split(",") if one.strip()]
    if not named or any(one.lower() not in _ENTITY_NAMES for one in named):
        raise invalid_query(f"Invalid entities: {text}")
    return [_ENTITY_NAMES[one.lower()] for one in named]
