"""The lines of a document: shown when somebody opens it, and shortened where a record is kept.

Source: https://developer.xero.com/documentation/api/accounting/invoices#line-items
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.records.document import Line

KEPT = 100  # lines that stay in a record; some documents have ten thousand
COUNT = "HubLineCount"  # how many there were, where some were left out


def trimmed(told: dict[str, Any]) -> dict[str, Any]:
    """Return a record without the lines behind the first hundred, whoever opens it sees all; and with short contacts.

    Of a contact, a single record tells more than a list does; it is a record of its own here, so its id and name do.
    """
    lines = told.get("LineItems")
    kept = {name: _shortened(name, value) for name, value in told.items()}
    if not isinstance(lines, list) or len(lines) <= KEPT:
        return kept
    return {**kept, "LineItems": lines[:KEPT], COUNT: len(lines)}


def _shortened(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if name == "Contact":
        return {member: value[member] for member in ("ContactID", "Name") if member in value}
    return {member: _shortened(member, held) for member, held in value.items()}


def lines_of(told: dict[str, Any]) -> Sequence[Line]:
    """Return the lines of a document, their amounts without tax."""
    listed = told.get("LineItems")
    includes_tax = str(told.get("LineAmountTypes", "")).upper() == "INCLUSIVE"
    return [_line(one, includes_tax=includes_tax) for one in listed or () if isinstance(one, dict)]


def _line(told: dict[str, Any], *, includes_tax: bool) -> Line:
    net, tax = number(told.get("LineAmount")), number(told.get("TaxAmount"))
    if includes_tax and net is not None and tax is not None:
        net -= tax
    text = told.get("Description") or told.get("ItemCode") or ""
    return Line(str(text), number(told.get("Quantity")), "", number(told.get("UnitAmount")), net)


def number(value: Any) -> Decimal | None:
    """Read an amount as it was written; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
