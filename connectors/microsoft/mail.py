"""Mail of one mailbox: a round of changes for each folder, read by headers; only what concerns customers is fetched.

A folder says that a message left it, whether it was moved or deleted; where it is now, the mailbox is asked.
Sources: https://learn.microsoft.com/graph/delta-query-messages, https://learn.microsoft.com/graph/api/message-delta,
https://github.com/microsoftgraph/microsoft-graph-docs/issues/21752 (what was moved and moved back counts as removed)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from connectors.microsoft import files, folders, listing, older_mail
from connectors.microsoft.client import Client
from connectors.microsoft.folders import Folders, Where
from connectors.microsoft.sifting import HEAD, Sifting
from hub.connector.stream import Change, Cursor, Left, Page, Phase, Stream
from hub.errors import GoneError
from hub.records.mail import Place

RECORDS = "mail"
PAGE = ("odata.maxpagesize=100",)
LISTED = "1000"  # ids on one page
NAMED_FOR = timedelta(hours=1)  # how long the names of a folder are believed
# An entry that has these has the whole header; another one says what changed.
_WHOLE = frozenset({"receivedDateTime", "toRecipients", "categories"})
# What changes while people read; it says nothing that the hub keeps.
_PASSING = frozenset({"isRead", "flag", "importance", "inferenceClassification", "parentFolderId"})
Json = dict[str, Any]


@dataclass(frozen=True)
class MailStream:
    """The mail of one folder."""

    client: Client
    folder: str  # its id; empty: only single mails are found, in all folders
    name: str  # with those of the folders around it; empty: Graph is asked for it
    key: str
    mailbox: str
    records: str
    every: timedelta
    asked: str = "headers 1"
    full_every: timedelta | None = None

    @property
    def title(self) -> str:
        """What the administrator reads."""
        name = self.name or (_joined(self._folders.names(self.folder)) if self.folder else "")
        title = f"Mail of {self.mailbox}" if self.mailbox else "Mail"
        return f"{title}: {name}" if name else title

    def begin(self) -> Cursor:
        """Return the beginning, with where in the mailbox the folder is; the inbox also looks for older mail."""
        where = self._folders.own(self.folder)
        return Cursor(rest=_kept(where) | (older_mail.begin() if where.place == Place.INBOX else {}))

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of a round. Its links are used as they are: what was asked for first holds for all of it."""
        if cursor.page == older_mail.PAGE:
            return self._older(cursor)
        going_on = cursor.page or (cursor.token if cursor.phase is Phase.INCREMENTAL else "")
        if going_on:
            answer = self.client.get(going_on, prefer=PAGE)
        else:
            answer = self.client.get(f"{folders.path(self.folder)}/messages/delta", HEAD, prefer=PAGE)
        entries = listing.items(answer, "messages")
        rest = self._named(cursor.rest) if entries else cursor.rest
        changes = self._changes(entries, rest, is_first=cursor.phase is Phase.FULL) if entries else []
        if following := listing.link(answer, listing.NEXT):
            return Page(changes, replace(cursor, page=following, rest=rest), more=True)
        rest = older_mail.newcomers_of(rest, self.client)
        told = replace(cursor, token=listing.link(answer, listing.DELTA), page=older_mail.PAGE, rest=rest)
        return Page(changes, told, more=True) if older_mail.is_asking(rest) else _ended(changes, told)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single messages, wherever in the mailbox they are."""
        return Sifting(self.client, self._folders).fetched(remote_ids)

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all mail in the folder since a moment, whoever it is from: each was looked at."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = {"$select": "id", "$filter": f"receivedDateTime ge {moment}", "$top": LISTED}
        listed = listing.everything(self.client, f"{folders.path(self.folder)}/messages", asked, "messages")
        return frozenset(str(one["id"]) for one in listed)

    def file(self, remote_id: str, number: str) -> Iterator[bytes]:
        """Return a file of a message."""
        return files.content(self.client, remote_id, number)

    def _older(self, cursor: Cursor) -> Page:
        """Return a page of older mail, of whatever folder."""
        just_read = self.folder if cursor.phase is Phase.FULL else ""
        ids, rest = older_mail.asked(cursor.rest, self.client, just_read=just_read)
        changes, following = self.find(ids) if ids else (), replace(cursor, rest=rest)
        return Page(changes, following, more=True) if older_mail.is_asking(rest) else _ended(changes, following)

    def _changes(self, entries: Sequence[Json], rest: Mapping[str, Any], *, is_first: bool) -> list[Change]:
        """Return what a page says; its order means nothing, so what left and is there is asked for."""
        left = {str(one["id"]) for one in entries if "@removed" in one}
        told: dict[str, Json] = {}
        for one in entries:
            if (remote_id := str(one["id"])) not in left:
                told[remote_id] = {**told.get(remote_id, {}), **one}
        whole = [one for one in told.values() if one.keys() >= _WHOLE]
        partly = [name for name, one in told.items() if not one.keys() >= _WHOLE and (is_first or _matters(one))]
        sifting = Sifting(self.client, self._folders, (self.folder, _where(rest)))
        return [*map(Left, left), *sifting.heads(whole), *sifting.fetched(partly)]

    def _named(self, rest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Look at the names of the folder again, once in a while: one of them may make its mail private."""
        if datetime.fromisoformat(rest["named_at"]) > datetime.now(UTC) - NAMED_FOR:
            return rest
        try:
            return {**rest, **_kept(Where(self._folders.names(self.folder), rest["place"]))}
        except GoneError:  # hidden or deleted meanwhile: the list of folders will say so
            return rest

    @cached_property
    def _folders(self) -> Folders:
        return Folders(self.client)


def streams(client: Client) -> list[Stream]:
    """Return the folders whose mail is read."""
    found = Folders(client)
    read = [(_joined(found.names(one.id)), one.id) for one in found.read()]
    return [stream(client, folder, name) for name, folder in sorted(read)]


def stream(client: Client, container: str, name: str = "") -> MailStream:
    """Return one folder of the client's mailbox; without one, what finds mail in all of them."""
    records = f"{RECORDS}:{client.mailbox}"
    return MailStream(
        client=client,
        folder=container,
        name=name,
        key=f"{records}:{container}" if container else records,
        mailbox=client.mailbox,
        records=records,
        every=timedelta(seconds=client.settings.every_s),
    )


def _ended(changes: Sequence[Change], cursor: Cursor) -> Page:
    """End a pass. What one from the beginning did not show may be in another folder: it is asked for by its id."""
    done = Cursor(Phase.INCREMENTAL, token=cursor.token, asked=cursor.asked, rest=cursor.rest)
    return Page(changes, done, more=False, complete=False)


def _joined(names: Sequence[str]) -> str:
    return "/".join(names)


def _matters(entry: Json) -> bool:
    return not _PASSING.issuperset(name for name in entry if name != "id" and "@odata." not in name)


def _kept(where: Where) -> dict[str, Any]:
    return {"names": list(where.names), "place": where.place, "named_at": datetime.now(UTC).isoformat()}


def _where(rest: Mapping[str, Any]) -> Where:
    return Where(tuple(rest["names"]), str(rest["place"]))
