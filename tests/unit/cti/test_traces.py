"""Recorded calls of a real exchange give exactly what happened, however the stream is cut, repeated or mixed."""

import json
import random
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.ami import Framer
from connectors.asterisk.translate import AmiTranslator
from hub.cti.call_state import CallState
from hub.cti.cards import CardState
from hub.records.call import Call, Outcome
from hub.records.telephony import CallEvent, ChannelsListed, ChannelState, LinkLost
from tests.unit.cti import traces
from tests.unit.cti.traces import Listener, Switchboard, bare, classify, differences, events, play, trace

# The exchange was killed in a call: the second part is its next life, played by a test of its own.
TWO_PARTS = ("40_restart_midcall_part1", "40_restart_midcall_part2")
WHOLE = [name for name in traces.names() if name not in TWO_PARTS]
# A list of channels is the whole truth: beside other recordings it would say that their calls are over.
MIXED = [name for name in WHOLE if not any(isinstance(event, ChannelsListed) for event in events(trace(name)))]
# Two conversations become one here; where the link was down just then, nobody can know.
MERGING = ("50_pickup", "52_refer_replaces", "75_refer_replaces_newer_customer", "76_pickup_group")


def by_key(calls: list[Call]) -> dict[str, Call]:
    return {call.key: bare(call) for call in calls}


@cache
def solo(name: str) -> dict[str, Call]:
    return by_key(play(events(trace(name))))


@pytest.mark.parametrize("name", WHOLE)
def test_every_trace_gives_its_truth(name: str) -> None:
    found = trace(name)
    calls = sorted(play(events(found)), key=lambda call: call.started_at)
    assert len(calls) == len(found.truth)
    for call, truth in zip(calls, found.truth, strict=True):
        assert list(differences(call, truth)) == []


@pytest.mark.parametrize("name", WHOLE)
def test_cards_pop_where_phones_rang_and_go_where_somebody_else_took_the_call(name: str) -> None:
    listener = Listener()
    listener.feed(events(trace(name)))
    calls = sorted(listener.finish(), key=lambda call: call.started_at)
    for call, truth in zip(calls, trace(name).truth, strict=True):
        if "rang" not in truth:
            continue
        assert listener.popped(call.key) == sorted(truth.get("pop", truth["rang"]))
        final = {extension: steps[-1] for extension, steps in listener.shown[call.key].items()}
        assert all(card.state is CardState.ENDED for card in final.values())
        lost = [one for one in truth["rang"] if one not in truth["answered_by"]]
        for extension in truth.get("retract", lost):
            assert final[extension].reason not in ("ended", "transferred") or truth["outcome"] == "answered"
        assert all(_never_two(steps) for steps in listener.shown[call.key].values())


def _never_two(steps: list[traces.Card]) -> bool:
    """One card at a time: what has been answered does not ring again, unless it was gone between."""
    pairs = pairwise(steps)
    return all(not (a.state is CardState.ANSWERED and b.state is CardState.RINGING) for a, b in pairs)


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_left_behind_when_a_call_is_over(name: str) -> None:
    state = CallState(classify)
    listener = Listener(state)
    listener.feed(events(trace(name)))
    listener.finish()
    assert state.keys() == []
    assert (state._refs, state._homes, state._settling, state._changes) == ({}, {}, [], {})


@pytest.mark.parametrize("name", WHOLE)
def test_the_stream_may_be_cut_anywhere_and_carry_empty_lines(name: str) -> None:
    chance = random.Random(name)
    raw = b"".join(b"\r\n" * chance.randrange(3) + part + b"\r\n\r\n" for _, part in trace(name).messages)
    at = trace(name).messages[0][0]
    framer, translator, stream = Framer(), AmiTranslator(), []
    while raw:
        size = chance.choice((1, 2, 3, 7, 64, 700, 5000))
        for message in framer.feed(raw[:size]):
            stream += translator.translate(at, message)
        raw = raw[size:]
    assert [_timeless(event) for event in stream] == [_timeless(event) for event in events(trace(name))]


def _timeless(event: CallEvent) -> CallEvent:
    moved = replace(event, at=0.0)
    return replace(moved, started_at=None) if hasattr(moved, "started_at") else moved


