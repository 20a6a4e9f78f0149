"""Which fields of a thing are asked for: `fields=id,questions{key,label}`.

Source: https://developers.facebook.com/docs/graph-api/guides/field-expansion
"""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.facebook.simulated.call import Call
from connectors.facebook.simulated.errors import Json, invalid

Tree = dict[str, "Tree"]
Table = Mapping[str, Callable[[Call, Any], Any]]


def parse(text: str) -> Tree:
    """Read names and what is wanted of each. Raises ApiError."""
    found: Tree = {}
    open_ones: list[Tree] = []
    here, name = found, ""
    for at, letter in enumerate(text):
        if letter == "{" and name.strip():
            open_ones.append(here)
            here, name = here.setdefault(name.strip(), {}), ""
        elif letter == "}" and open_ones:
            _put(here, name)
            here, name = open_ones.pop(), ""
        elif letter == ",":
            _put(here, name)
            name = ""
        elif letter in "{}":
            raise invalid(f"Syntax error at character {at} in fields.")
        else:
            name += letter
    if open_ones:
        raise invalid("Syntax error: Expected end of string instead of end of fields.")
    _put(here, name)
    return found


def _put(found: Tree, name: str) -> None:
    if name.strip():
        found.setdefault(name.strip(), {})


def select(call: Call, table: Table, node: Any, wanted: Tree, kind: str) -> Json:
    """Tell what is wanted of a thing and known; its id always. Raises ApiError: there is no such field."""
    told: Json = {}
    for name, inner in wanted.items():
        if name not in table:
            raise invalid(f"Tried accessing nonexisting field ({name}) on node type ({kind})")
        value = table[name](call, node)
        if value is not None:
            told[name] = _inside(value, inner)
    return told if "id" in told else {**told, "id": table["id"](call, node)}


def _inside(value: Any, wanted: Tree) -> Any:
    if not wanted:
        return value
    if isinstance(value, list):
        return [_inside(one, wanted) for one in value]
    if isinstance(value, dict):
        return {name: _inside(value[name], inner) for name, inner in wanted.items() if name in value}
    return value
