"""Access tokens of a simulated Microsoft: what is asked, what is kept, and who is told what where there is none."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.microsoft import auth
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Faults
from hub.connector.stream import Grant
from hub.errors import AuthError, ConnectorError, DisabledError, LimitedError, RetryLaterError

NOA = "noa@acme.example"
CLOUD = "https://login.microsoftonline.us"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test asks where everything is."""
    monkeypatch.setattr(auth, "_KNOWN", {})


@pytest.fixture(scope="module")
def running() -> Iterator[MicrosoftSimulator]:
    simulator = MicrosoftSimulator(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def microsoft(running: MicrosoftSimulator) -> MicrosoftSimulator:
    running.faults.clear()
    return running


def settings(microsoft: MicrosoftSimulator, **changes: Any) -> MicrosoftSettings:
    return MicrosoftSettings.model_validate({**microsoft.settings(), "timeout_s": 5, **changes})


def begun(made: MicrosoftSettings) -> Grant:
    grant = auth.first(made)
    assert grant is not None
    return grant


def app_only(microsoft: MicrosoftSimulator, **changes: Any) -> MicrosoftSettings:
    return settings(microsoft, app_only=True, mailboxes=NOA, refresh_token="", **changes)


def test_a_refresh_token_gives_an_access_token_and_its_successor(microsoft: MicrosoftSimulator) -> None:
    made = settings(microsoft)
    first = begun(made)
    second = auth.refreshed(made, first)
    assert second.access_token in microsoft.oauth.tokens
    assert second.refresh_token != first.refresh_token
    assert second.refresh_token in microsoft.oauth.grants
    assert second.expires_at is not None
    assert timedelta(minutes=50) < second.expires_at - datetime.now(UTC) < timedelta(minutes=70)
    assert auth.refreshed(made, second).access_token != second.access_token


def test_a_refresh_asks_for_what_was_granted_and_no_more(microsoft: MicrosoftSimulator) -> None:
    token = microsoft.oauth.grant(
        NOA, frozenset({"openid", "profile", "offline_access", "User.Read", "Mail.ReadWrite"})
    )
    granted = ("Mail.ReadWrite", "User.Read", "openid", "profile")
    fresh = auth.refreshed(settings(microsoft), Grant(token, scopes=granted))
    assert set(granted) <= set(fresh.scopes) <= {*granted, "email"}
    asked = microsoft.sign_in.token_requests[-1]["scope"].split()
    assert {"Mail.ReadWrite", "User.Read"} <= set(asked) <= {*granted, "offline_access"}


def test_without_a_new_refresh_token_the_old_one_stays(microsoft: MicrosoftSimulator) -> None:
    made = settings(microsoft)
    microsoft.faults.add("no_refresh_token")
    assert auth.refreshed(made, begun(made)).refresh_token == begun(made).refresh_token


@pytest.mark.parametrize("proof", ["secret", "certificate"])
def test_an_app_asks_for_itself(microsoft: MicrosoftSimulator, proof: str) -> None:
    by_certificate = {"client_secret": "", "certificate": microsoft.oauth.certificate}
    made = app_only(microsoft, **(by_certificate if proof == "certificate" else {}))
    first = begun(made)
    fresh = auth.refreshed(made, first)
    assert fresh.access_token in microsoft.oauth.tokens
    assert fresh.refresh_token == first.refresh_token


def test_another_secret_begins_anew_and_says_nothing_of_itself(microsoft: MicrosoftSimulator) -> None:
    one, other = app_only(microsoft), app_only(microsoft, client_secret="another")
    assert begun(one) == begun(app_only(microsoft))
    assert begun(one) != begun(other)
    assert "another" not in begun(other).refresh_token


REFUSALS: list[tuple[str, type[ConnectorError], str]] = [
    ("revoked", AuthError, "AADSTS50173"),
    ("refresh_token_expired", AuthError, "AADSTS700082"),
    ("mfa_required", AuthError, "AADSTS50076"),
    ("mfa_enrolment", AuthError, "AADSTS50079"),
    ("conditional_access", AuthError, "AADSTS53003"),
    ("consent_withdrawn", AuthError, "AADSTS65001"),
    ("token_endpoint_unavailable", RetryLaterError, "503"),
]


@pytest.mark.parametrize(("fault", "error", "words"), REFUSALS)
def test_a_refusal_says_who_can_mend_it(
    microsoft: MicrosoftSimulator, fault: str, error: type[ConnectorError], words: str
) -> None:
    made = settings(microsoft)
    microsoft.faults.add(fault)
    with pytest.raises(error, match=words):
        auth.refreshed(made, begun(made))
    assert auth.refreshed(made, begun(made)).access_token


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_secret": "wrong"}, "AADSTS7000215"),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, "AADSTS700016"),
        ({"tenant": "nobody.example"}, "AADSTS90002"),
        ({"client_secret": ""}, "secret or a certificate"),
        ({"client_id": ""}, "application id"),
    ],
)
@pytest.mark.parametrize("alone", [False, True])
def test_wrong_settings_do_not_end_what_was_granted(
    microsoft: MicrosoftSimulator, changes: dict[str, Any], words: str, alone: bool
) -> None:
    made = app_only(microsoft, **changes) if alone else settings(microsoft, **changes)
    with pytest.raises(DisabledError, match=words):
        auth.refreshed(made, begun(made))


