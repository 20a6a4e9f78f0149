"""The editor's form: a mapping as rows of texts, and the rows made a mapping again. Pure, and without loss.

Whatever somebody typed is a text. Where anything may stand, such as in a list of values, a text that begins with `=` is JSON:
`=12`, `=true`, `="=text"`; so numbers, lists and truth values come back as they were.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import Parameter
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from werkzeug.datastructures import MultiDict

from hub.mapping.load import FieldRule
from hub.mapping.transforms import Registry, Transform

MOST_ROWS = 500
MOST_STEPS = 20
MOST_VALUES = 1_000  # of one list
LONGEST = 4_000  # characters of one text, as of an expression
LONGEST_TARGET = 100
TARGET = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
How = Literal["from", "expr", ""]  # a path, an expression, or only a default
Empty = Literal["", "default", "required", "both"]
# What a select may say; anything else is as if nothing were chosen.
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "how": ("from", "expr", ""),
        "empty": ("", "default", "required", "both"),
        "unmapped": ("set_aside", "default", "pass"),
        "type": ("", "text", "integer", "decimal", "boolean", "date", "datetime", "list", "object"),
        "direction": ("in", "out", "both"),
        "conflict": ("newest", "source", "hub", "manual"),
        "write": ("always", "if_empty", "never_blank"),
    }
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One input of a step. `kind`: text, number, check or any (JSON after `=`)."""

    name: str
    kind: str
    value: str
    required: bool
    usual: str  # what it is if nothing is typed


@dataclass(frozen=True, slots=True)
class Step:
    """One transform of a chain."""

    name: str
    each: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list of values. `when`: of the field that the list depends on."""

    when: str
    theirs: str
    ours: str

    @property
    def is_blank(self) -> bool:
        return not (self.theirs or self.ours)


@dataclass(frozen=True, slots=True)
class Row:
    """How one field is made, as texts."""

    target: str
    how: How = "from"
    source: str = ""
    expr: str = ""
    steps: tuple[Step, ...] = ()
    values: tuple[Entry, ...] | None = None  # None: no list at all
    unmapped: str = "set_aside"
    depends_on: str = ""
    empty: Empty = ""
    default: str = ""
    type: str = ""
    direction: str = "in"
    conflict: str = "newest"
    write: str = "always"
    is_suggested: bool = False  # nobody has agreed to it yet
    is_open: bool = False  # what is folded away is in sight

    @property
    def is_plain(self) -> bool:
        """Whether what is folded away says nothing."""
        usual = ("set_aside", "", "", "in", "newest", "always")
        said = (self.unmapped, self.depends_on, self.type, self.direction, self.conflict, self.write)
        return self.values is None and said == usual


# --- texts --------------------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """Return a value as it stands in the form."""
    if value is None:
        return ""
    if isinstance(value, str) and not value.startswith("=") and "\n" not in value and "\r" not in value:
        return value  # of more than one line the browser's input would make another text
    return "=" + json.dumps(value, ensure_ascii=False)


def meant(text: str) -> Any:
    """Return the value that a text of the form means; what cannot be read after `=` is a text."""
    if not text.startswith("="):
        return text
    try:
        return json.loads(text[1:], parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(word: str) -> Any:
    raise ValueError(word)


# --- a mapping as rows --------------------------------------------------------------------------------------------


def rows_of(document: Mapping[str, Any], first: Iterable[str] = ()) -> list[Row]:
    """Return the rows of a document, required ones first, else in its order.

    Args:
        first: fields without which no record of this kind can be.
    """
    fields, needed = document.get("fields"), set(first)
    rows = [_row(str(name), rule) for name, rule in fields.items()] if isinstance(fields, dict) else []
    return sorted(rows, key=lambda row: not (row.target in needed or row.empty in ("required", "both")))


def _row(target: str, rule: Any) -> Row:
    """Return one row; a draft may hold what is no rule yet."""
    given = {"from": rule} if isinstance(rule, str) else dict(rule) if isinstance(rule, dict) else {}
    how: How = "expr" if "expr" in given else "from" if "from" in given or "default" not in given else ""
    has_default, required = given.get("default") is not None, given.get("required") is True
    empty: Empty = "both" if has_default and required else "default" if has_default else "required" if required else ""
    values, depends_on = given.get("values"), _text(given.get("depends_on"))
    return Row(
        target,
        how,
        _text(given.get("from")),
        _text(given.get("expr")),
        _steps(given.get("transform", ())),
        _entries(values, is_dependent=bool(depends_on)) if isinstance(values, dict) else None,
        _choice("unmapped", given.get("unmapped")),
        depends_on,
        empty,
        shown(given.get("default")),
        _choice("type", given.get("type")),
        _choice("direction", given.get("direction")),
        _choice("conflict", given.get("conflict")),
        _choice("write", given.get("write")),
    )


def _steps(given: Any) -> tuple[Step, ...]:
    calls = given if isinstance(given, list | tuple) else [given]
    found = []
    for call in calls:
        one = {"name": call} if isinstance(call, str) else call
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            given = {str(name): value for name, value in one.items() if name not in {"name", "each"}}
            # An empty input says nothing, and an empty text is something: to join without a separator.
            arguments = {name: '=""' if value == "" else shown(value) for name, value in given.items()}
            found.append(Step(one["name"], one.get("each") is True, arguments))
    return tuple(found)


def _entries(values: Mapping[str, Any], *, is_dependent: bool) -> tuple[Entry, ...]:
    if is_dependent and any(isinstance(part, dict) for part in values.values()):
        return tuple(
            Entry(str(when), str(theirs), shown(ours))
            for when, part in values.items()
            for theirs, ours in (part if isinstance(part, dict) else {"": part}).items()
        )
    return tuple(Entry("", str(theirs), shown(ours)) for theirs, ours in values.items())


# --- rows as a mapping --------------------------------------------------------------------------------------------


def document_of(rows: Sequence[Row], like: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return the document that rows make.

    Args:
        like: the document they were rows of, for what it says besides its fields.
    """
    transforms = {one.name: one for one in registry}
    head = {name: value for name, value in like.items() if name != "fields"}
    return {**head, "fields": {row.target: rule_of(row, transforms) for row in rows}}


