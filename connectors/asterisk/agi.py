"""Answers Asterisk's question "who is calling?" over FastAGI: a name for the desk phone and the extension of the owner.

A caller waits while we answer: nothing rings before the script ends, and AGI() has no time limit of its own. So
every look-up has 300 ms, every connection 3 s in all, and a watchdog closes the listener when it does not get
through any more, because a closed port fails at once and the call goes on.

Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/
"""

import contextlib
import ipaddress
import queue
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from asterisk.agi import AGI, AGIException, AGISIGHUPHangup

from connectors.asterisk.settings import AsteriskSettings
from hub.connector.exchange import Greeting, Inquiry

log = structlog.get_logger()

LOOKUP_S = 0.3
SILENCE_S = 2.0  # between two lines of the exchange
WHOLE_S = 3.0  # of one connection
LINE_LIMIT = 4096
LINES_LIMIT = 100
CONNECTIONS = 64
LOOKUPS = 8  # at the same time; a look-up that hangs keeps its place until it ends
PROBE_EVERY_S = 2.0
PROBE_WITHIN_S = 1.0
CLOSED_S = 10.0  # how long the listener stays closed after the watchdog gave up
PROBE = "hub-probe"

# What an extension may look like; the same pattern is the second lock, in the dialplan.
OWNER = re.compile(r"^[1-9][0-9]{1,5}\Z")
UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')
# `unknown` is AGI's word for a missing value, the others are what carriers and phones send for a withheld number.
NO_NUMBER = frozenset({"", "unknown", "<unknown>", "anonymous", "restricted", "private", "withheld"})
RESTRICTION = 0x60  # of the presentation: https://docs.asterisk.org/ function CALLERPRES, ast_party_id_presentation
RESTRICTED = 0x20

Answer = Callable[[Inquiry], Greeting]


class _Null:
    """Takes pyst2's log of all caller data, and drops it."""

    def write(self, text: str) -> None:
        """Drop the text."""

    def flush(self) -> None:
        """Do nothing."""


class _Lines:
    """Reads lines of the exchange with a limit on their length, their number and the time of all together."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._rest = b""
        self._lines = 0
        self._deadline = time.monotonic() + WHOLE_S

    def readline(self) -> str:
        """Return one line; an empty one at the end. Raises OSError when a limit is reached."""
        while b"\n" not in self._rest:
            left = self._deadline - time.monotonic()
            if left <= 0 or len(self._rest) > LINE_LIMIT:
                msg = "the exchange takes too long or says too much"
                raise TimeoutError(msg)
            self._socket.settimeout(min(left, SILENCE_S))
            data = self._socket.recv(4096)
            if not data:
                return ""
            self._rest += data
        self._lines += 1
        if self._lines > LINES_LIMIT:
            msg = "the exchange says too much"
            raise TimeoutError(msg)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace") + "\n"


class _Sender:
    """Writes commands as bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def write(self, text: str) -> None:
        """Send a command."""
        self._socket.sendall(text.encode("utf-8", "replace"))

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""


class FastAgi(AGI):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's AGI over a socket. Its own constructor sets a signal handler and writes all callers to stderr."""

    def __init__(self, sock: socket.socket) -> None:
        self.stdin = _Lines(sock)
        self.stdout = _Sender(sock)
        self.stderr = _Null()
        self._got_sighup = False
        self.env: dict[str, str] = {}
        self._get_agi_env()

    def _quote(self, value: object) -> str:
        """Quote a value without what could end the quotes or the line: a second command would run."""
        return '"' + UNSAFE.sub(" ", str(value))[:80] + '"'

    def get_result(self, stdin: object = None) -> Any:
        """Read one answer. pyst2 cannot read the end of the connection, nor the line HANGUP."""
        del stdin
        try:
            return super().get_result()
        except ValueError:
            msg = "channel gone"
            raise AGISIGHUPHangup(msg) from None


def inquiry(env: dict[str, str]) -> Inquiry:
    """Read the question out of AGI's environment. The arguments are the Linkedid and a keyed customer number."""
    number = env.get("agi_callerid", "")
    try:
        presentation = int(env.get("agi_callingpres", "0"))
    except ValueError:
        presentation = 0
    nameless = number.lower() in NO_NUMBER
    did = env.get("agi_dnid", "")
    if did.lower() in NO_NUMBER:
        did = env.get("agi_extension", "")
    name = env.get("agi_calleridname", "")
    return Inquiry(
        number="" if nameless else number[:40],
        name="" if name.lower() in NO_NUMBER else name[:80],
        did=did[:40],
        withheld=nameless or presentation & RESTRICTION == RESTRICTED,
        keyed=re.sub(r"[^0-9*#]", "", env.get("agi_arg_2", ""))[:20],
        call_ref=(env.get("agi_arg_1") or env.get("agi_uniqueid", ""))[:150],
    )


