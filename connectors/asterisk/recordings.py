"""Reads recording files of the exchange, from nowhere but below one root.

The path comes from the exchange, where a dialplan or a caller's name may have had a hand in it, so it is hostile:
every driver turns it into plain names below the root first, and refuses everything else.
"""

import errno
import io
import os
import re
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import quote, unquote, urljoin, urlsplit

import paramiko
import requests

from hub.connector.body import Body
from hub.connector.exchange import FileFacts
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError, ScopeError

# Asterisk writes here unless asterisk.conf's astspooldir or the dialplan says otherwise.
# Source: https://docs.asterisk.org/Configuration/Core-Configuration/Asterisk-Main-Configuration-File/
DEFAULT_FOLDER = "/var/spool/asterisk/monitor"
MAX_BYTES = 2 * 1024**3  # days of speech; a longer answer is not a recording
EMPTY_WAV = 44  # a WAV header without a sound: MixMonitor with option b, and nobody talked

_TYPES = {
    "wav": "audio/wav",
    "wav49": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "gsm": "audio/x-gsm",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw-basic",
    "g722": "audio/g722",
}
_ENDINGS = (".wav", ".WAV", ".mp3", ".gsm")  # voicemail is named without one
_CHUNK = 256 * 1024
_MAX_PARTS, _MAX_NAME = 32, 255
_REDIRECTS = 3
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/")


class Recordings(Protocol):
    """A place of recordings."""

    def facts(self, path: str) -> FileFacts:
        """Say size and age.

        Raises:
            GoneError: there is no such file.
            RejectedError: the path leads outside the root, or to something that is no plain file.
            ScopeError: the file may not be read; says whom to give which right.
            RetryLaterError: the place cannot be reached.
        """

    def open(self, path: str, *, start: int = 0) -> BinaryIO:
        """Open for reading from byte `start`; raises as `facts`, also while reading. The caller closes it."""

    def remove(self, path: str) -> None:
        """Remove a file for good; raises as `facts`. RejectedError also where the place only hands files out."""


def create(
    root: str,
    prefixes: Sequence[tuple[str, str]] = (),
    *,
    password: str = "",
    key: str = "",
    host_key: str = "",
    timeout_s: float = 5.0,
) -> Recordings:
    """Make the driver for `root`: a folder, `https://user@pbx/recordings/` or `sftp://user@pbx:22/path`.

    Args:
        root: where recordings are, as the hub sees it; empty: nowhere.
        prefixes: (folder as the exchange writes it, the same folder here).
        password: of the HTTP or SFTP user.
        key: private key of the SFTP user, PEM.
        host_key: public key of the SFTP server as ssh-keyscan prints it.
        timeout_s: patience for one answer.

    Raises:
        ValueError: a setting is missing or wrong; says which.
    """
    parts = urlsplit(root)
    if not root:
        return Nowhere()
    if root.startswith("/"):
        return Folder(root, prefixes)
    if parts.scheme in ("http", "https") and parts.hostname:
        return Website(root, prefixes, password=password, timeout_s=timeout_s)
    if parts.scheme == "sftp" and parts.hostname:
        return Sftp(root, prefixes, password=password, key=key, host_key=host_key, timeout_s=timeout_s)
    raise ValueError("recordings: write a full path, https://… or sftp://…")


def content_type(name: str) -> str:
    """What a file of this name holds."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def relative(path: str, root: str, prefixes: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Names of folders and file below the root for a path as the exchange wrote it.

    Raises:
        RejectedError: it lies elsewhere, or is no path at all.
    """
    if not path or any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise RejectedError("a recording path with control characters is refused")
    for theirs, ours in sorted(prefixes, key=lambda pair: -len(pair[0])):
        if (rest := _below(path, theirs)) is not None:
            path = f"{ours.rstrip('/')}/{rest}"
            break
    rest = _below(path, root)
    if rest is None and not prefixes:
        rest = _below(path, DEFAULT_FOLDER)
    if rest is None and not path.startswith("/"):
        rest = path  # below the exchange's own folder, which is what the root stands for
    if rest is None:
        raise RejectedError(f"recording {path!r} is outside the recordings' root; check the prefix map")
    names = tuple(name for name in rest.split("/") if name not in ("", "."))
    if ".." in names:
        raise RejectedError(f"recording {path!r} leads upwards and is refused")
    if not names or len(names) > _MAX_PARTS or any(len(os.fsencode(name)) > _MAX_NAME for name in names):
        raise RejectedError("a recording path of this length is refused")
    return names


