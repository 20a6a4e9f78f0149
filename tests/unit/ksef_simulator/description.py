"""The yardstick that is not ours: KSeF's published description, asked what a request and an answer may hold."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator

from connectors.ksef.simulated.gateway import BASE, Exchange

_FILE = Path(__file__).parents[2] / "fixtures" / "ksef" / "openapi_types.json"


@cache
def known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return found


def operation(verb: str, path: str) -> dict[str, Any] | None:
    """What the description says of a request; None: it does not know it."""
    exact = sorted(known()["paths"], key=lambda one: "{" in one)
    for template in exact:
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path):
            found: dict[str, Any] | None = known()["paths"][template].get(verb.lower())
            return found
    return None


def against(schema: Any, value: Any) -> list[str]:
    """Say where a value is not what a schema says."""
    whole = {**schema, "components": known()["components"]}
    return [f"{one.json_path}: {one.message[:150]}" for one in OAS30Validator(whole).iter_errors(value)]


def problems(exchange: Exchange) -> list[str]:
    """Say where a request or its answer is not as described."""
    return list(_problems(exchange))


def _problems(exchange: Exchange) -> Iterator[str]:
    request, answer = exchange.request, exchange.answer
    told = operation(request.http, request.path.removeprefix(BASE))
    if told is None:
        yield f"{request.http} {request.path} is not described"
        return
    for name, text in request.query:
        if name not in told["parameters"]:
            yield f"parameter {name}"
        else:
            value: Any = int(text) if text.lstrip("-").isdecimal() else text
            yield from against(told["parameters"][name], value)
    if "body" in told:
        yield from (f"request: {one}" for one in against(told["body"]["application/json"], json.loads(request.body)))
        yield from (f"request: {one}" for one in _unknown(told["body"]["application/json"], json.loads(request.body)))
    elif request.body:
        yield "request: a body where none belongs"
    if answer.status >= 500:  # not described
        return
    media = answer.content_type.partition(";")[0]
    schema = told["responses"].get(str(answer.status), {}).get(media)
    if schema is None:
        yield f"answer {answer.status} as {media} is not described"
    elif media.endswith("json"):
        yield from (f"answer: {one}" for one in against(schema, json.loads(answer.body)))


def _unknown(schema: Any, value: Any, path: str = "$") -> Iterator[str]:
    """Fields that the description does not know: KSeF ignores them, so they mean nothing, or a mistake of ours."""
    fields = _fields(schema)
    if isinstance(value, dict) and fields:
        for name, one in value.items():
            if name not in fields:
                yield f"{path}.{name}: unknown"
            else:
                yield from _unknown(fields[name], one, f"{path}.{name}")


def _fields(schema: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict(schema.get("properties", {}))
    for one in (schema, *schema.get("allOf", ())):
        if "$ref" in one:
            found |= _fields(known()["components"]["schemas"][one["$ref"].rpartition("/")[2]])
    return found
