"""A gateway that is open: it sends, and hands out the files of messages. There is nothing to read in it."""

from collections.abc import Sequence

from connectors.sms.check import whole
from connectors.sms.client import Client
from connectors.sms.message import MESSAGES
from connectors.sms.sending import MessageWriter
from connectors.sms.settings import SmsSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError


class SmsRemote:
    """One gateway (`hub.connector.stream.Remote`)."""

    def __init__(self, account: Account[SmsSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools, account.id)

    def streams(self) -> Sequence[Stream]:
        """Return nothing: what came is posted."""
        return ()

    def stream(self, key: str) -> Stream:
        """Return no stream: there is none."""
        raise GoneError(f"A gateway has nothing to read: {key}.")

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return what sends.

        Args:
            mailbox: our number that the customer wrote to, as the gateway wrote it.
        """
        if records != MESSAGES:
            raise RejectedError(f"Nothing is written to the gateway's {records}.")
        if not self._settings.base:
            raise RejectedError("This account only takes messages: its settings name no address to send by.")
        return MessageWriter(self._client, mailbox)

    def push(self) -> Push | None:
        """Return nothing: what is posted is the message itself, and no hint (`webhook.receive`)."""
        return None

    def media(self, media: str, *, largest: int) -> bytes:
        """Return a file of a message; raises as `Client.file`.

        Args:
            media: its address, as the message names it: anybody may have written it.
        """
        return self._client.file(media, largest)

    def check(self) -> Sequence[Finding]:
        """Ask the gateway (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)
