"""Consent and tokens of one organisation and one app: Entra's second endpoint.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow,
.../v2-oauth2-client-creds-grant-flow, .../refresh-tokens (90 days; each use gives a new one, the old one is not revoked),
.../id-token-claims-reference
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock

from connectors.microsoft.simulated import assertions
from connectors.microsoft.simulated.aadsts import SignInError
from connectors.microsoft.simulated.errors import Json
from connectors.microsoft.simulated.stamps import stamp
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.keys import Signer
from hub.connector.simulated.locking import locked
from hub.connector.simulator import Faults

TENANT_ID = "5f2b6a51-9d0e-4c57-8d3b-6a3c5d8f2e10"
DOMAIN = "acme.example"
SHARED_TENANTS = frozenset({"common", "organizations"})
IDENTITY = frozenset({"openid", "profile", "email", "offline_access"})
DELEGATED = (
    "User.Read",
    "User.ReadBasic.All",
    "Mail.ReadBasic",
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Calendars.Read",
    "Calendars.ReadWrite",
    "Calendars.Read.Shared",
    "Calendars.ReadWrite.Shared",
    "Contacts.Read",
    "Contacts.ReadWrite",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
)
APPLICATION = (
    "User.Read.All",
    "Mail.ReadBasic.All",
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "Calendars.Read",
    "Calendars.ReadWrite",
    "Contacts.Read",
    "Contacts.ReadWrite",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "Organization.Read.All",
)
_GRAPH = "https://graph.microsoft.com"
_CODE_S = 600.0
_AT_REFRESH = {"revoked": 50173, "refresh_token_expired": 700082, "mfa_required": 50076, "mfa_enrolment": 50079,
               "conditional_access": 53003, "consent_withdrawn": 65001}  # fmt: skip

_LOCAL = re.compile(r"https?://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/[!-~]*)?")
_FOR_ITSELF = {"revoked": 700016, "conditional_access": 53003}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client's page asks a user for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]  # as they were written
    state: str = ""
    challenge: str = ""
    method: str = "plain"
    nonce: str = ""
    response_mode: str = "query"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. Without a principal an app asks for itself."""

    principal: str
    permissions: frozenset[str]
    client: str
    expires_at: float


@dataclass(slots=True)
class Grant:
    """What a user allowed; it lives as a refresh token."""

    principal: str
    permissions: frozenset[str]
    client: str
    made_at: float
    used_at: float = 0.0  # 0: it is the newest of its line


