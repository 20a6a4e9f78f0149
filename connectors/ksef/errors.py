"""KSeF's refusals, by what happens next.

Asked with `X-Error-Format: problem-details`, KSeF answers RFC 9457 problems; the older form is understood too.
Source: https://github.com/CIRFMF/ksef-api/blob/main/open-api.json (BadRequestProblemDetails, ForbiddenProblemDetails, …)
"""

from collections.abc import Mapping, Sequence
from typing import Any

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

USUAL_SILENCE_S = 60.0
NO_SUCH_INVOICE, NOT_YET, TOO_NEW, TOO_MANY_EXPORTS, UNKNOWN_KEY = 21164, 21165, 21183, 21182, 21470
_BLOCKED = frozenset(
    {"security-service-blocked", "ip-not-allowed", "context-type-not-allowed", "auth-method-not-allowed"}
)


class NothingNewError(ConnectorError):
    """We are further than KSeF is: it has nothing behind the place where we are."""


class ExpiredError(ConnectorError):
    """What was prepared for us is no more there."""


def error_of(status: int, headers: Mapping[str, str], told: Any) -> ConnectorError:
    """Return what a refusal means."""
    said = _said(told) or f"KSeF answered {status}"
    if status == 401:
        return AuthError(f"KSeF does not accept our access: {said}")
    if status == 403:
        return _forbidden(told, said)
    if status == 410:
        return ExpiredError(said)
    if status == 429:
        return LimitedError(f"KSeF wants silence: {said}", retry_after=retry_after_of(headers) or USUAL_SILENCE_S)
    if status >= 500 or status in {404, 408}:
        return RetryLaterError(f"KSeF cannot now: {said}", retry_after=retry_after_of(headers))
    codes = [code for code, _ in _codes(told)]
    if NO_SUCH_INVOICE in codes:
        return GoneError(said)
    if NOT_YET in codes or UNKNOWN_KEY in codes:
        return RetryLaterError(said)
    if TOO_NEW in codes:
        return NothingNewError(said)
    if TOO_MANY_EXPORTS in codes:
        return LimitedError(said, retry_after=USUAL_SILENCE_S)
    return (
        RejectedError(f"KSeF refused: {said}")
        if 400 <= status < 500
        else RetryLaterError(f"KSeF answers {status}: {said}")
    )


def _forbidden(told: Any, said: str) -> ConnectorError:
    reason = str(told.get("reasonCode", "")) if isinstance(told, dict) else ""
    if reason in _BLOCKED:
        return DisabledError(f"KSeF does not let us in ({reason}): {said}")
    return ScopeError(f"The token may not read invoices; make one with InvoiceRead. {said}")


def _codes(told: Any) -> Sequence[tuple[int, str]]:
    """Return codes and texts of either form."""
    if not isinstance(told, dict):
        return ()
    exception = told.get("exception")
    older = exception.get("exceptionDetailList") if isinstance(exception, dict) else None
    found = told.get("errors") if isinstance(told.get("errors"), list) else older
    pairs = []
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            code = one.get("code", one.get("exceptionCode"))
            details = " ".join(str(text) for text in one.get("details") or () if isinstance(text, str))
            text = f"{one.get('description') or one.get('exceptionDescription') or ''} {details}".strip()
            pairs.append((code if isinstance(code, int) else 0, text))
    return pairs


def _said(told: Any) -> str:
    """Return KSeF's own words, with its numbers."""
    if (pairs := _codes(told)) and isinstance(told, dict):
        return "; ".join(f"{text} ({code})" for code, text in pairs)[:400]
    if isinstance(told, dict):
        status = told.get("status")
        older = status.get("details") if isinstance(status, dict) else None
        detail = told.get("detail") or (" ".join(map(str, older)) if isinstance(older, list) else "")
        return str(detail or "")[:400]
    return ""
