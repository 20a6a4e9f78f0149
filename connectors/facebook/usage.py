"""How much of Meta's limits is used, as the headers of its answers tell.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SHARES = ("call_count", "total_time", "total_cputime")  # each in percent; any of them at 100 is too much
_OURS = frozenset({"leadgen", "pages", ""})  # not those of ads, whose limits are others


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used of the fullest limit, and how long it takes until calls are allowed again."""

    percent: int = 0
    regain_s: float = 0.0


def usage_of(headers: Mapping[str, str]) -> Usage:
    """Read the headers of an answer; their names in any case. What cannot be read tells nothing."""
    told = {name.lower(): value for name, value in headers.items()}
    entries = [*_of_businesses(_read(told.get("x-business-use-case-usage"))), *_of_app(_read(told.get("x-app-usage")))]
    return Usage(
        max((_number(entry.get(share)) for entry in entries for share in _SHARES), default=0),
        60.0 * max((_number(entry.get("estimated_time_to_regain_access")) for entry in entries), default=0),
    )


def _of_businesses(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for listed in told.values():
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, dict) and str(entry.get("type", "")) in _OURS:
                yield entry


def _of_app(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if told:
        yield told


def _read(text: str | None) -> Mapping[str, Any]:
    try:
        told = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e6 else 0
