"""A hub that listens to a simulated Asterisk, and what the telephony tests ask of it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select

from connectors.asterisk.simulator import AsteriskSimulator
from hub import app as hub_app
from hub.app import Running
from hub.context import Hub
from hub.cti import queries
from hub.cti.keep import call_public_id
from hub.cti.models import CallRow, Extension, Pop, Recording
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.identity.parties import Given
from hub.intake import accounts
from hub.intake.models import Account, RawRecord
from hub.live.bus import MemoryBus
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.settings import Settings
from hub.settings import load as load_settings
from hub.timeline import tasks
from hub.timeline.models import Interaction, Participant, Task

T = TypeVar("T")
PEOPLE = {"101": "Noa", "102": "Omer", "103": "Ruth", "201": "Lena", "202": "Adam", "203": "Maya"}
PATIENCE_S = 25.0
SETTLE_S = 0.1


def until(what: Callable[[], T | None], seconds: float = PATIENCE_S, *, why: object = "", every: float = 0.02) -> T:
    """Wait for something to become true; the deadline is for machines with other work to do."""
    deadline = time.monotonic() + seconds
    clock = threading.Event()
    while not (found := what()):
        assert time.monotonic() < deadline, f"did not happen in time: {why() if callable(why) else why}"
        clock.wait(every)
    return found


def environment(home: Path, database_url: str, **more: str) -> dict[str, str]:
    """The settings of these tests: calls settle soon, a small company of one exchange in Israel."""
    return {
        "HUB_HOME": str(home),
        "HUB_DATABASE__URL": database_url,
        "HUB_LOG__LEVEL": "error",
        "HUB_LOG__FORMAT": "text",
        "HUB_CALLS__SETTLE_S": str(SETTLE_S),
        "HUB_WORK__THREADS": "1",
        **more,
    }


def settings(home: Path, database_url: str, **more: str) -> Settings:
    return load_settings(environment(home, database_url, **more))


@dataclass(frozen=True, slots=True)
class Told:
    """What one user's browsers were told."""

    user_id: int
    event: str
    card: dict[str, Any]


