"""Requests to Xero: reads and nothing else, with a good token, within the limits, and its refusals as ours."""

import ast
import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses

from connectors.xero import auth
from connectors.xero.client import connections, entries, only, organisations
from connectors.xero.errors import DAY_S, MINUTE_S, MOMENT_S, error_of, told_of
from hub.connector.stream import Grant, Lane
from hub.errors import (
    AuthError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)
from tests.unit.xero.desk import API, CONNECTIONS, HEADERS, INVOICE, TENANT, TOKENS, Hub, client, settings

FOLDER = Path(__file__).parents[3] / "connectors" / "xero"
CODE = sorted(one for one in FOLDER.glob("*.py") if one.name not in ("simulator.py", "demo.py"))
EMPTY: dict[str, Any] = {"Invoices": []}
LIMITS = [f"xero:{TENANT}", f"xero:{TENANT}:polling"]


@pytest.fixture
def xero() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


# --- reads only ---------------------------------------------------------------------------------------------------------


def test_nothing_but_get_can_be_sent_to_the_books() -> None:
    """Of all that can send, the code names `get` of a session alone; tokens are asked for by `hub.connector.oauth`."""
    senders = {"post", "put", "patch", "delete", "request", "send", "prepare_request"}
    named = {
        (file.name, node.attr)
        for file in CODE
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in senders
    }
    assert len(CODE) > 10
    assert named == set()
    words = [file.name for file in CODE if "X-HTTP-Method" in file.read_text("utf-8")]
    assert not words


def test_the_one_post_goes_to_the_token_service(xero: responses.RequestsMock) -> None:
    xero.post(TOKENS, json={"access_token": "a", "refresh_token": "refresh-2", "expires_in": 1800})
    granted = auth.refreshed(settings(), Grant("refresh-1"))
    assert (granted.refresh_token, granted.access_token) == ("refresh-2", "a")
    [call] = xero.calls
    assert parse_qs(str(call.request.body)) == {"grant_type": ["refresh_token"], "refresh_token": ["refresh-1"]}
    assert call.request.headers["Authorization"] == "Basic " + base64.b64encode(b"APP:app-secret").decode()


def test_an_app_without_a_secret_names_itself(xero: responses.RequestsMock) -> None:
    xero.post(TOKENS, json={"access_token": "a", "expires_in": 1800})
    granted = auth.refreshed(settings(client_secret=""), Grant("refresh-1"))
    assert granted.refresh_token == "refresh-1", "none came: the old one stays"
    assert "Authorization" not in xero.calls[0].request.headers
    assert parse_qs(str(xero.calls[0].request.body))["client_id"] == ["APP"]


@pytest.mark.parametrize(
    "path", ["Invoices", "/Invoices/../Users", "/Invoices?x=1", "/Invoices/1", "//evil.example", "/Invoices/x/y"]
)
def test_no_remote_id_leads_to_another_place(path: str) -> None:
    with pytest.raises(ShapeError):
        client().get(path)


# --- one request --------------------------------------------------------------------------------------------------------


