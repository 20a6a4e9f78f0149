"""Intuit's sign-in: the page on which somebody connects a company, and the tokens that come of it.

An access token lives an hour. A refresh token is given anew when the old one is a day old, and then the old one is dead;
one that nobody used for 100 days is dead as well.
Source: https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from urllib.parse import parse_qs, urlencode

from connectors.quickbooks.simulated.errors import Json, TokenRefusedError
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.consent_page import page, question
from hub.connector.simulated.locking import locked
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

AUTHORIZE, TOKEN, REVOKE = "/connect/oauth2", "/oauth2/v1/tokens/bearer", "/v2/oauth2/tokens/revoke"
SCOPE = "com.intuit.quickbooks.accounting"
IDENTITY = ("openid", "profile", "email", "phone", "address")
DAY_S = 86_400.0
_HTML = "text/html; charset=UTF-8"
_WORDS = ("Which company?", "What may the app do?", "Connect", "No, thanks")


@dataclass(slots=True)
class Code:
    realm: str
    redirect_uri: str
    until: float


@dataclass(slots=True)
class Refresh:
    """A refresh token."""

    realm: str
    made_at: float
    used_at: float


@dataclass
class OAuth:
    """The sign-in service, as one app sees it."""

    clock: Clock
    lock: RLock
    faults: Faults
    companies: Mapping[str, str] = field(default_factory=dict)  # names by realm
    client_id: str = field(default_factory=lambda: "AB" + secrets.token_hex(24))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    access_token_s: float = 3_600.0
    idle_s: float = 100 * DAY_S
    rotates_after_s: float = DAY_S  # 0: with each refresh
    redirect_uris: set[str] = field(default_factory=set)  # none: any on this machine
    refreshes: int = 0  # how often a refresh token was used
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)  # realm, and until when
    living: dict[str, Refresh] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._codes: dict[str, Code] = {}

    def answer(self, request: Request) -> Answer:
        """Answer the page, the token endpoint and revocation."""
        if request.path == AUTHORIZE:
            return self._page(request)
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if request.http != "POST":
            return _refused("invalid_request", 405)
        if not self._is_client(request.headers.get("authorization", "")):
            return _refused("invalid_client", 401)
        if request.path == REVOKE:
            self._revoke(form.get("token", ""))
            return Answer(200)
        return self._token(form)

    # -- the page --------------------------------------------------------------------------------------------------------

    def _page(self, request: Request) -> Answer:
        asked = dict(request.query)
        if request.http == "POST":
            form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
            asked = {name: value for name, value in form.items() if name not in ("account", "allowed", "answer")}
            if wrong := self._wrong(asked):
                return Answer(400, page("Simulated Intuit: sorry", wrong), _HTML)
            if form.get("answer") != "allow" or form.get("account") not in self.companies:
                return _sent(self.declined(asked))
            return _sent(self.allow(asked, form["account"]))
        if wrong := self._wrong(asked):
            return Answer(400, page("Simulated Intuit: sorry", wrong), _HTML)
        people = list(self.companies.items())
        body = question(AUTHORIZE, people, [SCOPE], asked, chosen="", words=_WORDS)
        return Answer(200, page("Simulated Intuit: connect", body), _HTML)

    def _wrong(self, asked: Mapping[str, str]) -> str:
        """What the page says is wrong with a question; empty: nothing."""
        if asked.get("client_id") != self.client_id:
            return "The client_id is unknown."
        uri = asked.get("redirect_uri", "")
        local = uri.startswith(("http://127.0.0.1", "http://localhost", "https://"))
        if uri not in self.redirect_uris and (self.redirect_uris or not local):
            return "The redirect_uri query parameter value is invalid."
        scopes = asked.get("scope", "").split()
        if asked.get("response_type") != "code" or SCOPE not in scopes or set(scopes) - {SCOPE, *IDENTITY}:
            return "response_type or scope is invalid."
        return "" if asked.get("state") else "The state query parameter is missing."

    @locked
    def allow(self, asked: Mapping[str, str], realm: str) -> str:
        """Let somebody connect a company; returns where his browser is sent."""
        code = "AB1" + secrets.token_hex(20)
        self._codes[code] = Code(realm, asked["redirect_uri"], self.clock.time() + 600)
        return _back(asked, code=code, realmId=realm)

    def declined(self, asked: Mapping[str, str]) -> str:
        """Let somebody say no; returns where his browser is sent."""
        return _back(asked, error="access_denied")

    # -- tokens ----------------------------------------------------------------------------------------------------------

    def _is_client(self, header: str) -> bool:
        kind, _, text = header.partition(" ")
        try:
            name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        right = secrets.compare_digest(secret.encode(), self.client_secret.encode())
        return kind.lower() == "basic" and name == self.client_id and right

    @locked
    def _token(self, form: Mapping[str, str]) -> Answer:
        if form.get("grant_type") == "authorization_code":
            known = self._codes.pop(form.get("code", ""), None)
            if known is None or known.until < self.clock.time() or known.redirect_uri != form.get("redirect_uri"):
                return _refused("invalid_grant")
            return json_answer(self._tokens(known.realm, self.grant(known.realm)))
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form.get("refresh_token", ""))
        return _refused("unsupported_grant_type")

    def _refreshed(self, text: str) -> Answer:
        self.refreshes += 1
        now, old = self.clock.time(), self.living.get(text)
        is_refused = self.faults.take("revoked") or self.faults.waits("disconnected")
        if old is None or now - old.used_at > self.idle_s or is_refused:
            return _refused("invalid_grant")
        old.used_at = now
        if now - old.made_at >= self.rotates_after_s:
            del self.living[text]
            text = self.grant(old.realm)
        return json_answer(self._tokens(old.realm, text))

    def _tokens(self, realm: str, refresh_token: str) -> Json:
        if len(self.tokens) > 10_000:
            self.tokens = {name: one for name, one in self.tokens.items() if one[1] > self.clock.time()}
        return {
            "token_type": "bearer", "access_token": self.access(realm), "expires_in": int(self.access_token_s),
            "refresh_token": refresh_token, "x_refresh_token_expires_in": int(self.idle_s),
        }  # fmt: skip

    @locked
    def grant(self, realm: str) -> str:
        """Give a refresh token without a browser."""
        text, now = "AB11" + secrets.token_urlsafe(36), self.clock.time()
        self.living[text] = Refresh(realm, now, now)
        return text

    @locked
    def access(self, realm: str) -> str:
        """Give an access token without a browser."""
        text = "eyJ" + secrets.token_urlsafe(90)
        self.tokens[text] = realm, self.clock.time() + self.access_token_s
        return text

    def realm_of(self, header: str) -> str:
        """Return whose company a header `Authorization` opens. Raises TokenRefusedError."""
        kind, _, text = header.partition(" ")
        realm, until = self.tokens.get(text.strip(), ("", 0.0))
        if kind.lower() != "bearer" or not realm:
            raise TokenRefusedError("Malformed bearer token: bad encoding" if text else "Access token is missing")
        if until <= self.clock.time():
            raise TokenRefusedError("Token expired: AB0*******")
        return realm

    # -- what people do ----------------------------------------------------------------------------------------------------

    @locked
    def disconnect(self, realm: str) -> None:
        """Take the app's permission away, as an administrator of the company does."""
        self.tokens = {name: one for name, one in self.tokens.items() if one[0] != realm}
        self.living = {name: one for name, one in self.living.items() if one.realm != realm}

    @locked
    def _revoke(self, text: str) -> None:
        realm = self.living[text].realm if text in self.living else self.tokens.get(text, ("", 0.0))[0]
        if realm:
            self.disconnect(realm)

    @locked
    def expire_access_tokens(self) -> None:
        """Every access token has run out; refresh tokens live."""
        self.tokens = {name: (realm, 0.0) for name, (realm, _) in self.tokens.items()}


def is_sign_in(path: str) -> bool:
    return path in (AUTHORIZE, TOKEN, REVOKE)


def _back(asked: Mapping[str, str], **told: str) -> str:
    join = "&" if "?" in asked["redirect_uri"] else "?"
    return f"{asked['redirect_uri']}{join}{urlencode({**told, 'state': asked.get('state', '')})}"


def _sent(url: str) -> Answer:
    return Answer(302, headers={"Location": url})


def _refused(error: str, status: int = 400) -> Answer:
    return json_answer({"error": error}, status)
