"""A running simulator, and Google's own client libraries pointed at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import google_auth_httplib2
import httplib2
import pytest
from google.oauth2.credentials import Credentials

from connectors.google.simulator import GoogleSimulator, create
from hub.connector.simulator import Faults
from tests.unit.google_simulator.discovery import client, wrong_exchange

NOA, ADAM, MAYA, DANA = "noa@acme.example", "adam@acme.example", "maya@acme.example", "dana.example@gmail.com"


@dataclass
class Office:
    """The APIs as one user reaches them."""

    base_url: str
    http: Any

    @cached_property
    def gmail(self) -> Any:
        return client("gmail", self.base_url, self.http)

    @cached_property
    def calendar(self) -> Any:
        return client("calendar", self.base_url, self.http)

    @cached_property
    def people(self) -> Any:
        return client("people", self.base_url, self.http)

    @cached_property
    def oauth2(self) -> Any:
        return client("oauth2", self.base_url, self.http)

    @cached_property
    def admin(self) -> Any:
        return client("admin", self.base_url, self.http)

    @cached_property
    def pubsub(self) -> Any:
        return client("pubsub", self.base_url, self.http)


@pytest.fixture
def google() -> Iterator[GoogleSimulator]:
    """A simulator; every call of the test and every answer is checked against the discovery documents."""
    simulator = create(0, Faults())
    wrong: list[str] = []
    simulator.observe(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    simulator.start()
    yield simulator
    simulator.stop()
    assert not wrong


@pytest.fixture
def office(google: GoogleSimulator) -> Iterator[Callable[..., Office]]:
    """The APIs for a user, with all scopes unless told."""
    opened: list[httplib2.Http] = []

    def make(address: str = NOA, *scopes: str) -> Office:
        settings = google.settings()
        plain = httplib2.Http(ca_certs=settings["ca"], timeout=10, proxy_info=None)
        plain.redirect_codes = plain.redirect_codes - {
            308
        }  # an upload that goes on; see googleapiclient.http.build_http
        opened.append(plain)
        token = google.oauth.access(address, frozenset(scopes) or None)
        http = google_auth_httplib2.AuthorizedHttp(Credentials(token=token), http=plain)
        return Office(settings["base_url"], http)

    yield make
    for one in opened:
        one.close()
