"""What the mappings of Xero cannot say in a path."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from functools import cache
from types import MappingProxyType
from typing import Any

from tzlocal.windows_tz import win_tz

# `/Date(1573755038314)/`, also with an offset, which only says how the moment would be shown.
_MS = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RATE_DIGITS = 12
_PLACE = ("AddressLine1", "AddressLine2", "AddressLine3", "AddressLine4", "City", "Region", "PostalCode", "Country")
_ADDRESSES = {"POBOX": "postal", "STREET": "street", "DELIVERY": "delivery"}
_PHONES = {"DEFAULT": "work", "DDI": "direct", "MOBILE": "mobile"}  # a fax is nobody's telephone


def moment(value: Any) -> str:
    """Return a moment in UTC. Raises ValueError: it is none."""
    return _read(value).isoformat()


def day(value: Any) -> str:
    """Return the day of a document, which Xero writes as its midnight in UTC; no zone shifts it.

    Raises:
        ValueError: it is none.
    """
    return _read(value).date().isoformat()


def _read(value: Any) -> datetime:
    text = str(value).strip()
    found = _MS.fullmatch(text)
    if found is None:
        plain = datetime.fromisoformat(text)
        return plain.astimezone(UTC) if plain.tzinfo else plain.replace(tzinfo=UTC)
    try:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    except OverflowError:
        raise ValueError(f"{text} is no moment that can be") from None


def rate(value: Any) -> str:
    """Return units of the base currency for one of the document's; Xero writes the opposite. Nothing where there is none."""
    try:
        told = Decimal(str(value))
        if not told.is_finite() or told <= 0:
            return ""
    except InvalidOperation:
        return ""
    with localcontext() as context:
        context.prec = _RATE_DIGITS
        return format((1 / told).normalize(), "f")


def allocations(value: Any) -> list[dict[str, Any]]:
    """Return what a credit or an advance settled; what was taken back is left out."""
    found = []
    for one in _entries(value):
        invoice = one.get("Invoice")
        remote_id = invoice.get("InvoiceID") if isinstance(invoice, dict) else None
        if not isinstance(remote_id, str) or one.get("IsDeleted") is True:
            continue
        told = {
            "id": one.get("AllocationID") or "",
            "document": f"invoices:{remote_id}",
            "amount": _amount(one.get("Amount")),
        }
        found.append(told | ({"date": day(one["Date"])} if one.get("Date") else {}))
    return found


def settled(value: Any) -> list[dict[str, Any]]:
    """Return what a payment settled: of an object with `id`, `date`, `amount`, and `invoice` or `credit`."""
    kind, remote_id = (
        ("invoices", value.get("invoice")) if value.get("invoice") else ("credit_notes", value.get("credit"))
    )
    if not isinstance(remote_id, str) or not remote_id:
        return []
    told = {"id": value.get("id") or "", "document": f"{kind}:{remote_id}", "amount": _amount(value.get("amount"))}
    return [told | ({"date": day(value["date"])} if value.get("date") else {})]


def zone(value: Any) -> str:
    """Return the IANA name of a zone, which Xero calls as Windows does, in capital letters and without spaces."""
    return _zones().get(_text(value).upper(), "")


@cache
def _zones() -> Mapping[str, str]:
    return {re.sub(r"[^A-Z0-9+-]", "", name.upper()): place for name, place in win_tz.items()}


def phones(value: Any) -> list[dict[str, str]]:
    """Return the numbers of a contact; country and area stand apart, and may be empty."""
    found = []
    for one in _entries(value):
        country, area, number = (_text(one.get(name)) for name in ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber"))
        label = _PHONES.get(_text(one.get("PhoneType")))
        if not label or not number:
            continue
        country = re.sub(r"\D", "", country).lstrip("0")
        if country and not number.startswith(("+", "00")):
            # The zero in front of an area is for callers of the same country.
            number = f"+{country} {f'{area} {number}'.strip().lstrip('0')}"
        elif area and not number.startswith("+"):
            number = f"{area} {number}"
        found.append({"value": number, "label": label})
    return found


def addresses(value: Any) -> list[dict[str, str]]:
    """Return where a contact is, each as one text."""
    found = []
    for one in _entries(value):
        text = ", ".join(dict.fromkeys(_text(one.get(name)) for name in _PLACE if _text(one.get(name))))
        if text:
            found.append({"value": text, "label": _ADDRESSES.get(_text(one.get("AddressType")), "other")})
    return found


def _amount(value: Any) -> Decimal:
    """Raises ValueError: it is no exact number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is no amount")  # noqa: TRY004 - whatever is wrong with a value is a wrong value
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is no amount") from None


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "xero_addresses": addresses,
        "xero_allocations": allocations,
        "xero_day": day,
        "xero_moment": moment,
        "xero_phones": phones,
        "xero_rate": rate,
        "xero_settled": settled,
        "xero_zone": zone,
    }
)
