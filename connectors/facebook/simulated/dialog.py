"""Where a person allows the app to act for him, in a browser.

Source: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
"""

import html
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import RLock
from urllib.parse import parse_qs, unquote, urlencode

from connectors.facebook.simulated.errors import ApiError, invalid
from connectors.facebook.simulated.things import SCOPES, Person
from connectors.facebook.simulated.tokens import Token, Tokens
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.consent_page import page, question
from hub.connector.simulated.locking import locked
from hub.connector.simulated.wire import Answer, Request

PATH = re.compile(r"^/(?:v\d+\.0/)?dialog/oauth$")
_HTML = "text/html; charset=utf-8"
_CODE_S = 600
_FIELDS = ("client_id", "redirect_uri", "state", "scope", "response_type", "config_id")
_WORDS = ("Continue as", "What the app may do", "Continue", "Cancel")


@dataclass(frozen=True, slots=True)
class _Code:
    """What somebody allowed, until it is exchanged."""

    person_id: str
    redirect_uri: str
    scopes: frozenset[str]
    until: float


class Dialog:
    """Shows the question, and keeps the codes that were given out."""

    def __init__(self, clock: Clock, lock: RLock, tokens: Tokens, people: Mapping[str, Person]) -> None:
        self.lock = lock
        self._clock, self._tokens, self._people = clock, tokens, people
        self._codes: dict[str, _Code] = {}
        self._used: set[str] = set()
        self.redirects: tuple[str, ...] = ()  # addresses that the app's settings allow; none: any

    def answer(self, request: Request) -> Answer:
        """Show the question, or take the answer."""
        if request.http == "POST":
            form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
            asked = {name: values[0] for name, values in form.items()}
        else:
            form, asked = {}, dict(request.query)
        if wrong := self._wrong(asked):
            return Answer(400, page("Simulated Facebook: sorry", html.escape(wrong)), _HTML)
        if request.http != "POST":
            return Answer(200, self._page(unquote(request.path), asked), _HTML)
        if form.get("answer") != ["allow"] or asked.get("account") not in self._people:
            return _sent(self.declined(asked))
        return _sent(self.allow(asked, asked["account"], form.get("allowed", ())))

    def _wrong(self, asked: Mapping[str, str]) -> str:
        if asked.get("client_id") != self._tokens.app_id:
            return "Invalid App ID: The provided app ID does not look like a valid app ID."
        where = asked.get("redirect_uri", "")
        if not where.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            return "The redirect_uri URL must be absolute and use https."
        if self.redirects and where not in self.redirects:
            return (
                "URL Blocked: This redirect failed because the redirect URI is not white-listed in the app's settings."
            )
        return ""

    @locked
    def allow(self, asked: Mapping[str, str], person_id: str, scopes: Iterable[str] | None = None) -> str:
        """Let a person say yes; returns where his browser is sent.

        Args:
            asked: the parameters of the dialog's address.
            person_id: who says yes.
            scopes: what he allows; all that is asked for if nothing is said.
        """
        wanted = frozenset(_scopes(asked))
        allowed = wanted if scopes is None else wanted & frozenset(scopes)
        self._people[person_id].granted |= allowed
        code = "AQ" + secrets.token_urlsafe(48)
        self._codes[code] = _Code(person_id, asked["redirect_uri"], allowed, self._clock.time() + _CODE_S)
        return _back(asked, code=code)

    def declined(self, asked: Mapping[str, str]) -> str:
        """Let somebody say no; returns where his browser is sent."""
        return _back(
            asked, error="access_denied", error_code="200", error_description="Permissions error",
            error_reason="user_denied",
        )  # fmt: skip

    @locked
    def redeem(self, code: str, redirect_uri: str) -> Token:
        """Return the short token that a code stands for. Raises ApiError."""
        if code in self._used:
            raise invalid("This authorization code has been used.", subcode=36009)
        known = self._codes.get(code)
        if known is None:
            raise invalid("Invalid verification code format.", subcode=36009)
        if known.until <= self._clock.time():
            raise invalid("This authorization code has expired.", subcode=36007)
        if known.redirect_uri != redirect_uri:
            raise ApiError(
                100,
                "Error validating verification code. Please make sure your redirect_uri is identical to the one you used "
                "in the OAuth dialog request",
                subcode=36008,
            )
        self._used.add(code)
        return self._tokens.give(self._people[known.person_id], lasting=False, scopes=known.scopes)

    def _page(self, path: str, asked: Mapping[str, str]) -> bytes:
        people = [(one.id, one.name) for one in self._people.values() if not one.is_system]
        kept = {name: asked[name] for name in _FIELDS if name in asked}
        return page(
            "Simulated Facebook: connect", question(path, people, _scopes(asked), kept, chosen="", words=_WORDS)
        )


def _scopes(asked: Mapping[str, str]) -> list[str]:
    """What is asked for; a configuration of the app (`config_id`) stands for all there is."""
    if "scope" not in asked and asked.get("config_id"):
        return list(SCOPES)
    return [one for one in asked.get("scope", "").replace(" ", ",").split(",") if one in SCOPES]


def _back(asked: Mapping[str, str], **told: str) -> str:
    where = asked["redirect_uri"]
    if "state" in asked:
        told["state"] = asked["state"]
    return f"{where}{'&' if '?' in where else '?'}{urlencode(told)}#_=_"


def _sent(url: str) -> Answer:
    return Answer(302, headers={"Location": url})