def rule_of(row: Row, transforms: Mapping[str, Transform]) -> dict[str, Any]:
    """Return the rule that a row makes, without what is as usual; an unfinished row makes an unfinished rule."""
    rule: dict[str, Any] = {}
    if row.how == "from" and row.source:
        rule["from"] = row.source
    if row.how == "expr" and row.expr:
        rule["expr"] = row.expr
    if row.steps:
        rule["transform"] = [_call(step, transforms.get(step.name)) for step in row.steps]
    rule |= _list_of(row)
    if row.empty in ("default", "both"):
        rule["default"] = meant(row.default)
    if row.empty in ("required", "both"):
        rule["required"] = True
    if row.type:
        rule["type"] = row.type
    usual = FieldRule.model_fields
    ways = {"direction": row.direction, "conflict": row.conflict, "write": row.write}
    return rule | {name: said for name, said in ways.items() if said != usual[name].default}


def _list_of(row: Row) -> dict[str, Any]:
    if row.values is None:
        return {}
    rule: dict[str, Any] = {"values": _values(row)}
    if row.unmapped != "set_aside":
        rule["unmapped"] = row.unmapped
    if row.depends_on:
        rule["depends_on"] = row.depends_on
    return rule


def _call(step: Step, transform: Transform | None) -> dict[str, Any]:
    known = {one.name: one for one in arguments(transform, step)} if transform else {}
    call: dict[str, Any] = {"name": step.name}
    for name, text in step.arguments.items():
        one = known.get(name)
        if one is None:
            call[name] = meant(text)
        elif one.kind == "check":
            if one.value != one.usual:
                call[name] = one.value == "yes"
        elif one.value:
            call[name] = _number(one.value) if one.kind == "number" else meant(one.value)
    if step.each:
        call["each"] = True
    return call


def _number(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text.strip()) else text


def _values(row: Row) -> dict[str, Any]:
    entries = [one for one in row.values or () if not one.is_blank]
    if not row.depends_on or not any(one.when for one in entries):
        return {one.theirs: meant(one.ours) for one in entries}
    found: dict[str, Any] = {}
    for one in entries:
        found.setdefault(one.when, {})[one.theirs] = meant(one.ours)
    return found


def arguments(transform: Transform, step: Step | None = None) -> list[Argument]:
    """Return the inputs of a transform, as its signature has them."""
    hints = get_type_hints(transform.function)
    given = step.arguments if step else {}
    found = []
    for name, parameter in transform.arguments.items():
        needed = parameter.default is Parameter.empty
        kind = _kind(hints.get(name, Any))
        usual = "" if needed or parameter.default is None else shown(parameter.default)
        if kind == "check":
            usual = "yes" if parameter.default is True else "no"
        elif kind == "number":
            usual = usual.removeprefix("=")
        value = given.get(name, usual if kind == "check" else "")
        if kind == "check":
            value = {"=true": "yes", "=false": "no"}.get(value, value)
        elif kind == "number":
            value = value.removeprefix("=")
        found.append(Argument(name, kind, value, needed, usual))
    return found


def _kind(hint: Any) -> str:
    parts = [one for one in get_args(hint) if one is not NoneType] if get_origin(hint) in {Union, UnionType} else [hint]
    plain = parts[0] if len(parts) == 1 else Any
    return {bool: "check", int: "number", str: "text"}.get(plain, "any")


# --- what was posted ----------------------------------------------------------------------------------------------


