"""What an event of Outlook says, in the words of the hub, where a path of a mapping cannot say it.

An event is Graph's own, with what the stream adds to it: `mailbox`, whose it is; of a time of a series `originalDay` and
`series`, what must be known of the master; of a series that no rule says `occurrences`, its times.
Source: https://learn.microsoft.com/graph/api/resources/event
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from connectors.microsoft import recurrence, zones
from hub.errors import ShapeError
from hub.records.meeting import Privacy, WallTime, When

Event = Mapping[str, Any]

MARK = "String {8b6b1c1e-5a3b-4b0c-9b57-6d0f0a6f2c1d} Name hub"
"""The extended property by which the hub knows what it made."""
MARKER = "hub"  # what the hub calls it
_OUR_OWN = 5  # version of the UUID that such an event has as its transaction
# A Global Object ID: 16 bytes that say so, the day of one time of a series, and the rest.
# Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal (PidLidGlobalObjectId)
_GLOBAL = re.compile(r"(040000008200E00074C5B7101A82E008)([0-9A-F]{8})((?:[0-9A-F]{2})+)", re.IGNORECASE)
_HEAD_OF_DATA = 8 + 8 + 4  # bytes: when it was made, zeros, size
# What another calendar program called its event, inside of such an id.
# Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcical (UID)
_FOREIGN = b"vCal-Uid\x01\x00\x00\x00"
_PRIVACY = {"private": Privacy.PRIVATE, "personal": Privacy.PRIVATE, "confidential": Privacy.CONFIDENTIAL}
_ANSWERS = frozenset({"accepted", "declined", "tentativelyaccepted"})
_BLOCKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6"})
_HIDDEN = frozenset({"head", "script", "style", "title"})
LONGEST_PAGE = 200_000  # characters of a text that are looked at


def uid(event: Event) -> str:
    """Return the uid of the meeting or of its series, as iCalendar has it and so every other calendar.

    Graph writes a day into that of each occurrence, and wraps those of other programs.
    """
    written = str(_series(event).get("iCalUId") or event.get("iCalUId") or "").strip()
    found = _GLOBAL.fullmatch(written)
    if found is None:
        return written
    data = bytes.fromhex(found[3])[_HEAD_OF_DATA:]
    if data.startswith(_FOREIGN):
        return data[len(_FOREIGN) :].split(b"\x00")[0].decode("utf-8", "replace")
    return f"{found[1]}00000000{found[3]}".upper()


def start(event: Event, *, context: Any) -> When | None:
    """Return when it begins, on the clocks where it was made."""
    return _when(event, "start", context.time_zone)


def end(event: Event, *, context: Any) -> When | None:
    """Return when it ends, exclusive."""
    return _when(event, "end", context.time_zone)


def original_start(event: Event) -> date | datetime | None:
    """Return where a time of a series stood before it was moved: a day, or an instant in UTC."""
    if not (series := _series(event)):
        return _of_unknown_series(event)
    day = date.fromisoformat(str(event["originalDay"]))
    if series.get("isAllDay"):
        return day
    if event.get("originalStart"):
        return zones.moment(event["originalStart"])
    clock = time.fromisoformat(str(series["clock"]))
    return WallTime(datetime.combine(day, clock), str(series.get("zone") or "UTC")).instant


def _of_unknown_series(event: Event) -> date | datetime | None:
    """Return the place of a time to which somebody was asked who is not asked to its series: the uid says the day."""
    found = _GLOBAL.fullmatch(str(event.get("iCalUId") or "").strip())
    written = bytes.fromhex(found[2]) if found else bytes(4)
    if not any(written):
        return None
    day = date(int.from_bytes(written[:2]), written[2], written[3])
    begins = _when(event, "start", "UTC")
    if not isinstance(begins, WallTime):
        return day
    if event.get("originalStart"):
        return zones.moment(event["originalStart"])
    return WallTime(datetime.combine(day, begins.local.time()), begins.zone).instant


def lines(event: Event) -> list[str]:
    """Return how it comes round, in lines of iCalendar."""
    listed = event.get("occurrences")
    if isinstance(listed, list):
        return _dates(event, listed)
    if not event.get("recurrence") or _series(event):
        return []
    begins = _when(event, "start", "UTC")
    if begins is None:
        raise ShapeError("a series without a beginning")
    return [recurrence.line(event["recurrence"], begins.local.date() if isinstance(begins, WallTime) else begins)]


def organiser(event: Event) -> str:
    """Return who organises it. Of the mailbox itself Graph may say another of its addresses."""
    named = _address(event.get("organizer"))
    return str(event.get("mailbox") or named) if event.get("isOrganizer") else named


def people(event: Event) -> list[dict[str, Any]]:
    """Return who is asked. What the owner of the mailbox answered, only the event itself says."""
    mailbox = str(event.get("mailbox") or "").lower()
    answer = str((event.get("responseStatus") or {}).get("response") or "")
    own = answer if answer.lower() in _ANSWERS else ""
    found = []
    for one in event.get("attendees") or ():
        address, kind = _address(one), str(one.get("type") or "").lower()
        is_own = bool(own) and address.lower() == mailbox
        found.append({
            "address": address,
            "name": (one.get("emailAddress") or {}).get("name"),
            "response": own if is_own else (one.get("status") or {}).get("response"),
            "optional": kind == "optional",
            "resource": kind == "resource",
        })  # fmt: skip
    if own and mailbox and all(str(one["address"]).lower() != mailbox for one in found):
        found.append({"address": mailbox, "response": own})  # asked through a list of people
    return found


def privacy(event: Event, *, context: Any) -> str:
    """Return what its owner chose, by its sensitivity or by a category that means private."""
    chosen = _PRIVACY.get(str(event.get("sensitivity") or "").lower())
    if chosen is not None:
        return str(chosen)
    private = {one.casefold() for one in context.private_labels}
    is_private = any(str(one).casefold() in private for one in event.get("categories") or ())
    return str(Privacy.PRIVATE if is_private else Privacy.DEFAULT)


def text(event: Event) -> str:
    """Return what is written in it, without the form of a page."""
    body = event.get("body") or {}
    content = str(body.get("content") or "")[:LONGEST_PAGE]
    return _Text.of(content) if str(body.get("contentType") or "").lower() == "html" else content.strip()


def markers(event: Event) -> dict[str, str]:
    """Return the mark of an event that the hub made, by its extended property or the transaction that it was made in."""
    for one in event.get("singleValueExtendedProperties") or ():
        if str(one.get("id") or "").lower() == MARK.lower():
            return {MARKER: str(one.get("value") or "")}
    made_in = str(event.get("transactionId") or "")
    try:
        is_ours = UUID(hex=made_in).version == _OUR_OWN and len(made_in) == len(UUID(int=0).hex)
    except ValueError:
        is_ours = False
    return {MARKER: made_in} if is_ours else {}


def _series(event: Event) -> Event:
    found = event.get("series")
    return found if isinstance(found, dict) else {}


def _address(person: Any) -> str:
    return str((person.get("emailAddress") or {}).get("address") or "") if isinstance(person, dict) else ""


def _when(event: Event, name: str, usual: str) -> When | None:
    written = event.get(name)
    if not written:
        return None
    if event.get("isAllDay"):
        return zones.day(written)
    span = (event.get("recurrence") or {}).get("range") or {}
    begins, ends = event.get("originalStartTimeZone"), event.get("originalEndTimeZone")
    other = ends if name == "end" and ends != begins else None  # a flight ends by other clocks
    zone = zones.place(other, span.get("recurrenceTimeZone"), begins, _series(event).get("zone"))
    return WallTime.at(zones.moment(written), zone or usual)


def _dates(event: Event, listed: Sequence[Any]) -> list[str]:
    """Say a series by its times. The first is part of every series, so where it does not take place that is said too."""
    if event.get("isAllDay"):
        days = sorted({zones.day(one) for one in listed})
        first = zones.day(event["start"])
        added = ["RDATE;VALUE=DATE:" + ",".join(f"{one:%Y%m%d}" for one in days)] if days else []
        return [*added, *([] if first in days else [f"EXDATE;VALUE=DATE:{first:%Y%m%d}"])]
    moments = sorted({zones.moment(one) for one in listed})
    begins = zones.moment(event["start"])
    added = ["RDATE:" + ",".join(_stamp(one) for one in moments)] if moments else []
    return [*added, *([] if begins in moments else [f"EXDATE:{_stamp(begins)}"])]


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


class _Text(HTMLParser):
    """The words of a page, block by block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.hidden = 0

    @classmethod
    def of(cls, page: str) -> str:
        reader = cls()
        reader.feed(page)
        reader.close()
        rows = (" ".join(row.split()) for row in "".join(reader.found).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).strip()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.hidden += tag in _HIDDEN
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in _HIDDEN))

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.found.append(data)
