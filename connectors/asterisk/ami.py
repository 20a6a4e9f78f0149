"""Hears one Asterisk over its manager interface (AMI): connect, log in, cut the stream into messages, come back after a loss.

The reader waits for nothing but the socket. What it keeps goes to the sink, one call per read; what the hub does
with it later cannot slow the exchange down, which keeps one list of events for all its listeners.

Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/AMI-v2-Specification/
"""

import contextlib
import os
import random
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, Self

from connectors.asterisk.message import wanted
from connectors.asterisk.settings import AsteriskSettings
from hub.connector.exchange import Sink
from hub.errors import AuthError, ConnectorError, RejectedError, RetryLaterError

END = b"\r\n\r\n"
READ_BYTES = 65536
MESSAGE_LIMIT = 1_000_000  # the longest real messages are a few kB; a line of 200 kB was seen to work
BANNER_LIMIT = 512
TICK_S = 0.2  # how often a waiting reader looks whether it shall stop
STEADY_S = 10.0  # a connection that lived so long was a success, so the next loss starts with a short delay again
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 30.0
# Exchanges lock addresses out that fail to log in (fail2ban), and a wrong password does not mend itself.
FIRST_REFUSED_S, LAST_REFUSED_S = 15.0, 300.0
ASK_AGAIN_S = 1.0


class GarbageError(RetryLaterError):
    """The peer sent what is no AMI."""


class Stopped(Exception):  # noqa: N818 - not an error: the hub asked for the end
    """The stop event was set while we waited."""


