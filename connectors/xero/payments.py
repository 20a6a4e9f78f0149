"""Payments: the currency that one is in is its document's, which an answer may leave out.

Source: https://developer.xero.com/documentation/api/accounting/payments
"""

from collections.abc import Sequence

from connectors.xero.client import Answer, Client, entries
from hub.errors import GoneError

# What a payment may be of, with the member of its id, and where that is asked for.
OF = (
    ("Invoice", "InvoiceID", "Invoices"),
    ("CreditNote", "CreditNoteID", "CreditNotes"),
    ("Prepayment", "PrepaymentID", "Prepayments"),
    ("Overpayment", "OverpaymentID", "Overpayments"),
)
_SOME = 40  # ids in one question


def with_currencies(client: Client, records: Sequence[Answer]) -> list[Answer]:
    """Return payments whose documents say their currencies; those that do not are asked for theirs.

    Raises:
        ConnectorError: as of `Client.get`.
    """
    missing: dict[str, dict[str, str]] = {}
    for one in records:
        member, remote_id, name = _document(one)
        if member and not one[member].get("CurrencyCode"):
            missing.setdefault(name, {})[remote_id] = ""
    if not missing:
        return list(records)
    for name, found in missing.items():
        found.update(_invoices(client, list(found)) if name == "Invoices" else _singly(client, name, list(found)))
    return [_completed(one, missing) for one in records]


def _completed(told: Answer, missing: dict[str, dict[str, str]]) -> Answer:
    member, remote_id, name = _document(told)
    code = missing.get(name, {}).get(remote_id, "")
    return {**told, member: {**told[member], "CurrencyCode": code}} if code else told


def _document(told: Answer) -> tuple[str, str, str]:
    """Return the member that holds what a payment is of, its id, and the name of its list; empty: none."""
    for member, key, name in OF:
        document = told.get(member)
        if isinstance(document, dict) and isinstance(document.get(key), str):
            return member, document[key], name
    return "", "", ""


def _invoices(client: Client, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for begin in range(0, len(ids), _SOME):
        asked = {"IDs": ",".join(ids[begin : begin + _SOME]), "summaryOnly": "true", "page": "1"}
        for one in entries(client.get("/Invoices", asked)[0], "Invoices"):
            found[str(one.get("InvoiceID"))] = str(one.get("CurrencyCode") or "")
    return found


def _singly(client: Client, name: str, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for remote_id in ids:
        try:
            listed = entries(client.get(f"/{name}/{remote_id}")[0], name)
        except GoneError:
            continue
        found[remote_id] = str(listed[0].get("CurrencyCode") or "") if listed else ""
    return found
