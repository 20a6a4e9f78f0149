"""Calls that nobody recorded: each table is one story."""

import pytest

from hub.cti.call_state import CallState
from hub.records.call import Call, Direction, HangupBy, LegResult, Outcome
from hub.records.telephony import (
    Booted,
    CallEvent,
    Channel,
    ChannelsListed,
    ChannelState,
    LinkLost,
    ListedChannel,
    NumberKeyed,
)
from tests.unit.cti.story import START, Story, classify, ended, tick, told
from tests.unit.cti.traces import Listener, answered_by, rang, talk

INBOUND = """
0.0  trunk-1  starts    from 0612345678 named Jan to 5550101
0.1  101-1    starts
0.1  101-1    offered   by trunk-1
0.2  101-1    rings
"""
TALK = (
    INBOUND
    + """
2.0  101-1    up
2.0  101-1    offer-ends answer
2.0  101-1    joins     b1
2.0  trunk-1  joins     b1
"""
)
GOODBYE = """
9.0  101-1    asks-end
9.0  101-1    leaves    b1
9.0  101-1    ends
9.0  trunk-1  leaves    b1
9.0  trunk-1  ends
"""


def results(call: Call) -> dict[str, LegResult | None]:
    return {leg.extension or leg.number: leg.result for leg in call.legs}


def test_a_phone_that_is_offered_the_call_but_does_not_ring_has_not_rung() -> None:
    listener = told(INBOUND.replace("0.2  101-1    rings", ""))
    call = listener.final()[0]
    assert call.ringing_at is None
    assert listener.popped(call.key) == []


def test_a_phone_that_answers_by_itself_never_rings_and_has_its_card_all_the_same() -> None:
    listener = told(TALK.replace("0.2  101-1    rings", ""))
    assert listener.popped("call-1") == ["101"]
    assert answered_by(listener.final()[0]) == ["101"]


def test_an_answering_menu_is_not_an_answer() -> None:
    call = ended(
        """
        0.0  trunk-1  starts    from 0612345678 to 5550101
        0.1  trunk-1  up
        4.0  trunk-1  asks-end
        4.0  trunk-1  ends
        """
    )
    assert (call.outcome, call.reason, call.answered_at) == (Outcome.ABANDONED, "in_menu", None)
    assert call.hangup_by is HangupBy.CALLER


def test_a_caller_who_hangs_up_before_anything_happened_abandoned_the_call() -> None:
    call = ended("0.0 trunk-1 starts from 061 to 555\n1.0 trunk-1 asks-end\n1.0 trunk-1 ends")
    assert (call.outcome, call.reason) == (Outcome.ABANDONED, "caller_gave_up")


def test_a_number_nobody_has_is_a_failed_call() -> None:
    call = ended("0.0 trunk-1 starts from 061 to 555\n0.1 trunk-1 ends 1")
    assert (call.outcome, call.reason, call.hangup_by) == (Outcome.FAILED, "unallocated", HangupBy.PBX)


def test_a_phone_that_rang_and_then_says_busy_declined() -> None:
    call = ended(
        INBOUND
        + """
        2.0  101-1    asks-end  17
        2.0  101-1    offer-ends busy
        2.0  101-1    ends      17
        2.0  trunk-1  refused
        4.0  trunk-1  asks-end  17
        4.0  trunk-1  ends      17
        """
    )
    assert (call.outcome, call.reason) == (Outcome.MISSED, "declined")
    assert call.hangup_by is HangupBy.PBX, "what hangs up after the exchange refused is no wish of the caller"
    assert results(call) == {"101": LegResult.DECLINED}


def test_a_caller_who_waits_through_the_ringing_and_leaves_in_the_announcement_was_not_answered_in_time() -> None:
    call = ended(
        INBOUND
        + """
        12.0  101-1    offer-ends noanswer
        12.0  101-1    ends
        12.0  trunk-1  up
        15.0  trunk-1  asks-end
        15.0  trunk-1  ends
        """
    )
    assert (call.outcome, call.reason, call.hangup_by) == (Outcome.MISSED, "timeout", HangupBy.CALLER)
    assert call.ring_s == pytest.approx(11.8)


