"""An org that is open: what is read, what is written, and who is there already."""

from collections.abc import Sequence

from connectors.salesforce.check import whole
from connectors.salesforce.client import Client, Row, listed, quoted, soql
from connectors.salesforce.forms import digits
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.streams import KINDS, SalesforceStream
from connectors.salesforce.writers import SalesforceWriter, writer
from hub.connector.contract import Account, Finding
from hub.connector.crm import COMPANIES, CONTACTS
from hub.connector.stream import Push, Stream, Tools
from hub.errors import GoneError

MOST = 20  # addresses and numbers that are asked for at once
SUBSCRIBER = 9  # last digits of a number, which are the same with and without the country
FEWEST = 7  # digits that say who it is
_FIELDS = ("Phone", "MobilePhone", "HomePhone")


class SalesforceRemote:
    """One org, as the user that the app runs as sees it."""

    def __init__(self, account: Account[SalesforceSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._zone = account.time_zone
        self._client = Client(account.settings, tools)

    def streams(self) -> Sequence[Stream]:
        """Return what is read."""
        return [SalesforceStream(self._client, kind) for kind in KINDS.values()]

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        if key not in KINDS:
            raise GoneError(f"Salesforce has no {key} here.")
        return SalesforceStream(self._client, KINDS[key])

    def writer(self, records: str, mailbox: str = "") -> SalesforceWriter:
        """Return what writes contacts, interactions, leads or tasks."""
        del mailbox
        return writer(self._client, records, self._zone)

    def push(self) -> Push | None:
        """Return nothing: changes are asked for."""
        return None

    def people(self, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
        """Return the ids of contacts with one of these addresses or numbers, oldest first; asked for once.

        Args:
            phones: E.164.
        """
        addresses = sorted({one.strip().lower() for one in emails if one.strip()})[:MOST]
        numbers = sorted({one.strip() for one in phones if digits(one)})[:MOST]
        either = [f"Email IN {listed(addresses)}"] if addresses else []
        if numbers:
            forms = [form for one in numbers for form in (one, digits(one))]
            either += [f"{field} IN {listed(forms)}" for field in _FIELDS]
        if self._settings.loose_phones:
            patterns = ["%" + "%".join(digits(one)[-SUBSCRIBER:]) for one in numbers]
            either += [f"{field} LIKE {quoted(one)}" for one in patterns for field in _FIELDS]
        if not either:
            return ()
        where = f"WHERE IsDeleted = false AND ({' OR '.join(either)}) ORDER BY CreatedDate LIMIT 50"
        found = self._client.query(soql(", ".join(("Id", "Email", *_FIELDS)), "Contact", where)).rows
        return [str(one["Id"]) for one in found if _is_one(one, addresses, numbers)]

    def record_url(self, records: str) -> str:
        """Return the address of the page of a contact or an account; Salesforce leads on to Lightning."""
        return f"{self._settings.site}/{{external_id}}" if records in (CONTACTS, COMPANIES) else ""

    def check(self) -> Sequence[Finding]:
        """Look at everything (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)


def is_same(number: str, there: str) -> bool:
    """Say whether a number, E.164, may be one that somebody wrote without its country."""
    written = digits(there).lstrip("0")
    return len(written) >= FEWEST and digits(number).endswith(written)


def _is_one(row: Row, addresses: Sequence[str], numbers: Sequence[str]) -> bool:
    """Say whether it is one of these people: a pattern lets other digits in between through, and other countries."""
    if str(row.get("Email") or "").lower() in addresses:
        return True
    return any(is_same(one, str(row.get(field) or "")) for one in numbers for field in _FIELDS)
