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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from certifi import where

from hub.connector.http import place_of
from hub.errors import UserError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"https": 443, "http": 80}
# IPv6 addresses that carry an IPv4 one, which is then what is reached. Sources: RFC 6052, RFC 8215, RFC 3056.
_CARRIERS = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))
KEPT = 2048  # bytes of an answer that are kept
_DRAINED = 1 << 16  # bytes that are read so that the connection can be used again
LONGEST_URL = 2000


class RefusedError(Exception):
    """The address may not be asked; says why."""


class NoAnswerError(Exception):
    """Nothing came back that is an answer; says why."""


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
    except RefusedError as error:
        raise UserError(str(error), error_id="bad_webhook_url", field="url") from None
    if not allow_private:
        if parts.scheme != "https":
            raise UserError("The address must begin with https://.", error_id="bad_webhook_url", field="url")
        if address is not None and not is_outside(address):
            text = f"{parts.hostname} is an address of our own network."
            raise UserError(text, error_id="private_address", field="url")


def is_outside(address: Address) -> bool:
    """Say whether an address is one of the open internet, also where it carries or maps another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return False
        if any(address in one for one in _CARRIERS):
            return False
        if int(address) >> 32 == 0:  # IPv4-compatible, long out of use
            return False
    return address.is_global and not address.is_multicast


def find(url: str, *, allow_private: bool) -> str:
    """Look a name up and return the address to ask.

    Raises:
        RefusedError: one of its addresses is of our own network, and that is not allowed.
        NoAnswerError: nobody knows the name.
    """
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [str(row[4][0]) for row in rows]
        addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
    except (OSError, UnicodeError, ValueError):
        raise NoAnswerError(f"Nobody knows the name {host[:100]}.") from None
    inside = [one for one in addresses if not is_outside(one)]
    if inside and not allow_private:
        raise RefusedError(f"{host[:100]} leads into our own network ({inside[0]}), which is not allowed.")
    if parts.scheme != "https" and not (allow_private and len(inside) == len(addresses)):
        raise RefusedError("Outside our own network only https:// is asked.")
    return found[0]


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
        was_open = self._connection is not None
        try:
            return self._post(body, headers)
        except _ClosedError as error:
            if not was_open:
                raise NoAnswerError(str(error)) from error
        try:
            return self._post(body, headers)
        except _ClosedError as error:
            raise NoAnswerError(str(error)) from error

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
                raise NoAnswerError(f"No answer within {self._timeout_s:g} s.") from error
            raise _meaning(error) from error


class _ClosedError(Exception):
    """The other side closed the connection before it answered anything."""


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was found, whatever its name means by now."""

    def __init__(self, parts: SplitResult, address: str, timeout_s: float, ca_file: str) -> None:
        name = parts.hostname or ""
        super().__init__(name, parts.port or _PORTS[parts.scheme], timeout=timeout_s)
        if parts.scheme == "https":
            self.default_port = 443  # so that the port stands in `Host` only where it is another
        self._address, self._scheme, self._ca_file = address, parts.scheme, ca_file

    def connect(self) -> None:
        """Open the connection; with TLS for the name."""
        sock = socket.create_connection((self._address, self.port), self.timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._scheme == "https":
                sock = _tls(self._ca_file).wrap_socket(sock, server_hostname=self.host.strip("[]"))
        except BaseException:
            sock.close()
            raise
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
    if scheme not in _PORTS or not place or len(url) > LONGEST_URL:
        raise RefusedError("This is not an address such as https://example.com/hooks.")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RefusedError("An address with a user, a password or a # is not possible.")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or not parts.hostname:
        raise RefusedError("This is not an address such as https://example.com/hooks.")
    return parts


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _meaning(error: Exception) -> Exception:
    match error:
        case ssl.SSLCertVerificationError():
            return NoAnswerError(f"Its certificate is not accepted: {error.verify_message}.")
        case ssl.SSLError():
            return NoAnswerError(f"There is no safe connection: {error.reason or 'TLS failed'}.")
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return _ClosedError("The connection was closed before an answer came.")
        case ConnectionRefusedError():
            return NoAnswerError("Nobody listens there: the connection was refused.")
        case http.client.HTTPException():
            return NoAnswerError(f"What came back is no answer of HTTP ({type(error).__name__}).")
        case _:
            text = error.strerror if isinstance(error, OSError) else ""
            return NoAnswerError(f"It cannot be reached: {text or type(error).__name__}.")
