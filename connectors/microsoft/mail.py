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
from connectors.microsoft.client import BATCH, Client
from connectors.microsoft.folders import Folders, Where
from connectors.microsoft.sifting import HEAD, Sifting
from hub.connector.stream import Change, Cursor, Left, Page, Phase, Stream
from hub.errors import GoneError, RetryLaterError
from hub.records.mail import Place

RECORDS = "mail"
# Headers on one page. Graph names no most for a round; this is what backups of whole mailboxes ask for:
# https://github.com/alcionai/corso/blob/main/src/pkg/services/m365/api/consts.go
LARGE, SMALL = 500, 100
LISTED = "1000"  # ids on one page
FETCHED = 2 * BATCH  # messages fetched for one page of a pass from the beginning
NAMED_FOR = timedelta(hours=1)  # how long the names of a folder are believed
# An entry that has these has the whole header; another one says what changed.
_WHOLE = frozenset({"receivedDateTime", "toRecipients", "categories"})
# What changes while people read; it says nothing that the hub keeps.
_PASSING = frozenset({"isRead", "flag", "importance", "inferenceClassification", "parentFolderId"})
# What a cursor keeps during a pass from the beginning: ids of what is to be fetched, and whether large pages are too large.
_WAITING, _SLOW = "waiting", "slow"
_FETCHING = "fetching"  # where a pass goes on when it knows all headers; no link of Graph's
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
        """Return a page of a round. Its links are used as they are: what was asked for first holds for all of it.

        From the beginning, matches are collected until they fill batches, however few of them a page has. Where Graph
        gives less than a batch at a time, each page is brought in by itself.
        """
        if cursor.page == older_mail.PAGE:
            return self._older(cursor)
        changes: list[Change] = []
        is_short = False
        if cursor.page != _FETCHING and len(cursor.rest.get(_WAITING, ())) < FETCHED:
            changes, cursor, is_short = self._listed(cursor)
        waiting, is_last = cursor.rest.get(_WAITING, []), cursor.page == _FETCHING
        count = len(waiting)
        if cursor.phase is Phase.FULL:
            count = min(FETCHED, count if is_last or is_short else count - count % BATCH)
        changes += self._sifting(cursor.rest).fetched(waiting[:count])
        cursor = replace(cursor, rest=_without(cursor.rest, _WAITING) | _some(waiting[count:]))
        if not is_last or count < len(waiting):
            return Page(changes, cursor, more=True)
        rest = older_mail.newcomers_of(_without(cursor.rest, _SLOW), self.client)
        told = replace(cursor, page=older_mail.PAGE, rest=rest)
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

    def _listed(self, cursor: Cursor) -> tuple[list[Change], Cursor, bool]:
        """Return what the next page says, the cursor behind it, with what is to be fetched, and whether it was short."""
        answer, rest = self._asked(cursor)
        entries = listing.items(answer, "messages")
        changes: list[Change] = []
        if entries:
            rest = self._named(rest)
            changes, rest = self._told(entries, rest, is_first=cursor.phase is Phase.FULL)
        if following := listing.link(answer, listing.NEXT):
            cursor = replace(cursor, page=following, rest=rest)
        else:
            cursor = replace(cursor, token=listing.link(answer, listing.DELTA), page=_FETCHING, rest=rest)
        return changes, cursor, len(entries) < BATCH

    def _asked(self, cursor: Cursor) -> tuple[Json, Mapping[str, Any]]:
        """Ask for the next page: a large one from the beginning; if Graph fails there, a small one, and then only these."""
        is_first = cursor.phase is Phase.FULL
        params: Mapping[str, str] | None = None
        if not (place := cursor.page or ("" if is_first else cursor.token)):
            place, params = f"{folders.path(self.folder)}/messages/delta", HEAD
        if is_first and _SLOW not in cursor.rest:
            try:
                return self.client.get(place, params, prefer=_pages_of(LARGE)), cursor.rest
            except RetryLaterError as error:
                if error.retry_after is not None:  # it said when, so it is no question of size
                    raise
                return self.client.get(place, params, prefer=_pages_of(SMALL)), {**cursor.rest, _SLOW: True}
        return self.client.get(place, params, prefer=_pages_of(SMALL)), cursor.rest

    def _told(
        self, entries: Sequence[Json], rest: Mapping[str, Any], *, is_first: bool
    ) -> tuple[list[Change], Mapping[str, Any]]:
        """Return what a page says; its order means nothing, so what left and is there is asked for."""
        left = {str(one["id"]) for one in entries if "@removed" in one}
        told: dict[str, Json] = {}
        for one in entries:
            if (remote_id := str(one["id"])) not in left:
                told[remote_id] = {**told.get(remote_id, {}), **one}
        whole = [one for one in told.values() if one.keys() >= _WHOLE]
        partly = [name for name, one in told.items() if not one.keys() >= _WHOLE and (is_first or _matters(one))]
        filtered, kept = self._sifting(rest).heads(whole)
        waiting = [one for one in dict.fromkeys((*rest.get(_WAITING, ()), *kept, *partly)) if one not in left]
        return [*map(Left, left), *filtered], {**rest, _WAITING: waiting}

    def _sifting(self, rest: Mapping[str, Any]) -> Sifting:
        return Sifting(self.client, self._folders, (self.folder, _where(rest)))

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


def _pages_of(size: int) -> tuple[str, ...]:
    return (f"odata.maxpagesize={size}",)


def _some(waiting: Sequence[str]) -> dict[str, Any]:
    return {_WAITING: list(waiting)} if waiting else {}


def _without(rest: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {one: value for one, value in rest.items() if one != name}


def _joined(names: Sequence[str]) -> str:
    return "/".join(names)


def _matters(entry: Json) -> bool:
    return not _PASSING.issuperset(name for name in entry if name != "id" and "@odata." not in name)


def _kept(where: Where) -> dict[str, Any]:
    return {"names": list(where.names), "place": where.place, "named_at": datetime.now(UTC).isoformat()}


def _where(rest: Mapping[str, Any]) -> Where:
    return Where(tuple(rest["names"]), str(rest["place"]))
