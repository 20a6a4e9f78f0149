"""A Microsoft account that is open: which streams it has, and what writes to it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from connectors.microsoft import (
    calendar,
    calendar_busy,
    calendar_writer,
    contacts,
    contacts_writer,
    mail,
    mail_writer,
    photos,
)
from connectors.microsoft.check import whole
from connectors.microsoft.client import Client
from connectors.microsoft.push import MicrosoftPush
from connectors.microsoft.settings import MicrosoftSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import AuthError, DisabledError, GoneError, RejectedError, ScopeError

INBOX = "inbox"  # the folder that every mailbox has, under the name that Graph knows it by


class MicrosoftRemote:
    """One account: one mailbox by consent, or those that an app was given."""

    def __init__(self, account: Account[MicrosoftSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._tools = tools
        self._clients: dict[str, Client] = {}

    def client(self, mailbox: str) -> Client:
        """Return the client of a mailbox."""
        if mailbox not in self._clients:
            self._clients[mailbox] = Client(self._settings, self._tools, mailbox)
        return self._clients[mailbox]

    def streams(self) -> Sequence[Stream]:
        """Return what is read, as the settings say; of mail and contacts Microsoft is asked for the folders."""
        if not all(self._settings.wanted_mailboxes):
            raise AuthError("Nobody connected this account yet. Open it under Connections and press Connect.")
        found: list[Stream] = []
        for mailbox in self._settings.wanted_mailboxes:
            client = self.client(mailbox)
            client.login()  # where nobody is let in, nothing is listed
            if self._settings.mail:
                found += _listed(partial(mail.streams, client), mail.stream(client, INBOX))
            if self._settings.calendar:
                found += calendar.streams(client)
            if self._settings.contacts:
                found += _listed(partial(contacts.streams, client), contacts.stream(client, contacts.HOME))
        return found

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is kind, mailbox and container."""
        kind, _, rest = key.partition(":")
        mailbox, _, container = rest.partition(":")
        if mailbox not in self._settings.wanted_mailboxes:
            raise GoneError(f"The settings no longer want the mailbox {mailbox}.")
        if kind == mail.RECORDS and self._settings.mail:
            return mail.stream(self.client(mailbox), container)
        if kind == calendar.RECORDS and self._settings.calendar and container in self._settings.wanted_calendars:
            return calendar.stream(self.client(mailbox), container)
        if kind == contacts.RECORDS and self._settings.contacts:
            return contacts.stream(self.client(mailbox), container)
        raise GoneError(f"The settings no longer want {key}.")

    def writer(self, records: str, mailbox: str = "") -> Writer:
        make = _WRITERS.get(records.partition(":")[0])
        if make is None:
            raise RejectedError(f"Nothing is written to Microsoft's {records}.")
        return make(self.client(mailbox), records)

    def busy(
        self, mailbox: str, addresses: Sequence[str], since: datetime, until: datetime
    ) -> Mapping[str, Sequence[tuple[datetime, datetime]]]:
        """Return when people are busy, as far as a mailbox may ask (`hub.meetings.busy.Askable`)."""
        return calendar_busy.busy(self.client(mailbox), addresses, since, until)

    def photo(self, url: str, *, largest: int) -> bytes:
        """Return a picture of a contact (`hub.connector.stream.HasPhotos`)."""
        return photos.photo(self._settings, self.client, url, largest=largest)

    def push(self) -> Push | None:
        """Return the notifications of mail, calendars and contacts."""
        return MicrosoftPush(self._settings, self.client)

    def check(self) -> Sequence[Finding]:
        """Ask Microsoft with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self.client)


def _listed(listing: Callable[[], Sequence[Stream]], certain: Stream) -> Sequence[Stream]:
    """Return the folders of one kind; where a mailbox does not let us list them, the one that is certain to be there.

    So one permission or licence that is missing stops neither the other kinds nor the other mailboxes, and is seen at the
    stream that it is missing for. What was read before stands still meanwhile, and goes on where it was.
    """
    try:
        return listing()
    except (ScopeError, DisabledError, GoneError):
        return [certain]


# By the kind of records: what writes them for one mailbox.
_WRITERS: Mapping[str, Callable[[Client, str], Writer]] = {
    calendar.RECORDS: calendar_writer.writer,
    contacts.RECORDS: contacts_writer.writer,
    mail.RECORDS: mail_writer.writer,
}
