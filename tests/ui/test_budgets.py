"""What a page may weigh, in bytes as gzip makes them; a proxy in front compresses pages, the hub itself its files."""

import gzip
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response

from tests.ui.harness import Profile, Site, until

Make = Callable[..., Profile]
KB = 1000
FIRST_VISIT = 45 * KB
SCRIPTS = 25 * KB
STYLES = 10 * KB
NEXT_PAGE = 15 * KB
NODES = 1500


class Meter:
    """Weighs what a page loads."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, int] = {}
        self.encodings: dict[str, str] = {}
        page.on("response", self._count)

    def _count(self, response: Response) -> None:
        if response.status != 200 or response.url.endswith("/events"):
            return
        path = response.url.partition("://")[2].partition("/")[2]
        self.sizes[path] = len(gzip.compress(response.body(), 9))
        self.encodings[path] = response.headers.get("content-encoding", "")

    def of(self, ending: str) -> int:
        return sum(size for path, size in self.sizes.items() if path.endswith(ending))


def test_the_first_visit_is_light(profile: Make, site: Site) -> None:
    noa = profile("noa")
    noa.open("/")  # signs in; its files are not counted
    fresh = profile("noa")
    page = fresh.watch(fresh.context.new_page())
    meter = Meter(page)
    page.goto(site.url + "/")
    page.wait_for_selector("#link[data-up=true]")
    # It is fetched when it is seen, and what earlier tests left may lie above it.
    page.evaluate("""document.querySelector('#dock [hx-get*="in=dock"]').scrollIntoView()""")
    until(lambda: any("in=dock" in path for path in meter.sizes))
    # The worker is fetched outside the page's sight.
    worker = page.evaluate("async () => (await fetch(document.body.dataset.worker)).text()")
    scripts = meter.of(".js")
    assert len(gzip.compress(str(worker).encode(), 9)) < 4 * KB
    assert scripts <= SCRIPTS, meter.sizes
    assert meter.of(".css") <= STYLES, meter.sizes
    assert sum(meter.sizes.values()) <= FIRST_VISIT, meter.sizes
    compressed = {path: kind for path, kind in meter.encodings.items() if path.startswith("static/")}
    assert compressed
    assert set(compressed.values()) <= {"br", "gzip"}, compressed


@pytest.mark.parametrize("path", ["/", "/search?q=dana", "/calls", "/settings", "/connections", "/connections/new"])
def test_the_next_page_is_lighter(profile: Make, site: Site, path: str) -> None:
    page = profile("noa").open("/")
    meter = Meter(page)
    page.goto(site.url + path)
    page.wait_for_selector("#link[data-up=true]")
    files = [name for name in meter.sizes if name.startswith("static/")]
    pages = sum(size for name, size in meter.sizes.items() if name not in files)
    assert pages <= NEXT_PAGE, meter.sizes
    assert page.evaluate("document.querySelectorAll('*').length") <= NODES
    fetched = page.evaluate(
        """performance.getEntriesByType('resource')
           .filter((entry) => entry.name.includes('/static/') && entry.transferSize > 0).map((entry) => entry.name)"""
    )
    assert fetched == [], "a file was fetched again"
