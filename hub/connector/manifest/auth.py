"""How requests prove who asks: by a key, by a signature, or by a token that credentials are exchanged for.

Whatever it is, the hub keeps it as one sealed text, the token. A key is proven once, at the manifest's `check`; when a
request is refused it is proven again, so that a key which is dead is told from a right that is missing.
"""

import base64
import hashlib
import hmac
import json
import math
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from hub.connector.dotted import at, parse_path
from hub.connector.manifest.document import (
    Basic,
    Bearer,
    BodyKeys,
    ClientCredentials,
    HeaderKey,
    Hmac,
    Login,
    QueryKey,
    setting_of,
)
from hub.connector.manifest.settings import Access
from hub.connector.stream import Grant
from hub.errors import AuthError, RetryLaterError

LONGEST_LIFE_S = 31_536_000.0
_USUALLY_S = 600.0  # where an OAuth server does not say it


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request before it is sent."""

    verb: str
    url: str  # whole; may have a query of its own
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  # JSON; None: none
    form: Mapping[str, str] | None = None

    @property
    def address(self) -> str:
        """The address with its whole query, percent-encoded."""
        more = "&".join(f"{quote(name, safe='$@')}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{self.url}{'&' if '?' in self.url else '?'}{more}" if more else self.url

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        if self.form is not None:
            return "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in self.form.items()).encode()
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


class Proof:
    """What proves who asks, for one account."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.auth = _chosen(access)

    @property
    def is_exchanged(self) -> bool:
        """Whether credentials are exchanged for a token; else the key itself is what is sent."""
        return isinstance(self.auth, Login | ClientCredentials)

    @property
    def hidden(self) -> str:
        """The parameter of an address that is a secret; empty: there is none."""
        if isinstance(self.auth, QueryKey):
            return self.auth.name
        return self.auth.name if isinstance(self.auth, Login) and self.auth.send == "query" else ""

    @cached_property
    def first(self) -> Grant:
        """What the hub begins with: a mark of the credentials, so that other ones are a new beginning.

        Raises:
            AuthError: nothing was entered.
        """
        if self.auth is None:
            wanted = {name for auth in self._access.manifest.auth for name in _settings_of(auth.model_dump())}
            titles = ", ".join(one.title for name, one in self._access.manifest.settings.items() if name in wanted)
            raise AuthError(f"Nobody connected this account yet: enter {titles}.")
        told = self._access.given(self.auth.model_dump(mode="json"))
        mark = json.dumps([self._access.base, told], sort_keys=True, default=str)
        return Grant(f"manifest-{hashlib.sha256(mark.encode()).hexdigest()}")

    def key(self) -> str:
        """Return the token of access that is not exchanged: the key itself."""
        given = self._access.given
        match self.auth:
            case QueryKey() | Bearer():
                return str(given(self.auth.value))
            case HeaderKey():
                return self.auth.prefix + ":".join(str(given(one)) for one in self.auth.value)
            case Basic():
                return base64.b64encode(f"{given(self.auth.user)}:{given(self.auth.password)}".encode()).decode()
            case BodyKeys():
                return json.dumps(given(dict(self.auth.values)), sort_keys=True)
            case Hmac():
                return str(given(self.auth.secret))
        return "none"

    def signed(self, out: Outgoing, token: str) -> Outgoing:
        """Return a request with what proves who asks."""
        match self.auth:
            case QueryKey():
                return replace(out, query={**out.query, self.auth.name: token})
            case HeaderKey():
                return _with(out, self.auth.name, token)
            case Basic():
                return _with(out, "Authorization", f"Basic {token}")
            case Bearer() | ClientCredentials():
                return _with(out, "Authorization", f"Bearer {token}")
            case BodyKeys():
                return replace(out, verb="POST", body={**(out.body or {}), **json.loads(token)})
            case Hmac():
                return self._stamped(self.auth, out, token)
            case Login():
                return _by_session(self.auth, out, token)
        return out

    def _stamped(self, auth: Hmac, out: Outgoing, secret: str) -> Outgoing:
        """Sign a request: the parts that the manifest names, in its order."""
        url = urlsplit(out.address)
        moment, nonce = _stamp(auth.time_form), secrets.token_hex(16)
        key = str(self._access.given(auth.key))
        digest = getattr(hashlib, auth.algorithm)
        parts = {
            "method": out.verb, "path": url.path, "query": url.query, "body": out.content.decode(),
            "body_hash": digest(out.content).hexdigest(), "time": moment, "nonce": nonce, "key": key,
        }  # fmt: skip
        text = auth.separator.join(parts[one] for one in auth.sign)
        made = hmac.new(secret.encode(), text.encode(), digest)
        signature = made.hexdigest() if auth.encoding == "hex" else base64.b64encode(made.digest()).decode()
        more = ((auth.time_header, moment), (auth.nonce_header, nonce), (auth.key_header, key))
        headers = {**out.headers, auth.header: auth.prefix + signature}
        return replace(out, headers={**headers, **{name: value for name, value in more if name}})

    # --- exchanged for a token ----------------------------------------------------------------------------------------

    def asking(self) -> Outgoing:
        """Return the request that exchanges the credentials for a token."""
        given, base = self._access.given, self._access.base
        if isinstance(self.auth, Login):
            return Outgoing("POST", f"{base}{quote(given(self.auth.path))}", body=given(dict(self.auth.body)))
        assert isinstance(self.auth, ClientCredentials)
        form = {"grant_type": "client_credentials", **({"scope": self.auth.scope} if self.auth.scope else {})}
        client, secret = str(given(self.auth.client)), str(given(self.auth.secret))
        headers = {}
        if self.auth.in_body:
            form |= {"client_id": client, "client_secret": secret}
        else:  # RFC 6749, 2.3.1: both are encoded before they are joined
            joined = f"{quote(client, safe='')}:{quote(secret, safe='')}"
            headers = {"Authorization": f"Basic {base64.b64encode(joined.encode()).decode()}"}
        return Outgoing("POST", f"{base}{quote(given(self.auth.path))}", headers=headers, form=form)

    def granted(self, told: Any, cookies: Mapping[str, str], before: Grant) -> Grant:
        """Make a grant of the answer.

        Raises:
            RetryLaterError: there is no token in it.
        """
        if isinstance(self.auth, Login):
            token, lives_s = self._session(self.auth, told, cookies)
        else:
            token = told.get("access_token") if isinstance(told, dict) else None
            lives_s = _seconds(told.get("expires_in") if isinstance(told, dict) else None, _USUALLY_S)
        if not isinstance(token, str) or not token or not token.isprintable():
            raise RetryLaterError(f"{self._access.manifest.title} lets us in and gives no token.")
        until = datetime.now(UTC) + timedelta(seconds=min(lives_s, LONGEST_LIFE_S))
        return Grant(before.refresh_token, token, until)

    def _session(self, auth: Login, told: Any, cookies: Mapping[str, str]) -> tuple[Any, float]:
        token: Any = at(told, parse_path(auth.token)) if auth.token else ""
        if auth.cookies:
            # The first must be there; those behind it, such as that of a load balancer, need not.
            kept = [f"{name}={cookies[name]}" for name in auth.cookies if name in cookies]
            token = "; ".join(kept) if auth.cookies[0] in cookies else None
        said = at(told, parse_path(auth.expires)) if auth.expires else None
        lives_s = _seconds(said, float(auth.lives_s))
        if said is not None and auth.expires_in == "minutes":
            lives_s *= 60
        if said is not None and auth.expires_in == "unix":
            lives_s -= time.time()
        return token, lives_s if lives_s > 0 else float(auth.lives_s)


