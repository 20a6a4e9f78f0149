"""The folders of a mailbox: which of them are read, and where in them a message is.

Sources: https://learn.microsoft.com/graph/api/resources/mailfolder, https://learn.microsoft.com/graph/api/mailfolder-delta
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.microsoft import listing
from connectors.microsoft.client import Asked, Client, quoted
from hub.errors import CursorExpired, GoneError
from hub.records.mail import Place

# Outlook's own folders that hold nothing to be read, with everything in them, and what a mail there counts as.
UNREAD: Mapping[str, Place | None] = {
    "deleteditems": Place.TRASH,
    "junkemail": Place.SPAM,
    "drafts": Place.DRAFT,
    "outbox": Place.DRAFT,
    "syncissues": None,
    "conversationhistory": None,  # chats
}
_OWN: Mapping[str, Place] = {"inbox": Place.INBOX, "sentitems": Place.SENT}
_SEARCH = "#microsoft.graph.mailSearchFolder"  # shows mails that are in other folders
_PAGE = ("odata.maxpagesize=200",)
_ALL = "/mailFolders/delta"
_SHOWN: Mapping[str, str] = {"$select": "displayName,parentFolderId,isHidden"}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; its id never changes."""

    id: str
    name: str
    parent: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Where a message is."""

    names: tuple[str, ...]  # of its folder and of those around it, the outermost first
    place: str = ""  # of `hub.records.mail.Place`; empty: none of these


class Folders:
    """The folders of one mailbox, asked for when they are needed, once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, str] = {}  # ids of Outlook's own folders by their names; empty: there is none
        self._hidden: set[str] = set()  # ids of folders that are not listed
        self._tree: dict[str, Folder] | None = None  # by their ids; None: not asked for yet

    def read(self) -> list[Folder]:
        """Return the folders whose mail is read."""
        unread = self._ids(UNREAD)
        return [
            one
            for one in self._all.values()
            if one.is_shown and not any(inner.id in unread.values() for inner in self._path(one.id))
        ]

    def names(self, folder_id: str) -> tuple[str, ...]:
        """Return the names of a folder and of those around it.

        Raises:
            GoneError: there is no such folder.
        """
        if folder_id not in self._all:
            raise GoneError("The folder is no more.")
        return tuple(one.name for one in reversed(list(self._path(folder_id))))

    def own(self, folder_id: str) -> Where:
        """Return where a message is that is in a folder whose mail is read. Raises as `names`."""
        ids = self._ids(_OWN)
        place = next((place for name, place in _OWN.items() if ids[name] == folder_id), "")
        return Where(self.names(folder_id), str(place))

    def where(self, folder_id: str) -> Where | None:
        """Return where a message is, in whichever folder; None: in none whose mail anybody reads."""
        names = {found: name for name, found in self._ids((*UNREAD, *_OWN)).items()}
        if folder_id not in self._all and folder_id not in self._hidden:
            self._tree = None  # it may have been made since
        if folder_id not in self._all:
            self._hidden.add(folder_id)
            return None
        around = next((names[one.id] for one in self._path(folder_id) if names.get(one.id) in UNREAD), "")
        if around and UNREAD[around] is None:
            return None
        place = UNREAD[around] if around else _OWN.get(names.get(folder_id, ""))
        return Where(self.names(folder_id), str(place or ""))

    @property
    def _all(self) -> dict[str, Folder]:
        """All folders, also those in folders: unlike a listing, a round of changes has them all."""
        if self._tree is None:
            self._tree = self._round(self._client.get(_ALL, _SHOWN, prefer=_PAGE))
        return self._tree

    def _round(self, answer: Mapping[str, Any]) -> dict[str, Folder]:
        try:
            return self._collected(answer)
        except CursorExpired:  # Graph forgot where it was: once more from the beginning
            return self._collected(self._client.get(_ALL, _SHOWN, prefer=_PAGE))

    def _collected(self, answer: Mapping[str, Any]) -> dict[str, Folder]:
        """Read a round from its first page on."""
        found: dict[str, Folder] = {}
        for one in listing.onwards(self._client, answer, "folders", prefer=_PAGE):
            folder_id = str(one["id"])
            if "@removed" in one:
                found.pop(folder_id, None)
                continue
            is_shown = not one.get("isHidden") and one.get("@odata.type") != _SEARCH
            name, parent = str(one.get("displayName") or ""), str(one.get("parentFolderId") or "")
            found[folder_id] = Folder(folder_id, name, parent, is_shown)
        return found

    def _ids(self, names: Iterable[str]) -> dict[str, str]:
        """Return the ids of Outlook's own folders; in the same batch, all folders are asked for."""
        names = tuple(names)
        asked = {
            name: Asked(f"/mailFolders/{name}", params={"$select": "id"}) for name in names if name not in self._known
        }
        if asked and self._tree is None:
            asked[_ALL] = Asked(_ALL, params=_SHOWN, prefer=_PAGE)
        for name, answer in (self._client.all(asked) if asked else {}).items():
            if isinstance(answer, GoneError) and name != _ALL:
                self._known[name] = ""
            elif isinstance(answer, Exception):
                raise answer
            elif name == _ALL:
                self._tree = self._round(answer)
            else:
                self._known[name] = str(answer.get("id") or "")
        return {name: self._known[name] for name in names}

    def _path(self, folder_id: str) -> Iterator[Folder]:
        """Yield a folder and those around it, the innermost first."""
        seen: set[str] = set()
        while folder_id in self._all and folder_id not in seen:
            seen.add(folder_id)
            yield self._all[folder_id]
            folder_id = self._all[folder_id].parent


def path(folder_id: str) -> str:
    """Return the path of a folder."""
    return f"/mailFolders/{quoted(folder_id)}"
