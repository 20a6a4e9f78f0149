"""Values of Pipedrive in the hub's words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any


def entries(value: Any) -> list[dict[str, str]]:
    """Return addresses or numbers, the primary one first."""
    listed = [one for one in value if isinstance(one, dict) and one.get("value")] if isinstance(value, list) else []
    ordered = sorted(listed, key=lambda one: one.get("primary") is not True)
    return [{"value": str(one["value"]), "label": str(one.get("label") or "")} for one in ordered]


def address(value: Any) -> list[dict[str, str]]:
    """Return one address, which may be a text or an object of its parts."""
    text = str(value.get("value") or "") if isinstance(value, dict) else str(value or "")
    return [{"value": text}] if text else []


def moment(value: Any) -> str:
    """Return `date` and `time` of an activity, which are UTC; one without a time is due at the day's end."""
    told = value if isinstance(value, dict) else {}
    if not told.get("date"):
        return ""
    time = str(told.get("time") or "23:59:59")
    return f"{told['date']}T{time if time.count(':') > 1 else f'{time}:00'}+00:00"


def some(value: Any) -> list[str]:
    """Return one id, or none, as a list."""
    return [str(value)] if value else []


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "pipedrive_address": address,
        "pipedrive_entries": entries,
        "pipedrive_moment": moment,
        "pipedrive_some": some,
    }
)
