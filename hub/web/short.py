"""Short requests that come in bursts, webhooks above all: read whole, answered whole, handed to a thread once.

The bridge from ASGI to WSGI hands each part of a request and of its answer from thread to thread, which costs more than what
a webhook itself needs. What says that it is longer, or does not say how long it is, goes that way all the same.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import build_environ

LONGEST = 64 << 10  # bytes of a body that is kept in memory before anybody looks at it
PLACES = ("/hooks/", "/api/cti/")

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Short:
    """An ASGI app: answers short requests of some places itself, and leaves all else to the bridge."""

    def __init__(self, bridge: WSGIMiddleware) -> None:
        self._bridge = bridge

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if not _is_short(scope):
            await self._bridge(scope, receive, send)  # type: ignore[arg-type]  # a2wsgi types scopes more narrowly
            return
        body = await _body(receive)
        if body is None:  # whoever sent it is gone
            return
        environ = build_environ(scope, io.BytesIO(body))  # type: ignore[arg-type]  # as above; any reader will do
        loop = asyncio.get_running_loop()
        status, headers, content = await loop.run_in_executor(self._bridge.executor, self._answer, environ)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, environ: Any) -> Answer:
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: ExceptionInfo | None = None, /
        ) -> Callable[[bytes], None]:
            del exc_info
            begun.append((status, headers))
            return _no_write

        parts: Iterable[bytes] = self._bridge.app(environ, start)
        try:
            content = b"".join(parts)
        finally:
            if (close := getattr(parts, "close", None)) is not None:
                close()
        status, headers = begun[-1]
        return int(status[:3]), [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers], content


def _is_short(scope: Message) -> bool:
    if scope["type"] != "http" or not scope["path"].startswith(PLACES):
        return False
    said = [value for name, value in scope["headers"] if name == b"content-length"]
    return len(said) == 1 and said[0].isdigit() and int(said[0]) <= LONGEST


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body; None: the client went away. The server lets no more through than was announced."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _no_write(_: bytes) -> None:
    raise RuntimeError("Flask answers by what it returns")
