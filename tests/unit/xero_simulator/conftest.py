"""A running simulator, and Xero as one app reaches it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors.xero.simulated.books import Books
from connectors.xero.simulator import XeroSimulator, create
from hub.connector.simulator import Faults
from tests.unit.xero_simulator.xero_types import wrong_exchange


@dataclass
class Xero:
    """Xero for whoever has an access token."""

    url: str
    wire: requests.Session
    token: str
    tenant: str

    def ask(self, path: str, *, verb: str = "GET", since: str = "", **query: Any) -> requests.Response:
        """Send one request; `path` is below /api.xro/2.0, or begins with a slash."""
        headers = {"Authorization": f"Bearer {self.token}", "xero-tenant-id": self.tenant, "Accept": "application/json"}
        if since:
            headers["If-Modified-Since"] = since
        address = f"{self.url}{path}" if path.startswith("/") else f"{self.url}/api.xro/2.0/{path}"
        return self.wire.request(verb, address, headers=headers, params=dict(query), timeout=20)

    def get(self, path: str, *, since: str = "", **query: Any) -> Any:
        """Return an answer; amounts are Decimal."""
        found = self.ask(path, since=since, **query)
        assert found.ok, found.text
        return json.loads(found.text, parse_float=Decimal)

    def all(self, kind: str, *, since: str = "", **query: Any) -> list[Any]:
        """Every record of every page; the end is an empty page."""
        found: list[Any] = []
        for page in range(1, 1000):
            answer = self.get(kind, since=since, page=page, **query)
            found += answer[kind]
            counted = answer.get("pagination")
            if page >= counted["pageCount"] if counted else not answer[kind]:
                return found
        raise AssertionError("no end of pages")


@pytest.fixture
def xero() -> Iterator[XeroSimulator]:
    """A simulator; every answer is checked against Xero's published types."""
    simulator = create(0, Faults())
    wrong: list[str] = []
    simulator.observe(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    simulator.start()
    yield simulator
    simulator.stop()
    assert not wrong


@pytest.fixture
def unchecked() -> Iterator[XeroSimulator]:
    """A simulator that may say what the specification does not have."""
    simulator = create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


Open = Callable[..., Xero]


@pytest.fixture
def reach() -> Iterator[Open]:
    """Open a simulator with an access token; all scopes unless told, and its own organisation."""
    opened: list[requests.Session] = []

    def make(simulator: XeroSimulator, *scopes: str, tenant: Books | None = None) -> Xero:
        settings = simulator.settings()
        wire = requests.Session()
        wire.verify, wire.trust_env = settings["ca"], False  # REQUESTS_CA_BUNDLE would win over `verify`
        opened.append(wire)
        person = simulator.world.people[0]
        token = (
            simulator.tokens.access_for(person, frozenset(scopes)) if scopes else simulator.tokens.access_for(person)
        )
        return Xero(settings["base_url"], wire, token, (tenant or simulator.books).id)

    yield make
    for one in opened:
        one.close()
