"""A small ERPNext to try the hub against: the REST API of Frappe, with faults on command.

Written from its documentation, knowing nothing of our client. Source: https://docs.frappe.io/framework/user/en/api/rest
"""

import json
import operator
import secrets
from typing import Any
from urllib.parse import unquote

from hub.connector.simulated.ledger_site import CONTACTS, FAULTS, INVOICES, PAYMENTS, Entry, LedgerSite, ordered
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

__all__ = ["FAULTS", "STREAMS", "ErpNextSimulator", "create"]
READS_LIKE = "manifest"  # the same runner reads both
STREAMS = (INVOICES,)
_BASE = "/api/resource/"
_TYPES = {"Customer": CONTACTS, "Sales Invoice": INVOICES, "Payment Entry": PAYMENTS}
_EMPTY = {"Sales Order", "Quotation", "Purchase Invoice"}
_SIGNS = {"=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_COMPANY = "Green Garden"


class ErpNextSimulator(LedgerSite):
    """One site."""

    name = "erpnext"

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        super().__init__(port, faults)
        self.api_key = secrets.token_hex(10)

    def access(self) -> dict[str, str]:
        return {"api_key": self.api_key, "api_secret": self.password}

    def lets_in(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"token {self.api_key}:{self.password}"

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        kinds = {
            401: "AuthenticationError",
            403: "PermissionError",
            404: "DoesNotExistError",
            429: "RateLimitExceededError",
        }
        kind = kinds.get(status, "ValidationError")
        return json_answer({"exception": f"frappe.exceptions.{kind}: {text}", "exc_type": kind}, status, headers)

    def disabled(self) -> Answer:
        return json_answer({"exception": "frappe.exceptions.SiteExpiredError", "exc_type": "SiteExpiredError"}, 402)

    def is_listing(self, path: str) -> bool:
        return unquote(path).removeprefix(_BASE) in _TYPES

    def route(self, request: Request) -> Answer | None:
        path, asked = unquote(request.path), dict(request.query)
        if request.http != "GET":
            return self.failed(405, "Method not allowed")
        if path == "/api/method/frappe.auth.get_logged_user":
            return json_answer({"message": "hub@example.com"})
        doctype, _, name = path.removeprefix(_BASE).partition("/")
        if name:
            return self._one(doctype, name)
        if doctype == "Company":
            rows = [
                {
                    "name": _COMPANY,
                    "company_name": _COMPANY,
                    "tax_id": "512345678",
                    "country": "Israel",
                    "default_currency": "ILS",
                }
            ]
            rows[0]["modified"] = "2026-01-01 10:00:00.000000"
        elif doctype == "Payment Entry Reference":
            rows = [self._settled(one) for one in self.entries[PAYMENTS]]
        elif doctype in _TYPES:
            rows = [self._shown(one) for one in self.entries[_TYPES[doctype]]]
        else:
            rows = []
            if doctype not in _EMPTY:
                return None
        return self._listed(rows, asked, is_main=doctype in _TYPES)

    def _listed(self, rows: list[dict[str, Any]], asked: dict[str, str], *, is_main: bool) -> Answer:
        """Return a page, with the fields that were asked for: without a list there is only `name`."""
        rows = ordered(
            [one for one in rows if _fits(one, json.loads(asked.get("filters", "[]")))],
            asked.get("order_by", "modified desc"),
        )
        offset, size = int(asked.get("limit_start", 0)), int(asked.get("limit_page_length", 20))
        if is_main and self.forgets(offset):
            return self.failed(400, "limit_start")
        page = self.cut(rows, offset, size) if is_main else rows[offset : offset + size]
        names = json.loads(asked.get("fields", '["name"]'))
        return json_answer({"data": [{name: one[name] for name in names if name in one} for one in page]})

    def _one(self, doctype: str, name: str) -> Answer | None:
        entries = self.entries.get(_TYPES.get(doctype, ""), [])
        entry = next((one for one in entries if self.remote_id(one) == name), None)
        if entry is None:
            return None
        lines = [{"item_name": "Consulting", "qty": 1.0, "uom": "Hour", "rate": 100.0, "net_amount": 100.0}]
        return json_answer({"data": {**self._shown(entry), "doctype": doctype, "items": lines}})

    def remote_id(self, entry: Entry) -> str:
        names = {CONTACTS: f"CUST-{entry.number:05d}", PAYMENTS: f"ACC-PAY-2026-{entry.number:05d}"}
        return names.get(entry.kind, f"ACC-SINV-2026-{entry.number:05d}")

    def _settled(self, one: Entry) -> dict[str, Any]:
        return {
            "name": f"row{one.number:05d}", "modified": _moment(one), "docstatus": 1, "parent": self.remote_id(one),
            "reference_doctype": "Sales Invoice", "reference_name": "ACC-SINV-2026-00001", "allocated_amount": 40.0,
        }  # fmt: skip

    def _shown(self, one: Entry) -> dict[str, Any]:
        made = {"name": self.remote_id(one), "modified": _moment(one)}
        if one.kind == CONTACTS:
            return {
                **made, "customer_name": one.name, "customer_type": "Company", "tax_id": "512345678", "email_id": one.customer,
                "mobile_no": "+972 50 234 5678", "customer_details": one.text, "disabled": 0, "is_frozen": 0, "payment_terms": None,
                **one.facts,
            }  # fmt: skip
        common = {"docstatus": 1, "company": _COMPANY, "posting_date": one.day.date().isoformat(), "remarks": one.text}
        if one.kind == PAYMENTS:
            return {
                **made, **common, "status": "Submitted", "payment_type": "Receive", "party_type": "Customer", "party": "CUST-00001",
                "party_name": one.name, "paid_amount": 118.0, "received_amount": 118.0, "paid_to_account_currency": "ILS",
                "paid_from_account_currency": "ILS", "unallocated_amount": 78.0, "mode_of_payment": "Wire Transfer", **one.facts,
            }  # fmt: skip
        return {
            **made, **common, "status": "Unpaid", "customer": "CUST-00001", "customer_name": one.name, "tax_id": "512345678",
            "contact_email": one.customer, "due_date": one.day.date().isoformat(), "currency": "ILS", "conversion_rate": 1.0,
            "net_total": 100.0, "total_taxes_and_charges": 18.0, "grand_total": [118] if one.is_odd else 118.0,
            "base_grand_total": 118.0, "outstanding_amount": 118.0, "is_return": 0, "is_pos": 0, "return_against": None, **one.facts,
        }  # fmt: skip


def _moment(one: Entry) -> str:
    return f"{one.changed:%Y-%m-%d %H:%M:%S}.000000"


def _fits(row: dict[str, Any], conditions: list[list[Any]]) -> bool:
    """Say whether a row fulfils every condition, each `[field, sign, value]`."""
    for field, sign, value in conditions:
        found = row.get(field)
        if sign == "in":
            if found not in value:
                return False
        elif sign not in _SIGNS or found is None or not _SIGNS[sign](found, value):
            return False
    return True


def create(port: int, faults: Faults) -> ErpNextSimulator:
    """Make the simulator that `hub simulate erpnext` and the contract tests run."""
    return ErpNextSimulator(port, faults)
