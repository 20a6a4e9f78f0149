"""Rules in a real browser: written with the keyboard, in both directions and schemes, and on a telephone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from hub.rules.models import Brake, Fired, Rule, RuleFiring
from hub.store.base import now
from tests.e2e.rules_desk import TASK, Rules
from tests.ui.harness import LOOKS, Profile, Site, shot, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")
PAGE = "/admin/rules"


def choose(tab: Page, id_: str, value: str) -> None:
    """Choose from a list that shows other inputs, and wait for them."""
    with tab.expect_response(lambda answer: answer.request.method == "POST" and "/admin/rules" in answer.url):
        tab.locator(f"#{id_}").select_option(value)
    tab.wait_for_selector(f"#{id_}:focus")


def press(tab: Page, what: str) -> None:
    with tab.expect_response(lambda answer: answer.request.method == "POST"):
        tab.locator(what).focus()
        tab.keyboard.press("Enter")


def test_a_rule_is_written_with_the_keyboard_tested_and_turned_on(profile: Make, site: Site) -> None:
    rules = Rules(site.hub)
    rules.call(rules.customer("דנה לוי"), detail={"talk_s": 0})
    tab = profile("noa").open(PAGE, connected=False)
    assert "There are no rules of yours yet" in tab.inner_text("main")
    tab.locator("a:has-text('Add a rule')").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#name")
    tab.locator("#name").focus()
    tab.keyboard.type("Missed by us")
    choose(tab, "asks", "call_missed")
    assert tab.input_value("#name") == "Missed by us", "what was typed is kept"
    press(tab, "#add-condition")
    tab.wait_for_selector("#c-0-field:focus")
    choose(tab, "c-0-field", "call.direction")
    tab.locator("[name=c-0-value][value=inbound]").focus()
    tab.keyboard.press("Space")
    choose(tab, "a-0-do", "notice")
    assert tab.locator("#a-0-hours").count() == 0
    press(tab, "#save")
    tab.wait_for_selector("[role=alert]")
    assert tab.evaluate("document.activeElement.id") == "a-0-text"
    tab.keyboard.type("{customer} called")
    press(tab, "#test")
    tab.wait_for_selector("#tried")
    assert "Would have fired 1 time in the last 7 days" in tab.inner_text("#tried")
    assert "Call: Direction is Incoming" in tab.inner_text("#tried")
    assert tab.evaluate("document.activeElement.id") == "tried"
    assert not violations(tab)
    tab.locator("#name").focus()
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector("text=It is off: test it, then turn it on.")
    tab.locator("#switch").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#rules .chip.ok")
    with site.hub.db.read() as session:
        row = session.scalars(select(Rule)).one()
    assert (row.is_on, row.conditions[0]["values"]) == (True, ["inbound"])
    assert row.actions == [{"do": "notice", "to": ["owner"], "text": "{customer} called"}]


def test_without_a_script_the_same_form_does_the_same(profile: Make, site: Site) -> None:
    tab = profile("noa", java_script_enabled=False).open(f"{PAGE}/new", connected=False)
    tab.fill("#name", "Without a script")
    tab.locator("#a-0-do").select_option("webhook")
    tab.locator("#actions noscript button, #actions button:has-text('Show')").first.click()
    tab.wait_for_selector("#a-0-endpoint")
    tab.click("#save")
    tab.wait_for_selector("text=It is off: test it, then turn it on.")


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_and_each_fits_a_telephone(
    profile: Make, site: Site, language: str, scheme: str
) -> None:
    rules = Rules(site.hub)
    dana = rules.customer("דנה לוי")
    rules.call(dana)
    asked = [
        {"field": "call.outcome", "operator": "is", "values": ["missed", "abandoned"]},
        {"field": "customer.name", "operator": "contains", "values": ["Levi", "לוי"]},
        {"field": "time.hour", "operator": "at_least", "values": ["0"]},
    ]
    row = rules.rule(
        "call_missed", TASK, {"do": "mail", "to": ["owner"], "text": "{customer}, {number}"}, conditions=asked
    )
    with site.hub.db.write() as session:
        for state, brake in ((Fired.DONE, ""), (Fired.FAILED, ""), (Fired.HELD, Brake.CUSTOMER)):
            done = [{"do": "task", "to": ["Noa"]}, {"do": "mail", "error": "nobody"}]
            session.add(RuleFiring(
                rule_id=row.id, occasion=f"call:{language}{state}", happened_at=now(), party_id=dana, state=state, brake=brake,
                reason=[one | {"found": "missed"} for one in asked[:1]],
                done=done[: {Fired.DONE: 1, Fired.FAILED: 2}.get(state, 0)],
            ))  # fmt: skip
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    paths = {
        "list": PAGE, "new": f"{PAGE}/new?from=no_contact", "one": f"{PAGE}/{row.public_id}",
        "remove": f"{PAGE}/{row.public_id}/remove", "firings": "/insights/rules",
    }  # fmt: skip
    for name, path in paths.items():
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        if name == "one":
            press(tab, "#test")
            tab.wait_for_selector("#tried")
            tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        shot(tab, f"rules-{name}-{language}")
        assert not violations(tab), name
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, name
