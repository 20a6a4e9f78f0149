"""Messages from the hook to the answer: in the conversation and on the timeline once, and what we write is sent once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from hub import app as hub_app
from hub import flow
from hub.context import Hub
from hub.errors import AuthError, LimitedError, RejectedError, RetryLaterError, UnknownFateError, UserError
from hub.identity import parties
from hub.identity.models import Party
from hub.intake.models import Account, AccountState, RawRecord
from hub.messages import media, news, write
from hub.messages.models import Conversation, MessageMedia, MessageRow
from hub.outbound import outbox
from hub.outbound.models import Outbox
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from tests.e2e.postbox import DANA, LINE, Office, payload


@pytest.fixture
def office(hub: Hub) -> Office:
    found = Office(hub)
    found.hear(payload("in1", peer_name="Dana Levi", at=now() - timedelta(minutes=5)))
    return found


def noa(office: Office) -> int:
    with office.hub.db.write() as session:
        return users.add(session, "noa@acme.example", "Noa", Role.AGENT).id


def say(office: Office, text: str, *, user_id: int | None = None, own_id: UUID | None = None) -> UUID:
    with office.hub.db.write() as session:
        row = write.get(session, office.conversation().public_id, lock=True)
        return write.send(session, row, user_id=user_id, text=text, public_id=own_id).public_id


def ours(office: Office) -> MessageRow:
    return office.messages()[-1]


# --- the answer -----------------------------------------------------------------------------------------------------


def test_an_answer_is_shown_at_once_sent_once_and_followed(office: Office) -> None:
    user_id = noa(office)
    say(office, "Hello Dana", user_id=user_id)
    row = ours(office)
    assert (row.state, row.text, row.user_id, row.interaction_id) == ("sending", "Hello Dana", user_id, None)
    office.deliver()
    office.deliver()
    assert office.post.sent == [{"to_phone": DANA, "to_id": "", "text": "Hello Dana", "reply_to": "", "again": False}]
    assert office.post.keys == [f"message:{row.public_id}"]
    row = ours(office)
    assert (row.state, row.remote_id, row.user_id) == ("accepted", "wamid.1", user_id)
    office.tell("wamid.1", "read")
    office.tell("wamid.1", "delivered")
    office.hear(payload("wamid.1", direction="outbound", text="Hello Dana"))
    row = ours(office)
    assert (row.state, len(office.messages())) == ("read", 2)
    with office.hub.db.read() as session:
        shown = session.scalars(select(Interaction).where(Interaction.direction == "outbound")).one()
        party = session.scalars(select(Party)).one()
        parts = session.scalars(select(Participant.party_id)).all()
    assert (shown.kind, shown.summary, shown.detail["state"], shown.owner_id) == (
        Kind.MESSAGE,
        "Hello Dana",
        "read",
        user_id,
    )
    assert set(parts) == {party.id}
    assert office.conversation().unanswered_since is None
    assert office.conversation().owner_id == user_id


@pytest.mark.parametrize("tells_payload", [True, False])
def test_statuses_and_the_echo_may_be_faster_than_the_answer(office: Office, tells_payload: bool) -> None:
    office.post.tells_payload = tells_payload
    say(office, "Hello Dana")
    office.tell("wamid.1", "delivered")
    office.hear(payload("wamid.1", direction="outbound", text="Hello Dana"))
    assert len(office.messages()) == 3, "nobody knows yet that it is ours"
    office.deliver()
    row = ours(office)
    assert (len(office.messages()), row.state, row.remote_id) == (2, "delivered", "wamid.1")
    with office.hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Interaction)) == 2


def test_pressed_twice_and_in_two_tabs_it_is_sent_once(office: Office) -> None:
    user_id = noa(office)
    with office.hub.db.read() as session:
        own_id = write.next_id(session, office.conversation(), user_id)
    for _ in range(3):
        assert say(office, "Hello", user_id=user_id, own_id=own_id) == own_id
    with pytest.raises(UserError, match="something else"):
        say(office, "Bye", user_id=user_id, own_id=own_id)
    office.deliver()
    assert [one["text"] for one in office.post.sent] == ["Hello"]
    with office.hub.db.read() as session:
        assert write.next_id(session, office.conversation(), user_id) != own_id


def test_what_is_refused_is_given_back_with_its_reason(office: Office) -> None:
    office.post.faults = [RejectedError("Re-engagement message")]
    user_id = noa(office)
    say(office, "Hello", user_id=user_id)
    assert office.conversation().unanswered_since is None
    office.deliver()
    row = ours(office)
    assert (row.state, row.reason, row.text) == ("refused", "Re-engagement message", "Hello")
    assert office.conversation().unanswered_since is not None, "it still waits for an answer"
    with office.hub.db.write() as session:
        outbox.retry(session, session.scalars(select(Outbox.id)).one())
    office.deliver()
    assert office.post.sent == [], "who wrote it has it back and may have sent it again"
    say(office, "Hello", user_id=user_id)
    with office.hub.db.read() as session:
        assert session.scalars(select(Outbox.state).order_by(Outbox.id)).all() == ["dropped", "waiting"]


def test_what_a_program_wrote_and_was_refused_an_administrator_may_try_once_more(office: Office) -> None:
    office.post.faults = [RejectedError("Paused")]
    say(office, "Hello")
    office.deliver()
    assert ours(office).state == "refused"
    with office.hub.db.write() as session:
        outbox.retry(session, session.scalars(select(Outbox.id)).one())
    office.deliver()
    assert (ours(office).state, len(office.post.sent)) == ("accepted", 1)


@pytest.mark.parametrize("fault", [LimitedError("slower", retry_after=60), AuthError("dead"), RetryLaterError("away")])
def test_what_was_surely_not_sent_is_tried_again(office: Office, fault: Exception) -> None:
    office.post.faults = [fault]
    say(office, "Hello")
    office.deliver()
    assert ours(office).state == "sending"
    office.hurry()
    office.deliver()
    assert [one["again"] for one in office.post.asked] == [False, False]
    assert ours(office).state == "accepted"


def test_a_lost_answer_is_never_sent_again_by_itself(office: Office) -> None:
    office.post.late = [UnknownFateError("no answer")]
    say(office, "Hello")
    for _ in range(3):
        office.deliver()
        office.hurry()
    row = ours(office)
    assert (len(office.post.sent), row.state) == (1, "unsure")
    office.tell("wamid.77", "delivered", key=office.post.keys[0])
    row = ours(office)
    assert (row.state, row.remote_id, len(office.messages())) == ("delivered", "wamid.77", 2), "the key proves it"


def test_a_worker_that_died_while_it_sent_leaves_it_to_the_writer_and_the_writer_to_a_person(office: Office) -> None:
    say(office, "Hello")
    office.post.late = [KeyboardInterrupt()]  # type: ignore[list-item]  # what no handler catches
    lease = office.claim()
    assert lease is not None
    with pytest.raises(KeyboardInterrupt):
        office.deliverer().deliver(lease)
    office.hurry(lease_until=None)
    office.post.faults = [UnknownFateError("may have been sent")]
    office.deliver()
    assert [one["again"] for one in office.post.asked] == [False, True]
    assert (len(office.post.sent), ours(office).state) == (1, "unsure")


def test_two_workers_never_hand_it_over_twice(office: Office) -> None:
    """One of them slept between its look at the lease and the write."""
    say(office, "Hello")
    slow = office.claim()
    assert slow is not None
    deliverer = office.deliverer()
    kind = deliverer._kinds["message"]
    real = kind._composed

    def asleep(item: Any) -> Any:
        found = real(item)
        kind.__class__._composed = original
        office.hurry(lease_until=None)
        office.deliver()
        return found

    original = kind.__class__._composed
    kind.__class__._composed = lambda _, item: asleep(item)
    try:
        deliverer.deliver(slow)
    finally:
        kind.__class__._composed = original
    assert len(office.post.sent) == 1
    assert ours(office).state == "accepted"


def test_somebody_without_a_number_is_answered_by_the_id(hub: Hub) -> None:
    office = Office(hub)
    office.hear(payload("in1", peer_phone="", peer_id="IL.123", peer_name="Dana Levi"))
    say(office, "Hello")
    office.post.tells_payload = False
    office.deliver()
    assert [(one["to_phone"], one["to_id"]) for one in office.post.sent] == [("", "IL.123")]
    assert ours(office).interaction_id is not None


def test_what_turns_out_not_to_be_for_the_hub_leaves_nothing(office: Office) -> None:
    office.hear(payload("in2", media=[{"id": "p"}], at=now()))
    with office.hub.db.write() as session:
        raw = session.scalars(select(RawRecord).where(RawRecord.remote_id == "in2")).one()
        flow.Taker(office.hub.flow).withdraw(session, session.get_one(Account, office.account), [raw])
    assert [one.remote_id for one in office.messages()] == ["in1"]
    with office.hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Interaction)) == 1
    assert office.conversation().last_inbound_at == office.messages()[0].at


# --- when one may not -----------------------------------------------------------------------------------------------


def test_the_window_counts_when_it_is_written_and_when_it_goes_out(office: Office) -> None:
    say(office, "Hello")
    office.age(hours=24)
    office.deliver()
    row = ours(office)
    assert (office.post.sent, row.state) == ([], "refused")
    assert "24 hours" in row.reason
    office.age(hours=25)
    with pytest.raises(UserError) as error:
        say(office, "Hello again")
    assert error.value.error_id == "window_closed"


def test_who_said_stop_by_sms_and_senders_that_are_words_are_not_written_to(hub: Hub) -> None:
    office = Office(hub)
    office.hear(payload("s1", channel="sms", text="Hello"), payload("w1", channel="sms", peer_phone="AcmeBank"))
    with hub.db.read() as session:
        by_peer = {one.peer_phone: one.public_id for one in session.scalars(select(Conversation))}
    write_to = writer(office)
    write_to(by_peer[DANA], "Hi")
    office.hear(payload("s2", channel="sms", text="STOP"))
    office.deliver()
    assert office.post.sent == [], "he said it before it went out"
    for peer, why in ((DANA, "stopped"), ("AcmeBank", "sender_is_a_word")):
        with pytest.raises(UserError) as error:
            write_to(by_peer[peer], "Hi")
        assert error.value.error_id == why
    office.hear(payload("s3", channel="sms", text="start", at=now() + timedelta(seconds=1)))
    write_to(by_peer[DANA], "Welcome back")
    office.deliver()
    assert [one["text"] for one in office.post.sent] == ["Welcome back"]


def writer(office: Office) -> Callable[[UUID, str], None]:
    def write_to(conversation: UUID, text: str) -> None:
        with office.hub.db.write() as session:
            write.send(session, write.get(session, conversation, lock=True), user_id=None, text=text)

    return write_to


def test_a_paused_connection_sends_nothing_and_a_removed_one_gives_it_back(office: Office) -> None:
    say(office, "Hello")
    set_state(office, AccountState.PAUSED)
    office.deliver()
    assert ours(office).state == "sending"
    with pytest.raises(UserError):
        say(office, "Hello")
    set_state(office, AccountState.REMOVED)
    office.deliver()
    assert (ours(office).state, office.post.sent) == ("refused", [])


def set_state(office: Office, state: AccountState) -> None:
    with office.hub.db.write() as session:
        session.get_one(Account, office.account).state = state


def test_a_first_sms_goes_out_on_the_line_that_was_used_last(hub: Hub) -> None:
    office = Office(hub)
    office.hear(payload("s1", channel="sms", peer_phone="+972521112222"))
    with hub.db.write() as session:
        ivan = parties.create(session, None, "person", "Ivan Petrov", [parties.Given("phone", DANA)], region="IL")
        found = write.conversation_with(session, ivan)
        again = write.conversation_with(session, ivan)
        assert (found.id, found.line, found.party_id) == (again.id, LINE, ivan.id)
        write.send(session, found, user_id=None, text="Your order is ready")
    office.post.tells_payload = False  # it would say WhatsApp
    office.deliver()
    assert office.post.sent[0]["to_phone"] == DANA
    office.hear(payload("s2", channel="sms", text="Thanks"))
    assert [one.conversation_id for one in office.messages()[1:]] == [found.id, found.id]


# --- files ----------------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def test_files_are_fetched_and_kept_by_what_they_are(office: Office) -> None:
    office.post.files = {"png": PNG, "html": b"<script>alert(1)</script>", "big": RejectedError("too large")}
    ids = [("png", "image/svg+xml"), ("html", "image/png"), ("big", "video/mp4"), ("gone", "image/png")]
    office.hear(payload("m", content="image", media=[{"id": one, "media_type": said} for one, said in ids]))
    office.fetch()
    with office.hub.db.read() as session:
        rows = session.scalars(select(MessageMedia).order_by(MessageMedia.place)).all()
    assert [(one.state, one.picture_type) for one in rows] == [
        ("kept", "image/png"), ("kept", ""), ("refused", ""), ("gone", ""),
    ]  # fmt: skip
    shelf = media.shelf(office.hub.settings)
    with shelf.open(rows[0].sha256) as file:
        assert file.read() == PNG
    with office.hub.db.write() as session:
        assert media.purge(session, shelf) == 0
        session.get_one(MessageMedia, rows[0].id).sha256 = ""
    with office.hub.db.write() as session:
        assert media.purge(session, shelf) == 1


def test_a_file_that_is_not_what_the_message_speaks_of_is_asked_for_again(office: Office) -> None:
    office.post.files = {"png": PNG}
    office.hear(payload("m", content="image", media=[{"id": "png", "sha256": "ab" * 32}]))
    office.fetch()
    with office.hub.db.read() as session:
        row = session.scalars(select(MessageMedia)).one()
    assert (row.state, row.failures, row.sha256) == ("pending", 1, "")
    assert row.due_at is not None
    assert row.due_at > now()


# --- who is told ----------------------------------------------------------------------------------------------------


def test_a_message_tells_the_owner_of_the_customer_else_everybody(office: Office) -> None:
    user_id = noa(office)
    with office.hub.db.write() as session:
        ivan = users.add(session, "ivan@acme.example", "Ivan", Role.AGENT).id
        users.add(session, "boss@acme.example", "Boss", Role.ADMIN)

    def told() -> list[tuple[int, ...]]:
        with office.hub.db.write() as session:
            return [one.users for one in news.take(session)]

    assert [set(one) for one in told()] == [{user_id, ivan}]
    assert told() == [], "once"
    office.hear(payload("in2"))
    say(office, "Hello", user_id=ivan)
    assert told() == [], "it was answered"
    office.hear(payload("in3", at=now() + timedelta(seconds=1)))
    assert told() == [(ivan,)], "who answered"
    with office.hub.db.write() as session:
        session.scalars(select(Party)).one().owner_id = user_id
    office.hear(payload("in4", at=now() + timedelta(seconds=2)))
    assert told() == [(user_id,)]
    office.hear(payload("old", at=now() - timedelta(days=3), peer_phone="+972521112222"))
    assert told() == [], "history calls nobody"


def test_the_live_channel_hears_of_it(office: Office) -> None:
    user_id = noa(office)
    heard: list[tuple[int, str, dict[str, Any]]] = []

    class Bus:
        def tell(self, user: int, event: str, data: dict[str, Any]) -> None:
            heard.append((user, event, data))

    hub = type("Wired", (), {"bus": Bus()})()
    with office.hub.db.write() as session:
        assert news.waits(session)
        hub_app.tell_messages(hub, session)
        assert not news.waits(session)
    assert heard == [(user_id, "message.new", {"id": str(office.conversation().public_id), "name": "Dana Levi"})]
