"""Rows of a query in the old system's own database: one SELECT, in a transaction that may only read.

The statement is looked at here and the database is told to let nothing be written; either would be enough where the other fails.
Best give the hub a user of the database who may only read: some databases know no read-only transaction.
"""

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from hub.errors import UserError
from hub.imports.reading.cells import LONGEST_CELL, written
from hub.imports.reading.table import Row, Table, named

LONGEST_QUERY = 100_000  # characters
MOST_SECONDS = 3_600  # that a statement may take until its last row
_AT_ONCE = 500  # rows fetched in one go
_CONNECT_S = 15
# Texts, names and comments, in the ways of all databases; what is left between them is looked at word by word. Where two
# databases disagree on where one of them ends, the query is refused: see `checked`.
_TOKENS = re.compile(
    r"(?P<comment>--(?=\s|$)[^\n]*|/\*.*?\*/)"
    r"|(?P<text>'(?:[^']|'')*+'|\"(?:[^\"]|\"\")*+\"|`(?:[^`]|``)*+`|\[[^\]'\"`;/-]*+\])"
    r"|(?P<word>[^\W\d]\w*+)"
    r"|(?P<open>['\"`\[#\\]|/\*|--|\$\w*\$)"
    r"|(?P<end>[;\0])"
    r"|\s++|[\d.]++|.",
    re.DOTALL,
)
_READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
_FIRST = {"SELECT", "WITH"}
# Words that write, lock or leave the database, which no SELECT needs as words of its own; in double quotes they are names.
_FORBIDDEN = {
    "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "DROP", "ALTER", "CREATE", "GRANT", "REVOKE", "INTO", "EXEC", "EXECUTE",
    "CALL", "ATTACH", "DETACH", "PRAGMA", "COPY", "LOCK", "VACUUM", "LOAD_FILE", "LOAD_EXTENSION", "PG_READ_FILE",
    "PG_READ_BINARY_FILE", "PG_LS_DIR", "LO_IMPORT", "LO_EXPORT", "DBLINK", "DBLINK_EXEC", "PG_TERMINATE_BACKEND", "SETVAL",
    "NEXTVAL", "XP_CMDSHELL", "OPENROWSET", "UTL_HTTP", "UTL_FILE",
}  # fmt: skip


@contextmanager
def open_query(url: str, query: str) -> Iterator[Table]:
    """Run a query and open its rows as a table; `Row.number` counts them, so a query to be resumed needs an ORDER BY.

    Args:
        url: of SQLAlchemy, such as `postgresql+psycopg://user:password@host/database`.
        query: one SELECT.

    Raises:
        UserError: it is no SELECT, or the database does not answer; never says the password.
    """
    statement = checked(query)
    address = _address(url)
    engine = _engine(address)
    with _told(address):
        connection = engine.connect()
    try:
        with _told(address):
            _only_reading(connection)
            table = Answers(connection, address, statement)
        with closing(table):
            yield table
    finally:
        connection.close()
        engine.dispose()


def checked(query: str) -> str:
    """Return the statement as it is sent: without its last semicolon.

    Raises:
        UserError: it is anything but one SELECT.
    """
    statement = query.replace("\r\n", "\n").replace("\r", "\n").strip().rstrip(";").strip()
    if not statement or len(statement) > LONGEST_QUERY:
        raise _refused(f"Write one SELECT, of at most {LONGEST_QUERY} characters.")
    words: list[str] = []
    for found in _TOKENS.finditer(statement):
        kind, token = found.lastgroup, found[0]
        if kind == "end":
            raise _refused("Only one statement can be run. Take out the semicolon and what comes after it.")
        if kind == "open":
            raise _refused(
                f"Take out {token}, or close it: texts are written in '...', names in \"...\", comments behind -- and a space."
            )
        if kind == "comment" and token.startswith(("/*!", "/*M!")):
            raise _refused("Take out the comments that begin with /*! or /*M!: MySQL runs them.")
        # With some databases \' does not end the text, with others it does: then what follows would be a statement.
        if kind == "text" and re.search(r"\\[\'\"`]", token):
            raise _refused(r"Write '' in place of \' in texts, and no text that ends in a backslash.")
        if kind == "word":
            words.append(token.upper())
    if not words or words[0] not in _FIRST or "SELECT" not in words:
        raise _refused("The query must begin with SELECT or WITH.")
    if bad := next((word for word in words if word in _FORBIDDEN), ""):
        raise _refused(
            f"A query may only read, and {bad} does more. If it is the name of a column, write it in quotes, as your database wants it."
        )
    return statement


def _refused(words: str) -> UserError:
    return UserError(words, error_id="bad_query", field="query")


