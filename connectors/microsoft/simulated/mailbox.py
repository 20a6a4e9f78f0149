"""One person's mail: folders, the messages in them, and what happens to them.

Sources: https://learn.microsoft.com/graph/api/resources/mailfolder, https://learn.microsoft.com/graph/outlook-immutable-id,
https://learn.microsoft.com/graph/delta-query-messages
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.microsoft.simulated import extended, ids
from connectors.microsoft.simulated.delta import Feed
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, not_found
from hub.connector.simulated import mime
from hub.connector.simulated.locking import locked

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User

ROOT, TOP = "root", "msgfolderroot"
WELL_KNOWN = {
    "inbox": "Inbox", "drafts": "Drafts", "sentitems": "Sent Items", "deleteditems": "Deleted Items",
    "junkemail": "Junk Email", "outbox": "Outbox", "archive": "Archive", "conversationhistory": "Conversation History",
}  # fmt: skip
DELETIONS = "recoverableitemsdeletions"  # what was deleted, also from Deleted Items; no client shows it
MARKS = ("isRead", "categories", "flag")  # what people change about a mail that came
# Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmsg/4c5f91f9-e25c-47bd-901f-71e0610d6346
SENSITIVITY = "Integer 0x36"
_SENSITIVE = {"personal": 1, "private": 2, "company-confidential": 3, "confidential": 3}
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Folder:
    """A folder. Its id never changes."""

    id: str
    name: str
    parent: str  # id of the folder above; empty at the top
    well_known: str = ""
    hidden: bool = False
    by_id: Feed = field(repr=False, kw_only=True)  # what happened in it, by ids that change when a message moves
    by_key: Feed = field(repr=False, kw_only=True)  # and by those that do not


@dataclass(slots=True, eq=False)
class Message:
    """A message in one mailbox."""

    key: str  # immutable id
    id: str  # another one after each move
    folder: Folder
    envelope: mime.Envelope
    source: Callable[[], bytes]
    conversation_id: str
    conversation_index: bytes
    created: datetime
    received: datetime
    sent: datetime
    modified: datetime
    is_read: bool = False
    is_draft: bool = False
    travelled: bool = False  # it came from outside: only then it has `internetMessageHeaders`
    importance: str = "normal"
    inference: str = "focused"
    categories: tuple[str, ...] = ()
    flag: Json = field(default_factory=lambda: {"flagStatus": "notFlagged"})
    odd: Json = field(default_factory=dict)  # shown instead of what it is, however wrong
    extended: dict[str, str] = field(default_factory=dict)  # by the id that `extended.read` returns
    version: int = 0
    came: int = 0  # when it came to this folder
    rewritten: int = 0  # when anything but a mark changed
    marked: dict[str, int] = field(default_factory=dict)  # when each mark changed

    @property
    def raw(self) -> bytes:
        return self.source()

    @property
    def change_key(self) -> str:
        return ids.change_key(self.key, self.version)

    @property
    def etag(self) -> str:
        return f'W/"{self.change_key}"'

    @property
    def sender(self) -> str:
        return next((one.address for one in self.envelope.people if one.field == "from"), "")

    def words(self) -> str:
        """Subject, people and text, in lower case."""
        people = " ".join(f"{one.name} {one.address}" for one in self.envelope.people)
        return f"{self.envelope.subject} {people} {mime.plain_text(mime.parse(self.raw))}".lower()


class Mailbox:
    """Everything behind the mail of one user. Its methods are what the user, or the world, does."""

    def __init__(self, user: "User") -> None:
        self.user, self.lock = user, user.world.lock
        self.partial_updates = True  # delta tells of a mark only what changed
        self.rewrites_message_id = False
        self.send_delay_s = 0.0  # how long what is sent is nowhere to be found
        self.filter_cap = 5_000  # Source: https://learn.microsoft.com/graph/delta-query-messages
        # Source of this many: https://github.com/microsoftgraph/msgraph-sdk-java/pull/52; the reference speaks of 3 MB.
        self.least_uploaded = 2 * 1024 * 1024  # bytes of a file for which an upload is opened
        self.search_cap = 1_000  # Source: https://learn.microsoft.com/graph/search-query-parameter
        self._dice = random.Random(user.address)  # noqa: S311 - ids of a simulator, the same in every run
        self.messages: dict[str, Message] = {}  # by immutable id
        self._keys: dict[str, str] = {}  # regular id -> immutable id
        self._by_message_id: dict[str, str] = {}
        self._leaving: list[tuple[float, Message, str]] = []  # when a message arrives in which folder
        self.folders: dict[str, Folder] = {}
        self._named: dict[str, str] = {}  # well-known name -> id
        self.tree = Feed(user.world.tick)  # of folders
        self.uploads: dict[str, Any] = {}  # large files on their way to drafts
        self._open(ROOT, "", ROOT)
        self._open("Top of Information Store", self._named[ROOT], TOP)
        for name, title in WELL_KNOWN.items():
            self._open(title, self._named[TOP], name)
        self._open("Conversation Action Settings", self._named[TOP], hidden=True)
        self._open("Deletions", self._named[ROOT], DELETIONS, hidden=True)

    # -- what happens to it -------------------------------------------------------------------------------------

    @locked
    def receive(
        self,
        raw: bytes = b"",
        *,
        folder: str = "inbox",
        at: datetime | None = None,
        like: Message | None = None,
        **mail: Any,
    ) -> Message:
        """Take a mail in, as bytes or in the words of `mime.compose` (from_, to, subject, body, attachments, ...).

        Args:
            folder: id or well-known name.
            like: the new message's ids differ from those of this one only in the case of a letter.
        """
        moment = at or self.user.world.clock.now()
        if not raw:
            mail.setdefault("to", self.user.address)
            mail.setdefault("message_id", self.new_message_id("mail.example"))
            raw = mime.compose(at=moment, **mail)
        message = self._read(raw, folder, moment, like)
        message.travelled = True
        return self.keep(message)

    @locked
    def insert(self, raw: bytes, *, folder: str = "inbox", at: datetime | None = None, is_read: bool = True) -> Message:
        """Put a mail here that never travelled, such as an old one that was imported; it may lack even a sender."""
        message = self._read(raw, folder, at or self.user.world.clock.now())
        message.is_read = is_read
        return self.keep(message)

    @locked
    def draft(self, raw: bytes, *, folder: str = "drafts") -> Message:
        """Keep a mail that is not sent yet."""
        if not mime.envelope(raw).message_id:
            raw = mime.with_header(raw, "Message-ID", self.new_message_id())
        message = self._read(raw, folder, self.user.world.clock.now())
        message.is_read, message.is_draft = True, True
        return self.keep(message)

    @locked
    def send(self, raw: bytes = b"", *, save: bool = True, **mail: Any) -> Message:
        """Send a mail as this user, as bytes or in the words of `mime.compose`.

        Raises:
            ApiError: it has no recipient.
        """
        if not raw:
            raw = mime.compose(at=self.user.world.clock.now(), **{"from_": self._own_name(), **mail})
        recipients(raw)
        return self.send_draft(self.draft(raw, folder="outbox").key, save=save)

    @locked
    def send_draft(self, message_id: str, *, save: bool = True) -> Message:
        """Send a draft; after a moment it is in Sent Items, with another id, and most often the same immutable id.

        That it is the same says https://learn.microsoft.com/graph/outlook-immutable-id; that it is not always, say
        https://github.com/microsoftgraph/microsoft-graph-docs/issues/11969 and users: the fault `sent_new_id`.

        Raises:
            ApiError: it has no recipient, or is no draft.
        """
        message, world = self.message(message_id), self.user.world
        if not message.is_draft:
            raise bad_request("The message was already sent.", "ErrorInvalidRequest")
        to = recipients(message.raw)
        raw = self._stamped(message.raw)
        self._take_out(message)
        message.envelope, message.source = mime.envelope(raw), _kept(raw)
        message.is_draft, message.received = False, world.clock.now()
        sent_ms = mime.date_ms(raw)  # the same second as the Date that others get, also where a second ends in between
        message.sent = message.received if sent_ms is None else datetime.fromtimestamp(sent_ms / 1000, UTC)
        if world.faults.take("sent_new_id"):
            message.key = ids.immutable(*self._facts())
        if save:
            self._leaving.append((world.clock.time() + self.send_delay_s, message, self._named["sentitems"]))
            self.settle()
        world.deliver(self.user.address, to, raw)
        if self.user.address in to:
            self.receive(mime.with_header(raw, "Bcc", ""))
        return message

    @locked
    def settle(self) -> None:
        """Let arrive what was sent, if its time has come."""
        now = self.user.world.clock.time()
        ripe = [one for one in self._leaving if one[0] <= now]
        self._leaving = [one for one in self._leaving if one[0] > now]
        for _, message, folder_id in ripe:
            message.folder, message.id = self.folders[folder_id], ids.regular(*self._facts())
            self.keep(message)

    @locked
    def move(self, message_id: str, folder: str) -> Message:
        """Put a message into another folder."""
        message, target = self.message(message_id), self.folder(folder)
        before = message.folder
        if target is before:
            return message
        before.by_id.left(message.id)
        before.by_key.left(message.key)
        self._tell("deleted", message)
        del self._keys[message.id]
        message.folder, message.id = target, ids.regular(*self._facts())
        self._keys[message.id] = message.key
        message.came = message.rewritten = message.version = self.user.world.tick()
        target.by_id.changed(message.id)
        target.by_key.moved_here(message.key, self.user.world.faults)
        self._tell("created", message)
        return message

    def trash(self, message_id: str) -> Message:
        """Throw a message away as people do: it is in Deleted Items."""
        return self.move(message_id, "deleteditems")

    def delete(self, message_id: str) -> Message:
        """Delete a message: no folder that people see has it."""
        return self.move(message_id, DELETIONS)

    @locked
    def delete_forever(self, message_id: str) -> None:
        """Remove a message for good, or archive it: then it is in another mailbox, with other ids."""
        message = self.message(message_id)
        self._take_out(message)

    @locked
    def copy(self, message_id: str, folder: str) -> Message:
        """Put a copy of a message into a folder."""
        message = self.message(message_id)
        made = self._read(message.raw, folder, message.received)
        made.is_read, made.is_draft, made.travelled = message.is_read, message.is_draft, message.travelled
        made.categories, made.flag, made.extended = message.categories, dict(message.flag), dict(message.extended)
        made.sent, made.importance = message.sent, message.importance
        return self.keep(made)

    def read(self, message_id: str, *, is_read: bool = True) -> Message:
        """Let the user open a message, or mark it as unread."""
        return self.mark(message_id, is_read=is_read)

    def categorise(self, message_id: str, *names: str) -> Message:
        """Give a message these categories, instead of those it has."""
        return self.mark(message_id, categories=names)

    @locked
    def mark(
        self,
        message_id: str,
        *,
        is_read: bool | None = None,
        categories: Iterable[str] | None = None,
        flag: Json | None = None,
    ) -> Message:
        """Change what people change about a mail that came."""
        message = self.message(message_id)
        tick = self.user.world.tick()
        if is_read is not None and is_read != message.is_read:
            # The moment of the last change stays: https://github.com/alcionai/corso/issues/1866
            message.is_read, message.marked["isRead"] = is_read, tick
        if categories is not None:
            message.categories, message.marked["categories"] = tuple(categories), tick
            message.modified = self.user.world.clock.now()
        if flag is not None:
            message.flag, message.marked["flag"] = flag, tick
            message.modified = self.user.world.clock.now()
        if tick in message.marked.values():
            message.version = tick
            self._changed(message)
        return message

    @locked
    def rewrite(self, message_id: str, raw: bytes | None = None, **facts: Any) -> Message:
        """Change anything else about a message: its bytes, or attributes such as importance and inference."""
        message = self.message(message_id)
        if raw is not None:
            message.envelope, message.source = mime.envelope(raw), _kept(raw)
        for name, value in facts.items():
            setattr(message, name, value)
        message.version = message.rewritten = self.user.world.tick()
        message.modified = self.user.world.clock.now()
        self._changed(message)
        return message

    @locked
    def extend(self, message_id: str, values: Iterable[Json]) -> Message:
        """Give a message extended properties, each with id and value, such as `Integer 0x36` for its sensitivity."""
        message = self.message(message_id)
        return self.rewrite(message_id, extended=extended.kept(message.extended, list(values)))

    @locked
    def expire(self) -> None:
        """Forget every delta token that was given out, and what is here no more."""
        for feed in [self.tree, *(one for box in self.folders.values() for one in (box.by_id, box.by_key))]:
            feed.expire()

    # -- folders ------------------------------------------------------------------------------------------------

    @locked
    def new_folder(self, name: str, parent: str = TOP, *, hidden: bool = False) -> Folder:
        """Make a folder. Raises ApiError (409) where there is one of this name."""
        above = self.folder(parent)
        self._only_one(above.id, name)
        return self._open(name, above.id, hidden=hidden)

    @locked
    def rename_folder(self, folder: str, name: str) -> Folder:
        """Give a folder another name. Raises ApiError (409) where there is one of this name."""
        found = self.folder(folder)
        self._only_one(found.parent, name, found)
        found.name = name
        self.tree.changed(found.id)
        return found

    @locked
    def move_folder(self, folder: str, parent: str) -> Folder:
        """Put a folder with everything in it into another. Raises ApiError (400, 409)."""
        found, above = self._own_folder(folder), self.folder(parent)
        if found in self._path(above):
            raise bad_request("The folder cannot be moved into itself.", "ErrorMoveCopyFailed")
        self._only_one(above.id, found.name, found)
        found.parent = above.id
        self.tree.changed(found.id)
        return found

    @locked
    def delete_folder(self, folder: str) -> None:
        """Remove a folder and those in it; what is in them is deleted. Raises ApiError for one of Outlook's own."""
        found = self._own_folder(folder)
        for child in self.children(found):
            self.delete_folder(child.id)
        for message in self.inside(found):
            self.delete(message.key)
        del self.folders[found.id]
        self.tree.left(found.id)

    # -- what can be asked ------------------------------------------------------------------------------------------

    def folder(self, name: str) -> Folder:
        """A folder by its id or well-known name. Raises ApiError (404)."""
        found = self.folders.get(self._named.get(name.lower(), name))
        if found is None:
            raise not_found()
        return found

    def children(self, folder: Folder) -> list[Folder]:
        return [one for one in self.folders.values() if one.parent == folder.id]

    def inside(self, folder: Folder) -> list[Message]:
        """The messages of a folder, not of those below it."""
        return [one for one in self.messages.values() if one.folder is folder]

    def is_visible(self, folder: Folder) -> bool:
        """Whether a folder is below the one that clients show as the top."""
        return any(one.well_known == TOP for one in self._path(folder))

    def message(self, message_id: str) -> Message:
        """A message by either of its ids. Raises ApiError (404)."""
        found = self.messages.get(self._keys.get(message_id, message_id))
        if found is None:
            raise not_found()
        return found

    def find(self, message_id: str) -> Message | None:
        """A message by either of its ids, if it is here."""
        return self.messages.get(self._keys.get(message_id, message_id))

    def new_message_id(self, host: str = "SIMPR01MB0001.simprd01.prod.outlook.com") -> str:
        """A Message-ID that no mail has."""
        return f"<{self._dice.getrandbits(80):020X}@{host}>"

    # -- inside -----------------------------------------------------------------------------------------------------

    def keep(self, message: Message) -> Message:
        """Put a message in its place, and tell who wants to know."""
        self.messages[message.key] = message
        self._keys[message.id] = message.key
        if message.envelope.message_id:
            self._by_message_id.setdefault(message.envelope.message_id, message.key)
        message.came = message.rewritten = message.version = self.user.world.tick()
        message.folder.by_id.changed(message.id)
        message.folder.by_key.changed(message.key)
        self._tell("created", message)
        return message

    def made(
        self,
        envelope: mime.Envelope,
        source: Callable[[], bytes],
        folder: str,
        at: datetime,
        like: Message | None = None,
    ) -> Message:
        """A message that is not in its place yet (`keep`); its bytes need not be there before somebody reads it."""
        before, now = self._answered(envelope), self.user.world.clock.now()
        return Message(
            key=ids.twin(like.key) if like else ids.immutable(*self._facts()),
            id=ids.twin(like.id) if like else ids.regular(*self._facts()),
            folder=self.folder(folder),
            envelope=envelope,
            source=source,
            conversation_id=before.conversation_id if before else ids.folder("conversation", *self._facts()),
            conversation_index=self._index(before, at),
            created=now,
            received=at,
            sent=at,
            modified=now,
            extended={SENSITIVITY: "0"},
        )

    def _read(self, raw: bytes, folder: str, at: datetime, like: Message | None = None) -> Message:
        message = self.made(mime.envelope(raw), _kept(raw), folder, at, like)
        if (sent_ms := mime.date_ms(raw)) is not None:
            message.sent = datetime.fromtimestamp(sent_ms / 1000, UTC)
        head = mime.parse(raw)
        sensitive = _SENSITIVE.get(mime.header(head, "Sensitivity").strip().lower(), 0)
        message.extended[SENSITIVITY] = str(sensitive)
        importance = mime.header(head, "Importance").strip().lower()
        if importance in ("low", "high"):
            message.importance = importance
        return message

    def _answered(self, envelope: mime.Envelope) -> Message | None:
        found = (self.messages.get(self._by_message_id.get(one, "")) for one in reversed(envelope.refers_to))
        return next((one for one in found if one is not None), None)

    def _index(self, before: Message | None, at: datetime) -> bytes:
        """Where a message is in its conversation: 22 bytes for the first, 5 more for each answer.

        Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxomsg/9e994fbb-b839-495f-84e3-2c8c02c7dd9b
        """
        if before:
            return before.conversation_index + self._dice.randbytes(5)
        ticks = (at - _WINDOWS_EPOCH) // timedelta(microseconds=1) * 10
        return ticks.to_bytes(8, "big", signed=True)[:6] + self._dice.randbytes(16)

    def _stamped(self, raw: bytes) -> bytes:
        """What Exchange itself writes into a mail that is sent."""
        envelope = mime.envelope(raw)
        if not any(one.field == "from" for one in envelope.people):
            raw = mime.with_header(raw, "From", self._own_name())
        if mime.date_ms(raw) is None:
            raw = mime.with_header(raw, "Date", self.user.world.clock.now().strftime("%a, %d %b %Y %H:%M:%S +0000"))
        if self.rewrites_message_id or not envelope.message_id:
            raw = mime.with_header(raw, "Message-ID", self.new_message_id())
        return raw

    def _own_name(self) -> str:
        return f"{self.user.name} <{self.user.address}>"

    def _take_out(self, message: Message) -> None:
        del self.messages[message.key]
        self._keys.pop(message.id, None)
        if self._by_message_id.get(message.envelope.message_id) == message.key:
            del self._by_message_id[message.envelope.message_id]
        message.folder.by_id.left(message.id)
        message.folder.by_key.left(message.key)
        self._tell("deleted", message)

    def _changed(self, message: Message) -> None:
        message.folder.by_id.changed(message.id)
        message.folder.by_key.changed(message.key)
        self._tell("updated", message)

    def _tell(self, change: str, message: Message) -> None:
        place = f"mailFolders/{message.folder.id}/messages"
        self.user.world.happened(self.user.address, place, change, message.id, message.key)

    def _open(self, name: str, parent: str, well_known: str = "", *, hidden: bool = False) -> Folder:
        tick = self.user.world.tick
        folder = Folder(
            ids.folder(*self._facts()),
            name,
            parent,
            well_known,
            hidden,
            by_id=Feed(tick),
            by_key=Feed(tick),
        )
        self.folders[folder.id] = folder
        if well_known:
            self._named[well_known] = folder.id
        if self.is_visible(folder) and well_known != TOP:
            self.tree.changed(folder.id)
        return folder

    def _path(self, folder: Folder) -> Iterator[Folder]:
        """A folder and those above it."""
        yield folder
        while folder.parent:
            folder = self.folders[folder.parent]
            yield folder

    def _only_one(self, parent: str, name: str, but: Folder | None = None) -> None:
        """Raises ApiError (409): another folder there has this name."""
        if any(one.parent == parent and one is not but and one.name.lower() == name.lower()
               for one in self.folders.values()):  # fmt: skip
            raise ApiError(409, "ErrorFolderExists", "A folder with the specified name already exists.")

    def _own_folder(self, folder: str) -> Folder:
        found = self.folder(folder)
        if found.well_known:
            raise bad_request("Distinguished folders cannot be deleted.", "ErrorDeleteDistinguishedFolder")
        return found

    def _facts(self) -> tuple[str, int]:
        """What no other id is made of."""
        return self.user.address, self.user.world.tick()


def recipients(raw: bytes) -> list[str]:
    """Everybody to whom a mail goes. Raises ApiError (400): nobody, or who has no address."""
    found = list(dict.fromkeys(one.address for one in mime.envelope(raw).people if one.field != "from"))
    if not found or not all("@" in one for one in found):
        raise bad_request("At least one recipient isn't valid.", "ErrorInvalidRecipients")
    return found


def _kept(raw: bytes) -> Callable[[], bytes]:
    return lambda: raw
