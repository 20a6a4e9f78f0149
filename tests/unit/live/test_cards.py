"""What a browser is told of a call, and which cards stay."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.live import cards
from hub.live.cards import ANSWERED, DISMISSED, ENDED, NOTED, RINGING, SAVED
from hub.live.memory import MemoryBus

AT = 1_764_000_000_000.0


def history(*steps: tuple[str, dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    known: dict[str, Any] | None = None
    new, stays = {}, False
    for event, card in steps:
        new, stays = cards.change(known, event, {"call": "c1", **card}, at=AT)
        known = new if stays else None
    return new, stays


def test_a_later_event_keeps_what_was_told_before() -> None:
    new, stays = history((RINGING, {"name": "Dana", "number": "+972"}), (ANSWERED, {"t0": AT + 5000}))
    assert stays
    assert (new["name"], new["number"], new["state"]) == ("Dana", "+972", "answered")
    assert (new["rang_ms"], new["answered_ms"]) == (AT, AT + 5000)


def test_the_timer_starts_once_however_often_an_answer_is_told() -> None:
    new, _ = history((RINGING, {}), (ANSWERED, {"t0": AT + 1}), (ANSWERED, {"t0": AT + 9000}))
    assert new["answered_ms"] == AT + 1


@pytest.mark.parametrize(
    ("steps", "stays"),
    [
        ([(RINGING, {}), (ENDED, {})], False),
        ([(RINGING, {}), (ENDED, {"by": "Noa", "reason": "elsewhere"})], False),
        ([(RINGING, {}), (ANSWERED, {}), (ENDED, {})], True),  # finish your note
        ([(RINGING, {}), (ANSWERED, {}), (ENDED, {"reason": "transferred"})], True),
        ([(RINGING, {}), (ANSWERED, {}), (ENDED, {}), (ENDED, {"reason": "saved", "note_open": False})], False),
        ([(RINGING, {}), (ANSWERED, {}), (ENDED, {}), (SAVED, {})], False),
        ([(RINGING, {}), (ANSWERED, {}), (SAVED, {})], True),  # the call goes on
        ([(RINGING, {}), (ANSWERED, {}), (SAVED, {}), (ENDED, {})], False),
        ([(RINGING, {}), (NOTED, {"note_open": True}), (ENDED, {})], True),
        ([(RINGING, {}), (NOTED, {"note_open": True}), (NOTED, {"note_open": False}), (ENDED, {})], False),
        ([(RINGING, {}), (DISMISSED, {})], False),
        ([(NOTED, {"note_open": True})], False),  # nobody knows that card
        ([(NOTED, {"note_open": True, "state": "ended", "name": "Dana"})], True),
        ([(SAVED, {})], False),
        ([(DISMISSED, {})], False),
        ([(ENDED, {})], False),
    ],
)
def test_which_cards_stay(steps: list[tuple[str, dict[str, Any]]], *, stays: bool) -> None:
    assert history(*steps)[1] is stays


def test_a_word_that_is_no_event_is_refused() -> None:
    with pytest.raises(ValueError, match=r"call\.exploded"):
        cards.change(None, "call.exploded", {"call": "c1"}, at=AT)


def test_a_new_call_takes_the_place_of_an_ended_one_without_a_note() -> None:
    bus = MemoryBus()
    for call in ("c1", "c2"):
        bus.publish(1, RINGING, {"call": call})
        bus.publish(1, ANSWERED, {"call": call})
    bus.publish(1, NOTED, {"call": "c2", "note_open": True})
    bus.publish(1, ENDED, {"call": "c1"})
    bus.publish(1, ENDED, {"call": "c2"})
    assert [card["call"] for card in bus.cards(1)] == ["c1", "c2"]
    bus.publish(1, RINGING, {"call": "c3"})
    assert [card["call"] for card in bus.cards(1)] == ["c2", "c3"]


@given(st.text(), st.text(alphabet="\n\r\u2028\ud800\u202e<&\0:"))
def test_no_name_breaks_out_of_its_event(name: str, odd: str) -> None:
    text = cards.message(RINGING, {"call": "c1", "name": name + odd})
    text.encode("ascii")
    event, data, *rest = text.split("\n")
    assert (event, rest) == (f"event: {RINGING}", ["", ""])
    assert json.loads(data.removeprefix("data: "))["name"] == name + odd


@given(st.lists(st.tuples(st.sampled_from(cards.EVENTS), st.sampled_from("abc"), st.booleans()), max_size=30))
def test_no_order_of_events_leaves_a_dismissed_or_saved_and_ended_card(steps: list[tuple[str, str, bool]]) -> None:
    bus = MemoryBus()
    for event, call, note in steps:
        bus.publish(1, event, {"call": call, "note_open": note} if event == NOTED else {"call": call})
    last = {call: event for event, call, _ in steps}
    shown = {card["call"]: card for card in bus.cards(1)}
    assert all(last[call] != DISMISSED for call in shown)
    for card in shown.values():
        assert not (card["state"] == "ended" and card.get("saved") and not card.get("note_open"))
    assert all(call in shown for call, event in last.items() if event in {RINGING, ANSWERED})
