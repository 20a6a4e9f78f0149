"""Times as Graph writes them, and zones by the names of Windows."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft import zones
from hub.errors import ShapeError
from hub.records.meeting import WallTime

ZONES = ("Asia/Jerusalem", "Europe/Berlin", "Europe/Warsaw", "America/New_York", "Asia/Kolkata", "Europe/Vienna", "UTC")


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (("Israel Standard Time",), "Asia/Jerusalem"), (("W. Europe Standard Time",), "Europe/Berlin"),
        (("America/Sao_Paulo",), "America/Sao_Paulo"), (("tzone://Microsoft/Custom",), ""),
        (("tzone://Microsoft/Custom", None, 7, "Eastern Standard Time"), "America/New_York"), ((), ""), (("",), ""),
    ],
)  # fmt: skip
def test_the_first_name_that_says_a_place_counts(names: tuple[Any, ...], place: str) -> None:
    assert zones.place(*names) == place


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ({"dateTime": "2026-03-01T10:00:00.0000000", "timeZone": "UTC"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ({"dateTime": "2026-03-01T10:00:00", "timeZone": "Israel Standard Time"}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ({"dateTime": "2026-03-01T10:00:00+02:00", "timeZone": "Nowhere"}, datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ({"dateTime": "2026-03-01T10:00:00", "timeZone": "Nowhere"}, datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_however_it_is_written(written: Any, moment: datetime) -> None:
    assert zones.moment(written) == moment


@pytest.mark.parametrize("odd", [None, "", "some day", {}, {"dateTime": 7}, {"dateTime": "2026-02-30T10:00:00"}, []])
def test_what_is_no_time_is_said_so(odd: Any) -> None:
    with pytest.raises(ShapeError):
        zones.moment(odd)
    with pytest.raises(ShapeError):
        zones.day(odd)


def test_a_whole_day_is_the_day_as_it_is_written() -> None:
    assert zones.day({"dateTime": "2026-03-01T00:00:00.0000000", "timeZone": "Tonga Standard Time"}) == date(2026, 3, 1)
    assert zones.to_graph(date(2026, 3, 1)) == {"dateTime": "2026-03-01T00:00:00", "timeZone": "UTC"}


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - bounds are naive
def test_what_is_written_is_read_as_the_same_moment(moment: datetime, zone: str) -> None:
    at = WallTime.at(moment.replace(microsecond=0, tzinfo=UTC), zone)
    assert zones.moment(zones.to_graph(at)) == at.instant


def test_an_hour_that_comes_twice_is_written_as_its_moment() -> None:
    second = WallTime.at(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Europe/Berlin")
    assert zones.to_graph(second) == {"dateTime": "2026-10-25T01:30:00", "timeZone": "UTC"}


def test_a_place_is_written_as_windows_calls_it() -> None:
    at = WallTime(datetime(2026, 3, 1, 10), "Asia/Jerusalem")  # noqa: DTZ001 - a wall time
    assert zones.to_graph(at) == {"dateTime": "2026-03-01T10:00:00", "timeZone": "Israel Standard Time"}
