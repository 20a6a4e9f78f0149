"""Recorded event streams: read from files, and played by the simulator instead of calls of its own.

A trace is what a client received after its login, byte for byte. Beside `call.ami` there may be a `call.json` with
`timing`: pairs of seconds since the start and offset in the stream. Without it everything comes at once.
"""

import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hub.connector.simulator import Option, Performance

OPTIONS = (
    Option("trace", "FILE", "Play this recorded stream of events, once the hub listens, instead of calls of its own."),
    Option("speed", "N", "How many times faster than it was recorded; 0: as fast as it goes.", "1"),
    Option("times", "N", "How often, each time as other calls; 0: until Ctrl-C.", "1"),
)
LOOK_S = 0.1  # between two looks whether somebody listens


class Stage(Protocol):
    """A running simulator, as far as a trace needs one."""

    @property
    def clients(self) -> int:
        """How many are connected and hear events."""

    def replay(self, stream: bytes, timing: Sequence[Sequence[float]] = (), *, speed: float = 1.0) -> None:
        """Play a stream, and return when it is over."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One recorded stream with its rhythm."""

    stream: bytes
    timing: tuple[tuple[float, int], ...] = ()


def read(path: Path) -> Trace:
    """Read a trace and, where there is one, its timing.

    Raises:
        ValueError: one of the files cannot be read, or is no trace.
    """
    try:
        stream = path.read_bytes()
    except OSError as error:
        raise ValueError(f"--trace: {path} cannot be read: {error.strerror}") from None
    if b"Event: " not in stream:
        raise ValueError(f"--trace: {path} is no stream of AMI events")
    beside = path.with_suffix(".json")
    if beside == path or not beside.exists():
        return Trace(stream)
    try:
        timing = tuple((float(at), int(offset)) for at, offset in json.loads(beside.read_bytes()).get("timing", ()))
    except (OSError, ValueError, TypeError, AttributeError):
        raise ValueError(f"--trace: the timing in {beside} cannot be read") from None
    offsets = [offset for _, offset in timing]
    if offsets != sorted(offsets) or (offsets and not 0 <= offsets[0] <= offsets[-1] <= len(stream)):
        raise ValueError(f"--trace: the timing in {beside} is of another stream")
    return Trace(stream, timing)


def performance(given: Mapping[str, str]) -> Performance | None:
    """Return what plays the trace of the options; None where none is given.

    Raises:
        ValueError: says which option is wrong.
    """
    speed, times = _number(given, "speed"), _number(given, "times")
    if not times.is_integer():
        raise ValueError("--times: must be a whole number")
    if not given.get("trace"):
        return None
    trace = read(Path(given["trace"]))
    return lambda stage, stop: play(stage, trace, stop, speed=speed, times=int(times))


def _number(given: Mapping[str, str], name: str) -> float:
    try:
        number = float(given[name])
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:  # false of nan too
        raise ValueError(f"--{name}: must be a number, 0 or more")
    return number


def play(stage: Stage, trace: Trace, stop: threading.Event, *, speed: float, times: int) -> None:
    """Play a trace so often (0: until `stop`), each time to whoever listens then."""
    played = 0
    while not stop.is_set() and (played < times or not times):
        while not stage.clients:
            if stop.wait(LOOK_S):
                return
        stage.replay(trace.stream, trace.timing, speed=speed)
        played += 1
        print(f"played {played} of {times}" if times else f"played {played}", flush=True)  # noqa: T201 - it is a program
