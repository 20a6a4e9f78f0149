"""What every response says to the browser about safety and caching, and which host names are ours."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, g, request
from flask.wrappers import Response
from werkzeug.exceptions import MisdirectedRequest

from hub.settings import Settings

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
NO_FRAME = "frame-ancestors 'none'"
OWN_FORMS = "form-action 'self'"
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:]+\]")
YEAR_S = 365 * 24 * 3600
# Programs on the inside may reach us by another name than people do.
ANY_HOST = ("/api/", "/hooks/", "/healthz", "/readyz", "/metrics")


def install(app: Flask, settings: Settings) -> None:
    """Check the host name of requests and add the headers to responses."""
    expected = urlsplit(settings.server.public_url).netloc.lower()
    secure = settings.public_url.startswith("https://")

    @app.before_request
    def our_host() -> None:
        if expected and request.host.lower() not in _spellings(expected) and not request.path.startswith(ANY_HOST):
            raise MisdirectedRequest(f"This hub is at {settings.public_url}.")

    @app.after_request
    def protect(response: Response) -> Response:
        forms, frames = g.get("forms_lead_to", ()), g.get("shows_frames", False)
        policy, within = g.get("own_policy", ""), g.get("shown_within", "")
        add(response, secure=secure or request.is_secure, forms=forms, frames=frames, policy=policy, within=within)
        return response


def let_forms_lead_to(*addresses: str) -> None:
    """Let the forms of the page that is being made end at other sites too, by a redirect: a remote's page of consent.

    Browsers hold `form-action` against every redirect that follows a form.
    Source: https://www.w3.org/TR/CSP3/#directive-form-action
    """
    found = {origin_of(address) for address in addresses} - {""}
    g.forms_lead_to = tuple(sorted(found | set(g.get("forms_lead_to", ()))))


def let_pages_of_ours_in() -> None:
    """Let the page that is being made show others of ours in frames."""
    g.shows_frames = True


def let_into(origin: str) -> None:
    """Let pages of one other origin show the page that is being made in a frame."""
    g.shown_within = origin


def keep_apart(policy: str) -> None:
    """Give the response that is being made a policy of its own: it holds what a stranger wrote."""
    g.own_policy = policy


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address, fit for a policy; empty where it is none.

    An administrator types such addresses: what is no plain host name must not become a part of the policy.
    """
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        return ""
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return ""
    return f"{parts.scheme}://{host}:{port}" if port else f"{parts.scheme}://{host}"


def add(
    response: Response,
    *,
    secure: bool,
    forms: Collection[str] = (),
    frames: bool = False,
    policy: str = "",
    within: str = "",
) -> None:
    """Add the headers; what a view has set itself about caching stays.

    Args:
        forms: origins beside our own at which forms may end.
        frames: pages of ours may be shown in it.
        policy: instead of the usual one.
        within: the only origin that may show it in a frame; its address holds a secret, so nobody is told it.
    """
    headers = response.headers
    usual = CSP.replace(OWN_FORMS, " ".join([OWN_FORMS, *forms])) + ("; frame-src 'self'" if frames else "")
    if within:
        usual = usual.replace(NO_FRAME, f"frame-ancestors {within}")
    headers["Content-Security-Policy"] = policy or usual
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer" if within else "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if secure:
        headers["Strict-Transport-Security"] = f"max-age={YEAR_S}"
    if response.mimetype == "text/html":
        headers["Cache-Control"] = "no-store"
        response.vary.add("HX-Request")
        response.vary.add("Accept-Language")
    else:
        headers.setdefault("Cache-Control", "no-store")


def _spellings(netloc: str) -> set[str]:
    """Return the host with and without the usual port: some programs write it, browsers do not."""
    host = netloc.removesuffix(":443").removesuffix(":80")
    return {netloc, host, f"{host}:443", f"{host}:80"} if host == netloc.partition(":")[0] else {netloc}
