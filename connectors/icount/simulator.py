"""A small iCount to try the hub against: clients and documents by API v3, with faults on command.

It answers 200 to everything and says in words what is wrong. Written from public integrations, knowing nothing of our client.
Source: https://www.icount.co.il/api
"""

import json
from typing import Any

from hub.connector.simulated.ledger_site import CONTACTS, CUT_PAGE, INVOICES, PAYMENTS, Entry, LedgerSite
from hub.connector.simulated.ledger_site import FAULTS as COMMON
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

FAULTS = {**COMMON, **CUT_PAGE}
READS_LIKE = "manifest"  # the same runner reads both
STREAMS = (INVOICES,)
_BASE = "/api/v3.php"


class IcountSimulator(LedgerSite):
    """One company."""

    name = "icount"
    base_path = _BASE
    window_setting = "window_days"

    def access(self) -> dict[str, str]:
        return {"token": self.key, "company": "greengarden", "user": "hub", "password": self.password}

    def lets_in(self, request: Request) -> bool:
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return True
        told = json.loads(request.body or b"{}")
        return (told.get("cid"), told.get("user"), told.get("pass")) == ("greengarden", "hub", self.password)

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        if status >= 429 or status == 400:
            return json_answer({"status": False, "reason": text.replace(" ", "_")}, status, headers)
        words = {401: "auth_failed", 403: "no_permission", 404: "doc_not_found"}
        return json_answer({"status": False, "reason": words.get(status, "error"), "error_description": text})

    def disabled(self) -> Answer:
        return json_answer(
            {"status": False, "reason": "api_disabled", "error_description": "The API is not part of your plan"}
        )

    def is_listing(self, path: str) -> bool:
        return path.endswith(("/doc/search", "/client/get_list"))

    def route(self, request: Request) -> Answer | None:
        asked = json.loads(request.body or b"{}")
        match request.path.removeprefix(_BASE):
            case "/company/info":
                return json_answer(
                    {"status": True, "company_info": {"company_id": "greengarden", "vat_id": "512345678"}}
                )
            case "/client/get_list":
                clients = [self._client(one) for one in self.entries[CONTACTS]]
                return json_answer({"status": True, "clients_count": len(clients), "clients": clients})
            case "/doc/search":
                return self._search(asked)
            case "/doc/info":
                entry = self._of(asked)
                return (
                    json_answer({"status": True, "doc_info": self._document(entry, with_lines=True)}) if entry else None
                )
        return None

    def _of(self, asked: dict[str, Any]) -> Entry | None:
        kind = PAYMENTS if asked.get("doctype") == "receipt" else INVOICES
        return next((one for one in self.entries[kind] if str(1000 + one.number) == str(asked.get("docnum"))), None)

    def _search(self, asked: dict[str, Any]) -> Answer:
        kind = PAYMENTS if "receipt" in asked.get("doctype", ()) else INVOICES
        first, last = asked.get("start_date", "0000"), asked.get("end_date", "9999")
        entries = [one for one in self.entries[kind] if first <= one.day.date().isoformat() <= last]
        entries.sort(key=lambda one: (one.day, one.number), reverse=asked.get("sort_order") == "DESC")
        offset = int(asked.get("offset", 0))
        if self.forgets(offset):
            return self.failed(400, "bad offset")
        page = self.cut(entries, offset, int(asked.get("max_results", 20)))
        listed = [self._document(one, with_lines=False) for one in page]
        return json_answer(
            {
                "status": True,
                "reason": "OK",
                "results_total": len(entries),
                "results_count": len(listed),
                "results_list": listed,
            }
        )

    def remote_id(self, entry: Entry) -> str:
        if entry.kind == CONTACTS:
            return str(entry.number)
        return f"{'receipt' if entry.kind == PAYMENTS else 'invoice'}:{1000 + entry.number}"

    def _client(self, one: Entry) -> dict[str, Any]:
        return {
            "client_id": one.number, "client_name": one.name, "email": one.customer, "vat_id": "512345678", "mobile": "050-2345678",
            "phone": "", "notes": one.text, **one.facts,
        }  # fmt: skip

    def _document(self, one: Entry, *, with_lines: bool) -> dict[str, Any]:
        day = one.day.date().isoformat()
        lines = [{"description": "Consulting", "quantity": "1", "unitprice": "100.00", "unitprice_total": "100.00"}]
        return {
            "doctype": "receipt" if one.kind == PAYMENTS else "invoice", "docnum": 1000 + one.number, "status": 0, "dateissued": day,
            "duedate": day, "currency_code": "ILS", "totalsum": "100.00", "totalvat": "18.00",
            "totalwithvat": ["118"] if one.is_odd else "118.00", "totalpaid": "118.00", "balance": "118.00", "client_id": 1,
            "client_name": one.name, "vat_id": "512345678", "email": one.customer, "hwc": one.text, "is_cancelled": False,
            "doc_url": f"https://app.example/d/{one.number}", **one.facts, **({"items": lines} if with_lines else {}),
        }  # fmt: skip


def create(port: int, faults: Faults) -> IcountSimulator:
    """Make the simulator that `hub simulate icount` and the contract tests run."""
    return IcountSimulator(port, faults)
