"""How each program signs what it posts.

Sources: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
https://www.typeform.com/developers/webhooks/secure-your-webhooks/, https://tally.so/help/webhooks
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody with a secret, who looks at the clock; `swapped`: writes hex where base64 is due, and base64 where hex is."""

    secret: str
    now: int
    id: str = ""
    swapped: bool = False

    def digest(self, signed: bytes, *, base64: bool, key: bytes | None = None) -> str:
        made = hmac.new(self.secret.encode() if key is None else key, signed, hashlib.sha256).digest()
        return b64encode(made).decode() if base64 is not self.swapped else made.hex()


def _nothing(_: Signer, __: bytes) -> Headers:
    return {}


def _hmac(one: Signer, body: bytes) -> Headers:
    at = str(one.now)
    return {"X-Timestamp": at, "X-Signature": "sha256=" + one.digest(f"{at}.".encode() + body, base64=False)}


def _standard(one: Signer, body: bytes) -> Headers:
    name, at = f"msg_{one.id}", str(one.now)
    key = b64decode(one.secret.removeprefix("whsec_")) if one.secret.startswith("whsec_") else None
    signature = one.digest(f"{name}.{at}.".encode() + body, base64=True, key=key)
    return {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


def _typeform(one: Signer, body: bytes) -> Headers:
    return {"Typeform-Signature": "sha256=" + one.digest(body, base64=True)}


def _tally(one: Signer, body: bytes) -> Headers:
    return {"Tally-Signature": one.digest(body, base64=True)}


SIGNING: Mapping[str, Callable[[Signer, bytes], Headers]] = {
    "token": _nothing, "hmac": _hmac, "standard": _standard, "typeform": _typeform, "tally": _tally, "google_key": _nothing,
}  # fmt: skip
USUAL: Mapping[str, str] = {"own": "hmac", "typeform": "typeform", "tally": "tally", "google_ads": "google_key"}
