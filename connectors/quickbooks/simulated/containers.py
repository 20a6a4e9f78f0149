"""Records of one kind in a company, for a suite that knows nothing of them (`hub.connector.simulator.Container`)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.quickbooks.simulated.books import Books, Record
from connectors.quickbooks.simulated.doings import Doings
from connectors.quickbooks.simulated.world import World
from hub.connector.simulated.titles import next_version
from hub.connector.simulator import Container

# Before anybody reads, records were made this far apart: whoever reads a little again reads none of them again.
_APART = timedelta(hours=3)
_BEGAN = timedelta(days=20)  # within what change data capture looks back
_MANY = ["many"]


class QuickBooksContainer(ABC):
    """One kind of records of the first company. Where each text stands, the kinds below say."""

    shares_limits = True
    tells = True
    only_grows = False
    entities: tuple[str, ...] = ()
    kind = ""
    text = "PrivateNote"

    def __init__(self, world: World) -> None:
        self._world = world
        self._doings: Doings = next(iter(world.companies.values()))
        self._books: Books = self._doings.books
        self._began: datetime = self._books.now() - _BEGAN
        self._made: list[str] = []
        self.stream = self.kind
        self.settings: Mapping[str, str] = {"requests_per_minute": "100000"}  # not limited

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Make records of a customer or supplier with this address."""
        with self._world.lock:
            return [self._grown(customer).id for _ in range(count)]

    def _grown(self, customer: str) -> Record:
        number = len(self._made) + 1
        at = None if self._books.read & set(self.entities) else self._began + _APART * number
        made = self._make(f"Offer {number} (version 1)", customer, at)
        self._made.append(made.id)
        return made

    @abstractmethod
    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        """Make one that says a text; `at`: None for now."""

    def _of(self, remote_id: str) -> Record:
        return self._books.get(remote_id, *self.entities)

    def change(self, remote_id: str) -> None:
        """Write another text into a record."""
        with self._world.lock:
            record = self._of(remote_id)
            self._doings.edit(record, **{self.text: next_version(record.fields[self.text])})

    def remove(self, remote_id: str) -> None:
        """Delete a record for good."""
        with self._world.lock:
            self._doings.delete(self._of(remote_id))

    def spoil(self, customer: str) -> str:
        """Make a record whose amount is a list."""
        with self._world.lock:
            made = self._grown(customer)
            made.fields["CurrencyRef"] = _MANY
            made.fields["TotalAmt"] = _MANY
            return made.id

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        with self._world.lock:
            amount = self._of(remote_id).fields["Line"][0]["Amount"] if self._of(remote_id).fields["Line"] else 10
            self._doings.edit(self._of(remote_id), TotalAmt=amount, CurrencyRef={"value": self._books.currency})

    def texts(self) -> Mapping[str, str]:
        """The texts of all records."""
        with self._world.lock:
            return {
                one.id: one.fields[self.text]
                for entity in self.entities
                for one in self._books.all(entity)
                if one.id in self._made and one.fields.get("Active", True)
            }

    def titles(self) -> Mapping[str, str]:
        """What stands on a timeline is the reader's choice of words."""
        return {}

    def tell(self, address: str) -> None:
        """Enter the address in the app's settings at Intuit."""
        self._world.webhooks.url = address

    def expire(self) -> None:
        """Let a month pass: every question for changes since a moment before is too old, and what was deleted forgotten."""
        with self._world.lock:
            self._books.tombstones.clear()
            self._world.clock.advance(days=31)

    # -- whom records are of ------------------------------------------------------------------------------------------------

    def _party(self, entity: str, email: str) -> Record:
        for one in self._books.all(entity):
            if one.fields.get("PrimaryEmailAddr", {}).get("Address") == email:
                return one
        name = email.partition("@")[0].title()
        at = self._began
        is_customer = entity == "Customer"
        return self._doings.customer(name, email, at=at) if is_customer else self._doings.vendor(name, email, at=at)


class Contacts(QuickBooksContainer):
    """Customers; the first has the address, the others have addresses of the same house."""

    kind, entities, text = "contacts", ("Customer", "Vendor"), "Notes"

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        number = len(self._made) + 1
        name, _, domain = customer.partition("@")
        email = customer if number == 1 else f"{name}.{number}@{domain}"
        return self._doings.customer(f"{name.title()} {number}", email, at=at, Notes=text)

    def remove(self, remote_id: str) -> None:
        """Make a customer inactive, which is all that people can do with one."""
        self._doings.deactivate(self._of(remote_id))

    def spoil(self, customer: str) -> str:
        """Make a customer whose names and addresses are lists."""
        with self._world.lock:
            made = self._grown(customer)
            made.fields |= {"DisplayName": _MANY, "PrimaryEmailAddr": _MANY}
            return made.id

    def mend(self, remote_id: str) -> None:
        with self._world.lock:
            self._doings.edit(
                self._of(remote_id), DisplayName="Mended", PrimaryEmailAddr={"Address": "m@mended.example"}
            )


class _Sales(QuickBooksContainer):
    def _sold(self, how: Callable[..., Record], text: str, customer: str, at: datetime | None) -> Record:
        return how(self._party("Customer", customer), "100.00", tax="17.00", at=at, note=text)


class Invoices(_Sales):
    kind, entities = "invoices", ("Invoice", "SalesReceipt")

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._sold(self._doings.invoice, text, customer, at)


class CreditNotes(_Sales):
    kind, entities = "credit_notes", ("CreditMemo",)

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._sold(self._doings.credit_memo, text, customer, at)


class Quotes(_Sales):
    kind, entities = "quotes", ("Estimate",)

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._sold(self._doings.estimate, text, customer, at)


class Bills(QuickBooksContainer):
    kind, entities = "bills", ("Bill",)

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._doings.bill(self._party("Vendor", customer), "80.00", tax="13.60", at=at, note=text)


class VendorCredits(QuickBooksContainer):
    kind, entities = "vendor_credits", ("VendorCredit",)

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._doings.vendor_credit(self._party("Vendor", customer), "12.50", at=at, note=text)


class Purchases(QuickBooksContainer):
    kind, entities = "purchases", ("PurchaseOrder",)

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._doings.purchase_order(self._party("Vendor", customer), "45.00", at=at, note=text)


class Payments(QuickBooksContainer):
    """Payments of a customer that settle nothing yet."""

    kind, entities = "payments", ("Payment", "BillPayment", "RefundReceipt")

    def _make(self, text: str, customer: str, at: datetime | None) -> Record:
        return self._doings.pay(self._party("Customer", customer), "10.00", at=at, note=text)


CONTAINERS: Mapping[str, Callable[[World], Container]] = {
    one.kind: one for one in (Contacts, Invoices, CreditNotes, Bills, VendorCredits, Quotes, Purchases, Payments)
}
