"""Records out of QuickBooks' objects: kept as they came, with what they need to be understood alone under `hub`.

Lines of documents are not kept: only how many there are, and the first three texts. Amounts are texts and reckoned as decimals.
Sources: https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/invoice, .../payment, .../customer;
what is void: https://github.com/intuit/QuickBooks-V3-PHP-SDK/issues/167
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.quickbooks.entities import BILL_PAYMENT, CUSTOMER, LINKED, PAYMENT, REFUND_RECEIPT, VENDOR, Entity
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.stream import Change, Filtered, Gone, Upsert
from hub.errors import ShapeError

FIRST_LINES = 3
DEEPEST = 10  # customers below customers; QuickBooks allows five
_ID = re.compile(r"\d{1,20}")
_VOID = re.compile(r"\bvoid(ed)?\b", re.IGNORECASE)
_NO_LINES = frozenset({"SubTotalLineDetail", "DiscountLineDetail", "TaxLineDetail"})
_DEBTS = frozenset({"Invoice", "Bill"})
_CREDITS = frozenset({"CreditMemo", "VendorCredit", "RefundReceipt"})

Object = Mapping[str, Any]
Parents = Mapping[str, str]  # of a customer who is a part of another one: whose


def id_of(one: Object) -> str:
    """Return an object's id. Raises ShapeError: it has none."""
    found = one.get("Id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ShapeError("an object of QuickBooks has no id")
    return found


def is_gone(one: Object) -> bool:
    """Say whether QuickBooks calls it deleted; names that are no more used only become inactive."""
    return one.get("status") == "Deleted" or one.get("Active") is False


def change(entity: Entity, one: Object, settings: QuickBooksSettings, parents: Parents, home_currency: str) -> Change:
    """Return what the hub is told of an object."""
    remote_id = id_of(one)
    key = entity.key(remote_id)
    if is_gone(one):
        return Gone(key)
    hub: dict[str, Any] = {"id": key, "entity": entity.name, "url": _url(entity, remote_id, settings)}
    if home_currency:
        hub["home_currency"] = home_currency
    if entity in (CUSTOMER, VENDOR):
        return Upsert(key, {**one, "hub": hub}, _version(one))
    hub |= _whose(one, parents)
    if is_void(one):
        hub["void"] = True
    if entity in (PAYMENT, BILL_PAYMENT):
        if not hub.get("void") and number(one.get("TotalAmt")) == 0:
            return Filtered(key, "no_money")  # only a credit was settled with a debt
        hub["allocations"] = list(_allocations(one))
        return Upsert(key, {**one, "hub": hub}, _version(one))
    hub |= _document(entity, one)
    if entity is REFUND_RECEIPT:
        hub["allocations"] = []  # it settles nothing: the money goes back at once
    kept = {name: value for name, value in one.items() if name != "Line"}
    return Upsert(key, {**kept, "hub": hub}, _version(one))


def is_void(one: Object) -> bool:
    """Say whether a transaction was made void: nothing is left of its amount, and its note says so."""
    note = one.get("PrivateNote")
    return number(one.get("TotalAmt")) == 0 and isinstance(note, str) and _VOID.search(note) is not None


def needs_home_currency(one: Object) -> bool:
    """Say whether an object can only be understood with the currency of the books."""
    return "CurrencyRef" not in one or "ExchangeRate" in one


def parents_of(listed: Iterable[Object]) -> dict[str, str]:
    """Return whose part each customer is, of those that are a part of another one."""
    found = {}
    for one in listed:
        parent = _ref(one, "ParentRef")
        if parent and isinstance(child := one.get("Id"), str):
            found[child] = parent
    return found


def lines_of(one: Object) -> list[Object]:
    """Return the lines of a document that are about something, in their order."""
    listed = one.get("Line")
    lines = [line for line in listed if isinstance(line, dict)] if isinstance(listed, list) else []
    return [line for line in lines if line.get("DetailType") not in _NO_LINES]


def text_of(line: Object) -> str:
    """Return what a line is about."""
    if isinstance(text := line.get("Description"), str) and text.strip():
        return text.strip()
    detail = line.get(str(line.get("DetailType")))
    item = detail.get("ItemRef", detail.get("AccountRef")) if isinstance(detail, dict) else None
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


# --- parts of a record ------------------------------------------------------------------------------------------


def _document(entity: Entity, one: Object) -> dict[str, Any]:
    lines = lines_of(one)
    found: dict[str, Any] = {
        "lines": len(lines), "first_lines": [text_of(line) for line in lines[:FIRST_LINES]], "has_pdf": entity.has_pdf,
        "references": list(_references(one)),
    }  # fmt: skip
    detail = one.get("TxnTaxDetail")
    total, tax = number(one.get("TotalAmt")), number(detail.get("TotalTax")) if isinstance(detail, dict) else None
    if total is not None and tax is not None:
        found["net"] = str(total - tax)
    return found


def _whose(one: Object, parents: Parents) -> dict[str, str]:
    """Return the debtor, and who below him is named: of a job or a sub-customer the debtor is the one above all."""
    if supplier := _ref(one, "VendorRef"):
        return {"party": VENDOR.key(supplier)}
    named = debtor = _ref(one, "CustomerRef")
    for _ in range(DEEPEST):
        if debtor not in parents:
            break
        debtor = parents[debtor]
    found = {"party": CUSTOMER.key(debtor)} if debtor else {}
    return {**found, "contact": CUSTOMER.key(named)} if named != debtor else found


def _references(one: Object) -> Iterator[dict[str, str]]:
    for kind, remote_id in _links(one):
        if kind in LINKED:
            records, entity, word = LINKED[kind]
            yield {"kind": word, "key": f"{records}:{entity.key(remote_id)}"}


def _allocations(one: Object) -> Iterator[dict[str, str]]:
    """Return what the money settled.

    A payment may use up credits too: then its lines name more debt than there was money. Which debt a credit settled
    QuickBooks does not say; the first ones are counted as settled by credits, and the rest by the money.
    """
    lines = list(_applied(one))
    credit = sum((amount for kind, _, amount in lines if kind in _CREDITS), Decimal(0))
    for kind, remote_id, amount in lines:
        if kind not in _DEBTS:
            continue
        by_credit = min(credit, amount)
        credit -= by_credit
        if amount > by_credit:
            records, entity, _ = LINKED[kind]
            key = f"{records}:{entity.key(remote_id)}"
            yield {"id": f"{one.get('Id')}:{key}", "document": key, "amount": str(amount - by_credit)}


def _applied(one: Object) -> Iterator[tuple[str, str, Decimal]]:
    """Yield what each line of a payment is for: kind and id of the other transaction, and how much of it."""
    listed = one.get("Line")
    for line in listed if isinstance(listed, list) else ():
        amount = number(line.get("Amount")) if isinstance(line, dict) else None
        if amount is None:
            continue
        for kind, remote_id in _links(line):
            yield kind, remote_id, abs(amount)
            break  # a line is for one


def _links(one: Object) -> Iterator[tuple[str, str]]:
    listed = one.get("LinkedTxn")
    for link in listed if isinstance(listed, list) else ():
        kind, remote_id = (link.get("TxnType"), link.get("TxnId")) if isinstance(link, dict) else (None, None)
        if isinstance(kind, str) and isinstance(remote_id, str):
            yield kind, remote_id


def _url(entity: Entity, remote_id: str, settings: QuickBooksSettings) -> str:
    parameter = "nameId" if entity in (CUSTOMER, VENDOR) else "txnId"
    return settings.url_of(entity.page, parameter, remote_id)


def _ref(one: Object, name: str) -> str:
    """Return the id that a reference names; empty: there is none."""
    told = one.get(name)
    value = told.get("value") if isinstance(told, dict) else None
    return value if isinstance(value, str) else ""


def _version(one: Object) -> str:
    token = one.get("SyncToken")
    return token if isinstance(token, str) else ""


def number(value: Any) -> Decimal | None:
    """Return an amount, which comes as digits; None: it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
