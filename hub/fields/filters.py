"""Lists filtered by values of fields: what an address asks for, and what the database is asked. Pure.

An address names a filter by its field: `f.size=small`, and by ends `f.budget.from=10&f.budget.to=20`. What is kept
under a field's name may be older than the field and of any shape, so nothing is taken for a number that is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Float, Text, and_, case, cast, false, func, literal, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from hub.fields import numbers
from hub.fields.definitions import Field
from hub.fields.models import Of, Type
from hub.fields.numbers import NumberError
from hub.fields.value import FieldValueError
from hub.records.money import exponent

PREFIX = "f."  # in addresses of pages; programs write `field.`
FROM, TO, CURRENCY = ".from", ".to", ".currency"
MOST, LONGEST = 20, 200  # filters at once, characters of one
MOST_CHOSEN = 50
_NUMBER = r"^-?[0-9]{1,30}(\.[0-9]{1,15})?$"
_RANGES = frozenset({Type.NUMBER, Type.MONEY, Type.DATE})
_WORDS = MappingProxyType({"yes": True, "true": True, "no": False, "false": False})
Shown = Mapping[Of, Mapping[str, Field]]
"""The fields that somebody sees, by kind of record."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one field is asked for, as it was written; all of it must hold."""

    values: tuple[str, ...] = ()  # of a list: any of them
    since: str = ""  # both ends are included
    until: str = ""
    currency: str = ""


UNASKED = Wanted()


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of an address.

    Attributes:
        wanted: those that count, by field.
        ignored: names of what there is not, or not for whoever asks; it finds nothing out that the two look alike. Those
            that are too many are among them: nobody is shown more than was asked for without a word.
        problems: what was written of a field and cannot be looked for.
    """

    wanted: Mapping[str, Wanted] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    problems: Mapping[str, FieldValueError] = field(default_factory=dict)
    prefix: str = PREFIX

    @property
    def address(self) -> dict[str, list[str]]:
        """The same as parameters of an address."""
        found: dict[str, list[str]] = {}
        for name, one in self.wanted.items():
            found[f"{self.prefix}{name}"] = list(one.values)
            for end, text in ((FROM, one.since), (TO, one.until), (CURRENCY, one.currency)):
                found[f"{self.prefix}{name}{end}"] = [text] if text else []
        return {name: values for name, values in found.items() if values}


def asked(parameters: Iterable[tuple[str, str]], shown: Shown, *, prefix: str = PREFIX) -> Asked:
    """Read the filters of an address; those of a field that nobody sees here are left, and named."""
    written: dict[str, Wanted] = {}
    left: dict[str, None] = {}
    for key, text in parameters:
        value = text.replace("\0", "").strip()[:LONGEST]
        if key.startswith(prefix) and value:
            name, end = _parted(key.removeprefix(prefix)[:LONGEST])
            if name in written or len(written) < MOST:
                written[name] = _with(written.get(name, Wanted()), end, value)
            else:
                left[name] = None
    wanted: dict[str, Wanted] = {}
    ignored = list(left)
    problems: dict[str, FieldValueError] = {}
    for name, one in written.items():
        fields = [fields[name] for fields in shown.values() if name in fields]
        found = [_problem(field, one) for field in fields]
        if not fields:
            ignored.append(name)
        elif all(problem is not None for problem in found):
            problems[name] = next(problem for problem in found if problem is not None)
        else:
            wanted[name] = one
    return Asked(wanted, tuple(ignored), problems, prefix)


def where(
    column: Any, asked: Asked, shown: Shown, *, is_sqlite: bool, kind: ColumnElement[Any] | None = None
) -> tuple[ColumnElement[bool], ...]:
    """Return what rows must fulfil.

    Args:
        column: that keeps the values.
        kind: column that says which of the kinds of record a row is, where there are several in one table.
    """
    conditions = []
    for name, one in asked.wanted.items():
        ways = []
        for of, fields in shown.items():
            if name in fields and _problem(fields[name], one) is None:
                way = _condition(column, fields[name], one, is_sqlite=is_sqlite)
                ways.append(way if kind is None else and_(kind == str(of), way))
        conditions.append(or_(false(), *ways))
    return tuple(conditions)


def _parted(key: str) -> tuple[str, str]:
    name, dot, end = key.partition(".")
    return name, f".{end}" if dot else ""


def _with(wanted: Wanted, end: str, text: str) -> Wanted:
    match end:
        case "":
            return replace(wanted, values=(*wanted.values, text)[:MOST_CHOSEN])
        case ".from":
            return replace(wanted, since=text)
        case ".to":
            return replace(wanted, until=text)
        case ".currency":
            return replace(wanted, currency=text.upper())
    return replace(wanted, values=(*wanted.values, f"{end}={text}")[:MOST_CHOSEN])  # no such end: it will be refused


# --- one field ------------------------------------------------------------------------------------------------------


def _problem(field: Field, wanted: Wanted) -> FieldValueError | None:
    """Return why a field cannot be looked for like this."""
    if (field.type not in _RANGES and (wanted.since or wanted.until)) or (wanted.currency and field.type != Type.MONEY):
        return FieldValueError(field.name, "it has no range to look for", "no_range")
    if field.type == Type.BOOLEAN and not set(wanted.values) <= _WORDS.keys():
        return FieldValueError(field.name, "this is neither yes nor no", "no_boolean")
    try:
        for text in (wanted.since, wanted.until, *wanted.values) if field.type in _RANGES else ():
            (_day if field.type == Type.DATE else _number)(text)
    except NumberError:
        return FieldValueError(field.name, "this is no number", "no_number")
    except ValueError:
        return FieldValueError(field.name, "this is no day, such as 2026-11-23", "no_date")
    code = wanted.currency[:10]
    if code and not is_currency(code):
        return FieldValueError(field.name, f"{code} is no currency", "bad_currency", currency=code)
    return None


def is_currency(code: str) -> bool:
    """Say whether a code is one of a currency."""
    try:
        exponent(code)
    except ValueError:
        return False
    return True


def _condition(column: Any, field: Field, wanted: Wanted, *, is_sqlite: bool) -> ColumnElement[bool]:
    text = cast(column[field.name].as_string(), Text)
    match field.type:
        case Type.CHOICE:
            return _any(_is(column, field.name, one, is_sqlite=is_sqlite) for one in wanted.values)
        case Type.CHOICES:
            return _any(_has(column, field.name, one, is_sqlite=is_sqlite) for one in wanted.values)
        case Type.BOOLEAN:
            return _any(_is(column, field.name, _WORDS[one], is_sqlite=is_sqlite) for one in wanted.values)
        case Type.DATE:
            day = case((text.like("____-__-__"), text))
            exact = [day == _day(one) for one in wanted.values]
            return and_(*_between(day, _day(wanted.since), _day(wanted.until)), _any(exact) if exact else _true())
        case Type.NUMBER:
            return _in_range(text, wanted, is_sqlite=is_sqlite)
        case Type.MONEY:
            currency = column[(field.name, "currency")].as_string()
            amount = cast(column[(field.name, "amount")].as_string(), Text)
            found = _in_range(amount, wanted, is_sqlite=is_sqlite)
            return and_(found, currency == wanted.currency if wanted.currency else _true())
        case Type.PHONE:
            return and_(*(_contains(text, _digits(one) or one) for one in wanted.values))
    return and_(*(_contains(text, one) for one in wanted.values))


def _true() -> ColumnElement[bool]:
    return literal(1) == literal(1)  # a bare TRUE would vanish, and an AND of nothing is none


def _any(ways: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(false(), *ways)


def _is(column: Any, name: str, value: Any, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Say that a field has exactly a value."""
    if not is_sqlite:
        return type_coerce(column, JSONB).contains({name: value})
    found: ColumnElement[Any] = func.json_extract(column, f"$.{name}")
    if isinstance(value, bool):
        found, value = func.json_type(column, f"$.{name}"), "true" if value else "false"
    same: ColumnElement[bool] = found == value
    return same


