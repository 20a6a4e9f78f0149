"""Tells an app's address what happened: ids only, signed, in the old shape or as CloudEvents.

Source: https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks and, for CloudEvents,
https://blogs.intuit.com/2025/11/12/upcoming-change-to-webhooks-payload-structure/
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC
from http import HTTPStatus
from threading import RLock
from typing import Any

from connectors.quickbooks.simulated.books import Happening
from connectors.quickbooks.simulated.errors import Json
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked
from hub.connector.simulated.notifier import Notification, Notifier
from hub.connector.simulator import Faults

# "0, 20, 30 and 50 minutes": then the address is given up until the app's owner looks at it.
RETRIES_S = (1_200.0, 1_800.0, 3_000.0)
HEARD = frozenset(
    {
        "Customer", "Vendor", "Term", "Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt", "Bill",
        "VendorCredit", "PurchaseOrder", "Payment", "BillPayment",
    }
)  # fmt: skip
_WORDS = {"Create": "created", "Update": "updated", "Delete": "deleted", "Void": "voided", "Merge": "merged"}


@dataclass
class Webhooks:
    """Posts what happens. What tests may turn are the plain attributes."""

    faults: Faults
    clock: Clock
    lock: RLock
    notifier: Notifier
    verifier_token: str = field(default_factory=lambda: str(uuid.uuid4()))
    url: str = ""  # empty: nobody is told
    as_cloud_events: bool = False
    is_held: bool = False  # what happens waits for `deliver`
    waiting: list[Happening] = field(default_factory=list)
    given_up: int = 0  # posts that were tried for the last time

    @locked
    def happened(self, happening: Happening) -> None:
        """Tell of something, if anybody listens."""
        if self.url and happening.entity in HEARD:
            self.waiting.append(happening)
            if not self.is_held:
                self.deliver()

    @locked
    def deliver(self) -> int:
        """Post what waits in one request; returns how much that was."""
        told, self.waiting = self.waiting, []
        if told:
            self.post(json.dumps(self.payload(told)).encode())
        return len(told)

    def payload(self, told: list[Happening]) -> Any:
        """The body of a post, before it is written."""
        if self.as_cloud_events:
            return [_event(one) for one in told]
        realms = dict.fromkeys(one.realm for one in told)
        return {
            "eventNotifications": [
                {
                    "realmId": realm,
                    "dataChangeEvent": {"entities": [_entity(one) for one in told if one.realm == realm]},
                }
                for realm in realms
            ]
        }

    def post(self, body: bytes) -> None:
        """Post a body, signed; again and again where it is not answered with 200."""
        self.notifier.notify(self._notification(body, 0))

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers of a post with this body."""
        key = self.verifier_token.encode()
        if self.faults.take("forged_notification"):
            key = secrets.token_bytes(16)
        signature = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
        return {
            "Content-Type": "application/json", "intuit-signature": signature, "intuit-created-time": str(self.clock.ms()),
            "intuit-t-id": str(uuid.uuid4()), "User-Agent": "intuit_notification_server/1.0",
        }  # fmt: skip

    def _notification(self, body: bytes, tries: int) -> Notification:
        return Notification(
            self.url, self.headers(body), body, delivered=lambda status: self._delivered(status, body, tries)
        )

    def _delivered(self, status: int, body: bytes, tries: int) -> None:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if tries >= len(RETRIES_S):
            self.given_up += 1
            return
        self.notifier.later(self._notification(body, tries + 1), RETRIES_S[tries])


def _entity(one: Happening) -> Json:
    moment = one.at.astimezone(UTC).isoformat(timespec="seconds")
    return {"name": one.entity, "id": one.id, "operation": one.operation, "lastUpdated": moment}


def _event(one: Happening) -> Json:
    return {
        "specversion": "1.0", "id": str(uuid.uuid4()), "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
        "type": f"qbo.{one.entity.lower()}.{_WORDS[one.operation]}.v1", "datacontenttype": "application/json",
        "time": one.at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "intuitentityid": one.id,
        "intuitaccountid": one.realm, "data": {},
    }  # fmt: skip
