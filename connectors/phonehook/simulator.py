"""A small telephone system that posts its calls, takes dial orders and gives out recordings.

Written from the contract (https://docs.zammad.org/en/latest/api/generic-cti/), not from this connector's reader.
"""

import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from hub.connector.simulator import Fault, Faults, Harm

Fields = dict[str, Any]
FAULTS = {
    "twice": Fault("delivers each message again", Harm.NOISE),
    "swapped": Fault("lets a message wait for the next one, and sends it after it", Harm.NOISE),
    "form": Fault("posts a form", Harm.NOISE),
    "multipart": Fault("posts a form in parts", Harm.NOISE),
    "latin1": Fault("writes names in latin-1", Harm.NOISE),
    "no_hangup": Fault("never tells that a call is over", Harm.CUT),
    "huge": Fault("posts more than a message can hold", Harm.HOSTILE),
    "bad_signature": Fault("signs with another secret", Harm.HOSTILE),
    "query": Fault("writes variables into the address", Harm.HOSTILE),
    "refuse": Fault("does not dial", Harm.DENIED),
    "wrong_password": Fault("refuses whoever asks", Harm.REFUSED),
    "hang": Fault("takes a request and answers nothing", Harm.AWAY),
    "garbage": Fault("answers in bytes that are no HTTP", Harm.AWAY),
    "ill": Fault("answers 503", Harm.AWAY),
}
_WAIT_S = 10.0
_SOUND = b"RIFF\x24\x7d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00"


class HookPbx:
    """One telephone system. Set `hub_url` to the account's address, then call `ring_in` or `send`."""

    def __init__(self, port: int, faults: Faults, *, secret: str = "demo-signing-secret") -> None:  # noqa: S107 - of a demo
        self.port = port
        self.faults = faults
        self.secret = secret
        self.hub_url = ""
        self.orders: list[Fields] = []
        self.asked = 0
        self.answers: list[tuple[int, bytes]] = []
        self._held: Fields | None = None
        self._released = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen on 127.0.0.1 for dial orders and for readers of recordings."""
        self._released.clear()
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._released.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join(5)
            self._server.server_close()

    def settings(self) -> dict[str, str]:
        base = f"http://127.0.0.1:{self.port}"
        return {"signing_secret": self.secret, "dial_url": f"{base}/dial", "recordings_url": f"{base}/recordings/"}

    def cut(self) -> None:
        """Nothing to break: each request is a connection of its own."""

    def remember(self) -> dict[str, str]:
        """Nothing: what such a system has posted it does not tell again."""
        return {}

    def wait_released(self) -> None:
        """Be silent until the simulator stops: for the fault `hang`."""
        self._released.wait(_WAIT_S)

    # --- calls --------------------------------------------------------------------------------------------------

    def ring_in(
        self, caller: str, to: str, users: list[str], *, answer: str = "", cause: str = "normalClearing"
    ) -> str:
        """Play a whole incoming call without waiting in between; returns its id."""
        call = str(uuid.uuid4())
        parties: Fields = {"from": caller, "to": to, "direction": "in", "callId": call}
        self.send({"event": "newCall", **parties, "user": users})
        if answer:
            self.send({"event": "answer", **parties, "user": answer})
        self.send({"event": "hangup", **parties, "cause": cause})
        return call

    def whole_call(self, caller: str, extensions: Sequence[str], answer: str) -> None:
        """Play a recorded incoming call from ringing to hang-up."""
        call = str(uuid.uuid4())
        parties: Fields = {"from": caller, "to": "5550100", "direction": "in", "callId": call}
        self.send({"event": "newCall", **parties, "user": list(extensions)})
        self.send({"event": "answer", **parties, "user": answer})
        self.send({"event": "recording", **parties, "path": f"{call}.wav"})
        self.send({"event": "hangup", **parties, "cause": "normalClearing"})

    def send(self, fields: Fields) -> None:
        """Deliver one message, with the faults that are ordered; each answer is kept in `answers`."""
        if fields["event"] == "hangup" and self.faults.take("no_hangup"):
            return
        if self._held is None and self.faults.take("swapped"):
            self._held = fields
            return
        self._post(fields)
        if self.faults.take("twice"):
            self._post(fields)
        if self._held is not None:
            held, self._held = self._held, None
            self._post(held)

    def _post(self, fields: Fields) -> None:
        if self.faults.take("huge"):
            fields = {**fields, "queue": "q" * 200_000}
        kind, body = self._body(fields)
        secret = "wrong" if self.faults.take("bad_signature") else self.secret
        url = self.hub_url + ("?" + urlencode({"callId": fields["callId"]}) if self.faults.take("query") else "")
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        request = Request(  # noqa: S310 - the address is the one that the demo or the test set
            url, body, {"Content-Type": kind, "X-Hub-Signature-256": signature}, method="POST"
        )
        try:
            with urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310 - as above
                self.answers.append((answer.status, answer.read()))
        except HTTPError as error:
            with error:
                self.answers.append((error.code, error.read()))

    def _body(self, fields: Fields) -> tuple[str, bytes]:
        encoding = "latin-1" if self.faults.take("latin1") else "utf-8"
        if self.faults.take("form"):
            return "application/x-www-form-urlencoded", urlencode(_pairs(fields), encoding=encoding).encode()
        if self.faults.take("multipart"):
            return _multipart(_pairs(fields), encoding)
        return "application/json", json.dumps(fields, ensure_ascii=False).encode(encoding, "replace")


def create(port: int, faults: Faults) -> HookPbx:
    return HookPbx(port, faults)


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    """The fields as a form has them: a list is one `user[]` for each."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, list):
            pairs += [(f"{name}[]", str(one)) for one in value]
        else:
            pairs.append((name, str(value)))
    return pairs


