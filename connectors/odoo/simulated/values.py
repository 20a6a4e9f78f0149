"""Values as they go over the wire: empty ones are false, relations pairs of id and name, amounts floats, moments without a zone."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.odoo.simulated.errors import value_error
from connectors.odoo.simulated.schema import MANY, Field, Model, Row
from connectors.odoo.simulated.store import View

DATE, MOMENT = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"
Wire = Callable[[Row], Any]


def day(value: Any) -> date:
    """Read a date as a caller writes it. Raises OdooError."""
    return moment(value).date()


def moment(value: Any) -> datetime:
    """Read a moment as a caller writes it: ISO 8601 without a zone, or only its date. Raises OdooError."""
    text = str(value)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise value_error(f"Invalid term {text!r} in expression date: {text!r}") from None
    if found.tzinfo is not None:
        raise value_error(f"expecting only datetimes with no timezone: {text!r}")
    return found


def amount(value: Any) -> Decimal:
    """Read a number. Raises OdooError."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite():
        raise value_error(f"could not convert string to float: {str(value)!r}")
    return found


def read(field: Field, value: Any) -> Any:
    """Make of what a caller writes into a field what the database keeps. Raises OdooError."""
    if value is None or value is False:
        return False if field.type == "boolean" else field.default
    if field.type in ("float", "monetary"):
        return amount(value)
    if field.type == "date":
        return day(value)
    if field.type == "datetime":
        return moment(value)
    if field.type in ("many2one", "integer"):
        return int(amount(value))
    if field.type in MANY:
        return _numbers(value)
    if field.type == "boolean":
        return bool(value)
    return str(value)


def _numbers(value: Any) -> tuple[int, ...]:
    """Ids out of commands: `[6, 0, ids]` sets them, `[4, id]` adds one; or a plain list of ids. Raises OdooError."""
    found: list[int] = []
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, list | tuple) and one and one[0] == 6:
            found = [int(number) for number in one[2]]
        elif isinstance(one, list | tuple) and len(one) > 1 and one[0] == 4:
            found.append(int(one[1]))
        elif isinstance(one, int) and not isinstance(one, bool):
            found.append(one)
        else:
            raise value_error(f"Wrong value for a relation: {one!r}")
    return tuple(found)


def wire(view: View, model: Model, name: str, *, pairs: bool = True, noisy: bool = False) -> Wire:
    """Return how a field of a record is told.

    Args:
        pairs: relations with the name of what they point to, as `read` does.
        noisy: amounts as binary floats are after some arithmetic.
    """
    field = model.fields[name]
    tell = _tell(view, field, pairs=pairs, noisy=noisy)
    if field.compute is not None:
        compute = field.compute
        return lambda row: tell(compute(view, row))
    return lambda row: tell(row[name])


def _tell(view: View, field: Field, *, pairs: bool, noisy: bool) -> Callable[[Any], Any]:
    if field.type in ("float", "monetary"):
        return noise if noisy else float
    if field.type == "integer":
        return lambda value: value or 0
    if field.type == "boolean":
        return bool
    if field.type == "date":
        return lambda value: value.isoformat() if value is not None else False
    if field.type == "datetime":
        return lambda value: value.strftime(MOMENT) if value is not None else False
    if field.type in MANY:
        return lambda value: list(value or ())
    if field.type == "many2one" and pairs:
        return _Pairs(view, field.relation)
    return lambda value: value if value is not None else False


def noise(value: Any) -> float:
    """The float beside an amount's own: 115.35 as 115.35000000000001."""
    plain = float(value)
    return math.nextafter(plain, math.inf) if plain else plain


class _Pairs:
    """Tells a relation as its id and its name; each name is made once."""

    def __init__(self, view: View, relation: str) -> None:
        self._view, self._relation = view, relation
        self._known: dict[int, list[Any]] = {}

    def __call__(self, value: int | None) -> Any:
        if value is None:
            return False
        if value not in self._known:
            known = self._view.tables.get(self._relation)
            name = self._view.name_of(self._relation, value) if known is not None else ""
            self._known[value] = [value, name]
        return self._known[value]


def posted(field: Field, value: Any) -> Any:
    """A value as a webhook posts it: relations as ids, moments with microseconds."""
    if field.type in ("float", "monetary"):
        return float(value)
    if field.type in MANY:
        return list(value or ())
    if isinstance(value, datetime | date):
        return str(value)
    return value if value not in (None, "") else bool(value) if field.type == "boolean" else False


def odd_ones(row: Row) -> Mapping[str, Any]:
    """Fields that are told as no reference says; tests put them there."""
    found: Mapping[str, Any] = row.get("_odd", {})
    return found


def names(given: Any) -> Sequence[str] | None:
    """Names of fields as a caller lists them; None: all. Raises OdooError."""
    if given is None or given == []:
        return None
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise value_error(f"Invalid field names: {given!r}")
    return list(dict.fromkeys(given))
