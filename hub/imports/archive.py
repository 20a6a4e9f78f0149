"""The files that come with an import: a ZIP, which nobody believes, or a folder that is packed into one. Knows no database.

Nothing of it is ever written under a name of its own: names only say which file a row means. A row may name a file by less of
its path than the archive has, or by more; one that could be two files is none.
"""

import errno
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from lzma import LZMAError
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.errors import UserError

MIB = 1 << 20
BLOCK = MIB
MOST_FILES = 100_000
LARGEST_LIST = 32 * MIB  # bytes of the list of what is in an archive
LARGEST_RATIO = 300  # of what is unpacked to what is packed
SMALL = 16 * MIB  # below that a ratio of one file says nothing, below the next one that of all of them
SMALL_TOGETHER = 1024 * MIB
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods")
INDEX = "index"
# In which old programs wrote names: of the interface's five languages, and of their forerunners under DOS.
ENCODINGS = ("cp862", "cp1255", "cp866", "cp1251", "cp852", "cp1250", "cp1256", "cp864", "cp437", "cp1252")
_LONGEST_END = 22 + 20 + 56 + 0xFFFF  # bytes of the end of a ZIP, with its comment
_UTF8 = 0x800
_ENCRYPTED = 0x1
_UNICODE_PATH = 0x7075  # Source: APPNOTE.TXT of PKWARE, section 4.6.9
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError,
    LZMAError,
)  # fmt: skip
_OF_THE_FILE = (
    None,
    errno.EINVAL,
)  # errors of a system that are ours: a place before the beginning, a stream that is none
Parts = tuple[str, ...] | tuple[bytes, ...]


class Trouble(StrEnum):
    """Why a file cannot be had; also the reason of a refused row."""

    NO_FILE = "no_file"
    TWO_FILES = "two_files"
    BAD_FILE = "bad_file"  # damaged, protected by a password, or no file at all
    LARGE_FILE = "large_file"


class TroubleError(Exception):
    """A file cannot be had."""

    def __init__(self, trouble: Trouble, said: str) -> None:
        super().__init__(said)
        self.trouble, self.said = trouble, said


@dataclass(frozen=True, slots=True)
class _Entry:
    info: zipfile.ZipInfo
    parts: Parts


