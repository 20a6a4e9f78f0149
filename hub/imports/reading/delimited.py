"""Rows of a text with a delimiter, as spreadsheets and old systems write it: RFC 4180 and what people make of it.

`csv` of the standard library does the work. Around it: a quote that is never closed costs its own row and no other, quotes
inside a quoted cell may stand alone (`"Cohen Bnei B"M"`), and a row whose bytes or characters are wrong says so.
"""

import csv
import re
from collections import deque
from collections.abc import Generator, Iterator
from functools import cache
from itertools import chain

from hub.imports.reading.cells import ERROR_WORDS
from hub.imports.reading.encoding import LONGEST_LINE, Lines, is_whole, shown
from hub.imports.reading.table import Look, Raw

LONGEST_CELL = 131_072  # characters; what the standard library allows if nobody asks for more
# Lines that a row may have. What is read again after a quote that is not closed is paid for by the rows that were fine: in a
# file where every row goes wrong the patience is soon gone, else each of its lines would be read a thousand times.
_MOST_LINES, _FEWEST_LINES = 2_000, 16
_LONGEST_SHOWN = 10_000  # of a cell that is cut
# Excel's own first line, which says the delimiter. Source: https://en.wikipedia.org/wiki/Comma-separated_values#Application_support
_SAYS_DELIMITER = re.compile(r'"?sep=(.)"?\1*', re.IGNORECASE)
# ="050..." keeps Excel from making a number of it; every reader of the value would have to know, so it is taken off here.
_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)
_SUSPECT = re.compile(r'\0|="|#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)')
_NO_DELIMITER = "\x1f"  # of one column: a character that no text has


class _EndlessError(Exception):
    """A row goes on for longer than any cell may be."""


def said_delimiter(line: str) -> str:
    """Return the delimiter that a first line such as `sep=;` says, or nothing."""
    found = _SAYS_DELIMITER.fullmatch(line)
    return found[1] if found else ""


class Delimited:
    """The cells of a text. Rows carry the line on which they begin."""

    def __init__(self, lines: Lines, look: Look) -> None:
        self.total: int | None = None
        self._lines = lines
        self._delimiter = look.delimiter or _NO_DELIMITER
        self._quote = look.quote
        self._header_number = look.header_row + 1
        self._patience = _MOST_LINES
        self._suspect = False  # something in this block or the one before needs a closer look

    def progress(self) -> float:
        return self._lines.progress()

    def raw(self) -> Generator[Raw, None, None]:
        source, self._patience = self._source(), _MOST_LINES
        first = next(source, None)
        if first is None:
            return
        number = 1
        if said_delimiter(first):
            number = 2
        else:
            source = chain([first], source)
        width = 0  # of the header
        again: deque[str] = deque()
        kept: list[str] = []  # the lines of the row that is being read
        while True:
            kept.clear()
            try:
                for cells in self._reader(self._fed(again, source, kept), strict=True):
                    if len(kept) > 1 and width and len(cells) > width:
                        break  # a quote that closed somewhere in a later row
                    if number == self._header_number:
                        width = len(cells)
                    yield self._checked(number, cells) if self._suspect else (number, cells, "")
                    number += len(kept)
                    kept.clear()
                    if self._patience < _MOST_LINES:
                        self._patience += 1
                else:
                    return
            except (csv.Error, _EndlessError):
                pass
            if len(kept) > 1:
                self._patience = max(self._patience // 2, _FEWEST_LINES)
            # Only the first line is given up; the others are read again, for themselves.
            again.extendleft(reversed(kept[1:]))
            yield self._loose(number, kept[0], alone=len(kept) == 1)
            number += 1

    def _source(self) -> Iterator[str]:
        before = False
        for lines, text in self._lines.blocks():
            now = not is_whole(text) or _SUSPECT.search(text) is not None
            self._suspect = now or before
            before = now
            yield from lines

    def _fed(self, again: deque[str], source: Iterator[str], kept: list[str]) -> Iterator[str]:
        """Give lines to the reader, and keep those of the row that it is in: the caller clears them after each row."""
        size = 0
        while True:
            if again:
                line = again.popleft()
            elif (found := next(source, None)) is not None:
                line = found
            else:
                return
            if kept:
                size = len(line) + 1 + (size if len(kept) > 1 else len(kept[0]))
                kept.append(line)
                if size > LONGEST_CELL or len(kept) > self._patience:
                    raise _EndlessError
                yield "\n" + line
            else:
                kept.append(line)
                if len(line) > LONGEST_LINE:
                    raise _EndlessError
                yield line

    def _reader(self, lines: Iterator[str], *, strict: bool) -> Iterator[list[str]]:
        if not self._quote:
            return csv.reader(lines, delimiter=self._delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self._delimiter, quotechar=self._quote, skipinitialspace=True, strict=strict)

    def _loose(self, number: int, line: str, *, alone: bool) -> Raw:
        """Read one line that is not as it should be."""
        trouble = "open_quote"
        if len(line) > LONGEST_LINE:
            trouble = "long_line"
        elif alone and self._quote and (cells := _with_lone_quotes(line, self._delimiter, self._quote)):
            trouble = "long_cell" if any(len(cell) > LONGEST_CELL for cell in cells) else ""
            if not trouble:
                return self._checked(number, cells)
        elif len(line) > LONGEST_CELL:
            trouble = "long_cell"
        number, cells, _ = self._checked(number, line.split(self._delimiter))
        return number, [cell[:_LONGEST_SHOWN] for cell in cells], trouble

    def _checked(self, number: int, cells: list[str]) -> Raw:
        """Look at every cell of a row."""
        trouble = ""
        for at, cell in enumerate(cells):
            clean = cell
            if not is_whole(clean):
                clean, trouble = shown(clean), "bad_bytes"
            if "\0" in clean:
                clean = clean.rstrip("\0")  # padding of records of a fixed length
                if "\0" in clean:
                    clean, trouble = clean.replace("\0", ""), trouble or "nul"
            if found := _WRAPPED.fullmatch(clean):
                clean = found[1]
            elif clean in ERROR_WORDS:
                clean, trouble = "", trouble or "error_cell"
            cells[at] = clean
        return number, cells, trouble


@cache
def _lone(delimiter: str, quote: str) -> re.Pattern[str]:
    end, mark = re.escape(delimiter), re.escape(quote)
    # A quoted cell ends at a quote before a delimiter or the end; a bare one at the delimiter. Nothing is tried twice.
    return re.compile(
        rf" *+(?:{mark}((?:[^{mark}]|{mark}{mark}|{mark}(?! *+(?:{end}|$)))*+){mark} *+|([^{end}]*+))(?:{end}|$)",
        re.DOTALL,
    )


def _with_lone_quotes(line: str, delimiter: str, quote: str) -> list[str]:
    """Split a line whose quoted cells have quotes that are not doubled; an empty list where that cannot be."""
    pattern, cells, at = _lone(delimiter, quote), [], 0
    while at <= len(line):
        found = pattern.match(line, at)
        if found is None or (found[1] is None and found[2].startswith(quote)):
            return []
        cells.append(found[1].replace(quote * 2, quote) if found[1] is not None else found[2])
        if found.end() == len(line) and not found[0].endswith(delimiter):
            return cells
        at = found.end()
    return []
