"""Xero's refusals as what the caller does next.

Sources: https://developer.xero.com/documentation/api/accounting/responsecodes,
https://developer.xero.com/documentation/guides/oauth2/limits
"""

import json
from collections.abc import Mapping
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

MINUTE_S, MOMENT_S, DAY_S = 60.0, 2.0, 3_600.0  # of silence, where a refusal does not say how much it wants
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
CONNECT = "Press Connect and choose the organisation again."


class ThrottledError(LimitedError):
    """We asked too much."""

    def __init__(self, message: str, *, retry_after: float, problem: str) -> None:
        super().__init__(message, retry_after=retry_after)
        self.problem = problem  # minute, day, appminute, concurrent


def told_of(content: bytes) -> Any:
    """Read a body with every amount as the digits that were sent; None where it is no JSON."""
    try:
        return json.loads(content, parse_float=str)
    except (ValueError, RecursionError):
        return None


def error_of(status: int, headers: Mapping[str, str], told: Any) -> ConnectorError:
    """Say what the caller does next.

    Args:
        headers: names in small letters.
        told: the body, decoded; None where it is no JSON.
    """
    text = _words(status, told)
    if status == requests.codes.too_many_requests:
        return _throttled(headers, text)
    if status == _UNAUTHORIZED:
        if "authorizationunsuccessful" in text.lower():
            return ScopeError(f"{text}. A permission was not granted: {CONNECT}")
        return AuthError(f"{text}. {CONNECT}")
    if status == _FORBIDDEN:
        return DisabledError(f"{text}. The app is not connected to this organisation any more. {CONNECT}")
    if status == _NOT_FOUND:
        return GoneError(text)
    if status >= requests.codes.internal_server_error or not isinstance(told, dict):
        return RetryLaterError(text, retry_after=retry_after_of(headers))
    return RejectedError(text)


def _throttled(headers: Mapping[str, str], text: str) -> ThrottledError:
    # Source: https://developer.xero.com/documentation/guides/oauth2/limits#exceeding-the-limits
    problem = headers.get("x-rate-limit-problem", "").strip().lower()
    said = retry_after_of(headers)
    usual = {"day": DAY_S, "concurrent": MOMENT_S}.get(problem, MINUTE_S if problem else MOMENT_S)
    wait_s = usual if said is None else said
    return ThrottledError(f"{text} (limit: {problem or 'not said'})", retry_after=wait_s, problem=problem)


def _words(status: int, told: Any) -> str:
    """One line of what Xero says, which may be anything."""
    said: list[str] = []
    if isinstance(told, dict):
        for name in ("Title", "Type", "Detail", "Message", "error", "error_description"):
            value = told.get(name)
            if isinstance(value, str) and value.strip():
                said.append(value.strip())
    words = ": ".join(dict.fromkeys(said))[:300]
    return f"Xero answers {status}: {words}" if words else f"Xero, or somebody between, answers {status}"
