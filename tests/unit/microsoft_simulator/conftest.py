"""A running simulator, and Graph as one person reaches it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulator import Faults
from tests.unit.microsoft_simulator.graph_types import wrong_exchange

NOA, ADAM, MAYA = "noa@acme.example", "adam@acme.example", "maya@acme.example"
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


@dataclass
class Graph:
    """Graph for whom a token stands for."""

    url: str
    wire: requests.Session
    token: str

    def ask(self, verb: str, path: str, **more: Any) -> requests.Response:
        """Send one request; `path` is below /v1.0, or a whole link."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        address = path if path.startswith("https://") else f"{self.url}/v1.0{path}"
        return self.wire.request(verb, address, headers=headers, timeout=20, **more)

    def get(self, path: str, **more: Any) -> Any:
        return _answer(self.ask("GET", path, **more))

    def post(self, path: str, json: Any = None, **more: Any) -> Any:
        return _answer(self.ask("POST", path, json=json, **more))

    def patch(self, path: str, json: Any = None, **more: Any) -> Any:
        return _answer(self.ask("PATCH", path, json=json, **more))

    def delete(self, path: str, **more: Any) -> Any:
        return _answer(self.ask("DELETE", path, **more))

    def all(self, path: str, **more: Any) -> tuple[list[Any], str]:
        """Every item of every page, and the delta link at the end (empty: there is none)."""
        found: list[Any] = []
        link = path
        for _ in range(1000):
            page = self.get(link, **more)
            found += page["value"]
            more.pop("params", None)
            if "@odata.nextLink" not in page:
                return found, page.get("@odata.deltaLink", "")
            link = page["@odata.nextLink"]
        raise AssertionError("no end of pages")


def _answer(found: requests.Response) -> Any:
    assert found.ok, found.text
    return found.json() if found.content else None


def open_wire(ca: str) -> requests.Session:
    wire = requests.Session()
    wire.verify = ca
    wire.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
    return wire


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    """A simulator; every call of the test and every answer is checked against Graph's published types."""
    simulator = create(0, Faults())
    wrong: list[str] = []
    simulator.observe(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    simulator.start()
    yield simulator
    simulator.stop()
    assert not wrong


@pytest.fixture
def graph(microsoft: MicrosoftSimulator) -> Iterator[Callable[..., Graph]]:
    """Graph for a user (empty: for the app itself), with all permissions unless told."""
    opened: list[requests.Session] = []

    def make(address: str = NOA, *permissions: str) -> Graph:
        settings = microsoft.settings()
        wire = open_wire(settings["ca"])
        opened.append(wire)
        allowed = frozenset(permissions) or None
        oauth = microsoft.oauth
        token = oauth.access(address, allowed) if address else oauth.app_access(allowed)
        return Graph(settings["graph_url"], wire, token)

    yield make
    for one in opened:
        one.close()
