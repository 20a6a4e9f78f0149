"""Odoo's refusals as what the caller does next.

JSON-2 answers with a status and a JSON object whose `name` is the Python exception; JSON-RPC with status 200 and the same
object; XML-RPC with a fault of four codes, of which the widest carries a traceback. A fault of the request itself is a
500 too, so nothing is repeated because of its status: only what the database or the network did passes by itself.
Sources: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html,
https://github.com/odoo/odoo/blob/19.0/odoo/exceptions.py, https://github.com/odoo/odoo/blob/19.0/addons/rpc/controllers/xmlrpc.py
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

USUAL_PAUSE_S = 30.0  # where somebody says "too much" and not for how long
_LONGEST = 300  # characters of a message that are shown
# Of the database and the network, by the last part of the exception's name.
_PASSES = frozenset({
    "OperationalError", "InterfaceError", "SerializationFailure", "DeadlockDetected", "LockNotAvailable",
    "TransactionRollbackError", "QueryCanceled", "QueryCanceledError", "InFailedSqlTransaction", "AdminShutdown", "TooManyConnections",
    "PoolError", "ConcurrencyError", "TimeoutError", "ServiceUnavailable", "GatewayTimeout", "BadGateway",
    "ReadOnlySqlTransaction", "DiskFull",
})  # fmt: skip
# Faults of XML-RPC. Source: https://github.com/odoo/odoo/blob/19.0/addons/rpc/controllers/xmlrpc.py
_FAULTS = {2: "UserError", 3: "AccessDenied", 4: "AccessError"}
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')
_NO_MODEL = re.compile(r"the model '([\w.]+)' does not exist|Object ([\w.]+) doesn't exist")
_LAST = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Failure|Detected|Available|Canceled|Denied|Found|Pool)?)(?::|$)"
)


class DeadKeyError(AuthError):
    """The key is refused."""


class NoModelError(ScopeError):
    """The app that has such records is not installed."""


class NoPlaceError(ConnectorError):
    """Nothing answers at the place of this protocol: an older Odoo, or no such database."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Odoo said instead of an answer."""

    name: str  # of the exception, such as odoo.exceptions.AccessError; empty: it was none of Odoo's
    message: str
    status: int = 200

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]


def error_of(refusal: Refusal, model: str, headers: Mapping[str, str]) -> ConnectorError:
    """Say what the caller does next.

    Args:
        model: that was asked for, such as `account.move`.
        headers: of the answer.
    """
    first = refusal.message.strip().partition("\n")[0][:_LONGEST]
    text = f"Odoo: {first or f'status {refusal.status}'} ({refusal.short or refusal.status}, {model})"
    return _by_name(refusal, model, text) or _by_status(refusal.status, text, retry_after_of(headers))


def _by_name(refusal: Refusal, model: str, text: str) -> ConnectorError | None:
    if _NO_MODEL.search(refusal.message):
        return NoModelError(f"Odoo has no {model}: its app is not installed.")
    match refusal.short:
        case "AccessDenied" | "Unauthorized" | "SessionExpiredException":
            return DeadKeyError(f"{text} The key is wrong, was revoked or has ended: make a new one and connect again.")
        case "AccessError" | "Forbidden":
            return ScopeError(f"The user of the key is not allowed to read {model}. {text}")
        case "MissingError":
            return GoneError(text)
        case "OperationalError" if _NO_DATABASE.search(refusal.message):
            return AuthError(f"{text} Correct the name of the database.")
        case short if short in _PASSES:
            return RetryLaterError(text)
        case "":
            return None
        case _:  # a field or a parameter that this version does not have: the same again would fail again
            return RejectedError(text)


def _by_status(status: int, text: str, retry_after: float | None) -> ConnectorError:
    match status:
        case requests.codes.unauthorized:
            return DeadKeyError(f"{text} Connect again with a new key.")
        case requests.codes.forbidden:  # Odoo's own says who may not do what
            return DisabledError(
                f"{text} Somebody before Odoo lets no program in: a proxy, or a plan of odoo.com without the API."
            )
        case requests.codes.not_found:
            return NoPlaceError(text)
        case requests.codes.too_many_requests:
            return LimitedError(text, retry_after=retry_after or USUAL_PAUSE_S)
        case _ if status < requests.codes.bad_request:
            return RetryLaterError(f"Somebody between here and Odoo answers in its place (status {status}).")
        case _ if status >= requests.codes.internal_server_error:  # a proxy in front of it: Odoo's own have a name
            return RetryLaterError(text, retry_after=retry_after)
        case _:
            return RejectedError(text)


def refusal_of(told: Any, status: int) -> Refusal:
    """Read the object that JSON-2 and JSON-RPC describe an exception with."""
    if not isinstance(told, dict):
        return Refusal("", "", status)
    name, message = told.get("name"), told.get("message")
    return Refusal(name if isinstance(name, str) else "", message if isinstance(message, str) else "", status)


def refusal_of_fault(code: Any, text: str) -> Refusal:
    """Read a fault of XML-RPC; its widest code has the exception in the last line of a traceback."""
    if (known := _FAULTS.get(code)) is not None:
        return Refusal(known, text)
    last = next((line for line in reversed(text.splitlines()) if _LAST.match(line)), "")
    name, _, message = last.partition(":")
    return Refusal(name or "Fault", message or text[-_LONGEST:])
