"""Webhooks of lead ads: a burst of them thanked for and worked off, and one lead at a time on its way to a screen.

The hub is `hub up` in a process of its own, on PostgreSQL `hub web` and `hub work`; Meta is simulated in another, and who posts
in a further one. Requests go out by the
clock, whether or not the ones before were answered, so the time of one runs from the moment at which it was due.
Baseline of the burst: a bare uvicorn that answers the same requests at the same pace and keeps nothing. The forms are
not polled meanwhile: what arrives, arrives by its webhook.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from connectors.facebook import simulator as facebook
from hub import app as hub_app
from hub import log
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.intake import accounts
from hub.intake.models import NamedRecord, StreamState
from hub.intake.read import LISTING
from hub.leads.models import LeadRow
from hub.settings import load
from hub.store.base import now
from hub.timeline.models import Interaction
from tests.bench import bare
from tests.bench.data import ROOT
from tests.bench.table import Row, quantile
from tests.fakes.servers import Postgres, Valkey, free_port

SECONDS = 60
PER_S = {"SQLite": 100, "PostgreSQL": 500}
MOST_S = {"SQLite": 0.5, "PostgreSQL": 0.25}
CONNECTIONS = 64
LENGTH = re.compile(rb"(?i)content-length: *([0-9]+)")
PATIENCE_S = 1800.0
SLOW_S = 0.2  # how long Meta takes for an answer


def run(seconds: int = SECONDS) -> list[Row]:
    log.setup("error", "text")
    rows: list[Row] = []
    with ExitStack() as stack:
        server, valkey = Postgres(), Valkey()
        stack.callback(server.close)
        stack.callback(valkey.close)
        for name, per_s in PER_S.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
            places = (server.database(), valkey.url) if name == "PostgreSQL" else (f"sqlite:///{folder / 'hub.db'}", "")
            rows += _burst(name, folder, places, per_s, seconds)
    return rows


def _burst(name: str, folder: Path, places: tuple[str, str], per_s: int, seconds: int) -> list[Row]:
    count = per_s * seconds
    with office(folder, *places) as (hub, meta, address):
        heads = meta.submit(count)
        began = time.monotonic()
        waited = post(address, heads, per_s)
        thanked = time.monotonic()
        _wait(hub, count)
        drained = time.monotonic() - thanked
        with hub.db.read() as session:
            leads = session.scalar(select(func.count(func.distinct(LeadRow.remote_id)))) or 0
            shown = session.scalar(select(func.count(Interaction.id))) or 0
    assert len(waited) == count, f"{count - len(waited)} were not thanked for"
    with bare.running() as (port, _):
        base = quantile(post(f"http://127.0.0.1:{port}/", heads, per_s), 0.99)
    p99, most = quantile(waited, 0.99), MOST_S[name]
    return [
        Row(f"{per_s} webhooks/s for {seconds} s on {name}, p99", _ms(p99), f"< {_ms(most)}", f"{_ms(base)} bare uvicorn",
            f"{p99 / base:.0f}x", p99 < most),
        Row("  p50, and webhooks thanked for in a second", f"{_ms(quantile(waited, 0.5))}, {count / (thanked - began):,.0f}/s"),
        Row("  leads that were lost, or doubled", f"{count - leads}, {shown - leads}", "0, 0", ok=leads == shown == count),
        Row("  all leads on the timeline after the last webhook", f"{drained:.0f} s", "", f"{count / (drained + seconds):,.0f}/s"),
    ]  # fmt: skip


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _wait(hub: Hub, count: int) -> None:
    """Wait until so many leads are there and no announced one waits."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with hub.db.read() as session:
            waiting = session.scalar(select(func.count(NamedRecord.id)).where(NamedRecord.done_at.is_(None)))
            there = session.scalar(select(func.count(LeadRow.id)))
        if not waiting and there == count:
            return
        time.sleep(0.5)
    raise TimeoutError(f"{there} of {count} leads came, {waiting} wait")


# --- one hub and one Meta -------------------------------------------------------------------------------------------


class Meta:
    """The simulated page, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.settings: dict[str, str] = self._heard()

    def submit(self, count: int) -> list[str]:
        """Let so many people answer the form; returns the signed requests that tell of them, one each, but for the host."""
        self._say({"submit": count})
        return list(self._heard())

    def slow(self, seconds: float) -> None:
        """Let every answer take so long."""
        self._say({"slow": seconds})
        self._heard()

    def _say(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Be Meta, until standard input ends."""
    simulator = facebook.create(0, Faults())
    simulator.start()
    print(json.dumps(simulator.settings()), flush=True)
    made = 0
    for line in sys.stdin:
        asked = json.loads(line)
        simulator.world.answer_s = asked.get("slow", simulator.world.answer_s)
        heads = []
        for _ in range(asked.get("submit", 0)):
            made += 1
            answers = {
                "full_name": f"Customer {made}",
                "email": f"customer{made}@people.example",
                "phone_number": f"05{20_000_000 + made}",
            }
            body, headers = simulator.webhook([simulator.submit(simulator.english, answers)])
            heads.append(_request(body, headers))
        print(json.dumps(heads), flush=True)
    simulator.stop()


