"""Webhooks: Xero says that an invoice, a contact or a credit note changed, and not what.

They are entered on the app's own page at Xero (Webhooks), for all organisations that the app is connected to. There Xero
tries the address with right and wrong signatures (intent to receive) and wants 200 or 401, each with nothing in it.
There is no event for a payment: that of its invoice stands in for it. Events of another organisation make the streams of
every account of this connector due, whose account it is cannot be told from here; that costs a look each.
Source: https://developer.xero.com/documentation/guides/webhooks/overview, xero-webhooks.yaml 12.0.2
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.xero.settings import XeroSettings
from hub.connector import proof
from hub.connector.hand_made import HandMade
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Hinted, Stream
from hub.errors import HookError

HEADER = "x-xero-signature"
MOST = 10_000  # events of one post
# Which streams may have changed. An allocation changes the invoice and the credit note.
STREAMS: Mapping[str, tuple[str, ...]] = {
    "CONTACT": ("contacts",),
    "INVOICE": ("invoices", "payments"),
    "CREDITNOTE": ("credit_notes", "invoices"),
    "SUBSCRIPTION": (),  # of the app in Xero's own shop
}
TOLD = frozenset({"contacts", "invoices", "credit_notes"})


class XeroPush(HandMade):
    """The webhooks of the app (`hub.connector.stream.Push`)."""

    def __init__(self, settings: XeroSettings) -> None:
        self._settings = settings

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return the channel of what Xero tells of; a person opens it at Xero, so nobody is asked."""
        del channel
        if stream.records not in TOLD or not address or not self._settings.webhook_key.get_secret_value():
            return None
        return Channel(stream.key, "webhook", None, None)

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return which streams changed; of the intent to receive, none."""
        del channels, address
        if not proof.of_body(self._settings.webhook_key.get_secret_value(), hook, HEADER):
            raise HookError("The signature is not that of the webhook key in the settings.")
        return _read(hook.body)


def _read(body: bytes) -> Hinted:
    """Take everything out of a signed post that can be understood, and keep the rest as it came."""
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    events = told.get("events") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(events, list) or len(events) > MOST:
        return Hinted(odd=[told if isinstance(told, dict) else {"body": body.decode("utf-8", "replace")[:10_000]}])
    keys: dict[str, None] = {}
    odd: list[Mapping[str, Any]] = []
    for event in events:
        category = event.get("eventCategory") if isinstance(event, dict) else None
        if not isinstance(category, str) or category.upper() not in STREAMS:
            odd.append({"event": event})
            continue
        keys |= dict.fromkeys(STREAMS[category.upper()])
    return Hinted(keys=tuple(keys), odd=odd)
