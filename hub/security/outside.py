"""Requests to addresses that people typed: never into our own network by accident, and never for longer than agreed.

The name is looked up once and the address found is the one that is asked, so that a name that means another address a moment
later changes nothing. Nothing of the environment counts (no proxies), no redirect is followed, and the certificate must be
that of the name.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from certifi import where

from hub.connector.http import place_of
from hub.connector.network import PORTS, Address, UnknownNameError, addresses_of, is_outside
from hub.errors import UserError

KEPT = 2048  # bytes of an answer that are kept
_DRAINED = 1 << 16  # bytes that are read so that the connection can be used again
LONGEST_URL = 2000
OPEN_S = 30.0  # so long one connection is used again and again; then the name is looked up anew
_NOT_ONE = "This is not an address such as https://example.com/hooks, without a user, a password or a #."
# Numbers of OpenSSL, `X509_V_ERR_...` of x509_vfy.h.
_EXPIRED, _OTHER_NAME = 10, frozenset({62, 64})


class Why(StrEnum):
    """Why there was no answer; stored, so a name is never given another meaning. Behind each: what its detail says."""

    BAD_URL = "bad_url"
    PRIVATE = "private"  # the name, and an address in brackets
    NOT_HTTPS = "not_https"
    UNKNOWN_NAME = "unknown_name"  # the name
    LATE = "late"  # seconds
    EXPIRED = "expired"
    OTHER_NAME = "other_name"
    CERTIFICATE = "certificate"  # in words of OpenSSL
    TLS = "tls"  # in words of OpenSSL
    CLOSED = "closed"
    NOBODY = "nobody"  # the connection was refused
    NOT_HTTP = "not_http"
    UNREACHABLE = "unreachable"  # in words of the system


class OutsideError(Exception):
    """There was no answer."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why} {detail}".strip())
        self.why, self.detail = why, detail


class RefusedError(OutsideError):
    """The address may not be asked."""


class NoAnswerError(OutsideError):
    """Nothing came back that is an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, headers by their names in small letters, and the first of its bytes."""

    status: int
    headers: Mapping[str, str]
    start: bytes


def check_url(url: str, *, allow_private: bool) -> None:
    """Look at an address as it is typed; what its name means is looked at whenever it is asked.

    Raises:
        UserError: it cannot be one.
    """
    try:
        parts = _parts(url)
        address = _literal(parts.hostname or "")
    except RefusedError:
        raise UserError(_NOT_ONE, error_id="bad_webhook_url", field="url") from None
    if not allow_private:
        if parts.scheme != "https":
            raise UserError("The address must begin with https://.", error_id="bad_webhook_url", field="url")
        if address is not None and not is_outside(address):
            text = f"{parts.hostname} is an address of our own network."
            raise UserError(text, error_id="private_address", field="url")


def find(url: str, *, allow_private: bool) -> str:
    """Look a name up and return the address to ask.

    Raises:
        RefusedError: one of its addresses is of our own network, and that is not allowed.
        NoAnswerError: nobody knows the name.
    """
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        found = addresses_of(host, port)
    except UnknownNameError:
        raise NoAnswerError(Why.UNKNOWN_NAME, host[:100]) from None
    inside = [address for _, address in found if not is_outside(address)]
    if inside and not allow_private:
        raise RefusedError(Why.PRIVATE, f"{host[:100]} ({inside[0]})")
    if parts.scheme != "https" and not (allow_private and len(inside) == len(found)):
        raise RefusedError(Why.NOT_HTTPS)
    return found[0][0]


class Line:
    """A connection to one address, kept open from one request to the next; not for several threads."""

    def __init__(self, url: str, *, allow_private: bool, timeout_s: float, ca_file: str = "") -> None:
        self._url = url
        self._parts = _parts(url)
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._connection: _Pinned | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body and return what came back, within the time.

        A connection that the other side closed meanwhile is opened again, once.

        Raises:
            RefusedError: the address may not be asked.
            NoAnswerError: there was none.
        """
        was_open = self.is_open
        try:
            return self._post(body, headers)
        except _ClosedError:
            if not was_open:
                raise
        return self._post(body, headers)

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            address = find(self._url, allow_private=self._allow_private)
            self._connection = _Pinned(self._parts, address, self._timeout_s, self._ca_file)
        connection = self._connection
        path = self._parts.path or "/"
        target = f"{path}?{self._parts.query}" if self._parts.query else path
        ends = time.monotonic() + self._timeout_s
        try:
            with _WATCH.until(ends, connection):
                connection.request("POST", target, body, dict(headers))
                response = connection.getresponse()
                start = response.read(KEPT)
                if not response.isclosed():
                    response.read(_DRAINED)
                if not response.isclosed():
                    self.close()
            if time.monotonic() >= ends:  # cut off, what came looks like a whole answer
                raise TimeoutError
            said = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, said, start)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            if time.monotonic() >= ends or isinstance(error, TimeoutError):
                raise NoAnswerError(Why.LATE, f"{self._timeout_s:g}") from error
            raise _meaning(error) from error


class Lines:
    """Connections that stay open between two uses, for several threads: each is lent to one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[object, ...], tuple[Line, float]] = {}  # with when it was opened

    @contextmanager
    def lent(self, url: str, *, allow_private: bool, timeout_s: float, ca_file: str = "") -> Iterator[Line]:
        """Lend a connection to an address, one that was asked under the same terms.

        Raises:
            RefusedError: this is no address.
        """
        terms = (url, allow_private, timeout_s, ca_file)
        self._end_old()
        with self._lock:
            line, opened = self._idle.pop(terms, (None, time.monotonic()))
        line = line or Line(url, allow_private=allow_private, timeout_s=timeout_s, ca_file=ca_file)
        with ExitStack() as stack:
            stack.callback(line.close)
            yield line
            with self._lock:
                if line.is_open and terms not in self._idle:
                    self._idle[terms] = (line, opened)
                    stack.pop_all()

    def close(self) -> None:
        """Hang up on everybody."""
        self._end_old(0)

    def _end_old(self, after_s: float = OPEN_S) -> None:
        moment = time.monotonic()
        with self._lock:
            old = [terms for terms, (_, opened) in self._idle.items() if moment - opened >= after_s]
            ended = [self._idle.pop(terms)[0] for terms in old]
        for line in ended:
            line.close()


