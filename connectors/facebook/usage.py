"""How much of Meta's limits is used, as the headers of its answers tell.

Sources: https://developers.facebook.com/docs/graph-api/overview/rate-limiting,
https://developers.facebook.com/docs/marketing-api/insights/best-practices#rate-limiting
"""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

_SHARES = ("call_count", "total_time", "total_cputime")  # each in percent; any of them at 100 is too much
_OURS = frozenset({"leadgen", "pages", ""})  # not those of ads, whose limits are others
_OF_ADS = frozenset({"ads_insights", "ads_management", ""})
# What the answers of ad accounts tell besides, each as an object of shares.
_ADS_HEADERS = ("x-ad-account-usage", "x-fb-ads-insights-throttle")
_ADS_SHARES = ("acc_id_util_pct", "app_id_util_pct")
_FULL = 100


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


def ads_usage_of(headers: Mapping[str, str]) -> Usage:
    """Read the same of an answer about an ad account, which has limits of its own."""
    told = {name.lower(): value for name, value in headers.items()}
    entries = list(_of_businesses(_read(told.get("x-business-use-case-usage")), _OF_ADS))
    others = [_read(told.get(name)) for name in _ADS_HEADERS]
    shares = [_number(entry.get(share)) for entry in entries for share in _SHARES]
    shares += [_number(one.get(share)) for one in others for share in _ADS_SHARES]
    minutes = max((_number(entry.get("estimated_time_to_regain_access")) for entry in entries), default=0)
    resets_s = max((_number(one.get("reset_time_duration")) for one in others), default=0)
    percent = max(shares, default=0)
    return Usage(percent, max(60.0 * minutes, float(resets_s) if percent >= _FULL else 0.0))


def _of_businesses(told: Mapping[str, Any], types: AbstractSet[str] = _OURS) -> Iterator[Mapping[str, Any]]:
    for listed in told.values():
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, dict) and str(entry.get("type", "")) in types:
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
