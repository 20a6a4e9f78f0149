"""Access tokens: by a refresh token that a person's consent gave, or by the app's own secret or certificate.

msal knows the protocol; what it would remember the hub keeps, so each call begins with an empty memory of its own.
Sources: https://learn.microsoft.com/entra/msal/python/, https://learn.microsoft.com/entra/identity-platform/refresh-tokens,
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msal  # type: ignore[import-untyped]  # the package ships no types
import requests

from connectors.microsoft.errors import told_of
from connectors.microsoft.settings import IDENTITY, MicrosoftSettings
from connectors.microsoft.signin_words import refused
from hub.connector import oauth
from hub.connector.http import Session, blocks, retry_after_of
from hub.connector.stream import Grant
from hub.errors import DisabledError, LimitedError, RetryLaterError

LARGEST = 1 << 20  # bytes of an answer
KEPT_S = 86_400.0  # where everything is of a tenant is asked for once a day
OPENID = (frozenset(IDENTITY) | {"email"}) - {"User.Read"}  # what is no permission; msal asks for it by itself
_SERVICE = "Microsoft's sign-in service"
# It writes answers that it cannot read, tokens among them; what went wrong our own errors say.
logging.getLogger("msal").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What msal looks at in an answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Raise nothing: what is no answer was raised before."""


_KNOWN: dict[
    str, tuple[Answer, float]
] = {}  # by address: one for each tenant of the accounts, and when it was asked for


class Asking:
    """What msal sends with: our session, with an end to patience and to sizes, and nowhere else than told."""

    def __init__(self, settings: MicrosoftSettings) -> None:
        self._session = Session(settings.ca)
        self._timeout_s = settings.timeout_s
        self._app_only = settings.app_only
        self._found: tuple[str, Answer, float] | None = None

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> Answer:
        """Ask where everything is, once a day. Raises what `refused` returns: msal itself would not say why."""
        known, at = _KNOWN.pop(url, (None, 0.0))
        if known is not None and time.monotonic() - at < KEPT_S:
            self._found = url, known, at
            return known
        answer = self._answer("GET", url, params=params, headers=headers)
        if answer.status_code != requests.codes.ok:
            raise refused(json.loads(answer.text), app_only=self._app_only)
        self._found = url, answer, time.monotonic()
        return answer

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Answer:
        """Ask for tokens."""
        return self._answer("POST", url, params=params, data=data, headers=headers)

    def remember(self) -> None:
        """Go on believing where everything is: a token came from there. Whatever fails is looked up anew."""
        if self._found is not None:
            url, answer, at = self._found
            _KNOWN[url] = answer, at

    def close(self) -> None:
        self._session.close()

    def _answer(self, verb: str, url: str, **sent: Any) -> Answer:
        """Send one request; what comes back is JSON, as the status says.

        Raises:
            RetryLaterError: no answer, or none of the sign-in service.
        """
        if not url.startswith("https://"):
            raise RetryLaterError(f"{_SERVICE} names an address without TLS.")
        try:
            answer = self._session.request(
                verb, url, timeout=self._timeout_s, stream=True, allow_redirects=False, **sent
            )
        except requests.exceptions.SSLError as error:
            raise RetryLaterError(f"The certificate of {_SERVICE} is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"{_SERVICE} cannot be reached: {type(error).__name__}.") from error
        content = b"".join(blocks(answer, LARGEST, f"{_SERVICE}'s answer"))
        status, retry_after = answer.status_code, retry_after_of(answer.headers)
        if status == requests.codes.too_many_requests:
            raise LimitedError(f"{_SERVICE} was asked too often.", retry_after=retry_after)
        if not requests.codes.ok <= status < requests.codes.internal_server_error or answer.is_redirect:
            raise RetryLaterError(f"{_SERVICE} answers {status}.", retry_after=retry_after)
        if not isinstance(told_of(content), dict):
            raise RetryLaterError(f"{_SERVICE} answered what cannot be read (status {status}).")
        return Answer(status, content.decode("utf-8", "replace"), dict(answer.headers))


def authority(settings: MicrosoftSettings) -> str:
    """Return the address of sign-in, of the settings' tenant."""
    return f"{settings.authority_url.rstrip('/')}/{settings.tenant}"


def first(settings: MicrosoftSettings) -> Grant | None:
    """Return what to begin with where no page asks for consent; another secret or certificate begins anew."""
    if settings.app_only:
        told = [settings.tenant, settings.client_id, *settings.secrets]
        return Grant(f"app {hashlib.sha256(json.dumps(told).encode()).hexdigest()}")
    given = settings.refresh_token.get_secret_value()
    return Grant(given) if given else None


def refreshed(settings: MicrosoftSettings, grant: Grant) -> Grant:
    """Ask for a new access token; with consent a new refresh token comes with it.

    Raises:
        AuthError: Microsoft refuses; somebody must connect again.
        DisabledError: an administrator must mend the app or the settings.
        RetryLaterError: Microsoft cannot be asked just now.
    """
    if settings.app_only:
        told = asked(settings, lambda app: app.acquire_token_for_client([_everything(settings)]))
        return granted(told, grant)
    wanted = [scope for scope in grant.scopes if scope not in OPENID] or [_everything(settings)]
    told = asked(settings, lambda app: app.acquire_token_by_refresh_token(grant.refresh_token, wanted))
    return granted(told, grant)


def asked(settings: MicrosoftSettings, ask: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Let msal ask the sign-in service, once.

    Raises:
        ConnectorError: as `refused` says it.
    """
    if not settings.client_id or not settings.credential:
        raise DisabledError("Enter the application id and a secret or a certificate in the settings.")
    http = Asking(settings)
    try:
        app = msal.ConfidentialClientApplication(
            settings.client_id,
            client_credential=settings.credential,
            authority=authority(settings),
            http_client=http,
            # Which hosts are Microsoft's is asked of a host of the worldwide cloud; the settings decide here.
            instance_discovery=False,
        )
        told = ask(app)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError) as error:
        raise RetryLaterError(f"{_SERVICE} answered what cannot be read: {type(error).__name__}.") from error
    finally:
        http.close()
    if not isinstance(told, dict):
        raise RetryLaterError(f"{_SERVICE} answered what cannot be read.")
    if not isinstance(told.get("access_token"), str):
        raise refused(told, app_only=settings.app_only)
    http.remember()
    return told


def granted(told: Mapping[str, Any], before: Grant) -> Grant:
    """Return what came back; a refresh token that did not come stays the one of before."""
    return replace(oauth.granted(told, before), scopes=scopes_of(told.get("scope")) or before.scopes)


def scopes_of(said: Any) -> tuple[str, ...]:
    """Return the permissions by their short names; nothing where Microsoft names only those of OpenID."""
    names = {one.rpartition("/")[2] for one in said.split()} if isinstance(said, str) else set()
    names.discard(".default")
    return tuple(sorted(names)) if names - OPENID else ()


def _everything(settings: MicrosoftSettings) -> str:
    """Return the scope that means: whatever was consented to."""
    return f"{settings.graph_url.rstrip('/')}/.default"
