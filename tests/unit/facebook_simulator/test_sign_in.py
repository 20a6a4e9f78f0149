"""How somebody allows the app to read his leads, what his tokens are worth, and what kills them."""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from connectors.facebook.simulated.things import SCOPES as SCOPES_OF_ALL
from connectors.facebook.simulated.tokens import LONG_S, SHORT_S
from connectors.facebook.simulator import FacebookSimulator
from tests.unit.facebook_simulator.conftest import Graph, refused, told

Graphs = Callable[..., Graph]
BACK = "https://hub.example/oauth/facebook/callback"
SCOPES = "pages_show_list,leads_retrieval,pages_manage_metadata,ads_read"


def asked(facebook: FacebookSimulator, **changes: str) -> dict[str, str]:
    settings = {"client_id": facebook.world.tokens.app_id, "redirect_uri": BACK, "state": "s t", "scope": SCOPES}
    return {**settings, "response_type": "code", **changes}


def answered(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def exchanged(facebook: FacebookSimulator, graph: Graphs, **changes: str) -> requests.Response:
    """What a code is exchanged for."""
    code = answered(facebook.consent(asked(facebook)))["code"]
    settings = facebook.settings()
    sent = {
        "client_id": settings["app_id"],
        "client_secret": settings["app_secret"],
        "redirect_uri": BACK,
        "code": code,
    }
    return graph("").ask("GET", "/oauth/access_token", **{**sent, **changes})


def lasting(facebook: FacebookSimulator, graph: Graphs, short: str) -> dict[str, Any]:
    settings = facebook.settings()
    found: dict[str, Any] = graph("").get(
        "/oauth/access_token", grant_type="fb_exchange_token", client_id=settings["app_id"],
        client_secret=settings["app_secret"], fb_exchange_token=short,
    )  # fmt: skip
    return found


def test_a_person_allows_in_a_browser_what_he_wants(facebook: FacebookSimulator, graph: Graphs) -> None:
    browser = graph("")
    page = browser.ask("GET", f"{browser.url}/v26.0/dialog/oauth?{urlencode(asked(facebook))}")
    boxes = re.findall(r'name="allowed" value="(\w+)"', page.text)
    answer = {**asked(facebook), "account": facebook.person.id, "answer": "allow", "allowed": boxes[:2]}
    sent = browser.ask("POST", f"{browser.url}/v26.0/dialog/oauth", answer)

    assert boxes == SCOPES.split(",")
    assert "Hub system user" not in page.text
    back = answered(sent.headers["Location"])
    assert sent.headers["Location"].startswith(BACK)
    assert back["state"] == "s t"
    settings = facebook.settings()
    token = browser.get(
        "/oauth/access_token", client_id=settings["app_id"], client_secret=settings["app_secret"], redirect_uri=BACK,
        code=back["code"],
    )  # fmt: skip
    permissions = graph(token["access_token"]).get("/me/permissions")["data"]
    assert [one["permission"] for one in permissions] == ["leads_retrieval", "pages_show_list"]
    assert graph(token["access_token"]).get("/me") == {"id": facebook.person.id, "name": "Noa Levi"}


def test_a_configuration_of_the_app_stands_for_all_permissions(facebook: FacebookSimulator, graph: Graphs) -> None:
    wanted = {name: value for name, value in asked(facebook, config_id="7").items() if name != "scope"}
    browser = graph("")
    page = browser.ask("GET", f"{browser.url}/v26.0/dialog/oauth?{urlencode(wanted)}")

    assert re.findall(r'name="allowed" value="(\w+)"', page.text) == list(SCOPES_OF_ALL)
    code = answered(facebook.consent(wanted))["code"]
    assert len(graph(told(exchanged(facebook, graph, code=code))["access_token"]).get("/me/permissions")["data"]) == 8


def test_a_person_says_no(facebook: FacebookSimulator, graph: Graphs) -> None:
    browser = graph("")
    sent = browser.ask("POST", f"{browser.url}/dialog/oauth", {**asked(facebook), "answer": "deny"})

    back = answered(sent.headers["Location"])
    assert (back["error"], back["error_code"], back["error_reason"]) == ("access_denied", "200", "user_denied")


@pytest.mark.parametrize(
    "change", [{"client_id": "1"}, {"redirect_uri": "http://evil.example/"}, {"redirect_uri": "x"}]
)
def test_a_dialog_that_is_not_ours_is_not_shown(
    facebook: FacebookSimulator, graph: Graphs, change: dict[str, str]
) -> None:
    browser = graph("")

    answer = browser.ask("GET", f"{browser.url}/v26.0/dialog/oauth?{urlencode(asked(facebook, **change))}")

    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_only_listed_addresses_are_sent_back_to(facebook: FacebookSimulator, graph: Graphs) -> None:
    facebook.world.dialog.redirects = ("https://other.example/",)
    browser = graph("")

    assert browser.ask("GET", f"{browser.url}/v26.0/dialog/oauth?{urlencode(asked(facebook))}").status_code == 400


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": "x"}, (400, 100, 36009)),
        ({"redirect_uri": f"{BACK}/"}, (400, 100, 36008)),
        ({"client_secret": "x"}, (400, 1, 0)),
        ({"client_id": "1"}, (400, 101, 0)),
        ({"code": ""}, (400, 100, 0)),
    ],
)
def test_a_code_is_exchanged_by_its_own_app_alone(
    facebook: FacebookSimulator, graph: Graphs, change: dict[str, str], error: tuple[int, int, int]
) -> None:
    assert refused(exchanged(facebook, graph, **change)) == error


