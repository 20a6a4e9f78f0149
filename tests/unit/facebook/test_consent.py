"""Consent in the browser: what is asked for, and what becomes of each answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import responses

from connectors.facebook.consent import FacebookConsent
from connectors.facebook.settings import LEADS, PERMISSIONS
from hub.connector.consent import ConsentError, Question, Refusal
from hub.connector.stream import Grant
from hub.errors import RetryLaterError
from tests.unit.facebook.desk import APP, GRAPH, SECRET, refusal, settings

QUESTION = Question("https://hub.example/consent", "state 1", "verifier")
BY_CONSENT = settings(token="")
SHORT, LONG = "EAAshort0123456789012345", "EAAlong0123456789012345"


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def gives(
    graph: responses.RequestsMock, *, seconds: Any = 5_183_944, person: Any = "42", granted: Any = PERMISSIONS
) -> None:
    graph.post(f"{GRAPH}/oauth/access_token", json={"access_token": SHORT, "token_type": "bearer", "expires_in": 3600})
    graph.post(
        f"{GRAPH}/oauth/access_token", json={"access_token": LONG, "token_type": "bearer", "expires_in": seconds}
    )
    graph.get(f"{GRAPH}/me", json={"id": person, "name": "Noa Levi"})
    listed = [{"permission": one, "status": "granted"} for one in granted]
    graph.get(f"{GRAPH}/me/permissions", json={"data": [*listed, {"permission": "email", "status": "declined"}]})


def test_the_question_names_the_permissions_and_the_state() -> None:
    url = urlsplit(FacebookConsent().ask(BY_CONSENT, QUESTION))
    asked = dict(parse_qsl(url.query))
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://www.facebook.com/v26.0/dialog/oauth"
    assert (asked["client_id"], asked["state"], asked["redirect_uri"]) == (APP, QUESTION.state, QUESTION.redirect)
    assert set(asked["scope"].split(",")) == set(PERMISSIONS)
    assert asked["auth_type"] == "rerequest", "what was declined once is asked for again"
    assert SECRET not in url.query


def test_login_for_business_asks_by_its_configuration() -> None:
    asked = dict(parse_qsl(urlsplit(FacebookConsent().ask(settings(token="", config_id="77"), QUESTION)).query))
    assert asked["config_id"] == "77"
    assert "scope" not in asked


def test_a_system_user_s_token_needs_nobody() -> None:
    assert FacebookConsent().page(settings()) == ""


@pytest.mark.parametrize("without", ["app_id", "app_secret"])
def test_without_an_app_nobody_is_asked(without: str) -> None:
    with pytest.raises(ConsentError) as told:
        FacebookConsent().ask(settings(token="", **{without: ""}), QUESTION)
    assert told.value.refusal is Refusal.NOT_READY


def test_a_code_becomes_a_token_that_lasts(graph: responses.RequestsMock) -> None:
    gives(graph)
    found = FacebookConsent().finish(BY_CONSENT, QUESTION, {"code": "AQ1", "state": QUESTION.state})
    assert (found.address, found.missing, found.grant.access_token) == ("42", (), LONG)
    assert found.grant.expires_at is not None
    assert found.grant.expires_at - datetime.now(UTC) > timedelta(days=59)
    first, second = (parse_qs(str(call.request.body)) for call in graph.calls[:2])
    assert (first["code"], first["redirect_uri"]) == (["AQ1"], [QUESTION.redirect])
    assert second["fb_exchange_token"] == [SHORT]
    assert not [call for call in graph.calls if SECRET in str(call.request.url) or LONG in str(call.request.url)]


def test_a_token_without_an_end_is_one(graph: responses.RequestsMock) -> None:
    gives(graph, seconds=None)
    assert FacebookConsent().finish(BY_CONSENT, QUESTION, {"code": "AQ1"}).grant.expires_at is None


def test_what_was_not_allowed_is_named(graph: responses.RequestsMock) -> None:
    gives(graph, granted=[one for one in PERMISSIONS if one != LEADS])
    assert FacebookConsent().finish(BY_CONSENT, QUESTION, {"code": "AQ1"}).missing == (LEADS,)
    assert FacebookConsent().missing(BY_CONSENT, Grant("x")) == (), "where nobody said, nothing is known to be missing"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"seconds": 3600}, Refusal.NOTHING_LASTING),
        ({"person": None}, Refusal.NO_ADDRESS),
        ({"person": "x"}, Refusal.NO_ADDRESS),
    ],
)
def test_what_does_not_last_or_is_nobody_s_is_no_grant(graph: responses.RequestsMock, given: Any, why: Refusal) -> None:
    gives(graph, **given)
    with pytest.raises(ConsentError) as told:
        FacebookConsent().finish(BY_CONSENT, QUESTION, {"code": "AQ1"})
    assert told.value.refusal is why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"error": "access_denied", "error_reason": "user_denied"}, Refusal.DENIED),
        ({"error": "server_error", "error_description": "x"}, Refusal.REFUSED),
        ({"error_code": "1349126", "error_message": "App not active"}, Refusal.REFUSED),
        ({}, Refusal.REFUSED),
        ({"code": ""}, Refusal.REFUSED),
    ],
)
def test_who_says_no_is_understood(answer: dict[str, str], why: Refusal) -> None:
    with pytest.raises(ConsentError) as told:
        FacebookConsent().finish(BY_CONSENT, QUESTION, answer)
    assert told.value.refusal is why


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (refusal(100, 36007, "This authorization code has expired."), ConsentError),
        (refusal(1, 0, "Error validating client secret."), ConsentError),
        (refusal(101, 0, "Error validating application."), ConsentError),
        (refusal(2), RetryLaterError),
        (refusal(4), RetryLaterError),
        ({}, ConsentError),
    ],
)
def test_a_code_that_is_refused_says_why(graph: responses.RequestsMock, told: Any, kind: type[Exception]) -> None:
    graph.post(f"{GRAPH}/oauth/access_token", json=told, status=400 if told else 200)
    with pytest.raises(kind):
        FacebookConsent().finish(BY_CONSENT, QUESTION, {"code": "AQ1"})


def test_a_network_s_sign_in_page_is_not_facebook(graph: responses.RequestsMock) -> None:
    graph.post(f"{GRAPH}/oauth/access_token", body="<html>", status=200)
    with pytest.raises(RetryLaterError):
        FacebookConsent().finish(BY_CONSENT, QUESTION, {"code": "AQ1"})