class ToldBus(MemoryBus):
    """Remembers everything that was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []

    def publish(self, user_id: int, event: str, card: Mapping[str, Any]) -> None:
        self.told.append(Told(user_id, event, dict(card)))
        super().publish(user_id, event, card)


@dataclass
class Office:
    """A hub, its exchange, and the people with phones in it."""

    hub: Hub
    pbx: AsteriskSimulator
    account: Account
    people: dict[str, User]  # by extension
    bus: ToldBus
    running: Running | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(100_000, 999_999)))

    # --- who and what -----------------------------------------------------------------------------------------------

    def number(self) -> str:
        """A mobile number that nobody called from before, as the exchange writes it."""
        return f"054{2_000_000 + next(self._numbers)}"

    def user(self, extension: str) -> int:
        return self.people[extension].id

    def person(self, extension: str) -> Person:
        return users.person(self.people[extension])

    def customer(self, name: str, *numbers: str, **more: Any) -> Party:
        with self.hub.db.write() as session:
            given = [Given("phone", number) for number in numbers]
            return parties.create(session, None, PartyKind.PERSON, name, given, region="IL", **more)

    def public_id(self, key: str) -> str:
        return str(call_public_id(self.account.public_id, key))

    # --- calls as rows ----------------------------------------------------------------------------------------------

    def row(self, key: str) -> CallRow | None:
        with self.hub.db.read() as session:
            return session.scalar(select(CallRow).where(CallRow.account_id == self.account.id, CallRow.key == key))

    def view(self, key: str) -> dict[str, Any] | None:
        """A call as the API gives it."""
        with self.hub.db.read() as session:
            row = queries.call_by_id(session, UUID(self.public_id(key)))
            return queries.view(session, [row])[0] if row is not None else None

    def views(self) -> list[dict[str, Any]]:
        with self.hub.db.read() as session:
            query = select(CallRow).where(CallRow.account_id == self.account.id).order_by(CallRow.id)
            return queries.view(session, session.scalars(query).all())

    def written(self, key: str, *, ringing: Sequence[str] = (), answered: Sequence[str] = ()) -> dict[str, Any]:
        """Wait until a call has its row, and these phones ring or talk in it."""

        def there() -> dict[str, Any] | None:
            view = self.view(key)
            if view is None:
                return None
            rang = {leg["extension"] for leg in view["legs"] if leg["ringing_at"]}
            talks = {leg["extension"] for leg in view["legs"] if leg["answered_at"]}
            return view if rang.issuperset(ringing) and talks.issuperset(answered) else None

        return until(there, why=lambda: self.view(key))

    def finished(self, key: str) -> dict[str, Any]:
        """Wait until a call is over, settled and taken in."""

        def over() -> dict[str, Any] | None:
            with self.hub.db.read() as session:
                query = select(RawRecord).where(RawRecord.account_id == self.account.id, RawRecord.stream == "calls")
                raw = session.scalar(query.where(RawRecord.remote_id == key))
            if raw is None or raw.state == "kept":
                return None
            assert not raw.error, raw.error
            return self.view(key)

        return until(over, why=lambda: (key, self.view(key)))

    def entries(self, key: str) -> list[tuple[Interaction, list[Participant]]]:
        """The rows of a call on the timeline."""
        with self.hub.db.read() as session:
            query = select(Interaction).join(RawRecord, RawRecord.id == Interaction.raw_record_id)
            found = session.scalars(query.where(RawRecord.remote_id == key, RawRecord.account_id == self.account.id))
            return [
                (one, list(session.scalars(select(Participant).where(Participant.interaction_id == one.id))))
                for one in found
            ]

    def entry(self, key: str) -> tuple[Interaction, list[Participant]]:
        """The one row of a call on the timeline."""
        found = self.entries(key)
        assert len(found) == 1, found
        return found[0]

    def count(self, table: Any = CallRow) -> int:
        with self.hub.db.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    # --- what people see --------------------------------------------------------------------------------------------

    def card(self, extension: str, key: str) -> dict[str, Any] | None:
        """The live card of a person for a call."""
        mine = self.bus.cards(self.user(extension))
        return next((card for card in mine if card["call"] == self.public_id(key)), None)

    def rings(self, extension: str, key: str) -> dict[str, Any]:
        """Wait for the card."""
        return until(
            lambda: (card := self.card(extension, key)) and card["state"] != "ended" and card,
            why=lambda: (extension, self.bus.told[-5:]),
        )

    def told(self, extension: str, key: str) -> list[Told]:
        """Everything that one person was told of a call."""
        call = self.public_id(key)
        return [one for one in self.bus.told if one.user_id == self.user(extension) and one.card["call"] == call]

    def last_told(self, extension: str, key: str, event: str) -> Told:
        return until(
            lambda: next((one for one in reversed(self.told(extension, key)) if one.event == event), None),
            why=lambda: self.told(extension, key),
        )

    def events(self, extension: str, key: str) -> list[str]:
        """What one person was told, in short; an end told again with a better reason is one end."""
        names = [one.event.removeprefix("call.") for one in self.told(extension, key)]
        return [name for i, name in enumerate(names) if (name, names[i - 1 : i]) != ("ended", ["ended"])]

    def gone(self, extension: str, key: str, reason: str) -> dict[str, Any]:
        """Wait until it is told why a card went away."""
        until(
            lambda: (told := self.told(extension, key)) and told[-1].card.get("reason") == reason,
            why=lambda: self.told(extension, key),
        )
        return self.told(extension, key)[-1].card

    def pops(self, key: str) -> dict[str, Pop]:
        """The pop rows of a call, by extension."""
        by_user = {user.id: extension for extension, user in self.people.items()}
        with self.hub.db.read() as session:
            query = select(Pop).join(CallRow, CallRow.id == Pop.call_id)
            rows = session.scalars(query.where(CallRow.account_id == self.account.id, CallRow.key == key))
            return {by_user[row.user_id]: row for row in rows}

    def missed(self, extension: str) -> list[str]:
        """The numbers that wait for a call back in a person's day."""
        with self.hub.db.read() as session:
            return [due.number for due in tasks.open_for(session, self.user(extension)) if due.kind == "missed_call"]

    def task(self, key: str) -> Task | None:
        with self.hub.db.read() as session:
            query = select(Task).join(CallRow, CallRow.id == Task.call_id)
            return session.scalar(query.where(CallRow.account_id == self.account.id, CallRow.key == key))

    def recording(self, key: str, *states: str) -> Recording:
        """Wait until the recording of a call is found, or found wanting."""

        def there() -> Recording | None:
            with self.hub.db.read() as session:
                query = select(Recording).join(CallRow, CallRow.id == Recording.call_id)
                row = session.scalar(query.where(CallRow.account_id == self.account.id, CallRow.key == key))
            return row if row is not None and row.state in states else None

        return until(there, why=lambda: self.view(key))

    # --- the account --------------------------------------------------------------------------------------------------

    def health(self) -> Account:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.account.id)

    def is_healthy(self) -> Account:
        until(lambda: self.health().health == "healthy", why=lambda: self.health().health_text)
        return self.health()

    def is_ill(self, *words: str, health: str = "") -> Account:
        """Wait until the account says what is wrong."""

        def said() -> Account | None:
            row = self.health()
            wrong = row.health == health if health else row.health in {"late", "needs_you", "warnings"}
            return row if wrong and all(word in row.health_text for word in words) else None

        return until(said, why=lambda: (self.health().health, self.health().health_text))

    # --- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the hub and wait until it hears the exchange."""
        self.running = hub_app.start(self.hub)
        self.hears()

    def hears(self, *, again: bool = False) -> None:
        """Wait until the hub is connected and has understood the list of channels: what rings from now on is new.

        Args:
            again: the connection was just broken.
        """
        before = self._lists() if again else 0
        until(lambda: self.pbx.clients >= 1 and self._lists() > before, why=lambda: self.health().health_text)

    def _lists(self) -> int:
        listener = self.hub.telephone.listeners.get(self.account.id)
        return listener.counters.values.get("listed", 0) if listener is not None else 0

    def stop(self) -> None:
        if self.running is not None:
            self.running.close()
            self.running = None