def test_an_app_of_one_organisation_says_so_at_the_address_of_all(microsoft: MicrosoftSimulator) -> None:
    microsoft.oauth.multi_tenant = False
    try:
        made = settings(microsoft, tenant="common")
        with pytest.raises(DisabledError, match="AADSTS50194"):
            auth.refreshed(made, begun(made))
    finally:
        microsoft.oauth.multi_tenant = True


def test_an_app_that_nobody_can_sign_in_for_asks_an_administrator(microsoft: MicrosoftSimulator) -> None:
    made = app_only(microsoft)
    microsoft.faults.add("conditional_access")
    with pytest.raises(DisabledError, match="AADSTS53003"):
        auth.refreshed(made, begun(made))


def test_a_certificate_that_nobody_trusts_is_said(microsoft: MicrosoftSimulator) -> None:
    made = settings(microsoft, ca="")
    with pytest.raises(RetryLaterError, match="not trusted"):
        auth.refreshed(made, begun(made))
    made = settings(microsoft, ca="/nowhere/ca.pem")
    with pytest.raises(RetryLaterError):
        auth.refreshed(made, begun(made))


# --- what others may answer -----------------------------------------------------------------------------------------------


def in_cloud(**changes: Any) -> MicrosoftSettings:
    values = {
        "tenant": "acme.example", "client_id": "app", "client_secret": "s", "authority_url": CLOUD,
        "graph_url": "https://graph.microsoft.us", **changes,
    }  # fmt: skip
    return MicrosoftSettings.model_validate(values)


@pytest.fixture
def cloud() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{CLOUD}/acme.example/v2.0/.well-known/openid-configuration", json=discovery(CLOUD))
        yield mock


def discovery(base: str) -> dict[str, str]:
    return {
        "issuer": f"{base}/acme.example/v2.0",
        "authorization_endpoint": f"{base}/acme.example/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/acme.example/oauth2/v2.0/token",
    }


TOKEN = f"{CLOUD}/acme.example/oauth2/v2.0/token"


