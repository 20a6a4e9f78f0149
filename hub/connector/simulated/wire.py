"""HTTPS on this machine: reads requests, sends answers, and breaks them on command."""

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.connector.simulator import Faults

_MOST = 64 * 1024 * 1024  # bytes of a request
_HANDSHAKE_S = 5.0
_SIGN_IN = b"<!DOCTYPE html><html lang=en><title>Sign in</title><p>To continue, sign in to your network.</html>"


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are in lower case, the path is still percent-encoded."""

    http: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""
    media: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    wrote: bool = False  # something changed


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers or {})


class Server(ThreadingHTTPServer):
    """The listening side; knows its open connections, so that it can end them.

    Args:
        is_api: says of a path whether faults of the connection may happen to its answers.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        answer: Callable[[Request], Answer],
        faults: Faults,
        is_api: Callable[[str], bool],
    ) -> None:
        self.context, self.answer, self.faults, self.is_api = context, answer, faults, is_api
        self.stopping = threading.Event()
        self.asked = 0
        self._open: set[socket.socket] = set()
        self._count = threading.Condition()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Speak TLS with one client, in its own thread."""
        try:
            request.settimeout(_HANDSHAKE_S)
            secured = self.context.wrap_socket(request, server_side=True)
        except (OSError, ValueError):
            request.close()
            return
        secured.settimeout(None)
        with self._count:
            self._open.add(secured)
        try:
            self.finish_request(secured, client_address)
        except OSError:
            pass  # the client went away
        finally:
            secured.close()
            with self._count:
                self._open.discard(secured)
                self._count.notify_all()

    def count(self) -> None:
        with self._count:
            self.asked += 1

    def cut(self) -> None:
        """Break every connection."""
        with self._count:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Stop listening, break every connection, and wait until their threads are done."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self.cut()
        with self._count:
            self._count.wait_for(lambda: not self._open, _HANDSHAKE_S)


class _Handler(BaseHTTPRequestHandler):
    """One connection of one client."""

    protocol_version = "HTTP/1.1"
    server_version = "Simulated"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def _serve(self) -> None:
        self.server.count()
        try:
            body = self._body()
        except ValueError:
            self.close_connection = True
            self._send(Answer(413))
            return
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path, parse_qsl(url.query, keep_blank_values=True), headers, body)
        if self.server.is_api(url.path):
            self._answer_api(request)
        else:
            self._send(self.server.answer(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class looks for these names

    def _body(self) -> bytes:
        """Read the request's body. Raises ValueError for too much of it."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _MOST:
            raise ValueError("too large, or no length at all")
        return self.rfile.read(length) if length else b""

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if size < 0 or len(found) + size > _MOST:
                raise ValueError("too large")
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    # -- faults of the connection -----------------------------------------------------------------------------------

    def _answer_api(self, request: Request) -> None:
        take = self.server.faults.take
        if take("hang"):
            self._wait_for_the_end()
            return
        if take("html_instead_of_json"):
            self._send(Answer(200, _SIGN_IN, "text/html; charset=UTF-8"))
            return
        answer = self.server.answer(request)
        if answer.wrote and take("commit_then_timeout"):
            self._break(b"")
        elif take("reset"):
            whole = self._whole(answer)
            self._break(whole[: len(whole) - len(answer.body) // 2 - 1])
        elif answer.body and take("truncated_json"):
            half = answer.body[: len(answer.body) // 2]
            self._send(Answer(answer.status, half, answer.content_type, answer.headers))
        elif take("slow"):
            self._dribble(self._whole(answer))
        else:
            self._send(answer)

    def _wait_for_the_end(self) -> None:
        """Say nothing until the client gives up."""
        self.close_connection = True
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            try:
                if readable and not self.connection.recv(4096):
                    return
            except OSError:
                return

    def _break(self, beginning: bytes) -> None:
        """Send the beginning of an answer and reset the connection."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(beginning)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _dribble(self, whole: bytes) -> None:
        step = len(whole) // 20 + 1
        for at in range(0, len(whole), step):
            self.wfile.write(whole[at : at + step])
            self.server.stopping.wait(0.02)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _whole(self, answer: Answer) -> bytes:
        headers = {
            "Date": self.date_time_string(), "Server": self.server_version, **answer.headers,
            "Cache-Control": answer.headers.get("Cache-Control", "private"), "X-Content-Type-Options": "nosniff",
        }  # fmt: skip
        if answer.status != HTTPStatus.NO_CONTENT:
            headers["Content-Type"] = answer.content_type
            headers["Content-Length"] = str(len(answer.body))
        if self.close_connection:
            headers["Connection"] = "close"
        phrase = "Resume Incomplete" if answer.status == 308 else HTTPStatus(answer.status).phrase
        head = f"HTTP/1.1 {answer.status} {phrase}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        return head.encode("latin-1", "replace") + b"\r\n" + answer.body

    def _send(self, answer: Answer) -> None:
        self.wfile.write(self._whole(answer))
