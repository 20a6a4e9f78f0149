"""What every response says to the browser about safety and caching, and which host names are ours."""

from urllib.parse import urlsplit

from flask import Flask, request
from flask.wrappers import Response
from werkzeug.exceptions import MisdirectedRequest

from hub.settings import Settings

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
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
        add(response, secure=secure or request.is_secure)
        return response


def add(response: Response, *, secure: bool) -> None:
    """Add the headers; what a view has set itself about caching stays."""
    headers = response.headers
    headers["Content-Security-Policy"] = CSP
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
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
