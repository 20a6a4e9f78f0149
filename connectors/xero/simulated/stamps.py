"""Moments and days as Xero's JSON writes them.

Source: https://developer.xero.com/documentation/api/accounting/requests-and-responses#json-responses-and-date-formats
"""

from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime


def moment(at: datetime) -> str:
    """Write a moment: milliseconds since 1970, UTC."""
    return f"/Date({int(at.timestamp() * 1000)}+0000)/"


def day(on: date) -> str:
    """Write the day of a document: its midnight, UTC."""
    return moment(datetime(on.year, on.month, on.day, tzinfo=UTC))


def plain(on: date) -> str:
    """Write a day as the fields that end in `String` have it."""
    return f"{on:%Y-%m-%d}T00:00:00"


def http(at: datetime) -> str:
    """Write a moment as HTTP headers have it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)


def since(text: str) -> datetime:
    """Read `If-Modified-Since`: yyyy-mm-ddThh:mm:ss, which is UTC, or a date of HTTP. Fractions of seconds are cut.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = parsedate_to_datetime(text)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).replace(microsecond=0)
