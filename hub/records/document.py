"""What an accounting system says: documents, payments, what was paid by what, and the legal entities of the group.

The ledger is the master of all of it. Amounts are decimal numbers of the document's currency; what a customer owes us, or
we owe a supplier, counts up, and a credit counts down: an invoice of 100 is 100, a credit note of 100 is -100.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

DOCUMENT, PAYMENT, ALLOCATION, BUSINESS = "document", "payment", "allocation", "business"  # what mappings call them


class DocumentKind(StrEnum):
    """What a document is, in one word for all systems."""

    QUOTE = "quote"
    ORDER = "order"
    DELIVERY_NOTE = "delivery_note"
    RETURN_NOTE = "return_note"
    PROFORMA = "proforma"  # also the Israeli deal invoice: no tax document, no debt
    INVOICE = "invoice"
    ADVANCE_INVOICE = "advance_invoice"
    INVOICE_RECEIPT = "invoice_receipt"  # invoice and payment at once
    CREDIT_NOTE = "credit_note"  # also a correction, which may raise
    PURCHASE_ORDER = "purchase_order"
    BILL = "bill"
    VENDOR_CREDIT = "vendor_credit"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """Who owes whom: a customer us, or we a supplier."""

    SALE = "sale"
    PURCHASE = "purchase"


class Status(StrEnum):
    """How a document stands, as its system says; overdue is none of them, it follows from balance and date."""

    DRAFT = "draft"
    OPEN = "open"  # posted, sent, confirmed; of a debt: nothing of it is paid
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    DONE = "done"  # of what is not paid for itself: delivered, billed
    VOID = "void"
    ACCEPTED = "accepted"  # quotes, and so are the next three
    DECLINED = "declined"
    EXPIRED = "expired"
    CONVERTED = "converted"
    UNKNOWN = "unknown"


class BalanceSource(StrEnum):
    """Who says what is still open on a document."""

    LEDGER = "ledger"
    COMPUTED = "computed"  # by us, out of allocations
    NONE = "none"  # nobody: such as an e-invoice, which only tells what was paid when it was issued


PURCHASES = frozenset({DocumentKind.PURCHASE_ORDER, DocumentKind.BILL, DocumentKind.VENDOR_CREDIT})
CREDITS = frozenset({DocumentKind.CREDIT_NOTE, DocumentKind.VENDOR_CREDIT})
NOTES = frozenset({DocumentKind.DELIVERY_NOTE, DocumentKind.RETURN_NOTE})  # of what was brought, mostly without amounts
# What somebody owes: only these have a balance that counts.
DEBTS = frozenset(
    {
        DocumentKind.INVOICE, DocumentKind.ADVANCE_INVOICE, DocumentKind.INVOICE_RECEIPT, DocumentKind.CREDIT_NOTE,
        DocumentKind.BILL, DocumentKind.VENDOR_CREDIT,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counterparty:
    """Whom a document is for, as it says itself."""

    remote_id: str = ""  # of the debtor among the contacts of the same account; empty: the document names none
    contact: str = ""  # remote id of the person there who is named besides
    name: str = ""
    tax_id: str = ""  # as written
    country: str = ""  # ISO 3166
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Instalment:
    """A part of a document with a day of its own."""

    due_date: date
    amount: Decimal
    balance: Decimal | None = None  # None: the source does not say


@dataclass(frozen=True, slots=True)
class Allocation:
    """So much of a debt was settled by a payment, or by a credit.

    `document` and `source` are keys: kind of records, a colon, remote id, such as `invoices:17`.
    """

    remote_id: str
    document: str
    source: str  # payment or credit note; empty: the ledger does not name it
    amount: Decimal  # above zero, in the document's currency
    day: date | None
    is_payment: bool = True  # False: by a credit note or written off


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document."""

    text: str
    quantity: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    net: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the ledger has it now."""

    remote_id: str
    kind: DocumentKind
    side: Side
    status: Status
    source_status: str  # in the source's own words
    number: str  # any text; neither unique nor stable
    business: str  # remote id of the legal entity in the same account; empty: the account has one
    party: Counterparty
    issue_date: date | None
    due_date: date | None
    service_date: date | None
    currency: str  # ISO 4217
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal
    balance: Decimal | None
    balance_source: BalanceSource
    base_currency: str = ""  # of the legal entity's books
    fx_rate: str = ""  # as written: units of the base currency for one of the document's
    gross_base: Decimal | None = None
    balance_base: Decimal | None = None
    terms_text: str = ""
    terms_days: int | None = None
    series: str = ""
    instalments: tuple[Instalment, ...] = ()
    references: Sequence[Mapping[str, str]] = ()  # kind, number, key of other documents
    allocation_no: str = ""  # Israel
    ksef_no: str = ""  # Poland
    language: str = ""
    url: str = ""  # of the original, in its own system
    has_pdf: bool = False
    seller_tax_id: str = ""  # as on the document
    paid_at_issue: bool = False  # what an e-invoice says of itself
    lines: int | None = None
    first_lines: tuple[str, ...] = ()
    allocations: tuple[Allocation, ...] = ()  # what this credit note settled
    updated_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)  # what an administrator's mapping adds


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in or went out."""

    remote_id: str
    side: Side  # of a customer, or to a supplier
    is_refund: bool  # the other way round
    status: Status  # draft, done, void, unknown
    source_status: str
    number: str
    business: str
    party: Counterparty
    day: date
    amount: Decimal  # above zero
    currency: str
    unapplied: Decimal | None  # what no document was settled with yet; None: the source does not say
    base_currency: str = ""
    amount_base: Decimal | None = None
    method: str = ""
    reference: str = ""
    url: str = ""
    allocations: tuple[Allocation, ...] = ()
    names_allocations: bool = True  # False: they come as records of their own
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Business:
    """A legal entity of the group, as one account calls it."""

    remote_id: str
    name: str
    tax_id: str = ""
    country: str = ""  # ISO 3166
    currency: str = ""  # ISO 4217, of its books
    time_zone: str = ""  # IANA
