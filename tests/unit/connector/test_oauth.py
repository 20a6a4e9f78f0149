"""A token service: how it is asked, whose fault a refusal is, what is granted; and what comes back from a page of consent."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses

from hub.connector.consent import ConsentError, Question, Refusal, code_of
from hub.connector.http import LONGEST_SILENCE_S, retry_after_of
from hub.connector.oauth import LARGEST, LONGEST_S, USUALLY_S, RefusedError, TokenService, granted
from hub.connector.stream import Grant
from hub.errors import DisabledError, LimitedError, RetryLaterError

URL = "https://tokens.example/token"
SERVICE = TokenService("The token service", URL, "app", "app-secret", "", 5.0)
FORM = {"grant_type": "refresh_token", "refresh_token": "refresh-1"}


@pytest.fixture
def there() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


# --- asking -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("client_id", "secret"), [("app", "app-secret"), ("יישום", "sé\u200fcret")])
def test_an_app_with_a_secret_proves_itself_in_the_header(
    there: responses.RequestsMock, client_id: str, secret: str
) -> None:
    there.post(URL, json={"access_token": "a"})
    assert replace(SERVICE, client_id=client_id, secret=secret).ask(FORM) == {"access_token": "a"}
    sent = there.calls[0].request
    assert sent.headers["Authorization"] == f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"
    assert parse_qs(str(sent.body)) == {name: [one] for name, one in FORM.items()}


def test_one_without_is_only_named(there: responses.RequestsMock) -> None:
    there.post(URL, json={"access_token": "a"})
    replace(SERVICE, secret="").ask(FORM)
    sent = there.calls[0].request
    assert "Authorization" not in sent.headers
    assert parse_qs(str(sent.body))["client_id"] == ["app"]


def test_the_secret_is_in_no_log() -> None:
    assert "app-secret" not in repr(SERVICE)


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, {"error": "invalid_grant"}, RefusedError),
        (401, {"error": "invalid_grant"}, RefusedError),
        (400, {"error": "invalid_client"}, DisabledError),
        (401, {"error": "unauthorized_client"}, DisabledError),
        (400, {"error": ["invalid_grant"]}, RetryLaterError),
        (400, "<html>", RetryLaterError),
        (403, {"error": "invalid_grant"}, RetryLaterError),  # of a wall between: what was allowed stays
        (404, {"error": "invalid_grant"}, RetryLaterError),
        (302, {}, RetryLaterError),
        (429, {}, LimitedError),
        (500, {"error": "invalid_grant"}, RetryLaterError),
        (200, {}, RetryLaterError),
        (200, [], RetryLaterError),
        (200, {"access_token": ""}, RetryLaterError),
        (200, {"access_token": 7}, RetryLaterError),
        (200, {"access_token": "a\r\nX: b"}, RetryLaterError),
        (200, {"access_token": "é"}, RetryLaterError),
        (500, {"access_token": "a"}, RetryLaterError),
    ],
)
def test_a_refusal_says_whose_fault_it_is(
    there: responses.RequestsMock, status: int, told: Any, kind: type[Exception]
) -> None:
    body = told if isinstance(told, str) else json.dumps(told)
    there.post(URL, status=status, body=body, headers={"Location": "https://evil.example/", "Retry-After": "7"})
    with pytest.raises(kind) as caught:
        SERVICE.ask(FORM)
    assert type(caught.value) is kind
    assert len(there.calls) == 1
    assert not {"refresh-1", "app-secret"} & set(str(caught.value).split())
    if isinstance(caught.value, RetryLaterError):
        assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"9" * 5_000, b'{"access_token": "a", "x": "' + b"x" * LARGEST + b'"}']
)
def test_what_is_no_answer_or_has_no_end_is_none(there: responses.RequestsMock, body: bytes) -> None:
    there.post(URL, body=body)
    with pytest.raises(RetryLaterError):
        SERVICE.ask(FORM)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.exceptions.SSLError("x"), "certificate"),
        (requests.ConnectionError("x"), "reached"),
        (OSError("no such file"), "reached"),
    ],
)
def test_who_cannot_be_reached_is_asked_later(there: responses.RequestsMock, error: Exception, words: str) -> None:
    there.post(URL, body=error)
    with pytest.raises(RetryLaterError, match=words):
        SERVICE.ask(FORM)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("nan", 0.0), ("90000", LONGEST_SILENCE_S), ("inf", LONGEST_SILENCE_S),
        ("1e400", LONGEST_SILENCE_S), ("", None), ("Sun, 22 Nov 2026 10:00:00 GMT", None),
    ],
)  # fmt: skip
def test_nobody_is_silent_for_longer_than_a_day(said: str, seconds: float | None) -> None:
    assert retry_after_of({"retry-after": said}) == seconds


# --- what is granted ----------------------------------------------------------------------------------------------------

BEFORE = Grant("refresh-1", "access-1", None, ("read",))


def test_what_came_replaces_what_was_and_what_did_not_come_stays() -> None:
    told = {"access_token": "a", "refresh_token": "refresh-2", "scope": "write  read"}
    found = granted(told, BEFORE)
    assert (found.access_token, found.refresh_token, found.scopes) == ("a", "refresh-2", ("read", "write"))
    for nothing in ({}, {"refresh_token": "", "scope": ""}, {"refresh_token": 7, "scope": ["x"]}):
        found = granted({"access_token": "a", **nothing}, BEFORE)
        assert (found.refresh_token, found.scopes) == ("refresh-1", ("read",))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (1800, 1800), ("3600", 3600), (0, USUALLY_S), (-5, USUALLY_S), (None, USUALLY_S), (True, USUALLY_S),
        ("soon", USUALLY_S), ([], USUALLY_S), (10**12, LONGEST_S), ("9" * 5_000, LONGEST_S),
    ],
)  # fmt: skip
def test_how_long_a_token_is_believed(said: Any, seconds: float) -> None:
    before = datetime.now(UTC)
    ends = granted({"access_token": "a", "expires_in": said}, BEFORE).expires_at
    assert ends is not None
    assert before <= ends - timedelta(seconds=seconds) <= datetime.now(UTC)


# --- the page of consent ------------------------------------------------------------------------------------------------


def test_the_challenge_is_that_of_the_standard() -> None:
    """Source: https://datatracker.ietf.org/doc/html/rfc7636#appendix-B"""
    question = Question("https://hub.example/oauth/callback", "s", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert question.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ({"error": "access_denied", "code": "c"}, Refusal.DENIED),
        ({"error": "x" * 5_000}, Refusal.REFUSED),
        ({"code": ""}, Refusal.REFUSED),
        ({}, Refusal.REFUSED),
    ],
)
def test_a_page_that_sends_no_code(answer: dict[str, str], refusal: Refusal) -> None:
    with pytest.raises(ConsentError, match="Acme's page") as caught:
        code_of(answer, "Acme")
    assert caught.value.refusal is refusal
    assert len(str(caught.value)) < 300


def test_a_page_that_sends_one() -> None:
    assert code_of({"code": "c", "error": ""}, "Acme") == "c"
