"""Live calls to the browsers: one server-sent event stream per browser, an ASGI app, no framework.

A stream costs a small coroutine, never a thread. `Live` answers /events itself and hands every other request to
`otherwise`: in `hub up` that is the Flask app, so one process serves everything.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

from hub import log
from hub.live.bus import Bus
from hub.live.cards import message
from hub.live.stream import Stream
from hub.security.policy import Right, may
from hub.security.sessions import Found

LOG = log.get(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
SessionOf = Callable[[str], Found | None]
InForce = Callable[[Collection[int]], AbstractSet[int]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# How often the sessions of all open streams are looked at again, in one question: so late does it end what another
# process has ended (a user disabled by the command line, a session signed out elsewhere) and no bus tells.
RECHECK_S = 3.0
RETRY_MS = 2000  # how long a browser waits before it joins again
PING = "event: ping\ndata: {}\n\n"  # an event, since a browser's program does not see comments: it notices silence
PATH = "/events"
FRAME = b"hub-embed"  # the header that a page in another product's frame sends instead of a cookie
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
]


class Live:
    """The ASGI app.

    Args:
        session_of: from a Cookie header to the session; it may read the database, so it runs in a thread. It must
            not count as a request of that person: a stream keeps no session alive.
        in_force: which of these sessions have not ended; as above.
        otherwise: answers every other request, and the lifespan messages.
        session_of_frame: the same from the token of a page in another product's frame.
        version: of the pages' files; told at the beginning, so that an old page can offer to reload.
    """

    def __init__(  # noqa: PLR0913 - what it stands between, and how patient it is
        self,
        bus: Bus,
        session_of: SessionOf,
        in_force: InForce,
        otherwise: App,
        ping_s: float,
        *,
        session_of_frame: SessionOf | None = None,
        version: str = "",
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._bus = bus
        self._session_of = session_of
        self._session_of_frame = session_of_frame
        self._in_force = in_force
        self._otherwise = otherwise
        self._ping_s = ping_s
        self._version = version
        self._recheck_s = recheck_s
        self._open: dict[Stream, int] = {}  # with the id of its session
        self._rechecking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._otherwise(scope, receive, send)
        elif scope["method"] != "GET":
            await answer(send, 405, [(b"allow", b"GET")])
        else:
            await self._events(scope, receive, send)

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = await asyncio.to_thread(self._found, scope)
        except Exception:
            # Without the database nobody can be known; the browser asks again.
            LOG.exception("session of a stream could not be read")
            await answer(send, 503, [(b"retry-after", b"5")])
            return
        if found is None or not found.person.id or not may(found.person.role, Right.USE):
            await answer(send, 401)
            return
        stream = self._bus.join(found.person.id)
        watch = asyncio.create_task(end_when_closed(receive, stream))
        self._open[stream] = found.id
        if self._rechecking is None or self._rechecking.done():
            self._rechecking = asyncio.create_task(self._recheck())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            # At the end of the process the server cancels what is open; the browsers then join the next one.
            with suppress(asyncio.CancelledError):
                await self._pump(stream, send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            watch.cancel()
            self._bus.leave(stream)
            del self._open[stream]
            if not self._open and self._rechecking is not None:
                self._rechecking.cancel()
                self._rechecking = None

    def _found(self, scope: Scope) -> Found | None:
        tokens = [value.decode("latin-1") for name, value in scope["headers"] if name == FRAME]
        if tokens:
            return self._session_of_frame(tokens[0]) if self._session_of_frame else None
        return self._session_of("; ".join(v.decode("latin-1") for name, v in scope["headers"] if name == b"cookie"))

    async def _pump(self, stream: Stream, send: Send) -> None:
        """Send what comes, and a sign of life when nothing does, until the stream ends."""
        greeting = message("hello", {"version": self._version, "now": time.time() * 1000, "ping_s": self._ping_s})
        first = await stream.next(self._ping_s)
        text: str | None = None if first is None else f"retry: {RETRY_MS}\n{first}{greeting}"
        while text is not None:
            await send({"type": "http.response.body", "body": (text or PING).encode(), "more_body": True})
            text = await stream.next(self._ping_s)

    async def _recheck(self) -> None:
        """End the streams whose sessions have ended; one question for all of them."""
        while True:
            await asyncio.sleep(self._recheck_s)
            asked = dict(self._open)
            try:
                good = await asyncio.to_thread(self._in_force, set(asked.values()))
            except Exception:
                # The database is away for a moment: cut nobody off for that, look again at the next turn.
                LOG.exception("sessions of streams could not be read")
                continue
            for stream, session_id in asked.items():
                if session_id not in good:
                    stream.end()


async def end_when_closed(receive: Receive, stream: Stream) -> None:
    """End the stream when its browser has gone."""
    with suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
        stream.end()


async def answer(send: Send, status: int, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send an answer without a body."""
    always = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*always, *(headers or [])]})
    await send({"type": "http.response.body", "body": b""})
