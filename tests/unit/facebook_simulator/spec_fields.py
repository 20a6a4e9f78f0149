"""The yardstick that is not ours: Meta's published fields, asked what an answer may hold."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "fixtures" / "facebook" / "spec_fields.json"
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$")
_LIST = re.compile(r"^list<(.+)>$")
# What a route answers with; lists stand in `data`.
_LISTS = {
    "GET form/leads": "Lead", "GET ad/leads": "Lead", "GET form/test_leads": "Lead", "GET page/leadgen_forms": "LeadgenForm",
    "GET person/accounts": "Page", "GET person/adaccounts": "AdAccount", "GET account/insights": "AdsInsights",
    "GET account/campaigns": "Campaign", "GET account/ads": "Ad",
}  # fmt: skip
_NODES = {
    "GET lead/": "Lead", "GET form/": "LeadgenForm", "GET page/": "Page", "GET account/": "AdAccount",
    "GET campaign/": "Campaign", "GET adset/": "AdSet", "GET ad/": "Ad",
}  # fmt: skip
_OF_EDGES = {"GET person/accounts": frozenset({"tasks"})}  # fields that an edge adds


@cache
def _known() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = json.loads(_FILE.read_text("utf-8"))
    return found


def problems(node: str, value: Any, path: str = "$") -> list[str]:
    """Say where an object is not what the published fields say."""
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    fields = _known().get(node)
    if fields is None:
        return []  # an object of which only the name is known
    return [
        wrong
        for name, one in value.items()
        for wrong in (
            _typed(fields[name], one, f"{path}.{name}") if name in fields else [f"{path}.{name}: not a field of {node}"]
        )
    ]


def _typed(kind: str, value: Any, path: str) -> list[str]:
    if found := _LIST.match(kind):
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [wrong for number, one in enumerate(value) for wrong in _typed(found[1], one, f"{path}[{number}]")]
    if kind == "map<string, string>":
        texts = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        return [] if texts else [f"{path}: no map of texts"]
    plain = {
        "string": isinstance(value, str),
        "bool": isinstance(value, bool),
        "unsigned int": type(value) is int and value >= 0,
        "datetime": isinstance(value, str) and bool(_MOMENT.match(value)),
        "Object": isinstance(value, dict),
    }
    if kind in plain:
        return [] if plain[kind] else [f"{path}: {value!r} is no {kind}"]
    return problems(kind, value, path)


def wrong_exchange(exchange: Any) -> list[str]:
    """Say what in an answer Meta's fields do not know."""
    return [f"{exchange.route}: {wrong}" for wrong in _wrong(exchange)]


def _wrong(exchange: Any) -> Iterator[str]:
    answer = exchange.answer
    if exchange.status >= 400:
        yield from _error(answer)
    elif exchange.route in _LISTS:
        more = _OF_EDGES.get(exchange.route, frozenset())
        yield from (f"$.{name}: not part of a listing" for name in answer.keys() - {"data", "paging"})
        for number, one in enumerate(answer["data"]):
            told = {name: value for name, value in one.items() if name not in more}
            yield from problems(_LISTS[exchange.route], told, f"$[{number}]")
        yield from _paging(answer.get("paging"))
    elif exchange.route in _NODES:
        several = "ids" in exchange.params
        for one in answer.values() if several else [answer]:
            yield from problems(_NODES[exchange.route], one)


def _paging(told: Any) -> Iterator[str]:
    """Source: https://developers.facebook.com/docs/graph-api/results"""
    if told is None:
        return
    yield from (f"paging.{name}: unknown" for name in told.keys() - {"cursors", "next", "previous"})
    if set(told.get("cursors", {})) != {"before", "after"}:
        yield "paging.cursors: not whole"


def _error(answer: Any) -> Iterator[str]:
    """Source: https://developers.facebook.com/docs/graph-api/guides/error-handling"""
    kinds = {
        "message": str, "type": str, "code": int, "error_subcode": int, "is_transient": bool, "error_user_title": str,
        "error_user_msg": str, "fbtrace_id": str,
    }  # fmt: skip
    told = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(told, dict):
        yield "an error without `error`"
        return
    yield from (f"error.{name}: missing" for name in {"message", "type", "code", "fbtrace_id"} - told.keys())
    for name, value in told.items():
        if name not in kinds or type(value) is not kinds[name]:
            yield f"error.{name}: {value!r}"