class _ClosedError(NoAnswerError):
    """The other side closed the connection before it answered anything."""


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was found, whatever its name means by now."""

    def __init__(self, parts: SplitResult, address: str, timeout_s: float, ca_file: str) -> None:
        name = parts.hostname or ""
        super().__init__(name, parts.port or PORTS[parts.scheme], timeout=timeout_s)
        if parts.scheme == "https":
            self.default_port = 443  # so that the port stands in `Host` only where it is another
        self._address, self._scheme, self._ca_file = address, parts.scheme, ca_file

    def connect(self) -> None:
        """Open the connection; with TLS for the name."""
        with ExitStack() as stack:
            sock = stack.enter_context(socket.create_connection((self._address, self.port), self.timeout))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._scheme == "https":
                sock = _tls(self._ca_file).wrap_socket(sock, server_hostname=self.host.strip("[]"))
            stack.pop_all()
        self.sock = sock


class _Watch:
    """Ends connections whose time is over: whoever sends a byte now and then would hold a thread for ever."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._ends: dict[_Pinned, float] = {}
        self._thread: threading.Thread | None = None

    def until(self, ends: float, connection: _Pinned) -> "_Watched":
        return _Watched(self, ends, connection)

    def add(self, ends: float, connection: _Pinned) -> None:
        with self._lock:
            self._ends[connection] = ends
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="outside-watch", daemon=True)
                self._thread.start()

    def remove(self, connection: _Pinned) -> None:
        with self._lock:
            self._ends.pop(connection, None)

    def _look(self) -> None:
        while True:
            with self._lock:
                moment = time.monotonic()
                late = [one for one, ends in self._ends.items() if ends <= moment]
                for one in late:
                    del self._ends[one]
                    _cut(one)
                if not self._ends:
                    self._thread = None
                    return
                self._lock.wait(max(0.05, min(self._ends.values()) - moment))


class _Watched:
    def __init__(self, watch: _Watch, ends: float, connection: _Pinned) -> None:
        self._watch, self._ends, self._connection = watch, ends, connection

    def __enter__(self) -> None:
        self._watch.add(self._ends, self._connection)

    def __exit__(self, *_: object) -> None:
        self._watch.remove(self._connection)


_WATCH = _Watch()


def _cut(connection: _Pinned) -> None:
    sock = connection.sock
    if sock is None:
        return
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it ended by itself
        return


@lru_cache(maxsize=8)
def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=where())
    if ca_file:
        context.load_verify_locations(Path(ca_file))
    return context


def _parts(url: str) -> SplitResult:
    scheme, place = place_of(url)
    if scheme not in PORTS or not place or len(url) > LONGEST_URL:
        raise RefusedError(Why.BAD_URL)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RefusedError(Why.BAD_URL)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or not parts.hostname:
        raise RefusedError(Why.BAD_URL)
    return parts


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _meaning(error: Exception) -> NoAnswerError:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code == _EXPIRED:
            return NoAnswerError(Why.EXPIRED)
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OTHER_NAME:
            return NoAnswerError(Why.OTHER_NAME)
        case ssl.SSLCertVerificationError():
            return NoAnswerError(Why.CERTIFICATE, error.verify_message)
        case ssl.SSLError():
            return NoAnswerError(Why.TLS, error.reason or "")
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return _ClosedError(Why.CLOSED)
        case ConnectionRefusedError():
            return NoAnswerError(Why.NOBODY)
        case http.client.HTTPException():
            return NoAnswerError(Why.NOT_HTTP)
        case _:
            text = error.strerror if isinstance(error, OSError) else ""
            return NoAnswerError(Why.UNREACHABLE, text or type(error).__name__)
