"""Memory of a worker that reads a mailbox from the beginning: below a bound, and no more at the end than near it.

`python -m tests.bench memory=100000`. The pass runs in a process of its own. Resident memory is read at every page, from
/proc; its rise ends once SQLite's own cache is full (64 MB), so tenths are compared from 50,000 messages on.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from hub import app as hub_app
from hub import log
from hub.settings import load
from tests.bench.letters import Mailbox, MailReader
from tests.bench.table import Row

SIZE = 100_000
COMPARED_FROM = 50_000
MOST_MB = 300
NOISE = 1.02  # an allocator's own ups and downs
ROOT = Path(__file__).parents[2]


@dataclass
class WatchedMailbox(Mailbox):
    """A mailbox that notes how much memory its reader has."""

    resident: list[int] = field(default_factory=list)  # bytes, page by page

    def watch(self) -> None:
        self.resident.append(_resident())


def run(size: int = SIZE) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        code = f"from tests.bench.memory import read; read({folder!r}, {size})"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    resident = [int(one) for one in json.loads(done.stdout)]
    tenth = max(1, len(resident) // 10)
    second, last = median(resident[tenth : 2 * tenth]), median(resident[-tenth:])
    peak = max(resident) / 1e6
    return [
        Row(f"Memory of a first pass, {size:,} messages, peak", f"{peak:.0f} MB", f"< {MOST_MB} MB", ok=peak < MOST_MB),
        Row("  last tenth", f"{last / 1e6:.1f} MB", "no more", f"{second / 1e6:.1f} MB second tenth",
            f"{last / second:.2f}x", last <= second * NOISE if size >= COMPARED_FROM else None),
    ]  # fmt: skip


def read(folder: str, size: int) -> None:
    """Read a mailbox and print the resident memory at each of its pages."""
    log.setup("error", "text")
    hub = hub_app.create_hub(load({"HUB_HOME": folder, "HUB_LOG__LEVEL": "error"}))
    mailbox = WatchedMailbox(size)
    counts = MailReader(hub, mailbox).read().counts
    assert counts.get("new") == size, counts
    print(json.dumps(mailbox.resident))
    hub_app.close_hub(hub)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
