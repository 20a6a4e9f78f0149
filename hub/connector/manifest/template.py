"""Links and paths with values of a record in braces. A value cannot leave its place: it is percent-encoded."""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from hub.connector.dotted import at, parse_path
from hub.errors import RejectedError

_BRACES = re.compile(r"(')?\{([^{}]*)\}(?(1)')")


def names_of(template: str) -> Sequence[str]:
    """Return the paths in braces."""
    return [found[2] for found in _BRACES.finditer(template)]


def filled(template: str, value_of: Callable[[str], Any]) -> str | None:
    """Return a template with its values; None: the record lacks one of them.

    A value between single quotes is a text of OData, whose quotes are doubled.

    Raises:
        RejectedError: a value would lead to another place.
    """
    missing = False

    def encoded(found: re.Match[str]) -> str:
        nonlocal missing
        value = value_of(found[2])
        if value is None or value == "" or isinstance(value, dict | list | bool):
            missing = True
            return ""
        text = str(value)
        if not text.strip("."):
            raise RejectedError(f"{text[:20]!r} cannot stand in an address.")
        return f"'{quote(text.replace(chr(39), chr(39) * 2), safe='')}'" if found[1] else quote(text, safe="")

    made = _BRACES.sub(encoded, template)
    return None if missing else made


def link_of(template: str, record: Any, base: str) -> str:
    """Return the address of a record in its own system; empty where the record lacks a part of it."""
    rest = template.removeprefix("{base_url}")
    begin = base.rstrip("/") if rest != template else ""
    try:
        made = filled(rest, lambda name: at(record, parse_path(name)))
    except RejectedError:
        return ""
    return f"{begin}{made}" if made else ""
