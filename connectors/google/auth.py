"""Access tokens: by a refresh token that a person's consent gave, or by the key of a service account.

Source: https://developers.google.com/identity/protocols/oauth2/web-server,
https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority
"""

from datetime import UTC
from typing import Any

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

from connectors.google.settings import GoogleSettings
from hub.connector.stream import Grant
from hub.errors import AuthError, RetryLaterError

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
AUTH_URI = "https://accounts.google.com/o/oauth2/v2/auth"
# What a refusal says when only a person can mend it.
# Source: https://developers.google.com/identity/protocols/oauth2/web-server#exchange-errors
_DEAD = ("invalid_grant", "invalid_rapt", "unauthorized_client", "invalid_client", "access_denied", "deleted_client")
DELEGATED = Grant(refresh_token="service account")  # noqa: S106 - there is none: the key itself asks for tokens


def token_uri(settings: GoogleSettings) -> str:
    base = settings.oauth_url or settings.base_url
    return f"{base.rstrip('/')}/token" if base else TOKEN_URI


def auth_uri(settings: GoogleSettings) -> str:
    base = settings.oauth_url or settings.base_url
    return f"{base.rstrip('/')}/o/oauth2/v2/auth" if base else AUTH_URI


def first(settings: GoogleSettings) -> Grant | None:
    """Return what to begin with where no page asks for consent."""
    if settings.key:
        return DELEGATED
    given = settings.refresh_token.get_secret_value()
    return Grant(given) if given else None


def refreshed(settings: GoogleSettings, session: requests.Session, grant: Grant, mailbox: str) -> Grant:
    """Ask for a new access token.

    Raises:
        AuthError: Google refuses; somebody must connect again.
        RetryLaterError: Google cannot be asked just now.
    """
    made = _credentials(settings, grant, mailbox)
    try:
        made.refresh(Request(session=session))
    except RefreshError as error:
        raise _refused(error, mailbox) from error
    except (TransportError, requests.RequestException, OSError) as error:  # OSError: the CA file is not there
        raise RetryLaterError(f"Google's token service cannot be reached: {type(error).__name__}") from error
    except GoogleAuthError as error:
        raise AuthError(f"Google gave no access token: {error}") from error
    expires_at = made.expiry.replace(tzinfo=UTC) if made.expiry else None
    granted = getattr(made, "granted_scopes", None)
    return Grant(
        refresh_token=getattr(made, "refresh_token", None) or grant.refresh_token,
        access_token=str(made.token),
        expires_at=expires_at,
        scopes=tuple(granted) if granted else grant.scopes,
    )


def _credentials(settings: GoogleSettings, grant: Grant, mailbox: str) -> Any:
    """Return google-auth's credentials, which have no types."""
    key = settings.key
    if key is None:
        return credentials.Credentials(  # type: ignore[no-untyped-call]  # see above
            None,
            refresh_token=grant.refresh_token,
            token_uri=token_uri(settings),
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
        )
    info = {**key, "token_uri": token_uri(settings)} if settings.base_url or settings.oauth_url else key
    wanted = [scope for scope in settings.scopes if scope.startswith("https://")]
    return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # see above
        info, scopes=wanted, subject=mailbox
    )


def _refused(error: RefreshError, mailbox: str) -> AuthError | RetryLaterError:
    said = str(error.args[0]) if error.args else "no reason"
    if error.retryable or not any(word in said for word in _DEAD):
        return RetryLaterError(f"Google gave no access token just now: {said[:200]}")
    whose = f" of {mailbox}" if mailbox else ""
    return AuthError(f"Google took back the permission{whose} ({said[:200]}). Press Connect again.")
