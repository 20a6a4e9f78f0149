"""Recording files: read below the root, and nowhere else."""

import contextlib
import io
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from connectors.asterisk.recordings import Recordings, content_type, create, relative
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError, ScopeError

MONITOR = "/var/spool/asterisk/monitor"
SOUND = b"RIFF" + bytes(range(256)) * 8
DAY = "2026/11/22"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "monitor"
    (root / DAY).mkdir(parents=True)
    (root / DAY / "in-1.wav").write_bytes(SOUND)
    (root / DAY / "empty.wav").write_bytes(bytes(44))
    (root / DAY / "msg0001.WAV").write_bytes(b"voice")
    (tmp_path / "secret.wav").write_bytes(b"secret")
    return root


class TestFolder:
    def test_a_file_is_described_and_read(self, root: Path) -> None:
        recordings = create(str(root))
        facts = recordings.facts(f"{DAY}/in-1.wav")

        assert (facts.size, facts.content_type) == (len(SOUND), "audio/wav")
        assert facts.modified_at is not None
        with recordings.open(f"{DAY}/in-1.wav") as file:
            assert file.read() == SOUND

    @pytest.mark.parametrize("start", [0, 1, 44, len(SOUND) - 1, len(SOUND), len(SOUND) + 10])
    def test_reading_begins_where_it_was_asked_to(self, root: Path, start: int) -> None:
        with create(str(root)).open(f"{DAY}/in-1.wav", start=start) as file:
            assert file.read() == SOUND[start:]

    def test_a_header_without_sound_is_told_by_its_size(self, root: Path) -> None:
        assert create(str(root)).facts(f"{DAY}/empty.wav").size == 44

    @pytest.mark.parametrize(
        "path",
        [f"{DAY}/in-1.wav", f"./{DAY}//in-1.wav", f"{MONITOR}/{DAY}/in-1.wav", "{root}/2026/11/22/in-1.wav"],
    )
    def test_the_exchanges_path_is_found_below_the_root(self, root: Path, path: str) -> None:
        assert create(str(root)).facts(path.replace("{root}", str(root))).size == len(SOUND)

    def test_a_prefix_map_leads_from_the_exchanges_folder_to_ours(self, root: Path) -> None:
        recordings = create(str(root.parent), [("/srv/asterisk", str(root.parent)), ("/srv", "/elsewhere")])

        assert recordings.facts(f"/srv/asterisk/monitor/{DAY}/in-1.wav").size == len(SOUND)
        with pytest.raises(RejectedError):
            recordings.facts("/srv/other/in-1.wav")

    def test_only_a_plain_file_below_the_root_is_removed(self, root: Path) -> None:
        recordings = create(str(root))
        (root / DAY / "way.wav").symlink_to(root.parent / "secret.wav")
        for path in (f"{DAY}/way.wav", "../secret.wav", "/etc/passwd", DAY):
            with pytest.raises(RejectedError):
                recordings.remove(path)
        recordings.remove(f"{DAY}/in-1.wav")
        recordings.remove(f"{DAY}/msg0001")  # named without its ending
        with pytest.raises(GoneError):
            recordings.remove(f"{DAY}/in-1.wav")
        assert (root.parent / "secret.wav").read_bytes() == b"secret"
        assert sorted(file.name for file in (root / DAY).iterdir()) == ["empty.wav", "way.wav"]

    def test_a_message_named_without_ending_is_found(self, root: Path) -> None:
        facts = create(str(root)).facts(f"{DAY}/msg0001")

        assert (facts.size, facts.content_type) == (5, "audio/wav")

    @pytest.mark.parametrize(
        "path",
        [
            "../secret.wav",
            f"{DAY}/../../../../secret.wav",
            f"{MONITOR}/../secret.wav",
            "/etc/passwd",
            f"{MONITOR}x/in-1.wav",
            f"{DAY}/in-1.wav\0",
            "in\n1.wav",
            "",
            "/",
            ".",
            "..",
            "a/" * 40 + "b",
            "x" * 300,
        ],
    )
    def test_a_path_that_leads_elsewhere_is_refused(self, root: Path, path: str) -> None:
        with pytest.raises(RejectedError):
            create(str(root)).facts(path)

    @pytest.mark.parametrize("path", [f"{DAY}/nothing.wav", "2025/01/01/in-1.wav", f"{DAY}/in-1.wav/deeper.wav"])
    def test_what_is_not_there_is_gone(self, root: Path, path: str) -> None:
        with pytest.raises(GoneError):
            create(str(root)).facts(path)

    @pytest.mark.parametrize("kind", ["file out", "file in", "folder out", "folder in", "dangling"])
    def test_no_link_is_followed(self, root: Path, kind: str) -> None:
        link = root / DAY / "link"
        target = {
            "file out": root.parent / "secret.wav",
            "file in": root / DAY / "in-1.wav",
            "folder out": root.parent,
            "folder in": root / DAY,
            "dangling": root / "nowhere",
        }[kind]
        link.symlink_to(target)
        path = f"{DAY}/link" + ("/secret.wav" if kind == "folder out" else "/in-1.wav" if kind == "folder in" else "")

        with pytest.raises(RejectedError, match="link"):
            create(str(root)).facts(path)

    def test_a_folder_a_pipe_and_a_socket_are_no_recordings(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        os.mkfifo(root / "pipe.wav")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            monkeypatch.chdir(root)  # a socket's path must be short
            server.bind("socket.wav")
            for path in ("2026", "pipe.wav", "socket.wav"):
                with pytest.raises(RejectedError, match="plain file"):
                    create(str(root)).facts(path)

    def test_a_root_that_is_a_link_is_the_administrators_choice(self, root: Path) -> None:
        (root.parent / "seen").symlink_to(root)

        assert create(str(root.parent / "seen")).facts(f"{DAY}/in-1.wav").size == len(SOUND)

    def test_a_missing_root_is_no_missing_recording(self, root: Path) -> None:
        with pytest.raises(RetryLaterError, match="mounted"):
            create(f"{root}-not").facts("in-1.wav")

    @pytest.mark.parametrize("forbidden", ["monitor", "2026", "in-1.wav"])
    def test_a_forbidden_file_says_whom_to_give_the_right(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, forbidden: str
    ) -> None:
        allowed = os.open

        def refuse(path: Any, *args: Any, **options: Any) -> int:
            if str(path).endswith(forbidden):  # the tests may run as root, whom no mode stops
                raise PermissionError(13, "Permission denied")
            return allowed(path, *args, **options)

        monkeypatch.setattr(os, "open", refuse)

        with pytest.raises(ScopeError, match="hub's user"):
            create(str(root)).facts(f"{DAY}/in-1.wav")

    def test_a_folder_swapped_for_a_link_in_between_never_leads_out(self, root: Path, tmp_path: Path) -> None:
        """The race: somebody exchanges a folder of the path for a link while we look."""
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "in-1.wav").write_bytes(b"outside")
        real, link = root / "real", root / "link"
        real.mkdir()
        (real / "in-1.wav").write_bytes(b"inside!")
        link.symlink_to(outside)
        place, stop = root / "day", threading.Event()

        def swap() -> None:
            while not stop.is_set():
                for target in (real, link):
                    with contextlib.suppress(OSError):
                        target.rename(place)
                        place.rename(target)

        thread = threading.Thread(target=swap)
        thread.start()
        seen: set[bytes | str] = set()
        recordings = create(str(root))
        deadline = time.monotonic() + 0.7
        while time.monotonic() < deadline:
            try:
                with recordings.open("day/in-1.wav") as file:
                    seen.add(file.read())
            except ConnectorError as error:
                seen.add(type(error).__name__)
        stop.set()
        thread.join()

        assert b"outside" not in seen
        assert seen - {"GoneError"}, "the race never happened"

    @given(st.text(max_size=60))
    def test_whatever_the_path_it_stays_below_the_root(self, path: str) -> None:
        try:
            names = relative(path, "/srv/rec", [("/var/x", "/srv/rec")])
        except RejectedError:
            return
        place = os.path.normpath("/srv/rec/" + "/".join(names))
        assert place.startswith("/srv/rec/")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.wav", "audio/wav"),
        ("a.WAV", "audio/wav"),
        ("a.mp3", "audio/mpeg"),
        ("a.ogg", "audio/ogg"),
        ("a.gsm", "audio/x-gsm"),
        ("a.ulaw", "audio/basic"),
        ("a.exe", "application/octet-stream"),
        ("wav", "audio/wav"),
    ],
)
def test_the_ending_tells_what_a_file_holds(name: str, kind: str) -> None:
    assert content_type(name) == kind


