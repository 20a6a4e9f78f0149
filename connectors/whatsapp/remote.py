"""A WhatsApp Business account that is open: its numbers write, and its files are fetched. There is nothing to read in it.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from connectors.whatsapp.check import whole
from connectors.whatsapp.client import Client
from connectors.whatsapp.messages import RECORDS
from connectors.whatsapp.sending import MessageWriter
from connectors.whatsapp.settings import WhatsAppSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError, RetryLaterError

_ID = re.compile(r"[0-9A-Za-z_]{1,100}")


class WhatsAppRemote:
    """One WhatsApp Business account (`hub.connector.stream.Remote`)."""

    def __init__(self, account: Account[WhatsAppSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._client = Client(account.settings, tools)

    def streams(self) -> Sequence[Stream]:
        """Return nothing: Meta keeps no history that could be read."""
        return ()

    def stream(self, key: str) -> Stream:
        """Return no stream: there is none."""
        raise GoneError(f"WhatsApp has nothing to read: {key}.")

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return what sends from one of our numbers.

        Args:
            mailbox: Meta's id of the number.
        """
        if records != RECORDS:
            raise RejectedError(f"Nothing is written to WhatsApp's {records}.")
        if not mailbox.isascii() or not mailbox.isdigit() or not self._settings.wants("", mailbox):
            raise RejectedError(f"The settings do not name the number with the id {mailbox[:40]!r}.")
        return MessageWriter(self._client, mailbox)

    def push(self) -> Push | None:
        """Return nothing: what is posted is the message itself, and no hint (`webhook.receive`)."""
        return None

    def media(self, media: str, *, largest: int) -> bytes:
        """Return a file of a message. Meta tells an address that counts for five minutes, so each time it is asked anew.

        Raises:
            RejectedError: it is too large, or Meta names an address that is none of its own.
            GoneError: it is no more; Meta keeps files of customers for some days only.
            RetryLaterError, AuthError, ScopeError: as of any request.
        """
        if not _ID.fullmatch(media):
            raise GoneError("That is no id of a file.")
        told = self._client.get(f"/{quote(media, safe='')}")
        size, address = told.get("file_size"), told.get("url")
        if isinstance(size, int | str) and str(size).isdecimal() and int(size) > largest:
            raise RejectedError(f"The file has {size} bytes; at most {largest}.")
        if not isinstance(address, str):
            raise RetryLaterError("Meta's answer about a file names no address.")
        return self._client.file(address, largest)

    def check(self) -> Sequence[Finding]:
        """Ask Meta (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client)
