"""What hostile or endless streams may not do: grow the memory, raise an error, live for ever."""

import gc
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.cti import call_state
from hub.cti.call_state import CallState
from hub.errors import ShapeError
from hub.records.call import Outcome
from hub.records.telephony import CallEvent, Channel, ChannelStarted, ChannelState, LinkLost, NumberKeyed, Ticked
from tests.unit.cti import traces
from tests.unit.cti.story import START, Story, classify, told
from tests.unit.cti.traces import Listener, events, trace

BUSY = ("01_ringgroup_answer", "10_queue_abandon", "17_atxfer_dtmf", "29_click2dial_answer", "50_pickup")


def _day(number: int) -> list[CallEvent]:
    found = []
    for name in BUSY:
        one = traces.renamed(trace(name), number)
        found += events(one, delay=1_900_000_000.0 + 100 * number - one.messages[0][0])
    return sorted(found, key=lambda event: event.at)


def test_memory_stays_flat_over_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_state, "_REMEMBER", 50)
    state = CallState(traces.classify)

    def run(first: int, last: int) -> int:
        for number in range(first, last):
            for event in _day(number):
                state.feed(event)
            state.changed()
            events.cache_clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    run(0, 5)
    tracemalloc.start()
    try:
        before = run(5, 20)
        after = run(20, 40)
    finally:
        tracemalloc.stop()
    assert after - before < 40_000
    assert len(state._gone) <= 60
    assert len(state.keys()) < 10


def test_keyed_numbers_that_no_call_asks_for_are_limited() -> None:
    state = CallState(traces.classify)
    for number in range(3000):
        state.feed(NumberKeyed(START, f"{number}." + "x" * 500, "1" * 500))
    assert list(state._keyed)[-1].startswith("2999.")
    assert len(state._keyed) <= 1000
    assert max(len(ref) + len(keyed) for ref, (_, keyed) in state._keyed.items()) <= 400


def test_a_finished_calls_keys_are_forgotten_in_the_end() -> None:
    listener = told("0.0 trunk-1 starts from 061 to 555\n1.0 trunk-1 ends")
    listener.finish()
    assert list(listener.state._gone) == ["call-1"]
    listener.feed(Story().events("call call-2\n900.0 trunk-2 starts from 061 to 555\n901.0 trunk-2 ends"))
    listener.finish()
    assert list(listener.state._gone) == ["call-2"]


def test_calls_without_end_are_given_up_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_state, "_OPEN_LIMIT", 10)
    listener = Listener(CallState(classify))
    for number in range(25):
        made = Channel(f"trunk-{number}", f"trunk-{number}", f"call-{number}", "061", "", "555")
        listener.feed([ChannelStarted(START + number, made, ChannelState.DIALLING)])
    assert len(listener.state.keys()) == 10
    lost = [call for call in listener.calls.values() if call.outcome is Outcome.LOST]
    assert len(lost) == 15
    assert {call.reason for call in lost} == {"forgotten"}


def test_a_call_rung_for_hours_keeps_a_bounded_number_of_legs() -> None:
    rounds = "".join(
        f"""
        {number}.1  201-{number}  starts
        {number}.1  201-{number}  offered   by trunk-1
        {number}.2  201-{number}  rings
        {number}.8  201-{number}  offer-ends noanswer
        {number}.8  201-{number}  ends
        """
        for number in range(1, 1000)
    )
    listener = Listener(CallState(classify))
    listener.state.feed(next(Story().events("0.0 trunk-1 starts from 061 to 555")))
    story = Story()
    for event in story.events("0.0 trunk-1 starts from 061 to 555\n0.5 trunk-1 queues support" + rounds):
        listener.state.feed(event)
    (call,) = listener.state.changed()
    assert len(call.legs) < 300
    assert call.wait_s == 0.0
    assert len(listener.state._homes) < 300


def test_a_call_that_tells_nothing_for_too_long_is_lost_where_no_list_can_be_asked_for() -> None:
    listener = Listener(CallState(classify, silent_s=3600))
    listener.feed(Story().events("0.0 trunk-1 starts from 061 to 555"))
    assert listener.state.next_wakeup() == START + 3600
    listener.feed([Ticked(START + 3599)])
    assert listener.final()[0].open
    listener.feed([Ticked(START + 3600)])
    call = listener.final()[0]
    assert (call.outcome, call.reason, call.end_estimated) == (Outcome.LOST, "no_hangup", True)
    assert call.ended_at == call.started_at


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_events_in_any_order_raise_nothing_and_end_like_all_others(data: st.DataObject) -> None:
    stream = list(events(trace(data.draw(st.sampled_from(traces.names())))))
    order = data.draw(st.permutations(range(len(stream))) if len(stream) < 60 else st.just(range(len(stream))))
    dropped = data.draw(st.sets(st.integers(0, max(0, len(stream) - 1)), max_size=len(stream) // 2))
    at = stream[0].at if stream else START
    listener = Listener(CallState(traces.classify, silent_s=60))
    listener.feed(replace(stream[place], at=at + step) for step, place in enumerate(order) if place not in dropped)
    listener.feed([LinkLost(at + 10_000)])
    listener.finish()
    assert listener.state.keys() == []


def test_events_of_unknown_channels_are_ignored() -> None:
    stream = events(trace("17_atxfer_dtmf"))
    listener = Listener()
    listener.feed(event for event in stream if not isinstance(event, ChannelStarted))
    assert (listener.calls, listener.state.keys()) == ({}, [])


def test_memory_written_by_another_version_is_refused() -> None:
    listener = told("0.0 trunk-1 starts from 061 to 555")
    kept = listener.state.dump("call-1")
    assert kept is not None
    for broken in ({**kept, "format": 99}, {"format": kept["format"]}, {**kept, "channels": [["x"]]}, {}):
        with pytest.raises(ShapeError):
            CallState(classify).load(broken)
    assert listener.state.dump("unknown") is None


def test_memory_loaded_twice_is_one_call() -> None:
    listener = told("0.0 trunk-1 starts from 061 to 555")
    kept = listener.state.dump("call-1")
    assert kept is not None
    state = CallState(classify)
    state.load(kept)
    state.load(kept)
    assert state.keys() == ["call-1"]


def test_a_very_long_name_is_kept_short() -> None:
    made = Channel("trunk-1", "trunk-1", "call-1", "1" * 10_000, "x" * 10_000, "5" * 10_000)
    state = CallState(classify)
    state.feed(ChannelStarted(START, made, ChannelState.DIALLING))
    (call,) = state.changed()
    assert max(len(call.caller), len(call.caller_name), len(call.did)) == 200
