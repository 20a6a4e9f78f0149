"""The calendars of one mailbox: what lies in them, who may see them, and what their owner does there."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import date
from typing import TYPE_CHECKING, Any

from connectors.microsoft.simulated import event_rules as rules
from connectors.microsoft.simulated import extended, ids, meetings
from connectors.microsoft.simulated.delta import Feed
from connectors.microsoft.simulated.errors import ApiError, Json, not_found
from connectors.microsoft.simulated.event_view import shown
from connectors.microsoft.simulated.expansion import happens
from connectors.microsoft.simulated.items import Calendar, Item, occurrence_id, parted
from connectors.microsoft.simulated.meetings import Invitation
from hub.connector.simulated.locking import locked

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import User


class Calendars:
    """All calendars of one mailbox. `insert`, `patch`, `cancel` and the rest are what its owner does in Outlook.

    Events are named by either of their ids, and returned as Graph shows them; `on` is a day of a series.
    """

    def __init__(self, user: "User") -> None:
        self.user, self.lock = user, user.world.lock
        self.items: dict[str, Item] = {}
        self._keys: dict[str, str] = {}  # immutable ids by the other ones
        self._by_uid: dict[str, Item] = {}
        self.own: dict[str, Calendar] = {}
        self.shared: dict[str, Calendar] = {}  # calendars of others, by the id that they have here
        self.dropped: set[str] = set()  # uids of meetings that he removed from his calendar
        self.invitations: list[Invitation] = []  # every mail that Exchange sent because of what he did
        self.keeps_declined = False  # Outlook's setting: a meeting stays in the calendar though it was declined
        self.main = self.add("Calendar")

    # -- what he does ---------------------------------------------------------------------------------------------------

    @locked
    def add(self, name: str) -> Calendar:
        """Make another calendar."""
        found = Calendar(
            ids.folder(self.user.address, "calendar", self._tick()),
            name,
            self.user,
            Feed(self.user.world.tick),
            not self.own,
            version=self._tick(),
        )
        self.own[found.id] = found
        return found

    @locked
    def insert(self, calendar: Calendar | None = None, **event: Any) -> Json:
        """Make an event. Guests are invited, as Exchange always does."""
        body = rules.friendly(event, self.user.time_zone)
        return shown(meetings.insert(calendar or self.main, rules.given(body)))

    @locked
    def patch(self, event_id: str, *, on: date | None = None, **changes: Any) -> Json:
        """Change an event, or one occurrence of a series, which becomes an exception."""
        item, day = self.find(event_id, on)
        meetings.change(item, day, rules.given(rules.friendly(changes, self.user.time_zone)))
        return shown(item, day)

    @locked
    def cancel(self, event_id: str, *, on: date | None = None, comment: str = "") -> None:
        """Call off a meeting, or one occurrence of it, as its organiser. Raises ApiError (400) for a guest."""
        meetings.cancel(*self.find(event_id, on), comment)

    @locked
    def remove(self, event_id: str, *, on: date | None = None) -> None:
        """Delete an event, or one occurrence: of a meeting of his own guests learn, of another nobody does."""
        meetings.remove(*self.find(event_id, on))

    @locked
    def respond(
        self, event_id: str, response: str, *, on: date | None = None, comment: str = "", send: bool = True
    ) -> None:
        """Answer an invitation: accepted, tentativelyAccepted or declined."""
        meetings.respond(*self.find(event_id, on), response, comment, send=send)

    @locked
    def invite(self, organizer: str, guests: Sequence[str] = (), *, uid: str = "", **event: Any) -> Json:
        """Let somebody outside invite him, and others: users have it in their calendars too.

        A second invitation with the same uid brings the first up to date.
        """
        body = rules.given(rules.friendly({**event, "attendees": [self.user.address, *guests]}, self.user.time_zone))
        item = meetings.invite(self.user, organizer, body, uid or self.new_uid())
        return shown(item)

    @locked
    def withdraw(self, event_id: str, *, on: date | None = None) -> None:
        """Let somebody outside call off his meeting, or one occurrence: it stays in the calendars of guests, marked so."""
        item, day = self.find(event_id, on)
        meetings.called_off(item, day, self.user.world.users.values())

    @locked
    def move(self, event_id: str, calendar: Calendar) -> Json:
        """Lay an event into another of his calendars: it gets another id, the immutable one stays."""
        item, _ = self.find(event_id)
        item.calendar.feed.left(item.key)
        self._tell(item, "deleted")
        del self._keys[item.id]
        item.calendar, item.id = calendar, ids.regular(self.user.address, self._tick())
        self._keys[item.id] = item.key
        self.touched(item, "created")
        return shown(item)

    @locked
    def put(
        self, calendar: Calendar | None = None, *, organizer: Json | None = None, uid: str = "", odd: Json | None = None,
        **body: Any,
    ) -> Json:  # fmt: skip
        """Lay an event here as it is: nothing is checked, guests hear nothing, an id replaces what had it.

        Args:
            odd: what Graph shows instead of the properties of these names, however wrong; {} makes it right again.
        """
        known = self.items.get(self.key_of(str(body.pop("id", ""))))
        where = calendar or (known.calendar if known else self.main)
        item = known or self.new_item(where, uid=uid, organizer=organizer)
        said = deepcopy(rules.friendly(body, self.user.time_zone))
        if extended.NAME in said:
            said[extended.NAME] = extended.kept({}, said[extended.NAME])
        item.body = rules.fresh() | (item.body if known else {}) | said
        item.odd = item.odd if odd is None else odd
        with suppress(ApiError, KeyError):
            item.body = rules.timed(item.body)
        self.touched(item, "updated" if known else "created")
        return shown(item)

    @locked
    def share(
        self, address: str, calendar: Calendar | None = None, *, write: bool = False, private: bool = False
    ) -> str:
        """Let another user see a calendar, or write to it. Returns the id that it has in his list."""
        where = calendar or self.main
        where.acl[address.lower()] = ("write" if write else "read") + (" private" if private else "")
        theirs = self.user.world.users[address.lower()].calendars
        return next((key for key, one in theirs.shared.items() if one is where), None) or theirs.take(where)

    @locked
    def unshare(self, address: str, calendar: Calendar | None = None) -> None:
        """Shut another user out of a calendar."""
        where = calendar or self.main
        where.acl.pop(address.lower(), None)
        theirs = self.user.world.users[address.lower()].calendars
        theirs.shared = {key: one for key, one in theirs.shared.items() if one is not where}

    @locked
    def expire_tokens(self) -> None:
        """Every delta token given out so far is dead."""
        for one in self.own.values():
            one.feed.expire()

    @locked
    def get(self, event_id: str, *, on: date | None = None) -> Json:
        """An event as Graph shows it. Raises ApiError (404)."""
        return shown(*self.find(event_id, on))

    @locked
    def immutable(self, event_id: str) -> str:
        """The id of an event that stays when it is moved. Raises ApiError (404)."""
        item, day = self.find(event_id)
        return item.key if day is None else occurrence_id(item.key, day)

    @locked
    def events(self, calendar: Calendar | None = None) -> list[Json]:
        """The single events and the masters of series of one calendar, as Graph shows them."""
        return [shown(one) for one in (calendar or self.main).items]

    # -- what lies here -------------------------------------------------------------------------------------------------

    def take(self, calendar: Calendar) -> str:
        """Put a calendar of somebody else on his list."""
        found = ids.folder(self.user.address, "calendar", self._tick())
        self.shared[found] = calendar
        return found

    def find(self, event_id: str, on: date | None = None) -> tuple[Item, date | None]:
        """An event, or a series with one of its days. Raises ApiError (404)."""
        master_id, day = parted(event_id)
        day = day or on
        item = self.items.get(self.key_of(master_id))
        if item is None or (day is not None and not happens(item, day)):
            raise not_found()
        return item, day

    def key_of(self, event_id: str) -> str:
        """The immutable id of an event named by either; what names none stays as it is."""
        return self._keys.get(event_id, event_id)

    def with_uid(self, uid: str) -> Item | None:
        return self._by_uid.get(uid)

    def new_item(self, calendar: Calendar, *, uid: str = "", organizer: Json | None = None) -> Item:
        """Make room for an event; it is not told of before `touched`."""
        own = {"name": calendar.owner.name, "address": calendar.owner.address}
        item = Item(
            ids.immutable(self.user.address, self._tick()), ids.regular(self.user.address, self._tick()), calendar, uid or self.new_uid(), organizer or own, rules.fresh(),
            created_s=self.user.world.clock.time(),
        )  # fmt: skip
        self.items[item.key] = self._by_uid[item.uid] = item
        self._keys[item.id] = item.key
        return item

    def touched(self, item: Item, change: str = "updated", days: Iterable[date] = ()) -> None:
        """An event came or changed."""
        item.version, item.modified_s = self._tick(), self.user.world.clock.time()
        item.versions |= dict.fromkeys(days, item.version)
        item.calendar.known[item.key] = item.id
        item.calendar.feed.changed(item.key)
        self._tell(item, change)

    def forget(self, item: Item) -> None:
        """An event is here no more."""
        del self.items[item.key], self._keys[item.id]
        self._by_uid.pop(item.uid, None)
        item.calendar.feed.left(item.key)
        self._tell(item, "deleted")

    def new_uid(self) -> str:
        """An identifier that is the same in every mailbox (a Global Object ID).

        Source: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal (PidLidGlobalObjectId)
        """
        ticks = int(self.user.world.clock.time() * 10_000_000) + 116_444_736_000_000_000
        last = hashlib.md5(f"{self.user.address} {self._tick()}".encode(), usedforsecurity=False).hexdigest()
        made = ticks.to_bytes(8, "little").hex()
        return (f"040000008200E00074C5B7101A82E00800000000{made}{'0' * 16}10000000" + last).upper()

    def _tick(self) -> int:
        return self.user.world.tick()

    def _tell(self, item: Item, change: str) -> None:
        # What happens to an occurrence is told of its series.
        # Sources: https://github.com/microsoftgraph/microsoft-graph-docs/issues/5520 and, that `events` are those of the main
        # calendar, whatever the reference says, https://github.com/microsoftgraph/microsoft-graph-docs/issues/21978
        happened = self.user.world.happened
        if item.calendar.default:
            happened(self.user.address, "events", change, item.id, item.key)
        happened(self.user.address, f"calendars/{item.calendar.id}/events", change, item.id, item.key)
