"""Events and calendars as Graph shows them.

Source: https://learn.microsoft.com/graph/api/event-get
"""

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from connectors.microsoft.simulated import event_rules as rules
from connectors.microsoft.simulated.errors import Json
from connectors.microsoft.simulated.expansion import original_start, times
from connectors.microsoft.simulated.items import Calendar, Item, moment, occurrence_id
from connectors.microsoft.simulated.stamps import stamp
from connectors.microsoft.simulated.zones import CUSTOM, instant, wall, written

_PREVIEW = 255  # characters
_PREFIX = "040000008200E00074C5B7101A82E008"
_FOREIGN = "vCal-Uid\x01\x00\x00\x00"


@dataclass(frozen=True)
class Manner:
    """How a caller wants events to be shown."""

    immutable: bool = False
    zone: str = "UTC"
    text: bool = False  # bodies without HTML
    private: bool = True  # private events of somebody else's calendar are seen


PLAIN = Manner()


def event_id(item: Item, day: date | None, how: Manner) -> str:
    own = item.key if how.immutable else item.id
    return own if day is None else occurrence_id(own, day)


def shown(item: Item, day: date | None = None, how: Manner = PLAIN) -> Json:
    """An event, the master of a series, or what takes place on one of its days."""
    body = item.on(day)
    start, end = times(item, day)
    content = rules.hypertext(body["body"])
    link = quote(event_id(item, day, PLAIN), safe="")
    custom = body.get("originalStartTimeZone")
    found = {
        **_version(item, day, how),
        "createdDateTime": moment(item.created_s),
        "lastModifiedDateTime": moment(item.modified_s),
        "categories": list(body["categories"]),
        "transactionId": body["transactionId"],
        "originalStartTimeZone": custom or start["timeZone"],
        "originalEndTimeZone": CUSTOM if custom == CUSTOM else end["timeZone"],
        "iCalUId": ical_uid(item.uid, day),
        **_plainly(body),
        "hasAttachments": False,
        "bodyPreview": rules.plain(content)[:_PREVIEW],
        "isOrganizer": item.organized,
        "isDraft": False,
        "seriesMasterId": None if day is None else event_id(item, None, how),
        "type": kind(item, day),
        "webLink": f"https://outlook.office365.com/owa/?itemid={link}&exvsurl=1&path=/calendar/item",
        "onlineMeetingUrl": None,
        "recurrence": body["recurrence"] if day is None else None,
        "responseStatus": body.get("responseStatus") or _own_answer(item),
        "body": {"contentType": "text", "content": rules.plain(content)} if how.text
        else {"contentType": "html", "content": content},
        "start": in_zone(start, how.zone, whole_day=body["isAllDay"]),
        "end": in_zone(end, how.zone, whole_day=body["isAllDay"]),
        "organizer": {"emailAddress": dict(item.organizer)},
    }  # fmt: skip
    if day is not None:
        found["originalStart"] = stamp(original_start(item, day))
    if not how.private and body["sensitivity"] in ("private", "confidential"):
        found |= _covered()
    return found | item.odd


def bare(item: Item, day: date, how: Manner) -> Json:
    """All that a round of changes tells of an occurrence.

    Source: https://github.com/microsoftgraph/microsoft-graph-docs/issues/22197
    """
    whole = shown(item, day, how)
    return {name: whole[name] for name in ("@odata.etag", "id", "seriesMasterId", "type", "start", "end")}


def kind(item: Item, day: date | None) -> str:
    if day is None:
        return "seriesMaster" if item.repeats else "singleInstance"
    return "exception" if day in item.exceptions else "occurrence"


def in_zone(value: Json, zone_name: str, *, whole_day: bool) -> Json:
    """A start or end in the zone that was asked for; whole days are from midnight to midnight in every zone.

    Source: https://github.com/microsoftgraph/microsoft-graph-docs/issues/1802
    """
    return written(wall(value) if whole_day else instant(value), zone_name)


def ical_uid(uid: str, day: date | None) -> str:
    """The identifier across mailboxes: each occurrence has one of its own, in which its day is written.

    Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal (PidLidGlobalObjectId)
    """
    if day is None:
        return uid
    if not uid.startswith(_PREFIX):
        tail = (_FOREIGN + uid + "\x00").encode()
        uid = f"{_PREFIX}{'0' * 40}{len(tail).to_bytes(4, 'little').hex()}{tail.hex()}".upper()
    return f"{_PREFIX}{day.year:04X}{day.month:02X}{day.day:02X}{uid[len(_PREFIX) + 8 :]}"


def calendar(one: Calendar, shown_id: str, access: str) -> Json:
    """A calendar as its owner sees it, or whoever it is shared with.

    Source: https://learn.microsoft.com/graph/api/resources/calendar
    """
    mine = access == "owner"
    return {
        "id": shown_id, "name": one.name if mine or not one.default else one.owner.name, "color": one.color, "hexColor": "",
        "isDefaultCalendar": mine and one.default, "changeKey": f"{one.version:08d}AAAA==", "canShare": mine,
        "canViewPrivateItems": mine or "private" in access, "canEdit": mine or "write" in access,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"], "defaultOnlineMeetingProvider": "teamsForBusiness",
        "isTallyingResponses": mine and one.default, "isRemovable": not (mine and one.default),
        "owner": {"name": one.owner.name, "address": one.owner.address},
    }  # fmt: skip


def _version(item: Item, day: date | None, how: Manner) -> Json:
    return {
        "@odata.etag": item.etag(day), "id": event_id(item, day, how), "changeKey": item.change_key(day)
    }  # fmt: skip


def _plainly(body: Json) -> Json:
    """What is shown as it lies there."""
    names = (
        "reminderMinutesBeforeStart", "isReminderOn", "subject", "importance", "sensitivity", "isAllDay", "isCancelled",
        "responseRequested", "showAs", "isOnlineMeeting", "onlineMeetingProvider", "allowNewTimeProposals", "hideAttendees",
        "onlineMeeting", "location", "locations", "attendees",
    )  # fmt: skip
    return {name: body[name] for name in names}


def _own_answer(item: Item) -> Json:
    return {"response": "organizer" if item.organized else "notResponded", "time": rules.NEVER}


def _covered() -> Json:
    """What is left of a private event for somebody who may not see such."""
    return {
        "subject": "Private appointment", "bodyPreview": "", "body": {"contentType": "html", "content": ""}, "attendees": [],
        "location": rules.fresh()["location"], "locations": [], "onlineMeeting": None, "categories": [],
    }  # fmt: skip
