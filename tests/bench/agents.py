"""A thousand agents with open streams, twenty calls a second to three of them each: from AMI bytes to SSE bytes.

The simulated exchange is in this process, the hub is `hub up` in another, the thousand browsers are a third one. The
time runs from just before the exchange sends that a phone rings, to the read of that user's event. Baseline: a bare
uvicorn that passes on as many messages to as many streams.
"""

import asyncio
import json
import random
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from connectors.asterisk.simulator import AsteriskSimulator
from tests.bench import bare, data
from tests.bench.office import Office, add_agents, connect, sign_in
from tests.bench.table import Row, quantile

AGENTS = 1000
CALLS_PER_S = 20
SECONDS = 20
RUNG = 3
WARM_UP = 40  # calls
RINGS_S = 1.5  # until the caller gives up
FIRST_EXTENSION = 1000
OPEN_FILES = 8192
RINGING = re.compile(rb"event: call\.ringing\ndata: (\{.*?\})\n\n")

Key = tuple[int, str]  # agent, number that calls
Arrival = tuple[int, str, float]  # agent, number, when


def tail(number: str) -> str:
    """Return the part of a number that is the same however it is written."""
    return re.sub(r"[^0-9]", "", number)[-9:]


# --- the thousand browsers, a child process -------------------------------------------------------------------------


class Browser(asyncio.Protocol):
    """One stream: notes when it is told of a ringing call."""

    def __init__(self, agent: int, request: bytes, arrivals: list[Arrival], joined: "asyncio.Future[None]") -> None:
        self._agent = agent
        self._request = request
        self._arrivals = arrivals
        self._joined = joined
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        if not self._joined.done() and b"event-stream" in data:
            self._joined.set_result(None)
        self._rest += data
        for found in RINGING.finditer(self._rest):
            self._arrivals.append((self._agent, tail(json.loads(found[1])["number"]), at))
        self._rest = self._rest[-4096:] if b"\n\n" not in self._rest else self._rest.rpartition(b"\n\n")[2] or b"\n"


async def _browse(port: int, heads: Sequence[str]) -> list[Arrival]:
    loop = asyncio.get_running_loop()
    arrivals: list[Arrival] = []
    streams: list[asyncio.Future[None]] = []
    for agent, head in enumerate(heads):
        request = f"GET {head}Host: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode()
        joined = loop.create_future()
        await loop.create_connection(partial(Browser, agent, request, arrivals, joined), "127.0.0.1", port)
        streams.append(joined)
    await asyncio.gather(*streams)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    return arrivals


def browse() -> None:
    """Open the streams that standard input names, and print what came when it says stop."""
    said = json.loads(sys.stdin.readline())
    print(json.dumps(asyncio.run(_browse(said["port"], said["heads"]))), flush=True)


