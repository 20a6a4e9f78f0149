"""Consent and settings of Xero: what is asked for, what came back, and what makes no sense."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from pydantic import ValidationError

from connectors.xero import CONNECTOR
from connectors.xero.check import check
from connectors.xero.consent import XeroConsent
from connectors.xero.settings import BROAD, GRANULAR
from hub.connector.consent import ConsentError, Question, Refusal
from hub.connector.contract import Level
from tests.unit.xero.desk import API, CONNECTIONS, HEADERS, TENANT, TOKENS, account, settings

QUESTION = Question("https://hub.example/oauth/callback", "state-1", "verifier-1")
TOKEN = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "scope": " ".join(("offline_access", *BROAD))}
CONNECTED = [{"tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Acme"}]
OTHER = TENANT.replace("b", "c")
ANSWER = {"code": "code-1", "state": "state-1"}


@pytest.fixture
def xero() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def answers(xero: responses.RequestsMock, token: Any = None, connected: Any = None) -> None:
    xero.post(TOKENS, json=token or TOKEN)
    xero.get(CONNECTIONS, json=CONNECTED if connected is None else connected)


@pytest.mark.parametrize(("granular", "scopes"), [(False, BROAD), (True, GRANULAR)])
def test_the_question_asks_for_reading_only(granular: bool, scopes: tuple[str, ...]) -> None:
    url = urlsplit(XeroConsent().ask(settings(granular_scopes=granular), QUESTION))
    asked = {name: one[0] for name, one in parse_qs(url.query).items()}
    assert url.netloc == "login.xero.com"
    assert asked["scope"].split() == ["offline_access", *scopes]
    assert all(one.endswith(".read") for one in scopes)
    assert (asked["state"], asked["redirect_uri"], asked["client_id"]) == ("state-1", QUESTION.redirect, "APP")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(b"verifier-1").digest()).decode().rstrip("=")
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (hashed, "S256")
    assert "verifier-1" not in url.query


def test_without_an_app_nothing_can_be_asked() -> None:
    with pytest.raises(ConsentError) as caught:
        XeroConsent().ask(settings(client_id=""), QUESTION)
    assert caught.value.refusal is Refusal.NOT_READY


def test_the_code_is_changed_with_the_verifier_and_the_organisation_found(xero: responses.RequestsMock) -> None:
    answers(xero)
    granted = XeroConsent().finish(settings(tenant=""), QUESTION, ANSWER)
    assert (granted.address, granted.missing, granted.grant.refresh_token) == (TENANT, (), "r")
    sent = {name: one[0] for name, one in parse_qs(str(xero.calls[0].request.body)).items()}
    assert sent == {
        "grant_type": "authorization_code", "code": "code-1", "redirect_uri": QUESTION.redirect, "code_verifier": "verifier-1",
    }  # fmt: skip


def test_what_was_not_granted_is_named(xero: responses.RequestsMock) -> None:
    answers(xero, {**TOKEN, "scope": "offline_access accounting.transactions.read"})
    granted = XeroConsent().finish(settings(), QUESTION, ANSWER)
    assert granted.missing == ("contacts", "the organisation's settings")


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [({"error": "access_denied"}, Refusal.DENIED), ({"error": "server_error"}, Refusal.REFUSED), ({}, Refusal.REFUSED)],
)
def test_a_page_that_says_no(answer: dict[str, str], refusal: Refusal) -> None:
    with pytest.raises(ConsentError) as caught:
        XeroConsent().finish(settings(), QUESTION, answer)
    assert caught.value.refusal is refusal


@pytest.mark.parametrize(
    ("token", "connected", "tenant", "refusal"),
    [
        ({**TOKEN, "refresh_token": ""}, CONNECTED, "", Refusal.NOTHING_LASTING),
        (TOKEN, [], "", Refusal.REFUSED),
        (TOKEN, [*CONNECTED, {**CONNECTED[0], "tenantId": OTHER}], "", Refusal.REFUSED),
        (TOKEN, CONNECTED, OTHER, Refusal.REFUSED),
    ],
)
def test_what_opens_no_organisation_is_refused(
    xero: responses.RequestsMock, token: Any, connected: Any, tenant: str, refusal: Refusal
) -> None:
    answers(xero, token, connected)
    with pytest.raises(ConsentError) as caught:
        XeroConsent().finish(settings(tenant=tenant), QUESTION, ANSWER)
    assert caught.value.refusal is refusal


def test_a_code_that_xero_refuses(xero: responses.RequestsMock) -> None:
    xero.post(TOKENS, status=400, json={"error": "invalid_grant"})
    with pytest.raises(ConsentError) as caught:
        XeroConsent().finish(settings(), QUESTION, ANSWER)
    assert caught.value.refusal is Refusal.REFUSED


# --- settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://api.xero.com"}, {"identity_url": "http://evil.example"}, {"authorize_url": "javascript:x"},
        {"tenant": "acme"}, {"address": "noa@acme.example"}, {"tenant": TENANT, "address": OTHER}, {"every_s": 5},
        {"day_reserve": -1}, {"requests_per_minute": 0}, {"link_url": "not an address"}, {"unknown": 1},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**change)


def test_addresses_and_tenants() -> None:
    assert settings(base_url="http://127.0.0.1:8080").api == "http://127.0.0.1:8080/api.xro/2.0"
    assert settings(tenant=TENANT.upper()).wanted_tenant == TENANT
    assert settings(tenant="", address=TENANT).wanted_tenant == TENANT
    assert settings().token_url == TOKENS


def test_nothing_is_required_and_the_connector_says_how_it_is_answered() -> None:
    assert not [name for name, one in CONNECTOR.settings.model_fields.items() if one.is_required()]
    assert CONNECTOR.bare_answers
    assert CONNECTOR.receive is None


# --- the self-check -----------------------------------------------------------------------------------------------------


def test_an_account_without_consent_is_told_apart_from_one_without_an_app(xero: responses.RequestsMock) -> None:
    xero.head(TOKENS, status=404)
    xero.get(TOKENS, status=404)
    xero.post(TOKENS, status=400)
    found = check(account(refresh_token=""))
    assert not [one for one in found if one.level is Level.RED]
    assert [one.topic for one in check(account(client_id="")) if one.level is Level.RED] == ["credentials"]


def test_a_healthy_account_names_its_organisation(xero: responses.RequestsMock) -> None:
    xero.get(TOKENS, status=404)
    xero.post(TOKENS, json=TOKEN)
    xero.get(f"{API}/Organisation", json={"Organisations": [{"Name": "Acme", "BaseCurrency": "EUR"}]}, headers=HEADERS)
    for name in ("Invoices", "Payments"):
        xero.get(f"{API}/{name}", json={name: []}, headers=HEADERS)
    refused = {"Title": "Unauthorized", "Detail": "AuthorizationUnsuccessful"}
    xero.get(f"{API}/Contacts", status=401, json=refused)
    found = {one.topic: one for one in check(account())}
    assert "Acme (EUR)" in found["organisation"].text
    assert (found["invoices"].level, found["contacts"].level) == (Level.GREEN, Level.AMBER)
    assert "Connect" in found["contacts"].action
