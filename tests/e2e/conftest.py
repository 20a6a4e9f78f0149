"""What several end-to-end tests begin with: the web app, an administrator who is signed in, a simulated Google."""

from collections.abc import Iterator

import pytest
from flask import Flask

from connectors.google import simulator as google_simulator
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.security.models import Role
from tests.e2e.processes import Nursery
from tests.fakes.browser import Browser, someone


@pytest.fixture
def app(hub: Hub) -> Flask:
    return hub_app.create_app(hub)


@pytest.fixture
def admin(app: Flask, hub: Hub) -> Browser:
    someone(hub, Role.ADMIN)
    browser = Browser(app)
    browser.sign_in("admin@example.com")
    return browser


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def google() -> Iterator[GoogleSimulator]:
    simulator = google_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()
