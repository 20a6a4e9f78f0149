"""Where something stands in payloads: every place of a record that has a value, with its type of JSON. Pure.

A place is written as a mapping writes a path, but for entries of lists, which are one place whatever their number:
`lines[].sku`, `tags[]`; `to_path` makes a path of it. Keys that a path cannot hold as they are, are quoted:
`fields."a.b"."x[0]"`. Nothing (null, empty text, an empty list or object) is no value, as in `apply`: sources that write
`[]` for an object without keys, or "" for a number that is missing, would else seem to change its type.

A payload is hostile: what is deeper, longer or more than the limits is not looked at, and it is said that there was more.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 8  # keys and lists on the way to a place
MOST = 3_000  # places of one record, and of one stream
ENTRIES = 50  # of one list: the others hardly ever have other keys
LONGEST = 500  # characters of a place: an index holds it
_BARE = re.compile(r'[^."\[\]\s](?:[^."\[\]]*[^."\[\]\s])?')
_ENTRY = re.compile(r'("(?:[^"\\]|\\["\\])+")|\[\]')
_STEP = re.compile(r'"((?:[^"\\]|\\["\\])+)"|(\[\])|([^."\[\]]+)')
_ESCAPED = re.compile(r'(["\\])')
_TYPES: Mapping[type, str] = {
    bool: "boolean", int: "number", float: "number", str: "text", list: "list", tuple: "list", dict: "object",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """What one record has: types by place. `more`: there were places beyond the limits."""

    types: Mapping[str, str]
    more: bool


def places(payload: Any) -> Places:
    """Return the places of a payload that have a value; a list whose entries differ has the type that came last."""
    found: dict[str, str] = {}
    walk = _Walk(found)
    if isinstance(payload, dict):
        walk.keys(payload, "", 1)
    return Places(found, walk.more)


class _Walk:
    """A walk through one payload."""

    def __init__(self, found: dict[str, str]) -> None:
        self.found = found
        self.more = False

    def keys(self, given: Mapping[Any, Any], where: str, depth: int) -> None:
        for key, value in given.items():
            if value is None or value == "":
                continue
            written = segment(key) if isinstance(key, str) else None
            if written is None:
                self.more = True
                continue
            self.value(value, f"{where}.{written}" if where else written, depth)
            if len(self.found) >= MOST:
                self.more = True
                return

    def value(self, value: Any, where: str, depth: int) -> None:
        kind = _TYPES.get(type(value), "")
        if not kind or value in ("", [], {}):
            return
        if len(where) > LONGEST or (len(self.found) >= MOST and where not in self.found):
            self.more = True
            return
        self.found[where] = kind
        if kind not in {"list", "object"}:
            return
        if depth >= DEEPEST:
            self.more = True
        elif kind == "object":
            self.keys(value, where, depth + 1)
        else:
            self.more |= len(value) > ENTRIES
            for entry in value[:ENTRIES]:
                self.value(entry, f"{where}[]", depth + 1)


def segment(key: str) -> str | None:
    """Return a key as a path writes it, in quotes where it must be; None: no path can hold it."""
    if not key:
        return None
    return key if _BARE.fullmatch(key) else f'"{_ESCAPED.sub(_escape, key)}"'


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[1]}"


def to_path(place: str) -> str:
    """Return the path of a mapping that leads to a place; of entries of a list, to the first."""
    return _ENTRY.sub(lambda found: found[1] or ".0", place)


def parents(place: str) -> Iterator[str]:
    """Yield the places that one stands in, the innermost first."""
    ends = [step.start() for step in _STEP.finditer(place)]
    for end in reversed(ends[1:]):
        yield place[:end].removesuffix(".")


def sample(payload: Any, place: str) -> tuple[tuple[str, ...], Any]:
    """Return what stands in a place of a record, of lists in the first entry that has it; and the keys on the way."""
    steps = [
        None if entry else _ESCAPES.sub(r"\1", quoted) if quoted else bare for quoted, entry, bare in _steps(place)
    ]
    return tuple(one for one in steps if one is not None), _first(payload, steps)


_ESCAPES = re.compile(r"\\(.)")


def _steps(place: str) -> list[tuple[str, str, str]]:
    return [(step[1] or "", step[2] or "", step[3] or "") for step in _STEP.finditer(place)]


def _first(value: Any, steps: list[str | None]) -> Any:
    if not steps:
        return None if value in ("", [], {}) else value
    step, *rest = steps
    if step is not None:
        return _first(value.get(step), rest) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    return next((found for entry in value[:ENTRIES] if (found := _first(entry, rest)) is not None), None)
