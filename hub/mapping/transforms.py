"""Named transforms: pure functions, one value in, one value out, that a mapping file calls by name.

A transform takes the value first. Parameters after `*` are its arguments in the mapping file, checked when the file
is read; one named `context` receives the context instead. A transform never sees a missing value, except `default`.
What it cannot do it says with ValueError or TypeError; the engine adds file, field and record.

Transforms of telephone numbers, addresses and names belong to `hub.identity.transforms`, those that only one remote
needs to its connector; `Registry` puts them together.
"""

import datetime as dt
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

# Unix times outside this range are a mistake of unit (milliseconds read as seconds), not a date.
EARLIEST = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
MOST_DIGITS = 40
WIDEST = 100
LARGEST_INTEGER = 2**63 - 1  # what both databases hold

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "on", "1"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "off", "0"})


@dataclass(frozen=True, slots=True)
class Context:
    """What a transform may know besides its value: where the account lives, and what its people call private.

    Args:
        region: ISO 3166 country, for telephone numbers.
        time_zone: IANA zone, for times without one.
        private_labels: labels and categories that make a record private; letter case does not matter.
    """

    region: str | None = None
    time_zone: str = "UTC"
    private_labels: tuple[str, ...] = ()


Step = Callable[[Any, Context], Any]
Function = Callable[..., Any]


# --- Text -------------------------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """Write a number, a date or a truth value as text; text stays."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.date):  # also its child, datetime
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise TypeError(f"{_kind(value)} is no text")


def trim(value: Any) -> str:
    """Take white space off both ends and make each run of it inside one space."""
    return " ".join(text(value).split())


def lower(value: Any) -> str:
    return text(value).lower()


def upper(value: Any) -> str:
    return text(value).upper()


def digits(value: Any) -> str:
    """Keep the digits 0 to 9, for company and account numbers."""
    return re.sub(r"[^0-9]", "", text(value))


def replace(value: Any, *, old: str, new: str = "") -> str:
    """Replace a text, letter by letter; patterns are for expressions."""
    if not old:
        raise ValueError("`old` is empty")
    return text(value).replace(old, new)


def prefix(value: Any, *, text: str) -> str:
    """Put a text in front."""
    return text + _text(value)


def suffix(value: Any, *, text: str) -> str:
    """Put a text behind."""
    return _text(value) + text


def truncate(value: Any, *, length: int) -> str:
    """Keep the first characters."""
    return text(value)[: max(length, 0)]


_text = text  # for those with an argument of that name


def pad(value: Any, *, width: int, fill: str = "0") -> str:
    """Fill up to a width on the left: 7 becomes 0007."""
    if len(fill) != 1 or not 0 < width <= WIDEST:
        raise ValueError(f"`fill` is one character and `width` 1 to {WIDEST}")
    return text(value).rjust(width, fill)


# --- Numbers ----------------------------------------------------------------------------------------------------


def integer(value: Any) -> int:
    """Read a whole number from 12, 12.0 or "12"."""
    number = decimal(value)
    if number != number.to_integral_value():
        raise ValueError(f"{_shown(value)} is no whole number")
    if abs(number) > LARGEST_INTEGER:
        raise ValueError(f"{_shown(value)} is too large; as an identifier it is text")
    return int(number)


def decimal(value: Any, *, comma: bool = False) -> Decimal:
    """Read an exact number; spaces between digits do not count.

    Args:
        value: a number, or text such as "1 234.50".
        comma: the decimal sign is a comma, points and spaces group ("1.234,50").
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise TypeError(f"{_kind(value)} is no number")
    written = re.sub(r"[\s\u00a0\u202f']", "", str(value))
    if comma and isinstance(value, str):
        written = written.replace(".", "").replace(",", ".")
    if len(written) > MOST_DIGITS or not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", written):
        raise ValueError(f"{_shown(value)} is no number")
    return Decimal(written)


def minor_units(value: Any, *, places: int = 2) -> Decimal:
    """Turn the smallest coins into the currency: 1999 is 19.99."""
    return decimal(value).scaleb(-places)


def boolean(value: Any) -> bool:
    """Read true, "yes", "on", 1 and their opposites; anything else is an error, not false."""
    if isinstance(value, bool):
        return value
    word = text(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError(f"{_shown(value)} is neither true nor false")


# --- Times ------------------------------------------------------------------------------------------------------


def unix_seconds(value: Any) -> dt.datetime:
    """Read seconds since 1970, whole or with a fraction, as a time in UTC."""
    return _instant(value, 1)


def unix_millis(value: Any) -> dt.datetime:
    """Read milliseconds since 1970 as a time in UTC."""
    return _instant(value, 1000)


def iso_datetime(value: Any, *, context: Context) -> dt.datetime:
    """Read an ISO 8601 time as a time in UTC; without a zone it is the account's own time."""
    if isinstance(value, dt.datetime):
        return _utc(value, context)
    return _utc(dt.datetime.fromisoformat(text(value).strip()), context)


def datetime_as(value: Any, *, format: str, context: Context) -> dt.datetime:  # noqa: A002 - the word of the files
    """Read a time in a given form, such as "%d/%m/%Y %H:%M", as a time in UTC."""
    return _utc(dt.datetime.strptime(text(value).strip(), format), context)  # noqa: DTZ007 - `_utc` gives the zone


def date(value: Any, *, context: Context) -> dt.date:
    """Read a date from "2026-11-22" or the day of a time; a time with a zone is the account's day."""
    if isinstance(value, dt.datetime):
        return _utc(value, context).astimezone(_zone(context)).date()
    if isinstance(value, dt.date):
        return value
    written = text(value).strip()
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", written):
        return dt.date.fromisoformat(written)
    return date(dt.datetime.fromisoformat(written), context=context)


