"""Does Pipedrive let us in, may the user see what is wanted, and does its clock agree: one cheap question for each.

Source: https://developers.pipedrive.com/docs/api/v1/Users#getCurrentUser
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from connectors.pipedrive.client import Client, row
from connectors.pipedrive.settings import PipedriveSettings
from connectors.pipedrive.streams import KINDS
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, DisabledError, RetryLaterError, ShapeError

SKEW = timedelta(minutes=5)


def check(account: Account[PipedriveSettings]) -> list[Finding]:
    """Look at everything, with the settings alone."""
    return whole(account.settings, Client(account.settings, Alone()))


def whole(settings: PipedriveSettings, client: Client) -> list[Finding]:
    """Check everything; whoever is not let in, or whose remote is away, is not asked for more."""
    wanted = {"contacts": settings.contacts, "companies": settings.companies, "tasks": settings.tasks}
    parts: dict[str, Callable[[], Iterator[Finding]]] = {
        "login": lambda: _login(client),
        "clock": lambda: _clock(client),
        **{name: partial(_readable, client, name) for name in KINDS if wanted[name]},
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
            return Finding(
                topic, Level.RED, str(error), "Copy the API token again: Settings, Personal preferences, API."
            )
        case DisabledError():
            return Finding(topic, Level.RED, str(error), "Ask whoever pays for Pipedrive.")
        case RetryLaterError():
            return Finding(topic, Level.RED, str(error), "Try again in a minute.")
        case _:
            level = Level.RED if topic == "login" else Level.AMBER
            return Finding(topic, level, str(error), "Give the user the right, or switch this off in the settings.")


def _login(client: Client) -> Iterator[Finding]:
    told = row(client.ask("GET", "/v1/users/me"))
    yield Finding("login", Level.GREEN, f"Pipedrive lets us in as {str(told.get('name') or told.get('id'))[:80]}.")
    if told.get("is_admin") in (1, True):
        yield Finding("rights", Level.GREEN, "The user is an administrator: the hub can make its custom fields.")
    else:
        text = "The user is no administrator, and may not see all people or make custom fields."
        yield Finding(
            "rights", Level.AMBER, text, "Let an administrator make the fields of the README once, or use their token."
        )


def _clock(client: Client) -> Iterator[Finding]:
    if client.asked_at is None:
        text = "Pipedrive's answers have no Date header, so changes cannot be followed."
        yield Finding("clock", Level.RED, text, "Let the proxy in between leave the header as it is.")
        return
    skew = abs(datetime.now(UTC) - client.asked_at)
    if skew <= SKEW:
        yield Finding("clock", Level.GREEN, "The clock agrees with Pipedrive's.")
    else:
        text = f"The clock differs from Pipedrive's by {int(skew.total_seconds() // 60)} minutes."
        yield Finding("clock", Level.AMBER, text, "Let the server set its clock by NTP.")


def _readable(client: Client, name: str) -> Iterator[Finding]:
    client.ask("GET", f"/api/v2/{KINDS[name].place}", params={"limit": "1"})
    yield Finding(name, Level.GREEN, f"{KINDS[name].title} can be read.")
