"""Times as pages write them: put together of parts, and still to the letter what Babel writes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import TIMEDELTA_UNITS, format_datetime, format_timedelta
from flask import Flask
from flask_babel import Babel
from hypothesis import given
from hypothesis import strategies as st

from hub.settings import LANGUAGES
from hub.web import clock

languages = st.sampled_from(LANGUAGES)
zones = st.sampled_from(["Asia/Jerusalem", "Europe/Warsaw", "UTC", "America/St_Johns"])
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(languages, st.integers(-(10**9), 10**9))
def test_a_length_of_time_is_written_as_babel_writes_it(language: str, seconds: int) -> None:
    delta = timedelta(seconds=seconds)
    assert clock.ago(delta, language) == format_timedelta(delta, add_direction=True, locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_so_is_every_length_around_which_babel_changes_its_mind(language: str) -> None:
    edges = {int(length * part) for _, length in TIMEDELTA_UNITS for part in (0.5, 0.85, 1, 1.5, 2.5, 5.95, 10.5)}
    for edge in sorted(edges):
        for near in range(edge - 2, edge + 3):
            for delta in (timedelta(seconds=near), timedelta(seconds=-near), timedelta(seconds=near, microseconds=-1)):
                assert clock.ago(delta, language) == format_timedelta(delta, add_direction=True, locale=language)


@given(languages, zones, moments, st.sampled_from(["short", "medium", "long", "full"]))
def test_a_moment_is_written_as_babel_writes_it(language: str, zone: str, at: datetime, form: clock.Form) -> None:
    local = at.astimezone(ZoneInfo(zone))
    assert clock.written(local, form, language) == format_datetime(at, form, tzinfo=ZoneInfo(zone), locale=language)


def test_a_page_has_one_moment_and_the_next_page_another() -> None:
    app = Flask(__name__)
    chosen = {"language": "en"}
    Babel(app, locale_selector=lambda: chosen["language"], timezone_selector=lambda: "Asia/Jerusalem")
    with app.test_request_context():
        clock.start()
        first = clock.clock()
        assert clock.clock() is first
        assert (first.language, first.zone.key) == ("en", "Asia/Jerusalem")
        clock.start()
        assert clock.clock().now > first.now
