"""Is the account set up, does Microsoft know the app, and may it do what is wanted? One cheap request for each.

Sources: https://learn.microsoft.com/graph/permissions-reference,
https://learn.microsoft.com/exchange/permissions-exo/application-rbac
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from connectors.microsoft import auth
from connectors.microsoft.client import Client
from connectors.microsoft.settings import CALENDAR, CONTACTS, MAIL, MicrosoftSettings
from hub.connector.checking import Alone, failures, reached, told
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, DisabledError, GoneError, RetryLaterError, ScopeError, ShapeError

MOST = 5  # mailboxes that are asked; an organisation may have thousands, and somebody waits for the answer
SKEW = timedelta(minutes=5)  # more than this, and signatures with a certificate are refused
SOON = timedelta(days=30)  # a certificate that ends is to be replaced before
_PREPARE = "Register an app in the Entra admin center and copy its id and a secret or a certificate here (README)."
_CONNECT = "Press Connect and sign in again."
_APPLICATION = (
    "Give the app this application permission: by RBAC for Applications in Exchange Online, for these mailboxes alone, "
    "or in Entra with an administrator's consent, for all (README)."
)
_BETWEEN = "Something between here and Microsoft answers in its place, such as a proxy or a network's sign-in page."


@dataclass(frozen=True, slots=True)
class _Part:
    """What is wanted of a mailbox, and its cheapest request."""

    topic: str
    title: str
    permission: str
    is_wanted: Callable[[MicrosoftSettings], bool]
    path: str
    params: Mapping[str, str]


_PARTS = (
    _Part("mail", "Mail", MAIL, lambda settings: settings.mail, "/mailFolders/inbox", {"$select": "id"}),
    _Part("calendar", "Calendar", CALENDAR, lambda settings: settings.calendar, "/calendar", {"$select": "id"}),
    _Part("contacts", "Contacts", CONTACTS, lambda settings: settings.contacts, "/contacts",
          {"$select": "id", "$top": "1"}),
)  # fmt: skip


def check(account: Account[MicrosoftSettings]) -> list[Finding]:
    """Look at the settings, reach Microsoft, and ask it where the settings alone are enough to be let in."""
    settings = account.settings
    tools = Alone()
    return whole(settings, lambda mailbox: Client(settings, tools, mailbox), is_connected=bool(auth.first(settings)))


def whole(settings: MicrosoftSettings, client: Callable[[str], Client], *, is_connected: bool = True) -> list[Finding]:
    """Check everything; without a grant, what can be known without it."""
    there = reached(
        "Microsoft", f"{auth.authority(settings)}/oauth2/v2.0/token", ca=settings.ca, timeout_s=settings.timeout_s
    )
    found = [*_credentials(settings), there.finding, *_clock(there.date)]
    if is_connected and not any(one.level is Level.RED for one in found):
        found += _asked(settings, client)
    return found


def _credentials(settings: MicrosoftSettings) -> Iterator[Finding]:
    if not settings.client_id or not settings.credential:
        yield Finding("credentials", Level.RED, "There is no app: its id or its secret is missing.", _PREPARE)
        return
    how = f"The app reads {len(settings.wanted_mailboxes)} mailboxes." if settings.app_only else "The app is set."
    ends_at = settings.certificate_ends_at
    left = ends_at - datetime.now(UTC) if ends_at else None
    renew = "Make a new certificate, upload it to the app, and enter it here."
    if ends_at is None or left is None or left > SOON:
        yield Finding("credentials", Level.GREEN, how)
    elif left > timedelta():
        yield Finding("credentials", Level.AMBER, f"The certificate ends on {ends_at:%Y-%m-%d}.", renew)
    else:
        yield Finding("credentials", Level.RED, f"The certificate ended on {ends_at:%Y-%m-%d}.", renew)
    if settings.app_only:
        # Entra tells no app whether it is limited, so this is said and not found out.
        yield Finding(
            "limits",
            Level.GREEN,
            "Application permissions that Entra grants open every mailbox of the organisation.",
            "Limit the app to its mailboxes by RBAC for Applications; Test-ServicePrincipalAuthorization shows it (README).",
        )


def _clock(date: str) -> Iterator[Finding]:
    """Compare our clock with Microsoft's, where it said what time it is."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return
    skew = abs(datetime.now(UTC) - theirs.astimezone(UTC))
    if skew <= SKEW:
        yield Finding("clock", Level.GREEN, "The clock agrees with Microsoft's.")
    else:
        text = f"The clock differs from Microsoft's by {int(skew.total_seconds() // 60)} minutes."
        yield Finding("clock", Level.AMBER, text, "Let the server set its clock by NTP.")


