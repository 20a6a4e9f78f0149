"""Is the account set up, does Google know it, and may it do what is wanted? One cheap request for each API.

Source: https://developers.google.com/workspace/guides/enable-apis,
https://support.google.com/a/answer/162106 (domain-wide delegation)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.google import auth, calendar, mail
from connectors.google.client import Client
from connectors.google.settings import CALENDAR, CONTACTS, MAIL, OTHER_CONTACTS, GoogleSettings
from hub.connector.checking import Alone, failures, reached, told
from hub.connector.contract import Account, Finding, Level
from hub.connector.stream import Limit
from hub.errors import AuthError, ConnectorError, DisabledError, RetryLaterError, ScopeError, ShapeError

MOST = 5  # mailboxes that are asked; a Workspace may have hundreds, and somebody waits for the answer
_PREPARE = "Make an OAuth client of type Web in the Google Cloud console and copy its id and secret here."
_DELEGATE = (
    "Let the service account act for this mailbox: Google Admin console, Security, Access and data control, "
    "API controls, Manage domain-wide delegation; with every scope of the README."
)


@dataclass(frozen=True, slots=True)
class _Api:
    """What is wanted of one API, and its cheapest request."""

    topic: str
    title: str
    service: str
    scope: str
    is_wanted: Callable[[GoogleSettings], bool]
    request: Callable[[Client], Any]
    limits: Callable[[Client], Sequence[Limit]]


def _people_limits(client: Client) -> Sequence[Limit]:
    return (Limit(f"google:contacts:{client.mailbox}", client.settings.contact_requests_per_minute),)


_APIS = (
    _Api(
        "mail", "Gmail", "gmail", MAIL, lambda settings: settings.mail,
        lambda client: client.gmail.users().getProfile(userId="me"),
        lambda client: mail.stream(client).limits,
    ),
    _Api(
        "calendar", "Google Calendar", "calendar-json", CALENDAR, lambda settings: settings.calendar,
        lambda client: client.calendar.calendarList().list(maxResults=1),
        lambda client: calendar.stream(client, "primary").limits,
    ),
    _Api(
        "contacts", "Google Contacts", "people", CONTACTS, lambda settings: settings.contacts,
        lambda client: client.people.people().connections().list(
            resourceName="people/me", pageSize=1, personFields="metadata"
        ),
        _people_limits,
    ),
    _Api(
        "other contacts", "Other contacts", "people", OTHER_CONTACTS, lambda settings: settings.other_contacts,
        lambda client: client.people.otherContacts().list(pageSize=1, readMask="emailAddresses"),
        _people_limits,
    ),
)  # fmt: skip


def check(account: Account[GoogleSettings]) -> list[Finding]:
    """Look at the settings, reach Google, and ask it where the settings alone are enough to be let in."""
    settings = account.settings
    tools = Alone()
    return whole(settings, lambda mailbox: Client(settings, tools, mailbox), is_connected=bool(auth.first(settings)))


def whole(settings: GoogleSettings, client: Callable[[str], Client], *, is_connected: bool = True) -> list[Finding]:
    """Check everything; without a grant, what can be known without it."""
    found = [_credentials(settings), _reachable(settings)]
    if is_connected and not any(one.level is Level.RED for one in found):
        found += _asked(settings, client)
    return found


def _credentials(settings: GoogleSettings) -> Finding:
    if settings.key:
        count = len(settings.wanted_mailboxes)
        return Finding("credentials", Level.GREEN, f"A service account reads {count} mailboxes.")
    if settings.client_id and settings.client_secret.get_secret_value():
        return Finding("credentials", Level.GREEN, "The OAuth client is set.")
    return Finding("credentials", Level.RED, "There is no OAuth client and no service account.", _PREPARE)


def _reachable(settings: GoogleSettings) -> Finding:
    return reached("Google", auth.token_uri(settings), ca=settings.ca, timeout_s=settings.timeout_s).finding


def _asked(settings: GoogleSettings, client: Callable[[str], Client]) -> list[Finding]:
    """Get a token for some mailboxes and ask each wanted API; a remote that is away is not asked again and again."""
    asked = settings.wanted_mailboxes[:MOST]
    clients = {mailbox: client(mailbox) for mailbox in asked}
    refused = failures({mailbox: one.login for mailbox, one in clients.items()})
    found = [_login(settings, asked, refused)]
    clients = {mailbox: one for mailbox, one in clients.items() if mailbox not in refused}
    return found + (_apis(settings, clients) if clients else [])


def _login(settings: GoogleSettings, asked: Sequence[str], refused: dict[str, ConnectorError | ShapeError]) -> Finding:
    total = len(settings.wanted_mailboxes)
    if not refused:
        which = f" for the first {len(asked)} of {total} mailboxes" if len(asked) < total else ""
        return Finding("login", Level.GREEN, f"Google gives access{which}.")
    text, error = told(refused)
    if isinstance(error, AuthError):
        action = _DELEGATE if settings.key else "Press Connect and allow the access again."
    else:
        action = "Try again in a minute."
    return Finding("login", Level.RED, text, action)


def _apis(settings: GoogleSettings, clients: dict[str, Client]) -> list[Finding]:
    failed: dict[_Api, dict[str, ConnectorError | ShapeError]] = {}
    for api in _wanted(settings):
        failed[api] = failures({mailbox: _request(api, client) for mailbox, client in clients.items()})
        if any(isinstance(error, RetryLaterError) for error in failed[api].values()):
            break
    # A right that is missing stops its own streams; where nothing is left to read, the account.
    missing = Level.AMBER if any(not errors for errors in failed.values()) else Level.RED
    return [_finding(api, errors, missing, settings) for api, errors in failed.items()]


def _wanted(settings: GoogleSettings) -> Iterator[_Api]:
    return (api for api in _APIS if api.is_wanted(settings))


def _request(api: _Api, client: Client) -> Callable[[], object]:
    return lambda: client.call(api.request(client), api.limits(client))


def _finding(
    api: _Api, errors: dict[str, ConnectorError | ShapeError], missing: Level, settings: GoogleSettings
) -> Finding:
    if not errors:
        return Finding(api.topic, Level.GREEN, f"{api.title} answers.")
    text, error = told(errors)
    match error:
        case ScopeError():
            action = _DELEGATE if settings.key else "Press Connect again and leave the box of this permission ticked."
            return Finding(api.topic, missing, f"{api.title}: {text} It needs the scope {api.scope}.", action)
        case DisabledError():
            address = f"https://console.cloud.google.com/apis/library/{api.service}.googleapis.com"
            return Finding(api.topic, missing, f"{api.title}: {text}", f"Switch the API on: {address}")
        case AuthError():
            return Finding(api.topic, Level.RED, f"{api.title}: {text}", "Press Connect and allow the access again.")
        case ShapeError():
            action = (
                "Something between here and Google answers in its place, such as a proxy or a network's sign-in page."
            )
            return Finding(api.topic, Level.RED, f"{api.title}: {text}.", action)
        case RetryLaterError():
            return Finding(api.topic, Level.RED, f"{api.title}: {text}", "Try again in a minute.")
        case _:
            return Finding(api.topic, Level.RED, f"{api.title}: {text}", "Check the mailbox and the scopes.")
