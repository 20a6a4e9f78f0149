"""Queries in the old system's database: one SELECT, and nothing but reading."""

import sqlite3
from pathlib import Path

import psycopg
import pytest

from hub.errors import UserError
from hub.imports.reading import Row, open_query
from hub.imports.reading.query import checked
from tests.fakes.servers import Postgres


@pytest.fixture
def old(tmp_path: Path) -> str:
    """Return the address of an old system's database."""
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.execute("CREATE TABLE person (id INTEGER, name TEXT, paid NUMERIC, photo BLOB)")
    connection.executemany(
        "INSERT INTO person VALUES (?, ?, ?, ?)",
        [(at, f"Name {at}: 100%", 1.5, b"\xff\xd8" if at == 2 else None) for at in range(1, 1_201)],
    )
    connection.execute("INSERT INTO person VALUES (1201, CAST(x'ff61' AS TEXT), NULL, NULL)")
    connection.commit()
    connection.close()
    return f"sqlite:///{tmp_path / 'old.db'}"


def test_the_rows_of_a_query_are_text_and_reading_can_go_on_anywhere(old: str) -> None:
    with open_query(old, "SELECT id, name, name, paid, photo FROM person ORDER BY id; ") as table:
        assert table.columns == ("id", "name", "name (2)", "paid", "photo")
        rows = list(table.rows())
        assert len(rows) == 1_201
        assert rows[0] == Row(
            1, {"id": "1", "name": "Name 1: 100%", "name (2)": "Name 1: 100%", "paid": "1.5", "photo": ""}
        )
        assert (rows[1].trouble, rows[1].values["photo"]) == ("binary", "ffd8")
        assert (rows[1_200].trouble, rows[1_200].values["name"]) == ("binary", "ff61")
        assert [row.number for row in table.rows(after=1_199)] == [1_200, 1_201]
        assert table.progress() == 1
    with open_query(old, "SELECT name FROM person WHERE name LIKE '%:%' -- 5 %s :x") as table:
        assert next(table.rows()).values == {"name": "Name 1: 100%"}


def test_whatever_is_not_one_select_is_refused(old: str) -> None:
    for query in (
        "", "DELETE FROM person", "WITH x AS (SELECT 1) DELETE FROM person", "SELECT 1; DELETE FROM person",
        r"SELECT 'a\'; DELETE FROM person; --'", r"SELECT 'a\''; DELETE FROM person; --'", "SELECT 1 /*! ; DELETE FROM person */",
        "SELECT [a'] ; DELETE FROM person; --']", "SELECT 1 -- x\rUNION DELETE FROM person", "SELECT 1--1; DELETE FROM person",
        "SELECT 'abc", "SELECT 1 /* abc", "SELECT a$$; DELETE FROM person; $$", "SELECT * INTO y FROM person",
        "SELECT * FROM person FOR UPDATE", "ATTACH DATABASE 'x' AS y", "PRAGMA table_info(person)", "VALUES (1)",
        "SELECT pg_read_file('/etc/passwd')", "SELECT load_extension('x')", "EXPLAIN SELECT 1", "SELECT 1 # x\n; DELETE FROM person",
        "SELECT " + "1," * 60_000 + "1",
    ):  # fmt: skip
        with pytest.raises(UserError) as refused, open_query(old, query):
            raise AssertionError(query)
        assert (refused.value.error_id, refused.value.field) == ("bad_query", "query"), query
    for query in (
        'SELECT "update", `into`, [drop me] FROM x -- it\'s; fine\n',
        "with a as (select ';' as b) select b from a",
    ):
        assert checked(query) == query.strip()


def test_sqlite_lets_a_query_write_nothing_and_open_no_other_file(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the look at the statement would let it pass."""
    monkeypatch.setattr("hub.imports.reading.query.checked", lambda query: query)
    for query in (
        "DELETE FROM person",
        "ATTACH DATABASE '/tmp/other.db' AS y",
        "PRAGMA query_only = OFF",
        "CREATE TABLE y (x)",
    ):
        with pytest.raises(UserError) as refused, open_query(old, query):
            raise AssertionError(query)
        assert "not authorized" in str(refused.value), query


def test_a_database_that_cannot_be_reached_is_said_without_the_password(old: str) -> None:
    for url, code in (
        ("nonsense", "bad_database"), ("sqlite://", "bad_database"), ("sqlite:///:memory:", "bad_database"),
        (f"{old}?mode=rwc", "bad_database"), ("nosuch://x", "bad_database"), (f"{old}.none", "query_failed"),
        ("postgresql+psycopg://hub:s3cret@127.0.0.1:1/s3cret", "query_failed"),
        ("mysql+pymysql://hub:s3cret@127.0.0.1:1/x", "query_failed"),
    ):  # fmt: skip
        with pytest.raises(UserError) as refused, open_query(url, "SELECT 1"):
            raise AssertionError(url)
        assert refused.value.error_id == code, url
        assert "s3cret" not in str(refused.value)
    with pytest.raises(UserError, match="no such table") as refused, open_query(old, "SELECT * FROM missing"):
        raise AssertionError
    with pytest.raises(RuntimeError, match="the reader's own"), open_query(old, "SELECT 1"):
        raise RuntimeError("the reader's own")


def test_postgresql_streams_in_a_transaction_that_may_only_read(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_server.database()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE person (id int, name text, born date, tags text[], more jsonb)")
        connection.execute(
            "INSERT INTO person SELECT n, 'Name ' || n, DATE '2026-01-05', ARRAY['a', 'b'], '{\"x\": 1}' FROM generate_series(1, 1201) n"
        )
    with open_query(url, "SELECT * FROM person WHERE name NOT LIKE '%:x' ORDER BY id") as table:
        rows = list(table.rows())
    assert len(rows) == 1_201
    assert rows[0].values == {
        "id": "1",
        "name": "Name 1",
        "born": "2026-01-05",
        "tags": '["a", "b"]',
        "more": '{"x": 1}',
    }
    monkeypatch.setattr("hub.imports.reading.query.checked", lambda query: query)
    for query in ("DELETE FROM person RETURNING id", "SELECT nextval('x')", "CREATE TABLE y AS SELECT 1"):
        with pytest.raises(UserError) as refused, open_query(url, query) as table:
            list(table.rows())
        assert refused.value.error_id == "query_failed", query
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (1_201,)
