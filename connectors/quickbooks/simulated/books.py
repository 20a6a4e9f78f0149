"""The books of one company: what there is, what changed when, and what was deleted.

Source: https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/invoice and the pages of the other
entities; names and types are those of Intuit's schema (tests/fixtures/quickbooks).
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from threading import RLock

from connectors.quickbooks.simulated.errors import Json
from hub.connector.simulated.clock import Clock

NAMES = ("Customer", "Vendor")
SALES = ("Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt")
PURCHASES = ("Bill", "VendorCredit", "PurchaseOrder")
PAYMENTS = ("Payment", "BillPayment")
ENTITIES = ("CompanyInfo", "Preferences", *NAMES, "Term", *SALES, *PURCHASES, *PAYMENTS)
HAS_BALANCE = ("Invoice", "SalesReceipt", "CreditMemo", "Bill", "VendorCredit")
ZERO = Decimal(0)
KEPT_DAYS = 30  # change data capture looks back so far


@dataclass
class Record:
    """One object, without what every object has besides (Id, SyncToken, MetaData)."""

    entity: str
    id: str
    fields: Json
    created_at: datetime
    updated_at: datetime
    token: int = 0

    def amount(self, name: str) -> Decimal:
        return Decimal(self.fields.get(name) or 0)

    @property
    def owner(self) -> str:
        """Id of the customer or supplier; empty: none."""
        reference = self.fields.get("CustomerRef") or self.fields.get("VendorRef") or {}
        return str(reference.get("value", ""))


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What was deleted, as change data capture tells it."""

    entity: str
    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that webhooks tell of."""

    realm: str
    entity: str
    id: str
    operation: str  # Create, Update, Delete, Void, Merge
    at: datetime


@dataclass
class Books:
    """One company. Everything that changes goes through `add`, `touch` and `delete`."""

    realm: str
    name: str
    clock: Clock
    lock: RLock
    country: str = "US"
    currency: str = "USD"
    utc_offset_h: int = -8
    tells: Callable[[Happening], None] = field(default=lambda _happening: None)
    tombstones: list[Tombstone] = field(default_factory=list)
    read: set[str] = field(default_factory=set)  # entities that somebody asked for

    def __post_init__(self) -> None:
        self._records: dict[str, dict[str, Record]] = {entity: {} for entity in ENTITIES}
        # Customers and suppliers share one row of ids, and so do all transactions.
        self._name_ids, self._ids, self._numbers = itertools.count(1), itertools.count(1), itertools.count(1001)

    # -- time ---------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The moment, in whole seconds, as the books keep them."""
        return self.clock.now().replace(microsecond=0)

    def stamp(self, moment: datetime) -> str:
        """A moment as the API writes it, such as 2026-11-22T10:14:15-08:00."""
        return moment.astimezone(timezone(timedelta(hours=self.utc_offset_h))).isoformat(timespec="seconds")

    def today(self) -> str:
        return self.stamp(self.clock.now())[:10]

    # -- what there is --------------------------------------------------------------------------------------------------

    def all(self, entity: str) -> list[Record]:
        """Every object of a kind, also inactive ones, in the order of their ids."""
        return list(self._records[entity].values())

    def find(self, entity: str, remote_id: str) -> Record | None:
        return self._records[entity].get(remote_id)

    def get(self, remote_id: str, *entities: str) -> Record:
        """The object with an id among some kinds. Raises KeyError."""
        for entity in entities or ENTITIES:
            if remote_id in self._records[entity]:
                return self._records[entity][remote_id]
        raise KeyError(remote_id)

    def everything(self) -> Iterator[Record]:
        for records in self._records.values():
            yield from records.values()

    def next_number(self) -> str:
        return str(next(self._numbers))

    # -- what happens -----------------------------------------------------------------------------------------------------

    def add(self, entity: str, fields: Json, at: datetime | None = None) -> Record:
        """Make an object.

        Args:
            at: when; now unless told.
        """
        with self.lock:
            moment = (at or self.now()).astimezone(UTC)
            remote_id = str(next(self._name_ids if entity in (*NAMES, "Term") else self._ids))
            made = self._records[entity][remote_id] = Record(entity, remote_id, fields, moment, moment)
            self._tell(made.entity, made.id, "Create", moment)
            return made

    def touch(self, record: Record, operation: str = "Update") -> None:
        """Say that an object changed just now."""
        with self.lock:
            record.token += 1
            record.updated_at = self.now()
            self._tell(record.entity, record.id, operation, record.updated_at)

    def delete(self, record: Record) -> None:
        """Delete an object for good; only change data capture still knows that there was one."""
        with self.lock:
            del self._records[record.entity][record.id]
            at = self.now()
            self.tombstones.append(Tombstone(record.entity, record.id, at))
            self._tell(record.entity, record.id, "Delete", at)

    def _tell(self, entity: str, remote_id: str, operation: str, at: datetime) -> None:
        self.tells(Happening(self.realm, entity, remote_id, operation, at))

    # -- what follows from it -----------------------------------------------------------------------------------------------

    def open_balance(self, owner: str) -> Decimal:
        """What a customer owes, or is owed as a supplier: in the currency that he is billed in."""
        total = ZERO
        for entity, sign in (("Invoice", 1), ("CreditMemo", -1), ("Bill", 1), ("VendorCredit", -1)):
            total += sum((one.amount("Balance") * sign for one in self.all(entity) if one.owner == owner), ZERO)
        return total - sum((one.amount("UnappliedAmt") for one in self.all("Payment") if one.owner == owner), ZERO)

    def jobs_of(self, customer: str) -> list[Record]:
        """The sub-customers right below a customer."""
        return [one for one in self.all("Customer") if (one.fields.get("ParentRef") or {}).get("value") == customer]
