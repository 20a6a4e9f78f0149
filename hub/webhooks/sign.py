"""Secrets, signatures and the body of a webhook. Source: Standard Webhooks 1.0.0, `spec/standard-webhooks.md`."""

import base64
import binascii
import hmac
import json
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.events.models import Event
from hub.security.vault import Vault
from hub.webhooks.models import WebhookEndpoint

PREFIX = "whsec_"
ROTATES_FOR = timedelta(hours=24)
MOST = 20_000  # bytes of a body, as the specification asks
_SECRET_BYTES = 32
_NEW, _OLD = "new", "old"
_LONGEST = 200  # of what is left of data that was cut


def new_secret() -> str:
    """Return a secret that nobody knows yet."""
    return PREFIX + base64.b64encode(randomness.token_bytes(_SECRET_BYTES)).decode()


def seal(vault: Vault, new: str, old: str = "") -> str:
    """Return secrets as an endpoint keeps them."""
    return vault.seal({_NEW: new, **({_OLD: old} if old else {})})


def newest(vault: Vault, endpoint: WebhookEndpoint) -> str:
    """Return the secret that everybody should use by now."""
    return vault.open(endpoint.secrets)[_NEW]


def in_force(vault: Vault, endpoint: WebhookEndpoint, moment: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    kept = vault.open(endpoint.secrets)
    is_rotating = endpoint.old_until is not None and moment < endpoint.old_until
    return [kept[_NEW], *([kept[_OLD]] if is_rotating and _OLD in kept else [])]


def headers(message_id: str, moment: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Return the three headers of one try; the time is that of the try, so that it is not refused as old."""
    seconds = int(moment.timestamp())
    signed = f"{message_id}.{seconds}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(_signature(signed, secret) for secret in secrets),
    }


def _signature(signed: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not a secret of a webhook") from error
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def body(event: Event) -> bytes:
    """Return what is sent of an event: the same bytes each time. Data that is too large is cut to what identifies it."""
    whole = _written(event, event.data)
    if len(whole) <= MOST:
        return whole
    kept = {name: str(event.data[name])[:_LONGEST] for name in ("id", "kind") if name in event.data}
    return _written(event, {**({"id": event.subject[:_LONGEST]} | kept), "truncated": True})


def _written(event: Event, data: Mapping[str, Any]) -> bytes:
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    said = {"type": event.type, "timestamp": at, "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
