"""Consent and tokens, as Microsoft's own library sees them."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests

from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulated.keys import Signer
from tests.unit.microsoft_simulator.conftest import ADAM, NOA, open_wire

BACK = "http://127.0.0.1:8000/oauth/back"
pytestmark = pytest.mark.filterwarnings("ignore:response_mode='form_post':UserWarning")
App = Callable[..., Any]


@pytest.fixture
def wire(microsoft: MicrosoftSimulator) -> Iterator[requests.Session]:
    with open_wire(microsoft.settings()["ca"]) as opened:
        yield opened


@pytest.fixture
def app(microsoft: MicrosoftSimulator, wire: requests.Session) -> App:
    """The app registration in the hands of msal."""

    def make(tenant: str = "", credential: Any = None, client_id: str = "") -> Any:
        settings = microsoft.settings()
        return msal.ConfidentialClientApplication(
            client_id or settings["client_id"],
            client_credential=credential or settings["client_secret"],
            authority=f"{settings['authority_url']}/{tenant or settings['tenant']}",
            http_client=wire,
            instance_discovery=False,
        )

    return make


def scope(microsoft: MicrosoftSimulator, *names: str) -> list[str]:
    return [f"{microsoft.settings()['graph_url']}/{name}" for name in names]


def visit(wire: requests.Session, url: str) -> dict[str, str]:
    """Follow the address as a browser, and return what it brings back."""
    answer = wire.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@pytest.mark.parametrize("tenant", ["", "acme.example", "organizations", "common"])
def test_a_code_becomes_tokens_that_can_be_refreshed(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session, tenant: str
) -> None:
    made = app(tenant)
    flow = made.initiate_auth_code_flow(scope(microsoft, "Mail.ReadWrite"), redirect_uri=BACK, login_hint=ADAM)

    found = made.acquire_token_by_auth_code_flow(flow, visit(wire, flow["auth_uri"]))
    again = made.acquire_token_by_refresh_token(found["refresh_token"], scope(microsoft, "Mail.ReadWrite"))

    token = microsoft.oauth.check(again["access_token"])
    assert found["id_token_claims"]["preferred_username"] == ADAM
    assert found["id_token_claims"]["tid"] == microsoft.oauth.tenant_id
    assert found["id_token_claims"]["oid"] == microsoft.user(ADAM).id
    assert again["refresh_token"] != found["refresh_token"]
    assert token is not None
    assert (token.principal, token.permissions) == (ADAM, frozenset({"Mail.ReadWrite"}))


def test_a_token_in_the_cache_of_the_library_is_found_again(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    made, wanted = app(), scope(microsoft, "Mail.ReadWrite", "Calendars.ReadWrite")
    flow = made.initiate_auth_code_flow(wanted, redirect_uri=BACK, login_hint=NOA)
    made.acquire_token_by_auth_code_flow(flow, visit(wire, flow["auth_uri"]))

    silent = made.acquire_token_silent(wanted, made.get_accounts()[0])
    forced = made.acquire_token_silent(wanted, made.get_accounts()[0], force_refresh=True)

    assert silent["token_source"] == "cache"
    assert forced["token_source"] == "identity_provider"


def test_an_old_refresh_token_works_until_it_is_too_old(microsoft: MicrosoftSimulator, app: App) -> None:
    made, old, wanted = app(), microsoft.settings()["refresh_token"], scope(microsoft, "Mail.Read")
    first = made.acquire_token_by_refresh_token(old, wanted)
    second = made.acquire_token_by_refresh_token(old, wanted)
    microsoft.clock.advance(days=60)
    newer = made.acquire_token_by_refresh_token(second["refresh_token"], wanted)
    microsoft.clock.advance(days=31)

    dead = made.acquire_token_by_refresh_token(old, wanted)

    assert "access_token" in first
    assert "access_token" in made.acquire_token_by_refresh_token(newer["refresh_token"], wanted)
    assert dead["error"] == "invalid_grant"
    assert dead["error_codes"] == [700082]
    assert dead["error_description"].startswith("AADSTS700082: ")


def test_a_used_refresh_token_can_be_made_to_die_soon(microsoft: MicrosoftSimulator, app: App) -> None:
    microsoft.oauth.old_refresh_token_s = 60
    made, old, wanted = app(), microsoft.settings()["refresh_token"], scope(microsoft, "Mail.Read")
    made.acquire_token_by_refresh_token(old, wanted)
    soon = made.acquire_token_by_refresh_token(old, wanted)
    microsoft.clock.advance(seconds=61)

    assert "access_token" in soon
    assert made.acquire_token_by_refresh_token(old, wanted)["error_codes"] == [70000]
    assert "access_token" in made.acquire_token_by_refresh_token(soon["refresh_token"], wanted)


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        ("revoked", 50173, "invalid_grant"),
        ("refresh_token_expired", 700082, "invalid_grant"),
        ("mfa_required", 50076, "interaction_required"),
        ("mfa_enrolment", 50079, "interaction_required"),
        ("conditional_access", 53003, "invalid_grant"),
        ("consent_withdrawn", 65001, "invalid_grant"),
    ],
)
def test_a_refresh_is_refused_in_the_words_of_entra(
    microsoft: MicrosoftSimulator, app: App, fault: str, code: int, error: str
) -> None:
    microsoft.faults.add(fault)

    found = app().acquire_token_by_refresh_token(microsoft.settings()["refresh_token"], scope(microsoft, "Mail.Read"))

    assert (found["error"], found["error_codes"]) == (error, [code])
    assert found["error_description"].startswith(f"AADSTS{code}: ")
    assert {"trace_id", "correlation_id", "timestamp"} <= set(found)


def test_graph_takes_no_access_token_whose_refresh_will_be_refused(microsoft: MicrosoftSimulator, app: App) -> None:
    settings = microsoft.settings()
    token = microsoft.oauth.check(microsoft.oauth.access(NOA))
    itself = microsoft.oauth.check(microsoft.oauth.app_access())
    assert token is not None
    assert itself is not None
    microsoft.faults.add("mfa_required")

    cut_off, other = microsoft.oauth.is_cut_off(token), microsoft.oauth.is_cut_off(itself)
    app().acquire_token_by_refresh_token(settings["refresh_token"], scope(microsoft, "Mail.Read"))

    assert (cut_off, other) == (True, False)
    assert not microsoft.oauth.is_cut_off(token)


def test_revoked_sessions_leave_access_tokens_alone(microsoft: MicrosoftSimulator, app: App) -> None:
    token = microsoft.oauth.access(NOA)

    microsoft.oauth.revoke_user(NOA)
    found = app().acquire_token_by_refresh_token(microsoft.settings()["refresh_token"], scope(microsoft, "Mail.Read"))

    assert found["error_codes"] == [50173]
    assert microsoft.oauth.check(token) is not None
    microsoft.clock.advance(hours=1)
    assert microsoft.oauth.check(token) is None


def test_an_app_of_one_organisation_is_not_for_everybody(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    microsoft.oauth.multi_tenant = False
    old = microsoft.settings()["refresh_token"]
    flow = app("common").initiate_auth_code_flow(scope(microsoft, "Mail.Read"), redirect_uri=BACK, login_hint=NOA)

    page = wire.get(flow["auth_uri"], allow_redirects=False, timeout=10)

    assert page.status_code == 400
    assert "AADSTS50194" in page.text
    assert app("organizations").acquire_token_by_refresh_token(old, [])["error_codes"] == [50194]
    assert "access_token" in app().acquire_token_by_refresh_token(old, scope(microsoft, "Mail.Read"))
    with pytest.raises(ValueError, match="double check your tenant"):
        app("elsewhere.example")


def test_wrong_secrets_and_unknown_apps_are_refused(microsoft: MicrosoftSimulator, app: App) -> None:
    old = microsoft.settings()["refresh_token"]

    wrong = app(credential="guessed").acquire_token_by_refresh_token(old, [])
    unknown = app(client_id="11111111-2222-3333-4444-555555555555").acquire_token_by_refresh_token(old, [])
    invented = app().acquire_token_by_refresh_token("made up", [])

    assert (wrong["error"], wrong["error_codes"]) == ("invalid_client", [7000215])
    assert (unknown["error"], unknown["error_codes"]) == ("unauthorized_client", [700016])
    assert invented["error_codes"] == [70000]


def certificate(signer: Signer) -> dict[str, str]:
    return {"private_key": signer.pem, "public_certificate": signer.certificate}


def test_an_app_asks_for_itself_with_a_secret_or_a_certificate(microsoft: MicrosoftSimulator, app: App) -> None:
    wanted = scope(microsoft, ".default")
    for credential in (None, certificate(microsoft.oauth.app_key)):
        found = app(credential=credential).acquire_token_for_client(wanted)
        token = microsoft.oauth.check(found["access_token"])
        assert token is not None
        assert not token.principal
        assert token.permissions == frozenset(microsoft.oauth.app_permissions)
        assert "refresh_token" not in found
    assert microsoft.oauth.certificate.count("-----BEGIN") == 2


def test_a_certificate_that_is_not_the_apps_shows_nothing(microsoft: MicrosoftSimulator, app: App) -> None:
    stranger = app(credential=certificate(Signer("somebody else")))
    mixed = app(credential={
        "private_key": Signer("somebody else").pem, "public_certificate": microsoft.oauth.app_key.certificate,
    })  # fmt: skip

    for made in (stranger, mixed):
        found = made.acquire_token_for_client(scope(microsoft, ".default"))
        assert (found["error"], found["error_codes"]) == ("invalid_client", [700027])


@pytest.mark.filterwarnings("ignore:Using /common or /organizations:DeprecationWarning")
def test_an_app_that_asks_for_itself_names_its_organisation_and_no_single_permission(
    microsoft: MicrosoftSimulator, app: App
) -> None:
    one = app().acquire_token_for_client(scope(microsoft, "Mail.Read"))
    everywhere = app("organizations").acquire_token_for_client(scope(microsoft, ".default"))
    microsoft.faults.add("revoked")
    gone = app().acquire_token_for_client(scope(microsoft, ".default"))

    assert one["error_codes"] == [1002012]
    assert everywhere["error_codes"] == [50194]
    assert gone["error_codes"] == [700016]


def test_a_person_may_allow_a_part_or_nothing(microsoft: MicrosoftSimulator, app: App, wire: requests.Session) -> None:
    made = app()
    flow = made.initiate_auth_code_flow(scope(microsoft, "Mail.Read", "Contacts.Read"), redirect_uri=BACK)
    page = wire.get(flow["auth_uri"], timeout=10)
    form: dict[str, Any] = dict(parse_qsl(urlsplit(flow["auth_uri"]).query))
    address = flow["auth_uri"].partition("?")[0]

    def press(**values: Any) -> dict[str, str]:
        answer = wire.post(address, data=form | values, allow_redirects=False, timeout=10)
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    denied = press(account=ADAM, allowed=["Mail.Read"], answer="deny")
    partly = made.acquire_token_by_auth_code_flow(
        flow, press(account=ADAM, allowed=["Mail.Read", "openid", "profile"], answer="allow")
    )

    assert "Accept" in page.text
    assert "Contacts.Read" in page.text
    assert (denied["error"], denied["state"]) == ("access_denied", flow["state"])
    assert denied["error_description"].startswith("AADSTS65004")
    assert "Contacts.Read" not in partly["scope"]
    more = made.acquire_token_by_refresh_token(partly["refresh_token"], scope(microsoft, "Contacts.Read"))
    assert (more["error_codes"], more["suberror"]) == ([65001], "consent_required")


def test_a_code_is_worth_nothing_without_its_verifier_and_only_once(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    settings = microsoft.settings()

    def redeem(**values: str) -> int:
        flow = app().initiate_auth_code_flow(scope(microsoft, "Mail.Read"), redirect_uri=BACK, login_hint=NOA)
        form = {
            "grant_type": "authorization_code", "client_id": settings["client_id"], "redirect_uri": BACK,
            "client_secret": settings["client_secret"], "code_verifier": flow["code_verifier"],
            "code": visit(wire, flow["auth_uri"])["code"],
        }  # fmt: skip
        used.append(form)
        url = f"{settings['authority_url']}/{settings['tenant']}/oauth2/v2.0/token"
        found = wire.post(url, data=form | values, timeout=10).json()
        return int(found.get("error_codes", [0])[0])

    used: list[dict[str, str]] = []
    assert redeem(code_verifier="guessed") == 501481
    assert redeem(redirect_uri="http://localhost/other") == 500112
    assert redeem() == 0
    assert redeem(code=used[-1]["code"]) == 54005
    assert redeem(code="made up") == 70000


def test_an_address_that_was_not_registered_is_never_redirected_to(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    microsoft.oauth.redirect_uris = {"https://hub.example/back"}
    flow = app().initiate_auth_code_flow(scope(microsoft, "Mail.Read"), redirect_uri=BACK, login_hint=NOA)

    answer = wire.get(flow["auth_uri"], allow_redirects=False, timeout=10)

    assert answer.status_code == 400
    assert "AADSTS50011" in answer.text


def test_conditional_access_is_told_where_a_person_signs_in(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    microsoft.faults.add("conditional_access")
    flow = app().initiate_auth_code_flow(scope(microsoft, "Mail.Read"), redirect_uri=BACK, login_hint=NOA)

    back = visit(wire, flow["auth_uri"])

    assert back["error"] == "access_denied"
    assert back["error_description"].startswith("AADSTS53003")


def test_no_refresh_token_without_offline_access_or_on_command(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    settings, wanted = microsoft.settings(), scope(microsoft, "Mail.Read")
    microsoft.faults.add("no_refresh_token")
    flow = app().initiate_auth_code_flow(wanted, redirect_uri=BACK, login_hint=NOA)
    assert "refresh_token" not in app().acquire_token_by_auth_code_flow(flow, visit(wire, flow["auth_uri"]))

    query = {"client_id": settings["client_id"], "response_type": "code", "redirect_uri": BACK, "scope": "Mail.Read",
             "login_hint": NOA}  # fmt: skip
    base = f"{settings['authority_url']}/{settings['tenant']}/oauth2/v2.0"
    url = requests.Request("GET", f"{base}/authorize", params=query).prepare().url
    form = {
        "grant_type": "authorization_code", "client_id": settings["client_id"], "redirect_uri": BACK,
        "client_secret": settings["client_secret"], "code": visit(wire, str(url))["code"],
    }  # fmt: skip
    found = wire.post(f"{base}/token", data=form, timeout=10).json()

    assert found["scope"] == "Mail.Read"
    assert "refresh_token" not in found
    assert "id_token" not in found


def test_the_id_token_is_signed_with_a_published_key(
    microsoft: MicrosoftSimulator, app: App, wire: requests.Session
) -> None:
    settings = microsoft.settings()
    where = f"{settings['authority_url']}/{settings['tenant']}/v2.0/.well-known/openid-configuration"
    flow = app().initiate_auth_code_flow(scope(microsoft, "User.Read"), redirect_uri=BACK, login_hint=NOA)
    found = app().acquire_token_by_auth_code_flow(flow, visit(wire, flow["auth_uri"]))

    told = wire.get(where, timeout=10).json()
    keys = wire.get(told["jwks_uri"], timeout=10).json()["keys"]
    claims = microsoft.oauth.signer.claims(found["id_token"])

    assert [one["kid"] for one in keys] == [microsoft.oauth.signer.id]
    assert claims["iss"] == told["issuer"]
    assert claims["aud"] == settings["client_id"]
    assert claims["exp"] > time.time()


def test_discovery_of_an_instance_names_this_host(microsoft: MicrosoftSimulator, wire: requests.Session) -> None:
    base = microsoft.settings()["authority_url"]

    found = wire.get(f"{base}/common/discovery/instance?api-version=1.1", timeout=10).json()

    assert found["tenant_discovery_endpoint"].startswith(base)
    assert found["metadata"][0]["aliases"] == [urlsplit(base).netloc]


def test_the_token_endpoint_can_be_away(microsoft: MicrosoftSimulator, wire: requests.Session) -> None:
    microsoft.faults.add("token_endpoint_unavailable")
    settings = microsoft.settings()

    answer = wire.post(f"{settings['authority_url']}/{settings['tenant']}/oauth2/v2.0/token", data={}, timeout=10)
    empty = wire.post(f"{settings['authority_url']}/{settings['tenant']}/oauth2/v2.0/token", data={}, timeout=10)

    assert answer.status_code == 503
    assert json.loads(empty.text)["error_codes"] == [900144]
