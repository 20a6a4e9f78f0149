"""Who posts a message of Pub/Sub: a token that Google signed for one service account and for our address.

Source: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions#authenticate_and_authorize
"""

import json
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import requests
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from connectors.google.settings import GoogleSettings
from hub.connector.http import Session
from hub.errors import HookError, RetryLaterError

CERTS_URL = "https://www.googleapis.com/oauth2/v1/certs"
ISSUERS = {"accounts.google.com", "https://accounts.google.com"}
KEPT_S = 3600.0  # Google changes its keys every few days, and shows new ones long before it uses them
AGAIN_S = 60.0  # a key that is not among them is looked for once in this time, however many name one
PATIENCE_S = 10.0
LARGEST = 1 << 20  # bytes of all certificates
SKEW_S = 60


class Certificates:
    """Google's certificates by their key ids, as they were when they were last needed."""

    def __init__(self, address: str, ca: str) -> None:
        self._address, self._ca = address, ca
        self._lock = threading.Lock()
        self._known: Mapping[str, str] = {}
        self._asked_at = float("-inf")

    def of(self, key_id: str) -> Mapping[str, str]:
        """Return the certificates; asked for where they are old or this one is missing.

        Raises:
            RetryLaterError: they cannot be had.
        """
        with self._lock:
            age_s = time.monotonic() - self._asked_at
            if age_s > KEPT_S or (key_id not in self._known and age_s > AGAIN_S) or not self._known:
                self._known = self._fetched()
                self._asked_at = time.monotonic()
            return self._known

    def _fetched(self) -> Mapping[str, str]:
        try:
            with (
                Session(self._ca) as session,
                session.get(self._address, timeout=PATIENCE_S, stream=True, allow_redirects=False) as answer,
            ):
                answer.raise_for_status()
                found = json.loads(answer.raw.read(LARGEST, decode_content=True))
        except (requests.RequestException, OSError, ValueError) as error:
            raise RetryLaterError(f"Google's certificates cannot be had: {type(error).__name__}") from error
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise RetryLaterError("Google's certificates cannot be read")
        return found


@lru_cache(maxsize=20)
def _certificates(address: str, ca: str) -> Certificates:
    return Certificates(address, ca)


def check_token(token: str, settings: GoogleSettings, audience: str) -> None:
    """Check that Google signed a token for the service account of the settings and for us.

    Anybody may let Google sign a token for any address, but only for a service account of his own.

    Raises:
        HookError: it did not.
        RetryLaterError: its certificates cannot be had.
    """
    try:
        # What a forger can write himself is looked at first: it costs nothing, and asks nobody.
        _check_claims(jwt.decode(token, verify=False), settings, audience)  # type: ignore[no-untyped-call]  # see auth
        key_id = str(jwt.decode_header(token).get("kid", ""))  # type: ignore[no-untyped-call]  # see auth
        known = _certificates(settings.certs_url or CERTS_URL, settings.ca).of(key_id)
        if key_id not in known:
            raise HookError("The token is signed with a key that is none of Google's.")
        jwt.decode(token, certs=known, clock_skew_in_seconds=SKEW_S)  # type: ignore[no-untyped-call]  # see auth
    except (GoogleAuthError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise HookError(f"The token is none that Google signed for us: {type(error).__name__}.") from None


def _check_claims(claims: Any, settings: GoogleSettings, audience: str) -> None:
    if not isinstance(claims, dict) or claims.get("iss") not in ISSUERS:
        raise HookError("The token is not Google's.")
    # Where a subscription names no audience it is the whole address, with what stands behind the question mark.
    if not audience or str(claims.get("aud", "")).partition("?")[0] != audience.partition("?")[0]:
        raise HookError("The token is for somebody else.")
    if claims.get("email") != settings.push_sender.strip() or claims.get("email_verified") is not True:
        raise HookError("The token is that of another service account.")
