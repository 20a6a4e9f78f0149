"""Messages on their way: each once, in one conversation, on the timeline of whoever it is with."""

import itertools
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.connector.contract import Delivered
from hub.errors import RecordError
from hub.fields.models import FieldRow, Of, Type
from hub.identity import parties
from hub.identity.models import Identifier, Link, Party
from hub.intake import receive
from hub.intake.models import Account
from hub.leads import stages
from hub.leads.models import Bucket, Consent, LeadRow, Touchpoint
from hub.leads.take import Given as LeadGiven
from hub.leads.take import take as take_leads
from hub.messages import identity
from hub.messages.models import Conversation, MessageMedia, MessageRow, MessageStatus
from hub.messages.take import is_stopped
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from tests.unit.messages.desk import AT, BSUID, DANA, Desk, just_now, message, status


def test_a_message_is_a_customer_with_a_row_on_the_timeline(desk: Desk) -> None:
    desk.take(message(peer_name="Dana Levi", text="Hello\nthere"))
    [party] = desk.active()
    assert (party.name, desk.held(party.id)) == ("Dana Levi", {("phone", DANA)})
    [row] = desk.all(Interaction)
    assert (row.kind, row.direction, row.summary, row.started_at) == (Kind.MESSAGE, "inbound", "Hello there", AT)
    [part] = desk.all(Participant)
    assert (part.party_id, part.role, part.identifier_kind, part.value) == (party.id, "sender", "phone", DANA)
    one = desk.conversation()
    assert (one.party_id, one.peer_phone, one.line_number) == (party.id, DANA, "+972 3 234 5678")
    assert (one.unanswered_since, one.last_inbound_at, one.last_outbound_at) == (AT, AT, None)


def test_a_customer_whom_a_message_makes_begins_with_what_fields_begin_with(desk: Desk) -> None:
    with desk.db.write() as session:
        session.add(FieldRow(of=Of.PERSON, name="size", type=Type.TEXT, default={"value": "small"}))
    desk.take(message(peer_name="Dana Levi"))
    assert [party.fields["size"] for party in desk.active()] == ["small"]


def test_a_message_that_comes_again_changes_nothing(desk: Desk) -> None:
    for _ in range(3):
        desk.take(message(peer_name="Dana Levi"), message(peer_name="Dana Levi"), message("m2", minute=1))
    assert [len(desk.all(table)) for table in (MessageRow, Interaction, Participant, Conversation)] == [2, 2, 2, 1]
    assert len(desk.all(Party)) == 1
    assert len(desk.all(Link)) == 1, "one source record for the conversation, not one for each message"


def test_a_known_number_is_its_customer_whatever_the_name_says(desk: Desk) -> None:
    known = desk.customer("Noa Cohen", DANA)
    desk.take(message(peer_name="🌸"), message("m2", minute=1, peer_name="Princess"))
    [party] = desk.active()
    assert (party.id, party.name) == (known, "Noa Cohen")
    assert {one.party_id for one in desk.all(Participant)} == {known}


def test_an_unknown_number_without_a_name_is_nobody_until_somebody_names_it(desk: Desk) -> None:
    desk.take(message(), message("m2", minute=1))
    assert desk.active() == []
    assert {one.party_id for one in desk.all(Participant)} == {None}
    known = desk.customer("Noa Cohen", DANA)
    assert {one.party_id for one in desk.all(Participant)} == {known}
    assert desk.conversation().party_id == known
    desk.take(message("m3", minute=2))
    assert {one.party_id for one in desk.all(Participant)} == {known}


def test_a_number_of_several_customers_is_left_to_a_person(desk: Desk) -> None:
    one, two = desk.customer("Noa Cohen", DANA), desk.customer("Ivan Petrov", DANA)
    desk.take(message(peer_name="Dana Levi"))
    assert desk.conversation().party_id is None
    assert [party.id for party in desk.active()] == [one, two]
    with desk.db.write() as session:
        identity.give(session, desk.conversation().public_id, session.get_one(Party, two), region="IL")
    assert {part.party_id for part in desk.all(Participant)} == {two}
    desk.take(message("m2", minute=1, peer_name="Dana Levi"))
    assert {part.party_id for part in desk.all(Participant)} == {two}, "and it stays so"


def test_a_changed_name_takes_nothing_away(desk: Desk) -> None:
    desk.take(message(peer_name="Dana Levi"))
    desk.take(message("m2", minute=1, peer_name="Dana L."))
    desk.take(message("m3", minute=2, peer_name=""))
    desk.take(message("m4", minute=3, peer_name="🌸"))
    [party] = desk.active()
    assert (party.name, desk.held(party.id)) == ("Dana L.", {("phone", DANA)})
    with desk.db.write() as session:
        parties.edit(session, None, session.get_one(Party, party.id), name="Dana Levi-Cohen")
    desk.take(message("m5", minute=4, peer_name="Princess"))
    assert [one.name for one in desk.active()] == ["Dana Levi-Cohen"]


