"""A receiver of webhooks over a real socket: checks each signature with the library of the standard, misbehaves when told."""

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass
class Behaviour:
    """What it answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"ok":true}'
    hang: threading.Event | None = None  # until it is set there is no answer
    drop: bool = False  # the connection is closed instead
    drip: bool = False  # a byte now and then, and never an end


@dataclass(frozen=True)
class Got:
    """One request."""

    id: str
    at: float  # of this machine's monotonic clock
    headers: dict[str, str]
    body: bytes
    verified: bool

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def subject(self) -> str:
        return str(self.said["data"].get("party", ""))


class Receiver:
    """Listens on a port of localhost."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.secrets: list[str] = []
        self.got: list[Got] = []
        self.behaviour = Behaviour()
        self.behave: Callable[[Got], Behaviour] = lambda _: self.behaviour
        self.connections = 0
        self._wake = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_POST(self) -> None:
                outer._take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *_: object) -> None:
                """A client that hung up is no error."""

        self._server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, count: int, seconds: float = 20) -> list[Got]:
        """Wait until so many requests came."""
        with self._wake:
            assert self._wake.wait_for(lambda: len(self.got) >= count, seconds), f"{len(self.got)} of {count} came"
            return list(self.got)

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        got = Got(headers["webhook-id"], time.monotonic(), headers, body, self._is_right(headers, body))
        behaviour = self.behave(got)
        with self._wake:
            self.got.append(got)
            self._wake.notify_all()
        if behaviour.hang is not None:
            behaviour.hang.wait(60)
        if behaviour.drop:
            handler.close_connection = True
            return
        if behaviour.drip:
            _drip(handler)
            return
        handler.send_response(behaviour.status)
        for name, value in behaviour.headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(behaviour.body)))
        handler.end_headers()
        handler.wfile.write(behaviour.body)

    def _is_right(self, headers: dict[str, str], body: bytes) -> bool:
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            return True
        return False


def _drip(handler: BaseHTTPRequestHandler) -> None:
    stop = threading.Event()
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stop.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        handler.close_connection = True