class Browsers:
    """The child process, seen from here."""

    def __init__(self, port: int, heads: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.bench.agents import browse; browse()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=data.ROOT,
        )  # fmt: skip
        self._say({"port": port, "heads": list(heads)})
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the browsers could not join"

    def _say(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def stop(self) -> dict[Key, float]:
        """Return when each agent was told of each number."""
        self._say("stop")
        assert self._process.stdout is not None
        arrivals = json.loads(self._process.stdout.readline())
        self._process.kill()
        self._process.wait()
        first: dict[Key, float] = {}
        for agent, number, at in arrivals:
            first.setdefault((agent, number), at)
        return first


# --- the exchange ---------------------------------------------------------------------------------------------------


class Rings:
    """Notes when the exchange says that a phone rings: just before the bytes go out."""

    def __init__(self, pbx: AsteriskSimulator, clock: Callable[[], float] = time.monotonic) -> None:
        self.at: dict[tuple[str, str], float] = {}  # extension, number
        self._clock = clock
        self._emit = pbx.pbx._emit
        pbx.pbx._emit = self._heard

    def _heard(self, privilege: str, headers: list[tuple[str, str]]) -> None:
        if headers[0][1] == "Newstate":
            said = dict(headers)
            if said["ChannelStateDesc"] == "Ringing":
                extension = said["Channel"].partition("/")[2].partition("-")[0]
                self.at.setdefault((extension, tail(said["ConnectedLineNum"])), self._clock())
        self._emit(privilege, headers)


@contextmanager
def exchange() -> Iterator[AsteriskSimulator]:
    pbx = AsteriskSimulator()
    pbx.start()
    try:
        yield pbx
    finally:
        pbx.stop()


def wait_heard(pbx: AsteriskSimulator) -> None:
    """Wait until the hub hears the exchange and knows its channels."""
    end = time.monotonic() + 30
    while not (pbx.clients and any(said.get("action") == "CoreShowChannels" for said in pbx.received)):
        if time.monotonic() > end:
            raise TimeoutError("the hub does not listen")
        time.sleep(0.05)
    time.sleep(0.5)  # the answer to it is read


def _calls() -> Iterator[tuple[float, str, list[int]]]:
    """Yield (seconds since the start, number, agents): whoever rings now is not rung by the next calls."""
    dice = random.Random(5)
    agents = list(range(AGENTS))
    dice.shuffle(agents)
    for call in range(WARM_UP + CALLS_PER_S * SECONDS):
        rung = [agents[(call * RUNG + place) % AGENTS] for place in range(RUNG)]
        yield call / CALLS_PER_S, data.number_of(call + 2), rung


def _play(ring: Callable[[str, list[int]], None]) -> list[tuple[str, list[int]]]:
    """Ring in time; returns the calls that count."""
    began, played = time.monotonic(), []
    clock = threading.Event()
    for at, number, rung in _calls():
        clock.wait(max(0.0, began + at - time.monotonic()))
        ring(number, rung)
        played.append((tail(number), rung))
    clock.wait(RINGS_S)
    return played[WARM_UP:]


def through_the_hub(folder: Path) -> tuple[list[float], int]:
    """Return the delays in seconds, and how many messages never came."""
    office = Office(folder, data.SMALL)
    with exchange() as pbx:
        with office.hub() as hub:
            with hub.db.write() as session:
                people = add_agents(session, AGENTS)
                phones = {str(FIRST_EXTENSION + agent): user for agent, user in enumerate(people)}
                connect(hub, session, pbx.settings(), phones)
            cookies = sign_in(hub, people)
        with office.up():
            wait_heard(pbx)
            browsers = Browsers(
                office.port, [f"/events HTTP/1.1\r\nCookie: {name}={value}\r\n" for name, value in cookies]
            )
            rings = Rings(pbx)

            def ring(number: str, rung: list[int]) -> None:
                call = pbx.ring(
                    caller=number, extensions=[str(FIRST_EXTENSION + agent) for agent in rung], record=False
                )
                pbx.later(RINGS_S, call.give_up)

            played = _play(ring)
            told = browsers.stop()
    delays, lost = [], 0
    for number, rung in played:
        for agent in rung:
            at = told.get((agent, number))
            if at is None:
                lost += 1
            else:
                delays.append(at - rings.at[str(FIRST_EXTENSION + agent), number])
    return delays, lost


def through_nothing() -> list[float]:
    """Return the delays of the bare broadcaster."""
    sent: dict[str, float] = {}
    with bare.running() as (port, control):
        browsers = Browsers(port, [f"/events?{agent} HTTP/1.1\r\n" for agent in range(AGENTS)])
        with socket.create_connection(("127.0.0.1", control)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def ring(number: str, rung: list[int]) -> None:
                sent[tail(number)] = time.monotonic()
                line.sendall(json.dumps({"users": rung, "number": number}).encode() + b"\n")

            played = _play(ring)
        told = browsers.stop()
    return [told[agent, number] - sent[number] for number, rung in played for agent in rung]


def _ms(seconds: Sequence[float], q: float) -> str:
    return f"{quantile(seconds, q) * 1000:.1f} ms"


def run() -> list[Row]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        delays, lost = through_the_hub(Path(folder) / "home")
    raw = through_nothing()
    slow = quantile(delays, 0.99)
    return [
        Row(f"AMI bytes to SSE bytes, {AGENTS:,} agents, p99", _ms(delays, 0.99), "<= 60 ms", f"{_ms(raw, 0.99)} bare uvicorn",
            f"{slow / quantile(raw, 0.99):.1f}x", slow <= 0.060 and not lost),
        Row("  p50", _ms(delays, 0.5), "", _ms(raw, 0.5), f"{quantile(delays, 0.5) / quantile(raw, 0.5):.1f}x"),
        Row("  told / lost", f"{len(delays):,} / {lost}", "0 lost", "", "", not lost),
    ]  # fmt: skip