@pytest.mark.parametrize(
    ("root", "options", "word"),
    [
        ("ftp://pbx/x", {}, "full path"),
        ("relative", {}, "full path"),
        ("sftp://pbx/x", {"host_key": "x"}, "user"),
        ("sftp://hub@pbx/x", {}, "ssh-keyscan"),
        ("sftp://hub@pbx/x", {"host_key": "ssh-ed25519 garbage"}, "ssh-keyscan"),
        ("https://pbx/x?y=1", {}, "folder"),
    ],
)
def test_settings_that_cannot_be_are_refused(root: str, options: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        create(root, **options)  # type: ignore[arg-type]  # strings only


def test_without_a_place_every_recording_is_refused() -> None:
    with pytest.raises(RejectedError, match="no place"):
        create("").facts("x.wav")
    with pytest.raises(RejectedError, match="no place"):
        create("").open("x.wav")


# --- HTTP ------------------------------------------------------------------------------------------------------------


class _Web(BaseHTTPRequestHandler):
    """A file server with faults in its paths."""

    asked: list[tuple[str, str, str]]
    ranges = True
    heads = True

    def do_HEAD(self) -> None:
        if type(self).heads:
            self._give(body=False)
        else:
            self._say(501)

    def do_GET(self) -> None:
        self._give(body=True)

    def _give(self, *, body: bool) -> None:
        self.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        name = self.path.removeprefix("/rec/")
        match name:
            case "in-1.wav" | "moved/in-1.wav":
                self._sound(body=body)
            case "redirect-in.wav":
                self._say(302, Location="/rec/in-1.wav")
            case "redirect-out.wav":
                self._say(302, Location="http://127.0.0.2:9/rec/in-1.wav")
            case "redirect-up.wav":
                self._say(302, Location="/rec/../secret.wav")
            case "circle.wav":
                self._say(302, Location="/rec/circle.wav")
            case "forbidden.wav":
                self._say(403)
            case "ill.wav":
                self._say(503)
            case "huge.wav":
                self._say(200, length=2**40)
            case "short.wav":
                self._say(200, length=1000, data=b"half")
            case _:
                self._say(404)

    def _sound(self, *, body: bool) -> None:
        first = self.headers.get("Range", "").removeprefix("bytes=").rstrip("-")
        start = int(first) if first and type(self).ranges else 0
        if start >= len(SOUND):
            self._say(416)
            return
        extra = {"Content-Range": f"bytes {start}-{len(SOUND) - 1}/{len(SOUND)}"} if start else {}
        data = SOUND[start:]
        modified = {"Last-Modified": "Sun, 22 Nov 2026 00:46:52 GMT"}
        self._say(206 if start else 200, length=len(data), data=data if body else b"", **extra, **modified)

    def _say(self, status: int, *, length: int = 0, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        pass


@pytest.fixture
def web() -> Iterator[type[_Web]]:
    class Web(_Web):
        asked: list[tuple[str, str, str]] = []  # noqa: RUF012 - one list for each test's own class

    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    Web.url = f"http://hub@127.0.0.1:{server.server_address[1]}/rec/"  # type: ignore[attr-defined]
    yield Web
    server.shutdown()
    thread.join(5)
    server.server_close()


def _site(web: Any, **options: Any) -> Recordings:
    return create(web.url, password="pw", timeout_s=2, **options)


class TestWebsite:
    def test_a_file_is_described_and_read_with_the_password(self, web: Any) -> None:
        facts = _site(web).facts("in-1.wav")

        assert (facts.size, facts.content_type) == (len(SOUND), "audio/wav")
        assert facts.modified_at is not None
        assert facts.modified_at.isoformat() == "2026-11-22T00:46:52+00:00"
        with _site(web).open("in-1.wav") as file:
            assert file.read() == SOUND
        assert {authorization for _, _, authorization in web.asked} == {"Basic aHViOnB3"}

    @pytest.mark.parametrize("ranges", [True, False])
    @pytest.mark.parametrize("start", [0, 1, 1000, len(SOUND) - 1, len(SOUND) + 5])
    def test_reading_begins_where_it_was_asked_to(self, web: Any, ranges: bool, start: int) -> None:
        web.ranges = ranges

        with _site(web).open("in-1.wav", start=start) as file:
            assert file.read() == SOUND[start:]

    def test_a_server_without_head_is_asked_for_the_file(self, web: Any) -> None:
        web.heads = False

        assert _site(web).facts("in-1.wav").size == len(SOUND)

    def test_a_redirect_within_the_folder_is_followed(self, web: Any) -> None:
        assert _site(web).facts("redirect-in.wav").size == len(SOUND)

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("redirect-out.wav", RejectedError),
            ("redirect-up.wav", RejectedError),
            ("circle.wav", RejectedError),
            ("forbidden.wav", AuthError),
            ("ill.wav", RetryLaterError),
            ("huge.wav", RejectedError),
            ("nothing.wav", GoneError),
            ("../secret.wav", RejectedError),
            ("/etc/passwd", RejectedError),
        ],
    )
    def test_each_trouble_has_its_error(self, web: Any, path: str, error: type[ConnectorError]) -> None:
        with pytest.raises(error):
            _site(web).facts(path)
        with pytest.raises(error):
            _site(web).open(path)

    def test_names_are_escaped_and_cannot_become_another_address(self, web: Any) -> None:
        with pytest.raises(GoneError):
            _site(web).facts("a b?c#d%2e.wav")

        assert web.asked[0][1] == "/rec/a%20b%3Fc%23d%252e.wav"

    def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(self, web: Any) -> None:
        with pytest.raises(RetryLaterError), _site(web).open("short.wav") as file:
            file.read()

    def test_a_closed_port_may_be_tried_later(self) -> None:
        with pytest.raises(RetryLaterError):
            create("http://127.0.0.1:1/rec/").facts("in-1.wav")

    def test_the_exchanges_folder_stands_for_the_address(self, web: Any) -> None:
        assert _site(web).facts(f"{MONITOR}/moved/in-1.wav").size == len(SOUND)
        assert _site(web, prefixes=[("/srv/rec", "/rec/moved")]).facts("/srv/rec/in-1.wav").size == len(SOUND)


