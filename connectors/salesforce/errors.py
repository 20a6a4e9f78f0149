"""Salesforce's refusals as what the caller does next.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
"""

import json
from collections.abc import Mapping
from typing import Any

from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConflictError,
    ConnectorError,
    CursorExpired,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

DAY_S, MINUTE_S, MOMENT_S = 900.0, 60.0, 5.0  # of silence, where a refusal does not say how much it wants
_BROKEN = 500
_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
_MISSING = frozenset({"INVALID_FIELD", "INVALID_TYPE", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"})
_DISABLED = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"})
_BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT"})


def error_of(status: int, headers: Mapping[str, str], content: bytes) -> ConnectorError:
    """Say what the caller does next.

    Args:
        headers: names in small letters.
    """
    code, text = _words(status, content)
    wait_s = retry_after_of(headers)
    if status == 401:
        return AuthError(text)
    if code == "REQUEST_LIMIT_EXCEEDED" or status == 429:
        usual = MINUTE_S if status == 429 else DAY_S
        return LimitedError(text, retry_after=usual if wait_s is None else wait_s)
    if code in _DISABLED:
        return DisabledError(f"{text} The edition has no API, or it is switched off.")
    if code == "INVALID_QUERY_LOCATOR":
        return CursorExpired(text)
    if code in _MISSING or (status == 403 and code not in _GONE):
        return ScopeError(f"{text} Give the right in the permission set of the app's user (README).")
    return _of_record(status, code, text, wait_s)


def _of_record(status: int, code: str, text: str, wait_s: float | None) -> ConnectorError:
    if code in _BUSY:
        return RetryLaterError(text, retry_after=wait_s or MOMENT_S)
    if code in _GONE or status in (404, 410):
        return GoneError(text)
    if status in (300, 409, 412):
        return ConflictError(text)
    if status >= _BROKEN or status < 400 or not code:
        return RetryLaterError(text, retry_after=wait_s)
    return RejectedError(text)


def is_there(error: ConnectorError) -> bool:
    """Say whether a refusal may mean that the record is there already: by a unique value, or a field that only a new one takes."""
    return any(code in str(error) for code in ("DUPLICATE_VALUE", "INVALID_FIELD_FOR_INSERT_UPDATE"))


def _words(status: int, content: bytes) -> tuple[str, str]:
    """Return Salesforce's code, and one line of what it says, which may be anything."""
    try:
        told: Any = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    first = told[0] if isinstance(told, list) and told else None
    if not isinstance(first, dict) or not isinstance(first.get("errorCode"), str):
        return "", f"Salesforce, or somebody between, answers {status}."
    said = " ".join(str(first.get("message") or "").split())[:300]
    return first["errorCode"][:60], f"Salesforce answers {status} {first['errorCode'][:60]}: {said}"
