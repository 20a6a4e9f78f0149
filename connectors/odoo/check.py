"""Is it an Odoo, are we let in, may the key only read, and what of it: one cheap question for each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from connectors.odoo.client import Client, id_of, is_at_least
from connectors.odoo.errors import NoModelError, NoPlaceError
from connectors.odoo.kinds import wanted
from connectors.odoo.listing import Kind
from connectors.odoo.settings import JSON2, OdooSettings
from connectors.odoo.window import moment_of
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, DisabledError, RejectedError, RetryLaterError, ScopeError, ShapeError

SKEW = timedelta(minutes=5)
SOON = timedelta(days=30)  # a key that ends is to be replaced before
SHOWN = 20  # companies that are named
# What a key that should only read may not: whoever can write one of these can change the books.
LEDGER = ("account.move", "account.payment", "res.partner")
BOOKS = LEDGER[:2]
WRITTEN = {"mail.message": "notes", "mail.activity": "tasks", "crm.lead": "leads", "res.partner": "new customers"}
_KEY = "Make a key of a user with the group Accounting / Read-only and nothing more, and enter it here (README)."
_AGAIN = "Try again in a minute."


def check(account: Account[OdooSettings]) -> list[Finding]:
    """Look at everything, with the settings alone."""
    return whole(account.settings, Client(account.settings, Alone()), wanted(account.settings))


def whole(settings: OdooSettings, client: Client, kinds: Sequence[Kind]) -> list[Finding]:
    """Check everything; whoever is not let in, or whose remote is away, is not asked for more."""
    there = _reach(settings, client)
    if there.level is Level.RED:
        return [there]
    found = [there]
    parts: Mapping[str, Callable[[], Iterator[Finding]]] = {
        "login": lambda: _login(client),
        "protocol": lambda: _protocol(client),
        "clock": lambda: _clock(client),
        "key": lambda: _key(client),
        "rights": lambda: _rights(client),
        "legal entities": lambda: _companies(client),
        **{kind.records: partial(_readable, client, kind) for kind in kinds},
    }
    for topic, part in parts.items():
        try:
            found += part()
        except (ConnectorError, ShapeError) as error:
            found.append(_refused(topic, error))
            if topic == "login" or isinstance(error, AuthError | RetryLaterError):
                break
    return found


def _reach(settings: OdooSettings, client: Client) -> Finding:
    try:
        version = client.version()
    except NoPlaceError as error:
        return Finding("reach", Level.RED, str(error), "Correct the address: the part before /odoo or /web.")
    except RetryLaterError as error:
        return Finding("reach", Level.RED, str(error), "Check the address, the CA file, and the way to the server.")
    if not settings.base_url.startswith("https://"):
        text = f"Odoo {version} answers, without encryption: whoever listens between reads the key."
        return Finding("reach", Level.AMBER, text, "Give the server a certificate, and use https://.")
    return Finding("reach", Level.GREEN, f"Odoo {version} answers.")


def _refused(topic: str, error: ConnectorError | ShapeError) -> Finding:
    """Say what failed: without a key nothing goes on, without a right the rest does."""
    match error:
        case AuthError():
            return Finding(topic, Level.RED, str(error), _KEY)
        case NoModelError():
            return Finding(topic, Level.AMBER, str(error), "Install the app, or switch this off in the settings.")
        case ScopeError():
            level = Level.RED if topic == "login" else Level.AMBER
            return Finding(topic, level, str(error), "Give the user the right, or switch this off in the settings.")
        case DisabledError():
            return Finding(topic, Level.RED, str(error), "Ask whoever runs the server, or odoo.com.")
        case RetryLaterError():
            return Finding(topic, Level.RED, str(error), _AGAIN)
        case _:
            return Finding(topic, Level.RED, str(error), "Check the address, the database and the protocol.")


def _login(client: Client) -> Iterator[Finding]:
    told = client.ask("res.users", "context_get")
    yield Finding("login", Level.GREEN, f"Odoo lets us in{_who(client, told)}.")


def _who(client: Client, login: object) -> str:
    uid = id_of(login.get("uid")) if isinstance(login, dict) else 0
    try:
        found = client.of_ids("res.users", [uid], ("login",)) if uid else {}
    except ConnectorError:
        return ""
    name = found.get(uid, {}).get("login")
    database = f" to {client.settings.database}" if client.settings.database else ""
    return f" as {name}{database}" if name else database


def _protocol(client: Client) -> Iterator[Finding]:
    """Say that an old protocol will end.

    Source: https://www.odoo.com/documentation/19.0/developer/reference/external_rpc_api.html
    """
    if client.protocol == JSON2:
        yield Finding("protocol", Level.GREEN, "JSON-2 is spoken.")
    elif is_at_least(client.version(), 19):
        text = f"{client.protocol} is spoken, which ends with Odoo 22."
        yield Finding("protocol", Level.AMBER, text, "Set the protocol to auto.")
    else:
        yield Finding("protocol", Level.GREEN, f"{client.protocol} is spoken: this Odoo has no JSON-2 yet.")


def _clock(client: Client) -> Iterator[Finding]:
    """Compare clocks. Changes go by Odoo's, so ours may be wrong; what is overdue goes by ours."""
    if client.asked_at is None:
        text = "Odoo's answers have no Date header, so changes cannot be followed."
        yield Finding("clock", Level.AMBER, text, "Let the proxy in front of Odoo leave the header as it is.")
        return
    skew = abs(datetime.now(UTC) - client.asked_at)
    if skew <= SKEW:
        yield Finding("clock", Level.GREEN, "The clock agrees with Odoo's.")
    else:
        text = f"The clock differs from Odoo's by {int(skew.total_seconds() // 60)} minutes."
        yield Finding("clock", Level.AMBER, text, "Let both servers set their clocks by NTP.")


