"""Hub processes of their own, so that a test can kill them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.e2e.calls import until

ROOT = Path(__file__).parents[2]
_OPEN = re.compile(r"is open at (http://\S+)")


class HubProcess:
    """One process of the hub, started by its command line."""

    def __init__(self, home: Path, environment: Mapping[str, str], *command: str) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._command = command
        self.output = home / f"{command[0]}-{id(self):x}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
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