class Receptionist:
    """The FastAGI server of one exchange."""

    def __init__(self, settings: AsteriskSettings, answer: Answer) -> None:
        self._settings = settings
        self._answer = answer
        self._peers = [ipaddress.ip_network(peer, strict=False) for peer in settings.agi_peers]
        self._lookups = threading.BoundedSemaphore(LOOKUPS)
        self._connections = threading.BoundedSemaphore(CONNECTIONS)
        self.port = settings.agi_port

    def serve(self, stop: threading.Event) -> None:
        """Answer until `stop`; after trouble close, wait, and open again."""
        while not stop.is_set():
            try:
                server = self._open()
            except OSError:
                # The port is taken or the address is not ours (yet).
                stop.wait(CLOSED_S)
                continue
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="agi", daemon=True)
            thread.start()
            try:
                self._watch(stop)
            finally:
                server.shutdown()
                server.server_close()
                thread.join(2)
            stop.wait(CLOSED_S)

    def _open(self) -> socketserver.TCPServer:
        receptionist = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                receptionist.attend(self.request, self.client_address[0])

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True
            address_family = socket.AF_INET6 if ":" in receptionist._settings.agi_host else socket.AF_INET

            def handle_error(self, request: object, client_address: object) -> None:
                """Keep callers' data off stderr; the exchange goes on when the connection closes."""

        return Server((self._settings.agi_host, self._settings.agi_port), Handler)

    def _watch(self, stop: threading.Event) -> None:
        """Return when we do not get an answer from ourselves any more, or on `stop`."""
        failed = 0
        while not stop.wait(PROBE_EVERY_S):
            failed = 0 if self._probe() else failed + 1
            if failed > 1:
                return

    def _probe(self) -> bool:
        try:
            with socket.create_connection((self._settings.agi_host, self.port), PROBE_WITHIN_S) as sock:
                sock.sendall(f"agi_request: {PROBE}\n\n".encode())
                return sock.recv(16) == b""
        except OSError:
            return False

    def attend(self, sock: socket.socket, peer: str) -> None:
        """Serve one connection; whatever goes wrong, it ends, and the call goes on."""
        if not self._connections.acquire(blocking=False):
            return
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
            allowed = any(address in network for network in self._peers)
            if not allowed and peer != self._settings.agi_host:
                return
            with contextlib.suppress(AGIException, OSError):
                agi = FastAgi(sock)
                if allowed and agi.env and agi.env.get("agi_request") != PROBE:
                    self._greet(agi)
        finally:
            self._connections.release()

    def _greet(self, agi: FastAgi) -> None:
        question = inquiry(agi.env)
        greeting = self._look_up(question)
        if greeting is None:
            return
        name = UNSAFE.sub(" ", greeting.display_name).strip()
        if self._settings.agi_names and name and (not question.withheld or self._settings.reveal_withheld):
            if question.withheld:
                # Without both the phone keeps showing Anonymous, whatever the name [seen on Asterisk 22].
                agi.set_variable("CALLERID(name-pres)", "allowed")
                agi.set_variable("CALLERID(num-pres)", "allowed")
            agi.set_variable("CALLERID(name)", name)
        if self._settings.agi_owner and OWNER.match(greeting.owner_extension):
            agi.set_variable("HUB_OWNER", greeting.owner_extension)

    def _look_up(self, question: Inquiry) -> Greeting | None:
        """Ask the hub, for 300 ms; None where it is slow, ill or busy with look-ups that hang."""
        if not self._lookups.acquire(blocking=False):
            return None
        found: queue.SimpleQueue[Greeting | None] = queue.SimpleQueue()

        def work() -> None:
            greeting = None
            try:
                greeting = self._answer(question)
            except Exception:
                # Not our code: whatever fails there, the caller must not wait for it.
                log.exception("look-up for the exchange failed", call=question.call_ref)
            finally:
                self._lookups.release()
                found.put(greeting)

        threading.Thread(target=work, name="agi-lookup", daemon=True).start()
        try:
            return found.get(timeout=LOOKUP_S)
        except queue.Empty:
            return None


def attend(settings: AsteriskSettings, answer: Answer, stop: threading.Event) -> None:
    """Answer the exchange's questions about callers until `stop`; returns at once where no port is configured."""
    if settings.agi_port:
        Receptionist(settings, answer).serve(stop)
