"""Names of time zones, as calendars write them, to those of the IANA database.

A fixed offset is never an answer: a weekly meeting stored with "+02:00" is an hour off after the clocks change.

Source of the Windows names: Unicode CLDR, `supplemental/windowsZones.xml`, the table that tzlocal carries.
"""

from functools import cache, lru_cache
from zoneinfo import available_timezones

from tzlocal.windows_tz import tz_win, win_tz

LONGEST_NAME = 200
_NO_PLACES = {"factory", "localtime", "posixrules"}


@cache
def _known() -> dict[str, str]:
    """Return every name that says a zone, in lower case, with the IANA name."""
    places = {name.lower(): name for name in available_timezones() if name.lower() not in _NO_PLACES}
    return {windows.lower(): place for windows, place in win_tz.items() if place.lower() in places} | places


@lru_cache(maxsize=1_000)
def iana(name: str) -> str | None:
    """Return the IANA name of a zone, or None where the name says none.

    None for what names no place: a fixed offset ("+02:00"), Exchange's own `tzone:MicrosoftCustom` and "Customized
    Time Zone", and zones that a calendar file defines itself. The caller then takes the zone of the calendar.

    >>> iana("W. Europe Standard Time"), iana("/mozilla.org/20070129_1/Europe/Berlin"), iana("+02:00")
    ('Europe/Berlin', 'Europe/Berlin', None)
    """
    if len(name) > LONGEST_NAME:
        return None
    wanted = name.strip().strip("\"'").lower()
    parts = wanted.split("/")
    # Globally unique names (RFC 5545, 3.8.3.1) start with a solidus and end with the name of the place.
    candidates = [wanted, *("/".join(parts[-n:]) for n in (3, 2) if wanted.startswith("/"))]
    return next((found for candidate in candidates if (found := _known().get(candidate))), None)


def windows(zone: str) -> str:
    """Return what Windows calls a place of the IANA database; one that it has no name for keeps its own.

    >>> windows("Asia/Jerusalem")
    'Israel Standard Time'
    """
    return tz_win.get(zone, zone)
