"""One calendar: its events as stored, who may see it, and what changed when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any

from connectors.google.simulated.errors import ApiError, Json, not_found
from connectors.google.simulated.event_rules import instance, occurrences
from connectors.google.simulated.recurrence import split_id, stamp
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

if TYPE_CHECKING:
    from connectors.google.simulated.meetings import Meetings

ROLES = ("freeBusyReader", "reader", "writer", "owner")


@dataclass(slots=True)
class Entry:
    """An event as it lies in one calendar."""

    body: Json
    seq: int = 0  # when it changed last, in the order of this world
    updated_ms: int = 0
    dropped: bool = False  # removed by a guest from his own calendar

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def gone(self) -> bool:
        return bool(self.body.get("status") == "cancelled")

    @property
    def etag(self) -> str:
        return f'"{self.updated_ms * 1000 + self.seq % 1000}{self.seq:06d}"'


@dataclass
class CalendarBook:
    """One calendar. `insert`, `patch`, `cancel` and the rest are what its owner does in the web page."""

    id: str
    summary: str
    owner: str
    clock: Clock
    lock: RLock
    meetings: "Meetings"
    tick: Callable[[], int]
    zone: str = "Asia/Jerusalem"
    primary: bool = False
    description: str = ""
    acl: dict[str, str] = field(default_factory=dict)  # address -> role
    entries: dict[str, Entry] = field(default_factory=dict)
    floor: int = 0  # older sync tokens are dead
    pushes: bool = True  # some calendars of Google's own tell no changes

    def role(self, address: str) -> str:
        """What somebody may do here; nothing: he does not even see it."""
        if address == self.owner:
            return "owner"
        if role := self.acl.get(address):
            return role
        domain = address.rpartition("@")[2]
        same = self.primary and domain == self.owner.rpartition("@")[2] and domain != "gmail.com"
        return "freeBusyReader" if same else ""

    # -- what its owner does --------------------------------------------------------------------------------------

    @locked
    def insert(self, *, send_updates: str = "none", **event: Any) -> Json:
        """Make an event. `start` and `end` may be dates or aware datetimes, `attendees` plain addresses."""
        return self.meetings.insert(self, event, by=self.owner, send_updates=send_updates).body

    @locked
    def patch(self, event_id: str, *, send_updates: str = "none", **changes: Any) -> Json:
        """Change an event, or one instance of a series by its id."""
        return self.meetings.change(self, event_id, changes, by=self.owner, send_updates=send_updates).body

    @locked
    def cancel(self, event_id: str, *, send_updates: str = "none") -> None:
        """Delete an event, or one instance of a series by its id."""
        self.meetings.cancel(self, event_id, by=self.owner, send_updates=send_updates)

    @locked
    def respond(self, event_id: str, status: str) -> Json:
        """Accept, decline or leave open an invitation."""
        return self.meetings.respond(self, event_id, status).body

    @locked
    def split(self, instance_id: str, **changes: Any) -> Json:
        """Change "this and following": the old series ends before, a new one begins. Returns the new master."""
        return self.meetings.split(self, instance_id, changes).body

    @locked
    def put(self, event: Json) -> Json:
        """Lay an event here as it is, however odd; guests hear nothing."""
        return self.keep({"status": "confirmed", "iCalUID": f"{event['id']}@google.com", **event}).body

    @locked
    def share(self, address: str, role: str = "reader") -> None:
        """Let somebody in, and put this calendar on his list; an empty role shuts him out."""
        self.meetings.share(self, address, role)

    @locked
    def expire_tokens(self) -> None:
        """Every sync token given out so far is dead."""
        self.floor = self.tick()

    # -- what lies here -------------------------------------------------------------------------------------------

    def keep(self, body: Json) -> Entry:
        """Store an event in its present state."""
        entry = self.entries.get(body["id"]) or Entry(body)
        entry.body, entry.seq, entry.updated_ms = body, self.tick(), self.clock.ms()
        entry.dropped = False
        self.entries[entry.id] = entry
        self.meetings.touched(self)
        return entry

    def find(self, event_id: str) -> Entry:
        """Return an event, or an instance of a series though it was never changed. Raises ApiError (404)."""
        if event_id in self.entries:
            return self.entries[event_id]
        master_id, when = split_id(event_id)
        master = self.entries.get(master_id)
        if when and master is not None and not master.gone and master.body.get("recurrence"):
            for start in occurrences(master.body, self.zone):
                if stamp(start) == when:
                    return Entry(instance(master.body, start, self.zone), master.seq, master.updated_ms)
        raise not_found("Not Found")

    def alive(self, event_id: str) -> Entry:
        """Like `find`. Raises ApiError (410) for a deleted one."""
        entry = self.find(event_id)
        if entry.gone:
            raise ApiError(410, "deleted", "Resource has been deleted")
        return entry

    def exceptions(self, master_id: str) -> list[Entry]:
        return [one for one in self.entries.values() if one.body.get("recurringEventId") == master_id]

    def forget(self, event_id: str) -> None:
        """Remove an event without a trace: its series is gone."""
        self.entries.pop(event_id, None)

    def organizes(self, body: Json) -> bool:
        return bool(body.get("organizer", {}).get("email") == self.id)