@pytest.mark.parametrize("name", WHOLE)
def test_a_name_in_latin_1_changes_nothing_but_the_name(name: str) -> None:
    found = trace(name)
    other = replace(
        found, messages=tuple((at, raw.replace(b"Jan Jansen", b"Jos\xe9 M\xfcller")) for at, raw in found.messages)
    )
    before, after = solo(name), by_key(play(events(other)))
    for key, call in before.items():
        wanted = "José Müller" if call.caller_name == "Jan Jansen" else call.caller_name
        assert after[key] == replace(call, caller_name=wanted)


@pytest.mark.parametrize("name", WHOLE)
def test_events_told_twice_change_nothing(name: str) -> None:
    twice = [event for event in events(trace(name)) for _ in range(2)]
    assert by_key(play(twice)) == solo(name)


@pytest.mark.parametrize("name", WHOLE)
def test_a_stretch_of_the_stream_told_again_while_it_settles_changes_nothing(name: str) -> None:
    stream = events(trace(name))
    last = stream[-1].at
    again = [replace(event, at=last) for event in stream]
    assert by_key(play(stream + again)) == solo(name)


@pytest.mark.parametrize("name", WHOLE)
def test_a_finished_call_is_not_raised_by_its_own_past(name: str) -> None:
    listener = Listener()
    stream = events(trace(name))
    listener.feed(stream)
    before = by_key(listener.finish())
    listener.feed([replace(event, at=stream[-1].at + 60) for event in stream])
    assert by_key(listener.finish()) == before
    assert listener.state.keys() == []


@pytest.mark.parametrize("name", WHOLE)
def test_the_same_story_with_other_ids_is_another_call(name: str) -> None:
    one, two = trace(name), traces.renamed(trace(name), 7)
    stream = sorted(events(one) + events(two, delay=0.25), key=lambda event: event.at)
    calls = play(stream)
    assert len(calls) == 2 * len(one.truth)
    for call in calls:
        assert any(list(differences(call, truth)) == [] for truth in _truths(one, call.click_id))


def _truths(found: traces.Trace, click_id: str) -> list[dict[str, object]]:
    return [{**truth, "click_id": click_id} if click_id else truth for truth in found.truth]


def test_all_traces_at_once_on_one_stream_do_not_mix() -> None:
    stream, alone = _together(dict.fromkeys(MIXED, 0.0))
    assert by_key(play(stream)) == alone


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_calls_that_overlap_in_any_way_do_not_mix(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(MIXED), min_size=2, max_size=6, unique=True))
    starts = {name: data.draw(st.floats(0.0, 30.0)) for name in names}
    stream, alone = _together(starts)
    assert by_key(play(stream)) == alone


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_order_of_events_of_different_calls_does_not_matter(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(MIXED), min_size=2, max_size=4, unique=True))
    waiting = {name: list(reversed(events(trace(name)))) for name in names}
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    state = CallState(classify, settle_s=1e9)  # the times of different recordings lie hours apart
    listener = Listener(state)
    while waiting:
        name = chance.choice(sorted(waiting))
        listener.feed([waiting[name].pop()])
        if not waiting[name]:
            del waiting[name]
    together = by_key(listener.finish())
    assert together == {key: call for name in names for key, call in solo(name).items()}


def _together(starts: dict[str, float]) -> tuple[list[CallEvent], dict[str, Call]]:
    """One stream of several traces, each begun `starts` seconds after a common moment; and each of them alone."""
    stream: list[CallEvent] = []
    alone: dict[str, Call] = {}
    for name, start in starts.items():
        shifted = events(trace(name), delay=1_800_000_000.0 + start - trace(name).messages[0][0])
        stream += shifted
        alone |= by_key(play(shifted))
    return sorted(stream, key=lambda event: event.at), alone


