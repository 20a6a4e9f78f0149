"""What a browser or an OAuth library asks the identity service for: consent, tokens, keys.

Source: https://developer.xero.com/documentation/guides/oauth2/auth-flow
"""

import base64
import html
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlencode

from connectors.xero.simulated.tokens import TokenError, Tokens, Wish
from connectors.xero.simulated.world import World
from hub.connector.simulated.consent_page import page, question
from hub.connector.simulated.wire import Answer, Request, json_answer

_HTML = "text/html; charset=utf-8"
_FIELDS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "nonce",
)
_WORDS = ("Who are you", "Organisations to connect", "Allow access", "Cancel")
AUTHORIZE, TOKEN = "/identity/connect/authorize", "/connect/token"
_KEYS = "/.well-known/openid-configuration/jwks"


class SignIn:
    """Answers what belongs to login.xero.com and identity.xero.com."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.token_requests: list[Mapping[str, str]] = []  # forms, without secrets

    @property
    def _tokens(self) -> Tokens:
        return self._world.tokens

    def answer(self, request: Request) -> Answer | None:
        """Answer, or nothing where it is no matter of sign-in."""
        path = unquote(request.path)
        if path.endswith(TOKEN) and request.http == "POST":
            return self._token(request)
        if path.endswith(AUTHORIZE) and request.http in ("GET", "POST"):
            return self._ask(request) if request.http == "GET" else self._decide(request)
        if path == _KEYS and request.http == "GET":
            return json_answer({"keys": [self._tokens.signer.jwk()]})
        return None

    def _ask(self, request: Request) -> Answer:
        """Show who asks for what; answers are posted to the same address."""
        query = dict(request.query)
        try:
            wish = self._tokens.wish(query)
        except TokenError as error:
            return _sorry(error)
        people = [(one.email, one.name) for one in self._world.people]
        kept = {name: query[name] for name in _FIELDS if name in query}
        names = [one.name for one in self._world.organisations.values()]
        scopes = f"<p>{html.escape(' '.join(sorted(wish.scopes)))}</p>"
        body = question(AUTHORIZE, people, names, kept, chosen="", words=_WORDS)
        return Answer(200, page("Simulated Xero: allow access", scopes + body), _HTML)

    def _decide(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        try:
            wish = self._tokens.wish({name: values[0] for name, values in form.items()})
        except TokenError as error:
            return _sorry(error)
        person = next((one for one in self._world.people if one.email == form.get("account", [""])[0]), None)
        chosen = form.get("allowed", [])
        tenants = {one.id: one.name for one in self._world.organisations.values() if one.name in chosen}
        if form.get("answer") != ["allow"] or person is None or not tenants:
            return _back(wish, error="access_denied")
        code = self._tokens.allow(wish, person, tenants)
        return _back(wish, code=code, scope=" ".join(sorted(wish.scopes)), session_state=person.id)

    def _token(self, request: Request) -> Answer:
        if self._world.faults.take("token_endpoint_unavailable"):
            return Answer(503, b"<html><title>503</title>Service unavailable</html>", _HTML)
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        self.token_requests.append({name: form[name] for name in ("grant_type", "scope") if name in form})
        kind, _, basic = request.headers.get("authorization", "").partition(" ")
        try:
            if kind.lower() == "basic":
                client, _, secret = base64.b64decode(basic).decode("utf-8", "replace").partition(":")
                form |= {"client_id": unquote(client), "client_secret": unquote(secret)}
            return json_answer(self._tokens.token(form), headers={"Cache-Control": "no-store, no-cache"})
        except TokenError as error:
            return json_answer(error.body(), 400)
        except ValueError:
            return json_answer(TokenError("invalid_client").body(), 400)


def _back(wish: Wish, **facts: str) -> Answer:
    values = {**facts, **({"state": wish.state} if wish.state else {})}
    join = "&" if "?" in wish.redirect_uri else "?"
    return Answer(302, headers={"Location": f"{wish.redirect_uri}{join}{urlencode(values)}"})


def _sorry(error: TokenError) -> Answer:
    body = f"<p>Sorry, something went wrong.</p><p>Error: {html.escape(error.code)} {html.escape(error.text)}</p>"
    return Answer(400, page("Simulated Xero", body), _HTML)
