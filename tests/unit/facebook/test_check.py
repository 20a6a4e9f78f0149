"""The self-check against the simulator: each switch that is off is told by its name."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.facebook.check import check
from connectors.facebook.remote import FacebookRemote
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.contract import Account, Checkable, Finding, Level
from hub.connector.simulator import Faults
from tests.unit.facebook.desk import Hub

Break = Callable[[FacebookSimulator, Any], object]


@pytest.fixture(scope="module")
def running() -> Iterator[FacebookSimulator]:
    simulator = FacebookSimulator(faults=Faults(()))
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


@pytest.fixture
def simulator(running: FacebookSimulator) -> Iterator[FacebookSimulator]:
    yield running
    running.faults.clear()
    running.world.scripts.clear()


def account(simulator: FacebookSimulator, *pages: Any, **changes: Any) -> Account[FacebookSettings]:
    listed = "\n".join(one.id for one in pages)
    values = {**simulator.settings(), "timeout_s": "60", "pages": listed, **changes}
    return Account(1, "Test", FacebookSettings.model_validate(values), "IL", "Asia/Jerusalem")


def garden(simulator: FacebookSimulator, name: str = "Green Garden") -> Any:
    """A page on which everything is on."""
    made = simulator.add_page(name, subscribed=True)
    simulator.add_form(made, "Offer")
    return made


def found(simulator: FacebookSimulator, *pages: Any, **changes: Any) -> dict[str, Finding]:
    """The worst finding of each topic."""
    order = [Level.GREEN, Level.AMBER, Level.RED]
    worst: dict[str, Finding] = {}
    for one in check(account(simulator, *pages, **changes)):
        known = worst.get(one.topic)
        if known is None or order.index(one.level) > order.index(known.level):
            worst[one.topic] = one
    return worst


def levels(told: dict[str, Finding]) -> dict[str, Level]:
    return {topic: one.level for topic, one in told.items() if one.level is not Level.GREEN}


def test_what_is_on_is_green(simulator: FacebookSimulator) -> None:
    told = found(simulator, garden(simulator))
    assert levels(told) == {"webhook": Level.AMBER}, "the simulated app posts to nobody"
    assert {"leads_access", "terms", "subscription", "token", "permissions", "version"} <= told.keys()


def _unread(simulator: FacebookSimulator, page: Any) -> None:
    simulator.revoke_lead_access(page)


def _without_terms(_simulator: FacebookSimulator, page: Any) -> None:
    page.tos_accepted = False


def _without_role(simulator: FacebookSimulator, page: Any) -> None:
    simulator.lose_role(simulator.system_user, page)


@pytest.mark.parametrize(
    ("breaks", "topic", "alone"),
    [
        (_unread, "leads_access", Level.RED),
        (_without_role, "leads_access", Level.RED),
        (_without_terms, "terms", Level.AMBER),
    ],
)
def test_the_switch_that_is_off_is_named_with_its_page(
    simulator: FacebookSimulator, breaks: Break, topic: str, alone: Level
) -> None:
    page, beside = garden(simulator, "Broken Garden"), garden(simulator, "Beside")
    breaks(simulator, page)
    told = found(simulator, page)
    assert told[topic].level is alone
    assert "Broken Garden" in told[topic].text or page.id in told[topic].text
    assert told[topic].action
    assert found(simulator, page, beside)[topic].level is Level.AMBER, "the other page is read on"


def test_a_page_that_lost_the_app_is_named(simulator: FacebookSimulator) -> None:
    page, beside = garden(simulator, "Broken Garden"), garden(simulator, "Beside")
    simulator.unsubscribe(page)
    told = found(simulator, page, beside)["subscription"]
    assert told.level is Level.AMBER
    assert "Broken Garden" in told.text


def test_where_nothing_was_ever_switched_on_for_webhooks_the_hub_polls(simulator: FacebookSimulator) -> None:
    page = simulator.add_page("Polled Garden")
    simulator.add_form(page, "Offer")
    told = found(simulator, page)
    assert levels(told) == {}
    assert "polled" in told["webhook"].text
    assert "polled" in told["subscription"].text
    assert told["webhook"].action


def test_meta_s_own_words_are_shown_as_they_are(simulator: FacebookSimulator) -> None:
    page = garden(simulator)
    simulator.revoke_lead_access(page)
    told = (
        FacebookRemote(account(simulator, page), Hub())
        .client(page.id)
        .get(f"/{page.id}", {"fields": "has_lead_access"})
    )
    words = told["has_lead_access"]
    assert words["failure_reason"]
    text = found(simulator, page)["leads_access"].text
    assert words["failure_reason"] in text
    assert words["failure_resolution"] in text


@pytest.mark.parametrize(
    ("fault", "topic", "level"),
    [
        ("revoked=always", "token", Level.RED),
        ("version_warning=always", "version", Level.AMBER),
        ("version_ended=always", "app", Level.RED),
        ("api_disabled=always", "token", Level.RED),
        ("lead_access_revoked=always", "leads_access", Level.RED),
    ],
)
def test_what_goes_wrong_stands_where_it_belongs(
    simulator: FacebookSimulator, fault: str, topic: str, level: Level
) -> None:
    page = garden(simulator)
    simulator.faults.add(fault)
    assert found(simulator, page)[topic].level is level


def test_a_token_that_ends_soon_is_amber(simulator: FacebookSimulator) -> None:
    page = garden(simulator)
    fresh = simulator.new_token(simulator.person)
    assert found(simulator, page, token=fresh)["token"].level is Level.GREEN
    simulator.clock.advance(days=-50)
    token = simulator.new_token(simulator.person)
    simulator.clock.advance(days=50)
    told = found(simulator, page, token=token)["token"]
    assert told.level is Level.AMBER
    assert "Press Connect" in told.action


def test_a_permission_that_is_missing_is_named(simulator: FacebookSimulator) -> None:
    page = garden(simulator)
    scopes = ["pages_show_list", "pages_manage_ads", "pages_read_engagement", "ads_management", "leads_retrieval"]
    told = found(simulator, page, token=simulator.new_token(simulator.system_user, scopes=scopes))["permissions"]
    assert (told.level, "pages_manage_metadata" in told.text) == (Level.AMBER, True)
    scopes.remove("leads_retrieval")
    told = found(simulator, page, token=simulator.new_token(simulator.system_user, scopes=scopes))["permissions"]
    assert (told.level, "leads_retrieval" in told.text) == (Level.RED, True)


def test_a_wrong_secret_is_the_app_s(simulator: FacebookSimulator) -> None:
    assert levels(found(simulator, app_secret="another")) == {"app": Level.RED}


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"app_id": ""}, Level.RED),
        ({"app_secret": ""}, Level.RED),
        ({"verify_token": ""}, Level.AMBER),
        ({"old_app_secret": "x"}, Level.AMBER),
    ],
)
def test_what_is_missing_in_the_settings_is_told(simulator: FacebookSimulator, changes: Any, level: Level) -> None:
    assert found(simulator, garden(simulator), **changes)["credentials"].level is level


def test_before_anybody_connected_what_can_be_known_is_told(simulator: FacebookSimulator) -> None:
    told = found(simulator, token="")
    assert told["app"].level is Level.GREEN
    assert "token" not in told


def test_an_open_account_is_checked_with_its_own_access(simulator: FacebookSimulator) -> None:
    remote = FacebookRemote(account(simulator, garden(simulator)), Hub())
    assert isinstance(remote, Checkable)
    assert {"token", "leads_access"} <= {one.topic for one in remote.check()}


def test_no_token_is_told(simulator: FacebookSimulator) -> None:
    made = account(simulator, garden(simulator))
    text = " ".join(f"{one.text} {one.action}" for one in check(made))
    assert made.settings.token.get_secret_value() not in text
    assert made.settings.app_secret.get_secret_value() not in text
