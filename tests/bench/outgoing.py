"""Outgoing webhooks: how long from an event to its signed delivery, and what receivers that hang do to the others.

`python -m tests.bench outgoing=60` offers load for so many seconds each. Everything runs on SQLite and on PostgreSQL. The
receivers are threads of another process of the same machine, which share its processors with the hub. Baseline: as many
signed requests by requests.Session, one for each receiver in a thread of its own, from a program that keeps nothing. A time
is from the event's `timestamp` to the arrival of its request.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from standardwebhooks import Webhook

from hub import app as hub_app
from hub import log
from hub.context import Hub
from hub.events import tell
from hub.security.models import Role
from hub.security.policy import Person
from hub.settings import load
from hub.webhooks import endpoints, sign
from tests.bench.table import Row, quantile
from tests.fakes.receiver import Behaviour, Receiver
from tests.fakes.servers import Postgres

SIZE = 15  # seconds of load
PERSON = Person(0, None, "", "a bench", Role.ADMIN)
ALONE_PER_S = 10
WELL, HANGING = 15, 5
PER_S = 200  # deliveries that arrive
AT_ONCE = 100  # events that wait for everybody
PATIENCE_S = 120
P95_MS = 500
HARM = 1.5  # times the p95 without those that hang: what is measured twice on a shared machine differs by as much


def run(size: int = SIZE, kind: str = "") -> list[Row]:
    """Measure each on both databases, or on the one that is named."""
    log.setup("error", "text")
    rows: list[Row] = []
    with ExitStack() as stack:
        for name in [kind] if kind else ["sqlite", "postgresql"]:
            server = None
            if name == "postgresql":
                server = Postgres()
                stack.callback(server.close)
            rows += [Row(name, f"load {os.getloadavg()[0]:.1f}"), *_measured(server, size)]
    return rows


def _measured(server: Postgres | None, size: int) -> list[Row]:
    with running(server, 1) as one:
        single = one.paced(ALONE_PER_S * size, ALONE_PER_S)
    with running(server, WELL) as some:
        well, cost = some.paced(PER_S * size // WELL, PER_S / WELL), some.cpu
    with running(server, WELL, HANGING) as some:
        hung = some.paced(PER_S * size // WELL, PER_S / WELL)
    with running(server, WELL + HANGING) as all_:
        flood = all_.at_once(AT_ONCE)
    bare, alone = raw(WELL + HANGING, AT_ONCE), raw(1, ALONE_PER_S * size)
    return [
        Row("  one event, one endpoint: p95", f"{single.p95:.0f} ms", f"<= {P95_MS} ms", f"{alone.p95:.1f} ms bare",
            f"{single.p95 / alone.p95:.1f}x", single.p95 <= P95_MS),
        Row(f"  {WELL} endpoints: arrived", f"{well.per_s:.0f}/s", f">= {PER_S * 0.98:.0f}/s", f"{bare.per_s:.0f}/s bare at most",
            f"{well.per_s / bare.per_s:.2f}x", well.per_s >= PER_S * 0.98),
        Row("    p95 of the slowest receiver", f"{well.p95:.0f} ms", f"<= {P95_MS} ms", ok=well.p95 <= P95_MS),
        Row("    processor of the hub", f"{cost:.0%}"),
        Row(f"  {HANGING} more that hang: arrived at the others", f"{hung.per_s:.0f}/s", f">= {PER_S * 0.98:.0f}/s",
            f"{well.per_s:.0f}/s without them", f"{hung.per_s / well.per_s:.2f}x", hung.per_s >= PER_S * 0.98),
        Row("    p95 of the slowest receiver", f"{hung.p95:.0f} ms", f"<= {HARM}x", f"{well.p95:.0f} ms without them",
            f"{hung.p95 / well.p95:.2f}x", hung.p95 <= HARM * well.p95),
        Row(f"  {AT_ONCE} events at once to {WELL + HANGING}", f"{flood.per_s:.0f}/s", "", f"{bare.per_s:.0f}/s bare",
            f"{flood.per_s / bare.per_s:.2f}x"),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """What came: deliveries a second, and the 95th percentile of the slowest receiver's times in ms."""

    per_s: float
    p95: float


class Load:
    """A hub that runs, with its receivers."""

    def __init__(self, hub: Hub, there: "Receivers", well: int, secrets: Sequence[str]) -> None:
        self._hub, self._there, self._well, self._secrets = hub, there, well, secrets
        self.cpu = 0.0  # of one processor, during the last load

    def warm_up(self) -> None:
        """Let everything be compiled and every connection be opened."""
        for number in range(5):
            self._tell(number, self._hub)
        self._there.wait(5, self._secrets)

    def paced(self, events: int, per_s: float) -> Figures:
        """Offer so many events, as many a second, and wait until all arrived."""
        began, used = time.monotonic(), time.process_time()
        for number in range(events):
            self._tell(number, self._hub)
            if (rest := began + (number + 1) / per_s - time.monotonic()) > 0:
                time.sleep(rest)
        figures = self._arrived(events)
        self.cpu = (time.process_time() - used) / (time.monotonic() - began)
        return figures

    def at_once(self, events: int) -> Figures:
        """Let everything happen in one moment."""
        began = time.monotonic()
        with self._hub.db.write() as session:
            for number in range(events):
                tell.tell(session, "call.ended", f"p{number}", {"id": str(number), "kind": "call"})
        return self._arrived(events, began)

    def _arrived(self, events: int, began: float | None = None) -> Figures:
        came = self._there.wait(events, self._secrets)
        count, last = sum(one["n"] for one in came), max(one["last"] for one in came)
        # Between the first arrival and the last there is a pause less than events: so as much is kept up with as was offered.
        first = min(one["first"] for one in came) if began is None else began
        return Figures((count - (self._well if began is None else 0)) / (last - first), max(one["p95"] for one in came))

    def _tell(self, number: int, hub: Hub) -> None:
        with hub.db.write() as session:
            tell.tell(session, "call.ended", f"p{number % 500}", {"id": str(number), "kind": "call"})


