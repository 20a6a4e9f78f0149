"""Events over all calendars: who organises, who is invited, and what reaches the copies of the others.

Source: https://developers.google.com/workspace/calendar/api/concepts/sharing and .../inviting-attendees-to-events
"""

import hashlib
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.google.simulated import event_rules as rules
from connectors.google.simulated.calendar_book import CalendarBook, Entry
from connectors.google.simulated.errors import ApiError, Json, bad_request
from connectors.google.simulated.recurrence import stamp
from connectors.google.simulated.stamps import rfc3339
from hub.connector.simulated.clock import Clock

_UNTIL_OR_COUNT = re.compile(r";(UNTIL|COUNT)=[^;]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A mail that Google sent because of an event."""

    kind: str  # invited, updated or cancelled
    event_id: str
    ical_uid: str
    by: str
    to: str
    send_updates: str


class Meetings:
    """All calendars, by id, and what connects them."""

    def __init__(self, clock: Clock, tick: Callable[[], int], changed: Callable[[CalendarBook], None]) -> None:
        self.clock, self.tick, self.touched = clock, tick, changed
        self.books: dict[str, CalendarBook] = {}
        self.invitations: list[Invitation] = []
        self.listed: Callable[[CalendarBook, str, str], None] = lambda _book, _address, _role: None

    def share(self, book: CalendarBook, address: str, role: str) -> None:
        """Give somebody a role in a calendar."""
        if role:
            book.acl[address] = role
        else:
            book.acl.pop(address, None)
        self.listed(book, address, role)

    def insert(
        self,
        book: CalendarBook,
        event: Json,
        *,
        by: str,
        send_updates: str = "none",
        conference: bool = False,
        imported: bool = False,
    ) -> Entry:
        """Make an event.

        Raises:
            ApiError: 400, or 409 where its id is taken.
        """
        body = deepcopy({name: value for name, value in event.items() if value is not None})
        for name in ("start", "end"):
            if name in body:
                body[name] = rules.when(body[name], book.zone)
        rules.normal(body, book.zone)
        event_id = body.get("id") or self._new_id()
        if not rules.ID.fullmatch(event_id):
            raise bad_request("Invalid resource id value.", "invalid")
        if event_id in book.entries:
            raise ApiError(409, "duplicate", "The requested identifier already exists.")
        now = rfc3339(self.clock.now())
        organizer = body.get("organizer") if imported else None
        organizer = organizer or {"email": book.id, "displayName": book.summary}
        body |= {
            "id": event_id,
            "iCalUID": body.get("iCalUID") or f"{event_id}@google.com",
            "status": body.get("status", "confirmed"),
            "created": now,
            "creator": {"email": by},
            "organizer": organizer,
            "sequence": body.get("sequence", 0),
            "eventType": body.get("eventType", "default"),
            "reminders": body.get("reminders", {"useDefault": True}),
            "htmlLink": f"https://www.google.com/calendar/event?eid={event_id}",
        }
        if "attendees" in body:
            body["attendees"] = rules.attendees(body["attendees"], organizer["email"])
        self._conference(body, conference=conference)
        entry = book.keep(body)
        if not imported:
            self._spread(book, entry)
            self._mail("invited", book, entry.body, by, send_updates)
        return entry

    def invite(self, books: list[CalendarBook], organizer: str, event: Json) -> str:
        """Lay an invitation from somebody outside into the calendars of its guests. Returns the event's id."""
        if not books:
            raise ValueError("nobody here is invited")
        event_id = str(event.get("id") or self._new_id())
        body = deepcopy(event) | {"id": event_id, "organizer": {"email": organizer}}
        body["attendees"] = [organizer, *(book.id for book in books), *body.get("attendees", [])]
        for book in books:
            self.insert(book, body, by=organizer, imported=True)
        return event_id

    def change(
        self,
        book: CalendarBook,
        event_id: str,
        changes: Json,
        *,
        by: str,
        send_updates: str = "none",
        conference: bool = False,
        whole: bool = False,
    ) -> Entry:
        """Patch an event, or with `whole` put another in its place.

        Raises:
            ApiError: 400, 403, 404 or 410
        """
        entry = book.find(event_id)
        if entry.gone and changes.get("status") != "confirmed":
            raise ApiError(410, "deleted", "Resource has been deleted")
        old = entry.body
        given = {
            name: rules.when(value, book.zone) if name in ("start", "end") and value else value
            for name, value in changes.items()
            if name not in rules.SERVERS
        }
        kept = {name: value for name, value in old.items() if name in rules.SERVERS}
        new = deepcopy(kept | given if whole else rules.merged(old, given))
        new.setdefault("status", "confirmed")
        if "attendees" in given and new.get("attendees") is not None:
            new["attendees"] = rules.attendees(new["attendees"], old.get("organizer", {}).get("email", ""))
        rules.normal(new, book.zone)
        if not book.organizes(old) and not old.get("guestsCanModify"):
            refused = rules.refusal(old, new, book.id)
            if refused:
                raise refused
        self._conference(new, conference=conference)
        if rules.rescheduled(old, new):
            new["sequence"] = int(old.get("sequence", 0)) + 1
        stored = book.keep(new)
        if "recurrence" in old and any(old.get(name) != new.get(name) for name in ("start", "recurrence")):
            self._drop_stale(book, new)
        self._pass_on(book, old, stored)
        self._mail("updated", book, stored.body, by, send_updates)
        return stored

    def _new_id(self) -> str:
        """An id in the alphabet of Google's, the same in every run."""
        return hashlib.sha256(f"event {self.tick()}".encode()).hexdigest()[:26]

    def _pass_on(self, book: CalendarBook, old: Json, stored: Entry) -> None:
        """Let the other copies learn of a change."""
        if book.organizes(stored.body):
            self._spread(book, stored)
            return
        mine = _guest(stored.body, book.id)
        organizer = self.books.get(stored.body.get("organizer", {}).get("email", ""))
        if organizer is None:
            return
        if old.get("guestsCanModify"):
            shared = {k: v for k, v in stored.body.items() if k not in rules.SERVERS | rules.PRIVATE}
            self.change(organizer, stored.id, shared, by=organizer.id)
        elif mine and mine != _guest(old, book.id):
            self._answered(organizer, stored.id, mine)

    def respond(self, book: CalendarBook, event_id: str, status: str) -> Entry:
        """Let a guest answer."""
        entry = book.alive(event_id)
        guests = deepcopy(entry.body.get("attendees", []))
        for guest in guests:
            if guest["email"] == book.id:
                guest["responseStatus"] = status
        return self.change(book, event_id, {"attendees": guests}, by=book.id)

    def _answered(self, organizer: CalendarBook, event_id: str, answer: Json) -> None:
        try:
            entry = organizer.alive(event_id)
        except ApiError:
            return  # the organiser has removed it meanwhile
        body = deepcopy(entry.body)
        body["attendees"] = [
            one | answer if one["email"] == answer["email"] else one for one in body.get("attendees", [])
        ]
        self._spread(organizer, organizer.keep(body))

    def cancel(self, book: CalendarBook, event_id: str, *, by: str, send_updates: str = "none") -> None:
        """Delete an event or an instance. Raises ApiError (404, 410)."""
        entry = book.alive(event_id)
        body = entry.body | {"status": "cancelled"}
        mine = _guest(body, book.id)
        stored = book.keep(body)
        self._forget_exceptions(book, body)
        if book.organizes(body):
            self._spread(book, stored)
            self._mail("cancelled", book, body, by, send_updates)
            return
        stored.dropped = True
        organizer = self.books.get(body.get("organizer", {}).get("email", ""))
        if organizer is not None and mine:
            self._answered(organizer, event_id, mine | {"responseStatus": "declined"})

    def split(self, book: CalendarBook, instance_id: str, changes: Json) -> Entry:
        """End a series before one of its instances, and begin another there."""
        first = book.alive(instance_id)
        master = book.alive(first.body["recurringEventId"])
        start = rules.moment(first.body["originalStartTime"], book.zone)
        last = stamp(start - timedelta(days=1) if not isinstance(start, datetime) else start - timedelta(seconds=1))
        lines = master.body["recurrence"]
        following = {k: v for k, v in master.body.items() if k not in rules.SERVERS} | {
            "start": first.body["start"], "end": first.body["end"],
        }  # fmt: skip
        ended = [
            _UNTIL_OR_COUNT.sub("", line) + f";UNTIL={last}" if line.startswith("RRULE") else line for line in lines
        ]
        self.change(book, master.id, {"recurrence": ended}, by=book.owner)
        return self.insert(book, following | changes, by=book.owner)

    def move(self, book: CalendarBook, event_id: str, target: CalendarBook, *, by: str, send_updates: str) -> Entry:
        """Give an event to another calendar, which becomes its organiser."""
        entry = book.alive(event_id)
        if not book.organizes(entry.body):
            raise ApiError(403, "cannotChangeOrganizer", "Cannot change the organizer of an event.", domain="calendar")
        body = deepcopy(entry.body) | {"organizer": {"email": target.id, "displayName": target.summary}}
        stored = target.keep(body)
        book.keep(entry.body | {"status": "cancelled"})
        self._spread(target, stored)
        self._mail("updated", target, body, by, send_updates)
        return stored

    # -- inside -----------------------------------------------------------------------------------------------------

    def _spread(self, book: CalendarBook, entry: Entry) -> None:
        """Bring the guests' copies up to date."""
        guests = {one["email"] for one in entry.body.get("attendees", [])}
        for other in self.books.values():
            if other is book or not other.primary:
                continue
            copy = other.entries.get(entry.id)
            if other.id in guests and not entry.gone:
                if copy is None or not copy.dropped:
                    other.keep(_copy_for(entry.body, copy.body if copy else None))
            elif copy is not None and not copy.gone and not other.organizes(copy.body):
                other.keep(copy.body | {"status": "cancelled"})
                self._forget_exceptions(other, copy.body)
            elif copy is None and entry.gone and other.id in guests and "recurringEventId" in entry.body:
                other.keep(_copy_for(entry.body, None))

    def _forget_exceptions(self, book: CalendarBook, body: Json) -> None:
        if "recurrence" in body:
            for one in book.exceptions(body["id"]):
                book.forget(one.id)

    def _drop_stale(self, book: CalendarBook, master: Json) -> None:
        """Cancel the exceptions for whose day there is no occurrence any more."""
        valid = {f"{master['id']}_{stamp(start)}" for start in rules.occurrences(master, book.zone)}
        for one in book.exceptions(master["id"]):
            if one.id not in valid and not one.gone:
                self._spread(book, book.keep(one.body | {"status": "cancelled"}))

    def _conference(self, body: Json, *, conference: bool) -> None:
        """Make a video call where the client asked for one and knows conferences."""
        data: Any = body.get("conferenceData")
        if not data or "conferenceId" in data:
            return
        if not conference or "createRequest" not in data:
            del body["conferenceData"]
            return
        code = f"sim-{self.tick():04d}-call"
        link = f"https://meet.google.com/{code}"
        body["hangoutLink"] = link
        body["conferenceData"] = {
            "createRequest": data["createRequest"] | {"status": {"statusCode": "success"}},
            "entryPoints": [{"entryPointType": "video", "uri": link, "label": link.removeprefix("https://")}],
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "conferenceId": code,
        }

    def _mail(self, kind: str, book: CalendarBook, body: Json, by: str, send_updates: str) -> None:
        if send_updates not in ("all", "externalOnly"):
            return
        for guest in body.get("attendees", []):
            inside = guest["email"] in self.books
            if guest["email"] in (book.id, by) or (inside and send_updates == "externalOnly"):
                continue
            self.invitations.append(Invitation(kind, body["id"], body["iCalUID"], by, guest["email"], send_updates))


def _guest(body: Json, address: str) -> Json:
    return next((one for one in body.get("attendees", []) if one["email"] == address), {})


def _copy_for(body: Json, old: Json | None) -> Json:
    """What a guest's copy says: the shared fields, and his own private ones."""
    found = {name: value for name, value in deepcopy(body).items() if name not in rules.PRIVATE}
    private = {name: value for name, value in (old or {}).items() if name in rules.PRIVATE}
    properties = {"private": (old or {}).get("extendedProperties", {}).get("private"),
                  "shared": body.get("extendedProperties", {}).get("shared")}  # fmt: skip
    found.pop("extendedProperties", None)
    if kept := {name: value for name, value in properties.items() if value}:
        found["extendedProperties"] = kept
    return {"reminders": {"useDefault": True}, **found, **private}


def utc(text: str) -> datetime:
    """Read a moment with an offset. Raises ValueError for one without."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no offset")
    return found.astimezone(UTC)
