"""The least that can tell a browser something: a uvicorn that passes lines from a socket on to event streams.

The baseline of what the hub does between a telephone exchange and a screen. No sessions, no rows, no look-ups.
"""

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.fakes.servers import free_port, wait_for

Message = MutableMapping[str, Any]
PAGE = b"""<!doctype html><meta charset=utf-8><title>bare</title><p id=shown></p><script>
window.told = new EventSource("/events?0");
window.told.addEventListener("call.ringing", (e) => {
  document.getElementById("shown").textContent = e.data;
  const call = JSON.parse(e.data).number;
  requestAnimationFrame(() => setTimeout(() => performance.mark("bare", { detail: { call } })));
});
</script>"""


class Broadcaster:
    """The ASGI app; `/events?7` is the stream of user 7."""

    def __init__(self) -> None:
        self._streams: defaultdict[str, list[asyncio.Queue[bytes]]] = defaultdict(list)

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        while scope["method"] == "POST" and (await receive()).get("more_body"):
            pass
        stream = scope["path"] == "/events"
        kind = b"text/event-stream" if stream else b"text/html"
        size = [] if stream else [(b"content-length", str(len(PAGE)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *size]})
        if not stream:
            await send({"type": "http.response.body", "body": PAGE})
            return
        waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams[scope["query_string"].decode()].append(waiting)
        await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await waiting.get(), "more_body": True})

    async def hear(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        """Pass on what comes: one JSON object a line, with `users` and `number`."""
        while line := await reader.readline():
            said = json.loads(line)
            data = json.dumps({"number": said["number"]})
            for user in said["users"]:
                for waiting in self._streams[str(user)]:
                    waiting.put_nowait(f"event: call.ringing\ndata: {data}\n\n".encode())


async def _serve(port: int, control: int) -> None:
    app = Broadcaster()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off", backlog=2048)
    )
    async with await asyncio.start_server(app.hear, "127.0.0.1", control):
        await server.serve()


def main(port: int, control: int) -> None:
    asyncio.run(_serve(port, control))


@contextmanager
def running() -> Iterator[tuple[int, int]]:
    """Run one in a process of its own; gives its port for browsers and the one for what is to be told."""
    port, control = free_port(), free_port()
    process = subprocess.Popen([sys.executable, "-c", f"from tests.bench.bare import main; main({port}, {control})"])
    try:
        wait_for(port, process)
        yield port, control
    finally:
        process.kill()
        process.wait()
