"""A webhook's body as data: JSON, a form, or a form with files. Hostile like every input: size, depth and names are bounded."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from hub.connector.hook import Hook
from hub.errors import ShapeError

DEEPEST = 20
LARGEST = 1 << 20  # bytes of a call
LONGEST_NAME = (
    200  # characters of each name on the way to a field: a long one before many fields would stand in each of them
)
MOST_FIELDS = 500
_TOO_MANY = f"an answer has at most {MOST_FIELDS} fields"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

Fields = dict[str, list[str]]  # name -> its values, in the order of the form


def is_form(hook: Hook) -> bool:
    """Say whether a browser's form came, or one that is encoded like it."""
    return hook.content_type in {_FORM, _MULTIPART}


def read_form(hook: Hook) -> Fields:
    """Read the fields of a form.

    Raises:
        ShapeError: it has too many.
    """
    if hook.content_type == _MULTIPART:
        pairs = [(name, value) for name, values in hook.form.items() for value in values]
    else:
        try:
            pairs = parse_qsl(_text(hook.body), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
        except ValueError:
            raise ShapeError(_TOO_MANY) from None
    if len(pairs) > MOST_FIELDS:
        raise ShapeError(_TOO_MANY)
    found: Fields = {}
    for name, value in pairs:
        # PHP's way to write that a field has several values.
        found.setdefault(name[:LONGEST_NAME].removesuffix("[]"), []).append(value)
    return found


def read_json(hook: Hook) -> dict[str, Any]:
    """Read a JSON object; of a name that stands there twice the last one counts, as everywhere in Python.

    Raises:
        ShapeError: it is none, or nested too deep.
    """
    try:
        told = json.loads(_text(hook.body))
    except (ValueError, RecursionError):
        raise ShapeError("the body is neither JSON nor a form; set Content-Type to what it is") from None
    if not isinstance(told, dict):
        raise ShapeError("the body must be one JSON object")
    if is_deeper(told, DEEPEST):
        raise ShapeError(f"the body is nested deeper than {DEEPEST}")
    return told


def flat(told: Mapping[str, Any]) -> Fields:
    """Return the fields of a JSON object; what lies deeper is named by its way, such as `contact.email`.

    Raises:
        ShapeError: it has too many.
    """
    found: Fields = {}
    waiting: list[tuple[str, Any]] = [("", told)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            inner = list(value.items())
        elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
            inner = [(str(number), one) for number, one in enumerate(value)]
        else:
            found.setdefault(name, []).extend(_values(value))
            continue
        if len(inner) + len(waiting) + len(found) > MOST_FIELDS:
            raise ShapeError(_TOO_MANY)
        waiting += [(_below(name, key), one) for key, one in reversed(inner)]
    return found


def text_of(value: Any) -> str:
    """Return one value as text; nothing is empty."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _below(name: str, key: str) -> str:
    return f"{name}.{key[:LONGEST_NAME]}" if name else key[:LONGEST_NAME]


def _values(value: Any) -> Sequence[str]:
    return [text_of(one) for one in value] if isinstance(value, list) else [text_of(value)]


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").removeprefix("\ufeff")


def is_deeper(told: Any, deepest: int) -> bool:
    """Say whether a value is nested deeper than so many levels."""
    waiting = [(told, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > deepest:
            return True
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [(value, depth + 1) for value in inner]
    return False
