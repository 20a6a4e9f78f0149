"""Tables of a web page: what many old systems write under the name of an Excel file."""

import codecs
import re
from collections.abc import Generator, Iterator

from lxml import etree

from hub.errors import UserError
from hub.imports.reading.cells import ERROR_WORDS, LONGEST_CELL
from hub.imports.reading.encoding import Lines, encodings, is_whole, shown
from hub.imports.reading.table import MOST_COLUMNS, Raw

LONGEST_WITHOUT_ROW = 16 << 20  # bytes; what comes between two rows is held in memory
_DECLARED = re.compile(r"""<meta\b[^>]{0,300}?charset\s*=\s*["']?\s*([\w-]{1,40})""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f\xa0]+")
_BREAK = "\x0b"  # a line break that is meant, among those that only fold the source
_BREAKS = ("br", "p", "div", "li")
# Private characters stand for what the parser would not let through.
_BAD, _NUL = "\ue5e0", "\ue5e1"


def declared(text: str) -> str:
    """Return the encoding that a page says it is in, where it is one that is offered."""
    found = _DECLARED.search(text)
    try:
        name = codecs.lookup(found[1]).name if found else ""
    except LookupError:
        return ""
    return next((one for one in encodings() if name and codecs.lookup(one).name == name), "")


class Page:
    """The cells of all tables of a page, one after the other. Rows are counted; one with a table inside is none."""

    def __init__(self, lines: Lines) -> None:
        self.total: int | None = None
        self._lines = lines

    def progress(self) -> float:
        return self._lines.progress()

    def raw(self) -> Generator[Raw, None, None]:
        held: dict[int, int] = {}  # column: for how many more rows a cell from above is in it
        try:
            for number, row in enumerate(self._rows(), 1):
                yield _checked(number, _placed(row, held))
        except etree.LxmlError as error:
            raise _refused() from error

    def _rows(self) -> Iterator[etree._Element]:
        """Give the rows without a table inside; each is dropped when the next is asked for."""
        parser = etree.HTMLPullParser(
            events=("end",), tag=("tr",), encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True
        )
        waited = 0
        for data in self._texts():
            parser.feed(data)
            waited += len(data)
            for one in _ended(parser):
                waited = 0
                yield one
            if waited > LONGEST_WITHOUT_ROW:
                raise _refused()
        parser.close()
        yield from _ended(parser)

    def _texts(self) -> Iterator[bytes]:
        for lines, _ in self._lines.blocks():
            text = "\n".join((*lines, ""))
            if not is_whole(text):
                text = re.sub(r"[\udc00-\udcff]+", lambda found: shown(found[0]) + _BAD, text)
            yield text.replace("\0", _NUL).encode()


def _refused() -> UserError:
    return UserError(
        "The table of this web page cannot be read. Open it in a spreadsheet program and save it as xlsx or CSV.",
        error_id="page_file", field="file",
    )  # fmt: skip


def _ended(parser: etree.HTMLPullParser) -> Iterator[etree._Element]:
    for _, row in parser.read_events():
        assert row is not None
        assert not isinstance(row, tuple)
        if row.find(".//table") is None:
            yield row
        row.clear()
        parent = row.getparent()
        while parent is not None and parent[0] is not row:
            del parent[0]


def _placed(row: etree._Element, held: dict[int, int]) -> list[str]:
    """Return the cells of a row in their columns: one that goes over several has its text in the first."""
    cells: list[str] = []

    def under_others() -> None:
        while held.get(len(cells), 0):
            held[len(cells)] -= 1
            cells.append("")

    for cell in row.iterchildren("td", "th"):
        under_others()
        if len(cells) >= MOST_COLUMNS * 2:
            break  # more than can be read, as the header will say
        high, wide = _span(cell, "rowspan"), _span(cell, "colspan")
        for at in range(wide):
            if high > 1:
                held[len(cells)] = high - 1
            cells.append("" if at else _text(cell))
    under_others()
    return cells


def _span(cell: etree._Element, name: str) -> int:
    said = cell.get(name)
    return min(max(int(said), 1), MOST_COLUMNS) if said and re.fullmatch(r" *[0-9]{1,5} *", said) else 1


def _text(cell: etree._Element) -> str:
    parts = [cell.text or ""]
    for one in cell.iterdescendants():
        if one.tag in _BREAKS:
            parts.append(_BREAK)
        if one.tag not in {"script", "style"}:
            parts.append(one.text or "")
        parts.append(one.tail or "")
    lines = _SPACE.sub(" ", "".join(parts)).split(_BREAK)
    return "\n".join(line.strip() for line in lines).strip("\n")


def _checked(number: int, cells: list[str]) -> Raw:
    trouble = ""
    for at, cell in enumerate(cells):
        clean = cell
        if _BAD in clean:
            clean, trouble = clean.replace(_BAD, ""), "bad_bytes"
        if _NUL in clean:
            clean, trouble = clean.replace(_NUL, ""), trouble or "nul"
        if clean in ERROR_WORDS:
            clean, trouble = "", trouble or "error_cell"
        if len(clean) > LONGEST_CELL:
            clean, trouble = clean[:LONGEST_CELL], "long_cell"
        cells[at] = clean
    return number, cells, trouble