def test_a_greeting_heard_is_not_a_message_left() -> None:
    story = (
        INBOUND
        + """
        5.0  101-1    offer-ends noanswer
        5.0  101-1    ends
        5.0  trunk-1  up
        6.0  trunk-1  records   /vm/msg0000 voicemail
        9.0  trunk-1  asks-end
        {}
        9.0  trunk-1  ends
        """
    )
    heard, left = ended(story.format("")), ended(story.format("9.0 trunk-1 message"))
    assert (heard.outcome, heard.recordings) == (Outcome.MISSED, ())
    assert left.outcome is Outcome.VOICEMAIL
    assert [(one.path, one.voicemail) for one in left.recordings] == [("/vm/msg0000", True)]


def test_losers_are_told_before_the_winner_and_still_lost_to_somebody() -> None:
    listener = told(
        """
        0.0  trunk-1  starts    from 0612345678 to 5550101
        0.1  101-1    starts
        0.1  101-1    offered   by trunk-1
        0.1  102-1    starts
        0.1  102-1    offered   by trunk-1
        0.2  101-1    rings
        0.2  102-1    rings
        2.0  101-1    offer-ends cancel
        """
    )
    assert listener.shown["call-1"]["101"][-1].state.value == "ended"
    listener.feed(
        Story().events(
            """
            2.0  102-1    up
            2.0  102-1    joins b1
            2.0  trunk-1  joins b1
            """
        )
    )
    assert [(card.reason, card.by) for card in listener.shown["call-1"]["101"]][-1] == ("elsewhere", "102")
    assert results(listener.final()[0])["101"] is LegResult.ELSEWHERE


def test_two_devices_of_one_user_are_one_card() -> None:
    listener = told(
        INBOUND
        + """
        0.1  101-2    starts
        0.1  101-2    offered   by trunk-1
        0.2  101-2    rings
        2.0  101-2    up
        2.0  101-2    joins b1
        2.0  trunk-1  joins b1
        2.1  101-1    offer-ends cancel
        2.1  101-1    ends 26
        """
    )
    states = [card.state.value for card in listener.shown["call-1"]["101"]]
    assert states == ["ringing", "answered"], "the loss of one device is not the loss of the call"


def test_a_call_made_by_the_exchange_to_a_customer_first_is_outbound() -> None:
    call = ended(
        """
        0.0  trunk-1  starts
        0.0  trunk-1  offered
        0.5  trunk-1  rings
        2.0  trunk-1  up
        2.1  101-1    starts
        2.1  101-1    offered   by trunk-1
        2.2  101-1    rings
        4.0  101-1    up
        4.0  101-1    joins     b1
        4.0  trunk-1  joins     b1
        8.0  trunk-1  asks-end
        8.0  trunk-1  ends
        8.0  101-1    ends
        """
    )
    assert call.direction is Direction.OUTBOUND
    assert talk(call) == {"101": 4.0}
    assert call.hangup_by is HangupBy.CALLER


def test_a_phone_rung_through_a_local_channel_by_order_makes_an_outbound_call() -> None:
    call = ended(
        """
        0.0  Local/101-1;1  starts
        0.0  Local/101-1;2  starts
        0.0  Local/101-1;1  pairs     Local/101-1;2
        0.0  Local/101-1;1  click     our-click
        0.1  101-1          starts
        0.1  101-1          offered   by Local/101-1;2
        0.2  101-1          rings
        1.0  101-1          up
        1.0  101-1          joins     b1
        1.0  Local/101-1;2  joins     b1
        1.1  trunk-1        starts
        1.1  trunk-1        offered   by Local/101-1;1
        1.5  trunk-1        rings
        3.0  trunk-1        up
        3.0  trunk-1        joins     b2
        3.0  Local/101-1;1  joins     b2
        9.0  101-1          asks-end
        9.0  101-1          ends
        9.0  Local/101-1;2  ends
        9.0  Local/101-1;1  ends
        9.0  trunk-1        ends
        """
    )
    assert (call.direction, call.click_id, call.outcome) == (Direction.OUTBOUND, "our-click", Outcome.ANSWERED)
    assert talk(call) == {"101": 6.0}
    assert call.ring_s == pytest.approx(1.5)


