"""Recorded answers of Google: they are what its schemas say, and what the mapping understands."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

RECORDED = sorted((Path(__file__).parents[2] / "fixtures/google").glob("*.json"))
VERSIONS = {"calendar": "calendar.v3", "gmail": "gmail.v1", "people": "people.v1"}
PLAIN: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}


@cache
def schemas(api: str) -> dict[str, Any]:
    file = files("googleapiclient") / "discovery_cache/documents" / f"{VERSIONS[api]}.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))["schemas"]
    return found


def wrong(known: dict[str, Any], shape: dict[str, Any], value: Any, path: str) -> list[str]:
    """Where a value is not what its schema says."""
    shape = known[shape["$ref"]] if "$ref" in shape else shape
    match shape.get("type"), value:
        case "array", list():
            return [
                bad
                for number, one in enumerate(value)
                for bad in wrong(known, shape["items"], one, f"{path}[{number}]")
            ]
        case "object", dict():
            fields, others = shape.get("properties", {}), shape.get("additionalProperties")
            unknown = [f"{path}.{name}: unknown" for name in value if name not in fields and others is None]
            inside = [(fields.get(name, others), name, one) for name, one in value.items() if fields.get(name, others)]
            return unknown + [bad for inner, name, one in inside for bad in wrong(known, inner, one, f"{path}.{name}")]
        case ("string" | "integer" | "boolean" | "number") as kind, _ if isinstance(value, PLAIN[kind]):
            return []
        case kind, _:
            return [f"{path}: {value!r} is no {kind}"]


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_what_was_recorded_is_what_the_discovery_document_says(file: Path) -> None:
    api, schema = file.stem.split(".")

    assert wrong(schemas(api), {"$ref": schema}, json.loads(file.read_text("utf-8")), schema) == []
    assert wrong(schemas(api), {"$ref": schema}, {"kind": 7, "no such field": 1}, schema) != []
