"""Containers that any suite can play with, whatever lies in them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import cast

from connectors.google.simulated.errors import Json
from connectors.google.simulated.mailbox import Letter
from connectors.google.simulated.oauth import ROBOT
from connectors.google.simulated.pubsub import SUBSCRIPTION, TOPIC
from connectors.google.simulated.world import World
from hub.connector.simulated.titles import next_version
from hub.connector.simulator import Container

_PLENTY = "100000"
_PLENTY_OF_UNITS = "10000000"


class CalendarContainer:
    """The main calendar of one user; another one of his stands beside it."""

    shares_limits = True
    only_grows = False
    tells = True

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        self._book = world.users[address].calendar()
        beside = world.users[address].new_calendar("Beside")
        self._made = 0
        self.stream = f"calendar:{address}:primary"
        self.settings: Mapping[str, str] = {
            "mail": "false",
            "contacts": "false",
            "calendars": f"primary\n{beside.id}",
            "calendar_requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Put meetings with somebody into the calendar."""
        return [str(self._book.insert(**self._event(customer))["id"]) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Give a meeting another title."""
        title = str(self._book.find(remote_id).body["summary"])
        self._book.patch(remote_id, summary=next_version(title))

    def remove(self, remote_id: str) -> None:
        """Delete a meeting; listings go on showing that it was."""
        self._book.cancel(remote_id)

    def spoil(self, customer: str) -> str:
        """Put a meeting there whose number of changes is none."""
        event = self._event(customer)
        guests = [{"email": one} for one in event.pop("attendees")]
        odd = {"id": f"odd{self._made}", "sequence": "many", "attendees": guests, "organizer": {"email": self._book.id}}
        return str(self._book.put(event | odd)["id"])

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        with self._world.lock:
            self._book.keep(self._book.find(remote_id).body | {"sequence": 1})

    def texts(self) -> Mapping[str, str]:
        """Titles; of deleted meetings their state."""
        with self._world.lock:
            return {
                one.id: "cancelled" if one.gone else str(one.body["summary"]) for one in self._book.entries.values()
            }

    def titles(self) -> Mapping[str, str]:
        """Titles."""
        with self._world.lock:
            return {one.id: str(one.body["summary"]) for one in self._book.entries.values() if not one.gone}

    def tell(self, address: str) -> None:
        """The hub itself says where to post."""

    def expire(self) -> None:
        """Forget the sync tokens, and the deleted meetings."""
        with self._world.lock:
            self._book.expire_tokens()
            for one in [entry for entry in self._book.entries.values() if entry.gone]:
                self._book.forget(one.id)

    def _event(self, customer: str) -> Json:
        self._made += 1
        start = self._world.clock.now() + timedelta(days=1, hours=self._made % 12)
        return {
            "summary": f"Meeting {self._made} (version 1)",
            "start": {"dateTime": start.isoformat(timespec="seconds"), "timeZone": "Europe/Warsaw"},
            "end": {
                "dateTime": (start + timedelta(hours=1)).isoformat(timespec="seconds"),
                "timeZone": "Europe/Warsaw",
            },
            "attendees": [customer],
        }


class MailContainer:
    """The mailbox of one user; his contacts stand beside it, which Google limits by themselves."""

    shares_limits = False
    only_grows = False
    tells = True

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        self._box = world.users[address].mail
        self._made = self._changed = 0
        self.stream = f"mail:{address}"
        self.settings: Mapping[str, str] = {
            "calendar": "false",
            "topic": TOPIC,
            "push_sender": ROBOT,
            "certs_url": f"{world.base_url}/oauth2/v1/certs",
            "mail_units_per_minute": _PLENTY_OF_UNITS,
            "mail_project_units_per_minute": _PLENTY_OF_UNITS,
            "contact_requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Let somebody write about another matter each time, a minute later each."""
        return [self._received(customer).id for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Put a new label on a mail: nothing else of one ever changes."""
        self._changed += 1
        label = self._box.create_label(f"Pile {self._changed}")
        self._box.label(remote_id, add=[label["id"]])

    def remove(self, remote_id: str) -> None:
        """Throw a mail away and empty the trash."""
        self._box.trash(remote_id)
        self._box.delete_forever(remote_id)

    def spoil(self, customer: str) -> str:
        """Let a mail come whose size is no number."""
        with self._world.lock:
            letter = self._received(customer)
            letter.size = cast("int", "large")  # what no mailbox holds, and what a fault of Gmail's could say
            return letter.id

    def mend(self, remote_id: str) -> None:
        """Make it what it should be, and let that be seen."""
        with self._world.lock:
            letter = self._box.letter(remote_id)
            letter.size = len(letter.raw)
            self.change(remote_id)

    def texts(self) -> Mapping[str, str]:
        """When each mail changed last, in the mailbox's own numbers."""
        with self._world.lock:
            return {one.id: f'"historyId": "{one.history_id}"' for one in self._box.letters.values()}

    def titles(self) -> Mapping[str, str]:
        """Subjects."""
        with self._world.lock:
            return {one.id: one.envelope.subject for one in self._box.letters.values()}

    def tell(self, address: str) -> None:
        """Let Pub/Sub post to the hub what Gmail publishes, instead of keeping it for whoever asks."""
        self._world.pubsub.subscribe(SUBSCRIPTION, TOPIC, push_to=address, sender=ROBOT)

    def expire(self) -> None:
        """Forget the history."""
        self._box.expire_history()

    def _received(self, customer: str) -> Letter:
        self._made += 1
        at = self._world.clock.now() + timedelta(minutes=self._made, days=-1)
        subject = f"Offer {self._made} (version 1)"
        return self._box.receive(from_=customer, subject=subject, body=f"This is about offer {self._made}.", at=at)


class ContactsContainer:
    """The contacts of one user; beside them, whom Google noted from his mail. The first one is the customer."""

    shares_limits = True
    only_grows = False
    tells = False

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        self._people = world.users[address].people
        self._made = 0
        self.stream = f"contacts:{address}:connections"
        self.settings: Mapping[str, str] = {
            "mail": "false",
            "calendar": "false",
            "other_contacts": "true",
            "contact_requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Write people down: somebody, and then those he works with."""
        return [self._written(customer) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Give somebody another name."""
        with self._world.lock:
            name = str(self._people.contact(remote_id).body["names"][0]["displayName"])
            self._people.update(remote_id, names=[{"unstructuredName": next_version(name)}])

    def remove(self, remote_id: str) -> None:
        """Delete a contact."""
        self._people.delete(remote_id)

    def spoil(self, customer: str) -> str:
        """Write somebody down whose address is no text."""
        with self._world.lock:
            name = self._written(customer)
            self._people.update(name, emailAddresses=[{"value": ["nowhere"]}])
            return name

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        self._people.update(remote_id, emailAddresses=[{"value": "mended@customer.example"}])

    def texts(self) -> Mapping[str, str]:
        """Names."""
        with self._world.lock:
            cards = self._people.contacts.present()
            return {f"people/{one.id}": str(one.body["names"][0]["displayName"]) for one in cards}

    def titles(self) -> Mapping[str, str]:
        """A contact is no event."""
        return {}

    def tell(self, address: str) -> None:
        """Google tells nobody of contacts."""

    def expire(self) -> None:
        """Forget the sync tokens, and the deleted contacts."""
        with self._world.lock:
            self._people.expire_tokens()
            cards = self._people.contacts.cards
            for gone in [one.id for one in cards.values() if not one.body]:
                del cards[gone]

    def _written(self, customer: str) -> str:
        self._made += 1
        name, _, domain = customer.partition("@")
        address = customer if self._made == 1 else f"{name}.{self._made}@{domain}"
        return self._people.add(f"Contact {self._made}", "(version 1)", emails=[address])


CONTAINERS: Mapping[str, Callable[[World, str], Container]] = {
    "calendar": CalendarContainer,
    "mail": MailContainer,
    "contacts": ContactsContainer,
}
