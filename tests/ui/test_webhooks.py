"""Webhook endpoints in a real browser: in both directions and schemes, by keyboard, and on a telephone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub import app as hub_app
from hub.events import tell
from hub.settings import load
from hub.webhooks.models import Off, WebhookEndpoint
from tests.fakes.receiver import Behaviour, Receiver
from tests.ui.harness import LOOKS, Profile, Site, shot, until, violations

Make = Callable[..., Profile]
pytestmark = pytest.mark.usefixtures("english")
PAGE = "/admin/webhooks"


class Private(Site):
    """A hub that may send into its own network."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.ui.harness.load", lambda env: load(env | {"HUB_WEBHOOKS__ALLOW_PRIVATE": "true"}))
        super().__init__(home)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        site = Private(tmp_path_factory.mktemp("site"), patch)
    running = hub_app.start(site.hub, listen=False)
    yield site
    running.close()
    site.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def test_an_endpoint_is_added_with_the_keyboard_tested_and_sent_again(
    profile: Make, site: Site, receiver: Receiver
) -> None:
    tab = profile("noa").open(PAGE, connected=False)
    assert "Nobody is told yet" in tab.inner_text("main")
    tab.locator("a:has-text('Add an endpoint')").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#url")
    tab.fill("#url", "http://example.com/")
    tab.locator("#url").press("Enter")
    tab.wait_for_selector("[role=alert]")
    assert tab.evaluate("document.activeElement.id") == "url"
    tab.fill("#url", receiver.url)
    tab.keyboard.press("Tab")
    tab.keyboard.type("CRM של דנה")
    tab.locator("[name=allow_private]").focus()
    tab.keyboard.press("Space")
    tab.locator("#url").press("Enter")
    tab.wait_for_selector("#secret")
    receiver.secrets.append(tab.input_value("#secret"))
    assert not violations(tab)
    tab.locator("button:has-text('Send a test')").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/admin/webhooks/*-*")
    [got] = receiver.wait(1)
    assert got.verified
    until(lambda: tab.reload() and tab.locator(".delivery .chip.ok").count() == 1, "the log does not say it")
    assert tab.locator("#secret").count() == 0, "a secret is shown once"
    tab.locator(".delivery summary").focus()
    tab.keyboard.press("Enter")
    assert "webhook.test" in tab.inner_text(".delivery pre >> nth=0")
    assert "webhook-signature" in tab.inner_text(".delivery pre >> nth=1")
    tab.locator(".delivery button").click()
    tab.wait_for_selector("[role=status]")
    assert receiver.wait(2)[1].id == got.id


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_and_each_fits_a_telephone(
    profile: Make, site: Site, receiver: Receiver, language: str, scheme: str
) -> None:
    receiver.behaviour = Behaviour(status=410, body=b"<html>" + b"nobody " * 200)
    with site.hub.db.write() as session:
        tell.tell(session, "call.ended", str(site.party), {"id": "x" * 300})
    until(lambda: state(site) == Off.GONE, "it was not turned off")
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    with site.hub.db.read() as session:
        own = f"{PAGE}/{session.scalars(select(WebhookEndpoint.public_id)).one()}"
    broken: dict[str, Any] = {}
    wide: dict[str, Any] = {}
    for path in (PAGE, f"{PAGE}/new", own, f"{own}/change", f"{own}/remove"):
        tab.set_viewport_size({"width": 1280, "height": 860})
        answer = tab.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert tab.evaluate("document.documentElement.dir") == ("rtl" if language == "he" else "ltr")
        tab.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        shot(tab, f"webhooks-{path.count('/')}-{path[-6:]}-{language}")
        if found := violations(tab):
            broken[path] = found
        tab.set_viewport_size({"width": 360, "height": 740})
        if (width := tab.evaluate("document.documentElement.scrollWidth")) > 360:
            wide[path] = width
    assert broken == {}
    assert wide == {}


def state(site: Site) -> str:
    with site.hub.db.read() as session:
        return session.scalars(select(WebhookEndpoint.disabled_why)).one()


def test_what_it_missed_is_offered_a_secret_is_rotated_and_it_is_removed(
    profile: Make, site: Site, receiver: Receiver
) -> None:
    receiver.behaviour = Behaviour()
    before = len(receiver.got)
    tab = profile("noa").open(PAGE, connected=False)
    tab.click("th a")
    tab.click("button:has-text('Turn on')")
    tab.wait_for_selector("h2:has-text('What it missed')")
    tab.click("button:has-text('Send what it missed')")
    tab.wait_for_selector("[role=status]")
    assert receiver.wait(before + 1)[-1].verified
    tab.click("button:has-text('New secret')")
    tab.wait_for_selector("#secret")
    assert tab.input_value("#secret") not in receiver.secrets
    tab.click("a:has-text('Remove')")
    tab.wait_for_selector("h1:has-text('Remove the endpoint')")
    tab.click("main button.danger")
    tab.wait_for_selector("main .empty")
