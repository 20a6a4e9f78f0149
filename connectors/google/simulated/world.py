"""All state of the simulated Google: its users, and what they share."""

import hashlib
import itertools
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

from connectors.google.simulated.calendar_book import CalendarBook
from connectors.google.simulated.calendar_more import Listed
from connectors.google.simulated.channels import Channels
from connectors.google.simulated.errors import Json
from connectors.google.simulated.mailbox import Mailbox, Post
from connectors.google.simulated.meetings import Meetings
from connectors.google.simulated.oauth import OAuth
from connectors.google.simulated.people import AddressBook
from connectors.google.simulated.pubsub import PubSub
from connectors.google.simulated.quota import Quota
from hub.connector.simulated import mime
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulator import Faults

if TYPE_CHECKING:
    from connectors.google.simulated.spec import Method


@dataclass(frozen=True)
class Exchange:
    """One call of an API and its answer, for whoever checks them."""

    method: "Method"
    user: str
    query: Json
    body: Json
    status: int
    answer: Json | None


@dataclass
class User:
    """One account. `mail`, `people` and `calendar()` are his; what he does there, their methods do."""

    address: str
    name: str
    world: "World"
    workspace: str = ""  # the domain; empty for a private account
    admin: bool = False  # may see everybody in the domain
    calendars: dict[str, Listed] = field(default_factory=dict)  # his list of them
    calendar_floor: int = 0

    def __post_init__(self) -> None:
        world = self.world
        self.id = str(10**20 + int(hashlib.sha256(self.address.encode()).hexdigest()[:15], 16))
        self.mail = Mailbox(self.address, self.name, world.clock, world.lock, world.deliver, world.pubsub.publish)
        self.people = AddressBook(
            self.address, self.name, world.clock, world.lock, world.tick, lambda: self.world.people_delay_s
        )
        self._open(self.address, self.name, world.zone, primary=True)

    def calendar(self, calendar_id: str = "primary") -> CalendarBook:
        """One of his calendars, by its id."""
        return self.world.meetings.books[self.address if calendar_id == "primary" else calendar_id]

    def new_calendar(self, summary: str, zone: str = "") -> CalendarBook:
        """Make another calendar."""
        with self.world.lock:
            digest = hashlib.sha256(f"{self.address}{self.world.tick()}".encode()).hexdigest()
            return self._open(f"c_{digest}@group.calendar.google.com", summary, zone or self.world.zone, primary=False)

    def _open(self, calendar_id: str, summary: str, zone: str, *, primary: bool) -> CalendarBook:
        world = self.world
        book = CalendarBook(
            calendar_id,
            summary,
            self.address,
            world.clock,
            world.lock,
            world.meetings,
            world.tick,
            zone,
            primary=primary,
        )
        world.meetings.books[calendar_id] = book
        self.list_calendar(book)
        return book

    def list_calendar(self, book: CalendarBook) -> Listed:
        """Put a calendar on his list."""
        listed = self.calendars.get(book.id) or Listed(book.id, 0)
        listed.deleted, listed.seq = False, self.world.tick()
        self.calendars[book.id] = listed
        self.world.channels.changed(f"list:{self.address}")
        return listed

    def unlist_calendar(self, calendar_id: str) -> None:
        """Take a calendar off his list."""
        listed = self.calendars[calendar_id]
        listed.deleted, listed.seq = True, self.world.tick()
        self.world.channels.changed(f"list:{self.address}")

    def expire_calendar_list(self) -> None:
        """Every sync token of the list is dead."""
        self.calendar_floor = self.world.tick()

    def profile(self, base_url: str) -> Json:
        """Himself as a person of the People API."""
        source = {"type": "PROFILE", "id": self.id}
        given, _, family = self.name.partition(" ")
        return {
            "resourceName": f"people/{self.id}", "etag": f"%Eg{self.id[-8:]}",
            "metadata": {"objectType": "PERSON", "sources": [source]},
            "names": [{"metadata": {"primary": True, "source": source}, "displayName": self.name, "givenName": given,
                       "familyName": family}],
            "emailAddresses": [{"metadata": {"primary": True, "verified": True, "source": source},
                                "value": self.address}],
            "photos": [{"metadata": {"primary": True, "source": source}, "url": f"{base_url}/photos/{self.id}/photo.png",
                        "default": True}],
        }  # fmt: skip

    def facts(self) -> Json:
        """What `userinfo` tells of him."""
        given, _, family = self.name.partition(" ")
        found: Json = {
            "id": self.id, "email": self.address, "verified_email": True, "name": self.name, "given_name": given,
            "family_name": family, "picture": f"{self.world.base_url}/photos/{self.id}/photo.png",
        }  # fmt: skip
        return found | ({"hd": self.workspace} if self.workspace else {})


class World:
    """Everything that is remembered, behind one lock."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clock = Clock()
        self.lock = RLock()
        self.base_url = ""
        self.zone = "Asia/Jerusalem"
        self.people_delay_s = 0.0
        self.page_size = 0  # no page has more, whatever is asked for; 0: as the reference says
        self.users: dict[str, User] = {}
        self.sent: list[Post] = []  # every mail that left a mailbox
        self._ticks = itertools.count(1)
        self.notifier = Notifier(faults, self.clock)
        self.channels = Channels(self.clock, self.notifier)
        self.quota = Quota(self.clock)
        self.oauth = OAuth(self.clock, self.lock, faults, lambda: self.base_url, self._facts)
        self.pubsub = PubSub(self.clock, self.lock, faults, self.notifier, self.oauth.push_token)
        self.meetings = Meetings(self.clock, self.tick, self._event_changed)
        self.meetings.listed = self._shared

    def tick(self) -> int:
        """The next number in the order of everything that happens."""
        return next(self._ticks)

    def add_user(self, address: str, name: str, workspace: str = "") -> User:
        """Open an account."""
        user = User(address, name, self, workspace)
        self.users[address] = user
        return user

    def deliver(self, post: Post) -> None:
        """Bring a mail to those of its recipients who have a mailbox here."""
        self.sent.append(post)
        copy = mime.with_header(post.raw, "Bcc", "")
        for address in post.recipients:
            if address in self.users and address != post.by:
                self.users[address].mail.receive(copy)

    def _facts(self, address: str) -> Json | None:
        user = self.users.get(address)
        return user.facts() if user else None

    def _event_changed(self, book: CalendarBook) -> None:
        self.channels.changed(f"events:{book.id}")

    def _shared(self, book: CalendarBook, address: str, role: str) -> None:
        user = self.users.get(address)
        if user is None:
            return
        if role:
            user.list_calendar(book)
        elif book.id in user.calendars:
            user.unlist_calendar(book.id)