def test_a_second_trunk_tried_after_a_full_one_is_the_same_call() -> None:
    call = ended(
        """
        0.0  101-1    starts    from 101 to 0201234567
        0.1  trunk-1  starts
        0.1  trunk-1  offered   by 101-1
        0.2  trunk-1  offer-ends congestion
        0.2  trunk-1  ends      34
        0.3  trunk-2  starts
        0.3  trunk-2  offered   by 101-1
        1.0  trunk-2  rings
        3.0  trunk-2  up
        3.0  trunk-2  joins     b1
        3.0  101-1    joins     b1
        7.0  trunk-2  asks-end
        7.0  trunk-2  ends
        7.0  101-1    ends
        """
    )
    assert (call.outcome, call.callee, call.trunk) == (Outcome.ANSWERED, "0201234567", "trunk")
    assert talk(call) == {"101": 4.0}
    assert call.hangup_by is HangupBy.CALLER


def test_an_answer_after_early_media_has_a_ringing_time() -> None:
    call = ended(
        """
        0.0  101-1    starts    from 101 to 0201234567
        0.1  trunk-1  starts
        0.1  trunk-1  offered   by 101-1
        3.1  trunk-1  up
        3.1  trunk-1  joins     b1
        3.1  101-1    joins     b1
        5.0  101-1    asks-end
        5.0  101-1    ends
        5.0  trunk-1  ends
        """
    )
    assert call.ring_s == pytest.approx(3.0)
    assert call.hangup_by is HangupBy.AGENT


def test_a_feature_code_is_no_call_and_a_wrong_number_is_one() -> None:
    assert told("0.0 101-1 starts from 101 to *97\n0.1 101-1 up\n5.0 101-1 ends").finish() == []
    assert told("0.0 101-1 starts from 101 to 8500\n0.1 101-1 up\n5.0 101-1 ends").finish() == []
    call = ended("0.0 101-1 starts from 101 to 0201234567\n1.0 101-1 asks-end\n1.0 101-1 ends 34")
    assert (call.direction, call.outcome, call.callee) == (Direction.OUTBOUND, Outcome.FAILED, "0201234567")


def test_what_an_ignored_endpoint_calls_is_no_call() -> None:
    story = """
        0.0  page-1   starts    from 101 to 700
        0.1  102-1    starts
        0.1  102-1    offered   by page-1
        0.1  102-1    up
        9.0  102-1    ends
        """
    assert told(story).finish() == []


def test_a_pickup_makes_one_call_of_two() -> None:
    listener = told(
        INBOUND
        + """
        call call-2
        2.0  103-1    starts    from 103 to *8101
        2.1  103-1    up
        2.1  103-1    picks-up  101-1
        2.1  101-1    ends      26
        2.2  103-1    joins     b1
        2.2  trunk-1  joins     b1
        2.2  103-1    sees      call-1
        9.0  103-1    asks-end
        9.0  103-1    ends
        9.0  trunk-1  ends
        """
    )
    (call,) = listener.finish()
    assert (call.key, call.aliases) == ("call-1", ("call-2",))
    assert (rang(call), answered_by(call)) == (["101"], ["103"])
    assert [(one.kind.value, one.source, one.target, one.result) for one in call.transfers] == [
        ("pickup", "101", "103", "completed")
    ]


