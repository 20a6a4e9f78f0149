"""Tokens that are limited: to scopes, which the operations themselves name, and to a rate of their own; operations that go."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner
from werkzeug.http import parse_date

from hub.cli import cli
from hub.context import Hub
from hub.errors import UserError
from hub.security import tokens
from hub.security.models import Role
from hub.security.policy import Right
from hub.settings import Settings
from hub.web.api import openapi, v1
from hub.web.api.me import Me, me
from hub.web.api.operation import SERVED, Deprecated, Operation, Served, answering
from tests.fakes.api import PREFIX, ApiClient, Office, office
from tests.fakes.exchange import FakeExchange


@pytest.fixture
def desk(hub: Hub) -> Office:
    return office(hub, FakeExchange())


def limited(desk: Office, *scopes: str, role: str = Role.ADMIN, rate: str = "") -> ApiClient:
    with desk.hub.db.write() as session:
        secret = tokens.add(session, f"to {scopes} {rate}", role, scopes=scopes, rate=rate)
    return ApiClient(desk.app.test_client(), secret)


def test_a_limited_token_does_what_its_scopes_say_and_nothing_else(desk: Office) -> None:
    client = limited(desk, "parties:read", "notes:write")
    made = desk.as_admin.post("/parties", {"name": "Dana"}).get_json()["id"]
    assert client.get(f"/parties/{made}").status_code == 200
    assert client.post("/notes", {"text": "Called", "party": made}).status_code == 201
    for method, path, scope in (
        ("POST", "/parties", "parties:write"),
        ("PATCH", f"/parties/{made}", "parties:write"),
        ("POST", f"/parties/{made}/merge", "parties:write"),
        ("GET", f"/parties/{made}/timeline", "timeline:read"),
        ("GET", f"/parties/{made}/money", "money:read"),
        ("GET", "/calls", "calls:read"),
        ("POST", "/calls", "calls:dial"),
        ("POST", f"/calls/{made}/hangup", "calls:dial"),
        ("PATCH", f"/calls/{made}", "calls:write"),
        ("GET", "/search?q=dana", "search:read"),
        ("GET", "/insights/completeness?of=person", "insights:read"),
        ("GET", f"/notes/{made}/files/{made}", "notes:read"),
    ):
        answer = client.ask(method, path, {} if method != "GET" else None)
        told = answer.get_json()
        assert (answer.status_code, told["error_id"]) == (403, "scope"), path
        assert scope in told["detail"]
        assert answer.headers["WWW-Authenticate"].endswith(f'error="insufficient_scope", scope="{scope}"')
        assert desk.as_admin.operation(method, path.partition("?")[0])["security"] == [{"token": [scope]}]
    me = client.get("/me")
    assert (me.status_code, me.get_json()["scopes"]) == (200, ["notes:write", "parties:read"])
    assert desk.as_admin.get("/me").get_json()["scopes"] == []


def test_a_scope_gives_no_right_that_the_role_has_not(desk: Office) -> None:
    refused = limited(desk, "accounts:read", role=Role.AGENT).get("/accounts")
    assert (refused.status_code, refused.get_json()["error_id"]) == (403, "forbidden")
    away = {"X-Forwarded-For": "203.0.113.7"}
    metrics = limited(desk, "parties:read").client.get("/metrics", headers={**away, "Authorization": "Bearer x"})
    assert metrics.status_code == 403
    secret = limited(desk, "calls:read").token
    for token, status in ((secret, 403), (desk.as_admin.token, 200)):
        asked = desk.app.test_client().get("/metrics", headers={**away, "Authorization": f"Bearer {token}"})
        assert asked.status_code == status


def test_every_operation_has_a_scope_and_every_scope_an_operation(desk: Office) -> None:
    document = desk.as_admin.document
    named = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path not in {"/openapi.json", "/me"}:
                [[scope]] = [one["token"] for one in operation["security"]]
                named.add(scope)
    assert named == set(v1.scopes())
    assert {"parties:read", "parties:write", "calls:read", "calls:dial", "timeline:read", "money:read"} <= named
    listed = document["components"]["securitySchemes"]["token"]["description"]
    assert all(scope in listed for scope in named)


def test_a_token_has_a_rate_of_its_own(desk: Office) -> None:
    slow, other = limited(desk, rate="2/minute"), limited(desk, "tasks:read")
    assert [slow.get("/me").status_code for _ in range(3)] == [200, 200, 429]
    assert slow.get("/me").get_json()["detail"].startswith("More than 2 per 1 minute")
    assert [other.get("/tasks").status_code for _ in range(4)] == [200] * 4
    for wrong in ("fast", "0/minute", "5/second; 9/hour", "-1/day"):
        with desk.hub.db.write() as session, pytest.raises(UserError) as refused:
            tokens.add(session, wrong, Role.AGENT, rate=wrong)
        assert refused.value.error_id == "rate", wrong


def test_the_command_makes_limited_tokens(settings: Settings, desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)
    words = ["token", "add", "erp", "--role", "agent"]
    unknown = CliRunner().invoke(cli, [*words, "--scope", "parties:destroy"])
    assert unknown.exit_code != 0
    assert "parties:read" in unknown.output
    assert CliRunner().invoke(cli, [*words, "--rate", "fast"]).exit_code != 0
    made = CliRunner().invoke(cli, [*words, "--scope", "tasks:read", "--scope", "calls:read", "--rate", "1/day"])
    client = ApiClient(desk.app.test_client(), made.output.strip())
    assert client.get("/me").get_json()["scopes"] == ["calls:read", "tasks:read"]
    assert client.get("/tasks").status_code == 429
    listed = CliRunner().invoke(cli, ["token", "list", "--json"]).output
    assert '"calls:read tasks:read"' in listed
    assert '"1/day"' in listed


def test_an_operation_that_goes_says_so_in_every_answer(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    going = Deprecated(date(2026, 1, 31), date(2027, 1, 31), "Use /me.")
    old = Operation("GET", "/who", "Who asks", Right.USE, Me, description="As before.", deprecated=going)
    gone = replace(old, rule="/whom", right=Right.SEE_RAW)
    for one in (old, gone):
        desk.app.add_url_rule(f"{PREFIX}{one.rule}", f"api.{one.rule[1:]}", answering(one, me))
    for path, status in (("/who", 200), ("/whom", 403), ("/me", 200)):
        answer = desk.app.test_client().get(
            f"{PREFIX}{path}", headers={"Authorization": f"Bearer {desk.as_agent.token}"}
        )
        assert answer.status_code == status
        if path == "/me":
            assert not {"Deprecation", "Sunset"} & set(answer.headers.keys())
            continue
        # RFC 9745 writes a Date of structured fields, RFC 8594 a date of HTTP.
        assert answer.headers["Deprecation"] == f"@{int(datetime(2026, 1, 31, tzinfo=UTC).timestamp())}"
        assert parse_date(answer.headers["Sunset"]) == datetime(2027, 1, 31, tzinfo=UTC)
    monkeypatch.setattr(openapi, "SERVED", [*SERVED, Served(old, "who")])
    described = openapi.document.__wrapped__("https://hub.example.com")["paths"]["/who"]["get"]
    assert described["deprecated"] is True
    assert described["description"] == "As before. Deprecated, and gone after 2027-01-31. Use /me."
