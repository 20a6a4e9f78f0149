"""What is read of an organisation: where each kind of record is listed, and what tells that one is no more.

Source: https://github.com/XeroAPI/Xero-OpenAPI (xero_accounting.yaml 16.1.0)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Deleted is a status: nothing ever goes from a list.
DELETED = frozenset({"DELETED"})
SELDOM = 4  # times the usual interval


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of records."""

    records: str  # name of the stream and of its mapping
    title: str
    name: str  # of the endpoint, and of the list in its answers
    id: str  # member that names a record
    status: str = "Status"
    gone: frozenset[str] = DELETED
    asked: Mapping[str, str] = field(default_factory=dict)  # in every listing
    takes_ids: bool = False  # several can be asked for by their ids at once
    takes_size: bool = True  # pages may be larger than 100
    seldom: bool = False
    whole_days: int = 0  # after so many, all are read anew: some changes do not move the time of change
    link: str = ""  # to the original, behind the organisation's short code
    has_lines: bool = False
    has_pdf: bool = False

    @property
    def path(self) -> str:
        return f"/{self.name}"


# Nobody deletes a contact: whoever is archived, or asked to be forgotten, is gone from Xero's own lists.
CONTACTS = Kind(
    "contacts", "Contacts", "Contacts", "ContactID", "ContactStatus", frozenset({"ARCHIVED", "GDPRREQUEST"}), {"includeArchived": "true"},
    takes_ids=True, link="contacts/contact/{id}",
)  # fmt: skip
INVOICES = Kind(
    "invoices", "Invoices and bills", "Invoices", "InvoiceID", asked={"includeArchived": "true"}, takes_ids=True,
    whole_days=30, link="invoicing/view/{id}", has_lines=True, has_pdf=True,
)  # fmt: skip
CREDIT_NOTES = Kind("credit_notes", "Credit notes", "CreditNotes", "CreditNoteID", has_lines=True, has_pdf=True)
PAYMENTS = Kind("payments", "Payments", "Payments", "PaymentID")
PREPAYMENTS = Kind("prepayments", "Prepayments", "Prepayments", "PrepaymentID", seldom=True)
OVERPAYMENTS = Kind("overpayments", "Overpayments", "Overpayments", "OverpaymentID", seldom=True)
QUOTES = Kind(
    "quotes", "Quotes", "Quotes", "QuoteID", takes_size=False, seldom=True, link="quotes/view/{id}", has_lines=True,
    has_pdf=True,
)  # fmt: skip
PURCHASES = Kind(
    "purchases", "Purchase orders", "PurchaseOrders", "PurchaseOrderID", seldom=True, has_lines=True, has_pdf=True
)
KINDS = {
    one.records: one
    for one in (CONTACTS, INVOICES, CREDIT_NOTES, PAYMENTS, PREPAYMENTS, OVERPAYMENTS, QUOTES, PURCHASES)
}