def test_a_question_on_a_second_line_becomes_part_of_the_customers_call() -> None:
    listener = told(
        TALK
        + """
        call call-2
        4.0  101-2    starts    from 101 to 102
        4.1  102-1    starts
        4.1  102-1    offered   by 101-2
        4.2  102-1    rings
        5.0  102-1    up
        5.0  102-1    joins     b2
        5.0  101-2    joins     b2
        """
    )
    assert {call.key for call in listener.final()} == {"call-1", "call-2"}
    assert listener.calls["call-2"].direction is Direction.INTERNAL
    listener.feed(
        Story().events(
            """
            8.0  101-2    sees      call-2
            8.0  102-1    sees      call-1
            8.0  101-1    attended  101-2
            8.0  101-1    leaves    b1
            8.0  102-1    joins     b1
            8.0  101-1    ends
            8.0  101-2    ends
            """
        )
    )
    assert listener.calls["call-2"].merged_into == "call-1"
    assert listener.shown["call-2"]["102"][-1].reason == "merged"
    call = listener.calls["call-1"]
    assert call.aliases == ("call-2",)
    assert answered_by(call) == ["101", "102"]
    assert [segment.extension for segment in call.segments if segment.consult] == ["102", "101"]
    assert [(one.source, one.target, one.result) for one in call.transfers] == [("101", "102", "completed")]
    assert listener.shown["call-1"]["102"][-1].state.value == "answered"
    assert listener.shown["call-1"]["101"][-1].reason == "transferred"


def test_a_transfer_without_an_event_is_noticed() -> None:
    call = ended(
        TALK
        + """
        5.0  trunk-1  leaves    b1
        5.0  101-1    leaves    b1
        5.0  101-1    ends
        5.1  103-1    starts
        5.1  103-1    offered   by trunk-1
        5.2  103-1    rings
        7.0  103-1    up
        7.0  103-1    joins     b2
        7.0  trunk-1  joins     b2
        9.0  trunk-1  asks-end
        9.0  trunk-1  ends
        9.0  103-1    ends
        """
    )
    assert [(one.kind.value, one.source, one.target, one.result) for one in call.transfers] == [
        ("redirect", "101", "103", "completed")
    ]
    assert talk(call) == {"101": 3.0, "103": 2.0}
    assert call.talk_s == pytest.approx(5.0)


def test_a_dialplan_that_goes_on_after_the_agent_hung_up_is_no_transfer() -> None:
    call = ended(
        TALK
        + """
        5.0  101-1    asks-end
        5.0  101-1    leaves    b1
        5.0  101-1    ends
        5.0  trunk-1  leaves    b1
        5.1  103-1    starts
        5.1  103-1    offered   by trunk-1
        5.2  103-1    rings
        9.0  103-1    offer-ends noanswer
        9.0  103-1    ends
        9.0  trunk-1  ends
        """
    )
    assert call.transfers == ()


def test_a_forward_is_kept_with_who_forwarded_to_whom() -> None:
    call = ended(
        INBOUND.replace("0.2  101-1    rings", "")
        + """
        0.2  Local/103-1;1  starts
        0.2  Local/103-1;2  starts
        0.2  Local/103-1;1  pairs     Local/103-1;2
        0.2  101-1          offer-ends forwarded 103
        0.2  Local/103-1;1  offered   by trunk-1
        0.2  101-1          ends
        0.3  103-1          starts
        0.3  103-1          offered   by Local/103-1;2
        0.4  103-1          rings
        2.0  103-1          up
        2.0  103-1          joins     b1
        2.0  Local/103-1;2  joins     b1
        2.0  Local/103-1;1  joins     b2
        2.0  trunk-1        joins     b2
        5.0  103-1          asks-end
        5.0  103-1          ends
        5.0  Local/103-1;2  ends
        5.0  Local/103-1;1  ends
        5.0  trunk-1        ends
        """
    )
    assert [(one.kind.value, one.source, one.target, one.result) for one in call.transfers] == [
        ("forward", "101", "103", "completed")
    ]
    assert (rang(call), talk(call)) == (["103"], {"103": 3.0})


