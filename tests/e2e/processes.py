"""Hub processes of their own, so that a test can kill them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.e2e.calls import until

ROOT = Path(__file__).parents[2]
_OPEN = re.compile(r"is open at (http://\S+)")


class Child:
    """A process that a nursery forked, spoken to as to one that was started."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.tell(is_over=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(f"the hub of process {self.pid}", timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:  # until it was asked for, its number is nobody else's
            os.kill(self.pid, number)


class Nursery:
    """The program of `tests.e2e.nursery`."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.nursery"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, **command: Any) -> int | None:
        """Give a command, and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the nursery is no more"
        told: int | None = json.loads(answer)
        return told

    def start(self, command: Sequence[str], environment: Mapping[str, str], output: Path) -> Child:
        """Let a hub live."""
        pid = self.tell(command=command, environment=dict(environment), output=str(output))
        assert pid is not None
        return Child(self, pid)

    def close(self) -> None:
        self._process.communicate(timeout=30)


class HubProcess:
    """One process of the hub, started by its command line; out of a nursery it is there at once."""

    def __init__(
        self, home: Path, environment: Mapping[str, str], *command: str, nursery: Nursery | None = None
    ) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._command = command
        self._nursery = nursery
        self.output = home / f"{command[0]}-{id(self):x}.log"
        self.process: subprocess.Popen[bytes] | Child | None = None

    def start(self) -> None:
        if self._nursery is not None:
            self.process = self._nursery.start(self._command, self._environment, self.output)
            return
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from hub.cli import main; main()", *self._command],
                cwd=ROOT, env=self._environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a power cut."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.send(number)
        return self.process.wait(30)

    @property
    def text(self) -> str:
        return self.output.read_text("utf-8", "replace") if self.output.exists() else ""

    def address(self) -> str:
        """Wait until it serves, and return where."""

        def opened() -> str | None:
            assert self.process is not None
            assert self.process.poll() is None, self.text
            found = _OPEN.findall(self.text)
            return found[-1] if found else None

        return until(opened, 60, why=lambda: self.text)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()
