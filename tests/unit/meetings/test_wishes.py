"""What is wanted of a meeting is laid over what its calendar says, and says the same after it was kept."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from hub.meetings.plan import Ask, Draft, Held, Scope, Target, cancel, change, create
from hub.meetings.wishes import Verb, Wish, is_stand_in, overlaid, stand_in
from hub.records.meeting import Attendee, Meeting, Status, WallTime

ZONE = "Europe/Warsaw"
NOA = "noa@acme.example"
TARGET = Target(7, "primary", {NOA}, datetime(2025, 1, 1, tzinfo=UTC))
ASK = Ask("k", datetime(2025, 2, 1, tzinfo=UTC), notify=True)


def wall(text: str) -> WallTime:
    return WallTime(datetime.fromisoformat(text), ZONE)


DRAFT = Draft(
    "Offer", wall("2025-03-04T10:00"), wall("2025-03-04T11:00"), "Text", "Haifa", attendees=(Attendee("d@c.example"),)
)
SERIES = Meeting("s@x", "s1", wall("2025-03-04T10:00"), wall("2025-03-04T11:00"), title="Weekly", organiser=NOA,
                 recurrence=("RRULE:FREQ=WEEKLY",), etag='"1"')  # fmt: skip
SINGLE = replace(SERIES, recurrence=())
SECOND = datetime(2025, 3, 11, 9, tzinfo=UTC)


def moved(scope: Scope = Scope.THIS) -> Wish:
    original = SECOND if scope is Scope.THIS else None
    write = change(Held(SERIES), {"start": wall("2025-03-12T08:00")}, TARGET, ASK, scope=scope, original_start=original)
    assert write is not None
    return Wish.of(write, SERIES.uid)


def called_off(scope: Scope = Scope.THIS) -> Wish:
    original = SECOND if scope is Scope.THIS else None
    return Wish.of(cancel(Held(SERIES), TARGET, ASK, scope=scope, original_start=original), SERIES.uid)


def made() -> Wish:
    write = create(DRAFT, TARGET, ASK)
    return Wish.of(write, stand_in(write.event_id))


@pytest.mark.parametrize("wish", [made(), moved(), moved(Scope.ALL), called_off(), called_off(Scope.ALL),
                                  Wish(Verb.CANCEL, "c", "u", "r", original_start=date(2025, 3, 4), base={"start": None})])  # fmt: skip
def test_a_wish_is_the_same_after_it_was_kept(wish: Wish) -> None:
    assert Wish.of_json(json.loads(json.dumps(wish.as_json()))) == wish


def test_a_new_meeting_is_there_before_its_calendar_has_it_and_once_when_it_does() -> None:
    wish = made()
    assert is_stand_in(wish.uid)
    [meeting] = overlaid([], [wish], organiser=NOA)
    assert (meeting.title, meeting.start, meeting.organiser, meeting.location) == ("Offer", DRAFT.start, NOA, "Haifa")
    written = replace(meeting, uid="real@google.com", etag='"1"')
    assert overlaid([written], [wish], organiser=NOA) == [written]


def test_one_time_of_a_series_becomes_an_exception_and_later_wishes_go_over_it() -> None:
    series, exception = overlaid([SERIES], [moved()], organiser=NOA)
    assert series == SERIES
    assert (exception.start, exception.end) == (wall("2025-03-12T08:00"), wall("2025-03-12T09:00"))
    assert (exception.original_start, exception.series_id, exception.remote_id) == (SECOND, "s1", "")
    _, struck = overlaid([SERIES], [moved(), called_off()], organiser=NOA)
    assert (struck.status, struck.start) == (Status.CANCELLED, wall("2025-03-12T08:00"))


def test_a_series_is_called_off_with_its_exceptions() -> None:
    exception = replace(SERIES, remote_id="s1_x", series_id="s1", original_start=SECOND, recurrence=())
    found = overlaid([SERIES, exception], [called_off(Scope.ALL)], organiser=NOA)
    assert {one.status for one in found} == {Status.CANCELLED}


def test_a_wish_about_what_a_calendar_does_not_have_changes_nothing() -> None:
    other = replace(SINGLE, remote_id="other")
    assert overlaid([other], [moved(), moved(Scope.ALL), called_off()], organiser=NOA) == [other]


def test_what_is_wanted_counts_before_older_copies() -> None:
    write = change(Held(SINGLE), {"title": "New"}, TARGET, ASK)
    assert write is not None
    [laid] = overlaid([SINGLE], [Wish.of(write, SINGLE.uid)], organiser=NOA)
    assert (laid.title, laid.sequence > SINGLE.sequence) == ("New", True)
    assert write.base == {"start": SINGLE.start, "end": SINGLE.end, "title": "Weekly"}


@pytest.mark.parametrize("hour", [0, 1])  # in UTC; the clocks of Berlin show half past two at both
def test_an_hour_that_comes_twice_stays_the_one_that_was_meant(hour: int) -> None:
    at = WallTime.at(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), "Europe/Berlin")
    write = create(replace(DRAFT, start=at, end=WallTime.at(at.instant.replace(hour=5), at.zone)), TARGET, ASK)
    kept = Wish.of_json(json.loads(json.dumps(Wish.of(write, "u").as_json())))
    assert kept.fields["start"].instant == at.instant