def test_a_local_channel_that_optimises_itself_away_does_not_cut_the_talk() -> None:
    call = ended(
        """
        0.0    trunk-1        starts    from 0612345678 to 5550101
        0.0    Local/101-1;1  starts
        0.0    Local/101-1;2  starts
        0.0    Local/101-1;1  pairs     Local/101-1;2
        0.0    Local/101-1;1  offered   by trunk-1
        0.1    101-1          starts
        0.1    101-1          offered   by Local/101-1;2
        0.2    101-1          rings
        2.0    101-1          up
        2.0    101-1          joins     b1
        2.0    Local/101-1;2  joins     b1
        2.0    trunk-1        joins     b2
        2.0    Local/101-1;1  joins     b2
        2.01   trunk-1        leaves    b2
        2.01   Local/101-1;2  leaves    b1
        2.02   trunk-1        joins     b1
        2.02   Local/101-1;1  ends
        2.02   Local/101-1;2  ends
        8.0    101-1          asks-end
        8.0    101-1          ends
        8.0    trunk-1        ends
        """
    )
    assert len(call.segments) == 1
    assert talk(call)["101"] == pytest.approx(6.0)


CONSULT = (
    TALK
    + """
    4.0  101-1          leaves    b1
    4.0  Local/102-1;1  starts
    4.0  Local/102-1;2  starts
    4.0  Local/102-1;1  pairs     Local/102-1;2
    4.0  Local/102-1;1  joins     b2
    4.0  101-1          joins     b2
    4.1  102-1          starts
    4.1  102-1          offered   by Local/102-1;2
    """
)


def test_a_colleague_who_is_asked_sees_who_asks_and_owns_the_call_from_the_merge_on() -> None:
    listener = told(
        CONSULT
        + """
        4.2  102-1          rings
        6.0  102-1          up
        6.0  102-1          joins     b3
        6.0  Local/102-1;2  joins     b3
        """
    )
    card = listener.shown["call-1"]["102"][-1]
    assert (card.state.value, card.by) == ("consult", "101")
    assert listener.shown["call-1"]["101"][-1].state.value == "answered", "the customer waits, the card stays"
    listener.feed(
        Story().events(
            """
            8.0  101-1          asks-end
            8.0  101-1          leaves    b2
            8.0  Local/102-1;1  leaves    b2
            8.0  Local/102-1;1  joins     b1
            8.0  101-1          attended
            8.0  101-1          ends
            """
        )
    )
    assert listener.shown["call-1"]["102"][-1].state.value == "answered"
    gone = listener.shown["call-1"]["101"][-1]
    assert (gone.reason, gone.by) == ("transferred", "102")
    call = listener.final()[0]
    assert [(segment.extension, segment.consult) for segment in call.segments] == [
        ("101", False),
        ("101", True),
        ("102", True),
        ("102", False),
    ]
    assert call.hangup_by is None
    assert call.open


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        ("4.2 102-1 offer-ends busy\n4.2 102-1 ends 17", "busy"),
        ("4.2 102-1 rings\n9.0 102-1 offer-ends noanswer\n9.0 102-1 ends", "noanswer"),
        ("4.2 102-1 rings\n5.0 102-1 asks-end 21\n5.0 102-1 offer-ends noanswer\n5.0 102-1 ends 21", "noanswer"),
        ("4.2 102-1 offer-ends unavailable\n4.2 102-1 ends 20", "failed"),
    ],
)
def test_a_question_that_finds_nobody_leaves_the_call_where_it_was(lines: str, result: str) -> None:
    back = """
    10.0  Local/102-1;2  ends
    10.0  Local/102-1;1  leaves    b2
    10.0  Local/102-1;1  ends
    10.0  101-1          leaves    b2
    10.0  101-1          joins     b1
    12.0  101-1          asks-end
    12.0  101-1          ends
    12.0  trunk-1        ends
    """
    call = ended(CONSULT + lines + back)
    assert [(one.kind.value, one.source, one.target, one.result) for one in call.transfers] == [
        ("attended", "101", "102", result)
    ]
    assert answered_by(call) == ["101"]
    assert talk(call) == {"101": 4.0}
    assert call.hangup_by is HangupBy.AGENT


