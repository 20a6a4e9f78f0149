"""Does HubSpot let us in, to the right account, with which scopes, and how much may be asked; one cheap question for each.

Sources: https://developers.hubspot.com/docs/api-reference/account-account-info-v3/guide,
https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from connectors.hubspot.client import Client
from connectors.hubspot.kinds import KINDS, wanted
from connectors.hubspot.settings import DEAL, HubSpotSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError, ScopeError, ShapeError

SKEW = timedelta(minutes=5)
LITTLE = 0.2  # of the day's requests
_TOKEN = "Make a private app with the scopes of the README, and enter its access token here."  # noqa: S105 - a text
_WRITES = ("calls", "emails", "meetings", "communications", "notes", "tasks", "contacts")


def check(account: Account[HubSpotSettings]) -> list[Finding]:
    """Look at everything, with the settings alone."""
    return whole(account.settings, Client(account.settings, Alone()))


def whole(settings: HubSpotSettings, client: Client) -> list[Finding]:
    """Check everything; whoever is not let in, or whose remote is away, is not asked for more."""
    parts: dict[str, Callable[[], Iterator[Finding]]] = {
        "login": lambda: _login(settings, client),
        "clock": lambda: _clock(client),
        "scopes": lambda: _scopes(settings, client),
        "limits": lambda: _limits(client),
        **{name: partial(_readable, client, name) for name in wanted(settings)},
        "keys": lambda: _keys(settings, client),
    }
    found: list[Finding] = []
    for topic, part in parts.items():
        try:
            found += part()
        except (ConnectorError, ShapeError) as error:
            found.append(_refused(topic, error))
            if topic == "login" or isinstance(error, AuthError | RetryLaterError):
                break
    return found


def _refused(topic: str, error: ConnectorError | ShapeError) -> Finding:
    match error:
        case AuthError():
            return Finding(topic, Level.RED, str(error), _TOKEN)
        case ScopeError():
            level = Level.RED if topic == "login" else Level.AMBER
            return Finding(
                topic, level, str(error), "Give the private app the scope, or switch this off in the settings."
            )
        case RetryLaterError():
            return Finding(topic, Level.RED, str(error), "Try again in a minute.")
        case _:
            return Finding(topic, Level.AMBER, str(error), "See the README; the plan may not have this.")


def _login(settings: HubSpotSettings, client: Client) -> Iterator[Finding]:
    told = client.get("/account-info/v3/details")
    portal = str(told.get("portalId") or "")
    if portal != settings.portal:
        text = f"The token is of the account {portal[:20]}, and the settings say {settings.portal}."
        yield Finding("login", Level.RED, text, "Correct the Hub ID, or use a token of that account.")
        return
    yield Finding("login", Level.GREEN, f"HubSpot lets us in to the account {portal}.")
    domain = str(told.get("uiDomain") or "")
    if domain and domain not in settings.pages_url:
        text = f"People open this account at {domain[:80]}, and links lead to {settings.pages_url}."
        yield Finding("links", Level.AMBER, text, "Correct the address for people.")


def _clock(client: Client) -> Iterator[Finding]:
    if client.asked_at is None:
        text = "HubSpot's answers have no Date header, so changes cannot be followed."
        yield Finding("clock", Level.RED, text, "Let the proxy in between leave the header as it is.")
        return
    skew = abs(datetime.now(UTC) - client.asked_at)
    if skew <= SKEW:
        yield Finding("clock", Level.GREEN, "The clock agrees with HubSpot's.")
    else:
        text = f"The clock differs from HubSpot's by {int(skew.total_seconds() // 60)} minutes."
        yield Finding("clock", Level.AMBER, text, "Let the server set its clock by NTP.")


def _scopes(settings: HubSpotSettings, client: Client) -> Iterator[Finding]:
    token = settings.access_token.get_secret_value()
    told = client.ask("/oauth/v2/private-apps/get/access-token-info", {"tokenKey": token}).get("scopes")
    given = {str(one) for one in told} if isinstance(told, list) else set()
    missing = [one for one in needed(settings) if one not in given]
    if missing:
        text = f"The private app lacks: {', '.join(missing)}."
        yield Finding("scopes", Level.AMBER, text, "Add the scopes to the private app; its token may change then.")
    else:
        yield Finding("scopes", Level.GREEN, "The private app has every scope that is wanted.")


def needed(settings: HubSpotSettings) -> tuple[str, ...]:
    """Return the scopes that the settings want; those of contacts are for activities as well."""
    leads = "deals" if settings.leads_as == DEAL else "leads"
    return (
        "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read",
        "crm.schemas.contacts.write", "crm.objects.owners.read", f"crm.objects.{leads}.read",
        f"crm.objects.{leads}.write", *(("crm.objects.companies.read",) if settings.companies else ()),
    )  # fmt: skip


def _limits(client: Client) -> Iterator[Finding]:
    told = client.get("/account-info/v3/api-usage/daily/private-apps").get("results")
    first = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
    used, most = first.get("currentUsage"), first.get("usageLimit")
    if not isinstance(used, int) or not isinstance(most, int):
        yield Finding("limits", Level.AMBER, "HubSpot does not say how many requests the day has.")
    elif most - used < most * LITTLE:
        yield Finding("limits", Level.AMBER, f"{used} of the day's {most} requests are used.", "Look less often.")
    else:
        yield Finding("limits", Level.GREEN, f"{used} of the day's {most} requests are used.")


def _readable(client: Client, name: str) -> Iterator[Finding]:
    client.get(f"/crm/v3/objects/{name}", {"limit": "1"})
    yield Finding(name, Level.GREEN, f"{KINDS[name].title} can be read.")


def _keys(settings: HubSpotSettings, client: Client) -> Iterator[Finding]:
    """Say where the property of our keys is not yet, and where somebody made one whose values may repeat."""
    loose, absent = [], []
    for kind in (*_WRITES, "deals" if settings.leads_as == DEAL else "leads"):
        try:
            told = client.get(f"/crm/v3/properties/{kind}/{settings.key_property}")
        except (GoneError, RejectedError):
            absent.append(kind)
            continue
        if told.get("hasUniqueValue") is not True:
            loose.append(kind)
    if loose:
        text = (
            f"The property {settings.key_property} of {', '.join(loose)} may repeat, so nothing there is written once."
        )
        yield Finding("keys", Level.RED, text, "Choose another name for the property; the hub makes it.")
    elif absent:
        yield Finding(
            "keys", Level.GREEN, f"With the first write the hub makes {settings.key_property} of {', '.join(absent)}."
        )
    else:
        yield Finding("keys", Level.GREEN, "Everything that is written bears a unique key.")
