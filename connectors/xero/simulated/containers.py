"""Records of one kind, for a suite that knows nothing of them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.xero.simulated.books import Books
from connectors.xero.simulated.things import Contact, Thing
from connectors.xero.simulated.world import World
from hub.connector.simulated.titles import next_version
from hub.connector.simulator import Container

_PLENTY = "100000"
_APART_HOURS = 24.0  # between two doings: who reads a little of the past again reads nothing twice
_LASTING_S = 10 * 365 * 86_400.0
_GONE = ("ARCHIVED", "DELETED")
_TOLD = ("Contacts", "Invoices", "CreditNotes")  # of such things webhooks tell


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is special about one kind."""

    endpoint: str
    text: str  # the field that tells one from the others
    odd: Mapping[str, Any]  # what makes one wrong
    add: Callable[[Books, Contact, str], Thing]


def _paid(books: Books, contact: Contact, text: str) -> Thing:
    return books.pay(books.invoice(contact, "100"), reference=text)


def _wrong(field: str) -> Mapping[str, Any]:
    return {field: ["a lot"]}


_KINDS = {
    "contacts": _Kind("Contacts", "name", _wrong("Name"), lambda _books, contact, _text: contact),
    "invoices": _Kind(
        "Invoices", "number", _wrong("Total"), lambda books, who, text: books.invoice(who, "100", number=text)
    ),
    "credit_notes": _Kind(
        "CreditNotes", "number", _wrong("Total"), lambda books, who, text: books.credit_note(who, "10", number=text)
    ),
    "payments": _Kind("Payments", "reference", _wrong("Amount"), _paid),
    "quotes": _Kind(
        "Quotes", "number", _wrong("Total"),
        lambda books, who, text: books.add("Quotes", who, "100", status="SENT", number=text),
    ),
    "purchases": _Kind(
        "PurchaseOrders", "number", _wrong("Total"),
        lambda books, who, text: books.add("PurchaseOrders", who, "100", number=text),
    ),
}  # fmt: skip


class ThingContainer:
    """Things of one kind in an organisation's books; all other kinds stand beside them.

    Xero takes nothing away: what is removed stays, marked as deleted, and an archived contact is only not listed.
    """

    shares_limits = True
    only_grows = False
    forgets = False  # a cursor is a moment, and no moment is too long ago

    def __init__(self, world: World, books: Books, stream: str) -> None:
        self._world, self._books, self._kind = world, books, _KINDS[stream]
        self._made = 0
        # Days pass here, and a token that died of that would be one more request.
        world.tokens.access_token_s = _LASTING_S
        self.stream = stream
        self.settings: Mapping[str, str] = {"requests_per_minute": _PLENTY}
        self.tells = self._kind.endpoint in _TOLD

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Make things that concern somebody, far from what was before and from whoever looks next."""
        with self._world.lock:
            self._world.clock.advance(hours=_APART_HOURS)
            made = [self._add(customer).id for _ in range(count)]
            self._world.clock.advance(hours=_APART_HOURS)
            return made

    def change(self, remote_id: str) -> None:
        """Give a thing another text."""
        thing = self._thing(remote_id)
        self._change(thing, **{self._kind.text: next_version(str(getattr(thing, self._kind.text)))})

    def remove(self, remote_id: str) -> None:
        """Delete a thing. Nobody may delete what was approved, so it is marked directly."""
        thing = self._thing(remote_id)
        self._change(thing, status="ARCHIVED" if isinstance(thing, Contact) else "DELETED")

    def spoil(self, customer: str) -> str:
        """Make a thing that is not as the specification says."""
        [found] = self.grow(1, customer)
        self._thing(found).odd = dict(self._kind.odd)
        return found

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        self._change(self._thing(remote_id), odd={})

    def texts(self) -> Mapping[str, str]:
        """Names, numbers or references of what is there and not deleted."""
        with self._world.lock:
            there = [one for one in self._things.values() if one.status not in _GONE]
            return {one.id: str(getattr(one, self._kind.text)) for one in there}

    def titles(self) -> Mapping[str, str]:
        """Who a document is for, only his contact says; who does not read contacts knows of no timeline."""
        return {}

    def tell(self, address: str) -> None:
        """Enter the address in the app's dashboard."""
        self._world.webhooks.enter(address)

    def expire(self) -> None:
        """Where to go on from is a moment, which Xero cannot forget."""

    @property
    def _things(self) -> dict[str, Thing]:
        return self._books.things[self._kind.endpoint]

    def _thing(self, remote_id: str) -> Thing:
        return self._things[remote_id]

    def _change(self, thing: Thing, **facts: Any) -> None:
        with self._world.lock:
            self._world.clock.advance(hours=_APART_HOURS)
            self._books.change(thing, **facts)

    def _add(self, customer: str) -> Thing:
        self._made += 1
        name, _, domain = customer.partition("@")
        email = customer if self._made == 1 else f"{name}.{self._made}@{domain}"
        text = f"{self._kind.endpoint[:3].upper()} {self._made} (version 1)"
        contact = self._books.add_contact(
            text if self._kind.endpoint == "Contacts" else f"Customer {self._made}", email=email
        )
        return self._kind.add(self._books, contact, text)


def _maker(stream: str) -> Callable[[World, Books], Container]:
    return lambda world, books: ThingContainer(world, books, stream)


CONTAINERS: Mapping[str, Callable[[World, Books], Container]] = {stream: _maker(stream) for stream in _KINDS}
