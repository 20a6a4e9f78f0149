"""Fields of administrators, in a real browser: without a mouse, in both directions, and what is drawn while one chooses."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from hub.fields.definitions import Field, load
from hub.fields.models import Of
from tests.ui.harness import LOOKS, Profile, Site, until, violations
from tests.ui.test_leads import shot, tab_to

Make = Callable[..., Profile]
FIELDS = "/admin/fields"


def fields(site: Site, of: Of) -> dict[str, Field]:
    with site.hub.db.read() as session:
        return dict(load(session).of(of))


def choose(tab: Page, selector: str, value: str) -> None:
    """Choose an entry of a list by its keys, as far as browsers let a test."""
    tab_to(tab, selector)
    tab.select_option(selector, value)


def write(tab: Page, selector: str, text: str) -> None:
    tab_to(tab, selector)
    tab.keyboard.type(text)


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_a_list_is_defined_by_keyboard_and_no_page_breaks_a_rule(
    profile: Make, site: Site, language: str, scheme: str
) -> None:
    site.language("noa", language)
    of = Of.PERSON if language == "en" else Of.COMPANY
    tab = profile("noa", color_scheme=scheme).open(FIELDS, connected=False)
    found = violations(tab)
    tab_to(tab, f"a[href='{FIELDS}/{of}/new']")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**{FIELDS}/{of}/new")
    write(tab, "#label-en", "Size")
    write(tab, "#label-he", "גודל")
    choose(tab, "#type", "choice")
    tab.wait_for_selector("#option-0-en")
    until(lambda: tab.evaluate("document.activeElement.id") == "type", "the focus is lost when the list is drawn")
    write(tab, "#option-0-en", "Small")
    write(tab, "#option-1-en", "Large")
    until(lambda: tab.locator("#preview option", has_text="Small").count() == 1, "the preview does not follow")
    shot(tab, f"field-{language}")
    found += violations(tab)
    tab.set_viewport_size({"width": 360, "height": 740})
    shot(tab, f"field-{language}-small")
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.set_viewport_size({"width": 1280, "height": 860})
    tab_to(tab, "#option-1-en")
    tab.keyboard.press("Enter")  # saves, though other buttons stand before that of saving
    tab.wait_for_url(f"**{FIELDS}#field-*")
    shot(tab, f"fields-{language}")
    found += violations(tab)
    kept = fields(site, of)["size"]
    site.language("noa", "en")
    assert [one.value for one in kept.options] == ["small", "large"]
    assert found == []
    assert width <= 360


def test_a_mask_is_tried_before_it_is_saved(profile: Make, site: Site) -> None:
    tab = profile("noa").open(f"{FIELDS}/lead/new", connected=False)
    write(tab, "#label-en", "Tax number")
    choose(tab, "#mask", "pl_nip")
    tab.wait_for_selector("#parts :text('856-734-62-15')")
    write(tab, "#sample", "856-734-62-16")
    tab.keyboard.press("Tab")
    until(lambda: "not valid" in tab.locator("#preview").inner_text(), "the mistake is not said")
    assert violations(tab) == []
    tab.fill("#sample", "856-734-62-15")
    tab.keyboard.press("Tab")
    until(lambda: "is kept as 8567346215" in tab.locator("#preview").inner_text(), "what is kept is not said")
    tab_to(tab, "#save")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**{FIELDS}#field-*")
    assert fields(site, Of.LEAD)["tax_number"].mask == "pl_nip"


def test_entries_move_by_keyboard_and_keep_the_focus(profile: Make, site: Site) -> None:
    tab = profile("noa").open(f"{FIELDS}/call/new?type=choice", connected=False)
    write(tab, "#label-en", "Topic")
    for place, name in enumerate(("One", "Two", "Three")):
        write(tab, f"#option-{place}-en", name)
    tab_to(tab, "#up-2")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#up-1:focus")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#down-0:focus")  # there is no way further up
    tab_to(tab, "button[value=more]")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#option-3-en:focus")
    tab.keyboard.type("Four")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**{FIELDS}#field-*")
    assert [one.value for one in fields(site, Of.CALL)["topic"].options] == ["three", "one", "two", "four"]
