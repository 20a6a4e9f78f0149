"""Cursors of a timeline as addresses carry them."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import UserError
from hub.timeline.queries import Cursor, Wanted

MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.integers(min_value=1, max_value=2**62))
def test_a_cursor_comes_back_as_it_went(at: datetime, number: int) -> None:
    cursor = Cursor(at, number)
    assert Cursor.parse(str(cursor)) == cursor


@given(st.text(max_size=40))
def test_a_damaged_cursor_is_refused_and_never_an_accident(text: str) -> None:
    with suppress(UserError):
        assert isinstance(Cursor.parse(text).interaction_id, int)


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "x.1", "9" * 40 + ".1", "1;DROP TABLE.1"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        Cursor.parse(text)


def test_only_a_search_and_a_person_have_no_index() -> None:
    assert not Wanted(kinds=("call",)).unindexed
    assert Wanted(by=1).unindexed
    assert Wanted(find="x").unindexed
    assert not Wanted(find="  ").unindexed
