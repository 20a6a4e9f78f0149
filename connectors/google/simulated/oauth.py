"""Consent, tokens and service accounts.

Sources: https://developers.google.com/identity/protocols/oauth2/web-server, .../oauth2/native-app (PKCE),
.../oauth2/service-account (JWT bearer), https://developers.google.com/identity/openid-connect/openid-connect
A refresh token is given only for access_type=offline with prompt=consent.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock

from connectors.google.simulated.errors import Json
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.keys import Signer
from hub.connector.simulated.locking import locked
from hub.connector.simulator import Faults

_ALIASES = {
    "email": "https://www.googleapis.com/auth/userinfo.email",
    "profile": "https://www.googleapis.com/auth/userinfo.profile",
}
SCOPES = (
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://www.googleapis.com/auth/gmail.send",
    "https://www.googleapis.com/auth/gmail.compose",
    "https://www.googleapis.com/auth/gmail.insert",
    "https://www.googleapis.com/auth/gmail.labels",
    "https://www.googleapis.com/auth/gmail.metadata",
    "https://www.googleapis.com/auth/gmail.settings.basic",
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.events.owned",
    "https://www.googleapis.com/auth/calendar.events.owned.readonly",
    "https://www.googleapis.com/auth/calendar.events.readonly",
    "https://www.googleapis.com/auth/calendar.events.freebusy",
    "https://www.googleapis.com/auth/calendar.freebusy",
    "https://www.googleapis.com/auth/calendar.calendarlist",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    "https://www.googleapis.com/auth/calendar.calendars",
    "https://www.googleapis.com/auth/calendar.calendars.readonly",
    "https://www.googleapis.com/auth/calendar.settings.readonly",
    "https://www.googleapis.com/auth/calendar.app.created",
    "https://www.googleapis.com/auth/contacts",
    "https://www.googleapis.com/auth/contacts.readonly",
    "https://www.googleapis.com/auth/contacts.other.readonly",
    "https://www.googleapis.com/auth/directory.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
    "https://www.googleapis.com/auth/pubsub",
    "https://www.googleapis.com/auth/cloud-platform",
)
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ROBOT = "hub-sync@demo.iam.gserviceaccount.com"
MOST_LIVE = 100  # refresh tokens of one user and client; the oldest dies silently
_CODE_S = 600.0
_JWT_S = 3600.0


class OAuthError(Exception):
    """A refusal of the token endpoint."""

    def __init__(self, error: str, description: str, code: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.code = error, description, code

    def body(self) -> Json:
        return {"error": self.error, "error_description": self.description}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks a user for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = ""
    challenge: str = ""
    method: str = "plain"
    offline: bool = False
    consent: bool = False
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token."""

    principal: str
    scopes: frozenset[str]
    client: str
    expires_at: float


@dataclass(slots=True)
class Grant:
    """What a user allowed a client; it lives as a refresh token."""

    principal: str
    scopes: frozenset[str]
    client: str
    made_at: float


