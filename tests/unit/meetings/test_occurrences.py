"""When a meeting takes place: the stories that broke other calendars, and a comparison with recurring-ical-events."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.errors import ShapeError
from hub.meetings.occurrences import Occurrence, key, occurrences
from hub.records.meeting import Meeting, Status, WallTime

BERLIN, JERUSALEM, NEW_YORK = "Europe/Berlin", "Asia/Jerusalem", "America/New_York"


def wall(text: str, zone: str = BERLIN) -> WallTime:
    return WallTime(datetime.fromisoformat(text), zone)


def weekly(*lines: str, start: str = "2025-03-04 10:00", zone: str = BERLIN, **more: Any) -> Meeting:
    begin = wall(start, zone)
    end = WallTime(begin.local + timedelta(hours=1), zone)
    return Meeting("s@x", "m1", begin, end, recurrence=lines or ("RRULE:FREQ=WEEKLY",), title="Weekly", **more)


def days(*lines: str, start: date = date(2025, 3, 28), length: int = 1) -> Meeting:
    return Meeting("d@x", "m1", start, start + timedelta(days=length), recurrence=lines, title="Days")


def exception(original: date | datetime, start: WallTime | date | None = None, **more: Any) -> Meeting:
    end = WallTime(start.local + timedelta(hours=1), start.zone) if isinstance(start, WallTime) else None
    return Meeting("s@x", "m1_x", start, end, series_id="m1", original_start=original, title="Other", **more)


def cancelled(original: date | datetime, **more: Any) -> Meeting:
    return exception(original, status=Status.CANCELLED, **more)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc] # year, month, day are always given


YEAR = (utc(2025, 1, 1), utc(2026, 1, 1))


def read(
    master: Meeting | None, *exceptions: Meeting, since: datetime = YEAR[0], until: datetime = YEAR[1], limit: int = 10
) -> list[Occurrence]:
    return occurrences(master, exceptions, since=since, until=until, limit=limit)


def instants(found: list[Occurrence]) -> list[str]:
    return [
        f"{item.start.instant:%m-%d %H:%M}" if isinstance(item.start, WallTime) else str(item.start) for item in found
    ]


# --- The clocks change ----------------------------------------------------------------------------------------------


def test_a_weekly_meeting_keeps_its_wall_time_when_the_clocks_change() -> None:
    # A fixed offset stored (home-assistant/core #81527) puts every meeting after 30 March an hour off.
    found = read(weekly(start="2025-03-18 10:00"), limit=3)
    assert instants(found) == ["03-18 09:00", "03-25 09:00", "04-01 08:00"]
    assert [item.start.local.hour for item in found if isinstance(item.start, WallTime)] == [10, 10, 10]


def test_zones_change_their_clocks_on_days_of_their_own() -> None:
    found = read(weekly(start="2025-03-06 10:00", zone=NEW_YORK), limit=2) + read(
        weekly(start="2025-03-27 10:00", zone=JERUSALEM), limit=2
    )
    assert instants(found) == ["03-06 15:00", "03-13 14:00", "03-27 08:00", "04-03 07:00"]


def test_a_meeting_at_an_hour_that_does_not_exist_is_kept_and_lasts_as_long() -> None:
    found = read(weekly("RRULE:FREQ=DAILY", start="2025-03-29 02:30"), limit=3)
    assert instants(found) == ["03-29 01:30", "03-30 01:30", "03-31 00:30"]
    lengths = {item.end.instant - item.start.instant for item in found}  # type: ignore[union-attr] # none is a day
    assert lengths == {timedelta(hours=1)}


def test_an_hour_that_does_not_exist_is_the_same_as_the_next_and_comes_once() -> None:
    found = read(weekly("RRULE:FREQ=HOURLY;COUNT=5", start="2025-03-30 00:30"))
    assert instants(found) == ["03-29 23:30", "03-30 00:30", "03-30 01:30", "03-30 02:30"]


def test_what_is_set_for_an_hour_that_does_not_exist_is_in_a_window_after_it() -> None:
    moment = Meeting("a@x", "1", wall("2025-03-01 02:30"), recurrence=("RRULE:FREQ=DAILY",))
    # 1:10 in UTC is 3:10 on the wall, later than 2:30; the meeting takes place at 3:30.
    assert instants(read(moment, since=utc(2025, 3, 30, 1, 10), until=utc(2025, 3, 30, 2))) == ["03-30 01:30"]


def test_a_night_shift_ends_at_the_same_hour_in_every_night() -> None:
    shift = Meeting("s@x", "1", wall("2025-03-28 23:00"), wall("2025-03-29 07:00"), recurrence=("RRULE:FREQ=DAILY",))
    assert [item.end for item in read(shift, limit=2)] == [wall("2025-03-29 07:00"), wall("2025-03-30 07:00")]


def test_a_flight_between_zones_takes_the_same_time_always() -> None:
    flight = Meeting("s@x", "1", wall("2025-03-07 10:00"), wall("2025-03-07 13:00", NEW_YORK),
                     recurrence=("RRULE:FREQ=WEEKLY",))  # fmt: skip
    found = read(flight, limit=2)
    assert {item.end.instant - item.start.instant for item in found} == {timedelta(hours=9)}  # type: ignore[union-attr]
    assert found[1].end == wall("2025-03-14 14:00", NEW_YORK)  # New York's clocks had changed, Berlin's not


# --- Dates added and taken away -------------------------------------------------------------------------------------


def test_an_added_date_in_a_named_zone_is_read() -> None:
    # `RDATE;TZID` made home-assistant/core #81700 lose a whole calendar.
    found = read(weekly("RRULE:FREQ=WEEKLY;COUNT=1", "RDATE;TZID=America/New_York:20250305T100000"))
    assert instants(found) == ["03-04 09:00", "03-05 15:00"]


@pytest.mark.parametrize("zone", ["Atlantis/Capital", "tzone:MicrosoftCustom", "Customized Time Zone", '"+02:00"', ""])
def test_an_added_date_in_an_unknown_zone_is_in_the_zone_of_the_series(zone: str) -> None:
    found = read(weekly("RRULE:FREQ=WEEKLY;COUNT=1", f"RDATE;TZID={zone}:20250305T100000"))
    assert instants(found) == ["03-04 09:00", "03-05 09:00"]


def test_a_windows_name_of_a_zone_is_understood() -> None:
    found = read(weekly("RDATE;TZID=Israel Standard Time:20250305T100000"))
    assert instants(found) == ["03-04 09:00", "03-05 08:00"]


@pytest.mark.parametrize("line", [
    "EXDATE:20250311T090000Z",
    "EXDATE;TZID=Europe/Berlin:20250311T100000",
    "EXDATE;TZID=W. Europe Standard Time:20250311T100000",
    "EXDATE;TZID=America/New_York:20250311T050000",  # New York is five hours behind Berlin on this day
    "EXDATE:20250311T100000",
    "EXDATE;VALUE=DATE:20250311",
    "exdate;value=DATE-TIME:20250311T090000Z",
])  # fmt: skip
def test_a_date_taken_away_is_found_in_every_form_it_is_written(line: str) -> None:
    assert instants(read(weekly("RRULE:FREQ=WEEKLY;COUNT=3", line))) == ["03-04 09:00", "03-18 09:00"]


def test_an_excluding_rule_takes_its_days_away() -> None:
    found = read(weekly("RRULE:FREQ=DAILY;COUNT=5", "EXRULE:FREQ=WEEKLY;BYDAY=TH,FR"))
    assert instants(found) == ["03-04 09:00", "03-05 09:00", "03-08 09:00"]


def test_an_added_period_has_its_own_length() -> None:
    found = read(weekly("RRULE:FREQ=WEEKLY;COUNT=1",
                        "RDATE;VALUE=PERIOD:20250305T090000Z/PT3H,20250306T090000Z/20250306T110000Z"))  # fmt: skip
    assert [item.end for item in found] == [
        wall("2025-03-04 11:00"),
        wall("2025-03-05 13:00"),
        wall("2025-03-06 12:00"),
    ]


def test_a_date_both_in_the_rule_and_added_comes_once() -> None:
    assert len(read(weekly("RRULE:FREQ=WEEKLY;COUNT=2", "RDATE:20250311T090000Z", "RRULE:FREQ=WEEKLY;COUNT=2"))) == 2


@pytest.mark.parametrize(("until", "count"), [
    ("20250318", 3), ("20250318T090000Z", 3), ("20250318T085959Z", 2), ("20250318T100000", 3), ("20250318T095959", 2),
])  # fmt: skip
def test_the_end_of_a_rule_is_included_in_every_form(until: str, count: int) -> None:
    assert len(read(weekly(f"RRULE:FREQ=WEEKLY;UNTIL={until}"))) == count


# --- Exceptions -----------------------------------------------------------------------------------------------------


def test_a_moved_time_stands_at_its_new_place_only_and_keeps_its_key() -> None:
    moved = exception(utc(2025, 3, 11, 9), wall("2025-03-12 15:00"))
    plain, found = read(weekly(), limit=3), read(weekly(), moved, limit=3)
    assert instants(found) == ["03-04 09:00", "03-12 14:00", "03-18 09:00"]
    assert [item.key for item in found] == [item.key for item in plain]
    assert found[1].key == "s@x|20250311T090000Z"
    assert found[1].meeting.title == "Other"


def test_a_time_moved_into_the_window_from_far_outside_is_there() -> None:
    moved = exception(utc(2025, 12, 30, 9), wall("2025-03-05 15:00"))
    found = read(weekly(), moved, until=utc(2025, 3, 7))
    assert instants(found) == ["03-04 09:00", "03-05 14:00"]


def test_a_time_moved_out_of_the_window_is_not_there() -> None:
    moved = exception(utc(2025, 3, 4, 9), wall("2025-06-05 15:00"))
    assert read(weekly(), moved, until=utc(2025, 3, 7)) == []


def test_a_cancelled_time_stays_as_struck() -> None:
    # Google guarantees no more of a cancelled exception than its ids and its original start.
    found = read(weekly(), cancelled(utc(2025, 3, 11, 9)), limit=3)
    assert [(item.cancelled, item.meeting.title) for item in found] == [
        (False, "Weekly"),
        (True, "Weekly"),
        (False, "Weekly"),
    ]


def test_a_time_cancelled_after_it_was_moved_is_struck_where_it_was_moved_to() -> None:
    found = read(weekly(), cancelled(utc(2025, 3, 11, 9), start=wall("2025-03-12 15:00")), limit=2)
    assert (instants(found)[1], found[1].cancelled, found[1].meeting.title) == ("03-12 14:00", True, "Other")


def test_a_cancelled_time_that_the_series_no_longer_has_is_not_shown() -> None:
    assert len(read(weekly("RRULE:FREQ=WEEKLY;COUNT=2"), cancelled(utc(2025, 5, 6, 8)))) == 2


def test_a_cancelled_series_is_struck_as_a_whole() -> None:
    assert all(item.cancelled for item in read(weekly(status=Status.CANCELLED)))


def test_of_two_exceptions_for_one_time_the_later_version_counts() -> None:
    old = exception(utc(2025, 3, 11, 9), wall("2025-03-12 15:00"), sequence=1)
    new = exception(utc(2025, 3, 11, 9), wall("2025-03-13 15:00"), sequence=2)
    assert instants(read(weekly(), new, old, limit=2)) == ["03-04 09:00", "03-13 14:00"]


def test_a_series_cut_in_two_has_each_time_once() -> None:
    # "This and following" is the old master with an end, and a new master: two series to every calendar.
    old = weekly("RRULE:FREQ=WEEKLY;UNTIL=20250317T225959Z")
    new = Meeting("s_R20250318@x", "m2", wall("2025-03-18 14:00"), wall("2025-03-18 15:00"),
                  recurrence=("RRULE:FREQ=WEEKLY",))  # fmt: skip
    assert instants(read(old, limit=3) + read(new, limit=2)) == [
        "03-04 09:00",
        "03-11 09:00",
        "03-18 13:00",
        "03-25 13:00",
    ]


def test_a_series_cut_before_its_first_time_has_none() -> None:
    assert read(weekly("RRULE:FREQ=WEEKLY;UNTIL=20250303T225959Z")) == []


def test_a_single_meeting_is_there_whatever_is_left_of_a_series_it_was() -> None:
    single = Meeting("s@x", "m1", wall("2025-03-04 10:00"), wall("2025-03-04 11:00"))
    found = read(single, exception(utc(2025, 3, 11, 9), wall("2025-03-12 15:00")), cancelled(utc(2025, 3, 18, 9)))
    assert [item.key for item in found] == ["s@x|", "s@x|20250311T090000Z"]


def test_an_exception_of_nothing_is_refused() -> None:
    with pytest.raises(ShapeError, match="m9"):
        read(weekly(), Meeting("s@x", "m9", wall("2025-03-12 15:00"), series_id="m1"))


def test_who_is_invited_to_one_time_of_a_series_sees_that_one() -> None:
    found = read(None, exception(utc(2025, 3, 11, 9), wall("2025-03-12 15:00")), cancelled(utc(2025, 3, 18, 9)))
    assert [(item.key, item.cancelled) for item in found] == [
        ("s@x|20250311T090000Z", False),
        ("s@x|20250318T090000Z", True),
    ]


def test_an_original_start_in_the_other_form_is_still_found() -> None:
    # Exchange writes an instant for whole days, and some calendars write a day for a time.
    timed = read(weekly(), exception(date(2025, 3, 11), wall("2025-03-12 15:00")), limit=2)
    assert instants(timed) == ["03-04 09:00", "03-12 14:00"]
    whole = days("RRULE:FREQ=WEEKLY")
    found = occurrences(whole, [cancelled(utc(2025, 4, 4))], since=utc(2025, 1, 1), until=utc(2026, 1, 1), limit=2)
    assert [item.cancelled for item in found] == [False, True]


# --- Whole days, no end, windows ------------------------------------------------------------------------------------


def test_a_series_of_whole_days_has_days_across_the_change_of_the_clocks() -> None:
    found = read(days("RRULE:FREQ=DAILY;COUNT=4", "EXDATE;VALUE=DATE:20250329", "RDATE;VALUE=DATE:20250405"))
    assert [item.start for item in found] == [date(2025, 3, 28), date(2025, 3, 30), date(2025, 3, 31), date(2025, 4, 5)]
    assert {item.end - item.start for item in found} == {timedelta(days=1)}  # type: ignore[operator] # all are days
    assert found[0].key == "d@x|20250328"


def test_a_series_of_whole_days_with_times_in_its_lines_has_days() -> None:
    found = read(days("RRULE:FREQ=DAILY;UNTIL=20250330T220000Z;BYHOUR=9", "RDATE:20250329T100000", "RDATE:20250402T100000Z",
                      "EXDATE:20250329T000000Z"))  # fmt: skip
    assert [item.start for item in found] == [date(2025, 3, 28), date(2025, 3, 30), date(2025, 4, 2)]


def test_a_week_of_the_year_without_a_day_is_meant_on_the_day_of_the_first_time() -> None:
    found = read(weekly("RRULE:FREQ=YEARLY;BYWEEKNO=10,20"), limit=3)
    assert instants(found) == ["03-04 09:00", "05-13 08:00"]


@pytest.mark.parametrize(("since", "there"), [("2025-03-27", True), ("2025-03-29", True), ("2025-03-30", False)])
def test_the_end_of_whole_days_is_excluded(since: str, there: bool) -> None:
    begin = datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(JERUSALEM))
    event = Meeting("d@x", "1", date(2025, 3, 28), date(2025, 3, 30))
    assert bool(read(event, since=begin, until=begin + timedelta(days=3))) is there


def test_an_event_without_end_is_a_moment_or_a_day() -> None:
    moment, day = Meeting("a@x", "1", wall("2025-03-04 10:00")), Meeting("b@x", "2", date(2025, 3, 4))
    assert (read(moment)[0].end, read(day)[0].end) == (wall("2025-03-04 10:00"), date(2025, 3, 5))
    assert read(moment, since=utc(2025, 3, 4, 9), until=utc(2025, 3, 4, 10))
    assert not read(moment, since=utc(2025, 3, 4, 9, 1), until=utc(2025, 3, 4, 10))


def test_an_event_that_ends_before_it_begins_is_a_moment() -> None:
    event = Meeting("a@x", "1", wall("2025-03-04 10:00"), wall("2025-03-04 09:00"))
    assert read(event)[0].end == event.start


def test_what_has_begun_before_the_window_and_still_goes_on_is_in_it() -> None:
    long = Meeting("a@x", "1", wall("2025-03-03 10:00"), wall("2025-03-06 10:00"), recurrence=("RRULE:FREQ=WEEKLY",))
    found = read(long, since=utc(2025, 3, 12, 12), until=utc(2025, 3, 12, 13))
    assert instants(found) == ["03-10 09:00"]


def test_the_limit_keeps_the_earliest() -> None:
    moved = exception(utc(2025, 12, 30, 9), wall("2025-03-05 15:00"))
    assert instants(read(weekly(), moved, limit=2)) == ["03-04 09:00", "03-05 14:00"]


def test_a_single_meeting_keeps_its_key_when_it_is_moved() -> None:
    before, after = Meeting("a@x", "1", wall("2025-03-04 10:00")), Meeting("a@x", "1", wall("2025-05-04 10:00"))
    assert read(before)[0].key == read(after)[0].key == key("a@x", None) == "a@x|"


def test_the_birthday_of_an_unknown_year_is_there_today() -> None:
    found = read(days("RRULE:FREQ=YEARLY", start=date(1604, 2, 29)), until=utc(2030, 1, 1))
    assert [item.start for item in found] == [date(2028, 2, 29)]


# --- Hostile rules --------------------------------------------------------------------------------------------------

ABSURD = [
    "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=SECONDLY;COUNT=1000000",
    "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=SECONDLY;BYHOUR=3;BYMINUTE=3;BYSECOND=3;BYSETPOS=2",
    "RRULE:FREQ=MINUTELY;INTERVAL=9973;BYSECOND=7;BYHOUR=5;BYYEARDAY=366",
    "RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=1",
    "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
    "RRULE:FREQ=WEEKLY;BYWEEKNO=60",
    "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=1;BYDAY=5MO",
    "RRULE:FREQ=YEARLY;INTERVAL=10000",
    "RRULE:FREQ=YEARLY;BYMONTHDAY=" + ",".join(map(str, range(1, 32))) + ";BYHOUR=" + ",".join(map(str, range(24)))
    + ";BYMINUTE=" + ",".join(map(str, range(60))) + ";BYSETPOS=" + ",".join(map(str, range(1, 32))),
    "RRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60)))
    + ";BYSECOND=" + ",".join(map(str, range(60))),
    "RRULE:FREQ=DAILY;UNTIL=99991231T235959Z;BYMONTHDAY=31;BYMONTH=4",
    "EXRULE:FREQ=SECONDLY",
    "RRULE:FREQ=DAILY;COUNT=" + "9" * 5000,
    "RDATE:" + ",".join(["20250101T000000Z"] * 20000),
    "RDATE;VALUE=PERIOD:20250305T090000Z/P" + "9" * 40 + "D",
    "RRULE:FREQ=DAILY;RSCALE=HEBREW",
    "RRULE:" + ";" * 3000,
    "RRULE:FREQ=DAILY\r\nDTSTART:19700101T000000Z",
    "BEGIN:VEVENT",
    "RRULE:FREQ=DAILY;COUNT=\N{ARABIC-INDIC DIGIT FOUR}",
    "\x00",
    "",
]  # fmt: skip


@pytest.mark.parametrize("line", ABSURD)
@pytest.mark.parametrize("start", ["1970-01-01 00:00", "2025-03-04 10:00"])
def test_an_absurd_recurrence_is_followed_or_refused_within_a_second(line: str, start: str) -> None:
    begun = process_time()
    with suppress(ShapeError):
        assert len(read(weekly(line, start=start), since=utc(2020, 1, 1), until=utc(2030, 1, 1), limit=500)) <= 500
    assert process_time() - begun < 1


def test_every_second_for_ever_gives_as_many_as_wanted() -> None:
    found = read(weekly("RRULE:FREQ=SECONDLY", start="1970-01-01 00:00"), limit=500)
    assert len(found) == 500
    assert found[-1].start == wall("2025-01-01 00:08:20")  # the last hour of the year before is still going on


@pytest.mark.parametrize(("line", "word"), [
    ("RRULE:FREQ=OFTEN", "OFTEN"), ("RRULE:COUNT=3", "frequency"), ("RRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL"),
    ("RRULE:FREQ=DAILY;COUNT=-1", "COUNT"), ("RRULE:FREQ=DAILY;BYDAY=XX", "BYDAY"), ("RRULE:FREQ=DAILY;BYHOUR=24", "BYHOUR"),
    ("RRULE:FREQ=DAILY;UNTIL=tomorrow", "TOMORROW"), ("RRULE:FREQ=DAILY;BYEASTER=0", "BYEASTER"),
    ("RRULE:FREQ=DAILY;FREQ=WEEKLY", "FREQ=WEEKLY"), ("RDATE:20250230", "20250230"), ("DTSTART:20250101", "DTSTART"),
])  # fmt: skip
def test_a_line_that_cannot_be_understood_is_refused_with_its_reason(line: str, word: str) -> None:
    with pytest.raises(ShapeError, match=word):
        read(weekly(line))


# --- Properties -----------------------------------------------------------------------------------------------------

WORDS = st.sampled_from([
    "FREQ=", "SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY", ";", "=", ",", "-", "INTERVAL=", "COUNT=",
    "UNTIL=", "BYDAY=", "BYMONTH=", "BYMONTHDAY=", "BYYEARDAY=", "BYWEEKNO=", "BYSETPOS=", "BYHOUR=", "BYSECOND=", "WKST=",
    "MO", "2TU", "-1FR", "20250601", "20250601T100000Z", "1", "2", "30", "53", "366", "-366", "999999999", "RDATE:", "TZID=",
])  # fmt: skip
PART = st.one_of(
    st.builds("INTERVAL={}".format, st.integers(0, 20000)),
    st.builds("COUNT={}".format, st.integers(0, 2_000_000)),
    st.builds("BYDAY={}".format, st.sampled_from(["MO", "TU,WE", "5MO", "-1FR,2TU", "53SU", "MO,TU,WE,TH,FR"])),
    *(
        st.builds(
            lambda name, values: f"{name}={','.join(map(str, values))}",
            st.just(name),
            st.lists(st.integers(low, high).filter(bool) if low else st.integers(low, high), min_size=1, max_size=60),
        )
        for name, low, high in [
            ("BYMONTH", 1, 12), ("BYMONTHDAY", -31, 31), ("BYYEARDAY", -366, 366), ("BYWEEKNO", -53, 53), ("BYSETPOS", -366, 366),
            ("BYHOUR", 0, 23), ("BYMINUTE", 0, 59), ("BYSECOND", 0, 59),
        ]
    ),
)  # fmt: skip
FREQUENCIES = ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
RULES = st.builds(
    lambda frequency, parts: "RRULE:" + ";".join([f"FREQ={frequency}", *parts]),
    st.sampled_from(FREQUENCIES),
    st.lists(PART, max_size=5, unique_by=lambda part: part.split("=")[0]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(RULES, st.lists(WORDS, max_size=12).map("".join), st.text(max_size=40)), min_size=1, max_size=3),
    st.sampled_from(["1601-01-01 00:00", "1999-12-31 23:59:59", "2025-03-30 02:30"]),
    st.booleans(),
)
@example(["RRULE:FREQ=SECONDLY", "EXRULE:FREQ=SECONDLY"], "1999-12-31 23:59:59", False)
def test_no_recurrence_hangs_or_breaks_the_order(lines: list[str], start: str, whole_days: bool) -> None:
    begun = process_time()
    master = days(*lines, start=date.fromisoformat(start[:10])) if whole_days else weekly(*lines, start=start)
    try:
        found = read(master, since=utc(2023, 1, 1), until=utc(2028, 1, 1), limit=300)
    except ShapeError:
        found = []
    assert process_time() - begun < 1
    starts = [item.start.instant if isinstance(item.start, WallTime) else item.start for item in found]
    assert starts == sorted(starts)  # type: ignore[type-var] # all of one kind
    assert len({item.key for item in found}) == len(found) <= 300


TAME = st.builds(
    lambda frequency, interval, parts, end: ";".join([f"FREQ={frequency}", f"INTERVAL={interval}", *parts, *end]),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 5),
    st.lists(
        st.one_of(
            st.sampled_from(["BYDAY=MO", "BYDAY=TU,TH,SU", "BYDAY=MO,TU,WE,TH,FR"]),
            st.builds("BYMONTH={}".format, st.integers(1, 12)),
            st.builds("BYMONTHDAY={}".format, st.sampled_from(["1", "15,31", "-1", "29,-3"])),
            st.sampled_from(["BYHOUR=9,17", "BYHOUR=10"]),
            st.sampled_from(["WKST=SU", "WKST=MO"]),
        ),
        max_size=3,
        unique_by=lambda part: part.split("=")[0],
    ),
    st.sampled_from([[], ["UNTIL=20251101T000000Z"]]),
)


@settings(max_examples=120, deadline=None)
@given(TAME, st.integers(0, 500))
@example("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 3)
@example("FREQ=MONTHLY;BYDAY=2TU,-1FR", 3)
@example("FREQ=YEARLY;BYDAY=20MO", 3)
@example("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", 3)
@example("FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU", 3)
@example("FREQ=YEARLY;BYYEARDAY=1,100,-1", 3)
@example("FREQ=HOURLY;INTERVAL=7", 3)
@example("FREQ=MINUTELY;INTERVAL=50;BYHOUR=9,10", 3)
@example("FREQ=DAILY;COUNT=30", 3)
def test_tame_rules_give_what_recurring_ical_events_gives(rule: str, day: int) -> None:
    begin = datetime(2024, 1, 1, 10) + timedelta(days=day)  # noqa: DTZ001 - a wall time
    event = icalendar.Event()
    event.add("uid", "s@x")
    event.add("dtstart", begin.replace(tzinfo=ZoneInfo(BERLIN)))
    event.add("dtend", (begin + timedelta(hours=1)).replace(tzinfo=ZoneInfo(BERLIN)))
    event.add("rrule", icalendar.vRecur.from_ical(rule))
    calendar = icalendar.Calendar()
    calendar.add_component(event)
    since, until = utc(2024, 6, 1), utc(2026, 3, 1)
    theirs = sorted(
        {item["DTSTART"].dt.astimezone(UTC) for item in recurring_ical_events.of(calendar).between(since, until)}
    )
    ours = read(weekly("RRULE:" + rule, start=str(begin)), since=since, until=until, limit=100_000)
    assert [item.start.instant for item in ours if isinstance(item.start, WallTime)] == theirs
