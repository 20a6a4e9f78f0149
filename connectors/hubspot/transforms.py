"""Values of HubSpot in the hub's words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any


def emails(value: Any) -> list[dict[str, str]]:
    """Return the addresses of a contact, the first one first, from `first` and `others` with semicolons between."""
    told = value if isinstance(value, dict) else {}
    listed = [told.get("first"), *str(told.get("others") or "").split(";")]
    found = dict.fromkeys(str(one).strip() for one in listed if one and str(one).strip())
    return [{"value": one} for one in found]


def phones(value: Any) -> list[dict[str, str]]:
    """Return the numbers, labelled by the names they came under."""
    told = value if isinstance(value, dict) else {}
    return [{"value": str(number), "label": label} for label, number in told.items() if number]


def address(value: Any) -> list[dict[str, str]]:
    """Return one address of its parts."""
    told = value if isinstance(value, dict) else {}
    town = " ".join(str(told[one]) for one in ("zip", "city") if told.get(one))
    parts = [told.get("street"), told.get("street2"), town, told.get("state"), told.get("country")]
    text = ", ".join(str(one).strip() for one in parts if one and str(one).strip())
    return [{"value": text}] if text else []


def listed(value: Any) -> list[str]:
    """Return what stands between semicolons."""
    return [one for one in str(value or "").split(";") if one]


def site(value: Any) -> list[dict[str, str]]:
    """Return a page on the web as a list; a bare domain is where its pages begin."""
    text = str(value or "").strip()
    return [{"value": text if text.startswith(("https://", "http://")) else f"https://{text}"}] if text else []


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "hubspot_address": address,
        "hubspot_emails": emails,
        "hubspot_listed": listed,
        "hubspot_phones": phones,
        "hubspot_site": site,
    }
)
