"""The API as a whole: who may enter, how often, what errors look like, and that its description is true."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from hub.context import Hub
from hub.security import tokens, users
from hub.security.models import ApiToken, User
from hub.store.base import now
from hub.store.session import Database, open_engine
from hub.web.factory import make_flask
from tests.fakes.api import PREFIX, ApiClient, Office, office
from tests.fakes.exchange import FakeExchange
from tests.fakes.servers import free_port

# They answer with a secret that is shown once: kept under a key, it would be shown again.
SECRETS = {"/embed-tickets", "/webhook-endpoints", "/webhook-endpoints/{endpoint_id}/rotate-secret"}


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def test_the_description_is_valid_openapi(desk: Office) -> None:
    document = desk.app.test_client().get(f"{PREFIX}/openapi.json")
    assert document.status_code == 200
    assert document.get_json()["openapi"].startswith("3.1")
    validate(document.get_json())


def test_every_route_is_described_and_nothing_else(desk: Office) -> None:
    described = {
        (method.upper(), path)
        for path, operations in desk.as_admin.document["paths"].items()
        for method in operations
        if method in {"get", "post", "patch", "put", "delete"}
    }
    routes = set()
    for rule in desk.app.url_map.iter_rules():
        if rule.rule.startswith(f"{PREFIX}/") and rule.endpoint != "api.nothing":
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(PREFIX))
            routes |= {(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert routes == described
    assert len(routes) > 20


def test_every_operation_names_its_errors_and_its_right(desk: Office) -> None:
    for path, operations in desk.as_admin.document["paths"].items():
        for method, operation in operations.items():
            if path == "/openapi.json":
                continue
            assert operation["x-right"], (path, method)
            assert {"401", "403", "429"} <= operation["responses"].keys(), (path, method)
            has_key = any(p["name"] == "Idempotency-Key" for p in operation["parameters"])
            assert has_key == (method == "post" and path not in SECRETS), path


def test_without_a_token_nobody_comes_in(desk: Office) -> None:
    answer = desk.app.test_client().get(f"{PREFIX}/calls")
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.get_json()["error_id"] == "unauthorized"


def test_a_wrong_token_is_refused(desk: Office) -> None:
    for header in ("Bearer", "Bearer ", "Bearer wrong", "Basic bm9hOng=", "bearer hub_\xc3\xa9", "x" * 9000):
        answer = desk.app.test_client().get(f"{PREFIX}/me", headers={"Authorization": header})
        assert answer.status_code == 401, header


def test_a_revoked_token_is_refused_at_once(desk: Office) -> None:
    assert desk.as_program.get("/me").status_code == 200
    with desk.hub.db.write() as session:
        tokens.revoke(session, "of a program")
    assert desk.as_program.get("/me").status_code == 401


def test_a_disabled_users_token_is_refused_at_once(desk: Office) -> None:
    with desk.hub.db.write() as session:
        users.disable(session, session.get_one(User, desk.agent.id))
    assert desk.as_agent.get("/me").status_code == 401


def test_the_session_cookie_of_a_page_opens_nothing(desk: Office) -> None:
    client = desk.app.test_client()
    with client.session_transaction() as cookie:
        cookie["sid"] = "whatever"
    assert client.get(f"{PREFIX}/me").status_code == 401


def test_me_says_who_asks_and_what_they_may(desk: Office) -> None:
    agent = desk.as_agent.get("/me").get_json()
    assert (agent["email"], agent["role"], agent["id"]) == ("noa@example.com", "agent", str(desk.agent.public_id))
    assert "see_raw" not in agent["rights"]
    program = desk.as_program.get("/me").get_json()
    assert (program["name"], program["id"], program["email"]) == ("of a program", None, "")


def test_the_use_of_a_token_is_noted(desk: Office) -> None:
    before = now()
    desk.as_program.get("/me")
    with desk.hub.db.read() as session:
        used_at = session.query(ApiToken).filter_by(name="of a program").one().used_at
        assert used_at is not None
        assert used_at >= before


def test_more_requests_than_the_limit_are_refused_with_a_time_to_wait(hub: Hub) -> None:
    security = hub.settings.security.model_copy(update={"api_limit": "3 per minute"})
    desk = office(replace(hub, settings=hub.settings.model_copy(update={"security": security})), FakeExchange())
    assert [desk.as_agent.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = desk.as_agent.get("/me")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.get_json()["error_id"] == "rate_limited"
    assert desk.as_admin.get("/me").status_code == 200, "each token has its own limit"
    wrong = ApiClient(desk.app.test_client(), "wrong")
    assert [wrong.get("/me").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_an_unknown_address_and_an_unknown_method_are_problems_too(desk: Office) -> None:
    for path in ("/nothing", "/", "/calls/", "/calls/12", "/parties/not-a-uuid"):
        answer = desk.as_agent.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), path
    wrong = desk.as_agent.ask("DELETE", "/calls")
    assert wrong.status_code == 405
    assert wrong.headers["Allow"] == "GET, POST"


WRONG_PARAMETERS = {
    "/calls?limit=0": "limit",
    "/calls?limit=201": "limit",
    "/calls?limit=x": "limit",
    "/calls?limit=1&limit=2": "limit",
    "/calls?outcme=missed": "outcme",
    "/calls?outcome=gone": "outcome.0",
    "/calls?direction=up": "direction",
    "/calls?since=yesterday": "since",
    "/calls?since=2026-11-22T10:00:00": "since",
    "/calls?since=0001-01-01T00:00:00%2B05:00": "since",
    "/calls?number=": "number",
    "/calls?party=12": "party",
    "/calls?after=abc": "after",
    "/calls?after=a.b": "after",
    "/calls?after=%D7%90.%D7%91": "after",
    "/calls?number=%00": "number",
    "/me?x=1": "x",
}


def test_a_wrong_parameter_is_named(desk: Office) -> None:
    for path, field in WRONG_PARAMETERS.items():
        answer = desk.as_manager.get(path)
        assert (answer.status_code, answer.get_json()["field"]) == (400, field), path


WRONG_BODIES: list[tuple[bytes, str | None, int, str]] = [
    (b"{}", "text/plain", 415, "not_json"),
    (b"{}", None, 415, "not_json"),
    (b"{", "application/json", 400, "bad_json"),
    (b"", "application/json", 400, "bad_json"),
    (b'{"text": NaN}', "application/json", 400, "bad_json"),
    (b"\xff\xfe", "application/json", 400, "bad_json"),
    (b'{"text": "\\ud800"}', "application/json", 400, "bad_json"),
    (b"[" * 100_000, "application/json", 400, "bad_json"),
    (b"[]", "application/json", 422, "invalid"),
    (b'{"text": "a\\u0000b"}', "application/json", 422, "invalid"),
    (b'{"text": "' + b"x" * (1 << 20) + b'"}', "application/json", 413, "too_large"),
]


def test_a_body_that_is_no_good_is_refused(desk: Office) -> None:
    for body, content_type, status, error_id in WRONG_BODIES:
        answer = desk.as_agent.ask("POST", "/notes", data=body, content_type=content_type)
        assert (answer.status_code, answer.get_json()["error_id"]) == (status, error_id), body[:40]


def test_an_unknown_field_is_refused_by_name(desk: Office) -> None:
    answer = desk.as_agent.post("/parties", {"name": "Dana", "surname": "Levi"})
    assert (answer.status_code, answer.get_json()["field"]) == (422, "surname")


def test_a_role_without_the_right_is_refused(desk: Office) -> None:
    for path in ("/accounts", "/raw-records", f"/accounts/{desk.account.public_id}/streams"):
        assert desk.as_agent.get(path).status_code == 403, path
        assert desk.as_manager.get(path).status_code == 403, path
        assert desk.as_admin.get(path).status_code == 200, path


def test_a_cursor_is_good_for_its_own_question_only(desk: Office) -> None:
    for name in ("Dana", "Omri", "Tal"):
        assert desk.as_agent.post("/parties", {"name": name}).status_code == 201
    cursor = desk.as_agent.get("/parties?limit=1").get_json()["next"]
    assert desk.as_agent.get(f"/parties?limit=2&after={cursor}").status_code == 200
    assert desk.as_admin.get(f"/accounts?limit=1&after={cursor}").status_code == 400
    body, _, mac = cursor.partition(".")
    assert desk.as_agent.get(f"/parties?after={body}A.{mac}").get_json()["error_id"] == "bad_cursor"
    assert desk.as_agent.get(f"/parties?after={body}.{mac[:-2]}AA").status_code == 400


def test_a_database_that_is_away_is_a_503(desk: Office) -> None:
    away = Database(open_engine(f"postgresql://hub@127.0.0.1:{free_port()}/hub"))
    client = ApiClient(make_flask(replace(desk.hub, db=away)).test_client(), desk.as_agent.token)
    answer = client.get("/calls")
    assert (answer.status_code, answer.get_json()["error_id"]) == (503, "database_down")
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.get_data(as_text=True)
    away.close()


def test_a_fault_of_ours_shows_nothing_of_the_inside(desk: Office) -> None:
    with desk.hub.db.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE task_member")
        connection.commit()
    answer = desk.as_agent.get("/tasks")
    assert answer.status_code in {500, 503}
    assert "task_member" not in answer.get_data(as_text=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_no_cursor_from_outside_is_ever_a_fault_of_ours(desk: Office, text: str) -> None:
    answer = desk.as_agent.get("/parties", query_string={"after": text, "limit": "2"})
    assert answer.status_code == 400


def test_the_api_answers_on_any_host_name_and_sends_the_safety_headers(desk: Office) -> None:
    answer = make_flask(desk.hub).test_client().get(f"{PREFIX}/me", headers={"Host": "inside.example"})
    assert answer.status_code == 401
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
