"""Stages of leads, told to the Conversions API of the simulator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.facebook.remote import FacebookRemote
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.contract import Account
from hub.connector.simulator import Faults
from hub.connector.stream import Writer
from hub.errors import RejectedError, RetryLaterError
from tests.unit.facebook.desk import Hub


@pytest.fixture(scope="module")
def running() -> Iterator[FacebookSimulator]:
    simulator = FacebookSimulator(faults=Faults(()))
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


def remote(simulator: FacebookSimulator, **changes: Any) -> FacebookRemote:
    values = {**simulator.settings(), "timeout_s": "60", "dataset_id": simulator.dataset, **changes}
    return FacebookRemote(Account(1, "Test", FacebookSettings.model_validate(values), "IL", "Asia/Jerusalem"), Hub())


@pytest.fixture
def writer(running: FacebookSimulator) -> Iterator[Writer]:
    running.conversions.clear()
    yield remote(running).writer("conversion")
    running.faults.clear()


def stage(simulator: FacebookSimulator, **changes: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(hours=2)
    lead = simulator.submit(simulator.english, {"full_name": "Dana"}, at=at)
    return {"lead_id": lead.id, "stage": "qualified", "at": at + timedelta(hours=1), "lead_at": at, **changes}


def test_a_stage_is_told_with_the_lead_s_id_as_a_number(running: FacebookSimulator, writer: Writer) -> None:
    told = stage(running)
    written = writer.create(told, key="lead 1 qualified")
    [one] = running.conversions
    assert one.fate == "counted"
    assert one.event["user_data"] == {"lead_id": int(told["lead_id"])}
    assert (one.event["event_name"], one.event["action_source"]) == ("qualified", "system_generated")
    assert one.event["custom_data"]["event_source"] == "crm"
    assert written.remote_id == one.event["event_id"]


def test_what_is_told_twice_counts_once(running: FacebookSimulator, writer: Writer) -> None:
    told = stage(running)
    for _ in range(2):
        writer.create(told, key="the same")
    writer.create(told, key="another")
    assert [one.fate for one in running.conversions] == ["counted", "repeated", "counted"]


def test_the_first_stage_is_after_the_lead(running: FacebookSimulator, writer: Writer) -> None:
    told = stage(running)
    writer.create({**told, "at": told["lead_at"]}, key="received")
    assert running.conversions[0].fate == "counted"


@pytest.mark.parametrize(
    "changes",
    [
        {"at": datetime.now(UTC) - timedelta(days=8), "lead_at": datetime.now(UTC) - timedelta(days=9)},
        {"lead_id": "123"},
        {"lead_id": "12345678901234567890"},
        {"lead_id": None},
        {"stage": " "},
        {"at": "soon"},
        {"at": None},
    ],
)
def test_what_meta_would_discard_is_not_told(
    running: FacebookSimulator, writer: Writer, changes: dict[str, Any]
) -> None:
    with pytest.raises(RejectedError):
        writer.create(stage(running, **changes), key="x")
    assert not running.conversions


def test_what_meta_refuses_is_refused_for_good_and_what_passes_is_not(
    running: FacebookSimulator, writer: Writer
) -> None:
    running.fail("POST dataset/events", 100, "Invalid parameter")
    with pytest.raises(RejectedError):
        writer.create(stage(running), key="x")
    running.fail("POST dataset/events", 2)
    with pytest.raises(RetryLaterError):
        writer.create(stage(running), key="x")


def test_a_test_code_goes_along(running: FacebookSimulator, writer: Writer) -> None:
    remote(running, test_event_code="TEST123").writer("conversion").create(stage(running), key="x")
    assert running.conversions[0].test_code == "TEST123"


def test_nothing_is_changed_or_taken_back(writer: Writer) -> None:
    with pytest.raises(RejectedError):
        writer.update("1", {}, version="", key="x")
    with pytest.raises(RejectedError):
        writer.delete("1", version="", key="x")


def test_without_a_dataset_nothing_is_told(running: FacebookSimulator) -> None:
    with pytest.raises(RejectedError):
        remote(running, dataset_id="").writer("conversion")
