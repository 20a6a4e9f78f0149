"""Who is asking, and may they: the session cookie, the guard of views, and where to go after sign-in."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, ParamSpec, cast
from urllib.parse import urlsplit

from flask import Flask, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.exceptions import Unauthorized
from werkzeug.http import parse_cookie

from hub import log
from hub.context import Hub
from hub.errors import ForbiddenError
from hub.security import sessions
from hub.security.models import User
from hub.security.policy import Person, Right, may
from hub.web import embedded
from hub.web.frame import current_hub

SESSION_KEY = "sid"
View = ParamSpec("View")
_log = log.get(__name__)


def needs(
    right: Right, *, background: bool = False
) -> Callable[[Callable[View, ResponseReturnValue]], Callable[View, ResponseReturnValue]]:
    """Guard a view: signed in, and with this right.

    Nobody signed in is sent to sign in and comes back afterwards. `background` is for what a page asks by itself:
    it does not count as a sign of the person, so an open page does not keep a session alive for ever.
    """

    def guard(view: Callable[View, ResponseReturnValue]) -> Callable[View, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: View.args, **kwargs: View.kwargs) -> ResponseReturnValue:
            person = signed_in()
            if person is None:
                return _to_sign_in()
            is_framed = g.found is not None and g.found.origin
            if is_framed and request.endpoint not in embedded.ENDPOINTS:
                raise ForbiddenError("This is not possible from within another product; open the hub itself.")
            if not may(person.role, right):
                raise ForbiddenError("Your role does not allow this. An administrator can give you another role.")
            if not background:
                _touch()
            return view(*args, **kwargs)

        guarded.right = right  # type: ignore[attr-defined]  # read by the test that walks over all routes
        return guarded

    return guard


def signed_in() -> Person | None:
    """Return who is signed in, if anybody; looked up once a request."""
    if "found" not in g:
        is_framed = embedded.asks()
        token = embedded.token() if is_framed else session.get(SESSION_KEY, "")
        g.found = None
        if token:
            hub = current_hub()
            with hub.db.read() as rows:
                g.found = sessions.look(rows, token, hub.settings, embedded=is_framed)
        g.person = g.found.person if g.found else None
    return cast("Person | None", g.person)


def nobody() -> None:
    """Take the request for one of nobody, whatever it says: of a page that has yet to find out whose it is."""
    g.found = g.person = None


def in_frame(found: sessions.Found) -> None:
    """Take the request for one of this person: a page of a frame, which was just given its session."""
    g.found, g.person = found, found.person


def preferences() -> dict[str, Any]:
    """Return the signed-in person's own preferences; empty where nobody is."""
    signed_in()
    return dict(g.found.preferences) if g.found else {}


def sign_in(rows: Session, user: User) -> None:
    """Start a session for a user who proved who they are. The only place, with `sign_out`, that writes the cookie.

    A cookie written on every request would let a late answer bring the former user back.
    """
    hub = current_hub()
    old = session.get(SESSION_KEY, "")
    if old:
        sessions.end(rows, old)
    _renew(sessions.start(rows, user, address(), request.user_agent.string, hub.settings))


def sign_out(rows: Session) -> None:
    """End the session of this browser."""
    sessions.end(rows, own_token())
    _renew("")


def own_token() -> str:
    """Return the token of this browser's session; empty where there is none."""
    return str(session.get(SESSION_KEY, ""))


def address() -> str:
    """Return the address of the browser, as far as the trusted proxies say it."""
    return request.remote_addr or ""


def session_of(hub: Hub, cookie_header: str) -> sessions.Found | None:
    """Return the session of a `Cookie` header, for what is not served by Flask; None where it is none of ours."""
    value = parse_cookie(readable(cookie_header)).get(cookie_name(hub), "")
    if not value:
        return None
    try:
        content = _serializer(hub).loads(value, max_age=int(hub.settings.security.session_h * 3600))
    except BadSignature:
        return None
    token = content.get(SESSION_KEY) if isinstance(content, dict) else None
    if not isinstance(token, str):
        return None
    with hub.db.read() as rows:
        return sessions.look(rows, token, hub.settings)


def session_of_frame(hub: Hub, token: str) -> sessions.Found | None:
    """Return the session of a page in another product's frame, for what is not served by Flask."""
    with hub.db.read() as rows:
        return sessions.look(rows, token, hub.settings, embedded=True)


def in_force(hub: Hub, ids: Collection[int]) -> set[int]:
    """Return those of many sessions that have not ended."""
    with hub.db.read() as rows:
        return sessions.in_force(rows, ids, hub.settings)


def readable(cookie_header: str) -> str:
    """Return a `Cookie` header without bytes that are no UTF-8: anybody can send them, and no cookie of ours has any."""
    return cookie_header.encode("latin-1", "replace").decode("utf-8", "replace").encode("utf-8").decode("latin-1")


def safe_next(address: str | None) -> str:
    """Return a path of this hub to go to after sign-in; `/` for anything that could lead elsewhere."""
    if not address or len(address) > 2000 or not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    if any(c.isspace() or not c.isprintable() or c == "\\" for c in address):
        return "/"
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or parts.path in {"/login", "/logout"}:
        return "/"
    return address


def is_htmx() -> bool:
    """Say whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def _to_sign_in() -> ResponseReturnValue:
    if embedded.asks():
        return Response(status=401)  # its page asks the product around it for a new ticket
    if is_htmx():
        # htmx follows this one instead of putting the sign-in page into the middle of another
        where = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
        return Response(status=401, headers={"HX-Redirect": url_for("sign_in.login", next=safe_next(where))})
    if request.headers.get("Sec-Fetch-Dest", "document") not in {"document", "empty"}:
        raise Unauthorized  # a sound or a picture: a page would be no use
    where = request.full_path.rstrip("?") if request.method == "GET" else urlsplit(request.referrer or "").path
    return redirect(url_for("sign_in.login", next=safe_next(where)), 303)


def _touch() -> None:
    if not g.found or not g.found.touch_due:
        return
    try:
        with current_hub().db.write() as rows:
            sessions.touch(rows, g.found)
    except OperationalError as error:  # reading must not fail because "last seen" could not be written
        _log.warning("last seen not written", error=str(error.orig))


def _renew(token: str) -> None:
    """Write a new cookie with a new CSRF token, so that no later request has a reason to write it."""
    for name in ("found", "person", "csrf_token"):
        g.pop(name, None)
    session.clear()
    session.permanent = True
    if token:
        session[SESSION_KEY] = token
    generate_csrf()


def _serializer(hub: Hub) -> URLSafeTimedSerializer:
    """Return what Flask signs the cookie with, for use without a Flask request."""
    interface = SecureCookieSessionInterface()
    return URLSafeTimedSerializer(
        session_key(hub),
        salt=interface.salt,
        serializer=interface.serializer,
        signer_kwargs={"key_derivation": interface.key_derivation, "digest_method": interface.digest_method},
    )


def session_key(hub: Hub) -> bytes:
    """Return the key that signs the session cookie."""
    return hub.vault.derive("session")


def cookie_name(hub: Hub) -> str:
    """Return a name of this installation's own: browsers send cookies to every port of a host."""
    return f"hub_{hub.vault.derive('cookie name').hex()[:8]}"


def install(app: Flask) -> None:
    """Give every template the person and what they may."""

    @app.context_processor
    def facts() -> dict[str, Any]:
        person = signed_in()
        return {
            "person": person,
            "preferences": preferences(),
            "may": lambda right: person is not None and may(person.role, Right(right)),
            "hub_name": current_hub().settings.hub.name,
        }