def _below(path: str, folder: str) -> str | None:
    folder = folder.rstrip("/")
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else None


def _candidates(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield names
    if names[-1].rpartition(".")[2].lower() not in _TYPES:
        for ending in _ENDINGS:
            yield (*names[:-1], names[-1] + ending)


class Nowhere:
    """No place of recordings is configured."""

    def facts(self, path: str) -> FileFacts:
        raise RejectedError(f"recording {path!r}: no place of recordings is set for this account")

    def open(self, path: str, *, start: int = 0) -> BinaryIO:
        raise RejectedError(f"recording {path!r} from {start}: no place of recordings is set for this account")

    def remove(self, path: str) -> None:
        raise RejectedError(f"recording {path!r}: no place of recordings is set for this account")


class Folder:
    """A folder of this machine, or one mounted here.

    Each name is opened relative to the folder before it and no link is followed, so nobody can swap a part of the
    path for a link between the check and the opening: the opening is the check.
    """

    def __init__(self, root: str, prefixes: Sequence[tuple[str, str]] = ()) -> None:
        if not root.startswith("/") or "\0" in root:
            raise ValueError("recordings: the folder must be a full path")
        self._root = root
        self._prefixes = prefixes

    def facts(self, path: str) -> FileFacts:
        descriptor, name = self._descriptor(path)
        try:
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return FileFacts(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), content_type(name))

    def open(self, path: str, *, start: int = 0) -> BinaryIO:
        descriptor, _ = self._descriptor(path)
        file = os.fdopen(descriptor, "rb")
        file.seek(start)
        return file

    def remove(self, path: str) -> None:
        names = relative(path, self._root, self._prefixes)
        for candidate in _candidates(names):
            with suppress(FileNotFoundError), ExitStack() as stack:
                os.close(self._walk(candidate, path))  # the same check as for reading
                return self._unlink(self._folder(stack, candidate, path), candidate[-1], path)
        raise GoneError(f"recording {path!r} does not exist")

    def _unlink(self, folder: int, name: str, path: str) -> None:
        try:
            os.unlink(name, dir_fd=folder)  # of a link that was put there meanwhile only the link goes
            os.fsync(folder)
        except PermissionError:
            raise ScopeError(f"recording {path!r} may not be removed; let the hub's user write the folder") from None
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RetryLaterError(f"recording {path!r}: {error.strerror}") from error

    def _descriptor(self, path: str) -> tuple[int, str]:
        names = relative(path, self._root, self._prefixes)
        for candidate in _candidates(names):
            with suppress(FileNotFoundError):
                return self._walk(candidate, path), candidate[-1]
        raise GoneError(f"recording {path!r} does not exist")

    def _folder(self, stack: ExitStack, names: tuple[str, ...], path: str) -> int:
        """Open the folder of a file, step by step from the root; it is closed with the stack."""
        folder = self._enter_root()
        stack.callback(os.close, folder)
        for name in names[:-1]:
            folder = self._enter(folder, name, os.O_DIRECTORY, path)
            stack.callback(os.close, folder)
        return folder

    def _walk(self, names: tuple[str, ...], path: str) -> int:
        with ExitStack() as stack:
            folder = self._folder(stack, names, path)
            # Non-blocking: opening a FIFO would wait for a writer for ever.
            file = self._enter(folder, names[-1], os.O_NONBLOCK, path)
            if not stat.S_ISREG(os.fstat(file).st_mode):
                os.close(file)
                raise RejectedError(f"recording {path!r} is no plain file")
            return file

    def _enter_root(self) -> int:
        try:
            return os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:
            raise ScopeError(f"{self._root} may not be read; let the hub's user enter the folder (0750?)") from None
        except OSError as error:
            text = f"recordings' folder {self._root} is not there ({error.strerror}); is it mounted?"
            raise RetryLaterError(text) from error

    def _enter(self, folder: int, name: str, flag: int, path: str) -> int:
        try:
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flag, dir_fd=folder)
        except PermissionError:
            raise ScopeError(f"recording {path!r} may not be read; let the hub's user read files and folders") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK) or self._is_link(folder, name):
                raise RejectedError(f"recording {path!r} goes through a link, which is not followed") from None
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                raise FileNotFoundError from None
            if error.errno in (errno.ENXIO, errno.ENODEV):
                raise RejectedError(f"recording {path!r} is no plain file") from None
            raise RetryLaterError(f"recording {path!r}: {error.strerror}") from error

    def _is_link(self, folder: int, name: str) -> bool:
        with suppress(OSError):
            return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        return False