def _request(body: bytes, headers: Mapping[str, str]) -> str:
    """Return a request with a place for its path."""
    lines = [
        f"{name}: {value}"
        for name, value in headers.items()
        if name.lower() not in {"host", "content-length", "connection"}
    ]
    head = ["POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head).replace("{path}", "\0") + "\r\n\r\n" + body.decode("ascii")


@contextmanager
def office(folder: Path, url: str, bus: str = "") -> Iterator[tuple[Hub, Meta, str]]:
    """Run a hub with one page that has no lead yet; gives the hub, Meta and the address of the webhook.

    Args:
        bus: that its processes share; empty: it is one process.
    """
    port = free_port()
    environment = {
        "HUB_HOME": str(folder), "HUB_DATABASE__URL": url, "HUB_SERVER__PORT": str(port), "HUB_LOG__LEVEL": "error",
        "HUB_SECURITY__HOOK_LIMIT": "1000000 per minute", **({"HUB_LIVE__BUS": bus} if bus else {}),
    }  # fmt: skip
    with ExitStack() as stack:
        meta = Meta(stack.enter_context(_child("from tests.bench.webhooks import serve; serve()")))
        hub = hub_app.create_hub(load(environment))
        stack.callback(hub_app.close_hub, hub)
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors["facebook"], hub.vault, "Page", meta.settings, region="IL")
            place = f"http://127.0.0.1:{port}/hooks/facebook/{row.public_id}"
        for role in ("web", "work") if bus else ("up",):
            stack.enter_context(_hub(role, environment))
        _wait_read(hub)
        yield hub, meta, place


def _wait_read(hub: Hub) -> None:
    """Wait until every form was read once, and let them rest."""
    end = time.monotonic() + 60
    is_form = (StreamState.records != "") & (StreamState.stream != LISTING)
    while time.monotonic() < end:
        with hub.db.read() as session:
            states = session.scalars(select(StreamState).where(is_form)).all()
        if states and all(one.phase == "incremental" for one in states):
            with hub.db.write() as session:
                session.execute(update(StreamState).where(is_form).values(due_at=now() + timedelta(hours=6)))
            return
        time.sleep(0.1)
    raise TimeoutError(f"the forms were not read: {[(one.stream, one.phase, one.last_error) for one in states]}")


@contextmanager
def _child(code: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _hub(role: str, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", "from hub.cli import main; main()", role], cwd=ROOT, env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


# --- who posts, a child process -------------------------------------------------------------------------------------


class Line(asyncio.Protocol):
    """One connection: a request at a time; says when it was answered with thanks."""

    def __init__(self, free: "asyncio.Queue[Line]") -> None:
        self._free = free
        self._due = 0.0
        self._waited: list[float] = []
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._free.put_nowait(self)

    def send(self, request: bytes, due: float, waited: list[float]) -> None:
        self._due, self._waited = due, waited
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        said = LENGTH.search(head)
        if not end or len(body) < int(said[1] if said else 0):
            return
        if head[9:11] == b"20":
            self._waited.append(time.monotonic() - self._due)
        self._heard = b""
        self._free.put_nowait(self)


async def _post(host: str, port: int, requests: Sequence[bytes], per_s: int) -> list[float]:
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        await loop.create_connection(partial(Line, free), host, port)
    waited: list[float] = []
    began = time.monotonic()
    for number, request in enumerate(requests):
        due = began + number / per_s
        if (rest := due - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        (await free.get()).send(request, due, waited)
    for _ in range(CONNECTIONS):  # until the last one was answered
        await free.get()
    return waited


def post(address: str, heads: Sequence[str], per_s: int) -> list[float]:
    """Post requests at a pace from another process; returns the seconds of each that was thanked for."""
    with _child("from tests.bench.webhooks import poster; poster()") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([address, list(heads), per_s]) + "\n")
        process.stdin.flush()
        return list(json.loads(process.stdout.readline()))


def poster() -> None:
    """Post what standard input says, and print how long each took."""
    address, heads, per_s = json.loads(sys.stdin.readline())
    host, _, path = address.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    requests = [one.replace("\0", f"/{path}", 1).encode() for one in heads]
    print(json.dumps(asyncio.run(_post(name, int(port), requests, per_s))), flush=True)
