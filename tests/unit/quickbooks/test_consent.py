"""Consent and tokens of QuickBooks: which company it is, and what each refusal leaves as it was."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses

from connectors.quickbooks import auth
from connectors.quickbooks.consent import QuickBooksConsent
from hub.connector.consent import ConsentError, Question, Refusal
from hub.connector.stream import Grant
from hub.errors import AuthError, DisabledError
from tests.unit.quickbooks.books import REALM, settings

QUESTION = Question("https://hub.example/oauth/callback", "state-1", "verifier-1")
ANSWER = {"code": "code-1", "state": "state-1", "realmId": REALM}
TOKEN = {"access_token": "a", "refresh_token": "refresh-2", "expires_in": 3600}
URL = str(settings().identity_url)


@pytest.fixture
def intuit() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def test_the_code_is_changed_for_tokens_of_the_company(intuit: responses.RequestsMock) -> None:
    intuit.post(URL, json=TOKEN)
    found = QuickBooksConsent().finish(settings(address=""), QUESTION, ANSWER)
    assert (found.address, found.grant.refresh_token, found.missing) == (REALM, "refresh-2", ())
    assert parse_qs(str(intuit.calls[0].request.body)) == {
        "grant_type": ["authorization_code"], "code": ["code-1"], "redirect_uri": [QUESTION.redirect],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"error": "access_denied"}, Refusal.DENIED), ({"code": ""}, Refusal.REFUSED), ({"realmId": ""}, Refusal.NO_ADDRESS),
        ({"realmId": "٣"}, Refusal.NO_ADDRESS), ({"realmId": "1" * 31}, Refusal.NO_ADDRESS), ({"realmId": "7"}, Refusal.REFUSED),
    ],
)  # fmt: skip
def test_an_answer_of_the_page_that_is_none_spends_no_code(
    intuit: responses.RequestsMock, change: dict[str, str], refusal: Refusal
) -> None:
    with pytest.raises(ConsentError) as caught:
        QuickBooksConsent().finish(settings(), QUESTION, {**ANSWER, **change})
    assert caught.value.refusal is refusal
    assert not intuit.calls


@pytest.mark.parametrize(
    ("status", "told", "refusal"),
    [
        (400, {"error": "invalid_grant"}, Refusal.REFUSED),
        (401, {"error": "invalid_client"}, Refusal.REFUSED),
        (200, {**TOKEN, "refresh_token": ""}, Refusal.NOTHING_LASTING),
    ],
)
def test_a_code_that_brings_nothing_lasting(
    intuit: responses.RequestsMock, status: int, told: Any, refusal: Refusal
) -> None:
    intuit.post(URL, status=status, json=told)
    with pytest.raises(ConsentError) as caught:
        QuickBooksConsent().finish(settings(), QUESTION, ANSWER)
    assert caught.value.refusal is refusal


def test_a_refresh_token_that_did_not_change_stays(intuit: responses.RequestsMock) -> None:
    intuit.post(URL, json={"access_token": "a"})
    assert auth.refreshed(settings(), Grant("refresh-1")).refresh_token == "refresh-1"


@pytest.mark.parametrize(("word", "kind"), [("invalid_grant", AuthError), ("invalid_client", DisabledError)])
def test_a_wrong_secret_does_not_end_what_a_person_allowed(
    intuit: responses.RequestsMock, word: str, kind: type[Exception]
) -> None:
    """An AuthError is the end of a grant (`hub.intake.grants`)."""
    intuit.post(URL, status=400, json={"error": word})
    with pytest.raises(kind, match=word) as caught:
        auth.refreshed(settings(), Grant("refresh-1"))
    assert type(caught.value) is kind
