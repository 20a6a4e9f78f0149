"""Containers that any suite can play with, whatever lies in them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from connectors.google.simulated.errors import Json
from connectors.google.simulated.world import World
from hub.connector.simulator import Container

_PLENTY = "100000"


class CalendarContainer:
    """The main calendar of one user; another one of his stands beside it."""

    on_timeline = True
    gone = "cancelled"

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        self._book = world.users[address].calendar()
        beside = world.users[address].new_calendar("Beside")
        self._made = 0
        self.stream = f"calendar:{address}:primary"
        self.settings: Mapping[str, str] = {
            "mail": "false",
            "contacts": "false",
            "calendars": f"primary\n{beside.id}",
            "calendar_requests_per_minute": _PLENTY,
        }

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Put meetings with somebody into the calendar."""
        return [str(self._book.insert(**self._event(customer))["id"]) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Give a meeting another title."""
        title = str(self._book.find(remote_id).body["summary"])
        name, _, version = title.rstrip(")").partition(" (version ")
        self._book.patch(remote_id, summary=f"{name} (version {int(version) + 1})")

    def remove(self, remote_id: str) -> None:
        """Delete a meeting; listings go on showing that it was."""
        self._book.cancel(remote_id)

    def spoil(self, customer: str) -> str:
        """Put a meeting there whose number of changes is none."""
        event = self._event(customer)
        guests = [{"email": one} for one in event.pop("attendees")]
        odd = {"id": f"odd{self._made}", "sequence": "many", "attendees": guests, "organizer": {"email": self._book.id}}
        return str(self._book.put(event | odd)["id"])

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        with self._world.lock:
            self._book.keep(self._book.find(remote_id).body | {"sequence": 1})

    def texts(self) -> Mapping[str, str]:
        """Titles; of deleted meetings their state."""
        with self._world.lock:
            return {one.id: self.gone if one.gone else str(one.body["summary"]) for one in self._book.entries.values()}

    def expire(self) -> None:
        """Forget the sync tokens, and the deleted meetings."""
        with self._world.lock:
            self._book.expire_tokens()
            for one in [entry for entry in self._book.entries.values() if entry.gone]:
                self._book.forget(one.id)

    def _event(self, customer: str) -> Json:
        self._made += 1
        start = self._world.clock.now() + timedelta(days=1, hours=self._made % 12)
        return {
            "summary": f"Meeting {self._made} (version 1)",
            "start": {"dateTime": start.isoformat(timespec="seconds"), "timeZone": "Europe/Warsaw"},
            "end": {
                "dateTime": (start + timedelta(hours=1)).isoformat(timespec="seconds"),
                "timeZone": "Europe/Warsaw",
            },
            "attendees": [customer],
        }


CONTAINERS: Mapping[str, Callable[[World, str], Container]] = {"calendar": CalendarContainer}
