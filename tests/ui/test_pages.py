"""The agent's pages in a real browser: accessible in both directions and both colour schemes, usable by keyboard alone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from hub.identity.models import Party
from hub.timeline.models import Note, Task
from tests.e2e import story as stories
from tests.e2e.story import NOBODY, Story
from tests.ui.harness import LOOKS, PASSWORD, Profile, Site, until, violations

PAGES = {
    "my day": "/",
    "to do": "/tasks",
    "calls": "/calls",
    "calls without any": "/calls?outcome=lost",
    "call": "/calls/{talked}/card",
    "live call": "/calls/{ringing}/card",
    "customers": "/customers",
    "new customer": "/customers/new",
    "customer": "/customers/{dana}",
    "company": "/customers/{firm}",
    "customer without anything": "/customers/{new}",
    "edit": "/customers/{dana}/edit",
    "search": "/search?q=levi",
    "search for nobody": "/search?q=0501112233",
}


@pytest.fixture(scope="module")
def story(site: Site) -> Story:
    told = stories.tell(site.hub.db, PASSWORD)
    site.users |= {name: user.id for name, user in told.users.items()}
    return told


@pytest.fixture
def noa(profile: Callable[..., Profile], site: Site, story: Story) -> Iterator[Profile]:
    site.language("noa", "en")
    yield profile("noa")
    site.language("noa", "en")


def path(story: Story, page: str) -> str:
    names = {name: party.public_id for name, party in story.parties.items()}
    return PAGES[page].format(**names, ringing=story.calls["ringing"], talked=story.calls["talked"])


# --- accessible ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility(
    profile: Callable[..., Profile], site: Site, story: Story, language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    broken = {}
    for name in PAGES:
        tab.goto(site.url + path(story, name))
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        assert tab.locator("h1").count() == 1, name
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        until(lambda: not tab.evaluate("document.querySelectorAll('main [aria-busy]').length"))
        if found := violations(tab):
            broken[name] = found
    site.language("noa", "en")
    assert broken == {}


def test_a_page_with_a_mistake_is_found(noa: Profile, story: Story) -> None:
    tab = noa.open(path(story, "customer"))
    tab.evaluate("document.querySelector('#by').removeAttribute('id')")
    tab.evaluate("document.querySelector('main .chip').style.color = '#fff'")
    assert len(violations(tab)) >= 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_telephone_and_scrolls_in_one_direction(
    profile: Callable[..., Profile], site: Site, story: Story, name: str
) -> None:
    tab = profile("noa", size=(360, 740)).open(path(story, name), connected=False)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_full_timeline_is_a_small_page(noa: Profile, site: Site, story: Story) -> None:
    with site.hub.db.write() as session:
        ivan = session.get_one(Party, story.parties["ivan"].id)
        for day in range(1, 32):
            stories.call(session, story.account_id, number=stories.IVAN, party=ivan, user=story.users["noa"],
                         at=stories.now() - stories.timedelta(days=day), talk_s=60 + day)  # fmt: skip
    tab = noa.open(f"/customers/{story.parties['ivan'].public_id}")
    assert tab.locator("main [data-row]").count() == 30
    assert tab.evaluate("document.querySelectorAll('*').length") < 1500
    tab.click("text=Older")
    until(lambda: tab.locator("main [data-row]").count() == 32)
    assert tab.locator("text=Older").count() == 0


# --- by keyboard alone --------------------------------------------------------------------------------------------


def tab_to(page: Page, selector: str, most: int = 80) -> None:
    """Press Tab until something has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"the Tab key never reaches {selector}")