def test_a_number_that_a_person_took_off_stays_off(desk: Desk) -> None:
    desk.take(message(peer_id=BSUID, peer_name="Dana Levi"))
    [party] = desk.active()
    [row] = desk.all(Identifier, Identifier.kind == "phone")
    with desk.db.write() as session:
        parties.remove_identifier(session, None, session.get_one(Party, party.id), row.id)
    desk.take(message("m2", minute=1, peer_id=BSUID, peer_name="Dana Levi"))
    assert desk.held(party.id) == {("whatsapp_id", BSUID)}


# --- ids without numbers --------------------------------------------------------------------------------------------

ID_ONLY = message("m1", peer_phone="", peer_id=BSUID, peer_name="Dana Levi")
PHONE_ONLY = message("m2", minute=1, peer_name="Dana Levi")
BOTH = message("m3", minute=2, peer_id=BSUID, peer_name="Dana Levi")


def test_a_person_without_a_number_is_a_contact_by_the_id(desk: Desk) -> None:
    desk.take(ID_ONLY)
    [party] = desk.active()
    assert (party.name, desk.held(party.id)) == ("Dana Levi", {("whatsapp_id", BSUID)})
    desk.take(message("m9", minute=9, peer_phone="", peer_id=BSUID, line="line-2"))
    assert {one.party_id for one in desk.all(Conversation)} == {party.id}, "also on another line of ours"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("is_known", [False, True])
def test_number_and_id_that_come_together_are_one_person(desk: Desk, order: tuple[int, ...], is_known: bool) -> None:
    known = desk.customer("Noa Cohen", DANA) if is_known else 0
    for place in order:
        desk.take((ID_ONLY, PHONE_ONLY, BOTH)[place])
    [party] = desk.active()
    assert party.name == ("Noa Cohen" if is_known else "Dana Levi")
    assert desk.held(party.id) == {("phone", DANA), ("whatsapp_id", BSUID)}
    one = desk.conversation()
    assert (one.party_id, one.peer_phone, one.peer_id) == (party.id, DANA, BSUID)
    assert {part.party_id for part in desk.all(Participant)} == {party.id}
    assert not is_known or party.id == known
    with desk.db.read() as session:
        shown = parties.with_merged(session, session.get_one(Party, party.id))
        rows = select(func.count()).select_from(Participant).where(Participant.party_id.in_(shown))
        assert session.scalar(rows) == 3


def test_two_customers_whom_others_speak_of_are_not_made_one(desk: Desk) -> None:
    desk.take(ID_ONLY)
    [dana] = desk.active()
    with desk.db.write() as session:
        parties.edit(session, None, session.get_one(Party, dana.id), name="Dana of the shop")
    noa = desk.customer("Noa Cohen", DANA)
    desk.take(BOTH)
    assert [party.id for party in desk.active()] == [dana.id, noa]
    assert desk.conversation().party_id == dana.id, "who it was with before"


# --- what becomes of what we sent -------------------------------------------------------------------------------------


def test_a_status_waits_for_its_message(desk: Desk) -> None:
    desk.tell(status("m1", "read", minute=3), status("m1", "delivered", minute=2))
    assert len(desk.all(MessageStatus)) == 2
    desk.take(message(direction="outbound"))
    [row] = desk.all(MessageRow)
    assert (row.state, row.state_at) == ("read", AT + timedelta(minutes=3))
    desk.tell(status("m1", "sent", minute=1), status("m1", "read", minute=9))
    [row] = desk.all(MessageRow)
    [shown] = desk.all(Interaction)
    assert (row.state, row.state_at, shown.detail["state"]) == ("read", AT + timedelta(minutes=3), "read")


def test_what_failed_answers_nobody(desk: Desk) -> None:
    desk.take(message(), message("m2", minute=1, direction="outbound"))
    assert desk.conversation().unanswered_since is None
    desk.tell(status("m2", "failed", reason="Message undeliverable", code="131026"))
    [_, row] = desk.all(MessageRow)
    assert (row.state, row.reason) == ("failed", "Message undeliverable")
    assert desk.conversation().unanswered_since == AT


def test_a_reaction_asks_for_no_answer_and_opens_nothing(desk: Desk) -> None:
    desk.take(message("m1", direction="outbound"), message("m2", minute=1, content="reaction", text="❤", reply_to="m1"))
    one = desk.conversation()
    assert (one.unanswered_since, one.last_inbound_at, one.last_at) == (None, None, AT + timedelta(minutes=1))


