"""Ask Google when people are busy, also those whose calendars the hub does not read.

Source: https://developers.google.com/workspace/calendar/api/v3/reference/freebusy/query
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.google import calendar
from connectors.google.client import Client
from hub.errors import ScopeError, ShapeError

MOST = 50  # calendars in one question


def busy(
    client: Client, addresses: Sequence[str], since: datetime, until: datetime
) -> dict[str, list[tuple[datetime, datetime]]]:
    """Return when people are busy, by their addresses; who may not be asked about is left out.

    Raises:
        ConnectorError: Google does not answer.
    """
    if not client.settings.calendar:
        raise ScopeError("This connection has no calendar.")
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for begin in range(0, len(addresses), MOST):
        body = {
            "timeMin": since.astimezone(UTC).isoformat(),
            "timeMax": until.astimezone(UTC).isoformat(),
            "items": [{"id": address} for address in addresses[begin : begin + MOST]],
        }
        answer = client.call(client.calendar.freebusy().query(body=body), calendar.limits(client))
        found |= _told(answer)
    return {address: found[address] for address in addresses if address in found}


def _told(answer: Mapping[str, Any]) -> dict[str, list[tuple[datetime, datetime]]]:
    try:
        return {
            str(address): [
                (datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])) for span in said["busy"]
            ]
            for address, said in answer["calendars"].items()
            if not said.get("errors")
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ShapeError("Google's answer about free and busy times cannot be read") from error
