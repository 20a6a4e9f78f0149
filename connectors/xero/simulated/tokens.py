"""Codes, tokens and connections of the app, as Xero's identity service keeps them.

Sources: https://developer.xero.com/documentation/guides/oauth2/auth-flow, https://developer.xero.com/faq/oauth2
("if you don't receive a response you can retry your existing refresh token for a grace period of 30 minutes", "unused
refresh tokens expire after 60 days"), https://github.com/XeroAPI/Xero-OpenAPI (xero-identity.yaml)
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from uuid import uuid4

from connectors.xero.simulated.errors import Json
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.keys import Signer
from hub.connector.simulated.locking import locked
from hub.connector.simulator import Faults

IDENTITY = frozenset({"openid", "profile", "email", "offline_access"})
# Those of before September 2027, and the finer ones of apps that were made since March 2026.
READS = frozenset(
    {
        "accounting.transactions.read", "accounting.contacts.read", "accounting.settings.read", "accounting.invoices.read",
        "accounting.payments.read",
    }
)  # fmt: skip
SCOPES = IDENTITY | READS | {one.removesuffix(".read") for one in READS}
_CODE_S = 300.0
_LOCAL = re.compile(r"^https?://(localhost|127\.0\.0\.1)(:\d+)?/")
_REFUSING = ("revoked", "refresh_token_expired")


class TokenError(Exception):
    """A refusal of the token endpoint, or of the page before it."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(text or code)
        self.code, self.text = code, text

    def body(self) -> Json:
        return {"error": self.code, **({"error_description": self.text} if self.text else {})}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in, and the organisations that he may connect."""

    email: str
    name: str
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class Connection:
    """An organisation that somebody connected to the app."""

    tenant_id: str
    tenant_name: str
    created_at: datetime
    updated_at: datetime
    event_id: str
    id: str = field(default_factory=lambda: str(uuid4()))

    def facts(self) -> Json:
        """What `GET /connections` says of it."""
        return {
            "id": self.id, "authEventId": self.event_id, "tenantId": self.tenant_id, "tenantType": "ORGANISATION",
            "tenantName": self.tenant_name, "createdDateUtc": f"{self.created_at:%Y-%m-%dT%H:%M:%S.%f}0",
            "updatedDateUtc": f"{self.updated_at:%Y-%m-%dT%H:%M:%S.%f}0",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What a page of consent was opened with."""

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str
    challenge: str
    method: str
    nonce: str


@dataclass(slots=True)
class Access:
    """An access token."""

    person: Person
    scopes: frozenset[str]
    line: str
    expires_at: float


@dataclass(slots=True)
class Refresh:
    """A refresh token; those of one consent are one line."""

    person: Person
    scopes: frozenset[str]
    line: str
    used_at: float  # when it was made or last used
    replaced_at: float = 0.0  # 0: it is the newest


