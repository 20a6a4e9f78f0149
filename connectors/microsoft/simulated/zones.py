"""Time zones by the names that Exchange knows: those of Windows, and those of the IANA database.

Source: https://learn.microsoft.com/graph/api/resources/datetimetimezone
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal.windows_tz import win_tz

from connectors.microsoft.simulated.errors import ApiError, Json, bad_request

_FIRST_YEAR, _LAST_YEAR = 1601, 4500  # that Exchange can keep
CUSTOM = "tzone://Microsoft/Custom"  # what Graph calls a zone that desktop Outlook defined by itself
_WINDOWS = {name.lower(): place for name, place in win_tz.items()}


def zone(name: str) -> ZoneInfo:
    """Raises ApiError (400) for a zone that does not exist."""
    try:
        return ZoneInfo(_WINDOWS.get(name.lower(), name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ApiError(
            400, "TimeZoneNotSupportedException",
            f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'.",
        ) from None  # fmt: skip


def wall(value: Json) -> datetime:
    """The wall time of a `dateTimeTimeZone`, without its zone. Raises ApiError (400)."""
    try:
        found = datetime.fromisoformat(value["dateTime"])
    except (KeyError, TypeError, ValueError):
        raise bad_request("The value of a date and time is not valid.", "ErrorInvalidParameter") from None
    place = zone(value.get("timeZone") or "UTC")
    return found if found.tzinfo is None else _in_range(found).astimezone(place).replace(tzinfo=None)


def instant(value: Json) -> datetime:
    """The moment of a `dateTimeTimeZone`. Raises ApiError (400)."""
    return _in_range(wall(value).replace(tzinfo=zone(value.get("timeZone") or "UTC"))).astimezone(UTC)


def _in_range(moment: datetime) -> datetime:
    """A moment that any zone can tell. Raises ApiError (400)."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise bad_request("The value of a date and time is not valid.", "ErrorInvalidParameter")
    return moment


def written(moment: datetime, name: str) -> Json:
    """A moment as `dateTimeTimeZone` in a zone; wall time without a zone stays as it is."""
    local = moment if moment.tzinfo is None else moment.astimezone(zone(name))
    return {"dateTime": f"{local.replace(tzinfo=None).isoformat(timespec='seconds')}.0000000", "timeZone": name}


def midnight(day: date) -> datetime:
    """The beginning of a day, as wall time."""
    return datetime.combine(day, time())


def is_midnight(moment: datetime) -> bool:
    return moment.time() == time()


def tomorrow(day: date) -> date:
    return day + timedelta(days=1)