def date_as(value: Any, *, format: str) -> dt.date:  # noqa: A002 - the word of the files
    """Read a date in a given form, such as "%d.%m.%Y"."""
    return dt.datetime.strptime(text(value).strip(), format).date()  # noqa: DTZ007 - a day has no zone


# --- Lists and choices ------------------------------------------------------------------------------------------


def first(value: Any) -> Any:
    """Return the first entry that is not empty; a single value is its own first."""
    return next((item for item in _listed(value) if item not in (None, "")), None)


def join(value: Any, *, separator: str = " ") -> str:
    """Join the entries that are not empty to one text."""
    return separator.join(text(item) for item in _listed(value) if item not in (None, ""))


def split(value: Any, *, separator: str = ",", part: int | None = None) -> Any:
    """Split a text into trimmed parts; with `part` return only that one, counted from 0, from -1 at the end."""
    if not separator:
        raise ValueError("`separator` is empty")
    parts = [trim(piece) for piece in text(value).split(separator)]
    if part is None:
        return [piece for piece in parts if piece]
    return parts[part] if -len(parts) <= part < len(parts) else None


def lookup(value: Any, *, values: dict[str, Any], otherwise: Any = None) -> Any:
    """Look a value up in a list, before other transforms; `values` of the field does it after them."""
    return values.get(text(value), otherwise)


def default(value: Any, *, to: Any) -> Any:
    """Put a value where there is none."""
    return to if value in (None, "") else value


STANDARD: Mapping[str, Function] = {
    function.__name__: function
    for function in (
        *(text, trim, lower, upper, digits, replace, prefix, suffix, truncate, pad),
        *(integer, decimal, minor_units, boolean),
        *(unix_seconds, unix_millis, iso_datetime, datetime_as, date, date_as),
        *(first, join, split, lookup, default),
    )
}
# Those that must see a missing value too.
_SEE_MISSING = frozenset({default})


# --- The registry -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transform:
    """One named transform, ready to be given its arguments."""

    name: str
    function: Function
    arguments: Mapping[str, inspect.Parameter]
    wants_context: bool
    sees_missing: bool
    checks: Mapping[str, TypeAdapter[Any]] = field(repr=False, compare=False)

    @property
    def about(self) -> str:
        """The first line of its documentation, for the mapping editor."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def bind(self, arguments: Mapping[str, Any]) -> Step:
        """Return the transform with its arguments fixed.

        Raises:
            ValueError: an argument is unknown, missing or of the wrong type.
        """
        if unknown := sorted(set(arguments) - set(self.arguments)):
            known = ", ".join(self.arguments) or "none"
            raise ValueError(f"transform {self.name} has no argument {unknown[0]!r}; it has: {known}")
        for name, parameter in self.arguments.items():
            if parameter.default is inspect.Parameter.empty and name not in arguments:
                raise ValueError(f"transform {self.name} needs the argument {name!r}")
        return self._step({name: self._checked(name, value) for name, value in arguments.items()})

    def _checked(self, name: str, value: Any) -> Any:
        try:
            return self.checks[name].validate_python(value, strict=True)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise ValueError(f"transform {self.name}, argument {name!r}: {problem}") from error

    def _step(self, fixed: Mapping[str, Any]) -> Step:
        function = self.function
        if self.wants_context:
            step: Step = lambda value, context: function(value, context=context, **fixed)  # noqa: E731 - a closure
        elif fixed:
            step = lambda value, _context: function(value, **fixed)  # noqa: E731 - a closure
        else:
            step = lambda value, _context: function(value)  # noqa: E731 - a closure
        if self.sees_missing:
            return step
        return lambda value, context: None if value is None else step(value, context)


class Registry:
    """All transforms that mapping files may name: the standard ones and those handed in, later ones winning."""

    def __init__(self, *tables: Mapping[str, Function]) -> None:
        self._transforms = {name: _described(name, f) for t in (STANDARD, *tables) for name, f in t.items()}

    def __iter__(self) -> Iterator[Transform]:
        return iter(sorted(self._transforms.values(), key=lambda transform: transform.name))

    def bind(self, name: str, arguments: Mapping[str, Any]) -> Step:
        """Return a transform with its arguments fixed.

        Raises:
            ValueError: there is no such transform, or an argument is wrong.
        """
        if name not in self._transforms:
            raise ValueError(f"there is no transform {name!r}; there are: {', '.join(sorted(self._transforms))}")
        return self._transforms[name].bind(arguments)


def _described(name: str, function: Function) -> Transform:
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function)
    arguments = {n: p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY and n != "context"}
    return Transform(
        name=name,
        function=function,
        arguments=arguments,
        wants_context="context" in parameters,
        sees_missing=function in _SEE_MISSING,
        checks={n: TypeAdapter(hints.get(n, Any)) for n in arguments},
    )


# --- Small change -----------------------------------------------------------------------------------------------


def _instant(value: Any, per_second: int) -> dt.datetime:
    # With Decimal, because a float would move the time by a microsecond here and there.
    micros = int(decimal(value) * (1_000_000 // per_second))
    try:
        found = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    except OverflowError as error:
        raise ValueError(f"{_shown(value)} is no time of this unit") from error
    if not EARLIEST <= found <= LATEST:
        raise ValueError(f"{_shown(value)} is no time of this unit")
    return found


def _utc(value: dt.datetime, context: Context) -> dt.datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=_zone(context))
    try:
        return value.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(f"{value.isoformat()} is out of range") from error


def _zone(context: Context) -> ZoneInfo:
    return ZoneInfo(context.time_zone)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", type(None): "nothing", bool: "a truth value"}.get(
        type(value), type(value).__name__
    )


def _shown(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= MOST_DIGITS else f"{written[:MOST_DIGITS]}…"
