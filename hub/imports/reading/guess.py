"""Guess how a file is to be read: what it is by its first bytes, never by its name; then encoding, delimiter and header."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from clevercsv.detect import Detector

from hub.errors import UserError
from hub.imports.reading import sheet
from hub.imports.reading.delimited import Delimited, said_delimiter
from hub.imports.reading.encoding import SAMPLE, Lines, decoded, guessed, shown
from hub.imports.reading.page import Page, declared
from hub.imports.reading.table import Look, Raw

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED = 1 << 15  # characters; more makes the guess slower and no better
_ROWS = 30  # rows among which the header is looked for
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IN_OLE = {
    name: name.encode("utf-16-le")
    for name in ("Workbook", "WORKBOOK", "Book", "BOOK", "EncryptedPackage", "EncryptionInfo")
}
_OLD_EXCEL = (
    b"\x09\x00\x04\x00",
    b"\x09\x02\x06\x00",
    b"\x09\x04\x06\x00",
)  # Excel 2 to 4, from before there were books
_AS_TABLE = "Open it in a spreadsheet program and save it as xlsx or CSV."
# What a file begins with that is no table, and what to do.
_OTHERS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    ((b"%PDF",), "pdf_file", "This is a PDF, which is made for reading only. Export a table (xlsx, CSV) from the old system."),
    ((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"), "picture_file", "This is a picture. Export a table from the old system."),
    ((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd"), "packed_file", "This file is packed. Unpack it and bring what is inside."),
    ((b"SQLite format 3\0",), "database_file", "This is a database. Import from it with a query."),
    ((b"\0\x01\0\0Standard",), "database_file", "This is an Access database. Export its tables as xlsx or CSV."),
    (_OLD_EXCEL, "old_sheet", f"This spreadsheet is of a version before 1993. {_AS_TABLE}"),
)  # fmt: skip
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|meta|style|body|table|div)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML = re.compile(r"\s*<(?:\?xml|[A-Za-z][\w:.-]*[\s>/])")
_CONTROL = re.compile(
    r"[\x01-\x08\x0e-\x19\x1c-\x1f]"
)  # not NUL, which padding is made of, and not what ends a file of DOS
_VALUE = re.compile(
    r"[\s+()\d.,:/%$€₪£-]*\d[\s\d.,:/%$€₪£TZ-]*"  # numbers, money, days, telephone numbers
    r"|[^@\s]+@[^@\s]+\.[^@\s]+"
    r"|https?://\S+|www\.\S+"
    r"|true|false|yes|no",
    re.IGNORECASE,
)


def look(path: Path, *, languages: Sequence[str] = (), name: str = "") -> Look:
    """Guess how a file is to be read.

    Args:
        languages: the customer's, such as "he"; their encodings are the likelier ones.
        name: what the person calls the file; used in words only.

    Raises:
        UserError: nothing can read it; says what to do.
    """
    called = f"{name[:100]}: " if name else ""
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE)
        if not head.strip(b"\0\x1a \t\r\n\xef\xbb\xbf\xff\xfe") and path.stat().st_size <= SAMPLE:
            raise _refused("empty_file", "The file is empty. Choose another file.")
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return _of_archive(path)
        if head.startswith(_OLE):
            return _of_ole(path)
        for marks, code, words in _OTHERS:
            if head.startswith(marks):
                raise _refused(code, words)
        return _of_text(path, head, languages)
    except UserError as error:
        raise UserError(f"{called}{error}", error_id=error.error_id, field=error.field) from error


def _refused(code: str, words: str) -> UserError:
    return UserError(words, error_id=code, field="file")


def _of_archive(path: Path) -> Look:
    sheet.check_archive(path)
    try:
        kind = _kind_of_archive(path)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, RuntimeError, ValueError) as error:
        raise sheet.refusal("broken_sheet") from error
    return _of_sheets(path, kind)


def _kind_of_archive(path: Path) -> str:
    """Tell which spreadsheet it is. Raises UserError where it is none, and what zipfile raises."""
    with zipfile.ZipFile(path) as archive:
        parts = set(archive.namelist())
        if "xl/workbook.xml" in parts:
            return "xlsx"
        if {"content.xml", "mimetype", "META-INF/manifest.xml"} <= parts:
            with archive.open("mimetype") as part:
                is_sheet = b"opendocument.spreadsheet" in part.read(200)
            with archive.open("META-INF/manifest.xml") as part:
                is_locked = b"encryption-data" in part.read(1 << 20)
            if is_sheet and is_locked:
                raise sheet.refusal("password")
            if is_sheet:
                return "ods"
    if parts & {"xl/workbook.bin", "word/document.xml", "ppt/presentation.xml", "content.xml"}:
        raise _refused("not_a_sheet", f"This is a document, but no spreadsheet that can be read. {_AS_TABLE}")
    raise _refused("packed_file", "This file is packed. Unpack it and bring what is inside.")


def _of_ole(path: Path) -> Look:
    """Tell an old spreadsheet from what else Microsoft kept in this container: a protected xlsx, a document, a mail."""
    found: set[str] = set()
    with path.open("rb") as file:
        rest = b""
        while block := file.read(1 << 20):
            rest += block
            found |= {name for name, mark in _IN_OLE.items() if mark in rest}
            rest = rest[-64:]  # a name may be in two blocks
    if found & {"Workbook", "WORKBOOK", "Book", "BOOK"}:
        return _of_sheets(path, "xls")
    if found:
        raise sheet.refusal("password")
    raise _refused("not_a_sheet", f"This is a document, but no spreadsheet that can be read. {_AS_TABLE}")


def _of_sheets(path: Path, kind: str) -> Look:
    names = sheet.names(path)
    if not names:
        raise _refused("empty_file", "The spreadsheet has no sheet with cells. Choose another file.")
    chosen = Look(kind, sheet=names[0])
    for one in names:
        found = replace(chosen, sheet=one)
        rows = _first(sheet.Sheet(path, found).raw())
        if rows:
            return replace(found, header_row=header_of(rows))
    raise _refused("empty_file", "Every sheet of the file is empty. Choose another file.")


def _of_text(path: Path, head: bytes, languages: Sequence[str]) -> Look:
    encoding = guessed(path, languages)
    text = decoded(head, encoding).removeprefix("\ufeff")
    start = text.lstrip().upper()
    if start.startswith("BEGIN:VCARD"):
        return Look("vcard", encoding=encoding)
    if start.startswith("BEGIN:VCALENDAR"):
        return Look("ics", encoding=encoding)
    if _PAGE.match(text[:4_096]):
        return _of_page(path, text, encoding)
    if _XML.match(text[:4_096]):
        raise _refused("xml_file", f"This is XML. {_AS_TABLE}")
    if text.lstrip()[:1] in {"{", "["} and re.match(r'\s*[{\[]\s*["{\[\]}]', text):
        raise _refused("json_file", "This is JSON. Export a table (xlsx, CSV) from the old system.")
    if len(_CONTROL.findall(text)) > len(text) / 100 + 3 or text.count("\0") > len(text) / 2:
        raise _refused("binary_file", f"This is no table, and nothing that can be read. {_AS_TABLE}")
    found = _dialect(text, Look("csv", encoding=encoding))
    rows = _first(Delimited(Lines(path, encoding), found).raw())
    if not rows:
        raise _refused("empty_file", "The file is empty. Choose another file.")
    return replace(found, header_row=header_of(rows))


def _of_page(path: Path, text: str, encoding: str) -> Look:
    """Look at a web page: old systems save one under the name of a spreadsheet."""
    said = declared(text)
    if said and not encoding.startswith("utf-"):  # what is UTF-8 or has a mark is that, whatever it says
        encoding = said if not said.startswith("utf-") else encoding
    rows = _first(Page(Lines(path, encoding)).raw())
    if not rows:
        raise _refused("page_file", f"This is a web page, and there is no table in it. {_AS_TABLE}")
    return Look("html", encoding=encoding, header_row=header_of(rows))


def _dialect(text: str, found: Look) -> Look:
    """Find the delimiter and the quote: as the first line says, or as most of the rows do."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = lines.partition("\n")
    if said := said_delimiter(first):
        return replace(found, delimiter=said)
    sample = lines if len(lines) <= _SNIFFED else lines[:_SNIFFED].rpartition("\n")[0]
    sample = sample.replace("\0", "") or rest[:_SNIFFED]
    dialect = Detector().detect(shown(sample), delimiters=_DELIMITERS)
    few = [line for line in sample.split("\n") if line.strip()]
    if (
        dialect
        and dialect.delimiter
        and '"' not in sample
        and sum(dialect.delimiter in line for line in few) * 2 < len(few)
    ):
        return replace(found, delimiter="")  # a comma here and there in one column of words
    if dialect is None or not dialect.delimiter:
        # It found no pattern. A delimiter that is in the first line and in most of the others will do.
        likely = [(sum(one in line for line in few), one) for one in _DELIMITERS if few and one in few[0]]
        most, delimiter = max(likely, default=(0, ""))
        return replace(found, delimiter=delimiter if most > len(few) / 2 else "")
    return replace(found, delimiter=dialect.delimiter, quote=dialect.quotechar if dialect.quotechar == "'" else '"')


def _first(rows: Iterator[Raw]) -> list[Raw]:
    return [one for one in islice(rows, _ROWS * 10) if any(one[1])][:_ROWS]


def header_of(rows: Sequence[Raw]) -> int:
    """Guess which of the first rows has the names of the columns, as `Look.header_row`; -1 where none has.

    Titles above a table have fewer cells than it. A header has only words, none twice, and what is below is different.
    """
    widths = [sum(1 for cell in cells if cell.strip()) for _, cells, _ in rows]
    usual = sorted(widths)[len(widths) // 2]
    for (number, cells, _), width in zip(rows, widths, strict=True):
        if width < max(usual, 1) * 0.6 and number != rows[-1][0]:
            continue
        names = [cell.strip() for cell in cells if cell.strip()]
        if any(_VALUE.fullmatch(name) for name in names) or any(len(name) > 100 for name in names):
            return -1
        if len(rows) > 1 and len(set(names)) < len(names) / 2:
            return -1
        return number - 1
    return -1
