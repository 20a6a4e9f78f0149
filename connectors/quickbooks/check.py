"""Is the account set up, does Intuit know it, and may whoever connected see all books? One cheap request for each kind.

Source: https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/faq
"""

from collections.abc import Callable
from datetime import UTC, datetime

from connectors.quickbooks import auth
from connectors.quickbooks.client import Client
from connectors.quickbooks.entities import KINDS, wanted
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.checking import Alone, reached
from hub.connector.contract import Account, Finding, Level
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)

_PREPARE = "Make an app at developer.intuit.com and copy its client id and secret (Keys and credentials) here."
_CONNECT = "Press Connect and choose the company again."
_LATER = "Try again in a minute."
_FAULTS = (ConnectorError, ShapeError)


def check(account: Account[QuickBooksSettings]) -> list[Finding]:
    """Look at the settings, reach Intuit, and ask for the company where the settings alone are enough to be let in."""
    settings = account.settings
    is_connected = bool(auth.first(settings) and settings.company)
    return whole(settings, lambda: Client(settings, Alone()), is_connected=is_connected)


def whole(settings: QuickBooksSettings, client: Callable[[], Client], *, is_connected: bool = True) -> list[Finding]:
    """Check everything; without a grant, what can be known without it."""
    found = [
        _credentials(settings),
        reached("Intuit", settings.identity_url, ca=settings.ca, timeout_s=settings.timeout_s).finding,
    ]
    if settings.verifier_token.get_secret_value():
        found.append(Finding("webhooks", Level.GREEN, "Posts are checked with the verifier token."))
    if is_connected and not any(one.level is Level.RED for one in found):
        found += _asked(client())
    return found


def _credentials(settings: QuickBooksSettings) -> Finding:
    if settings.client_id and settings.client_secret.get_secret_value():
        return Finding("credentials", Level.GREEN, "The app's client id and secret are set.")
    return Finding("credentials", Level.RED, "There is no app.", _PREPARE)


def _asked(client: Client) -> list[Finding]:
    """Ask for the company, and how much there is of each kind; one that is away is not asked again and again."""
    try:
        client.login()
        answer = client.query("select * from CompanyInfo")
    except _FAULTS as error:
        return [Finding("login", Level.RED, str(error), _action(error))]
    found = [
        Finding("login", Level.GREEN, f"The company is {_name(answer) or client.settings.company}."),
        _clock(answer),
    ]
    failed = _kinds(client)
    level = Level.RED if len(failed) == len(KINDS) else Level.AMBER
    found += [Finding(records, level, f"{records}: {error}", _action(error)) for records, error in failed.items()]
    return found if failed else [*found, Finding("books", Level.GREEN, "All kinds of documents may be read.")]


def _kinds(client: Client) -> dict[str, ConnectorError | ShapeError]:
    failed: dict[str, ConnectorError | ShapeError] = {}
    for kind in KINDS.values():
        entities = wanted(kind, suppliers=client.settings.suppliers)
        try:
            if entities:
                client.count(entities[0].name)
        except _FAULTS as error:
            failed[kind.records] = error
            if isinstance(error, RetryLaterError | AuthError):
                break
    return failed


def _name(answer: dict[str, object]) -> str:
    response = answer.get("QueryResponse")
    listed = response.get("CompanyInfo") if isinstance(response, dict) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    return str(first.get("CompanyName", "")) if isinstance(first, dict) else ""


def _clock(answer: dict[str, object]) -> Finding:
    try:
        away_s = abs((datetime.fromisoformat(str(answer.get("time"))) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return Finding("clock", Level.GREEN, "QuickBooks does not say what time it is there.")
    if away_s > 600:
        text = f"This server's clock and QuickBooks' are {round(away_s / 60)} minutes apart."
        return Finding("clock", Level.AMBER, text, "Let the server's clock be set by NTP.")
    return Finding("clock", Level.GREEN, "This server's clock agrees with QuickBooks'.")


def _action(error: ConnectorError | ShapeError) -> str:
    match error:
        case AuthError():
            return _CONNECT
        case ScopeError():
            return "Let an administrator of the company press Connect, or give whoever did the right to see all of its books."
        case DisabledError():
            return "Look at the company's subscription in QuickBooks."
        case RetryLaterError():
            return _LATER
        case ShapeError():
            return (
                "Something between here and Intuit answers in its place, such as a proxy or a network's sign-in page."
            )
        case GoneError() | RejectedError():
            return "Correct the address of the API: sandbox companies have another one than real ones."
        case _:
            return _LATER
