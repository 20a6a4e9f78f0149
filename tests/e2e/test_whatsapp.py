"""WhatsApp over HTTP, on both databases: every message once, every answer sent once, and nothing that Meta posts is lost."""

import threading
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import select

from connectors.whatsapp import demo
from connectors.whatsapp.simulator import WORDS, WhatsAppSimulator
from hub.connector.simulator import Visitor
from hub.context import Hub
from hub.identity.models import Identifier
from hub.leads.models import Touchpoint
from tests.contract.connectors import until
from tests.e2e.messaging import Desk, desk_of


@pytest.fixture
def desk(hub: Hub) -> Iterator[Desk]:
    with desk_of(hub, WhatsAppSimulator()) as made:
        made.connect("whatsapp")
        yield made


def status_of(request: Request | str) -> int:
    try:
        with urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code


# --- what comes -----------------------------------------------------------------------------------------------------


def test_meta_can_make_sure_that_the_address_is_ours(desk: Desk) -> None:
    assert desk.simulator.shake_hands()
    desk.simulator.verify_token = "another"
    assert not desk.simulator.shake_hands()
    asked = "?hub.mode=subscribe&hub.challenge=7&hub.verify_token="
    assert status_of(desk.simulator.hub_url + asked + "another") == 403
    assert status_of(desk.simulator.hub_url) == 403
    assert status_of(f"{desk.url}/hooks/nobody{asked}") == 404


def test_strangers_are_refused_and_nothing_is_kept(desk: Desk) -> None:
    for fault in ("forged_notification", "unsigned_notification"):
        desk.simulator.faults.add(fault)
        desk.simulator.submit(1)
    assert [status for _, status in desk.simulator.postman.notifier.sent] == [401] * 2
    assert desk.kept() == 0


def test_each_message_is_there_once_however_it_comes(desk: Desk) -> None:
    for fault in ("duplicated_notification=2", "reordered_notification"):
        desk.simulator.faults.add(fault)
    desk.simulator.submit(3)
    desk.work()
    desk.simulator.redeliver(days=6)
    desk.work()
    assert sorted(row.text for row in desk.messages()) == sorted(WORDS[:3])
    assert sorted(desk.timeline()) == sorted(WORDS[:3])
    assert len(desk.parties()) == 3
    assert {status for _, status in desk.simulator.postman.notifier.sent} == {200}


def test_a_thousand_messages_in_one_body_are_kept_before_it_is_thanked_for(desk: Desk) -> None:
    simulator = desk.simulator
    person, simulator.postman.held = simulator.add_person(), True
    for number in range(1000):
        simulator.write(person, f"message {number}")
    began = time.monotonic()
    simulator.postman.deliver(size=1000)
    simulator.flush()
    took_s = time.monotonic() - began
    assert desk.kept() == 1000
    assert took_s < 5.0, "Meta waits a few seconds, and then posts all of it again"


def test_what_is_posted_while_we_are_away_comes_again(desk: Desk) -> None:
    desk.pause(active=False)
    desk.simulator.submit(1)
    assert desk.kept() == 0
    desk.pause(active=True)
    desk.simulator.clock.advance(hours=30)
    desk.work()
    assert [row.text for row in desk.messages()] == [WORDS[0]]


def test_what_nobody_understands_and_what_is_not_ours_is_kept_aside(desk: Desk) -> None:
    desk.simulator.postman.tell({"event": "VERIFIED"}, "account_update")
    desk.simulator.postman.post(
        b'{"object":"whatsapp_business_account","entry":[{"id":"7","changes":[{"field":"messages"}]}]}'
    )
    desk.simulator.postman.post(b"\xff no json")
    desk.work()
    assert len(desk.odd()) == 3
    assert {status for _, status in desk.simulator.postman.notifier.sent} == {200}


