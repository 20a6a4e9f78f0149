"""Sheets of xlsx, xls and ods, read by a program of its own (`cells`), so that a hostile one harms nothing but itself."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.errors import UserError
from hub.imports.reading import cells
from hub.imports.reading.table import Look, Raw

LARGEST_UNPACKED = 2 << 30  # bytes; a million rows of 12 columns are about 600 MB
LARGEST_RATIO = 300  # of what is unpacked to what is packed; sheets of equal rows reach about 100
_SMALL = 16 << 20  # bytes; below that a ratio says nothing
MOST_PARTS = 10_000
_WORDS = {
    "password": "The file is protected by a password. Open it, take the password off, save it and bring it again.",
    "no_sheet": "There is no sheet of this name in the file. Choose another one.",
    "broken_sheet": "The spreadsheet is damaged or of a kind that cannot be read. "
    "Open it in your spreadsheet program and save it as xlsx or CSV.",
    "sheet_too_large": "The spreadsheet needs more memory or time than an import may take. Save the sheet as CSV and bring that.",
    "zip_bomb": "The file unpacks to far more than a spreadsheet has. Save the sheet as CSV and bring that.",
}


def refusal(code: str) -> UserError:
    return UserError(_WORDS[code], error_id=code, field="sheet" if code == "no_sheet" else "file")


def check_archive(path: Path) -> None:
    """Look at what an xlsx or ods would unpack to, before anything of it is unpacked.

    Raises:
        UserError: it is damaged, protected, or a bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refusal("broken_sheet") from error
    unpacked = sum(one.file_size for one in parts)
    packed = sum(one.compress_size for one in parts)
    if any(one.flag_bits & 1 for one in parts):
        raise refusal("password")
    if (
        len(parts) > MOST_PARTS
        or unpacked > LARGEST_UNPACKED
        or (unpacked > _SMALL and unpacked > LARGEST_RATIO * packed)
    ):
        raise refusal("zip_bomb")


def names(path: Path) -> tuple[str, ...]:
    """Return the names of the sheets that a person sees, in their order. Raises UserError."""
    with _said(path) as lines:
        return tuple(_answer(lines)["sheets"])


class Sheet:
    """The cells of one sheet. Rows carry their number in the sheet."""

    def __init__(self, path: Path, look: Look) -> None:
        self.total: int | None = None
        self._path = path
        self._name = look.sheet
        self._at = 0

    def progress(self) -> float:
        return min(self._at / self.total, 1.0) if self.total else 0.0

    def raw(self) -> Generator[Raw, None, None]:
        with _said(self._path, self._name) as lines:
            _answer(lines)
            self.total = _answer(lines)["total"]
            while (batch := _answer(lines)) is not None:
                for number, values, trouble in batch:
                    self._at = number
                    yield number, values, trouble
            self._at = self.total or 0


@contextmanager
def _said(*arguments: str | Path) -> Iterator[Iterator[bytes]]:
    """Start the program; it ends with the block, whatever happens in it."""
    program = [sys.executable, "-I", str(Path(cells.__file__)), *map(str, arguments)]
    with subprocess.Popen(  # noqa: S603 - our own file, without a shell
        program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            yield iter(process.stdout)
        finally:
            process.kill()


def _answer(lines: Iterator[bytes]) -> Any:
    line = next(lines, b"")
    if not line.endswith(b"\n"):
        raise refusal("sheet_too_large")  # it ended in the middle of it
    answer = json.loads(line)
    if isinstance(answer, dict) and "error" in answer:
        raise refusal(answer["error"])
    return answer
