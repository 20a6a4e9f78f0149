"""What a kind of record can be given: the hub's own fields, as the model that reads a mapping's values names them. Pure."""

import types
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

ANY = "any"
# The first that fits counts: a truth value is a number too, and a time a day.
_WORDS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "decimal"),
    (Decimal, "decimal"),
    (str, "text"),
    (datetime, "datetime"),
    (date, "date"),
    (list, "list"),
    (tuple, "list"),
    (set, "list"),
    (frozenset, "list"),
    (dict, "object"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A field of the hub that a mapping may make.

    Attributes:
        type: as mappings write it (`text`, `integer`, ...), or `any`.
        required: without it a record is set aside.
        options: the only words that it may be; empty: anything.
    """

    name: str
    type: str
    required: bool = False
    options: tuple[str, ...] = ()


def targets(model: type[BaseModel]) -> tuple[Target, ...]:
    """Return the fields of a model, in its order; without those that it only lets pass."""
    return tuple(
        Target(name, _word(field.annotation), field.is_required(), _options(field.annotation))
        for name, field in model.model_fields.items()
        if field.annotation is not object
    )


def _word(annotation: Any) -> str:
    words = {_word_of(one) for one in _parts(annotation)}
    return words.pop() if len(words) == 1 else ANY


def _word_of(part: Any) -> str:
    if part is AwareDatetime:
        return "datetime"
    kind = get_origin(part) or part
    if not isinstance(kind, type):
        return ANY
    if issubclass(kind, BaseModel) or is_dataclass(kind):
        return "object"
    return next((word for of, word in _WORDS if issubclass(kind, of)), ANY)


def _options(annotation: Any) -> tuple[str, ...]:
    return tuple(
        str(word) for one in _parts(annotation) if isinstance(one, type) and issubclass(one, StrEnum) for word in one
    )


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield what a value may be, besides nothing."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _parts(one)
    elif annotation is not type(None):
        yield annotation
