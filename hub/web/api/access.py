"""Who asks: a bearer token, its rights and its rate. Cookies count for nothing here."""

import time
from datetime import datetime

from flask import g, request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy.exc import OperationalError

from hub import log
from hub.security import tokens
from hub.security.limits import address_key
from hub.security.models import ApiToken
from hub.security.policy import Person, Right, may
from hub.store.base import now
from hub.web.api.problem import FaultError
from hub.web.frame import current_hub, current_person

_log = log.get(__name__)


def identify() -> None:
    """Find out who the token belongs to and count the request.

    Raises:
        FaultError: no token, not a good one (401), or too many requests (429).
    """
    hub = current_hub()
    usual = parse(hub.settings.security.api_limit)
    person = read_token()
    if person is None:
        count(hub.limiter, usual, "api refused", address_key(request.remote_addr or ""))
        raise _unauthorized("The token is unknown or revoked, or its user is disabled; make one with `hub token add`")
    own: str = g.api_token_rate
    count(hub.limiter, tokens.read_rate(own) if own else usual, "api", str(current_token_id()))
    _touch()


def read_token() -> Person | None:
    """Return for whom the bearer token speaks; None for a token that is not good.

    Raises:
        FaultError: there is none at all (401).
    """
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise _unauthorized("Send a token: `Authorization: Bearer ...`; make one with `hub token add NAME --role ROLE`")
    with current_hub().db.read() as session:
        found = tokens.find(session, given.token)
        if found is None:
            return None
        token, person = found
        g.api_token_id, g.api_token_used_at = token.id, token.used_at
        g.api_token_scopes, g.api_token_rate = tokens.scopes(token), token.rate
    g.found, g.person = None, person  # `found` is the session of a cookie, which has no say here
    return person


def current_token_id() -> int:
    """Return the token of this request."""
    return int(g.api_token_id)


def require(right: Right) -> None:
    """Refuse who has not this right (403)."""
    if not may(current_person().role, right):
        text = f"The token's role {current_person().role!r} has not the right {right.value!r}"
        raise FaultError(403, text, "forbidden")


def scopes() -> frozenset[str]:
    """Return what the token of this request is limited to; none: all that its role may."""
    found: frozenset[str] = g.api_token_scopes
    return found


def require_scope(scope: str) -> None:
    """Refuse a token that is limited, and not to this scope (403)."""
    if not scope or not scopes() or scope in scopes():
        return
    text = f"The token is limited to {', '.join(sorted(scopes()))}; this needs the scope {scope}"
    # Source: https://datatracker.ietf.org/doc/html/rfc6750#section-3.1
    challenge = f'Bearer realm="hub", error="insufficient_scope", scope="{scope}"'
    raise FaultError(403, text, "scope", WWW_Authenticate=challenge)


def count(limiter: FixedWindowRateLimiter, rate: RateLimitItem, *who: str) -> None:
    """Count one request; refuse (429) what is above the rate and say when to come back."""
    if limiter.hit(rate, *who):
        return
    try:
        reset = limiter.get_window_stats(rate, *who).reset_time
    except StorageError:
        reset = 0.0
    wait = max(1, int(reset - time.time()) + 1)
    raise FaultError(429, f"More than {rate}; come back in {wait} s", "rate_limited", Retry_After=str(wait))


def _touch() -> None:
    """Note that the token is in use. A question must not fail because that could not be written."""
    used_at: datetime | None = g.api_token_used_at
    if used_at is not None and now() - used_at < tokens.TOUCH_EVERY:
        return
    try:
        with current_hub().db.write() as session:
            if token := session.get(ApiToken, current_token_id()):
                tokens.touch(session, token)
    except OperationalError as error:
        _log.warning("use of the token not written", reason=str(error.orig))


def _unauthorized(text: str) -> FaultError:
    return FaultError(401, text, "unauthorized", WWW_Authenticate='Bearer realm="hub"')