@pytest.mark.parametrize("name", WHOLE)
def test_a_hub_killed_at_any_event_goes_on_where_it_was(name: str) -> None:
    stream = events(trace(name))
    for cut in range(0, len(stream) + 1, max(1, len(stream) // 12)):
        before = Listener()
        before.feed(stream[:cut])
        kept = json.dumps([before.state.dump(key) for key in before.state.keys()])  # noqa: SIM118 - no mapping
        state = CallState(classify)
        for one in json.loads(kept):
            state.load(one)
        after = Listener(state)
        after.calls, after.shown = before.calls, before.shown
        after.feed(stream[cut:])
        assert by_key(after.finish()) == solo(name), f"killed before event {cut}"


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("gap", [0, 1, 4, 12, 10_000])
def test_a_link_lost_anywhere_doubles_nothing_and_leaves_nothing_open(name: str, gap: int) -> None:
    stream, alone = events(trace(name)), solo(name)
    for cut in range(0, len(stream), max(1, len(stream) // 12)):
        listener = _cut(stream, cut, min(len(stream), cut + gap))
        calls = listener.finish()
        assert listener.state.keys() == []
        if gap == 0:
            assert by_key(calls) == alone, f"link lost before event {cut}"
        if name not in MERGING:
            assert len(calls) <= len(alone)
            for call in calls:
                assert (call.direction, call.caller) == (alone[call.key].direction, alone[call.key].caller)
        for call in calls:
            true = alone.get(call.key)
            if true is not None and call.outcome is not true.outcome and _unheard_s(stream, cut, gap) > 1:
                assert call.end_estimated or call.reason == "unseen", (
                    f"events {cut} to {cut + gap} unheard, and yet {call.outcome} {call.reason}"
                )


def _unheard_s(stream: list[CallEvent], cut: int, gap: int) -> float:
    return stream[min(len(stream), cut + gap) - 1].at - stream[max(0, cut - 1)].at


def _cut(stream: list[CallEvent], cut: int, back: int) -> Listener:
    """Play a stream with a link that breaks before event `cut` and is back before event `back`."""
    exchange, listener = Switchboard(), Listener()
    listener.feed(stream[:cut])
    for event in stream[:back]:
        exchange.hear(event)
    lost_at = stream[cut - 1].at if cut else stream[0].at - 1
    listed = exchange.listed(max(lost_at, stream[back - 1].at if back else lost_at))
    listener.feed([LinkLost(lost_at)])
    before = _rang_for_others(listener)
    listener.feed([listed])
    ringing = {classify(one.channel.name).extension for one in listed.channels if one.state is ChannelState.RINGING}
    assert _rang_for_others(listener) - before <= ringing, "a pop for the past"
    listener.feed(stream[back:])
    return listener


def _rang_for_others(listener: Listener) -> set[str]:
    """Extensions that ever had a ringing card of a call which was not their own."""
    return {
        extension
        for key, history in listener.shown.items()
        for extension, steps in history.items()
        if any(card.state is CardState.RINGING for card in steps)
        and not any(leg.origin and leg.extension == extension for leg in listener.calls[key].legs)
    }


@pytest.mark.parametrize("link_lost", [True, False])
def test_an_exchange_killed_in_a_call_loses_it_and_says_so(link_lost: bool) -> None:
    first, second = (events(trace(name)) for name in TWO_PARTS)
    last = first[-1].at
    later = [replace(event, at=last + 30) for event in second]
    later = [replace(event, started_at=last + 29) if hasattr(event, "started_at") else event for event in later]
    calls = play([*first, *([LinkLost(last + 1)] if link_lost else []), *later])
    assert len(calls) == 1
    assert list(differences(calls[0], trace(TWO_PARTS[0]).truth[0])) == []
    assert calls[0].end_estimated
    assert calls[0].ended_at is not None
    assert last <= calls[0].ended_at.timestamp() <= last + 1


def test_a_real_list_of_channels_rebuilds_the_calls_it_shows() -> None:
    stream = events(trace("72_channels_listed"))
    at = next(place for place, event in enumerate(stream) if isinstance(event, ChannelsListed))
    whole = solo("72_channels_listed")
    listener = Listener()
    listener.feed(stream[at:])
    calls = by_key(listener.finish())
    assert set(calls) == set(whole)
    for key, call in calls.items():
        assert (call.direction, call.caller, call.did) == (whole[key].direction, whole[key].caller, whole[key].did)
        assert call.outcome is Outcome.ANSWERED
        assert traces.answered_by(call) == traces.answered_by(whole[key])
    talked_already = {key for key, call in calls.items() if any(leg.found_up for leg in call.legs)}
    assert len(talked_already) == 2
    assert all(not listener.shown[key] for key in talked_already), "a pop for the past"
