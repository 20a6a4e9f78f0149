"""A Pipedrive account that is open: what is read, and what writes to it."""

from collections.abc import Sequence

from connectors.pipedrive.check import whole
from connectors.pipedrive.client import Client
from connectors.pipedrive.people import people
from connectors.pipedrive.settings import PipedriveSettings
from connectors.pipedrive.streams import KINDS, RecordStream
from connectors.pipedrive.writers import WRITABLE, RecordWriter
from hub.connector.contract import Account, Finding
from hub.connector.crm import COMPANIES, CONTACTS
from hub.connector.stream import Push, Stream, Tools
from hub.errors import GoneError, RejectedError


class PipedriveRemote:
    """One account, as the user of the token sees it."""

    def __init__(self, account: Account[PipedriveSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools)
        chosen = {
            "contacts": self._settings.contacts,
            "companies": self._settings.companies,
            "tasks": self._settings.tasks,
        }
        self._kinds = {name: kind for name, kind in KINDS.items() if chosen[name]}

    def streams(self) -> Sequence[Stream]:
        """Return what is read, as the settings say."""
        return [RecordStream(self._client, kind) for kind in self._kinds.values()]

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        if key not in self._kinds:
            raise GoneError(f"The settings no longer want {key}.")
        return RecordStream(self._client, self._kinds[key])

    def writer(self, records: str, mailbox: str = "") -> RecordWriter:
        """Return what writes people, interactions, leads or tasks."""
        del mailbox
        if records not in WRITABLE:
            raise RejectedError(f"Nothing is written to Pipedrive's {records}.")
        return RecordWriter(self._client, records)

    def people(self, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
        """Return the ids of people who are there already; one search for each value.

        Args:
            phones: E.164.
        """
        return people(self._client, emails, phones)

    def record_url(self, records: str) -> str:
        """Return the address of the page of a person or an organisation."""
        return (
            f"{self._settings.base}/{KINDS[records].page}/{{external_id}}" if records in (CONTACTS, COMPANIES) else ""
        )

    def push(self) -> Push | None:
        """Return nothing: changes are polled for."""
        return None

    def check(self) -> Sequence[Finding]:
        """Look at everything (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)