class Framer:
    """Cuts a byte stream, arriving in any pieces, into AMI messages without their empty lines."""

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._rest = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read and return the messages that it completed.

        Raises:
            GarbageError: no end of message within the limit.
        """
        rest = self._rest
        # Look only at what is new (and the three bytes before it): a peer that sends single bytes costs no more.
        start = max(0, len(rest) - len(END) + 1)
        rest += data
        if rest.find(END, start) < 0:
            if len(rest) > self._limit:
                size = len(rest)
                rest.clear()
                msg = f"The exchange sent {size} bytes without the end of a message; is the port that of the manager?"
                raise GarbageError(msg)
            return []
        parts = bytes(rest).split(END)
        self._rest = bytearray(parts.pop())
        # Some events are followed by one more empty line, so the next message begins with it.
        return [message for part in parts if (message := part.lstrip(b"\r\n"))]


def fields(message: bytes) -> dict[str, str]:
    """Read the headers of an answer to us. Of repeated headers the first counts; a line without a colon is skipped."""
    found: dict[str, str] = {}
    for line in message.decode("utf-8", "replace").split("\r\n"):
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key, value.lstrip(" "))
    return found


def action(name: str, headers: Iterable[tuple[str, str]] = (), *, action_id: str = "") -> bytes:
    """Write one action.

    Raises:
        ValueError: a value holds a line break, which would smuggle in another header or action.
    """
    pairs = [("Action", name), *headers]
    if action_id:
        pairs.append(("ActionID", action_id))
    for key, value in pairs:
        if any(character in f"{key}{value}" for character in "\r\n\0"):
            msg = f"line break in header {key!r}"
            raise ValueError(msg)
    return "".join(f"{key}: {value}\r\n" for key, value in pairs).encode("utf-8", "surrogateescape") + b"\r\n"


def tls_context(settings: AsteriskSettings) -> ssl.SSLContext:
    """Make the context that checks the exchange's certificate and name.

    Raises:
        RetryLaterError: the CA certificate of the settings cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if not settings.ca:
            context.load_default_certs()
        elif settings.ca.lstrip().startswith("-----BEGIN"):
            context.load_verify_locations(cadata=settings.ca)
        else:
            context.load_verify_locations(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        msg = f"The CA certificate cannot be read ({error}); correct the setting `ca`."
        raise RetryLaterError(msg) from error
    return context


def open_socket(settings: AsteriskSettings, stop: threading.Event | None = None) -> socket.socket:
    """Connect, with TLS where the settings say so, within `timeout_s`.

    Raises:
        RetryLaterError: nobody answers, or not as a manager with these TLS settings; says what to look at.
        Stopped: `stop` was set meanwhile.
    """
    deadline = time.monotonic() + settings.timeout_s
    place = f"{settings.host}:{settings.port}"
    try:
        sock = _connected(settings.host, settings.port, deadline, stop)
    except TimeoutError as error:
        msg = f"{place} does not answer within {settings.timeout_s:g} s: is the host right, does a firewall drop us?"
        raise RetryLaterError(msg) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of the name is too long
        reason = getattr(error, "strerror", "") or str(error)
        msg = f"{place} cannot be reached ({reason}): does Asterisk run, is the manager enabled on this port?"
        raise RetryLaterError(msg) from error
    # A dead network is noticed by Ping; this also ends connections that a firewall forgot.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not settings.tls:
        return sock
    try:
        return _encrypted(sock, settings, deadline, stop)
    except BaseException:
        sock.close()
        raise


def _connected(host: str, port: int, deadline: float, stop: threading.Event | None) -> socket.socket:
    """Try each address of the host, without blocking, so that `stop` is seen."""
    error: OSError = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                sock.connect(address)
            _wait(sock, deadline, stop, write=True)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                return sock
            error = OSError(code, os.strerror(code))
            sock.close()
        except OSError as failed:
            error = failed
            sock.close()
        except BaseException:
            sock.close()
            raise
    raise error


def _wait(sock: socket.socket, deadline: float, stop: threading.Event | None, *, write: bool = False) -> None:
    """Wait until the socket is ready; TimeoutError at the deadline, Stopped on `stop`."""
    poll = select.poll()  # not select(): a busy hub has more than 1,024 open files
    poll.register(sock, select.POLLOUT if write else select.POLLIN)
    while True:
        if stop is not None and stop.is_set():
            raise Stopped
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if poll.poll(min(left, TICK_S) * 1000):
            return


def _encrypted(
    plain: socket.socket, settings: AsteriskSettings, deadline: float, stop: threading.Event | None
) -> ssl.SSLSocket:
    place = f"{settings.host}:{settings.port}"
    name = settings.tls_name or settings.host
    context = tls_context(settings)
    try:
        sock = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        _shake_hands(sock, deadline, stop)
    except ssl.SSLCertVerificationError as error:
        msg = (
            f"The certificate of {place} is not accepted ({error.verify_message}): give its CA in `ca`, "
            "or the name it carries in `tls_name`."
        )
        raise RetryLaterError(msg) from error
    except TimeoutError as error:
        msg = f"{place} does not answer in TLS within {settings.timeout_s:g} s: is it the TLS port (often 5039)?"
        raise RetryLaterError(msg) from error
    except ValueError as error:
        msg = f"{name!r} is no name for a certificate: correct the setting `tls_name`."
        raise RetryLaterError(msg) from error
    except OSError as error:
        reason = getattr(error, "reason", "") or error.strerror or "connection closed"
        msg = f"{place} does not speak TLS as we do ({reason}): is it the TLS port (often 5039)?"
        raise RetryLaterError(msg) from error
    return sock


def _shake_hands(sock: ssl.SSLSocket, deadline: float, stop: threading.Event | None) -> None:
    """Finish the handshake, or close."""
    done = False
    try:
        while not done:
            try:
                sock.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                _wait(sock, deadline, stop)
            except ssl.SSLWantWriteError:
                _wait(sock, deadline, stop, write=True)
    finally:
        if not done:
            sock.close()


class Connection:
    """One manager connection, logged in. Used by one thread."""

    def __init__(self, settings: AsteriskSettings, stop: threading.Event | None = None, *, events: str = "on") -> None:
        """Connect and log in; raises as `open_socket`, and AuthError where the exchange refuses user or secret."""
        self._settings = settings
        self._stop = stop
        self._framer = Framer()
        self._count = 0
        self._unread: deque[bytes] = deque()  # whole messages that nobody has looked at
        self._aside: deque[bytes] = deque()  # older ones that came while we waited for an answer
        self.heard_at = time.monotonic()
        self._tag = f"hub{random.getrandbits(48):012x}"  # tells answers apart, protects nothing
        self._socket = open_socket(settings, stop)
        self._socket.settimeout(0)
        try:
            self.banner = self._read_banner()
            self._log_in(events)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection without waiting for anybody."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ConnectorError, Stopped, OSError):
            self.send("Logoff")
        self.close()

    @property
    def socket(self) -> socket.socket:
        """The socket, for its certificate."""
        return self._socket

    def send(self, name: str, headers: Iterable[tuple[str, str]] = ()) -> str:
        """Send one action and return its ActionID."""
        self._count += 1
        action_id = f"{self._tag}-{self._count}"
        data = action(name, headers, action_id=action_id)
        deadline = time.monotonic() + self._settings.timeout_s
        while data:
            try:
                data = data[self._socket.send(data) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._await(deadline, write=True)
            except ssl.SSLWantReadError:
                self._await(deadline)
            except OSError as error:
                raise self._lost(error) from error
        return action_id

    def read(self, wait_s: float) -> bytes:
        """Return what arrived, up to 64 kB; nothing when `wait_s` passed in silence.

        Raises:
            RetryLaterError: the exchange closed the connection.
            Stopped: the stop event is set.
        """
        deadline = time.monotonic() + wait_s
        while True:
            try:
                data = self._socket.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                try:
                    _wait(self._socket, deadline, self._stop)
                except TimeoutError:
                    return b""
            except OSError as error:
                raise self._lost(error) from error
            else:
                if not data:
                    msg = f"The exchange at {self._settings.host} closed the connection."
                    raise RetryLaterError(msg)
                self.heard_at = time.monotonic()
                return data

    def messages(self, wait_s: float) -> list[bytes]:
        """Return whole messages: those put aside while we waited for an answer, else what arrives within `wait_s`."""
        if self._aside or self._unread:
            found = [*self._aside, *self._unread]
            self._aside.clear()
            self._unread.clear()
            return found
        return self._framer.feed(self.read(wait_s))

    def ask(self, name: str, headers: Iterable[tuple[str, str]] = (), *, keep: bool = False) -> dict[str, str]:
        """Send an action and return the headers of its answer; `keep` leaves it in the stream of messages too.

        Raises:
            RetryLaterError: no answer in time.
        """
        action_id = self.send(name, headers)
        answer = self.next(lambda text: text.startswith(b"Response:") and _is_of(text, action_id), name, keep=keep)
        return fields(answer)

    def ask_list(self, name: str, headers: Iterable[tuple[str, str]] = ()) -> list[dict[str, str]]:
        """Send an action that answers with a list and return its entries.

        Raises:
            RejectedError: the exchange refuses.
            RetryLaterError: no whole list in time.
        """
        action_id = self.send(name, headers)
        answer = fields(self.next(lambda text: _is_of(text, action_id), name))
        if answer.get("Response") != "Success":
            msg = f"The exchange refuses {name}: {answer.get('Message', '')[:80]}"
            raise RejectedError(msg)
        entries: list[dict[str, str]] = []
        deadline = time.monotonic() + self._settings.timeout_s
        while True:
            entry = fields(self.next(lambda text: _is_of(text, action_id), name, deadline=deadline))
            if entry.get("EventList", "").lower() == "complete":
                return entries
            entries.append(entry)

    def next(
        self, match: Callable[[bytes], bool], what: str, *, keep: bool = False, deadline: float | None = None
    ) -> bytes:
        """Return the next message that matches; the others are put aside, in order, for `messages`.

        Raises:
            RetryLaterError: none came in time.
        """
        deadline = deadline or time.monotonic() + self._settings.timeout_s
        while True:
            while self._unread:
                message = self._unread.popleft()
                found = match(message)
                if keep or not found:
                    self._aside.append(message)
                if found:
                    return message
            left = deadline - time.monotonic()
            if left <= 0:
                msg = f"The exchange does not answer {what} within {self._settings.timeout_s:g} s."
                raise RetryLaterError(msg)
            self._unread.extend(self._framer.feed(self.read(left)))

    def _read_banner(self) -> str:
        """Read `Asterisk Call Manager/11.0.0`: one line, before anything else."""
        deadline = time.monotonic() + self._settings.timeout_s
        place = f"{self._settings.host}:{self._settings.port}"
        text = b""
        while b"\n" not in text and len(text) < BANNER_LIMIT:
            left = deadline - time.monotonic()
            data = self.read(left) if left > 0 else b""
            if not data:
                msg = f"{place} accepts us and says nothing: is it the manager port, and TLS as set here?"
                raise RetryLaterError(msg)
            text += data
        line, _, rest = text.partition(b"\n")
        if b"Call Manager/" not in line:
            shown = line[:60].decode("ascii", "backslashreplace").strip()
            msg = f"{place} is not an Asterisk manager; it says {shown!r}."
            raise GarbageError(msg)
        self._unread.extend(self._framer.feed(rest))
        return line.decode("ascii", "replace").strip()

    def _log_in(self, events: str) -> None:
        user, secret = self._settings.username, self._settings.secret.get_secret_value()
        answer = self.ask("Login", [("Username", user), ("Secret", secret), ("Events", events)])
        if answer.get("Response") == "Success":
            return
        said = answer.get("Message", "no reason given")[:80]
        if "auth" not in said.lower() and "permission" not in said.lower():
            msg = f"The exchange does not let us in now: {said}"
            raise RetryLaterError(msg)
        msg = (
            f"The exchange refuses user {user!r} ({said}). Compare name and secret with manager.conf, look at its "
            "`permit` and `deny` lines, then `manager reload`; fail2ban may have locked us out."
        )
        raise AuthError(msg)

    def _await(self, deadline: float, *, write: bool = False) -> None:
        try:
            _wait(self._socket, deadline, self._stop, write=write)
        except TimeoutError as error:
            msg = f"The exchange at {self._settings.host} takes nothing more from us."
            raise RetryLaterError(msg) from error

    def _lost(self, error: OSError) -> RetryLaterError:
        reason = error.strerror or type(error).__name__
        return RetryLaterError(f"The connection to {self._settings.host} broke ({reason}).")


def _is_of(message: bytes, action_id: str) -> bool:
    return f"ActionID: {action_id}".encode() in message.split(b"\r\n")


def greet(connection: Connection) -> dict[str, Any]:
    """Ask what the health page shows: versions, boot time, and how far the two clocks are apart."""
    facts: dict[str, Any] = {"banner": connection.banner}
    sent = time.time()
    pong = connection.ask("Ping")
    # The exchange read its clock somewhere between our question and its answer: take the middle.
    with contextlib.suppress(ValueError):
        facts["skew_s"] = round(float(pong.get("Timestamp", "")) - (sent + time.time()) / 2, 3)
    refused = []
    for name in ("CoreSettings", "CoreStatus"):
        answer = connection.ask(name, keep=True)  # the translator learns from it when the exchange started
        if answer.get("Response") != "Success":
            refused.append(name)
        facts.update(_named(answer))
    if refused:
        facts["warning"] = (
            f"Connected, but the exchange refuses {' and '.join(refused)}: calls in progress are not found again after "
            "a gap. Set write = originate,call,reporting for our user in manager.conf, then `manager reload`, and "
            "pause and resume this connection."
        )
    return facts


def _named(answer: Mapping[str, str]) -> dict[str, str]:
    names = {
        "AsteriskVersion": "version",
        "AMIversion": "ami_version",
        "SystemName": "system_name",
        "CoreStartupDate": "started_date",
        "CoreStartupTime": "started_time",
    }
    return {names[key]: value for key, value in answer.items() if key in names}


def listen(settings: AsteriskSettings, sink: Sink, stop: threading.Event) -> None:
    """Hear events until `stop`, coming back after every loss with growing, jittered delays."""
    losses, refusals = 0, 0
    while True:
        began = time.monotonic()
        error: ConnectorError
        try:
            _hear(settings, sink, stop)
        except Stopped:
            return
        except AuthError as refused:
            error, losses, refusals = refused, 0, refusals + 1
            retry_in = _delay(refusals, FIRST_REFUSED_S, LAST_REFUSED_S)
        except ConnectorError as lost:
            error, refusals = lost, 0
            losses = 1 if time.monotonic() - began > STEADY_S + settings.timeout_s else losses + 1
            retry_in = _delay(losses, FIRST_DELAY_S, LAST_DELAY_S)
            if isinstance(lost, GarbageError):
                sink.counted("garbage")
        sink.counted("reconnects")
        sink.disconnected(error, retry_in)
        if stop.wait(retry_in):
            return


def _delay(tries: int, first: float, last: float) -> float:
    """Double per try up to `last`; less by chance, so that many hubs do not come back in step."""
    return float(min(last, first * 2 ** min(tries - 1, 16)) * random.uniform(0.6, 1.0))  # noqa: S311 - not a secret


def _hear(settings: AsteriskSettings, sink: Sink, stop: threading.Event) -> NoReturn:
    """Hear one connection until it breaks, or until `stop`: then it raises Stopped."""
    with Connection(settings, stop) as connection:
        facts = greet(connection)
        sink.connected(facts)
        ask_at: float | None = 0.0
        deaf = False  # the hub had no room for a message: those after it make no sense until it knows all again
        pinged_at: float | None = None
        while True:
            if stop.is_set():
                raise Stopped
            if ask_at is not None and time.monotonic() >= ask_at:
                if deaf:
                    sink.missed()
                _ask_state(connection)
                ask_at, deaf = None, False
            pinged_at = _keep_alive(connection, settings, pinged_at)
            messages = connection.messages(min(1.0, settings.keepalive_s / 2))
            if deaf:
                sink.counted("received", len(messages))
                sink.counted("dropped", len(messages))
            elif not _deliver(messages, sink):
                ask_at, deaf = time.monotonic() + ASK_AGAIN_S, True
            elif any(message.startswith(b"Event: FullyBooted") for message in messages):
                ask_at = 0.0


def _ask_state(connection: Connection) -> None:
    """Ask for everything that lives now; the answers flow through the same stream, in order with the events."""
    for name in ("CoreStatus", "CoreShowChannels"):
        connection.send(name)


def _keep_alive(connection: Connection, settings: AsteriskSettings, pinged_at: float | None) -> float | None:
    """Ask whether anybody is there when it has been silent; give up when nobody answers that.

    Returns:
        When the Ping that still has no answer was sent.
    """
    now = time.monotonic()
    silent_s = now - connection.heard_at
    if pinged_at is None or connection.heard_at > pinged_at:
        if silent_s < settings.keepalive_s:
            return None
        connection.send("Ping")
        return time.monotonic()
    if now - pinged_at > settings.timeout_s:
        msg = f"The exchange at {settings.host} has been silent for {silent_s:.0f} s and does not answer a Ping."
        raise RetryLaterError(msg)
    return pinged_at


def _deliver(messages: Sequence[bytes], sink: Sink) -> bool:
    """Hand on what somebody wants; False when the sink had no room."""
    if not messages:
        return True
    at = time.time()
    kept = [message for message in messages if wanted(message)]
    sink.counted("received", len(messages))
    if len(kept) < len(messages):
        sink.counted("filtered", len(messages) - len(kept))
        garbage = sum(1 for message in messages if not message.startswith((b"Event:", b"Response:")))
        if garbage:
            sink.counted("garbage", garbage)
    return sink.heard(at, kept) if kept else True
