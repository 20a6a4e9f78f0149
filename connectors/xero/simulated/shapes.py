"""Things as Xero's JSON shows them: whole where one is asked for or a page of them, in short in a listing without pages.

Sources: https://github.com/XeroAPI/Xero-OpenAPI (xero_accounting.yaml, the schemas and the examples of the list operations),
https://developer.xero.com/documentation/api/accounting/invoices
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import IntEnum

from connectors.xero.simulated.books import Books
from connectors.xero.simulated.errors import Json
from connectors.xero.simulated.stamps import day, moment, plain
from connectors.xero.simulated.things import Allocation, Contact, Line, Paper, Payment, Thing


class Detail(IntEnum):
    """How much of a thing is shown."""

    SUMMARY = 0  # summaryOnly
    SHORT = 1  # a listing without pages
    PAGED = 2  # a listing in pages: with lines
    WHOLE = 3  # one thing by its id


ID = {
    "Contacts": "ContactID", "Invoices": "InvoiceID", "CreditNotes": "CreditNoteID", "Prepayments": "PrepaymentID",
    "Overpayments": "OverpaymentID", "Quotes": "QuoteID", "PurchaseOrders": "PurchaseOrderID", "Payments": "PaymentID",
}  # fmt: skip
_PHONES = ("DDI", "DEFAULT", "FAX", "MOBILE")
_PAYMENTS = {
    "ACCREC": "ACCRECPAYMENT", "ACCPAY": "ACCPAYPAYMENT", "ACCRECCREDIT": "ARCREDITPAYMENT",
    "ACCPAYCREDIT": "APCREDITPAYMENT", "RECEIVE-PREPAYMENT": "ARPREPAYMENTPAYMENT",
    "SPEND-PREPAYMENT": "APPREPAYMENTPAYMENT", "RECEIVE-OVERPAYMENT": "AROVERPAYMENTPAYMENT",
    "SPEND-OVERPAYMENT": "APOVERPAYMENTPAYMENT",
}  # fmt: skip
_RATE = Decimal("0.0000000001")


def shown(books: Books, thing: Thing, detail: Detail) -> Json:
    """Write a thing down."""
    if isinstance(thing, Contact):
        found = contact(books, thing, detail)
    elif isinstance(thing, Payment):
        found = payment(thing)
    else:
        found = _PAPERS[thing.kind](books, thing, detail)
    return {**found, **thing.odd}


def organisation(books: Books) -> Json:
    """The legal entity whose books these are."""
    return {
        "Name": books.name, "LegalName": books.name, "PaysTax": True, "Version": "GLOBAL", "OrganisationType": "COMPANY",
        "BaseCurrency": books.currency, "CountryCode": books.country, "IsDemoCompany": False,
        "OrganisationStatus": "ACTIVE", "TaxNumber": books.tax_number, "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 12, "SalesTaxBasis": "ACCRUALS", "SalesTaxPeriod": "QUARTERLY",
        "CreatedDateUTC": moment(books.began), "OrganisationEntityType": "COMPANY", "Timezone": books.time_zone,
        "ShortCode": books.short_code, "OrganisationID": books.id, "Edition": "BUSINESS", "Class": "STANDARD",
        "Addresses": [], "Phones": [], "ExternalLinks": [], "PaymentTerms": {},
    }  # fmt: skip


def contact(books: Books, one: Contact, detail: Detail) -> Json:
    """Somebody; who is owed what, and his colleagues, only where he is asked for alone or in pages."""
    found: Json = {
        "ContactID": one.id, "ContactStatus": one.status, "Name": one.name, "FirstName": one.first_name,
        "LastName": one.last_name, "EmailAddress": one.email, "BankAccountDetails": "", "TaxNumber": one.tax_number,
        "UpdatedDateUTC": moment(one.updated_at), "IsSupplier": one.is_supplier, "IsCustomer": one.is_customer,
        "HasAttachments": False, "HasValidationErrors": False,
    }  # fmt: skip
    if one.merged_to:
        found["MergedToContactID"] = one.merged_to
    if one.currency:
        found["DefaultCurrency"] = one.currency
    if detail is Detail.SUMMARY:
        return found
    found |= {"Addresses": _addresses(one), "Phones": _phones(one), "ContactGroups": [], "ContactPersons": []}
    if detail >= Detail.PAGED:
        if one.sales_terms:
            found["PaymentTerms"] = {"Sales": dict(zip(("Day", "Type"), one.sales_terms, strict=True))}
        found["Balances"] = {
            name: dict(zip(("Outstanding", "Overdue"), books.outstanding(one, kind), strict=True))
            for name, kind in (("AccountsReceivable", "ACCREC"), ("AccountsPayable", "ACCPAY"))
        }
    return found


def _addresses(one: Contact) -> list[Json]:
    street = {
        "AddressType": "STREET", "AddressLine1": one.street, "City": one.city, "Region": "", "PostalCode": one.postal_code,
        "Country": one.country, "AttentionTo": "",
    }  # fmt: skip
    return [street, {"AddressType": "POBOX", "City": "", "Region": "", "PostalCode": "", "Country": ""}]


def _phones(one: Contact) -> list[Json]:
    country, area, number = one.phone
    empty = {"PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
    told = {"PhoneNumber": number, "PhoneAreaCode": area, "PhoneCountryCode": country}
    return [{"PhoneType": kind, **(told if kind == "DEFAULT" else empty)} for kind in _PHONES]


def payment(one: Payment) -> Json:
    """Money, and what it was for."""
    return {
        "PaymentID": one.id, "Date": day(one.on), "BankAmount": one.amount, "Amount": one.amount,
        "Reference": one.reference, "CurrencyRate": _rate(one.rate), "PaymentType": _PAYMENTS[one.of.type],
        "Status": one.status, "UpdatedDateUTC": moment(one.updated_at), "HasAccount": True, "IsReconciled": False,
        "Account": {"AccountID": _account(one), "Code": "090"}, "HasValidationErrors": False,
        **_what_for(one.of),
    }  # fmt: skip


def _account(one: Payment) -> str:
    return one.id[:-12] + "000000000090"


def _what_for(of: Paper) -> Json:
    name = of.kind[:-1]
    nested: Json = {
        "Type": of.type, ID[of.kind]: of.id, "Contact": _nested_contact(of.contact), "LineItems": [],
        "CurrencyCode": of.currency,
    }  # fmt: skip
    if of.kind == "Invoices":
        nested |= {"InvoiceNumber": of.number, "HasErrors": False, "IsDiscounted": False, "InvoiceAddresses": []}
        nested |= {"Payments": [], "CreditNotes": [], "Prepayments": [], "Overpayments": []}
    elif of.kind == "CreditNotes":
        nested |= {"CreditNoteNumber": of.number, "HasErrors": False}
    return {name: nested}


def _nested_contact(one: Contact) -> Json:
    """A contact inside of something else: who it is, and no more."""
    return {
        "ContactID": one.id, "Name": one.name, "Addresses": [], "Phones": [], "ContactGroups": [], "ContactPersons": [],
        "HasValidationErrors": False,
    }  # fmt: skip


def _base(books: Books, one: Paper, detail: Detail) -> Json:
    """What all documents have."""
    whole = contact(books, one.contact, Detail.SHORT) if detail is Detail.WHOLE else _nested_contact(one.contact)
    found: Json = {
        ID[one.kind]: one.id, "Contact": whole, "Date": day(one.on), "DateString": plain(one.on),
        "Status": one.status, "LineAmountTypes": "Exclusive", "SubTotal": one.net, "TotalTax": one.tax,
        "Total": one.total, "UpdatedDateUTC": moment(one.updated_at), "CurrencyCode": one.currency,
        "CurrencyRate": _rate(one.rate),
    }  # fmt: skip
    if one.type:
        found["Type"] = one.type
    if detail is not Detail.SUMMARY:
        found["LineItems"] = [_line(line, one.currency) for line in one.lines] if detail >= Detail.PAGED else []
    return found


def _line(one: Line, currency: str) -> Json:
    return {
        "LineItemID": one.id, "Description": one.text, "Quantity": one.quantity.quantize(Decimal("0.0001")),
        "UnitAmount": one.price, "TaxType": "OUTPUT2", "TaxAmount": one.tax(currency), "LineAmount": one.net(currency),
        "AccountCode": "200", "Tracking": [],
    }  # fmt: skip


def _invoice(books: Books, one: Paper, detail: Detail) -> Json:
    found = _base(books, one, detail) | {
        "InvoiceNumber": one.number, "Reference": one.reference, "AmountDue": books.left(one),
        "AmountPaid": books.paid(one), "AmountCredited": books.credited(one), "SentToContact": one.sent,
        "IsDiscounted": False, "HasAttachments": False, "HasErrors": False,
    }  # fmt: skip
    if one.due is not None:
        found |= {"DueDate": day(one.due), "DueDateString": plain(one.due)}
    if one.paid_on is not None:
        found["FullyPaidOnDate"] = day(one.paid_on)
    if detail is Detail.SUMMARY:
        return found
    found["Payments"] = [_paid(each) for each in books.payments_of(one)]
    for kind in ("CreditNotes", "Prepayments", "Overpayments"):
        found[kind] = [_credited(each) for each in books.credits_of(one) if each.source.kind == kind]
    return found


def _paid(one: Payment) -> Json:
    return {
        "PaymentID": one.id, "Date": day(one.on), "Amount": one.amount, "Reference": one.reference,
        "CurrencyRate": _rate(one.rate), "HasAccount": False, "HasValidationErrors": False,
    }  # fmt: skip


def _credited(one: Allocation) -> Json:
    source = one.source
    found: Json = {
        ID[source.kind]: source.id, "AppliedAmount": one.amount, "Date": day(one.on), "LineItems": [],
        "Total": source.total,
    }  # fmt: skip
    return found | ({"CreditNoteNumber": source.number} if source.kind == "CreditNotes" else {})


def _credit(books: Books, one: Paper, detail: Detail) -> Json:
    """A credit note, a prepayment or an overpayment."""
    found = _base(books, one, detail) | {
        "RemainingCredit": books.left(one), "Allocations": [_allocated(each) for each in books.uses_of(one)],
        "Payments": [_paid(each) for each in books.payments_of(one)], "HasAttachments": False,
        "Reference": one.reference,
    }  # fmt: skip
    if one.kind == "CreditNotes":
        found |= {"CreditNoteNumber": one.number, "SentToContact": one.sent, "HasErrors": False}
        if one.paid_on is not None:
            found["FullyPaidOnDate"] = day(one.paid_on)
    return found


def _allocated(one: Allocation) -> Json:
    return {
        "AllocationID": one.id, "Amount": one.amount, "Date": day(one.on), "IsDeleted": False,
        "Invoice": {"InvoiceID": one.invoice.id, "InvoiceNumber": one.invoice.number, "HasErrors": False},
    }  # fmt: skip


def _quote(books: Books, one: Paper, detail: Detail) -> Json:
    found = _base(books, one, detail) | {
        "QuoteNumber": one.number, "Reference": one.reference, "Title": one.title, "Summary": "", "Terms": "",
        "TotalDiscount": one.total * 0, "LineAmountTypes": "EXCLUSIVE",
    }  # fmt: skip
    if one.due is not None:
        found |= {"ExpiryDate": day(one.due), "ExpiryDateString": plain(one.due)}
    return found


def _order(books: Books, one: Paper, detail: Detail) -> Json:
    found = _base(books, one, detail) | {
        "PurchaseOrderNumber": one.number, "Reference": one.reference, "SentToContact": one.sent, "HasAttachments": False,
        "TotalDiscount": one.total * 0,
    }  # fmt: skip
    if one.due is not None:
        found["DeliveryDate"] = day(one.due)
    return found


def _rate(rate: Decimal) -> Decimal:
    return rate.quantize(_RATE)


_PAPERS: Mapping[str, Callable[[Books, Paper, Detail], Json]] = {
    "Invoices": _invoice, "CreditNotes": _credit, "Prepayments": _credit, "Overpayments": _credit, "Quotes": _quote,
    "PurchaseOrders": _order,
}  # fmt: skip
