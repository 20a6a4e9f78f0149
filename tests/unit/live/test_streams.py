"""Streams: from any thread, in order, and never more than their limit."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

import pytest

from hub.live.events import Live
from hub.live.memory import MemoryBus
from hub.live.stream import Stream
from hub.security.policy import Person
from hub.security.sessions import Found

NOA = Person(1, UUID(int=1), "noa@example.com", "Noa", "agent")
SOON = 5.0


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110 - what is waited for happens inside the code under test
            await asyncio.sleep(0.005)


def test_the_first_message_is_the_state() -> None:
    async def scenario() -> str | None:
        bus = MemoryBus()
        bus.publish(1, "call.ringing", {"call": "c1", "name": "Dana"})
        bus.publish(2, "call.ringing", {"call": "c2"})
        return await bus.join(1).next(SOON)

    first = asyncio.run(scenario())
    assert first is not None
    [(event, cards)] = events(first)
    assert event == "sync"
    assert [(card["call"], card["state"]) for card in cards] == [("c1", "ringing")]


def test_a_message_goes_to_its_user_only() -> None:
    async def scenario() -> list[str | None]:
        bus = MemoryBus()
        mine, other = bus.join(1), bus.join(2)
        await mine.next(SOON), await other.next(SOON)
        bus.publish(1, "call.ringing", {"call": "c1"})
        return [await mine.next(SOON), await other.next(0.02)]

    mine, other = asyncio.run(scenario())
    assert [event for event, _ in events(mine or "")] == ["call.ringing"]
    assert other == ""


def test_messages_of_many_threads_arrive_complete_and_in_one_order_for_all() -> None:
    async def scenario() -> list[list[str]]:
        bus = MemoryBus(waiting=10_000)
        streams = [bus.join(1) for _ in range(3)]
        threads = [
            threading.Thread(
                target=lambda n=n: [bus.publish(1, "call.ringing", {"call": f"{n}-{i}"}) for i in range(200)]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        heard = await asyncio.gather(*(take(stream, 801) for stream in streams))
        for thread in threads:
            thread.join()
        return heard

    async def take(stream: Stream, count: int) -> list[str]:
        found: list[str] = []
        async with asyncio.timeout(20):
            while len(found) < count:
                found += [
                    event if event == "sync" else data["call"] for event, data in events(await stream.next(SOON) or "")
                ]
        return found

    first, *others = asyncio.run(scenario())
    assert len(set(first)) == 801
    assert all(other == first for other in others)
    for n in range(4):
        assert [call for call in first if call.startswith(f"{n}-")] == [f"{n}-{i}" for i in range(200)]


def test_a_browser_that_does_not_read_ends_and_the_others_go_on() -> None:
    async def scenario() -> tuple[str | None, str | None, dict[int, int]]:
        bus = MemoryBus(waiting=5)
        slow, quick = bus.join(1), bus.join(1)
        await slow.next(SOON)
        for i in range(5):
            await quick.next(SOON)
            bus.publish(1, "call.ringing", {"call": f"c{i}"})
        await quick.next(SOON)
        bus.publish(1, "call.ringing", {"call": "one too many"})
        return await slow.next(SOON), await quick.next(SOON), bus.listeners()

    slow, quick, listeners = asyncio.run(scenario())
    assert slow is None
    assert "one too many" in (quick or "")
    assert listeners == {1: 1}


def test_a_dropped_user_hears_nothing_more_not_even_what_waited() -> None:
    async def scenario() -> tuple[str | None, dict[int, int]]:
        bus = MemoryBus()
        stream, _ = bus.join(1), bus.join(2)
        bus.publish(1, "call.ringing", {"call": "c1"})
        bus.drop_user(1)
        return await stream.next(SOON), bus.listeners()

    assert asyncio.run(scenario()) == (None, {2: 1})


def test_replacing_the_state_tells_it_to_open_streams() -> None:
    async def scenario() -> str | None:
        bus = MemoryBus()
        stream = bus.join(1)
        bus.publish(1, "call.ringing", {"call": "old"})
        await stream.next(SOON)
        bus.replace(1, [{"call": "c9", "state": "answered"}])
        return await stream.next(SOON)

    assert events(asyncio.run(scenario()) or "") == [("sync", [{"call": "c9", "state": "answered"}])]


def test_publishing_after_the_loop_has_closed_harms_nobody() -> None:
    bus = MemoryBus()

    async def scenario() -> None:
        bus.join(1)

    asyncio.run(scenario())
    bus.publish(1, "call.ringing", {"call": "c1"})
    assert [card["call"] for card in bus.cards(1)] == ["c1"]


class Browser:
    """One connection to the ASGI app, without a server."""

    def __init__(self, live: Live, cookie: str = "noa", path: str = "/events", method: str = "GET") -> None:
        self.sent: list[Any] = []
        self.block = asyncio.Event()
        self.block.set()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "http", "method": method, "path": path, "headers": [(b"cookie", cookie.encode())]}
        self.task: asyncio.Task[None] = asyncio.create_task(live(scope, self._inbox.get, self._send))  # type: ignore[arg-type]

    async def _send(self, message: Any) -> None:
        await self.block.wait()
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent[1:]).decode()

    async def leave(self) -> None:
        await self._inbox.put({"type": "http.disconnect"})


async def nothing_else(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def noa_only(cookie: str) -> Found | None:
    return Found(1, NOA) if cookie == "noa" else None


def all_of_them(ids: Collection[int]) -> set[int]:
    return set(ids)


def test_without_a_session_there_is_no_stream() -> None:
    async def scenario() -> tuple[int, dict[int, int]]:
        bus = MemoryBus()
        browser = Browser(Live(bus, noa_only, all_of_them, nothing_else, SOON), cookie="stranger")
        await browser.task
        return browser.status, bus.listeners()

    assert asyncio.run(scenario()) == (401, {})


def test_a_program_without_a_user_has_no_stream() -> None:
    async def scenario() -> int:
        token = Found(1, Person(0, None, "", "robot", "admin"))
        browser = Browser(Live(MemoryBus(), lambda _: token, all_of_them, nothing_else, SOON))
        await browser.task
        return browser.status

    assert asyncio.run(scenario()) == 401


def test_a_database_that_is_away_is_said_so_and_not_taken_for_a_stranger(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> Found | None:
        raise RuntimeError("no database")

    async def scenario() -> int:
        browser = Browser(Live(MemoryBus(), broken, all_of_them, nothing_else, SOON))
        await browser.task
        return browser.status

    assert asyncio.run(scenario()) == 503


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 204), ("/events", "POST", 405), ("/events/", "GET", 204)]
)
def test_only_a_get_of_events_is_a_stream(path: str, method: str, status: int) -> None:
    async def scenario() -> int:
        browser = Browser(Live(MemoryBus(), noa_only, all_of_them, nothing_else, SOON), path=path, method=method)
        await browser.task
        return browser.status

    assert asyncio.run(scenario()) == status


def test_a_stream_says_state_version_and_signs_of_life() -> None:
    async def scenario() -> tuple[int, str, str, dict[int, int]]:
        bus = MemoryBus()
        browser = Browser(Live(bus, noa_only, all_of_them, nothing_else, 0.02, version="v7"))
        await until(lambda: "event: ping" in browser.text if len(browser.sent) > 1 else False)
        headers = dict(browser.sent[0]["headers"])
        await browser.leave()
        await browser.task
        return browser.status, browser.text, headers[b"content-type"].decode(), bus.listeners()

    status, text, kind, listeners = asyncio.run(scenario())
    assert (status, kind, listeners) == (200, "text/event-stream; charset=utf-8", {})
    assert text.startswith("retry: 2000\nevent: sync\ndata: []\n\nevent: hello\n")
    assert events(text)[1][1]["version"] == "v7"


def test_a_stream_ends_when_its_session_does() -> None:
    signed_in = True

    async def scenario() -> dict[int, int]:
        nonlocal signed_in
        bus = MemoryBus()
        live = Live(bus, noa_only, lambda ids: set(ids) if signed_in else set(), nothing_else, 0.01, recheck_s=0.05)
        browser = Browser(live)
        await until(lambda: browser.text.count("event: ping") > 8 if len(browser.sent) > 1 else False)
        assert not browser.task.done()
        signed_in = False
        async with asyncio.timeout(SOON):
            await browser.task
        return bus.listeners()

    assert asyncio.run(scenario()) == {}


def test_the_sessions_of_all_streams_are_looked_at_in_one_question() -> None:
    ended: set[int] = set()
    questions: list[int] = []

    def session_of(cookie: str) -> Found:
        n = int(cookie)
        return Found(n, Person(n, UUID(int=n), f"{n}@example.com", str(n), "agent"))

    def in_force(ids: Collection[int]) -> set[int]:
        questions.append(len(ids))
        return set(ids) - ended

    async def scenario() -> list[bool]:
        live = Live(MemoryBus(), session_of, in_force, nothing_else, SOON, recheck_s=0.05)
        browsers = [Browser(live, cookie=str(n)) for n in range(1, 9)]
        await until(lambda: all(len(one.sent) > 1 for one in browsers))
        ended.update({3, 5})
        before = len(questions)
        await until(lambda: len(questions) > before + 2)
        over = [one.task.done() for one in browsers]
        for one in browsers:
            await one.leave()
            await one.task
        asked = len(questions)
        await asyncio.sleep(0.12)
        assert len(questions) == asked, "nobody is connected, so nothing is asked"
        return over

    assert asyncio.run(scenario()) == [n in (3, 5) for n in range(1, 9)]
    assert max(questions) == 8


def test_a_database_that_is_away_for_a_moment_cuts_nobody_off(caplog: pytest.LogCaptureFixture) -> None:
    away: list[bool] = []

    def in_force(ids: Collection[int]) -> set[int]:
        if away:
            away.append(True)
            raise RuntimeError("no database")
        return set(ids)

    async def scenario() -> bool:
        browser = Browser(Live(MemoryBus(), noa_only, in_force, nothing_else, SOON, recheck_s=0.02))
        await until(lambda: len(browser.sent) > 1)
        away.append(True)
        await until(lambda: len(away) > 3)
        over = browser.task.done()
        away.clear()
        await browser.leave()
        await browser.task
        return over

    assert asyncio.run(scenario()) is False


def test_a_browser_that_takes_nothing_holds_only_its_limit() -> None:
    async def scenario() -> tuple[int, str]:
        bus = MemoryBus(waiting=3)
        browser = Browser(Live(bus, noa_only, all_of_them, nothing_else, SOON))
        await until(lambda: len(browser.sent) > 1)
        browser.block.clear()
        for i in range(50):
            bus.publish(1, "call.ringing", {"call": f"c{i}"})
            await asyncio.sleep(0)
        left = len(bus.listeners())
        browser.block.set()
        async with asyncio.timeout(SOON):
            await browser.task
        return left, browser.text

    left, text = asyncio.run(scenario())
    assert left == 0
    assert "c49" not in text