# --- SFTP ------------------------------------------------------------------------------------------------------------


class _Door(paramiko.ServerInterface):
    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == ("hub", "pw")
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if key == self.key else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    """Gives out real files of this machine, as an SFTP server does."""

    def lstat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(os.lstat(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def canonicalize(self, path: str) -> str:
        return os.path.realpath(path)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - the handle closes it
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = file  # type: ignore[attr-defined]  # how paramiko wants it
        handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))  # type: ignore[method-assign]
        return handle


class _Sshd:
    def __init__(self, client_key: paramiko.PKey) -> None:
        self.key = paramiko.ECDSAKey.generate()
        self.other = paramiko.ECDSAKey.generate()
        self._client_key = client_key
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._stop = threading.Event()
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
            self._transports.append(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Door(self._client_key), event=threading.Event())

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()
        for transport in self._transports:
            transport.close()
            transport.join(5)


@pytest.fixture(scope="module")
def client_key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


@pytest.fixture
def sshd(client_key: paramiko.PKey) -> Iterator[_Sshd]:
    sshd = _Sshd(client_key)
    yield sshd
    sshd.close()


def _line(key: paramiko.PKey) -> str:
    return f"pbx.example {key.get_name()} {key.get_base64()}"


def _sftp(sshd: _Sshd, root: Path, **options: Any) -> Recordings:
    given: dict[str, Any] = {"password": "pw", "host_key": _line(sshd.key), "timeout_s": 5, **options}
    return create(f"sftp://hub@127.0.0.1:{sshd.port}{root}", **given)


