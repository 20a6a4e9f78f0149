"""The raw event spool: what an exchange said, as it said it, in two files that take turns; for diagnosis.

Nothing depends on it: what calls need is in the database. It never grows above its limit and needs no upkeep.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

_HEAD = struct.Struct(">QdI")  # sequence, unix seconds of arrival, bytes


class Spool:
    """Append-only, rolling. One writer."""

    def __init__(self, folder: Path, name: str, limit_mb: int) -> None:
        self._files = [folder / f"{name}.0.spool", folder / f"{name}.1.spool"]
        self._half = limit_mb * 500_000
        self._sequence = 0
        self._written = 0
        self._out: BinaryIO | None = None
        if self._half:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)  # numbers and names of callers
            self._out = self._files[1].open("ab")
            self._written = self._out.tell()

    def write(self, at: float, messages: Sequence[bytes]) -> None:
        """Add messages; the operating system decides when they reach the disk."""
        if self._out is None:
            return
        parts: list[bytes] = []
        for message in messages:
            self._sequence += 1
            parts += (_HEAD.pack(self._sequence, at, len(message)), message)
        data = b"".join(parts)
        self._out.write(data)
        self._written += len(data)
        if self._written > self._half:
            self._roll()

    def _roll(self) -> None:
        assert self._out is not None
        self._out.close()
        self._files[1].replace(self._files[0])
        self._out = self._files[1].open("wb")
        self._written = 0

    def close(self) -> None:
        if self._out is not None:
            self._out.close()


def read(folder: Path, name: str) -> Iterator[tuple[float, bytes]]:
    """Yield (arrival, message), oldest first; a message cut by a crash ends the file it stands in."""
    for file in (folder / f"{name}.0.spool", folder / f"{name}.1.spool"):
        if not file.exists():
            continue
        with file.open("rb") as source:
            while len(head := source.read(_HEAD.size)) == _HEAD.size:
                _, at, size = _HEAD.unpack(head)
                message = source.read(size)
                if len(message) < size:
                    break
                yield at, message
