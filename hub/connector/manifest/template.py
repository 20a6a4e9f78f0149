"""Links and paths with values of a record in braces. A value cannot leave its place: it is percent-encoded."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from hub.connector.dotted import at, parse_path
from hub.errors import RejectedError

_QUOTE = "'"
_BRACES = re.compile(r"(')?\{([^{}]*)\}(?(1)')")


@lru_cache(maxsize=256)
def _pieces(template: str) -> tuple[tuple[str, str, bool], ...]:
    """Return a template in pieces: a text, the path behind it, and whether its value is a text of OData; the last has no path."""
    found, at_ = [], 0
    for one in _BRACES.finditer(template):
        found.append((template[at_ : one.start()], one[2], one[1] is not None))
        at_ = one.end()
    return (*found, (template[at_:], "", False))


def names_of(template: str) -> Sequence[str]:
    """Return the paths in braces."""
    return [path for _, path, _ in _pieces(template) if path]


def filled(template: str, value_of: Callable[[str], Any]) -> str | None:
    """Return a template with its values; None: the record lacks one of them.

    A value between single quotes is a text of OData, whose quotes are doubled.

    Raises:
        RejectedError: a value would lead to another place.
    """
    made = []
    for text, path, is_text in _pieces(template):
        made.append(text)
        if not path:
            continue
        value = value_of(path)
        if value is None or value == "" or isinstance(value, dict | list | bool):
            return None
        written = str(value)
        if written.isdecimal() and written.isascii():  # as nearly every id is
            made.append(f"'{written}'" if is_text else written)
            continue
        if not written.strip("."):
            raise RejectedError(f"{written[:20]!r} cannot stand in an address.")
        made.append(f"'{quote(written.replace(_QUOTE, _QUOTE * 2), safe='')}'" if is_text else quote(written, safe=""))
    return "".join(made)


def link_of(template: str, record: Any, base: str) -> str:
    """Return the address of a record in its own system; empty where the record lacks a part of it."""
    rest = template.removeprefix("{base_url}")
    begin = base.rstrip("/") if rest != template else ""
    try:
        made = filled(rest, lambda name: at(record, parse_path(name)))
    except RejectedError:
        return ""
    return f"{begin}{made}" if made else ""