def test_customers_of_two_calls_whom_an_agent_connects_stay_in_the_older_call() -> None:
    listener = told(
        TALK
        + """
        call call-2
        3.0  trunk-9  starts    from 0699999999 to 5550101
        3.1  101-2    starts
        3.1  101-2    offered   by trunk-9
        3.2  101-2    rings
        4.0  101-2    up
        4.0  101-2    joins     b2
        4.0  trunk-9  joins     b2
        6.0  101-1    attended  101-2
        6.0  101-1    leaves    b1
        6.0  101-2    leaves    b2
        6.0  trunk-9  leaves    b2
        6.0  trunk-9  joins     b1
        6.0  101-1    ends
        6.0  101-2    ends
        9.0  trunk-9  ends
        9.0  trunk-1  ends
        """
    )
    (call,) = listener.finish()
    assert call.key == "call-1"
    assert listener.calls["call-2"].merged_into == "call-1"
    assert call.caller == "0612345678"


def test_the_caller_of_an_internal_call_may_transfer_and_leave() -> None:
    call = ended(
        """
        0.0  102-1    starts    from 102 to 101
        0.1  101-1    starts
        0.1  101-1    offered   by 102-1
        0.2  101-1    rings
        1.0  101-1    up
        1.0  101-1    joins     b1
        1.0  102-1    joins     b1
        3.0  102-1    leaves    b1
        3.0  102-1    ends
        3.1  103-1    starts
        3.1  103-1    joins     b1
        6.0  103-1    ends
        6.0  101-1    ends
        """
    )
    assert call.direction is Direction.INTERNAL
    assert talk(call) == {"101": 2.0, "103": pytest.approx(2.9)}


@pytest.mark.parametrize("word", ["anonymous", "Anonymous", "restricted", "private"])
def test_a_word_instead_of_a_number_is_a_withheld_number(word: str) -> None:
    call = told(INBOUND.replace("0612345678", word)).final()[0]
    assert (call.caller, call.withheld) == ("", True)


@pytest.mark.parametrize("word", ["unknown", "<unknown>", "Unavailable"])
def test_an_unknown_number_is_none_and_not_withheld(word: str) -> None:
    call = told(INBOUND.replace("0612345678", word)).final()[0]
    assert (call.caller, call.withheld) == ("", False)


def test_a_number_known_but_withheld_is_marked() -> None:
    call = told(INBOUND + "0.3 trunk-1 hides").final()[0]
    assert (call.caller, call.withheld) == ("0612345678", True)


def test_a_dialplan_that_rewrites_the_caller_does_not_change_who_called() -> None:
    listener = told(INBOUND)
    listener.feed(Story().events("1.0 trunk-1 starts from 999 named Other to 5"))
    call = listener.final()[0]
    assert (call.caller, call.caller_name, call.did) == ("0612345678", "Jan", "5550101")


def test_a_keyed_number_belongs_to_the_call_of_its_ref() -> None:
    listener = told(INBOUND)
    listener.feed([NumberKeyed(START + 1, "call-1", "123456"), NumberKeyed(START + 1, "nobody", "9")])
    assert [call.keyed for call in listener.final()] == ["123456"]


def keyed(*events: CallEvent, after: str = INBOUND) -> list[str]:
    """The keyed numbers of the calls that a story makes, after these events."""
    listener = Listener(CallState(classify))
    listener.feed([*events, *Story().events(after)])
    return [call.keyed for call in listener.final()]


def test_a_number_keyed_before_its_call_is_known_waits_for_it() -> None:
    early = NumberKeyed(START - 20, "call-1", "123456")
    assert keyed(early) == ["123456"]
    assert keyed(early, early) == ["123456"]
    assert keyed(early, NumberKeyed(START - 10, "call-1", "777")) == ["777"]
    assert keyed(early, after=f"call call-2\n{INBOUND}") == [""]


