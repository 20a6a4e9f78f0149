"""The bus: live calls from whoever knows of them to the browsers of the one user concerned."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hub.live.cards import Card
from hub.live.memory import MemoryBus
from hub.live.redis_bus import RedisBus
from hub.live.stream import Stream
from hub.settings import Settings

__all__ = ["Bus", "MemoryBus", "RedisBus", "Stream", "open_bus"]


class Bus(Protocol):
    """Who listens, and which cards each user has right now. Every method may be called from any thread."""

    def publish(self, user_id: int, event: str, card: Mapping[str, Any]) -> None:
        """Tell one user's browsers of a call and remember it for the browsers that join later; never waits.

        Args:
            user_id: who is told, and nobody else.
            event: `call.ringing`, `call.answered`, `call.ended`; `call.noted` (`note_open`: a note is half written,
                or no longer), `call.saved` (its note is saved), `call.dismissed` (hidden by its user).
            card: `call` (its public id) and whatever changed; what was told before need not be repeated. `t0`,
                `rang_ms`, `answered_ms` are milliseconds since 1970; where they are missing the time of publishing
                counts. Which cards stay after their end: see `cards.change`.
        """
        ...

    def tell(self, user_id: int, event: str, news: Mapping[str, Any]) -> None:
        """Tell one user's browsers something that is no card; who joins later does not hear of it. Never waits.

        Args:
            event: such as `lead.new`.
            news: what is said; its `id` names it, so that what could not be sent yet is said once.
        """
        ...

    def replace(self, user_id: int, cards: Sequence[Mapping[str, Any]]) -> None:
        """Say which cards a user has; for the state after a restart."""
        ...

    def join(self, user_id: int) -> Stream:
        """Return a new stream of the running event loop; its first message is `sync`, all cards of the user."""
        ...

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        ...

    def drop_user(self, user_id: int) -> None:
        """End all streams of a user at once: disabled, or signed out. A browser with a good session joins again."""
        ...

    def cards(self, user_id: int) -> list[Card]:
        """Return the cards of a user."""
        ...

    def listeners(self) -> dict[int, int]:
        """Return the users with open streams in this process, and how many."""
        ...

    def is_up(self) -> bool:
        """Say whether other processes can be reached."""
        ...

    def close(self) -> None:
        """End all streams and threads; for the end of the process."""
        ...


def open_bus(settings: Settings) -> Bus:
    """Return the bus that `live.bus` names."""
    if settings.live.bus == "memory":
        return MemoryBus(waiting=settings.live.waiting)
    return RedisBus(settings.live.bus, waiting=settings.live.waiting)
