"""A small Zammad to try the hub against: tickets and users by its REST API, webhooks of a trigger, with faults on command.

Written from its documentation and published source, knowing nothing of our client.
Sources: https://docs.zammad.org/en/latest/api/ticket/index.html, https://docs.zammad.org/en/latest/api/user.html,
https://admin-docs.zammad.org/en/latest/manage/webhook.html
"""

import hashlib
import hmac
import json
import re
import secrets
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

from hub.connector.simulated.ledger_site import FAULTS as USUAL
from hub.connector.simulated.ledger_site import Entry, LedgerSite
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Fault, Faults, Harm

READS_LIKE = "manifest"  # the same runner reads both
TICKETS = "tickets"
STREAMS = (TICKETS,)
FAULTS = {**USUAL, "forged_notification": Fault("signs a webhook with another token", Harm.HOSTILE)}
FIRST_CUSTOMER = 3  # before them are the system's own user and an agent
_ONE = re.compile(r"/api/v1/(tickets|users)/(\d+)")
_AFTER = "condition[ticket.updated_at]"
_PATIENCE_S = 30  # of a webhook, as in trigger_webhook_job.rb


class ZammadSimulator(LedgerSite):
    """One help desk."""

    name = "zammad"
    most = 200

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        super().__init__(port, faults)
        self.entries[TICKETS] = []
        self.people: list[dict[str, Any]] = []  # customers, by their number
        self.webhook_token = secrets.token_urlsafe(24)

    def access(self) -> dict[str, str]:
        return {"token": self.key, "webhook_token": self.webhook_token}

    def lets_in(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Token token={self.key}"

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        return json_answer({"error": text, "error_human": text}, status, headers)

    def refused(self) -> Answer:
        return self.failed(401, "Invalid token")

    def is_listing(self, path: str) -> bool:
        return path == "/api/v1/tickets/search"

    # -- what people do -----------------------------------------------------------------------------------------------

    def person(self, email: str, **facts: Any) -> dict[str, Any]:
        """Return the user of an e-mail address; who is not there yet is made."""
        with self.lock:
            found = next((one for one in self.people if one["email"] == email), None)
            if found is None:
                first, _, last = email.partition("@")[0].replace(".", " ").title().partition(" ")
                found = {
                    "id": FIRST_CUSTOMER + len(self.people), "login": email, "email": email, "firstname": first,
                    "lastname": last, "phone": "", "mobile": "", "active": True, "roles": ["Customer"],
                }  # fmt: skip
                self.people.append(found)
            found |= facts
            return found

    # -- being asked --------------------------------------------------------------------------------------------------

    def route(self, request: Request) -> Answer | None:
        if request.http != "GET":
            return self.failed(405, "Method not allowed")
        if request.path == "/api/v1/users/me":
            return json_answer({"id": 2, "login": "hub@example.com", "email": "hub@example.com", "active": True})
        if self.is_listing(request.path):
            return self._search(dict(request.query))
        if found := _ONE.fullmatch(request.path):
            return self._one(found[1], int(found[2]))
        return None

    def _one(self, what: str, number: int) -> Answer:
        if what == "users":
            person = next((one for one in self.people if one["id"] == number), None)
            return json_answer(person) if person else self._missing("User", number)
        entry = self.find(TICKETS, str(number))
        return json_answer(self._ticket(entry)) if entry else self._missing("Ticket", number)

    def _missing(self, model: str, number: int) -> Answer:
        return self.failed(404, f"Couldn't find {model} with 'id'={number}")

    def _search(self, asked: dict[str, str]) -> Answer:
        """Answer a search by a condition, as the database does: no index stands between."""
        since = datetime(1970, 1, 1, tzinfo=UTC)
        if any(name.startswith("condition") for name in asked):
            try:
                since = datetime.fromisoformat(asked[f"{_AFTER}[value]"])
            except (KeyError, ValueError):
                return self.failed(422, "Invalid condition")
            if asked.get(f"{_AFTER}[operator]") != "after (absolute)":
                return self.failed(422, "Invalid operator")
        size, page = min(int(asked.get("per_page", "50")), 200), int(asked.get("page", "1"))
        found = [one for one in self._sorted(asked) if one.changed > since]
        size = min(size, self.most)
        if self.forgets((page - 1) * size):
            return self.failed(400, "unknown page")
        tickets = self.cut(found, (page - 1) * size, size)
        is_whole = asked.get("expand") == "true"
        return json_answer([self._ticket(one) if is_whole else one.number for one in tickets])

    def _sorted(self, asked: dict[str, str]) -> list[Entry]:
        keys = {"updated_at": lambda one: one.changed, "id": lambda one: one.number}
        found = list(self.entries[TICKETS])
        names = asked.get("sort_by", "updated_at").split(",")
        orders = asked.get("order_by", "desc").split(",")
        for name, order in reversed(list(zip(names, orders, strict=False))):
            found.sort(key=keys[name], reverse=order == "desc")
        return found

    def _ticket(self, one: Entry) -> dict[str, Any]:
        person = self.person(one.customer) if one.customer else {"id": 1, "login": "-"}
        return {
            "id": one.number, "number": f"22{one.number:03}", "title": one.text, "group_id": 1, "group": "Users",
            "priority_id": 2, "priority": "2 normal", "state_id": 2, "state": [] if one.is_odd else "open", "owner_id": 1,
            "owner": "-", "customer_id": person["id"], "customer": person["login"], "organization": None, "note": None,
            "created_at": _moment(one.day), "updated_at": _moment(one.changed), "close_at": None, "article_count": 1,
            "preferences": {}, **one.facts,
        }  # fmt: skip

    # -- webhooks -----------------------------------------------------------------------------------------------------

    def post(self, address: str, entry: Entry) -> int:
        """Post what a trigger posts of a ticket to an address; returns how it was answered."""
        with self.lock:
            ticket = self._ticket(entry)
            told = {
                "ticket": {**ticket, "customer": self.person(entry.customer)},
                "article": {"id": 1, "ticket_id": entry.number},
            }
        body = json.dumps(told).encode()
        token = "another" if self.faults.take("forged_notification") else self.webhook_token
        headers = {
            "Content-Type": "application/json; charset=utf-8", "User-Agent": "Zammad User Agent",
            "X-Zammad-Trigger": "Tell the hub", "X-Zammad-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature": f"sha1={hmac.new(token.encode(), body, hashlib.sha1).hexdigest()}",
        }  # fmt: skip
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"{address} is no address to post to")
        request = urllib.request.Request(address, body, headers, method="POST")  # noqa: S310 - looked at above
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_PATIENCE_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def create(port: int, faults: Faults) -> ZammadSimulator:
    """Make the simulator that `hub simulate zammad` and the contract tests run."""
    return ZammadSimulator(port, faults)