def read(form: MultiDict[str, str], registry: Registry) -> list[Row]:
    """Return the rows that were posted, in their order. Hostile: what is too long or too much is cut."""
    transforms = {one.name: one for one in registry}
    targets = dict.fromkeys(_clean(one, LONGEST_TARGET) for one in form.getlist("row") if one)
    return [_posted(form, target, transforms) for target in list(targets)[:MOST_ROWS]]


def is_cut(form: MultiDict[str, str]) -> bool:
    """Say whether `read` leaves out something that was posted: then the rest must not be kept as the whole."""
    targets = {one for one in form.getlist("row") if one}
    return (
        len(targets) > MOST_ROWS
        or any(":" in name and len(text.replace("\r\n", "\n")) > LONGEST for name, text in form.items(multi=True))
        or any(
            len(one) > LONGEST_TARGET
            or len(form.getlist(f"{one}:step")) > MOST_STEPS
            or any(text for name in ("theirs", "ours") for text in form.getlist(f"{one}:{name}")[MOST_VALUES:])
            for one in targets
        )
    )


def _posted(form: MultiDict[str, str], target: str, transforms: Mapping[str, Transform]) -> Row:
    def typed(name: str) -> str:
        return _clean(form.get(f"{target}:{name}", ""), LONGEST)

    how = _choice("how", typed("how"))
    source, expr = typed("from").strip(), typed("expr").strip()
    if how == "from" and source.startswith("="):  # as in a spreadsheet
        how, source, expr = "expr", "", source[1:].strip()
    steps = [
        _step(form, target, at, name, transforms) for at, name in enumerate(form.getlist(f"{target}:step")[:MOST_STEPS])
    ]
    return Row(
        target,
        how,
        source,
        expr,
        tuple(steps),
        _posted_values(form, target) if f"{target}:listed" in form else None,
        _choice("unmapped", typed("unmapped")),
        typed("depends_on")[:LONGEST_TARGET],
        _choice("empty", typed("empty")),
        typed("default"),
        _choice("type", typed("type")),
        _choice("direction", typed("direction")),
        _choice("conflict", typed("conflict")),
        _choice("write", typed("write")),
        typed("suggested") == f"{how}:{source}{expr}",
        f"{target}:more" in form,
    )


def _step(form: MultiDict[str, str], target: str, at: int, name: str, transforms: Mapping[str, Transform]) -> Step:
    before = f"{target}:{at}"
    given: dict[str, str] = {}
    transform = transforms.get(name)
    for one in arguments(transform) if transform else ():
        key = f"{before}:{one.name}"
        if one.kind == "check":
            given[one.name] = "yes" if key in form else "no"
        elif key in form:
            given[one.name] = _clean(form[key], LONGEST)
    return Step(_clean(name, LONGEST_TARGET), f"{before}:each" in form, given)


def _posted_values(form: MultiDict[str, str], target: str) -> tuple[Entry, ...]:
    theirs, ours = form.getlist(f"{target}:theirs"), form.getlist(f"{target}:ours")
    when = form.getlist(f"{target}:when")
    found = []
    for at, one in enumerate(theirs[:MOST_VALUES]):
        beside = [_clean(line[at], LONGEST) if at < len(line) else "" for line in (when, ours)]
        found.append(Entry(beside[0], _clean(one, LONGEST), beside[1]))
    return tuple(one for one in found if not one.is_blank)


def _clean(text: str, most: int) -> str:
    return text.replace("\0", "").replace("\r\n", "\n")[:most]


def _choice(name: str, said: Any) -> Any:
    options = CHOICES[name]
    return said if said in options else options[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# --- what a button does to the rows -------------------------------------------------------------------------------


def with_row(rows: Sequence[Row], row: Row) -> list[Row]:
    """Add a row; one that is there stays as it is."""
    return [*rows] if any(one.target == row.target for one in rows) else [*rows, row]


def without_row(rows: Sequence[Row], target: str) -> list[Row]:
    """Take a row away."""
    return [one for one in rows if one.target != target]


def with_step(row: Row, name: str) -> Row:
    """Put a transform behind the others."""
    return replace(row, steps=(*row.steps, Step(name))) if len(row.steps) < MOST_STEPS else row


def without_step(row: Row, at: int) -> Row:
    """Take a transform out of the chain."""
    return replace(row, steps=tuple(one for index, one in enumerate(row.steps) if index != at))


def moved_step(row: Row, at: int, by: int) -> Row:
    """Let a transform change places with its neighbour; at the end of the chain nothing happens."""
    steps = list(row.steps)
    if 0 <= at < len(steps) and 0 <= at + by < len(steps):
        steps[at], steps[at + by] = steps[at + by], steps[at]
    return replace(row, steps=tuple(steps))


def with_value(row: Row, theirs: str) -> Row:
    """Put a value of theirs into the list."""
    values = row.values or ()
    if theirs and any(one.theirs == theirs for one in values):
        return row
    return replace(row, values=(*values, Entry("", theirs, "")) if theirs else values)