class Archive:
    """An open ZIP of files."""

    def __init__(self, path: Path, *, largest: int) -> None:
        """Read what is in it.

        Args:
            largest: bytes of one file.

        Raises:
            UserError: it is no ZIP, has too much in it, or would unpack to far more than it is.
        """
        self._largest = largest
        try:
            _look_at_end(path)
            self._zip = zipfile.ZipFile(path)
        except (*_BROKEN, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _OF_THE_FILE:
                raise
            raise UserError(
                "The archive is damaged, or no ZIP. Pack the files anew.", error_id="bad_archive", field="file"
            ) from error
        with ExitStack() as unless_read:
            unless_read.callback(self.close)
            self._read(path.stat().st_size)
            unless_read.pop_all()

    def _read(self, size: int) -> None:
        infos = [one for one in self._zip.infolist() if not one.is_dir()]
        if len(infos) > MOST_FILES:
            raise _large()
        together = sum(one.file_size for one in infos)
        if together > max(SMALL_TOGETHER, LARGEST_RATIO * size):
            raise UserError(
                "The archive unpacks to far more than it is. Pack the files anew.", error_id="zip_bomb", field="file"
            )
        self._entries = [_Entry(one, parts) for one in infos if (parts := _parts_of(one))]
        self._by_name: dict[str | bytes, list[int]] = {}
        for at, entry in enumerate(self._entries):
            self._by_name.setdefault(entry.parts[-1], []).append(at)
        self._longer: dict[int, Parts] = {}  # which longer path a file was taken for
        self._clashes: set[int] = set()  # files that rows take for several

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    # --- which file is meant --------------------------------------------------------------------------------------

    def learn(self, paths: Iterable[str]) -> None:
        """Hear of all paths that rows name, so that no file is taken for two of them."""
        for path in paths:
            wanted = _parts(path)
            for at in self._found(wanted) if wanted else ():
                if len(self._entries[at].parts) < len(wanted) and self._longer.setdefault(at, wanted) != wanted:
                    self._clashes.add(at)

    def find(self, path: str) -> zipfile.ZipInfo:
        """Return the file that a row means.

        Raises:
            TroubleError: there is none, or more than one that it could be.
        """
        wanted = _parts(path)
        found = self._found(wanted) if wanted else []
        if not found:
            raise TroubleError(Trouble.NO_FILE, path)
        [first, *others] = found
        if others or (first in self._clashes and len(self._entries[first].parts) < len(wanted)):
            raise TroubleError(Trouble.TWO_FILES, path)
        return self._entries[first].info

    def _found(self, wanted: tuple[str, ...]) -> list[int]:
        """Return the files whose paths agree with most of the wanted one, as far as both go."""
        best, found = (0, False), list[int]()
        for form in _forms(wanted):
            for at in self._by_name.get(form[-1], ()):
                parts = self._entries[at].parts
                both = min(len(parts), len(form))
                if parts[-both:] != form[-both:]:
                    continue
                likeness = (both, len(parts) == len(form))
                if likeness > best:
                    best, found = likeness, [at]
                elif likeness == best and at not in found:
                    found.append(at)
        return found

    # --- what is in it --------------------------------------------------------------------------------------------

    def blocks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield a file.

        Raises:
            TroubleError: it is no file, too large, damaged, or protected by a password.
        """
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise TroubleError(Trouble.BAD_FILE, f"{info.filename}: it is a link")
        if info.flag_bits & _ENCRYPTED:
            raise TroubleError(Trouble.BAD_FILE, f"{info.filename}: it is protected by a password")
        if info.file_size > self._largest:
            raise TroubleError(Trouble.LARGE_FILE, f"{info.filename}: it has more than {self._largest // MIB} MB")
        if info.file_size > max(SMALL, LARGEST_RATIO * info.compress_size):
            raise TroubleError(Trouble.LARGE_FILE, f"{info.filename}: it unpacks to far more than it is")
        size = 0
        try:
            with self._zip.open(info) as file:
                while block := file.read(BLOCK):
                    size += len(block)
                    if size > self._largest:  # whatever it says of itself
                        raise TroubleError(Trouble.LARGE_FILE, f"{info.filename}: it has more than it says")
                    yield block
        except OSError as error:
            if error.errno not in _OF_THE_FILE:
                raise
            raise TroubleError(Trouble.BAD_FILE, f"{info.filename}: it is damaged") from error
        except _BROKEN as error:
            raise TroubleError(Trouble.BAD_FILE, f"{info.filename}: it is damaged") from error

    def index(self) -> tuple[str, Iterator[bytes]]:
        """Return the name of the table that says what the files are, and its content.

        It is the one called `index`, else the only table there; those nearest to the top count.

        Raises:
            UserError: there is none, or more than one.
        """
        tables = [
            (len(one.parts), name, one.info)
            for one in self._entries if (name := _shown(one)).casefold().endswith(TABLES)
        ]  # fmt: skip
        named = [one for one in tables if one[1].rpartition(".")[0].casefold() == INDEX]
        top = min((depth for depth, _, _ in named or tables), default=0)
        some = [(name, info) for depth, name, info in named or tables if depth == top]
        if len(some) != 1:
            raise UserError(
                "The archive needs one table that says whose each file is: put index.csv or index.xlsx into it.",
                error_id="no_index", field="file",
            )  # fmt: skip
        [(name, info)] = some
        return name, self._said(info)

    def _said(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            yield from self.blocks(info)
        except TroubleError as error:
            raise UserError(f"The table in the archive cannot be read: {error.said}.", error_id="no_index") from error


def _look_at_end(path: Path) -> None:
    """Refuse a list of contents that would fill the memory, before anything reads it. Source: APPNOTE.TXT, sections 4.3.14-16."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_END))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        length = struct.unpack_from("<I", tail, at + 12)[0] if at >= 0 else 0
        if length == 0xFFFFFFFF and (near := tail.rfind(b"PK\x06\x07", 0, at)) >= 0:
            file.seek(struct.unpack_from("<Q", tail, near + 8)[0])
            length = struct.unpack_from("<Q", file.read(56), 40)[0]
    if length > LARGEST_LIST:
        raise _large()


def _large() -> UserError:
    return UserError(
        f"The archive has more than {MOST_FILES} files. Bring them in parts.", error_id="large_archive", field="file"
    )


def _shown(entry: _Entry) -> str:
    last = entry.parts[-1]
    return last if isinstance(last, str) else last.decode("cp437")


# --- names --------------------------------------------------------------------------------------------------------


def _parts_of(info: zipfile.ZipInfo) -> Parts:
    """Return the path of a file, as bytes where nobody says in which encoding; empty: it leads out of the archive."""
    if info.flag_bits & _UTF8:
        return _folded(_parts(info.filename))
    raw = info.filename.encode("cp437", "replace")
    try:
        return _folded(_parts(_unicode_path(info, raw) or raw.decode()))
    except UnicodeDecodeError:
        parts = tuple(one for one in raw.lower().replace(b"\\", b"/").split(b"/") if one not in (b"", b"."))
        return () if b".." in parts else parts


def _unicode_path(info: zipfile.ZipInfo, raw: bytes) -> str:
    """Return the name that newer programs write beside the one in an old encoding."""
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        held, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(held) > 5 and struct.unpack_from("<I", held, 1)[0] == zlib.crc32(raw):
            return held[5:].decode()
    return ""


def _parts(path: str) -> tuple[str, ...]:
    """Return a path by its parts, without drive and server signs; empty: it is none, or leads upwards."""
    plain = unicodedata.normalize("NFC", path.strip()).replace("\\", "/")
    parts = tuple(one for one in plain.split("/") if one not in ("", ".") and not one.endswith(":"))
    return () if ".." in parts else parts


def _folded(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one.casefold() for one in parts)


def _forms(wanted: tuple[str, ...]) -> Iterator[Parts]:
    """Yield a path as archives may have it: as text, and in old encodings, where case counts beyond ASCII."""
    yield _folded(wanted)
    if all(one.isascii() for one in wanted):
        return
    seen: set[Parts] = set()
    for encoding in ENCODINGS:
        try:
            form = tuple(one.encode(encoding).lower() for one in wanted)
        except UnicodeEncodeError:
            continue
        if form not in seen:
            seen.add(form)
            yield form


# --- a folder -----------------------------------------------------------------------------------------------------


class _Pipe:
    """What a ZIP is written to: it is read as it comes, and nobody goes back in it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, block: bytes) -> int:
        self._parts.append(bytes(block))
        return len(block)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        found, self._parts = b"".join(self._parts), []
        return found


def packed(folder: Path, *, largest: int) -> Iterator[bytes]:
    """Yield a folder as a ZIP, the same each time as long as the folder is; links are left out.

    Args:
        largest: bytes of one file; of a larger one so much is taken that it is seen to be too large.

    Raises:
        UserError: a file cannot be read, or there are too many.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # all that is asked of it
        for name, path in _files(folder):
            info = zipfile.ZipInfo(name)
            try:
                with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as out:
                    left = largest + 1
                    while left and (block := source.read(min(BLOCK, left))):
                        out.write(block)
                        left -= len(block)
                        yield pipe.taken()
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}.", error_id="no_file") from error
    yield pipe.taken()


def _files(folder: Path) -> Sequence[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if stat.S_ISREG(path.lstat().st_mode):
                found.append((str(path.relative_to(folder)).encode("utf-8", "replace").decode(), path))
        if len(found) > MOST_FILES:
            raise UserError(
                f"{folder} has more than {MOST_FILES} files. Bring them in parts.", error_id="large_archive"
            )
    return sorted(found)
