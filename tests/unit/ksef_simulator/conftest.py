"""A running KSeF whose every exchange is held against the published description."""

from collections.abc import Iterator

import pytest

from connectors.ksef.simulated.gateway import Exchange
from connectors.ksef.simulator import KsefSimulator
from hub.connector.simulator import Faults
from tests.unit.ksef_simulator.description import problems


@pytest.fixture
def seen() -> list[Exchange]:
    return []


@pytest.fixture
def ksef(seen: list[Exchange]) -> Iterator[KsefSimulator]:
    simulator = KsefSimulator(0, Faults())
    simulator.observe(seen.append)
    simulator.start()
    yield simulator
    simulator.stop()
    found = [(one.request.path, problem) for one in seen for problem in problems(one)]
    assert not found, found[:5]
