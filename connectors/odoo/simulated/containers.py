"""Records of one kind, for a suite that knows nothing of them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.account_models import MOVE, PARTIAL, PAYMENT
from connectors.odoo.simulated.doings import Doings
from connectors.odoo.simulated.money import Item
from connectors.odoo.simulated.trade_models import PICKING, PURCHASE, SALE
from hub.connector.simulated.titles import next_version
from hub.connector.simulator import Container

# Records are written this far apart, so that whoever reads a little again reads one or none again.
_APART = timedelta(hours=3)
_PLENTY = "100000"
Maker = Callable[[Doings, int, int, str], int]  # partner, number, text


@dataclass(frozen=True, slots=True)
class _Kind:
    """What kinds of records differ in."""

    model: str
    field: str  # in which a record's text stands
    make: Maker
    odd: Mapping[str, Any]  # how a spoilt one is told


class DocumentContainer:
    """All records of one kind; there were none before."""

    shares_limits = True
    only_grows = False
    forgets = False  # where to go on from is a moment, which Odoo cannot forget
    tells = False

    def __init__(self, doings: Doings, kind: str) -> None:
        self._doings, self._kind = doings, _KINDS[kind]
        self._partners: dict[str, int] = {}
        self._made: list[int] = []
        self.stream = kind
        self.settings: Mapping[str, str] = {"calls_per_minute": _PLENTY, "deliveries": "true"}
        if size := doings.world.page_size:
            # Odoo gives as much as it is asked for: pages are as long as the account wants them.
            self.settings = {**self.settings, "page_size": str(size)}
        if kind == "contacts":
            # The company is a contact as well; here nobody is one yet.
            own = doings.row("res.company", doings.world.view.tables["res.company"].ids[0])["partner_id"]
            doings.remove("res.partner", own)

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Make records of a customer, three hours apart; it is three hours later then."""
        return [str(self._one(customer)) for _ in range(count)]

    def _one(self, customer: str) -> int:
        number = len(self._made) + 1
        made = self._kind.make(self._doings, self._partner(customer), number, f"Wish {number} (version 1)")
        self._made.append(made)
        self._later()
        return made

    def _later(self) -> None:
        self._doings.world.clock.advance(seconds=_APART.total_seconds())

    def _partner(self, customer: str) -> int:
        """The company of a customer; contacts themselves have none."""
        if self._kind.model == "res.partner":
            return 0
        if customer not in self._partners:
            self._partners[customer] = self._doings.add_partner("Customer Ltd", email=customer, is_company=True)
        return self._partners[customer]

    def change(self, remote_id: str) -> None:
        """Write another text into a record, or another amount where it has none."""
        row = self._doings.row(self._kind.model, int(remote_id))
        text = row[self._kind.field]
        other = next_version(text) if isinstance(text, str) else text + Decimal("0.01")
        self._doings.change(self._kind.model, int(remote_id), **{self._kind.field: other})
        self._later()

    def remove(self, remote_id: str) -> None:
        """Delete a record; Odoo says nothing of it."""
        self._doings.remove(self._kind.model, int(remote_id))

    def spoil(self, customer: str) -> str:
        """Write a record that is told as no reference says."""
        found = self._one(customer)
        self._doings.tell_oddly(self._kind.model, found, **self._kind.odd)
        self._later()
        return str(found)

    def mend(self, remote_id: str) -> None:
        """Let it be told rightly."""
        self._doings.tell_oddly(self._kind.model, int(remote_id))
        self._later()

    def texts(self) -> Mapping[str, str]:
        """References, or names, or amounts: what each kind has of its own."""
        with self._doings.world.lock:
            rows = self._doings.world.view.rows(self._kind.model, self._made)
            return {str(row["id"]): _text(row[self._kind.field]) for row in rows}

    def titles(self) -> Mapping[str, str]:
        """Whose a document is, its customer's own record says, which is another stream."""
        return {}

    def tell(self, address: str) -> None:
        """Rules are made with an administrator's key, when somebody asks for them."""

    def expire(self) -> None:
        """There is nothing that Odoo could forget."""


def _text(value: Any) -> str:
    """A text, or the digits of an amount as JSON has them."""
    return value if isinstance(value, str) else repr(float(value))


def _document(kind: str) -> Maker:
    def make(doings: Doings, partner: int, number: int, text: str) -> int:
        del number
        return doings.invoice(partner, [Item("Service", Decimal("57.675"), Decimal(2))], kind=kind, ref=text)

    return make


def _contact(doings: Doings, partner: int, number: int, text: str) -> int:
    del partner
    email = f"wish{number}@customer.example"
    return doings.add_partner(text, email=email, is_company=True, vat=f"PL525{number:07}", country="PL")


def _quote(doings: Doings, partner: int, number: int, text: str) -> int:
    del number
    return doings.quote(partner, "100.00", client_order_ref=text)


def _order(doings: Doings, partner: int, number: int, text: str) -> int:
    made = _quote(doings, partner, number, text)
    doings.confirm(made)
    return made


def _purchase(doings: Doings, partner: int, number: int, text: str) -> int:
    del number
    return doings.purchase(partner, "70.00", partner_ref=text)


def _delivery(doings: Doings, partner: int, number: int, text: str) -> int:
    del number
    return doings.deliver(partner, origin=text)


def _payment(doings: Doings, partner: int, number: int, text: str) -> int:
    return doings.receive(partner, f"{number}.50", memo=text)


def _allocation(doings: Doings, partner: int, number: int, text: str) -> int:
    del text
    invoice = doings.invoice(partner, "5000.00")
    with doings.world.lock:
        doings.pay(invoice, f"{number}.25")
        return doings.world.view.tables[PARTIAL].ids[-1]


_ODD_SUM = {"amount_total": "many"}
_ODD_NAME = {"name": ["one", "two"]}
_ODD_SHARES = {"amount": "many", "debit_amount_currency": "many", "credit_amount_currency": "many"}
_KINDS: Mapping[str, _Kind] = {
    "invoices": _Kind(MOVE, "ref", _document("out_invoice"), _ODD_SUM),
    "contacts": _Kind("res.partner", "name", _contact, _ODD_NAME),
    "orders": _Kind(SALE, "client_order_ref", _order, _ODD_SUM),
    "purchases": _Kind(PURCHASE, "partner_ref", _purchase, _ODD_SUM),
    "deliveries": _Kind(PICKING, "origin", _delivery, {"date_done": "some day", "scheduled_date": "some day"}),
    "payments": _Kind(PAYMENT, "memo", _payment, {"amount": "many"}),
    "allocations": _Kind(PARTIAL, "debit_amount_currency", _allocation, _ODD_SHARES),
}
KINDS = tuple(_KINDS)


def container(doings: Doings, kind: str) -> Container:
    """Make ready a place with records of one kind, which is empty."""
    return DocumentContainer(doings, kind)
