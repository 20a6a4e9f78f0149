"""A HubSpot account that is open: what is read, and what writes to it."""

from collections.abc import Sequence

from connectors.hubspot.check import whole
from connectors.hubspot.client import Client
from connectors.hubspot.kinds import KINDS, wanted
from connectors.hubspot.people import people
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.streams import ObjectStream
from connectors.hubspot.writers import WRITABLE, ObjectWriter
from hub.connector.contract import Account, Finding
from hub.connector.crm import COMPANIES, CONTACTS
from hub.connector.stream import Push, Stream, Tools
from hub.errors import GoneError, RejectedError


class HubSpotRemote:
    """One account, as the private app sees it."""

    def __init__(self, account: Account[HubSpotSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools)
        self._kinds = wanted(account.settings)

    def streams(self) -> Sequence[Stream]:
        """Return what is read, as the settings say."""
        return [ObjectStream(self._client, kind) for kind in self._kinds.values()]

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        if key not in self._kinds:
            raise GoneError(f"The settings no longer want {key}.")
        return ObjectStream(self._client, self._kinds[key])

    def writer(self, records: str, mailbox: str = "") -> ObjectWriter:
        """Return what writes people, interactions, leads or tasks."""
        del mailbox
        if records not in WRITABLE:
            raise RejectedError(f"Nothing is written to HubSpot's {records}.")
        return ObjectWriter(self._client, records)

    def people(self, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
        """Return the ids of people who are there already, by one search.

        Args:
            phones: E.164.
        """
        return people(self._client, emails, phones)

    def record_url(self, records: str) -> str:
        """Return the address of the page of a person or a company."""
        if records not in (CONTACTS, COMPANIES):
            return ""
        return f"{self._settings.pages_of(KINDS[records].number)}/{{external_id}}"

    def push(self) -> Push | None:
        """Return nothing: a private app's webhooks are set by hand, for few kinds; changes are polled for."""
        return None

    def check(self) -> Sequence[Finding]:
        """Look at everything (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)
