"""Programs that post answered forms, and a small page with a form.

Written from what each of them says of itself (`simulated/`), not from this connector's reader.
"""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from connectors.webforms.simulated.page import page
from connectors.webforms.simulated.programs import PROGRAMS, Answered, Sent, as_form, as_json, as_parts, own_fields
from connectors.webforms.simulated.signing import SIGNING, USUAL, Signer
from hub.connector.simulator import Fault, Faults, Harm, Option, Performance

FAULTS = {
    "twice": Fault("posts an answer again", Harm.NOISE),
    "swapped": Fault("lets an answer wait for the next one, and posts it after it", Harm.NOISE),
    "form": Fault("own: posts a form", Harm.NOISE),
    "multipart": Fault("own: posts a form in parts", Harm.NOISE),
    "renamed": Fault("own: somebody gave the field `message` another name, in Hebrew", Harm.NOISE),
    "odd_text": Fault("writes NUL, half a character and marks of direction into a name", Harm.NOISE),
    "duplicated": Fault("own: names a field twice in one object", Harm.NOISE),
    "huge": Fault("posts 2 MB", Harm.HOSTILE),
    "deep": Fault("posts JSON that is nested deeper than any form", Harm.HOSTILE),
    "not_json": Fault("posts half of its JSON", Harm.HOSTILE),
    "unsigned": Fault("does not sign", Harm.HOSTILE),
    "bad_signature": Fault("changes a byte of what it signed", Harm.HOSTILE),
    "wrong_key": Fault("proves itself with a secret or key of somebody else", Harm.HOSTILE),
    "other_letters": Fault("writes its signature in hex where base64 is due, and in base64 where hex is", Harm.HOSTILE),
    "old_timestamp": Fault("posts what it signed an hour ago", Harm.HOSTILE),
}
OPTIONS = (
    Option("to", "URL", "Post an answer to this address of the hub every few seconds."),
    Option("preset", "NAME", f"As one of {', '.join(PROGRAMS)} does it.", "own"),
    Option("secret", "TEXT", "Sign with this secret; own and zapier do not sign without one."),
)
_SECRET = "demo-signing-secret"  # noqa: S105 - of a demo
_WAIT_S = 10.0
_EVERY_S = 5.0
_OLD_S = 3600
_HUGE = 2 << 20
_DEEP = 200
_ODD = "Dana\x00 \ud83d\u202eiveL\u202c"


