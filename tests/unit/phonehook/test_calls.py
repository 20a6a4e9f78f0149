"""Stories of calls, told by webhook, through the translator and the same call state as every exchange's."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.phonehook.exchange import PhoneHookExchange
from connectors.phonehook.settings import PhoneHookSettings
from connectors.phonehook.translate import PhoneHookTranslator
from connectors.phonehook.webhook import receive
from hub.connector.contract import Account
from hub.connector.hook import Hook
from hub.cti.call_state import CallState
from hub.records.call import Call, LegResult
from hub.records.telephony import ChannelChanged, ChannelState, EndpointClass, Ticked

ACCOUNT = Account(1, "desk", PhoneHookSettings(), "IL", "Asia/Jerusalem")
EXCHANGE = PhoneHookExchange(ACCOUNT)
IN = {"from": "0612345678", "to": "5550100", "direction": "in", "callId": "c1"}
OUT = {"from": "101", "to": "0201234567", "direction": "out", "callId": "c1", "user": "101"}


class Desk:
    """Webhooks in, calls out. Each message comes one second after the last."""

    def __init__(self, silent_s: float = 3600.0) -> None:
        self.state = CallState(EXCHANGE.guess, silent_s=silent_s)
        self.translator = PhoneHookTranslator()
        self.at = 1_800_000_000.0
        self.calls: dict[str, Call] = {}
        self.versions: list[Call] = []

    def tell(self, *messages: dict[str, Any]) -> "Desk":
        for fields in messages:
            hook = Hook(json.dumps(fields).encode(), {}, "application/json")
            for raw in receive(ACCOUNT, hook).heard:
                for event in self.translator.translate(self.at, raw):
                    self.state.feed(event)
            self._note()
            self.at += 1
        return self

    def wait(self, seconds: float) -> "Desk":
        self.at += seconds
        self.state.feed(Ticked(self.at))
        self._note()
        return self

    def _note(self) -> None:
        for call in self.state.changed():
            self.calls[call.key] = call
            self.versions.append(call)

    @property
    def call(self) -> Call:
        (call,) = self.calls.values()
        return call

    def rings(self) -> set[str]:
        """Extensions whose phone rings now."""
        return {leg.extension for leg in self.call.legs if leg.ringing_at and not leg.ended_at and not leg.answered_at}


def new(**more: Any) -> dict[str, Any]:
    return {"event": "newCall", **IN, **more}


def answer(**more: Any) -> dict[str, Any]:
    return {"event": "answer", **IN, **more}


def hangup(cause: str = "normalClearing", **more: Any) -> dict[str, Any]:
    return {"event": "hangup", **IN, "cause": cause, **more}


def talked(call: Call) -> list[tuple[str, float]]:
    return [
        (one.extension, (one.ended_at - one.started_at).total_seconds())
        for one in call.segments
        if one.ended_at is not None
    ]


class TestIncoming:
    def test_the_named_users_ring_at_once(self) -> None:
        desk = Desk().tell(new(user=["Noa Levi", "102"]))

        assert desk.rings() == {"Noa Levi", "102"}
        assert (desk.call.direction, desk.call.caller, desk.call.did) == ("inbound", "0612345678", "5550100")
        assert (desk.call.key, desk.call.trunk, desk.call.open) == ("c1", "HOOK/trunk", True)

    def test_one_answers_and_the_others_are_released(self) -> None:
        desk = Desk().tell(new(user=["101", "102", "103"]), answer(user="102"))

        assert not desk.rings()
        results = {leg.extension: leg.result for leg in desk.call.legs}
        assert results == {"101": LegResult.ELSEWHERE, "102": None, "103": LegResult.ELSEWHERE}

        desk.tell(hangup()).wait(5)
        assert (desk.call.outcome, desk.call.talk_s, desk.call.ring_s) == ("answered", 1.0, 1.0)
        assert talked(desk.call) == [("102", 1.0)]
        assert desk.call.settled

    @pytest.mark.parametrize(
        ("cause", "outcome", "reason"),
        [
            ("normalClearing", "missed", "timeout"),
            ("noAnswer", "missed", "timeout"),
            ("cancel", "missed", "caller_gave_up"),
            ("forwarded", "missed", "timeout"),
            ("busy", "busy", ""),
            ("congestion", "failed", "unreachable"),
            ("notFound", "failed", "unreachable"),
        ],
    )
    @pytest.mark.parametrize("users", [["101", "102"], []])
    def test_each_cause_before_an_answer_has_its_outcome(
        self, cause: str, outcome: str, reason: str, users: list[str]
    ) -> None:
        desk = Desk().tell(new(user=users), hangup(cause)).wait(5)

        assert (desk.call.outcome, desk.call.reason) == (outcome, reason)
        assert not desk.rings()
        assert desk.call.talk_s == 0

    @pytest.mark.parametrize(
        "cause", ["normalClearing", "noAnswer", "cancel", "busy", "congestion", "notFound", "forwarded"]
    )
    def test_after_an_answer_no_cause_makes_it_unanswered(self, cause: str) -> None:
        desk = Desk().tell(new(user="101"), answer(user="101"), hangup(cause)).wait(5)

        assert desk.call.outcome == "answered"

    def test_without_a_user_the_called_number_itself_rings(self) -> None:
        assert Desk().tell(new(to="101")).rings() == {"101"}

    def test_who_answers_takes_the_place_of_the_guessed_phone(self) -> None:
        desk = Desk().tell(new(), answer(user="Noa Levi"), hangup()).wait(5)

        assert talked(desk.call) == [("Noa Levi", 1.0)]
        assert desk.call.outcome == "answered"

    def test_the_answering_number_says_who_answered(self) -> None:
        desk = Desk().tell(new(user=["101", "102"]), answer(answeringNumber="102"))

        assert [leg.extension for leg in desk.call.legs if leg.talking] == ["102"]

    def test_the_only_phone_that_rings_is_the_one_that_answers(self) -> None:
        desk = Desk().tell(new(user=["101"]), answer())

        assert [leg.extension for leg in desk.call.legs if leg.talking] == ["101"]

    def test_users_are_the_same_in_any_spelling_of_case_and_space(self) -> None:
        desk = Desk().tell(new(user=["Noa  Levi"]), answer(user="noa levi"))

        assert len(desk.call.legs) == 1

    def test_a_queue_call_waits_and_is_abandoned(self) -> None:
        desk = Desk().tell(new(queue="support")).wait(9).tell(hangup("cancel")).wait(5)

        assert (desk.call.queue, desk.call.outcome, desk.call.reason) == ("support", "missed", "queue_abandon")
        assert desk.call.wait_s == 10.0

    def test_a_queue_call_that_is_answered_did_not_wait_in_vain(self) -> None:
        desk = Desk().tell(new(queue="support", user=["201"]), answer(user="201"), hangup()).wait(5)

        assert (desk.call.outcome, desk.call.wait_s, desk.call.queue) == ("answered", 0.0, "support")

    def test_a_withheld_number_is_no_number(self) -> None:
        call = Desk().tell(new(**{"from": "anonymous"}, user="101")).call

        assert (call.caller, call.withheld) == ("", True)

    def test_name_and_customer_number_are_kept(self) -> None:
        call = Desk().tell(new(user="101", name="Ada Smith", customerId="123456")).call

        assert (call.caller_name, call.keyed) == ("Ada Smith", "123456")

    def test_a_user_called_trunk_is_a_user(self) -> None:
        desk = Desk().tell(new(user=["trunk"]))

        assert [leg.extension for leg in desk.call.legs] == ["trunk (user)"]

    def test_a_rejected_caller_makes_nothing_ring(self) -> None:
        settings = PhoneHookSettings(reject_blocked=True, blocked_numbers="06")
        hook = Hook(json.dumps(new(user=["101"])).encode(), {}, "application/json")
        (raw,) = receive(Account(1, "desk", settings, "IL", "UTC"), hook).heard

        events = PhoneHookTranslator().translate(1.0, raw)

        assert not [one for one in events if isinstance(one, ChannelChanged) and one.state is ChannelState.RINGING]


class TestOutgoing:
    def test_it_begins_at_the_users_phone(self) -> None:
        call = Desk().tell({"event": "newCall", **OUT}).call

        assert (call.direction, call.caller, call.callee) == ("outbound", "101", "0201234567")
        assert [leg.extension for leg in call.legs if leg.origin] == ["101"]

    def test_an_answered_call_counts_from_the_answer(self) -> None:
        desk = Desk().tell({"event": "newCall", **OUT}).wait(3)
        desk.tell({"event": "answer", **OUT}).wait(5).tell({"event": "hangup", **OUT, "cause": "normalClearing"}).wait(
            5
        )

        assert (desk.call.outcome, desk.call.talk_s) == ("answered", 6.0)
        assert talked(desk.call)[0] == ("101", 6.0)

    @pytest.mark.parametrize(
        ("cause", "outcome", "reason"),
        [
            ("busy", "busy", ""),
            ("noAnswer", "missed", "timeout"),
            ("normalClearing", "missed", "timeout"),
            ("cancel", "missed", "caller_gave_up"),
            ("congestion", "failed", "congestion"),
            ("notFound", "failed", "unallocated"),
            ("forwarded", "missed", "timeout"),
        ],
    )
    def test_each_cause_has_its_outcome(self, cause: str, outcome: str, reason: str) -> None:
        desk = Desk().tell({"event": "newCall", **OUT}, {"event": "hangup", **OUT, "cause": cause}).wait(5)

        assert (desk.call.outcome, desk.call.reason) == (outcome, reason)

    def test_without_a_user_the_calling_number_is_the_phone(self) -> None:
        call = Desk().tell({"event": "newCall", **OUT, "user": ""}).call

        assert call.caller == "101"

    def test_a_click_to_dial_is_known_again(self) -> None:
        assert Desk().tell({"event": "newCall", **OUT, "clickId": "order-7"}).call.click_id == "order-7"


class TestTransfers:
    def test_a_second_answer_is_a_transfer(self) -> None:
        desk = Desk().tell(new(user="101"), answer(user="101"), answer(user="103"), hangup()).wait(5)

        assert talked(desk.call) == [("101", 1.0), ("103", 1.0)]
        assert [(one.source, one.target, one.result) for one in desk.call.transfers] == [("101", "103", "completed")]

    def test_back_again_is_a_second_transfer(self) -> None:
        desk = Desk().tell(
            new(user="101"), answer(user="101", seq=2), answer(user="103", seq=3), answer(user="101", seq=4), hangup()
        )
        desk.wait(5)

        assert [(one.source, one.target) for one in desk.call.transfers] == [("101", "103"), ("103", "101")]
        assert [extension for extension, _ in talked(desk.call)] == ["101", "103", "101"]

    def test_a_blind_transfer_rings_the_target_before_it_answers(self) -> None:
        desk = Desk().tell(new(user="101"), answer(user="101"))
        desk.tell({"event": "transfer", "callId": "c1", "to": "103", "kind": "blind"})

        assert desk.rings() == {"103"}
        desk.tell(answer(user="103"), hangup()).wait(5)
        (transfer,) = desk.call.transfers
        assert (transfer.kind, transfer.source, transfer.target, transfer.result) == (
            "blind",
            "101",
            "103",
            "completed",
        )
        assert [extension for extension, _ in talked(desk.call)] == ["101", "103"]

    def test_a_blind_transfer_that_nobody_takes_stays_an_answered_call(self) -> None:
        desk = Desk().tell(new(user="101"), answer(user="101"), {"event": "transfer", "callId": "c1", "to": "103"})
        desk.tell(hangup("noAnswer")).wait(5)

        assert desk.call.outcome == "answered"
        assert [(one.target, one.result) for one in desk.call.transfers] == [("103", "noanswer")]

    def test_an_attended_transfer_keeps_the_first_agent_until_the_second_answers(self) -> None:
        desk = Desk().tell(new(user="101"), answer(user="101"))
        desk.tell({"event": "transfer", "callId": "c1", "to": "103", "kind": "attended"})

        assert [leg.extension for leg in desk.call.legs if leg.talking] == ["101"]
        assert desk.rings() == {"103"}
        desk.tell(answer(user="103"), hangup()).wait(5)
        (transfer,) = desk.call.transfers
        assert (transfer.kind, transfer.source, transfer.target, transfer.result) == (
            "attended",
            "101",
            "103",
            "completed",
        )


class TestExtras:
    def test_ring_and_stop_move_the_ringing_from_phone_to_phone(self) -> None:
        desk = Desk().tell(new(queue="support"), {"event": "ring", "callId": "c1", "user": "201"})
        assert desk.rings() == {"201"}

        desk.tell(
            {"event": "stop", "callId": "c1", "user": "201"}, {"event": "ring", "callId": "c1", "extension": "202"}
        )
        assert desk.rings() == {"202"}

        desk.tell({"event": "ring", "callId": "c1", "user": "201", "seq": 9})
        assert desk.rings() == {"201", "202"}

        desk.tell(answer(user="201"), hangup()).wait(5)
        assert desk.call.outcome == "answered"
        assert not desk.rings()

    def test_an_exact_ring_replaces_the_guessed_phone(self) -> None:
        desk = Desk().tell(new(to="100"))
        assert desk.rings() == {"100"}

        assert desk.tell({"event": "ring", "callId": "c1", "user": "201"}).rings() == {"201"}

    def test_a_recording_is_named_once(self) -> None:
        recording = {"event": "recording", "callId": "c1", "url": "https://pbx/r/1.wav"}
        desk = Desk().tell(new(user="101"), answer(user="101"), recording, {**recording, "seq": 2})

        assert [one.path for one in desk.call.recordings] == ["https://pbx/r/1.wav"]


class TestDisorder:
    def test_a_repeated_delivery_changes_nothing(self) -> None:
        story = [new(user=["101", "102"]), answer(user="101"), answer(user="103"), hangup()]
        once = Desk().tell(*story).wait(5).call
        twice = Desk()
        for one in story:
            twice.tell(one)
            twice.at -= 1
            twice.tell(one)
        twice.wait(5)

        assert (twice.call.outcome, talked(twice.call), len(twice.call.transfers)) == (
            once.outcome,
            talked(once),
            len(once.transfers),
        )

    def test_the_answer_may_come_before_the_new_call(self) -> None:
        desk = Desk().tell(answer(user="101"), new(user=["101", "102"], name="Ada Smith"), hangup()).wait(5)

        assert desk.call.outcome == "answered"
        assert not desk.rings()
        assert [leg.extension for leg in desk.call.legs] == ["101"]

    def test_a_hangup_alone_makes_a_finished_call_of_what_it_has(self) -> None:
        desk = Desk().tell(hangup("noAnswer", user=["101"])).wait(5)

        assert (desk.call.outcome, desk.call.caller, desk.call.did) == ("missed", "0612345678", "5550100")
        assert all(not version.open for version in desk.versions), "nothing may pop for what is over"

    @pytest.mark.parametrize("direction", ["in", "out"])
    def test_a_hangup_alone_says_busy_where_it_was(self, direction: str) -> None:
        assert Desk().tell(hangup("busy", direction=direction)).wait(5).call.outcome == "busy"

    def test_what_comes_after_the_hangup_is_no_new_call(self) -> None:
        desk = Desk().tell(new(user="101"), hangup("cancel"), answer(user="101"), new(user="102")).wait(5)

        assert desk.call.outcome == "missed"

    def test_a_hangup_without_parties_of_an_unknown_call_is_nothing(self) -> None:
        desk = Desk().tell({"event": "hangup", "callId": "c9", "cause": "busy"})

        assert desk.calls == {}

    @pytest.mark.parametrize("event", ["stop", "transfer", "recording"])
    def test_details_of_an_unknown_call_are_nothing(self, event: str) -> None:
        fields = {"event": event, "callId": "c9", "user": "101", "to": "103", "url": "https://pbx/1.wav"}

        assert Desk().tell(fields).calls == {}

    def test_a_call_without_hangup_is_lost_after_the_longest_silence(self) -> None:
        desk = (
            Desk(silent_s=EXCHANGE.silent_s)
            .tell(new(user="101"), answer(user="101"))
            .wait(EXCHANGE.silent_s + 1)
            .wait(5)
        )

        assert (desk.call.outcome, desk.call.end_estimated) == ("lost", True)

    def test_two_calls_of_one_number_at_once_are_two_calls(self) -> None:
        desk = Desk().tell(
            new(user="101"), new(user="102", callId="c2"), answer(user="101"), hangup("cancel", callId="c2")
        )
        desk.wait(5)

        assert {key: call.outcome for key, call in desk.calls.items()} == {"c1": None, "c2": "missed"}

    def test_a_translator_that_read_the_open_calls_again_goes_on(self) -> None:
        """A hub that was killed while two phones rang must not leave one ringing for ever."""
        desk = Desk().tell(new(user=["101", "102"]))
        desk.translator = PhoneHookTranslator()
        hook = Hook(json.dumps(new(user=["101", "102"])).encode(), {}, "application/json")
        desk.translator.translate(desk.at - 1, receive(ACCOUNT, hook).heard[0])

        desk.tell(answer(user="102"), hangup()).wait(5)

        assert desk.call.outcome == "answered"
        assert all(leg.ended_at for leg in desk.call.legs)


MESSAGES = st.lists(
    st.builds(
        lambda event, call, user, cause, kind, direction: {
            "event": event,
            "callId": call,
            "from": "0612345678",
            "to": user,
            "direction": direction,
            "user": user,
            "cause": cause,
            "kind": kind,
            "url": "https://pbx/1.wav",
        },
        st.sampled_from(["newCall", "answer", "hangup", "ring", "stop", "transfer", "recording"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["101", "102", "Noa Levi", "trunk"]),
        st.sampled_from(["normalClearing", "busy", "cancel", "noAnswer", "congestion", "notFound", "forwarded"]),
        st.sampled_from(["blind", "attended"]),
        st.sampled_from(["in", "out"]),
    ),
    max_size=25,
)


@settings(deadline=None)  # a busy machine is no fault
@given(MESSAGES)
def test_in_whatever_order_messages_come_every_call_ends_with_its_hangup(messages: list[dict[str, Any]]) -> None:
    desk = Desk().tell(*messages)
    for call in ("a", "b"):
        desk.tell(hangup(callId=call, seq="last"))
    desk.wait(5)

    assert desk.state.keys() == []
    for made in desk.calls.values():
        assert not made.open
        assert all(leg.ended_at for leg in made.legs)
        assert all(one.ended_at for one in made.segments)


def test_guesses_follow_the_names_that_the_translator_gives() -> None:
    assert EXCHANGE.guess("HOOK/trunk-0123abcd").kind is EndpointClass.TRUNK
    assert EXCHANGE.guess("HOOK/trunk").kind is EndpointClass.TRUNK
    phone = EXCHANGE.guess("HOOK/noa.levi@example.com-0123abcd")
    assert (phone.kind, phone.extension) == (EndpointClass.EXTENSION, "noa.levi@example.com")
    assert EXCHANGE.guess("PJSIP/101-00000001").kind is EndpointClass.IGNORE


def test_memory_does_not_grow_with_calls_that_never_end() -> None:
    translator = PhoneHookTranslator()
    for number in range(21_000):
        raw = json.dumps(
            {"event": "newCall", "callId": f"c{number}", "from": "1", "to": "2", "direction": "in"}
        ).encode()
        translator.translate(1.0, raw)

    assert len(translator._lines) == 20_000
