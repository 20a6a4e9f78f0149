"""The whole way of a call: bytes of an exchange over TCP, the hub that hears them, the card that Chromium paints."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from connectors.asterisk.simulator import AsteriskSimulator
from hub import app as hub_app
from hub.cti.models import EndpointRule, Extension
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts
from tests.ui.harness import SOON_S, Profile, Site, shows, until

Make = Callable[..., Profile]
NAME = "Dana Levi-Cohen"
NUMBER = "0523456789"
SHOWN = "052-345-6789"  # as people of the account's country write it


@pytest.fixture(scope="module")
def pbx(site: Site) -> Iterator[AsteriskSimulator]:
    """An exchange that the hub of the site listens to; 101 is Noa's phone and 102 Amir's."""
    exchange, hub = AsteriskSimulator(), site.hub
    exchange.start()
    with hub.db.write() as session:
        row = accounts.create(
            session, hub.connectors["asterisk"], hub.vault, "Simulated", exchange.settings(), region="IL"
        )
        session.add(EndpointRule(account_id=row.id, pattern="PJSIP/trunk*", kind="trunk"))
        for number, name in (("101", "noa"), ("102", "amir")):
            session.add(Extension(account_id=row.id, number=number, user_id=site.users[name]))
        known = [parties.Given("phone", NUMBER)]
        parties.create(session, None, PartyKind.PERSON, NAME, known, region="IL")
    running = hub_app.start(hub, work=False)

    def hears() -> bool:
        listener = hub.telephone.listeners.get(row.id)
        return listener is not None and listener.counters.values.get("listed", 0) > 0

    until(hears, "the hub does not hear the exchange")
    yield exchange
    running.close()
    exchange.stop()


def says(page: Page, what: str, text: str) -> None:
    """Wait until a part of the card says something."""
    page.locator(f"#pop [data-{what}]", has_text=text).wait_for(timeout=SOON_S * 1000)


def test_a_call_rings_is_answered_and_ends_on_the_screen(pbx: AsteriskSimulator, profile: Make) -> None:
    page = profile("noa").open("/")
    call = pbx.ring(caller=NUMBER, extensions=["101"])
    page.wait_for_selector("#pop [data-state=ringing]")
    says(page, "name", NAME)
    says(page, "number", SHOWN)
    says(page, "kicker", "Incoming call")
    call.answer("101")
    page.wait_for_selector("#pop [data-state=answered]")
    says(page, "kicker", "On the phone")
    call.hangup("caller")
    page.wait_for_selector("#pop [data-state=ended]")
    says(page, "kicker", "Call ended")
    says(page, "name", NAME)
    shows([page], [1])  # the note is still to be written


def test_a_call_that_a_colleague_answers_goes_from_the_other_screen(pbx: AsteriskSimulator, profile: Make) -> None:
    noa, amir = profile("noa").open("/"), profile("amir").open("/")
    call = pbx.ring(caller="0529999999", extensions=["101", "102"])
    shows([noa, amir], [1, 1])
    says(noa, "name", "Unknown number")
    call.answer("102")
    amir.wait_for_selector("#pop [data-state=answered]")
    shows([noa, amir], [0, 1])
    call.hangup("agent")
    amir.wait_for_selector("#pop [data-state=ended]")


def test_a_caller_who_gives_up_takes_the_card_along(pbx: AsteriskSimulator, profile: Make) -> None:
    page = profile("noa").open("/")
    call = pbx.ring(caller=NUMBER, extensions=["101"])
    shows([page], [1])
    call.give_up()
    shows([page], [0])
