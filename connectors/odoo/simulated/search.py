"""Which records, in which order: `search` and what is built on it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cmp_to_key
from typing import Any

from connectors.odoo.simulated.domain import Asked, Predicate, understood
from connectors.odoo.simulated.errors import access_error, database_error, no_field_named, user_error
from connectors.odoo.simulated.schema import Model, Row
from connectors.odoo.simulated.store import View

Order = Sequence[tuple[str, bool]]  # fields, and whether the greatest comes first
_WORDS = {"asc": False, "desc": True}


class Searcher:
    """Looks for records as one user may see them.

    Args:
        companies: legal entities of which he sees records.
        only: of records that have an owner he sees those of this user; 0: all.
    """

    def __init__(self, view: View, companies: Collection[int], context: dict[str, Any], only: int = 0) -> None:
        self._view, self._companies, self._context, self._only = view, companies, context, only

    def search(self, model: Model, domain: Any, offset: Any = 0, limit: Any = None, order: Any = None) -> Iterator[Row]:
        """Yield the records that match. Raises OdooError, at once."""
        asked = understood(self._view, model, domain)
        wanted = ordered(model, order)
        start, count = _count(offset, "OFFSET") or 0, _count(limit, "LIMIT")
        return _cut(self.matching(model, asked, wanted), start, count or None)

    def matching(self, model: Model, asked: Asked, order: Order = (("id", False),)) -> Iterable[Row]:
        """The records that match a domain, in an order."""
        visible = self._visible(model, asked)
        rows = self._candidates(model, asked)
        found = (row for row in rows if visible(row) and asked.matches(row))
        if order and order[0] == ("id", False):
            return found
        return _sorted(self._view, model, list(found), order)

    def _candidates(self, model: Model, asked: Asked) -> Iterator[Row]:
        """Records among which all matches are, in the order of their ids: few where an index helps."""
        table = self._view.tables[model.name]
        for name, op, value in asked.leaves:
            known = value if isinstance(value, list | tuple) else [value]
            if op not in ("=", "in") or not all(isinstance(one, int) and not isinstance(one, bool) for one in known):
                continue
            if name == "id":
                return self._view.rows(model.name, sorted(set(known)))
            if name in model.indexed:
                numbers = {one for value in known for one in self._view.lookup(model.name, name, value)}
                return self._view.rows(model.name, sorted(numbers))
        return self._view.rows(model.name, table.listed(asked.above(), asked.since()))

    def _visible(self, model: Model, asked: Asked) -> Predicate:
        hides = "active" in model.fields and "active" not in asked.fields and self._context.get("active_test", True)
        if model.owner and self._only:
            return lambda row: bool(row[model.owner] == self._only)
        entity = "id" if model.name == "res.company" else "company_id"
        if entity not in model.fields:
            return lambda row: not hides or row["active"]
        companies = self._companies
        return lambda row: (not hides or row["active"]) and (row[entity] is None or row[entity] in companies)


def allowed(given: Any, mine: Sequence[int]) -> Sequence[int]:
    """The legal entities that a call is limited to by its context. Raises OdooError: one of them is not his."""
    if not given:
        return mine
    if not isinstance(given, list | tuple) or not set(given) <= set(mine):
        raise access_error("Access to unauthorized or invalid companies.")
    return list(given)


def ordered(model: Model, given: Any) -> Order:
    """Read an order such as `write_date desc, id`. Raises OdooError."""
    text = given or model.order
    found = []
    for part in str(text).split(","):
        words = part.split()
        if (
            not 1 <= len(words) <= 2
            or not words[0].replace("_", "").isalnum()
            or (words[1:] and words[1].lower() not in _WORDS)
        ):
            raise user_error(
                f'Invalid "order" specified ({text}). A valid "order" specification is a comma-separated list of valid '
                "field names (optionally followed by asc/desc for the direction)"
            )
        field = model.fields.get(words[0])
        if field is None or not field.stored:
            raise no_field_named(words[0], model.name)
        found.append((words[0], len(words) == 2 and _WORDS[words[1].lower()]))
    return found


def _count(given: Any, word: str) -> int | None:
    """Raises OdooError."""
    if given is None or given is False:
        return None
    if not isinstance(given, int):
        text = f'invalid input syntax for type bigint: "{given}"'
        raise database_error("errors.InvalidTextRepresentation", text)
    if given < 0:
        kind = "InvalidRowCountInLimitClause" if word == "LIMIT" else "InvalidRowCountInResultOffsetClause"
        raise database_error(f"errors.{kind}", f"{word} must not be negative\n")
    return given


def _cut(rows: Iterable[Row], start: int, count: int | None) -> Iterator[Row]:
    for at, row in enumerate(rows):
        if count is not None and at >= start + count:
            return
        if at >= start:
            yield row


def _sorted(view: View, model: Model, rows: list[Row], order: Order) -> list[Row]:
    """As PostgreSQL does: empty ones are the greatest."""

    def key(row: Row, name: str) -> Any:
        value, field = row[name], model.fields[name]
        if field.relation and value is not None:
            return view.name_of(field.relation, value)
        return value

    def compare(one: Row, other: Row) -> int:
        for name, is_down in order:
            left, right = key(one, name), key(other, name)
            if left == right:
                continue
            is_less = right is None if left is None or right is None else left < right
            return 1 if is_less is is_down else -1
        return 0

    return sorted(rows, key=cmp_to_key(compare))
