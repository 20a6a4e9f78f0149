"""A table of text: how it is to be read, its columns, its rows, and what is wrong with a row."""

import string
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain, islice
from typing import Any, Protocol

from hub.errors import UserError

MOST_COLUMNS = 1_000
LONGEST_NAME = 200  # characters of a column's name
_LONGEST_RUN = 8  # rows that are held back to see what is wrong with them
_SAMPLE = 100  # rows that say whether a column without a name is one

# What a source gives: the number of the row, its cells, and why it cannot be read ("" where it can).
Raw = tuple[int, list[str], str]


@dataclass(frozen=True, slots=True)
class Look:
    """How a file is to be read: guessed by `look`, corrected by a person.

    Attributes:
        format: csv, xlsx, xls, ods, html, vcard, ics or sql. csv is any text with a delimiter, or one column; html is what
            many old systems write under the name of an Excel file.
        encoding: Python's name; of text formats only.
        delimiter: one character; empty: the file has one column.
        quote: one character; empty: quotes mean nothing.
        sheet: name of the sheet that is read.
        header_row: where the names of the columns are, counted from 0 as the lines of a text or the rows of a sheet are
            (`Row.number - 1`); -1: there is none, and the columns are named A, B, C.
        query: the SELECT, of sql only.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    quote: str = '"'
    sheet: str = ""
    header_row: int = 0
    query: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Look":
        """Raises UserError where it is not what `as_json` writes."""
        known = {one.name: int if one.name == "header_row" else str for one in fields(cls)}
        if not {"format"} <= value.keys() <= known.keys() or any(
            type(given) is not known[name] for name, given in value.items()
        ):
            raise UserError("This is not how a file is read.", error_id="bad_look", field="look")
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Row:
    r"""One row.

    Attributes:
        number: the line of a text on which it begins, the row of a sheet, the place in a query; from 1, rising.
        values: text of every column; of a row with a trouble, what there was. Cells that belong to no column have the
            names "+1", "+2".
        trouble: empty, or a code.
            The values are whole, but look at them: `short_row` (cells are missing at its end), `error_cell` (#N/A and
            its like, now empty), `long_number` (a spreadsheet keeps 15 digits; the others may be lost).
            The row cannot be trusted: `long_row` (more cells than columns), `header_again`, `open_quote` (a quote opens
            here and is not closed), `broken_row` (a part of a row: a line ends in the middle of a cell), `bad_bytes` (not of the encoding; each is written as \xNN), `nul` (NUL characters
            inside a text, left out), `long_cell`, `long_line` (cut), `bad_card`, `bad_event` (a card or event that is not
            closed, or too large, or a part of it cannot be read), `binary` (bytes of a query that are no text).
    """

    number: int
    values: dict[str, str]
    trouble: str = ""


class Table(Protocol):
    """An open table.

    Attributes:
        columns: names, each once.
        total: how many rows there are about, where that is known without reading them all.
    """

    columns: tuple[str, ...]
    total: int | None

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Give the rows whose number is above `after`, one by one; empty rows are left out.

        Raises:
            UserError: it cannot be read on.
        """

    def progress(self) -> float:
        """Say how much of it was read, 0 to 1."""


class Source(Protocol):
    """Where the cells of a table come from."""

    total: int | None

    def raw(self) -> Generator[Raw, None, None]:
        """Give all rows from the first, each time anew. Raises UserError."""

    def progress(self) -> float: ...


