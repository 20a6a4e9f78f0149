"""Domains: Odoo's conditions in Polish notation, as predicates of records.

Source: https://www.odoo.com/documentation/19.0/developer/reference/backend/orm.html#search-domains; what happens to
microseconds is `_optimize_type_datetime` of `odoo/orm/domains.py`, and was measured.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.errors import database_error, type_error, value_error
from connectors.odoo.simulated.schema import MANY, NUMBERS, Field, Model, Row
from connectors.odoo.simulated.store import View
from connectors.odoo.simulated.values import amount, day, moment

Predicate = Callable[[Row], bool]
Leaf = tuple[str, str, Any]
_OPERATORS = frozenset(
    {
        "=", "!=", "<>", "==", "<", ">", "<=", ">=", "in", "not in", "like", "not like", "ilike", "not ilike", "=like",
        "=ilike", "not =like", "not =ilike", "child_of", "parent_of", "any", "not any", "=?",
    }
)  # fmt: skip
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_JUST_A_DATE = 10  # characters
# Fields that are not stored, and can be searched by all the same.
_SEARCHABLE = frozenset(
    {
        "credit", "debit", "display_name", "child_ids", "line_ids", "invoice_line_ids", "order_line", "move_ids",
        "reconciled_invoice_ids", "reconciled_bill_ids", "matched_debit_ids", "matched_credit_ids", "is_reconciled",
        "reversal_move_ids", "action_server_ids", "company_currency_id", "country_code", "model_name", "status_in_payment",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A domain that was understood."""

    matches: Predicate
    leaves: Sequence[Leaf]  # that hold for every match
    fields: Collection[str]  # that are named anywhere

    def above(self) -> int:
        """The id below which nothing matches; 0: any."""
        return max((value + (op == ">") for name, op, value in self.leaves if _is_bound(name, op, value)), default=0)

    def since(self) -> datetime | None:
        """The moment before which nothing that matches was written, to the second; None: any."""
        begins = [
            moment(value) for name, op, value in self.leaves if name == "write_date" and op in (">", ">=") and value
        ]
        return max(begins, default=None)

    def without_above(self, view: View, model: Model) -> "Asked":
        """The same from the first record on."""
        return understood(view, model, [list(one) for one in self.leaves if not _is_bound(*one)])


def _is_bound(name: str, op: str, value: Any) -> bool:
    return name == "id" and op in (">", ">=") and isinstance(value, int)


def understood(view: View, model: Model, domain: Any) -> Asked:
    """Read a domain. Raises OdooError: it is none."""
    if domain in (None, False):
        domain = []
    if not isinstance(domain, list | tuple):
        raise type_error(f"Domain() invalid argument type for domain: {domain!r}")
    reader = _Reader(view, model)
    predicates: list[Predicate] = []
    leaves: list[Leaf] = []
    is_flat = True
    for item in reversed(list(domain)):
        if isinstance(item, str):
            is_flat = is_flat and item == "&"
            predicates.append(_joined(item, predicates, domain))
        else:
            predicates.append(reader.leaf(item))
            leaves.append(tuple(item))
    if any(one in ("&", "|", "!") for one in domain if isinstance(one, str)) and not _is_complete(domain):
        raise value_error(f"Domain() malformed domain {domain!r}")
    return Asked(_all(predicates), leaves[::-1] if is_flat else [], reader.fields)


def _joined(item: str, predicates: list[Predicate], domain: Any) -> Predicate:
    malformed = value_error(f"Domain() malformed domain {domain!r}")
    if item not in ("&", "|", "!"):
        raise value_error(f"Domain() invalid item in domain: {item!r}")
    if len(predicates) < (1 if item == "!" else 2):
        raise malformed
    first = predicates.pop()
    if item == "!":
        return lambda row: not first(row)
    second = predicates.pop()
    if item == "&":
        return lambda row: first(row) and second(row)
    return lambda row: first(row) or second(row)


def _is_complete(domain: Sequence[Any]) -> bool:
    """Whether nothing is left over at the end, as in `[condition, '|']`."""
    return not isinstance(domain[-1], str)