def _unreachable(words: str) -> UserError:
    return UserError(words, error_id="bad_database", field="url")


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        address.get_dialect()
    except (NoSuchModuleError, ImportError) as error:
        raise _unreachable(
            "The hub has no driver for this kind of database. Ask whoever looks after it to install one."
        ) from error
    except (ArgumentError, ValueError) as error:
        raise _unreachable(
            "This is no address of a database. Write it as postgresql+psycopg://user:password@host/database."
        ) from error
    if address.get_backend_name() == "sqlite" and (
        not address.database or ":memory:" in address.database or address.query
    ):
        raise _unreachable("Say which file, as sqlite:////folder/file.db, with nothing behind it.")
    return address


def _engine(address: URL) -> Engine:
    """Make an engine that keeps no connection. Raises UserError."""
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    if address.get_backend_name() == "sqlite":
        path = Path(address.database or "").absolute()
        options["creator"] = lambda: _sqlite(path)
    elif address.get_driver_name() in {"psycopg", "psycopg2", "pymysql", "mysqldb"}:
        options["connect_args"] = {"connect_timeout": _CONNECT_S}
    try:
        return create_engine(address, **options)
    except (ImportError, ArgumentError, TypeError, ValueError) as error:
        raise _unreachable(
            "This address of a database cannot be used: its driver is missing, or a part of it is wrong."
        ) from error


def _sqlite(path: Path) -> sqlite3.Connection:
    """Open a file of SQLite so that nothing can be written, no other file be opened, and no query runs for ever."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_CONNECT_S)
    until = time.monotonic() + MOST_SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > until), 100_000)
    connection.set_authorizer(_allowed)
    connection.text_factory = _lenient  # old programs kept any bytes as text
    return connection


def _allowed(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Let SQLite read; SQLAlchemy asks one thing when it connects."""
    asks = action == sqlite3.SQLITE_PRAGMA and first == "read_uncommitted" and second is None
    return sqlite3.SQLITE_OK if asks or action in _READING else sqlite3.SQLITE_DENY


def _lenient(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _only_reading(connection: Connection) -> None:
    """Tell the database to let nothing be written, and for how long a statement may run. Raises SQLAlchemyError."""
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {MOST_SECONDS * 1_000}")
        case "mysql" | "mariadb":
            is_mariadb = getattr(connection.dialect, "is_mariadb", False)
            limit = (
                f"max_statement_time = {MOST_SECONDS}" if is_mariadb else f"max_execution_time = {MOST_SECONDS * 1_000}"
            )
            for wish in ("TRANSACTION READ ONLY", limit):
                with suppress(SQLAlchemyError):  # servers from before 2013 and 2015 know it not
                    connection.exec_driver_sql(f"SET SESSION {wish}")
            connection.rollback()  # it holds for the transactions that begin from here on
        case "oracle":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")


@contextmanager
def _told(address: URL) -> Iterator[None]:
    """Say what the database says, in one line and without the password."""
    try:
        yield
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if address.password:
            said = said.replace(str(address.password), "***")
        raise UserError(
            f"The database says: {said[:300]}. Correct the address or the query.",
            error_id="query_failed",
            field="query",
        ) from None


class Answers:
    """The rows of a query, as they come: none is held."""

    total: int | None = None

    def __init__(self, connection: Connection, address: URL, statement: str) -> None:
        self._connection = connection
        self._address = address
        self._statement = statement
        self._result: CursorResult[Any] | None = self._run()
        self._is_read = False
        self.columns: tuple[str, ...] = named(list(self._result.keys()), [])

    def close(self) -> None:
        if self._result is not None:
            self._result.close()

    def progress(self) -> float:
        return 1.0 if self._is_read else 0.0

    def rows(self, after: int = 0) -> Iterator[Row]:
        number, more = 0, True
        with _told(self._address):
            result, self._result = self._result or self._run(), None
        with closing(result):
            while more:
                with _told(self._address):
                    batch = result.fetchmany(_AT_ONCE)
                more = bool(batch)
                for values in batch:
                    number += 1
                    if number > after:
                        texts, trouble = _texts(values)
                        yield Row(number, dict(zip(self.columns, texts, strict=True)), trouble)
        self._is_read = True

    def _run(self) -> CursorResult[Any]:
        reading = self._connection.execution_options(stream_results=True, no_parameters=True)
        return reading.exec_driver_sql(self._statement).yield_per(_AT_ONCE)


def _texts(values: Iterable[object]) -> tuple[list[str], str]:
    texts, trouble = [], ""
    for value in values:
        one = value
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
            try:
                one = data.decode()
            except UnicodeDecodeError:
                one, trouble = data.hex(), trouble or "binary"
        written_out = (
            json.dumps(one, ensure_ascii=False, default=str) if isinstance(one, (list, dict)) else written(one)
        )
        if "\0" in written_out:
            written_out, trouble = written_out.replace("\0", ""), "nul"
        if len(written_out) > LONGEST_CELL:
            written_out, trouble = written_out[:LONGEST_CELL], "long_cell"
        texts.append(written_out)
    return texts, trouble
