"""Access to KSeF by its token: the challenge, the token sealed with KSeF's public key, and access tokens that are renewed.

An access token lives for minutes, what renews it for at most seven days; then, or when it was taken back, we sign in again with
the token of the settings. Signing in with a certificate (XAdES) is not done.
Sources: https://github.com/CIRFMF/ksef-api/blob/main/uwierzytelnianie.md (2.2),
https://github.com/CIRFMF/ksef-api/blob/main/bezpieczenstwo/klucze-publiczne-do-szyfrowania.md
"""

import base64
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.ksef.answers import text_of
from connectors.ksef.errors import ExpiredError
from connectors.ksef.settings import KsefSettings
from hub.connector.stream import Grant
from hub.errors import AuthError, RejectedError, RetryLaterError

FOR_TOKENS, FOR_KEYS = "KsefTokenEncryption", "SymmetricKeyEncryption"
_PAUSES_S = (0.2, 0.5, 1.0, 1.5, 2.0)  # KSeF looks at a token for a moment
_BUSY, _DONE = 100, 200
_AGAIN = (500, 550)  # nobody's fault: the same once more
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Asks(Protocol):
    """Who asks KSeF."""

    settings: KsefSettings

    def plain(self, verb: str, path: str, *, body: dict[str, Any] | None = None, bearer: str = "") -> Any:
        """Ask with a token of signing in, or with none. Raises ConnectorError."""

    def keys(self) -> Any:
        """Return KSeF's public keys. Raises ConnectorError."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of KSeF for one use."""

    id: str
    key: rsa.RSAPublicKey

    def sealed(self, data: bytes) -> str:
        """Return what only KSeF can open, in base64."""
        return base64.b64encode(self.key.encrypt(data, _OAEP)).decode()


def renewed(client: Asks, grant: Grant) -> Grant:
    """Return access that is good for a while.

    Raises:
        AuthError: the token of the settings is good no more.
        ConnectorError: not now.
    """
    own = client.settings.token.get_secret_value()
    if grant.refresh_token and grant.refresh_token != own:
        try:
            told = client.plain("POST", "/auth/token/refresh", bearer=grant.refresh_token)
        except (AuthError, RejectedError):  # it lived for seven days, or was taken back: the token itself may be good
            return _signed_in(client)
        return _grant(grant.refresh_token, told)
    return _signed_in(client)


def public_key(client: Asks, use: str) -> PublicKey:
    """Ask for the key that is to be used now; KSeF changes them.

    Raises:
        RetryLaterError: there is none.
    """
    now = datetime.now(UTC)
    for one in _list(client.keys()):
        try:
            if use in one["usage"] and _moment(one["validFrom"]) <= now <= _moment(one["validTo"]):
                key = x509.load_der_x509_certificate(base64.b64decode(one["certificate"])).public_key()
                if isinstance(key, rsa.RSAPublicKey):
                    return PublicKey(str(one["publicKeyId"]), key)
        except (KeyError, TypeError, ValueError):
            continue
    raise RetryLaterError("KSeF names no public key that can be used now.")


def _signed_in(client: Asks) -> Grant:
    challenge = client.plain("POST", "/auth/challenge")
    try:
        sealed_at, word = int(challenge["timestampMs"]), str(challenge["challenge"])
    except (KeyError, TypeError, ValueError):
        raise RetryLaterError("KSeF's challenge cannot be read.") from None
    key = public_key(client, FOR_TOKENS)
    secret = f"{client.settings.token.get_secret_value()}|{sealed_at}".encode()
    asked = {
        "challenge": word, "contextIdentifier": {"type": "Nip", "value": client.settings.nip},
        "encryptedToken": key.sealed(secret), "publicKeyId": key.id,
    }  # fmt: skip
    begun = client.plain("POST", "/auth/ksef-token", body=asked)
    bearer = text_of(begun, "authenticationToken", "token")
    _wait(client, text_of(begun, "referenceNumber"), bearer)
    told = client.plain("POST", "/auth/token/redeem", bearer=bearer)
    return _grant(text_of(told, "refreshToken", "token"), told)


def _wait(client: Asks, number: str, bearer: str) -> None:
    """Ask until KSeF has looked at the token.

    Raises:
        AuthError: it does not let us in; with its own words.
        RetryLaterError: it takes too long.
    """
    for pause_s in (*_PAUSES_S, 0.0):
        try:
            told = client.plain("GET", f"/auth/{number}", bearer=bearer)
        except ExpiredError as error:
            raise RetryLaterError(str(error)) from error
        status = told.get("status") if isinstance(told, dict) else None
        code = status.get("code") if isinstance(status, dict) else None
        if code == _DONE:
            return
        if code != _BUSY:
            details = " ".join(map(str, status.get("details") or ())) if isinstance(status, dict) else ""
            said = f"{status.get('description', '')} {details}".strip() if isinstance(status, dict) else "no status"
            if code is None or code in _AGAIN:
                raise RetryLaterError(f"KSeF could not look at the token: {said} ({code})")
            raise AuthError(
                f"KSeF does not accept the token: {said} ({code}). Make a new one in KSeF's application, and connect again with it."
            )
        threading.Event().wait(pause_s)
    raise RetryLaterError("KSeF is still looking at the token.")


def _grant(refresh_token: str, told: Any) -> Grant:
    return Grant(refresh_token, text_of(told, "accessToken", "token"), _until(told))


def _until(told: Any) -> datetime | None:
    try:
        return _moment(told["accessToken"]["validUntil"])
    except (KeyError, TypeError, ValueError):
        return None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _list(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []
