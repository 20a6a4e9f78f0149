"""A mail server for tests: it keeps what it takes, and answers as it is told to at any step (RFC 5321, 3207, 4954)."""

import base64
import socketserver
import ssl
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

CUT = "cut"  # close the connection in place of the answer
HOLD = "hold"  # answer only when `go_on` is set; or never, where the server is stopped before
CONTENT = "content"  # the step after DATA, when all of the mail is there


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that came in whole, whatever was answered then."""

    sender: str
    to: str
    raw: bytes
    encrypted: bool

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"])


class SmtpServer:
    """One mail server on a free port.

    Attributes:
        answers: by step (`connect`, a command, CONTENT), in place of the usual answer: a line such as "451 later",
            CUT or HOLD.
        to: by address, the answer to RCPT.
    """

    def __init__(
        self,
        certificate: Path | None = None,
        *,
        implicit: bool = False,
        user: str = "",
        password: str = "",
        port: int = 0,
    ) -> None:
        self.answers: dict[str, str] = {}
        self.to: dict[str, str] = {}
        self.taken: list[Taken] = []
        self.asked: list[str] = []  # commands as they came
        self.go_on = threading.Event()
        self.user, self.password, self.implicit = user, password, implicit
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    _Conversation(server, self.request).run()
                except (OSError, EOFError):
                    return  # the client is gone

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                raise  # noqa: PLE0704 - called while an exception is handled

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _CutError(OSError):
    pass


class _Conversation:
    def __init__(self, server: SmtpServer, connection: Any) -> None:
        self.server = server
        self.connection = connection
        self.encrypted = False
        self.sender, self.to = "", ""
        self.buffer = b""

    def run(self) -> None:
        if self.server.implicit:
            self._encrypt()
        try:
            self._answer("connect", "220 mail.example ESMTP")
            while True:
                line = self._line()
                self.server.asked.append(line)
                if not self._command(line):
                    return
        finally:
            if self.encrypted:  # the plain one is closed by who opened it
                self.connection.close()

    def _command(self, line: str) -> bool:  # noqa: C901 - one case for each command
        verb = line.partition(" ")[0].upper()
        server = self.server
        match verb:
            case "EHLO":
                offers = ["mail.example", "8BITMIME"]
                offers += ["STARTTLS"] if server.tls and not self.encrypted else []
                offers += ["AUTH PLAIN LOGIN"] if server.user else []
                lines = [f"250{'-' if n < len(offers) - 1 else ' '}{offer}" for n, offer in enumerate(offers)]
                self._answer(verb, "\r\n".join(lines))
            case "STARTTLS" if server.tls:
                if self._answer(verb, "220 go on"):
                    self._encrypt()
            case "AUTH":
                given = base64.b64decode(line.rpartition(" ")[2]).decode().split("\0")[1:]
                good = given == [server.user, server.password]
                self._answer(verb, "235 welcome" if good else "535 5.7.8 no such user or password")
            case "MAIL":
                self.sender = line.partition("<")[2].partition(">")[0]
                self._answer(verb, "250 yes")
            case "RCPT":
                self.to = line.partition("<")[2].partition(">")[0]
                self._answer(verb, server.to.get(self.to, "250 yes"))
            case "DATA":
                if self._answer(verb, "354 go on"):
                    raw = self._content()
                    if server.answers.get(CONTENT, "2")[0] not in "45":
                        server.taken.append(Taken(self.sender, self.to, raw, self.encrypted))
                    self._answer(CONTENT, "250 taken")
            case "QUIT":
                self._answer(verb, "221 bye")
                return False
            case _:
                self._answer(verb, "250 yes" if verb in {"RSET", "NOOP", "HELO"} else "502 not here")
        return True

    def _answer(self, step: str, usual: str) -> bool:
        """Answer a step; False: not as usual."""
        told = self.server.answers.get(step, usual)
        if told == HOLD:
            self.server.go_on.wait(60)
            told = usual
        if told == CUT:
            raise _CutError
        self.connection.sendall(told.encode() + b"\r\n")
        return told == usual

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        assert not self.buffer, "commands before the encryption"
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.encrypted = True

    def _line(self) -> str:
        return self._until(b"\r\n").decode("utf-8", "replace")

    def _content(self) -> bytes:
        raw = self._until(b"\r\n.\r\n") + b"\r\n"
        return raw.replace(b"\r\n..", b"\r\n.")

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise EOFError
            self.buffer += chunk
        found, _, self.buffer = self.buffer.partition(end)
        return found
