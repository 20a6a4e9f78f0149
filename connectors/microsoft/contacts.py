"""Contacts: one stream for each folder of a mailbox; first all of it, then what changed.

Sources: https://learn.microsoft.com/graph/api/contact-delta, https://learn.microsoft.com/graph/delta-query-overview
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.microsoft import photos
from connectors.microsoft.client import Asked, Client, quoted
from connectors.microsoft.listing import DELTA, NEXT, everything, items, link, page, several
from hub.connector.stream import Change, Cursor, Filtered, Gone, Left, Page, Phase, Upsert
from hub.errors import GoneError, ShapeError

RECORDS = "contacts"
HOME = "contacts"  # the folder that every mailbox has, under the name that Graph knows it by
ANYWHERE = ""  # no folder: contacts wherever in the mailbox they are, one by one
PAGE = 500  # asked for; Graph may give fewer
MOST = 1000  # of a page of a listing, and folders of a mailbox. Source: https://github.com/microsoftgraph/microsoft-graph-docs/issues/4798
# By which of our writes a contact was made; the namespace of public names.
# Source: https://learn.microsoft.com/graph/api/resources/extended-properties-overview
MARKER = "String {00020329-0000-0000-c000-000000000046} Name HubWrite"
MARKED: Mapping[str, str] = {"$expand": f"singleValueExtendedProperties($filter=id eq '{MARKER}')"}
# A delta of contacts takes no $expand; so those as young as this are asked one by one for what made them.
YOUNG = timedelta(days=1)
# "At a minimum" a change may bring the id and what changed; a contact that has all of these is a whole one.
# Source: https://learn.microsoft.com/graph/delta-query-overview
_WHOLE = frozenset({"changeKey", "createdDateTime", "emailAddresses", "parentFolderId"})
_BESIDE = ("@odata.context", "@odata.type", "singleValueExtendedProperties@odata.context")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContactStream:
    """The contacts of one folder."""

    client: Client
    container: str  # id of the folder, HOME or ANYWHERE
    categories: frozenset[str]  # of which a contact must have one, folded; empty: everybody

    key: str
    name: str  # of the folder; empty: it has none of its own, or it is asked for when somebody wants to know
    mailbox: str
    records: str
    every: timedelta
    asked: str  # another setting begins anew
    full_every: timedelta | None = None  # a token has no fixed age

    @property
    def title(self) -> str:
        """What the administrator reads; Graph is asked for the name of a folder that was opened by its id."""
        name = self.name
        if not name and self.container not in {HOME, ANYWHERE}:
            told = self.client.get(_folder(self.container), {"$select": "displayName"})
            name = str(told.get("displayName") or "")
        title = f"Contacts ({name})" if name else "Contacts"
        return f"{title} of {self.mailbox}" if self.mailbox else title

    def begin(self) -> Cursor:
        """Return the beginning."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of a round. Its links are used as they are: what was asked for first holds for all of it."""
        first = f"{folder_path(self.container)}/delta"
        answer = page(self.client, cursor, first, prefer=(f"odata.maxpagesize={PAGE}",))
        changes = self._changes(items(answer, RECORDS))
        if following := link(answer, NEXT):
            return Page(changes, replace(cursor, page=following), more=True)
        done = Cursor(Phase.INCREMENTAL, token=link(answer, DELTA), asked=self.asked)
        # What this did not show may be in another folder: it is asked for by its id.
        return Page(changes, done, more=False, complete=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single contacts, in whichever folder that is read they are; one that is in none of these is gone.

        Who deletes a contact in Outlook moves it to the deleted items, where Graph still finds it.
        """
        found = self._ask(remote_ids)
        elsewhere = {str(one.get("parentFolderId")) for one in found.values() if one is not None}
        home = _home(self.client) if elsewhere else ""
        own = {home if self.container == HOME else self.container}
        known = {home, *folders(self.client, home)} if elsewhere - own else own
        keys = {folder: f"{self.records}:{HOME if folder == home else folder}" for folder in known}
        return [self._found(remote_id, found[remote_id], keys) for remote_id in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all contacts that are wanted; a contact has no time, so `since` does not matter."""
        del since
        asked = {"$select": "id,categories", "$top": str(MOST)}
        listed = everything(self.client, folder_path(self.container), asked, RECORDS)
        return frozenset(str(one["id"]) for one in listed if self._is_wanted(one))

    def _changes(self, entries: Sequence[Json]) -> list[Change]:
        """Return what a page says: the last of what it says of a contact several times, and that it left before all else.

        The order of a page means nothing, and a contact that left may be here again.
        """
        left = {str(one["id"]) for one in entries if "@removed" in one}
        latest = {str(one["id"]): one for one in entries if str(one["id"]) not in left}
        asked = self._ask([name for name, one in latest.items() if self._needs_look(one)])
        gone = [Gone(name) for name, one in asked.items() if one is None]
        here = {
            name: asked.get(name) or one for name, one in latest.items() if name not in {one.remote_id for one in gone}
        }
        return [*gone, *(Left(name) for name in left), *(self._change(name, one) for name, one in here.items())]

    def _needs_look(self, entry: Json) -> bool:
        return not entry.keys() >= _WHOLE or (self.client.settings.contacts_back and _is_young(entry))

    def _ask(self, remote_ids: Iterable[str]) -> dict[str, Json | None]:
        """Ask for contacts with what made them; None: there is no such contact."""
        return several(self.client, {name: Asked(path_of(name), params=MARKED) for name in remote_ids})

    def _found(self, remote_id: str, contact: Json | None, keys: Mapping[str, str]) -> Change:
        """Return a contact, with the key of the stream of its folder: nobody else may tell of it there."""
        key = keys.get(str(contact.get("parentFolderId"))) if contact is not None else None
        if contact is None or key is None:
            return Gone(remote_id)
        return self._change(remote_id, contact, key if key != self.key else "")

    def _change(self, remote_id: str, contact: Json, container: str = "") -> Change:
        if not self._is_wanted(contact):
            return Filtered(remote_id, "category")
        return Upsert(remote_id, payload(self.client, contact), version_of(contact), container)

    def _is_wanted(self, contact: Json) -> bool:
        listed = contact.get("categories")
        has = {str(one).strip().casefold() for one in listed} if isinstance(listed, list) else set()
        return not self.categories or not self.categories.isdisjoint(has)


def streams(client: Client) -> list[ContactStream]:
    """Return the folders of contacts, the one that every mailbox has first."""
    if not client.settings.contacts:
        return []
    listed = folders(client, _home(client))
    return [stream(client, HOME), *(stream(client, folder, name) for folder, name in listed.items())]


def stream(client: Client, container: str, name: str = "") -> ContactStream:
    """Return one folder of the client's mailbox; ANYWHERE: what finds single contacts in all of them."""
    categories = client.settings.wanted_categories
    records = f"{RECORDS}:{client.mailbox}"
    return ContactStream(
        client=client,
        container=container,
        categories=categories,
        key=f"{records}:{container}" if container else records,
        name=name,
        mailbox=client.mailbox,
        records=records,
        every=timedelta(seconds=client.settings.every_s),
        asked="contacts 1" + (f" of {'|'.join(sorted(categories))}" if categories else ""),
    )


def folders(client: Client, home: str) -> dict[str, str]:
    """Return the folders of contacts besides the one that every mailbox has, with those in them: names by id.

    Source: https://learn.microsoft.com/graph/api/user-list-contactfolders
    """
    found: dict[str, str] = {}
    open_ones, asked = ["/contactFolders"], {"$top": str(MOST)}
    while open_ones and len(found) < MOST:
        try:
            listed = list(everything(client, open_ones.pop(), asked, "folders"))
        except GoneError:
            continue  # somebody deleted the folder that they are in
        fresh = {str(one["id"]): str(one.get("displayName") or "") for one in listed}
        fresh = {folder: name for folder, name in fresh.items() if folder not in found and folder != home}
        found |= fresh
        open_ones += [f"{_folder(one)}/childFolders" for one in fresh]
    return found


def payload(client: Client, contact: Json) -> Json:
    """Return a contact as it is kept: however it was asked for, the same, and with the address of its picture."""
    kept = {name: value for name, value in contact.items() if name not in _BESIDE}
    kept[photos.ADDRESS] = photos.address(
        client, str(contact["id"]), str(contact.get("changeKey") or version_of(contact))
    )
    return kept


def version_of(contact: Json) -> str:
    """Return what a change names with `If-Match`."""
    return str(contact.get("@odata.etag") or "")


def path_of(remote_id: str) -> str:
    """Return the path of a contact, wherever in the mailbox it is."""
    return f"/contacts/{quoted(remote_id)}"


def folder_path(container: str) -> str:
    """Return the path of the contacts of a folder."""
    return f"{_folder(container)}/contacts"


def _folder(container: str) -> str:
    return f"/contactFolders/{quoted(container or HOME)}"


def _home(client: Client) -> str:
    """Return the id of the folder that every mailbox has.

    Raises:
        ShapeError: Graph does not say it.
    """
    found = client.get(_folder(HOME), {"$select": "id"}).get("id")
    if not isinstance(found, str) or not found:
        raise ShapeError("Microsoft's folder of contacts has no id")  # without it everybody would count as gone
    return found


def _is_young(contact: Json) -> bool:
    try:
        made_at = datetime.fromisoformat(str(contact.get("createdDateTime")))
    except ValueError:
        return True
    return datetime.now(UTC) - (made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC)) < YOUNG