class Website:
    """A web server of the exchange that gives out the files by their names."""

    def __init__(
        self,
        root: str,
        prefixes: Sequence[tuple[str, str]] = (),
        *,
        password: str = "",
        timeout_s: float = 5.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        parts = urlsplit(root)
        if parts.query or parts.fragment:
            raise ValueError("recordings: the address must end with a folder")
        host = parts.netloc.rpartition("@")[2]
        self._base = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        self._root = unquote(parts.path) or "/"
        self._prefixes = prefixes
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        user = unquote(parts.username or "")
        self._auth = (user, unquote(parts.password or "") or password) if user else None

    def facts(self, path: str) -> FileFacts:
        response, name = self._ask("HEAD", path, {})
        if response.status_code in (405, 501):
            response.close()
            response, name = self._ask("GET", path, {})
        with response:
            size = int(response.headers.get("Content-Length") or -1)
            if size < 0:
                raise RejectedError(f"recording {path!r}: the server does not say its size")
            return FileFacts(size, _http_date(response.headers.get("Last-Modified")), content_type(name))

    def open(self, path: str, *, start: int = 0) -> BinaryIO:
        response, _ = self._ask("GET", path, {"Range": f"bytes={start}-"} if start else {})
        if response.status_code == 416:
            response.close()
            return io.BytesIO()
        skip = start
        if response.status_code == 206:
            given = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if not given or int(given[1]) != start:
                response.close()
                raise RejectedError(f"recording {path!r}: the server sent another part than asked for")
            skip = 0
        body = Body(response, self._max_bytes, what="recording")
        reader = io.BufferedReader(body, _CHUNK)
        while skip > 0 and (dropped := reader.read(min(skip, _CHUNK))):
            skip -= len(dropped)  # a server without Range sends everything
        return cast("BinaryIO", reader)

    def remove(self, path: str) -> None:
        raise RejectedError(f"recording {path!r}: {self._base} only hands files out; remove it on the exchange")

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[requests.Response, str]:
        names = relative(path, self._root, self._prefixes)
        for candidate in _candidates(names):
            response = self._request(method, "/".join(quote(name, safe="") for name in candidate), headers)
            if response.status_code not in (404, 410):
                return self._judged(response, path), candidate[-1]
            response.close()
        raise GoneError(f"recording {path!r} does not exist")

    def _request(self, method: str, name: str, headers: dict[str, str]) -> requests.Response:
        url = f"{self._base}/{name}"
        for _ in range(_REDIRECTS + 1):
            response = self._send(method, url, headers)
            target = response.headers.get("Location") if response.is_redirect else None
            if target is None:
                return response
            response.close()
            url = urljoin(url, target)
            if not url.startswith(f"{self._base}/") or "/../" in unquote(url):
                # The password must not go to another host, and another place may answer with anything.
                raise RejectedError(f"recordings server {self._base} redirects elsewhere, which is not followed")
        raise RejectedError(f"recordings server {self._base} redirects in a circle")

    def _send(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        session = requests.Session()
        session.trust_env = False  # no proxy and no .netrc: only what the account says
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            return session.request(
                method,
                url,
                headers=headers,
                auth=self._auth,
                allow_redirects=False,
                stream=True,
                timeout=self._timeout_s,
            )
        except requests.exceptions.SSLError as error:
            raise RejectedError(f"recordings server {self._base}: certificate refused: {error}") from error
        except requests.RequestException as error:
            raise RetryLaterError(f"recordings server {self._base} cannot be reached: {error}") from error

    def _judged(self, response: requests.Response, path: str) -> requests.Response:
        status = response.status_code
        error: ConnectorError | None = None
        if status in (401, 403):
            error = AuthError(f"recordings server {self._base} answers {status}; check user and password")
        elif status == 429 or (status >= 500 and status != 501):
            error = RetryLaterError(f"recordings server {self._base} answers {status}")
        elif status not in (200, 206, 405, 416, 501):
            error = RejectedError(f"recording {path!r}: the server answers {status}")
        elif int(response.headers.get("Content-Length") or 0) > self._max_bytes:
            error = RejectedError(f"recording {path!r} is larger than {self._max_bytes} bytes")
        if error:
            response.close()
            raise error
        return response


class Sftp:
    """The exchange's own files over SFTP, from a server whose key is known beforehand."""

    def __init__(
        self,
        root: str,
        prefixes: Sequence[tuple[str, str]] = (),
        *,
        password: str = "",
        key: str = "",
        host_key: str = "",
        timeout_s: float = 5.0,
    ) -> None:
        parts = urlsplit(root)
        if not parts.username:
            raise ValueError("recordings: write sftp://user@host/path")
        self._host, self._port = parts.hostname or "", parts.port or 22
        self._user = unquote(parts.username)
        self._root = unquote(parts.path).rstrip("/") or DEFAULT_FOLDER
        self._prefixes = prefixes
        self._password = unquote(parts.password or "") or password
        self._key = _private_key(key) if key else None
        self._host_key = _public_key(host_key)
        self._timeout_s = timeout_s

    def facts(self, path: str) -> FileFacts:
        with self._session() as client:
            found, place = self._look(client, path)
            modified = datetime.fromtimestamp(found.st_mtime, UTC) if found.st_mtime else None
            return FileFacts(int(found.st_size or 0), modified, content_type(place))

    def open(self, path: str, *, start: int = 0) -> BinaryIO:
        with ExitStack() as stack:
            client = stack.enter_context(self._session())
            _, place = self._look(client, path)
            with self._translated(path):
                file = client.open(place, "rb")
                stack.callback(file.close)
                if not stat.S_ISREG(file.stat().st_mode or 0):
                    raise RejectedError(f"recording {path!r} is no plain file")
                file.seek(start)
            return cast("BinaryIO", io.BufferedReader(_Remote(file, stack.pop_all(), path), _CHUNK))

    def remove(self, path: str) -> None:
        with self._session() as client:
            _, place = self._look(client, path)
            with self._translated(path):
                client.remove(place)

    def _look(self, client: paramiko.SFTPClient, path: str) -> tuple[paramiko.SFTPAttributes, str]:
        names = relative(path, self._root, self._prefixes)
        with self._translated(path):
            root = client.normalize(self._root)  # the root itself may be a link: the administrator named it
            for candidate in _candidates(names):
                with suppress(FileNotFoundError):
                    return self._walk(client, root, candidate, path)
        raise GoneError(f"recording {path!r} does not exist")

    def _walk(
        self, client: paramiko.SFTPClient, root: str, names: tuple[str, ...], path: str
    ) -> tuple[paramiko.SFTPAttributes, str]:
        place = root.rstrip("/")
        found = paramiko.SFTPAttributes()
        for name in names:
            place = f"{place}/{name}"
            found = client.lstat(place)
            if stat.S_ISLNK(found.st_mode or 0):
                raise RejectedError(f"recording {path!r} goes through a link, which is not followed")
        if not stat.S_ISREG(found.st_mode or 0):
            raise RejectedError(f"recording {path!r} is no plain file")
        return found, place

    @contextmanager
    def _session(self) -> Iterator[paramiko.SFTPClient]:
        with ExitStack() as stack:
            client = self._connect(stack)
            yield client

    def _connect(self, stack: ExitStack) -> paramiko.SFTPClient:
        where = f"recordings server {self._host}:{self._port}"
        try:
            connection = socket.create_connection((self._host, self._port), self._timeout_s)
            stack.callback(connection.close)
            transport = paramiko.Transport(connection)
            stack.callback(transport.close)
            transport.banner_timeout = transport.auth_timeout = self._timeout_s
            # Ask for the key that we know, since the server may have several.
            transport.get_security_options().key_types = _key_types(self._host_key)
            transport.start_client(timeout=self._timeout_s)
            if transport.get_remote_server_key() != self._host_key:
                raise AuthError(f"{where} shows another host key than the one pinned; is it the right server?")
            if self._key:
                transport.auth_publickey(self._user, self._key)
            else:
                transport.auth_password(self._user, self._password, fallback=False)
            client = paramiko.SFTPClient.from_transport(transport)
        except paramiko.AuthenticationException as error:
            raise AuthError(f"{where} refuses user {self._user!r}; check the password or key") from error
        except paramiko.SSHException as error:
            if "incompatible" in str(error).lower():
                raise AuthError(f"{where} has no host key of the pinned kind; is it the right server?") from error
            raise RetryLaterError(f"{where}: {error}") from error
        except (OSError, EOFError) as error:
            raise RetryLaterError(f"{where} cannot be reached: {error}") from error
        if client is None:
            raise RejectedError(f"{where} does not offer SFTP")
        client.get_channel().settimeout(self._timeout_s)  # type: ignore[union-attr]  # a fresh client has its channel
        stack.callback(client.close)
        return client

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except ConnectorError:
            raise
        except FileNotFoundError:
            raise GoneError(f"recording {path!r} does not exist") from None
        except PermissionError:
            raise ScopeError(f"recording {path!r} may not be read by SFTP user {self._user!r}") from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise RetryLaterError(f"recording {path!r}: {error}") from error


class _Remote(io.RawIOBase):
    """A file over SFTP that takes its connection with it when closed."""

    def __init__(self, file: paramiko.SFTPFile, stack: ExitStack, path: str) -> None:
        self._file = file
        self._stack = stack
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = self._file.read(len(buffer))
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise RetryLaterError(f"recording {self._path!r} broke off: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stack.close()
        super().close()


def _key_types(key: paramiko.PKey) -> tuple[str, ...]:
    # An RSA key signs with SHA-2 under names of its own. Source: RFC 8332.
    return ("rsa-sha2-512", "rsa-sha2-256") if key.get_name() == "ssh-rsa" else (key.get_name(),)


def _public_key(text: str) -> paramiko.PKey:
    """Read `ssh-ed25519 AAAA...`, with or without the host's name before it."""
    words = text.split()
    for kind, data in pairwise(words):
        if kind.startswith(("ssh-", "ecdsa-")):
            with suppress(Exception):  # whatever is wrong with it, the message below says what to do
                entry = paramiko.hostkeys.HostKeyEntry.from_line(f"host {kind} {data}")
                if entry and entry.key:
                    return entry.key
    raise ValueError("recordings: the SSH host key is missing or no key; take a line of `ssh-keyscan HOST`")


def _private_key(text: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(paramiko.SSHException, ValueError, IndexError):
            return kind.from_private_key(io.StringIO(text))
    raise ValueError("recordings: the SSH key is no private key in PEM form, or has a password")


def _http_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None
