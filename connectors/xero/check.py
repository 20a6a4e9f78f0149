"""Is the account set up, does Xero know the app, and may it read what is wanted? One cheap request for each.

Source: https://developer.xero.com/documentation/api/accounting/overview
"""

from collections.abc import Iterator

from connectors.xero import auth
from connectors.xero.client import Client, entries
from connectors.xero.kinds import CONTACTS, INVOICES, PAYMENTS, Kind
from connectors.xero.settings import XeroSettings
from hub.connector.checking import Alone, reached
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, DisabledError, RetryLaterError, ScopeError, ShapeError

_PREPARE = "Make an app at developer.xero.com and copy its client id and secret here (README)."
_LATER = "Try again in a minute; if it stays so, see status.xero.com."
_CONNECT = "Press Connect, and let the app read this organisation."
_PARTS: tuple[Kind, ...] = (INVOICES, PAYMENTS, CONTACTS)


def check(account: Account[XeroSettings]) -> list[Finding]:
    """Look at the settings, reach Xero, and ask it where the settings alone are enough to be let in."""
    settings = account.settings
    client = Client(settings, Alone(), account.id)
    return whole(settings, client, is_connected=auth.first(settings) is not None)


def whole(settings: XeroSettings, client: Client, *, is_connected: bool = True) -> list[Finding]:
    """Check everything; without a grant, what can be known without it."""
    there = reached("Xero", settings.token_url, ca=settings.ca, timeout_s=settings.timeout_s)
    found = [*_credentials(settings), there.finding, _webhooks(settings)]
    if is_connected and not any(one.level is Level.RED for one in found):
        found += _asked(client)
    return found


def _credentials(settings: XeroSettings) -> Iterator[Finding]:
    if not settings.client_id:
        yield Finding("credentials", Level.RED, "There is no app: its client id is missing.", _PREPARE)
    else:
        yield Finding("credentials", Level.GREEN, "The app is set.")


def _webhooks(settings: XeroSettings) -> Finding:
    if settings.webhook_key.get_secret_value():
        return Finding("webhooks", Level.GREEN, "Webhooks with the app's key are believed; polling goes on besides.")
    return Finding("webhooks", Level.GREEN, "There is no webhook key: changes are polled.")


def _asked(client: Client) -> Iterator[Finding]:
    """Ask for the organisation, and for one record of each kind."""
    try:
        [told] = entries(client.get("/Organisation")[0], "Organisations")[:1] or [{}]
    except ScopeError as error:
        yield Finding("organisation", Level.AMBER, f"Links and the base currency are missing: {error}", _CONNECT)
    except (ConnectorError, ShapeError) as error:
        yield Finding("organisation", Level.RED, str(error), _action(error))
        return
    else:
        name, currency = str(told.get("Name", ""))[:100], str(told.get("BaseCurrency", ""))[:3]
        yield Finding("organisation", Level.GREEN, f"Xero lets us read {name} ({currency}).")
    for kind in _PARTS:
        try:
            client.get(kind.path, {"page": "1", "pageSize": "1"})
        except (ConnectorError, ShapeError) as error:
            level = Level.AMBER if isinstance(error, ScopeError) else Level.RED
            yield Finding(kind.records, level, str(error), _action(error))
        else:
            yield Finding(kind.records, Level.GREEN, f"{kind.title} can be read.")


def _action(error: Exception) -> str:
    if isinstance(error, RetryLaterError | ShapeError):
        return _LATER
    if isinstance(error, AuthError | ScopeError | DisabledError):
        return _CONNECT
    return _LATER
