"""What is read of an account, in a real browser: the page first, the remote after it, switches by keyboard."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from connectors.facebook import simulator as facebook_simulator
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.simulator import Faults
from hub.intake import accounts
from hub.intake.models import Account
from tests.ui.harness import LOOKS, Profile, Site, until, violations
from tests.ui.test_leads import shot, tab_to

Make = Callable[..., Profile]


@pytest.fixture(scope="module")
def facebook() -> Iterator[FacebookSimulator]:
    simulator = facebook_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def path(site: Site, facebook: FacebookSimulator) -> str:
    """An account of which nothing was read yet, and two leads that wait there."""
    for number, name in enumerate(("Dana Levi", "Rut Cohen")):
        at = datetime.now(UTC) - timedelta(days=80 * number, minutes=5)
        facebook.submit(facebook.english, {"full_name": name, "email": f"p{number}@people.example"}, at=at)
    with site.hub.db.write() as session:
        values = facebook.settings()
        row = accounts.create(session, site.hub.connectors["facebook"], site.hub.vault, "Garden", values, region="IL")
    return f"/connections/{row.public_id}/choices"


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_the_page_fills_in_by_itself_and_breaks_no_rule(
    profile: Make, site: Site, path: str, language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open(path, connected=False)
    until(lambda: tab.locator("main [role=switch]").count() == 2, "the forms are not shown")
    until(lambda: not tab.evaluate("document.querySelectorAll('main [aria-busy]').length"))
    shot(tab, f"choices-{language}")
    found = violations(tab)
    tab.set_viewport_size({"width": 360, "height": 740})
    shot(tab, f"choices-{language}-small")
    width = tab.evaluate("document.documentElement.scrollWidth")
    site.language("noa", "en")
    assert found == []
    assert width <= 360


def test_a_form_is_switched_off_and_on_by_keyboard(profile: Make, site: Site, path: str) -> None:
    tab = profile("noa").open(path, connected=False)
    switch = tab.locator("main [role=switch]").first
    switch.wait_for()
    assert "were not fetched yet" in tab.locator("main").inner_text()
    tab_to(tab, "main [role=switch]")
    tab.keyboard.press("Enter")
    until(lambda: switch.get_attribute("aria-checked") == "false", "it was not switched off")
    assert off(site)
    switch.focus()
    tab.keyboard.press("Space")
    until(lambda: switch.get_attribute("aria-checked") == "true", "it was not switched on")
    assert not off(site)


def off(site: Site) -> str:
    with site.hub.db.read() as session:
        row = session.scalars(select(Account).where(Account.name == "Garden")).one()
        return str(row.settings.get("forms_off", ""))


def test_a_remote_that_is_away_is_said_and_asked_again(profile: Make, facebook: FacebookSimulator, path: str) -> None:
    facebook.stop()
    tab = profile("noa").open(path, connected=False)
    tab.wait_for_selector("main [role=alert]")
    shot(tab, "choices-away")
    assert violations(tab) == []
    facebook.start()
    tab.click("main a:has-text('Try again')")
    until(lambda: tab.locator("main [role=switch]").count() == 2, "the forms are not shown")
