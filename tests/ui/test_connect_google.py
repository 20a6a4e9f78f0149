"""Connecting a Google account in a real browser: consent, first reading, a timeline, access taken back, connected again."""

import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from connectors.google import simulator as google_simulator
from connectors.google.settings import CALENDAR, IDENTITY
from connectors.google.simulator import GoogleSimulator
from hub.connector.simulator import Faults
from hub.connector.stream import Cursor, Grant, Phase
from hub.intake import accounts, grants, health
from hub.intake.models import Account, RawRecord, Reading, StreamState
from hub.store.base import now
from tests.ui.connecting import CUSTOMER, NOA, is_well, on_timeline
from tests.ui.harness import LOOKS, Profile, Site, until, violations

NEXT_PAGE = 15_000  # bytes, as in test_budgets
PRIMARY = f"calendar:{NOA}:primary"


@pytest.fixture
def google() -> Iterator[GoogleSimulator]:
    simulator = google_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


def meeting(google: GoogleSimulator, title: str, days: float) -> dict[str, Any]:
    begin = google.clock.now() + timedelta(days=days)
    return google.user(NOA).calendar().insert(
        summary=title,
        start={"dateTime": begin.isoformat(), "timeZone": "Europe/Warsaw"},
        end={"dateTime": (begin + timedelta(hours=1)).isoformat(), "timeZone": "Europe/Warsaw"},
        attendees=[{"email": CUSTOMER, "displayName": "Dana"}],
    )  # fmt: skip


def state(site: Site) -> StreamState:
    with site.hub.db.read() as session:
        return session.scalars(select(StreamState).where(StreamState.stream == PRIMARY)).one()


def set_up(tab: Page, site: Site, google: GoogleSimulator) -> None:
    """Fill in the form of a new connection, as the administrator does with what the Google console shows."""
    known = google.settings()
    tab.goto(site.url + "/connections/new/google")
    tab.fill("#name", "Noa's Google")
    tab.fill("#s-client_id", known["client_id"])
    tab.fill("#s-client_secret", known["client_secret"])
    tab.click("summary:has-text('More settings')")
    for name in ("mail", "contacts"):
        tab.uncheck(f"#s-{name}")
    tab.fill("#s-base_url", known["base_url"])
    tab.fill("#s-ca", known["ca"])
    tab.click("button:has-text('Test and save')")
    tab.wait_for_selector("text=One step is left.")


def allow(tab: Page) -> None:
    """Say yes on Google's page."""
    tab.wait_for_selector("h1:has-text('Simulated Google')")
    tab.check(f"input[name=account][value='{NOA}']")
    tab.click("button:has-text('Allow')")
    tab.wait_for_url("**/connections/*connected=1")


def test_an_account_is_connected_read_taken_back_and_connected_again(
    profile: Callable[..., Profile], working: Site, google: GoogleSimulator, customer: UUID
) -> None:
    site = working
    google.oauth.redirect_uris = {f"{site.url}/oauth/callback"}
    google.oauth.always_asks = True
    meeting(google, "Offer in Haifa", 1)
    noa = profile("noa", ignore_https_errors=True)
    tab = noa.open("/", connected=False)
    set_up(tab, site, google)
    assert tab.input_value("#redirect") == f"{site.url}/oauth/callback"
    tab.click("#access button.primary:has-text('Connect')")
    allow(tab)
    assert tab.locator("text=Connected. Reading begins").count() == 1
    address = tab.url.partition("?")[0]
    until(is_well(tab), "the first reading did not end")
    assert tab.locator("#access").inner_text().count(NOA) == 1
    assert any("Offer in Haifa" in title for title in on_timeline(tab, site, customer))
    first = state(site)

    google.oauth.revoke_user(NOA)  # as the person does under myaccount.google.com
    tab.goto(address)
    tab.click("#sync-1")
    until(is_well(tab, "Needs you"), "nobody noticed that the access was taken back")
    tab.goto(site.url + "/connections")
    card = tab.locator("article", has_text="Noa's Google")
    assert card.locator(".chip").inner_text() == "Needs you"
    assert card.locator("button, a.button").count() == 1
    meeting(google, "Contract", 2)
    card.locator("button:has-text('Connect again')").click()
    allow(tab)
    until(is_well(tab), "it did not get well again")
    assert (state(site).epoch, state(site).last_full_at) == (first.epoch, first.last_full_at)
    titles = on_timeline(tab, site, customer)
    assert sum("Offer in Haifa" in title for title in titles) == 1
    assert sum("Contract" in title for title in titles) == 1


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_its_pages_break_no_rule_of_accessibility_and_fit_a_telephone(
    profile: Callable[..., Profile], site: Site, google: GoogleSimulator, language: str, scheme: str
) -> None:
    site.url = site.settings.public_url
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    path = _account(site, google)
    site.language("noa", language)
    broken = {}
    for name in ("", "/runs", "/runs?show=failed", "/failures", "/mappings/calendar", "/settings"):
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(site.url + path + name)
        assert answer is not None
        assert len(gzip.compress(answer.body(), 9)) <= NEXT_PAGE, name
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        assert tab.locator("h1").count() == 1, name
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        if found := violations(tab):
            broken[name] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, name
    site.language("noa", "en")
    assert broken == {}