def test_a_question_names_the_organisation_and_the_moment_and_keeps_the_digits(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", body='{"Invoices": [{"Total": 115.50, "X": 1e400}]}', headers=HEADERS)
    told, at = client().get("/Invoices", {"page": "2"}, since=datetime(2026, 11, 1, 12, 0, 5, 999, tzinfo=UTC))
    assert told == {"Invoices": [{"Total": "115.50", "X": "1e400"}]}
    assert at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    sent = xero.calls[0].request
    assert sent.headers["xero-tenant-id"] == TENANT
    assert sent.headers["Authorization"] == "Bearer access-1"
    assert sent.headers["If-Modified-Since"] == "2026-11-01T12:00:05Z"
    assert sent.url == f"{API}/Invoices?page=2"


def test_a_token_that_is_refused_is_refreshed_once(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", status=401, json={"Title": "Unauthorized", "Detail": "TokenExpired"})
    xero.post(TOKENS, json={"access_token": "access-2", "refresh_token": "refresh-2"})
    xero.get(f"{API}/Invoices", json=EMPTY, headers=HEADERS)
    hub = Hub()
    assert client(hub).get("/Invoices")[0] == EMPTY
    assert hub.refused == ["access-1"]
    assert xero.calls[-1].request.headers["Authorization"] == "Bearer access-2"


def test_a_new_token_that_is_refused_too_is_the_end(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", status=401, json={"Title": "Unauthorized"})
    xero.post(TOKENS, json={"access_token": "access-2"})
    with pytest.raises(AuthError, match="Connect"):
        client().get("/Invoices")
    assert len(xero.calls) == 3


def test_nothing_changed_is_an_empty_answer(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", status=304)
    assert client().get("/Invoices", since=datetime(2026, 1, 1, tzinfo=UTC))[0] == {}


@pytest.mark.parametrize("body", ["<html>", "[]", '{"Invoices": [', "null"])
def test_what_is_no_answer_is_asked_again_later(xero: responses.RequestsMock, body: str) -> None:
    xero.get(f"{API}/Invoices", body=body, headers=HEADERS)
    with pytest.raises(RetryLaterError):
        client().get("/Invoices")


def test_a_redirect_is_not_followed_with_our_token(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", status=302, headers={"Location": "https://evil.example/"})
    with pytest.raises(RetryLaterError):
        client().get("/Invoices")
    assert len(xero.calls) == 1


def test_a_pdf_is_asked_for_as_one_and_is_not_endless(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices/{INVOICE}", body=b"%PDF-1.4 x", headers=HEADERS)
    assert client().pdf(f"/Invoices/{INVOICE}", largest=100) == b"%PDF-1.4 x"
    assert xero.calls[0].request.headers["Accept"] == "application/pdf"
    with pytest.raises(RejectedError):
        client().pdf(f"/Invoices/{INVOICE}", largest=5)


def test_entries_that_are_none_are_not_believed() -> None:
    assert entries({"Invoices": [{"a": 1}, "x", None]}, "Invoices") == [{"a": 1}]
    assert entries({}, "Invoices") == []
    wrong: list[dict[str, Any]] = [{"Other": []}, {"Invoices": {}}, {"Invoices": None}]
    for answer in wrong:
        with pytest.raises(RetryLaterError):
            entries(answer, "Invoices")


# --- limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "problem", "wait_s"),
    [
        ({"Retry-After": "7", "X-Rate-Limit-Problem": "minute"}, "minute", 7.0),
        ({"Retry-After": "40000", "X-Rate-Limit-Problem": "Day"}, "day", 40_000.0),
        ({"Retry-After": "900000", "X-Rate-Limit-Problem": "day"}, "day", 86_400.0),
        ({"X-Rate-Limit-Problem": "day"}, "day", DAY_S),
        ({"X-Rate-Limit-Problem": "minute"}, "minute", MINUTE_S),
        ({"X-Rate-Limit-Problem": "concurrent"}, "concurrent", MOMENT_S),
        ({}, "not said", MOMENT_S),
    ],
)
def test_the_silence_that_xero_wants_is_kept_by_everybody(
    xero: responses.RequestsMock, headers: dict[str, str], problem: str, wait_s: float
) -> None:
    xero.get(f"{API}/Invoices", status=429, headers=headers)
    hub = Hub()
    with pytest.raises(LimitedError, match=problem) as caught:
        client(hub).get("/Invoices")
    assert caught.value.retry_after == wait_s
    assert hub.silences == [(LIMITS, wait_s)]


def test_polling_rests_when_little_is_left_of_the_day_and_people_are_served(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", json=EMPTY, headers={**HEADERS, "X-DayLimit-Remaining": "200"})
    polling, person = Hub(), Hub(Lane.INTERACTIVE)
    client(polling).get("/Invoices")
    client(person).get("/Invoices")
    assert polling.silences == [(LIMITS[1:], 900.0)]
    assert (polling.spent, person.spent) == ([LIMITS], [LIMITS[:1]])


def test_a_token_that_another_worker_got_meanwhile_is_used(xero: responses.RequestsMock) -> None:
    hub = Hub()

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        is_old, hub.token = request.headers["Authorization"] == "Bearer access-1", "access-2"  # another worker
        return (401, {}, "{}") if is_old else (200, HEADERS, json.dumps(EMPTY))

    xero.add_callback(responses.GET, f"{API}/Invoices", answer)
    assert client(hub).get("/Invoices")[0] == EMPTY
    assert (len(xero.calls), hub.refused) == (2, [])


@pytest.mark.parametrize(
    "date", ["", "x", "Mon, 23 Nov 2026 10:00:00 +9999999", "Mon, 23 Nov 2026 10:00:00 +99999999999999999999"]
)
def test_an_answer_that_tells_no_time_is_of_now(xero: responses.RequestsMock, date: str) -> None:
    xero.get(f"{API}/Invoices", json=EMPTY, headers={"Date": date, "X-DayLimit-Remaining": "9" * 5_000})
    before = datetime.now(UTC)
    assert before <= client().get("/Invoices")[1] <= datetime.now(UTC)


def test_enough_of_the_day_is_no_reason_to_rest(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", json=EMPTY, headers={**HEADERS, "X-DayLimit-Remaining": "201"})
    hub = Hub()
    client(hub).get("/Invoices")
    assert hub.silences == []


# --- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, {"Type": "ValidationException", "Message": "A validation exception occurred"}, RejectedError),
        (401, {"Title": "Unauthorized", "Detail": "AuthenticationUnsuccessful"}, AuthError),
        (401, {"Title": "Unauthorized", "Detail": "AuthorizationUnsuccessful"}, ScopeError),
        (401, None, AuthError),
        (403, {"Title": "Forbidden", "Detail": "AuthenticationUnsuccessful"}, DisabledError),
        (404, None, GoneError),
        (429, None, LimitedError),
        (500, {"Title": "An error occurred"}, RetryLaterError),
        (503, None, RetryLaterError),
        (200, None, RetryLaterError),
        (418, "tea", RetryLaterError),
    ],
)
def test_a_refusal_says_what_to_do_next(status: int, told: Any, kind: type[Exception]) -> None:
    error = error_of(status, {}, told)
    assert type(error) is kind or (kind is LimitedError and isinstance(error, LimitedError))
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, {"error": "invalid_grant"}, AuthError),
        (400, {"error": "invalid_client"}, DisabledError),
        (401, {"error": "invalid_client"}, DisabledError),
        (429, {}, LimitedError),
        (500, {}, RetryLaterError),
        (503, None, RetryLaterError),
        (200, {"token": "no"}, RetryLaterError),
    ],
)
def test_a_refused_refresh_says_whose_fault_it_is(
    xero: responses.RequestsMock, status: int, told: Any, kind: type[Exception]
) -> None:
    xero.post(TOKENS, status=status, body=json.dumps(told) if told is not None else "<html>")
    with pytest.raises(kind) as caught:
        auth.refreshed(settings(), Grant("refresh-1"))
    assert "refresh-1" not in str(caught.value)
    assert "app-secret" not in str(caught.value)


def test_numbers_are_read_as_they_were_written() -> None:
    assert told_of(b'{"a": 0.10, "b": 7, "c": 115.4999999999999}') == {"a": "0.10", "b": 7, "c": "115.4999999999999"}
    assert told_of(b"\xff") is None
    assert told_of(b"[" * 100_000) is None


# --- organisations ------------------------------------------------------------------------------------------------------

CONNECTED = {"tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Acme"}
OTHER = {**CONNECTED, "tenantId": TENANT.replace("b", "c"), "tenantName": "Other"}
PRACTICE = {**CONNECTED, "tenantId": "practice", "tenantType": "PRACTICE"}


def test_the_only_organisation_needs_no_setting(xero: responses.RequestsMock) -> None:
    xero.get(CONNECTIONS, json=[PRACTICE, CONNECTED])
    xero.get(f"{API}/Invoices", json=EMPTY, headers=HEADERS)
    found = client(tenant="", account=77)
    found.get("/Invoices")
    found.get("/Invoices")
    assert [call.request.headers.get("xero-tenant-id") for call in xero.calls] == [None, TENANT, TENANT]


def test_of_several_organisations_one_must_be_named() -> None:
    assert only(organisations([CONNECTED])) == TENANT
    with pytest.raises(DisabledError, match="Other"):
        only(organisations([CONNECTED, OTHER]))
    with pytest.raises(DisabledError, match="not connected"):
        only(organisations([PRACTICE]))
    with pytest.raises(RetryLaterError):
        organisations({"Title": "Oops"})


def test_a_new_token_is_asked_for_its_organisations(xero: responses.RequestsMock) -> None:
    xero.get(CONNECTIONS, json=[CONNECTED, OTHER])
    assert connections(settings(), "fresh") == {TENANT: "Acme", OTHER["tenantId"]: "Other"}
    assert xero.calls[0].request.headers["Authorization"] == "Bearer fresh"


@pytest.mark.parametrize(("status", "kind"), [(401, AuthError), (403, DisabledError), (500, RetryLaterError)])
def test_a_token_that_opens_nothing_is_said(xero: responses.RequestsMock, status: int, kind: type[Exception]) -> None:
    xero.get(CONNECTIONS, status=status, json={"Title": "No"})
    with pytest.raises(kind):
        connections(settings(), "fresh")
