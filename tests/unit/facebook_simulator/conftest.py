"""A running simulator, and Graph as somebody with a token reaches it."""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.facebook.simulator import FacebookSimulator, create
from hub.connector.simulator import Faults
from tests.unit.facebook_simulator.spec_fields import wrong_exchange


@dataclass
class Graph:
    """Graph for whom a token stands for."""

    url: str
    wire: requests.Session
    token: str
    secret: str
    version: str = "v26.0"

    def ask(self, verb: str, path: str, data: Any = None, **query: Any) -> requests.Response:
        """Send one request; `path` is below the version, or a whole link."""
        proof = hmac.new(self.secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
        params = {"appsecret_proof": proof, **query} if self.token else query
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        whole = path if path.startswith("https://") else f"{self.url}/{self.version}{path}"
        return self.wire.request(
            verb, whole, params=params, data=data, headers=headers, timeout=20, allow_redirects=False
        )

    def get(self, path: str, **query: Any) -> Any:
        return told(self.ask("GET", path, **query))

    def post(self, path: str, **data: Any) -> Any:
        return told(self.ask("POST", path, data))

    def delete(self, path: str, **query: Any) -> Any:
        return told(self.ask("DELETE", path, **query))

    def all(self, path: str, **query: Any) -> list[Any]:
        """Everything of every page, by `after`."""
        found: list[Any] = []
        for _ in range(1000):
            page = self.get(path, **query)
            found += page["data"]
            if "next" not in page.get("paging", {}):
                return found
            query["after"] = page["paging"]["cursors"]["after"]
        raise AssertionError("no end of pages")


def told(answer: requests.Response) -> Any:
    assert answer.ok, answer.text
    return answer.json()


def refused(answer: requests.Response) -> tuple[int, int, int]:
    """Status, code and subcode of an error."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode", 0)


@pytest.fixture
def facebook() -> Iterator[FacebookSimulator]:
    """A simulator; every answer that a test gets is checked against Meta's published fields."""
    simulator = create(0, Faults())
    wrong: list[str] = []
    simulator.observe(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    simulator.start()
    yield simulator
    simulator.stop()
    assert not wrong


@pytest.fixture
def graph(facebook: FacebookSimulator) -> Iterator[Callable[..., Graph]]:
    """Graph for a token; without one, for the page's token of the system user."""
    opened: list[requests.Session] = []

    def make(token: str | None = None) -> Graph:
        settings = facebook.settings()
        wire = requests.Session()
        wire.verify = settings["ca"]
        wire.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
        opened.append(wire)
        if token is None:
            owner = facebook.world.tokens.check(settings["token"])
            token = facebook.world.tokens.of_page(owner, facebook.garden.id).text
        return Graph(settings["graph_url"], wire, token, settings["app_secret"])

    yield make
    for one in opened:
        one.close()


@dataclass
class Callback:
    """Somebody at an address whom Facebook tells things."""

    url: str
    verify_token: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def callback(facebook: FacebookSimulator) -> Iterator[Callback]:
    found = Callback("", facebook.verify_token)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            is_right = query.get("hub.verify_token") == found.verify_token and query.get("hub.mode") == "subscribe"
            self.answer(200 if is_right else 403, query.get("hub.challenge", "").encode() if is_right else b"")

        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.answer(found.status, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield found
    server.shutdown()
    thread.join(5)
    server.server_close()
