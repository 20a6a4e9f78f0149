"""Times in words: what Babel writes, with the parts that repeat on a page made once. A page has a hundred times."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import (
    TIMEDELTA_UNITS,
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
)
from flask import g
from flask_babel import get_locale, get_timezone

Form = Literal["short", "medium", "long", "full"]
CLOCK = "clock"  # of the page that is being made, in Flask's `g`
THRESHOLD = 0.85  # Babel's own: from 0.85 days on it is a day and no longer hours
MOST_AGO = 5000
_AGO: dict[tuple[str, str, int, bool], str] = {}


@dataclass(frozen=True, slots=True)
class Clock:
    """Language, zone and the present moment of one page."""

    language: str
    zone: ZoneInfo
    now: datetime

    def ago(self, at: datetime) -> str:
        """Return how long ago a moment was, or how far ahead it is."""
        return ago(at - self.now, self.language)

    def written(self, at: datetime, form: Form) -> str:
        """Return date and time in the page's zone; `form` is Babel's."""
        return written(at.astimezone(self.zone), form, self.language)

    def hour(self, at: datetime) -> str:
        """Return the time of day in the page's zone."""
        local = at.astimezone(self.zone)
        return _time_of_day(time(local.hour, local.minute), "short", self.language)


def start() -> Clock:
    """Take the language, the zone and the moment for the page that is about to be made."""
    taken = _read()
    setattr(g, CLOCK, taken)
    return taken


def clock() -> Clock:
    """Return the page's clock."""
    known: Clock | None = g.get(CLOCK)
    return known or start()


def zone() -> ZoneInfo:
    """Return the person's zone. Flask-Babel's is one of pytz, which counts by local mean time when put to a moment."""
    return ZoneInfo(str(get_timezone()))


def _read() -> Clock:
    return Clock(str(get_locale()), zone(), datetime.now(UTC))


def weekday(at: datetime) -> str:
    """Return the day of a moment with its weekday, in the language and zone of the page."""
    here = clock()
    return str(format_skeleton("yMMMEd", at.astimezone(here.zone), tzinfo=here.zone, locale=_locale(here.language)))


def ago(delta: timedelta, language: str) -> str:
    """Write a length of time with its direction; Babel's words depend on unit and number alone."""
    seconds = delta.days * 86400 + delta.seconds
    key = (language, *_unit(abs(seconds)), seconds < 0)
    text = _AGO.get(key)
    if text is None:
        text = format_timedelta(delta, threshold=THRESHOLD, add_direction=True, locale=_locale(language))
        if len(_AGO) < MOST_AGO:
            _AGO[key] = text
    return text


def written(local: datetime, form: Form, language: str) -> str:
    """Write date and time as Babel does, put together of a date and a time of day that other rows have too."""
    if form not in {"short", "medium"}:  # the longer ones name the zone
        return format_datetime(local, form, locale=_locale(language), tzinfo=local.tzinfo)
    clock_time = time(local.hour, local.minute, local.second)
    pattern = _pattern(form, language)
    return pattern.replace("{0}", _time_of_day(clock_time, form, language)).replace(
        "{1}", _day(date(local.year, local.month, local.day), form, language)
    )


def _unit(seconds: int) -> tuple[str, int]:
    """Return unit and number that Babel chooses. Source: babel.dates.format_timedelta; a test compares them."""
    for unit, length in TIMEDELTA_UNITS:
        value = seconds / length
        if value >= THRESHOLD:
            return unit, round(value)
    return "second", seconds


@lru_cache(maxsize=50)
def _locale(language: str) -> Locale:
    return Locale.parse(language)


@lru_cache(maxsize=100)
def _pattern(form: Form, language: str) -> str:
    return str(get_datetime_format(form, locale=_locale(language))).replace("'", "")


@lru_cache(maxsize=20_000)
def _day(day: date, form: Form, language: str) -> str:
    return format_date(day, form, locale=_locale(language))


@lru_cache(maxsize=20_000)
def _time_of_day(at: time, form: Form, language: str) -> str:
    return format_time(at, form, locale=_locale(language))
