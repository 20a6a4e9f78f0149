"""The search box in a browser: results while typing, arrows, why something was found, without a rule of accessibility broken."""

from collections.abc import Callable

import pytest

from hub.identity import parties
from hub.security.policy import Person
from hub.timeline import notes
from tests.ui.harness import Profile, Site, until, violations

FOCUSED = "document.activeElement.querySelector('h3')?.innerText ?? document.activeElement.id"


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("he", "dark")])
def test_everything_is_found_and_opened_by_keyboard(
    profile: Callable[..., Profile], site: Site, language: str, scheme: str
) -> None:
    with site.hub.db.write() as session:
        author = Person(site.users["noa"], None, "noa@example.com", "Noa", "agent")
        party = parties.get(session, site.party)
        for i in range(2):
            notes.add(session, author, party_id=party.id, text=f"The quixotic <b>router</b> {i} של דנה {language}")
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/search")
    tab.locator("#q-page").press_sequentially(f"quixotic {language}")
    until(lambda: tab.locator("#results .k-note").count() == 2)
    assert tab.locator("#results .k-note mark").all_inner_texts() == ["quixotic", language] * 2
    assert tab.locator("#results b").count() == 0
    tab.keyboard.press("ArrowDown")
    until(lambda: "router 1" in tab.evaluate(FOCUSED).replace("</b>", "").replace("<b>", ""))
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate(FOCUSED) == "q-page"
    assert violations(tab) == []
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/customers/*/items/*")
