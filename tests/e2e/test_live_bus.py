"""The bus over Redis: several processes, one state; and what happens when Redis is cut, or comes back empty."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis

from hub.live.bus import MemoryBus, RedisBus, open_bus
from hub.live.stream import Stream
from hub.settings import load
from tests.fakes.servers import Valkey

SOON = 15.0


@pytest.fixture(scope="module")
def own_server() -> Iterator[Valkey]:
    """A server that these tests may stop."""
    server = Valkey()
    yield server
    server.close()


@pytest.fixture
def server(own_server: Valkey) -> Valkey:
    with redis.Redis.from_url(own_server.url) as client:
        client.flushall()
    return own_server


@pytest.fixture
def buses(server: Valkey) -> Iterator[tuple[RedisBus, RedisBus]]:
    """Two processes: one that knows of calls, and one that browsers are connected to."""
    pair = RedisBus(server.url, waiting=5000), RedisBus(server.url, waiting=5000)
    yield pair
    for bus in pair:
        bus.close()


def wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def calls(bus: RedisBus, user_id: int = 1) -> list[tuple[str, str]]:
    return [(card["call"], card["state"]) for card in bus.cards(user_id)]


class Listener:
    """Reads one stream for as long as a scenario needs it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.heard: list[tuple[str, Any]] = []
        self.ended = False

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                text = await self._stream.next(0.05)
                if text is None:
                    self.ended = True
                    return
                for block in filter(None, text.split("\n\n")):
                    event, data = block.split("\n")
                    self.heard.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))

    async def event(self, name: str) -> Any:
        await self.until(lambda: any(event == name for event, _ in self.heard))
        return self.last(name)

    def last(self, name: str) -> Any:
        """What was said last under a name; nothing so far: an empty list."""
        return next((data for event, data in reversed(self.heard) if event == name), [])


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario()

    asyncio.run(whole())


