"""Is it an EspoCRM, are we let in, and may the role do what is wanted? One cheap request for each.

Sources: https://docs.espocrm.com/development/api/, https://docs.espocrm.com/administration/roles-management/
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from connectors.espocrm.client import Client
from connectors.espocrm.settings import EspoSettings
from connectors.espocrm.streams import KINDS
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, GoneError, RetryLaterError, ScopeError, ShapeError

SKEW = timedelta(minutes=2)
_KEY = "Make a key of an API user and enter it here (README)."
_ROLE = "Give it in the role of the API user (README)."
_LATER = "Check the address and the way to the server, and try again in a minute."
_FIELD = "Make the field in the Entity Manager, or leave it empty in the settings."


def check(account: Account[EspoSettings]) -> list[Finding]:
    """Look at everything, with the settings alone."""
    return whole(account.settings, Client(account.settings, Alone()))


def whole(settings: EspoSettings, client: Client) -> list[Finding]:
    """Check everything; whoever is not let in, or whose remote is away, is not asked for more."""
    parts: Mapping[str, Callable[[], Iterator[Finding]]] = {
        "login": partial(_login, settings, client),
        "clock": partial(_clock, client),
        **{one.records: partial(_readable, client, one.records, one.entity) for one in KINDS.values()},
        "owners": partial(_readable, client, "owners", "User"),
        "finding again": partial(_found_again, settings, client),
    }
    found: list[Finding] = []
    for topic, part in parts.items():
        try:
            found += part()
        except (ConnectorError, ShapeError) as error:
            level = Level.AMBER if isinstance(error, ScopeError) and topic != "login" else Level.RED
            found.append(Finding(topic, level, str(error), _action(error)))
            if topic == "login" or isinstance(error, AuthError | RetryLaterError):
                break
    return found


def _login(settings: EspoSettings, client: Client) -> Iterator[Finding]:
    told = client.settings_of_user()
    user, acl = told.get("user"), told.get("acl")
    if not isinstance(user, dict):
        raise ShapeError("What answers at this address is no EspoCRM.")
    name = str(user.get("userName") or "")[:60]
    yield Finding("login", Level.GREEN, f"EspoCRM lets us in as {name}.")
    if user.get("type") in ("admin", "super-admin"):
        text = "The user of the key is an administrator: whoever has the key may do everything."
        yield Finding("role", Level.AMBER, text, "Use an API user with a role of its own.")
        return
    table = acl.get("table") if isinstance(acl, dict) else None
    lacking = list(_lacking(settings, table)) if isinstance(table, dict) else []
    if lacking:
        yield Finding("role", Level.AMBER, f"The role does not allow: {', '.join(lacking)}.", _ROLE)
    else:
        yield Finding("role", Level.GREEN, "The role allows what is written.")


def _lacking(settings: EspoSettings, table: Mapping[str, Any]) -> Iterator[str]:
    """Name what may not be made or changed, as far as EspoCRM says."""
    for entity in ("Contact", "Call", "Meeting", "Task", settings.lead_as):
        allowed = table.get(entity)
        for action in ("create", "edit"):
            if allowed is False or (isinstance(allowed, dict) and allowed.get(action) == "no"):
                yield f"{entity} ({action})"


def _clock(client: Client) -> Iterator[Finding]:
    at = client.asked_at
    if at is None:
        text = "EspoCRM's answers have no Date header, perhaps a proxy takes it away: our own clock has to do."
        yield Finding("clock", Level.AMBER, text, "Let the proxy pass the header on.")
    elif abs(at - datetime.now(UTC)) > SKEW:
        text = "EspoCRM's clock and ours are minutes apart; changes are asked for by EspoCRM's."
        yield Finding("clock", Level.AMBER, text, "Correct the clock that is wrong.")
    else:
        yield Finding("clock", Level.GREEN, "EspoCRM's clock and ours agree.")


def _readable(client: Client, topic: str, entity: str) -> Iterator[Finding]:
    client.rows(entity, (), ("createdAt",), limit=1)
    yield Finding(topic, Level.GREEN, f"{entity} can be read.")


def _found_again(settings: EspoSettings, client: Client) -> Iterator[Finding]:
    """Ask as `find` would, for a mark that nobody has."""
    if settings.mark_field:
        for entity in ("Contact", "Call", "Meeting", "Task", settings.lead_as):
            none = {"type": "equals", "attribute": settings.mark_field, "value": "hub-none"}
            try:
                client.rows(entity, [none], ("createdAt",), limit=1)
            except (RetryLaterError, AuthError):
                raise
            except ConnectorError as error:
                text = f"{entity} has no field {settings.mark_field}, or it cannot be searched: {error}"
                yield Finding("finding again", Level.RED, text, _FIELD)
                return
    if settings.others_as == "Note":
        client.rows("Note", [{"type": "contains", "attribute": "post", "value": "hub-none"}], ("createdAt",), limit=1)
    yield Finding("finding again", Level.GREEN, "What was written can be found again.")


def _action(error: Exception) -> str:
    if isinstance(error, AuthError):
        return _KEY
    if isinstance(error, ScopeError):
        return _ROLE
    if isinstance(error, GoneError):
        return "Correct the address: the part before /#, without /api/v1."
    return _LATER
