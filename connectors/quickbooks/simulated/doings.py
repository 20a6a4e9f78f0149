"""What people do in their books: bill, pay, credit, correct, void and delete. For tests and the demo.

Amounts are texts such as "115.50", in the currency of the document.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.quickbooks.simulated.books import HAS_BALANCE, ZERO, Books, Record
from connectors.quickbooks.simulated.digits import CENT, money
from connectors.quickbooks.simulated.errors import Json

CURRENCIES = {
    "USD": "United States Dollar", "EUR": "Euro", "ILS": "Israeli New Shekel", "GBP": "British Pound Sterling",
    "JPY": "Japanese Yen", "PLN": "Polish Zloty",
}  # fmt: skip
VOIDED = "Voided"


class Doings:
    """The people of one company.

    Args:
        books: that they keep.
    """

    def __init__(self, books: Books) -> None:
        self.books = books

    # -- names ---------------------------------------------------------------------------------------------------------

    def customer(
        self, name: str, email: str = "", *, parent: Record | None = None, at: datetime | None = None, **more: Any
    ) -> Record:
        """Enter a customer; below a parent, a sub-customer (job)."""
        currency = more.pop("currency", parent.fields["CurrencyRef"]["value"] if parent else self.books.currency)
        fields: Json = {
            "Taxable": True, "Job": parent is not None, "BillWithParent": False, "CurrencyRef": _currency(currency),
            "PreferredDeliveryMethod": "None", "IsProject": False, **_name(name, email),
        }  # fmt: skip
        if parent is not None:
            level = int(parent.fields.get("Level", 0)) + 1
            fields |= {"ParentRef": {"value": parent.id}, "Level": level}
            fields["FullyQualifiedName"] = f"{parent.fields['FullyQualifiedName']}:{name}"
        return self.books.add("Customer", fields | more, at)

    def vendor(self, name: str, email: str = "", *, at: datetime | None = None, **more: Any) -> Record:
        """Enter a supplier."""
        currency = more.pop("currency", self.books.currency)
        fields: Json = {**_name(name, email), "Vendor1099": False, "CurrencyRef": _currency(currency)}
        del fields["FullyQualifiedName"]
        return self.books.add("Vendor", fields | more, at)

    def deactivate(self, record: Record) -> None:
        """Take a customer or supplier off the lists, which is all that can be done with one; its name says so."""
        with self.books.lock:
            record.fields["Active"] = False
            record.fields["DisplayName"] = f"{record.fields['DisplayName']} (deleted)"
            self.books.touch(record, "Delete")

    def term(self, name: str, days: int) -> Record:
        """Enter terms of payment."""
        return self.books.add("Term", {"Name": name, "Active": True, "Type": "STANDARD", "DueDays": days})

    # -- documents -----------------------------------------------------------------------------------------------------

    def invoice(self, customer: Record, net: str, **how: Any) -> Record:
        """Bill a customer (how: see `_sale`)."""
        made = self._sale("Invoice", customer, net, **how)
        day = date.fromisoformat(made.fields["TxnDate"]) + timedelta(days=how.get("days", 30))
        made.fields.setdefault("DueDate", day.isoformat())
        made.fields |= {"AllowIPNPayment": False, "AllowOnlinePayment": False, "EmailStatus": "NotSet"}
        return made

    def sales_receipt(self, customer: Record, net: str, **how: Any) -> Record:
        """Sell something that is paid at once."""
        made = self._sale("SalesReceipt", customer, net, **how)
        made.fields |= {"Balance": ZERO, "DepositToAccountRef": {"value": "4", "name": "Undeposited Funds"}}
        return made

    def estimate(self, customer: Record, net: str, *, status: str = "Pending", **how: Any) -> Record:
        """Quote a price."""
        made = self._sale("Estimate", customer, net, **how)
        made.fields["TxnStatus"] = status
        return made

    def credit_memo(self, customer: Record, net: str, **how: Any) -> Record:
        """Credit a customer; it settles nothing yet."""
        made = self._sale("CreditMemo", customer, net, **how)
        made.fields["RemainingCredit"] = made.fields["TotalAmt"]
        return made

    def refund_receipt(self, customer: Record, net: str, **how: Any) -> Record:
        """Give a customer money back."""
        made = self._sale("RefundReceipt", customer, net, **how)
        made.fields |= {"Balance": ZERO, "DepositToAccountRef": {"value": "35", "name": "Checking"}}
        return made

    def bill(self, vendor: Record, net: str, **how: Any) -> Record:
        """Enter a supplier's bill."""
        made = self._purchase("Bill", vendor, net, **how)
        day = date.fromisoformat(made.fields["TxnDate"]) + timedelta(days=how.get("days", 30))
        made.fields.setdefault("DueDate", day.isoformat())
        return made

    def vendor_credit(self, vendor: Record, net: str, **how: Any) -> Record:
        """Enter what a supplier credits."""
        return self._purchase("VendorCredit", vendor, net, **how)

    def purchase_order(self, vendor: Record, net: str, **how: Any) -> Record:
        """Order something."""
        made = self._purchase("PurchaseOrder", vendor, net, **how)
        made.fields |= {"POStatus": "Open", "EmailStatus": "NotSet"}
        return made

    # -- money ---------------------------------------------------------------------------------------------------------

    def pay(self, customer: Record, amount: str, settled: Mapping[str, str] | None = None, **how: Any) -> Record:
        """Take a customer's payment.

        Args:
            customer: who pays.
            amount: of the whole payment.
            settled: ids of invoices, and how much of each.
            how: day, at, currency, rate, note.
        """
        return self._payment("Payment", customer, money(amount), settled or {}, **how)

    def pay_bill(self, vendor: Record, amount: str, settled: Mapping[str, str], **how: Any) -> Record:
        """Pay a supplier's bills by check."""
        return self._payment("BillPayment", vendor, money(amount), settled, **how)

    def apply(self, credit: Record, settled: Mapping[str, str], **how: Any) -> Record:
        """Settle invoices with a credit memo, or bills with a supplier's credit: a payment of nothing links the two."""
        is_sale = credit.entity == "CreditMemo"
        owner = self.books.get(credit.owner, "Customer" if is_sale else "Vendor")
        used = sum((money(one) for one in settled.values()), ZERO)
        with self.books.lock:
            how.setdefault("currency", credit.fields["CurrencyRef"]["value"])
            made = self._payment("Payment" if is_sale else "BillPayment", owner, ZERO, settled, **how)
            made.fields["Line"].append(_settlement(credit, used))
            made.fields.pop("UnappliedAmt", None)
            self._lower(credit, used, made)
            return made

    # -- corrections -----------------------------------------------------------------------------------------------------

    def edit(self, record: Record, **fields: Any) -> None:
        """Change fields of an object; None takes one away."""
        with self.books.lock:
            record.fields |= {name: value for name, value in fields.items() if value is not None}
            for name in [name for name, value in fields.items() if value is None]:
                record.fields.pop(name, None)
            self.books.touch(record)

    def void(self, record: Record) -> None:
        """Void a document: it stays, with amounts of zero and a note. What it settled is open again."""
        with self.books.lock:
            self._unsettle(record)
            note = record.fields.get("PrivateNote", "")
            record.fields["PrivateNote"] = f"{VOIDED} - {note}" if note else VOIDED
            for name in ("TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "UnappliedAmt", "RemainingCredit"):
                if name in record.fields:
                    record.fields[name] = ZERO
            record.fields["Line"] = [one | {"Amount": ZERO} for one in record.fields["Line"] if "LinkedTxn" not in one]
            record.fields.pop("LinkedTxn", None)
            if "TxnTaxDetail" in record.fields:
                record.fields["TxnTaxDetail"] = {"TotalTax": ZERO}
            self.books.touch(record, "Void")

    def delete(self, record: Record) -> None:
        """Delete a document for good. What it settled is open again."""
        with self.books.lock:
            self._unsettle(record)
            self.books.delete(record)

    def fill(self, count: int, owners: Sequence[Record], *, days: int = 365) -> list[Record]:
        """Bill customers in turn, evenly over the days before now."""
        with self.books.lock:
            now = self.books.now()
            return [
                self.invoice(
                    owners[number % len(owners)],
                    f"{100 + number % 900}.{number % 100:02}",
                    at=now - timedelta(days=days) * (count - number) / count,
                )
                for number in range(count)
            ]

    # -- how it is done --------------------------------------------------------------------------------------------------

    def _sale(self, entity: str, customer: Record, net: str, **how: Any) -> Record:
        """Make a document for a customer.

        Args:
            entity: which kind.
            customer: for whom.
            net: amount without tax.
            how: tax, day, days, due, at, number, rate, note, text.
        """
        amount, tax = money(net), money(how.get("tax", "0"))
        name = {"value": customer.id, "name": customer.fields["DisplayName"]}
        lines: list[Json] = [
            {
                "Id": "1", "LineNum": 1, "Description": how.get("text", "Service"), "Amount": amount,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "1", "name": "Services"}, "UnitPrice": amount, "Qty": Decimal(1),
                    "TaxCodeRef": {"value": "TAX" if tax else "NON"},
                },
            },
            {"Amount": amount, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
        ]  # fmt: skip
        fields = self._common(customer, amount + tax, how) | {"CustomerRef": name, "Line": lines}
        fields["TxnTaxDetail"] = {"TotalTax": tax}
        fields |= {"ApplyTaxAfterDiscount": False, "PrintStatus": "NeedToPrint", "EmailStatus": "NotSet"}
        if email := customer.fields.get("PrimaryEmailAddr"):
            fields["BillEmail"] = dict(email)
        return self._keep(entity, fields, how)

    def _purchase(self, entity: str, vendor: Record, net: str, **how: Any) -> Record:
        amount, tax = money(net), money(how.get("tax", "0"))
        line: Json = {
            "Id": "1", "Description": how.get("text", "Material"), "Amount": amount,
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {
                "AccountRef": {"value": "7", "name": "Supplies"}, "BillableStatus": "NotBillable",
                "TaxCodeRef": {"value": "NON"},
            },
        }  # fmt: skip
        fields = self._common(vendor, amount + tax, how)
        fields |= {"VendorRef": {"value": vendor.id, "name": vendor.fields["DisplayName"]}, "Line": [line]}
        fields["APAccountRef"] = {"value": "33", "name": "Accounts Payable (A/P)"}
        if tax:
            fields["TxnTaxDetail"] = {"TotalTax": tax}
        return self._keep(entity, fields, how)

    def _common(self, owner: Record, total: Decimal, how: Mapping[str, Any]) -> Json:
        """What every transaction has."""
        currency = how.get("currency") or owner.fields["CurrencyRef"]["value"]
        at: datetime = how.get("at") or self.books.now()
        fields: Json = {
            "DocNumber": how.get("number") or self.books.next_number(), "CurrencyRef": _currency(currency),
            "TxnDate": how.get("day") or self.books.stamp(at)[:10], "TotalAmt": total,
        }  # fmt: skip
        if currency != self.books.currency:
            rate = Decimal(how.get("rate", "1.1"))
            fields |= {"ExchangeRate": rate, "HomeTotalAmt": (total * rate).quantize(CENT)}
        if due := how.get("due"):
            fields["DueDate"] = due
        if note := how.get("note"):
            fields["PrivateNote"] = note
        return fields

    def _keep(self, entity: str, fields: Json, how: Mapping[str, Any]) -> Record:
        if entity in HAS_BALANCE:
            fields["Balance"] = fields["TotalAmt"]
            if "HomeTotalAmt" in fields:
                fields["HomeBalance"] = fields["HomeTotalAmt"]
        if entity not in ("Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt"):
            fields.pop("HomeTotalAmt", None)
        if entity == "VendorCredit":
            fields.pop("HomeBalance", None)
        return self.books.add(entity, fields, how.get("at"))

    def _payment(self, entity: str, owner: Record, amount: Decimal, settled: Mapping[str, str], **how: Any) -> Record:
        is_sale = entity == "Payment"
        kinds = ("Invoice",) if is_sale else ("Bill",)
        with self.books.lock:
            documents = [(self.books.get(one, *kinds), money(part)) for one, part in settled.items()]
            fields = self._common(owner, amount, how)
            reference = {"value": owner.id, "name": owner.fields["DisplayName"]}
            fields |= {"CustomerRef" if is_sale else "VendorRef": reference}
            fields["Line"] = [_settlement(one, part) for one, part in documents]
            fields.pop("HomeTotalAmt", None)
            if is_sale:
                used = sum((part for _, part in documents), ZERO)
                fields |= {"UnappliedAmt": max(amount - used, ZERO), "ProcessPayment": False}
                fields["DepositToAccountRef"] = {"value": "4", "name": "Undeposited Funds"}
                fields["PaymentRefNum"] = fields.pop("DocNumber")
            else:
                check = {"BankAccountRef": {"value": "35", "name": "Checking"}, "PrintStatus": "NeedToPrint"}
                fields |= {"PayType": "Check", "CheckPayment": check}
            made = self.books.add(entity, fields, how.get("at"))
            for one, part in documents:
                self._lower(one, part, made)
            return made

    def _lower(self, document: Record, part: Decimal, payment: Record) -> None:
        """Take what was settled off a document, and link the payment there."""
        self._change_balance(document, -part)
        kind = "BillPaymentCheck" if payment.entity == "BillPayment" else payment.entity
        document.fields.setdefault("LinkedTxn", []).append({"TxnId": payment.id, "TxnType": kind})
        self.books.touch(document)

    def _change_balance(self, document: Record, part: Decimal) -> None:
        document.fields["Balance"] = document.amount("Balance") + part
        if "HomeBalance" in document.fields:
            rate = document.fields["ExchangeRate"]
            document.fields["HomeBalance"] = (document.fields["Balance"] * rate).quantize(CENT)
        if "RemainingCredit" in document.fields:
            document.fields["RemainingCredit"] = document.fields["Balance"]

    def _unsettle(self, record: Record) -> None:
        """Open again what a payment settled, and unlink a document from the payments that settled it."""
        for line in record.fields.get("Line", []) if record.entity in ("Payment", "BillPayment") else []:
            for link in line.get("LinkedTxn", []):
                document = self.books.find(link["TxnType"], link["TxnId"])
                if document is not None:
                    self._change_balance(document, line["Amount"])
                    _unlink(document.fields, record.id)
                    self.books.touch(document)
        for link in record.fields.get("LinkedTxn", []):
            payment = self.books.get(link["TxnId"])
            lines = payment.fields["Line"]
            freed = sum((one["Amount"] for one in lines if _links(one, record.id)), ZERO)
            payment.fields["Line"] = [one for one in lines if not _links(one, record.id)]
            if "UnappliedAmt" in payment.fields:
                payment.fields["UnappliedAmt"] = payment.amount("UnappliedAmt") + freed
            self.books.touch(payment)


def _name(name: str, email: str) -> Json:
    given, _, family = name.partition(" ")
    fields: Json = {
        "GivenName": given, "FullyQualifiedName": name, "DisplayName": name, "PrintOnCheckName": name, "Active": True,
    }  # fmt: skip
    if family:
        fields["FamilyName"] = family
    if email:
        fields["PrimaryEmailAddr"] = {"Address": email}
    return fields


def _currency(code: str) -> Json:
    return {"value": code, "name": CURRENCIES.get(code, code)}


def _settlement(document: Record, part: Decimal) -> Json:
    return {"Amount": part, "LinkedTxn": [{"TxnId": document.id, "TxnType": document.entity}]}


def _links(line: Json, remote_id: str) -> bool:
    return any(one["TxnId"] == remote_id for one in line.get("LinkedTxn", []))


def _unlink(fields: Json, remote_id: str) -> None:
    left = [one for one in fields.get("LinkedTxn", []) if one["TxnId"] != remote_id]
    if left:
        fields["LinkedTxn"] = left
    else:
        fields.pop("LinkedTxn", None)
