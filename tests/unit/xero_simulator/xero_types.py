"""A yardstick: what Xero's published types say of a call, and what is wrong with one."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from connectors.xero.simulated.gateway import Exchange

_FILE = Path(__file__).parents[2] / "fixtures" / "xero" / "xero_types.json"
_MS = re.compile(r"/Date\((-?\d+)\+0000\)/")
_DAY_MS = 86_400_000
_PLAIN: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "boolean": bool, "integer": int, "number": (int, float, Decimal), "object": dict,
}  # fmt: skip
# The schemas require nothing: these are what the examples of the list operations always have.
_MONEY = (
    "SubTotal",
    "TotalTax",
    "Total",
    "CurrencyCode",
    "CurrencyRate",
    "Status",
    "UpdatedDateUTC",
    "Contact",
    "Date",
)
ALWAYS: Mapping[str, tuple[str, ...]] = {
    "Organisations": ("OrganisationID", "Name", "BaseCurrency", "CountryCode", "ShortCode", "Timezone"),
    "Contacts": ("ContactID", "ContactStatus", "Name", "UpdatedDateUTC", "IsSupplier", "IsCustomer"),
    "Invoices": ("InvoiceID", "InvoiceNumber", "Type", "AmountDue", "AmountPaid", "AmountCredited", *_MONEY),
    "CreditNotes": ("CreditNoteID", "CreditNoteNumber", "Type", "RemainingCredit", "Allocations", *_MONEY),
    "Prepayments": ("PrepaymentID", "Type", "RemainingCredit", "Allocations", *_MONEY),
    "Overpayments": ("OverpaymentID", "Type", "RemainingCredit", "Allocations", *_MONEY),
    "Payments": ("PaymentID", "Date", "Amount", "CurrencyRate", "PaymentType", "Status", "UpdatedDateUTC"),
    "Quotes": ("QuoteID", "QuoteNumber", *_MONEY),
    "PurchaseOrders": ("PurchaseOrderID", "PurchaseOrderNumber", *_MONEY),
    "Connection": ("id", "tenantId", "tenantType", "tenantName"),
}
# In the specification's examples, and in none of its schemas.
_EXAMPLES_ONLY = ("DateString", "DueDateString")
_ENVELOPE = ("Id", "Status", "ProviderName", "DateTimeUTC")
_COUNTED = frozenset(ALWAYS) - {"Organisations", "Quotes", "Connection"}


@cache
def _known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return found


def problems(kind: str, value: Any, path: str = "$") -> list[str]:
    """Say where a value is not what a published type says."""
    return list(_problems(kind, value, path))


def _problems(kind: str, value: Any, path: str) -> Iterator[str]:
    if kind.endswith("[]"):
        if not isinstance(value, list):
            yield f"{path}: no list"
            return
        for number, one in enumerate(value):
            yield from _problems(kind[:-2], one, f"{path}[{number}]")
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind != "boolean"):
            yield f"{path}: {value!r} is no {kind}"
    elif kind in ("ms-date", "ms-moment", "moment"):
        yield from _moment(kind, value, path)
    elif "|" in kind or kind in _known()["enums"]:
        if value not in (kind.split("|") if "|" in kind else _known()["enums"][kind]):
            yield f"{path}: {value!r} is not among its words"
    else:
        yield from _object(kind, value, path)


def _moment(kind: str, value: Any, path: str) -> Iterator[str]:
    if kind == "moment":
        try:
            datetime.fromisoformat(str(value)[:26])
        except ValueError:
            yield f"{path}: {value!r} is no moment"
        return
    found = _MS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        yield f"{path}: {value!r} is no moment"
    elif kind == "ms-date" and int(found[1]) % _DAY_MS:
        yield f"{path}: {value!r} is no midnight"


def _object(kind: str, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    fields = _known()["types"][kind]
    for name, one in value.items():
        if name in fields:
            yield from _problems(fields[name], one, f"{path}.{name}")
        elif name in _EXAMPLES_ONLY:
            yield from _problems("string", one, f"{path}.{name}")
        else:
            yield f"{path}.{name}: unknown to {kind}"


def wrong_answer(kind: str, answer: Any, *, in_pages: bool) -> list[str]:
    """Say what in the answer of a list, or of one thing of it, the specification does not know or misses."""
    if not isinstance(answer, dict):
        return ["no object"]
    found = [f"{name}: missing" for name in (*_ENVELOPE, kind) if name not in answer]
    found += problems(kind, {name: one for name, one in answer.items() if name not in _ENVELOPE})
    found += _missing(kind, answer.get(kind))
    if in_pages and kind in _COUNTED and "pagination" not in answer:
        found.append("pagination: missing")
    return found


def _missing(kind: str, things: Any) -> list[str]:
    listed = [one for one in things if isinstance(one, dict)] if isinstance(things, list) else []
    return [
        f"{kind}[{at}].{name}: missing" for at, one in enumerate(listed) for name in ALWAYS[kind] if name not in one
    ]


def wrong_exchange(exchange: Exchange) -> list[str]:
    """Say what in a call's answer the specification does not know or misses."""
    kind = exchange.path.split("/")[1]
    if exchange.status >= 400 or exchange.answer is None:
        return []
    if kind.lower() == "connections":
        found = problems("Connection[]", exchange.answer) + _missing("Connection", exchange.answer)
    else:
        name = "Organisations" if kind == "Organisation" else kind
        found = wrong_answer(name, exchange.answer, in_pages="page" in exchange.query)
    return [f"GET {exchange.path}: {wrong}" for wrong in found]