def test_a_national_cloud_is_asked_alone_and_for_its_own_graph(cloud: responses.RequestsMock) -> None:
    cloud.post(TOKEN, json={"access_token": "a", "expires_in": 3600})
    made = in_cloud(app_only=True, mailboxes=NOA)
    assert auth.refreshed(made, begun(made)).access_token == "a"
    assert {str(call.request.url).split("/")[2] for call in cloud.calls} == {"login.microsoftonline.us"}
    assert "scope=https%3A%2F%2Fgraph.microsoft.us%2F.default" in str(cloud.calls[-1].request.body)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", RetryLaterError),
        (200, b"[]", RetryLaterError),
        (200, b"{}", RetryLaterError),
        (200, b'{"access_token": 7}', RetryLaterError),
        (200, b'{"access_token": "a", "id_token": "x"}', RetryLaterError),
        (200, b'{"x": "' + b"a" * (auth.LARGEST + 9) + b'"}', RetryLaterError),
        (302, b"", RetryLaterError),
        (400, b"<html>", RetryLaterError),
        (400, json.dumps({"error": "invalid_grant", "error_description": "gone"}).encode(), AuthError),
        (401, json.dumps({"error": "invalid_client"}).encode(), DisabledError),
        (429, b"", LimitedError),
        (500, b"{}", RetryLaterError),
    ],
)
def test_whatever_the_token_service_answers_means_something(
    cloud: responses.RequestsMock, status: int, body: bytes, error: type[ConnectorError]
) -> None:
    cloud.post(TOKEN, status=status, body=body, headers={"Location": "https://evil.example/"})
    with pytest.raises(error) as caught:
        auth.refreshed(in_cloud(), Grant("old"))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("said", "minutes"),
    [({}, 10), ({"expires_in": -5}, 10), ({"expires_in": "3600"}, 60), ({"expires_in": 10**12}, 24 * 60)],
)
def test_an_access_token_lives_as_long_as_is_said_and_no_longer_than_a_day(
    cloud: responses.RequestsMock, said: dict[str, Any], minutes: int
) -> None:
    cloud.post(TOKEN, json={"access_token": "a", **said})
    ends_at = auth.refreshed(in_cloud(), Grant("old")).expires_at
    assert ends_at is not None
    assert timedelta(0) <= datetime.now(UTC) + timedelta(minutes=minutes) - ends_at < timedelta(minutes=1)


@pytest.mark.parametrize("odd", [None, "soon", [1]])
def test_an_access_token_with_an_odd_life_is_no_answer(cloud: responses.RequestsMock, odd: Any) -> None:
    cloud.post(TOKEN, json={"access_token": "a", "expires_in": odd})
    with pytest.raises(RetryLaterError):
        auth.refreshed(in_cloud(), Grant("old"))


@pytest.mark.parametrize(
    "told",
    [{}, {"token_endpoint": "x"}, {**discovery(CLOUD), "token_endpoint": "http://login.example/a/token"}, {"x": 1}],
)
def test_a_service_that_does_not_say_where_it_is_is_asked_later(
    cloud: responses.RequestsMock, told: dict[str, str]
) -> None:
    cloud.upsert("GET", f"{CLOUD}/acme.example/v2.0/.well-known/openid-configuration", json=told)
    with pytest.raises(RetryLaterError):
        auth.refreshed(in_cloud(), Grant("old"))
    assert all("secret" not in str(call.request.body) for call in cloud.calls)


def test_tokens_and_secrets_reach_no_log(
    microsoft: MicrosoftSimulator, cloud: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.post(TOKEN, body=b"access_token=TOPSECRET and no json")
    with pytest.raises(RetryLaterError):
        auth.refreshed(in_cloud(client_secret="TOPSECRET"), Grant("TOPSECRET"))
    assert "TOPSECRET" not in caplog.text


def test_permissions_have_short_names() -> None:
    said = "openid profile https://graph.microsoft.com/Mail.ReadWrite Calendars.ReadWrite"
    assert auth.scopes_of(said) == ("Calendars.ReadWrite", "Mail.ReadWrite", "openid", "profile")
    assert auth.scopes_of("openid profile email https://graph.microsoft.com/.default") == ()
    assert auth.scopes_of(None) == ()


def test_where_everything_is_is_asked_for_once_a_day_and_again_after_a_failure(
    cloud: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"{CLOUD}/acme.example/v2.0/.well-known/openid-configuration"

    def looked() -> int:
        return sum(call.request.url == where for call in cloud.calls)

    cloud.post(TOKEN, json={"access_token": "a", "expires_in": 3600})
    for _ in range(3):
        auth.refreshed(in_cloud(), Grant("old"))
    assert looked() == 1
    cloud.replace("POST", TOKEN, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(AuthError):
        auth.refreshed(in_cloud(), Grant("old"))
    cloud.replace("POST", TOKEN, json={"access_token": "a", "expires_in": 3600})
    auth.refreshed(in_cloud(), Grant("old"))
    assert looked() == 2
    monkeypatch.setattr(auth, "KEPT_S", 0.0)
    auth.refreshed(in_cloud(), Grant("old"))
    assert looked() == 3
