"""Errors as programs read them: problem+json with a stable `error_id`. Source: RFC 9457."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from http import HTTPStatus
from typing import Any

from flask import Response, json
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from hub import log
from hub.errors import ConnectorError, GoneError, HandshakeError, HookError, RetryLaterError, UserError

CONTENT_TYPE = "application/problem+json"
DATABASE_DOWN = (OperationalError, InterfaceError, PoolTimeoutError)
DATABASE_RETRY_S = 5

# What a UserError means in HTTP; any other one means "the body was understood, and cannot be done": 422.
_STATUS_OF = {
    "not_found": 404,
    "forbidden": 403,
    "rate_limited": 429,
    "refused": 409,
    "conflict": 409,
    "answered": 409,
    "merged_on_top": 409,
    "still_moving": 409,
    "ended": 409,
    "not_talking": 409,
    "not_recorded": 409,
    "gone": 404,
    "exchange_down": 503,
}
_ERROR_ID_OF = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    416: "range_not_satisfiable",
    429: "rate_limited",
}
_RETRY_S = {429: 10, 503: 10}

_log = log.get(__name__)


class Problem(BaseModel):
    """What went wrong. `error_id` is a stable word for programs; `detail` is for people and may change."""

    type: str = Field("about:blank", description="Always about:blank: `error_id` tells the kind")
    title: str = Field(description="The name of the status")
    status: int
    detail: str = Field(description="What is wrong and what to do next")
    error_id: str
    field: str = Field("", description="Name of the parameter or field at fault, dotted; empty where there is none")


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem before it is written out."""

    status: int
    detail: str
    error_id: str
    field: str = ""
    headers: Mapping[str, str] = made_by(default_factory=dict)


class FaultError(Exception):
    """Ends a request of a program with this fault."""

    def __init__(self, status: int, detail: str, error_id: str, field: str = "", **headers: str) -> None:
        super().__init__(detail)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.fault = Fault(status, detail, error_id, field, named)


def answer(fault: Fault) -> Response:
    """Write a fault out."""
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(fault.status).phrase,
        status=fault.status,
        detail=fault.detail,
        error_id=fault.error_id,
        field=fault.field,
    )
    response = Response(json.dumps(problem.model_dump()), fault.status, content_type=CONTENT_TYPE)
    response.headers.extend(fault.headers)
    response.headers.setdefault("Cache-Control", "no-store")
    if fault.status in _RETRY_S:
        response.headers.setdefault("Retry-After", str(_RETRY_S[fault.status]))
    return response


def fault_of(error: Exception) -> Fault:
    """Say what an exception means to a program. What nobody foresaw is logged and told without its inside."""
    match error:
        case FaultError():
            return error.fault
        case UserError():
            return Fault(_STATUS_OF.get(error.error_id, 422), str(error), error.error_id, error.field)
        case HandshakeError():
            return Fault(403, str(error), "handshake")
        case HookError():
            return Fault(401, str(error), "not_authentic")
        case HTTPException():
            return _of_http(error)
        case ConnectorError():
            return _of_remote(error)
    if isinstance(error, DATABASE_DOWN):
        _log.error("database not reachable", error=type(error).__name__, reason=_first_line(error))
        text = "The hub cannot reach its database; ask the same again in a moment."
        return Fault(503, text, "database_down", headers={"Retry-After": str(DATABASE_RETRY_S)})
    _log.error("request failed", exc_info=error)
    return Fault(500, "The hub failed; its log says why. The request may be repeated.", "internal")


def _of_remote(error: ConnectorError) -> Fault:
    if isinstance(error, GoneError):
        return Fault(404, str(error), "gone")
    if isinstance(error, RetryLaterError):
        wait = {"Retry-After": str(int(error.retry_after) + 1)} if error.retry_after else {}
        return Fault(503, str(error), "remote_down", headers=wait)
    return Fault(502, str(error), "remote_error")


def _of_http(error: HTTPException) -> Fault:
    status = error.code or 500
    kept = ("Allow", "Content-Range", "Retry-After")
    headers = {name: value for name, value in error.get_headers() if name in kept}
    error_id = _ERROR_ID_OF.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
    return Fault(status, error.description or HTTPStatus(status).phrase, error_id, headers=headers)


def of_validation(error: ValidationError, *, status: int, error_id: str) -> FaultError:
    """Make the first thing that pydantic found a fault that names its field."""
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return FaultError(status, f"{name} is not known here; see /api/v1/openapi.json", error_id, name)
    text = str(first["msg"]).removeprefix("Value error, ")
    return FaultError(status, f"{name}: {text}" if name else text, error_id, name)


def _first_line(error: Exception) -> str:
    """The driver's own word. The statement and its values, which follow, hold personal data."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
