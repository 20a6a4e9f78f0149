"""The cursor rule: overlap, the daily look further back, and ids that are no more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.odoo import window
from hub.connector.stream import Cursor, Phase
from hub.errors import CursorExpired

OVERLAP = timedelta(minutes=10)
BEGAN = "2026-11-23T07:00:00+00:00"


def at(token: str, deep: str = BEGAN) -> Cursor:
    return Cursor(Phase.INCREMENTAL, token=token, rest={"deep": deep})


def test_a_pass_from_the_beginning_asks_for_everything() -> None:
    assert window.opened(Cursor(), OVERLAP) == ""


def test_a_look_goes_back_behind_the_beginning_of_the_one_before() -> None:
    assert window.opened(at(BEGAN), OVERLAP) == "2026-11-23 06:50:00"
    assert window.opened(at("2026-11-23T07:00:00.900000+02:00"), OVERLAP) == "2026-11-23 04:50:00"


def test_once_a_day_a_look_goes_back_three_days() -> None:
    next_day = at("2026-11-24T07:00:00+00:00")
    assert window.is_deep(next_day)
    assert window.opened(next_day, OVERLAP) == "2026-11-21 07:00:00"
    done = window.followed(replace(next_day, anchor="2026-11-24T07:01:00+00:00"))
    assert not window.is_deep(done)
    assert window.opened(done, OVERLAP) == "2026-11-24 06:51:00"


def test_an_overlap_longer_than_three_days_stays_as_long() -> None:
    assert window.opened(at("2026-11-24T07:00:00+00:00"), timedelta(days=5)) == "2026-11-19 07:00:00"


def test_the_next_look_begins_where_this_one_began_and_not_where_it_ended() -> None:
    done = window.followed(Cursor(anchor=BEGAN, page="7", asked="invoices 1", rest={"seen": "x", "shown": 3}))
    assert (done.phase, done.token, done.page, done.asked) == (Phase.INCREMENTAL, BEGAN, "", "invoices 1")
    assert done.rest == {"deep": BEGAN, "seen": "x"}


def test_looks_after_a_long_silence_go_back_to_the_last_one() -> None:
    assert window.opened(at(BEGAN, deep="2026-10-01T00:00:00+00:00"), OVERLAP) == "2026-11-20 07:00:00"


@pytest.mark.parametrize("token", ["", "yesterday", "2026-13-01"])
def test_a_cursor_that_is_none_of_ours_begins_anew(token: str) -> None:
    with pytest.raises(CursorExpired):
        window.opened(at(token), OVERLAP)


@given(st.sets(st.integers(min_value=1, max_value=2**31 - 1), max_size=300))
def test_remembered_ids_are_what_was_remembered(ids: set[int]) -> None:
    assert window.unpacked(window.packed(ids)) == ids


def test_only_the_newest_ids_are_remembered_in_little_room() -> None:
    text = window.packed(range(1, 100_001))
    assert window.unpacked(text) == frozenset(range(100_001 - window.NEWEST, 100_001))
    assert len(text) < 100


@pytest.mark.parametrize("text", ["x", "1:2", "eJwzB==", "?"])
def test_remembered_ids_that_cannot_be_read_begin_anew(text: str) -> None:
    with pytest.raises(CursorExpired):
        window.unpacked(text)


def test_an_id_that_is_not_among_the_newest_any_more_is_missing() -> None:
    assert window.missing(window.packed([3, 4, 7]), [3, 7, 9]) == {4}
    assert window.missing(window.packed([3, 4, 7]), []) == {3, 4, 7}
    assert window.missing("", [1, 2]) == frozenset()


def test_an_id_that_newer_ones_pushed_out_is_not_missing() -> None:
    newest = range(1000, 1000 + window.NEWEST)
    assert window.missing(window.packed([5, 999, 1001, 1500]), newest) == frozenset()
    assert window.missing(
        window.packed([5, 1001]), [one for one in range(900, 901 + window.NEWEST) if one != 1001]
    ) == {1001}


def test_moments_are_written_as_odoo_compares_them() -> None:
    assert window.written(datetime(2026, 3, 1, 1, 2, 3, 999_999, tzinfo=UTC)) == "2026-03-01 01:02:03"


def test_an_id_that_no_page_showed_is_unknown_unless_it_is_older_than_what_is_remembered() -> None:
    assert window.unknown(window.packed([10, 11, 13]), [3, 10, 12, 13, 14]) == [12, 14]
    assert window.unknown("", [3, 4]) == [3, 4]


def test_where_nothing_changed_what_is_there_is_looked_at_now_and_then() -> None:
    now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    quiet = replace(at(BEGAN), rest={"deep": BEGAN, "looked_at": BEGAN})
    assert not window.must_look(quiet, now + window.LOOK_EVERY / 2)
    assert window.must_look(quiet, now + window.LOOK_EVERY)
    assert window.must_look(replace(quiet, page="7"), now)
    assert window.must_look(quiet, None)
    assert window.must_look(at(BEGAN), now)