@contextmanager
def running(server: Postgres | None, well: int, hang: int = 0) -> Iterator[Load]:
    """Run a hub and receivers, those that hang first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
        database = server.database() if server else f"sqlite:///{folder / 'hub.db'}"
        there = Receivers(hang + well, hang)
        stack.callback(there.close)
        settings = {"HUB_HOME": str(folder), "HUB_DATABASE__URL": database, "HUB_LOG__LEVEL": "error"}
        hub = hub_app.create_hub(load(settings | {"HUB_WEBHOOKS__ALLOW_PRIVATE": "true"}))
        stack.callback(hub_app.close_hub, hub)
        secrets = []
        with hub.db.write() as session:
            for url in there.urls:
                _, secret = endpoints.add(
                    session, hub.vault, hub.settings.webhooks, PERSON, url=url, allow_private=True
                )
                secrets.append(secret)
        stack.callback(hub_app.start(hub, listen=False).close)
        load_ = Load(hub, there, well, secrets)
        load_.warm_up()
        yield load_


def raw(count: int, each: int) -> Figures:
    """Send as many signed requests to as many receivers, and keep nothing; the percentile is of whole requests."""
    there, secret = Receivers(count, 0), sign.new_secret()
    try:
        lines = [requests.Session() for _ in there.urls]

        def post(number: int) -> list[float]:
            took = []
            for _ in range(each):
                began = time.monotonic()
                at, id_ = datetime.now(UTC), str(uuid.uuid4())
                data = {"type": "call.ended", "timestamp": at.isoformat(), "data": {"id": id_, "kind": "call"}}
                body = json.dumps(data).encode()
                signed = {"Content-Type": "application/json", **sign.headers(id_, at, body, [secret])}
                lines[number].post(there.urls[number], data=body, headers=signed, timeout=10).raise_for_status()
                took.append((time.monotonic() - began) * 1000)
            return took

        with ThreadPoolExecutor(count) as pool:
            list(pool.map(post, range(count)))  # opens the connections
            there.wait(each, [secret] * count)
            began = time.monotonic()
            took = [one for some in pool.map(post, range(count)) for one in some]
            came = there.wait(each, [secret] * count)
        return Figures(count * each / (max(one["last"] for one in came) - began), quantile(took, 0.95))
    finally:
        there.close()


class Receivers:
    """A child process with receivers, of which the first hang."""

    def __init__(self, count: int, hanging: int) -> None:
        code = f"from tests.bench.outgoing import receive; receive({count}, {hanging})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.urls: list[str] = self._answer()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def wait(self, count: int, secrets: Sequence[str]) -> list[dict[str, Any]]:
        """Wait until so many signed requests came to each that answers; returns what came to each since the last time."""
        assert self._process.stdin is not None
        print(json.dumps({"count": count, "secrets": list(secrets)}), file=self._process.stdin, flush=True)
        figures: list[dict[str, Any]] = self._answer()
        assert {one["n"] for one in figures} == {count}, f"not all came, or some twice: {figures}"
        return figures

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def receive(count: int, hanging: int) -> None:
    """Listen; for each line that is read wait until so much came, and print what."""
    there = [Receiver() for _ in range(count)]
    never = threading.Event()
    for one in there[:hanging]:
        one.behaviour = Behaviour(hang=never)
    print(json.dumps([one.url for one in there]), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        for one in there[hanging:]:
            one.wait(asked["count"], PATIENCE_S)
        figures = [_figures(one, secret) for one, secret in zip(there, asked["secrets"], strict=True)]
        print(json.dumps(figures[hanging:]), flush=True)


def _figures(one: Receiver, secret: str) -> dict[str, Any]:
    """Return what came to one since the last time; signatures are looked at now that nobody waits any more."""
    offset = time.time() - time.monotonic()
    got, one.got = one.got, []
    at = [item.at for item in got] or [0.0]  # of a clock that all processes of a machine share
    waited = [(item.at + offset - datetime.fromisoformat(item.said["timestamp"]).timestamp()) * 1000 for item in got]
    webhook = Webhook(secret)
    for item in got:
        webhook.verify(item.body, item.headers)
    return {"n": len(got), "first": min(at), "last": max(at), "p95": quantile(waited or [0.0], 0.95)}
