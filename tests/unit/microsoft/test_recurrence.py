"""Series as Graph and as iCalendar say them: the same days, there and back."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft import recurrence
from connectors.microsoft.simulated import patterns
from hub.errors import RejectedError, ShapeError
from hub.meetings.occurrences import occurrences
from hub.records.meeting import Meeting, WallTime

MANY = 14
DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 31))
FIRST = date(2026, 3, 2)  # a Monday


@st.composite
def series(draw: st.DrawFn) -> tuple[dict[str, Any], date]:
    """A recurrence as Exchange keeps it, and its first day."""
    kind = draw(st.sampled_from(
        ["daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly", "relativeYearly"]
    ))  # fmt: skip
    pattern = {
        "type": kind,
        "interval": draw(st.integers(1, 3)),
        "month": draw(st.integers(1, 12)),
        "dayOfMonth": draw(st.integers(1, 31)),
        "daysOfWeek": draw(st.lists(st.sampled_from(patterns.DAYS), min_size=1, max_size=7, unique=True)),
        "firstDayOfWeek": draw(st.sampled_from(patterns.DAYS)),
        "index": draw(st.sampled_from(patterns.INDEXES)),
    }
    start = draw(DAYS)
    ends = draw(st.sampled_from(["noEnd", "numbered", "endDate"]))
    span = {
        "type": ends,
        "startDate": start.isoformat(),
        "numberOfOccurrences": draw(st.integers(1, 9)) if ends == "numbered" else 0,
        "endDate": (start + timedelta(days=5_000)).isoformat() if ends == "endDate" else "0001-01-01",
        "recurrenceTimeZone": "Israel Standard Time",
    }
    whole = {"pattern": pattern, "range": span}
    return whole, next(patterns.days(whole))


def days_of(lines: tuple[str, ...], first: date) -> list[date]:
    master = Meeting("u", "m", first, first + timedelta(days=1), recurrence=lines)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    found = occurrences(master, (), since=begin, until=begin + timedelta(days=60 * 366), limit=MANY)
    return [one.start for one in found if isinstance(one.start, date)]


@given(series())
def test_a_rule_gives_the_days_that_exchange_gives(made: tuple[dict[str, Any], date]) -> None:
    whole, first = made
    assert days_of((recurrence.line(whole, first),), first) == list(islice(patterns.days(whole), MANY))


@given(series())
def test_a_rule_of_outlook_is_written_back_as_the_same_days(made: tuple[dict[str, Any], date]) -> None:
    whole, first = made
    written = recurrence.to_graph((recurrence.line(whole, first),), first)
    assert written is not None
    again = patterns.normal(written, first, "UTC")
    assert list(islice(patterns.days(again), MANY)) == list(islice(patterns.days(whole), MANY))
    assert recurrence.line(again, first) == recurrence.line(whole, first)


def pattern(kind: str, **more: Any) -> dict[str, Any]:
    return {"pattern": {"type": kind, "interval": 1, **more}, "range": {"type": "noEnd", "startDate": "2026-03-02"}}


@pytest.mark.parametrize(
    ("whole", "line"),
    [
        (pattern("weekly", daysOfWeek=["monday"]), "RRULE:FREQ=WEEKLY;BYDAY=MO"),
        (pattern("relativeMonthly", daysOfWeek=["monday"], index="first"), "RRULE:FREQ=MONTHLY;BYDAY=1MO"),
        (pattern("absoluteMonthly", dayOfMonth=2), "RRULE:FREQ=MONTHLY;BYMONTHDAY=2"),
        (pattern("absoluteYearly", dayOfMonth=2, month=3), "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=2"),
    ],
)
def test_the_usual_series_are_the_usual_rules(whole: Mapping[str, Any], line: str) -> None:
    assert recurrence.line(whole, FIRST) == line


@pytest.mark.parametrize("odd", [
    None, {}, {"pattern": None, "range": None}, pattern("lunar"), pattern("weekly", daysOfWeek=[]),
    pattern("weekly", daysOfWeek=["tuesday"]), pattern("weekly", daysOfWeek=["someday"]), pattern("daily", interval=-1),
    pattern("absoluteMonthly", dayOfMonth=9), pattern("absoluteYearly", dayOfMonth=2, month=5),
    pattern("relativeMonthly", daysOfWeek=["monday"], index="fifth"), pattern("absoluteMonthly", dayOfMonth=None),
    {**pattern("daily"), "range": {"type": "numbered", "numberOfOccurrences": 0}},
    {**pattern("daily"), "range": {"type": "endDate", "endDate": "never"}},
])  # fmt: skip
def test_what_no_rule_says_is_never_guessed(odd: Any) -> None:
    with pytest.raises(ShapeError):
        recurrence.line(odd, FIRST)


def test_a_single_meeting_has_no_series() -> None:
    assert recurrence.to_graph((), FIRST) is None


@pytest.mark.parametrize("lines", [
    ("RRULE:FREQ=SECONDLY",), ("RRULE:FREQ=DAILY;BYDAY=MO",), ("RRULE:FREQ=MONTHLY;BYMONTHDAY=31",), ("RRULE:FREQ=DAILY", "EXDATE:20260303"),
    ("RRULE:FREQ=YEARLY;BYWEEKNO=9",), ("RRULE:FREQ=MONTHLY;BYDAY=1MO,2TU",), ("RRULE:FREQ=WEEKLY;BYDAY=XX",), ("RDATE:20260303",),
    ("RRULE:FREQ=DAILY;INTERVAL=1000",), ("RRULE:FREQ=MONTHLY;BYDAY=MO;BYMONTHDAY=2",), ("RRULE:FREQ=YEARLY;BYDAY=20MO",),
    ("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15",), ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",), ("RRULE:INTERVAL=2",), ("RRULE:FREQ=MONTHLY;BYDAY=5MO",),
])  # fmt: skip
def test_what_outlook_cannot_repeat_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(RejectedError, match="cannot repeat"):
        recurrence.to_graph(lines, FIRST)


def test_the_zone_and_the_last_day_are_those_of_the_wall() -> None:
    start = WallTime(datetime(2026, 3, 2, 9), "Asia/Jerusalem")  # noqa: DTZ001 - a wall time
    written = recurrence.to_graph(("RRULE:FREQ=DAILY;UNTIL=20260310T215959Z",), start)
    assert written is not None
    assert written["range"] == {
        "type": "endDate", "startDate": "2026-03-02", "endDate": "2026-03-10", "recurrenceTimeZone": "Israel Standard Time",
    }  # fmt: skip
    with pytest.raises(RejectedError):
        recurrence.to_graph(("RRULE:FREQ=DAILY;UNTIL=20260310T050000Z",), start)
