"""The books of one organisation, and what people do in them. Every doing moves `UpdatedDateUTC` of all that it touches."""

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from threading import RLock
from typing import Any, TypeVar
from uuid import UUID

from connectors.xero.simulated.things import Allocation, Contact, Line, Paper, Payment, Thing, rounded
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

PAPERS = ("Invoices", "CreditNotes", "Prepayments", "Overpayments", "Quotes", "PurchaseOrders")
KINDS = ("Contacts", *PAPERS, "Payments")
_NUMBERS = {"ACCREC": "INV-", "ACCPAY": "BILL-", "ACCRECCREDIT": "CN-", "ACCPAYCREDIT": "VC-", "Quotes": "QU-",
            "PurchaseOrders": "PO-"}  # fmt: skip
_VAT = Decimal("0.20")
_TERM = timedelta(days=14)
ThingT = TypeVar("ThingT", bound=Thing)


class WrongError(ValueError):
    """What Xero does not let anybody do."""


class Books:
    """One organisation.

    Args:
        told: hears of whatever changes: kind, the thing itself, and whether it is new.
    """

    def __init__(
        self, clock: Clock, lock: RLock, told: Callable[["Books", str, Thing, bool], None], name: str, currency: str
    ) -> None:
        self.clock, self.lock, self._told = clock, lock, told
        self._dice = random.Random(name)  # noqa: S311 - ids that are the same in every run
        self.name, self.currency = name, currency
        self.id = self.new_id()
        self.short_code = "!" + name.replace(" ", "")[:5]
        self.country, self.time_zone, self.tax_number = "GB", "GMTSTANDARDTIME", "GB123456789"
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in KINDS}
        self.allocations: list[Allocation] = []
        self.began = clock.now()
        self._count = 0

    def new_id(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    @property
    def today(self) -> date:
        return self.clock.now().date()

    # -- finding --------------------------------------------------------------------------------------------------------

    def paper(self, thing_id: str) -> Paper:
        """A document of any kind by its id."""
        found = next(self.things[kind][thing_id] for kind in PAPERS if thing_id in self.things[kind])
        assert isinstance(found, Paper)
        return found

    def payments_of(self, paper: Paper) -> list[Payment]:
        """Payments of a document that count."""
        found = [one for one in self.things["Payments"].values() if isinstance(one, Payment)]
        return [one for one in found if one.of is paper and one.status == "AUTHORISED"]

    def credits_of(self, invoice: Paper) -> list[Allocation]:
        """What settled an invoice without money of its own."""
        return [one for one in self.allocations if one.invoice is invoice]

    def uses_of(self, source: Paper) -> list[Allocation]:
        """Which invoices a credit settled."""
        return [one for one in self.allocations if one.source is source]

    def paid(self, paper: Paper) -> Decimal:
        return sum((one.amount for one in self.payments_of(paper)), rounded(Decimal(0), paper.currency))

    def credited(self, invoice: Paper) -> Decimal:
        return sum((one.amount for one in self.credits_of(invoice)), rounded(Decimal(0), invoice.currency))

    def used(self, source: Paper) -> Decimal:
        return sum((one.amount for one in self.uses_of(source)), rounded(Decimal(0), source.currency))

    def left(self, paper: Paper) -> Decimal:
        """What is still due on an invoice, or remains of a credit. Of what is void or deleted: nothing."""
        if paper.status in ("VOIDED", "DELETED"):
            return rounded(Decimal(0), paper.currency)
        gone = self.credited(paper) if paper.kind == "Invoices" else self.used(paper)
        return paper.total - self.paid(paper) - gone

    def outstanding(self, contact: Contact, type_: str) -> tuple[Decimal, Decimal]:
        """What a contact owes (or is owed) in the organisation's currency, and how much of it is overdue."""
        owing = overdue = Decimal("0.00")
        for one in self.things["Invoices"].values():
            if isinstance(one, Paper) and one.contact is contact and (one.type, one.status) == (type_, "AUTHORISED"):
                amount = rounded(self.left(one) / one.rate, self.currency)
                owing += amount
                overdue += amount if one.due is not None and one.due < self.today else 0
        return owing, overdue

    def open_invoices(self, contact: Contact) -> list[Paper]:
        """What somebody still owes."""
        found = [one for one in self.things["Invoices"].values() if isinstance(one, Paper) and one.contact is contact]
        return [one for one in found if (one.type, one.status) == ("ACCREC", "AUTHORISED")]

    # -- what people do -------------------------------------------------------------------------------------------------

    @locked
    def add_contact(self, name: str, **facts: Any) -> Contact:
        """Write somebody down; `facts` are fields of `Contact`."""
        made = Contact(self.new_id(), name, self.clock.now(), **facts)
        return self._kept("Contacts", made)

    @locked
    def add(  # noqa: PLR0913 - what a document says
        self,
        kind: str,
        contact: Contact,
        amount: Decimal | str,
        *,
        type_: str = "",
        status: str = "AUTHORISED",
        currency: str = "",
        rate: Decimal | str = "1",
        tax_rate: Decimal = _VAT,
        on: date | None = None,
        due: date | None = None,
        number: str | None = None,
        texts: Sequence[str] = ("Consulting",),
        **facts: Any,
    ) -> Paper:
        """Write a document.

        Args:
            kind: the endpoint, such as Invoices.
            amount: of the first line, without tax; further lines (`texts`) cost nothing.
            type_: as ACCREC; of quotes and orders none.
            rate: units of the document's currency for one of the organisation's.
            facts: further fields of `Paper`.
        """
        self._count += 1
        on = on or self.today
        number = f"{_NUMBERS.get(type_ or kind, '')}{self._count:04}" if number is None else number
        one = Decimal(1)
        prices = (Decimal(amount), *[Decimal(0)] * (len(texts) - 1))
        lines = [Line(self.new_id(), text, one, price, tax_rate) for text, price in zip(texts, prices, strict=True)]
        made = Paper(
            kind, self.new_id(), type_, number, contact, on, due or (on + _TERM), status, currency or self.currency,
            Decimal(rate), lines, self.clock.now(), **facts,
        )  # fmt: skip
        return self._kept(kind, made)

    def invoice(self, contact: Contact, amount: Decimal | str, **facts: Any) -> Paper:
        """Write a sales invoice; `facts` are those of `add`."""
        return self.add("Invoices", contact, amount, type_="ACCREC", **facts)

    def bill(self, contact: Contact, amount: Decimal | str, **facts: Any) -> Paper:
        """Enter a supplier's invoice."""
        return self.add("Invoices", contact, amount, type_="ACCPAY", **facts)

    def credit_note(
        self, contact: Contact, amount: Decimal | str, *, type_: str = "ACCRECCREDIT", **facts: Any
    ) -> Paper:
        """Write a credit note for a customer; for a supplier's, `type_` is ACCPAYCREDIT."""
        return self.add("CreditNotes", contact, amount, type_=type_, **facts)

    @locked
    def authorise(self, paper: Paper) -> None:
        """Approve a draft."""
        if paper.status not in ("DRAFT", "SUBMITTED"):
            raise WrongError(f"{paper.status} is approved already")
        paper.status = "AUTHORISED"
        self.touch(paper)

    @locked
    def pay(
        self, paper: Paper, amount: Decimal | str | None = None, *, on: date | None = None, reference: str = ""
    ) -> Payment:
        """Take money for an invoice, or give money back for a credit; all that is left where no amount is said."""
        amount = self.left(paper) if amount is None else Decimal(amount)
        if paper.status != "AUTHORISED" or not 0 < amount <= self.left(paper):
            raise WrongError("Payment amount exceeds the amount outstanding on this document")
        made = Payment(self.new_id(), paper, on or self.today, amount, paper.rate, self.clock.now(), reference)
        self._kept("Payments", made)
        self._settle(paper, made.on)
        return made

    @locked
    def delete_payment(self, payment: Payment) -> None:
        """Take a payment back: it stays, deleted."""
        payment.status = "DELETED"
        self.touch(payment)
        self._settle(payment.of, None)

    @locked
    def allocate(self, source: Paper, invoice: Paper, amount: Decimal | str) -> Allocation:
        """Settle an invoice with a credit note, a prepayment or an overpayment."""
        amount = Decimal(amount)
        if not 0 < amount <= min(self.left(source), self.left(invoice)):
            raise WrongError("Allocation amount exceeds what is left")
        made = Allocation(self.new_id(), source, invoice, amount, self.today)
        self.allocations.append(made)
        self._settle(source, made.on)
        self._settle(invoice, made.on)
        return made

    @locked
    def void(self, paper: Paper) -> None:
        """Void what was approved; nothing may have been paid of it."""
        if paper.status != "AUTHORISED" or self.left(paper) != paper.total:
            raise WrongError(f"{paper.status} cannot be voided")
        paper.status = "VOIDED"
        self.touch(paper)

    @locked
    def delete(self, paper: Paper) -> None:
        """Delete a draft: it stays, deleted."""
        if paper.status not in ("DRAFT", "SUBMITTED"):
            raise WrongError(f"{paper.status} cannot be deleted")
        paper.status = "DELETED"
        self.touch(paper)

    @locked
    def archive(self, contact: Contact) -> None:
        contact.status = "ARCHIVED"
        self.touch(contact)

    @locked
    def merge(self, contact: Contact, into: Contact) -> None:
        """Make one of two contacts: documents move, the old one is archived and points to the other."""
        for kind in PAPERS:
            for one in self.things[kind].values():
                if isinstance(one, Paper) and one.contact is contact:
                    one.contact = into
                    self.touch(one)
        contact.merged_to = into.id
        self.archive(contact)
        self.touch(into)

    @locked
    def change(self, thing: Thing, **facts: object) -> None:
        """Set fields of a thing, such as its number."""
        for name, value in facts.items():
            if not hasattr(thing, name):
                raise AttributeError(name)
            setattr(thing, name, value)
        self.touch(thing)

    @locked
    def extend_due(self, paper: Paper, due: date) -> None:
        """Move the due date of what was paid in part: Xero leaves `UpdatedDateUTC` as it was.

        Source: https://developer.xero.com/documentation/api/accounting/requests-and-responses#retrieving-modified-resources
        """
        paper.due = due
        if not self.paid(paper):
            self.touch(paper)

    @locked
    def fill(self, count: int, contact: Contact, *, apart: timedelta = timedelta(minutes=1)) -> list[Paper]:
        """Write many invoices of the past, oldest first, each a while after the one before; nobody is told."""
        told, self._told = self._told, _nobody
        try:
            made = [self.invoice(contact, Decimal(number % 900 + 100)) for number in range(count)]
        finally:
            self._told = told
        now = self.clock.now()
        for number, one in enumerate(made):
            one.updated_at = now - apart * (count - number)
        return made

    @locked
    def touch(self, thing: Thing) -> None:
        """Let something have changed now."""
        thing.updated_at = self.clock.now()
        self._told(self, _kind_of(thing), thing, False)  # noqa: FBT003 - not new

    # -- inside ---------------------------------------------------------------------------------------------------------

    def _kept(self, kind: str, thing: ThingT) -> ThingT:
        self.things[kind][thing.id] = thing
        self._told(self, kind, thing, True)  # noqa: FBT003 - new
        return thing

    def _settle(self, paper: Paper, on: date | None) -> None:
        """Let a document be paid, or not any more, by what is left of it."""
        if paper.status in ("AUTHORISED", "PAID"):
            paper.status = "AUTHORISED" if self.left(paper) else "PAID"
            paper.paid_on = on if paper.status == "PAID" else None
        self.touch(paper)


def _kind_of(thing: Thing) -> str:
    return thing.kind if isinstance(thing, Paper) else "Payments" if isinstance(thing, Payment) else "Contacts"


def _nobody(_books: Books, _kind: str, _thing: Thing, _is_new: bool) -> None:  # noqa: FBT001 - as `told` is called
    """Hear of something, and tell nobody."""
