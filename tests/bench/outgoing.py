"""Outgoing webhooks: how long from an event to its signed delivery, and what receivers that hang do to the others.

    python -m tests.bench.outgoing [folder]

The receivers are threads of another process on the same machine.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from hub import app as hub_app
from hub.context import Hub
from hub.events import tell
from hub.security.models import Role
from hub.security.policy import Person
from hub.settings import load
from hub.webhooks import endpoints
from tests.fakes.receiver import Behaviour, Receiver

PERSON = Person(0, None, "", "a bench", Role.ADMIN)
ALONE, ALONE_PER_S = 200, 10
ENDPOINTS, HANGING = 20, 5
PER_S, SECONDS = 200, 15


def main() -> None:
    """Measure both and print them."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        alone(Path(folder) / "alone")
        many(Path(folder) / "well", 0)
        many(Path(folder) / "many", HANGING)


def alone(home: Path) -> None:
    """One receiver, events one at a time."""
    with Receivers(1, 0) as there:
        hub = opened(home, there.urls)
        running = hub_app.start(hub, listen=False)
        time.sleep(2)
        for number in range(ALONE):
            told(hub, number)
            time.sleep(1 / ALONE_PER_S)
        time.sleep(2)
        running.close()
        print("alone:", there.figures()[0])


def many(home: Path, hang: int) -> None:
    """Each event goes to all receivers, of which some never answer."""
    with Receivers(ENDPOINTS, hang) as there:
        hub = opened(home, there.urls)
        running = hub_app.start(hub, listen=False)
        time.sleep(2)
        began, events = time.monotonic(), PER_S * SECONDS // ENDPOINTS
        for number in range(events):
            told(hub, number)
            rest = began + (number + 1) * ENDPOINTS / PER_S - time.monotonic()
            if rest > 0:
                time.sleep(rest)
        wrote_s = time.monotonic() - began
        time.sleep(5)
        running.close()
        figures = there.figures()
        well, hanging = figures[hang:], figures[:hang]
        got, last = sum(one["n"] for one in well), max(one["last"] for one in well) - min(one["first"] for one in well)
        print(
            f"many: {events} events in {wrote_s:.1f} s; {got} deliveries to {len(well)} in {last:.1f} s = {got / last:.0f}/s; "
            f"p50 {max(one['p50'] for one in well)} p95 {max(one['p95'] for one in well)} ms (the slowest receiver); "
            f"{sum(one['n'] for one in hanging)} tries at {hang} that hang"
        )


def opened(home: Path, urls: list[str]) -> Hub:
    settings = {"HUB_HOME": str(home), "HUB_LOG__LEVEL": "error", "HUB_WEBHOOKS__ALLOW_PRIVATE": "true"}
    hub = hub_app.create_hub(load(settings))
    with hub.db.write() as session:
        for url in urls:
            endpoints.add(session, hub.vault, hub.settings.webhooks, PERSON, url=url, allow_private=True)
    return hub


def told(hub: Hub, number: int) -> None:
    with hub.db.write() as session:
        tell.tell(session, "call.ended", f"p{number % 500}", {"id": str(number), "kind": "call"})
        session.flush()


class Receivers:
    """A child process with receivers; each figure is of the time between `timestamp` and the request."""

    def __init__(self, count: int, hanging: int) -> None:
        code = f"from tests.bench.outgoing import receive; receive({count}, {hanging})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.urls: list[str] = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def figures(self) -> list[dict[str, Any]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return list(json.loads(self._process.stdout.readline()))


def receive(count: int, hanging: int) -> None:
    """Listen, and print what came when a line is read."""
    never = threading.Event()
    there = [Receiver() for _ in range(count)]
    offset = time.time() - time.monotonic()
    for one in there[:hanging]:
        one.behaviour = Behaviour(hang=never)
    print(json.dumps([one.url for one in there]), flush=True)
    sys.stdin.readline()
    print(json.dumps([_figures(one, offset) for one in there]), flush=True)


def _figures(one: Receiver, offset: float) -> dict[str, Any]:
    at = [got.at + offset for got in one.got]
    waited = sorted(
        (moment - datetime.fromisoformat(got.said["timestamp"]).timestamp()) * 1000
        for moment, got in zip(at, one.got, strict=True)
    )
    if not waited:
        return {"n": 0, "p50": 0, "p95": 0, "first": 0, "last": 0}
    return {
        "n": len(waited), "p50": round(waited[len(waited) // 2]), "p95": round(waited[int(len(waited) * 0.95)]),
        "first": min(at), "last": max(at),
    }  # fmt: skip


if __name__ == "__main__":
    main()
