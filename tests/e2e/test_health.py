"""Health and numbers: what machines ask."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from hub.connector.contract import Delivered
from hub.context import Hub
from hub.intake import receive
from hub.intake.models import Account, RawState
from hub.store.base import now
from hub.store.session import Database, open_engine
from hub.web.factory import make_flask
from tests.fakes.api import Office, add_call, office
from tests.fakes.exchange import FakeExchange
from tests.fakes.servers import free_port


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


class StoppedListener:
    """A listener whose threads ended without being told to."""

    name = "Office"
    alive = False
    depth = 3

    class stop:  # noqa: N801 - stands for a threading.Event
        @staticmethod
        def is_set() -> bool:
            return False


def away(hub: Hub) -> Flask:
    return make_flask(replace(hub, db=Database(open_engine(f"postgresql://hub@127.0.0.1:{free_port()}/hub"))))


def numbers(answer: TestResponse) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_process_is_alive_whatever_the_database(desk: Office) -> None:
    assert desk.app.test_client().get("/healthz").get_json() == {"status": "ok"}
    assert away(desk.hub).test_client().get("/healthz").status_code == 200


def test_a_hub_that_can_work_is_ready(desk: Office) -> None:
    answer = desk.app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "parts": {"database": "ok", "bus": "ok", "listeners": "ok"}}


def test_readiness_waits_for_no_writer(desk: Office) -> None:
    with desk.hub.db.write() as session:
        session.add(Account(name="unfinished", connector="x"))
        session.flush()
        assert desk.app.test_client().get("/readyz").status_code == 200


def test_a_database_that_is_away_or_old_is_not_ready(desk: Office) -> None:
    answer = away(desk.hub).test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["parts"]["database"]) == (503, "not reachable")
    with desk.hub.db.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()
    old = desk.app.test_client().get("/readyz")
    assert old.status_code == 503
    assert "hub db upgrade" in old.get_json()["parts"]["database"]


def test_a_bus_that_is_away_is_not_ready(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(desk.hub.bus), "is_up", lambda _: False)
    assert desk.app.test_client().get("/readyz").status_code == 503


def test_a_listener_that_stopped_is_named(desk: Office) -> None:
    desk.hub.telephone.listeners[desk.account.id] = StoppedListener()  # type: ignore[assignment]
    answer = desk.app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["parts"]["listeners"]) == (503, "stopped: Office")


def test_numbers_tell_what_happened(desk: Office) -> None:
    with desk.hub.db.write() as session:
        session.get_one(Account, desk.account.id).facts = {"counters": {"received": 120, "garbage": 2}}
        add_call(session, desk.account, "open", now(), open=True, outcome="")
        add_call(session, desk.account, "ended", now())
    desk.hub.telephone.listeners[desk.account.id] = StoppedListener()  # type: ignore[assignment]
    desk.as_agent.get("/me")
    client = desk.app.test_client()
    client.get("/no-such-page-1")
    client.get("/no-such-page-2")
    client.open("/healthz", method="X-ODD")
    got = numbers(client.get("/metrics"))
    assert got["hub_http_requests_total", (("method", "GET"), ("route", "/api/v1/me"), ("status", "200"))] == 1
    assert got["hub_http_requests_total", (("method", "GET"), ("route", "(none)"), ("status", "404"))] == 2
    assert got["hub_http_request_seconds_count", (("route", "/api/v1/me"),)] == 1
    assert got["hub_call_events_total", (("account", "Office"), ("what", "received"))] == 120
    assert got["hub_calls_open", ()] == 1
    assert got["hub_listener_up", (("account", "Office"),)] == 0
    assert got["hub_listener_queue", (("account", "Office"),)] == 3
    for name in ("hub_live_streams", "hub_outbox_waiting", "hub_streams_due"):
        assert got[name, ()] == 0
    assert any(name == "hub_build_info" for name, _ in got)
    assert not any("X-ODD" in str(labels) for _, labels in got)


def test_records_are_counted_by_their_state(desk: Office) -> None:
    with desk.hub.db.write() as session:
        for n, state in enumerate([RawState.SET_ASIDE, RawState.SET_ASIDE, RawState.APPLIED]):
            row, _ = receive.keep(session, desk.account.id, Delivered("things", str(n), {}))
            row.state = state
    got = numbers(desk.app.test_client().get("/metrics"))
    assert got["hub_raw_records", (("state", "set_aside"),)] == 2
    assert got["hub_raw_records", (("state", "applied"),)] == 1


def test_numbers_are_for_this_machine_and_for_administrators(desk: Office) -> None:
    client = desk.app.test_client()
    far: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}}
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
    assert client.get("/metrics", **far).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401, "a proxy runs here"
    for token, status in (
        (desk.as_admin.token, 200),
        (desk.as_program.token, 200),
        (desk.as_manager.token, 403),
        (desk.as_agent.token, 403),
        ("wrong", 403),
    ):
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"}, **far)
        assert answer.status_code == status, token


def test_numbers_need_the_database(desk: Office) -> None:
    answer = away(desk.hub).test_client().get("/metrics")
    assert (answer.status_code, answer.get_json()["error_id"]) == (503, "database_down")
