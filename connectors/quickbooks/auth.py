"""Tokens: an access token lives an hour, and each refresh may bring another refresh token, which then is the only good one.

That a new one is kept before it is used, and that only one worker asks at a time, is the hub's work (`Tools.access_token`).
Source: https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.http import Session, blocks
from hub.connector.stream import Grant
from hub.errors import AuthError, RetryLaterError

LARGEST = 1 << 20  # bytes of an answer
LONGEST_S = 366 * 86_400
_JSON = "application/json"


class RefusedError(AuthError):
    """The token service said no; `word` is its own."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


def first(settings: QuickBooksSettings) -> Grant | None:
    """Return what to begin with where no page asks for consent."""
    given = settings.refresh_token.get_secret_value().strip()
    return Grant(given) if given else None


def refreshed(settings: QuickBooksSettings, grant: Grant) -> Grant:
    """Ask for a new access token.

    Raises:
        AuthError: Intuit refuses; somebody must connect again.
        RetryLaterError: Intuit cannot be asked just now.
    """
    try:
        return asked(
            settings, {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}, grant.refresh_token
        )
    except RefusedError as error:
        raise AuthError(f"QuickBooks lets us in no more ({error.word}). Press Connect again.") from error


def asked(settings: QuickBooksSettings, form: Mapping[str, str], before: str = "") -> Grant:
    """Ask the token service.

    Args:
        before: the refresh token that goes on being good where none comes.

    Raises:
        RefusedError: it says no.
        RetryLaterError: it cannot be asked just now.
    """
    told = _told(settings, form)
    token, refresh_token = told.get("access_token"), told.get("refresh_token") or before
    if not isinstance(token, str) or not token or not isinstance(refresh_token, str) or not refresh_token:
        raise RefusedError("no token", "Intuit's token service answered without a token.")
    seconds = told.get("expires_in")
    lives_s = (
        seconds if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < LONGEST_S else 3600
    )
    return Grant(refresh_token, token, datetime.now(UTC) + timedelta(seconds=lives_s))


def _told(settings: QuickBooksSettings, form: Mapping[str, str]) -> Mapping[str, Any]:
    own = (settings.client_id, settings.client_secret.get_secret_value())
    try:
        with Session(settings.ca) as session:
            answer = session.post(
                settings.identity_url, data=dict(form), auth=own, headers={"Accept": _JSON}, timeout=settings.timeout_s,
                stream=True, allow_redirects=False,
            )  # fmt: skip
            content = b"".join(blocks(answer, LARGEST, "The answer of Intuit's token service"))
    except requests.exceptions.SSLError as error:
        raise RetryLaterError("The certificate of Intuit's token service is not trusted.") from error
    except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
        raise RetryLaterError(f"Intuit's token service cannot be reached: {type(error).__name__}.") from error
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if answer.status_code in (requests.codes.bad_request, requests.codes.unauthorized) and isinstance(told, dict):
        word = str(told.get("error", answer.status_code))[:100]
        raise RefusedError(word, f"Intuit's token service refused: {word}.")
    if answer.status_code != requests.codes.ok or not isinstance(told, dict):
        raise RetryLaterError(f"Intuit's token service answers {answer.status_code}.")
    return told
