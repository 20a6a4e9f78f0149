"""Booking a meeting in a real browser: free times, a colleague's calendar, undo, moving and calling off."""

import gzip
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from connectors.google import simulator as google_simulator
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts
from hub.intake.models import StreamState
from hub.security import users
from hub.security.models import User
from tests.ui.harness import LOOKS, Profile, Site, until, violations

NEXT_PAGE = 15_000  # bytes, as in test_budgets
NOA, CUSTOMER = "noa@acme.example", "dana@customer.example"


@pytest.fixture(scope="module")
def google() -> Iterator[GoogleSimulator]:
    simulator = google_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def customer(site: Site, google: GoogleSimulator) -> UUID:
    """A customer, a colleague with a calendar that is read, and workers."""
    hub = site.hub
    values = {**google.settings(), "mail": False, "contacts": False, "every_s": "10"}
    with hub.db.write() as session:
        users.add(session, NOA, "נועה לוי", "agent")
        given = [parties.Given(parties.EMAIL, CUSTOMER)]
        made = parties.create(session, None, PartyKind.PERSON, "Dana Customer", given, region="IL").public_id
        accounts.create(session, hub.connectors["google"], hub.vault, "Google", values)
    return made


@pytest.fixture
def working(site: Site, customer: UUID) -> Iterator[Site]:
    """The hub with its workers; the calendar was read once."""
    assert customer
    running = hub_app.start(site.hub, listen=False)
    until(lambda: _is_read(site), "the calendar was never read")
    yield site
    running.close()


def _is_read(site: Site) -> bool:
    with site.hub.db.read() as session:
        query = select(StreamState.last_ok_at).where(StreamState.stream == f"calendar:{NOA}:primary")
        return session.scalar(query) is not None


def entries(google: GoogleSimulator) -> list[tuple[str, str]]:
    """What stands in the calendar at the provider."""
    found = list(google.user(NOA).calendar().entries.values())
    return [(one.body.get("summary", ""), one.body["status"]) for one in found]


def begin(tab: Page, title: str) -> None:
    """Fill in the form that the customer's page leads to, with the keyboard alone from the times on."""
    tab.click("a.button:has-text('Book a meeting')")
    tab.wait_for_selector("#times input[type=radio]")
    first = tab.locator("#times input[type=radio]").first
    first.focus()
    tab.keyboard.press("Space")
    assert first.is_checked()
    tab.fill("#b-title", title)
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/meetings/bookings/**")


def open_item(tab: Page, site: Site, customer: UUID, title: str) -> None:
    tab.goto(f"{site.url}/customers/{customer}")
    row = tab.locator("#timeline .tl > li", has_text=title)
    row.locator("summary").click()
    row.locator("a.button:has-text('Call off')").wait_for()


def test_a_colleague_books_moves_and_calls_off(
    profile: Callable[..., Profile], working: Site, google: GoogleSimulator, customer: UUID
) -> None:
    site = working
    asked: list[str] = []
    tab = profile("amir").open(f"/customers/{customer}")
    tab.on("request", lambda request: asked.append(request.url))
    begin(tab, "Offer in Haifa")
    assert "being written" in tab.locator("#booking").inner_text()
    address = tab.url
    tab.goto(f"{site.url}/customers/{customer}")
    row = tab.locator("#timeline .tl > li", has_text="Offer in Haifa")
    assert "being written" in row.inner_text()
    tab.goto(address)
    tab.wait_for_selector("#booking:has-text('stands in the calendar')")  # the page looks again by itself
    assert entries(google) == [("Offer in Haifa", "confirmed")]
    assert google.invitations == []

    open_item(tab, site, customer, "Offer in Haifa")
    tab.click("a.button:has-text('Move')")
    tab.wait_for_selector("#times input[type=radio]")
    tab.locator("#times input[type=radio]").nth(3).check()
    tab.click("button.primary:has-text('Move')")
    tab.wait_for_selector("#booking:has-text('was changed in the calendar')")

    open_item(tab, site, customer, "Offer in Haifa")
    tab.click("a.button:has-text('Call off')")
    tab.click("button.danger:has-text('Call off')")
    tab.wait_for_selector("#booking:has-text('was called off in the calendar')")
    assert entries(google) == [("Offer in Haifa", "cancelled")]
    assert google.invitations == []
    assert not any("csrf" in url for url in asked)


def test_undo_leaves_nothing(
    profile: Callable[..., Profile], working: Site, google: GoogleSimulator, customer: UUID
) -> None:
    before = entries(google)
    tab = profile("amir").open(f"/customers/{customer}")
    begin(tab, "A mistake")
    tab.click("#booking button:has-text('Undo')")
    tab.wait_for_selector("#booking:has-text('taken back')")
    tab.goto(f"{working.url}/customers/{customer}")
    assert "A mistake" not in tab.locator("#timeline").inner_text()
    assert entries(google) == before


def test_other_people_and_lengths_give_other_times(
    profile: Callable[..., Profile], working: Site, customer: UUID
) -> None:
    tab = profile("amir").open(f"/meetings/new?party={customer}")
    tab.wait_for_selector("#times input[type=radio]")
    tab.fill("#b-title", "Kept while looking")
    count = tab.locator("#times input[type=radio]").count()
    tab.select_option("#b-length", "180")
    until(lambda: 0 < tab.locator("#times input[type=radio]").count() < count, "no other times were shown")
    tab.click("summary:has-text('Who else')")
    tab.locator("label.check", has_text="Noa Bar").locator("input").check()
    until(lambda: "Noa Bar" in tab.locator("#times").inner_text(), "the colleague was not looked at")
    assert tab.input_value("#b-title") == "Kept while looking"
    assert working.hub is not None


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_its_pages_break_no_rule_of_accessibility_and_fit_a_telephone(
    profile: Callable[..., Profile], working: Site, customer: UUID, language: str, scheme: str
) -> None:
    site = working
    with site.hub.db.write() as session:
        session.get_one(User, site.users["amir"]).time_zone = "Europe/Paris"
    tab = profile("amir", color_scheme=scheme).open("/")
    site.language("amir", language)
    broken = {}
    for path in (f"/meetings/new?party={customer}&find=on", f"/meetings/new?party={customer}&find=on&length=1440"):
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(site.url + path)
        assert answer is not None
        assert len(gzip.compress(answer.body(), 9)) <= NEXT_PAGE
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        if found := violations(tab):
            broken[path] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    site.language("amir", "en")
    assert broken == {}
