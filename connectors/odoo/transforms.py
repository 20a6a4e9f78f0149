"""What the mappings of Odoo cannot say in a path. Odoo writes `false` where there is nothing."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any

from connectors.odoo.client import id_of

_DIGITS = 12  # of a rate that is turned round


def value(given: Any) -> Any:
    """Return what is there; nothing for `false`, and of a record that is named its name."""
    if given is False:
        return None
    if isinstance(given, list) and len(given) == 2 and id_of(given):
        return given[1]
    return given


def identifier(given: Any) -> str | None:
    """Return the id of a record that is named, as text."""
    found = id_of(given)
    return str(found) if found else None


def moment(given: Any) -> datetime | None:
    """Read a moment, which Odoo writes in UTC without saying so."""
    if given is False:
        return None
    if not isinstance(given, str):
        raise TypeError("a moment is a text")
    return datetime.fromisoformat(given).replace(tzinfo=UTC)


def unsigned(given: Any) -> str | None:
    """Return an amount without its sign."""
    return None if given is False else str(abs(_amount(given)))


def as_document(given: Any, *, amount: str) -> str | None:
    """Return an amount in the books as its document writes it: above zero, also of a bill or a credit note.

    Args:
        given: `type` of the document and its amounts in the books, where what is owed to others is below zero.
        amount: which of them: `total` or `residual`.
    """
    if not isinstance(given, dict) or given.get(amount) in (None, False):
        return None
    return str(_amount(given[amount]) * _sign(given.get("type")))


def instalments(given: Any) -> list[dict[str, Any]]:
    """Return what is due when; a document that is due at once has none.

    Args:
        given: lines, each with the `type` of the document, a date and what is owed in the document's currency.
    """
    lines = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    if len(lines) < 2:  # one is the document itself
        return []
    return [
        {
            "due_date": one.get("date_maturity") or None,
            "amount": _amount(one.get("amount_currency")) * _sign(one.get("type")),
            "balance": _amount(one.get("amount_residual_currency")) * _sign(one.get("type")),
        }
        for one in lines
    ]


def unapplied(given: Any) -> str | None:
    """Return what of a payment is open: the sum of what its lines still owe; nothing where it has none."""
    amounts = [one for one in given if one is not None] if isinstance(given, list) else []
    return str(abs(sum((_amount(one) for one in amounts), Decimal()))) if amounts else None


def rate(given: Any) -> str | None:
    """Turn a rate round: Odoo says how much of the document's currency one of the books' is."""
    if given is False:
        return None
    found = _amount(given)
    if found <= 0:
        return None
    return format((1 / found).quantize(Decimal(1).scaleb(-_DIGITS)).normalize(), "f")


def plain(given: Any) -> str | None:
    """Return the text of a note, which Odoo keeps as HTML."""
    if given is False:
        return None
    reader = _Text()
    reader.feed(str(given))
    reader.close()
    return "\n".join(line for part in "".join(reader.parts).splitlines() if (line := " ".join(part.split()))) or None


def address(given: Any) -> list[dict[str, str]]:
    """Return an address in lines, from its parts."""
    if not isinstance(given, dict):
        return []
    parts = {name: str(value(one) or "").strip() for name, one in given.items()}
    town = " ".join(part for part in (parts.get("zip"), parts.get("city")) if part)
    lines = [parts.get("street"), parts.get("street2"), town, parts.get("state"), parts.get("country")]
    written = "\n".join(line for line in lines if line)
    return [{"value": written, "label": "work"}] if written and any(lines[:3]) else []


def phones(given: Any) -> list[dict[str, str]]:
    """Return telephone numbers with what they are."""
    if not isinstance(given, dict):
        return []
    return [
        {"value": number, "label": label} for label, one in given.items() if (number := str(value(one) or "").strip())
    ]


def email(given: Any) -> list[dict[str, str]]:
    """Return addresses; Odoo's field may have several."""
    found = str(value(given) or "").replace(";", ",").split(",")
    return [{"value": one.strip(), "label": "work"} for one in found if one.strip()]


class _Text(HTMLParser):
    """Collects text; a paragraph begins a line."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in {"br", "p", "div", "li", "tr"}:
            self.parts.append("\n")


def _sign(word: Any) -> int:
    """Return how an amount in the books is turned to be as the document writes it."""
    return -1 if word in {"out_refund", "in_invoice", "in_receipt"} else 1


def _amount(given: Any) -> Decimal:
    if given is None or isinstance(given, bool | float):
        raise TypeError("an amount is digits as they were sent")
    try:
        found = Decimal(str(given))
    except InvalidOperation as error:
        raise ValueError(f"{str(given)[:40]!r} is no amount") from error
    if not found.is_finite():
        raise ValueError("an amount is finite")
    return found


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "odoo_address": address,
        "odoo_as_document": as_document,
        "odoo_email": email,
        "odoo_id": identifier,
        "odoo_instalments": instalments,
        "odoo_moment": moment,
        "odoo_phones": phones,
        "odoo_plain": plain,
        "odoo_rate": rate,
        "odoo_unapplied": unapplied,
        "odoo_unsigned": unsigned,
        "odoo_value": value,
    }
)
