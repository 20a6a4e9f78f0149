"""What the mappings of EspoCRM cannot say in a path."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors.espocrm.client import moment_of

Json = dict[str, Any]


def emails(value: Any) -> list[Json]:
    """Return the addresses of a record, the first one first."""
    return _listed(value, "emailAddressData", "emailAddress")


def phones(value: Any) -> list[Json]:
    """Return the numbers of a record, the first one first, with EspoCRM's words for them."""
    return _listed(value, "phoneNumberData", "phoneNumber")


def address(value: Any) -> list[Json]:
    """Return where somebody is, as one text. The value has street, city and the others, where they are known."""
    if not isinstance(value, dict):
        raise TypeError("this is no object")
    town = " ".join(str(one) for one in (value.get("zip"), value.get("city")) if one)
    lines = [str(one) for one in (value.get("street"), town, value.get("state"), value.get("country")) if one]
    return [{"value": "\n".join(lines), "label": "work"}] if lines else []


def moment(value: Any) -> str | None:
    """Return a time with its zone, which is always UTC."""
    found = moment_of(value) if value else None
    return found.isoformat() if found else None


def _listed(value: Any, data: str, alone: str) -> list[Json]:
    if not isinstance(value, dict):
        raise TypeError("this is no object")
    entries = value.get(data)
    listed = [one for one in entries if isinstance(one, dict) and one.get(alone)] if isinstance(entries, list) else []
    listed.sort(key=lambda one: one.get("primary") is not True)
    found = [{"value": one[alone], "label": str(one.get("type") or "").lower()} for one in listed]
    # A list of records may tell the first one only.
    if not found and isinstance(value.get(alone), str) and value[alone]:
        found = [{"value": value[alone], "label": ""}]
    return found


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "espocrm_address": address,
        "espocrm_emails": emails,
        "espocrm_moment": moment,
        "espocrm_phones": phones,
    }
)
