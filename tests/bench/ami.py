"""AMI to call state: received events per second on one core, through TCP, spool on, calls committed; and flat memory.

The stream is made of the recorded traces with fresh ids. The sender is another process on another core and keeps at
most a few thousand messages ahead of the hub, as an exchange that is slower than the hub would. Baseline: a loop that
reads the same bytes from a socket and parses every event into a dictionary, and does nothing else.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select

from hub import app as hub_app
from hub import log
from hub.connector.contract import Connector
from hub.context import Hub
from hub.cti.listener import Listener
from hub.cti.models import CallRow, EndpointRule
from hub.intake import accounts
from hub.settings import load
from tests.bench.table import Row

TRACES = Path(__file__).parents[1] / "fixtures" / "asterisk"
AHEAD = 4000  # messages the sender may be ahead
CHUNK = 32768
EPOCH = re.compile(rb"\b1[0-9]{9}\.")
EVENTS = int(os.environ.get("BENCH_AMI_EVENTS", "200000"))
EVENTS_FLAT = int(os.environ.get("BENCH_AMI_FLAT", "1000000"))


def stream(turn: int) -> bytes:
    """All traces as other calls; the one in which the exchange dies is left out, since its calls never end."""
    parts = []
    for file in sorted(TRACES.glob("*.ami")):
        if any(word in file.name for word in ("restart", "hubmin", "channels_listed")):
            continue
        parts.append(file.read_bytes().strip(b"\r\n") + b"\r\n\r\n")
    # Each recording keeps its own distance from the others: two calls must not get one id.
    return EPOCH.sub(lambda found: b"%d." % (int(found[0][:-1]) + turn * 1_000_000), b"".join(parts))


def sender(port: int, events: int) -> None:
    """A child process: an AMI that accepts everybody and sends the stream as it is allowed to."""
    os.sched_setaffinity(0, {max(range(os.cpu_count() or 1))})  # not on the hub's core
    with socket.create_server(("127.0.0.1", port)) as server:
        print("ready", flush=True)
        connection, _ = server.accept()
        connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        lock = threading.Lock()
        threading.Thread(target=_answer, args=(connection, lock), daemon=True).start()
        sys.stdin.readline()
        sent, turn = 0, 0
        while sent < events:
            data = stream(turn)
            sent += data.count(b"\r\n\r\n")
            turn += 1
            at = 0
            while at < len(data):
                end = data.find(b"\r\n\r\n", at + CHUNK)  # an answer may stand between two events, not within one
                end = len(data) if end < 0 else end + 4
                sys.stdin.readline()  # one line allows one chunk
                with lock:
                    connection.sendall(data[at:end])
                at = end
        print(json.dumps({"sent": sent, "turns": turn}), flush=True)
        sys.stdin.readline()


def _answer(connection: socket.socket, lock: threading.Lock) -> None:
    """Say yes to everything, with its ActionID."""
    buffer = b""
    while data := connection.recv(65536):
        buffer += data
        while b"\r\n\r\n" in buffer:
            action, _, buffer = buffer.partition(b"\r\n\r\n")
            found = re.search(rb"ActionID: *(\S+)", action)
            line = b"ActionID: " + found.group(1) + b"\r\n" if found else b""
            with lock:
                connection.sendall(b"Response: Success\r\n" + line + b"Message: Authentication accepted\r\n\r\n")


def _sender(port: int, events: int) -> "subprocess.Popen[str]":
    code = f"from tests.bench.ami import sender; sender({port}, {events})"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _allow_all(process: "subprocess.Popen[str]") -> None:
    """Let the sender send as fast as it is read."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write("\n" * 200_000)
        process.stdin.flush()


def raw_loop(events: int) -> float:
    port = _port()
    process = _sender(port, events)
    assert process.stdin is not None
    connection = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=_allow_all, args=(process,), daemon=True).start()
    buffer, count = b"", 0
    connection.settimeout(2)
    began = last = time.perf_counter()
    try:
        while data := connection.recv(65536):
            buffer += data
            *messages, buffer = buffer.split(b"\r\n\r\n")
            for message in messages:
                lines = message.decode("utf-8", "replace").split("\r\n")
                _parsed = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
            count += len(messages)
            last = time.perf_counter()
    except TimeoutError:
        pass  # the stream is over
    connection.close()
    process.kill()
    process.wait()
    return count / (last - began)


