"""Times as people say them: in their own zone, "in an hour", "tomorrow at nine"."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from babel.dates import format_date

from hub.errors import UserError
from hub.web.clock import clock as page_clock

MORNING = time(9, 0)
FARTHEST = timedelta(days=3 * 366)


def here(at: datetime) -> datetime:
    """Return a moment on the clock of the person who asks."""
    return at.astimezone(page_clock().zone)


def start_of_day(at: datetime) -> datetime:
    """Return the midnight before a moment, as the person's clock has it."""
    return _local(here(at).date(), time(0, 0))


def month(at: datetime) -> tuple[int, int]:
    """Return year and month of a moment on the person's clock: rows that share them share a heading."""
    local = here(at)
    return local.year, local.month


def month_name(at: datetime) -> str:
    """Return the heading of a month: November 2026."""
    local = here(at)
    return _month_name(page_clock().language, local.year, local.month)


@lru_cache(maxsize=2000)
def _month_name(locale: str, year: int, month: int) -> str:
    return format_date(date(year, month, 1), "LLLL y", locale=locale)


def start_of(day: str) -> datetime | None:
    """Return the beginning of a day out of a date field; None where it is empty or no date."""
    try:
        return _local(date.fromisoformat(day), time(0, 0))
    except ValueError:
        return None


def call_back(choice: str, other: str, *, at: datetime) -> datetime | None:
    """Return when to call back: `hour`, `tomorrow` at nine, or `other` out of a date and time field.

    None: nothing was promised.

    Raises:
        UserError: the other time is no time, has passed, or is years away.
    """
    match choice:
        case "hour":
            return at + timedelta(hours=1)
        case "tomorrow":
            return _local(here(at).date() + timedelta(days=1), MORNING)
        case "other":
            return _other(other, at)
    return None


def _other(text: str, at: datetime) -> datetime:
    fault = UserError("Choose a date and a time in the future.", error_id="bad_time", field="call_back_at")
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise fault from None
    moment = _local(written.date(), written.time()) if written.tzinfo is None else written
    if not at < moment < at + FARTHEST:
        raise fault
    return moment


def _local(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=page_clock().zone).astimezone(UTC)
