"""A small Service Layer of SAP Business One to try the hub against: sessions, partners, documents, with faults on command.

Written from its manual, knowing nothing of our client. Source: https://help.sap.com/docs/SAP_BUSINESS_ONE, Working with SAP Business One
Service Layer
"""

import json
import re
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

from hub.connector.simulated.ledger_site import CONTACTS, INVOICES, PAYMENTS, Entry, LedgerSite, filtered, ordered
from hub.connector.simulated.ledger_site import FAULTS as COMMON
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Fault, Faults, Harm

FAULTS = {
    **COMMON,
    "foreign_next": Fault("gives a next page at another host", Harm.CUT),
    "same_next": Fault("names the same next page twice", Harm.CUT),
}
STREAMS = (INVOICES,)
_BASE = "/b1s/v1"
_SETS = {"BusinessPartners": CONTACTS, "Invoices": INVOICES, "IncomingPayments": PAYMENTS}
_EMPTY = {"CreditNotes", "Orders", "Quotations", "DeliveryNotes", "PurchaseInvoices"}
_ONE = re.compile(r"/(\w+)\((?:'(.*)'|(\d+))\)")
_COMPANY = "SBODEMOIL"


class SapB1Simulator(LedgerSite):
    """One company database."""

    name = "sapb1"
    step = timedelta(days=1)  # changes are known by the day
    login_path = f"{_BASE}/Login"

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        super().__init__(port, faults)
        self._sessions: set[str] = set()

    def access(self) -> dict[str, str]:
        return {"company_db": _COMPANY, "user": "hub", "password": self.password}

    def login(self, request: Request) -> Answer:
        told = json.loads(request.body or b"{}")
        if (told.get("CompanyDB"), told.get("UserName"), told.get("Password")) != (_COMPANY, "hub", self.password):
            return self.refused()
        session = secrets.token_hex(16)
        self._sessions.add(session)
        said = {
            "odata.metadata": "$metadata#B1Sessions/@Element",
            "SessionId": session,
            "Version": "1000190",
            "SessionTimeout": 30,
        }
        return json_answer(said, 200, {"Set-Cookie": f"B1SESSION={session}; HttpOnly; SameSite=None"})

    def lets_in(self, request: Request) -> bool:
        pairs = (one.strip().partition("=") for one in request.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs}.get("B1SESSION") in self._sessions

    def refused(self) -> Answer:
        return self._said(401, 301, "Invalid session or session already timeout.")

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        return self._said(status, -1, text, headers)

    def disabled(self) -> Answer:
        return self._said(400, -1, "No valid license for the Service Layer")

    def _said(self, status: int, code: int, text: str, headers: Any = None) -> Answer:
        return json_answer({"error": {"code": code, "message": {"lang": "en-us", "value": text}}}, status, headers)

    def is_listing(self, path: str) -> bool:
        return path.rpartition("/")[2] in _SETS

    def route(self, request: Request) -> Answer | None:
        asked, place = dict(request.query), unquote(request.path).removeprefix(_BASE)
        if request.http != "GET":
            return self.failed(405, "Method not allowed")
        if found := _ONE.fullmatch(place):
            return self._one(found[1], found[2] or found[3])
        name = place[1:]
        if name in _EMPTY:
            return json_answer({"odata.metadata": f"$metadata#{name}", "value": []})
        if name not in _SETS:
            return None
        rows = [self._shown(one) for one in self.entries[_SETS[name]]]
        try:
            rows = ordered(filtered(rows, asked["$filter"]) if "$filter" in asked else rows, asked.get("$orderby", ""))
        except ValueError as error:
            return self.failed(400, f"Query string error: {error}")
        return self._page(name, rows, asked, request)

    def _page(self, name: str, rows: list[dict[str, Any]], asked: dict[str, str], request: Request) -> Answer:
        """Return a page, and in it the address of the next one; relative, as the Service Layer writes it."""
        offset = int(asked.get("$skip", 0))
        wanted = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("prefer", ""))
        size = min(int(wanted[1]) if wanted else 20, self.most)
        if self.forgets(offset):
            return self.failed(400, "Invalid $skip")
        page = self.cut(rows, offset, size)
        told: dict[str, Any] = {"odata.metadata": f"$metadata#{name}", "value": [_select(one, asked) for one in page]}
        stays = self.committed in {"endless_page", "empty_page", "replay_page"}  # what should stand here comes next
        behind = offset if stays else offset + size
        if behind < len(rows):
            more = (
                {}
                if self.committed == "endless_page"
                else {"again": str(int(asked.get("again", 0)) + 1)}
                if stays
                else {}
            )
            told["odata.nextLink"] = self._link(name, {**asked, "$skip": str(behind), **more}, asked)
        return json_answer(told)

    def _link(self, name: str, query: dict[str, str], asked: dict[str, str]) -> str:
        link = f"{name}?{_written(asked if self.faults.take('same_next') else query)}"
        return f"https://other.example{_BASE}/{link}" if self.faults.take("foreign_next") else link

    def _one(self, name: str, key: str) -> Answer | None:
        entries = self.entries.get(_SETS.get(name, ""), [])
        entry = next((one for one in entries if self.remote_id(one) == key), None)
        return json_answer({"odata.metadata": f"$metadata#{name}/@Element", **self._shown(entry)}) if entry else None

    def remote_id(self, entry: Entry) -> str:
        return f"C{20_000 + entry.number}" if entry.kind == CONTACTS else str(entry.number)

    def _shown(self, one: Entry) -> dict[str, Any]:
        changed = one.changed.date().isoformat()
        if one.kind == CONTACTS:
            return {
                "CardCode": self.remote_id(one), "CardName": one.name, "CardType": "cCustomer", "EmailAddress": one.customer or None,
                "Phone1": "03-1234567", "Cellular": "050-2345678", "FederalTaxID": "512345678", "Notes": one.text, "Currency": "ILS",
                "Country": "IL", "Frozen": "tNO", "FrozenFrom": None, "FrozenTo": None, "FrozenRemarks": None, "CreditLimit": 0.0,
                "PayTermsGrpCode": -1, "UpdateDate": changed, "ContactEmployees": [], **one.facts,
            }  # fmt: skip
        made = {
            "DocEntry": one.number, "DocNum": 500 + one.number, "Cancelled": "tNO", "DocDate": one.day.date().isoformat(),
            "CardCode": "C20001", "CardName": one.name, "DocCurrency": "ILS", "UpdateDate": changed,
        }  # fmt: skip
        if one.kind == PAYMENTS:
            settled = [{"DocEntry": 1, "SumApplied": 118.0, "InvoiceType": "it_Invoice"}]
            return {
                **made, "DocType": "rCustomer", "CashSum": 0.0, "TransferSum": 118.0, "Remarks": one.text, "PaymentInvoices": settled,
                "PaymentChecks": [], "PaymentCreditCards": [], **one.facts,
            }  # fmt: skip
        line = {
            "ItemDescription": "Consulting",
            "Quantity": 1.0,
            "MeasureUnit": "h",
            "Price": 100.0,
            "LineTotal": 100.0,
        }
        return {
            **made, "DocType": "dDocument_Service", "DocumentStatus": "bost_Open", "DocDueDate": made["DocDate"],
            "TaxDate": made["DocDate"], "DocTotal": [118] if one.is_odd else 118.0, "VatSum": 18.0, "PaidToDate": 0.0, "DocRate": 1.0,
            "FederalTaxID": "512345678", "Comments": one.text, "DocumentLines": [line], **one.facts,
        }  # fmt: skip


def _written(query: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value)}" for name, value in query.items())


def _select(row: dict[str, Any], asked: dict[str, str]) -> dict[str, Any]:
    names = [one.strip() for one in asked.get("$select", "").split(",") if one.strip()]
    return {name: row[name] for name in names if name in row} if names else row


def create(port: int, faults: Faults) -> SapB1Simulator:
    """Make the simulator that `hub simulate sapb1` and the contract tests run."""
    return SapB1Simulator(port, faults)
