"""What every connector's simulator is built on: a way to start it, and faults that it commits on command."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Faults:
    """Named faults with how often each is still to happen. Shared by the threads of a simulator.

    Written as `name` (once), `name=3` (three times) or `name=always`.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._left: dict[str, float] = {}
        self._lock = threading.Lock()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Order a fault. Raises ValueError for a count that is no number."""
        name, _, count = text.partition("=")
        with self._lock:
            self._left[name.strip()] = float("inf") if count == "always" else int(count or "1")

    def clear(self) -> None:
        with self._lock:
            self._left.clear()

    def take(self, name: str) -> bool:
        """True if this fault is to happen now; counts it."""
        with self._lock:
            left = self._left.get(name, 0)
            if left <= 0:
                return False
            self._left[name] = left - 1
            return True


class Simulator(Protocol):
    """A small server that speaks a remote's real protocol, for contract tests and the demo.

    A connector's `simulator.py` has `def create(port: int, faults: Faults) -> Simulator`; port 0 means any free one.
    """

    port: int
    faults: Faults

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections."""

    def stop(self) -> None:
        """End every connection and thread."""

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this simulator."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who calls or writes during the demo."""

    number: str
    name: str = ""


class Demo(Protocol):
    """What a connector's `demo.py` exports as `run`: life in its simulator, so that a newcomer sees something happen."""

    def __call__(
        self, simulator: Any, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
    ) -> None:
        """Go on until `stop`. Without visitors, some of its own."""
