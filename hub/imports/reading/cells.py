"""Reads one sheet and writes its rows as lines of JSON: a program of its own, started by `sheet`.

A spreadsheet is a stranger's. One of 5 KB can ask for 500 GB of memory, and what reads it then ends the whole process, not
only the import. Here that process is this one: it has so much memory and time, and holds nothing else. It imports nothing of
the hub, so that it starts quickly; the hub takes from it only how values are written.

    cells.py PATH [SHEET]

Output: `{"sheets": [...], "total": n}`, then `[[number, cells, trouble], ...]` again and again, then `null`; or `{"error": code}`.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree as ET

MOST_MEMORY = 3 << 30  # bytes; a million rows of 12 columns need 1.5 GB
MOST_SECONDS = 1_800  # of processor time
LONGEST_CELL = 131_072
_AT_ONCE = 200  # rows in one line of output
_DIGITS = 10**15  # a spreadsheet keeps 15 digits of a number
_BLOCK = 1 << 20
ERROR_WORDS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
_ERROR_CELL = re.compile(rb'<(?:\w+:)?c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
_SUSPECT = re.compile(r"[\r\0]|#[NRVD]")  # what ERROR_WORDS begin with
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def written(value: object) -> str:
    """Write a value as text: whole numbers without a point, days and times as in ISO 8601, nothing as nothing.

    >>> written(502345678.0), written(0.1), written(datetime(2026, 1, 5)), written(True), written(timedelta(hours=30))
    ('502345678', '0.1', '2026-01-05', 'true', '30:00:00')
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case datetime():
            if value.tzinfo is None and value.time() == time():
                return value.date().isoformat()
            return value.isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            seconds = round(value.total_seconds())
            sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
            return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case None:
            return ""
    return str(value)


def _plain(values: list[object]) -> tuple[list[str], str]:
    """Write the cells of a row; texts as they are."""
    cells, trouble = [], ""
    for value in values:
        kind = type(value)
        if kind is str:
            cells.append(value)
            continue
        if (kind is float or kind is int) and abs(value) >= _DIGITS:  # type: ignore[arg-type]  # what `kind` says
            trouble = "long_number"
        cells.append(written(value))
    return cells, trouble  # type: ignore[return-value]  # the same


def _checked(cells: list[str], trouble: str) -> tuple[list[str], str]:
    """Look at every text of a row."""
    for at, cell in enumerate(cells):
        clean = cell.replace("\r\n", "\n").replace("\r", "\n")
        if clean in ERROR_WORDS:
            clean, trouble = "", trouble or "error_cell"
        if len(clean) > LONGEST_CELL:
            clean, trouble = clean[:LONGEST_CELL], "long_cell"
        if "\0" in clean:
            clean, trouble = clean.replace("\0", ""), "nul"
        cells[at] = clean
    return cells, trouble


def _error_rows(path: Path, sheet: str) -> frozenset[int]:
    """Return the rows of an xlsx that have error cells: the reader gives these as empty and does not say so."""
    rows: set[int] = set()
    with suppress(zipfile.BadZipFile, KeyError, ET.ParseError), zipfile.ZipFile(path) as archive:
        relations = {
            one.get("Id"): one.get("Target", "")
            for one in ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - expat bounds entities, and we are alone here
        }
        book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - the same
        found = [one for one in book.iter() if one.tag.endswith("}sheet") and one.get("name") == sheet]
        if not found:
            return frozenset()
        target = relations.get(found[0].get(_RELATION), "")
        with archive.open(target.lstrip("/") if target.startswith("/") else f"xl/{target}") as part:
            rest = b""
            while block := part.read(_BLOCK):
                rest += block
                if b't="e"' in rest:
                    rows.update(int(one[2]) for one in _ERROR_CELL.finditer(rest))
                rest = rest[max(rest.rfind(b"<"), 0) :][-10_000:]
    return frozenset(rows)


def _rows(book: object, name: str, path: Path) -> Iterator[object]:
    sheet = book.get_sheet_by_name(name)  # type: ignore[attr-defined]  # python_calamine is imported only where it reads
    yield {"total": sheet.height}
    if sheet.start is None:
        return
    errors = _error_rows(path, name) if zipfile.is_zipfile(path) else frozenset[int]()
    before = [""] * sheet.start[1]
    batch: list[object] = []
    for number, values in enumerate(sheet.iter_rows(), 1):
        cells, trouble = _plain(values)
        if _SUSPECT.search(joined := "".join(cells)) or len(joined) > LONGEST_CELL:
            cells, trouble = _checked(cells, trouble)
        if number in errors:
            trouble = trouble or "error_cell"
        if any(cells) or trouble:
            batch.append((number, before + cells, trouble))
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    yield batch


def _sheets(book: object) -> list[str]:
    """Return the sheets with cells, in the order of the book; the hidden ones only where nothing else is there."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - after the limits are set

    all_of_them = [one for one in book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]  # type: ignore[attr-defined]  # see above
    seen = [one.name for one in all_of_them if one.visible == SheetVisibleEnum.Visible]
    return seen or [one.name for one in all_of_them]


def _limit() -> None:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a stricter limit is there already
            resource.setrlimit(what, (most, most))


def main(arguments: list[str], out: TextIO) -> None:
    _limit()
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorksheetNotFound  # noqa: PLC0415 - after the limits are set

    def tell(what: object) -> None:
        out.write(json.dumps(what) + "\n")

    path = Path(arguments[0])
    try:
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            tell({"sheets": _sheets(book)})
            if len(arguments) > 1:
                for one in _rows(book, arguments[1], path):
                    tell(one)
                tell(None)
    except PasswordError:
        tell({"error": "password"})
    except WorksheetNotFound:
        tell({"error": "no_sheet"})
    except CalamineError:
        tell({"error": "broken_sheet"})
    except BrokenPipeError:
        sys.stderr.close()  # who started us has enough
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a fault of the reader, which is no Exception
            raise
        tell({"error": "broken_sheet"})


if __name__ == "__main__":
    main(sys.argv[1:], sys.stdout)
