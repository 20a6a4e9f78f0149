"""HubSpot's refusals as what the caller does next.

Source: https://developers.hubspot.com/docs/api-reference/error-handling
"""

import json
from collections.abc import Mapping
from typing import Any

import requests

from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConflictError,
    ConnectorError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

MOMENT_S, DAY_S = 10.0, 3_600.0  # of silence, where a refusal does not say how much it wants
_LOCKED, _MIGRATION = 423, 477
_UNKNOWN_PROPERTY, _TAKEN = "PROPERTY_DOESNT_EXIST", "CONFLICTING_UNIQUE_VALUE"


class UnknownPropertyError(RejectedError):
    """The account has no such property (yet)."""


class TakenError(ConflictError):
    """Another record has this unique value."""


def told_of(content: bytes) -> Any:
    """Read a body; None where it is no JSON."""
    try:
        return json.loads(content)
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
        is_day = isinstance(told, dict) and told.get("policyName") == "DAILY"
        said = retry_after_of(headers)
        return LimitedError(text, retry_after=said if said is not None else DAY_S if is_day else MOMENT_S)
    if status >= requests.codes.internal_server_error or status in (_LOCKED, _MIGRATION) or not isinstance(told, dict):
        return RetryLaterError(text, retry_after=retry_after_of(headers))
    if status == requests.codes.unauthorized:
        return AuthError(f"{text}. Make a new access token and enter it here.")
    if status == requests.codes.forbidden:
        return ScopeError(f"{text}. Give the private app the scope (README).")
    if status in (requests.codes.not_found, requests.codes.gone):
        return GoneError(text)
    whole = json.dumps(told)
    if _UNKNOWN_PROPERTY in whole:
        return UnknownPropertyError(text)
    if _TAKEN in whole:
        return TakenError(text)
    return ConflictError(text) if status == requests.codes.conflict else RejectedError(text)


def _words(status: int, told: Any) -> str:
    """One line of what HubSpot says, without the values that it repeats."""
    category = told.get("category") if isinstance(told, dict) else None
    message = told.get("message") if isinstance(told, dict) else None
    words = ": ".join(one for one in (category, message) if isinstance(one, str))[:300]
    return f"HubSpot answers {status}: {words}" if words else f"HubSpot, or somebody between, answers {status}"
