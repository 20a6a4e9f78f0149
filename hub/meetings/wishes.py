"""What is wanted of a meeting and not written yet, laid over what the calendar says. Pure.

A wish stands in a booking and in the outbox as JSON. Where the calendar shows already what is wanted, laying it over
changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from hub.meetings import copies
from hub.meetings.occurrences import key
from hub.meetings.plan import Cancel, Change, Create, Write
from hub.records.meeting import Meeting, Status

_STAND_IN = "hub:"


class Verb(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be written; `plan.Write` in a form that JSON keeps.

    Attributes:
        uid: of the meeting; of one that is not made yet a stand-in.
        fields: what is set, by the names of `plan.Draft`.
        base: what others must not have changed meanwhile.
    """

    verb: Verb
    calendar: str
    uid: str
    remote_id: str
    series_id: str = ""
    original_start: date | datetime | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""
    markers: Mapping[str, str] = field(default_factory=dict)
    notify: bool = False

    @classmethod
    def of(cls, write: Write, uid: str) -> Self:
        """Make a wish of what was planned."""
        if isinstance(write, Create):
            fields = {name: getattr(write.draft, name) for name in type(write.draft).__slots__}
            return cls(
                Verb.CREATE, write.calendar, uid, write.event_id, fields=fields, markers=write.markers,
                notify=write.notify,
            )  # fmt: skip
        return cls(
            Verb.CANCEL if isinstance(write, Cancel) else Verb.CHANGE,
            write.calendar,
            uid,
            write.remote_id,
            write.series_id,
            write.original_start,
            write.fields if isinstance(write, Change) else {},
            write.base,
            write.etag,
            notify=write.notify,
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as the database keeps it."""
        return {
            "verb": str(self.verb),
            "calendar": self.calendar,
            "uid": self.uid,
            "remote_id": self.remote_id,
            "series_id": self.series_id,
            **copies.values_json({"original_start": self.original_start}),
            "fields": copies.values_json(self.fields),
            "base": copies.values_json(self.base),
            "etag": self.etag,
            "markers": dict(self.markers),
            "notify": self.notify,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            **{
                **copies.values_of_json(kept),
                "verb": Verb(kept["verb"]),
                "fields": copies.values_of_json(kept["fields"]),
                "base": copies.values_of_json(kept["base"]),
            }
        )

    @property
    def occurrence(self) -> str:
        """The key of the one time that is meant; of a whole meeting that of the meeting."""
        return key(self.uid, self.original_start)


def stand_in(event_id: str) -> str:
    """Return the uid of a meeting whose own no calendar has said yet."""
    return f"{_STAND_IN}{event_id}"


def is_stand_in(uid: str) -> bool:
    """Say whether a uid only stands for one that is not known yet."""
    return uid.startswith(_STAND_IN)


def overlaid(meetings: Iterable[Meeting], wishes: Sequence[Wish], *, organiser: str) -> list[Meeting]:
    """Return the meeting of one calendar, its series and its exceptions, as they will be once the wishes are written."""
    found = list(meetings)
    for wish in wishes:
        if wish.verb is Verb.CREATE:
            if all(one.remote_id != wish.remote_id for one in found):
                found.append(_made(wish, organiser))
        else:
            found = _changed(found, wish)
    return found


def _made(wish: Wish, organiser: str) -> Meeting:
    return Meeting(wish.uid, wish.remote_id, organiser=organiser, markers=wish.markers, **wish.fields)


def _changed(meetings: list[Meeting], wish: Wish) -> list[Meeting]:
    wanted = dict(wish.fields) if wish.verb is Verb.CHANGE else {"status": Status.CANCELLED}
    changed = [_set(one, wanted) if _is_meant(one, wish) else one for one in meetings]
    if any(_is_meant(one, wish) for one in meetings):
        return changed
    master = next((one for one in meetings if wish.series_id and one.remote_id == wish.series_id), None)
    if master is None:
        return changed
    stands = {"start": wish.base["start"], "end": wish.base["end"], **wanted}
    exception = replace(
        master,
        remote_id=wish.remote_id,
        series_id=wish.series_id,
        original_start=wish.original_start,
        recurrence=(),
        etag="",
    )
    return [*changed, _set(exception, stands)]


def _is_meant(meeting: Meeting, wish: Wish) -> bool:
    if wish.original_start is not None:
        return meeting.is_exception and key(wish.uid, meeting.original_start) == wish.occurrence
    is_part = wish.verb is Verb.CANCEL and meeting.series_id == wish.remote_id  # a series goes with its exceptions
    return meeting.remote_id == wish.remote_id or is_part


def _set(meeting: Meeting, values: Mapping[str, Any]) -> Meeting:
    # A version later than any other copy of the meeting, so that this one counts.
    return replace(meeting, **values, sequence=meeting.sequence + 1)
