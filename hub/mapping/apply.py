"""Make a record of the hub from a remote's payload, by a mapping.

Every mapping is compiled once into closures. Empty text and missing are the same: nothing. The result has every
incoming field, with None for nothing.
"""

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from functools import lru_cache
from typing import Any

from hub.connector.dotted import PathParts, parse_path
from hub.errors import MappingError, ShapeError
from hub.mapping import transforms
from hub.mapping.load import FieldRule, Mapping
from hub.mapping.transforms import Context, Step

LONGEST_SHOWN = 60
LONGEST_PROBLEM = 300

# What counts as no value. A list, because values need not be hashable.
_NOTHING: list[Any] = [None, "", []]

Read = Callable[[Any], Any]
# Value, context, and the fields made so far.
Convert = Callable[[Any, Context, MappingOf[str, Any]], Any]


class FieldError(MappingError):
    """One field of one record could not be made; the record is set aside."""

    def __init__(self, mapping: Mapping, field: str, record_id: str, problem: str) -> None:
        super().__init__(f"{mapping.file}: field {field}: record {record_id}: {problem}")
        self.file = mapping.file
        self.field = field
        self.record_id = record_id
        self.problem = problem


def apply(mapping: Mapping, payload: Any, context: Context, *, record_id: str = "") -> dict[str, Any]:
    """Return the hub's fields of one remote record.

    Args:
        mapping: how to read this stream.
        payload: the record as the remote sent it.
        context: the account's region and time zone.
        record_id: for messages; without it the payload's own is looked for.

    Raises:
        FieldError: a MappingError that names mapping file, field and record.
        ShapeError: the payload is no object or list at all.
    """
    if not isinstance(payload, dict | list):
        raise ShapeError(f"{mapping.file}: record {record_id or '?'}: the payload is no object")
    made: dict[str, Any] = {}
    prepared: Any = None
    field = ""
    try:
        for field, is_expression, read, converts in compiled(mapping):
            if not is_expression:
                value = read(payload)
            else:
                if prepared is None:
                    prepared = mapping.engine.prepare(payload)
                value = read(prepared)
            for convert in converts:
                value = convert(value, context, made)
            made[field] = None if value == "" else value
    except Exception as error:
        # A payload is hostile and a connector's transform is not ours: whatever it raises, only this record stops.
        problem = cut(str(error) or type(error).__name__, LONGEST_PROBLEM)
        raise FieldError(mapping, field, record_id or _own_id(mapping, payload), problem) from error
    finally:
        del prepared  # it belongs to this thread, and an error takes this frame along to wherever it is looked at
    return made


def _own_id(mapping: Mapping, payload: Any) -> str:
    rule = mapping.fields.get("remote_id")
    if rule is None or rule.from_ is None:
        return "?"
    found = _walk(payload, parse_path(rule.from_))
    return cut(str(found), LONGEST_SHOWN) if isinstance(found, str | int) and found != "" else "?"


# --- Compiling --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=500)
def compiled(mapping: Mapping) -> tuple[tuple[str, bool, Read, tuple[Convert, ...]], ...]:
    """Return the closures of a mapping: field, whether it reads the prepared record, reader, conversions."""
    return tuple(
        (name, rule.expr is not None, _reader(mapping, rule), tuple(_converts(mapping, rule)))
        for name, rule in ((name, mapping.fields[name]) for name in mapping.incoming)
    )


def _reader(mapping: Mapping, rule: FieldRule) -> Read:
    if rule.expr is not None:
        return mapping.engine.compile(rule.expr)
    if rule.from_ is None:
        return lambda _payload: None
    parts = parse_path(rule.from_)
    if any(index is not None for _, index in parts):
        return lambda payload: _walk(payload, parts)
    keys = tuple(key for key, _ in parts)

    def follow(payload: Any) -> Any:
        try:
            for key in keys:
                payload = payload[key]  # a text or number on the way is a TypeError, as a list is
        except (KeyError, TypeError):
            return None
        return payload

    return follow