def _key(client: Client) -> Iterator[Finding]:
    """Say when a key of this user ends; which of them is ours Odoo does not tell."""
    try:
        listed = client.rows("res.users.apikeys", [["expiration_date", "!=", False]], ("expiration_date",))
    except (ScopeError, RejectedError):  # before Odoo 18 keys did not end
        return
    ends = [str(one["expiration_date"]) for one in listed if one.get("expiration_date")]
    if ends and moment_of(min(ends)) - datetime.now(UTC) < SOON:
        text = f"A key of this user ends on {min(ends)[:10]}."
        yield Finding("key", Level.AMBER, text, "Make a new key before, and enter it here.")
    elif ends:
        yield Finding("key", Level.GREEN, f"The key is good until {min(ends)[:10]} at least.")


def _rights(client: Client) -> Iterator[Finding]:
    """Say whether the key may do more than it should; asking changes nothing."""
    kept = BOOKS if client.settings.writes else LEDGER
    writable = [model for model in kept if _may(client, model, "write")]
    if writable:
        text = f"The key may also change {', '.join(writable)}. The hub never does, but whoever gets hold of it could."
        yield Finding("rights", Level.AMBER, text, _KEY)
    else:
        yield Finding("rights", Level.GREEN, "The key may read and cannot change the books.")
    if client.settings.writes:
        yield from _writing(client)


def _writing(client: Client) -> Iterator[Finding]:
    """Say what of a CRM cannot be written."""
    for model, what in WRITTEN.items():
        try:
            may = _may(client, model, "create") and _may(client, model, "write")
        except NoModelError:
            yield Finding("writing", Level.AMBER, f"Odoo has no {model}: {what} cannot be written.", "Install its app.")
            continue
        if not may:
            text = f"The user of the key may not write {model}: {what} wait."
            yield Finding("writing", Level.RED, text, "Give the user the rights of the README.")


def _may(client: Client, model: str, operation: str) -> bool:
    try:
        return client.ask(model, "has_access", ids=[], operation=operation) is True
    except (RejectedError, ScopeError):  # before Odoo 18 the question had another name
        asked = {"operation": operation, "raise_exception": False}
        return client.ask(model, "check_access_rights", **asked) is True


def _companies(client: Client) -> Iterator[Finding]:
    """Name the companies that the user sees, with their ids: by these some can be left out."""
    rows = client.rows("res.company", [], ("name",))
    off = client.settings.unwanted_companies
    named = ", ".join(
        f"{row.get('name')} ({row['id']}{', left out' if row['id'] in off else ''})" for row in rows[:SHOWN]
    )
    if all(row["id"] in off for row in rows):
        yield Finding(
            "legal entities", Level.RED, f"No company is left to read: {named}.", "Correct the companies left out."
        )
    elif unknown := [one for one in off if one not in {row["id"] for row in rows}]:
        text = f"Left out, and not seen: {', '.join(map(str, unknown))}. Seen: {named}."
        yield Finding("legal entities", Level.AMBER, text, "Correct the companies left out.")
    else:
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        yield Finding("legal entities", Level.GREEN, f"Companies: {named}{more}.")


def _readable(client: Client, kind: Kind) -> Iterator[Finding]:
    """Say how many records of a kind there are; without its app, or a right, its stream stands still and the others go on."""
    count = client.count(kind.model, kind.domain(client.settings))
    yield Finding(kind.records, Level.GREEN, f"{kind.title}: {count} to read.")
