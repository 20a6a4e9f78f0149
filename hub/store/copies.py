"""Copies of a whole database in one file, made while others write, and put back whole or not at all.

An SQLite file is copied page by page. PostgreSQL is read table by table in one snapshot, by the connection that the hub
has anyway: PostgreSQL's own programs must be of the server's version, and often are not there where the hub runs.
"""

import json
import os
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine, MetaData, Table, inspect

from hub.errors import UserError
from hub.store import migrate
from hub.store.base import Base

FORM = "form.json"  # the first entry of an archive: revision of the tables, their columns and order
VERSIONS = "alembic_version"
BLOCK = 1 << 20  # bytes
Progress = Callable[[int, int], None]
"""Hears how much is done, of how much."""


def backup(engine: Engine, file: Path, progress: Progress) -> None:
    """Write a consistent copy; the file appears when it is whole, for its owner's eyes only.

    Raises:
        UserError: there is such a file already, or it cannot be written.
    """
    if file.exists():
        raise UserError(f"{file} is there already; name another file.")
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.touch(0o600, exist_ok=False)
        if engine.dialect.name == "sqlite":
            _backup_sqlite(Path(str(engine.url.database)), part, progress)
        else:
            _backup_postgres(engine, part, progress)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(f"{file} cannot be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)


def restore(engine: Engine, file: Path, progress: Progress) -> Path | None:
    """Put a copy in the place of the present data; its form stays that of the copy, see `migrate.upgrade`.

    Returns: where the former data are, if they were moved aside.

    Raises:
        UserError: the file is no copy, a damaged one, or of a newer version. The present data are as before.
    """
    if engine.dialect.name == "sqlite":
        return _restore_sqlite(file, Path(str(engine.url.database)))
    _restore_postgres(engine, file, progress)
    return None


def _backup_sqlite(source: Path, target: Path, progress: Progress) -> None:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy, pages=5000, progress=lambda _, left, total: progress(total - left, total))


def _restore_sqlite(file: Path, target: Path) -> Path | None:
    _check_sqlite(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.restored")
    shutil.copyfile(file, part)
    part.chmod(0o600)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    kept = None
    if target.exists():
        kept = target.with_name(f"{target.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        for ending in ("", "-wal", "-shm"):
            old = target.with_name(target.name + ending)
            if old.exists():
                old.replace(kept.with_name(kept.name + ending))
    part.replace(target)
    return kept


def _check_sqlite(file: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
            size = copy.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
            revision = copy.execute(f"SELECT version_num FROM {VERSIONS}").fetchone()  # noqa: S608 - a constant
    except sqlite3.DatabaseError as error:
        raise UserError(f"{file} is no backup of an SQLite database: {error}") from None
    if found != "ok" or size != file.stat().st_size:  # the check does not miss the end of a last page
        raise UserError(f"{file} is damaged: {found if found != 'ok' else 'its end is missing'}")
    _check_revision(file, revision[0] if revision else "")


def _check_revision(file: Path, revision: str) -> None:
    if not migrate.knows(revision):
        raise UserError(f"{file} was made by a newer version of the hub (form {revision!r}); install that one first.")


def _backup_postgres(engine: Engine, target: Path, progress: Progress) -> None:
    snapshot = engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with snapshot as connection, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        tables = [table for table in _tables(connection) if table.name != VERSIONS]
        columns = {table.name: [c.name for c in table.columns if c.computed is None] for table in tables}
        archive.writestr(FORM, json.dumps({"revision": migrate.revision(connection), "tables": columns}))
        with _cursor(connection) as cursor:
            for done, (name, names) in enumerate(columns.items()):
                progress(done, len(columns))
                query = sql.SQL("COPY {} TO STDOUT").format(_place(name, names))
                with cursor.copy(query) as rows, archive.open(name, "w", force_zip64=True) as entry:
                    for block in rows:
                        entry.write(block)


def _restore_postgres(engine: Engine, file: Path, progress: Progress) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            form = json.loads(archive.read(FORM))
            if archive.testzip() is not None or not form["tables"].keys() <= set(archive.namelist()):
                raise UserError(f"{file} is damaged.")
            _check_revision(file, form["revision"])
            with engine.begin() as connection:  # all or nothing
                _empty(connection, form)
                _fill(connection, archive, form["tables"], progress)
    except (zipfile.BadZipFile, KeyError, TypeError, AttributeError, ValueError, EOFError, zlib.error) as error:
        raise UserError(f"{file} is no backup of a PostgreSQL database: {error}") from None


def _empty(connection: Connection, form: dict[str, Any]) -> None:
    """Make the tables as they were when the copy was made, without a row; tables of others stay."""
    ours = {*form["tables"], *Base.metadata.tables, VERSIONS}
    old = [sql.Identifier(table.name) for table in _tables(connection) if table.name in ours]
    with _cursor(connection) as cursor:
        if old:
            cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.SQL(", ").join(old)))
        migrate.upgrade_on(connection, form["revision"])
        names = sql.SQL(", ").join(map(sql.Identifier, form["tables"]))
        cursor.execute(sql.SQL("TRUNCATE {}").format(names))


def _fill(connection: Connection, archive: zipfile.ZipFile, tables: dict[str, list[str]], progress: Progress) -> None:
    with _cursor(connection) as cursor:
        for done, (name, names) in enumerate(tables.items()):
            progress(done, len(tables))
            query = sql.SQL("COPY {} FROM STDIN").format(_place(name, names))
            with archive.open(name) as entry, cursor.copy(query) as rows:
                while block := entry.read(BLOCK):
                    rows.write(block)
        for table in _tables(connection):
            if "id" in table.columns and table.name in tables:
                _count_on(cursor, table.name)


def _count_on(cursor: Any, table: str) -> None:
    """Let the next row have the key after the greatest; keys that are no numbers have no sequence."""
    found = cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [sql.Identifier(table).as_string(cursor)])
    [sequence] = found.fetchone()
    if sequence is not None:
        query = sql.SQL("SELECT setval(%s, greatest(max(id), 1), max(id) IS NOT NULL) FROM {}")
        cursor.execute(query.format(sql.Identifier(table)), [sequence])


def _tables(connection: Connection) -> list[Table]:
    """Return the tables as they are, each after those it points to."""
    found = MetaData()
    found.reflect(connection, only=inspect(connection).get_table_names())
    return found.sorted_tables


def _cursor(connection: Connection) -> Any:
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.cursor()


def _place(table: str, columns: list[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("{} ({})").format(sql.Identifier(table), names)