def _chosen(access: Access) -> Any:
    """Return the first way for which everything was entered; None: none of them."""
    for auth in access.manifest.auth:
        if all(access.values.get(name) not in ("", None) for name in _settings_of(auth.model_dump())):
            return auth
    return None


def _settings_of(value: Any) -> Sequence[str]:
    name = setting_of(value)
    if name is not None:
        return [name]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [name for one in inner for name in _settings_of(one)]


def _with(out: Outgoing, name: str, value: str) -> Outgoing:
    return replace(out, headers={**out.headers, name: value})


def _by_session(auth: Login, out: Outgoing, token: str) -> Outgoing:
    if auth.send == "query":
        return replace(out, query={**out.query, auth.name: token})
    if auth.send == "cookie":
        return _with(out, "Cookie", token)
    name = "Authorization" if auth.send == "bearer" else auth.name
    return _with(out, name, f"Bearer {token}" if auth.send == "bearer" else f"{auth.prefix}{token}")


def _stamp(form: str) -> str:
    now = time.time()
    if form == "iso":
        return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return str(int(now * 1000) if form == "unix_ms" else int(now))


def _seconds(said: Any, otherwise: float) -> float:
    try:
        found = float(said)
    except (TypeError, ValueError):
        return otherwise
    return found if 0 < found < math.inf else otherwise
