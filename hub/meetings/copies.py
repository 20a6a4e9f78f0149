"""Meetings as the database keeps them: one row for each calendar that has one."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from hub.errors import RecordError
from hub.records.meeting import Attendee, Meeting, Privacy, Response, Status, WallTime, When

LONGEST = 20_000  # characters of a description
_PRIVACY = {one.value: one for one in Privacy}
_STATUS = {one.value: one for one in Status}


class MeetingFields(BaseModel):
    """What a mapping makes of an event; an administrator may have written it, so anything may come."""

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)
    remote_id: str = Field(min_length=1, max_length=1100)
    uid: str | None = Field(default=None, max_length=1100)
    start: date | WallTime | None = None
    end: date | WallTime | None = None
    series_id: str | None = None
    original_start: date | AwareDatetime | None = None
    recurrence: list[str] | None = None
    status: str | None = None
    privacy: str | None = None
    title: str | None = None
    description: str | None = None
    location: str | None = None
    join_url: str | None = None
    organiser: str | None = None
    attendees: list[Attendee] | None = None
    transparent: bool | None = None
    updated_at: AwareDatetime | None = None
    sequence: int | None = None
    link: str | None = None
    markers: dict[str, Any] | None = None


def read(values: Mapping[str, Any], *, etag: str = "") -> Meeting:
    """Make a meeting of what a mapping made of an event.

    Raises:
        RecordError: it is none; the text names the field.
    """
    try:
        found = MeetingFields.model_validate(dict(values))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'][:2]))}: {one['msg']}" for one in error.errors()[:3])
        raise RecordError(f"what the mapping makes of this event is no meeting: {wrong}") from error
    return Meeting(
        uid=found.uid or "",
        remote_id=found.remote_id,
        # As the mapping made them: pydantic would read an instant at midnight as a day.
        start=values.get("start"),
        end=values.get("end"),
        series_id=found.series_id or "",
        original_start=values.get("original_start"),
        recurrence=tuple(found.recurrence or ()),
        status=_STATUS.get(found.status or "", Status.CONFIRMED),
        privacy=_PRIVACY.get(found.privacy or "", Privacy.DEFAULT),
        title=(found.title or "")[:1000],
        description=(found.description or "")[:LONGEST],
        location=(found.location or "")[:1000],
        join_url=found.join_url or "",
        organiser=found.organiser or "",
        attendees=tuple(found.attendees or ()),
        transparent=bool(found.transparent),
        updated_at=found.updated_at,
        sequence=found.sequence or 0,
        etag=etag,
        link=found.link or "",
        markers={str(name): str(value) for name, value in (found.markers or {}).items()},
    )


def values_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a meeting, by their names, as JSON keeps them."""
    return {name: _to_json(name, value) for name, value in values.items()}


def values_of_json(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Read what `values_json` wrote."""
    return {name: _of_json(name, value) for name, value in kept.items()}


def as_json(meeting: Meeting) -> dict[str, Any]:
    """Return a meeting as a row keeps it."""
    plain = values_json({one.name: getattr(meeting, one.name) for one in fields(Meeting)})
    return plain | {
        "updated_at": meeting.updated_at.isoformat() if meeting.updated_at else None,
        "markers": dict(meeting.markers),
    }


def of_json(kept: Mapping[str, Any]) -> Meeting:
    """Read what `as_json` wrote."""
    updated_at = datetime.fromisoformat(kept["updated_at"]) if kept["updated_at"] else None
    return Meeting(**{**values_of_json(kept), "updated_at": updated_at})


def _to_json(name: str, value: Any) -> Any:
    match name:
        case "start" | "end":
            return _when_json(value)
        case "original_start":
            return _original_json(value)
        case "attendees":
            return [{one.name: getattr(person, one.name) for one in fields(Attendee)} for person in value]
        case "recurrence":
            return list(value)
        case "privacy" | "status":
            return str(value)
        case _:
            return value


def _of_json(name: str, value: Any) -> Any:
    match name:
        case "start" | "end":
            return _when(value)
        case "original_start":
            return _original(value)
        case "attendees":
            return tuple(Attendee(**{**person, "response": Response(person["response"])}) for person in value)
        case "recurrence":
            return tuple(value)
        case "privacy":
            return Privacy(value)
        case "status":
            return Status(value)
        case _:
            return value


def _when_json(when: When | None) -> dict[str, Any] | None:
    if when is None:
        return None
    if isinstance(when, WallTime):
        fold = {"fold": 1} if when.local.fold else {}  # the second of an hour that comes twice
        return {"local": when.local.isoformat(), "zone": when.zone, **fold}
    return {"day": when.isoformat()}


def _when(kept: Mapping[str, Any] | None) -> When | None:
    if kept is None:
        return None
    if "day" in kept:
        return date.fromisoformat(kept["day"])
    return WallTime(datetime.fromisoformat(kept["local"]).replace(fold=kept.get("fold", 0)), kept["zone"])


def _original_json(original: date | datetime | None) -> dict[str, str] | None:
    if original is None:
        return None
    return {"at" if isinstance(original, datetime) else "day": original.isoformat()}


def _original(kept: Mapping[str, str] | None) -> date | datetime | None:
    if kept is None:
        return None
    return datetime.fromisoformat(kept["at"]) if "at" in kept else date.fromisoformat(kept["day"])
