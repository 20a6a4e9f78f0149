"""Single-value extended properties: kept beside an item, shown only where `$expand` asks for them, found by `$filter`.

Sources: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get and
https://learn.microsoft.com/graph/api/resources/extended-properties-overview
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.microsoft.simulated.errors import Json, bad_request

NAME = "singleValueExtendedProperties"
_ID = re.compile(
    r"(?P<type>[A-Za-z]+) (?:\{(?P<set>[0-9A-Fa-f-]{36})\} (?P<by>Name|Id) (?P<name>.+)|(?P<number>0x[0-9A-Fa-f]{1,8}))",
    re.DOTALL,
)
_EXPAND = re.compile(NAME + r"\(\$filter=(?P<filter>.+)\)", re.DOTALL | re.IGNORECASE)
_WANTED = re.compile(r"\s*id\s+eq\s+'((?:[^']|'')+)'\s*", re.IGNORECASE)
_HOLDS = re.compile(
    NAME + r"/any\(\s*(\w+)\s*:\s*\1/id\s+eq\s+'((?:[^']|'')+)'\s+and\s+\1/value\s+eq\s+'((?:[^']|'')*)'\s*\)",
    re.IGNORECASE,
)


def kept(before: Mapping[str, str], given: Any) -> dict[str, str]:
    """The properties of an item, by id, after some were written. Raises ApiError (400)."""
    if not isinstance(given, list):
        raise bad_request(f"The property '{NAME}' is a collection.", "RequestBodyRead")
    found = dict(before)
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str) or not isinstance(one.get("value"), str):
            raise bad_request("An extended property has an id and a value.", "RequestBodyRead")
        found[read(one["id"])] = one["value"]
    return found


def shown(properties: Mapping[str, str], expand: str) -> Json:
    """What `$expand` adds to an item: nothing where none of the wanted properties is set. Raises ApiError (400)."""
    if not expand:
        return {}
    found = _EXPAND.fullmatch(expand.strip())
    terms = [_WANTED.fullmatch(one) for one in re.split(r"\s+or\s+", found["filter"])] if found else [None]
    wanted = {read(_plain(term[1])) for term in terms if term is not None}
    if len(wanted) < len(terms):
        raise bad_request(f"Parsing OData Select and Expand failed: '{expand}'.", "ErrorInvalidUrlQuery")
    listed = [{"id": one, "value": value} for one, value in properties.items() if one in wanted]
    return {NAME: listed} if listed else {}


def asked(condition: str) -> tuple[str, str] | None:
    """Id and value that a `$filter` wants; None: it is another kind of condition."""
    found = _HOLDS.fullmatch(condition.strip())
    return (read(_plain(found[2])), _plain(found[3])) if found else None


def holds(properties: Mapping[str, str], wanted: tuple[str, str]) -> bool:
    """Whether a property has a value; the case of its name matters, and that of the value does not."""
    name, value = wanted
    return name in properties and properties[name].casefold() == value.casefold()


def read(name: str) -> str:
    """An id in one way of writing: its property set in lower case, its number without zeros. Raises ApiError (400)."""
    found = _ID.fullmatch(name)
    if found is None:
        raise bad_request(f"The extended property id '{name}' is invalid.", "ErrorInvalidProperty")
    if found["set"] is None:
        return f"{found['type']} {int(found['number'], 16):#x}"
    return f"{found['type']} {{{found['set'].lower()}}} {found['by']} {found['name']}"


def _plain(text: str) -> str:
    return text.replace("''", "'")
