"""Tokens: by a person's consent, and by the refresh token that it gave.

A refresh token is good for one refresh and for 60 days; the answer brings the next one, which the hub keeps before the new
access token is used. Whoever lost an answer may use the old one again for half an hour.
Source: https://developer.xero.com/documentation/guides/oauth2/token-types#refresh-token
"""

from connectors.xero.errors import CONNECT
from connectors.xero.settings import XeroSettings
from hub.connector.oauth import RefusedError, TokenService, granted
from hub.connector.stream import Grant
from hub.errors import AuthError


def first(settings: XeroSettings) -> Grant | None:
    """Return what to begin with where no page asked for consent."""
    given = settings.refresh_token.get_secret_value()
    return Grant(given) if given else None


def service(settings: XeroSettings) -> TokenService:
    """Return where tokens are asked for; an app of the kind Auth code with PKCE has no secret."""
    secret = settings.client_secret.get_secret_value()
    return TokenService(
        "Xero's token service", settings.token_url, settings.client_id, secret, settings.ca, settings.timeout_s
    )


def refreshed(settings: XeroSettings, grant: Grant) -> Grant:
    """Ask for a new access token; a new refresh token comes with it.

    Raises:
        AuthError: Xero refuses; somebody must connect again.
        ConnectorError: as of `TokenService.ask`.
    """
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    try:
        return granted(service(settings).ask(form), grant)
    except RefusedError as error:
        text = f"Xero took back the permission, or nobody used it for 60 days ({error.word}). {CONNECT}"
        raise AuthError(text) from error
