"""What all formats become: one plain payload, with every text as it stands in the file.

Amounts stay the digits that were written, days become ISO days. Nothing is guessed: an amount that is none, a day that cannot
be, a document without number or total is a `ShapeError` with its reason; the hub then sets the record aside.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from hub.errors import ShapeError

FIRST_YEAR, LAST_YEAR = 1900, 2199
LONGEST_NUMBER = 256  # FA(3) allows as many
LONGEST_TEXT = 1000
SHOWN_LINES, LONGEST_LINE = 3, 300
MOST_REFERENCES = 100
# What a type of document is. Of a correction the sign says whether it lowers or raises what is owed; ROZ ends an advance.
# Sources: UNTDID 1001 as EN 16931 uses it (BT-3), https://docs.peppol.eu/poacc/billing/3.0/codelist/UNCL1001-inv/; TRodzajFaktury
# of FA(3)
INVOICE, CREDIT, CORRECTION, ADVANCE, PROFORMA = "invoice", "credit", "correction", "advance", "proforma"
_TYPES = {
    INVOICE: "80 82 84 130 202 203 204 211 218 219 295 326 331 380 382 383 385 387 388 389 390 393 394 395 457 527 553 575 623 633 "
    "751 780 817 870 875 876 877 935 VAT UPR",
    CREDIT: "81 83 261 262 296 308 381 396 420 458 532",
    CORRECTION: "384 KOR KOR_ZAL KOR_ROZ",
    ADVANCE: "386 ZAL ROZ",
    PROFORMA: "325",
}
CLASSES = {code: name for name, codes in _TYPES.items() for code in codes.split()}

_AMOUNT = re.compile(r"[+-]?(\d{1,20}(\.\d{0,12})?|\.\d{1,12})")
_ZONE = re.compile(r"(Z|[+-]\d{2}:\d{2})$")
_COUNTRY = re.compile(r"[A-Z]{2}")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys, as the document says it."""

    name: str = ""
    tax_id: str = ""  # as written
    country: str = ""  # ISO 3166
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Instalment:
    """A part that is due on a day of its own; no amount: the document does not say how much."""

    due_date: str
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another document that this one names."""

    kind: str  # invoice, advance_invoice, order, contract, delivery_note, project
    number: str
    day: str = ""
    ksef_no: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a document in its currency, as written; empty: not stated."""

    net: str = ""
    tax: str = ""
    gross: str = ""
    payable: str = ""
    prepaid: str = ""
    rounding: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """A document as its file says it."""

    format: str  # UBL Invoice, UBL CreditNote, CII, FA (2), FA (3)
    type: str  # in the format's own words: 380, KOR
    number: str
    issue_date: str
    currency: str
    totals: Totals
    seller: Party
    buyer: Party
    profile: str = ""
    due_date: str = ""
    service_date: str = ""
    base_currency: str = ""
    fx_rate: str = ""
    terms_text: str = ""
    instalments: tuple[Instalment, ...] = ()
    references: tuple[Reference, ...] = ()
    is_paid: bool = False  # at issue
    lines: int = 0
    first_lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def what(self) -> str:
        """Of which class its type is; empty: of none that is known."""
        return CLASSES.get(self.type, "")

    @property
    def signed(self) -> bool:
        """Whether amounts carry the sign of the debt already; else those of a credit count down."""
        return self.what == CORRECTION or Decimal(self.totals.gross) < 0

    @property
    def key(self) -> str:
        """What this document is known by, however often and by whatever way its file comes."""
        return key_of(self.seller, self.number, self.issue_date, is_credit=self.what == CREDIT)

    def payload(self) -> Json:
        """Return it as the hub keeps it."""
        totals = {name: value or None for name, value in asdict(self.totals).items()}
        references = [
            {
                **asdict(one),
                "document": key_of(self.seller, one.number, one.day, is_credit=False) if _can_key(one) else "",
            }
            for one in self.references
        ]
        # Parts of which the document does not say how much they are stay days.
        parts = [asdict(one) for one in self.instalments] if all(one.amount for one in self.instalments) else []
        return {
            "id": self.key, "format": self.format, "profile": self.profile, "type": self.type, "class": self.what, "number": self.number,
            "issue_date": self.issue_date, "due_date": self.due_date or None, "service_date": self.service_date or None,
            "currency": self.currency, **totals, "signed": self.signed,
            "base_currency": self.base_currency, "fx_rate": self.fx_rate,
            "seller": asdict(self.seller), "buyer": asdict(self.buyer),
            "terms_text": self.terms_text, "due_dates": [one.due_date for one in self.instalments], "instalments": parts,
            "references": references, "paid_at_issue": self.is_paid,
            "state": "paid" if self.is_paid else "issued",
            "lines_count": self.lines, "first_lines": list(self.first_lines),
            "warnings": [*self.warnings, *_doubts(self)],
        }  # fmt: skip


def key_of(seller: Party, number: str, issue_date: str, *, is_credit: bool) -> str:
    """Return the name of a document: who issued it, its number, its day; a credit may have the number of an invoice."""
    tax_id = re.sub(r"[^0-9A-Z]", "", seller.tax_id.upper())
    if tax_id and seller.country and not tax_id[:2].isalpha():
        tax_id = seller.country + tax_id
    issuer = tax_id or " ".join(seller.name.casefold().split())
    told = "\x1f".join((issuer, number, issue_date, "credit" if is_credit else ""))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _can_key(reference: Reference) -> bool:
    return bool(reference.number and reference.day and reference.kind in {"invoice", "advance_invoice"})


