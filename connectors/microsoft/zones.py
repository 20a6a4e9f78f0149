"""Times and zones as Graph writes them: wall time beside the name of a zone, which is Windows' own or of the IANA database.

Sources: https://learn.microsoft.com/graph/api/resources/datetimetimezone; Unicode CLDR, `supplemental/windowsZones.xml`
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import ShapeError
from hub.records.meeting import WallTime, When
from hub.records.zone import iana, windows


def place(*names: Any) -> str:
    """Return the first of some names that says a place, as the IANA database calls it; empty where none does.

    `tzone://Microsoft/Custom`, which Outlook wrote for zones of a user's own, says none.
    """
    return next((found for name in names if isinstance(name, str) and (found := iana(name))), "")


def moment(written: Any) -> datetime:
    """Return the instant of a `dateTimeTimeZone` or of a `DateTimeOffset`, in UTC.

    A zone that is not known is read as UTC: that is what Graph answers in where nobody asks for another.

    Raises:
        ShapeError: it is none.
    """
    text, zone = (written.get("dateTime"), written.get("timeZone")) if isinstance(written, Mapping) else (written, "")
    try:
        found = datetime.fromisoformat(str(text))
        if found.tzinfo is None:
            found = found.replace(tzinfo=ZoneInfo(place(zone) or "UTC"))
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ShapeError(f"{written!r:.100} is no time") from error


def day(written: Any) -> date:
    """Return a day, as it is written: a whole day is from midnight to midnight in every zone.

    Raises:
        ShapeError: it is none.
    """
    try:
        return date.fromisoformat(str(written["dateTime"])[:10])
    except (KeyError, TypeError, ValueError) as error:
        raise ShapeError(f"{written!r:.100} is no day") from error


def to_graph(when: When) -> dict[str, str]:
    """Write a time. Of an hour that comes twice the name of the zone does not say which, so that is written in UTC."""
    if not isinstance(when, WallTime):
        return {"dateTime": f"{when.isoformat()}T00:00:00", "timeZone": "UTC"}
    zone = ZoneInfo(when.zone)
    offsets = {when.local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    if len(offsets) > 1:
        return {"dateTime": when.instant.replace(tzinfo=None).isoformat(), "timeZone": "UTC"}
    return {"dateTime": when.local.isoformat(), "timeZone": windows(when.zone)}
