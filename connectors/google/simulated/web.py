"""What a browser or an OAuth library asks for: consent, tokens, keys, photos.

Source: https://developers.google.com/identity/protocols/oauth2/web-server
"""

import base64
import html
import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote, urlencode

from connectors.google.simulated.errors import Json
from connectors.google.simulated.oauth import OAuthError
from connectors.google.simulated.oauth import Request as Wish
from connectors.google.simulated.world import World
from hub.connector.simulated.consent_page import page, question
from hub.connector.simulated.picture import square
from hub.connector.simulated.wire import Answer, Request, json_answer

_HTML = "text/html; charset=UTF-8"
_FIELDS = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method",
           "access_type", "prompt", "nonce")  # fmt: skip
_WORDS = ("Account", "This app may", "Allow", "Deny")


class Web:
    """Answers everything that is no API."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.photo_requests: list[Request] = []
        self.photo_answers: dict[str, list[Answer]] = {}  # by the id of a card: each is given once, in this order
        self._routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/o/oauth2/v2/auth"): self._ask,
            ("GET", "/o/oauth2/auth"): self._ask,
            ("POST", "/o/oauth2/v2/auth"): self._decide,
            ("POST", "/token"): self._token,
            ("POST", "/revoke"): self._revoke,
            ("GET", "/oauth2/v1/certs"): self._certificates,
            ("GET", "/oauth2/v3/certs"): self._certs,
            ("GET", "/oauth2/v3/userinfo"): self._openid_user,
            ("GET", "/v1/userinfo"): self._openid_user,
            ("GET", "/.well-known/openid-configuration"): self._discovery,
        }

    def answer(self, request: Request) -> Answer | None:
        """Answer, or nothing where an API has to."""
        if request.http == "GET" and request.path.startswith("/photos/"):
            return self._photo(request)
        route = self._routes.get((request.http, request.path))
        return route(request) if route else None

    # -- consent ------------------------------------------------------------------------------------------------------

    def _ask(self, request: Request) -> Answer:
        """Show the consent page; whoever is named in `login_hint` allows everything at once."""
        query = dict(request.query)
        try:
            wish = self._world.oauth.request(query)
        except OAuthError as error:
            return _sorry(error)
        hint = query.get("login_hint", "").lower()
        if hint in self._world.users and not self._world.oauth.always_asks:
            return self._allowed(wish, hint, frozenset(wish.scopes))
        return Answer(200, self._page(wish, query, hint), _HTML)

    def _page(self, wish: Wish, query: Mapping[str, str], hint: str) -> bytes:
        people = [(one.address, one.name) for one in self._world.users.values()]
        kept = {name: query[name] for name in _FIELDS if name in query}
        body = question("/o/oauth2/v2/auth", people, wish.scopes, kept, chosen=hint, words=_WORDS)
        return page("Simulated Google: sign in", body)

    def _decide(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        try:
            wish = self._world.oauth.request({name: values[0] for name, values in form.items()})
        except OAuthError as error:
            return _sorry(error)
        address = form.get("account", [""])[0]
        if form.get("answer") != ["allow"] or address not in self._world.users:
            return _back(wish, error="access_denied")
        return self._allowed(wish, address, frozenset(form.get("allowed", ())))

    def _allowed(self, wish: Wish, address: str, scopes: frozenset[str]) -> Answer:
        if not scopes & frozenset(wish.scopes):
            return _back(wish, error="access_denied")
        code = self._world.oauth.allow(wish, address, scopes)
        return _back(wish, code=code, scope=" ".join(one for one in wish.scopes if one in scopes), authuser="0")

    # -- tokens -------------------------------------------------------------------------------------------------------

    def _token(self, request: Request) -> Answer:
        if self._world.faults.take("token_endpoint_unavailable"):
            return Answer(503, b"<html><title>503</title>Service unavailable</html>", _HTML)
        form = {name: values[0] for name, values in _form(request).items()}
        kind, _, basic = request.headers.get("authorization", "").partition(" ")
        try:
            if kind.lower() == "basic":
                client, _, secret = base64.b64decode(basic).decode("utf-8", "replace").partition(":")
                form = {"client_id": unquote(client), "client_secret": unquote(secret)} | form
            return json_answer(self._world.oauth.token(form), headers={"Cache-Control": "no-store"})
        except OAuthError as error:
            return json_answer(error.body(), error.code)
        except ValueError:
            return json_answer({"error": "invalid_request", "error_description": "Bad Request"}, 400)

    def _revoke(self, request: Request) -> Answer:
        form = _form(request)
        token = dict(request.query).get("token") or form.get("token", [""])[0]
        if self._world.oauth.revoke(token):
            return json_answer({})
        return json_answer({"error": "invalid_token", "error_description": "Token expired or revoked"}, 400)

    def _certs(self, _request: Request) -> Answer:
        return json_answer({"keys": [self._world.oauth.signer.jwk()]})

    def _certificates(self, _request: Request) -> Answer:
        signer = self._world.oauth.signer
        return json_answer({signer.id: signer.certificate}, headers={"Cache-Control": "public, max-age=20000"})

    def _openid_user(self, request: Request) -> Answer:
        text = request.headers.get("authorization", "").partition(" ")[2]
        token = self._world.oauth.check(text)
        user = self._world.users.get(token.principal) if token else None
        if user is None:
            return json_answer({"error": "invalid_request", "error_description": "Invalid Credentials"}, 401)
        facts: Json = user.facts()
        return json_answer({"sub": facts.pop("id"), "email_verified": facts.pop("verified_email"), **facts})

    def _discovery(self, _request: Request) -> Answer:
        base = self._world.base_url
        return json_answer({
            "issuer": base, "authorization_endpoint": f"{base}/o/oauth2/v2/auth", "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/v1/userinfo", "revocation_endpoint": f"{base}/revoke",
            "jwks_uri": f"{base}/oauth2/v3/certs", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["plain", "S256"],
        })  # fmt: skip

    # -- photos -------------------------------------------------------------------------------------------------------

    def _photo(self, request: Request) -> Answer:
        """A contact's own photo, or a plain square for who has none."""
        name = request.path.removeprefix("/photos/").partition("/")[0]
        card_id = name.partition("-")[0]
        with self._world.lock:
            self.photo_requests.append(request)
            if ordered := self.photo_answers.get(card_id):
                return ordered.pop(0)
            for user in self._world.users.values():
                card = user.people.contacts.cards.get(card_id)
                if card is not None and card.photo:
                    return Answer(200, card.photo, "image/png" if card.photo[:4] == b"\x89PNG" else "image/jpeg")
        return Answer(200, square(name), "image/png")


def _form(request: Request) -> dict[str, list[str]]:
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            found = json.loads(request.body)
        except ValueError:
            return {}
        return {str(name): [str(value)] for name, value in found.items()} if isinstance(found, dict) else {}
    return parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)


def _back(wish: Wish, **facts: str) -> Answer:
    """Send the browser back to the client."""
    values = {"state": wish.state, **facts} if wish.state else facts
    join = "&" if "?" in wish.redirect_uri else "?"
    return Answer(302, headers={"Location": f"{wish.redirect_uri}{join}{urlencode(values)}"})


def _sorry(error: OAuthError) -> Answer:
    body = (
        f"<p>Access blocked: {html.escape(error.description)}</p><p>Error {error.code}: {html.escape(error.error)}</p>"
    )
    return Answer(error.code, page("Authorization error", body), _HTML)