def _all(predicates: Sequence[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return lambda row: all(one(row) for one in predicates)


class _Reader:
    """Makes predicates of conditions."""

    def __init__(self, view: View, model: Model) -> None:
        self._view, self._model = view, model
        self.fields: set[str] = set()

    def leaf(self, item: Any) -> Predicate:
        """Raises OdooError."""
        if not isinstance(item, list | tuple) or len(item) != 3:
            raise value_error(f"Domain() invalid item in domain: {item!r}")
        name, op, value = item
        if isinstance(name, int) and op == "=":
            return lambda _row: name == value  # [1, '=', 1] is always true
        if not isinstance(name, str) or not isinstance(op, str) or op.lower() not in _OPERATORS:
            raise value_error(f"Invalid operator in condition {tuple(item)!r}")
        first, _, rest = name.partition(".")
        self.fields.add(first)
        field = self._field(first, item)
        if rest:
            return self._through(first, field, (rest, op, value))
        return self._plain(first, field, op.lower(), value)

    def _field(self, name: str, item: Any) -> Field:
        field = self._model.fields.get(name)
        if field is None:
            raise value_error(f"Invalid field {self._model.name}.{name} in condition {tuple(item)!r}")
        if not field.stored and name not in _SEARCHABLE:
            raise value_error(f"Cannot convert {self._model.name}.{name} to SQL because it is not stored")
        return field

    def _value(self, name: str, field: Field) -> Callable[[Row], Any]:
        compute = field.compute
        if compute is None:
            return lambda row: row[name]
        return lambda row: compute(self._view, row)

    def _through(self, name: str, field: Field, rest: Leaf) -> Predicate:
        """A condition on what a relation points to."""
        if not field.relation:
            raise value_error(f"Invalid field {self._model.name}.{name}.{rest[0]} in condition {rest!r}")
        inner = understood(self._view, self._view.model(field.relation), [list(rest)]).matches
        return self._related(name, field, inner)

    def _related(self, name: str, field: Field, inner: Predicate) -> Predicate:
        value = self._value(name, field)

        def matches(row: Row) -> bool:
            return any(inner(one) for one in self._view.rows(field.relation, _ids(value(row))))

        return matches

    def _plain(self, name: str, field: Field, op: str, wanted: Any) -> Predicate:
        if op in ("any", "not any"):
            inner = self._related(name, field, understood(self._view, self._view.model(field.relation), wanted).matches)
            return inner if op == "any" else lambda row: not inner(row)
        if op in ("child_of", "parent_of"):
            return self._family(name, field, op, wanted)
        if op == "=?":
            return self._plain(name, field, "=", wanted) if wanted not in (None, False) else lambda _row: True
        op = {"<>": "!=", "==": "="}.get(op, op)
        if isinstance(wanted, list | tuple):
            op = {"=": "in", "!=": "not in"}.get(op, op)
        if op == "in":
            return self._among(name, field, wanted)
        if op == "not in":
            return _not(self._among(name, field, wanted))
        if op == "!=":
            return _not(self._plain(name, field, "=", wanted))
        if "like" in op:
            return self._like(name, field, op, wanted)
        return self._compared(name, field, op, wanted)

    # -- equal and among ----------------------------------------------------------------------------------------------

    def _among(self, name: str, field: Field, wanted: Any) -> Predicate:
        if not isinstance(wanted, list | tuple):
            wanted = [wanted]
        if field.type == "datetime":
            ones = [_in_time(self._value(name, field), "=", one) for one in wanted]
            return lambda row: any(one(row) for one in ones)
        known = {self._known(field, one) for one in wanted}
        empty = None in known
        value = self._value(name, field)
        if field.type in MANY:
            return lambda row: bool(known.intersection(value(row))) or (empty and not value(row))
        if field.type == "boolean":
            return lambda row: bool(value(row)) in known
        return lambda row: empty if (found := value(row)) in (None, "") else found in known

    def _known(self, field: Field, wanted: Any) -> Any:
        """A value as the database has it. Raises OdooError."""
        if field.type == "boolean":
            return bool(wanted)
        if wanted is None or wanted is False:
            return None
        if field.relation and isinstance(wanted, str) and not wanted.isdecimal():
            return next(
                (
                    one
                    for one in self._view.tables[field.relation].ids
                    if self._view.name_of(field.relation, one) == wanted
                ),
                -1,
            )
        if field.type == "integer" or field.relation:
            try:
                return int(wanted)
            except (TypeError, ValueError):
                raise _bad_text(wanted, "integer") from None
        if field.type in NUMBERS:
            return amount(wanted)
        return day(wanted) if field.type == "date" else str(wanted)

    def _compared(self, name: str, field: Field, op: str, wanted: Any) -> Predicate:
        value = self._value(name, field)
        if op == "=" and (wanted is None or wanted is False or field.type not in ("datetime", "date")):
            return self._among(name, field, [wanted])
        if wanted is None or wanted is False:
            return lambda _row: False
        if field.type == "datetime":
            return _in_time(value, op, wanted)
        limit: Any = self._known(field, wanted)
        tests: dict[str, Callable[[Any], bool]] = {
            "=": lambda found: bool(found == limit), "<": lambda found: bool(found < limit),
            ">": lambda found: bool(found > limit), "<=": lambda found: bool(found <= limit),
            ">=": lambda found: bool(found >= limit),
        }  # fmt: skip
        test = tests[op]
        if field.type in NUMBERS:
            return lambda row: test(value(row) or Decimal(0))
        return lambda row: (found := value(row)) is not None and test(found)

    # -- texts and families -------------------------------------------------------------------------------------------

    def _like(self, name: str, field: Field, op: str, wanted: Any) -> Predicate:
        text = "" if wanted in (None, False) else str(wanted)
        pattern = _pattern(text, whole="=" in op, ignore_case="ilike" in op)
        value = self._value(name, field)

        def matches(row: Row) -> bool:
            found = value(row)
            if field.relation:
                return any(pattern(self._view.name_of(field.relation, one)) for one in _ids(found))
            return found not in (None, "") and pattern(str(found))

        return _not(matches) if op.startswith("not") else matches

    def _family(self, name: str, field: Field, op: str, wanted: Any) -> Predicate:
        """A record and what hangs below it, or above it, by `parent_id`."""
        model = field.relation or self._model.name
        roots = [self._known(field, one) for one in (wanted if isinstance(wanted, list | tuple) else [wanted])]
        family = self._below(model, roots) if op == "child_of" else self._above(model, roots)
        value = self._value(name, field)
        return lambda row: not family.isdisjoint(_ids(value(row)))

    def _below(self, model: str, roots: Iterable[int]) -> set[int]:
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                if "parent_id" in self._view.tables[model].model.indexed:
                    waiting += self._view.lookup(model, "parent_id", number)
        return found

    def _above(self, model: str, roots: Iterable[int]) -> set[int]:
        found: set[int] = set()
        for root in roots:
            row = self._view.get(model, root)
            while row is not None and row["id"] not in found:
                found.add(row["id"])
                row = self._view.get(model, row.get("parent_id"))
        return found


def _not(inner: Predicate) -> Predicate:
    return lambda row: not inner(row)


def _ids(value: Any) -> Sequence[int]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _in_time(value: Callable[[Row], Any], op: str, wanted: Any) -> Predicate:
    """Compare moments: microseconds of what is asked for are dropped, so `>` means the next second (or the next day)."""
    if wanted is None or wanted is False:
        return lambda row: value(row) is None
    given = moment(wanted)
    is_date = isinstance(wanted, str) and len(wanted) == _JUST_A_DATE
    begin = given.replace(microsecond=0)
    end = begin + (_DAY if is_date and op != "=" else _SECOND)
    tests: dict[str, Callable[[datetime], bool]] = {
        "=": lambda at: begin <= at < end, ">": lambda at: at >= end, ">=": lambda at: at >= begin,
        "<": lambda at: at < begin, "<=": lambda at: at < end,
    }  # fmt: skip
    test = tests[op]
    return lambda row: (at := value(row)) is not None and test(at)


def _pattern(text: str, *, whole: bool, ignore_case: bool) -> Callable[[str], bool]:
    """SQL's LIKE: `%` stands for anything, `_` for one character; without `=` the text may stand anywhere."""
    parts = (".*" if one == "%" else "." if one == "_" else re.escape(one) for one in text)
    pattern = re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    return lambda found: bool(pattern.fullmatch(found) if whole else pattern.search(found))


def _bad_text(value: Any, kind: str) -> Exception:
    return database_error("errors.InvalidTextRepresentation", f'invalid input syntax for type {kind}: "{value}"')
