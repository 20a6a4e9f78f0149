"""An EspoCRM that is open: what is read, what is written, and who is there already."""

from collections.abc import Sequence
from typing import Any

from connectors.espocrm.check import whole
from connectors.espocrm.client import Client, Row
from connectors.espocrm.settings import EspoSettings
from connectors.espocrm.streams import KINDS, EspoStream
from connectors.espocrm.writers import EspoWriter, writer
from hub.connector import crm
from hub.connector.contract import Account, Finding
from hub.connector.stream import Push, Stream, Tools
from hub.errors import GoneError

MOST = 50  # addresses and numbers that are asked for at once
SUBSCRIBER = 9  # last digits of a number, which are the same with and without the country
FEWEST = 7  # digits that say who it is


class EspoRemote:
    """One EspoCRM, as the user of the key sees it."""

    def __init__(self, account: Account[EspoSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools)

    def streams(self) -> Sequence[Stream]:
        """Return what is read."""
        return [EspoStream(self._client, kind) for kind in KINDS.values()]

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        if key not in KINDS:
            raise GoneError(f"EspoCRM has no {key} here.")
        return EspoStream(self._client, KINDS[key])

    def writer(self, records: str, mailbox: str = "") -> EspoWriter:
        """Return what writes contacts, interactions, leads or tasks."""
        del mailbox
        return writer(self._client, records)

    def push(self) -> Push | None:
        """Return nothing: changes are asked for."""
        return None

    def people(self, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
        """Return the ids of contacts with one of these addresses or numbers, oldest first; asked for once.

        Args:
            phones: E.164.
        """
        addresses = sorted({one.strip().lower() for one in emails if one.strip()})[:MOST]
        numbers = sorted({one.strip() for one in phones if one.strip()})[:MOST]
        either: list[dict[str, Any]] = []
        if addresses:
            either.append({"type": "in", "attribute": "emailAddress", "value": addresses})
        if numbers:
            either.append({"type": "in", "attribute": "phoneNumber", "value": numbers})
        if self._settings.numeric_phones:
            ends = sorted({digits(one)[-SUBSCRIBER:] for one in numbers} - {""})
            either += [{"type": "endsWith", "attribute": "phoneNumberNumeric", "value": one} for one in ends]
        if not either:
            return ()
        where = [{"type": "or", "value": either}]
        fields = ("createdAt", "emailAddress", "emailAddressData", "phoneNumber", "phoneNumberData")
        rows = self._client.rows("Contact", where, fields, limit=MOST, order="createdAt")
        return [str(one["id"]) for one in rows if _is_one(one, addresses, numbers)]

    def record_url(self, records: str) -> str:
        """Return the address of the page of a contact or an account."""
        if records not in (crm.CONTACTS, crm.COMPANIES):
            return ""
        return f"{self._settings.site}/#{KINDS[records].entity}/view/{{external_id}}"

    def check(self) -> Sequence[Finding]:
        """Look at everything (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)


def digits(text: str) -> str:
    """Return the digits of a number."""
    return "".join(one for one in text if one in "0123456789")


def is_same(number: str, there: str) -> bool:
    """Say whether a number, E.164, may be one that somebody wrote without its country."""
    written = digits(there).lstrip("0")
    return len(written) >= FEWEST and digits(number).endswith(written)


def _is_one(row: Row, addresses: Sequence[str], numbers: Sequence[str]) -> bool:
    """Say whether it is one of these people: the last digits alone may be those of another country."""
    if any(value.lower() in addresses for value in _values(row, "emailAddress")):
        return True
    written = _values(row, "phoneNumber")
    listed = isinstance(row.get("phoneNumberData"), list)
    # Where EspoCRM tells the first number only, another one may be why it was found.
    return not listed or any(is_same(one, other) for one in numbers for other in written)


def _values(row: Row, name: str) -> list[str]:
    listed = row.get(f"{name}Data")
    found = (
        [str(one[name]) for one in listed if isinstance(one, dict) and one.get(name)]
        if isinstance(listed, list)
        else []
    )
    return [*found, str(row[name])] if row.get(name) else found
