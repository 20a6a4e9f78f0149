"""What is read, as QuickBooks calls it, and which of our streams it goes to.

Source: https://developer.intuit.com/app/developer/qbo/docs/api/accounting/most-commonly-used/account
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of object. `prefix` keeps its ids apart from those of another kind in the same stream."""

    name: str
    prefix: str = ""
    page: str = ""  # where QuickBooks shows it
    customer: bool = False  # names a customer, who may be a part of another one
    supplier: bool = False  # nobody asks for it where suppliers are not wanted
    has_pdf: bool = False

    def key(self, remote_id: str) -> str:
        """Return what the hub calls an object."""
        return f"{self.prefix}{remote_id}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One of our streams."""

    records: str
    title: str
    entities: tuple[Entity, ...]


CUSTOMER = Entity("Customer", page="customerdetail")
VENDOR = Entity("Vendor", "vendor:", "vendordetail", supplier=True)
INVOICE = Entity("Invoice", page="invoice", customer=True, has_pdf=True)
SALES_RECEIPT = Entity("SalesReceipt", "salesreceipt:", "salesreceipt", customer=True, has_pdf=True)
CREDIT_MEMO = Entity("CreditMemo", page="creditmemo", customer=True, has_pdf=True)
ESTIMATE = Entity("Estimate", page="estimate", customer=True, has_pdf=True)
BILL = Entity("Bill", page="bill", supplier=True)
VENDOR_CREDIT = Entity("VendorCredit", page="vendorcredit", supplier=True)
PURCHASE_ORDER = Entity("PurchaseOrder", page="purchaseorder", supplier=True, has_pdf=True)
PAYMENT = Entity("Payment", page="recvpayment", customer=True)
REFUND_RECEIPT = Entity("RefundReceipt", "refundreceipt:", "refundreceipt", customer=True)
BILL_PAYMENT = Entity("BillPayment", "billpayment:", "billpayment", supplier=True)

COMPANIES = "companies"
KINDS: Mapping[str, Kind] = {
    one.records: one
    for one in (
        Kind("contacts", "Customers and suppliers", (CUSTOMER, VENDOR)),
        Kind("quotes", "Estimates", (ESTIMATE,)),
        Kind("invoices", "Invoices and sales receipts", (INVOICE, SALES_RECEIPT)),
        Kind("credit_notes", "Credit memos", (CREDIT_MEMO,)),
        Kind("bills", "Bills", (BILL,)),
        Kind("vendor_credits", "Vendor credits", (VENDOR_CREDIT,)),
        Kind("purchases", "Purchase orders", (PURCHASE_ORDER,)),
        Kind("payments", "Payments and refunds", (PAYMENT, REFUND_RECEIPT, BILL_PAYMENT)),
    )
}
# By the name that a link between transactions has: kind of records, and what it is for us.
LINKED: Mapping[str, tuple[str, Entity, str]] = {
    "Invoice": ("invoices", INVOICE, "invoice"),
    "SalesReceipt": ("invoices", SALES_RECEIPT, "invoice_receipt"),
    "CreditMemo": ("credit_notes", CREDIT_MEMO, "credit_note"),
    "Estimate": ("quotes", ESTIMATE, "quote"),
    "Bill": ("bills", BILL, "bill"),
    "VendorCredit": ("vendor_credits", VENDOR_CREDIT, "vendor_credit"),
    "PurchaseOrder": ("purchases", PURCHASE_ORDER, "purchase_order"),
}


def wanted(kind: Kind, *, suppliers: bool) -> tuple[Entity, ...]:
    """Return what of a stream is read."""
    return tuple(one for one in kind.entities if suppliers or not one.supplier)
