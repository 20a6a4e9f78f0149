"""The bus of many processes, by Redis.

Each process holds a copy of all cards, so publishing and joining never wait for Redis. A change is applied here first
and then sent: into the hash of its user and to one channel that every process reads. While Redis is away browsers of
this process are still told; afterwards what changed here is sent, what changed elsewhere is read, and every open
stream gets its whole state again.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hub import log
from hub.live.cards import DISMISSED, Card, by_call, change, makes_room, message, sync
from hub.live.stream import Audience, Stream

LOG = log.get(__name__)
AGAIN_S = 1.0  # between two tries to reach Redis
LISTEN_S = 0.25  # how long one look for a message takes; also how late a stop is noticed
CHECK_S = 10  # between two signs of life on a silent connection
TELL = "tell"  # news that are no card
_NO_CARD = frozenset({"drop", TELL})

Message = dict[str, Any]  # o: who sent it, u: user, e: event, d: data, k: the card stays


class RedisBus:
    """Cards in Redis, read by every process."""

    def __init__(self, url: str, *, waiting: int = 100) -> None:
        # No retry inside the client: it would reconnect in silence, and what was told meanwhile would be missing.
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=5,
            socket_connect_timeout=2,
            health_check_interval=CHECK_S,
            retry=Retry(NoBackoff(), 0),
        )
        # Publishing in Redis does not know databases, so the name says which one.
        self._name = f"hub:live:{self._redis.get_connection_kwargs().get('db', 0)}"
        self._origin = uuid4().hex
        self._audience = Audience(waiting=waiting)
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._cards: dict[int, dict[str, Card]] = {}
        self._own: set[tuple[int, str]] = set()  # cards that this process spoke of last
        self._unsent: dict[tuple[int, str], Message] = {}  # oldest first; one a card, so an outage needs little room
        self._sending: list[Message] = []
        self._epoch = ""
        self._up = False
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []

    # ------------------------------------------------------------------ for the rest of the hub
    def publish(self, user_id: int, event: str, card: Mapping[str, Any]) -> None:
        with self._lock:
            call = str(card["call"])
            known = self._cards.get(user_id, {}).get(call)
            new, stays = change(known, event, card, at=time.time() * 1000)
            for old in makes_room(self._cards.get(user_id, {}), event, call):
                self._tell({"u": user_id, "e": DISMISSED, "d": {"call": old}, "k": False}, key=old)
            self._tell({"u": user_id, "e": event, "d": new, "k": stays}, key=call)

    def tell(self, user_id: int, event: str, news: Mapping[str, Any]) -> None:
        with self._lock:
            self._tell({"u": user_id, "e": TELL, "n": event, "d": dict(news)}, key=f"{event} {news.get('id')}")

    def replace(self, user_id: int, cards: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            # What was said of single cards before is void now.
            for key, what in list(self._unsent.items()):
                if key[0] == user_id and what["e"] not in _NO_CARD:
                    del self._unsent[key]
            self._tell({"u": user_id, "e": "replace", "d": list(by_call(cards).values())}, key="replace")

    def drop_user(self, user_id: int) -> None:
        with self._lock:
            self._tell({"u": user_id, "e": "drop"}, key="drop")

    def join(self, user_id: int) -> Stream:
        with self._lock:
            self._start()
            stream = self._audience.join(user_id)
            stream.put(sync(self._cards.get(user_id)))
            return stream

    def leave(self, stream: Stream) -> None:
        with self._lock:
            self._audience.leave(stream)

    def cards(self, user_id: int) -> list[Card]:
        with self._lock:
            return list(self._cards.get(user_id, {}).values())

    def listeners(self) -> dict[int, int]:
        with self._lock:
            return self._audience.count()

    def is_up(self) -> bool:
        return self._up

    def close(self) -> None:
        with self._lock:
            self._closed.set()
            self._work.notify_all()
            self._audience.drop_all()
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(timeout=LISTEN_S + 5)
        self._redis.close()

    # ------------------------------------------------------------------ here
    def _start(self) -> None:
        """Start the two threads at first use: those started before a server forks its workers would be gone."""
        if self._threads or self._closed.is_set():
            return
        for name, run in (("live-send", self._send_for_ever), ("live-read", self._read_for_ever)):
            thread = threading.Thread(target=run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _tell(self, what: Message, *, key: str) -> None:
        self._start()
        what["o"] = self._origin
        self._apply(what)
        self._unsent.pop((what["u"], key), None)  # to the end of the line
        self._unsent[what["u"], key] = what
        self._work.notify_all()

    def _apply(self, what: Message) -> None:
        """Change the copy and tell the browsers of this process."""
        user_id, event = int(what["u"]), what["e"]
        if event == "drop":
            self._audience.drop(user_id)
            return
        if event == TELL:
            self._audience.tell(user_id, message(what["n"], what["d"]))
            return
        own = what["o"] == self._origin
        if event == "replace":
            self._cards[user_id] = by_call(what["d"])
            self._own = {key for key in self._own if key[0] != user_id}
            if own:
                self._own |= {(user_id, call) for call in self._cards[user_id]}
            self._audience.tell(user_id, sync(self._cards[user_id]))
            return
        call = str(what["d"]["call"])
        if what["k"]:
            self._cards.setdefault(user_id, {})[call] = what["d"]
        else:
            self._cards.get(user_id, {}).pop(call, None)
        if own and what["k"]:
            self._own.add((user_id, call))
        else:
            self._own.discard((user_id, call))
        self._audience.tell(user_id, message(event, what["d"]))

    # ------------------------------------------------------------------ to Redis
    def _send_for_ever(self) -> None:
        while not self._closed.is_set():
            with self._work:
                while not self._unsent and not self._closed.is_set():
                    self._work.wait()
                self._sending = list(self._unsent.values())
                unsent, self._unsent = self._unsent, {}
            try:
                self._send(self._sending)
            except redis.RedisError as error:
                with self._lock:
                    # What came meanwhile is newer than what could not be sent.
                    kept = {key: what for key, what in unsent.items() if key not in self._unsent}
                    self._unsent = {**kept, **self._unsent}
                self._down(error)
                self._closed.wait(AGAIN_S)
            finally:
                self._sending = []

    def _send(self, batch: Sequence[Message]) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            for what in batch:
                key = f"{self._name}:{what['u']}"
                if what["e"] == "replace":
                    pipe.delete(key)
                    if what["d"]:
                        pipe.hset(key, mapping={str(card["call"]): json.dumps(card) for card in what["d"]})
                elif what["e"] not in _NO_CARD and what["k"]:
                    pipe.hset(key, str(what["d"]["call"]), json.dumps(what["d"]))
                elif what["e"] not in _NO_CARD:
                    pipe.hdel(key, str(what["d"]["call"]))
                pipe.sadd(f"{self._name}:users", what["u"])
                pipe.publish(self._name, json.dumps(what))
            pipe.execute()

    # ------------------------------------------------------------------ from Redis
    def _read_for_ever(self) -> None:
        while not self._closed.is_set():
            try:
                self._read()
            except redis.RedisError as error:
                self._down(error)
                self._closed.wait(AGAIN_S)

    def _read(self) -> None:
        with self._redis.pubsub() as channel:  # type: ignore[no-untyped-call]  # redis-py types it only in part
            channel.subscribe(self._name)
            # Read the state only after the subscription stands: so nothing can fall between the two.
            deadline = time.monotonic() + LISTEN_S + 5
            while (answer := channel.get_message(timeout=LISTEN_S)) is None or answer["type"] != "subscribe":
                if self._closed.is_set() or time.monotonic() > deadline:
                    raise redis.TimeoutError("no answer to SUBSCRIBE")
            self._load()
            if not self._up:
                LOG.info("live bus up", channel=self._name)
            self._up = True
            while not self._closed.is_set():
                heard = channel.get_message(timeout=LISTEN_S)
                if heard is not None and heard["type"] == "message":
                    self._hear(heard["data"])

    def _hear(self, text: str) -> None:
        try:
            what = json.loads(text)
            if what["o"] != self._origin:  # our own was applied when it was said
                with self._lock:
                    self._apply(what)
        except (ValueError, KeyError, TypeError):
            LOG.warning("live message not understood", channel=self._name, size=len(text))

    def _load(self) -> None:
        """Read all cards, put over them what was not sent yet, and tell every open stream its whole state."""
        self._redis.set(f"{self._name}:epoch", uuid4().hex, nx=True)
        epoch = str(self._redis.get(f"{self._name}:epoch"))
        users = sorted(int(user_id) for user_id in self._redis.smembers(f"{self._name}:users"))
        with self._redis.pipeline(transaction=True) as pipe:
            for user_id in users:
                pipe.hgetall(f"{self._name}:{user_id}")
            rows = pipe.execute() if users else []
        with self._lock:
            if self._epoch and epoch != self._epoch:
                self._speak_again()  # Redis came back empty
            self._epoch = epoch
            own = {key: self._cards[key[0]][key[1]] for key in self._own}
            self._cards = {
                user_id: {call: json.loads(text) for call, text in found.items()}
                for user_id, found in zip(users, rows, strict=True)
                if found
            }
            self._overlay(own)
            for user_id in self._audience.users():
                self._audience.tell(user_id, sync(self._cards.get(user_id)))

    def _speak_again(self) -> None:
        for user_id, call in sorted(self._own):
            card = self._cards[user_id][call]
            event = f"call.{card['state']}"
            self._unsent.setdefault(
                (user_id, call), {"u": user_id, "e": event, "d": card, "k": True, "o": self._origin}
            )
        self._work.notify_all()

    def _overlay(self, own: Mapping[tuple[int, str], Card]) -> None:
        """Put what Redis has not got yet over what it said."""
        for what in [*self._sending, *self._unsent.values()]:
            user_id = int(what["u"])
            if what["e"] == "replace":
                self._cards[user_id] = by_call(what["d"])
            elif what["e"] not in _NO_CARD and what["k"]:
                self._cards.setdefault(user_id, {})[str(what["d"]["call"])] = what["d"]
            elif what["e"] not in _NO_CARD:
                self._cards.get(user_id, {}).pop(str(what["d"]["call"]), None)
        self._own = {key for key in own if key[1] in self._cards.get(key[0], {})}

    def _down(self, error: redis.RedisError) -> None:
        if self._up:
            LOG.warning("live bus down", channel=self._name, error=log.mask(str(error)))
        self._up = False
