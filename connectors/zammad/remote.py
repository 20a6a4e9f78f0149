"""A Zammad that is open for reading. Nothing is ever written to it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.zammad.people import People
from connectors.zammad.push import ZammadPush
from hub.connector.checking import Alone
from hub.connector.contract import Account, Finding
from hub.connector.manifest.check import whole
from hub.connector.manifest.client import Client
from hub.connector.manifest.load import read_file
from hub.connector.manifest.settings import Access, ManifestSettings
from hub.connector.manifest.streams import ManifestStream, stream_of
from hub.connector.stream import Change, Cursor, Page, Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError

MANIFEST = read_file(Path(__file__).with_name("manifest.toml"))


class TicketStream:
    """The listing of tickets, each with who asked (`hub.connector.stream.Stream`, `Findable`, `hub.connector.ledger.Sweeps`)."""

    def __init__(self, listing: ManifestStream, people: People) -> None:
        self._listing, self._people = listing, people

    @property
    def key(self) -> str:
        return self._listing.key

    @property
    def title(self) -> str:
        return self._listing.title

    @property
    def records(self) -> str:
        return self._listing.records

    @property
    def mailbox(self) -> str:
        return self._listing.mailbox

    @property
    def asked(self) -> str:
        return self._listing.asked

    @property
    def every(self) -> timedelta:
        return self._listing.every

    @property
    def full_every(self) -> timedelta | None:
        return self._listing.full_every

    def begin(self) -> Cursor:
        """Return the beginning."""
        return self._listing.begin()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page; raises as the listing, and where a person cannot be asked for now: then nothing of it is kept."""
        page = self._listing.pull(cursor)
        return replace(page, changes=self._people.put_in(page.changes))

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these tickets as they are now; of one that is no more, Gone."""
        return self._people.put_in(self._listing.find(remote_ids))

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all tickets that changed since a moment."""
        return self._listing.present(since)

    def ids(self) -> frozenset[str]:
        """Return the ids of all tickets that there are now."""
        return self._listing.ids_now()


class ZammadRemote:
    """One account (`hub.connector.stream.Remote`)."""

    def __init__(self, account: Account[ManifestSettings], tools: Tools) -> None:
        access = Access.of(MANIFEST, MANIFEST.name, account.id, account.settings)
        self._client = Client(access, tools)
        self._push = ZammadPush(str(access.values.get("webhook_token", "")), access.base)
        [spec] = MANIFEST.stream
        self._listing = stream_of(self._client, spec, ZoneInfo(account.time_zone))

    def streams(self) -> Sequence[Stream]:
        """Return the listing of tickets; asks nobody."""
        return [self.stream(self._listing.key)]

    def stream(self, key: str) -> Stream:
        """Return the listing of tickets."""
        if key != self._listing.key:
            raise GoneError(f"Zammad has no stream {key}.")
        return TicketStream(self._listing, People(self._client))

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Write nothing: tickets are answered in the help desk."""
        del mailbox
        raise RejectedError(f"Nothing is written to Zammad's {records}.")

    def push(self) -> Push | None:
        """Return the webhooks."""
        return self._push

    def check(self) -> Sequence[Finding]:
        """Ask with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._client, [self._listing])


def remote(account: Account[ManifestSettings], tools: Tools) -> ZammadRemote:
    """Open an account."""
    return ZammadRemote(account, tools)


def check(account: Account[ManifestSettings]) -> list[Finding]:
    """Look at everything."""
    return list(remote(account, Alone()).check())
