"""Open a file as a table, by its format."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hub.errors import UserError
from hub.imports.reading import sheet
from hub.imports.reading.cards import Cards
from hub.imports.reading.delimited import Delimited
from hub.imports.reading.encoding import Lines, is_known
from hub.imports.reading.events import Events
from hub.imports.reading.page import Page
from hub.imports.reading.table import Framed, Look, Table

SHEETS = ("xlsx", "xls", "ods")
_TEXTS = ("csv", "html", "vcard", "ics")


def sheets(path: Path, look: Look) -> tuple[str, ...]:
    """Return the names of the sheets to choose from; none where the format has no sheets. Raises UserError."""
    if look.format not in SHEETS:
        return ()
    _check(path, look)
    return sheet.names(path)


@contextmanager
def open_table(path: Path, look: Look) -> Iterator[Table]:
    """Open a file as a table.

    Raises:
        UserError: it cannot be read like this; says what to choose instead.
    """
    _check(path, look)
    table: Framed | Cards | Events
    match look.format:
        case "csv":
            table = Framed(Delimited(Lines(path, look.encoding), look), look.header_row)
        case "html":
            table = Framed(Page(Lines(path, look.encoding)), look.header_row)
        case "vcard":
            table = Cards(Lines(path, look.encoding))
        case "ics":
            table = Events(Lines(path, look.encoding))
        case _:
            table = Framed(sheet.Sheet(path, look), look.header_row)
    with closing(table):
        yield table


def _check(path: Path, look: Look) -> None:
    """Raises UserError where what was chosen is impossible."""
    if look.format not in (*SHEETS, *_TEXTS):
        raise UserError("Choose one of the formats.", error_id="bad_look", field="format")
    if look.format in _TEXTS and not is_known(look.encoding):
        raise UserError("Choose one of the encodings.", error_id="bad_look", field="encoding")
    if look.header_row < -1:
        raise UserError("Choose the row of the header.", error_id="bad_look", field="header_row")
    if (
        len(look.delimiter) > 1
        or look.delimiter in {"\r", "\n", "\0", " ", '"', "'"} - {""}
        or look.delimiter == "\ufeff"
    ):
        raise UserError(
            "The delimiter is one character, and neither a quote nor a space.", error_id="bad_look", field="delimiter"
        )
    if len(look.quote) > 1 or (look.quote and (look.quote in "\r\n\0 " or look.quote == look.delimiter)):
        raise UserError("The quote is one character, and not the delimiter.", error_id="bad_look", field="quote")
    if look.format in {"xlsx", "ods"}:
        sheet.check_archive(path)
