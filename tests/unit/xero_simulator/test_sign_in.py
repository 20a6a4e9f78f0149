"""Sign-in: the page, the code, tokens that end and are replaced."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.xero.simulator import XeroSimulator

BACK = "http://127.0.0.1:1/consent"
SCOPES = "openid profile email offline_access accounting.invoices.read"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Browser:
    """Somebody with a browser, and the app behind him."""

    def __init__(self, xero: XeroSimulator) -> None:
        self.xero, self.settings = xero, xero.settings()

    def fields(self, **changes: str) -> dict[str, str]:
        asked = {
            "client_id": self.settings["client_id"], "redirect_uri": BACK, "response_type": "code", "scope": SCOPES,
            "state": "s1", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        return {**asked, **changes}

    def open(self, **changes: str) -> requests.Response:
        address, verify = self.settings["authorize_url"], self.settings["ca"]
        return requests.get(address, params=self.fields(**changes), verify=verify, timeout=20, allow_redirects=False)

    def answer(self, answer: str = "allow", *allowed: str, **changes: str) -> dict[str, str]:
        """Answer the page; returns what the app gets."""
        form = {**self.fields(**changes), "account": "noa@acme.example", "answer": answer}
        body = [*form.items(), *(("allowed", one) for one in allowed or ("Acme Trading",))]
        came = requests.post(
            self.settings["authorize_url"], data=body, verify=self.settings["ca"], timeout=20, allow_redirects=False
        )
        return {name: values[0] for name, values in parse_qs(urlsplit(came.headers["Location"]).query).items()}

    def token(self, **form: str) -> tuple[int, Any]:
        secret = (self.settings["client_id"], form.pop("client_secret", self.settings["client_secret"]))
        url = f"{self.settings['identity_url']}/connect/token"
        answer = requests.post(url, data=form, auth=secret, verify=self.settings["ca"], timeout=20)
        return answer.status_code, answer.json()

    def exchange(self, code: str, **changes: str) -> tuple[int, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.token(**{**form, **changes})

    def refresh(self, token: str) -> tuple[int, Any]:
        return self.token(grant_type="refresh_token", refresh_token=token)


@pytest.fixture
def browser(xero: XeroSimulator, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    return Browser(xero)


def test_a_person_connects_an_organisation_and_the_app_gets_tokens(xero: XeroSimulator, browser: Browser) -> None:
    xero.tokens.disconnect(xero.books.id)
    assert "accounting.invoices.read" in browser.open().text
    told = browser.answer()
    assert told["state"] == "s1"
    status, tokens = browser.exchange(told["code"])
    assert (status, tokens["token_type"], tokens["expires_in"]) == (200, "Bearer", 1800)
    claims = xero.tokens.signer.claims(tokens["id_token"])
    assert (claims["email"], claims["aud"]) == ("noa@acme.example", browser.settings["client_id"])
    assert set(xero.tokens.connections) == {xero.books.id}
    assert browser.exchange(told["code"]) == (400, {"error": "invalid_grant"}), "a code is good once"


def test_a_person_says_no(browser: Browser) -> None:
    assert browser.answer("deny") == {"error": "access_denied", "state": "s1"}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "0"}, {"scope": "everything"}, {"response_type": "token"}, {"redirect_uri": "https://evil.example/"},
        {"code_challenge_method": "plain"},
    ],
)  # fmt: skip
def test_a_page_that_is_asked_for_wrongly_is_never_sent_back(browser: Browser, changes: dict[str, str]) -> None:
    assert browser.open(**changes).status_code == 400


@pytest.mark.parametrize("changes", [{"code_verifier": "x" * 50}, {"redirect_uri": "http://127.0.0.1:2/consent"}])
def test_a_stolen_code_is_worth_nothing(browser: Browser, changes: dict[str, str]) -> None:
    assert browser.exchange(browser.answer()["code"], **changes) == (400, {"error": "invalid_grant"})


def test_a_wrong_secret_is_refused(browser: Browser) -> None:
    assert browser.exchange(browser.answer()["code"], client_secret="wrong") == (400, {"error": "invalid_client"})


def test_without_offline_access_there_is_nothing_lasting(browser: Browser) -> None:
    told = browser.answer(scope="accounting.invoices.read")
    _, tokens = browser.exchange(told["code"])
    assert set(tokens) == {"access_token", "expires_in", "token_type", "scope"}


def test_a_refresh_token_is_replaced_and_works_for_half_an_hour_more(xero: XeroSimulator, browser: Browser) -> None:
    old = browser.settings["refresh_token"]
    _, first = browser.refresh(old)
    assert first["refresh_token"] != old
    assert browser.refresh(old)[0] == 200, "whoever lost the answer may ask again"
    xero.clock.advance(minutes=31)
    assert browser.refresh(old) == (400, {"error": "invalid_grant"})
    assert browser.refresh(first["refresh_token"])[0] == 200


def test_where_an_old_one_kills_its_whole_line_is_dead(xero: XeroSimulator, browser: Browser) -> None:
    xero.tokens.grace_s, xero.tokens.old_ones_kill = 0.0, True
    old = browser.settings["refresh_token"]
    _, first = browser.refresh(old)
    xero.clock.advance(seconds=1)
    assert browser.refresh(old)[0] == 400
    assert browser.refresh(first["refresh_token"])[0] == 400
    assert xero.tokens.refreshed == 1


def test_what_nobody_uses_for_sixty_days_is_dead(xero: XeroSimulator, browser: Browser) -> None:
    xero.clock.advance(days=61)
    assert browser.refresh(browser.settings["refresh_token"]) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("fault", ["revoked", "refresh_token_expired"])
def test_a_consent_can_be_taken_back(xero: XeroSimulator, browser: Browser, fault: str) -> None:
    xero.faults.add(fault)
    assert browser.refresh(browser.settings["refresh_token"]) == (400, {"error": "invalid_grant"})


def test_the_token_service_can_be_away(xero: XeroSimulator, browser: Browser) -> None:
    xero.faults.add("token_endpoint_unavailable")
    url = f"{browser.settings['identity_url']}/connect/token"
    assert requests.post(url, data={}, verify=browser.settings["ca"], timeout=20).status_code == 503
