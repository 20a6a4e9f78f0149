"""A small Priority to try the hub against: customers, invoices, open items and receipts by OData, with faults on command.

Written from its documentation and public integrations, knowing nothing of our client.
Source: https://prioritysoftware.github.io/restapi/
"""

import base64
from typing import Any

from hub.connector.simulated.ledger_site import (
    CONTACTS,
    FAULTS,
    INVOICES,
    PAYMENTS,
    Entry,
    LedgerSite,
    filtered,
    ordered,
)
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

__all__ = ["FAULTS", "STREAMS", "PrioritySimulator", "create"]
READS_LIKE = "manifest"  # the same runner reads both
STREAMS = (PAYMENTS,)  # invoices take a second question each time, for what is open
_BASE = "/odata/Priority/tabula.ini/demo"
_FORMS = {"/CUSTOMERS": CONTACTS, "/CINVOICES": INVOICES, "/TINVOICES": PAYMENTS}
_OPEN = "/TFNCITEMS2ONE"


class PrioritySimulator(LedgerSite):
    """One company."""

    name = "priority"
    base_path = _BASE

    def access(self) -> dict[str, str]:
        return {"token": self.key, "user": "hub", "password": self.password}

    def lets_in(self, request: Request) -> bool:
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        good = {f"{self.key}:PAT", f"hub:{self.password}"}
        return scheme == "Basic" and base64.b64decode(told).decode() in good

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        return json_answer({"error": {"code": "", "message": text}}, status, headers)

    def disabled(self) -> Answer:
        return self.failed(409, "The REST API is not open: no API license")

    def is_listing(self, path: str) -> bool:
        return path.removeprefix(_BASE) in _FORMS

    def route(self, request: Request) -> Answer | None:
        asked, form = dict(request.query), request.path.removeprefix(_BASE)
        if request.http != "GET":
            return self.failed(405, "Method not allowed")
        if form == "/":
            return json_answer({"value": [{"name": one.lstrip("/"), "kind": "EntitySet"} for one in _FORMS]})
        if form == _OPEN:
            rows = [self._open(one) for one in self.entries[INVOICES] if one.facts.get("open", "118.00") != "0.00"]
        elif form in _FORMS:
            rows = [self._shown(one) for one in self.entries[_FORMS[form]]]
        else:
            return None
        try:
            rows = ordered(filtered(rows, asked["$filter"]) if "$filter" in asked else rows, asked.get("$orderby", ""))
        except ValueError as error:
            return self.failed(400, f"Bad query: {error}")
        offset, top = int(asked.get("$skip", 0)), int(asked.get("$top", 2000))
        if form == _OPEN:
            return json_answer({"value": rows[offset : offset + top]})
        if self.forgets(offset):
            return self.failed(400, "Bad $skip")
        return json_answer({"value": self.cut(rows, offset, top)})

    def remote_id(self, entry: Entry) -> str:
        return f"{ {CONTACTS: 'T', PAYMENTS: 'RC'}.get(entry.kind, 'IN') }{26_000_000 + entry.number}"

    def _open(self, one: Entry) -> dict[str, Any]:
        return {
            "IVNUM": self.remote_id(one), "CUSTNAME": "T26000001", "INVOICEFLAG": "Y", "CURDATE": _day(one), "FNCDATE": _day(one),
            "IVBALANCE": float(one.facts.get("open", "118.00")), "SUM1": 118.0, "CODE": "ILS",
        }  # fmt: skip

    def _shown(self, one: Entry) -> dict[str, Any]:
        changed = f"{one.changed:%Y-%m-%dT%H:%M:%SZ}"
        facts = {name: value for name, value in one.facts.items() if name != "open"}
        if one.kind == CONTACTS:
            return {
                "CUSTNAME": self.remote_id(one), "CUSTDES": one.name, "EMAIL": one.customer or None, "PHONE": "03-1234567",
                "WTAXNUM": "512345678", "STATDES": "פעיל", "COUNTRYNAME": "ישראל", "ADDRESS": one.text, "UDATE": changed, **facts,
            }  # fmt: skip
        return {
            "IVNUM": self.remote_id(one), "IVTYPE": "T" if one.kind == PAYMENTS else "C", "DEBIT": "C" if one.kind == PAYMENTS else "D",
            "CUSTNAME": "T26000001", "CDES": one.name, "IVDATE": _day(one), "PAYDATE": _day(one), "CODE": "ILS", "QPRICE": 100.0,
            "VAT": 18.0, "TOTPRICE": [118] if one.is_odd else 118.0, "STATDES": "סופית", "FINAL": "Y", "STORNOFLAG": None,
            "DETAILS": one.text, "UDATE": changed, **facts,
        }  # fmt: skip


def _day(one: Entry) -> str:
    return f"{one.day:%Y-%m-%d}T00:00:00+02:00"


def create(port: int, faults: Faults) -> PrioritySimulator:
    """Make the simulator that `hub simulate priority` and the contract tests run."""
    return PrioritySimulator(port, faults)