def _doubts(invoice: Invoice) -> list[str]:
    totals = invoice.totals
    found = []
    if totals.payable and Decimal(totals.payable) != Decimal(totals.gross):
        before = f"; {totals.prepaid} were paid before" if totals.prepaid and Decimal(totals.prepaid) else ""
        found.append(f"To be paid are {totals.payable} of {totals.gross}{before}.")
    if invoice.what == CREDIT and Decimal(totals.gross) < 0:
        found.append("A credit with a total below zero: it counts as written.")
    if any(not one.amount for one in invoice.instalments):
        days = ", ".join(one.due_date for one in invoice.instalments)
        found.append(f"Due in parts, without saying how much on which day: {days}.")
    return found


# --- values ---------------------------------------------------------------------------------------------------------


def words(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """Return a text without white space at its ends."""
    return (text or "").strip()[:longest]


def number(text: str | None) -> str:
    """Return a document's number: any text, in one piece.

    Raises:
        ShapeError: there is none, or it is longer than any.
    """
    found = (text or "").strip()
    if not found:
        raise ShapeError("the document has no number")
    if len(found) > LONGEST_NUMBER:
        raise ShapeError(f"the document's number has {len(found)} characters")
    return found


def currency(text: str | None) -> str:
    """Return a currency. Raises ShapeError: it is none."""
    found = (text or "").strip()
    if not re.fullmatch(r"[A-Z]{3}", found):
        raise ShapeError(f"the currency {found[:20]!r} is none" if found else "the document has no currency")
    return found


def country(text: str | None) -> str:
    """Return a country; what is no code is left out."""
    found = (text or "").strip().upper()
    return found if _COUNTRY.fullmatch(found) else ""


def amount(text: str | None, what: str) -> str:
    """Return an amount as written; empty where there is none.

    Args:
        what: such as `total`.

    Raises:
        ShapeError: it is no plain number.
    """
    found = (text or "").strip()
    if found and not _AMOUNT.fullmatch(found):
        raise ShapeError(f"the {what} {found[:40]!r} is no amount")
    return found


def summed(amounts: Iterable[str]) -> str:
    """Add amounts; empty where there are none."""
    found = [Decimal(one) for one in amounts if one]
    return f"{sum(found, Decimal(0)):f}" if found else ""


def day(text: str | None, what: str) -> str:
    """Return an ISO day of an ISO date with or without zone; empty where there is none.

    Args:
        what: such as `issue date`.

    Raises:
        ShapeError: it is none, or of a year that cannot be.
    """
    found = _ZONE.sub("", (text or "").strip())
    if not found:
        return ""
    try:
        read = date.fromisoformat(found) if len(found) == len("2026-01-01") else None
    except ValueError:
        read = None
    if read is None:
        raise ShapeError(f"the {what} {found[:40]!r} is no date")
    return read.isoformat()


def issued(text: str) -> str:
    """Check the day of issue.

    Raises:
        ShapeError: there is none, or nobody wrote invoices in that year.
    """
    if not text:
        raise ShapeError("the document has no issue date")
    if not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        raise ShapeError(f"the issue date {text} cannot be right")
    return text


def possible(text: str, what: str, warnings: list[str]) -> str:
    """Return a day that can be; one that cannot is left out, and said."""
    if not text or FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        return text
    warnings.append(f"The {what} {text} is not taken for one.")
    return ""


def with_digit(ids: Iterable[str | None]) -> str:
    """Return the first tax id; a sentence such as "registered for tax" has no digit and is none."""
    return next((found for one in ids if (found := words(one)) and any(letter.isdigit() for letter in found)), "")


def total(totals: Totals) -> Totals:
    """Return the sums with a total: as written, or what follows from the others.

    Raises:
        ShapeError: there is none.
    """
    gross = totals.gross
    if not gross and totals.net and totals.tax:
        gross = summed((totals.net, totals.tax))
    if not gross and totals.payable:
        paid_before = -Decimal(totals.prepaid or 0) + Decimal(totals.rounding or 0)
        gross = f"{Decimal(totals.payable) - paid_before:f}"
    if not gross:
        raise ShapeError("the document has no total")
    return Totals(totals.net, totals.tax, gross, totals.payable or gross, totals.prepaid, totals.rounding)


def is_settled(totals: Totals) -> bool:
    """Say whether all of it was paid before the document was issued."""
    return bool(Decimal(totals.gross) and totals.prepaid and Decimal(totals.prepaid) and not Decimal(totals.payable))


def shown(texts: Sequence[str | None]) -> tuple[str, ...]:
    """Return what the first lines say."""
    found = (" ".join(words(one).split())[:LONGEST_LINE] for one in texts)
    return tuple(one for one in found if one)[:SHOWN_LINES]


def first(*values: str | None) -> str:
    """Return the first text that says something."""
    return next((found for one in values if (found := words(one))), "")


def unreadable(name: str, reason: str) -> tuple[str, Mapping[str, Any]]:
    """Return id and payload of a file that could not be read: its record waits, visibly, with the reason."""
    told = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return f"file:{told}", {"id": f"file:{told}", "file": name, "unreadable": reason}
