"""AMI framing: whatever the network does to the pieces, the same messages come out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asterisk import ami

LINE = st.binary(max_size=20).filter(lambda line: b"\r" not in line and b"\n" not in line)
MESSAGE = st.lists(LINE.filter(bool), min_size=1, max_size=5).map(b"\r\n".join)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def feed_all(data: bytes, cuts: list[int]) -> list[bytes]:
    framer = ami.Framer()
    return [message for piece in pieces(data, cuts) for message in framer.feed(piece)]


@given(st.lists(MESSAGE, max_size=6), st.lists(st.integers(0, 3), max_size=6), CUTS)
def test_any_fragmentation_gives_the_messages_that_were_sent(
    messages: list[bytes], extra_lines: list[int], cuts: list[int]
) -> None:
    stream = b"".join(
        b"\r\n" * (extra_lines[index] if index < len(extra_lines) else 0) + message + b"\r\n\r\n"
        for index, message in enumerate(messages)
    )
    assert feed_all(stream, cuts) == messages


@given(st.binary(max_size=400), CUTS)
def test_garbage_in_any_pieces_gives_what_the_whole_gives(data: bytes, cuts: list[int]) -> None:
    assert feed_all(data, cuts) == feed_all(data, [])


@given(st.text("\r\nA: ", max_size=60), CUTS)
def test_line_ends_in_any_order_never_give_an_empty_message(text: str, cuts: list[int]) -> None:
    found = feed_all(text.encode(), cuts)
    assert found == feed_all(text.encode(), [])
    assert all(message and not message.startswith((b"\r", b"\n")) for message in found)


@given(st.integers(1, 50))
def test_a_message_without_an_end_is_refused_at_the_limit(step: int) -> None:
    framer = ami.Framer(limit=200)
    for _ in range(200 // step):
        assert framer.feed(b"x" * step) == []
    with pytest.raises(ami.GarbageError):
        framer.feed(b"x" * step)


def test_single_bytes_of_a_long_message_cost_no_more_than_their_number() -> None:
    framer = ami.Framer()
    for _ in range(200_000):
        assert framer.feed(b"x") == []
    assert framer.feed(b"\r\n\r\n") == [b"x" * 200_000]


@given(st.binary(max_size=200))
def test_reading_the_headers_of_anything_never_fails(message: bytes) -> None:
    ami.fields(message)


def test_of_repeated_headers_the_first_counts_and_odd_lines_are_skipped() -> None:
    assert ami.fields(b"Output: a\r\nno colon\r\nOutput: b\r\nEmpty: \r\nTime: 1:2") == {
        "Output": "a",
        "Empty": "",
        "Time": "1:2",
    }


def test_an_action_is_written_with_its_id_last() -> None:
    assert ami.action("Ping", [("A", "b: c")], action_id="7") == b"Action: Ping\r\nA: b: c\r\nActionID: 7\r\n\r\n"


@pytest.mark.parametrize("value", ["1\r\nAction: Command", "1\nX: y", "1\0", "\r"])
def test_a_line_break_in_a_value_cannot_be_written(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        ami.action("Hangup", [("Channel", value)])
    with pytest.raises(ValueError, match="line break"):
        ami.action("Hangup", [(value, "x")])