def test_a_number_keyed_before_a_restart_belongs_to_the_call_that_the_exchange_lists_then() -> None:
    channel = Channel("trunk-1", "trunk-1", "call-1", "0612345678", "Jan", "5550101")
    listed = ChannelsListed(START, (ListedChannel(channel, ChannelState.UP, "", 40.0, offered=False),))
    assert keyed(NumberKeyed(START - 1, "call-1", "123456"), listed, after="") == ["123456"]


def test_a_number_keyed_under_the_name_that_a_call_takes_later_is_its_number() -> None:
    story = f"{INBOUND}0.3 trunk-1 sees call-9"
    assert keyed(NumberKeyed(START - 1, "call-9", "123456"), after=story) == ["123456"]


def test_a_keyed_number_waits_for_a_bounded_time_only() -> None:
    assert keyed(NumberKeyed(START - 299, "call-1", "123456")) == ["123456"]
    assert keyed(NumberKeyed(START - 301, "call-1", "123456")) == [""]


def test_a_number_keyed_for_a_call_that_is_over_is_nobodys() -> None:
    listener = told(TALK + GOODBYE)
    listener.finish()
    listener.feed([NumberKeyed(START + 60, "call-1", "123456")])
    assert listener.state._keyed == {}


def test_a_click_whose_own_phone_is_not_picked_up_failed_for_that_reason() -> None:
    call = ended(
        """
        0.0  101-1  starts    ref click-7-ch
        0.0  101-1  click     click-7
        0.0  101-1  offered
        0.1  101-1  rings
        6.0  101-1  originated click-7 failed 0201234567
        6.0  101-1  ends 19
        """.replace("ref click-7-ch", "")
    )
    assert (call.outcome, call.reason) == (Outcome.FAILED, "agent_noanswer")
    assert (call.caller, call.callee, call.click_id) == ("101", "0201234567", "click-7")


def test_a_click_has_a_card_before_the_customer_is_dialled() -> None:
    listener = told("0.0 101-1 starts\n0.0 101-1 click click-7\n0.0 101-1 offered\n0.1 101-1 rings")
    assert [card.state.value for card in listener.shown["call-1"]["101"]] == ["ringing"]
    assert listener.final()[0].direction is Direction.OUTBOUND


def test_an_exchange_that_lists_the_calls_as_gone_ends_them_with_an_estimate() -> None:
    listener = told(TALK)
    listener.feed([LinkLost(START + 5), ChannelsListed(START + 60, ())])
    call = listener.final()[0]
    assert (call.outcome, call.end_estimated, call.hangup_by) == (Outcome.ANSWERED, True, None)
    assert call.talk_s == pytest.approx(3.0), "talk is counted to where somebody last heard of it"


def test_a_call_that_rang_when_the_link_broke_and_is_gone_is_missed_unseen() -> None:
    listener = told(INBOUND)
    listener.feed([LinkLost(START + 1), ChannelsListed(START + 60, ())])
    call = listener.final()[0]
    assert (call.outcome, call.reason, call.end_estimated) == (Outcome.MISSED, "unseen", True)


def test_a_channel_born_while_the_list_was_made_is_not_ended_by_it() -> None:
    listener = told(INBOUND)
    listener.feed([ChannelsListed(START + 1, ())])
    assert listener.final()[0].open
    listener.feed([ChannelsListed(START + 30, ())])
    assert not listener.final()[0].open


@pytest.mark.parametrize("lost", [[], [LinkLost(START + 0.5)]])
def test_a_call_whose_beginning_nobody_heard_is_found_in_the_list_of_channels(lost: list[CallEvent]) -> None:
    listener = told("call trunk-1\n0.1 101-1 starts\n0.1 101-1 offered by trunk-1\n0.2 101-1 rings")
    assert not listener.shown, "who dials it is not known: it may be something to be ignored"
    caller = Channel("trunk-1", "trunk-1", "trunk-1", "0612345678", "Jan", "5550101")
    rung = Channel("101-1", "101-1", "trunk-1")
    listed = (
        ListedChannel(rung, ChannelState.RINGING, "", 1.0, offered=True),
        ListedChannel(caller, ChannelState.DIALLING, "", 1.0),
    )
    listener.feed([*lost, ChannelsListed(START + 1, listed)])
    assert [card.state.value for card in listener.shown["trunk-1"]["101"]] == ["ringing"]
    call = listener.final()[0]
    assert (call.direction, call.caller, call.caller_name) == (Direction.INBOUND, "0612345678", "Jan")


