"""From whom a webhook is, by the ways that many programs share. Everything is reckoned over the bytes as they came.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable

from hub.connector.hook import Hook

_TIME_BEFORE = re.compile(rb"\d+\.")


def standard(secret: str, hook: Hook, tolerance_s: int) -> bool:
    """Standard Webhooks: `webhook-signature: v1,BASE64 ...` over id, time and body.

    A secret that begins with `whsec_` is base64 itself.
    """
    name, at = hook.headers.get("webhook-id", ""), hook.headers.get("webhook-timestamp", "")
    if not name or not is_now(at, tolerance_s):
        return False
    try:
        key = (
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            if secret.startswith("whsec_")
            else secret.encode()
        )
    except ValueError:
        return False
    wanted = in_base64(key, as_bytes(f"{name}.{at}.") + hook.body)
    given = (one.partition(",") for one in hook.headers.get("webhook-signature", "").split())
    return same(wanted, [signature for version, _, signature in given if version == "v1"])


def plain_hmac(secret: str, hook: Hook, tolerance_s: int) -> bool:
    """`X-Signature: sha256=HEX` over the body; with `X-Timestamp` over time, a point and the body."""
    at = hook.headers.get("x-timestamp", "")
    # A time that was cut off the headers and put before the body would be signed as well, and never be too old.
    if not is_now(at, tolerance_s) if at else _TIME_BEFORE.match(hook.body):
        return False
    signed = as_bytes(f"{at}.") + hook.body if at else hook.body
    wanted = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return same(wanted, [hook.headers.get("x-signature", ""), hook.headers.get("x-hub-signature-256", "")])


def of_body(secret: str, hook: Hook, header: str) -> bool:
    """`HEADER: BASE64` over the body, as Intuit, Tally and Xero sign; without a secret nothing is proven."""
    return bool(secret) and same(in_base64(secret.encode(), hook.body), [hook.headers.get(header, "")])


def in_base64(key: bytes, signed: bytes) -> str:
    """Return the HMAC-SHA256 of something in base64."""
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def same(wanted: str, given: Iterable[str]) -> bool:
    """Compare as bytes, in constant time: what a stranger writes into a header need not be ASCII."""
    return any(hmac.compare_digest(as_bytes(wanted), as_bytes(one)) for one in given)


def as_bytes(text: str) -> bytes:
    """Return the bytes of what came in a header, whatever letters it has."""
    return text.encode("utf-8", "surrogatepass")


def is_now(at: str, tolerance_s: int) -> bool:
    """Say whether unix seconds, as text, are those of now."""
    return at.isascii() and at.isdigit() and len(at) <= 12 and abs(time.time() - int(at)) <= tolerance_s
