"""The OpenAPI 3.1 document, made of what each operation declares; nothing in it is written twice."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.web.api import problem
from hub.web.api.operation import JSON, PREFIX, SERVED, Operation, Served, scopes
from hub.web.api.paging import FIELD, FieldPaging
from hub.web.api.problem import Problem

VERSION = "1.0"
REF = "#/components/schemas/{model}"
_INTRODUCTION = """\
Everything the hub knows, for programs. Send `Authorization: Bearer <token>`; make one with `hub token add NAME --role ROLE`.
It may be limited to scopes (`--scope`): each operation names the one it needs, the token's description lists them all.
Lists come in pages: follow `next` with `after`. A repeated POST with the same `Idempotency-Key` has its effect once.
Errors are problem+json (RFC 9457) with a stable `error_id`. Times have a zone; ids are UUIDs, those of claims numbers.
"""
FILE = "application/octet-stream"
_FILE = {"type": "string", "format": "binary"}
_USUAL = (400, 401, 403, 429, 500, 503)
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_PARAMETER_SCHEMAS = {"uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 0}}


@lru_cache(maxsize=8)
def document(public_url: str) -> Mapping[str, Any]:
    """Return the document for an installation that is reached at this address."""
    spec = APISpec(
        title="Hub",
        version=VERSION,
        openapi_version="3.1.0",
        info={"description": _INTRODUCTION},
        servers=[{"url": f"{public_url}{PREFIX}"}],
        security=[{"token": []}],
    )
    listed = f"Scopes that a token can be limited to: {', '.join(scopes())}. Without any it may what its role may."
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "description": listed})
    for name, schema in _schemas().items():
        spec.components.schema(name, schema)
    for served in SERVED:
        path, parameters = _path(served.operation.rule)
        spec.path(path, operations={served.operation.method.lower(): _operation(served, parameters)})
    spec.path("/openapi.json", operations={"get": _itself()})
    described: dict[str, Any] = spec.to_dict()
    return described


def _schemas() -> dict[str, Any]:
    """Every model that is sent or answered, and what these are made of, under its own name."""
    wanted: dict[Any, None] = {(Problem, "serialization"): None}
    for operation in (served.operation for served in SERVED):
        if operation.answer:
            wanted[operation.answer, "serialization"] = None
        if operation.body:
            wanted[operation.body, "validation"] = None
        if operation.query:
            wanted[operation.query, "validation"] = None
    _, described = models_json_schema(list(wanted), ref_template=REF)
    queries = {s.operation.query.__name__ for s in SERVED if s.operation.query}
    return {name: schema for name, schema in described["$defs"].items() if name not in queries}


def _path(rule: str) -> tuple[str, list[dict[str, Any]]]:
    """Write Flask's `/calls/<uuid:id>` as `/calls/{id}`, with its parameters."""
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _PARAMETER_SCHEMAS.get(kind, {"type": "string"})}
        for kind, name in _PARAMETER.findall(rule)
    ]
    return _PARAMETER.sub(r"{\2}", rule), parameters


def _operation(served: Served, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    operation = served.operation
    described: dict[str, Any] = {
        "operationId": served.name,
        "summary": operation.summary,
        "tags": [operation.rule.split("/")[1]],
        "parameters": [*parameters, *_query(operation.query), *_headers(operation)],
        "responses": {**_success(operation), **_failures(_errors(operation, bool(parameters)))},
        "x-right": operation.right.value,
    }
    if operation.scope:
        # Names of roles or scopes beside a bearer token are there since OpenAPI 3.1, to be read, not to be checked.
        described["security"] = [{"token": [operation.scope]}]
    if operation.deprecated:
        described["deprecated"] = True
        gone = f"Deprecated, and gone after {operation.deprecated.sunset}. {operation.deprecated.instead}"
        described["description"] = " ".join(filter(None, (operation.description, gone)))
    elif operation.description:
        described["description"] = operation.description
    if operation.body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}
    if operation.takes_file:
        described["requestBody"] = {"required": True, "content": {FILE: {"schema": _FILE}}}
    return described


def _query(model: type[BaseModel] | None) -> Iterable[dict[str, Any]]:
    if model is None:
        return
    schema = model.model_json_schema(ref_template=REF)
    for name, field in schema["properties"].items():
        described = {key: value for key, value in field.items() if key not in ("title", "description")}
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": described}
        if "description" in field:
            parameter["description"] = field["description"]
        if name == "field" and issubclass(model, FieldPaging):
            # One parameter for each field of an installation; the document is the same for all of them.
            parameter |= {"name": f"{FIELD}*", "schema": {"type": "string"}}
        yield parameter


def _headers(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.idempotent:
        yield _header("Idempotency-Key", "Any text unique to this request: repeated, it has its effect once")
    if operation.content_type != JSON:
        yield _header("Range", "Part of the file, such as bytes=0-65535")


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _success(operation: Operation) -> dict[str, Any]:
    if operation.content_type != JSON:
        file = {operation.content_type: {"schema": _FILE}}
        return {
            "200": {"description": "The file", "content": file},
            "206": {"description": "The part", "content": file},
        }
    if operation.answer is None:
        return {"204": {"description": "Done"}}
    described = {
        "description": HTTPStatus(operation.status).phrase,
        "content": {JSON: {"schema": _ref(operation.answer)}},
    }
    return {str(operation.status): described}


def _errors(operation: Operation, has_path: bool) -> set[int]:  # noqa: FBT001 - one private caller
    errors = {*_USUAL, *operation.errors}
    if has_path:
        errors.add(404)
    if operation.body:
        errors |= {413, 415, 422}
    if operation.takes_file:
        errors |= {413, 422}
    if operation.idempotent:
        errors |= {409, 422}
    return errors


def _failures(statuses: Iterable[int]) -> dict[str, Any]:
    content = {problem.CONTENT_TYPE: {"schema": _ref(Problem)}}
    return {str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}


def _itself() -> dict[str, Any]:
    answer = {"200": {"description": "This document", "content": {JSON: {"schema": {"type": "object"}}}}}
    return {
        "operationId": "document",
        "summary": "This document",
        "tags": ["openapi"],
        "security": [],
        "responses": answer,
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}
