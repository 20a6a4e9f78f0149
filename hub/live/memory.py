"""The bus of one process."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from hub.live.cards import Card, by_call, change, makes_room, message, sync
from hub.live.stream import Audience, Stream


class MemoryBus:
    """Keeps the cards in this process; for `hub up`, where all roles are one process."""

    def __init__(self, *, waiting: int = 100) -> None:
        self._lock = threading.Lock()
        self._audience = Audience(waiting=waiting)
        self._cards: dict[int, dict[str, Card]] = {}

    def publish(self, user_id: int, event: str, card: Mapping[str, Any]) -> None:
        with self._lock:
            cards = self._cards.setdefault(user_id, {})
            call = str(card["call"])
            new, stays = change(cards.get(call), event, card, at=time.time() * 1000)
            for old in makes_room(cards, event, call):
                del cards[old]
            if stays:
                cards[call] = new
            else:
                cards.pop(call, None)
            self._audience.tell(user_id, message(event, new))

    def tell(self, user_id: int, event: str, news: Mapping[str, Any]) -> None:
        with self._lock:
            self._audience.tell(user_id, message(event, news))

    def replace(self, user_id: int, cards: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            self._cards[user_id] = by_call(cards)
            self._audience.tell(user_id, sync(self._cards[user_id]))

    def join(self, user_id: int) -> Stream:
        with self._lock:
            stream = self._audience.join(user_id)
            stream.put(sync(self._cards.get(user_id)))
            return stream

    def leave(self, stream: Stream) -> None:
        with self._lock:
            self._audience.leave(stream)

    def drop_user(self, user_id: int) -> None:
        with self._lock:
            self._audience.drop(user_id)

    def cards(self, user_id: int) -> list[Card]:
        with self._lock:
            return list(self._cards.get(user_id, {}).values())

    def listeners(self) -> dict[int, int]:
        with self._lock:
            return self._audience.count()

    def is_up(self) -> bool:
        return True

    def close(self) -> None:
        with self._lock:
            self._audience.drop_all()
