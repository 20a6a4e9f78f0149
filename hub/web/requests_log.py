"""One line a request: who did what, how it ended, how long it took. No query strings, no bodies, no secrets."""

import re
import time
import uuid

import structlog
from flask import Flask, g, request
from flask.wrappers import Response

from hub import log

_log = log.get(__name__)
_PASSWORD_LINK = re.compile(r"^/password/[^/]+")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds by machines


def install(app: Flask) -> None:
    """Give each request a short code and write its line."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.reference = uuid.uuid4().hex[:8]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=g.reference)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("reference", "")
        write = _log.debug if request.path in _QUIET else _log.info
        person = g.get("person")
        write(
            "request",
            method=request.method,
            path=masked(request.path),
            status=response.status_code,
            ms=round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
            user=person.id if person else None,
        )
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()


def masked(path: str) -> str:
    """Return the path without the secret that some addresses hold."""
    return log.mask(_PASSWORD_LINK.sub("/password/***", path))
