"""Days and times as spreadsheets and old systems write them. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta

ORDERS = ("dmy", "mdy", "ymd")
_NUMBERS = re.compile(r"(\d{1,4})[./\-\s](\d{1,2})[./\-\s](\d{1,4})(?:[T,\s]+(.*))?")
_CLOCK = re.compile(
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?\s*([AaPp])?\.?(?:[Mm]\.?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_DIGITS = re.compile(r"\d{8}|\d{14}")
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")  # days since 1899-12-30, as spreadsheets count
_UNIX = re.compile(r"\d{10}|\d{13}")
_BEGIN = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no zone
_SERIALS = range(10_000, 80_000)  # 1927 to 2119
_YEARS = range(1850, 2200)
_PIVOT = 70  # two digits from here on are of the last century


def read_date(written: str, order: str) -> str:
    """Return a day or a time in ISO 8601, without a zone where none is written; empty: it is none.

    Args:
        order: of day, month and year where all three are numbers and the year is not first: one of `ORDERS`.
    """
    text = written.strip()
    if not text:
        return ""
    if _UNIX.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), UTC).isoformat()
    if _SERIAL.fullmatch(text):
        return _serial(text)
    if _DIGITS.fullmatch(text):
        clock = f"{text[8:10]}:{text[10:12]}:{text[12:]}" if len(text) > 8 else ""
        return _joined(_day(text[:4], text[4:6], text[6:8]), clock)
    if (found := _NUMBERS.fullmatch(text)) is not None:
        first, second, third, clock = found.groups()
        if len(first) >= 3:
            day = _day(first, second, third)
        elif order == "mdy":
            day = _day(third, first, second)
        elif order == "ymd" and len(third) <= 2:
            day = _day(first, second, third)
        else:
            day = _day(third, second, first)
        return _joined(day, clock or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return moment.isoformat() if moment.year in _YEARS else ""


def is_time(iso: str) -> bool:
    """Say whether something that was read has a time of the day."""
    return "T" in iso


def _serial(text: str) -> str:
    days = float(text.replace(",", "."))
    if int(days) not in _SERIALS:
        return ""
    moment = _BEGIN + timedelta(seconds=round(days * 86_400))
    return moment.date().isoformat() if moment.time() == time() else moment.isoformat()


def _day(year: str, month: str, day: str) -> date | None:
    number = int(year)
    if len(year) <= 2:
        number += 1900 if number >= _PIVOT else 2000
    try:
        found = date(number, int(month), int(day))
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def _joined(day: date | None, clock: str) -> str:
    if day is None:
        return ""
    if not clock:
        return day.isoformat()
    found = _CLOCK.fullmatch(clock.strip())
    if found is None:
        return ""
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[4]:
        hour = hour % 12 + (12 if found[4] in "Pp" else 0)
    try:
        moment = datetime.combine(day, time(hour, minute, second))
    except ValueError:
        return ""
    zone = (found[5] or "").replace("UTC", "Z")
    return moment.isoformat() + ("+00:00" if zone == "Z" else zone)