@dataclass
class OAuth:
    """The authorisation server of one simulator."""

    clock: Clock
    lock: RLock
    faults: Faults
    issuer: Callable[[], str]
    users: Callable[[str], Json | None]  # the profile behind an address
    client_id: str = "100200300400-hub.apps.googleusercontent.com"
    client_secret: str = field(default_factory=lambda: "GOCSPX-" + secrets.token_urlsafe(20))
    access_token_s: float = 3599.0
    refresh_token_s: float = 0.0  # 0: for ever; an app in testing has 7 days
    redirect_uris: set[str] = field(default_factory=set)  # none: any on this machine
    delegated_scopes: set[str] = field(default_factory=lambda: set(SCOPES))  # allowed to the service account
    always_asks: bool = False  # show the consent page even for a login_hint

    def __post_init__(self) -> None:
        self.signer = Signer("id tokens")  # of id tokens
        self.robot = Signer("service account")  # of the service account
        self.tokens: dict[str, Token] = {}
        self.grants: dict[str, Grant] = {}
        self._codes: dict[str, tuple[Request, str, frozenset[str], float]] = {}

    # -- consent ------------------------------------------------------------------------------------------------------

    def request(self, query: Mapping[str, str]) -> Request:
        """Read what a client's page asks for. Raises OAuthError: shown to the user, never redirected."""
        if query.get("client_id") != self.client_id:
            raise OAuthError("invalid_client", "The OAuth client was not found.", 401)
        uri = query.get("redirect_uri", "")
        local = uri.startswith(("http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost"))
        if uri not in self.redirect_uris and (self.redirect_uris or not local):
            raise OAuthError("redirect_uri_mismatch", f"The redirect URI {uri!r} is not registered for this client.")
        if query.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "Invalid response_type")
        scopes = tuple(dict.fromkeys(_ALIASES.get(one, one) for one in query.get("scope", "").split()))
        if not scopes:
            raise OAuthError("invalid_request", "Missing required parameter: scope")
        if unknown := [one for one in scopes if one not in SCOPES]:
            raise OAuthError("invalid_scope", f"Some requested scopes were invalid. {{invalid=[{unknown[0]}]}}")
        method = query.get("code_challenge_method", "plain")
        if method not in ("S256", "plain"):
            raise OAuthError("invalid_request", "Invalid code_challenge_method")
        return Request(
            self.client_id, uri, scopes, query.get("state", ""), query.get("code_challenge", ""), method,
            offline=query.get("access_type") == "offline", consent="consent" in query.get("prompt", "").split(),
            nonce=query.get("nonce", ""),
        )  # fmt: skip

    @locked
    def allow(self, request: Request, address: str, scopes: frozenset[str]) -> str:
        """Let a user allow some scopes. Returns the code."""
        code = "4/0A" + secrets.token_urlsafe(24)
        granted = frozenset(request.scopes) & scopes
        self._codes[code] = (request, address, granted, self.clock.time() + _CODE_S)
        return code

    # -- tokens -------------------------------------------------------------------------------------------------------

    @locked
    def token(self, form: Mapping[str, str]) -> Json:
        """Answer the token endpoint. Raises OAuthError."""
        kind = form.get("grant_type")
        if kind == JWT_BEARER:
            return self._assertion(form.get("assertion", ""))
        if kind not in ("authorization_code", "refresh_token"):
            raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {kind}")
        if form.get("client_id") != self.client_id:
            raise OAuthError("invalid_client", "The OAuth client was not found.", 401)
        if not secrets.compare_digest(form.get("client_secret", ""), self.client_secret):
            raise OAuthError("invalid_client", "Unauthorized", 401)
        return self._exchange(form) if kind == "authorization_code" else self._refresh(form)

    def _exchange(self, form: Mapping[str, str]) -> Json:
        known = self._codes.pop(form.get("code", ""), None)
        if known is None or known[3] < self.clock.time():
            raise OAuthError("invalid_grant", "Malformed auth code.")
        request, address, scopes, _ = known
        if form.get("redirect_uri") != request.redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "Bad Request")
        if request.challenge and _challenge(form.get("code_verifier", ""), request.method) != request.challenge:
            raise OAuthError("invalid_grant", "Invalid code verifier.")
        answer = self._access(address, scopes, self.client_id)
        if request.offline and request.consent and not self.faults.take("no_refresh_token"):
            answer["refresh_token"] = self._grant(address, scopes)
            if self.refresh_token_s:
                answer["refresh_token_expires_in"] = int(self.refresh_token_s)
        if "openid" in scopes:
            answer["id_token"] = self._id_token(address, scopes, request.nonce)
        return answer

    def _refresh(self, form: Mapping[str, str]) -> Json:
        grant = self.grants.get(form.get("refresh_token", ""))
        if grant and self.refresh_token_s and self.clock.time() - grant.made_at > self.refresh_token_s:
            grant = None
        if grant is None or self.faults.take("revoked"):
            raise OAuthError("invalid_grant", "Token has been expired or revoked.")
        answer = self._access(grant.principal, grant.scopes, grant.client)
        if "openid" in grant.scopes:
            answer["id_token"] = self._id_token(grant.principal, grant.scopes, "")
        return answer

    def _assertion(self, assertion: str) -> Json:
        try:
            claims = self.robot.claims(assertion)
            begin, end = float(claims.get("iat", 0)), float(claims.get("exp", 0))
        except (ValueError, TypeError):
            raise OAuthError("invalid_grant", "Invalid JWT Signature.") from None
        now = time.time()  # a client signs by its own clock, not by ours
        if not (begin - 300 <= now <= end) or end - begin > _JWT_S:
            raise OAuthError("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
                             "reasonable timeframe. Check your iat and exp values in the JWT claim.")  # fmt: skip
        if claims.get("iss") != ROBOT:
            raise OAuthError("invalid_grant", "Invalid grant: account not found")
        # Google's libraries write this audience, whatever address they post to.
        if claims.get("aud") not in (f"{self.issuer()}/token", "https://oauth2.googleapis.com/token"):
            raise OAuthError("invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            raise OAuthError("invalid_scope", "Empty or missing scope not allowed.")
        principal = str(claims.get("sub") or ROBOT)
        if principal != ROBOT:
            self._check_delegation(principal, scopes)
        if self.faults.take("revoked"):
            raise OAuthError("invalid_grant", "Invalid grant: account not found")
        return self._access(principal, scopes, ROBOT)

    def _check_delegation(self, principal: str, scopes: frozenset[str]) -> None:
        profile = self.users(principal)
        if profile is None:
            raise OAuthError("invalid_grant", "Invalid email or User ID")
        if "hd" not in profile or not scopes <= self.delegated_scopes:
            raise OAuthError("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, "
                             "or client not authorized for any of the scopes requested.", 401)  # fmt: skip

    def _access(self, principal: str, scopes: frozenset[str], client: str) -> Json:
        token = "ya29." + secrets.token_urlsafe(40)
        now = self.clock.time()
        if len(self.tokens) > 10_000:
            self.tokens = {name: one for name, one in self.tokens.items() if one.expires_at > now}
        self.tokens[token] = Token(principal, scopes, client, now + self.access_token_s)
        return {
            "access_token": token, "expires_in": int(self.access_token_s), "token_type": "Bearer",
            "scope": " ".join(sorted(scopes)),
        }  # fmt: skip

    def _grant(self, address: str, scopes: frozenset[str]) -> str:
        live = [name for name, one in self.grants.items() if one.principal == address]
        for oldest in live[: max(0, len(live) - MOST_LIVE + 1)]:
            del self.grants[oldest]
        token = "1//0" + secrets.token_urlsafe(40)
        self.grants[token] = Grant(address, scopes, self.client_id, self.clock.time())
        return token

    def _id_token(self, address: str, scopes: frozenset[str], nonce: str) -> str:
        profile = self.users(address) or {}
        now = int(time.time())
        claims: Json = {
            "iss": self.issuer(), "azp": self.client_id, "aud": self.client_id, "sub": profile.get("id", ""),
            "iat": now, "exp": now + 3600,
        }  # fmt: skip
        if _ALIASES["email"] in scopes:
            claims |= {"email": address, "email_verified": True}
        if "hd" in profile:
            claims["hd"] = profile["hd"]
        return self.signer.sign(claims | ({"nonce": nonce} if nonce else {}))

    # -- what tests and users do ----------------------------------------------------------------------------------------

    def check(self, token: str) -> Token | None:
        """Return what a living access token stands for."""
        found = self.tokens.get(token)
        return found if found is not None and found.expires_at > self.clock.time() else None

    @locked
    def grant(self, address: str, scopes: frozenset[str] | None = None) -> str:
        """Give a refresh token without a browser; all scopes unless told."""
        return self._grant(address, scopes if scopes is not None else frozenset(SCOPES))

    @locked
    def access(self, address: str, scopes: frozenset[str] | None = None) -> str:
        """Give an access token without a browser."""
        token = self._access(address, scopes if scopes is not None else frozenset(SCOPES), self.client_id)
        return str(token["access_token"])

    @locked
    def revoke(self, token: str) -> bool:
        """Answer the revocation endpoint: the whole grant dies with any of its tokens."""
        if token in self.grants:
            grant = self.grants[token]
            self.revoke_user(grant.principal, grant.client)
            return True
        if token in self.tokens:
            self.revoke_user(self.tokens[token].principal, self.tokens[token].client)
            return True
        return False

    @locked
    def revoke_user(self, address: str, client: str = "") -> None:
        """Take away what a user granted, as in his account's security page."""
        self.grants = {
            name: one for name, one in self.grants.items() if one.principal != address or client not in ("", one.client)
        }
        self.tokens = {
            name: one for name, one in self.tokens.items() if one.principal != address or client not in ("", one.client)
        }

    @locked
    def expire_access_tokens(self) -> None:
        """Every access token has run out; refresh tokens live."""
        self.tokens.clear()

    def push_token(self, audience: str, sender: str = "") -> str:
        """What a Pub/Sub push carries to show that it is one, of the service account that its subscription names."""
        now = int(time.time())
        return self.signer.sign({
            "iss": "https://accounts.google.com", "aud": audience, "email": sender or ROBOT, "email_verified": True,
            "sub": "109999999999999999999", "iat": now, "exp": now + 3600,
        })  # fmt: skip

    def service_account(self) -> str:
        """The key file of the service account, as the console gives it out."""
        base = self.issuer()
        return json.dumps({
            "type": "service_account", "project_id": "demo", "private_key_id": self.robot.id,
            "private_key": self.robot.pem, "client_email": ROBOT, "client_id": "100200300400500600700",
            "auth_uri": f"{base}/o/oauth2/v2/auth", "token_uri": f"{base}/token",
            "auth_provider_x509_cert_url": f"{base}/oauth2/v1/certs", "universe_domain": "googleapis.com",
        }, indent=2)  # fmt: skip


def _challenge(verifier: str, method: str) -> str:
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
