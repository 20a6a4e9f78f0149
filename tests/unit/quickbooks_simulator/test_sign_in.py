"""OAuth 2.0 as Intuit does it: the page, the code, and refresh tokens that change."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.quickbooks.simulator import REALM, QuickBooksSimulator
from tests.unit.quickbooks_simulator.conftest import Api, code

BACK = "https://hub.example/oauth/back"


def asked(books: QuickBooksSimulator, **more: str) -> dict[str, str]:
    base = {"client_id": books.world.oauth.client_id, "response_type": "code", "redirect_uri": BACK, "state": "s 1"}
    return base | {"scope": "com.intuit.quickbooks.accounting", **more}


def tokens(books: QuickBooksSimulator, api: Api, secret: str = "", **form: str) -> requests.Response:
    auth = (books.world.oauth.client_id, secret or books.world.oauth.client_secret)
    return api.wire.post(books.settings()["identity_url"], data=form, auth=auth, timeout=10)


def answered(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def refreshed(books: QuickBooksSimulator, api: Api, token: str) -> Any:
    answer = tokens(books, api, grant_type="refresh_token", refresh_token=token)
    return answer.json() if answer.ok else answer.json()["error"]


def test_a_person_connects_a_company_on_the_page(books: QuickBooksSimulator, api: Api) -> None:
    page = api.wire.get(books.settings()["authorize_url"], params=asked(books), timeout=10)
    assert page.status_code == 200
    assert "Green Garden Ltd" in page.text
    form = {**asked(books), "account": REALM, "answer": "allow"}
    sent = api.wire.post(books.settings()["authorize_url"], data=form, timeout=10, allow_redirects=False)
    back = answered(sent.headers["Location"])
    assert (back["state"], back["realmId"]) == ("s 1", REALM)
    got = tokens(books, api, grant_type="authorization_code", code=back["code"], redirect_uri=BACK).json()
    assert (got["token_type"], got["expires_in"], got["x_refresh_token_expires_in"]) == ("bearer", 3600, 8_640_000)
    api.token = got["access_token"]
    assert api.query("select count(*) from Invoice") == {"totalCount": 0}
    again = tokens(books, api, grant_type="authorization_code", code=back["code"], redirect_uri=BACK)
    assert again.json() == {"error": "invalid_grant"}


def test_a_person_says_no(books: QuickBooksSimulator, api: Api) -> None:
    form = {**asked(books), "account": REALM, "answer": "deny"}
    sent = api.wire.post(books.settings()["authorize_url"], data=form, timeout=10, allow_redirects=False)
    assert answered(sent.headers["Location"]) == {"error": "access_denied", "state": "s 1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "x"},
        {"redirect_uri": "ftp://x"},
        {"scope": "everything"},
        {"response_type": "token"},
        {"state": ""},
    ],
)
def test_a_wrong_question_is_refused_on_the_page(books: QuickBooksSimulator, api: Api, wrong: dict[str, str]) -> None:
    page = api.wire.get(books.settings()["authorize_url"], params=asked(books, **wrong), timeout=10)
    assert page.status_code == 400


def test_another_redirect_uri_or_a_late_code_gives_nothing(books: QuickBooksSimulator, api: Api) -> None:
    for minutes, uri in ((0, "https://evil.example"), (11, BACK)):
        code_ = answered(books.consent(asked(books)))["code"]
        books.clock.advance(minutes=minutes)
        answer = tokens(books, api, grant_type="authorization_code", code=code_, redirect_uri=uri)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


def test_the_app_proves_itself_by_basic(books: QuickBooksSimulator, api: Api) -> None:
    refresh = books.settings()["refresh_token"]
    answer = tokens(books, api, "wrong", grant_type="refresh_token", refresh_token=refresh)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": books.world.oauth.client_id}
    assert api.wire.post(books.settings()["identity_url"], data=form, timeout=10).status_code == 401


def test_after_a_day_a_refresh_token_changes_and_the_old_one_is_dead(books: QuickBooksSimulator, api: Api) -> None:
    first = books.settings()["refresh_token"]
    assert refreshed(books, api, first)["refresh_token"] == first
    books.clock.advance(hours=25)
    second = refreshed(books, api, first)["refresh_token"]
    assert second != first
    assert refreshed(books, api, first) == "invalid_grant"
    assert refreshed(books, api, second)["refresh_token"] == second


def test_a_hundred_idle_days_kill_it(books: QuickBooksSimulator, api: Api) -> None:
    token = books.settings()["refresh_token"]
    for _ in range(2):
        books.clock.advance(days=99)
        token = refreshed(books, api, token)["refresh_token"]
    books.clock.advance(days=101)
    assert refreshed(books, api, token) == "invalid_grant"


def test_who_disconnects_ends_every_token(books: QuickBooksSimulator, api: Api) -> None:
    books.world.oauth.disconnect(REALM)
    assert code(api.get("preferences")) == (401, "3200")
    assert refreshed(books, api, books.settings()["refresh_token"]) == "invalid_grant"


@pytest.mark.parametrize("fault", ["revoked=always", "disconnected=always"])
def test_a_refresh_is_refused_on_command(books: QuickBooksSimulator, api: Api, fault: str) -> None:
    books.faults.add(fault)
    assert refreshed(books, api, books.settings()["refresh_token"]) == "invalid_grant"
    books.faults.clear()
    assert refreshed(books, api, books.settings()["refresh_token"])["access_token"]


def test_revoking_a_token_disconnects(books: QuickBooksSimulator, api: Api) -> None:
    auth = (books.world.oauth.client_id, books.world.oauth.client_secret)
    url = f"{books.settings()['base_url']}/v2/oauth2/tokens/revoke"
    assert api.wire.post(url, data={"token": books.settings()["refresh_token"]}, auth=auth, timeout=10).ok
    assert refreshed(books, api, books.settings()["refresh_token"]) == "invalid_grant"
