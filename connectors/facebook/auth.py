"""Access tokens: of a person or a system user, of each of their pages, and of the app itself.

A page's own token comes from a token of a person that lives long, does not end with it, and is kept for itself; so a page
is read on when the person's access ends. All tokens are the hub's to keep, sealed; here they are only asked for.
Sources: https://developers.facebook.com/docs/facebook-login/guides/access-tokens,
https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived,
https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

from connectors.facebook.settings import FacebookSettings
from hub.connector.stream import Grant, Tools
from hub.errors import AuthError

PERSON = ""  # the mailbox of who connected
APP = "app"  # and that of the app, which proves itself with its secret
ADS = "act_"  # begins that of an ad account, which is asked with the token of who connected


def app_token(settings: FacebookSettings) -> str:
    """Return what the app itself asks with. Raises AuthError: id or secret are missing."""
    secret = settings.app_secret.get_secret_value()
    if not settings.app_id or not secret:
        raise AuthError("Enter the app's id and secret in the settings.")
    return f"{settings.app_id}|{secret}"


def person_token(settings: FacebookSettings, tools: Tools, *, refused: str = "", why: str = "") -> str:
    """Return the token of who connected, or of the system user.

    Args:
        refused: a token that Meta just refused, and `why`: nothing but a person makes another one.

    Raises:
        AuthError: there is none, or it counts no more.
    """

    def again(grant: Grant) -> Grant:
        if not grant.access_token:
            return replace(grant, access_token=grant.refresh_token)
        raise AuthError(why or "The access that was granted ended. Press Connect again.")

    given = settings.token.get_secret_value().strip()
    return tools.access_token(again, refused=refused, mailbox=PERSON, first=Grant(given) if given else None)


def page_token(
    settings: FacebookSettings, tools: Tools, page: str, fetch: Callable[[], str], *, refused: str = "", why: str = ""
) -> str:
    """Return a page's own token; one that came from another person's token is asked for anew.

    Args:
        fetch: asks Meta for it with the token of who connected.

    Raises:
        AuthError: nobody lets us in.
        ConnectorError: what `fetch` raises.
    """
    try:
        whose = person_token(settings, tools)
    except AuthError:
        whose = ""  # the page's token may still be good
    first = Grant(f"of {hashlib.sha256(whose.encode()).hexdigest()}") if whose else None

    def again(grant: Grant) -> Grant:
        token = fetch()
        if token == refused:
            raise AuthError(why or "Meta refuses the page's access. Press Connect again.")
        return replace(grant, access_token=token)

    return tools.access_token(again, refused=refused, mailbox=page, first=first)


def proof(settings: FacebookSettings, token: str) -> str:
    """Return what shows that a token is used by its app, and was not stolen."""
    return hmac.new(settings.app_secret.get_secret_value().encode(), token.encode(), hashlib.sha256).hexdigest()
