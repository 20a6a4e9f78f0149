"""The files of a watched folder. They are left in place, and what is read stays when its file is moved away.

A file is known by its name, its size and the moments of its last change, all of which the cursor keeps in short: no clock of
a file server has to agree with ours, and a file that is put there with an old date is found. One that is still being written
rests first. A file that cannot be read is a record too: it waits, set aside, until the file is mended or gone.
"""

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.einvoice.records import RECORDS, record_of
from connectors.einvoice.settings import EinvoiceSettings
from hub.connector.einvoice.payload import unreadable
from hub.connector.einvoice.safe import LARGEST
from hub.connector.stream import Change, Cursor, Gone, Page, Phase, Upsert
from hub.errors import DisabledError, RetryLaterError, ScopeError, ShapeError

MOST_FILES = 20_000  # the cursor knows each by 12 letters
PAGE_FILES, PAGE_BYTES = 200, 64 * 2**20
_READ = "1"  # there is no place to go on from but what is known


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as the folder lists it."""

    name: str
    size: int
    changed_at: float  # seconds, by the clock of the disk
    mark: str  # the same as long as nobody touches it

    @property
    def failure(self) -> str:
        """What its record is called if it cannot be read."""
        return unreadable(self.name, "")[0]


@dataclass(frozen=True)
class FolderStream:
    """The invoices of one folder."""

    settings: EinvoiceSettings

    key: str = RECORDS
    records: str = RECORDS
    mailbox: str = ""
    every: timedelta = timedelta(minutes=1)
    full_every: timedelta | None = None

    @property
    def title(self) -> str:
        return f"Invoices in {Path(self.settings.folder).name or self.settings.folder}"

    @property
    def asked(self) -> str:
        told = f"{self.settings.folder}\0{self.settings.pattern}"
        return f"files 1 {hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

    def begin(self) -> Cursor:
        """Return the beginning: nothing is known."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Read some files that are new or changed.

        Raises:
            RetryLaterError: the folder is not there now.
            ScopeError, DisabledError: an administrator is needed; says for what.
        """
        known = set(str(cursor.rest.get("known", "")).split())
        failed = set(str(cursor.rest.get("failed", "")).split())
        files = listed(self.settings)
        new = [one for one in files if one.mark not in known]
        ripe = [one for one in new if _is_at_rest(one, self.settings, cursor)]
        some = _page(ripe)
        changes: list[Change] = []
        for one in some:
            read = self._read(one)
            if read is None:  # somebody writes it just now
                continue
            known.add(one.mark)
            is_bad = read.remote_id == one.failure
            changes += [read] if is_bad or one.failure not in failed else [Gone(one.failure), read]
            failed = failed | {one.failure} if is_bad else failed - {one.failure}
        vanished = failed - {one.failure for one in files}
        changes += [Gone(one) for one in sorted(vanished)]
        more = len(some) < len(ripe)
        marks = {one.mark for one in files}
        rest: dict[str, Any] = {
            "known": " ".join(sorted(known & marks)), "failed": " ".join(sorted(failed - vanished)),
            "waiting": cursor.rest.get("waiting", "") if more else " ".join(sorted(marks - known)),
        }  # fmt: skip
        following = replace(cursor, phase=cursor.phase if more else Phase.INCREMENTAL, token=_READ, rest=rest)
        # A document stays when its file is moved away.
        return Page(changes, following, more=more, complete=False, expected=len(files))

    def _read(self, file: Seen) -> Upsert | None:
        try:
            data = content(self.settings, file)
            if data is None:
                return None
            found = record_of(data)
        except ShapeError as error:
            return Upsert(*_plain(unreadable(file.name, str(error))))
        return Upsert(found.remote_id, found.payload, found.version)


def listed(settings: EinvoiceSettings) -> list[Seen]:
    """Return the files of the folder that are to be read, those that changed first coming first.

    Raises:
        ConnectorError: as of `FolderStream.pull`.
    """
    where = f"The folder {settings.folder}"
    found: list[Seen] = []
    try:
        with os.scandir(settings.folder) as entries:
            for entry in entries:
                if settings.wants(entry.name) and not entry.is_dir():
                    found.append(_seen(entry))
                if len(found) > MOST_FILES:
                    raise DisabledError(
                        f"{where} holds more than {MOST_FILES} files; move old ones away, they stay known."
                    )
    except FileNotFoundError as error:
        raise RetryLaterError(f"{where} is not there; is its disk or share connected?") from error
    except NotADirectoryError as error:
        raise DisabledError(f"{where} is no folder.") from error
    except PermissionError as error:
        raise ScopeError(f"{where} may not be read by the user that the hub runs as.") from error
    except OSError as error:
        raise RetryLaterError(f"{where} cannot be read: {error.strerror or type(error).__name__}") from error
    return sorted(found, key=lambda one: (one.changed_at, one.name))


def content(settings: EinvoiceSettings, file: Seen) -> bytes | None:
    """Return what is in a file; None: it changed while it was read.

    Raises:
        ShapeError: it is none, too large, a link that leads away, or nobody lets us read it.
    """
    if file.size > LARGEST:
        raise ShapeError(f"the file is larger than {LARGEST // 2**20} MB")
    try:
        descriptor = os.open(_inside(settings, file.name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise ShapeError("it is no file")
            data = opened.read(LARGEST + 1)
            after = os.fstat(descriptor)
    except OSError as error:
        raise ShapeError(f"the file cannot be opened: {error.strerror or type(error).__name__}") from error
    is_whole = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and len(data) == after.st_size
    return data if is_whole else None


def _seen(entry: os.DirEntry[str]) -> Seen:
    try:
        facts = entry.stat()
    except OSError:  # a link that leads nowhere, or a file that went this moment
        facts = entry.stat(follow_symlinks=False)
    told = f"{entry.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ctime_ns}"
    mark = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return Seen(entry.name, facts.st_size, max(facts.st_mtime, facts.st_ctime), mark)


def _inside(settings: EinvoiceSettings, name: str) -> Path:
    """Return where a file really is. Raises ShapeError: outside the folder."""
    folder = Path(settings.folder).resolve()
    path = folder / name
    if not path.is_symlink():
        return path
    real = path.resolve()
    if not real.is_relative_to(folder):
        raise ShapeError("it is a link that leads out of the folder")
    return real


def _is_at_rest(file: Seen, settings: EinvoiceSettings, cursor: Cursor) -> bool:
    """Say whether nobody writes a file any more: untouched for a while, or since the look before, whatever its clock says."""
    return (
        time.time() - file.changed_at >= settings.settle_s or file.mark in str(cursor.rest.get("waiting", "")).split()
    )


def _page(files: Sequence[Seen]) -> list[Seen]:
    """Return the first files, as many as fit; at least one."""
    found: list[Seen] = []
    left = PAGE_BYTES
    for one in files[:PAGE_FILES]:
        left -= one.size
        if found and left < 0:
            break
        found.append(one)
    return found


def _plain(made: tuple[str, Any]) -> tuple[str, dict[str, Any]]:
    remote_id, payload = made
    return remote_id, dict(payload)
