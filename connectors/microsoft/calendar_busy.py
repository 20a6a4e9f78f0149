"""Ask Microsoft when people are busy, also those whose calendars the hub does not read.

Source: https://learn.microsoft.com/graph/api/calendar-getschedule
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.microsoft import zones
from connectors.microsoft.client import Client
from hub.errors import ScopeError, ShapeError

MOST = 20  # people in one question
LONGEST = timedelta(days=62)  # that one question may be about
_FREE = frozenset({"free", "workingelsewhere"})

Span = tuple[datetime, datetime]


def busy(client: Client, addresses: Sequence[str], since: datetime, until: datetime) -> dict[str, list[Span]]:
    """Return when people are busy, by their addresses; who may not be asked about is left out.

    Raises:
        ConnectorError: Microsoft does not answer.
    """
    if not client.settings.calendar:
        raise ScopeError("This connection has no calendar.")
    found: dict[str, list[Span]] = defaultdict(list)
    unknown: set[str] = set()
    for begin, end in _parts(since, until):
        for first in range(0, len(addresses), MOST):
            body = {
                "schedules": list(addresses[first : first + MOST]),
                "startTime": _written(begin),
                "endTime": _written(end),
                "availabilityViewInterval": 60,
            }
            for address, spans in _told(client.send("POST", "/calendar/getSchedule", body)).items():
                if spans is None:
                    unknown.add(address)
                else:
                    found[address] += spans
    asked = {address.lower(): address for address in addresses}
    return {asked[one]: spans for one, spans in found.items() if one in asked and one not in unknown}


def _parts(since: datetime, until: datetime) -> Iterator[Span]:
    while since < until:
        following = min(until, since + LONGEST)
        yield since, following
        since = following


def _written(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds"), "timeZone": "UTC"}


def _told(answer: Mapping[str, Any]) -> dict[str, list[Span] | None]:
    """Return what is said of each address; None: nothing that could be relied on."""
    try:
        return {
            str(one["scheduleId"]).lower(): None if one.get("error") else [_span(item) for item in _taken(one)]
            for one in answer["value"]
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ShapeError("Microsoft's answer about free and busy times cannot be read") from error


def _taken(schedule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in schedule.get("scheduleItems") or () if str(one.get("status")).lower() not in _FREE]


def _span(item: Mapping[str, Any]) -> Span:
    return zones.moment(item["start"]), zones.moment(item["end"])
