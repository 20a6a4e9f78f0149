"""The card in every language and size, by keyboard alone, and with hostile contents."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.ui.harness import LOOKS, SHOWN, Profile, Site, shows, stays, until, use, violations

Make = Callable[..., Profile]
LEFT_TO_RIGHT = """(selector) => {
  const walker = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
  const text = walker.nextNode(), range = document.createRange();
  const left = (at) => { range.setStart(text, at); range.setEnd(text, at + 1); return range.getBoundingClientRect().left; };
  return left(0) < left(text.length - 1);
}"""
TURNING = "\u202emoc.knab\u202c\u2069\u2067"


@pytest.mark.parametrize(
    ("language", "at_left"), [("en", False), ("he", True), ("ar", True), ("pl", False), ("ru", False)]
)
def test_the_dock_is_at_the_end_of_the_line_and_digits_run_left_to_right(
    profile: Make, site: Site, language: str, *, at_left: bool
) -> None:
    site.language("noa", language)
    try:
        page = profile("noa").open("/")
        assert page.get_attribute("html", "lang") == language
        site.ring()
        page.wait_for_selector("#pop form.note")
        box, dock = page.locator("#pop article").bounding_box(), page.locator("#dock").bounding_box()
        assert box is not None
        assert dock is not None
        assert (box["x"] < 100) is at_left
        assert page.evaluate(LEFT_TO_RIGHT, "#pop [data-number]")
        main = page.locator("main").bounding_box()
        assert main is not None
        assert main["x"] >= dock["x"] + dock["width"] - 1 if at_left else main["x"] + main["width"] <= dock["x"] + 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finally:
        site.language("noa", "en")


def test_nothing_moves_when_a_call_comes_to_a_wide_window(profile: Make, site: Site) -> None:
    page = profile("noa", size=(1400, 900)).open("/")
    page.evaluate(
        """() => { window.moved = 0; new PerformanceObserver((list) => {
             for (const entry of list.getEntries()) window.moved += entry.value; }).observe({type: 'layout-shift'}); }"""
    )
    before = page.locator("main").bounding_box()
    site.ring()
    page.wait_for_selector("#pop form.note")
    assert page.locator("main").bounding_box() == before
    assert page.evaluate("window.moved") < 0.05


@pytest.mark.parametrize("size", [(1000, 700), (390, 780)])
def test_in_a_smaller_window_the_card_lies_over_the_page_and_goes_away_again(
    profile: Make, site: Site, size: tuple[int, int]
) -> None:
    page = profile("noa", size=size).open("/")
    assert page.locator("#dock").is_hidden()
    call = site.ring()
    page.wait_for_selector("#pop article")
    assert page.locator("#dock").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    site.end(call, reason="gave_up")
    shows([page], [0])
    assert page.locator("#dock").is_hidden()


def test_on_a_telephone_the_card_is_a_sheet_whose_head_opens_it(profile: Make, site: Site) -> None:
    page = profile("noa", size=(390, 780)).open("/")
    site.ring()
    page.wait_for_selector("#pop form.note", state="attached")
    assert page.locator("#pop form.note").is_hidden()
    assert page.inner_text("#pop [data-number]") == SHOWN
    sheet = page.locator("#pop article")
    sheet.evaluate("async sheet => { await Promise.all(sheet.getAnimations().map(one => one.finished)) }")  # slid in
    box = sheet.bounding_box()
    assert box is not None
    assert box["height"] < 200
    assert abs(box["y"] + box["height"] - 780) < 2
    button = page.locator("#pop [data-expand]")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert page.locator("#pop form.note").is_visible()
    assert button.get_attribute("aria-expanded") == "true"


@pytest.mark.parametrize(
    "name",
    [
        "<script>document.title = 'taken over'</script>",
        "<img src=x onerror=\"document.title='taken over'\">",
        f"Dana {TURNING}",
        "\0\x1b[31m\x07",
        "x" * 10_000,
        "status will follow",
        "{name} %(name)s ${name} $& {{ 7 * 7 }}",
    ],
)
def test_a_hostile_name_is_shown_inert(profile: Make, site: Site, name: str) -> None:
    page = profile("noa").open("/")
    site.ring(name=name, company=name, number="+48221234567")
    page.wait_for_selector("#pop form.note")
    shown = page.inner_text("#pop [data-name]")
    assert len(shown) <= 200
    assert not set(shown) & set(TURNING.replace("moc.knab", "") + "\0\x1b\x07")
    assert page.locator("#pop script, #pop img").count() == 0
    assert "taken over" not in page.title()
    assert "49" not in shown
    card = page.locator("#pop article").bounding_box()
    assert card is not None
    assert card["width"] <= 384
    assert page.evaluate(LEFT_TO_RIGHT, "#pop [data-number]")


def test_a_name_of_a_colleague_cannot_break_the_sentence(profile: Make, site: Site) -> None:
    page = profile("noa").open("/")
    call = site.ring()
    shows([page], [1])
    site.end(call, "noa", "elsewhere", by="$& {name} <b>")
    until(lambda: page.inner_text("#pop [data-kicker]") == "Answered by $& {name} <b>")


# ------------------------------------------------------------------ keyboard
def focus(page: Page) -> str:
    return str(
        page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName")
    )


def test_a_call_is_handled_by_keyboard_alone(tabs: list[Page], site: Site) -> None:
    page = tabs[0]
    use(page)
    call = site.ring()
    site.answer(call)
    page.wait_for_selector("#pop form.note")
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.matches('#pop h2')")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "note":
            break
    page.keyboard.type("p / ? j: letters are letters while typing")
    assert page.input_value("#pop [name=note]") == "p / ? j: letters are letters while typing"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#pop [data-saved]")
    site.hang_up(call)
    shows(tabs, [0, 0])


def test_escape_closes_the_card_only_when_the_focus_is_inside_and_no_note_is_begun(
    tabs: list[Page], site: Site
) -> None:
    page = tabs[0]
    use(page)
    site.ring()
    page.wait_for_selector("#pop form.note")
    page.keyboard.press("Escape")
    stays(lambda: page.locator("#pop article").count() == 1)
    page.fill("#pop [name=note]", "begun")
    page.focus("#pop [name=note]")
    page.keyboard.press("Escape")
    stays(lambda: page.locator("#pop article").count() == 1)
    assert focus(page) == "main"
    page.fill("#pop [name=note]", "")
    until(lambda: page.evaluate("dirty.size") == 0)
    page.keyboard.press("Escape")
    shows(tabs, [0, 0])
    assert focus(page) == "main"


def test_letters_are_places_of_keys_so_they_work_on_other_layouts(tabs: list[Page], site: Site) -> None:
    page = tabs[0]
    use(page)
    site.ring()
    page.wait_for_selector("#pop form.note")
    press = """([key, code]) => document.activeElement.dispatchEvent(
                 new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))"""
    page.evaluate(press, ["פ", "KeyP"])
    assert page.evaluate("document.activeElement.matches('#pop h2')")
    page.evaluate("document.querySelector('main').focus()")
    page.evaluate(press, [".", "Slash"])
    assert focus(page) == "q"


def test_letters_can_be_turned_off(tabs: list[Page], site: Site) -> None:
    page = tabs[0]
    use(page)
    page.evaluate("document.body.dataset.shortcuts = 'off'")
    page.keyboard.press("/")
    assert focus(page) != "q"


def test_the_list_of_keys_opens_and_closes_by_key(tabs: list[Page]) -> None:
    page = tabs[0]
    use(page)
    page.keyboard.press("?")
    page.wait_for_selector("#help:popover-open")
    page.keyboard.press("Escape")
    page.wait_for_selector("#help:not(:popover-open)", state="attached")
    page.keyboard.press("/")
    assert focus(page) == "q"


def test_skip_links_lead_to_the_content_and_to_the_calls(tabs: list[Page]) -> None:
    page = tabs[0]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#dock"
    page.keyboard.press("Enter")
    assert focus(page) == "dock"


# ------------------------------------------------------------------ click-to-dial
def test_a_click_on_a_number_orders_the_call_and_says_what_became_of_it(tabs: list[Page], site: Site) -> None:
    page = tabs[0]
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<a id=\"t\" href=\"tel:+972542345678\">x</a>')"
    )
    page.click("#t")
    page.wait_for_selector("#toast .err")  # this user has no phone in the exchange
    assert "phone" in page.inner_text("#toast")
    page.click("#toast [data-close]")
    assert page.locator("#toast").is_hidden()


def test_what_cannot_be_sent_is_said(profile: Make) -> None:
    noa = profile("noa")
    page = noa.open("/")
    noa.context.route("**/dial", lambda route: route.abort())
    number = "<button id='t' data-dial='+972542345678'>x</button>"
    page.evaluate("(html) => document.querySelector('main').insertAdjacentHTML('beforeend', html)", number)
    page.click("#t")
    until(lambda: "cannot be reached" in page.inner_text("#toast"))
    noa.errors.clear()  # htmx says it in the console too


# ------------------------------------------------------------------ accessibility
@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_the_frame_with_a_call_has_no_violation(profile: Make, site: Site, language: str, scheme: str) -> None:
    site.language("noa", language)
    try:
        page = profile("noa", color_scheme=scheme).open("/")
        assert violations(page) == []
        call = site.ring()
        page.wait_for_selector("#pop form.note")
        assert violations(page) == []
        site.answer(call)
        site.ring(number="")
        until(lambda: page.locator("#pop form.note").count() == 2)
        assert violations(page) == []
        page.click("[popovertarget=help]")
        assert violations(page) == []
    finally:
        site.language("noa", "en")


def test_the_check_for_violations_finds_some_where_they_are(profile: Make) -> None:
    page = profile("noa").open("/")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"data:,\"><input><button></button>'")
    assert len(violations(page)) == 3
