"""Every story a telephone tells, from the exchange's wire to rows, cards, the timeline and My day; on both databases."""

import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.asterisk.simulated_pbx import RING, UP, SimCall
from hub.cti import assign, recordings, screen_pop
from hub.cti.models import CallRow, EndpointRule
from hub.identity import parties
from hub.identity.callers import CUSTOMER_NUMBER
from hub.identity.models import Identifier, Party, PartyKind
from hub.intake.models import Account, RawRecord
from hub.timeline import tasks
from hub.timeline.models import Interaction
from tests.conftest import DATABASES
from tests.e2e import calls
from tests.e2e.calls import Office, until
from tests.fakes.servers import free_port


@pytest.fixture(scope="module", params=DATABASES)
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for all stories: each has a caller of its own."""
    home = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), home / "hub.db")
        url = f"sqlite:///{home / 'hub.db'}"
    else:
        url = request.getfixturevalue("postgres_server").database(request.getfixturevalue("postgres_template"))
    with calls.wired(calls.settings(home, url)) as hub, calls.office(hub, agi_port=free_port()) as made:
        yield made


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "LOOK_AGAIN_S", 0.02)


def legs(view: dict[str, Any]) -> dict[str, str | None]:
    return {leg["extension"] or leg["number"]: leg["result"] for leg in view["legs"]}


def kinds(view: dict[str, Any]) -> list[tuple[str, str, str, str | None]]:
    return [(t["kind"], t["from"], t["to"], t["result"]) for t in view["transfers"]]


# --- inbound ----------------------------------------------------------------------------------------------------------


def test_a_ring_group_call_pops_everywhere_and_stays_where_it_is_answered(office: Office) -> None:
    number = office.number()
    customer = office.customer("Dana Levi", number)
    call = office.pbx.ring(caller=number, extensions=["101", "102", "103"])
    key = call.linked
    for extension in ("101", "102", "103"):
        card = office.rings(extension, key)
        assert (card["name"], card["match"], card["direction"]) == ("Dana Levi", "sure", "inbound")
        assert card["number"].replace(" ", "").replace("-", "").endswith(number[1:])
    call.answer("102")
    until(lambda: office.rings("102", key)["state"] == "answered")
    until(lambda: not office.card("101", key) and not office.card("103", key))
    for loser in ("101", "103"):
        assert office.gone(loser, key, "elsewhere")["by"] == "Omer"
    call.hangup("agent")
    view = office.finished(key)
    assert (view["direction"], view["outcome"], view["hangup_by"]) == ("inbound", "answered", "agent")
    assert (view["caller"], view["did"], view["source"], view["match_basis"]) == (number, "5550100", "live", "number")
    assert view["user"] == "omer@example.com"
    assert legs(view) == {"101": "elsewhere", "102": "answered", "103": "elsewhere"}
    assert view["party"] == str(customer.public_id)
    assert not view["end_estimated"]
    assert view["started_at"] <= view["ringing_at"] <= view["answered_at"] <= view["ended_at"]
    entry, (part,) = office.entry(key)
    assert (entry.kind, entry.direction, entry.detail["outcome"]) == ("call", "inbound", "answered")
    assert (part.party_id, part.role, part.value) == (customer.id, "caller", f"+972{number[1:]}")
    assert {e: office.events(e, key) for e in ("101", "102", "103")} == {
        "101": ["ringing", "ended"],
        "102": ["ringing", "answered", "ended"],
        "103": ["ringing", "ended"],
    }
    pops = office.pops(key)
    assert sorted(pops) == ["101", "102", "103"]
    assert all(pop.retracted_at for pop in pops.values())
    assert office.task(key) is None


def test_a_recording_is_found_after_the_call(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    office.written(call.linked, ringing=["101"])
    call.answer("101")
    office.written(call.linked, answered=["101"])
    call.hangup()
    row = office.recording(call.linked, "ready")
    assert row.size is not None
    assert row.size > recordings.WAV_HEADER
    assert len(row.sha256) == 64
    assert [r["state"] for r in office.finished(call.linked)["recordings"]] == ["ready"]


def test_a_missed_call_waits_in_the_day_of_all_whose_phones_rang(office: Office) -> None:
    number = office.number()
    call = office.pbx.ring(caller=number, extensions=["101", "103"])
    office.written(call.linked, ringing=["101", "103"])
    call.give_up()
    view = office.finished(call.linked)
    assert (view["outcome"], view["reason"], view["hangup_by"]) == ("missed", "timeout", "pbx")
    e164 = f"+972{number[1:]}"
    assert e164 in office.missed("101")
    assert e164 in office.missed("103")
    assert e164 not in office.missed("102")
    assert office.told("101", call.linked)[-1].card["reason"] == "no_answer"
    assert office.recording(call.linked, "empty").size == recordings.WAV_HEADER


def test_a_caller_who_gives_up_is_missed_and_the_cards_go(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101", "102"])
    office.rings("102", call.linked)
    call.hangup("caller")
    view = office.finished(call.linked)
    assert (view["outcome"], view["reason"], view["hangup_by"]) == ("missed", "caller_gave_up", "caller")
    # The card goes at the first sign; why it went is known a moment later.
    assert office.events("101", call.linked)[:2] == ["ringing", "ended"]
    assert office.told("101", call.linked)[-1].card["reason"] == "gave_up"
    assert office.pops(call.linked)["101"].reason == "gave_up"
    assert office.card("101", call.linked) is None


def test_a_busy_phone_never_pops_and_the_call_waits_in_its_users_day(office: Office) -> None:
    number = office.number()
    call = office.pbx.ring(caller=number, extensions=["101"], busy=["101"])
    call.give_up()
    view = office.finished(call.linked)
    assert (view["outcome"], view["ringing_at"]) == ("busy", None)
    assert office.told("101", call.linked) == []
    assert f"+972{number[1:]}" in office.missed("101")


def test_a_declined_call_says_so(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    office.rings("101", call.linked)
    call.decline("101")
    call.give_up()
    view = office.finished(call.linked)
    assert (view["outcome"], view["reason"], legs(view)) == ("missed", "declined", {"101": "declined"})
    assert office.told("101", call.linked)[-1].card["reason"] == "declined"


def test_who_hangs_up_in_a_menu_abandoned_and_everybody_may_call_back(office: Office) -> None:
    number = office.number()
    with office.pbx.pbx.lock:
        origin = office.pbx.pbx.new_channel("PJSIP/trunk", RING, number, "", "5550301", context="from-trunk")
        office.pbx.pbx.run(origin, "Answer", "")
        office.pbx.pbx.set_state(origin, UP)
        office.pbx.pbx.ask_hangup(origin, 16)
        office.pbx.pbx.hang_up(origin, 16)
    view = office.finished(origin.linked)
    assert (view["outcome"], view["reason"], view["talk_s"]) == ("abandoned", "in_menu", 0)
    for extension in office.people:
        assert f"+972{number[1:]}" in office.missed(extension)


def test_a_message_in_the_mailbox_is_voicemail_with_its_sound(office: Office) -> None:
    pbx = office.pbx.pbx
    call = office.pbx.ring(caller=office.number(), extensions=["101"], record=False)
    office.rings("101", call.linked)
    call.stop_ringing()
    sound = office.pbx.recordings / "msg0000.wav"
    sound.write_bytes(b"RIFF" + bytes(1000))
    with pbx.lock:
        pbx.run(call.origin, "VoiceMail", "101@default,s")
        pbx.set_state(call.origin, UP)
        pbx.set_variable(call.origin, "VM_MESSAGEFILE", str(sound.with_suffix("")))
        pbx.set_variable(call.origin, "VMSTATUS", "SUCCESS")
        pbx.ask_hangup(call.origin, 16)
        pbx.hang_up(call.origin, 16)
    view = office.finished(call.linked)
    assert (view["outcome"], view["answered_at"], view["talk_s"]) == ("voicemail", None, 0)
    assert [r["voicemail"] for r in view["recordings"]] == [True]
    assert office.task(call.linked) is not None


def test_a_queue_call_is_answered_by_one_member(office: Office) -> None:
    office.pbx.pbx.queues["support"] = ["201", "202", "203"]
    call = office.pbx.ring(caller=office.number(), queue="support")
    key = call.linked
    assert office.rings("203", key)["queue"] == "support"
    call.answer("202")
    office.written(key, answered=["202"])
    call.hangup()
    view = office.finished(key)
    assert (view["queue"], view["outcome"], view["hangup_by"]) == ("support", "answered", "caller")
    assert legs(view) == {"201": "elsewhere", "202": "answered", "203": "elsewhere"}


def test_a_queue_that_rings_again_brings_the_same_card_back(office: Office) -> None:
    office.pbx.pbx.queues["again"] = ["201", "202"]
    call = office.pbx.ring(caller=office.number(), queue="again")
    key = call.linked
    office.rings("201", key)
    office.written(key, ringing=["201", "202"])
    call.stop_ringing()
    until(lambda: office.card("201", key) is None)
    call.offer(["201", "202"])
    office.rings("201", key)
    call.hangup("caller")
    view = office.finished(key)
    assert (view["outcome"], view["hangup_by"]) == ("missed", "caller")
    assert office.events("201", key) == ["ringing", "ended", "ringing", "ended"]
    assert sorted(office.pops(key)) == ["201", "202"]


# --- transfers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("event", "kind"), [(True, "blind"), (False, "redirect")])
def test_a_transfer_moves_the_card(office: Office, event: bool, kind: str) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    key = call.linked
    office.rings("101", key)
    call.answer("101")
    office.written(key, answered=["101"])
    call.transfer("103", event=event)
    office.rings("103", key)
    until(lambda: office.told("101", key)[-1].event == "call.ended")
    call.answer("103")
    office.written(key, answered=["103"])
    gone = office.told("101", key)[-1].card
    assert (gone["reason"], gone["by"]) == ("transferred", "Ruth")
    call.hangup("caller")
    view = office.finished(key)
    assert kinds(view) == [(kind, "101", "103", "completed")]
    assert (view["outcome"], view["user"]) == ("answered", "ruth@example.com")
    assert office.events("103", key) == ["ringing", "answered", "ended"]


def test_an_attended_transfer_asks_first_and_then_hands_over(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    key = call.linked
    office.rings("101", key)
    call.answer("101")
    office.written(key, answered=["101"])
    call.consult("102")
    card = office.rings("102", key)
    assert (card["consult_by"], card["state"]) == ("Noa", "ringing")
    call.answer("102")
    office.written(key, answered=["102"])
    assert office.rings("101", key)["state"] == "answered"
    call.complete()
    until(lambda: not office.rings("102", key)["consult_by"] and office.rings("102", key)["state"] == "answered")
    until(lambda: office.told("101", key)[-1].card.get("reason") == "transferred")
    call.hangup("caller")
    view = office.finished(key)
    assert kinds(view) == [("attended", "101", "102", "completed")]
    assert (view["outcome"], view["user"]) == ("answered", "omer@example.com")


# --- outbound and internal --------------------------------------------------------------------------------------------------


def test_an_outgoing_call_is_on_the_timeline_with_its_recording(office: Office) -> None:
    number = office.number()
    customer = office.customer("Ivan Petrov", number)
    call = office.pbx.pbx.outgoing(extension="101", number=number)
    key = call.linked
    office.rings("101", key)
    call.answer(number)
    until(lambda: office.rings("101", key)["state"] == "answered")
    call.hangup("agent")
    view = office.finished(key)
    assert (view["direction"], view["outcome"], view["callee"]) == ("outbound", "answered", number)
    assert (view["user"], view["party"], view["did"]) == ("noa@example.com", str(customer.public_id), "")
    entry, (part,) = office.entry(key)
    assert (entry.direction, part.role, part.party_id) == ("outbound", "callee", customer.id)
    assert office.recording(key, "ready").size


def test_an_outgoing_call_that_nobody_takes_is_missed_and_makes_no_work(office: Office) -> None:
    number = office.number()
    call = office.pbx.pbx.outgoing(extension="102", number=number)
    call.hangup("caller")
    view = office.finished(call.linked)
    assert (view["direction"], view["outcome"], view["reason"]) == ("outbound", "missed", "caller_gave_up")
    assert office.task(call.linked) is None


def internal(office: Office, caller: str, callee: str) -> Any:
    """A colleague calls a colleague."""
    pbx = office.pbx.pbx
    with pbx.lock:
        call = SimCall(pbx, did=callee)
        call.origin = pbx.new_channel(f"PJSIP/{caller}", RING, caller, f"Ext {caller}", callee)
        call.offer([callee])
        pbx.calls.append(call)
    return call


def test_an_internal_call_shows_the_colleague_and_belongs_to_no_customer(office: Office) -> None:
    call = internal(office, "102", "101")
    key = call.linked
    card = office.rings("101", key)
    assert (card["direction"], card["name"], card["number"]) == ("internal", "Omer", "102")
    call.answer("101")
    office.written(key, answered=["101"])
    call.hangup("caller")
    view = office.finished(key)
    assert (view["direction"], view["outcome"], view["callee"], view["party"]) == ("internal", "answered", "101", None)
    _, (part,) = office.entry(key)
    assert (part.party_id, part.value) == (None, "")


def test_a_missed_internal_call_makes_no_work(office: Office) -> None:
    call = internal(office, "102", "101")
    office.rings("101", call.linked)
    call.hangup("caller")
    assert office.finished(call.linked)["outcome"] == "missed"
    assert office.task(call.linked) is None


# --- calling back -----------------------------------------------------------------------------------------------------------


def missed_call(office: Office, number: str) -> str:
    call = office.pbx.ring(caller=number, extensions=["101", "102"])
    office.written(call.linked, ringing=["101", "102"])
    call.give_up()
    office.finished(call.linked)
    return call.linked


def test_a_missed_call_is_done_when_somebody_calls_back_and_is_answered(office: Office) -> None:
    number = office.number()
    e164 = f"+972{number[1:]}"
    key = missed_call(office, number)
    vain = office.pbx.pbx.outgoing(extension="102", number=number)
    vain.hangup("caller")
    office.finished(vain.linked)
    assert e164 in office.missed("101")
    back = office.pbx.pbx.outgoing(extension="102", number=number)
    office.rings("102", back.linked)
    back.answer(number)
    office.written(back.linked, answered=["102"])
    back.hangup("agent")
    office.finished(back.linked)
    assert e164 not in office.missed("101") + office.missed("102")
    task = office.task(key)
    assert task is not None
    assert (task.done_reason, task.done_by) == ("called_back", office.user("102"))


def test_a_missed_call_is_done_when_somebody_says_so(office: Office) -> None:
    number = office.number()
    key = missed_call(office, number)
    task = office.task(key)
    assert task is not None
    with office.hub.db.write() as session:
        tasks.done(session, office.person("101"), tasks.get(session, task.public_id))
    assert f"+972{number[1:]}" not in office.missed("101") + office.missed("102")


def test_a_caller_who_calls_again_and_is_answered_waits_no_more(office: Office) -> None:
    number = office.number()
    missed_call(office, number)
    missed_call(office, number)
    call = office.pbx.ring(caller=number, extensions=["101"])
    office.rings("101", call.linked)
    call.answer("101")
    office.written(call.linked, answered=["101"])
    call.hangup()
    office.finished(call.linked)
    assert f"+972{number[1:]}" not in office.missed("101") + office.missed("102")


# --- who it is --------------------------------------------------------------------------------------------------------------


def answered(office: Office, extension: str = "101", **caller: Any) -> dict[str, Any]:
    """One whole call; returns its view with the card as it rang."""
    call = office.pbx.ring(extensions=[extension], record=False, **caller)
    card = office.rings(extension, call.linked)
    call.answer(extension)
    office.written(call.linked, answered=[extension])
    call.hangup()
    return {**office.finished(call.linked), "card": card}


def test_a_number_of_two_customers_is_a_list_and_belongs_to_nobody_yet(office: Office) -> None:
    number = office.number()
    one, two = office.customer("Anna One", number), office.customer("Boris Two", number)
    view = answered(office, caller=number)
    assert (view["card"]["match"], view["card"]["name"]) == ("maybe", "Anna One / Boris Two")
    assert (view["party"], view["match_basis"]) == (None, "ambiguous")
    assert set(view["candidates"]) == {str(one.public_id), str(two.public_id)}
    _, (part,) = office.entry(view["key"])
    assert part.party_id is None
    with office.hub.db.write() as session:
        row = session.get_one(CallRow, office.row(view["key"]).id)  # type: ignore[union-attr]  # it is there
        assign.assign_call(session, office.person("101"), row, session.get_one(Party, two.id), region="IL")
    _, (part,) = office.entry(view["key"])
    assert part.party_id == two.id


def test_an_unknown_number_makes_no_customer_until_somebody_names_it_and_then_its_calls_follow(office: Office) -> None:
    number = office.number()
    before = office.count(Party)
    first = answered(office, caller=number, name="Somebody")
    missed = missed_call(office, number)
    assert (first["card"]["match"], first["card"]["name"], first["party"]) == ("none", "Somebody", None)
    assert office.count(Party) == before
    with office.hub.db.write() as session:
        row = session.get_one(CallRow, office.row(first["key"]).id)  # type: ignore[union-attr]  # it is there
        party = parties.create(session, office.person("101"), PartyKind.PERSON, "Now Known", region="IL")
        assign.assign_call(session, office.person("101"), row, party, region="IL")
    for key in (first["key"], missed):
        _, (part,) = office.entry(key)
        assert part.party_id == party.id
        view = office.view(key)
        assert view is not None
        assert view["party"] == str(party.public_id)
    task = office.task(missed)
    assert task is not None
    assert task.party_id == party.id
    assert answered(office, caller=number)["card"]["name"] == "Now Known"


def test_a_withheld_number_is_shown_to_nobody_and_belongs_to_nobody(office: Office) -> None:
    view = answered(office, caller="anonymous", name="Anonymous")
    assert (view["card"]["number"], view["card"]["name"], view["card"]["withheld"]) == ("", "", True)
    assert (view["caller"], view["caller_name"], view["number"], view["withheld"]) == ("", "", "", True)
    _, (part,) = office.entry(view["key"])
    assert (part.party_id, part.value) == (None, "")


def test_a_missed_call_with_a_withheld_number_is_a_row_of_my_day_too(office: Office) -> None:
    key = missed_call(office, "anonymous")
    task = office.task(key)
    assert task is not None
    assert (task.number, task.party_id, task.done_at) == ("", None, None)
    again = missed_call(office, "anonymous")
    assert office.task(again) is not None
    answered(office, caller="anonymous", name="Anonymous")
    for one in (key, again):
        task = office.task(one)
        assert task is not None
        assert task.done_at is None, "nobody can know that it was the same person"


def test_a_number_withheld_but_known_to_the_exchange_is_used_only_where_the_trunk_allows_it(office: Office) -> None:
    number = office.number()
    customer = office.customer("Secret Sam", number)

    def withheld_call() -> dict[str, Any]:
        pbx = office.pbx.pbx
        with pbx.lock:
            call = office.pbx.ring(caller=number, name="Sam", extensions=[])
            pbx.set_variable(call.origin, "__HUB_PRES", "prohib_not_screened")
            call.offer(["102"])
        card = office.rings("102", call.linked)
        call.answer("102")
        office.written(call.linked, answered=["102"])
        call.hangup()
        return {**office.finished(call.linked), "card": card}

    view = withheld_call()
    assert (view["card"]["number"], view["card"]["name"], view["party"]) == ("", "", None)
    with office.hub.db.write() as session:
        rule = EndpointRule(account_id=office.account.id, pattern="PJSIP/trunk*", kind="trunk", match_withheld=True)
        session.add(rule)
    listener = office.hub.telephone.listeners[office.account.id]
    listener._directory_at = 0.0  # the administrator's change counts from the next message on
    view = withheld_call()
    assert (view["card"]["number"], view["card"]["name"]) == ("", "Secret Sam")
    assert (view["party"], view["caller"], view["number"]) == (str(customer.public_id), "", "")
    with office.hub.db.write() as session:
        session.delete(session.get_one(EndpointRule, rule.id))
    listener._directory_at = 0.0


def test_an_ignored_number_pops_nowhere_and_makes_no_work_but_is_kept(office: Office) -> None:
    number = office.number()
    missed_call(office, number)
    with office.hub.db.write() as session:
        assign.ignore_number(session, office.person("101"), f"+972{number[1:]}")
    assert f"+972{number[1:]}" not in office.missed("101")
    office.hub.telephone.listeners[office.account.id]._directory_at = 0.0
    call = office.pbx.ring(caller=number, extensions=["101"])
    office.written(call.linked, ringing=["101"])
    call.give_up()
    view = office.finished(call.linked)
    assert (view["outcome"], office.told("101", call.linked), office.task(call.linked)) == ("missed", [], None)
    assert office.entry(call.linked)


def test_a_keyed_customer_number_finds_its_customer(office: Office) -> None:
    customer = office.customer("Keyed Kim")
    with office.hub.db.write() as session:
        session.add(Identifier(party_id=customer.id, kind=CUSTOMER_NUMBER, value="778899", raw="778899"))
    view = answered(office, caller=office.number(), keyed="778899")
    assert (view["card"]["name"], view["customer_number"]) == ("Keyed Kim", "778899")
    assert (view["party"], view["match_basis"]) == (str(customer.public_id), "keyed")


def ask(office: Office, call: SimCall, *, keyed: str) -> None:
    """Ask over FastAGI, as the dialplan does after the caller keyed a number in."""
    with office.hub.db.read() as session:
        port = session.get_one(Account, office.account.id).settings["agi_port"]
    with socket.create_connection(("127.0.0.1", port), 5) as dialplan:
        dialplan.sendall(f"agi_request: lookup\nagi_arg_1: {call.linked}\nagi_arg_2: {keyed}\n\n".encode())
        dialplan.recv(1000)  # ends with the connection: nothing is to be set on the desk phone


def test_a_customer_number_that_comes_before_the_call_is_known_waits_for_it(office: Office) -> None:
    customer = office.customer("Early Eli")
    with office.hub.db.write() as session:
        session.add(Identifier(party_id=customer.id, kind=CUSTOMER_NUMBER, value="334455", raw="334455"))
    office.pbx.disconnect()  # its events do not reach us, its questions do
    try:
        call = office.pbx.ring(caller=office.number(), extensions=["101"], record=False)
        ask(office, call, keyed="334455")
    finally:
        office.pbx.boot()
    assert office.rings("101", call.linked)["name"] == "Early Eli"
    call.answer("101")
    call.hangup()
    view = office.finished(call.linked)
    assert (view["customer_number"], view["party"], view["match_basis"]) == (
        "334455", str(customer.public_id), "keyed",
    )  # fmt: skip


def test_a_customer_number_told_over_fastagi_finds_its_customer(office: Office) -> None:
    customer = office.customer("Menu Mia")
    with office.hub.db.write() as session:
        session.add(Identifier(party_id=customer.id, kind=CUSTOMER_NUMBER, value="445566", raw="445566"))
    call = office.pbx.ring(caller=office.number(), extensions=["101"], record=False)
    office.rings("101", call.linked)
    ask(office, call, keyed="445566")
    until(lambda: office.rings("101", call.linked)["name"] == "Menu Mia", why=lambda: office.told("101", call.linked))
    call.answer("101")
    call.hangup()
    view = office.finished(call.linked)
    assert (view["customer_number"], view["party"], view["match_basis"]) == (
        "445566", str(customer.public_id), "keyed",
    )  # fmt: skip
    assert [one.event for one in office.told("101", call.linked)].count("call.ended") == 1


HOSTILE = {
    "markup": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "quotes": ('O\'Neil "the\\one"', 'O\'Neil "the\\one"'),
    "bidi controls": ("\u202eevil\u2066 \u200fname", "\u202eevil\u2066 \u200fname"),
    "the words that stop pyst2": ("Channel status will follow", "Channel status will follow"),
    "NUL": ("a\0b", "ab"),
    "ten kilobytes": ("x" * 10_240, "x" * 200),
    "no UTF-8": ("Jos\udce9 M\udcfcller", "José Müller"),
    "an empty line's worth": ("Event: Hangup", "Event: Hangup"),
    "half an emoji": ("\udced\udca0\udcbd", "í\xa0½"),  # its bytes are no UTF-8, so they are shown one by one
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_of_a_caller_is_kept_as_text_and_harms_nothing(office: Office, what: str) -> None:
    sent, shown = HOSTILE[what]
    view = answered(office, caller=office.number(), name=sent)
    assert view["caller_name"] == shown
    assert view["card"]["name"] == shown
    assert view["outcome"] == "answered"


def test_a_hostile_number_is_kept_as_text(office: Office) -> None:
    for number in ("'; DROP TABLE call; --", "+" * 300, "٠٥٤٢٣٤٥٦٧٨", "054\u202e234\u200f5678", "0" * 60):
        view = answered(office, caller=number)
        assert view["outcome"] == "answered"
        assert view["caller"] == number[:200]


# --- what people do with the card -----------------------------------------------------------------------------------------


def test_a_card_that_was_dismissed_stays_away_while_the_call_goes_on(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101", "102"])
    key = call.linked
    office.rings("101", key)
    office.written(key, ringing=["101", "102"])
    until(lambda: "101" in office.pops(key))
    with office.hub.db.write() as session:
        row = office.row(key)
        assert row is not None
        screen_pop.dismiss(session, office.bus, row, office.user("101"))
    call.answer("101")
    office.written(key, answered=["101"])
    call.hangup()
    office.finished(key)
    assert office.events("101", key) == ["ringing", "dismissed", "ended"]
    assert office.card("101", key) is None
    assert office.pops(key)["101"].dismissed_at


def test_a_half_written_note_follows_its_card_when_the_queue_rings_again(office: Office) -> None:
    office.pbx.pbx.queues["noted"] = ["201"]
    call = office.pbx.ring(caller=office.number(), queue="noted")
    key = call.linked
    office.rings("201", key)
    until(lambda: "201" in office.pops(key))
    with office.hub.db.write() as session:
        row = office.row(key)
        assert row is not None
        screen_pop.save_draft(session, office.bus, row, office.user("201"), {"note": "asks for"})
    call.stop_ringing()
    office.last_told("201", key, "call.ended")
    call.offer(["201"])
    until(lambda: office.events("201", key)[-1:] == ["ringing"])
    call.answer("201")
    office.written(key, answered=["201"])
    call.hangup()
    office.finished(key)
    assert office.pops(key)["201"].draft == {"note": "asks for"}


def test_twenty_calls_at_once_are_twenty_calls(office: Office) -> None:
    """Also two of them from one and the same number."""
    numbers = [office.number() for _ in range(19)]
    started = [office.pbx.ring(caller=n, extensions=["201", "202"]) for n in [*numbers, numbers[0]]]
    for call in started:
        office.written(call.linked, ringing=["201", "202"])
    for index, call in enumerate(started):
        call.answer(["201", "202"][index % 2])
    for call in reversed(started):
        call.hangup()
    views = [office.finished(call.linked) for call in started]
    assert [view["caller"] for view in views] == [*numbers, numbers[0]]
    assert {view["outcome"] for view in views} == {"answered"}
    assert [view["user"] for view in views[:2]] == ["lena@example.com", "adam@example.com"]


def test_in_the_end_every_call_is_there_once_and_none_is_open(office: Office) -> None:
    """After all stories above: what each left behind."""
    views = office.views()
    assert views
    assert [view["key"] for view in views if view["open"]] == []
    assert len({view["key"] for view in views}) == len(views)
    assert office.count(Interaction) == len(views)
    with office.hub.db.read() as session:
        states = {raw.state for raw in session.query(RawRecord).filter(RawRecord.stream == "calls")}
    assert states == {"applied"}
    listener = office.hub.telephone.listeners[office.account.id]
    assert listener.open_calls == 0
    assert listener.counters.values.get("faults", 0) == 0
    assert office.bus.cards(office.user("103")) == [] or office.bus.cards(office.user("103"))[0]["state"] == "ended"
