"""A QuickBooks company that is open for reading. Nothing is ever written to it."""

from collections.abc import Sequence

from connectors.quickbooks import streams
from connectors.quickbooks.check import whole
from connectors.quickbooks.client import Client
from connectors.quickbooks.push import QuickBooksPush
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import AuthError, GoneError, RejectedError


class QuickBooksRemote:
    """One account: one company (`hub.connector.stream.Remote`)."""

    def __init__(self, account: Account[QuickBooksSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools)

    def streams(self) -> Sequence[Stream]:
        """Return what is read, as the settings say."""
        if not self._settings.company:
            raise AuthError("Nobody connected this account yet. Open it under Connections and press Connect.")
        return list(streams.streams(self._client))

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        found = streams.stream(self._client, key)
        if found is None:
            raise GoneError(f"The settings no longer want {key}.")
        return found

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Write nothing: the ledger is master of its books."""
        del mailbox
        raise RejectedError(f"Nothing is written to QuickBooks' {records}.")

    def push(self) -> Push | None:
        """Return the webhooks."""
        return QuickBooksPush(self._settings)

    def check(self) -> Sequence[Finding]:
        """Ask QuickBooks with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, lambda: self._client)
