"""Refusals of the Cloud API as what the caller does next. The code decides; the status of HTTP says little.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

# What an agent or an administrator has to know of a refusal; Meta's own words stand behind.
WORDS: Mapping[str, str] = {
    "131047": "More than 24 hours have passed since the customer last wrote; only an approved template may be sent now.",
    "131026": "WhatsApp cannot deliver it: the number has no WhatsApp, or its owner blocked us or uses an old version.",
    "131049": "Meta did not deliver it, so that this person does not get too much advertising.",
    "131050": "The customer does not want advertising from us.",
    "130472": "Meta did not deliver it: the number is part of an experiment.",
    "131021": "A number cannot write to itself.",
    "131030": "The number is not on the list of those that a test number may write to.",
    "131042": "Meta wants to be paid first: see the payment settings of the WhatsApp Business account.",
    "131045": "The number is not registered with the Cloud API.",
    "133010": "The number is not registered with the Cloud API.",
    "131031": "Meta blocked the WhatsApp Business account: see WhatsApp Manager.",
    "368": "Meta blocked the WhatsApp Business account for its policies: see WhatsApp Manager.",
    "131048": "Meta limits this number, because people blocked or reported it: see its quality in WhatsApp Manager.",
    "131052": "The file that the customer sent cannot be fetched.",
    "190": "The token counts no more. Make a new one for the system user, and enter it in the settings.",
}
_TOKEN = frozenset({0, 190})
_ACCESS = frozenset({3, 10}) | frozenset(range(200, 300))
_BLOCKED = frozenset({368, 131031, 131042, 131045, 133010, 131048})
_TEMPORARY = frozenset({1, 2, 131000, 131016, 133004, 131057})
_LIMITS: Mapping[int, float] = {  # seconds of silence; Meta says only sometimes how long
    4: 300.0,
    80007: 300.0,
    130429: 30.0,
    131056: 30.0,  # too many to one person; to others more may be sent
    613: 60.0,
}
PAIR = 131056
_NOT_SHOWN = (100, 33)
_SECRET = re.compile(r"\bEA[A-Za-z0-9]{20,}|\b\d{5,}\|[\w-]{8,}")


class ThrottledError(LimitedError):
    """We asked or sent too much."""

    def __init__(self, message: str, *, retry_after: float, is_of_number: bool) -> None:
        super().__init__(message, retry_after=retry_after)
        self.is_of_number = is_of_number  # all that our number sends must wait, not one conversation alone


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Meta says of one refusal."""

    code: int
    subcode: int
    message: str
    trace: str
    is_transient: bool

    @property
    def text(self) -> str:
        """Say what to know of it, and then Meta's words with what its support asks for."""
        code = f"{self.code}/{self.subcode}" if self.subcode else str(self.code)
        trace = f", trace {self.trace}" if self.trace else ""
        words = f"Meta: {self.message or 'an error without words'} (code {code}{trace})"
        return f"{WORDS[str(self.code)]} {words}" if str(self.code) in WORDS else words


def refusal_of(told: Any) -> Refusal | None:
    """Read the error of an answer; None: there is none in it."""
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        return None
    data = error.get("error_data")
    words = [error.get("message"), data.get("details") if isinstance(data, dict) else "", error.get("error_user_msg")]
    message = " ".join(dict.fromkeys(word.strip() for word in words if isinstance(word, str) and word.strip()))
    trace = error.get("fbtrace_id")
    return Refusal(
        _number(error.get("code")),
        _number(error.get("error_subcode")),
        _SECRET.sub("(token)", message)[:400],
        trace[:60] if isinstance(trace, str) else "",
        error.get("is_transient") is True,
    )


def error_of(status: int, headers: Mapping[str, str], told: Any) -> ConnectorError:
    """Say what the caller does next.

    Args:
        told: the body, decoded; None where it is no JSON.
    """
    refusal = refusal_of(told)
    retry_after = retry_after_of({name.lower(): value for name, value in headers.items()})
    if refusal is None:
        text = f"Meta, or somebody between, answers {status} without an error of the Graph API."
        return RetryLaterError(text, retry_after=retry_after)
    code, text = refusal.code, refusal.text
    if code in _LIMITS:
        return ThrottledError(text, retry_after=retry_after or _LIMITS[code], is_of_number=code != PAIR)
    if code in _TOKEN:
        return AuthError(text)
    if code in _TEMPORARY or refusal.is_transient:
        return RetryLaterError(text, retry_after=retry_after)
    if code in _BLOCKED:
        return DisabledError(text)
    if code in _ACCESS:
        return ScopeError(f"{text}. Give the system user the account and the permissions (README).")
    if (code, refusal.subcode) == _NOT_SHOWN:
        return GoneError(text)
    return RetryLaterError(text) if status >= requests.codes.internal_server_error else RejectedError(text)


def told_of(content: bytes) -> Any:
    """Read a body; None where it is no JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