def test_somebody_with_a_user_name_is_a_customer_without_a_number_and_later_one_with(desk: Desk) -> None:
    simulator = desk.simulator
    hidden = simulator.add_person("Dana Levi", username="dana", hides_number=True)
    simulator.write(hidden, "hello")
    desk.work()
    [party] = desk.parties()
    assert desk.conversation().peer_phone == ""
    desk.answer("Hello Dana")
    assert simulator.graph.sent[0].body["recipient"] == hidden.user_id
    simulator.people[0] = type(hidden)(hidden.wa_id, hidden.user_id, hidden.name)
    simulator.write(simulator.people[0], "and here is my number")
    desk.work()
    assert [one.id for one in desk.parties()] == [party.id]
    assert desk.conversation().peer_phone == f"+{hidden.wa_id}"
    with desk.hub.db.read() as session:
        held = set(session.scalars(select(Identifier.value).where(Identifier.party_id == party.id)))
    assert {hidden.user_id, f"+{hidden.wa_id}"} <= held


def test_who_comes_from_an_ad_is_counted_for_it_once(desk: Desk) -> None:
    desk.simulator.faults.add("from_ad")
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.redeliver()
    desk.work()
    with desk.hub.db.read() as session:
        [touch] = session.scalars(select(Touchpoint)).all()
    assert touch.ad_id == "120226305854810726"


def test_a_picture_is_fetched(desk: Desk) -> None:
    simulator = desk.simulator
    simulator.write(simulator.add_person(), "look", kind="image")
    desk.work()
    file = desk.fetch()
    assert (file.state, file.picture_type, file.size) == (
        "kept",
        "image/png",
        len(next(iter(simulator.graph.files.values())).content),
    )


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fault", "state"), [("media_gone", "gone"), ("media_huge", "refused"), ("media_elsewhere", "refused")]
)
def test_a_file_that_cannot_be_had_says_so(desk: Desk, fault: str, state: str) -> None:
    desk.simulator.write(desk.simulator.add_person(), "look", kind="image")
    desk.work()
    desk.simulator.faults.add(fault)
    assert desk.fetch().state == state


# --- what goes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["", "status_first", "reordered_notification"])
def test_an_answer_goes_out_once_and_its_states_follow_in_any_order(desk: Desk, fault: str) -> None:
    desk.simulator.submit(1)
    desk.work()
    if fault:
        desk.simulator.faults.add(fault)
    desk.answer("We open at nine.")
    desk.deliver()
    desk.work()
    desk.simulator.redeliver(days=1)
    desk.work()
    assert [sent.body["text"]["body"] for sent in desk.simulator.graph.sent] == ["We open at nine."]
    ours = desk.messages()[-1]
    assert (ours.text, ours.state, ours.remote_id) == ("We open at nine.", "read", desk.simulator.graph.sent[0].id)
    assert sorted(desk.timeline()) == sorted([WORDS[0], "We open at nine."])


def test_read_before_delivered_stays_read(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.answers_by_itself = False
    desk.answer("Hello")
    for state in ("read", "delivered", "sent"):
        desk.simulator.becomes(desk.simulator.graph.sent[0], state)
        desk.work()
    assert desk.messages()[-1].state == "read"


def test_an_answer_that_is_lost_is_not_sent_twice_and_its_state_proves_it(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.answers_by_itself = False
    desk.simulator.faults.add("commit_then_timeout")
    desk.answer("Hello")
    desk.deliver()
    assert desk.messages()[-1].state == "unsure"
    [sent] = desk.simulator.graph.sent
    desk.simulator.becomes(sent, "delivered")
    desk.work()
    ours = desk.messages()[-1]
    assert (ours.state, ours.remote_id) == ("delivered", sent.id)
    assert len(desk.simulator.graph.sent) == 1


def test_what_was_surely_not_sent_is_tried_again(desk: Desk) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.faults.add("server_error")
    desk.answer("Hello")
    assert desk.messages()[-1].state == "sending"
    desk.deliver()
    desk.work()
    assert (desk.messages()[-1].state, len(desk.simulator.graph.sent)) == ("read", 1)


@pytest.mark.parametrize(
    ("fault", "state", "words"), [("window_closed", "refused", "24 hours"), ("undelivered", "failed", "cannot deliver")]
)
def test_a_refusal_is_told_to_whoever_wrote(desk: Desk, fault: str, state: str, words: str) -> None:
    desk.simulator.submit(1)
    desk.work()
    desk.simulator.faults.add(fault)
    desk.answer("Hello")
    desk.work()
    ours = desk.messages()[-1]
    assert ours.state == state
    assert words in ours.reason


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
