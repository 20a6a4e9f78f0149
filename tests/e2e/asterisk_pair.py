"""The pair of real Asterisk servers: how it is started, killed and told what its phones and its carrier do.

It lives in `var/asterisk` (or HUB_TEST_ASTERISK); `make test` builds it.
"""

import fcntl
import importlib.machinery
import importlib.util
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPTS = Path(__file__).parent / "asterisk"
FOLDER = Path(os.environ.get("HUB_TEST_ASTERISK", str(Path(__file__).parents[2] / "var/asterisk")))
INSTALLED = (FOLDER / "root/usr/sbin/asterisk").exists() and os.geteuid() == 0
SPOOL = "/var/spool/asterisk"  # recordings and mailboxes


def script(name: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [SCRIPTS / name, FOLDER, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ring_script() -> ModuleType:
    """The script that makes calls by hand, as a module."""
    loader = importlib.machinery.SourceFileLoader("asterisk_ring", str(SCRIPTS / "ring"))
    spec = importlib.util.spec_from_loader("asterisk_ring", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def free_hundred(but: Collection[int]) -> int:
    """Find a hundred ports (given as port // 100) that nobody uses.

    They are below those that the system gives to outgoing connections: while the exchange is away, the hubs connect
    again and again, and one of them might get its port.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    hundreds = [one for one in range(110, max(lowest // 100, 320)) if one not in but]
    random.shuffle(hundreds)
    return next(hundred for hundred in hundreds if all(map(is_free, range(hundred * 100, hundred * 100 + 100))))


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


@dataclass
class Pair:
    """The customer's exchange (near), and carrier and phones (far)."""

    ports: dict[str, int]
    ring: ModuleType = field(default_factory=ring_script)
    far: Any = None

    def start(self) -> None:
        script("start")
        self.far = self.ring.Ami(self.ports["FAR_AMI"], events=False)

    def kill(self) -> None:
        """Both at once, without a word."""
        script("stop", "-9")
        self.far.k.close()

    def stop(self) -> None:
        script("stop")
        if self.far is not None:
            self.far.k.close()

    def forget_everything(self) -> None:
        """As if it were new: no records, recordings, messages or behaviours of phones are left."""
        for path in (self.cdr, self.cel, FOLDER / "root/var/far/db/astdb.sqlite3"):
            path.unlink(missing_ok=True)
        for folder in ("monitor", "voicemail"):
            for path in (self.spool / folder).iterdir():
                shutil.rmtree(path)

    def phone(self, number: str, behaviour: str) -> None:
        """Say what a phone, or a number outside, does when it is called from now on."""
        self.far.act(Action="DBPut", Family="b", Key=number, Val=behaviour)

    def forget(self, number: str) -> None:
        self.far.act(Action="DBDel", Family="b", Key=number)

    def call_in(self, did: str, number: str, *, name: str = "", caller: str = "talk40", to_s: int = 40) -> None:
        """Somebody outside calls."""
        self.far.act(
            Action="Originate", Channel=f"PJSIP/{did}@to-main", Context="far-caller", Exten=caller, Priority=1,
            Timeout=to_s * 1000, Async="true", CallerID=f'"{name}" <{number}>',
        )  # fmt: skip

    def call_withheld(self, did: str, *, told: bool) -> None:
        """Somebody outside calls and does not want to be known; `told`: the carrier tells the exchange all the same."""
        anonymous = "far-anon" if told else "far-anon2"
        self.far.act(
            Action="Originate", Channel=f"Local/{did}@{anonymous}/n", Context="far-caller", Exten="talk40", Priority=1,
            Timeout=30_000, Async="true",
        )  # fmt: skip

    def call_out(self, extension: str, number: str, *, to_s: int = 40) -> None:
        """One of our phones calls."""
        self.far.act(
            Action="Originate", Channel=f"PJSIP/{number}@phone{extension}", Context="far-caller", Exten="talk40",
            Priority=1, CallerID=f"<{extension}>", Timeout=to_s * 1000, Async="true",
        )  # fmt: skip

    @property
    def cdr(self) -> Path:
        return FOLDER / "root/var/log/asterisk/cdr-csv/Master.csv"

    @property
    def cel(self) -> Path:
        return FOLDER / "root/var/log/asterisk/cel-custom/Master.csv"

    @property
    def spool(self) -> Path:
        return FOLDER / f"root{SPOOL}"


@contextmanager
def running() -> Iterator[Pair]:
    """The pair, new and started; one run at a time."""
    with (FOLDER / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one run of these tests at a time
        hundreds: list[int] = []
        for _ in range(3):
            hundreds.append(free_hundred(hundreds))
        names = ("NEAR_AMI", "NEAR_AMI_TLS", "FAR_AMI", "NEAR_SIP", "FAR_SIP", "UA_SIP", "AGI")
        ports = {name: hundreds[0] * 100 + number for number, name in enumerate(names)}
        ports |= {"NEAR_RTP": hundreds[1], "FAR_RTP": hundreds[2]}
        made = Pair(ports)
        made.stop()  # what a run that was killed left
        script("setup", **{f"AST_{name}": str(port) for name, port in ports.items()})
        made.forget_everything()
        try:
            made.start()
            yield made
        finally:
            made.stop()
