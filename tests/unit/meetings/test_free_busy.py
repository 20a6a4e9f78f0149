"""The first times at which everybody is free."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import UserError
from hub.meetings.free_busy import Busy, Person, Search, busy_of, free_slots
from hub.meetings.occurrences import occurrences
from hub.records.meeting import Attendee, Meeting, Response, Status, WallTime

BERLIN, NEW_YORK, JERUSALEM = "Europe/Berlin", "America/New_York", "Asia/Jerusalem"
NINE_TO_FIVE = {day: [(time(9), time(17))] for day in range(5)}
MONDAY = datetime(2025, 3, 3, tzinfo=UTC)


def utc(day: int, hour: int = 0, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


def person(*busy: Busy, zone: str = BERLIN, **more: Any) -> Person:
    return Person("Dana", zone, **{"hours": NINE_TO_FIVE, "busy": busy, **more})


def search(**more: Any) -> Search:
    usual = {"length": timedelta(hours=1), "since": MONDAY, "until": MONDAY + timedelta(days=7), "zone": BERLIN,
             "step": timedelta(hours=1), "limit": 3}  # fmt: skip
    return Search(**{**usual, **more})


def found(*people: Person, **more: Any) -> list[str]:
    return [f"{slot.start.local:%a %H:%M}" for slot in free_slots(people, search(**more))]


def test_the_first_free_times_are_given_in_working_hours() -> None:
    assert found(person(Busy(utc(3, 9), utc(3, 10)))) == ["Mon 09:00", "Mon 11:00", "Mon 12:00"]


def test_two_people_in_two_zones_meet_when_both_work() -> None:
    assert found(person(), person(zone=NEW_YORK)) == ["Mon 15:00", "Mon 16:00", "Tue 15:00"]


def test_working_hours_keep_their_place_when_the_clocks_change() -> None:
    people = [person(), person(zone=NEW_YORK)]
    slots = free_slots(people, search(since=utc(10), until=utc(11), limit=9))  # New York has changed, Berlin not yet
    assert [f"{slot.start.local:%H:%M}" for slot in slots] == ["14:00", "15:00", "16:00"]
    assert slots[0].start.instant == utc(10, 13)


def test_answers_are_on_whole_steps_of_the_clock_of_who_books() -> None:
    kolkata = found(person(), zone="Asia/Kolkata", step=timedelta(minutes=30))
    assert kolkata == ["Mon 13:30", "Mon 14:00", "Mon 14:30"]
    odd = found(person(Busy(utc(3, 8), utc(3, 8, 7))), step=timedelta(minutes=15))
    assert odd == ["Mon 09:15", "Mon 09:30", "Mon 09:45"]


def test_back_to_back_meetings_leave_no_time_between() -> None:
    busy = [Busy(utc(3, hour), utc(3, hour + 1)) for hour in range(8, 16)]
    assert found(person(*busy), limit=1) == ["Tue 09:00"]
    assert found(person(Busy(utc(3, 8), utc(3, 9))), limit=1) == ["Mon 10:00"]


def test_a_pause_is_kept_around_what_is_there() -> None:
    busy = Busy(utc(3, 10), utc(3, 11))
    assert found(person(busy), pause=timedelta(minutes=15)) == ["Mon 09:00", "Mon 13:00", "Mon 14:00"]


def test_a_meeting_that_may_take_place_blocks_unless_said_otherwise() -> None:
    busy = Busy(utc(3, 8), utc(3, 16), tentative=True)
    assert found(person(busy), limit=1) == ["Tue 09:00"]
    assert found(person(busy), limit=1, tentative_blocks=False) == ["Mon 09:00"]


def test_whole_days_are_days_of_the_person() -> None:
    trip = Busy(date(2025, 3, 3), date(2025, 3, 5))
    assert found(person(trip), limit=1) == ["Wed 09:00"]
    assert found(person(trip), limit=1, all_day_blocks=False) == ["Mon 09:00"]
    far = person(
        Busy(date(2025, 3, 3), date(2025, 3, 4)),
        zone="Pacific/Auckland",
        hours={d: [(time(8), time(20))] for d in range(5)},
    )
    assert found(far, limit=1, zone="Pacific/Auckland") == ["Tue 08:00"]


def test_days_off_have_no_working_hours() -> None:
    assert found(person(days_off={date(2025, 3, 3)}), limit=1) == ["Tue 09:00"]


def test_a_week_from_sunday_and_a_split_day_are_kept() -> None:
    hours = {6: [(time(9), time(10)), (time(14), time(16))], 0: [(time(9), time(17))]}
    assert found(person(zone=JERUSALEM, hours=hours), since=utc(2), until=utc(9), zone=JERUSALEM, limit=4) == [
        "Sun 09:00", "Sun 14:00", "Sun 15:00", "Mon 09:00",
    ]  # fmt: skip


def test_working_into_the_night_goes_over_midnight() -> None:
    late = person(hours={0: [(time(22), time(2))], 1: [(time(22), time())]})
    assert found(late, limit=9) == ["Mon 22:00", "Mon 23:00", "Tue 00:00", "Tue 01:00", "Tue 22:00", "Tue 23:00"]


def test_an_hour_that_does_not_exist_is_not_offered() -> None:
    night = person(hours={6: [(time(), time(6))]})
    times = found(night, since=utc(29), until=utc(31), step=timedelta(minutes=40), limit=6)
    assert times == ["Sun 00:00", "Sun 00:40", "Sun 01:20", "Sun 03:20", "Sun 04:00", "Sun 04:40"]


def test_nothing_is_found_where_nobody_has_time() -> None:
    assert found(person(), person(hours={})) == []


@pytest.mark.parametrize(("more", "word"), [
    ({"length": timedelta()}, "bad_length"), ({"length": timedelta(days=2)}, "bad_length"),
    ({"until": MONDAY}, "bad_window"), ({"until": MONDAY + timedelta(days=400)}, "bad_window"),
    ({"step": timedelta(seconds=1)}, "bad_step"), ({"limit": 10**6}, "bad_step"),
])  # fmt: skip
def test_a_search_without_bounds_is_refused(more: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError) as refused:
        free_slots([person()], search(**more))
    assert refused.value.error_id == word


def test_nobody_is_never_free() -> None:
    with pytest.raises(UserError):
        free_slots([], search())


@pytest.mark.parametrize(("more", "response", "busy"), [
    ({}, Response.ACCEPTED, False),
    ({}, Response.WAITING, True),
    ({}, Response.TENTATIVE, True),
    ({"status": Status.TENTATIVE}, Response.ACCEPTED, True),
    ({}, Response.DECLINED, None),
    ({"transparent": True}, Response.ACCEPTED, None),
    ({"status": Status.CANCELLED}, Response.ACCEPTED, None),
])  # fmt: skip
def test_what_takes_time_from_somebody(more: dict[str, Any], response: Response, busy: bool | None) -> None:
    start = WallTime(datetime(2025, 3, 4, 10), BERLIN)  # noqa: DTZ001 - a wall time
    meeting = Meeting("a@x", "1", start, WallTime(start.local + timedelta(hours=1), BERLIN),
                      attendees=(Attendee("Dana@hub.test", response=response),), **more)  # fmt: skip
    occurrence = occurrences(meeting, [], since=utc(1), until=utc(9), limit=1)[0]
    expected = None if busy is None else Busy(utc(4, 9), utc(4, 10), busy)
    assert busy_of(occurrence, "dana@hub.test") == expected


INSTANTS = st.integers(0, 7 * 96).map(lambda quarter: MONDAY + timedelta(minutes=15 * quarter))
TIMED = st.builds(lambda a, b, t: Busy(min(a, b), max(a, b), t), INSTANTS, INSTANTS, st.booleans())
DAYS = st.integers(1, 12).map(lambda day: date(2025, 3, day))
WHOLE = st.builds(lambda day, length: Busy(day, day + timedelta(days=length)), DAYS, st.integers(1, 3))
PEOPLE = st.lists(
    st.builds(
        Person, st.just("x"), st.sampled_from([BERLIN, NEW_YORK, JERUSALEM]),
        st.dictionaries(st.integers(0, 6), st.sampled_from([[(time(9), time(17))], [(time(8), time(12)), (time(13), time(1))]])),
        st.lists(st.one_of(TIMED, WHOLE), max_size=4),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@given(PEOPLE, st.sampled_from([15, 50, 120]))
def test_no_slot_meets_anything_that_is_busy_and_all_are_in_order(people: list[Person], minutes: int) -> None:
    wanted = search(
        length=timedelta(minutes=minutes), step=timedelta(minutes=15), limit=50, until=MONDAY + timedelta(days=14)
    )
    slots = free_slots(people, wanted)
    starts = [slot.start.instant for slot in slots]
    assert starts == sorted(set(starts))
    for slot in slots:
        begin, end = slot.start.instant, slot.end.instant
        assert end - begin == wanted.length
        for busy in (busy for person in people for busy in person.busy if isinstance(busy.start, datetime)):
            assert busy.end <= begin or busy.start >= end or busy.start == busy.end  # type: ignore[operator] # both are times


def works_and_is_free(person: Person, at: datetime) -> bool:
    """Say the slow way whether somebody has time in the quarter of an hour that begins at an instant."""
    local = WallTime.at(at, person.zone).local
    stretches = [
        (datetime.combine(day, begin), datetime.combine(day + timedelta(days=end <= begin), end))
        for day in (local.date(), local.date() - timedelta(days=1))
        for begin, end in person.hours.get(day.weekday(), ())
    ]
    whole = {
        b.start + timedelta(days=n)
        for b in person.busy
        if not isinstance(b.start, datetime)
        for n in range((b.end - b.start).days)
    }
    timed = [b for b in person.busy if isinstance(b.start, datetime)]
    return (
        any(begin <= local < end for begin, end in stretches)
        and local.date() not in whole
        and not any(b.start <= at < b.end for b in timed)  # type: ignore[operator] # both are times
    )


@settings(max_examples=40)
@given(PEOPLE)
def test_every_time_at_which_all_are_free_is_found(people: list[Person]) -> None:
    quarter = timedelta(minutes=15)
    quarters = [MONDAY + n * quarter for n in range(4 * 24 * 7)]  # ends before New York's clocks change
    free = {at for at in quarters if all(works_and_is_free(person, at) for person in people)}
    expected = [at for at in quarters if {at, at + quarter} <= free]
    wanted = search(length=timedelta(minutes=30), step=quarter, limit=200, until=MONDAY + timedelta(days=7))
    assert [slot.start.instant for slot in free_slots(people, wanted)] == expected[:200]
