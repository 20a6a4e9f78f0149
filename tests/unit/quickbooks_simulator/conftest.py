"""A simulated company, somebody who asks it, and somebody whom it tells things."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from connectors.quickbooks.simulator import REALM, QuickBooksSimulator, create
from hub.connector.simulator import Faults
from tests.unit.quickbooks_simulator.finance_types import wrong_exchange


@dataclass
class Api:
    """Requests to the API with a token."""

    url: str
    wire: requests.Session
    token: str

    def get(self, path: str, **params: str) -> requests.Response:
        return self.ask("GET", path, params=params)

    def ask(self, verb: str, path: str, **more: Any) -> requests.Response:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.wire.request(verb, f"{self.url}/v3/company/{REALM}/{path}", headers=headers, timeout=10, **more)

    def query(self, text: str) -> Any:
        return told(self.get("query", query=text))["QueryResponse"]

    def changed(self, entities: str, since: str) -> list[Any]:
        answer = told(self.get("cdc", entities=entities, changedSince=since))
        found: list[Any] = answer["CDCResponse"][0]["QueryResponse"]
        return found


def told(answer: requests.Response) -> Any:
    assert answer.ok, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    told = answer.json()
    error = told["Fault"]["Error"][0] if "Fault" in told else told["fault"]["error"][0]
    return answer.status_code, error["code"]


@pytest.fixture
def books() -> Iterator[QuickBooksSimulator]:
    """A simulator; every answer that a test gets is checked against Intuit's published types."""
    simulator = create(0, Faults())
    wrong: list[str] = []
    simulator.observe(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    simulator.start()
    yield simulator
    simulator.stop()
    if not simulator.faults.names & {"unknown_enum"}:
        assert not wrong


@pytest.fixture
def api(books: QuickBooksSimulator) -> Iterator[Api]:
    wire = requests.Session()
    wire.verify = books.settings()["ca"]
    wire.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
    yield Api(books.settings()["base_url"], wire, books.world.oauth.access(REALM))
    wire.close()


@dataclass
class Hub:
    """Somebody at an address whom Intuit tells things."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield found
    server.shutdown()
    thread.join(5)
    server.server_close()
