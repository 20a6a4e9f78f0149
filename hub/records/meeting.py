"""What one event of a remote calendar says: a single meeting, the master of a series, or one exception to it.

The words are iCalendar's (RFC 5545), made the same for every provider. A time is a day for an all-day event, else what a
clock on a wall shows in a zone of the IANA database; an instant or an offset alone would move a series with the clocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from hub.errors import ShapeError
from hub.records.zone import iana


class Status(StrEnum):
    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


class Privacy(StrEnum):
    """What the owner of the calendar chose; who sees what of it in the hub is decided elsewhere."""

    DEFAULT = "default"
    PUBLIC = "public"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"


class Response(StrEnum):
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"
    WAITING = "waiting"  # needs action: no answer yet


@dataclass(frozen=True, slots=True)
class WallTime:
    """A time as a clock shows it in a place; `local` has no zone of its own.

    A time that the clocks jump over is read with the offset before the jump, one that comes twice is the first
    (`fold` of `local` says otherwise). Source: RFC 5545, 3.3.5, form 3.

    Raises:
        ShapeError: `local` has an offset, `zone` is no place, or the year cannot be reckoned with.
    """

    local: datetime
    zone: str

    def __post_init__(self) -> None:
        if self.local.tzinfo is not None:
            raise ShapeError(f"{self.local} has an offset; a wall time is written with the name of its zone")
        if iana(self.zone) != self.zone:
            raise ShapeError(f"{self.zone[:80]!r} is not the name of a time zone, such as Europe/Berlin")
        if not 1 < self.local.year < 9999:
            raise ShapeError(f"the year {self.local.year} cannot be reckoned with")
        object.__setattr__(self, "local", self.local.replace(microsecond=0))

    @classmethod
    def at(cls, instant: datetime, zone: str) -> Self:
        """Return what the clocks of a zone show at an instant (an aware datetime)."""
        if instant.tzinfo is None:
            raise ShapeError(f"{instant} has no offset; it is not known when it is")
        if iana(zone) != zone:
            raise ShapeError(f"{zone[:80]!r} is not the name of a time zone, such as Europe/Berlin")
        if not 2 < instant.year < 9998:
            raise ShapeError(f"the year {instant.year} cannot be reckoned with")
        return cls(instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None), zone)

    @property
    def instant(self) -> datetime:
        """The same in UTC."""
        return self.local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


When = date | WallTime  # a date is a whole day and never becomes an instant


@dataclass(frozen=True, slots=True)
class Attendee:
    address: str
    name: str = ""
    response: Response = Response.WAITING
    optional: bool = False
    resource: bool = False  # a room or a beamer


@dataclass(frozen=True, slots=True)
class Meeting:
    """One remote event.

    `recurrence` holds the RRULE, RDATE, EXDATE and EXRULE lines as the provider sent them; only a master has some.
    `original_start` is where an exception stood before it was moved: a day, or an aware datetime. What a provider
    tells of a cancelled event may be no more than its ids, so that there may be no `start`.

    Raises:
        ShapeError: a time that says no instant.
    """

    uid: str  # iCalUID, the same for the whole series and in every mailbox
    remote_id: str
    start: When | None = None
    end: When | None = None  # exclusive, also of an all-day event
    series_id: str = ""  # remote id of the master; of exceptions only
    original_start: date | datetime | None = None
    recurrence: tuple[str, ...] = ()
    status: Status = Status.CONFIRMED
    privacy: Privacy = Privacy.DEFAULT
    title: str = ""
    description: str = ""
    location: str = ""
    join_url: str = ""
    organiser: str = ""  # address
    attendees: tuple[Attendee, ...] = ()
    transparent: bool = False  # it blocks no time
    updated_at: datetime | None = None
    sequence: int = 0
    etag: str = ""
    link: str = ""
    markers: Mapping[str, str] = field(default_factory=dict)  # private extended properties, such as our own mark

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if isinstance(value, datetime):
                raise ShapeError(f"the {name} {value} is neither a day nor a wall time")
            if isinstance(value, date) and not 1 < value.year < 9999:
                raise ShapeError(f"the year {value.year} cannot be reckoned with")
        if isinstance(self.original_start, datetime) and self.original_start.tzinfo is None:
            raise ShapeError(f"the original start {self.original_start} has no offset")

    @property
    def is_exception(self) -> bool:
        return self.original_start is not None

    @property
    def is_series(self) -> bool:
        return bool(self.recurrence) and not self.is_exception

    @property
    def is_cancelled(self) -> bool:
        return self.status is Status.CANCELLED

    @property
    def is_all_day(self) -> bool:
        return isinstance(self.start, date)
