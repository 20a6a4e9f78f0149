"""Reads a record file that grows and is rotated under us, from a saved place, without losing or doubling a line.

A place names the file by its inode and a hash of its first bytes, so it is found again after it was renamed
(logrotate), copied and cut to zero (copytruncate) or compressed. The rest of the old file is read before the new one.
"""

import contextlib
import csv
import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from hub.errors import RejectedError, RetryLaterError

Mark = tuple[int, int]
"""Where a line begins: number of the part in this reading, offset within it. Marks of one reading can be compared."""

_HEAD = 256  # bytes that tell one file from another: two or more lines, with times and ids in them
_CHUNK = 256 * 1024
_MAX_LINE = 64 * 1024  # a longer line is no record


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of the rotated set, oldest first."""

    path: str
    inode: int
    modified: float
    head: bytes
    start: int = 0


class RecordFile:
    """One reading of the file `path` and of its rotated predecessors."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._parts: list[_Part] = []
        self._newest: _Part | None = None
        self._end: Mark = (0, 0)
        self.garbage = 0  # lines that are no records
        self.lost = False  # the saved place was not found again: a stretch may be missing

    def lines(self, place: dict[str, Any] | None, oldest: float) -> Iterator[tuple[Mark, list[str]]]:
        """Yield each complete line after `place` as its fields; an unfinished last line is left for the next time.

        Args:
            place: from `place`; None: from the oldest rotated file that is still of use.
            oldest: unix seconds; rotated files that did not change after this are of no use.

        Raises:
            RejectedError: the path is no regular file.
            RetryLaterError: it may not be read, or the disk failed.
        """
        try:
            self._parts = self._plan(place, oldest)
            for number, part in enumerate(self._parts):
                yield from self._read(number, part, last=number == len(self._parts) - 1)
        except OSError as error:
            raise RetryLaterError(
                f"{self._path} cannot be read: {error.strerror or error}; let the hub's user read it"
            ) from error

    def end(self) -> Mark:
        """The mark after the last complete line read so far."""
        return self._end

    def place(self, mark: Mark) -> dict[str, Any] | None:
        """Name a mark so that a later reading finds it again; None while there is no file."""
        if not self._parts:
            return None
        part = self._parts[mark[0]]
        place = {"inode": part.inode, "offset": mark[1], **_name(part.head)}
        if not part.head and self._newest:
            place["after"] = _name(self._newest.head)  # an empty file has no name but the one of its predecessor
        return place

    def mark(self, place: dict[str, Any] | None) -> Mark:
        """Where `place` lies within this reading; before everything if it is unknown here."""
        if place:
            for number, part in enumerate(self._parts):
                if _is_head(part.head, place) and (place["head_bytes"] or part.inode == place["inode"]):
                    return number, int(place["offset"])
        return -1, 0

    def knows(self, place: dict[str, Any]) -> bool:
        """Say whether a saved place can still be gone on from, in the file or in one that was rotated.

        Raises:
            RejectedError, RetryLaterError: as `lines`.
        """
        self.lost = False
        try:
            self._plan(place, 0.0)
        except OSError as error:
            raise RetryLaterError(f"{self._path} cannot be read: {error.strerror or error}") from error
        return not self.lost

    def _plan(self, place: dict[str, Any] | None, oldest: float) -> list[_Part]:
        current = _look(self._path)
        rotated = self._rotated()
        self._newest = rotated[-1] if rotated else None
        if place is None:
            return [part for part in rotated if part.modified >= oldest] + ([current] if current else [])
        if not place["head_bytes"]:
            return [*_after(rotated, place.get("after")), *([current] if current else [])]
        if current and _continues(current, place):
            return [_from(current, place)]
        for number, part in enumerate(rotated):
            if _continues(part, place):
                later = [one for one in rotated[number + 1 :] if one.inode != part.inode]
                return [_from(part, place), *later, *([current] if current else [])]
        self.lost = True
        return [part for part in rotated if part.modified >= place.get("at", oldest)] + ([current] if current else [])

    def _rotated(self) -> list[_Part]:
        folder, name = os.path.split(self._path)
        parts = []
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith((f"{name}.", f"{name}-")):
                    with contextlib.suppress(RejectedError):  # a folder or pipe of that name is not ours
                        parts.append(_look(entry.path))
        return sorted((part for part in parts if part), key=lambda part: (part.modified, part.path))

    def _read(self, number: int, part: _Part, *, last: bool) -> Iterator[tuple[Mark, list[str]]]:
        with _open(part.path) as file:
            file.seek(part.start)
            offset, pending = part.start, b""
            self._end = (number, offset)
            while chunk := self._chunk(file):
                pending += chunk
                *lines, pending = _split(pending)
                for line in lines:
                    self._end = (number, offset + len(line))
                    fields = self._fields(line)
                    if fields:
                        yield (number, offset), fields
                    offset += len(line)
                if len(pending) > _MAX_LINE:
                    self.garbage += 1
                    offset += len(pending)
                    pending = b""
            if pending and not last:
                # Nobody writes to a rotated file any more: what stands there is all there will be.
                self._end = (number, offset + len(pending))
                fields = self._fields(pending)
                if fields:
                    yield (number, offset), fields

    def _chunk(self, file: IO[bytes]) -> bytes:
        try:
            return file.read(_CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.garbage += 1  # a damaged archive: what came before it counts, the next file goes on
            return b""

    def _fields(self, line: bytes) -> list[str]:
        if not line.strip():
            return []
        try:
            text = line.decode()
        except UnicodeDecodeError:
            text = line.decode("latin-1")  # a caller name that some provider sent so; every byte has a letter
        try:
            return next(csv.reader([text.rstrip("\r\n")]), [])
        except csv.Error:
            self.garbage += 1
            return []


def _split(data: bytes) -> list[bytes]:
    """Cut into lines, keeping a line break within quotes; the last item is what has no end yet."""
    lines, start, at = [], 0, 0
    while (at := data.find(b"\n", at)) >= 0:
        at += 1
        # A caller name may hold a line break. Quotes inside fields are doubled, so an odd number means "inside". If
        # the next line opens with a quote this one was simply broken, and must not swallow what follows.
        inside = data.count(b'"', start, at) % 2 and data[at : at + 1] != b'"' and at - start < _MAX_LINE
        if inside and at < len(data):
            continue
        if inside:
            break
        lines.append(data[start:at])
        start = at
    return [*lines, data[start:]]


def _look(path: str) -> _Part | None:
    """See what file this is; None where there is none, or nothing that we read."""
    try:
        with _open(path) as file:
            found = os.fstat(file.fileno())
            return _Part(path, found.st_ino, found.st_mtime, file.read(_HEAD))
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
        return None


@contextlib.contextmanager
def _open(path: str) -> Iterator[IO[bytes]]:
    # Non-blocking, so that a FIFO put in the file's place cannot hold us for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RejectedError(f"{path} is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        if path.endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield file


def _is_head(head: bytes, place: dict[str, Any]) -> bool:
    wanted = int(place["head_bytes"])
    return len(head) >= wanted and hashlib.sha256(head[:wanted]).hexdigest() == place["head"]


def _name(head: bytes) -> dict[str, Any]:
    return {"head": hashlib.sha256(head).hexdigest(), "head_bytes": len(head)}


def _after(rotated: list[_Part], name: dict[str, Any] | None) -> list[_Part]:
    """The rotated files that are younger than the one of this name; all of them, where there was none."""
    for number, part in enumerate(rotated):
        if name and _is_head(part.head, name):
            return rotated[number + 1 :]
    return rotated


def _continues(part: _Part, place: dict[str, Any]) -> bool:
    return _is_head(part.head, place) and _size(part) >= int(place["offset"])


def _size(part: _Part) -> int:
    with _open(part.path) as file:
        try:
            return file.seek(0, os.SEEK_END)  # a compressed file is unpacked for this
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return 0


def _from(part: _Part, place: dict[str, Any]) -> _Part:
    return _Part(part.path, part.inode, part.modified, part.head, int(place["offset"]))