def test_a_customer_is_searched_opened_and_noted_by_keyboard(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open("/")
    tab.keyboard.press("/")
    tab.keyboard.type("Петров")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search?q=*")
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/customers/*")
    tab_to(tab, "#note-text")
    tab.keyboard.type("Written by keyboard")
    tab.keyboard.press("Control+Enter")
    until(lambda: tab.locator(".tl h3", has_text="Written by keyboard").count() == 1)
    with site.hub.db.read() as session:
        assert session.scalars(select(Note.author_id).where(Note.text == "Written by keyboard")).all() == [
            site.users["noa"]
        ]


def test_a_missed_call_is_ticked_off_and_taken_back_by_keyboard(noa: Profile, site: Site, story: Story) -> None:
    def open_tasks() -> int:
        with site.hub.db.read() as session:
            return len(session.scalars(select(Task.id).where(Task.number == NOBODY, Task.done_at.is_(None))).all())

    tab = noa.open("/")
    assert open_tasks() == 3
    row = tab.locator("#to-do [data-row]", has_text="3 calls")
    row.locator("button", has_text="Done").focus()
    tab.keyboard.press("Enter")
    until(lambda: open_tasks() == 0)
    until(lambda: tab.locator("#to-do .notice button").count() == 1)
    tab.locator("#to-do .notice button").focus()
    tab.keyboard.press("Enter")
    until(lambda: open_tasks() == 3)


def test_a_new_customer_is_made_by_keyboard_after_a_mistake(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open("/customers/new")
    tab_to(tab, "#c-name")
    tab.keyboard.type("Keyboard Customer")
    tab_to(tab, "#c-phone")
    tab.keyboard.type("no number")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#e-phone")
    assert tab.evaluate("document.activeElement.id") == "c-phone"
    assert tab.input_value("#c-name") == "Keyboard Customer"
    tab.keyboard.press("Control+A")
    tab.keyboard.type("054-999-1122")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/customers/0*")
    assert tab.locator("h1").inner_text() == "Keyboard Customer"


def test_a_customer_is_edited_in_place_by_keyboard(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open(f"/customers/{story.parties['new'].public_id}")
    tab_to(tab, "#details a.button")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#d-name")
    tab_to(tab, "#d-name")
    tab.keyboard.press("Control+A")
    tab.keyboard.type("Jan Zmieniony")
    tab.keyboard.press("Enter")
    until(lambda: tab.locator("#d-name").count() == 0)
    with site.hub.db.read() as session:
        assert session.get_one(Party, story.parties["new"].id).name == "Jan Zmieniony"


def test_a_live_card_is_filled_in_by_keyboard(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open("/")
    call = site.ring("noa", number="+972501119999", name="")
    tab.wait_for_selector("#pop form.note")
    tab.keyboard.press("p")
    tab_to(tab, "#pop select[name=outcome]")
    tab.keyboard.press("ArrowDown")
    tab_to(tab, "#pop textarea")
    tab.keyboard.type("Will call again")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector("#pop [data-saved]")
    site.hang_up(call, "noa")
    until(lambda: tab.locator("#pop article").count() == 0)


def test_an_unknown_caller_becomes_a_customer_in_the_card(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open("/")
    site.ring("noa", number="+972501118888", name="")
    tab.click("#pop summary:has-text('New customer')")
    tab.fill("#pop input[name=new_name]", "Made In The Card")
    tab.keyboard.press("Enter")
    until(lambda: tab.locator("#pop .card-body a", has_text="Made In The Card").count() == 1)
    assert tab.locator("#pop form.note").count() == 1


def test_an_unknown_caller_is_added_to_a_customer_in_the_card(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open("/")
    site.ring("noa", number="+972501117777", name="")
    tab.click("#pop summary:has-text('Add to existing')")
    tab.fill("#pop input[name=q]", "Петров")
    tab.locator("#pop .found input[type=radio]").first.check()
    tab.locator("#pop .found button").click()
    until(lambda: tab.locator("#pop .card-body a", has_text="Петров").count() == 1)


def test_what_was_typed_into_a_refused_note_stays(noa: Profile, site: Site, story: Story) -> None:
    tab = noa.open(path(story, "live call"))
    tab.select_option("main select[name=call_back]", "other")
    tab.fill("main textarea[name=note]", "typed before the mistake")
    tab.click("main form.note .primary")
    until(lambda: tab.locator("main form.note .err").count() == 1)
    assert tab.input_value("main textarea[name=note]") == "typed before the mistake"
    until(lambda: tab.evaluate("document.activeElement.name") == "call_back_at")


# --- in place, and without scripts --------------------------------------------------------------------------------


def test_results_follow_what_is_typed(noa: Profile, story: Story) -> None:
    tab = noa.open("/search")
    tab.locator("#q-page").press_sequentially("lewand")
    until(lambda: tab.locator("#results h3 a").count() >= 2)
    assert tab.evaluate("new URL(location.href).searchParams.get('q')") == "lewand"


def test_filters_change_the_rows_and_the_address(noa: Profile, story: Story) -> None:
    tab = noa.open(path(story, "customer"))
    before = tab.locator("#timeline [data-row]").count()
    tab.check("input[name=kind][value=call]")
    until(lambda: 0 < tab.locator("#timeline [data-row]").count() < before)
    assert "kind=call" in tab.evaluate("location.href")
    tab.reload()
    assert tab.is_checked("input[name=kind][value=call]")
    tab.uncheck("input[name=kind][value=call]")
    until(lambda: tab.locator("#timeline [data-row]").count() == before)


def test_the_body_of_a_row_is_fetched_when_it_is_opened(noa: Profile, story: Story) -> None:
    tab = noa.open(path(story, "customer"))
    row = tab.locator("#timeline [data-row]", has_text="Re: Offer no. 44")
    row.locator("summary").click()
    until(lambda: "Sunday" in row.inner_text())


def test_the_pages_work_without_scripts(profile: Callable[..., Profile], site: Site, story: Story) -> None:
    profile("noa").open("/", connected=False)  # signed in
    tab = profile("noa", java_script_enabled=False).open(path(story, "customer"), connected=False)
    tab.fill("#note-text", "No scripts here")
    tab.click("form.note .primary")
    assert tab.locator(".tl h3", has_text="No scripts here").count() == 1
    tab.fill(".search input", "Lewandowski")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search?q=*")
    assert tab.locator("main h3 a").count() >= 2
    tab.goto(site.url + "/")
    tab.locator("#to-do button:has-text('Done')").first.click()
    assert tab.locator("h1").inner_text() == "My day"
