"""Graph's refusals as what the caller does next.

The more exact codes of Exchange are those of EWS and come at any depth of `innerError`.
Sources: https://learn.microsoft.com/graph/errors, https://learn.microsoft.com/graph/resolve-auth-errors,
https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset,
https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import requests

from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConflictError,
    ConnectorError,
    CursorExpired,
    DisabledError,
    GoneError,
    LimitedError,
    ReadOnlyError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

USUAL_PAUSE_S = 10.0  # where Graph says "too much" and not for how long
_DEEPEST = 8  # errors within errors
# In small letters: Graph writes the same code in several ways.
_CURSOR = frozenset({
    "syncstatenotfound", "syncstateinvalid", "errorinvalidsyncstatedata",
    "resyncrequired", "resyncchangesapplydifferences", "resyncchangesuploaddifferences",
})  # fmt: skip
_LIMITS = frozenset({"toomanyrequests", "applicationthrottled", "activitylimitreached", "mailboxconcurrency"})
_DAILY = frozenset({"errorexceededmessagelimit", "errorsendquotaexceeded"})
_NO_MAILBOX = frozenset({"mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi", "errornonexistentmailbox"})
_NOBODY = frozenset({"errorinvaliduser", "request_resourcenotfound"})
_FULL = frozenset({"errorquotaexceeded", "quotalimitreached"})
_CHANGED = frozenset({"errorirresolvableconflict", "errorstaleobject", "resourcemodified"})
_PASSES = frozenset({
    "errorserverbusy", "errormailboxstoreunavailable", "errormailboxmoveinprogress", "errortimeoutexpired",
    "errorinternalservertransienterror", "servicenotavailable",
})  # fmt: skip
_NOT_OURS = frozenset({"errorcalendarisnotorganizer"})
_POLICY = frozenset({"insufficient_claims", "insufficientclaims"})


_Make = Callable[[str, float | None], ConnectorError]


def _later(text: str, retry_after: float | None) -> ConnectorError:
    return RetryLaterError(text, retry_after=retry_after)


def _limited(text: str, retry_after: float | None) -> ConnectorError:
    return LimitedError(text, retry_after=retry_after or USUAL_PAUSE_S)


def _no_mailbox(text: str, _: float | None) -> ConnectorError:
    return DisabledError(f"{text} Give this person a licence with a mailbox in Exchange Online, or do not read it.")


# The first that fits, where an error names several.
_CODES: Sequence[tuple[frozenset[str], _Make]] = (
    (_CURSOR, lambda text, _: CursorExpired(text)),
    (_DAILY, lambda text, retry_after: LimitedError(text, retry_after=retry_after or 3600.0)),
    (_LIMITS, _limited),
    (_NO_MAILBOX, _no_mailbox),
    (_NOBODY, lambda text, _: DisabledError(f"{text} Correct the address of the mailbox in the settings.")),
    (_POLICY, lambda text, _: AuthError(f"{text} A conditional access policy asks for more: press Connect again.")),
    (_FULL, lambda text, retry_after: RetryLaterError(f"{text} Make room.", retry_after=retry_after or 3600.0)),
    (_NOT_OURS, lambda text, _: ReadOnlyError(text)),
    (_CHANGED, lambda text, _: ConflictError(text)),
    (_PASSES, _later),
)
_STATUSES: Mapping[int, _Make] = {
    401: lambda text, _: AuthError(f"{text} Press Connect again."),
    402: lambda text, _: DisabledError(f"{text} It needs a licence."),
    403: lambda text, _: ScopeError(text),
    404: lambda text, _: GoneError(text),
    408: _later,
    409: lambda text, _: ConflictError(text),
    410: lambda text, _: CursorExpired(text),
    412: lambda text, _: ConflictError(text),
    423: _later,
    424: _later,  # of a batch: what this one waited for failed
    429: _limited,
    509: _limited,
}


def error_of(status: int, headers: Mapping[str, str], told: Any) -> ConnectorError:
    """Say what the caller does next.

    Args:
        headers: of the answer, or of its part in a batch.
        told: the body, decoded; None where it is no JSON.
    """
    codes, message = _said(told)
    names = frozenset(code.lower() for code in codes)
    code = f" ({', '.join(codes)})" if codes else ""
    text = f"Microsoft: {(message or f'status {status}')[:300]}{code[:150]}"
    retry_after = retry_after_of({name.lower(): value for name, value in headers.items()})
    return _by_code(names, status, text, retry_after) or _by_status(status, text, retry_after)


def told_of(content: bytes) -> Any:
    """Read the body of a refusal; None where it is no JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _by_code(names: frozenset[str], status: int, text: str, retry_after: float | None) -> ConnectorError | None:
    for known, make in _CODES:
        if names & known and (known is not _CHANGED or status < requests.codes.internal_server_error):
            return make(text, retry_after)
    # Graph's sentence for a person without a mailbox, under a code that means many things.
    return _no_mailbox(text, retry_after) if "could not be discovered" in text else None


def _by_status(status: int, text: str, retry_after: float | None) -> ConnectorError:
    if status < requests.codes.bad_request:  # a redirect: nothing of Graph's answers so, but a network's sign-in page
        return RetryLaterError(f"Somebody between here and Microsoft answers in its place (status {status}).")
    if (make := _STATUSES.get(status)) is not None:
        return make(text, retry_after)
    return _later(text, retry_after) if status >= requests.codes.internal_server_error else RejectedError(text)


def _said(told: Any) -> tuple[list[str], str]:
    """Return Graph's words for what is wrong, the widest first, and its sentence."""
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        return [], ""
    message = error.get("message")
    return list(dict.fromkeys(_codes(error))), message if isinstance(message, str) else ""


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    inner: Any = error
    for _ in range(_DEEPEST):
        if not isinstance(inner, dict):
            return
        if isinstance(code := inner.get("code"), str) and code:
            yield code
        details = inner.get("details")
        for one in details if isinstance(details, list) else ():
            if isinstance(one, dict) and isinstance(code := one.get("code"), str) and code:
                yield code
        inner = next((value for name, value in inner.items() if name.lower() == "innererror"), None)
