"""Single-value extended properties: kept beside an item, shown only where `$expand` asks for them, found by `$filter`.

Sources: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get and
https://learn.microsoft.com/graph/api/resources/extended-properties-overview
"""

import re
from collections.abc import Callable, Iterable, Mapping

from connectors.microsoft.simulated.errors import Json, bad_request

NAME = "singleValueExtendedProperties"
_ID = re.compile(
    r"(?P<type>[A-Za-z]+) (?:\{(?P<set>[0-9A-Fa-f-]{36})\} (?P<by>Name|Id) (?P<name>.+)|(?P<number>0x[0-9A-Fa-f]{1,8}))",
    re.DOTALL,
)
_EXPAND = re.compile(NAME + r"\(\$filter=(?P<filter>.+)\)", re.DOTALL | re.IGNORECASE)
_WANTED = re.compile(r"\s*id\s+eq\s+'((?:[^']|'')+)'\s*", re.IGNORECASE)


def kept(before: Mapping[str, str], given: Iterable[Json]) -> dict[str, str]:
    """The properties of an item, by id, after some were written. Raises ApiError (400)."""
    found = dict(before)
    for one in given:
        if one.get("value") is None:
            raise bad_request("An extended property has an id and a value.", "RequestBodyRead")
        found[read(one["id"])] = one["value"]
    return found


def shown(get: Callable[[str], str | None], expand: str) -> Json:
    """What a term of `$expand` adds to an item: nothing where none of the wanted properties is set. Raises ApiError (400)."""
    found = _EXPAND.fullmatch(expand.strip())
    terms = [_WANTED.fullmatch(one) for one in re.split(r"\s+or\s+", found["filter"])] if found else [None]
    if None in terms:
        raise bad_request(f"Parsing OData Select and Expand failed: '{expand}'.", "ErrorInvalidUrlQuery")
    wanted = dict.fromkeys(read(term[1].replace("''", "'")) for term in terms if term is not None)
    listed = [{"id": one, "value": value} for one in wanted if (value := get(one)) is not None]
    return {NAME: listed} if listed else {}


def read(name: str) -> str:
    """An id in one way of writing: its property set in lower case, its number without zeros. Raises ApiError (400)."""
    found = _ID.fullmatch(name)
    if found is None:
        raise bad_request(f"The extended property id '{name}' is invalid.", "ErrorInvalidProperty")
    if found["set"] is None:
        return f"{found['type']} {int(found['number'], 16):#x}"
    return f"{found['type']} {{{found['set'].lower()}}} {found['by']} {found['name']}"
