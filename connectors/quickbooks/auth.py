"""Tokens: an access token lives an hour, and each refresh may bring another refresh token, which then is the only good one.

Source: https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0
"""

from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.oauth import RefusedError, TokenService, granted
from hub.connector.stream import Grant
from hub.errors import AuthError


def first(settings: QuickBooksSettings) -> Grant | None:
    """Return what to begin with where no page asks for consent."""
    given = settings.refresh_token.get_secret_value().strip()
    return Grant(given) if given else None


def service(settings: QuickBooksSettings) -> TokenService:
    """Return where tokens are asked for."""
    secret = settings.client_secret.get_secret_value()
    return TokenService(
        "Intuit's token service", settings.identity_url, settings.client_id, secret, settings.ca, settings.timeout_s
    )


def refreshed(settings: QuickBooksSettings, grant: Grant) -> Grant:
    """Ask for a new access token.

    Raises:
        AuthError: Intuit refuses; somebody must connect again.
        ConnectorError: as of `TokenService.ask`.
    """
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    try:
        return granted(service(settings).ask(form), grant)
    except RefusedError as error:
        raise AuthError(f"QuickBooks lets us in no more ({error.word}). Press Connect again.") from error
