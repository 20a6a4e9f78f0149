"""The self-check of every connector: healthy where all is well, and what is wrong and how to mend it where not."""

import logging
import time

import pytest

from hub.connector.contract import Finding, Level
from hub.connector.simulator import Harm
from tests.contract.connectors import ASKING, NAMES, PROMPT_S, account, connector, ill, secrets, simulated


def check(name: str, *ordered: str, gone: bool = False) -> list[Finding]:
    """Check an account whose remote is as ordered; whatever comes of it must be fit to show and to log."""
    with simulated(name, *ordered) as simulator:
        made = account(name, simulator)
        if gone:
            simulator.stop()
        began = time.monotonic()
        found = connector(name).check(made)

        assert time.monotonic() - began < 2 * PROMPT_S
    for one in found:
        assert one.topic
        assert one.text.strip()
        assert one.level is Level.GREEN or one.action.strip(), f"{one.text} - and what now?"
        assert not [secret for secret in secrets(made) if secret in f"{one!r}"]
    assert len({one.topic for one in found}) == len(found)
    return found


def red(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.level is Level.RED]


@pytest.mark.parametrize("name", NAMES)
def test_a_healthy_remote_is_called_healthy(name: str) -> None:
    found = check(name)

    assert not red(found)
    assert [one for one in found if one.level is Level.GREEN]


@pytest.mark.parametrize(("name", "fault"), ill(NAMES, Harm.NOISE))
def test_noise_is_no_illness(name: str, fault: str) -> None:
    assert not red(check(name, f"{fault}=always"))


@pytest.mark.parametrize("name", ASKING)
def test_a_closed_port_is_said(name: str) -> None:
    assert red(check(name, gone=True))


@pytest.mark.parametrize(("name", "fault"), ill(NAMES, Harm.REFUSED, Harm.AWAY))
def test_what_makes_work_impossible_is_said(name: str, fault: str) -> None:
    assert red(check(name, f"{fault}=always"))


@pytest.mark.parametrize(("name", "fault"), ill(NAMES, Harm.LIMITED))
def test_a_missing_right_is_named(name: str, fault: str) -> None:
    healthy = {one.text for one in check(name)}
    found = [one for one in check(name, f"{fault}=always") if one.level is not Level.GREEN and one.text not in healthy]

    assert found


@pytest.mark.parametrize("name", ASKING)
def test_every_simulator_can_refuse_us_and_be_away(name: str) -> None:
    """A suite that orders no fault tests nothing."""
    assert ill([name], Harm.REFUSED)
    assert ill([name], Harm.AWAY)


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_reaches_a_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for fault in ["", *(fault for _, fault in ill([name], Harm.REFUSED, Harm.AWAY, Harm.LIMITED))]:
        with simulated(name, *([f"{fault}=always"] if fault else [])) as simulator:
            made = account(name, simulator)
            connector(name).check(made)
        assert not [secret for secret in secrets(made) if secret in caplog.text], fault
