"""UN/CEFACT Cross Industry Invoices (D16B and later): Factur-X, ZUGFeRD 2, XRechnung.

Sources: https://unece.org/trade/uncefact/xml-schemas, https://fnfe-mpe.org/factur-x/
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lxml import etree

from hub.connector.einvoice import payload as made
from hub.connector.einvoice.payload import Instalment, Invoice, Party, Reference, Totals, words
from hub.errors import ShapeError

INVOICE = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_NS = {
    "rsm": INVOICE,
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
_AGREEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement"
_DELIVERY = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeDelivery"
_SETTLEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"
_SUMS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
_REFERENCES = (
    ("invoice", f"{_SETTLEMENT}/ram:InvoiceReferencedDocument"),
    ("order", f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument"),
    ("delivery_note", f"{_DELIVERY}/ram:DespatchAdviceReferencedDocument"),
    ("contract", f"{_AGREEMENT}/ram:ContractReferencedDocument"),
)
_DAY, _DAY_FORMAT = "102", "%Y%m%d"  # UNTDID 2379


def read(root: etree._Element) -> Invoice:
    """Read an invoice or a credit note. Raises ShapeError."""
    warnings: list[str] = []
    currency = made.currency(_text(root, f"{_SETTLEMENT}/ram:InvoiceCurrencyCode"))
    totals = made.total(_totals(root, currency))
    lines = root.findall("rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem", _NS)
    names = [_text(one, "ram:SpecifiedTradeProduct/ram:Name") for one in lines[:10]]
    terms = root.findall(f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms", _NS)
    due = [found for one in terms if (found := _day(one, "ram:DueDateDateTime", "due date"))]
    return Invoice(
        format="CII",
        profile=words(
            _text(root, "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID")
        ),
        type=made.first(_text(root, "rsm:ExchangedDocument/ram:TypeCode"), "380"),
        number=made.number(_text(root, "rsm:ExchangedDocument/ram:ID")),
        issue_date=made.issued(_day(root, "rsm:ExchangedDocument/ram:IssueDateTime", "issue date")),
        due_date=made.possible(min(due, default=""), "due date", warnings),
        service_date=made.possible(_served(root), "day of delivery", warnings),
        currency=currency,
        totals=totals,
        seller=_party(root.find(f"{_AGREEMENT}/ram:SellerTradeParty", _NS), is_seller=True),
        buyer=_party(root.find(f"{_AGREEMENT}/ram:BuyerTradeParty", _NS), is_seller=False),
        terms_text=made.first(*(_text(one, "ram:Description") for one in terms)),
        instalments=tuple(_instalments(terms)),
        references=tuple(_references(root))[: made.MOST_REFERENCES],
        is_paid=made.is_settled(totals),
        lines=len(lines),
        first_lines=made.shown(names),
        warnings=tuple(warnings),
    )


def _text(element: etree._Element | None, path: str) -> str | None:
    return None if element is None else element.findtext(path, namespaces=_NS)


def _day(element: etree._Element, path: str, what: str) -> str:
    """Read a day, which is written as 20260131 where its format is 102."""
    told = element.find(f"{path}/udt:DateTimeString", _NS)
    if told is None:
        told = element.find(f"{path}/qdt:DateTimeString", _NS)
    if told is None:
        return made.day(_text(element, f"{path}/udt:DateTime"), what)
    text = words(told.text)
    if not text:
        return ""
    try:
        if told.get("format", _DAY) != _DAY or len(text) != len("20260131"):
            raise ValueError
        return datetime.strptime(text, _DAY_FORMAT).date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise ShapeError(f"the {what} {text[:40]!r} is no date") from None


def _totals(root: etree._Element, currency: str) -> Totals:
    def amount(name: str, what: str) -> str:
        return made.amount(_of(root.findall(f"{_SUMS}{name}", _NS), currency), what)

    return Totals(
        net=amount("TaxBasisTotalAmount", "net total"),
        tax=amount("TaxTotalAmount", "tax"),
        gross=amount("GrandTotalAmount", "total"),
        payable=amount("DuePayableAmount", "amount to be paid"),
        prepaid=amount("TotalPrepaidAmount", "amount paid before"),
        rounding=amount("RoundingAmount", "rounding"),
    )


def _of(amounts: Sequence[etree._Element], currency: str) -> str | None:
    """Return the one in the document's currency; one without a currency is in the document's."""
    return next((one.text for one in amounts if one.get("currencyID", currency) == currency), None)


def _party(party: etree._Element | None, *, is_seller: bool) -> Party:
    if party is None:
        return Party()
    ids = party.findall("ram:SpecifiedTaxRegistration/ram:ID", _NS)
    vat = [one.text for one in ids if one.get("schemeID") == "VA"]
    other = [one.text for one in ids if one.get("schemeID") != "VA"]
    mailbox = party.find("ram:URIUniversalCommunication/ram:URIID", _NS)
    contact = "ram:DefinedTradeContact/ram:"
    return Party(
        name=words(_text(party, "ram:Name")),
        tax_id=made.with_digit([*vat, *other] if is_seller else vat),
        country=made.country(_text(party, "ram:PostalTradeAddress/ram:CountryID")),
        email=made.first(
            _text(party, f"{contact}EmailURIUniversalCommunication/ram:URIID"),
            mailbox.text if mailbox is not None and mailbox.get("schemeID") == "EM" else None,
        ),
        phone=made.first(_text(party, f"{contact}TelephoneUniversalCommunication/ram:CompleteNumber")),
    )


def _served(root: etree._Element) -> str:
    told = _day(root, f"{_DELIVERY}/ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime", "day of delivery")
    return told or _day(root, f"{_SETTLEMENT}/ram:BillingSpecifiedPeriod/ram:EndDateTime", "day of delivery")


def _instalments(terms: Sequence[etree._Element]) -> Iterator[Instalment]:
    """Several terms are parts; one with an amount of its own is one too."""
    for one in terms:
        told = made.amount(_text(one, "ram:PartialPaymentAmount"), "amount of a part")
        due = _day(one, "ram:DueDateDateTime", "due date of a part")
        if due and (told or len(terms) > 1):
            yield Instalment(due, told)


def _references(root: etree._Element) -> Iterator[Reference]:
    for kind, path in _REFERENCES:
        for one in root.findall(path, _NS):
            if found := words(_text(one, "ram:IssuerAssignedID")):
                yield Reference(kind, found, _day(one, "ram:FormattedIssueDateTime", "date of a reference"))