class TestSftp:
    def test_a_file_is_described_and_read(self, sshd: _Sshd, root: Path) -> None:
        facts = _sftp(sshd, root).facts(f"{MONITOR}/{DAY}/in-1.wav")

        assert (facts.size, facts.content_type) == (len(SOUND), "audio/wav")
        for start in (0, 100, len(SOUND) + 5):
            with _sftp(sshd, root).open(f"{DAY}/in-1.wav", start=start) as file:
                assert file.read() == SOUND[start:]

    def test_a_key_signs_in_as_well(self, sshd: _Sshd, root: Path, client_key: paramiko.PKey) -> None:
        text = io.StringIO()
        client_key.write_private_key(text)

        assert _sftp(sshd, root, password="", key=text.getvalue()).facts(f"{DAY}/in-1.wav").size == len(SOUND)

    def test_a_wrong_password_is_said(self, sshd: _Sshd, root: Path) -> None:
        with pytest.raises(AuthError, match="password"):
            _sftp(sshd, root, password="guess").facts(f"{DAY}/in-1.wav")

    def test_another_host_key_ends_it_before_the_password_is_sent(self, sshd: _Sshd, root: Path) -> None:
        with pytest.raises(AuthError, match="right server"):
            _sftp(sshd, root, host_key=_line(sshd.other)).facts(f"{DAY}/in-1.wav")

    @pytest.mark.parametrize("path", ["../secret.wav", "/etc/passwd", f"{DAY}/in-1.wav\0"])
    def test_a_path_that_leads_elsewhere_is_refused(self, sshd: _Sshd, root: Path, path: str) -> None:
        with pytest.raises(RejectedError):
            _sftp(sshd, root).open(path)

    def test_links_folders_and_pipes_are_refused(self, sshd: _Sshd, root: Path) -> None:
        (root / "out.wav").symlink_to(root.parent / "secret.wav")
        (root / "up").symlink_to(root.parent)
        os.mkfifo(root / "pipe.wav")
        assert stat.S_ISFIFO((root / "pipe.wav").stat().st_mode)

        for path in ("out.wav", "up/secret.wav", "pipe.wav", "2026"):
            with pytest.raises(RejectedError):
                _sftp(sshd, root).open(path)

    def test_what_is_not_there_is_gone(self, sshd: _Sshd, root: Path) -> None:
        with pytest.raises(GoneError):
            _sftp(sshd, root).facts(f"{DAY}/nothing.wav")

    def test_a_closed_port_may_be_tried_later(self, root: Path) -> None:
        key = paramiko.ECDSAKey.generate()
        with pytest.raises(RetryLaterError):
            create(f"sftp://hub@127.0.0.1:1{root}", password="pw", host_key=_line(key)).facts("x.wav")

    def test_no_thread_is_left_behind(self, sshd: _Sshd, root: Path) -> None:
        with _sftp(sshd, root).open(f"{DAY}/in-1.wav") as file:
            file.read(10)
        sshd.close()

        deadline = time.monotonic() + 5
        while any(isinstance(one, paramiko.Transport) for one in threading.enumerate()):
            assert time.monotonic() < deadline, "a connection outlived its file"
