"""What a rule tells, on the screen of whom it tells: live, on My day, in both directions, and put away by keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from hub import app as hub_app
from hub.rules import desk
from hub.security.models import User
from tests.e2e.rules_desk import Rules
from tests.ui.harness import LOOKS, Profile, Site, shot, until, use, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")


def tell(site: Site, text: str) -> None:
    """A rule fires, and Noa is told."""
    rules = Rules(site.hub)
    with site.hub.db.read() as session:
        noa = str(session.get_one(User, site.users["noa"]).public_id)
    rule = rules.rule("customer_new", {"do": "notice", "to": [noa], "text": text})
    rules.customer("דנה לוי")
    rules.look()
    with site.hub.db.write() as session:
        desk.remove(session, None, rule.public_id)
        hub_app.tell_notices(site.hub, session)


def shown(tabs: list[Page]) -> list[int]:
    return [tab.locator("#news article").count() for tab in tabs]


def test_a_notice_comes_at_once_to_whom_it_is_for_and_is_put_away_with_the_keyboard(profile: Make, site: Site) -> None:
    noa, amir = profile("noa"), profile("amir")
    tabs = [noa.open("/"), noa.open("/settings"), amir.open("/")]
    use(tabs[0])
    tell(site, "{customer} <b>is new</b>")
    until(lambda: shown(tabs) == [1, 0, 0], lambda: f"notices: {shown(tabs)}")
    first, second, other = tabs
    assert first.locator("#news [data-name]").inner_text() == "דנה לוי <b>is new</b>"
    until(lambda: first.locator("#notices [data-row]").count() == 1, "My day does not list it")
    assert other.locator("#notices [data-row]").count() == 0
    first.locator("#news [data-away]").focus()
    first.keyboard.press("Enter")
    until(lambda: first.locator("#notices [data-row]").count() == 0, "it was not put away")
    assert shown(tabs) == [0, 0, 0]

    tell(site, "{customer} again")
    until(lambda: first.locator("#notices [data-row]").count() == 1, "My day does not list it")
    assert shown(tabs) == [1, 0, 0]
    first.locator("#notices button:has-text('Put away')").focus()
    first.keyboard.press("Enter")
    first.wait_for_selector("#notices .notice.ok")
    assert shown(tabs) == [0, 0, 0], "its card is still there"
    first.locator("#notices button:has-text('Undo')").focus()
    first.keyboard.press("Enter")
    until(lambda: first.locator("#notices [data-row]").count() == 1, "it did not come back")
    first.click("#notices a:has-text('דנה לוי')")
    first.wait_for_selector("h1:has-text('דנה לוי')")
    assert second.locator("#news article").count() == 0


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_it_breaks_no_rule_of_accessibility_and_fits_a_telephone(
    profile: Make, site: Site, language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/")
    use(tab)
    for text in ("{customer}: call 03-5551234", "x" * 300, "דנה ביקשה שיחזרו אליה"):
        tell(site, text)
    until(lambda: tab.locator("#news article").count() == 3, "not all are shown")
    until(lambda: tab.locator("#notices [data-row]").count() >= 3, "My day does not list them")
    shot(tab, f"notices-{language}")
    assert not violations(tab)
    tab.set_viewport_size({"width": 360, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    tab.locator("#notices button").last.click()
    until(lambda: tab.locator("#notices [data-row]").count() == 0, "not all are put away")
    assert tab.locator("#news article").count() == 0, "their cards are still there"
