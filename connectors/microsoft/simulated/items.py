"""An event and a calendar, as they lie in one mailbox."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from connectors.microsoft.simulated import ids
from connectors.microsoft.simulated.delta import Feed
from connectors.microsoft.simulated.errors import Json

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User

_OCCURRENCE = re.compile(r"(.+)FRAAg([0-9A-F]{5})AAE(A==|Q)")


@dataclass(eq=False)
class Item:
    """An event as it lies in one mailbox: a single one, or a whole series with what differs on some of its days."""

    key: str  # the immutable id
    id: str  # another one in each calendar that it was moved to
    calendar: "Calendar"
    uid: str  # the same in the mailbox of every guest
    organizer: Json  # name and address
    body: Json  # start and end are wall time in the zone of the event
    posted: Json = field(default_factory=dict)  # what it was made of
    exceptions: dict[date, Json] = field(default_factory=dict)  # by the day of the series: what is different
    cancelled: set[date] = field(default_factory=set)  # days on which there is nothing any more
    version: int = 0
    versions: dict[date, int] = field(default_factory=dict)  # of exceptions
    odd: Json = field(default_factory=dict)  # shown instead of what it is, however wrong
    created_s: float = 0.0
    modified_s: float = 0.0

    @property
    def owner(self) -> "User":
        return self.calendar.owner

    @property
    def repeats(self) -> bool:
        return bool(self.body.get("recurrence"))

    @property
    def organized(self) -> bool:
        """Whether the owner of this mailbox is the organiser."""
        return str(self.organizer["address"]).lower() == self.owner.address

    def on(self, day: date | None) -> Json:
        """What an exception says, or the whole: without what only the series has."""
        return self.body if day is None else self.body | self.exceptions.get(day, {})

    def etag(self, day: date | None = None) -> str:
        return f'W/"{self.change_key(day)}"'

    def change_key(self, day: date | None = None) -> str:
        own = day is not None and day in self.versions
        return ids.change_key(self.key, *((day, self.versions[day]) if own and day else (self.version,)))


@dataclass(eq=False)
class Calendar:
    """One calendar of a mailbox."""

    id: str
    name: str
    owner: "User"
    feed: Feed
    default: bool = False
    color: str = "auto"
    version: int = 0
    acl: dict[str, str] = field(
        default_factory=dict
    )  # by address: read or write, and `private` where also that is seen
    known: dict[str, str] = field(default_factory=dict)  # by immutable id: the other id that an event last had here

    @property
    def items(self) -> list[Item]:
        return [one for one in self.owner.calendars.items.values() if one.calendar is self]


def parted(event_id: str) -> tuple[str, date | None]:
    """Divide the id of a day of a series into the series' own and the day; another id stays whole."""
    parts = _OCCURRENCE.fullmatch(event_id)
    if parts is None or not int(parts[2], 16):
        return event_id, None
    return parts[1] + ("=" if parts[3] == "A==" else ""), date.fromordinal(int(parts[2], 16))


def occurrence_id(master_id: str, day: date) -> str:
    """The id of a day of a series: it stays when the day becomes an exception, and when the series moves on that day."""
    end = "A==" if master_id.endswith("=") else "Q"
    return f"{master_id.removesuffix('=')}FRAAg{day.toordinal():05X}AAE{end}"


def moment(seconds: float) -> str:
    """A moment as Exchange writes it, in seven digits behind the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
