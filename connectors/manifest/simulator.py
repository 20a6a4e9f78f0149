"""A small accounting system that nobody else has, with the manifest that describes it: keys, cursor pages, changes by parameter.

Its own API is described in README.md of this folder.
"""

from typing import Any

from hub.connector.simulated.ledger_site import CONTACTS, FAULTS, INVOICES, PAYMENTS, Entry, LedgerSite
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

__all__ = ["FAULTS", "MANIFEST", "STREAMS", "ManifestSimulator", "create"]
STREAMS = (INVOICES,)
_LISTS = {"/v1/companies": "", "/v1/contacts": CONTACTS, "/v1/invoices": INVOICES, "/v1/payments": PAYMENTS}
_STREAM = """
[[stream]]
name = "{name}"
title = "{title}"
path = "/v1/{name}"
at = "data"
id = "id"
page = {{ type = "cursor", param = "after", next = "paging.next", size_param = "limit", size = 50 }}
cursor = {{ type = "param", param = "changed_since", field = "updated_at", form = "iso", overlap_s = 600 }}
one = "/v1/{name}/{{id}}"
one_at = "data"
link = "{{base_url}}/show/{name}/{{id}}"
"""
MANIFEST = """\
version = 1
name = "example_books"
title = "Example Books"
docs = "https://books.example/docs"
help = "Make a key under Settings, API."
check = { path = "/v1/me" }
limits = { per_minute = 600 }
message = ["error"]
error = [{ at = "code", is = ["api_off"], means = "disabled" }]
auth = { type = "header", name = "X-Api-Key", value = { setting = "api_key" } }

[settings.api_key]
title = "API key"
description = "Settings, API."
secret = true
required = true
""" + "".join(_STREAM.format(name=name, title=name.title()) for name in ("companies", CONTACTS, INVOICES, PAYMENTS))


class ManifestSimulator(LedgerSite):
    """One company's books."""

    name = "manifest"

    def access(self) -> dict[str, str]:
        return {"manifest": MANIFEST, "secrets": f"api_key={self.key}"}

    def lets_in(self, request: Request) -> bool:
        return request.headers.get("x-api-key") == self.key

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        return json_answer({"error": text}, status, headers)

    def disabled(self) -> Answer:
        return json_answer({"error": "The API is off", "code": "api_off"}, 403)

    def is_listing(self, path: str) -> bool:
        return path in _LISTS

    def route(self, request: Request) -> Answer | None:
        asked = dict(request.query)
        if request.http != "GET":
            return self.failed(405, "only GET")
        if request.path == "/v1/me":
            return json_answer({"data": {"name": "Hub"}})
        if request.path == "/v1/companies":
            company = {"id": "1", "name": "Green Garden", "tax_id": "512345678", "currency": "ILS", "country": "IL"}
            return json_answer({"data": [company], "paging": {"next": None}})
        if request.path not in _LISTS:
            place, _, number = request.path.rpartition("/")
            entry = self.find(_LISTS[place], number) if _LISTS.get(place) else None
            return json_answer({"data": self._shown(entry)}) if entry else None
        entries = sorted(self.entries[_LISTS[request.path]], key=lambda one: (one.changed, one.number))
        entries = [one for one in entries if f"{one.changed:%Y-%m-%dT%H:%M:%SZ}" >= asked.get("changed_since", "")]
        offset, size = (
            int(asked.get("after", "0-0").partition("-")[0]),
            min(int(asked.get("limit", "20")), 200, self.most),
        )
        if self.forgets(offset):
            return self.failed(400, "unknown cursor")
        page = self.cut(entries, offset, size)
        stays = self.committed in {"endless_page", "empty_page", "replay_page"}
        behind = offset if stays else offset + size
        turn = 0 if self.committed == "endless_page" else int(asked.get("after", "0-0").partition("-")[2]) + stays
        following = f"{behind}-{turn}" if behind < len(entries) else None
        return json_answer({"data": [self._shown(one) for one in page], "paging": {"next": following}})

    def _shown(self, one: Entry) -> dict[str, Any]:
        made = {"id": str(one.number), "updated_at": f"{one.changed:%Y-%m-%dT%H:%M:%SZ}"}
        if one.kind == CONTACTS:
            return {
                **made,
                "name": one.name,
                "email": one.customer,
                "tax_id": "512345678",
                "notes": one.text,
                **one.facts,
            }
        common = {"number": f"A-{one.number}", "currency": "ILS", "party": "1", "party_name": one.name}
        if one.kind == PAYMENTS:
            day = {"date": one.day.date().isoformat(), "amount": 118.0, "reference": one.text}
            return {**made, **common, **day, **one.facts}
        return {
            **made, **common, "kind": "invoice", "status": "open", "issue_date": one.day.date().isoformat(), "net": 100.0, "tax": 18.0,
            "gross": [118] if one.is_odd else 118.0, "balance": 118.0, "terms_text": one.text, **one.facts,
        }  # fmt: skip


def create(port: int, faults: Faults) -> ManifestSimulator:
    """Make the simulator that `hub simulate manifest` and the contract tests run."""
    return ManifestSimulator(port, faults)
