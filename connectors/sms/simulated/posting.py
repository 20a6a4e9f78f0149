"""How gateways post what came in and what became of what went out, and how they sign it.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/usage/security,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Wrote:
    """A message that somebody wrote."""

    id: str
    sender: str
    to: str
    text: str
    at: float
    files: Sequence[tuple[str, str]] = ()  # address and type


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a message that was sent."""

    id: str
    sender: str
    to: str
    state: str
    at: float
    code: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is posted."""

    kind: str
    body: bytes
    fields: Mapping[str, str] = field(default_factory=dict)  # of a form
    id: str = ""


def generic(one: Wrote | Became) -> Letter:
    """A gateway that posts JSON."""
    at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told: dict[str, object] = {"id": one.id, "from": one.sender, "to": one.to}
    if isinstance(one, Wrote):
        told |= {"text": one.text, "received_at": at, "media": [url for url, _ in one.files]}
    else:
        told |= {"status": one.state, "timestamp": at, "error_code": one.code}
    return Letter(JSON, json.dumps(told, ensure_ascii=False).encode(), id=one.id)


def generic_form(one: Wrote | Became) -> Letter:
    """The same as a form."""
    told = {"id": one.id, "from": one.sender, "to": one.to, "timestamp": str(int(one.at))}
    told |= {"text": one.text} if isinstance(one, Wrote) else {"status": one.state, "error_code": one.code}
    return Letter(FORM, urlencode(told).encode(), told, one.id)


def twilio(one: Wrote | Became, account: str) -> Letter:
    """Twilio posts forms."""
    told = {
        "MessageSid": one.id,
        "SmsSid": one.id,
        "AccountSid": account,
        "From": one.sender,
        "To": one.to,
        "ApiVersion": "2010-04-01",
    }
    if isinstance(one, Wrote):
        told |= {"SmsMessageSid": one.id, "Body": one.text, "SmsStatus": "received", "NumSegments": "1", "NumMedia": str(len(one.files)),
                 "FromCountry": "IL", "FromCity": ""}  # fmt: skip
        for number, (url, kind) in enumerate(one.files):
            told |= {f"MediaUrl{number}": url, f"MediaContentType{number}": kind}
    else:
        told |= {"MessageStatus": one.state, "SmsStatus": one.state}
        told |= {"ErrorCode": one.code} if one.code else {}
    return Letter(FORM, urlencode(told).encode(), told, one.id)


def signed_by_hmac(letter: Letter, secret: str, now: int) -> Headers:
    digest = hmac.new(secret.encode(), f"{now}.".encode() + letter.body, hashlib.sha256).hexdigest()
    return {"X-Timestamp": str(now), "X-Signature": f"sha256={digest}"}


def signed_as_standard(letter: Letter, secret: str, now: int) -> Headers:
    name = f"msg_{letter.id}_{hashlib.sha256(letter.body).hexdigest()[:8]}"
    made = hmac.new(secret.encode(), f"{name}.{now}.".encode() + letter.body, hashlib.sha256).digest()
    return {"webhook-id": name, "webhook-timestamp": str(now), "webhook-signature": f"v1,{b64encode(made).decode()}"}


def signed_by_twilio(letter: Letter, token: str, url: str) -> Headers:
    parts = "".join(f"{name}{letter.fields[name]}" for name in sorted(letter.fields))
    made = hmac.new(token.encode(), f"{url}{parts}".encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": b64encode(made).decode()}
