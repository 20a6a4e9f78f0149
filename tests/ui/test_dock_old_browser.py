"""Browsers without SharedWorker: each tab has a stream of its own, and still exactly one shows the card."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.ui.harness import Profile, Site, online, shows, until, use

Make = Callable[..., Profile]


@pytest.fixture
def old(profile: Make) -> list[Page]:
    """Three tabs."""
    noa = profile("noa")
    noa.context.add_init_script("delete window.SharedWorker")
    return [noa.open(path) for path in ("/", "/settings", "/search")]


def test_exactly_one_card_in_the_tab_used_last(old: list[Page], site: Site) -> None:
    use(old[1])
    for _ in range(3):
        call = site.ring()
        shows(old, [0, 1, 0])
        assert site.streams() == {"noa": 3}
        site.end(call, reason="gave_up")
        shows(old, [0, 0, 0])
    site.ring()
    shows(old, [0, 1, 0])
    use(old[2])
    shows(old, [0, 0, 1])
    old[2].close()
    shows(old[:2], [0, 1])


def test_a_tab_that_was_killed_does_not_take_the_card_along(old: list[Page], site: Site) -> None:
    use(old[0])
    use(old[2])
    site.ring()
    shows(old, [0, 0, 1])
    old[2].evaluate("BroadcastChannel.prototype.postMessage = () => {}")  # as one that is killed, it says no bye
    old[2].close()
    shows(old[:2], [1, 0])


def test_a_new_tab_takes_the_card_unless_a_note_is_half_written(old: list[Page], site: Site, profile: Make) -> None:
    use(old[0])
    call = site.ring()
    site.answer(call)
    shows(old, [1, 0, 0])
    fourth = old[0].context.new_page()
    fourth.goto(site.url + "/calls")
    online(fourth)
    tabs = [*old, fourth]
    shows(tabs, [0, 0, 0, 1])
    fourth.wait_for_selector("#pop form.note")
    fourth.fill("#pop [name=note]", "half a sentence")
    use(old[0])
    shows(tabs, [0, 0, 0, 1])
    until(lambda: site.pop(call).draft.get("note") == "half a sentence")
    site.hang_up(call)
    fourth.wait_for_selector("#pop [data-state=ended]")
    assert fourth.input_value("#pop [name=note]") == "half a sentence"
    fourth.click("#pop .note .primary")
    shows(tabs, [0, 0, 0, 0])


def test_closing_the_card_closes_it_for_all_tabs(old: list[Page], site: Site) -> None:
    use(old[0])
    site.ring()
    shows(old, [1, 0, 0])
    old[0].click("#pop [data-dismiss]")
    shows(old, [0, 0, 0])


def test_a_computer_that_slept_asks_anew_when_it_wakes_up(profile: Make, site: Site) -> None:
    noa = profile("noa")
    noa.context.add_init_script("delete window.SharedWorker")
    noa.context.clock.install()
    page = noa.open("/")
    online(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/events" in request.url else None)
    page.clock.fast_forward("10:00")  # the stream of before may be dead, and nobody would say so
    until(lambda: page.evaluate("1") and asked, "the stream is not asked for anew")
    online(page)
    call = site.ring()
    shows([page], [1])
    site.end(call, reason="gave_up")
    shows([page], [0])
