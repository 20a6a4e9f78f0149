"""A Xero account that is open: one organisation, read and never written."""

from collections.abc import Sequence

from connectors.xero import organisation, streams
from connectors.xero.check import whole
from connectors.xero.client import Client
from connectors.xero.kinds import KINDS
from connectors.xero.push import XeroPush
from connectors.xero.settings import XeroSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError


class XeroRemote:
    """One organisation."""

    def __init__(self, account: Account[XeroSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools, account.id)

    def streams(self) -> Sequence[Stream]:
        """Return what is read, the organisation first: documents belong to it, and payments to documents."""
        return [self.stream(organisation.RECORDS), *(self.stream(one) for one in KINDS)]

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        if key == organisation.RECORDS:
            return organisation.OrganisationStream(self._client)
        if key not in KINDS:
            raise GoneError(f"Xero has no {key} here.")
        return streams.stream(self._client, KINDS[key])

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return nothing: a ledger is never written."""
        del mailbox
        raise RejectedError(f"Nothing is written to Xero, no {records} either.")

    def push(self) -> Push | None:
        """Return the webhooks of the app."""
        return XeroPush(self._settings)

    def check(self) -> Sequence[Finding]:
        """Ask Xero with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)
