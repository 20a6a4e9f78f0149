"""From whom a call is. Everything is reckoned over the bytes as they came, and compared as bytes.

Sources: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
https://www.typeform.com/developers/webhooks/secure-your-webhooks/, https://tally.so/help/webhooks,
https://developers.google.com/google-ads/webhook/docs/implementation
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping

from connectors.webforms.body import read_json
from connectors.webforms.settings import Proof, WebFormsSettings
from hub.connector.hook import Hook
from hub.errors import HookError

_TIME_BEFORE = re.compile(rb"\d+\.")
_Signed = Callable[[str, Hook, int], bool]  # with a secret, at most so many seconds old


def check(settings: WebFormsSettings, hook: Hook) -> None:
    """Make sure that a call is from whom it says; a token was looked at before.

    Raises:
        HookError: it is not.
        ShapeError: the key is in the body, and that is no JSON.
    """
    signed = _PROOFS.get(settings.proved_by)
    if signed is None:
        return
    if not any(signed(secret, hook, settings.tolerance_s) for secret in settings.secrets):
        raise HookError(
            "The signature or key is missing, wrong or too old; sign the raw body with the account's secret."
        )


def _standard(secret: str, hook: Hook, tolerance_s: int) -> bool:
    """`webhook-signature: v1,BASE64 ...` over id, time and body; a secret that begins with `whsec_` is base64 itself."""
    name, at = hook.headers.get("webhook-id", ""), hook.headers.get("webhook-timestamp", "")
    if not name or not _is_now(at, tolerance_s):
        return False
    try:
        key = (
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            if secret.startswith("whsec_")
            else secret.encode()
        )
    except ValueError:
        return False
    wanted = _base64(key, _bytes(f"{name}.{at}.") + hook.body)
    given = (one.partition(",") for one in hook.headers.get("webhook-signature", "").split())
    return _same(wanted, [signature for version, _, signature in given if version == "v1"])


def _hmac(secret: str, hook: Hook, tolerance_s: int) -> bool:
    """`X-Signature: sha256=HEX` over the body; with `X-Timestamp` over time, a point and the body."""
    at = hook.headers.get("x-timestamp", "")
    # A time that was cut off the headers and put before the body would be signed as well, and never be too old.
    if not _is_now(at, tolerance_s) if at else _TIME_BEFORE.match(hook.body):
        return False
    signed = _bytes(f"{at}.") + hook.body if at else hook.body
    wanted = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return _same(wanted, [hook.headers.get("x-signature", ""), hook.headers.get("x-hub-signature-256", "")])


def _typeform(secret: str, hook: Hook, _: int) -> bool:
    return _same("sha256=" + _base64(secret.encode(), hook.body), [hook.headers.get("typeform-signature", "")])


def _tally(secret: str, hook: Hook, _: int) -> bool:
    return _same(_base64(secret.encode(), hook.body), [hook.headers.get("tally-signature", "")])


def _google(secret: str, hook: Hook, _: int) -> bool:
    key = read_json(hook).get("google_key")
    return isinstance(key, str) and _same(secret, [key])


_PROOFS: Mapping[Proof, _Signed] = {
    Proof.STANDARD: _standard, Proof.HMAC: _hmac, Proof.TYPEFORM: _typeform, Proof.TALLY: _tally,
    Proof.GOOGLE_KEY: _google,
}  # fmt: skip


def _base64(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _same(wanted: str, given: Iterable[str]) -> bool:
    """Compare as bytes: what a stranger writes into a header need not be ASCII."""
    return any(hmac.compare_digest(_bytes(wanted), _bytes(one)) for one in given)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _is_now(at: str, tolerance_s: int) -> bool:
    return at.isascii() and at.isdigit() and len(at) <= 12 and abs(time.time() - int(at)) <= tolerance_s
