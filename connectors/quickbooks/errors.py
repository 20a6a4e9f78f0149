"""QuickBooks' refusals as what the caller does next.

Sources: https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes,
.../troubleshooting/handling-common-errors; limits: https://developer.intuit.com/app/developer/qbo/docs/learn/rest-api-features
"""

import re
from collections.abc import Mapping
from typing import Any

import requests

from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConnectorError,
    CursorExpired,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

USUAL_PAUSE_S = 60.0  # where too much was asked and nobody says for how long; limits are by the minute
_UNKNOWN_TOKEN = frozenset({"3200", "3202", "100"})
_NO_RIGHT = frozenset({"3100", "3101", "5020", "120", "11014", "003100"})
_NO_COMPANY = frozenset({"6190", "6200", "6130", "6000190"})  # the subscription ended, or the company is no more
_LIMITED = frozenset({"003001", "3001"})
_GONE = frozenset({"610", "620"})
_TOO_OLD = re.compile(r"changed\s?since|30 days", re.IGNORECASE)


def told_of(answer: Any) -> tuple[str, str] | None:
    """Return code and words of a fault; None where an answer has none. A status of 200 does not mean that it has none."""
    if not isinstance(answer, dict):
        return None
    fault = answer.get("Fault", answer.get("fault"))
    if not isinstance(fault, dict):
        return None
    listed = fault.get("Error", fault.get("error"))
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    words = [first.get("Message", first.get("message")), first.get("Detail", first.get("detail"))]
    said = ": ".join(dict.fromkeys(str(one) for one in words if one))
    return str(first.get("code", "")), said or str(fault.get("type", "a fault without words"))


def error_of(status: int, headers: Mapping[str, str], answer: Any) -> ConnectorError:
    """Say what the caller does next."""
    code, said = told_of(answer) or ("", "")
    text = f"QuickBooks: {said or f'status {status}'}{f' ({code})' if code else ''}"[:500]
    retry_after = retry_after_of(headers)
    if status == requests.codes.too_many_requests or code in _LIMITED:
        return LimitedError(text, retry_after=retry_after or USUAL_PAUSE_S)
    if code in _NO_COMPANY:
        return DisabledError(f"{text} Look at the company's subscription in QuickBooks.")
    if code in _NO_RIGHT:
        return ScopeError(f"{text} Let somebody connect who may see all of the company's accounts.")
    if code in _GONE:
        return GoneError(text)
    if status == requests.codes.unauthorized or code in _UNKNOWN_TOKEN:
        return AuthError(f"{text} Press Connect again.")
    if status == requests.codes.bad_request and _TOO_OLD.search(said):
        return CursorExpired(text)
    return _by_status(status, text, retry_after)


def _by_status(status: int, text: str, retry_after: float | None) -> ConnectorError:
    if status == requests.codes.forbidden:
        return ScopeError(f"{text} Let somebody connect who may see all of the company's accounts.")
    if status == requests.codes.not_found:
        return GoneError(text)
    if status >= requests.codes.internal_server_error or status == requests.codes.request_timeout:
        return RetryLaterError(text, retry_after=retry_after)
    return RejectedError(text)