def _account(site: Site, google: GoogleSimulator) -> str:
    """An account with a stream in every state; returns its path."""
    hub, moment = site.hub, now()
    values = {**google.settings(), "address": NOA, "refresh_token": ""}
    with hub.db.write() as session:
        row = session.scalar(select(Account).where(Account.name == "Every state"))
        if row is not None:
            return f"/connections/{row.public_id}"
        row = accounts.create(session, hub.connectors["google"], hub.vault, "Every state", values)
        grant = Grant("refresh", scopes=(*IDENTITY, CALENDAR))
        grants.keep(session, hub.vault, row.id, "", grant)
        account_id = row.id
        usual = {"account_id": account_id, "records": "calendar", "phase": "incremental", "epoch": 2, "every_s": 300,
                 "last_run_at": moment, "last_ok_at": moment, "due_at": moment + timedelta(minutes=4)}  # fmt: skip
        full = Cursor(Phase.FULL, page="3", opened_at=moment - timedelta(minutes=3)).as_json()
        for stream, title, other in (
            ("healthy", "Calendar", {}),
            ("full", f"Mail of {NOA}", {"phase": "full", "cursor": full, "expected": 60}),
            ("unknown", "Mail of adam@acme.example", {"phase": "full", "cursor": full}),
            ("late", "יומן משותף", {"last_ok_at": moment - timedelta(hours=9)}),
            ("away", "Contacts", {"trouble": "away", "last_error": "Google cannot be reached: ReadTimeout"}),
            ("scope", "Other contacts", {"trouble": "scope", "last_error": "Google: Insufficient Permission"}),
            ("auth", "Calendar of the board", {"trouble": "auth", "last_error": "invalid_grant", "due_at": None}),
            ("new", "Calendar of holidays", {"last_ok_at": None, "last_run_at": None, "due_at": moment}),
        ):
            session.add(StreamState(stream=stream, title=title, **{**usual, **other}))
        for number in range(24):
            seen = {"container": "full", "epoch": 2, "payload": {"id": number}, "hash": "h", "state": "applied"}
            if number < 3:
                seen |= {"state": "set_aside", "error": f"record r{number}: field start: no time in 'x{number}'"}
            session.add(RawRecord(account_id=account_id, stream="calendar:x", remote_id=f"r{number}", **seen))
        counts = {"new": 1204, "changed": 3, "gone": 1, "set aside": 3, "filtered: bulk": 7}
        run = {"account_id": account_id, "epoch": 2, "began_at": moment - timedelta(seconds=75), "ended_at": moment}
        session.add(Reading(stream="healthy", phase="full", counts=counts, **run))
        session.add(Reading(stream="away", phase="incremental", trouble="away", error="Google: ReadTimeout", **run))
        health.refresh(session, account_id)
        return f"/connections/{row.public_id}"