def _asked(settings: MicrosoftSettings, client: Callable[[str], Client]) -> list[Finding]:
    """Get a token and ask some mailboxes for each part; a remote that is away is not asked again and again."""
    asked = settings.wanted_mailboxes[:MOST]
    clients = {mailbox: client(mailbox) for mailbox in asked}
    refused = failures({mailbox: one.login for mailbox, one in list(clients.items())[:1]})  # the same for all
    found = [_login(settings, refused)]
    return found if refused else found + _parts(settings, clients)


def _login(settings: MicrosoftSettings, refused: dict[str, ConnectorError | ShapeError]) -> Finding:
    if not refused:
        some = len(settings.wanted_mailboxes) > MOST
        which = f"; the first {MOST} of {len(settings.wanted_mailboxes)} mailboxes are looked at" if some else ""
        return Finding("login", Level.GREEN, f"Microsoft gives access{which}.")
    error = next(iter(refused.values()))
    match error:
        case AuthError():
            action = _CONNECT
        case DisabledError():
            action = "Correct the settings, or the app in the Entra admin center."
        case _:
            action = "Try again in a minute."
    return Finding("login", Level.RED, str(error), action)


def _parts(settings: MicrosoftSettings, clients: dict[str, Client]) -> list[Finding]:
    failed: dict[str, dict[str, ConnectorError | ShapeError]] = {}
    wanted = {part.topic: part for part in _PARTS if part.is_wanted(settings)}
    for topic, part in wanted.items():
        failed[topic] = failures({mailbox: _request(part, client) for mailbox, client in clients.items()})
        if any(isinstance(error, RetryLaterError) for error in failed[topic].values()):
            break
    # A right that is missing stops its own streams; where nothing is left to read, the account.
    is_any_left = any(len(errors) < len(clients) for errors in failed.values())
    missing = Level.AMBER if is_any_left else Level.RED
    found = [_finding(wanted[topic], errors, missing, settings) for topic, errors in failed.items()]
    return [*found, _notifications(next(iter(clients.values())))] if is_any_left else found


def _request(part: _Part, client: Client) -> Callable[[], object]:
    return lambda: client.get(part.path, part.params)


def _finding(
    part: _Part, errors: dict[str, ConnectorError | ShapeError], missing: Level, settings: MicrosoftSettings
) -> Finding:
    if not errors:
        return Finding(part.topic, Level.GREEN, f"{part.title} answers.")
    text, error = told(errors)
    match error:
        case ScopeError():
            action = _APPLICATION if settings.app_only else "Press Connect and allow it; perhaps an administrator must."
            return Finding(part.topic, missing, f"{part.title}: {text} It needs {part.permission}.", action)
        case DisabledError():
            action = "Give this person a licence for Exchange Online, or do not read this mailbox."
            return Finding(part.topic, missing, f"{part.title}: {text}", action)
        case AuthError():
            return Finding(part.topic, Level.RED, f"{part.title}: {text}", _CONNECT)
        case GoneError():
            return Finding(part.topic, missing, f"{part.title}: {text}", "Check the address of the mailbox.")
        case ShapeError():
            return Finding(part.topic, Level.RED, f"{part.title}: {text}.", _BETWEEN)
        case RetryLaterError():
            return Finding(part.topic, Level.RED, f"{part.title}: {text}", "Try again in a minute.")
        case _:
            return Finding(part.topic, Level.RED, f"{part.title}: {text}", "Check the mailbox and the permissions.")


def _notifications(client: Client) -> Finding:
    """Ask which subscriptions there are: whoever may ask may have some."""
    failed = failures({client.mailbox: lambda: client.get("/subscriptions", root=True)})
    if not failed:
        return Finding("notifications", Level.GREEN, "Graph takes subscriptions, if it can reach the hub.")
    text, _ = told(failed)
    return Finding(
        "notifications", Level.AMBER, f"Changes are only polled for: {text}", "Check the permissions of the app."
    )