@pytest.mark.parametrize("order", [1, -1])
def test_a_restart_loses_open_calls_whatever_is_told_first(order: int) -> None:
    listener = told(TALK)
    told_back = [ChannelsListed(START + 60, ()), Booted(START + 60, "second life", START + 55)]
    listener.state.feed(Booted(START + 2.5, "first life", START - 1000))
    listener.feed([LinkLost(START + 5), *told_back[::order]])
    call = listener.final()[0]
    assert (call.outcome, call.reason, call.end_estimated) == (Outcome.LOST, "pbx_died", True)


def test_the_same_exchange_after_a_new_connection_loses_nothing() -> None:
    listener = told(TALK)
    listener.feed([Booted(START + 3, "first life"), Booted(START + 3, "", START - 1000)])
    listener.feed([LinkLost(START + 5), Booted(START + 6, "", START - 999), Booted(START + 6, "first life")])
    listener.feed(Story().events(GOODBYE))
    assert [call.outcome for call in listener.finish()] == [Outcome.ANSWERED]


def test_a_call_of_the_new_life_survives_the_news_of_the_restart() -> None:
    listener = Listener()
    listener.state = told("").state
    listener.feed([Booted(START - 100, "first life"), LinkLost(START - 50)])
    listener.feed(Story().events(INBOUND))
    listener.feed([Booted(START + 1, "second life")])
    assert listener.final()[0].open


def test_a_call_settles_and_then_late_news_are_no_news() -> None:
    listener = told(TALK + GOODBYE)
    assert [(call.outcome, call.settled) for call in listener.final()] == [(Outcome.ANSWERED, False)]
    assert listener.state.next_wakeup() == START + 11.0
    tick(listener, 11.0)
    assert listener.final()[0].settled
    version = listener.final()[0].version
    listener.feed(Story().events(TALK))
    assert [call.version for call in listener.final()] == [version]


def test_a_record_that_comes_while_the_call_settles_adds_its_recording_once() -> None:
    listener = told(TALK + "3.0 trunk-1 records /rec/2026/in-1.wav" + GOODBYE)
    listener.feed(Story().events("9.5 trunk-1 cdr call-1 in-1.wav\n9.5 trunk-1 cdr call-1 other.wav"))
    (call,) = listener.finish()
    assert [one.path for one in call.recordings] == ["/rec/2026/in-1.wav", "other.wav"]


def test_a_channel_that_begins_while_the_call_settles_goes_on_with_it() -> None:
    listener = told(TALK + GOODBYE)
    listener.feed(Story().events("10.0 102-1 starts\n10.0 102-1 offered by trunk-1\n10.1 102-1 rings"))
    call = listener.final()[0]
    assert call.open
    tick(listener, 11.5)
    assert listener.final()[0].open


def test_a_rename_moves_the_leg_to_the_device_that_took_the_channel_over() -> None:
    listener = told(INBOUND + "1.0 101-1 renamed 103-9")
    assert [leg.extension for leg in listener.final()[0].legs] == ["103"]
    assert told(INBOUND + "1.0 101-1 renamed 103-9<MASQ>").final()[0].legs[0].extension == "101"


def test_the_classes_of_endpoints_are_the_customers_data() -> None:
    assert classify("trunk-1").kind.value == "trunk"
    story = INBOUND.replace("trunk-1", "isdn.north-1").replace("101-1", "7004-1").replace("5550101", "42")
    call = told(story).final()[0]
    assert (call.direction, call.did, rang(call), call.trunk) == (Direction.INBOUND, "42", ["7004"], "isdn.north")
