"""Graph's refusals as what the caller does next.

Nearly all come with HTTP 400, so the code of the error decides and never the status; what an answer's header says of the
limits decides how long there is silence.
Sources: https://developers.facebook.com/docs/graph-api/guides/error-handling,
https://developers.facebook.com/docs/graph-api/overview/rate-limiting,
https://developers.facebook.com/docs/marketing-api/error-reference
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from connectors.facebook.usage import ads_usage_of, usage_of
from hub.connector.http import retry_after_of
from hub.errors import (
    AuthError,
    ConflictError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

USUAL_PAUSE_S = 300.0  # where Meta says "too much" and not for how long; asking meanwhile makes it longer
TRANSIENT = frozenset({1, 2})
OF_APP = frozenset({4, 17})  # limits of the app or of the person, that all pages share
OF_ADS = 17  # of an ad account too, where that is what was asked about
LIMITS = OF_APP | {32, 341, 613} | frozenset(range(80000, 80015))
TOKEN = 190
LOST_ROLE = 492  # a new token would be refused as well
ACCESS = frozenset({3, 10, 102, 103}) | frozenset(range(200, 300))
NOT_SHOWN = frozenset({(100, 33), (803, 0)})
BLOCKED = 368
BAD_QUESTION, OLD_VERSION, TEST_LEAD_EXISTS = 100, 2635, 1892058
# Seen with several codes, so its words count as well.
_LEADS_ACCESS = re.compile(r"leads? access manager", re.IGNORECASE)
_SECRET = re.compile(r"validating client secret", re.IGNORECASE)  # comes with code 1, and does not pass
_CONNECT = "Press Connect again, or enter a new system user token."
_TOKENS: Mapping[int, str] = {
    458: f"The app was taken off the person's account. {_CONNECT}",
    459: f"Facebook wants something of the person first: sign in at facebook.com and follow it. Then: {_CONNECT}",
    460: f"The password was changed, or Facebook ended all sessions. {_CONNECT}",
    463: f"It expired. {_CONNECT}",
    464: f"The person's account is not confirmed: confirm it at facebook.com. Then: {_CONNECT}",
    467: f"The person signed out, or Facebook ended the session. {_CONNECT}",
}


class NotShownError(GoneError):
    """There is no such thing, or we may not see it: Meta does not say which."""


class BadQuestionError(DisabledError):
    """Meta does not understand what was asked: a version that ended, a field or parameter that it does not know."""


class ThrottledError(LimitedError):
    """We asked too much."""

    def __init__(self, message: str, *, retry_after: float, is_of_app: bool, is_of_ads: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.is_of_app = is_of_app  # all pages must be silent, not this one alone
        self.is_of_ads = is_of_ads  # but of an ad account this is its own limit


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Graph says of one refusal."""

    code: int
    subcode: int
    message: str
    trace: str
    is_transient: bool

    @property
    def text(self) -> str:
        """One sentence with what Meta's support asks for."""
        code = f"{self.code}/{self.subcode}" if self.subcode else str(self.code)
        trace = f", trace {self.trace}" if self.trace else ""
        return f"Meta: {self.message or 'an error without words'} (code {code}{trace})"


def refusal_of(told: Any) -> Refusal | None:
    """Read the error of an answer; None: there is none in it."""
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        return None
    words = [error.get("message"), error.get("error_user_title"), error.get("error_user_msg")]
    message = " ".join(dict.fromkeys(word.strip() for word in words if isinstance(word, str) and word.strip()))
    trace = error.get("fbtrace_id")
    return Refusal(
        _number(error.get("code")),
        _number(error.get("error_subcode")),
        _without_tokens(message)[:400],
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
    if code in LIMITS:
        pause_s = usage_of(headers).regain_s or ads_usage_of(headers).regain_s or retry_after or USUAL_PAUSE_S
        return ThrottledError(text, retry_after=pause_s, is_of_app=code in OF_APP, is_of_ads=code == OF_ADS)
    if code == TOKEN or _SECRET.search(refusal.message):
        return _of_token(refusal)
    if code in TRANSIENT or refusal.is_transient:
        return RetryLaterError(text)
    return _of_code(refusal) or (
        RetryLaterError(text) if status >= requests.codes.internal_server_error else RejectedError(text)
    )


def told_of(content: bytes) -> Any:
    """Read a body; None where it is no JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _of_token(refusal: Refusal) -> ConnectorError:
    if refusal.subcode == LOST_ROLE:
        return ScopeError(
            f"{refusal.text}. Give the person who connected the task Advertise on the page back; to sign in again does not help."
        )
    return AuthError(f"{refusal.text}. {_TOKENS.get(refusal.subcode, _CONNECT)}")


def _of_code(refusal: Refusal) -> ConnectorError | None:
    code, text = refusal.code, refusal.text
    if _LEADS_ACCESS.search(refusal.message):
        return ScopeError(
            f"{text}. Business settings, Integrations, Leads access: assign the hub's app to the page as CRM."
        )
    if (code, refusal.subcode) in NOT_SHOWN:
        return NotShownError(text)
    if code in ACCESS:
        return ScopeError(f"{text}.")
    if code == BLOCKED:
        return DisabledError(f"{text}. Meta blocks the app or the page for its policies: see the app's page at Meta.")
    if code == OLD_VERSION:
        return BadQuestionError(f"{text}. Set a newer version of the API in the settings.")
    if code == BAD_QUESTION:
        return BadQuestionError(f"{text}.")
    return ConflictError(text) if code == TEST_LEAD_EXISTS else None


def _without_tokens(message: str) -> str:
    """Take out what may be a token: some messages repeat the one that is wrong."""
    return re.sub(r"\bEA[A-Za-z0-9]{20,}|\b\d{5,}\|[\w-]{8,}", "(token)", message)


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