def _walk(value: Any, parts: PathParts) -> Any:
    """Follow a path; None where it leads nowhere."""
    for key, index in parts:
        if isinstance(value, dict):
            value = value.get(key)
        elif index is not None and isinstance(value, list):
            value = value[index] if -len(value) <= index < len(value) else None
        else:
            return None
    return value


def _converts(mapping: Mapping, rule: FieldRule) -> list[Convert]:
    """Return the conversions of a field in their order: transforms, list of values, default, type, required."""
    converts = [_transform(mapping.registry.bind(call.name, call.arguments), each=call.each) for call in rule.transform]
    if rule.values is not None:
        converts.append(_of_dependent(rule) if rule.dependent else _of_list(rule, rule.values))
    if rule.default is not None:
        converts.append(_defaulting(rule.default))
    if rule.type is not None:
        converts.append(_typed(_TYPES[rule.type]))
    if rule.required:
        converts.append(_required(rule))
    return converts


def _transform(step: Step, *, each: bool) -> Convert:
    if not each:
        return lambda value, context, _made: step(value, context)

    def convert(value: Any, context: Context, _made: MappingOf[str, Any]) -> Any:
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        return [made for item in items if (made := step(item, context)) not in (None, "")]

    return convert


def _of_list(rule: FieldRule, values: MappingOf[str, Any]) -> Convert:
    def choose(value: Any) -> Any:
        found = values.get(transforms.text(value), values)
        if found is not values:
            return found
        if rule.unmapped == "pass":
            return value
        if rule.unmapped == "default":
            return None  # the default comes next
        raise ValueError(f"the value {_shown(value)} is not in the list of values")

    def convert(value: Any, _context: Context, _made: MappingOf[str, Any]) -> Any:
        if value is None or value == "":
            return None
        return [choose(item) for item in value] if isinstance(value, list) else choose(value)

    return convert


def _of_dependent(rule: FieldRule) -> Convert:
    """Choose the list of values by what another field became."""
    lists = {key: _of_list(rule, values) for key, values in (rule.values or {}).items()}
    nothing_listed = _of_list(rule, {})
    other = rule.depends_on or ""

    def convert(value: Any, context: Context, made: MappingOf[str, Any]) -> Any:
        chosen = made.get(other)
        key = "" if chosen is None else transforms.text(chosen)
        try:
            return lists.get(key, nothing_listed)(value, context, made)
        except ValueError as error:
            raise ValueError(f"{error} for {other} {_shown(chosen)}") from error

    return convert


def _defaulting(default: Any) -> Convert:
    return lambda value, _context, _made: default if value in _NOTHING else value


def _typed(to_type: Step) -> Convert:
    return lambda value, context, _made: None if value is None or value == "" else to_type(value, context)


def _required(rule: FieldRule) -> Convert:
    where = f"at {rule.from_}" if rule.from_ else "there"

    def convert(value: Any, _context: Context, _made: MappingOf[str, Any]) -> Any:
        if value in _NOTHING:
            raise ValueError(f"it is required, and the payload has nothing {where}")
        return value

    return convert


def _list(value: Any, _context: Context) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _object(value: Any, _context: Context) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{_shown(value)} is no object")
    return value


_TYPES: MappingOf[str, Step] = {
    "text": lambda value, _context: transforms.text(value),
    "integer": lambda value, _context: transforms.integer(value),
    "decimal": lambda value, _context: transforms.decimal(value),
    "boolean": lambda value, _context: transforms.boolean(value),
    "date": lambda value, context: transforms.date(value, context=context),
    "datetime": lambda value, context: transforms.iso_datetime(value, context=context),
    "list": _list,
    "object": _object,
}


def _shown(value: Any) -> str:
    return cut(repr(value), LONGEST_SHOWN)


def cut(text: str, length: int) -> str:
    """Shorten a text for a message."""
    return text if len(text) <= length else f"{text[:length]}…"