def furnish(hub: Hub, pbx: AsteriskSimulator, name: str = "Office", **values: Any) -> Office:
    """Set up an account and its people; nothing runs yet."""
    bus = ToldBus()
    with hub.db.write() as session:
        row = accounts.create(
            session, hub.connectors["asterisk"], hub.vault, name, {**pbx.settings(), **values}, region="IL"
        )
        people = {}
        for extension, first in PEOPLE.items():
            email = f"{first.lower()}@example.com"
            people[extension] = users.by_email(session, email) or users.add(session, email, first, Role.AGENT)
            session.add(Extension(account_id=row.id, number=extension, user_id=people[extension].id))
    return Office(replace(hub, bus=bus), pbx, row, people, bus)


@contextmanager
def exchange(**values: Any) -> Iterator[AsteriskSimulator]:
    """A simulated Asterisk."""
    pbx = AsteriskSimulator(**values)
    pbx.start()
    try:
        yield pbx
    finally:
        pbx.stop()


@contextmanager
def office(hub: Hub, *, start: bool = True, **values: Any) -> Iterator[Office]:
    """A hub that listens to a simulated Asterisk."""
    with exchange() as pbx:
        made = furnish(hub, pbx, **values)
        try:
            if start:
                made.start()
            yield made
        finally:
            made.stop()


@contextmanager
def wired(made: Settings) -> Iterator[Hub]:
    hub = hub_app.create_hub(made, migrate=False)
    try:
        yield hub
    finally:
        hub_app.close_hub(hub)
