"""Consent and tokens, as Google's own libraries see them."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import google_auth_httplib2
import httplib2
import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as Transport
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow
from googleapiclient.errors import HttpError

from connectors.google.simulator import GoogleSimulator
from tests.unit.google_simulator.conftest import ADAM, DANA, NOA
from tests.unit.google_simulator.discovery import client

READ_MAIL = "https://www.googleapis.com/auth/gmail.readonly"
READ_CALENDAR = "https://www.googleapis.com/auth/calendar.readonly"
BACK = "http://127.0.0.1:8000/oauth/back"


def flow(google: GoogleSimulator, *scopes: str) -> Flow:
    settings = google.settings()
    base = settings["base_url"]
    web = {
        "client_id": settings["client_id"], "client_secret": settings["client_secret"],
        "auth_uri": f"{base}/o/oauth2/v2/auth", "token_uri": f"{base}/token",
    }  # fmt: skip
    made = Flow.from_client_config(
        {"web": web}, scopes=list(scopes), redirect_uri=BACK, autogenerate_code_verifier=True
    )
    made.oauth2session.verify = settings["ca"]
    return made


def visit(google: GoogleSimulator, url: str) -> dict[str, str]:
    """Follow the address as a browser, and return what it brings back."""
    answer = requests.get(url, verify=google.settings()["ca"], allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def consent(google: GoogleSimulator, made: Flow, **query: str) -> dict[str, str]:
    url, _ = made.authorization_url(**{"access_type": "offline", "prompt": "consent", "login_hint": NOA, **query})
    return visit(google, url)


def session(google: GoogleSimulator) -> requests.Session:
    made = requests.Session()
    made.verify = google.settings()["ca"]
    made.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
    return made


def test_a_code_with_its_verifier_becomes_tokens_that_can_be_refreshed(google: GoogleSimulator) -> None:
    made = flow(google, READ_MAIL)
    back = consent(google, made)

    made.fetch_token(code=back["code"], verify=google.settings()["ca"])
    credentials = made.credentials
    before = credentials.token
    with session(google) as wire:
        credentials.refresh(Transport(wire))

    assert credentials.refresh_token
    assert credentials.token != before
    assert google.oauth.check(credentials.token) is not None
    made.oauth2session.close()


def test_a_code_is_worth_nothing_without_its_verifier_and_only_once(google: GoogleSimulator) -> None:
    settings = google.settings()
    made = flow(google, READ_MAIL)
    form = {
        "grant_type": "authorization_code", "client_id": settings["client_id"],
        "client_secret": settings["client_secret"], "redirect_uri": BACK,
    }  # fmt: skip

    def redeem(**values: str) -> tuple[int, str]:
        answer = requests.post(f"{settings['base_url']}/token", data=form | values, verify=settings["ca"], timeout=10)
        return answer.status_code, answer.json().get("error", "")

    assert redeem(code=consent(google, made)["code"], code_verifier="guessed") == (400, "invalid_grant")
    assert redeem(code=consent(google, made)["code"], redirect_uri="http://localhost/other") == (
        400,
        "redirect_uri_mismatch",
    )
    assert redeem(code=consent(google, made)["code"], client_secret="wrong") == (401, "invalid_client")
    code = consent(google, made)["code"]
    assert redeem(code=code, code_verifier=made.code_verifier) == (200, "")
    assert redeem(code=code, code_verifier=made.code_verifier) == (400, "invalid_grant")
    made.oauth2session.close()


@pytest.mark.parametrize("query", [{"prompt": "none"}, {"access_type": "online"}])
def test_without_offline_and_consent_there_is_no_refresh_token(google: GoogleSimulator, query: dict[str, str]) -> None:
    made = flow(google, READ_MAIL)
    back = consent(google, made, **query)

    answer = made.fetch_token(code=back["code"], verify=google.settings()["ca"])

    assert "refresh_token" not in answer
    assert answer["access_token"]
    made.oauth2session.close()


def test_a_user_may_allow_a_part_or_nothing(google: GoogleSimulator) -> None:
    made = flow(google, READ_MAIL, READ_CALENDAR)
    url, state = made.authorization_url(access_type="offline", prompt="consent")
    ca = google.settings()["ca"]
    page = requests.get(url, verify=ca, timeout=10)
    form: dict[str, Any] = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def press(**values: Any) -> dict[str, str]:
        answer = requests.post(
            f"{google.settings()['base_url']}/o/oauth2/v2/auth", data=form | values, verify=ca, allow_redirects=False,
            timeout=10,
        )  # fmt: skip
        return {name: one[0] for name, one in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    partly = press(account=ADAM, allowed=[READ_CALENDAR], answer="allow")
    denied = press(account=ADAM, allowed=[READ_CALENDAR], answer="deny")

    assert "Allow" in page.text
    assert READ_MAIL in page.text
    assert partly["scope"] == READ_CALENDAR
    assert partly["state"] == state
    assert denied["error"] == "access_denied"
    token = google.oauth.token({
        "grant_type": "authorization_code", "client_id": google.oauth.client_id, "redirect_uri": BACK,
        "client_secret": google.oauth.client_secret, "code": partly["code"], "code_verifier": made.code_verifier,
    })  # fmt: skip
    assert token["scope"] == READ_CALENDAR
    made.oauth2session.close()


def test_an_address_that_was_not_registered_is_never_redirected_to(google: GoogleSimulator) -> None:
    google.oauth.redirect_uris = {"https://hub.example/back"}
    url, _ = flow(google, READ_MAIL).authorization_url(login_hint=NOA)

    answer = requests.get(url, verify=google.settings()["ca"], allow_redirects=False, timeout=10)

    assert answer.status_code == 400
    assert "redirect_uri_mismatch" in answer.text


def test_revoked_and_aged_refresh_tokens_are_refused(google: GoogleSimulator) -> None:
    settings = google.settings()

    def refresh(token: str) -> Credentials:
        made = Credentials(None, refresh_token=token, token_uri=f"{settings['base_url']}/token",
                           client_id=settings["client_id"], client_secret=settings["client_secret"])  # fmt: skip
        with session(google) as wire:
            made.refresh(Transport(wire))
        return made

    first = refresh(settings["refresh_token"])
    assert google.oauth.check(first.token)

    with session(google) as wire:
        assert wire.post(f"{settings['base_url']}/revoke", data={"token": first.token}, timeout=10).status_code == 200
        assert wire.post(f"{settings['base_url']}/revoke", data={"token": first.token}, timeout=10).status_code == 400
    assert google.oauth.check(first.token) is None
    with pytest.raises(RefreshError, match="invalid_grant"):
        refresh(settings["refresh_token"])

    google.oauth.refresh_token_s = 7 * 86_400
    young = google.oauth.grant(NOA)
    refresh(young)
    google.clock.advance(days=8)
    with pytest.raises(RefreshError, match="invalid_grant"):
        refresh(young)


def test_the_oldest_of_a_hundred_tokens_dies_silently(google: GoogleSimulator) -> None:
    first = google.oauth.grant(ADAM)
    for _ in range(100):
        google.oauth.grant(ADAM)

    assert first not in google.oauth.grants
    assert len([one for one in google.oauth.grants.values() if one.principal == ADAM]) == 100


def delegated(google: GoogleSimulator, subject: str, scope: str) -> Any:
    info = json.loads(google.service_account_json())
    made = service_account.Credentials.from_service_account_info(info, scopes=[scope], subject=subject)
    with session(google) as wire:
        made.refresh(Transport(wire))
    return made


def test_a_service_account_acts_for_users_of_its_workspace_alone(google: GoogleSimulator) -> None:
    made = delegated(google, ADAM, READ_MAIL)
    plain = httplib2.Http(ca_certs=google.settings()["ca"], proxy_info=None)
    gmail = client("gmail", google.settings()["base_url"], google_auth_httplib2.AuthorizedHttp(made, http=plain))

    assert gmail.users().getProfile(userId="me").execute()["emailAddress"] == ADAM
    with pytest.raises(RefreshError, match="unauthorized_client"):
        delegated(google, DANA, READ_MAIL)
    with pytest.raises(RefreshError, match="Invalid email"):
        delegated(google, "nobody@acme.example", READ_MAIL)
    google.oauth.delegated_scopes = {READ_CALENDAR}
    with pytest.raises(RefreshError, match="unauthorized_client"):
        delegated(google, ADAM, READ_MAIL)
    plain.close()


def test_a_service_account_with_another_key_is_refused(google: GoogleSimulator) -> None:
    info = json.loads(google.service_account_json())
    info["private_key"] = google.oauth.signer.pem

    made = service_account.Credentials.from_service_account_info(info, scopes=[READ_MAIL], subject=ADAM)
    with session(google) as wire, pytest.raises(RefreshError, match="Invalid JWT Signature"):
        made.refresh(Transport(wire))


def test_an_id_token_can_be_checked_with_the_published_keys(google: GoogleSimulator) -> None:
    made = flow(google, "openid", "https://www.googleapis.com/auth/userinfo.email")
    answer = made.fetch_token(code=consent(google, made)["code"], verify=google.settings()["ca"])
    base = google.settings()["base_url"]

    with session(google) as wire:
        keys = wire.get(f"{base}/oauth2/v3/certs", timeout=10).json()["keys"]
        user = wire.get(
            f"{base}/v1/userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"}, timeout=10
        )
    claims = google.oauth.signer.claims(answer["id_token"])

    assert keys[0]["kid"] == google.oauth.signer.id
    assert claims["email"] == NOA
    assert claims["hd"] == "acme.example"
    assert user.json()["sub"] == claims["sub"]
    made.oauth2session.close()


def test_userinfo_tells_what_the_scopes_reach(google: GoogleSimulator, office: Any) -> None:
    every = office(NOA).oauth2.userinfo().get().execute()
    little = office(NOA, "openid").oauth2.userinfo().get().execute()

    assert every["email"] == NOA
    assert every["hd"] == "acme.example"
    assert "email" not in little
    assert "hd" not in office(DANA).oauth2.userinfo().get().execute()


def test_expired_and_missing_tokens_and_missing_scopes_are_told_apart(google: GoogleSimulator, office: Any) -> None:
    noa = office(NOA, READ_CALENDAR)

    with pytest.raises(HttpError) as missing:
        noa.gmail.users().getProfile(userId="me").execute()
    assert missing.value.resp.status == 403
    error = json.loads(missing.value.content)["error"]
    assert error["errors"][0]["reason"] == "insufficientPermissions"
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"

    token = google.oauth.access(NOA)
    url = f"{google.settings()['base_url']}/gmail/v1/users/me/profile"
    with session(google) as wire:
        assert wire.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200
        google.clock.advance(hours=2)
        late = wire.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
        assert wire.get(url, timeout=10).status_code == 401
    assert late.status_code == 401
    assert late.json()["error"]["status"] == "UNAUTHENTICATED"


def test_nobody_without_the_authority_speaks_with_it(google: GoogleSimulator) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(google.settings()["base_url"], timeout=10)
