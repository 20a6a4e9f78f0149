"""Memory of a worker that reads a mailbox from the beginning: below a bound, and no more at the end than near it.

`python -m tests.bench memory=100000`. The pass runs in a process of its own. Resident memory is read at every page, from
/proc; its rise ends once SQLite's own cache is full (64 MB), so tenths are compared from 50,000 messages on. Graph's
large pages of headers are part of it: its messages come through the client's own stream.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from connectors.microsoft import mail
from connectors.microsoft.client import Asked, Client
from connectors.microsoft.settings import MicrosoftSettings
from hub import app as hub_app
from hub import log
from hub.connector.stream import Cursor, Lane, Page
from hub.context import Hub
from hub.intake.models import Account
from hub.intake.read import SLICE_S
from hub.remotes import HubTools
from hub.settings import load
from tests.bench.letters import GMAIL, INBOX, OUTLOOK, OWNER, PROVIDERS, STREAM, Mailbox, MailReader, outlook
from tests.bench.table import Row

SIZE = 100_000
COMPARED_FROM = 50_000
MOST_MB = 300
NOISE = 1.02  # an allocator's own ups and downs
ROOT = Path(__file__).parents[2]
_OF_WHOLE = frozenset({"body", "bodyPreview", "attachments"})
_FOLDER = {"id": INBOX, "displayName": "Inbox", "parentFolderId": "root", "isHidden": False}


@dataclass
class WatchedMailbox(Mailbox):
    """A mailbox that notes how much memory its reader has."""

    resident: list[int] = field(default_factory=list)  # bytes, page by page

    def watch(self) -> None:
        self.resident.append(_resident())


class MadeUpGraph(Client):
    """Graph without a network: one folder with the mailbox's messages, each made up when it is asked for."""

    def __init__(self, mailbox: WatchedMailbox, tools: HubTools) -> None:
        super().__init__(MicrosoftSettings(address=OWNER), tools, OWNER)
        self._all = mailbox

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, prefer: Sequence[str] = (), root: bool = False
    ) -> dict[str, Any]:
        first, size = int(path.rpartition("=")[2] or 0) if "=" in path else 0, int(prefer[0].rpartition("=")[2])
        last = min(self._all.size, first + size)
        heads = (_json_of(outlook(number), _OF_WHOLE) for number in range(first, last))
        link = ("@odata.nextLink", f"next={last}") if last < self._all.size else ("@odata.deltaLink", "delta")
        return self._decoded_of(f'{{"{link[0]}": "{link[1]}", "value": [{", ".join(heads)}]}}')

    def all(self, asked: Mapping[str, Asked]) -> dict[str, Any]:
        return {name: self._decoded_of(_json_of(self._one(one.path))) for name, one in asked.items()}

    def _one(self, path: str) -> dict[str, Any]:
        if path.startswith("/messages/"):
            return outlook(int(path.rpartition("/m")[2]))
        return (
            {"value": [_FOLDER], "@odata.deltaLink": "delta"}
            if path.endswith("/delta")
            else {"id": path.rpartition("/")[2]}
        )

    def _decoded_of(self, answer: str) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(answer.encode())
        self._all.watch()
        return decoded


def _json_of(message: Mapping[str, Any], left_out: frozenset[str] = frozenset()) -> str:
    return json.dumps({name: value for name, value in message.items() if name not in left_out})


@dataclass
class GraphMailbox(WatchedMailbox):
    """The inbox of a made-up mailbox at Graph, read by the connector's own stream."""

    key: str = f"{STREAM}:{INBOX}"

    def opened(self, hub: Hub, account: Account) -> "GraphMailbox":
        tools = HubTools(hub.db, hub.remotes.grants, hub.settings.mail, account.id, Lane.BACKFILL)
        self.inner = mail.stream(MadeUpGraph(self, tools), INBOX)
        self.asked = self.inner.asked
        return self

    def begin(self) -> Cursor:
        return self.inner.begin()

    def pull(self, cursor: Cursor) -> Page:
        return self.inner.pull(cursor)


_MAILBOXES = {GMAIL.title: WatchedMailbox, OUTLOOK.title: GraphMailbox}


def run(size: int = SIZE) -> list[Row]:
    return [row for provider in PROVIDERS for row in _of(provider.title, size)]


def _of(title: str, size: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        code = f"from tests.bench.memory import read; read({folder!r}, {title!r}, {size})"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    resident = [int(one) for one in json.loads(done.stdout)]
    tenth = max(1, len(resident) // 10)
    second, last = median(resident[tenth : 2 * tenth]), median(resident[-tenth:])
    peak = max(resident) / 1e6
    return [
        Row(f"Memory of a first pass, {size:,} of {title}, peak", f"{peak:.0f} MB", f"< {MOST_MB} MB", ok=peak < MOST_MB),
        Row("  last tenth", f"{last / 1e6:.1f} MB", "no more", f"{second / 1e6:.1f} MB second tenth",
            f"{last / second:.2f}x", last <= second * NOISE if size >= COMPARED_FROM else None),
    ]  # fmt: skip


def read(folder: str, title: str, size: int) -> None:
    """Read a mailbox as a worker does, a slice of time after the other; print the resident memory at each of its pages."""
    log.setup("error", "text")
    hub = hub_app.create_hub(load({"HUB_HOME": folder, "HUB_LOG__LEVEL": "error"}))
    provider = next(one for one in PROVIDERS if one.title == title)
    mailbox = _MAILBOXES[title](size, provider)
    counts = MailReader(hub, mailbox).read(SLICE_S).counts
    assert counts.get("new") == size, counts
    print(json.dumps(mailbox.resident))
    hub_app.close_hub(hub)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
