"""A page that asks again and again by itself is silent while nobody sees it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request

from tests.ui.harness import Profile, Site, until

POLLING = {"/connections": (["/connections/grid"], 30), "/": (["/tasks", "/calls/recent"], 45)}
# Playwright shows every tab, so the page is told that it is hidden.
HIDEABLE = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.away) })"
SHOW = "(away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); }"


class Asked:
    """The requests of a tab, but for its stream."""

    def __init__(self, tab: Page, site: Site) -> None:
        self.paths: list[str] = []
        self.open = 0
        tab.on("request", self._sent)
        tab.on("requestfinished", self._over)
        tab.on("requestfailed", self._over)
        self.tab, self.site = tab, site

    def _sent(self, request: Request) -> None:
        if not request.url.endswith("/events"):
            self.paths.append(request.url.removeprefix(self.site.url))
            self.open += 1

    def _over(self, request: Request) -> None:
        self.open -= not request.url.endswith("/events")

    def times(self, paths: list[str]) -> list[int]:
        """Return how often paths were asked for, once every answer is there."""
        until(lambda: not self.tab.evaluate("document.querySelectorAll('main [aria-busy]').length") and not self.open)
        return [self.paths.count(path) for path in paths]


@pytest.mark.parametrize("page", POLLING)
def test_a_hidden_tab_asks_nothing_and_once_when_it_is_shown_again(
    profile: Callable[..., Profile], site: Site, page: str
) -> None:
    paths, every_s = POLLING[page]
    tab = profile("noa").open("/settings")
    tab.add_init_script(HIDEABLE)
    tab.clock.install()
    asked = Asked(tab, site)
    tab.goto(site.url + page)
    tab.evaluate("htmx.config.defaultTimeout = 1e9")  # the clock below runs ahead of the server
    asked.times(paths)  # what was asked before that has its answer
    tab.clock.run_for(every_s * 1000 + 500)
    until(lambda: asked.times(paths) == [1] * len(paths), "it does not ask at all")

    tab.evaluate(SHOW, True)
    tab.clock.run_for(every_s * 3 * 1000 + 500)
    assert asked.times(paths) == [1] * len(paths), "it asked although nobody saw it"

    tab.evaluate(SHOW, False)
    until(lambda: asked.times(paths) == [2] * len(paths), "it did not catch up")
    tab.clock.run_for(every_s * 1000 + 500)
    until(lambda: asked.times(paths) == [3] * len(paths), "it went silent for good")
