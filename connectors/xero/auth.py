"""Tokens: by a person's consent, and by the refresh token that it gave.

A refresh token is good for one refresh and for 60 days; the answer brings the next one, which the hub keeps before the new
access token is used. Whoever lost an answer may use the old one again for half an hour.
Source: https://developer.xero.com/documentation/guides/oauth2/token-types#refresh-token
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from connectors.xero.errors import CONNECT, told_of
from connectors.xero.settings import XeroSettings
from hub.connector.http import Session, blocks, retry_after_of
from hub.connector.stream import Grant
from hub.errors import AuthError, ConnectorError, DisabledError, LimitedError, RetryLaterError

LARGEST = 1 << 20  # bytes of an answer
USUALLY_S, LONGEST_S = (
    1_800.0,
    86_400.0,
)  # how long a token lives where that is not said; and no longer, whatever is said
_WHOSE = "Xero's token service"
_APP = frozenset({"invalid_client", "unauthorized_client"})  # the app is at fault, not the consent


def first(settings: XeroSettings) -> Grant | None:
    """Return what to begin with where no page asked for consent."""
    given = settings.refresh_token.get_secret_value()
    return Grant(given) if given else None


def refreshed(settings: XeroSettings, grant: Grant) -> Grant:
    """Ask for a new access token; a new refresh token comes with it.

    Raises:
        AuthError: Xero refuses; somebody must connect again.
        DisabledError: the app's id or secret is wrong.
        RetryLaterError: Xero cannot be asked just now.
    """
    told = exchanged(settings, {"grant_type": "refresh_token", "refresh_token": grant.refresh_token})
    return granted(told, grant)


def exchanged(settings: XeroSettings, form: Mapping[str, str]) -> Mapping[str, Any]:
    """Ask the token service, once.

    Raises:
        ConnectorError: as of `refreshed`.
    """
    secret = settings.client_secret.get_secret_value()
    # An app with a secret proves itself in the header; one without (PKCE) is only named.
    auth = (settings.client_id, secret) if secret else None
    sent = dict(form) if secret else {**form, "client_id": settings.client_id}
    try:
        with Session(settings.ca) as session:
            answer = session.post(
                settings.token_url, data=sent, auth=auth, timeout=settings.timeout_s, stream=True, allow_redirects=False
            )
            content = b"".join(blocks(answer, LARGEST, f"{_WHOSE}'s answer"))
    except requests.exceptions.SSLError as error:
        raise RetryLaterError(f"The certificate of {_WHOSE} is not trusted.") from error
    except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
        raise RetryLaterError(f"{_WHOSE} cannot be reached: {type(error).__name__}.") from error
    told = told_of(content)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.status_code == requests.codes.ok and isinstance(told, dict) and isinstance(told.get("access_token"), str):
        return told
    raise _refused(answer.status_code, headers, told)


def granted(told: Mapping[str, Any], before: Grant) -> Grant:
    """Return what came back; a refresh token that did not come stays the one of before."""
    given, seconds, scope = told.get("refresh_token"), str(told.get("expires_in")), told.get("scope")
    lives_s = float(seconds) if seconds.isdecimal() else USUALLY_S
    return Grant(
        refresh_token=given if isinstance(given, str) and given else before.refresh_token,
        access_token=str(told["access_token"]),
        expires_at=datetime.now(UTC) + timedelta(seconds=min(lives_s, LONGEST_S)),
        scopes=tuple(sorted(scope.split())) if isinstance(scope, str) and scope else before.scopes,
    )


def _refused(status: int, headers: Mapping[str, str], told: Any) -> ConnectorError:
    word = told.get("error") if isinstance(told, dict) else None
    if status == requests.codes.too_many_requests:
        return LimitedError(f"{_WHOSE} was asked too often.", retry_after=retry_after_of(headers))
    if status >= requests.codes.internal_server_error or not isinstance(word, str):
        return RetryLaterError(f"{_WHOSE} answers {status}.", retry_after=retry_after_of(headers))
    if word in _APP:
        return DisabledError(f"Xero does not know the app ({word}): correct the client id and the client secret.")
    return AuthError(f"Xero took back the permission, or nobody used it for 60 days ({word[:60]}). {CONNECT}")
