"""All state of the simulated Microsoft 365: its users, and what they share."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import RLock
from uuid import UUID

from connectors.microsoft.simulated.books import Calendars
from connectors.microsoft.simulated.errors import Json
from connectors.microsoft.simulated.mailbox import Mailbox
from connectors.microsoft.simulated.oauth import OAuth
from connectors.microsoft.simulated.people import AddressBook
from connectors.microsoft.simulated.subscriptions import Subscriptions
from connectors.microsoft.simulated.throttle import Throttle
from hub.connector.simulated import mime
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulator import Faults


@dataclass(frozen=True)
class Post:
    """A mail that left a mailbox."""

    by: str
    recipients: tuple[str, ...]
    raw: bytes


@dataclass
class User:
    """One account of an organisation. `mail`, `calendars` and `contacts` are his; what he does there, their methods do."""

    address: str
    name: str
    world: "World" = field(repr=False)
    licensed: bool = True  # has a mailbox
    time_zone: str = "Israel Standard Time"  # of his mailbox, as Windows calls it

    def __post_init__(self) -> None:
        self.id = str(UUID(bytes=hashlib.sha256(self.address.encode()).digest()[:16]))
        self.mail = Mailbox(self)
        self.calendars = Calendars(self)
        self.contacts = AddressBook(self)

    def facts(self) -> Json:
        """What Graph tells of him where nothing is selected.

        Source: https://learn.microsoft.com/graph/api/user-get#response
        """
        given, _, family = self.name.partition(" ")
        return {
            "businessPhones": [], "displayName": self.name, "givenName": given, "jobTitle": None, "mail": self.address,
            "mobilePhone": None, "officeLocation": None, "preferredLanguage": "en-US", "surname": family or None,
            "userPrincipalName": self.address, "id": self.id,
        }  # fmt: skip


class World:
    """Everything that is remembered, behind one lock."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clock = Clock()
        self.lock = RLock()
        self.base_url = ""  # of Graph without /v1.0; the sign-in service has the same
        self.page_size = 0  # no page has more, whatever is asked for; 0: as the reference says
        self.users: dict[str, User] = {}
        self.sent: list[Post] = []  # every mail that left a mailbox
        self._ticks = itertools.count(1)
        self.notifier = Notifier(faults, self.clock)
        self.throttle = Throttle(self.clock)
        self.oauth = OAuth(self.clock, self.lock, faults, lambda: self.base_url, self._facts)
        self.subscriptions = Subscriptions(self)

    def tick(self) -> int:
        """The next number in the order of everything that happens."""
        return next(self._ticks)

    def add_user(self, address: str, name: str, *, licensed: bool = True) -> User:
        """Open an account; without a licence it has no mailbox."""
        user = self.users[address] = User(address, name, self, licensed)
        return user

    def named(self, name: str) -> User | None:
        """The user with this address or id."""
        name = name.lower()
        return next((one for one in self.users.values() if name in (one.address, one.id)), None)

    def deliver(self, by: str, recipients: Sequence[str], raw: bytes) -> None:
        """Bring a mail to those of its recipients who have a mailbox here, but not to its sender."""
        self.sent.append(Post(by, tuple(recipients), raw))
        copy = mime.with_header(raw, "Bcc", "")
        for address in recipients:
            user = self.users.get(address.lower())
            if user is not None and user.licensed and user.address != by:
                user.mail.receive(copy)

    def happened(self, address: str, resource: str, change: str, record_id: str, immutable_id: str = "") -> None:
        """Tell whoever subscribed.

        Args:
            address: of the user.
            resource: path below the user, such as `mailFolders/AAMk=/messages`.
            change: created, updated or deleted.
            record_id: as it is without `Prefer`.
            immutable_id: as it is with `Prefer: IdType="ImmutableId"`, where that is another.
        """
        self.subscriptions.happened(address, resource, change, record_id, immutable_id or record_id)

    def _facts(self, address: str) -> Json | None:
        user = self.users.get(address)
        return user.facts() if user else None