def through_the_hub(events: int, *, watch: bool = False) -> dict[str, float]:
    """Send events through a whole hub; returns rate, calls and resident memory at a tenth and at the end."""
    with tempfile.TemporaryDirectory() as folder:
        log.setup("warning", "text")
        environment = {
            "HUB_HOME": folder,
            "HUB_CALLS__QUEUE": "50000",
            "HUB_WORK__THREADS": "0",
            "HUB_HUB__REGION": "NL",
        }
        hub = hub_app.create_hub(load(environment))
        port = _port()
        process = _sender(port, events)
        connector: Connector[Any] = hub.connectors["asterisk"]
        with hub.db.write() as session:
            values = {"host": "127.0.0.1", "port": str(port), "username": "hub", "secret": "x"}
            row = accounts.create(session, connector, hub.vault, "pbx", values)
            session.add(EndpointRule(account_id=row.id, pattern="PJSIP/trunk*", kind="trunk"))
        running = hub_app.start(hub, work=False)
        try:
            return _pump(hub, process, row.id, events, watch=watch)
        finally:
            process.kill()
            process.wait()
            running.close()
            hub_app.close_hub(hub)


def _pump(hub: Hub, process: "subprocess.Popen[str]", account_id: int, events: int, *, watch: bool) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    listener = _listener(hub, account_id)
    memory = psutil.Process()
    early = 0.0
    done = threading.Event()
    result: dict[str, float] = {}

    def read() -> None:
        assert process.stdout is not None
        result.update(json.loads(process.stdout.readline()))
        done.set()

    threading.Thread(target=read, daemon=True).start()
    began = time.perf_counter()
    cpu = memory.cpu_times()
    process.stdin.write("\n" * 2)
    process.stdin.flush()
    while not done.is_set():
        if listener.depth < AHEAD:
            process.stdin.write("\n" * 8)
            process.stdin.flush()
        if watch and not early and listener.counters.values.get("received", 0) > events / 10:
            early = memory.memory_info().rss
        time.sleep(0.001)
    expected = 0
    # What was dropped ends no call: then the rate is shown, and that it does not count.
    while (
        listener.depth or listener._unwritten or expected != _settled(hub)
        or (listener.open_calls and not listener.counters.values.get("dropped", 0))
    ):  # fmt: skip
        expected = _settled(hub)
        time.sleep(0.02)
    took = time.perf_counter() - began
    spent = memory.cpu_times()
    received = float(listener.counters.values.get("received", 0))
    return {
        "rate": received / took,
        "per_cpu_s": received / (spent.user + spent.system - cpu.user - cpu.system),
        "received": received,
        "dropped": float(listener.counters.values.get("dropped", 0)),
        "calls": float(expected),
        "turns": result["turns"],
        "early_mb": early / 1e6,
        "end_mb": memory.memory_info().rss / 1e6,
    }


def _settled(hub: Hub) -> int:
    with hub.db.read() as session:
        return session.scalar(select(func.count()).select_from(CallRow).where(CallRow.open.is_(False))) or 0


def _listener(hub: Hub, account_id: int) -> Listener:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        listener = hub.telephone.listeners.get(account_id)
        if listener is not None and listener.counters.values.get("received", 0):
            return listener
        time.sleep(0.02)
    raise TimeoutError("the hub did not connect")


def run() -> list[Row]:
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})  # one core for the hub, threads and all
    try:
        raw = raw_loop(EVENTS)
        hub = through_the_hub(EVENTS)
        flat = through_the_hub(EVENTS_FLAT, watch=True) if EVENTS_FLAT else None
    finally:
        os.sched_setaffinity(0, everywhere)
    rows = [
        Row("AMI to call state, events/s on one core", f"{hub['rate']:,.0f}", ">= 15,000", f"{raw:,.0f} raw loop",
            f"{raw / hub['rate']:.1f}x", hub["rate"] >= 15_000 and not hub["dropped"]),
        Row("  the same per CPU second", f"{hub['per_cpu_s']:,.0f}"),
        Row("  calls committed", f"{hub['calls']:,.0f} of {hub['received']:,.0f} events"),
    ]  # fmt: skip
    if flat is not None:
        grown = flat["end_mb"] / flat["early_mb"]
        rows.append(
            Row(f"Memory over {flat['received']:,.0f} events, MB", f"{flat['early_mb']:.0f} -> {flat['end_mb']:.0f}",
                "flat", "at a tenth", f"{grown:.2f}x", grown < 1.1)
        )  # fmt: skip
    return rows
