"""Fixtures of the browser tests: a running hub, a browser, and profiles with tabs in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hub import app as hub_app
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.security import users
from tests.ui.connecting import CUSTOMER, NOA
from tests.ui.harness import Profile, Site, launch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


# One browser a module, not a session: while Playwright runs, its event loop is in the way of tests with one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def profile(browser: Browser, site: Site) -> Iterator[Callable[..., Profile]]:
    """Makes browser profiles: `profile("noa")`; no call of an earlier test is left."""
    made: list[Profile] = []

    def make(name: str = "noa", **options: Any) -> Profile:
        made.append(Profile(browser, site, name, **options))
        return made[-1]

    site.forget_calls()
    yield make
    for one in made:
        one.close()


@pytest.fixture
def english(site: Site) -> Iterator[None]:
    """Whatever becomes of a test, the next one reads English."""
    yield
    site.language("noa", "en")


@pytest.fixture
def tabs(profile: Callable[..., Profile]) -> list[Page]:
    """Two tabs of one profile, both connected."""
    noa = profile("noa")
    return [noa.open("/"), noa.open("/settings")]


@pytest.fixture
def working(site: Site) -> Iterator[Site]:
    """The hub with its workers, under the address that it tells others: remotes send the browser back there."""
    site.url = site.settings.public_url
    running = hub_app.start(site.hub, listen=False)
    yield site
    running.close()


@pytest.fixture
def customer(site: Site) -> UUID:
    with site.hub.db.write() as session:
        users.add(session, NOA, "Noa Levi", "agent")
        given = [parties.Given(parties.EMAIL, CUSTOMER)]
        return parties.create(session, None, PartyKind.PERSON, "Dana Customer", given, region="IL").public_id