@dataclass
class OAuth:
    """The sign-in service, as one app registration sees it."""

    clock: Clock
    lock: RLock
    faults: Faults
    issuer: Callable[[], str]
    users: Callable[[str], Json | None]  # the profile behind an address
    client_id: str = "0c2b1e52-6f3a-4f0e-9f63-3a3f1f7c9a21"
    client_secret: str = field(default_factory=lambda: "8Q~" + secrets.token_urlsafe(27))
    tenant_id: str = TENANT_ID
    domain: str = DOMAIN
    multi_tenant: bool = True  # False: /common and /organizations are not for this app
    access_token_s: float = 3599.0
    refresh_token_s: float = 90 * 86_400.0
    old_refresh_token_s: float = 0.0  # how long one lives after it was used; 0: as long as any
    redirect_uris: set[str] = field(default_factory=set)  # none: any on this machine
    app_permissions: set[str] = field(default_factory=lambda: set(APPLICATION))  # that an administrator allowed the app
    app_mailboxes: set[str] = field(default_factory=set)  # that the app is limited to; none: it may open all
    always_asks: bool = False  # show the consent page even for a login_hint

    def __post_init__(self) -> None:
        self.signer = Signer("entra")  # of id tokens
        self.app_key = Signer("app registration")
        self.certificates = [self.app_key.certificate]  # that the app registration knows
        self.tokens: dict[str, Token] = {}
        self.grants: dict[str, Grant] = {}
        self._codes: dict[str, tuple[Wish, str, frozenset[str], float]] = {}
        self._redeemed: set[str] = set()

    @property
    def certificate(self) -> str:
        """What an administrator of the app has: private key and certificate, PEM."""
        return self.app_key.pem + self.app_key.certificate

    # -- consent ------------------------------------------------------------------------------------------------------

    def check_tenant(self, tenant: str) -> None:
        """Raises SignInError: there is none, or the app is not for every organisation."""
        name = tenant.lower()
        if name in SHARED_TENANTS:
            if not self.multi_tenant:
                raise SignInError(50194, self.client_id)
        elif name not in (self.tenant_id, self.domain):
            raise SignInError(90002, tenant)

    def wish(self, tenant: str, query: Mapping[str, str]) -> Wish:
        """Read what a client's page asks for. Raises SignInError: shown to the user, never redirected."""
        if query.get("client_id") != self.client_id:
            raise SignInError(700016, query.get("client_id", ""))
        self.check_tenant(tenant)
        uri = query.get("redirect_uri", "")
        if uri not in self.redirect_uris and (self.redirect_uris or not _LOCAL.fullmatch(uri)):
            raise SignInError(50011, uri)
        for name in ("response_type", "scope"):
            if not query.get(name):
                raise SignInError(900144, name)
        scopes = tuple(dict.fromkeys(query["scope"].split()))
        self._names(scopes)
        return Wish(
            self.client_id, uri, scopes, query.get("state", ""), query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"), query.get("nonce", ""), query.get("response_mode", "query"),
        )  # fmt: skip

    def _names(self, scopes: tuple[str, ...]) -> frozenset[str]:
        """Return which permissions scopes mean, however they are written. Raises SignInError."""
        found: set[str] = set()
        known = {one.lower(): one for one in (*DELEGATED, *IDENTITY)}
        for scope in scopes:
            resource, _, name = scope.rpartition("/")
            if resource.rstrip("/") not in ("", _GRAPH, self.issuer()):
                raise SignInError(70011, scope)
            if name == ".default":
                found |= set(DELEGATED)
            elif name.lower() in known:
                found.add(known[name.lower()])
            else:
                raise SignInError(70011, scope)
        return frozenset(found)

    def asked_for(self, wish: Wish) -> tuple[str, ...]:
        """What the consent page lists."""
        return tuple(sorted(self._names(wish.scopes) - {"offline_access"}))

    @locked
    def allow(self, wish: Wish, address: str, permissions: frozenset[str]) -> str:
        """Let a user allow some permissions. Returns the code."""
        asked = self._names(wish.scopes)
        code = "1.A" + secrets.token_urlsafe(48)
        granted = (asked & permissions) | (asked & IDENTITY)
        self._codes[code] = (wish, address, granted, self.clock.time() + _CODE_S)
        return code

    # -- tokens -------------------------------------------------------------------------------------------------------

    @locked
    def token(self, tenant: str, form: Mapping[str, str]) -> Json:
        """Answer the token endpoint. Raises SignInError."""
        kind = form.get("grant_type", "")
        if not kind:
            raise SignInError(900144, "grant_type")
        if kind not in ("authorization_code", "refresh_token", "client_credentials"):
            raise SignInError(70003, kind)
        if form.get("client_id") != self.client_id:
            raise SignInError(700016, form.get("client_id", ""))
        self.check_tenant(tenant)
        self._check_client(form)
        if kind == "authorization_code":
            return self._exchange(form)
        return self._refresh(form) if kind == "refresh_token" else self._for_itself(tenant, form)

    def _check_client(self, form: Mapping[str, str]) -> None:
        assertion = form.get("client_assertion", "")
        if assertion:
            if form.get("client_assertion_type") != assertions.KIND or not self._is_ours(assertion):
                raise SignInError(700027)
        elif not form.get("client_secret"):
            raise SignInError(7000218)
        elif not secrets.compare_digest(form["client_secret"].encode(), self.client_secret.encode()):
            raise SignInError(7000215, self.client_id)

    def _is_ours(self, assertion: str) -> bool:
        now = time.time()  # a client signs by its own clock, not by ours
        for certificate in self.certificates:
            try:
                said = assertions.claims(assertion, certificate)
                lives = float(said.get("nbf", now)) - 300 <= now <= float(said.get("exp", 0))
            except (ValueError, TypeError):
                continue
            aimed = str(said.get("aud", "")).startswith(self.issuer() + "/")
            if lives and aimed and said.get("iss") == said.get("sub") == self.client_id:
                return True
        return False

    def _exchange(self, form: Mapping[str, str]) -> Json:
        code = form.get("code", "")
        if code in self._redeemed:
            raise SignInError(54005)
        known = self._codes.pop(code, None)
        if known is None:
            raise SignInError(70000)
        self._redeemed.add(code)
        wish, address, permissions, until = known
        if until < self.clock.time():
            raise SignInError(70008)
        if form.get("redirect_uri") != wish.redirect_uri:
            raise SignInError(500112, form.get("redirect_uri", ""))
        if wish.challenge and _challenge(form.get("code_verifier", ""), wish.method) != wish.challenge:
            raise SignInError(501481)
        scopes = tuple(form.get("scope", "").split()) or wish.scopes
        return self._answer(address, permissions, scopes, form, wish.nonce)

    def _refresh(self, form: Mapping[str, str]) -> Json:
        old = self.grants.get(form.get("refresh_token", ""))
        if old is None:
            raise SignInError(50173 if form.get("refresh_token", "").startswith("1.A") else 70000)
        now = self.clock.time()
        for fault, code in _AT_REFRESH.items():
            if self.faults.take(fault):
                raise SignInError(code, self.client_id if code == 65001 else stamp(old.made_at))
        if now - old.made_at > self.refresh_token_s:
            raise SignInError(700082, stamp(old.made_at))
        if old.used_at and self.old_refresh_token_s and now - old.used_at > self.old_refresh_token_s:
            raise SignInError(70000)
        if self.users(old.principal) is None:
            raise SignInError(50034, old.principal)
        scopes = tuple(form.get("scope", "").split()) or tuple(sorted(old.permissions))
        if not self._names(tuple(one for one in scopes if not one.endswith(".default"))) <= old.permissions | IDENTITY:
            raise SignInError(65001, self.client_id)
        answer = self._answer(old.principal, old.permissions, scopes, form, "")
        old.used_at = old.used_at or now
        return answer

    def _for_itself(self, tenant: str, form: Mapping[str, str]) -> Json:
        scope = form.get("scope", "")
        if scope.rpartition("/")[0].rstrip("/") not in (_GRAPH, self.issuer()) or not scope.endswith("/.default"):
            raise SignInError(1002012, scope)
        if tenant.lower() in SHARED_TENANTS:
            raise SignInError(50194, self.client_id)
        for fault, code in _FOR_ITSELF.items():
            if self.faults.take(fault):
                raise SignInError(code, self.client_id)
        answer = self._access("", frozenset(self.app_permissions))
        del answer["scope"]
        return answer

    def _answer(
        self, address: str, permissions: frozenset[str], scopes: tuple[str, ...], form: Mapping[str, str], nonce: str
    ) -> Json:
        """What a person's code or refresh token is answered with."""
        wanted = self._names(scopes)
        answer = self._access(address, permissions & wanted - IDENTITY)
        # Scopes come back as they were written, so that a client's cache knows them again.
        granted = {one for one in scopes if one.endswith("/.default") or self._names((one,)) <= permissions}
        answer["scope"] = " ".join(sorted((granted | set(permissions & IDENTITY)) - {"offline_access"}))
        if "offline_access" in permissions and not self.faults.take("no_refresh_token"):
            answer["refresh_token"] = self._grant(address, permissions)
        if "openid" in wanted:
            answer["id_token"] = self._id_token(address, permissions & wanted, nonce)
        if form.get("client_info") == "1":
            who = {"uid": (self.users(address) or {}).get("id", ""), "utid": self.tenant_id}
            answer["client_info"] = base64.urlsafe_b64encode(json.dumps(who).encode()).decode().rstrip("=")
        return answer

    def _access(self, principal: str, permissions: frozenset[str]) -> Json:
        token = "EwB" + secrets.token_urlsafe(60)
        now = self.clock.time()
        if len(self.tokens) > 10_000:
            self.tokens = {name: one for name, one in self.tokens.items() if one.expires_at > now}
        self.tokens[token] = Token(principal, permissions, self.client_id, now + self.access_token_s)
        seconds = int(self.access_token_s)
        return {
            "token_type": "Bearer", "scope": " ".join(sorted(permissions)), "expires_in": seconds,
            "ext_expires_in": seconds, "access_token": token,
        }  # fmt: skip

    def _grant(self, address: str, permissions: frozenset[str]) -> str:
        token = "1.A" + secrets.token_urlsafe(80)
        self.grants[token] = Grant(address, permissions, self.client_id, self.clock.time())
        return token

    def _id_token(self, address: str, permissions: frozenset[str], nonce: str) -> str:
        profile = self.users(address) or {}
        now = int(time.time())
        claims: Json = {
            "ver": "2.0", "iss": f"{self.issuer()}/{self.tenant_id}/v2.0", "aud": self.client_id, "iat": now, "nbf": now,
            "exp": now + 3600, "tid": self.tenant_id, "sub": _pairwise(self.client_id, address),
        }  # fmt: skip
        if "profile" in permissions:
            claims |= {"oid": profile.get("id"), "name": profile.get("displayName"), "preferred_username": address}
        if "email" in permissions:
            claims["email"] = address
        return self.signer.sign(claims | ({"nonce": nonce} if nonce else {}))

    def is_cut_off(self, token: Token) -> bool:
        """Whether Graph already knows that its next refresh will be refused, and takes an access token no more.

        Source: https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation
        """
        return any(self.faults.waits(name) for name in (_AT_REFRESH if token.principal else _FOR_ITSELF))

    # -- what tests and users do ----------------------------------------------------------------------------------------

    def check(self, token: str) -> Token | None:
        """Return what a living access token stands for."""
        found = self.tokens.get(token)
        return found if found is not None and found.expires_at > self.clock.time() else None

    @locked
    def grant(self, address: str, permissions: frozenset[str] | None = None) -> str:
        """Give a refresh token without a browser; all permissions unless told."""
        return self._grant(address, IDENTITY | (frozenset(DELEGATED) if permissions is None else permissions))

    @locked
    def access(self, address: str, permissions: frozenset[str] | None = None) -> str:
        """Give an access token without a browser."""
        return str(self._access(address, frozenset(DELEGATED) if permissions is None else permissions)["access_token"])

    @locked
    def app_access(self, permissions: frozenset[str] | None = None) -> str:
        """Give an access token of the app for itself."""
        allowed = frozenset(self.app_permissions) if permissions is None else permissions
        return str(self._access("", allowed)["access_token"])

    @locked
    def revoke_user(self, address: str) -> None:
        """Revoke a user's sessions, as an administrator does: refresh tokens die, access tokens live until they expire."""
        self.grants = {name: one for name, one in self.grants.items() if one.principal != address}

    @locked
    def expire_access_tokens(self) -> None:
        """Every access token has run out; refresh tokens live."""
        self.tokens.clear()


def _challenge(verifier: str, method: str) -> str:
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _pairwise(client: str, address: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(f"{client} {address}".encode()).digest()).decode().rstrip("=")
