"""What is written into a CRM, as an administrator sees it: in both directions and schemes, and on a telephone."""

from collections.abc import Callable, Iterator

import pytest

from connectors.espocrm.simulator import EspoSimulator
from hub.connector import crm
from hub.identity import parties
from hub.intake.models import Account
from hub.timeline.models import Kind
from tests.e2e.crm_desk import Crm, espo
from tests.ui.harness import LOOKS, Profile, Site, shot, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture(scope="module")
def simulator() -> Iterator[EspoSimulator]:
    with espo() as one:
        yield one


@pytest.fixture(scope="module")
def place(site: Site, simulator: EspoSimulator) -> str:
    desk = Crm.open(site.hub, simulator, "CRM של דנה")
    simulator.store.add("Contact", firstName="Dana", lastName="Levi", emailAddress="dana@crm.example")
    desk.read(crm.CONTACTS)
    desk.choose(["meeting", "note"])
    with site.hub.db.read() as session:
        dana = parties.holders_of(session, "email", {"dana@crm.example"})["dana@crm.example"]
        page = f"/connections/{session.get_one(Account, desk.account).public_id}/crm"
    desk.happens(dana, Kind.MEETING)
    desk.happens(desk.person("עומר כץ"), Kind.MEETING)
    desk.settle()
    return page


def test_what_is_written_is_chosen_with_the_keyboard(profile: Make, place: str) -> None:
    tab = profile("noa").open(place, connected=False)
    assert tab.inner_text("nav.tabs [aria-current]") == "What is written"
    tab.locator("[name=with_text]").focus()
    tab.keyboard.press("Space")
    tab.locator("#since").press("Enter")
    tab.wait_for_selector("[name=with_text]:checked")
    for kind in ("meeting", "note"):
        tab.uncheck(f"[name=kinds][value={kind}]")
    tab.locator("#since").press("Enter")
    assert tab.inner_text("[role=alert]") == "Choose at least one kind."
    assert tab.locator("[name=with_text]:checked").count() == 1, "what was chosen is kept"
    assert not violations(tab)


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_it_breaks_no_rule_of_accessibility_and_fits_a_telephone(
    profile: Make, site: Site, place: str, language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    for path in (place, f"{place}/stop"):
        tab.set_viewport_size({"width": 1280, "height": 860})
        tab.goto(site.url + path)
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        shot(tab, f"crm-{path.rpartition('/')[2]}-{language}")
        assert not violations(tab)
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
