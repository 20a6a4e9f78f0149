"""Tells the app's address what happens: signed, ids only, again and again for a day, and then no more.

Sources: https://developer.xero.com/documentation/guides/webhooks/configuring-your-server,
https://github.com/XeroAPI/Xero-OpenAPI (xero-webhooks.yaml)
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import RLock

from connectors.xero.simulated.books import Books
from connectors.xero.simulated.errors import Json
from connectors.xero.simulated.things import Paper, Thing
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked
from hub.connector.simulated.notifier import Notification, Notifier
from hub.connector.simulator import Faults

GIVE_UP_S = 24 * 3600.0
# "with decreasing frequency for up to 24 hours": the steps themselves are not told.
RETRIES_S = (60.0, 300.0, 900.0, 3_600.0, 2 * 3_600.0, 4 * 3_600.0, 8 * 3_600.0)
_CATEGORIES = {"Contacts": "CONTACT", "Invoices": "INVOICE", "CreditNotes": "CREDITNOTE"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass
class _Delivery:
    """A request on its way, with how often it was tried."""

    began_at: float
    tries: int = 0


@dataclass
class Webhooks:
    """The app's only webhook. What tests may turn are the plain attributes."""

    faults: Faults
    clock: Clock
    lock: RLock
    notifier: Notifier
    base_url: str = ""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    address: str = ""
    enabled: bool = False
    categories: frozenset[str] = frozenset(_CATEGORIES)
    is_held: bool = False  # events wait for `deliver`
    waiting: list[Json] = field(default_factory=list)
    verdicts: list[int] = field(default_factory=list)  # statuses that the last intent to receive was answered with
    sequence: int = 0

    @locked
    def enter(self, address: str) -> None:
        """Let the address be known and proven, as somebody did in the app's dashboard long ago."""
        self.address, self.enabled = address, True

    def intend(self, address: str) -> bool:
        """Ask an address whether it looks at signatures: good ones and bad ones, in this order here.

        Returns:
            Whether all good ones were answered with 200 and all bad ones with 401; then events are told.
        """
        with self.lock:
            self.address, self.enabled, self.verdicts = address, False, []
        for is_good in (True, False, True, False):
            body = self._body([])
            sent = Notification(address, self._headers(body, "" if is_good else "wrong"), body, self.verdicts.append)
            self.notifier.later(sent, 0.0)
        self.notifier.flush()
        good, bad = int(HTTPStatus.OK), int(HTTPStatus.UNAUTHORIZED)
        with self.lock:
            self.enabled = self.verdicts == [good, bad, good, bad]
            return self.enabled

    @locked
    def happened(self, books: Books, kind: str, thing: Thing, is_new: bool) -> None:  # noqa: FBT001 - as `Books` calls it
        """Tell of a change, if the app wants to hear of such things."""
        if kind not in self.categories or not self.enabled:
            return
        event: Json = {
            "resourceUrl": f"{self.base_url}/api.xro/2.0/{kind}/{thing.id}", "resourceId": thing.id,
            "tenantId": books.id, "tenantType": "ORGANISATION", "eventCategory": _CATEGORIES[kind],
            "eventType": "CREATE" if is_new else "UPDATE",
            "eventDateUtc": self.clock.now().isoformat(timespec="milliseconds").partition("+")[0],
        }  # fmt: skip
        if kind == "CreditNotes" and isinstance(thing, Paper):
            event["data"] = {"Type": thing.type, "Status": thing.status}
        self.waiting.append(event)
        if not self.is_held:
            self.deliver()

    @locked
    def deliver(self) -> int:
        """Post what waits as one request; returns how many events that were."""
        events, self.waiting = self.waiting, []
        if events:
            self.post(self._body(events))
        return len(events)

    @locked
    def post(self, body: bytes, key: str = "") -> None:
        """Post some bytes with their signature, whatever they say; what is not answered with 200 comes again."""
        if not self.enabled:
            return
        delivery = _Delivery(self.clock.time())

        def delivered(status: int) -> None:
            if status != HTTPStatus.OK:
                self._again(notification, delivery)

        notification = Notification(self.address, self._headers(body, key), body, delivered)
        self.notifier.notify(notification)

    def _body(self, events: Sequence[Json]) -> bytes:
        first = self.sequence + 1 if events else 0
        self.sequence += len(events)
        told = {
            "events": list(events), "firstEventSequence": first, "lastEventSequence": self.sequence if events else 0,
            "entropy": "".join(secrets.choice(_LETTERS) for _ in range(20)),
        }  # fmt: skip
        return json.dumps(told).encode()

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        signed_by = secrets.token_bytes(16) if self.faults.take("forged_notification") else (key or self.key).encode()
        signature = base64.b64encode(hmac.new(signed_by, body, hashlib.sha256).digest()).decode()
        return {"Content-Type": "application/json; charset=utf-8", "x-xero-signature": signature}

    def _again(self, notification: Notification, delivery: _Delivery) -> None:
        wait_s = RETRIES_S[min(delivery.tries, len(RETRIES_S) - 1)]
        delivery.tries += 1
        with self.lock:
            if self.clock.time() + wait_s - delivery.began_at > GIVE_UP_S:
                self.enabled = False
                return
        self.notifier.later(notification, wait_s)
