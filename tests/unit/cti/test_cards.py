"""Who sees which card: a function of the call alone."""

from dataclasses import replace

from hub.cti.cards import Card, CardState, Gone, cards
from hub.records.call import Call
from tests.unit.cti.story import told
from tests.unit.cti.traces import Listener, events, trace

GROUP = """
0.0  trunk-1  starts    from 0612345678 to 5550100
0.1  101-1    starts
0.1  101-1    offered   by trunk-1
0.1  102-1    starts
0.1  102-1    offered   by trunk-1
0.1  103-1    starts
0.1  103-1    offered   by trunk-1
0.2  101-1    rings
0.3  102-1    rings
"""


def now(text: str) -> dict[str, Card]:
    return cards(told(text).final()[0])


def steps(name: str) -> dict[str, list[str]]:
    """How the cards of a trace's only call went: `state reason by` each."""
    listener = Listener()
    listener.feed(events(trace(name)))
    (call,) = listener.finish()
    return {
        extension: [" ".join(word for word in (card.state, card.reason, card.by) if word) for card in history]
        for extension, history in listener.shown[call.key].items()
    }


def test_only_phones_that_ring_have_a_card() -> None:
    assert now(GROUP) == {"101": Card(CardState.RINGING), "102": Card(CardState.RINGING)}


def test_who_loses_the_race_is_told_who_won() -> None:
    found = now(GROUP + "2.0 102-1 up\n2.0 101-1 offer-ends cancel\n2.0 102-1 joins b1\n2.0 trunk-1 joins b1")
    assert found == {"101": Card(CardState.ENDED, Gone.ELSEWHERE, "102"), "102": Card(CardState.ANSWERED)}


def test_a_caller_who_gives_up_takes_all_cards_along() -> None:
    found = now(
        GROUP
        + """
        4.0  trunk-1  asks-end
        4.0  101-1    offer-ends cancel
        4.0  102-1    offer-ends cancel
        4.0  103-1    offer-ends cancel
        4.0  101-1    ends
        4.0  102-1    ends
        4.0  103-1    ends
        4.0  trunk-1  ends
        """
    )
    assert found == dict.fromkeys(("101", "102"), Card(CardState.ENDED, Gone.GAVE_UP))


def test_a_phone_that_declines_loses_its_card_and_the_others_ring_on() -> None:
    found = now(GROUP + "1.0 101-1 asks-end 21\n1.0 101-1 offer-ends noanswer\n1.0 101-1 ends 21")
    assert found == {"101": Card(CardState.ENDED, Gone.DECLINED), "102": Card(CardState.RINGING)}


def test_an_agent_whose_call_is_over_keeps_the_reason_to_write_a_note() -> None:
    assert steps("01_ringgroup_answer") == {
        "101": ["ringing", "ended no_answer", "ended elsewhere 102"],
        "102": ["ringing", "answered", "ended ended"],
        "103": ["ringing", "ended no_answer", "ended elsewhere 102"],
    }


def test_a_queue_that_rings_again_brings_the_same_card_back() -> None:
    assert steps("62_queue_timeout")["201"] == ["ringing", "ended no_answer", "ringing", "ended no_answer"]


def test_a_blind_transfer_moves_the_card_at_the_targets_ringing() -> None:
    assert steps("15_blind_dtmf") == {
        "101": ["ringing", "answered", "ended transferred 103"],
        "103": ["ringing", "answered", "ended ended"],
    }


def test_an_attended_transfer_moves_the_card_at_the_merge() -> None:
    for name in ("17_atxfer_dtmf", "18_atxfer_ami"):
        assert steps(name) == {
            "101": ["ringing", "answered", "ended transferred 102"],
            "102": ["consult 101", "answered", "ended ended"],
        }


def test_a_transfer_while_it_rings_makes_the_question_a_call() -> None:
    assert steps("59_transfer_while_ringing")["102"] == ["consult 101", "ringing", "answered", "ended ended"]


def test_a_question_that_ends_without_a_transfer_leaves_the_card_with_its_owner() -> None:
    assert steps("57_consult_return") == {
        "101": ["ringing", "answered", "ended ended"],
        "102": ["consult 101", "ended ended"],
    }


def test_who_picks_a_call_up_for_somebody_gets_the_card() -> None:
    assert steps("50_pickup") == {"101": ["ringing", "ended elsewhere 103"], "103": ["answered", "ended ended"]}


def test_the_calling_agent_has_a_card_from_the_first_dialling_on() -> None:
    assert steps("24_outgoing_answer") == {"101": ["ringing", "answered", "ended ended"]}
    assert steps("25_outgoing_busy") == {"101": ["ringing", "ended not_reached"]}
    assert steps("29_click2dial_answer") == {"101": ["ringing", "answered", "ended ended"]}
    assert steps("30_click2dial_agent_noanswer") == {"101": ["ringing", "ended not_reached"]}


def test_an_internal_call_has_a_card_at_both_ends() -> None:
    assert steps("27_internal_answer") == {
        "102": ["ringing", "answered", "ended ended"],
        "101": ["ringing", "answered", "ended ended"],
    }


def test_a_call_that_was_up_when_first_seen_pops_for_nobody() -> None:
    call = told(GROUP + "2.0 102-1 up\n2.0 102-1 joins b1\n2.0 trunk-1 joins b1").final()[0]
    found = replace(call, legs=tuple(replace(leg, found_up=leg.extension == "102") for leg in call.legs))
    assert set(cards(found)) == {"101"}


def test_a_call_that_became_part_of_another_has_no_cards() -> None:
    call = told(GROUP).final()[0]
    assert cards(replace(call, merged_into="other")) == {}


def test_the_same_call_gives_the_same_cards_whatever_its_version() -> None:
    def check(call: Call) -> None:
        assert cards(call) == cards(replace(call, version=call.version + 5))

    listener = Listener()
    for event in events(trace("17_atxfer_dtmf")):
        listener.feed([event])
        for call in listener.calls.values():
            check(call)
