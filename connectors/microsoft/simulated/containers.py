"""Containers that any suite can play with, whatever lies in them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.microsoft.simulated.books import Calendars
from connectors.microsoft.simulated.mailbox import TOP, Mailbox
from connectors.microsoft.simulated.people import AddressBook
from connectors.microsoft.simulated.world import World
from hub.connector.simulated.titles import next_version
from hub.connector.simulator import Container

_PLENTY = "100000"


class CalendarContainer:
    """The main calendar of one user; another one of his stands beside it."""

    shares_limits = True
    only_grows = False
    tells = True

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        book: Calendars = world.users[address].calendars
        self._book = book
        beside = book.add("Beside")
        self._made = 0
        self.stream = f"calendar:{address}:primary"
        self.settings: Mapping[str, str] = {
            "mail": "false",
            "contacts": "false",
            "calendars": f"primary\n{beside.id}",
            "requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Put meetings with somebody into the calendar."""
        return [self._met(customer) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Give a meeting another title."""
        with self._world.lock:
            self._book.patch(remote_id, subject=next_version(str(self._book.get(remote_id)["subject"])))

    def remove(self, remote_id: str) -> None:
        """Delete a meeting."""
        self._book.remove(remote_id)

    def spoil(self, customer: str) -> str:
        """Put a meeting there that begins at no moment."""
        with self._world.lock:
            found = self._met(customer)
            self._book.put(id=found, odd={"start": "some day"})
            return found

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        self._book.put(id=remote_id, odd={})

    def texts(self) -> Mapping[str, str]:
        """Titles."""
        with self._world.lock:
            return {one.key: str(one.body["subject"]) for one in self._book.main.items}

    def titles(self) -> Mapping[str, str]:
        """Titles."""
        return self.texts()

    def tell(self, address: str) -> None:
        """Who subscribes says where to post."""

    def expire(self) -> None:
        """Forget the delta tokens, and what was deleted."""
        self._book.expire_tokens()

    def _met(self, customer: str) -> str:
        self._made += 1
        start = self._world.clock.now().replace(microsecond=0) + timedelta(days=1, hours=self._made % 12)
        title = f"Meeting {self._made} (version 1)"
        with self._world.lock:
            made = self._book.insert(subject=title, start=start, attendees=[customer])
            return self._book.immutable(str(made["id"]))


class MailContainer:
    """The inbox of one user; one more folder stands beside it, and all others are hidden."""

    shares_limits = True
    only_grows = False
    tells = True

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        box: Mailbox = world.users[address].mail
        self._box = box
        self._made = self._changed = 0
        with world.lock:
            for folder in box.children(box.folder(TOP)):
                folder.hidden = folder.well_known not in ("inbox", "archive")
        self.stream = f"mail:{address}:{box.folder('inbox').id}"
        self.settings: Mapping[str, str] = {
            "calendar": "false",
            "contacts": "false",
            "requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Let somebody write about another matter each time, a minute later each."""
        return [self._received(customer, self._moment()) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Give a mail another category: people change little else about one. One that a fault deleted stays so."""
        self._changed += 1
        with self._world.lock:
            if self._box.find(remote_id) is not None:
                self._box.categorise(remote_id, f"Pile {self._changed}")

    def remove(self, remote_id: str) -> None:
        """Delete a mail for good."""
        self._box.delete_forever(remote_id)

    def spoil(self, customer: str) -> str:
        """Let a mail come of which Graph says in no known way when that was."""
        with self._world.lock:
            found = self._received(customer, self._moment())
            self._box.rewrite(found, odd={"receivedDateTime": "yesterday"})
            return found

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        self._box.rewrite(remote_id, odd={})

    def texts(self) -> Mapping[str, str]:
        """The category of each mail that has one, else its subject."""
        with self._world.lock:
            mails = self._box.inside(self._box.folder("inbox"))
            return {one.key: f'"{(*one.categories, one.envelope.subject)[0]}"' for one in mails}

    def titles(self) -> Mapping[str, str]:
        """Subjects."""
        with self._world.lock:
            return {one.key: one.envelope.subject for one in self._box.inside(self._box.folder("inbox"))}

    def tell(self, address: str) -> None:
        """Who subscribes says where to post."""

    def expire(self) -> None:
        """Forget the delta tokens, and what was deleted."""
        self._box.expire()

    def _moment(self) -> datetime:
        return self._world.clock.now() + timedelta(minutes=self._made, days=-1)

    def _received(self, customer: str, at: datetime) -> str:
        self._made += 1
        subject, body = f"Offer {self._made} (version 1)", f"This is about offer {self._made}."
        return self._box.receive(from_=customer, subject=subject, body=body, at=at).key


class ContactsContainer:
    """The main folder of one user's contacts; another one stands beside it. The first contact is the customer."""

    shares_limits = True
    only_grows = False
    tells = True

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        book: AddressBook = world.users[address].contacts
        self._book = book
        book.add_folder("Beside")
        self._made = 0
        self.stream = f"contacts:{address}:contacts"
        self.settings: Mapping[str, str] = {
            "mail": "false",
            "calendar": "false",
            "requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Write people down: somebody, and then those he works with."""
        return [self._written(customer) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Give somebody another name."""
        with self._world.lock:
            name = str(self._book.find(remote_id).body["displayName"])
            self._book.update(remote_id, displayName=next_version(name))

    def remove(self, remote_id: str) -> None:
        """Delete a contact for good."""
        self._book.delete(remote_id)

    def spoil(self, customer: str) -> str:
        """Write somebody down whose addresses are no list."""
        with self._world.lock:
            contact = self._book.find(self._written(customer))
            contact.body["emailAddresses"] = "nowhere"
            self._book.changed(contact)
            return contact.immutable_id

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        self._book.update(remote_id, emailAddresses=[{"address": "mended@customer.example"}])

    def texts(self) -> Mapping[str, str]:
        """Names."""
        with self._world.lock:
            here = self._book.inside(self._book.folder(self._book.default))
            return {one.immutable_id: str(one.body["displayName"]) for one in here}

    def titles(self) -> Mapping[str, str]:
        """A contact is no event."""
        return {}

    def tell(self, address: str) -> None:
        """Who subscribes says where to post."""

    def expire(self) -> None:
        """Forget the delta tokens, and what was deleted."""
        self._book.expire_tokens()

    def _written(self, customer: str) -> str:
        self._made += 1
        name, _, domain = customer.partition("@")
        address = customer if self._made == 1 else f"{name}.{self._made}@{domain}"
        return self._book.add(f"Contact {self._made}", "(version 1)", emails=[address])


CONTAINERS: Mapping[str, Callable[[World, str], Container]] = {
    "calendar": CalendarContainer,
    "mail": MailContainer,
    "contacts": ContactsContainer,
}
