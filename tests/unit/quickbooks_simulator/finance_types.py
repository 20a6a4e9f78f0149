"""The yardstick that is not ours: Intuit's published types, asked what an answer may hold."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "fixtures" / "quickbooks" / "finance_types.json"
_BASE = ("Id", "SyncToken", "MetaData", "domain", "sparse")
_TXN = (*_BASE, "TxnDate", "TotalAmt", "CurrencyRef", "Line")
# What the API reference shows in every answer, where the schema lets everything be left out.
ALWAYS: Mapping[str, tuple[str, ...]] = {
    "CompanyInfo": (*_BASE, "CompanyName", "Country"),
    "Customer": (*_BASE, "DisplayName", "Active", "Balance", "CurrencyRef", "Job"),
    "Vendor": (*_BASE, "DisplayName", "Active", "Balance", "CurrencyRef"),
    "Term": (*_BASE, "Name", "Active", "Type"),
    "Invoice": (*_TXN, "DocNumber", "CustomerRef", "Balance", "DueDate"),
    "SalesReceipt": (*_TXN, "CustomerRef", "Balance"),
    "Estimate": (*_TXN, "CustomerRef", "TxnStatus"),
    "CreditMemo": (*_TXN, "CustomerRef", "Balance", "RemainingCredit"),
    "RefundReceipt": (*_TXN, "CustomerRef", "Balance"),
    "Bill": (*_TXN, "VendorRef", "Balance", "DueDate", "APAccountRef"),
    "VendorCredit": (*_TXN, "VendorRef"),
    "PurchaseOrder": (*_TXN, "VendorRef", "POStatus"),
    "Payment": (*_TXN, "CustomerRef"),
    "BillPayment": (*_TXN, "VendorRef", "PayType"),
    "ModificationMetaData": ("LastUpdatedTime",),
    "ReferenceType": ("value",),
    "LinkedTxn": ("TxnId", "TxnType"),
    "Line": ("Amount",),
    "Fault": ("Error", "type"),
    "Error": ("Message", "code"),
}
# Plain strings whose annotation names an enumeration.
_NAMED = {("Estimate", "TxnStatus"): "QboEstimateStatusEnum"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


@cache
def _known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return found


@cache
def members(name: str) -> Mapping[str, str]:
    """Every member of a type, with those of its bases."""
    told = _known()["types"][name]
    return {**(members(told["extends"]) if told["extends"] else {}), **told["fields"]}


def entities() -> frozenset[str]:
    """The types that stand in answers by their own names."""
    return frozenset(name for name in ALWAYS if "SyncToken" in members(name))


def problems(name: str, value: Any, path: str = "$") -> list[str]:
    """Say where a value is not what a published type says."""
    return list(_problems(name, value, path))


def _problems(text: str, value: Any, path: str) -> Iterator[str]:
    if text.endswith("[]"):
        if not isinstance(value, list):
            yield f"{path}: no list"
            return
        for number, one in enumerate(value):
            yield from _problems(text[:-2], one, f"{path}[{number}]")
    elif text in _known()["enums"]:
        if value not in _known()["enums"][text]:
            yield f"{path}: {value!r} is no {text}"
    elif text in _known()["types"]:
        yield from _object(text, value, path)
    elif text != "any" and not _plain(text, value):
        yield f"{path}: {value!r} is no {text}"


def _plain(text: str, value: Any) -> bool:
    if text == "boolean":
        return isinstance(value, bool)
    if text in ("int", "positiveInteger"):
        return isinstance(value, int) and not isinstance(value, bool) and (text == "int" or value > 0)
    if text == "decimal":
        return isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if text == "date":
        return _is(date.fromisoformat, value) and len(value) == 10
    if text == "dateTime":
        return bool(_MOMENT.fullmatch(value)) and _is(datetime.fromisoformat, value)
    return True


def _is(read: Any, value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _object(name: str, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    known = members(name)
    for member, one in value.items():
        if member not in known:
            yield f"{path}.{member}: unknown to {name}"
        else:
            yield from _problems(_NAMED.get((name, member), known[member]), one, f"{path}.{member}")
    if value.get("sparse") is not True and "status" not in value:
        yield from (f"{path}.{one}: missing" for one in ALWAYS.get(name, ()) if one not in value)
    kind = value.get("DetailType") if name == "Line" else None
    if isinstance(kind, str) and kind in known and kind not in value:
        yield f"{path}.{kind}: missing, although it is the DetailType"


def wrong_exchange(exchange: Any) -> list[str]:
    """Say what in an answer of the API the types do not know."""
    whose = f"{exchange.route}: "
    if exchange.status >= 400:
        return [whose + one for one in _fault(exchange.answer)]
    if exchange.answer is None or exchange.route.startswith("GET reports"):
        return []
    return [whose + one for one in _answer(exchange.answer)]


def _fault(answer: Any) -> Iterator[str]:
    """The gateway that checks tokens writes small letters, and null where there is nothing."""
    if isinstance(answer, dict) and "fault" in answer:
        error = answer["fault"]["error"][0]
        answer = {"Fault": {"Error": [{"Message": error["message"], "code": error["code"]}], "type": "AUTHENTICATION"}}
    if not isinstance(answer, dict) or "Fault" not in answer:
        yield "an error without a Fault"
        return
    yield from _problems("Fault", answer["Fault"], "$.Fault")


def _answer(answer: Mapping[str, Any]) -> Iterator[str]:
    for member, value in answer.items():
        if member == "QueryResponse":
            yield from _response(value, "$.QueryResponse")
        elif member == "CDCResponse":
            for one in value:
                for number, response in enumerate(one["QueryResponse"]):
                    yield from _response(response, f"$.CDCResponse[{number}]")
        elif member in entities():
            yield from _problems(member, value, f"$.{member}")
        elif member not in ("time", "Preferences"):
            yield f"$.{member}: unknown"


def _response(response: Mapping[str, Any], path: str) -> Iterator[str]:
    for member, value in response.items():
        if member in entities():
            yield from _problems(f"{member}[]", value, f"{path}.{member}")
        elif member not in ("startPosition", "maxResults", "totalCount", "Preferences"):
            yield f"{path}.{member}: unknown"
