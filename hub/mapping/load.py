"""Read mapping files and tell their authors what is wrong with them: file, field and, in TOML, line and column.

A mapping says how the records of one remote stream become records of the hub. The form is described in
`mappings/README.md`. A shipped TOML file and a version an administrator saved are the same document; its `sha256`
names what a record was mapped under.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Container, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic import Field as Setting

from hub.connector.dotted import parse_path
from hub.connector.located import locate
from hub.errors import ConfigError
from hub.mapping.expression import Engine, ExpressionError, RustEngine
from hub.mapping.transforms import Registry

LARGEST_FILE = 1_000_000
USUAL_ENGINE: Engine = RustEngine()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a mapping. `line` and `column` count from 1; 0: unknown."""

    file: str
    field: str
    text: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}" + (f":{self.column}" if self.column else "")
        return f"{where}: field {self.field}: {self.text}" if self.field else f"{where}: {self.text}"


class BadMappingError(ConfigError):
    """A mapping that cannot be used; every problem found is named."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


# --- The document -----------------------------------------------------------------------------------------------


class Call(BaseModel):
    """One transform with its arguments; `each` applies it to every entry of a list."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    each: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


def _call(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


def _calls(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


Calls = Annotated[tuple[Annotated[Call, BeforeValidator(_call)], ...], BeforeValidator(_calls)]


class FieldRule(BaseModel):
    """How one field of the hub's record is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: str | None = Setting(default=None, alias="from", min_length=1)
    expr: str | None = Setting(default=None, min_length=1)
    transform: Calls = ()
    values: dict[str, Any] | None = None
    unmapped: Literal["set_aside", "default", "pass"] = "set_aside"
    default: Any = None
    required: bool = False
    type: Literal["text", "integer", "decimal", "boolean", "date", "datetime", "list", "object"] | None = None
    direction: Literal["in", "out", "both"] = "in"
    conflict: Literal["newest", "source", "hub", "manual"] = "newest"
    write: Literal["always", "if_empty", "never_blank"] = "always"
    depends_on: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "FieldRule":
        if self.from_ is not None and self.expr is not None:
            raise ValueError("give `from` or `expr`, not both")
        if self.from_ is None and self.expr is None and self.default is None:
            raise ValueError("say where it comes from: `from`, `expr` or at least `default`")
        if self.from_ is not None:
            parse_path(self.from_)
        is_read = self.from_ is not None or (self.expr is not None and self.direction == "both")
        if self.direction != "in" and not is_read:
            raise ValueError(f"direction {self.direction!r} writes back, so it needs `from`, the path to write to")
        if self.unmapped != "set_aside" and self.values is None:
            raise ValueError("`unmapped` speaks of `values`, and there are none")
        return self

    @property
    def dependent(self) -> bool:
        """Whether the list of values has one part for each value of another field."""
        return self.depends_on is not None and any(isinstance(part, dict) for part in (self.values or {}).values())


def as_rule(given: Any) -> Any:
    """Return a field's rule in full; a text alone is a path."""
    return {"from": given} if isinstance(given, str) else given


FieldName = Annotated[str, Setting(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=100)]
Word = Annotated[str, Setting(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", max_length=100)]


class Document(BaseModel):
    """A whole mapping, as written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stream: Word
    record: Word
    version: int = Setting(default=1, ge=1)
    fields: dict[FieldName, Annotated[FieldRule, BeforeValidator(as_rule)]] = Setting(min_length=1)


# --- The mapping ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mapping:
    """A mapping that was checked: every transform exists, every expression compiles.

    Two are equal when their content is, so that what is compiled from one serves the other.
    """

    file: str
    sha256: str
    document: Document = field(compare=False)
    registry: Registry = field(repr=False)
    engine: Engine = field(repr=False)

    @property
    def stream(self) -> str:
        return self.document.stream

    @property
    def record(self) -> str:
        return self.document.record

    @property
    def version(self) -> int:
        return self.document.version

    @cached_property
    def fields(self) -> MappingOf[str, FieldRule]:
        return MappingProxyType(self.document.fields)

    @cached_property
    def incoming(self) -> tuple[str, ...]:
        """Fields read from the remote, those that others depend on first."""
        return tuple(name for name in _in_order(self.document) if self.fields[name].direction != "out")

    def as_json(self) -> dict[str, Any]:
        """Return the document as plain JSON, to be stored; `read_document` takes it back."""
        return content(self.document)


def content(document: Document) -> dict[str, Any]:
    """Return what a document says, without the choices of spelling it; equal content, equal `sha256`."""
    return document.model_dump(mode="json", by_alias=True, exclude_defaults=True)


# --- Reading ----------------------------------------------------------------------------------------------------


def read_folder(
    root: Path,
    *,
    registries: MappingOf[str, Registry] | None = None,
    engine: Engine | None = None,
    only: Container[str] | None = None,
) -> dict[tuple[str, str], Mapping]:
    """Read `<root>/<connector>/<stream>.toml`, all of them, keyed by connector and stream.

    Args:
        root: the folder `mappings`.
        registries: transforms by connector; under the empty name those for all others.
        engine: for expressions; the fast one if not given.
        only: connectors whose files are read; None: all of them.

    Raises:
        BadMappingError: with the problems of every file.
    """
    registries = registries or {}
    usual = registries.get("") or Registry()
    engine = engine or USUAL_ENGINE
    found: dict[tuple[str, str], Mapping] = {}
    problems: list[Problem] = []
    for path in sorted(root.glob("*/*.toml")):
        connector = path.parent.name
        if only is not None and connector not in only:
            continue  # it is not installed here, and neither are its transforms
        try:
            mapping = read_file(path, registry=registries.get(connector, usual), engine=engine)
            if mapping.stream != path.stem:
                raise BadMappingError(
                    [Problem(str(path), "", f"stream is {mapping.stream!r}, the file says otherwise")]
                )
            found[connector, mapping.stream] = mapping
        except BadMappingError as error:
            problems += error.problems
    if problems:
        raise BadMappingError(problems)
    return found


def read_file(path: Path, *, registry: Registry, engine: Engine | None = None) -> Mapping:
    """Read one TOML file. The mapping's `file` is `<connector>/<stream>.toml`."""
    name = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadMappingError([Problem(name, "", f"larger than {LARGEST_FILE} bytes")])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadMappingError([Problem(name, "", str(error))]) from error
    return read_toml(text, name=name, registry=registry, engine=engine)


def read_toml(text: str, *, name: str, registry: Registry, engine: Engine | None = None) -> Mapping:
    """Read a mapping from TOML text; problems carry line and column."""
    given = parse_toml(text, name=name)
    return read_given(given, name=name, registry=registry, engine=engine, locate=places_in(text))


def parse_toml(text: str, *, name: str) -> dict[str, Any]:
    """Return what TOML text says.

    Raises:
        BadMappingError: it is no TOML; with line and column.
    """
    if (
        len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE
    ):  # whoever reads files stops there, and cuts the rest off
        raise BadMappingError([Problem(name, "", f"larger than {LARGEST_FILE} bytes")])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(at[1]), int(at[2])) if at else (0, 0)
        raise BadMappingError([Problem(name, "", str(error).partition(" (at ")[0], line, column)]) from error
    except RecursionError as error:
        raise BadMappingError([Problem(name, "", "nested too deep")]) from error


def read_document(given: Any, *, name: str, registry: Registry, engine: Engine | None = None) -> Mapping:
    """Read a mapping from plain data, such as a version stored in the database."""
    return read_given(given, name=name, registry=registry, engine=engine)


Locate = Callable[[tuple[str, ...]], tuple[int, int]]  # keys from the outside in; line and column, (0, 0): unknown


def nowhere(_location: tuple[str, ...]) -> tuple[int, int]:
    """Say that nobody knows where a setting stands: the document is no text."""
    return 0, 0


def places_in(text: str) -> Locate:
    """Return what says where settings stand in TOML text."""
    return lambda location: locate(text, location)


def problems_of(error: ValidationError, name: str, locate: Locate = nowhere) -> list[Problem]:
    """Return what is wrong with the form of a document."""
    return [_problem(name, one["loc"], _said(one), locate) for one in error.errors()]


def read_given(
    given: Any, *, name: str, registry: Registry, engine: Engine | None = None, locate: Locate = nowhere
) -> Mapping:
    """Read a mapping from plain data; `locate` says where its settings stand in the text that it came from."""
    engine = engine or USUAL_ENGINE
    try:
        document = Document.model_validate(given)
    except ValidationError as error:
        raise BadMappingError(problems_of(error, name, locate)) from error
    problems = [
        _problem(name, ("fields", field_name, key), text, locate)
        for field_name, rule in document.fields.items()
        for key, text in _check(field_name, rule, document, registry, engine)
    ]
    if not problems:
        try:
            _in_order(document)
        except CycleError as error:
            problems = [_problem(name, ("fields", error.args[1][0], "depends_on"), "depends on itself", locate)]
    if problems:
        raise BadMappingError(problems)
    return Mapping(name, sha256_of(content(document)), document, registry, engine)


def sha256_of(plain: Any) -> str:
    """Return the hash of a document as plain JSON; the order of its keys does not count."""
    written = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def _said(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"there is no such setting: {error['loc'][-1]}" if error["type"] == "extra_forbidden" else message


def _problem(name: str, location: tuple[int | str, ...], text: str, locate: Locate) -> Problem:
    path = tuple(str(part) for part in location)
    in_field = len(path) > 1 and path[0] == "fields"
    if in_field and len(path) > 2:
        text = f"{path[2]}: {text}"
    elif path and not in_field:
        text = f"{'.'.join(path)}: {text}"
    return Problem(name, path[1] if in_field else "", text, *locate(path))


def _check(
    name: str, rule: FieldRule, document: Document, registry: Registry, engine: Engine
) -> Iterator[tuple[str, str]]:
    """Yield the setting at fault and what is wrong with it."""
    for call in rule.transform:
        try:
            registry.bind(call.name, call.arguments)
        except ValueError as error:
            yield "transform", str(error)
    if rule.expr is not None:
        try:
            engine.compile(rule.expr)
        except ExpressionError as error:
            yield "expr", str(error)
    if rule.depends_on == name:
        yield "depends_on", "depends on itself"
    if rule.dependent:
        if rule.depends_on not in document.fields:
            yield "depends_on", f"there is no field {rule.depends_on!r}"
        if any(not isinstance(part, dict) for part in (rule.values or {}).values()):
            yield "values", f"every entry must be a list of its own for one value of {rule.depends_on!r}"


def _in_order(document: Document) -> tuple[str, ...]:
    """Return the fields with those that others depend on first, else as written.

    Raises:
        CycleError: fields depend on each other in a circle.
    """
    before = {
        name: [rule.depends_on] if rule.dependent and rule.depends_on else [] for name, rule in document.fields.items()
    }
    return tuple(TopologicalSorter(before).static_order())
