"""On which days a series of Graph takes place, compared with RRULE where that says the same."""

from datetime import date, datetime
from itertools import islice
from typing import Any

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft.simulated import patterns
from connectors.microsoft.simulated.errors import ApiError

_SHORT = {name: name[:2].upper() for name in patterns.DAYS}
_PLACES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_interval = st.integers(1, 5)
_days = st.lists(st.sampled_from(patterns.DAYS), min_size=1, max_size=7, unique=True)
_index = st.sampled_from(patterns.INDEXES)
_pattern = st.one_of(
    st.fixed_dictionaries({"type": st.just("daily"), "interval": _interval}),
    st.fixed_dictionaries({
        "type": st.just("weekly"), "interval": _interval, "daysOfWeek": _days,
        "firstDayOfWeek": st.sampled_from(patterns.DAYS),
    }),
    st.fixed_dictionaries({"type": st.just("absoluteMonthly"), "interval": _interval, "dayOfMonth": st.integers(1, 31)}),
    st.fixed_dictionaries({
        "type": st.just("relativeMonthly"), "interval": _interval, "daysOfWeek": _days, "index": _index,
    }),
    st.fixed_dictionaries({
        "type": st.just("absoluteYearly"), "interval": _interval, "dayOfMonth": st.integers(1, 28),
        "month": st.integers(1, 12),
    }),
    st.fixed_dictionaries({
        "type": st.just("relativeYearly"), "interval": _interval, "daysOfWeek": _days, "index": _index,
        "month": st.integers(1, 12),
    }),
)  # fmt: skip


def _rule(pattern: dict[str, Any]) -> str:
    """The same in the words of RFC 5545."""
    kind = pattern["type"]
    wanted = ",".join(_SHORT[day] for day in pattern.get("daysOfWeek", ()))
    step = f";INTERVAL={pattern['interval']}"
    month = f";BYMONTH={pattern['month']}" if "month" in pattern else ""
    if kind == "daily":
        return f"FREQ=DAILY{step}"
    if kind == "weekly":
        return f"FREQ=WEEKLY{step};BYDAY={wanted};WKST={_SHORT[pattern['firstDayOfWeek']]}"
    frequency = "YEARLY" if kind.endswith("Yearly") else "MONTHLY"
    if kind.startswith("relative"):
        return f"FREQ={frequency}{step}{month};BYDAY={wanted};BYSETPOS={_PLACES[pattern['index']]}"
    days = ",".join(str(day) for day in range(min(pattern["dayOfMonth"], 28), pattern["dayOfMonth"] + 1))
    return f"FREQ={frequency}{step}{month};BYMONTHDAY={days};BYSETPOS=-1"


@given(_pattern, st.dates(date(2024, 1, 1), date(2027, 12, 31)), st.integers(1, 20))
def test_every_pattern_is_what_its_rule_says(pattern: dict[str, Any], start: date, count: int) -> None:
    span = {"type": "numbered", "startDate": start.isoformat(), "numberOfOccurrences": count}
    written = patterns.normal({"pattern": pattern, "range": span}, start, "UTC")
    found = list(patterns.days(written))
    begin = datetime(start.year, start.month, start.day)  # noqa: DTZ001 - days have no zone
    expected = [one.date() for one in islice(rrulestr(_rule(pattern), dtstart=begin), count)]
    assert found == expected


def test_the_31st_is_the_last_day_of_shorter_months() -> None:
    span = {"type": "numbered", "startDate": "2026-01-31", "numberOfOccurrences": 4}
    written = {"pattern": {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}, "range": span}
    assert [one.isoformat() for one in patterns.days(patterns.normal(written, date(2026, 1, 31), "UTC"))] == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30",
    ]  # fmt: skip


def test_graph_writes_every_property_of_a_recurrence() -> None:
    given_one = {"pattern": {"type": "Daily", "interval": 2}, "range": {"type": "NoEnd", "startDate": "2026-01-01"}}
    assert patterns.normal(given_one, date(2026, 1, 1), "UTC") == {
        "pattern": {
            "type": "daily", "interval": 2, "month": 0, "dayOfMonth": 0, "firstDayOfWeek": "sunday", "index": "first",
        },
        "range": {
            "type": "noEnd", "startDate": "2026-01-01", "endDate": "0001-01-01", "recurrenceTimeZone": "UTC",
            "numberOfOccurrences": 0,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "span"),
    [
        ({"type": "hourly", "interval": 1}, {"type": "noEnd", "startDate": "2026-01-01"}),
        ({"type": "daily", "interval": 0}, {"type": "noEnd", "startDate": "2026-01-01"}),
        ({"type": "weekly", "interval": 1}, {"type": "noEnd", "startDate": "2026-01-01"}),
        ({"type": "daily", "interval": 1}, {"type": "endDate", "startDate": "2026-01-02", "endDate": "2026-01-01"}),
        ({"type": "daily", "interval": 1}, {"type": "numbered", "startDate": "2026-01-01"}),
    ],
)
def test_a_recurrence_that_makes_no_sense_is_refused(pattern: dict[str, Any], span: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        patterns.normal({"pattern": pattern, "range": span}, date(2026, 1, 1), "UTC")
    assert refused.value.code == "ErrorPropertyValidationFailure"
