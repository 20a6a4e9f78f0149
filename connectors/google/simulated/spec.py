"""Paths, parameters, scopes and bodies of the APIs, read from Google's own discovery documents.

Source: https://developers.google.com/discovery/v1/reference/apis (copies ship inside google-api-python-client).
"""

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from connectors.google.simulated.errors import ApiError, Json, bad_request, invalid_parameter

DOCUMENTS = ("gmail.v1", "calendar.v3", "people.v1", "oauth2.v2", "pubsub.v1", "admin.directory_v1")
_PLACE = re.compile(r"\{(\+?)(\w+)\}")
_ALWAYS = frozenset({"access_token", "uploadType", "upload_protocol", "upload_id", "key"})
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Method:
    """One method of one API, as its document declares it."""

    id: str
    api: str
    http: str
    pattern: re.Pattern[str]
    parameters: Mapping[str, Json]
    request: str
    scopes: frozenset[str]
    document: Json

    @property
    def writes(self) -> bool:
        """Whether it changes what a reader sees."""
        last = self.id.rpartition(".")[2]
        quiet = {"watch", "stop", "pull", "acknowledge", "query", "batchGet"}
        return self.http != "GET" and last not in quiet

    def read_query(self, pairs: Query) -> Json:
        """Return the query's values in their declared types, defaults filled in.

        Raises:
            ApiError: 400, for what the document does not allow.
        """
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            given.setdefault(name, []).append(value)
        shared = self.document["parameters"].keys() | _ALWAYS
        found: Json = {}
        for name, values in given.items():
            declared = self.parameters.get(name)
            if declared is not None and declared.get("location") == "query":
                typed = [_typed(name, declared, value) for value in values]
                if len(typed) > 1 and not declared.get("repeated"):
                    raise invalid_parameter(name, f"Parameter '{name}' cannot be repeated.")
                found[name] = typed if declared.get("repeated") else typed[0]
            elif name not in shared:
                raise unknown_name(name, "Cannot bind query parameter.")
        for name, declared in self.parameters.items():
            if declared.get("location") == "query" and name not in found:
                if declared.get("required"):
                    raise ApiError(400, "required", f"Missing required parameter: {name}")
                if "default" in declared:
                    found[name] = _typed(name, declared, declared["default"])
        return found

    def check_body(self, body: Json) -> None:
        """Raise ApiError (400) for what the request's schema does not know."""
        wrong = next(problems(self.document, {"$ref": self.request}, body, ""), None) if self.request else None
        if wrong:
            raise bad_request(f"Invalid JSON payload received. {wrong}", "parseError")


def unknown_name(name: str, why: str) -> ApiError:
    return bad_request(f'Invalid JSON payload received. Unknown name "{name}": {why}')


def _typed(name: str, declared: Json, text: str) -> Any:
    if "enum" in declared and text not in declared["enum"]:
        raise invalid_parameter(name, f"Invalid value '{text}'. Values must be one of {declared['enum']}.")
    match declared["type"]:
        case "integer":
            return _integer(name, declared, text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise invalid_parameter(name, f"Invalid boolean value: '{text}'.")
            return text.lower() == "true"
    return text


def _integer(name: str, declared: Json, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise invalid_parameter(name, f"Invalid integer value: '{text}'.") from None
    low, high = int(declared.get("minimum", "-2147483648")), int(declared.get("maximum", "4294967295"))
    if not low <= number <= high:
        raise invalid_parameter(name, f"Invalid value '{number}'. Values must be within the range: [{low}, {high}]")
    return number


def problems(document: Json, schema: Json, value: Any, path: str) -> Iterator[str]:
    """What in a request's body its schema does not allow."""
    if "$ref" in schema:
        schema = document["schemas"][schema["$ref"]]
    kind = schema.get("type")
    if value is None:
        return
    if kind == "object":
        yield from _object_problems(document, schema, value, path)
    elif kind == "array":
        if not isinstance(value, list):
            yield f"'{path}' is not an array."
            return
        for inner in value:
            yield from problems(document, schema["items"], inner, f"{path}[]")
    elif not _is(kind, schema.get("format", ""), value):
        yield f"Invalid value at '{path}' ({kind}), {json.dumps(value)[:80]}"


def _object_problems(document: Json, schema: Json, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"'{path}' is not an object."
        return
    for name, inner in value.items():
        known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if known is None:
            yield f"Unknown name \"{name}\" at '{path}': Cannot find field."
        else:
            yield from problems(document, known, inner, f"{path}.{name}".strip("."))


def _is(kind: str | None, form: str, value: Any) -> bool:
    match kind:
        case "string":
            # Numbers of 64 bits are written as strings, and read either way.
            if "64" in form:
                return str(value).lstrip("-").isdigit()
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float)
    return True


class Spec:
    """The methods of all simulated APIs."""

    def __init__(self) -> None:
        self._methods = _all_methods()

    def find(self, http: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """Return what a request line asks for, with the values in its path; `path` is still percent-encoded."""
        for method in self._methods.get(http, ()):
            if match := method.pattern.fullmatch(path):
                return method, {name: unquote(value) for name, value in match.groupdict().items()}
        return None


@cache
def _all_methods() -> dict[str, list[Method]]:
    """Every method of every API by its verb."""
    found: dict[str, list[Method]] = {}
    for name in DOCUMENTS:
        document = _document(name)
        for method in _methods(document, document):
            found.setdefault(method.http, []).append(method)
    return found


def _methods(document: Json, resource: Json) -> Iterable[Method]:
    for declared in resource.get("methods", {}).values():
        parameters = declared.get("parameters", {})
        yield Method(
            id=declared["id"],
            api=document["name"],
            http=declared["httpMethod"],
            pattern=_pattern("/" + document["servicePath"] + declared["path"], parameters),
            parameters=parameters,
            request=declared.get("request", {}).get("$ref", ""),
            scopes=frozenset(declared.get("scopes", ())),
            document=document,
        )
    for inner in resource.get("resources", {}).values():
        yield from _methods(document, inner)


def _pattern(path: str, parameters: Mapping[str, Json]) -> re.Pattern[str]:
    """The address of a method as a regular expression, its parameters as groups."""
    found, at = "", 0
    for place in _PLACE.finditer(path):
        inner = parameters[place[2]].get("pattern", "").strip("^$") if place[1] else ""
        found += re.escape(path[at : place.start()]) + f"(?P<{place[2]}>{inner or '[^/]+?'})"
        at = place.end()
    return re.compile(found + re.escape(path[at:]))


@cache
def _document(name: str) -> Json:
    package = importlib.util.find_spec("googleapiclient")
    if package is None or package.origin is None:
        raise FileNotFoundError("google-api-python-client is not installed; it brings the discovery documents")
    file = Path(package.origin).parent / "discovery_cache/documents" / f"{name}.json"
    found: Json = json.loads(file.read_text("utf-8"))
    return found
