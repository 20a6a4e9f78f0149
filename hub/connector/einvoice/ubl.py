"""UBL 2.1 invoices and credit notes: Peppol BIS Billing 3, EN 16931, KSeF's PEF.

Sources: https://docs.oasis-open.org/ubl/UBL-2.1.html, https://docs.peppol.eu/poacc/billing/3.0/syntax/ubl-invoice/
"""

from collections.abc import Iterator

from lxml import etree

from hub.connector.einvoice import payload as made
from hub.connector.einvoice.payload import Instalment, Invoice, Party, Reference, Totals, words

INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
_NS = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_SUMS = "cac:LegalMonetaryTotal/cbc:"
_REFERENCES = (
    ("invoice", "cac:BillingReference/cac:InvoiceDocumentReference"),
    ("credit_note", "cac:BillingReference/cac:CreditNoteDocumentReference"),
    ("order", "cac:OrderReference"),
    ("delivery_note", "cac:DespatchDocumentReference"),
    ("contract", "cac:ContractDocumentReference"),
    ("project", "cac:ProjectReference"),
)


def read(root: etree._Element) -> Invoice:
    """Read an invoice or a credit note. Raises ShapeError."""
    is_credit_note = etree.QName(root).namespace == CREDIT_NOTE
    warnings: list[str] = []
    currency = made.currency(_text(root, "cbc:DocumentCurrencyCode"))
    totals = made.total(_totals(root, currency))
    lines = root.findall("cac:CreditNoteLine" if is_credit_note else "cac:InvoiceLine", _NS)
    names = [made.first(_text(one, "cac:Item/cbc:Name"), _text(one, "cac:Item/cbc:Description")) for one in lines[:10]]
    due = made.first(_text(root, "cbc:DueDate"), _text(root, "cac:PaymentMeans/cbc:PaymentDueDate"))
    instalments = tuple(_instalments(root))
    days = [made.day(due, "due date"), *(one.due_date for one in instalments)]
    return Invoice(
        format="UBL CreditNote" if is_credit_note else "UBL Invoice",
        profile=words(_text(root, "cbc:CustomizationID")),
        type=made.first(
            _text(root, "cbc:CreditNoteTypeCode"),
            _text(root, "cbc:InvoiceTypeCode"),
            "381" if is_credit_note else "380",
        ),
        number=made.number(_text(root, "cbc:ID")),
        issue_date=made.issued(made.day(_text(root, "cbc:IssueDate"), "issue date")),
        due_date=made.possible(min((one for one in days if one), default=""), "due date", warnings),
        service_date=made.possible(_served(root), "day of delivery", warnings),
        currency=currency,
        totals=totals,
        seller=_party(root.find("cac:AccountingSupplierParty/cac:Party", _NS), is_seller=True),
        buyer=_party(root.find("cac:AccountingCustomerParty/cac:Party", _NS), is_seller=False),
        terms_text=made.first(*(one.text for one in root.findall("cac:PaymentTerms/cbc:Note", _NS)[:1])),
        instalments=instalments,
        references=tuple(_references(root))[: made.MOST_REFERENCES],
        is_paid=made.is_settled(totals),
        lines=len(lines),
        first_lines=made.shown(names),
        warnings=tuple(warnings),
    )


def _text(element: etree._Element | None, path: str) -> str | None:
    return None if element is None else element.findtext(path, namespaces=_NS)


def _totals(root: etree._Element, currency: str) -> Totals:
    def amount(name: str, what: str) -> str:
        return made.amount(_text(root, f"{_SUMS}{name}"), what)

    # One may be in the currency of the seller's tax office; the document's is the one that counts.
    taxes = [
        one for one in root.findall("cac:TaxTotal/cbc:TaxAmount", _NS) if one.get("currencyID", currency) == currency
    ]
    return Totals(
        net=amount("TaxExclusiveAmount", "net total"),
        tax=made.amount(taxes[0].text, "tax") if taxes else "",
        gross=amount("TaxInclusiveAmount", "total"),
        payable=amount("PayableAmount", "amount to be paid"),
        prepaid=amount("PrepaidAmount", "amount paid before"),
        rounding=amount("PayableRoundingAmount", "rounding"),
    )


def _party(party: etree._Element | None, *, is_seller: bool) -> Party:
    if party is None:
        return Party()
    schemes = party.findall("cac:PartyTaxScheme", _NS)
    vat = [_text(one, "cbc:CompanyID") for one in schemes if words(_text(one, "cac:TaxScheme/cbc:ID")) == "VAT"]
    other = [_text(one, "cbc:CompanyID") for one in schemes if words(_text(one, "cac:TaxScheme/cbc:ID")) != "VAT"]
    endpoint = party.find("cbc:EndpointID", _NS)
    mailbox = endpoint.text if endpoint is not None and endpoint.get("schemeID") == "EM" else None
    return Party(
        name=made.first(
            _text(party, "cac:PartyLegalEntity/cbc:RegistrationName"), _text(party, "cac:PartyName/cbc:Name")
        ),
        tax_id=made.with_digit([*vat, *other] if is_seller else vat),
        country=made.country(_text(party, "cac:PostalAddress/cac:Country/cbc:IdentificationCode")),
        email=made.first(_text(party, "cac:Contact/cbc:ElectronicMail"), mailbox),
        phone=made.first(_text(party, "cac:Contact/cbc:Telephone")),
    )


def _served(root: etree._Element) -> str:
    told = (
        _text(root, "cac:Delivery/cbc:ActualDeliveryDate"),
        _text(root, "cac:InvoicePeriod/cbc:EndDate"),
        _text(root, "cbc:TaxPointDate"),
    )
    return made.day(made.first(*told), "day of delivery")


def _instalments(root: etree._Element) -> Iterator[Instalment]:
    for terms in root.findall("cac:PaymentTerms", _NS):
        told = made.first(_text(terms, "cbc:InstallmentDueDate"), _text(terms, "cbc:PaymentDueDate"))
        if due := made.day(told, "due date of a part"):
            yield Instalment(due, made.amount(_text(terms, "cbc:Amount"), "amount of a part"))


def _references(root: etree._Element) -> Iterator[Reference]:
    for kind, path in _REFERENCES:
        for one in root.findall(path, _NS):
            if found := words(_text(one, "cbc:ID")):
                yield Reference(kind, found, made.day(_text(one, "cbc:IssueDate"), "date of a reference"))
