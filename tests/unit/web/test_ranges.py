"""Files in parts: which part an answer holds, what is sent of it, and as what."""

from io import BytesIO
from typing import BinaryIO

import pytest
from flask import Flask, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from hub.web import ranges

APP = Flask(__name__)
SOUND = bytes(range(250)) * 4


def ask(size: int = len(SOUND), method: str = "GET", content_type: str = "audio/wav", **headers: str) -> Response:
    opened: list[int] = []

    def open_at(start: int) -> BinaryIO:
        opened.append(start)
        file = BytesIO(SOUND[:size])
        file.seek(start)
        return file

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with APP.test_request_context("/", method=method, headers=named):
        part = ranges.asked(size, "ab12")
        response = ranges.answer(size, part, open_at, content_type=content_type, etag="ab12")
        assert opened == ([] if method == "HEAD" else [part[0] if part else 0])
        return response


@given(st.integers(0, 1200), st.integers(0, 1200))
def test_a_part_is_what_was_asked_for_and_its_headers_say_so(first: int, last: int) -> None:
    if first > last or first >= len(SOUND):
        return
    response = ask(Range=f"bytes={first}-{last}")
    sent = b"".join(response.response)  # type: ignore[arg-type]
    stop = min(last + 1, len(SOUND))
    assert (response.status_code, sent) == (206, SOUND[first:stop])
    assert response.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{len(SOUND)}"
    assert response.content_length == len(sent)


@pytest.mark.parametrize(
    "headers", [{}, {"Range": "lines=1-2"}, {"Range": "bytes=0-1,4-5"}, {"Range": "bytes=0-1", "If_Range": '"another"'}]
)
def test_whatever_is_not_one_part_of_the_same_file_is_the_whole(headers: dict[str, str]) -> None:
    response = ask(**headers)
    assert (response.status_code, b"".join(response.response)) == (200, SOUND)  # type: ignore[arg-type]


def test_a_part_outside_the_file_is_refused_with_its_size() -> None:
    with pytest.raises(RequestedRangeNotSatisfiable) as refused:
        ask(Range="bytes=5000-")
    assert ("Content-Range", f"bytes */{len(SOUND)}") in refused.value.get_headers()


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "audio/x-unheard-of", ""])
def test_what_no_player_knows_is_sent_as_plain_bytes(kind: str) -> None:
    response = ask(content_type=kind)
    assert response.content_type == "application/octet-stream"
    assert response.headers["Cache-Control"] == "private, no-store"


def test_the_head_alone_opens_no_file() -> None:
    response = ask(method="HEAD", Range="bytes=10-19")
    assert (response.status_code, response.content_length) == (206, 10)