@dataclass
class Tokens:
    """The identity service, as one app sees it. What tests may turn are the plain attributes."""

    clock: Clock
    lock: RLock
    faults: Faults
    client_id: str = "4D6B2E1F0A9C4B7E8D5F3A2B1C0D9E8F"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(36))
    access_token_s: float = 1800.0
    unused_s: float = 60 * 86_400.0
    grace_s: float = 1800.0  # for so long a refresh token that was replaced still works
    old_ones_kill: bool = False  # one that comes after its grace ends its whole line
    redirect_uris: set[str] = field(default_factory=set)  # none: any on this machine
    issuer: str = ""

    def __post_init__(self) -> None:
        self.signer = Signer("xero")
        self.access: dict[str, Access] = {}
        self.refresh: dict[str, Refresh] = {}
        self.connections: dict[str, Connection] = {}  # by tenant id
        self.refreshed = 0  # how many times tokens were refreshed
        self._codes: dict[str, tuple[Wish, Person, float]] = {}

    # -- consent --------------------------------------------------------------------------------------------------------

    def wish(self, query: Mapping[str, str]) -> Wish:
        """Read what a client's page asks for. Raises TokenError: shown to the person, never sent back."""
        if query.get("client_id", "").upper() != self.client_id:
            raise TokenError("unauthorized_client", "Unknown client or client not enabled")
        uri = query.get("redirect_uri", "")
        if uri not in self.redirect_uris and (self.redirect_uris or not _LOCAL.match(uri)):
            raise TokenError("unauthorized_client", "Invalid redirect_uri")
        if query.get("response_type") != "code":
            raise TokenError("unsupported_response_type")
        scopes = frozenset(query.get("scope", "").split())
        if not scopes or not scopes <= SCOPES:
            raise TokenError("invalid_scope", "Invalid scope")
        method = query.get("code_challenge_method", "plain" if query.get("code_challenge") else "")
        if method not in ("", "S256"):
            raise TokenError("invalid_request", "Transform algorithm not supported")
        return Wish(
            self.client_id, uri, scopes, query.get("state", ""), query.get("code_challenge", ""), method,
            query.get("nonce", ""),
        )  # fmt: skip

    @locked
    def allow(self, wish: Wish, person: Person, tenants: Mapping[str, str]) -> str:
        """Let somebody connect organisations (name by id); returns the code."""
        now, event = self.clock.now(), str(uuid4())
        for tenant, name in tenants.items():
            known = self.connections.get(tenant)
            began = known.created_at if known else now
            self.connections[tenant] = Connection(tenant, name, began, now, event)
        code = secrets.token_urlsafe(32)
        self._codes[code] = (wish, person, self.clock.time() + _CODE_S)
        return code

    # -- tokens ---------------------------------------------------------------------------------------------------------

    @locked
    def token(self, form: Mapping[str, str]) -> Json:
        """Answer the token endpoint. Raises TokenError."""
        if form.get("client_id", "").upper() != self.client_id:
            raise TokenError("invalid_client")
        if not secrets.compare_digest(form.get("client_secret", "").encode(), self.client_secret.encode()):
            raise TokenError("invalid_client")
        kind = form.get("grant_type", "")
        if kind == "authorization_code":
            return self._exchange(form)
        if kind != "refresh_token":
            raise TokenError("unsupported_grant_type")
        return self._again(form.get("refresh_token", ""))

    def _exchange(self, form: Mapping[str, str]) -> Json:
        wish, person, until = self._codes.pop(form.get("code", ""), (None, None, 0.0))
        if wish is None or person is None or until < self.clock.time() or form.get("redirect_uri") != wish.redirect_uri:
            raise TokenError("invalid_grant")
        if wish.challenge and _challenge(form.get("code_verifier", "")) != wish.challenge:
            raise TokenError("invalid_grant")
        return self._answer(person, wish.scopes, str(uuid4()), wish.nonce)

    def _again(self, token: str) -> Json:
        if any(self.faults.take(name) for name in _REFUSING):
            raise TokenError("invalid_grant")
        old, now = self.refresh.get(token), self.clock.time()
        if old is None or now - old.used_at > self.unused_s:
            raise TokenError("invalid_grant")
        if old.replaced_at and now - old.replaced_at > self.grace_s:
            if self.old_ones_kill:
                self.end(old.line)
            raise TokenError("invalid_grant")
        old.replaced_at = old.replaced_at or now
        self.refreshed += 1
        return self._answer(old.person, old.scopes, old.line, "")

    def _answer(self, person: Person, scopes: frozenset[str], line: str, nonce: str) -> Json:
        answer: Json = {
            "access_token": self._access(person, scopes, line), "expires_in": int(self.access_token_s),
            "token_type": "Bearer", "scope": " ".join(sorted(scopes)),
        }  # fmt: skip
        if "openid" in scopes:
            answer["id_token"] = self._id_token(person, scopes, nonce)
        if "offline_access" in scopes:
            answer["refresh_token"] = self._refresh(person, scopes, line)
        return answer

    def _access(self, person: Person, scopes: frozenset[str], line: str) -> str:
        now = self.clock.time()
        if len(self.access) > 10_000:
            self.access = {name: one for name, one in self.access.items() if one.expires_at > now}
        token = secrets.token_urlsafe(60)
        self.access[token] = Access(person, scopes, line, now + self.access_token_s)
        return token

    def _refresh(self, person: Person, scopes: frozenset[str], line: str) -> str:
        token = secrets.token_urlsafe(32)
        self.refresh[token] = Refresh(person, scopes, line, self.clock.time())
        return token

    def _id_token(self, person: Person, scopes: frozenset[str], nonce: str) -> str:
        now = int(self.clock.time())
        claims: Json = {
            "nbf": now, "exp": now + 300, "iss": self.issuer, "aud": self.client_id, "iat": now, "sub": person.id,
            "auth_time": now, "xero_userid": person.id, "sid": str(uuid4()),
        }  # fmt: skip
        given, _, family = person.name.partition(" ")
        if "profile" in scopes:
            claims |= {
                "name": person.name,
                "given_name": given,
                "family_name": family,
                "preferred_username": person.email,
            }
        if "email" in scopes:
            claims["email"] = person.email
        return self.signer.sign(claims | ({"nonce": nonce} if nonce else {}))

    def is_cut_off(self) -> bool:
        """Whether the next refresh will be refused for good; access tokens are then dead as well."""
        return any(self.faults.waits(name) for name in _REFUSING)

    # -- what tests and people do ---------------------------------------------------------------------------------------

    @locked
    def grant(self, person: Person, scopes: frozenset[str] = IDENTITY | READS) -> str:
        """Give a refresh token without a browser."""
        return self._refresh(person, scopes, str(uuid4()))

    @locked
    def access_for(self, person: Person, scopes: frozenset[str] = IDENTITY | READS) -> str:
        """Give an access token without a browser."""
        return self._access(person, scopes, str(uuid4()))

    @locked
    def connect(self, tenant: str, name: str) -> Connection:
        """Let an organisation be connected since now."""
        now = self.clock.now()
        found = self.connections[tenant] = Connection(tenant, name, now, now, str(uuid4()))
        return found

    @locked
    def disconnect(self, tenant: str) -> None:
        """Let somebody take an organisation from the app; tokens live on."""
        self.connections.pop(tenant, None)

    @locked
    def end(self, line: str) -> None:
        """End every token of one consent."""
        self.access = {name: one for name, one in self.access.items() if one.line != line}
        self.refresh = {name: one for name, one in self.refresh.items() if one.line != line}

    @locked
    def expire_access_tokens(self) -> None:
        """Every access token has run out; refresh tokens live."""
        for one in self.access.values():
            one.expires_at = 0.0

    def until(self, access: Access) -> str:
        """When an access token ended, as its refusal says it."""
        return f"{datetime.fromtimestamp(access.expires_at, UTC):%m/%d/%Y %H:%M:%S}"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
