"""What a browser or an OAuth library asks the sign-in service for: consent, tokens, keys, and where all that is.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import base64
import html
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from connectors.microsoft.simulated.aadsts import SignInError
from connectors.microsoft.simulated.errors import Json
from connectors.microsoft.simulated.oauth import SHARED_TENANTS, Wish
from connectors.microsoft.simulated.world import World
from hub.connector.simulated.consent_page import hidden, page, question
from hub.connector.simulated.wire import Answer, Request, json_answer

_HTML = "text/html; charset=utf-8"
_PATH = re.compile(r"^/([A-Za-z0-9.-]+)(/oauth2/v2\.0/authorize|/oauth2/v2\.0/token"
                   r"|/v2\.0/\.well-known/openid-configuration|/discovery/v2\.0/keys|/discovery/instance)$")  # fmt: skip
_FIELDS = ("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "code_challenge",
           "code_challenge_method", "prompt", "nonce", "client_info")  # fmt: skip
_WORDS = ("Pick an account", "Permissions requested", "Accept", "Cancel")


class SignIn:
    """Answers what is below `/{tenant}/`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.token_requests: list[Mapping[str, str]] = []  # forms, without secrets
        self._routes: dict[tuple[str, str], Callable[[str, Request], Answer]] = {
            ("GET", "/oauth2/v2.0/authorize"): self._ask,
            ("POST", "/oauth2/v2.0/authorize"): self._decide,
            ("POST", "/oauth2/v2.0/token"): self._token,
            ("GET", "/v2.0/.well-known/openid-configuration"): self._discovery,
            ("GET", "/discovery/v2.0/keys"): self._keys,
            ("GET", "/discovery/instance"): self._instance,
        }

    def answer(self, request: Request) -> Answer | None:
        """Answer, or nothing where it is no matter of sign-in."""
        found = _PATH.match(unquote(request.path))
        route = self._routes.get((request.http, found[2])) if found else None
        return route(found[1], request) if found and route else None

    # -- consent ------------------------------------------------------------------------------------------------------

    def _ask(self, tenant: str, request: Request) -> Answer:
        """Show the consent page; whoever is named in `login_hint` allows everything at once."""
        query = dict(request.query)
        try:
            wish = self._world.oauth.wish(tenant, query)
        except SignInError as error:
            return self._sorry(error)
        if self._world.faults.take("conditional_access"):
            return self._back(wish, error="access_denied", error_description=SignInError(53003).text)
        hint = query.get("login_hint", "").lower()
        if hint in self._world.users and not self._world.oauth.always_asks:
            return self._allowed(wish, hint, frozenset(self._world.oauth.asked_for(wish)))
        return Answer(200, self._page(tenant, wish, query, hint), _HTML)

    def _page(self, tenant: str, wish: Wish, query: Mapping[str, str], hint: str) -> bytes:
        people = [(one.address, one.name) for one in self._world.users.values()]
        kept = {name: query[name] for name in _FIELDS if name in query}
        allowed = self._world.oauth.asked_for(wish)
        body = question(f"/{tenant}/oauth2/v2.0/authorize", people, allowed, kept, chosen=hint, words=_WORDS)
        return page("Simulated Microsoft: sign in", body)

    def _decide(self, tenant: str, request: Request) -> Answer:
        form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        try:
            wish = self._world.oauth.wish(tenant, {name: values[0] for name, values in form.items()})
        except SignInError as error:
            return self._sorry(error)
        address = form.get("account", [""])[0]
        if form.get("answer") != ["allow"] or address not in self._world.users:
            return self._declined(wish)
        return self._allowed(wish, address, frozenset(form.get("allowed", ())))

    def _allowed(self, wish: Wish, address: str, permissions: frozenset[str]) -> Answer:
        if not permissions & frozenset(self._world.oauth.asked_for(wish)):
            return self._declined(wish)
        return self._back(wish, code=self._world.oauth.allow(wish, address, permissions))

    def _declined(self, wish: Wish) -> Answer:
        return self._back(
            wish, error="access_denied", error_subcode="cancel", error_description=SignInError(65004).text
        )

    def _back(self, wish: Wish, **facts: str) -> Answer:
        """Send the browser back to the client, by its address or (form_post) by a form that sends itself."""
        values = {
            **facts,
            **({"state": wish.state} if wish.state else {}),
            "session_state": self._world.oauth.tenant_id,
        }
        if wish.response_mode == "form_post":
            form = f'<form method="post" action="{html.escape(wish.redirect_uri)}">{hidden(values)}<button>Go on</button></form>'
            return Answer(200, page("Working...", form), _HTML)
        join = "&" if urlsplit(wish.redirect_uri).query else "?"
        return Answer(302, headers={"Location": f"{wish.redirect_uri}{join}{urlencode(values)}"})

    def _sorry(self, error: SignInError) -> Answer:
        body = f"<p>Sorry, but we are having trouble with signing you in.</p><p>{html.escape(error.text)}</p>"
        return Answer(400, page("Sign in", body), _HTML)

    # -- tokens -------------------------------------------------------------------------------------------------------

    def _token(self, tenant: str, request: Request) -> Answer:
        if self._world.faults.take("token_endpoint_unavailable"):
            return Answer(503, b"<html><title>503</title>Service unavailable</html>", _HTML)
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        kind, _, basic = request.headers.get("authorization", "").partition(" ")
        self.token_requests.append({name: form[name] for name in ("grant_type", "scope") if name in form})
        try:
            if kind.lower() == "basic":
                client, _, secret = base64.b64decode(basic).decode("utf-8", "replace").partition(":")
                form = {"client_id": unquote(client), "client_secret": unquote(secret)} | form
            return json_answer(self._world.oauth.token(tenant, form), headers={"Cache-Control": "no-store, no-cache"})
        except SignInError as error:
            return json_answer(error.body(self._world.clock.now()), error.reason.status)
        except ValueError:
            return json_answer(SignInError(900144, "client_id").body(self._world.clock.now()), 400)

    def _keys(self, _tenant: str, _request: Request) -> Answer:
        return json_answer({"keys": [self._world.oauth.signer.jwk()]})

    def _discovery(self, tenant: str, _request: Request) -> Answer:
        """Where everything is.

        Source: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
        """
        oauth, base = self._world.oauth, f"{self._world.base_url}/{tenant}"
        if tenant.lower() not in SHARED_TENANTS | {oauth.tenant_id, oauth.domain}:
            return json_answer(SignInError(90002, tenant).body(self._world.clock.now()), 400)
        whose = "{tenantid}" if tenant.lower() in SHARED_TENANTS else oauth.tenant_id
        host = urlsplit(self._world.base_url).netloc
        found: Json = {
            "issuer": f"{self._world.base_url}/{whose}/v2.0", "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys", "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"], "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "cloud_instance_name": host, "msgraph_host": host, "tenant_region_scope": "EU",
        }  # fmt: skip
        return json_answer(found)

    def _instance(self, _tenant: str, _request: Request) -> Answer:
        """Which hosts are one sign-in service, for clients that check an authority before they trust it."""
        host, oauth = urlsplit(self._world.base_url).netloc, self._world.oauth
        there = f"{self._world.base_url}/{oauth.tenant_id}/v2.0/.well-known/openid-configuration"
        alias = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
        return json_answer({"tenant_discovery_endpoint": there, "api-version": "1.1", "metadata": [alias]})