def test_a_code_serves_once_and_for_ten_minutes(facebook: FacebookSimulator, graph: Graphs) -> None:
    code = answered(facebook.consent(asked(facebook)))["code"]

    assert exchanged(facebook, graph, code=code).ok
    assert refused(exchanged(facebook, graph, code=code)) == (400, 100, 36009)
    late = answered(facebook.consent(asked(facebook)))["code"]
    facebook.clock.advance(minutes=11)
    assert refused(exchanged(facebook, graph, code=late)) == (400, 100, 36007)


def test_a_short_token_dies_in_an_hour_with_its_pages_and_a_lasting_one_does_not(
    facebook: FacebookSimulator, graph: Graphs
) -> None:
    short = told(exchanged(facebook, graph))
    long = lasting(facebook, graph, short["access_token"])
    of_short, of_long = (
        graph(one["access_token"]).get("/me/accounts")["data"][0]["access_token"] for one in (short, long)
    )

    assert (short["expires_in"], long["expires_in"]) == (SHORT_S, LONG_S)
    facebook.clock.advance(hours=2)
    assert refused(graph(short["access_token"]).ask("GET", "/me")) == (400, 190, 463)
    assert refused(graph(of_short).ask("GET", "/me")) == (400, 190, 463)
    assert graph(long["access_token"]).get("/me")["name"] == "Noa Levi"
    facebook.clock.advance(days=61)
    assert refused(graph(long["access_token"]).ask("GET", "/me")) == (400, 190, 463)
    assert graph(of_long).get("/me") == {"id": facebook.garden.id, "name": "Green Garden"}


def test_a_token_is_looked_into(facebook: FacebookSimulator, graph: Graphs) -> None:
    app, page = graph(facebook.world.tokens.app_token), graph()
    short = facebook.new_token(facebook.person, lasting=False, scopes=["pages_show_list"])

    of_page, of_person = (app.get("/debug_token", input_token=one)["data"] for one in (page.token, short))
    nothing = app.get("/debug_token", input_token="x")["data"]
    itself = app.get("/debug_token", input_token=app.token)["data"]

    assert (of_page["type"], of_page["profile_id"], of_page["expires_at"]) == ("PAGE", facebook.garden.id, 0)
    assert of_page["is_valid"] is True
    assert of_person["expires_at"] - of_person["issued_at"] == SHORT_S
    assert of_person["data_access_expires_at"] > of_person["expires_at"]
    assert (of_person["type"], of_person["scopes"]) == ("USER", ["pages_show_list"])
    assert (nothing["is_valid"], nothing["error"]["code"]) == (False, 190)
    assert itself["type"] == "APP"
    facebook.kill_token(facebook.person, subcode=458)
    dead = app.get("/debug_token", input_token=short)["data"]
    assert (dead["is_valid"], dead["error"]["subcode"]) == (False, 458)


@pytest.mark.parametrize("subcode", [458, 459, 460, 463, 464, 467])
def test_a_dead_token_is_refused_and_a_new_one_lives(facebook: FacebookSimulator, graph: Graphs, subcode: int) -> None:
    page = graph()
    facebook.kill_token(facebook.system_user, subcode=subcode)

    answer = page.ask("GET", "/me")

    assert refused(answer) == (400, 190, subcode)
    assert "invalid_token" in answer.headers["WWW-Authenticate"]
    new = graph(facebook.new_token(facebook.system_user))
    assert graph(new.get("/me/accounts")["data"][0]["access_token"]).get("/me")["id"] == facebook.garden.id


def test_who_lost_his_role_is_refused_with_a_new_token_too(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()
    facebook.lose_role(facebook.system_user, facebook.garden)
    new = graph(facebook.new_token(facebook.system_user))

    assert refused(page.ask("GET", f"/{facebook.garden.id}")) == (400, 190, 492)
    assert new.get("/me/accounts")["data"] == []
    assert refused(new.ask("GET", f"/{facebook.garden.id}", fields="access_token")) == (400, 100, 33)
    facebook.give_role(facebook.system_user, facebook.garden)
    assert page.get(f"/{facebook.garden.id}")["name"] == "Green Garden"


def test_a_call_is_proved_with_the_secret_of_the_app(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()

    assert refused(page.ask("GET", "/me", appsecret_proof="")) == (400, 100, 0)
    assert refused(page.ask("GET", "/me", appsecret_proof="ö")) == (400, 100, 0)
    facebook.world.tokens.proof_needed = False
    assert page.ask("GET", "/me", appsecret_proof="").ok
    assert refused(page.ask("GET", "/me", appsecret_proof="0")) == (400, 100, 0)
    facebook.rotate_secret()
    assert refused(page.ask("GET", "/me")) == (400, 100, 0)


def test_without_a_token_nothing_is_told(facebook: FacebookSimulator, graph: Graphs) -> None:
    assert refused(graph("").ask("GET", "/me")) == (400, 104, 0)
    assert refused(graph("x").ask("GET", "/me")) == (400, 190, 0)
    in_query = graph("").get("/me", access_token=graph().token, appsecret_proof=proof_of(graph()))
    assert in_query["id"] == facebook.garden.id


def proof_of(graph: Graph) -> str:
    return hmac.new(graph.secret.encode(), graph.token.encode(), hashlib.sha256).hexdigest()


def test_the_app_proves_itself(facebook: FacebookSimulator, graph: Graphs) -> None:
    settings = facebook.settings()
    found = graph("").get(
        "/oauth/access_token", grant_type="client_credentials", client_id=settings["app_id"],
        client_secret=settings["app_secret"],
    )  # fmt: skip

    assert graph(found["access_token"]).get(f"/{settings['app_id']}")["name"] == "Hub"
