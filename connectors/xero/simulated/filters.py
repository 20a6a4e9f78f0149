"""`where` and `order`: comparisons joined by AND and OR, and fields to sort by.

Source: https://developer.xero.com/documentation/api/accounting/requests-and-responses#retrieving-a-filtered-resource
"""

import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.xero.simulated.errors import Json, invalid

_LONGEST = 4_000  # characters of a filter
_TERM = re.compile(
    r"\s*([A-Za-z]+(?:\.[A-Za-z]+)*)\s*(==|=|!=|>=|<=|>|<)\s*"
    r"(\"[^\"]*\"|guid\(\"[^\"]*\"\)|DateTime\(\s*\d+\s*(?:,\s*\d+\s*){2,5}\)|true|false|null|-?\d+(?:\.\d+)?)\s*",
    re.IGNORECASE,
)
_JOIN = re.compile(r"(AND|&&|OR|\|\|)(?=[\s(]|$)", re.IGNORECASE)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "=": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt, ">=": operator.ge,
    "<=": operator.le,
}  # fmt: skip
_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")


def where(text: str) -> Callable[[Json], bool]:
    """Read a filter. AND binds before OR, there are no brackets.

    Raises:
        ApiError: 400
    """
    if len(text) > _LONGEST:
        raise invalid("The filter is too long")
    groups: list[list[Callable[[Json], bool]]] = [[]]
    at = 0
    while True:
        found = _TERM.match(text, at)
        if found is None:
            raise invalid(f"Syntax error at position {at}")
        groups[-1].append(_term(found[1], found[2], _value(found[3])))
        at = found.end()
        if at == len(text):
            return lambda shown: any(all(one(shown) for one in group) for group in groups)
        join = _JOIN.match(text, at)
        if join is None:
            raise invalid(f"Syntax error at position {at}")
        if join[1].upper() in ("OR", "||"):
            groups.append([])
        at = join.end()


def order(text: str, things: Sequence[Json], first: str) -> list[Json]:
    """Sort by fields such as `UpdatedDateUTC DESC, InvoiceID`; what is equal there by its id.

    Raises:
        ApiError: 400
    """
    found = sorted(things, key=lambda one: str(one[first]))
    for term in reversed(text.split(",")):
        name, _, way = term.strip().partition(" ")
        if not re.fullmatch(r"[A-Za-z.]+", name) or way.strip().upper() not in ("", "ASC", "DESC"):
            raise invalid(f"No property or field '{name[:40]}' exists")
        found.sort(key=lambda one: _sortable(_field(one, name)), reverse=way.strip().upper() == "DESC")
    return found


def _term(name: str, sign: str, wanted: Any) -> Callable[[Json], bool]:
    def holds(shown: Json) -> bool:
        value = _field(shown, name)
        try:
            return _OPERATORS[sign](value, wanted)
        except TypeError:
            return False

    return holds


def _field(shown: Json, name: str) -> Any:
    value: Any = shown
    for part in name.split("."):
        names = {one.lower(): one for one in value} if isinstance(value, dict) else {}
        value = value.get(names.get(part.lower(), "")) if isinstance(value, dict) else None
    if isinstance(value, str) and (found := _DATE.fullmatch(value)):
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC)
    return value


def _value(text: str) -> Any:
    if text.startswith('"'):
        return text[1:-1]
    name, _, rest = text.partition("(")
    if name.lower() == "guid":
        return rest[1:-2].lower()
    if name.lower() == "datetime":
        try:
            return datetime(*[int(one) for one in rest.rstrip(") ").split(",")], tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day at least: the pattern says so
        except (ValueError, OverflowError):
            raise invalid("Un-representable DateTime") from None
    if text.lower() in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text.lower()]
    try:
        return Decimal(text)
    except InvalidOperation:
        raise invalid("no number") from None


def _sortable(value: Any) -> tuple[int, Any]:
    """Nothing before false before true before numbers before moments before texts."""
    ranks: tuple[tuple[type, ...], ...] = ((bool,), (int, float, Decimal), (datetime,), (str,))
    for rank, types in enumerate(ranks, start=1):
        if isinstance(value, types):
            return rank, value
    return 0, 0
