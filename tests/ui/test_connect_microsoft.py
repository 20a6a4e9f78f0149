"""Connecting Microsoft 365 in a real browser: consent, first reading, a timeline, access taken back, connected again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from connectors.microsoft import simulator as microsoft_simulator
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Faults
from hub.intake.models import StreamState
from tests.ui.connecting import CUSTOMER, NOA, is_well, on_timeline
from tests.ui.harness import Profile, Site, until


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = microsoft_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


def meeting(microsoft: MicrosoftSimulator, title: str, days: float) -> None:
    begin = microsoft.clock.now() + timedelta(days=days)
    times = {
        name: {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}
        for name, moment in (("start", begin), ("end", begin + timedelta(hours=1)))
    }
    microsoft.user(NOA).calendars.insert(subject=title, attendees=[CUSTOMER], **times)


def passes(site: Site) -> tuple[int, object]:
    with site.hub.db.read() as session:
        found = session.scalars(select(StreamState).where(StreamState.stream == f"calendar:{NOA}:primary")).one()
        return found.epoch, found.last_full_at


def set_up(tab: Page, site: Site, microsoft: MicrosoftSimulator) -> None:
    """Fill in the form of a new connection, as the administrator does with what Entra shows."""
    known = microsoft.settings()
    tab.goto(site.url + "/connections/new/microsoft")
    tab.fill("#name", "Noa's Outlook")
    for name in ("tenant", "client_id", "client_secret"):
        tab.fill(f"#s-{name}", known[name])
    tab.click("summary:has-text('More settings')")
    for name in ("mail", "contacts"):
        tab.uncheck(f"#s-{name}")
    for name in ("graph_url", "authority_url", "ca"):
        tab.fill(f"#s-{name}", known[name])
    tab.click("button:has-text('Test and save')")
    tab.wait_for_selector("text=One step is left.")


def allow(tab: Page) -> None:
    """Say yes on Microsoft's page."""
    tab.wait_for_selector("h1:has-text('Simulated Microsoft')")
    tab.check(f"input[name=account][value='{NOA}']")
    tab.click("button:has-text('Accept')")
    tab.wait_for_url("**/connections/*connected=1")


def test_an_account_is_connected_read_taken_back_and_connected_again(
    profile: Callable[..., Profile], working: Site, microsoft: MicrosoftSimulator, customer: UUID
) -> None:
    site = working
    microsoft.oauth.redirect_uris = {f"{site.url}/oauth/callback"}
    microsoft.oauth.always_asks = True
    meeting(microsoft, "Offer in Haifa", 1)
    tab = profile("noa", ignore_https_errors=True).open("/", connected=False)
    set_up(tab, site, microsoft)
    assert tab.input_value("#redirect") == f"{site.url}/oauth/callback"
    tab.click("#access button.primary:has-text('Connect')")
    allow(tab)
    address = tab.url.partition("?")[0]
    until(is_well(tab), "the first reading did not end")
    assert any("Offer in Haifa" in title for title in on_timeline(tab, site, customer))
    first = passes(site)

    microsoft.oauth.revoke_user(NOA)  # as an administrator does, or a new password
    microsoft.oauth.expire_access_tokens()
    tab.goto(address)
    tab.click("#sync-1")
    until(is_well(tab, "Needs you"), "nobody noticed that the access was taken back")
    meeting(microsoft, "Contract", 2)
    tab.click("#access button:has-text('Connect again')")
    allow(tab)
    until(is_well(tab), "it did not get well again")
    assert passes(site) == first
    titles = on_timeline(tab, site, customer)
    assert [sum(name in title for title in titles) for name in ("Offer in Haifa", "Contract")] == [1, 1]
