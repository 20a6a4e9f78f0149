"""A small Fakturownia to try the hub against: departments, clients, invoices and payments, with faults on command.

Written from its documentation, knowing nothing of our client. Source: https://github.com/fakturownia/API
"""

import re
from typing import Any

from hub.connector.simulated.ledger_site import CONTACTS, FAULTS, INVOICES, PAYMENTS, Entry, LedgerSite
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

__all__ = ["FAULTS", "STREAMS", "FakturowniaSimulator", "create"]
STREAMS = (INVOICES,)
_LISTS = {"/clients.json": CONTACTS, "/invoices.json": INVOICES, "/banking/payments.json": PAYMENTS}
_ONE = re.compile(r"/(clients|invoices|banking/payment)/(\d+)\.(json|pdf)")


class FakturowniaSimulator(LedgerSite):
    """One account."""

    name = "fakturownia"

    def access(self) -> dict[str, str]:
        return {"api_token": self.key}

    def lets_in(self, request: Request) -> bool:
        return dict(request.query).get("api_token") == self.key

    def refused(self) -> Answer:
        return json_answer({"code": "error", "message": "You must be logged in to gain access to the site"}, 401)

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        return json_answer({"code": status, "message": text}, status, headers)

    def is_listing(self, path: str) -> bool:
        return path in _LISTS

    def route(self, request: Request) -> Answer | None:
        asked = dict(request.query)
        if request.http != "GET":
            return self.failed(405, "Method not allowed")
        if request.path == "/account.json":
            return json_answer({"prefix": "example", "api_token": self.key, "url": self.serving.url})
        if request.path == "/departments.json":
            return json_answer([_department()] if asked.get("page", "1") == "1" else [])
        if request.path == "/departments/1.json":
            return json_answer(_department())
        if found := _ONE.fullmatch(request.path):
            return self._one(found[1], found[2], found[3])
        if request.path not in _LISTS:
            return None
        page, size = int(asked.get("page", "1")), min(int(asked.get("per_page", "25")), 100, self.most)
        if self.forgets(page - 1):
            return self.failed(400, "wrong page")
        kind = _LISTS[request.path]
        entries = self.newest_first(kind) if asked.get("order") == "updated_at.desc" else self.entries[kind]
        if asked.get("income") == "no":
            entries = []
        return json_answer([self._shown(one, with_lines=False) for one in self.cut(entries, (page - 1) * size, size)])

    def _one(self, place: str, number: str, form: str) -> Answer | None:
        kind = {"clients": CONTACTS, "invoices": INVOICES}.get(place, PAYMENTS)
        entry = self.find(kind, number)
        if entry is None:
            return None
        if form == "pdf":
            return Answer(200, b"%PDF-1.4\n% " + entry.text.encode(), "application/pdf") if kind == INVOICES else None
        return json_answer(self._shown(entry, with_lines=True))

    def _shown(self, one: Entry, *, with_lines: bool) -> dict[str, Any]:
        if one.kind == CONTACTS:
            return {
                "id": one.number, "name": one.name, "email": one.customer, "tax_no": "5252445767", "country": "PL", "phone": "+48601234567",
                "company": True, "note": one.text, "updated_at": one.changed.isoformat(), **one.facts,
            }  # fmt: skip
        if one.kind == PAYMENTS:
            return {
                "id": one.number, "name": one.text, "price": "123.0", "currency": "PLN", "paid": True, "kind": "api", "income": True,
                "client_id": 1, "paid_date": one.day.date().isoformat(), "updated_at": one.changed.isoformat(),
                "invoices": [], **one.facts,
            }  # fmt: skip
        lines = [
            {
                "name": "Consulting",
                "quantity": "1.0",
                "quantity_unit": "h",
                "price_net": "100.0",
                "total_price_net": "100.0",
            }
        ]
        return {
            "id": one.number, "number": f"{one.number}/2026", "kind": "vat", "income": True, "status": "issued", "currency": "PLN",
            "issue_date": one.day.date().isoformat(), "sell_date": one.day.date().isoformat(), "payment_to": one.day.date().isoformat(),
            "price_net": "100.0", "price_tax": "23.0", "price_gross": ["123"] if one.is_odd else "123.0", "paid": "0.0", "client_id": 1,
            "buyer_name": one.name, "buyer_tax_no": "5252445767", "buyer_country": "PL", "description": one.text, "lang": "pl",
            "updated_at": one.changed.isoformat(), "token": "HBO3Npx2OzSW", **one.facts, **({"positions": lines} if with_lines else {}),
        }  # fmt: skip


def _department() -> dict[str, Any]:
    return {"id": 1, "name": "Green Garden sp. z o.o.", "shortcut": "GG", "tax_no": "6272616681", "country": "PL"}


def create(port: int, faults: Faults) -> FakturowniaSimulator:
    """Make the simulator that `hub simulate fakturownia` and the contract tests run."""
    return FakturowniaSimulator(port, faults)
