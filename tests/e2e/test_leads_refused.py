"""Forms that are not taken: an account that nobody can prove himself to, and what a person's browser is told."""

import json

import pytest
from flask import Flask

from hub.context import Hub
from hub.intake.models import Account
from tests.fakes.browser import Browser
from tests.fakes.leads import Forms

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def forms(hub: Hub) -> Forms:
    return Forms(hub)


def without_token(hub: Hub, forms: Forms) -> str:
    with hub.db.write() as session:
        row = session.get_one(Account, forms.account)
        row.hook_token_hash = ""
    return f"/hooks/webforms/{forms.public_id}"


def test_an_account_without_a_token_takes_nothing_and_its_self_test_says_so(
    admin: Browser, app: Flask, hub: Hub, forms: Forms
) -> None:
    fine = admin.post(f"{forms.path}/check", on=forms.path).text
    assert "has no token" not in fine
    address = without_token(hub, forms)
    answer = app.test_client().post(address, json={"name": "Dana"})
    assert answer.status_code == 401
    assert "no token yet" in answer.get_json()["detail"]
    assert (
        "This account has no token: every call to its address is refused."
        in admin.post(f"{forms.path}/check", on=forms.path).text
    )
    with hub.db.read() as session:
        assert hub.flow.kind("webforms", "lead") == "lead"
        assert session.get_one(Account, forms.account).last_event_at is None


def test_a_signed_account_needs_no_token(app: Flask, hub: Hub) -> None:
    signed = Forms(hub, "Signed", proof="hmac", signing_secret="a long secret word of ours")
    answer = app.test_client().post(without_token(hub, signed), json={"name": "Dana"})
    assert answer.status_code == 401
    assert "signature" in answer.get_json()["detail"]


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [({}, 422, "Nothing was filled in"), ({"x": "y" * 1_100_000}, 413, "They are too long")],
)
def test_a_persons_browser_gets_a_page_with_the_reason(
    app: Flask, forms: Forms, fields: dict[str, str], status: int, said: str
) -> None:
    client = app.test_client()
    answer = client.post(f"/hooks/{forms.token}", data=fields, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert "Your answers could not be taken" in answer.text
    assert said in answer.text
    program = client.post(f"/hooks/{forms.token}", data=fields, headers={"Accept": "*/*"})
    assert (program.status_code, program.mimetype) == (status, "application/problem+json")


def test_the_page_comes_in_the_browsers_language_and_keeps_what_programs_heed(
    app: Flask, hub: Hub, forms: Forms
) -> None:
    with hub.db.write() as session:
        session.get_one(Account, forms.account).state = "paused"
    answer = app.test_client().post(
        f"/hooks/{forms.token}", data={"name": "Dana"}, headers={**BROWSER, "Accept-Language": "he"}
    )
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert 'lang="he" dir="rtl"' in answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_an_unknown_address_tells_a_browser_the_same_as_everybody(app: Flask) -> None:
    answer = app.test_client().post("/hooks/nonsense", data={"name": "Dana"}, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    told = app.test_client().post("/hooks/nonsense", data={"name": "Dana"})
    assert json.loads(told.text)["error_id"] == "not_found"
