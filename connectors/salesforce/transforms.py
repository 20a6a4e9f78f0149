"""What the mappings of Salesforce cannot say in a path."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]

_NUMBERS = {"Phone": "work", "MobilePhone": "mobile", "HomePhone": "home"}


def phones(value: Any) -> list[Json]:
    """Return the numbers of a record, with what they are."""
    if not isinstance(value, dict):
        raise TypeError("this is no object")
    return [{"value": value[name], "label": label} for name, label in _NUMBERS.items() if value.get(name)]


def address(value: Any) -> list[Json]:
    """Return where somebody is, as one text. The value has street, city and the others, where they are known."""
    if not isinstance(value, dict):
        raise TypeError("this is no object")
    town = " ".join(str(one) for one in (value.get("zip"), value.get("city")) if one)
    lines = [str(one) for one in (value.get("street"), town, value.get("state"), value.get("country")) if one]
    return [{"value": "\n".join(lines), "label": "work"}] if lines else []


def moment(value: Any) -> str | None:
    """Return a time with its zone as ISO 8601 writes it: Salesforce writes `+0000`."""
    if not value:
        return None
    text = str(value)
    return f"{text[:-2]}:{text[-2:]}" if text[-5:-4] in ("+", "-") else text


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"salesforce_address": address, "salesforce_moment": moment, "salesforce_phones": phones}
)