class Framed:
    """A table of a source of cells: names its columns and looks whether each row fits them."""

    def __init__(self, source: Source, header_row: int) -> None:
        """Read as far as the header. Raises UserError."""
        self._source = source
        self._header_number = header_row + 1
        self._opened = [rows := source.raw()]
        try:
            self._begin(rows)
        except BaseException:
            self.close()
            raise
        self._width = len(self.columns)
        self.total = source.total

    def _begin(self, rows: Iterator[Raw]) -> None:
        skipped, header = _down_to(rows, self._header_number)
        sample = list(islice(rows, _SAMPLE))
        if header is None and not sample and not skipped:
            raise UserError("The file has no rows. Choose another file.", error_id="empty_file", field="file")
        if self._header_number and header is None:
            raise UserError(
                f"There is nothing in row {self._header_number}, where the header should be. Choose the row of the header.",
                error_id="no_header", field="header_row",
            )  # fmt: skip
        self._header = header or []
        self.columns = named(self._header, sample)
        self._started: Iterator[Raw] | None = chain(sample, rows)

    def close(self) -> None:
        """Close the file, or end the program that reads it, also in the middle."""
        for one in self._opened:
            one.close()

    def progress(self) -> float:
        return self._source.progress()

    def rows(self, after: int = 0) -> Iterator[Row]:
        # What is skipped is looked at as well: what is wrong with a row may be in the one before it.
        return (row for row in self._rows() if row.number > after) if after else self._rows()

    def _rows(self) -> Iterator[Row]:
        rows, self._started = self._started, None
        if rows is None:
            rows = again = self._source.raw()
            self._opened.append(again)
        width, header_number = self._width, self._header_number
        short: list[tuple[Row, int]] = []  # rows that are too short, one after the other, and how many cells they have
        is_long = is_after_quote = False
        for number, cells, trouble in rows:
            if number <= header_number or not (any(cells) or trouble):
                continue
            row = self._fitted(number, cells, trouble)
            if row.trouble != "short_row":
                if short:
                    yield from _told(short, width)
                    short = []
                is_long, is_after_quote = False, row.trouble == "open_quote"
                yield row
            elif is_after_quote:
                yield replace(row, trouble="broken_row")
            elif is_long:
                yield row
            else:
                short.append((row, len(cells)))
                if len(short) == _LONGEST_RUN:
                    yield from (one for one, _ in short)
                    short, is_long = [], True
        yield from _told(short, width)

    def _fitted(self, number: int, cells: list[str], trouble: str) -> Row:
        """Put the cells of a row into the columns, also where there are more or fewer of them."""
        width = self._width
        if len(cells) == width:
            again = "header_again" if cells == self._header else ""
            return Row(number, dict(zip(self.columns, cells, strict=True)), trouble or again)
        more = cells[width:]
        if cells == self._header or (any(more) and cells[:width] == self._header[:width]):
            trouble = trouble or "header_again"
        values = dict(zip(self.columns, [*cells[:width], *[""] * (width - len(cells))], strict=True))
        if any(more):
            values |= {f"+{at}": cell for at, cell in enumerate(more[:MOST_COLUMNS], 1)}
            trouble = trouble or "long_row"
        elif len(cells) < width and any(self._header[len(cells) :] or ["x"]):
            trouble = trouble or "short_row"
        return Row(number, values, trouble)


def _told(short: Sequence[tuple[Row, int]], width: int) -> Iterator[Row]:
    """Tell lines that were broken in the middle of a cell, and so make two rows each, from rows that end early."""
    pairs = list(zip(short[::2], short[1::2], strict=False))
    is_broken = len(short) % 2 == 0 and all(first + second == width + 1 for (_, first), (_, second) in pairs)
    is_even = len({cells for _, cells in short}) == 1 and len(short) > 2  # as Excel leaves out what is empty at the end
    for row, _ in short:
        yield replace(row, trouble="broken_row") if is_broken and not is_even else row


def _down_to(rows: Iterator[Raw], number: int) -> tuple[bool, list[str] | None]:
    """Return whether anything came before the row of this number, and its cells; rows after it stay in the iterator."""
    skipped = False
    if number <= 0:
        return skipped, None
    for found, cells, _trouble in rows:
        if found == number:
            return skipped, [cell.strip() for cell in cells] if any(cells) else None
        skipped = True
        if found > number:
            break
    return skipped, None


def named(header: Sequence[str], sample: Sequence[Raw]) -> tuple[str, ...]:
    """Name the columns: as the header says, each name once; by letters where it says nothing.

    Columns at the end that have neither a name nor, as far as can be seen, a cell are none.
    """
    used = max(
        (at for _, cells, trouble in sample if not trouble for at, cell in enumerate(cells, 1) if cell), default=0
    )
    named = max((at for at, name in enumerate(header, 1) if name), default=0)
    width = named if named and used <= named else min(used, len(header)) if header else used
    if width > MOST_COLUMNS:
        raise UserError(
            f"The file has {width} columns; at most {MOST_COLUMNS} can be read. "
            "Leave out the columns that are not needed, or choose another delimiter.",
            error_id="too_many_columns", field="file",
        )  # fmt: skip
    if not width:
        raise UserError("The file has no columns. Choose another file.", error_id="empty_file", field="file")
    taken: dict[str, None] = {}
    for at in range(width):
        wanted = " ".join(header[at].split())[:LONGEST_NAME] if at < len(header) else ""
        wanted = wanted or letters(at)
        name, again = wanted, 1
        while name in taken:
            again += 1
            name = f"{wanted} ({again})"
        taken[name] = None
    return tuple(taken)


def letters(at: int) -> str:
    """Return what a spreadsheet calls a column.

    >>> letters(0), letters(25), letters(26), letters(701), letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = string.ascii_uppercase[rest] + name
    return name
