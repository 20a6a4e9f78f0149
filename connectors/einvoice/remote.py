"""An account of e-invoice files that is open: a folder to be read, and files that are handed over."""

from collections.abc import Sequence

from connectors.einvoice.folder import FolderStream
from connectors.einvoice.records import RECORDS, record_of
from connectors.einvoice.settings import EinvoiceSettings
from hub.connector.contract import Account, Delivered
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError


class EinvoiceRemote:
    """One account; files come from its folder, and by hand (`hub.connector.ledger.TakesFiles`)."""

    def __init__(self, account: Account[EinvoiceSettings], tools: Tools) -> None:
        del tools  # a folder has no limits
        self._settings = account.settings

    def streams(self) -> Sequence[Stream]:
        return [FolderStream(self._settings)] if self._settings.folder else []

    def stream(self, key: str) -> Stream:
        if key != RECORDS or not self._settings.folder:
            raise GoneError("The settings name no folder any more.")
        return FolderStream(self._settings)

    def writer(self, records: str, mailbox: str = "") -> Writer:
        raise RejectedError(f"Nothing is written to files of {records}{mailbox and ' '}{mailbox}.")

    def push(self) -> Push | None:
        return None

    @property
    def from_mails(self) -> Sequence[str]:
        """Return the ends of names of attachments that are wanted, in small letters."""
        return tuple(self._settings.from_mails.lower().split())

    def records_of(self, name: str, data: bytes) -> Sequence[Delivered]:
        """Return the document of a file that somebody hands over. Raises ShapeError."""
        del name  # a document is known by what it says
        return [record_of(data)]
