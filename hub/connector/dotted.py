"""Dotted paths: where something stands in JSON, as mappings and manifests write it."""

import re
from functools import lru_cache
from typing import Any

PathParts = tuple[tuple[str, int | None], ...]

_SEGMENT = re.compile(r'"((?:[^"\\]|\\["\\])+)"|([^."\[\]\s](?:[^."\[\]]*[^."\[\]\s])?)')


@lru_cache(maxsize=4096)
def parse_path(path: str) -> PathParts:
    """Split a dotted path into keys; a whole number is also an index of a list.

    `properties.email`, `lines.0.sku`, `lines.-1.sku`; keys with dots, brackets or quotes are quoted:
    `fields."a.b"."x[0]"`.

    Raises:
        ValueError: not a path.
    """
    parts: list[tuple[str, int | None]] = []
    at = 0
    while True:
        found = _SEGMENT.match(path, at)
        if found is None:
            raise ValueError(f'{path!r} is no path: cannot read it from character {at + 1}; quote keys with . [ ] or "')
        quoted, bare = found.groups()
        key = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        index = int(key) if quoted is None and re.fullmatch(r"-?\d{1,9}", key) else None
        parts.append((key, index))
        at = found.end()
        if at == len(path):
            return tuple(parts)
        if path[at] != ".":
            raise ValueError(f"{path!r} is no path: expected a dot at character {at + 1}")
        at += 1


def at(value: Any, parts: PathParts) -> Any:
    """Return what stands at a path in JSON; None where it leads nowhere."""
    for key, index in parts:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and index is not None and -len(value) <= index < len(value):
            value = value[index]
        else:
            return None
    return value