def test_a_call_reaches_the_browsers_of_another_process(buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses

    async def scenario() -> None:
        listener = Listener(serving.join(1))
        other = Listener(serving.join(2))
        await listener.until(serving.is_up)
        calling.publish(1, "call.ringing", {"call": "c1", "name": "דנה לוי", "number": "+972 54-234-5678"})
        card = await listener.event("call.ringing")
        assert (card["name"], card["state"]) == ("דנה לוי", "ringing")
        calling.publish(1, "call.answered", {"call": "c1"})
        assert (await listener.event("call.answered"))["name"] == "דנה לוי"
        calling.publish(2, "call.ringing", {"call": "c2"})
        await other.event("call.ringing")
        assert all(event == "sync" or data["call"] == "c1" for event, data in listener.heard)
        assert all(event == "sync" or data["call"] == "c2" for event, data in other.heard)

    run(scenario)


def test_a_process_that_starts_later_knows_the_calls(server: Valkey, buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses
    calling.publish(1, "call.ringing", {"call": "c1"})
    calling.publish(1, "call.ringing", {"call": "c2"})
    calling.publish(1, "call.ended", {"call": "c1"})
    calling.publish(3, "call.ringing", {"call": "c3"})
    wait(calling.is_up)
    with redis.Redis.from_url(server.url) as client:
        wait(lambda: client.hkeys("hub:live:0:3"))

    async def scenario() -> None:
        listener = Listener(serving.join(1))
        await listener.until(lambda: bool(listener.heard) and bool(listener.heard[-1][1]))
        assert [(event, [card["call"] for card in data]) for event, data in listener.heard][-1] == ("sync", ["c2"])

    run(scenario)
    assert calls(serving, 3) == [("c3", "ringing")]


def test_dropping_a_user_ends_the_streams_of_every_process(buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses

    async def scenario() -> None:
        mine, other = Listener(serving.join(1)), Listener(serving.join(2))
        await other.until(serving.is_up)
        calling.drop_user(1)
        await mine.until(lambda: mine.ended)
        assert serving.listeners() == {2: 1}

    run(scenario)


def test_replacing_the_state_removes_what_was_kept_elsewhere(buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses

    async def scenario() -> None:
        listener = Listener(serving.join(1))
        await listener.until(serving.is_up)
        calling.publish(1, "call.ringing", {"call": "of before the crash"})
        await listener.event("call.ringing")
        calling.replace(1, [{"call": "c2", "state": "answered"}])
        await listener.until(lambda: [card["call"] for card in listener.last("sync")] == ["c2"])
        assert not listener.ended
        assert calls(serving) == [("c2", "answered")]

    run(scenario)


def test_a_dismissal_in_one_process_is_kept_by_all(buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses
    calling.publish(1, "call.ringing", {"call": "c1"})
    serving.publish(2, "call.ringing", {"call": "wakes the threads"})
    wait(lambda: calls(serving))
    serving.publish(1, "call.dismissed", {"call": "c1"})
    wait(lambda: not calls(calling))


def test_two_databases_of_one_server_do_not_hear_each_other(server: Valkey, buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses
    stranger = RedisBus(server.url.removesuffix("/0") + "/1")
    try:
        stranger.publish(7, "call.ringing", {"call": "starts the threads"})
        wait(stranger.is_up)
        calling.publish(1, "call.ringing", {"call": "c1"})
        serving.publish(7, "call.ringing", {"call": "c7"})
        wait(lambda: calls(serving))
        assert calls(stranger) == []
        assert calls(stranger, 7) == [("starts the threads", "ringing")]
    finally:
        stranger.close()


def test_while_redis_is_away_own_browsers_are_told_and_afterwards_everybody(
    server: Valkey, buses: tuple[RedisBus, RedisBus]
) -> None:
    calling, serving = buses

    async def scenario() -> None:
        near, far = Listener(calling.join(1)), Listener(serving.join(1))
        await near.until(calling.is_up)
        await far.until(serving.is_up)
        calling.publish(1, "call.ringing", {"call": "c1", "name": "before"})
        await far.event("call.ringing")
        server.stop()
        try:
            began = time.monotonic()
            calling.publish(1, "call.answered", {"call": "c1"})
            for n in range(500):
                calling.publish(1, "call.ringing", {"call": f"short {n}"})
                calling.publish(1, "call.ended", {"call": f"short {n}"})
            calling.publish(1, "call.ringing", {"call": "c2"})
            assert time.monotonic() - began < 2, "publishing waited for Redis"
            await near.until(lambda: any(event != "sync" and data["call"] == "c2" for event, data in near.heard))
            await near.until(lambda: not calling.is_up())
            await far.until(lambda: not serving.is_up())
        finally:
            server.start()  # empty: it keeps nothing on disk
        await far.until(lambda: calls(serving) == [("c1", "answered"), ("c2", "ringing")])
        assert calls(calling) == [("c1", "answered"), ("c2", "ringing")]
        await near.until(calling.is_up)
        calling.publish(1, "call.ended", {"call": "c2", "reason": "gave_up"})
        await far.until(lambda: any(event == "call.ended" and data["call"] == "c2" for event, data in far.heard))
        assert not [data for event, data in far.heard if event == "call.ringing" and data["call"].startswith("short")]

    run(scenario)


def test_a_cut_connection_gives_every_stream_its_whole_state_again(
    server: Valkey, buses: tuple[RedisBus, RedisBus]
) -> None:
    calling, serving = buses

    async def scenario() -> None:
        far = Listener(serving.join(1))
        await far.until(serving.is_up)
        calling.publish(1, "call.ringing", {"call": "c1"})
        await far.event("call.ringing")
        syncs = [event for event, _ in far.heard].count("sync")
        with redis.Redis.from_url(server.url) as client:
            client.client_kill_filter(_type="pubsub")
        await far.until(lambda: [event for event, _ in far.heard].count("sync") > syncs)
        assert [card["call"] for card in await far.event("sync")] == ["c1"]
        await far.until(serving.is_up)
        calling.publish(1, "call.ringing", {"call": "c2"})
        await far.until(lambda: calls(serving) == [("c1", "ringing"), ("c2", "ringing")])

    run(scenario)


def test_garbage_on_the_channel_harms_nobody(server: Valkey, buses: tuple[RedisBus, RedisBus]) -> None:
    calling, serving = buses
    serving.publish(2, "call.ringing", {"call": "wakes the threads"})
    wait(serving.is_up)
    with redis.Redis.from_url(server.url) as client:
        for text in (
            "",
            "{",
            "[]",
            "null",
            '{"o":1}',
            '{"o":1,"u":"x","e":"drop"}',
            '{"o":1,"u":1,"e":"call.ringing"}',
        ):
            client.publish("hub:live:0", text)
    calling.publish(1, "call.ringing", {"call": "c1"})
    wait(lambda: calls(serving) == [("c1", "ringing")])


def test_the_setting_names_the_bus(server: Valkey) -> None:
    memory = open_bus(load({}))
    assert isinstance(memory, MemoryBus)
    shared = open_bus(load({"HUB_LIVE__BUS": server.url}))
    assert isinstance(shared, RedisBus)
    shared.close()
    memory.close()
