"""What may be written to a remote calendar, and what never."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import UserError
from hub.meetings.plan import (
    MARKER,
    Ask,
    Cancel,
    Change,
    Draft,
    Held,
    Scope,
    Target,
    cancel,
    change,
    create,
    event_id,
    refusal,
)
from hub.records.meeting import Attendee, Meeting, Privacy, Status, WallTime

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)
TARGET = Target(7, "primary", frozenset({"dana@hub.test"}), connected_at=NOW - timedelta(days=1))
ASK = Ask("m1:1", NOW)
GUESTS = (Attendee("customer@firm.test"),)


def wall(text: str) -> WallTime:
    return WallTime(datetime.fromisoformat(text), "Europe/Berlin")


def draft(**more: Any) -> Draft:
    usual = {"title": "Demo", "start": wall("2025-03-04 10:00"), "end": wall("2025-03-04 11:00"), "attendees": GUESTS}
    return Draft(**{**usual, **more})


def single(**more: Any) -> Meeting:
    usual = {"title": "Demo", "organiser": "Dana@hub.test", "etag": '"1"'}
    return Meeting("s@x", "r1", wall("2025-03-04 10:00"), wall("2025-03-04 11:00"), **{**usual, **more})


def series(**more: Any) -> Meeting:
    return single(recurrence=("RRULE:FREQ=WEEKLY",), **more)


def exception(**more: Any) -> Meeting:
    return Meeting(
        "s@x", "r1_x", series_id="r1", original_start=datetime(2025, 3, 11, 9, tzinfo=UTC), etag='"2"', **more
    )


def word(error: pytest.ExceptionInfo[UserError]) -> str:
    return error.value.error_id


# --- New meetings ---------------------------------------------------------------------------------------------------


def test_nobody_is_invited_unless_a_person_says_so() -> None:
    quiet, loud = create(draft(), TARGET, ASK), create(draft(), TARGET, Ask("m1:1", NOW, notify=True))
    assert (quiet.notify, quiet.draft.attendees) == (False, ())
    assert (loud.notify, loud.draft.attendees) == (True, GUESTS)


def test_the_same_request_makes_the_same_event_and_another_calendar_another() -> None:
    one, again = create(draft(), TARGET, ASK), create(draft(), TARGET, ASK)
    other = create(draft(), Target(8, "primary", TARGET.addresses, TARGET.connected_at), ASK)
    assert (one.event_id, one.idempotency_key) == (again.event_id, again.idempotency_key)
    assert other.event_id != one.event_id
    assert one.markers == {MARKER: one.event_id}


@given(st.text(max_size=50))
def test_the_id_of_an_event_is_one_that_google_takes(request_key: str) -> None:
    assert re.fullmatch("[a-v0-9]{5,1024}", event_id(request_key))


@pytest.mark.parametrize(("more", "error_id"), [
    ({"end": wall("2025-03-04 10:00")}, "bad_time"),
    ({"end": date(2025, 3, 4)}, "bad_time"),
    ({"recurrence": ("RRULE:FREQ=OFTEN",)}, "bad_recurrence"),
    ({"title": "x" * 2000}, "too_long"),
    ({"description": "x" * 10_000}, "too_long"),
])  # fmt: skip
def test_what_no_calendar_takes_is_refused(more: dict[str, Any], error_id: str) -> None:
    with pytest.raises(UserError) as refused:
        create(draft(**more), TARGET, ASK)
    assert word(refused) == error_id


def test_nothing_made_before_the_connection_is_pushed() -> None:
    old = Ask("m1:1", TARGET.connected_at - timedelta(seconds=1))
    for plan in (lambda: create(draft(), TARGET, old), lambda: change(Held(single()), {"title": "x"}, TARGET, old),
                 lambda: cancel(Held(single()), TARGET, old)):  # fmt: skip
        with pytest.raises(UserError) as refused:
            plan()
        assert word(refused) == "older_than_connection"


def test_nobody_is_invited_to_what_is_over_but_it_may_be_noted() -> None:
    over = draft(start=wall("2025-03-02 10:00"), end=wall("2025-03-02 11:00"))
    assert create(over, TARGET, ASK).draft.title == "Demo"
    with pytest.raises(UserError) as refused:
        create(over, TARGET, Ask("m1:1", NOW, notify=True))
    assert word(refused) == "past"


# --- Changes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("meeting", "error_id"), [
    (single(organiser="customer@firm.test"), "not_organiser"),
    (single(organiser=""), "not_organiser"),
    (single(status=Status.CANCELLED), "cancelled"),
    (single(), ""),
    (single(organiser="", markers={MARKER: "x"}), ""),
    (single(organiser="customer@firm.test", markers={MARKER: "x"}), "not_organiser"),  # a copy keeps our mark
])  # fmt: skip
def test_only_our_own_events_are_written(meeting: Meeting, error_id: str) -> None:
    assert refusal(meeting, TARGET, NOW) == error_id
    for plan in (
        lambda: change(Held(meeting), {"title": "x"}, TARGET, ASK),
        lambda: cancel(Held(meeting), TARGET, ASK),
    ):
        if not error_id:
            plan()
            continue
        with pytest.raises(UserError) as refused:
            plan()
        assert word(refused) == error_id


def test_a_calendar_that_can_only_be_read_is_not_written() -> None:
    target = Target(7, "primary", TARGET.addresses, TARGET.connected_at, writable=False)
    assert refusal(single(), target, NOW) == "read_only"
    with pytest.raises(UserError):
        create(draft(), target, ASK)


def test_only_what_changes_is_written_with_the_version_it_was_read_in() -> None:
    planned = change(Held(single()), {"title": "Demo", "location": "Haifa"}, TARGET, ASK)
    base = {"start": single().start, "end": single().end, "location": ""}
    wanted = ({"location": "Haifa"}, '"1"', "meeting:change:7:m1:1", False, base)
    assert planned == Change(7, "primary", "r1", "", None, *wanted)


def test_nothing_is_written_where_nothing_changes() -> None:
    assert change(Held(single()), {"title": "Demo"}, TARGET, ASK) is None


def test_a_moved_meeting_keeps_its_length() -> None:
    planned = change(Held(single()), {"start": wall("2025-03-05 15:00")}, TARGET, ASK)
    assert planned is not None
    assert planned.fields == {"start": wall("2025-03-05 15:00"), "end": wall("2025-03-05 16:00")}


@pytest.mark.parametrize(("fields", "scope", "error_id"), [
    ({"attendees": GUESTS}, Scope.ALL, "not_notified"),
    ({"etag": "x"}, Scope.ALL, "unknown_field"),
    ({"start": date(2025, 3, 5)}, Scope.ALL, "bad_time"),
    ({"title": "x"}, Scope.FOLLOWING, "this_and_following"),
    ({"privacy": Privacy.PRIVATE}, Scope.THIS, "series_only"),
    ({"recurrence": ()}, Scope.THIS, "series_only"),
])  # fmt: skip
def test_a_change_that_reaches_too_far_is_refused(fields: dict[str, Any], scope: Scope, error_id: str) -> None:
    with pytest.raises(UserError) as refused:
        change(Held(series()), fields, TARGET, ASK, scope=scope, original_start=datetime(2025, 3, 11, 9, tzinfo=UTC))
    assert word(refused) == error_id


def test_one_time_of_a_series_is_named_by_the_series_and_its_original_start() -> None:
    original = datetime(2025, 3, 11, 9, tzinfo=UTC)
    planned = change(
        Held(series()), {"start": wall("2025-03-12 10:00")}, TARGET, ASK, scope=Scope.THIS, original_start=original
    )
    assert planned is not None
    assert (planned.remote_id, planned.series_id, planned.original_start, planned.etag) == ("", "r1", original, "")
    assert planned.fields["end"] == wall("2025-03-12 11:00")


def test_a_time_that_was_moved_already_is_written_by_its_own_id() -> None:
    moved = exception(start=wall("2025-05-12 10:00"), end=wall("2025-05-12 10:30"), title="Demo")
    held = Held(series(), [moved])
    planned = change(
        held, {"start": wall("2025-05-12 11:00")}, TARGET, ASK, scope=Scope.THIS, original_start=moved.original_start
    )
    assert planned is not None
    assert (planned.remote_id, planned.etag) == ("r1_x", '"2"')
    assert planned.fields["end"] == wall("2025-05-12 11:30")


@pytest.mark.parametrize(("exceptions", "original", "error_id"), [
    ([], datetime(2025, 3, 12, 9, tzinfo=UTC), "not_in_series"),
    ([], None, "not_in_series"),
    ([exception(status=Status.CANCELLED)], datetime(2025, 3, 11, 9, tzinfo=UTC), "cancelled"),
])  # fmt: skip
def test_a_time_that_the_series_does_not_have_is_not_written(
    exceptions: list[Meeting], original: datetime | None, error_id: str
) -> None:
    with pytest.raises(UserError) as refused:
        cancel(Held(series(), exceptions), TARGET, ASK, scope=Scope.THIS, original_start=original)
    assert word(refused) == error_id


def test_a_title_that_the_remote_has_too_long_does_not_keep_a_meeting_from_being_moved() -> None:
    assert change(Held(single(title="x" * 5000)), {"start": wall("2025-03-05 15:00")}, TARGET, ASK) is not None


def test_a_whole_series_is_called_off_by_its_master() -> None:
    base = {"start": series().start, "end": series().end}
    expected = Cancel(7, "primary", "r1", "", None, '"1"', "meeting:cancel:7:m1:1", notify=False, base=base)
    assert cancel(Held(series(), [exception()]), TARGET, ASK) == expected
