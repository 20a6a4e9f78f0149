"""What an organisation keeps, as it keeps it; `shapes` writes it down.

Source: https://github.com/XeroAPI/Xero-OpenAPI, xero_accounting.yaml
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_DIGITS = {"JPY": 0, "KRW": 0, "BHD": 3, "JOD": 3, "KWD": 3, "TND": 3}  # behind the point; of all others two


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round to what a currency has."""
    return amount.quantize(Decimal(1).scaleb(-_DIGITS.get(currency, 2)), ROUND_HALF_UP)


@dataclass
class Contact:
    """Somebody whom documents are for."""

    id: str
    name: str
    updated_at: datetime
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: tuple[str, str, str] = ("", "", "")  # country, area, number
    street: str = ""
    city: str = ""
    postal_code: str = ""
    country: str = ""
    tax_number: str = ""
    status: str = "ACTIVE"
    merged_to: str = ""
    is_supplier: bool = False
    is_customer: bool = True
    currency: str = ""
    sales_terms: tuple[int, str] | None = None  # day, and what it is counted from
    odd: dict[str, Any] = field(default_factory=dict)  # what the reference does not know


@dataclass(frozen=True)
class Line:
    """One line; `price` is without tax."""

    id: str
    text: str
    quantity: Decimal
    price: Decimal
    tax_rate: Decimal  # 0.23

    def net(self, currency: str) -> Decimal:
        return rounded(self.quantity * self.price, currency)

    def tax(self, currency: str) -> Decimal:
        return rounded(self.net(currency) * self.tax_rate, currency)


@dataclass
class Paper:
    """An invoice, a credit note, a prepayment, an overpayment, a quote or a purchase order."""

    kind: str  # the endpoint: Invoices, CreditNotes, Prepayments, Overpayments, Quotes, PurchaseOrders
    id: str
    type: str  # ACCREC, ACCPAYCREDIT, RECEIVE-PREPAYMENT, ...; empty for quotes and orders
    number: str
    contact: Contact
    on: date
    due: date | None
    status: str
    currency: str
    rate: Decimal
    lines: list[Line]
    updated_at: datetime
    reference: str = ""
    title: str = ""
    sent: bool = False
    paid_on: date | None = None
    odd: dict[str, Any] = field(default_factory=dict)

    @property
    def net(self) -> Decimal:
        return sum((one.net(self.currency) for one in self.lines), rounded(Decimal(0), self.currency))

    @property
    def tax(self) -> Decimal:
        return sum((one.tax(self.currency) for one in self.lines), rounded(Decimal(0), self.currency))

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


@dataclass
class Payment:
    """Money for an invoice, or back for a credit note, a prepayment or an overpayment."""

    id: str
    of: Paper
    on: date
    amount: Decimal
    rate: Decimal
    updated_at: datetime
    reference: str = ""
    status: str = "AUTHORISED"
    odd: dict[str, Any] = field(default_factory=dict)


@dataclass
class Allocation:
    """So much of a credit note, a prepayment or an overpayment settled an invoice."""

    id: str
    source: Paper
    invoice: Paper
    amount: Decimal
    on: date


Thing = Contact | Paper | Payment
