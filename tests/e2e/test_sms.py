"""Text messages over HTTP, on both databases: by a gateway that posts JSON or forms, and by Twilio."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from connectors.sms import demo
from connectors.sms.simulator import WORDS, SmsSimulator
from hub.connector.simulator import Visitor
from hub.context import Hub
from hub.errors import UserError
from hub.intake import accounts
from hub.intake.models import Account
from hub.leads.models import Consent
from tests.contract.connectors import until
from tests.e2e.messaging import Desk, desk_of

PRESETS = ["generic", "twilio"]


@pytest.fixture(params=PRESETS)
def desk(hub: Hub, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with desk_of(hub, SmsSimulator(preset=request.param)) as made:
        made.connect("sms")
        if request.param == "twilio":  # it signs the address, which is known once the account is there
            with hub.db.write() as session:
                row = session.get_one(Account, made.account)
                accounts.update(
                    row, hub.connectors["sms"], hub.vault, {**row.settings, "hook_url": made.simulator.hub_url}
                )
        yield made


def test_each_message_is_there_once_however_it_comes(desk: Desk) -> None:
    for fault in ("form", "duplicated_notification=2", "reordered_notification"):
        desk.simulator.faults.add(fault)
    desk.simulator.submit(3)
    desk.work()
    desk.simulator.redeliver()
    desk.work()
    assert sorted(row.text for row in desk.messages()) == sorted(WORDS[:3])
    assert sorted(desk.timeline()) == sorted(WORDS[:3])


def test_a_redelivery_changes_nothing_of_what_stands_there(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    before = [(row.at, row.state, row.received_at) for row in desk.messages()]
    desk.simulator.redeliver()
    desk.work()
    assert [(row.at, row.state, row.received_at) for row in desk.messages()] == before


def test_strangers_are_refused_and_nothing_is_kept(desk: Desk) -> None:
    for fault in ("unsigned", "forged_notification", "changed_body"):
        desk.simulator.faults.add(fault)
        desk.simulator.submit(1)
    assert [status for _, status in desk.simulator.notifier.sent] == [401] * 3
    assert desk.kept() == 0


def test_an_answer_goes_out_once_and_arrives(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.answer("On our way")
    desk.deliver()
    desk.work()
    [sent] = desk.simulator.gateway.sent
    ours = desk.messages()[-1]
    assert (sent.text, sent.sender) == ("On our way", desk.simulator.numbers[0])
    assert (ours.state, ours.remote_id) == ("delivered", sent.id)
    assert sorted(desk.timeline()) == sorted([WORDS[0], "On our way"])


def test_an_answer_that_is_lost_is_not_sent_twice(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.faults.add("commit_then_timeout")
    desk.answer("On our way")
    desk.deliver()
    assert (desk.messages()[-1].state, len(desk.simulator.gateway.sent)) == ("unsure", 1)


def test_a_message_that_failed_says_why(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.faults.add("undelivered")
    desk.answer("On our way")
    desk.work()
    ours = desk.messages()[-1]
    assert ours.state == "failed"
    assert "out of reach" in ours.reason


def test_a_word_cannot_be_answered_and_is_nobodys_identity(desk: Desk) -> None:
    desk.simulator.faults.add("word_sender")
    desk.simulator.submit(1)
    desk.work()
    assert desk.parties() == []
    with pytest.raises(UserError, match="cannot be answered"):
        desk.answer("Hello")


def test_who_writes_stop_is_not_written_to(desk: Desk) -> None:
    number = "+972502345999"
    desk.simulator.write(number, "hello")
    desk.work()
    desk.simulator.write(number, "STOP")
    desk.work()
    with desk.hub.db.read() as session:
        assert session.scalars(select(Consent)).all()
    with pytest.raises(UserError, match="asked not to"):
        desk.answer("Hello")


def test_a_picture_is_fetched(desk: Desk) -> None:
    desk.simulator.write("+972502345678", "look", files=1)
    desk.work()
    file = desk.fetch()
    assert (file.state, file.picture_type) == ("kept", "image/png")


def test_the_demo_lets_customers_write(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "FIRST_S", 0.0)
    monkeypatch.setattr(demo, "EVERY_S", 0.05)
    stop, wanted = threading.Event(), len(demo.LETTERS)
    people = (Visitor("+972502345678", "", "dana@example.com"), Visitor("anonymous"))
    wrote = threading.Thread(target=demo.run, args=(desk.simulator, people, (), stop))
    wrote.start()
    until(lambda: desk.kept() >= wanted)
    stop.set()
    wrote.join(5)
    desk.work()
    assert {row.peer_phone for row in desk.messages()} >= {"+972502345678"}
    assert desk.odd() == []
