"""The yardstick that is not ours: Google's discovery documents, asked what a request and an answer may hold."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import httplib2
from googleapiclient.discovery import build_from_document

DOCUMENTS = {
    "gmail": "gmail.v1", "calendar": "calendar.v3", "people": "people.v1", "oauth2": "oauth2.v2", "pubsub": "pubsub.v1",
    "admin": "admin.directory_v1",
}  # fmt: skip
_PLAIN = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}


@cache
def document(api: str) -> dict[str, Any]:
    file = files("googleapiclient") / "discovery_cache/documents" / f"{DOCUMENTS[api]}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


@cache
def methods(api: str) -> dict[str, dict[str, Any]]:
    """Every method of an API by its id."""

    def below(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        yield from resource.get("methods", {}).values()
        for inner in resource.get("resources", {}).values():
            yield from below(inner)

    return {one["id"]: one for one in below(document(api))}


def conforms(doc: Mapping[str, Any], schema: Mapping[str, Any] | str, value: Any, path: str = "$") -> list[str]:
    """Say where a value is not what its schema says."""
    shape = doc["schemas"][schema] if isinstance(schema, str) else schema
    if "$ref" in shape:
        return conforms(doc, shape["$ref"], value, path)
    kind = shape.get("type")
    if kind == "array":
        if not isinstance(value, list):
            return [f"{path}: no array"]
        return [wrong for n, one in enumerate(value) for wrong in conforms(doc, shape["items"], one, f"{path}[{n}]")]
    if kind == "object":
        if not isinstance(value, dict):
            return [f"{path}: no object"]
        known, others = shape.get("properties", {}), shape.get("additionalProperties")
        wrong = [f"{path}.{name}: unknown" for name in value if name not in known and others is None]
        inside = [(known.get(name, others), name, one) for name, one in value.items() if name in known or others]
        return wrong + [bad for inner, name, one in inside for bad in conforms(doc, inner, one, f"{path}.{name}")]
    if kind in _PLAIN and (not isinstance(value, _PLAIN[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{path}: {value!r} is no {kind}"]
    if "enum" in shape and value not in shape["enum"]:
        return [f"{path}: {value!r} is none of {shape['enum']}"]
    return _format(shape.get("format", ""), value, path)


def _format(form: str, value: Any, path: str) -> list[str]:
    if form in ("uint64", "int64") and not str(value).lstrip("-").isdigit():
        return [f"{path}: {value!r} is no {form}"]
    if form == "date-time" and "T" not in value:
        return [f"{path}: {value!r} is no moment"]
    if form == "date" and len(value) != 10:
        return [f"{path}: {value!r} is no date"]
    return []


def wrong_exchange(exchange: Any) -> list[str]:
    """Say what in a call or its answer the discovery document does not know."""
    api = exchange.method.api
    doc, method = document(api), methods(api)[exchange.method.id]
    declared = method.get("parameters", {})
    wrong = [f"parameter {name}" for name in exchange.query if name not in declared]
    if exchange.body:
        wrong += conforms(doc, method["request"]["$ref"], _without_nulls(exchange.body), "request")
    if exchange.status == 200:
        wrong += conforms(doc, method["response"]["$ref"], exchange.answer, "answer")
    elif exchange.status == 204:
        wrong += ["an answer is missing"] if "response" in method else []
    return [f"{method['id']}: {one}" for one in wrong]


def _without_nulls(value: Any) -> Any:
    """A patch without what it removes."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return value


def client(api: str, base_url: str, http: httplib2.Http) -> Any:
    """A real client of an API, built from its document with another root."""
    return build_from_document({**document(api), "rootUrl": f"{base_url}/"}, http=http)
