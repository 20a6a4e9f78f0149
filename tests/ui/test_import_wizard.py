"""Bringing in a file in a real browser: by keyboard, in both directions, to the end and back."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from hub import app as hub_app
from tests.ui.harness import LOOKS, WIDE, Profile, Site, shot, violations
from tests.ui.test_leads import tab_to

Make = Callable[..., Profile]
FILE = """\
id,שם לקוח,טלפון,E-mail,Birth date,Shade
1,שרה כהן,052-345678{n},sara{n}@example.com,31/12/1975,red
2,Adam Levi,054-456789{n},adam{n}@example.com,01/02/1980,green
3,Adam L.,054-456789{n},,,
4,Bad Date,054-777888{n},,99/99/1999,
"""


@pytest.fixture(scope="module")
def working(site: Site) -> Iterator[Site]:
    """The hub with its workers: checking and running is theirs."""
    running = hub_app.start(site.hub, listen=False)
    yield site
    running.close()


def press(tab: Page, selector: str) -> None:
    """Go to a button or link by keyboard and press it."""
    tab_to(tab, selector, most=150)
    tab.keyboard.press("Enter")


def looked_at(tab: Page, name: str) -> None:
    """See that a page breaks no rule and is not wider than a small window, and take a picture."""
    assert violations(tab) == []
    shot(tab, name)
    tab.set_viewport_size({"width": 360, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    shot(tab, f"{name}-small")
    tab.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_a_file_is_brought_in_and_taken_back_without_a_mouse(
    profile: Make, working: Site, language: str, scheme: str
) -> None:
    site, number = working, [name for name, _ in LOOKS].index(language)
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/connections", connected=False)
    press(tab, "a[href='/connections/imports/new']")
    tab.wait_for_url("**/connections/imports/new")
    data = FILE.format(n=number).encode("cp1255")
    tab.set_input_files("#file", {"name": "לקוחות.csv", "mimeType": "text/csv", "buffer": data})  # no keys reach a file
    tab_to(tab, "#source")
    tab.keyboard.press("Control+a")
    tab.keyboard.type(f"Old CRM {language}")
    looked_at(tab, f"import-0-new-{language}")
    press(tab, "#bring")
    tab.wait_for_url("**/file")
    assert tab.locator("#h-rows ~ div td bdi").first.inner_text() == "1"
    looked_at(tab, f"import-1-file-{language}")
    press(tab, "#next")
    tab.wait_for_url("**/columns")
    found = [one.input_value() for one in tab.locator("select[name^=target-]").all()]
    assert found == ["id", "name", "phones", "emails", "birthday", ""]
    looked_at(tab, f"import-2-columns-{language}")
    tab.go_back()
    tab.wait_for_url("**/file")
    tab.go_forward()
    press(tab, "#next")
    tab.wait_for_url("**/check")
    press(tab, "#check")
    tab.wait_for_selector("#import-now [data-fate=new]")  # the page asks by itself
    counts = [one.inner_text() for one in tab.locator("[data-fate]").all()]
    assert counts == ["3", "0", "0", "1"]
    looked_at(tab, f"import-3-check-{language}")
    press(tab, "#next")
    tab.wait_for_url("**/run")
    looked_at(tab, f"import-4-run-{language}")
    press(tab, "#start")
    tab.wait_for_selector("#ask-undo")
    assert [one.inner_text() for one in tab.locator("[data-fate]").all()] == counts
    looked_at(tab, f"import-5-done-{language}")
    press(tab, "#ask-undo")
    tab.wait_for_selector("#undo")
    looked_at(tab, f"import-6-ask-undo-{language}")
    press(tab, "#undo")
    tab.wait_for_selector("#taken-back")
    looked_at(tab, f"import-7-undone-{language}")
    tab.goto(f"{site.url}/connections/imports")
    assert tab.locator("tr[data-row]").first.locator("td").nth(1).inner_text() == f"Old CRM {language}"
    looked_at(tab, f"import-8-list-{language}")
    site.language("noa", "en")
