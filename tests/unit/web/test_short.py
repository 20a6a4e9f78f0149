"""Short webhooks are answered whole; what is long, or somewhere else, goes over the bridge."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from hub.web.short import LONGEST, Short


class App:
    """A WSGI app that says what it got."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.is_closed = 0
        self.fault: Exception | None = None

    def __call__(self, environ: Any, start: Any) -> Iterable[bytes]:
        if self.fault is not None:
            raise self.fault
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], body))
        start("202 Accepted", [("X-Word", "שלום".encode().decode("latin-1")), ("Content-Length", "4")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"th"
        yield b"ks"

    def close(self) -> None:
        self.is_closed += 1


class Bridge(WSGIMiddleware):
    """Counts what goes over it."""

    used = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.used += 1


def asked(bridge: Bridge, body: list[Any], *, path: str = "/hooks/a", length: Any = None) -> list[Any]:
    """Ask once; `body` are its pieces, None for a client that goes away."""
    size = sum(len(one) for one in body if one) if length is None else length
    headers = [(b"content-length", str(size).encode())] if size != "" else []
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "http_version": "1.1", "headers": headers
    }  # fmt: skip
    pieces = iter(body)
    sent: list[Any] = []

    async def receive() -> Any:
        piece = next(pieces)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece is not body[-1]}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Short(bridge)(scope, receive, send))
    return sent


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def bridge(app: App) -> Iterator[Bridge]:
    made = Bridge(app, workers=2)
    yield made
    made.executor.shutdown()


def test_a_short_one_is_read_and_answered_whole(app: App, bridge: Bridge) -> None:
    start, content = asked(bridge, [b"{", b"}"])
    assert app.seen == [("POST", "/hooks/a", b"{}")]
    assert (start["status"], content["body"], app.is_closed, bridge.used) == (202, b"thks", 1, 0)
    assert dict(start["headers"]) == {b"x-word": "שלום".encode(), b"content-length": b"4"}


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/customers", 2),
        ("/hooks", 2),
        ("/hooks/a", LONGEST + 1),
        ("/hooks/a", ""),
        ("/hooks/a", "-1"),
        ("/hooks/a", "2x"),
    ],
)
def test_all_else_goes_over_the_bridge(app: App, bridge: Bridge, path: str, length: Any) -> None:
    assert asked(bridge, [b"{}"], path=path, length=length) == []
    assert (bridge.used, app.seen) == (1, [])


def test_who_goes_away_gets_no_answer(app: App, bridge: Bridge) -> None:
    assert asked(bridge, [b"{", None], length=2) == []
    assert app.seen == []


def test_a_fault_is_the_servers(app: App, bridge: Bridge) -> None:
    app.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        asked(bridge, [b"{}"])
