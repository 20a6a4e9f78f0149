"""The demo of Facebook: campaigns that cost something, leads that came before, and one more now and then."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.facebook import demo
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator, create
from hub.connector.simulator import Faults, Visitor
from tests.e2e.calls import until

VISITORS = [Visitor("+972542345678", "", "dana.levi@example.com"), Visitor("anonymous", "")]


@pytest.fixture
def simulator() -> Iterator[FacebookSimulator]:
    made = create(0, Faults())
    made.start()
    yield made
    made.stop()


def test_a_newcomer_sees_campaigns_with_spend_and_leads_in_two_languages(
    simulator: FacebookSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "EVERY_S", 0.01)
    monkeypatch.setattr(demo, "FIRST_S", 0.01)
    told = demo.prepare(simulator, "noa@demo.example", "Noa")
    settings = FacebookSettings.model_validate({**simulator.settings(), **told})
    assert settings.wanted_ad_accounts == (simulator.account.id,)
    assert all(len(one.spend) == demo.DAYS for one in simulator.world.campaigns.values())
    before = set(simulator.world.leads)
    assert {one.form_id for one in simulator.world.leads.values()} == {simulator.english.id, simulator.hebrew.id}
    stop = threading.Event()
    thread = threading.Thread(target=demo.run, args=(simulator, VISITORS, [], stop), daemon=True)
    thread.start()
    until(lambda: len(simulator.world.leads) > len(before) + 8)
    stop.set()
    thread.join(5)
    new = [one for one in simulator.world.leads.values() if one.id not in before]
    assert {bool(one.ad_id) for one in new} == {True, False}
    assert "dana.levi@example.com" in str([one.answers for one in new])
    assert len(simulator.world.campaigns) == len(demo.CAMPAIGNS), "no campaign was made twice"


def test_new_leads_of_the_next_start_are_none_of_this_one(
    simulator: FacebookSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo.prepare(simulator, "", "")
    demo._send(simulator, 0, demo.STRANGERS[0], None)
    monkeypatch.setattr(demo, "_EPOCH", demo._EPOCH - timedelta(minutes=1))  # it is started a minute later
    again = create(0, Faults())
    demo.prepare(again, "", "")
    known = set(simulator.world.leads)
    assert len(set(again.world.leads) & known) == demo.DAYS // 2, "what came before is the same"
    demo._send(again, 0, demo.STRANGERS[0], None)
    assert len(set(again.world.leads) & known) == demo.DAYS // 2, "and what comes now is not"
