"""Tokens by the client credentials flow: the app runs as one user, and nobody has to consent.

Salesforce does not say how long a token lives: as long as sessions of that user do. It is asked for again after a while,
and whenever one is refused.
Source: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
"""

from connectors.salesforce.settings import SalesforceSettings
from hub.connector.oauth import RefusedError, TokenService, granted
from hub.connector.stream import Grant
from hub.errors import AuthError

APP = "Compare the consumer key and secret, and see that the flow is enabled and runs as a user (README)."
FIRST = Grant("client credentials")  # what to begin with: the app itself is known there


def refreshed(settings: SalesforceSettings, grant: Grant) -> Grant:
    """Ask for a new access token. Raises AuthError: Salesforce refuses; ConnectorError as of `TokenService.ask`."""
    service = TokenService(
        "Salesforce's token service", f"{settings.site}/services/oauth2/token", settings.client_id,
        settings.client_secret.get_secret_value(), settings.ca, settings.timeout_s,
    )  # fmt: skip
    try:
        return granted(service.ask({"grant_type": "client_credentials"}), grant)
    except RefusedError as error:
        raise AuthError(f"Salesforce lets the app not in ({error.word}). {APP}") from error