def _multipart(pairs: list[tuple[str, str]], encoding: str) -> tuple[str, bytes]:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs
    ]
    return f"multipart/form-data; boundary={boundary}", ("".join(parts) + f"--{boundary}--\r\n").encode(encoding)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pbx: HookPbx) -> None:
        super().__init__(("127.0.0.1", pbx.port), _Handler)
        self.pbx = pbx


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        pbx = self.server.pbx
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._misbehaves():
            return
        if self.path != "/dial":
            self._answer(404, b"")
        elif pbx.faults.take("refuse"):
            self._answer(409, b"")
        else:
            pbx.orders.append({**json.loads(body), "signature": self.headers.get("X-Hub-Signature-256", "")})
            self._answer(202, b"{}")

    def do_OPTIONS(self) -> None:
        if not self._misbehaves():
            self._answer(204, b"")

    def do_HEAD(self) -> None:
        if not self._misbehaves():
            self._recording(body=False)

    def do_GET(self) -> None:
        if not self._misbehaves():
            self._recording(body=True)

    def _misbehaves(self) -> bool:
        """Count the request, and commit the fault that is ordered."""
        pbx = self.server.pbx
        pbx.asked += 1
        if pbx.faults.take("hang"):
            pbx.wait_released()
            self.close_connection = True
        elif pbx.faults.take("garbage"):
            self.wfile.write(b"\x16\x03\x01\xff\x00 what?\r\n\r\n")
            self.close_connection = True
        elif pbx.faults.take("wrong_password"):
            self._answer(401, b"")
        elif pbx.faults.take("ill"):
            self._answer(503, b"")
        else:
            return False
        return True

    def _recording(self, *, body: bool) -> None:
        if not self.path.startswith("/recordings/") or not self.path.endswith(".wav"):
            self._answer(404, b"", body=body)
            return
        sound = _SOUND + bytes(32_000)
        first = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        start = int(first) if first.isdigit() else 0
        self._answer(206 if start else 200, sound[start:], body=body, start=start, total=len(sound))

    def _answer(self, status: int, data: bytes, *, body: bool = True, start: int = 0, total: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: numbers of callers are no business of a log."""
