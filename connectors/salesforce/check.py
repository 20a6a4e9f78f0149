"""Are we let in, may the app's user do what is wanted, and is the field for our mark there? One cheap request for each.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from connectors.salesforce.auth import APP
from connectors.salesforce.client import Client, soql
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.streams import KINDS
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, DisabledError, RetryLaterError, ScopeError, ShapeError

SKEW = timedelta(minutes=2)
_RIGHT = "Give it in the permission set of the app's user, and make the field (README)."
_LATER = "Check the address, and try again in a minute; if it stays so, see status.salesforce.com."


def check(account: Account[SalesforceSettings]) -> list[Finding]:
    """Look at everything, with the settings alone."""
    return whole(account.settings, Client(account.settings, Alone()))


def whole(settings: SalesforceSettings, client: Client) -> list[Finding]:
    """Check everything; whoever is not let in, or whose remote is away, is not asked for more."""
    written = ("Contact", settings.lead_as, "Task", "Event")
    parts: Mapping[str, Callable[[], Iterator[Finding]]] = {
        "login": partial(_login, client),
        "clock": partial(_clock, client),
        "day": partial(_day, settings, client),
        **{one.records: partial(_readable, client, one.entity, one.records) for one in KINDS.values()},
        "owners": partial(_readable, client, "User", "owners"),
        **{f"mark of {one}": partial(_marked, settings, client, one) for one in written},
    }
    found: list[Finding] = []
    for topic, part in parts.items():
        try:
            found += part()
        except (ConnectorError, ShapeError) as error:
            mild = isinstance(error, ScopeError) and topic != "login" and not topic.startswith("mark")
            found.append(Finding(topic, Level.AMBER if mild else Level.RED, str(error), _action(error)))
            if topic == "login" or isinstance(error, AuthError | DisabledError | RetryLaterError):
                break
    return found


def _login(client: Client) -> Iterator[Finding]:
    found = client.query(soql("Id, Name", "Organization", "LIMIT 1")).rows
    name = str(found[0].get("Name") or "")[:80] if found else "an org"
    yield Finding("login", Level.GREEN, f"Salesforce lets us into {name}.")


def _clock(client: Client) -> Iterator[Finding]:
    at = client.asked_at
    if at is None or abs(at - datetime.now(UTC)) > SKEW:
        text = "Salesforce's clock and ours are minutes apart; changes are asked for by Salesforce's."
        yield Finding("clock", Level.AMBER, text, "Correct the clock of this server.")
    else:
        yield Finding("clock", Level.GREEN, "Salesforce's clock and ours agree.")


def _day(settings: SalesforceSettings, client: Client) -> Iterator[Finding]:
    if client.usage is None:
        return
    used, allowed = client.usage
    text = f"{used} of {allowed} requests of the day are used."
    if allowed - used <= settings.day_reserve:
        yield Finding("day", Level.AMBER, f"{text} Polling rests.", "Ask less often, or buy more requests.")
    else:
        yield Finding("day", Level.GREEN, text)


def _readable(client: Client, entity: str, topic: str) -> Iterator[Finding]:
    client.query(soql("Id", entity, "LIMIT 1"))
    yield Finding(topic, Level.GREEN, f"{entity} can be read.")


def _marked(settings: SalesforceSettings, client: Client, entity: str) -> Iterator[Finding]:
    """Ask as `find` would, for a mark that nobody has."""
    client.query(soql("Id", entity, f"WHERE {settings.mark_field} = 'hub-none' LIMIT 1"))
    yield Finding(f"mark of {entity}", Level.GREEN, f"What is written to {entity} can be found again.")


def _action(error: Exception) -> str:
    if isinstance(error, AuthError):
        return APP
    if isinstance(error, ScopeError):
        return _RIGHT
    if isinstance(error, DisabledError):
        return "Compare the consumer key and secret; ask for an edition with API access (Enterprise, or as an add-on)."
    return _LATER
