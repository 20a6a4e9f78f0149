"""What polling costs while nothing changes: 200 accounts, each looked at every five minutes, by one whole `hub up`.

The provider is simulated in a process of its own. All accounts become due at once, and the processor time of `hub up`
until each was looked at is that of five minutes' polling; what it takes while nothing is due is the scheduling. At Graph
each folder is looked at by itself: inbox, archive and sent mail.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, not_, select, update

from connectors.google import simulator as google
from connectors.microsoft import simulator as microsoft
from hub import app as hub_app
from hub import log
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.intake import accounts
from hub.intake.channels import PUSH
from hub.intake.models import Account, StreamState
from hub.intake.read import LISTING
from hub.settings import load
from hub.store.base import now
from tests.bench.data import ROOT
from tests.bench.table import Row
from tests.fakes.servers import free_port

SIZE = 200
EVERY_S = 300.0
QUIET_S = 20.0
PATIENCE_S = 900.0
MOST, MOST_SCHEDULING = 0.10, 0.02  # of one core
Simulator = google.GoogleSimulator | microsoft.MicrosoftSimulator
PROVIDERS: Mapping[str, Callable[[int, Faults], Simulator]] = {"google": google.create, "microsoft": microsoft.create}
TICKS = os.sysconf("SC_CLK_TCK")


def run(size: int = SIZE) -> list[Row]:
    log.setup("error", "text")
    return [row for connector in PROVIDERS for row in _of(connector, size)]


def _of(connector: str, size: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder, _simulated(connector, size) as settings:
        environment = {
            "HUB_HOME": folder, "HUB_SERVER__PORT": str(free_port()), "HUB_LOG__LEVEL": "error",
        }  # fmt: skip
        hub = hub_app.create_hub(load(environment))
        try:
            _connect(hub, connector, settings)
            with _up(environment) as process:
                return _measured(hub, connector, process.pid, size)
        finally:
            hub_app.close_hub(hub)


def _measured(hub: Hub, connector: str, process: int, size: int) -> list[Row]:
    _wait(hub)  # which streams there are, and the first pass
    before = _spent_s(process)
    time.sleep(QUIET_S)
    scheduling = (_spent_s(process) - before) / QUIET_S
    moment = _all_due(hub)
    before, began = _spent_s(process), time.monotonic()
    _wait(hub, since=moment)
    took = time.monotonic() - began
    polling = max(0.0, _spent_s(process) - before - scheduling * took) / size
    whole = polling * SIZE / EVERY_S + scheduling
    return [
        Row(f"{SIZE} accounts of {connector} looked at every 5 minutes", f"{whole:.1%} of a core", f"< {MOST:.0%}", ok=whole < MOST),
        Row("  one look that finds nothing", f"{polling * 1000:.1f} ms"),
        Row("  while nothing is due", f"{scheduling:.1%} of a core", f"< {MOST_SCHEDULING:.0%}", ok=scheduling < MOST_SCHEDULING),
    ]  # fmt: skip


def _connect(hub: Hub, connector: str, settings: list[dict[str, Any]]) -> None:
    """Add the accounts, each with mail alone, as a person would; they are due at once."""
    with hub.db.write() as session:
        for number, one in enumerate(settings):
            accounts.create(session, hub.connectors[connector], hub.vault, f"Account {number}", one)


def _all_due(hub: Hub) -> Any:
    moment = now()
    with hub.db.write() as session:
        session.execute(update(StreamState).where(StreamState.stream != LISTING).values(due_at=moment))
    return moment


def _wait(hub: Hub, since: Any = None) -> None:
    """Wait until every account was listed and its push looked at, and every mailbox or folder read to its end since a moment."""
    is_read = StreamState.phase == "incremental"
    is_read &= StreamState.last_ok_at.is_not(None) if since is None else StreamState.last_ok_at > since
    is_listed = (StreamState.stream == LISTING) & StreamState.last_ok_at.is_not(None)
    is_idle = (StreamState.stream == PUSH) & StreamState.last_ok_at.is_not(None)
    left = select(func.count()).where(not_(is_read | is_listed | is_idle))
    pushed = select(func.count()).where(StreamState.stream == PUSH)
    failed = select(StreamState.last_error).where(StreamState.last_error != "").limit(1)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with hub.db.read() as session:
            assert session.scalar(failed) is None, session.scalar(failed)
            if not session.scalar(left) and session.scalar(pushed) == session.scalar(select(func.count(Account.id))):
                return
        time.sleep(0.2)
    raise TimeoutError("the mailboxes were not read")


def _spent_s(process: int) -> float:
    """Return the processor time of a process, all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def _up(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    code = "from hub.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "up"], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _simulated(connector: str, size: int) -> Iterator[list[dict[str, Any]]]:
    """Simulate a provider in another process; gives the settings of each account."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.bench.idle import serve; serve({connector!r}, {size})"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def serve(connector: str, size: int) -> None:
    """Be a provider for so many people, until standard input ends."""
    simulator = PROVIDERS[connector](0, Faults())
    simulator.start()
    people = [simulator.add_user(f"agent{number}@acme.example", f"Agent {number}") for number in range(size)]
    common = {**simulator.settings(), "calendar": False, "contacts": False}
    print(json.dumps([
        {**common, "address": one.address, "refresh_token": simulator.oauth.grant(one.address)} for one in people
    ]), flush=True)  # fmt: skip
    sys.stdin.read()
    simulator.stop()
