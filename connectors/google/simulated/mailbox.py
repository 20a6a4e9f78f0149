"""One person's mail: messages, threads, labels, drafts, and the log of what changed.

Sources: https://developers.google.com/workspace/gmail/api/guides/sync, .../guides/threads, .../guides/labels, .../guides/push
"""

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any, Protocol

from connectors.google.simulated.errors import ApiError, Json, bad_request, not_found
from connectors.google.simulated.mail_query import compile_query
from hub.connector.simulated import mime
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

SYSTEM_LABELS = (
    "CHAT", "SENT", "INBOX", "IMPORTANT", "TRASH", "DRAFT", "SPAM", "CATEGORY_FORUMS", "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL", "CATEGORY_PROMOTIONS", "CATEGORY_SOCIAL", "STARRED", "UNREAD",
)  # fmt: skip
FIXED = frozenset({"SENT", "DRAFT", "CHAT"})  # nobody puts these on or takes them off
HISTORY_DAYS = 30  # "at least a week"
WATCH_DAYS = 7
_REPLY = re.compile(r"^\s*((re|fwd?|aw|wg|sv|odp)\s*(\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_DAY_MS = 86_400_000


class Source(Protocol):
    """Where the bytes of a message are, or how they are made."""

    def raw(self) -> bytes:
        """The whole mail."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail whose bytes are in memory."""

    content: bytes

    def raw(self) -> bytes:
        return self.content


@dataclass(slots=True, eq=False)
class Letter:
    """A message in one mailbox."""

    id: str
    thread_id: str
    labels: frozenset[str]
    at_ms: int
    size: int
    envelope: mime.Envelope
    source: Source
    history_id: int = 0

    @property
    def raw(self) -> bytes:
        return self.source.raw()

    def words(self) -> str:
        """Subject, people and text, in lower case."""
        people = " ".join(f"{one.name} {one.address}" for one in self.envelope.people)
        return f"{self.envelope.subject} {people} {mime.plain_text(mime.parse(self.raw))}".lower()

    def files(self) -> list[str]:
        """Names of attachments, in lower case."""
        return [name.lower() for name in mime.filenames(mime.parse(self.raw))]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history."""

    id: int
    at_ms: int
    kind: str  # messageAdded, messageDeleted, labelAdded, labelRemoved
    message_id: str
    thread_id: str
    labels: frozenset[str]  # that the message has now
    changed: tuple[str, ...] = ()


@dataclass(slots=True)
class Watch:
    """Somebody wants to hear of changes through a topic."""

    topic: str
    labels: frozenset[str]
    include: bool
    expires_ms: int


@dataclass(slots=True)
class SendAs:
    """An address that a user may write from."""

    address: str
    name: str = ""
    signature: str = ""
    primary: bool = False


@dataclass(slots=True)
class Post:
    """What leaves a mailbox for others."""

    by: str
    raw: bytes
    recipients: tuple[str, ...]
    message_id: str
    at: datetime


@dataclass
class Mailbox:
    """Everything behind users/{address} of the Gmail API. Its methods are what the user, or the world, does."""

    address: str
    name: str
    clock: Clock
    lock: RLock
    post: Callable[[Post], None]
    publish: Callable[[str, Json], None]
    rewrites_message_id: bool = True
    letters: dict[str, Letter] = field(default_factory=dict)
    threads: dict[str, list[str]] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    labels: dict[str, Json] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)  # draft id -> message id
    send_as: list[SendAs] = field(default_factory=list)
    watching: Watch | None = None

    def __post_init__(self) -> None:
        self._dice = random.Random(self.address)  # noqa: S311 - ids of a simulator, the same in every run
        self.history_id = self._dice.randrange(1_000_000, 9_000_000)
        self.floor = self.history_id  # older cursors are dead
        self._by_message_id: dict[str, str] = {}
        self._ordered: tuple[int, list[Letter]] = (-1, [])
        self._found: dict[tuple[Any, ...], list[Letter]] = {}
        self.labels = {
            name: {"id": name, "name": name, "type": "system", "messageListVisibility": "hide"}
            for name in SYSTEM_LABELS
        }
        self.send_as.append(SendAs(self.address, self.name, primary=True))

    # -- what happens to it -------------------------------------------------------------------------------------

    @locked
    def receive(
        self,
        raw: bytes = b"",
        *,
        labels: Iterable[str] = ("INBOX", "UNREAD"),
        at: datetime | None = None,
        **mail: Any,
    ) -> Letter:
        """Take a mail in, as bytes or in the words of `mime.compose` (from_, to, subject, body, attachments, ...)."""
        moment = at or self.clock.now()
        if not raw:
            mail.setdefault("to", self.address)
            mail.setdefault("message_id", f"<{self.new_id()}@mail.example>")
            raw = mime.compose(at=moment, **mail)
        return self.insert(raw, labels=labels, at_ms=int(moment.timestamp() * 1000))

    @locked
    def send(self, raw: bytes = b"", *, thread_id: str = "", into: str = "", **mail: Any) -> Letter:
        """Send a mail as this user, as bytes or in the words of `mime.compose`.

        Raises:
            ApiError: it has no recipient, or belongs to no such thread.
        """
        if not raw:
            raw = mime.compose(at=self.clock.now(), **{"from_": f"{self.name} <{self.address}>", **mail})
        raw = self._stamped(raw)
        envelope = mime.envelope(raw)
        recipients = tuple(dict.fromkeys(one.address for one in envelope.people if one.field != "from"))
        if not recipients:
            raise bad_request("Recipient address required", "invalidArgument")
        labels = {"SENT"} | ({"INBOX", "UNREAD"} if self.address in recipients else set())
        letter = self.insert(raw, labels=labels, thread_id=thread_id, at_ms=self.clock.ms(), into=into)
        self.post(Post(self.address, raw, recipients, envelope.message_id, self.clock.now()))
        return letter

    @locked
    def insert(
        self,
        raw: bytes,
        *,
        labels: Iterable[str] = (),
        thread_id: str = "",
        at_ms: int | None = None,
        into: str = "",
    ) -> Letter:
        """Put a mail here without sending it. `into` is its thread, whatever its headers say."""
        wanted = frozenset(labels)
        self._check_labels(wanted)
        envelope = mime.envelope(raw)
        when = at_ms if at_ms is not None else (mime.date_ms(raw) or self.clock.ms())
        letter = Letter(self.new_id(), "", wanted, when, len(raw), envelope, Kept(raw))
        letter.thread_id = into or self._thread(letter, thread_id)
        self.keep(letter)
        self._changed("messageAdded", letter)
        return letter

    def keep(self, letter: Letter) -> None:
        """Put a letter in its place, without a line in the history."""
        self.letters[letter.id] = letter
        self.threads.setdefault(letter.thread_id, []).append(letter.id)
        letter.history_id = self.history_id
        if letter.envelope.message_id:
            self._by_message_id.setdefault(letter.envelope.message_id, letter.id)
        self._ordered = (-1, [])

    @locked
    def label(self, message_id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Letter:
        """Put labels on a message and take others off, by their ids."""
        letter = self.letter(message_id)
        added, removed = frozenset(add), frozenset(remove)
        self._check_labels(added | removed)
        if (added | removed) & FIXED:
            raise bad_request(f"Invalid label: {min((added | removed) & FIXED)}", "invalidArgument")
        return self._relabel(letter, added, removed - added)

    def _relabel(self, letter: Letter, added: frozenset[str], removed: frozenset[str]) -> Letter:
        new, gone = added - letter.labels, removed & letter.labels
        letter.labels = (letter.labels | new) - gone
        if new:
            self._changed("labelAdded", letter, tuple(sorted(new)))
        if gone:
            self._changed("labelRemoved", letter, tuple(sorted(gone)))
        return letter

    def read(self, message_id: str) -> Letter:
        """Let the user open a message."""
        return self.label(message_id, remove=["UNREAD"])

    @locked
    def trash(self, message_id: str) -> Letter:
        """Throw a message away; it stays for a while."""
        return self._relabel(self.letter(message_id), frozenset({"TRASH"}), frozenset({"INBOX", "SPAM"}))

    @locked
    def untrash(self, message_id: str) -> Letter:
        """Take a message out of the trash."""
        return self._relabel(self.letter(message_id), frozenset(), frozenset({"TRASH"}))

    @locked
    def delete_forever(self, message_id: str) -> None:
        """Remove a message for good."""
        letter = self.letter(message_id)
        del self.letters[message_id]
        siblings = self.threads[letter.thread_id]
        siblings.remove(message_id)
        if not siblings:
            del self.threads[letter.thread_id]
        if self._by_message_id.get(letter.envelope.message_id) == message_id:
            del self._by_message_id[letter.envelope.message_id]
        for draft in [draft for draft, of in self.drafts.items() if of == message_id]:
            del self.drafts[draft]
        self._ordered = (-1, [])
        self._changed("messageDeleted", letter)

    @locked
    def create_label(self, name: str, **fields: Any) -> Json:
        """Make a label; its id is not its name.

        Raises:
            ApiError: 409, there is one of this name.
        """
        if any(one["name"].lower() == name.lower() for one in self.labels.values()):
            raise ApiError(409, "aborted", "Label name exists or conflicts", status="ABORTED")
        number = sum(one["type"] == "user" for one in self.labels.values()) + 1
        while f"Label_{number}" in self.labels:
            number += 1
        label = {
            "messageListVisibility": "show", "labelListVisibility": "labelShow",
            **fields, "id": f"Label_{number}", "name": name, "type": "user",
        }  # fmt: skip
        self.labels[label["id"]] = label
        self.history_id += self._dice.randrange(1, 20)
        return label

    @locked
    def delete_label(self, label_id: str) -> None:
        """Remove a label, from every message too."""
        label = self.labels.get(label_id)
        if label is None:
            raise not_found()
        if label["type"] == "system":
            raise bad_request("Invalid delete request", "invalidArgument")
        for letter in self.letters.values():
            if label_id in letter.labels:
                self._relabel(letter, frozenset(), frozenset({label_id}))
        del self.labels[label_id]

    @locked
    def draft(self, raw: bytes, *, draft_id: str = "", thread_id: str = "") -> str:
        """Keep a draft, or write it anew: then its message gets another id, as at Google. Returns the draft's id."""
        into = ""
        if draft_id:
            if draft_id not in self.drafts:
                raise not_found()
            into = "" if thread_id else self.letters[self.drafts[draft_id]].thread_id
        letter = self.insert(
            self._stamped(raw), labels=["DRAFT"], thread_id=thread_id, at_ms=self.clock.ms(), into=into
        )
        if draft_id:
            self.delete_forever(self.drafts[draft_id])
        else:
            draft_id = f"r{self._dice.getrandbits(62)}"
        self.drafts[draft_id] = letter.id
        return draft_id

    @locked
    def send_draft(self, draft_id: str) -> Letter:
        """Send a draft; the sent message has another id."""
        if draft_id not in self.drafts:
            raise not_found()
        letter = self.letters[self.drafts[draft_id]]
        sent = self.send(letter.raw, into=letter.thread_id)
        self.delete_forever(letter.id)
        return sent

    @locked
    def expire_history(self) -> None:
        """Forget the history: every cursor given out so far is dead, the next one lives."""
        self.history.clear()
        self.history_id += self._dice.randrange(1, 20)
        self.floor = self.history_id

    # -- what can be asked ------------------------------------------------------------------------------------------

    def letter(self, message_id: str) -> Letter:
        """Return a message. Raises ApiError (404)."""
        found = self.letters.get(message_id)
        if found is None:
            raise not_found()
        return found

    def new_id(self) -> str:
        """An id that no message here has."""
        while (found := f"{0x18C0 << 48 | self._dice.getrandbits(48):016x}") in self.letters:
            pass
        return found

    @locked
    def search(self, query: str = "", labels: Sequence[str] = (), *, spam_trash: bool = False) -> list[Letter]:
        """Return what matches, newest first."""
        key = (query, tuple(labels), spam_trash, self.history_id, len(self.letters), int(self.clock.time() // 60))
        if key not in self._found:
            test = compile_query(query, self.clock.now(), self.label_ids)
            hidden = frozenset() if spam_trash or test.everywhere else frozenset({"SPAM", "TRASH"}) - set(labels)
            wanted = frozenset(labels)
            self._found = {
                key: [
                    one
                    for one in self._newest_first()
                    if not one.labels & hidden and wanted <= one.labels and test.matches(one)
                ]
            }
        return self._found[key]

    def _newest_first(self) -> list[Letter]:
        if self._ordered[0] != len(self.letters):
            self._ordered = (len(self.letters), sorted(self.letters.values(), key=order))
        return self._ordered[1]

    def label_ids(self, name: str) -> list[str]:
        """The labels that a query means by a name, in which spaces and slashes may be written as dashes."""
        wanted = _flat(name)
        return [one["id"] for one in self.labels.values() if _flat(one["name"]) == wanted or one["id"].lower() == name]

    def since(self, start: int) -> list[Change]:
        """Return the history behind a cursor. Raises ApiError (404) for one too old."""
        oldest = self.clock.ms() - HISTORY_DAYS * _DAY_MS
        while self.history and self.history[0].at_ms < oldest:
            self.floor = self.history.pop(0).id
        if start < self.floor:
            raise not_found()
        return [change for change in self.history if change.id > start]

    # -- inside -----------------------------------------------------------------------------------------------------

    def _check_labels(self, labels: frozenset[str]) -> None:
        if unknown := labels - self.labels.keys():
            raise bad_request(f"Invalid label: {min(unknown)}", "invalidArgument")

    def _changed(self, kind: str, letter: Letter, changed: tuple[str, ...] = ()) -> None:
        self.history_id += self._dice.randrange(1, 20)
        letter.history_id = self.history_id
        self.history.append(
            Change(self.history_id, self.clock.ms(), kind, letter.id, letter.thread_id, letter.labels, changed)
        )
        self._tell(letter.labels | set(changed))

    def _tell(self, labels: frozenset[str]) -> None:
        watch = self.watching
        if watch is None or watch.expires_ms <= self.clock.ms():
            return
        if watch.labels and bool(watch.labels & labels) is not watch.include:
            return
        self.publish(watch.topic, {"emailAddress": self.address, "historyId": self.history_id})

    def _thread(self, letter: Letter, asked: str) -> str:
        """Find the thread of a new message: it answers one of its messages, and the subject is the same."""
        if asked and asked not in self.threads:
            raise bad_request("Invalid thread_id value", "invalidArgument")
        for reference in reversed(letter.envelope.refers_to):
            other = self.letters.get(self._by_message_id.get(reference, ""))
            if other is None or (asked and other.thread_id != asked):
                continue
            if bare_subject(other.envelope.subject) == bare_subject(letter.envelope.subject):
                return other.thread_id
        return letter.id

    def _stamped(self, raw: bytes) -> bytes:
        """What Gmail itself writes into a mail that is sent: sender, date, and a Message-ID of its own.

        A Message-ID of the client is thrown away: https://github.com/FlowCrypt/flowcrypt-browser/issues/4273
        """
        envelope = mime.envelope(raw)
        senders = [one.address for one in envelope.people if one.field == "from"]
        own = {one.address.lower() for one in self.send_as}
        if not senders or senders[0] not in own:
            raw = mime.with_header(raw, "From", f'"{self.name}" <{self.address}>')
        if mime.date_ms(raw) is None:
            raw = mime.with_header(raw, "Date", self.clock.now().strftime("%a, %d %b %Y %H:%M:%S +0000"))
        if self.rewrites_message_id or not envelope.message_id:
            raw = mime.with_header(raw, "Message-ID", f"<CA+{self.new_id()}{self.new_id()}@mail.gmail.com>")
        return raw


def order(letter: Letter) -> tuple[int, str]:
    """The key by which messages are listed: newest first."""
    return -letter.at_ms, letter.id


def bare_subject(subject: str) -> str:
    return " ".join(_REPLY.sub("", subject).lower().split())


def _flat(name: str) -> str:
    return re.sub(r"[\s/]+", "-", name.lower())
