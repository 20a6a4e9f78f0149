"""Reads the tables `cdr` and `cel` of MySQL/MariaDB (as FreePBX has them) or PostgreSQL, never writing.

Which columns there are is asked first, so old and new table layouts work alike. Every query has a limit and a time
limit; the session is read-only.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, Self
from zoneinfo import ZoneInfo

import psycopg
import pymysql
import pymysql.cursors

from connectors.asterisk.records.source import RecordSource, Store
from hub.errors import AuthError, ConnectorError, RejectedError, RetryLaterError, ScopeError

_CONNECT_S = 5
_QUERY_S = 30

# MySQL error numbers: https://mariadb.com/kb/en/mariadb-error-code-reference/
_MYSQL_NO_LOGIN = {1045, 1049, 1698, 2049, 2059}
_MYSQL_NO_RIGHT = {1044, 1142, 1143, 1227}


class Connection(Protocol):
    def cursor(self) -> Any: ...
    def close(self) -> None: ...


class Database:
    """One read-only session. Use it as a context manager."""

    def __init__(self, source: RecordSource) -> None:
        self._source = source
        self._zone = ZoneInfo(source.time_zone)
        self._mysql = source.store is Store.MYSQL
        self._kinds: dict[str, dict[str, str]] = {}
        with self._translated():
            self._connection: Connection = _mysql(source) if self._mysql else _postgresql(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._translated():
            self._connection.close()

    def columns(self, table: str) -> Mapping[str, str]:
        """Name -> type of the table's columns; empty where there is no such table, or it may not be read."""
        if table not in self._kinds:
            schema, _, name = table.rpartition(".")
            here = "DATABASE()" if self._mysql else "ANY(current_schemas(false))"
            where = "table_schema = %s" if schema else f"table_schema = {here}"
            rows = self._fetch(
                f"SELECT column_name, data_type FROM information_schema.columns WHERE {where} AND table_name = %s",  # noqa: S608 - only the two constants above
                [schema, name] if schema else [name],
            )
            self._kinds[table] = {str(column).lower(): str(kind).lower() for column, kind in rows}
        return self._kinds[table]

    def by_number(self, table: str, column: str, wanted: Sequence[str], after: int) -> Iterator[dict[str, Any]]:
        """Yield rows whose growing number `column` is `after` or more, in that order."""
        while True:
            rows = self._rows(table, wanted, f"{self._quote(column)} >= %s", [after], column, self._source.page_rows)
            yield from rows
            if len(rows) < self._source.page_rows:
                return
            after = int(rows[-1][column]) + 1

    def by_time(self, table: str, column: str, wanted: Sequence[str], since: datetime) -> Iterator[dict[str, Any]]:
        """Yield rows whose time `column` is `since` or later, in that order.

        Many rows share a second and nothing else orders them everywhere, so a page ends before its last second, which
        the next page reads whole.
        """
        start: Any = self._local(table, column, since)
        limit = self._source.page_rows
        while True:
            rows = self._rows(table, wanted, f"{self._quote(column)} >= %s", [start], column, limit)
            if len(rows) < limit:
                yield from rows
                return
            last = rows[-1][column]
            whole = [row for row in rows if row[column] != last]
            if not whole:
                limit *= 2  # more rows in one second than a page holds
                continue
            yield from whole
            start, limit = self._back(table, column, last), self._source.page_rows

    def first(self, table: str, column: str) -> dict[str, Any] | None:
        """The oldest row's time."""
        return next(iter(self._rows(table, [column], "1 = 1", [], column, 1)), None)

    def newest(self, table: str, column: str, wanted: Sequence[str]) -> dict[str, Any] | None:
        return next(iter(self._rows(table, wanted, "1 = 1", [], column, 1, descending=True)), None)

    def _rows(
        self,
        table: str,
        wanted: Sequence[str],
        where: str,
        values: Sequence[Any],
        order: str,
        limit: int,
        *,
        descending: bool = False,
    ) -> list[dict[str, Any]]:
        kinds = self.columns(table)
        names = [name for name in dict.fromkeys([*wanted, order]) if name in kinds]
        listed = ", ".join(self._quote(name) for name in names)
        source = ".".join(self._quote(part) for part in table.split("."))
        down = " DESC" if descending else ""
        rows = self._fetch(
            # Names come from our own lists or were checked by RecordSource.parse; values are parameters.
            f"SELECT {listed} FROM {source} WHERE {where} ORDER BY {self._quote(order)}{down} LIMIT {int(limit)}",  # noqa: S608
            values,
        )
        return [self._aware(kinds, dict(zip(names, row, strict=True))) for row in rows]

    def _aware(self, kinds: Mapping[str, str], row: dict[str, Any]) -> dict[str, Any]:
        """MySQL gives a `timestamp` in the session's zone, which is UTC, but without saying so."""
        if self._mysql:
            for name, value in row.items():
                if isinstance(value, datetime) and kinds[name] == "timestamp":
                    row[name] = value.replace(tzinfo=UTC)
        return row

    def _local(self, table: str, column: str, at: datetime) -> datetime:
        """Write a moment as this column keeps it."""
        kind = self.columns(table)[column]
        if self._mysql and kind == "timestamp":
            return at.astimezone(UTC).replace(tzinfo=None)
        if "with time zone" in kind:
            return at
        return at.astimezone(self._zone).replace(tzinfo=None)

    def _back(self, table: str, column: str, value: Any) -> Any:
        aware = isinstance(value, datetime) and value.tzinfo is not None
        return self._local(table, column, value) if aware else value

    def _quote(self, name: str) -> str:
        return f"`{name}`" if self._mysql else f'"{name}"'

    def _fetch(self, query: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        with self._translated(), closing(self._connection.cursor()) as cursor:
            cursor.execute(query, values)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except pymysql.MySQLError as error:
            raise _from_mysql(self._source, error) from error
        except psycopg.Error as error:
            raise _from_postgresql(self._source, error) from error
        except OSError as error:
            raise RetryLaterError(
                f"records database {self._source.host}:{self._source.port}: {error.strerror or error}"
            ) from error


def _mysql(source: RecordSource) -> Connection:
    connection: pymysql.Connection[pymysql.cursors.Cursor] = pymysql.connect(
        host=source.host,
        port=source.port,
        user=source.username,
        password=source.password,
        database=source.database,
        charset="utf8mb4",
        connect_timeout=_CONNECT_S,
        read_timeout=_QUERY_S,
        write_timeout=_QUERY_S,
        autocommit=True,  # each query sees what was written last
        local_infile=False,  # the server must not be able to ask for our files
        ssl_ca=source.ca or None,
        ssl_verify_cert=True if source.ca else None,
        ssl_verify_identity=True if source.ca else None,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute("SET SESSION time_zone = '+00:00'")
    return connection


def _postgresql(source: RecordSource) -> Connection:
    connection: psycopg.Connection[Any] = psycopg.connect(
        host=source.host,
        port=source.port,
        user=source.username,
        password=source.password,
        dbname=source.database,
        connect_timeout=_CONNECT_S,
        autocommit=True,
        options=f"-c default_transaction_read_only=on -c statement_timeout={_QUERY_S * 1000}",
        sslmode="verify-full" if source.ca else "prefer",
        sslrootcert=source.ca or None,
    )
    return connection


def _from_mysql(source: RecordSource, error: pymysql.MySQLError) -> ConnectorError:
    number = error.args[0] if error.args else 0
    text = f"records database {source.host}:{source.port}: {error.args[-1] if error.args else error}"
    if number in _MYSQL_NO_LOGIN:
        return AuthError(f"{text}; check the user, password and database of the records source")
    if number in _MYSQL_NO_RIGHT:
        return ScopeError(f"{text}; grant SELECT on the tables to {source.username!r}")
    if isinstance(error, pymysql.OperationalError | pymysql.InterfaceError | pymysql.InternalError):
        return RetryLaterError(text)
    return RejectedError(text)


def _from_postgresql(source: RecordSource, error: psycopg.Error) -> ConnectorError:
    text = f"records database {source.host}:{source.port}: {str(error).strip()}"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ScopeError(f"{text}; grant SELECT on the tables to {source.username!r}")
    # A refused login ends before there is a result, so it has no class of its own, only words.
    if "authentication failed" in text or "no password supplied" in text or "does not exist" in text:
        return AuthError(f"{text}; check the user, password and database of the records source")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return RetryLaterError(text)
    return RejectedError(text)
