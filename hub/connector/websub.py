"""Handshake and signature of hooks that are subscribed to as WebSub has it, in the form that Meta uses.

Sources: https://www.w3.org/TR/websub/, https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from hub.connector.hook import Hook
from hub.connector.proof import as_bytes
from hub.errors import HandshakeError, HookError

# Whatever a browser could take for more than text is not given back.
_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")


def handshake(hook: Hook, word: str) -> str:
    """Return what the remote wants back: exactly its text, which may have leading zeros or be longer than a number.

    Args:
        word: that the remote must know.

    Raises:
        HandshakeError: it does not know it.
    """
    mode, given, challenge = (_single(hook, f"hub.{name}") for name in ("mode", "verify_token", "challenge"))
    is_ours = bool(word) and hmac.compare_digest(as_bytes(given), as_bytes(word))
    if mode != "subscribe" or not is_ours or not _CHALLENGE.fullmatch(challenge):
        raise HandshakeError("Somebody asks whether this address is ours, without our verify token.")
    return challenge


def check_signature(hook: Hook, secrets: Sequence[bytes]) -> None:
    """Compare the signature of the bytes as they came, in constant time, with each secret that counts.

    Raises:
        HookError: no secret made it.
    """
    given = as_bytes(hook.headers.get("x-hub-signature-256", ""))
    made = [b"sha256=" + hmac.new(secret, hook.body, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if not any([hmac.compare_digest(given, one) for one in made]):  # noqa: C419 - all are compared, in the same time
        raise HookError("The signature of a webhook is missing or wrong; is the app secret of the settings the app's?")


def _single(hook: Hook, name: str) -> str:
    given = hook.query.get(name, ())
    return given[0] if len(given) == 1 else ""