def _has(column: Any, name: str, value: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Say that a list has an entry."""
    if not is_sqlite:
        return type_coerce(column, JSONB).contains({name: [value]})
    entries = func.json_each(column, f"$.{name}").table_valued("value")
    return select(literal(1)).select_from(entries).where(entries.c.value == value).exists()


def _in_range(text: ColumnElement[str], wanted: Wanted, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Say that a text is a number in a range. As floating point: what differs behind 15 digits counts as the same."""
    is_number: ColumnElement[bool] = text.regexp_match(_NUMBER)
    if is_sqlite:  # its patterns are Python's, and take as long again as all the rest
        is_number = and_(text.op("GLOB")("*[0-9]"), ~func.ltrim(text, "-").op("GLOB")("*[^0-9.]*"))
    number = case((is_number, cast(text, Float)))
    exact = [number == _number(one) for one in wanted.values]
    ends = _between(number, _number(wanted.since), _number(wanted.until))
    return and_(*ends, _any(exact) if exact else _true())


def _between(value: ColumnElement[Any], since: Any, until: Any) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [value.is_not(None)]
    if since is not None:
        found.append(value >= since)
    if until is not None:
        found.append(value <= until)
    return found


def _contains(text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Say that a text has a part; SQLite knows upper and lower case of ASCII letters only."""
    spelt = {part} if part.isascii() else {part, part.lower(), part.upper(), part.title()}
    return or_(*(text.icontains(one, autoescape=True) for one in sorted(spelt)))


def _digits(text: str) -> str:
    """Return the digits of a number without the zeros that stand before it in its own country, or before the country."""
    digits = "".join(c for c in text if c.isdecimal() and c.isascii())
    return digits.lstrip("0") if not any(c.isalpha() for c in text) else ""


def _day(text: str) -> str | None:
    return date.fromisoformat(text).isoformat() if text else None


def _number(text: str) -> float | None:
    read: Decimal | None = numbers.read(text) if text else None
    return None if read is None else float(read)
