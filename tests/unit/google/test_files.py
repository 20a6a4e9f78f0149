"""A file out of Gmail's answer as it arrives: in any pieces, in either alphabet, and never half of one."""

import base64
import json
import tracemalloc
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.google import files
from hub.errors import GoneError, RetryLaterError, ShapeError


def pieces(raw: bytes, sizes: list[int]) -> list[bytes]:
    """Cut bytes as a network would."""
    found, begin = [], 0
    for size in [*sizes, len(raw)]:
        if raw[begin : begin + size]:
            found.append(raw[begin : begin + size])
        begin += size
    return found


@given(
    st.binary(max_size=400),
    st.lists(st.integers(1, 60), max_size=30),
    st.sampled_from([base64.urlsafe_b64encode, base64.b64encode]),
    st.sampled_from(["=", "", "\\u003d"]),
    st.booleans(),
)
def test_a_file_comes_whole_in_whatever_pieces_and_spelling(
    content: bytes, sizes: list[int], encode: Callable[[bytes], bytes], filler: str, first: bool
) -> None:
    data = encode(content).decode().replace("=", filler)
    answer = (
        f'{{"data" : "{data}", "size": 3}}'
        if first
        else f'{{\n "size": 3,\n "attachmentId": "x",\n "data":"{data}"\n}}'
    )
    assert json.loads(answer)["size"] == 3
    assert b"".join(files.decoded(files.data_of(pieces(answer.encode(), sizes)))) == content


@given(st.binary(min_size=1, max_size=200), st.data())
def test_an_answer_that_breaks_off_is_never_half_a_file(content: bytes, data: st.DataObject) -> None:
    answer = json.dumps({"size": 3, "data": base64.urlsafe_b64encode(content).decode()}).encode()
    end = data.draw(st.integers(0, len(answer) - 3))
    with pytest.raises((RetryLaterError, ShapeError)):
        list(files.decoded(files.data_of([answer[:end]])))


@pytest.mark.parametrize(
    "answer",
    [b"<html>sign in</html>", b"{}", b'{"size": 3}', b'{"data": 3}', b'{"data": "<script>"}', b'{"data": "A"}',
     b'{"data": "QUJ\\n\\n\\n\\n\\n\\n"}', b"x" * 200_000],
)  # fmt: skip
def test_what_is_no_file_is_refused(answer: bytes) -> None:
    with pytest.raises(ShapeError):
        list(files.decoded(files.data_of([answer])))


def test_a_large_file_is_never_held_whole() -> None:
    block = base64.urlsafe_b64encode(b"x" * 49_152)
    answer = chain([b'{"size": 1, "data": "'], repeat(block, 640), [b'"}'])
    tracemalloc.start()
    size = sum(map(len, files.decoded(files.data_of(answer))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 640 * 49_152  # 30 MB
    assert peak < 2 * 2**20


def part(number: str, *inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"partId": number, "body": {"size": 1}, "parts": list(inner), **more}


def test_a_part_is_found_by_its_number_however_deep_within_reason() -> None:
    deep = part("9", body={"attachmentId": "a"})
    assert files.body(part("", part("0"), part("1", part("1.0"), deep)), "9") == {"attachmentId": "a"}
    assert files.body(part("", body="no"), "") == {}
    hostile: list[Any] = [None, [], part(""), {"partId": "", "parts": [3, "x"]}]
    for payload in hostile:
        with pytest.raises(GoneError):
            files.body(payload, "9")
    for number in range(200):
        deep = part(str(number + 10), deep)
    with pytest.raises(GoneError):
        files.body(deep, "9")
