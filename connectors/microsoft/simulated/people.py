"""One person's address book in Outlook: folders of contacts, contacts, their photos, and what happened to each.

Sources: https://learn.microsoft.com/graph/api/resources/contact and
https://learn.microsoft.com/graph/api/resources/contactfolder
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.microsoft.simulated import card, extended, ids
from connectors.microsoft.simulated.delta import Feed
from connectors.microsoft.simulated.errors import ApiError, Json, not_found
from connectors.microsoft.simulated.stamps import stamp
from hub.connector.simulated.locking import locked

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User

DEFAULT = "contacts"  # what the main folder may be called instead of its id


@dataclass(slots=True)
class Contact:
    """Somebody written down. Of its ids, the regular one is another in each folder."""

    immutable_id: str
    id: str
    folder: str
    body: Json
    created: datetime
    modified: datetime
    change_key: str
    properties: Mapping[str, str] = field(default_factory=dict)
    photo: bytes = b""
    photo_type: str = ""

    @property
    def etag(self) -> str:
        return f'W/"{self.change_key}"'

    def named(self, *, immutable: bool) -> str:
        """The id that a caller knows it by."""
        return self.immutable_id if immutable else self.id

    def told(self, *, immutable: bool) -> Json:
        """A contact as Graph writes it, without its extended properties."""
        return {
            "@odata.etag": self.etag,
            "id": self.named(immutable=immutable),
            "createdDateTime": stamp(self.created),
            "lastModifiedDateTime": stamp(self.modified),
            "changeKey": self.change_key,
            "parentFolderId": self.folder,
            **deepcopy(card.EMPTY),
            **deepcopy(self.body),
        }


@dataclass(slots=True)
class Folder:
    """Contacts that are kept together."""

    id: str
    name: str
    parent: str
    by_id: Feed  # what happened in it, by ids that change when a contact moves
    by_key: Feed  # and by those that do not

    def feed(self, *, immutable: bool) -> Feed:
        """What happened, by the ids that a caller knows."""
        return self.by_key if immutable else self.by_id

    def told(self) -> Json:
        """A folder as Graph writes it."""
        return {"id": self.id, "parentFolderId": self.parent, "displayName": self.name}


class AddressBook:
    """Everything behind `/contacts` and `/contactFolders`. Its methods are what the user does in Outlook.

    A contact is named by either of its ids; what these methods return is the immutable one.
    """

    def __init__(self, user: "User") -> None:
        self.user, self.world = user, user.world
        self.lock = user.world.lock
        address = user.address
        self.default = ids.folder(address, "contacts")
        self.deleted_items = ids.folder(address, "deleteditems")
        root = ids.folder(address, "msgfolderroot")
        self.folders: dict[str, Folder] = {}
        self.feed = Feed(self.world.tick)  # of the folders themselves
        self.contacts: dict[str, Contact] = {}  # by immutable id
        self._keys: dict[str, str] = {}  # immutable ids by regular ones
        self._open(self.default, "Contacts", root)

    # -- what its owner does ----------------------------------------------------------------------------------------

    @locked
    def add(
        self,
        given: str = "",
        family: str = "",
        *,
        emails: Sequence[str] = (),
        phones: Sequence[str] = (),
        photo: bytes = b"",
        folder: str = "",
        like: str = "",
        **fields: Any,
    ) -> str:
        """Write somebody down; further fields in the words of the API.

        Args:
            folder: id of another folder than the main one.
            like: a contact whose ids the new one's resemble in all but case.
        """
        body: Json = {
            "givenName": given or None,
            "surname": family or None,
            "emailAddresses": [{"address": one} for one in emails],
            "businessPhones": list(phones),
            **fields,
        }
        contact = self.create(body, self.folder(folder or DEFAULT), like=self.find(like) if like else None)
        if photo:
            self.put_up(contact.immutable_id, photo)
        return contact.immutable_id

    @locked
    def update(self, contact_id: str, **fields: Any) -> str:
        """Change fields of a contact, in the words of the API; None removes one. Returns its new etag."""
        return self.change(self.find(contact_id), fields).etag

    @locked
    def put_up(self, contact_id: str, photo: bytes, content_type: str = "image/png") -> None:
        """Give a contact another photo, or none."""
        contact = self.find(contact_id)
        contact.photo, contact.photo_type = photo, content_type if photo else ""
        self.changed(contact)

    @locked
    def move(self, contact_id: str, folder: str) -> str:
        """Put a contact into another folder. Returns its new regular id; the immutable one stays."""
        contact, target = self.find(contact_id), self.folder(folder)
        if contact.folder == target.id:
            return contact.id
        self._leave(contact)
        self._enter(contact, target, moved=True)
        return contact.id

    @locked
    def delete(self, contact_id: str) -> None:
        """Delete a contact for good."""
        contact = self.find(contact_id)
        self._leave(contact)
        del self.contacts[contact.immutable_id], self._keys[contact.id]

    @locked
    def throw_away(self, contact_id: str) -> None:
        """Delete a contact as Outlook does: it is in the deleted items then, and still has its immutable id."""
        contact = self.find(contact_id)
        self._leave(contact)
        self._rename(contact, self.deleted_items)

    @locked
    def add_folder(self, name: str, parent: str = "") -> str:
        """Make a folder in the main one, or in another. Returns its id."""
        return self.new_folder(name, self.folder(parent or DEFAULT)).id

    @locked
    def rename_folder(self, folder_id: str, name: str) -> None:
        """Give a folder another name."""
        folder = self.folder(folder_id)
        folder.name = name
        self.feed.changed(folder.id)

    @locked
    def delete_folder(self, folder_id: str) -> None:
        """Delete a folder with all that is in it."""
        folder = self.folder(folder_id)
        if folder.id == self.default:
            raise ApiError(400, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.")
        for inner in self.children(folder):
            self.delete_folder(inner.id)
        for contact in self.inside(folder):
            self.delete(contact.immutable_id)
        del self.folders[folder.id]
        self.feed.left(folder.id)

    @locked
    def expire_tokens(self) -> None:
        """Every delta token given out so far is dead."""
        for feed in (self.feed, *(one for box in self.folders.values() for one in (box.by_id, box.by_key))):
            feed.expire()

    # -- what the API does with it ------------------------------------------------------------------------------------

    def find(self, contact_id: str) -> Contact:
        """Return a contact by one of the ids that it has now. Raises ApiError (404)."""
        contact = self.contacts.get(self._keys.get(contact_id, contact_id))
        if contact is None:
            raise not_found()
        return contact

    def folder(self, folder_id: str) -> Folder:
        """Return a folder. Raises ApiError (404)."""
        found = self.folders.get(self.default if folder_id.lower() == DEFAULT else folder_id)
        if found is None:
            raise not_found()
        return found

    def children(self, folder: Folder) -> list[Folder]:
        """The folders right in a folder."""
        return [one for one in self.folders.values() if one.parent == folder.id]

    def inside(self, folder: Folder) -> list[Contact]:
        """The contacts right in a folder."""
        return [one for one in self.contacts.values() if one.folder == folder.id]

    def new_folder(self, name: str, parent: Folder) -> Folder:
        """Make a folder. Raises ApiError (409)."""
        if any(one.name.casefold() == name.casefold() for one in self.children(parent)):
            raise ApiError(409, "ErrorFolderExists", "A folder with the specified name already exists.")
        return self._open(ids.folder(self.user.address, self.world.tick()), name, parent.id)

    def create(self, given: Json, folder: Folder, *, like: Contact | None = None) -> Contact:
        """Keep a new contact. Raises ApiError (400)."""
        body, properties = card.written({}, given), extended.kept({}, given.get(extended.NAME, []))
        immutable_id = ids.twin(like.immutable_id) if like else ids.immutable(self.user.address, self.world.tick())
        now = self.world.clock.now()
        contact = Contact(immutable_id, "", "", body, now, now, "", properties)
        self.contacts[immutable_id] = contact
        self._enter(contact, folder, ids.twin(like.id) if like else "")
        return contact

    def change(self, contact: Contact, given: Json) -> Contact:
        """Write some fields of a contact. Raises ApiError (400)."""
        body, properties = card.written(contact.body, given), contact.properties
        if extended.NAME in given:
            properties = extended.kept(properties, given[extended.NAME])
        contact.body, contact.properties = body, properties
        self.changed(contact)
        return contact

    def changed(self, contact: Contact) -> None:
        """Let it be seen that a contact is another now."""
        self._stamp(contact)
        if (folder := self.folders.get(contact.folder)) is not None:
            folder.by_id.changed(contact.id)
            folder.by_key.changed(contact.immutable_id)
            self._tell(contact, "updated")

    def picture(self, contact: Contact) -> Json:
        """What Graph tells of a photo. Raises ApiError (404).

        Source: https://learn.microsoft.com/graph/api/profilephoto-get
        """
        if not contact.photo:
            raise ApiError(404, "ErrorItemNotFound", "The photo wasn't found.")
        width, height = card.measures(contact.photo)
        return {
            "@odata.mediaContentType": contact.photo_type,
            "@odata.mediaEtag": f'"{contact.change_key}"',
            "id": f"{width}x{height}",
            "width": width,
            "height": height,
        }

    def _open(self, folder_id: str, name: str, parent: str) -> Folder:
        folder = Folder(folder_id, name, parent, Feed(self.world.tick), Feed(self.world.tick))
        self.folders[folder_id] = folder
        self.feed.changed(folder_id)
        return folder

    def _enter(self, contact: Contact, folder: Folder, regular_id: str = "", *, moved: bool = False) -> None:
        self._rename(contact, folder.id, regular_id)
        folder.by_id.changed(contact.id)
        if moved:
            folder.by_key.moved_here(contact.immutable_id, self.world.faults)
        else:
            folder.by_key.changed(contact.immutable_id)
        self._tell(contact, "created")

    def _leave(self, contact: Contact) -> None:
        if (folder := self.folders.get(contact.folder)) is not None:
            folder.by_id.left(contact.id)
            folder.by_key.left(contact.immutable_id)
            self._tell(contact, "deleted")

    def _rename(self, contact: Contact, folder: str, regular_id: str = "") -> None:
        """In another folder a contact has another regular id."""
        self._keys.pop(contact.id, None)
        contact.folder, contact.id = folder, regular_id or ids.regular(contact.immutable_id, self.world.tick())
        self._keys[contact.id] = contact.immutable_id
        self._stamp(contact)

    def _stamp(self, contact: Contact) -> None:
        contact.modified = self.world.clock.now()
        contact.change_key = ids.change_key(contact.immutable_id, self.world.tick())

    def _tell(self, contact: Contact, change: str) -> None:
        place = f"contactFolders/{contact.folder}/contacts"
        self.world.happened(self.user.address, place, change, contact.id, contact.immutable_id)