# --- ads, consent, files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("referral", "bucket"), [
    ({"ad_id": "120", "url": "https://fb.me/x", "headline": "Spring", "click_id": "ARA"}, Bucket.PAID),
    ({"ad_id": "120"}, Bucket.PAID),  # without the id of the click: by the ad all the same
    ({"url": "https://fb.me/post"}, Bucket.UNATTRIBUTED),
])  # fmt: skip
def test_an_ad_that_led_to_a_message_is_a_touchpoint_once(desk: Desk, referral: dict[str, str], bucket: Bucket) -> None:
    for _ in range(2):
        desk.take(message(referral=referral, peer_name="Dana Levi"))
        desk.take(message(referral={**referral, "text": "changed"}, peer_name="Dana Levi"))
    [touch] = desk.all(Touchpoint)
    assert (touch.bucket, touch.ad_id, touch.platform, touch.at) == (bucket, referral.get("ad_id", ""), "whatsapp", AT)
    assert touch.interaction_id == desk.all(Interaction)[0].id
    assert touch.clicks == ({"ctwa_clid": "ARA"} if "click_id" in referral else {})


def test_who_says_stop_is_not_written_to_until_he_says_start(desk: Desk) -> None:
    def stopped() -> bool:
        with desk.db.read() as session:
            return is_stopped(session, session.get_one(Conversation, desk.conversation().id))

    desk.take(message("m1", channel="sms", text="Hello"))
    assert not stopped()
    desk.take(message("m3", minute=2, channel="sms", text="start"))
    desk.take(message("m2", minute=1, channel="sms", text="STOP"))
    assert not stopped(), "the later word counts, whichever came first"
    desk.take(message("m4", minute=3, channel="sms", text="הסר"), message("m4", minute=3, channel="sms", text="הסר"))
    assert stopped()
    assert [(one.checked, one.text) for one in desk.all(Consent)] == [(True, "start"), (False, "STOP"), (False, "הסר")]


def test_files_are_noted_once_and_wait_to_be_fetched(desk: Desk) -> None:
    media = [{"id": "f1", "media_type": "image/jpeg", "name": "a.jpg", "sha256": "AB" * 32, "size": 5}, {"id": "f2"}]
    for _ in range(2):
        desk.take(message(content="image", text="", media=media))
    rows = desk.all(MessageMedia)
    assert [(one.remote_id, one.said_sha256, one.state) for one in rows] == [
        ("f1", "ab" * 32, "pending"),
        ("f2", "", "pending"),
    ]
    assert desk.all(Interaction)[0].detail["files"] == 2


def test_words_as_senders_are_nobody(desk: Desk) -> None:
    for number, sender in enumerate(["AcmeBank", "acmebank", "12345"]):
        desk.take(message(f"s{number}", channel="sms", peer_phone=sender, peer_name="Acme"))
    assert {one.party_id for one in desk.all(Participant)} == {None}
    assert len(desk.all(Conversation)) == 2


def test_a_lead_is_reached_by_a_message_and_not_by_one_that_failed(desk: Desk) -> None:
    lead: dict[str, Any] = {
        "remote_id": "lead", "created_at": now() - timedelta(hours=2), "form_id": "f", "form_name": "Offer",
        "answers": [{"key": "phone", "type": "PHONE", "label": "Phone", "values": [DANA]},
                    {"key": "full_name", "type": "FULL_NAME", "label": "Name", "values": ["Dana Levi"]}],
    }  # fmt: skip
    with desk.db.write() as session:
        account = session.get_one(Account, desk.account)
        kept = receive.keep_page(session, account.id, "lead", [Delivered("lead", "lead", {})])
        take_leads(session, account, [LeadGiven(*receive.rows(session, kept), lead)], region="IL")  # type: ignore[arg-type]  # one
    desk.tell(status("m1", "failed"))
    desk.take(message("m1", at=just_now(minutes=50), direction="outbound"))
    stage(desk)
    assert [one.contacted_at for one in desk.all(LeadRow)] == [None]
    desk.take(message("m2", at=just_now(minutes=40), direction="outbound"))
    stage(desk)
    [row] = desk.all(LeadRow)
    assert (row.stage, row.reached_at) == ("contacted", None)
    desk.take(message("m3", at=just_now(minutes=30)))
    stage(desk)
    [row] = desk.all(LeadRow)
    assert row.stage == "reached"


def stage(desk: Desk) -> None:
    with desk.db.write() as session:
        stages.advance(session)


def test_what_is_no_message_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(RecordError):
        desk.take(message(), message("m2", at="never"))
    assert desk.all(MessageRow) == []
    assert desk.all(Conversation) == []


def test_a_message_of_tomorrow_keeps_no_window_open(desk: Desk) -> None:
    desk.take(message(at=now() + timedelta(days=900)))
    last = desk.conversation().last_inbound_at
    assert last is not None
    assert last < now() + timedelta(minutes=6)


def test_workers_that_meet_the_same_new_person_make_one(desk: Desk) -> None:
    start = threading.Barrier(4)
    wrong: list[Exception] = []

    def work(number: int) -> None:
        start.wait(10)
        try:
            desk.take(message(f"m{number}", minute=number, peer_name="Dana Levi", peer_id=BSUID if number % 2 else ""))
            desk.tell(status(f"m{number}", "read"))
        except Exception as error:  # noqa: BLE001 - shown below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert len(desk.all(Conversation)) == len(desk.active()) == 1
    assert len(desk.all(MessageRow)) == len(desk.all(Interaction)) == 4
