"""What of a meeting the timeline shows, and to whom."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hub.meetings.series import MOST_ROWS, Place, Repeats, declined, described, shown, visibility
from hub.records.meeting import Attendee, Meeting, Privacy, Response, Status, WallTime

NOW = datetime(2025, 3, 12, 12, tzinfo=UTC)
FIRST = WallTime(datetime(2025, 3, 4, 10), "Europe/Berlin")  # noqa: DTZ001 - a wall time
OURS = frozenset({"dana@hub.test", "omer@hub.test"})


def weekly(*lines: str, **more: Any) -> Meeting:
    end = WallTime(FIRST.local + timedelta(hours=1), FIRST.zone)
    return Meeting("s@x", "m1", FIRST, end, recurrence=lines or ("RRULE:FREQ=WEEKLY;BYDAY=TU",), title="Weekly", **more)


def cancelled(*days: int) -> list[Meeting]:
    return [
        Meeting(
            "s@x",
            f"m1_{day}",
            series_id="m1",
            original_start=datetime(2025, 3, day, 9, tzinfo=UTC),
            status=Status.CANCELLED,
        )
        for day in days
    ]


def asked(**responses: Response) -> tuple[Attendee, ...]:
    return tuple(Attendee(f"{name}@hub.test", response=response) for name, response in responses.items())


def told(meeting: Meeting | None, exceptions: list[Meeting] | None = None, **more: Any) -> list[tuple[int, str, bool]]:
    rows = shown(meeting, exceptions or [], NOW, ours=OURS, **more)
    return [
        (row.start.local.day if isinstance(row.start, WallTime) else row.start.day, row.place, row.struck)
        for row in rows
    ]


def test_a_series_is_its_past_and_the_next_time() -> None:
    assert told(weekly()) == [(4, "past", False), (11, "past", False), (18, "next", False)]


def test_cancelled_times_stay_struck_and_the_next_is_the_next_that_takes_place() -> None:
    assert told(weekly(), cancelled(11, 18)) == [
        (4, "past", False),
        (11, "past", True),
        (18, "ahead", True),
        (25, "next", False),
    ]


def test_a_series_that_was_called_off_says_so_once() -> None:
    assert told(weekly(status=Status.CANCELLED)) == [(4, "past", True), (11, "past", True), (18, "ahead", True)]


def test_a_series_that_is_over_has_no_next() -> None:
    assert told(weekly("RRULE:FREQ=WEEKLY;COUNT=2")) == [(4, "past", False), (11, "past", False)]


def test_a_meeting_that_goes_on_is_there_once() -> None:
    meeting = Meeting("a@x", "1", WallTime(datetime(2025, 3, 12, 12, 30), "Europe/Berlin"),  # noqa: DTZ001
                      WallTime(datetime(2025, 3, 12, 13, 30), "Europe/Berlin"))  # fmt: skip # noqa: DTZ001
    assert told(meeting) == [(12, "past", False)]


def test_a_long_past_keeps_its_latest_times_and_the_next() -> None:
    rows = shown(weekly("RRULE:FREQ=MINUTELY;INTERVAL=20"), [], NOW)
    assert len(rows) == MOST_ROWS + 1
    assert (rows[-1].place, rows[-1].start.instant) == (Place.NEXT, NOW)  # type: ignore[union-attr] # no day
    assert all(row.place is Place.PAST for row in rows[:-1])


def test_the_window_of_the_past_can_be_chosen() -> None:
    assert told(weekly(), past=timedelta(days=3)) == [(11, "past", False), (18, "next", False)]


def test_a_meeting_on_29_february_has_a_next_time() -> None:
    rows = shown(Meeting("a@x", "1", date(2024, 2, 29), recurrence=("RRULE:FREQ=YEARLY",)), [], NOW)
    assert [(row.start, row.place) for row in rows] == [(date(2028, 2, 29), Place.NEXT)]


def test_a_meeting_that_all_our_people_declined_is_never_the_next() -> None:
    meeting = weekly(attendees=asked(dana=Response.DECLINED, omer=Response.DECLINED))
    rows = shown(meeting, [], NOW, ours=OURS)
    assert {row.declined for row in rows} == {True}
    assert Place.NEXT not in {row.place for row in rows}


@pytest.mark.parametrize(("responses", "organiser", "no"), [
    ({"dana": Response.DECLINED}, "", True),
    ({"dana": Response.DECLINED, "omer": Response.WAITING}, "", False),
    ({"dana": Response.DECLINED}, "omer@hub.test", False),
    ({"dana": Response.DECLINED}, "Dana@hub.test", True),
    ({"customer": Response.DECLINED}, "", False),
    ({}, "", False),
])  # fmt: skip
def test_declined_means_that_nobody_of_ours_comes(responses: dict[str, Response], organiser: str, no: bool) -> None:
    assert declined(weekly(attendees=asked(**responses), organiser=organiser), OURS) is no


@pytest.mark.parametrize(("privacy", "usual", "private", "seen"), [
    (Privacy.DEFAULT, "all", "metadata", "all"),
    (Privacy.PUBLIC, "metadata", "metadata", "metadata"),
    (Privacy.PRIVATE, "all", "metadata", "metadata"),
    (Privacy.CONFIDENTIAL, "all", "metadata", "metadata"),
    (Privacy.PRIVATE, "all", "owner", "owner"),
    (Privacy.PRIVATE, "owner", "metadata", "owner"),
])  # fmt: skip
def test_a_private_meeting_shows_others_no_title(privacy: Privacy, usual: str, private: str, seen: str) -> None:
    assert visibility(privacy, usual, private=private) == seen


@pytest.mark.parametrize(("lines", "parts"), [
    (["RRULE:FREQ=WEEKLY;BYDAY=TU,TH"], Repeats("weekly", weekdays=(("tu", 0), ("th", 0)))),
    (["RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;COUNT=5"], Repeats("monthly", 2, weekdays=(("fr", -1),), count=5)),
    # 22:00 in UTC is the next day in the zone of the series.
    (["RRULE:FREQ=DAILY;UNTIL=20250630T220000Z", "EXDATE:20250305T090000Z"], Repeats("daily", until=date(2025, 7, 1))),
    (["RRULE:FREQ=DAILY;UNTIL=20250630", "RDATE:20250305T150000Z"], Repeats("daily", until=date(2025, 6, 30), irregular=True)),
    (["RDATE:20250305T150000Z"], None),
])  # fmt: skip
def test_a_rule_is_told_in_parts(lines: list[str], parts: Repeats | None) -> None:
    assert described(weekly(*lines)) == parts
