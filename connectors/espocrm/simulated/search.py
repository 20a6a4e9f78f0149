"""Filters of the REST API: as PHP reads them from an address, and what they let through.

Source: https://docs.espocrm.com/development/api-search-params/
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

_PART = re.compile(r"\[([^\]]*)\]")
_LISTS = {"emailAddress": "emailAddressData", "phoneNumber": "phoneNumberData"}


class WrongError(ValueError):
    """What EspoCRM does not accept."""


def nested(query: Sequence[tuple[str, str]], name: str) -> list[dict[str, Any]]:
    """Return the list that stands under a name: `where[0][type]=equals`."""
    tree: dict[str, Any] = {}
    for key, value in query:
        if not key.startswith(f"{name}["):
            continue
        parts = _PART.findall(key[len(name) :])
        place = tree
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise WrongError("Bad where")
        last = parts[-1] or str(len(place))
        place[last] = value
    found = _lists(tree)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def known(item: dict[str, Any], fields: Collection[str]) -> None:
    """Raise WrongError where a filter names what an entity does not have."""
    if item.get("type") in ("or", "and") and isinstance(item.get("value"), list):
        for one in item["value"]:
            known(one, fields)
    elif item.get("attribute") not in (*fields, "phoneNumberNumeric"):
        raise WrongError(f"Not existing attribute '{item.get('attribute')}' in where.")


def matches(row: dict[str, Any], item: dict[str, Any]) -> bool:
    """Say whether a record passes a filter. Raises WrongError: it is no filter."""
    kind, value = item.get("type"), item.get("value")
    if kind in ("or", "and"):
        if not isinstance(value, list):
            raise WrongError("Bad where item")
        passed = [matches(row, one) for one in value]
        return any(passed) if kind == "or" else all(passed)
    attribute = str(item.get("attribute"))
    there = _values(row, attribute)
    if kind == "isTrue":
        return row.get(attribute) is True
    if kind == "in":
        wanted = value if isinstance(value, list) else [value]
        return any(one.lower() == str(other).lower() for one in there for other in wanted)
    if not isinstance(value, str):
        raise WrongError("Bad where item")
    tests: dict[str, Callable[[str], bool]] = {
        "equals": lambda one: one.lower() == value.lower(),
        "contains": lambda one: value.lower() in one.lower(),
        "endsWith": lambda one: one.lower().endswith(value.lower()),
        "greaterThan": lambda one: one.lower() > value.lower(),
        "greaterThanOrEquals": lambda one: one.lower() >= value.lower(),
    }
    if kind not in tests:
        raise WrongError(f"Unknown where type '{kind}'.")
    return any(tests[str(kind)](one) for one in there)


def _values(row: dict[str, Any], attribute: str) -> list[str]:
    if attribute == "phoneNumberNumeric":
        return ["".join(filter(str.isdecimal, one)) for one in _values(row, "phoneNumber")]
    if attribute in _LISTS:
        return [str(one[attribute]) for one in row.get(_LISTS[attribute]) or () if attribute in one]
    value = row.get(attribute)
    return [] if value is None else [str(value)]


def _lists(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdecimal() for key in tree):
        return [_lists(tree[key]) for key in sorted(tree, key=int)]
    return {key: _lists(value) for key, value in tree.items()}
