"""EspoCRM's refusals as what the caller does next.

Sources: https://docs.espocrm.com/development/api/#error-codes,
https://github.com/espocrm/espocrm/tree/master/application/Espo/Core/Exceptions
"""

from collections.abc import Mapping

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

REASON = "x-status-reason"  # where EspoCRM says why; the body is often empty
MINUTE_S = 60.0  # of silence, where a refusal does not say how much it wants
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _GONE, _TOO_MANY, _BROKEN = 401, 403, 404, 409, 410, 429, 500
_TIMEOUT = 408


def error_of(status: int, headers: Mapping[str, str]) -> ConnectorError:
    """Say what the caller does next.

    Args:
        headers: names in small letters.
    """
    why = "".join(one for one in headers.get(REASON, "") if one.isprintable())[:200].strip()
    text = f"EspoCRM answers {status}: {why}" if why else f"EspoCRM, or somebody before it, answers {status}."
    if status == _UNAUTHORIZED:
        return AuthError(f"{text} Make a new key of the API user and enter it.")
    if status == _FORBIDDEN:
        return ScopeError(f"{text} The role of the API user does not allow it.")
    if status in (_NOT_FOUND, _GONE):
        return GoneError(text)
    if status == _CONFLICT:
        return ConflictError(text)
    if status == _TOO_MANY:
        return LimitedError(text, retry_after=retry_after_of(headers) or MINUTE_S)
    if status >= _BROKEN or status == _TIMEOUT or status < 400:
        return RetryLaterError(text, retry_after=retry_after_of(headers))
    return RejectedError(text)