class WebForms:
    """One program with one form. Set `hub_url` to the account's address, then call `submit`."""

    def __init__(
        self, port: int, faults: Faults, *, preset: str = "own", secret: str = _SECRET, proof: str = ""
    ) -> None:
        self.port = port
        self.faults = faults
        self.preset, self.secret, self.proof = preset, secret, proof or USUAL.get(preset, "token")
        self.hub_url = ""
        self.headers: dict[str, str] = {}  # sent besides
        self.sent: list[Answered] = []
        self.answers: list[tuple[int, bytes]] = []
        self._people = _people()
        self._held: Answered | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Show the page with the form on 127.0.0.1."""
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join(5)
            self._server.server_close()

    def settings(self) -> dict[str, str]:
        given = {} if self.preset == "own" else {"preset": self.preset}
        if self.proof not in {"token", USUAL.get(self.preset)}:
            given["proof"] = self.proof
        if self.proof != "token":
            given["signing_secret"] = self.secret
        return given

    def submit(self, count: int = 1) -> list[Answered]:
        """Let so many people answer the form, with the faults that are ordered; what the hub said is in `answers`."""
        new = [next(self._people) for _ in range(count)]
        for one in new:
            self.answer(one)
        return new

    def answer(self, one: Answered) -> None:
        """Let somebody answer the form; the same again is the same answer, sent again."""
        if self._held is None and self.faults.take("swapped"):
            self._held = one
            return
        self._deliver(one)
        if self.faults.take("twice"):
            self._deliver(one)
        held, self._held = self._held, None
        if held is not None:
            self._deliver(held)

    def _deliver(self, one: Answered) -> None:
        self.sent.append(one)
        sent, headers = self.written(one)
        request = Request(  # noqa: S310 - the address is the one that the demo or the test set
            self.hub_url, sent.body, {"Content-Type": sent.kind, **headers, **self.headers}, method="POST"
        )
        try:
            with urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310 - as above
                self.answers.append((answer.status, answer.read()))
        except HTTPError as error:
            with error:
                self.answers.append((error.code, error.read()))
        except OSError as error:  # nobody listens, or hung up before the whole body was sent
            self.answers.append((0, str(error).encode()))

    def written(self, one: Answered) -> tuple[Sent, dict[str, str]]:
        """Return what would be posted, and how it is signed."""
        secret = "of-somebody-else" if self.faults.take("wrong_key") else self.secret
        sent = self._body(one, secret)
        now = int(time.time()) - (_OLD_S if self.faults.take("old_timestamp") else 0)
        signer = Signer(secret, now, one.id, swapped=self.faults.take("other_letters"))
        headers = SIGNING[self.proof](signer, sent.body)
        if self.faults.take("unsigned"):
            headers = {}
        if self.faults.take("bad_signature"):
            sent = replace(sent, body=sent.body.replace(b"e", b"E", 1))
        return sent, headers

    def _body(self, one: Answered, key: str) -> Sent:
        if self.faults.take("odd_text"):
            one = replace(one, name=_ODD)
        if self.faults.take("huge"):
            one = replace(one, message="m" * _HUGE)
        if self.faults.take("deep"):
            return Sent("application/json", b'{"name":' + b"[" * _DEEP + b"]" * _DEEP + b"}")
        sent = self._own(one) if self.preset == "own" else PROGRAMS[self.preset](one, key)
        return replace(sent, body=sent.body[: len(sent.body) // 2]) if self.faults.take("not_json") else sent

    def _own(self, one: Answered) -> Sent:
        fields = own_fields(one, label="במה נוכל לעזור?" if self.faults.take("renamed") else "message")
        if self.faults.take("form"):
            return as_form(fields)
        if self.faults.take("multipart"):
            return as_parts(fields)
        sent = as_json(fields)
        if self.faults.take("duplicated"):
            return replace(sent, body=sent.body[:-1] + b',"name":' + json.dumps(one.name).encode() + b"}")
        return sent


def create(port: int, faults: Faults) -> WebForms:
    return WebForms(port, faults)


def performance(given: Mapping[str, str]) -> Performance | None:
    """Post as its options say. Raises ValueError for a preset that there is none of."""
    if given["preset"] not in PROGRAMS:
        raise ValueError(f"there is no preset {given['preset']}; there are {', '.join(PROGRAMS)}")
    if not given["to"]:
        return None
    preset, secret = given["preset"], given["secret"]

    def play(simulator: WebForms, stop: threading.Event) -> None:
        simulator.hub_url, simulator.preset, simulator.secret = given["to"], preset, secret
        simulator.proof = USUAL.get(preset, "hmac") if secret else "token"
        while not stop.is_set():
            simulator.submit()
            stop.wait(_EVERY_S)

    return play


def _people() -> Iterator[Answered]:
    number = 0
    while True:
        number += 1
        yield Answered(
            name=f"דנה Żak {number}", email=f"dana.{number}@example.com", phone=f"054-23{number:05}",
            message="אני צריכה הצעת מחיר, in writing <please>", agrees=number % 2 == 1, campaign="Spring", id=str(uuid.uuid4()),
        )  # fmt: skip


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, forms: WebForms) -> None:
        super().__init__(("127.0.0.1", forms.port), _Handler)
        self.forms = forms


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        body = page(self.server.forms.hub_url)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: who answers a form is no business of a log."""
