"""Read the files and queries that customers bring into rows of text; knows no database of ours and changes nothing.

`look` guesses how a file is to be read, a person corrects the guess, `open_table` gives its rows one by one. Everything is
text: what a cell means is for the mapping to say. A cell is given as it is, but for line ends (LF), numbers and days of
spreadsheets (502345678, 2026-01-05), error cells (empty) and ="050...", which Excel users write around numbers and which is taken
off. A file is a stranger's: nothing here believes it.
"""

from hub.imports.reading.encoding import encodings
from hub.imports.reading.guess import look
from hub.imports.reading.opening import open_table, sheets
from hub.imports.reading.query import open_query
from hub.imports.reading.table import Look, Row, Table

__all__ = ["Look", "Row", "Table", "encodings", "look", "open_query", "open_table", "sheets"]
