"""Pipedrive's refusals as what the caller does next.

Source: https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes
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
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

MOMENT_S, DAY_S = 2.0, 3_600.0  # of silence, where a refusal does not say how much it wants


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
    said = told.get("error") if isinstance(told, dict) else None
    text = (
        f"Pipedrive answers {status}: {said[:300]}"
        if isinstance(said, str)
        else f"Pipedrive, or somebody between, answers {status}"
    )
    if status == requests.codes.too_many_requests:
        return LimitedError(text, retry_after=_silence(headers, text))
    if status >= requests.codes.internal_server_error or not isinstance(told, dict):
        return RetryLaterError(text, retry_after=retry_after_of(headers))
    match status:
        case requests.codes.unauthorized:
            return AuthError(f"{text}. Copy the user's API token again.")
        case requests.codes.payment_required:
            return DisabledError(f"{text}. The account's subscription ended.")
        case requests.codes.forbidden:
            return ScopeError(f"{text}. The user lacks the right.")
        case requests.codes.not_found | requests.codes.gone:
            return GoneError(text)
        case requests.codes.conflict:
            return ConflictError(text)
    return RejectedError(text)


def _silence(headers: Mapping[str, str], text: str) -> float:
    said = retry_after_of(headers)
    if said is None:
        said = retry_after_of({"retry-after": headers.get("x-ratelimit-reset", "")})
    return said if said is not None else DAY_S if "daily" in text.lower() else MOMENT_S
