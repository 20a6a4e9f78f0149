"""A token service of OAuth 2: asked once for tokens, and what it grants.

That a new refresh token is kept before its access token is used, and that only one worker asks at a time, is the hub's work
(`hub.connector.stream.Tools.access_token`).
Source: https://www.rfc-editor.org/rfc/rfc6749#section-5
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from hub.connector.http import Session, blocks, retry_after_of
from hub.connector.stream import Grant
from hub.errors import AuthError, ConnectorError, DisabledError, LimitedError, RetryLaterError

LARGEST = 1 << 20  # bytes of an answer
USUALLY_S, LONGEST_S = 600.0, 86_400.0  # how long a token lives where that is not said; and no longer, whatever is said
_APP = frozenset({"invalid_client", "unauthorized_client"})  # the app is at fault, not what a person allowed


class RefusedError(AuthError):
    """A token service said no; `word` is its own, such as `invalid_grant`."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


@dataclass(frozen=True, slots=True)
class TokenService:
    """Where tokens are asked for, and by which app. One without a secret is only named."""

    whose: str  # such as "Xero's token service"
    url: str
    client_id: str
    secret: str = field(repr=False)
    ca: str
    timeout_s: float

    def ask(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Ask for tokens, once; an access token is in what comes back.

        Raises:
            RefusedError: it says no.
            DisabledError: it does not know the app; what a person allowed may be as good as before.
            RetryLaterError: it cannot be asked just now, or something else answers in its place.
        """
        # An app with a secret proves itself in the header; one without (PKCE) is only named.
        proof = HTTPBasicAuth(self.client_id.encode(), self.secret.encode()) if self.secret else None
        sent = dict(form) if self.secret else {**form, "client_id": self.client_id}
        try:
            with Session(self.ca) as session:
                answer = session.post(
                    self.url, data=sent, auth=proof, headers={"Accept": "application/json"}, timeout=self.timeout_s,
                    stream=True, allow_redirects=False,
                )  # fmt: skip
                told = _read(b"".join(blocks(answer, LARGEST, f"The answer of {self.whose}")))
        except requests.exceptions.SSLError as error:
            raise RetryLaterError(f"The certificate of {self.whose} is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"{self.whose} cannot be reached: {type(error).__name__}.") from error
        if answer.status_code == requests.codes.ok and _is_token(told.get("access_token")):
            return told
        headers = {name.lower(): value for name, value in answer.headers.items()}
        raise self._refusal(answer.status_code, headers, told.get("error"))

    def _refusal(self, status: int, headers: Mapping[str, str], word: Any) -> ConnectorError:
        if status == requests.codes.too_many_requests:
            return LimitedError(f"{self.whose} was asked too often.", retry_after=retry_after_of(headers))
        if status not in (requests.codes.bad_request, requests.codes.unauthorized) or not isinstance(word, str):
            return RetryLaterError(f"{self.whose} answers {status}.", retry_after=retry_after_of(headers))
        if word in _APP:
            return DisabledError(
                f"{self.whose} does not know the app ({word}): correct the client id and the client secret."
            )
        return RefusedError(word[:60], f"{self.whose} refused: {word[:60]}.")


def granted(told: Mapping[str, Any], before: Grant) -> Grant:
    """Return what a token service granted; a refresh token or permissions that did not come stay those of before."""
    given, scope, seconds = told.get("refresh_token"), told.get("scope"), str(told.get("expires_in"))
    lives_s = (float(seconds) if seconds.isdecimal() else 0.0) or USUALLY_S
    return Grant(
        refresh_token=given if isinstance(given, str) and given else before.refresh_token,
        access_token=str(told["access_token"]),
        expires_at=datetime.now(UTC) + timedelta(seconds=min(lives_s, LONGEST_S)),
        scopes=tuple(sorted(scope.split())) if isinstance(scope, str) and scope else before.scopes,
    )


def _is_token(told: Any) -> bool:
    """Say whether it can stand in a header.

    Source: https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12
    """
    return isinstance(told, str) and bool(told) and told.isascii() and told.isprintable()


def _read(content: bytes) -> Mapping[str, Any]:
    """Read an answer, which may be anything."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
