"""Names of zones, and times on a wall."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ShapeError
from hub.records.meeting import Meeting, WallTime
from hub.records.zone import iana


@pytest.mark.parametrize(("name", "place"), [
    ("Europe/Berlin", "Europe/Berlin"),
    (" europe/berlin ", "Europe/Berlin"),
    ('"Asia/Jerusalem"', "Asia/Jerusalem"),
    ("UTC", "UTC"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Alberta Standard Time", "America/Edmonton"),
    ("/mozilla.org/20070129_1/Europe/Berlin", "Europe/Berlin"),
    ("/freeassociation.sourceforge.net/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    ("tzone:MicrosoftCustom", None),
    ("Customized Time Zone", None),
    ("+02:00", None),
    ("GMT+0200", None),
    ("Factory", None),
    ("../../etc/passwd", None),
    ("", None),
    ("x" * 1000, None),
])  # fmt: skip
def test_a_name_of_a_zone_says_a_place_or_nothing(name: str, place: str | None) -> None:
    assert iana(name) == place


@given(st.text(max_size=30))
def test_whatever_is_found_is_found_again_under_its_own_name(name: str) -> None:
    place = iana(name)
    assert place is None or iana(place) == place


@pytest.mark.parametrize(("local", "zone"), [
    (datetime(2025, 3, 1, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2025, 3, 1, tzinfo=timezone(timedelta(hours=2))), "Europe/Berlin"),
    (datetime(2025, 3, 1), "+02:00"),  # noqa: DTZ001 - a wall time
    (datetime(2025, 3, 1), "Israel Standard Time"),  # noqa: DTZ001
    (datetime(1, 1, 1), "Europe/Berlin"),  # noqa: DTZ001
])  # fmt: skip
def test_a_wall_time_never_has_an_offset_of_its_own(local: datetime, zone: str) -> None:
    with pytest.raises(ShapeError):
        WallTime(local, zone)


@given(
    st.datetimes(datetime(1902, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.sampled_from(["Europe/Berlin", "Asia/Jerusalem", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_an_instant_on_a_wall_and_back_is_the_same(instant: datetime, zone: str) -> None:
    assert WallTime.at(instant, zone).instant == instant.replace(microsecond=0)


def test_an_hour_that_comes_twice_is_the_first_unless_said_otherwise() -> None:
    twice = datetime(2025, 10, 26, 2, 30)  # noqa: DTZ001 - a wall time
    first, second = WallTime(twice, "Europe/Berlin"), WallTime(twice.replace(fold=1), "Europe/Berlin")
    assert (first.instant.hour, second.instant.hour) == (0, 1)


@pytest.mark.parametrize("start", [datetime(2025, 3, 1, tzinfo=UTC), date(9999, 12, 31), date(1, 1, 1)])
def test_a_meeting_begins_on_a_day_or_at_a_wall_time(start: date) -> None:
    with pytest.raises(ShapeError):
        Meeting("u", "1", start)


def test_an_original_start_without_offset_is_refused() -> None:
    with pytest.raises(ShapeError):
        Meeting("u", "1", original_start=datetime(2025, 3, 1))  # noqa: DTZ001
