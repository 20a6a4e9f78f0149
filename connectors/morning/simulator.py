"""A small Morning (Green Invoice) to try the hub against: tokens, clients and documents, with faults on command.

Written from its documentation and public integrations, knowing nothing of our client.
Source: https://www.greeninvoice.co.il/api-docs
"""

import json
import secrets
from typing import Any

from hub.connector.simulated.ledger_site import CONTACTS, CUT_PAGE, INVOICES, PAYMENTS, Entry, LedgerSite
from hub.connector.simulated.ledger_site import FAULTS as COMMON
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

FAULTS = {**COMMON, **CUT_PAGE}
READS_LIKE = "manifest"  # the same runner reads both
STREAMS = (INVOICES,)
_LIVES_S = 1800
_BASE = "/api/v1"
_RECEIPT = 400


class MorningSimulator(LedgerSite):
    """One business."""

    name = "morning"
    login_path = f"{_BASE}/account/token"
    base_path = _BASE
    window_setting = "window_days"

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        super().__init__(port, faults)
        self.key_id = secrets.token_hex(16)
        self._tokens: set[str] = set()

    def access(self) -> dict[str, str]:
        return {"key_id": self.key_id, "secret": self.password}

    def login(self, request: Request) -> Answer:
        told = json.loads(request.body or b"{}")
        if request.http != "POST" or (told.get("id"), told.get("secret")) != (self.key_id, self.password):
            return self.refused()
        token = secrets.token_urlsafe(40)
        self._tokens.add(token)
        return json_answer({"token": token, "expires": int(self.clock.time()) + _LIVES_S})

    def lets_in(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self._tokens

    def refused(self) -> Answer:
        return json_answer({"errorCode": 401, "errorMessage": "אין הרשאה"}, 401)

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        return json_answer({"errorCode": status, "errorMessage": text}, status, headers)

    def disabled(self) -> Answer:
        return json_answer({"errorCode": 1012, "errorMessage": "The plan does not include the API"}, 403)

    def is_listing(self, path: str) -> bool:
        return path.endswith("/search")

    def route(self, request: Request) -> Answer | None:
        place = request.path.removeprefix(_BASE)
        if request.http == "POST" and place in {"/documents/search", "/clients/search"}:
            return self._search(place, json.loads(request.body or b"{}"))
        kind, _, number = place.lstrip("/").partition("/")
        if request.http != "GET" or kind not in {"documents", "clients"}:
            return None
        if kind == "clients":
            entry = self.find(CONTACTS, number.removeprefix("c-"))
        else:
            entry = self.find(PAYMENTS if number.startswith("r-") else INVOICES, number.partition("-")[2])
        return json_answer(self._shown(entry)) if entry else None

    def _search(self, place: str, asked: dict[str, Any]) -> Answer:
        page, size = int(asked.get("page", 1)), min(int(asked.get("pageSize", 25)), 100, self.most)
        if self.forgets(page - 1):
            return self.failed(400, "wrong page")
        types = asked.get("type", [])
        kind = CONTACTS if place == "/clients/search" else PAYMENTS if _RECEIPT in types else INVOICES
        entries = sorted(self.entries[kind], key=lambda one: (one.day, one.number), reverse=True)
        if kind != CONTACTS:
            first, last = asked.get("fromDate", "0000"), asked.get("toDate", "9999")
            entries = [one for one in entries if first <= one.day.date().isoformat() <= last]
        items = [self._shown(one) for one in self.cut(entries, (page - 1) * size, size)]
        pages = -(-len(entries) // size)
        return json_answer({"total": len(entries), "page": page, "pageSize": size, "pages": pages, "items": items})

    def remote_id(self, entry: Entry) -> str:
        return f"{ {CONTACTS: 'c', PAYMENTS: 'r'}.get(entry.kind, 'd') }-{entry.number}"

    def _shown(self, one: Entry) -> dict[str, Any]:
        made = {"id": self.remote_id(one), "creationDate": int(one.changed.timestamp())}
        if one.kind == CONTACTS:
            return {
                **made, "name": one.name, "emails": [one.customer] if one.customer else [], "taxId": "512345678", "country": "IL",
                "phone": "03-1234567", "mobile": "050-2345678", "remarks": one.text, "active": True, **one.facts,
            }  # fmt: skip
        client = {"id": "c-1", "name": one.name, "taxId": "512345678", "country": "IL", "emails": [one.customer]}
        return {
            **made, "number": str(10_000 + one.number), "type": _RECEIPT if one.kind == PAYMENTS else 305, "status": 0, "lang": "he",
            "documentDate": one.day.date().isoformat(), "dueDate": one.day.date().isoformat(), "currency": "ILS", "client": client,
            "amount": [118] if one.is_odd else 118.0, "amountExcludeVat": 100.0, "vat": 18.0, "description": one.text,
            "url": {"origin": f"https://app.example/d/{one.number}"}, **one.facts,
        }  # fmt: skip


def create(port: int, faults: Faults) -> MorningSimulator:
    """Make the simulator that `hub simulate morning` and the contract tests run."""
    return MorningSimulator(port, faults)
