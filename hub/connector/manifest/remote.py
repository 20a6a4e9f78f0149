"""An account of a manifest that is open: one stream for each listing, and nothing that could write."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from hub.connector.contract import Account, Finding
from hub.connector.manifest.check import whole
from hub.connector.manifest.client import Client
from hub.connector.manifest.settings import Access, ManifestSettings
from hub.connector.manifest.streams import ManifestStream, stream_of
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError

AccessOf = Callable[[Account[ManifestSettings]], Access]


class ManifestRemote:
    """One account (`hub.connector.stream.Remote`)."""

    def __init__(self, access: Access, tools: Tools, time_zone: str) -> None:
        self._client = Client(access, tools)
        self._zone = ZoneInfo(time_zone)

    def streams(self) -> Sequence[Stream]:
        """Return every listing of the manifest; asks nobody."""
        return self.listings()

    def listings(self) -> Sequence[ManifestStream]:
        """Return every listing of the manifest."""
        return [stream_of(self._client, one, self._zone) for one in self._client.access.manifest.stream]

    def stream(self, key: str) -> Stream:
        """Return one listing by its name."""
        for one in self.listings():
            if one.key == key:
                return one
        raise GoneError(f"The manifest has no stream {key}.")

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return nothing: a ledger is only read."""
        del mailbox
        raise RejectedError(f"Nothing is written to {self._client.access.manifest.title}, so no {records}.")

    def push(self) -> Push | None:
        """Return nothing: every listing is looked at again and again."""
        return None

    def check(self) -> Sequence[Finding]:
        """Ask with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._client, self.listings())
