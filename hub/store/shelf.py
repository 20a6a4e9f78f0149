"""Files on disk, named by the hash of what is in them: there whole or not at all, and never changed.

    receive   a temporary file in `incoming/`, written, hashed, flushed to the disk
    scan      the temporary file is looked at by the scanner's program, where there is one
    place     renamed to its name in one step; only then may a row of the database point to it
    sweep     what no row points to goes, and temporary files that nobody writes any more

A process that dies while it receives or scans leaves a temporary file, which the sweep removes after a day. One that dies
between `place` and the commit of the row leaves a file that nobody points to: the next try puts the same bytes at
the same name, or the sweep removes it. A row that points to no file cannot come of this; if somebody took the file away,
it is fetched again. `place` and `sweep` never run at the same time: their callers hold the same lock of the database.
"""

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from hub import log
from hub.errors import HubError

OLD_S = 24 * 3600.0  # age at which a temporary file is nobody's
MIB = 2**20
SOME = 500  # names of one question
_log = log.get(__name__)


class TooLargeError(HubError):
    """The file is larger than what is kept; what was received of it is gone again."""


class Verdict(StrEnum):
    CLEAN = "clean"
    INFECTED = "infected"
    UNKNOWN = "unknown"  # the scanner could not say


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that was received whole and has no place yet."""

    path: Path
    sha256: str
    size: int

    def drop(self) -> None:
        """Remove it, unless it has its place by now."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of files.

    Args:
        largest: bytes.
        scanner: program and arguments, to which a file's path is added; empty: nobody looks.
    """

    folder: Path
    largest: int
    scanner: Sequence[str] = ()
    scan_s: float = 60.0

    def receive(self, blocks: Iterable[bytes]) -> Draft:
        """Write a file as it arrives.

        Raises:
            TooLargeError: it is.
        """
        incoming = self._incoming()
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=incoming)
        digest, size = hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                for block in blocks:
                    size += len(block)
                    if size > self.largest:
                        raise TooLargeError(f"more than {self.largest // MIB} MB")
                    digest.update(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Draft(Path(name), digest.hexdigest(), size)

    def scan(self, draft: Draft) -> tuple[Verdict, str]:
        """Let the scanner look at a file; returns what it says, with its words where it could not say."""
        if not self.scanner:
            return Verdict.CLEAN, ""
        try:
            done = subprocess.run(  # noqa: S603 - the administrator's own program, without a shell
                [*self.scanner, str(draft.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self.scan_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            why = f"no answer in {self.scan_s:g} seconds"
        except OSError as error:
            why = f"{type(error).__name__}: {error.strerror}"
        else:
            if done.returncode in {0, 1}:  # as clamscan and its like: man clamscan, RETURN CODES
                return (Verdict.INFECTED if done.returncode else Verdict.CLEAN), ""
            why = f"exit code {done.returncode}"
        _log.warning("a file could not be looked at by the scanner", why=why)
        return Verdict.UNKNOWN, why

    def place(self, draft: Draft) -> None:
        """Give a file its name; afterwards it is there after a power cut too."""
        target = self._path(draft.sha256)
        if not target.parent.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            flush(self.folder)
        draft.path.replace(target)
        flush(target.parent)

    def open(self, sha256: str) -> BinaryIO:
        """Open a file.

        Raises:
            FileNotFoundError: somebody took it away.
        """
        return self._path(sha256).open("rb")

    def names(self) -> Iterator[str]:
        """Return the hash of every file."""
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            yield from [file.name for file in folder.iterdir()]

    def remove(self, sha256: str) -> None:
        """Take a file away."""
        self._path(sha256).unlink(missing_ok=True)

    def sweep(self, held: Callable[[list[str]], Collection[str]], *, limit: int) -> int:
        """Remove files that no row points to, about so many at most, and what dead writers left; returns how many.

        Args:
            held: returns which of some names rows point to; nobody may place a file at the same time.
        """
        removed, rest = 0, self.names()
        while removed < limit and (some := list(islice(rest, SOME))):
            gone = set(some).difference(held(some))
            for name in gone:
                self.remove(name)
            removed += len(gone)
        return removed + self.sweep_incoming()

    def sweep_incoming(self) -> int:
        """Remove temporary files that nobody writes any more; returns how many."""
        count = 0
        for file in self._incoming().glob("*"):
            with suppress(FileNotFoundError):  # its writer was faster
                if time.time() - file.stat().st_mtime > OLD_S:
                    file.unlink()
                    count += 1
        return count

    def _incoming(self) -> Path:
        return self.folder / "incoming"

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256


def flush(folder: Path) -> None:
    """Write a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
