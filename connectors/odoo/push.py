"""What Odoo posts to us: an automation rule's "Send Webhook Notification". A hint and no more.

It is sent once after the commit, waited for a second, and neither repeated nor signed: who sends it shows the account's
secret in the address. Posting one invoice sends dozens, for one look. A record that was deleted is looked for too: what
Odoo has no more shows at the next look (`window`). Source:
https://github.com/odoo/odoo/blob/19.0/odoo/addons/base/models/ir_actions.py (`_run_action_webhook`)
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from connectors.odoo.settings import OdooSettings
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Hinted, Stream
from hub.errors import HookError

SECRET = "secret"  # noqa: S105 - the name of the parameter of the address
# Which streams are looked at when a model's record changes. A payment shows in documents, and so does the reverse.
SPOKEN_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "account.move": ("invoices", "payments", "allocations"),
        "account.payment": ("payments", "invoices", "allocations"),
        "account.partial.reconcile": ("allocations", "invoices", "payments"),
        "res.partner": ("contacts",),
        "res.company": ("companies",),
        "sale.order": ("orders",),
        "purchase.order": ("purchases",),
        "stock.picking": ("deliveries",),
    }
)


class OdooPush:
    """The webhooks of one account (`hub.connector.stream.Push`); the rules behind them a person makes (`hooks`)."""

    queue = ""  # there is none: Odoo posts

    def __init__(self, settings: OdooSettings, kinds: Iterable[str]) -> None:
        self._settings = settings
        self._kinds = frozenset(kinds)

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return nothing: rules are made with an administrator's key, which the hub does not keep."""
        del stream, channel, address
        return None

    def stop(self, channel: Channel) -> None:
        """Close nothing, as above."""
        del channel

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return what a rule speaks of."""
        del channels, address
        given = hook.query.get(SECRET, ())
        wanted = self._settings.hook_secret.get_secret_value()
        if not wanted or len(given) != 1 or not hmac.compare_digest(given[0].encode(), wanted.encode()):
            raise HookError("The secret in the address of the webhook is missing or wrong.")
        told = _read(hook.body)
        model = told.get("_model")
        if not isinstance(model, str) or model not in SPOKEN_OF:
            return Hinted(odd=(told,))
        return Hinted(tuple(one for one in SPOKEN_OF[model] if one in self._kinds))

    def fetch(self) -> Fetched:
        """Return nothing: there is no queue."""
        return Fetched()

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge nothing: there is no queue."""
        del receipts


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise HookError("This is no webhook of Odoo.")
    return told
