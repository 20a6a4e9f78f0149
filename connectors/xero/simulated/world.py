"""All state of the simulated Xero: its people, its organisations, and what they share."""

from dataclasses import dataclass
from threading import RLock

from connectors.xero.simulated.books import Books
from connectors.xero.simulated.limits import Limits
from connectors.xero.simulated.listing import Lists
from connectors.xero.simulated.tokens import Person, Tokens
from connectors.xero.simulated.webhooks import Webhooks
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulator import Faults


@dataclass(frozen=True, slots=True)
class Write:
    """A request that would have changed something."""

    http: str
    path: str


class World:
    """Everything that is remembered, behind one lock."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clock = Clock()
        self.lock = RLock()
        self.base_url = ""
        self.notifier = Notifier(faults, self.clock)
        self.tokens = Tokens(self.clock, self.lock, faults)
        self.limits = Limits(self.clock)
        self.lists = Lists(faults)
        self.webhooks = Webhooks(faults, self.clock, self.lock, self.notifier)
        self.people = [Person("noa@acme.example", "Noa Levi"), Person("adam@acme.example", "Adam Nowak")]
        self.organisations: dict[str, Books] = {}
        self.writes: list[Write] = []  # that were asked for, and refused

    def begin(self, base_url: str) -> None:
        """Say where all this is reached."""
        self.base_url = self.webhooks.base_url = self.tokens.issuer = base_url

    def add_organisation(self, name: str, currency: str, *, connected: bool = True) -> Books:
        """Open the books of an organisation."""
        books = Books(self.clock, self.lock, self.webhooks.happened, name, currency)
        self.organisations[books.id] = books
        if connected:
            self.tokens.connect(books.id, name)
        return books
