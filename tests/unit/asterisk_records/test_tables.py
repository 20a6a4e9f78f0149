"""Call records in real databases: MariaDB with FreePBX's tables, PostgreSQL with those of cdr_pgsql and cel_pgsql."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import pymysql
import pytest

from connectors.asterisk.records import RecordSource, check
from connectors.asterisk.records.rows import CdrRow, cdr_fields, cdr_row
from connectors.asterisk.records.source import CEL_CSV_COLUMNS
from connectors.asterisk.records.tables import Database
from hub.connector.contract import Level
from hub.errors import AuthError, RetryLaterError, ScopeError
from hub.records.call import Call
from tests.fakes.servers import Postgres
from tests.unit.asterisk_records.scene import FIXTURES, LATER, calls, last, pages, rows, source

ZONE = "Asia/Jerusalem"  # FreePBX writes local time

# Source: FreePBX 16, modules cdr and cel.
MARIADB = """
CREATE TABLE cdr (
  calldate datetime NOT NULL DEFAULT '0000-00-00 00:00:00', clid varchar(80) NOT NULL DEFAULT '',
  src varchar(80) NOT NULL DEFAULT '', dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '',
  channel varchar(80) NOT NULL DEFAULT '', dstchannel varchar(80) NOT NULL DEFAULT '',
  lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '', duration int NOT NULL DEFAULT 0,
  billsec int NOT NULL DEFAULT 0, disposition varchar(45) NOT NULL DEFAULT '', amaflags int NOT NULL DEFAULT 0,
  accountcode varchar(20) NOT NULL DEFAULT '', uniqueid varchar(32) NOT NULL DEFAULT '',
  userfield varchar(255) NOT NULL DEFAULT '', did varchar(50) NOT NULL DEFAULT '',
  recordingfile varchar(255) NOT NULL DEFAULT '', cnum varchar(80) NOT NULL DEFAULT '',
  cnam varchar(80) NOT NULL DEFAULT '', linkedid varchar(32) NOT NULL DEFAULT '',
  peeraccount varchar(80) NOT NULL DEFAULT '', sequence int NOT NULL DEFAULT 0,
  KEY calldate (calldate), KEY dst (dst), KEY uniqueid (uniqueid)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE cel (
  id int NOT NULL AUTO_INCREMENT, eventtype varchar(30) NOT NULL, eventtime datetime NOT NULL,
  cid_name varchar(80) NOT NULL DEFAULT '', cid_num varchar(80) NOT NULL DEFAULT '', cid_ani varchar(80) NOT NULL DEFAULT '',
  cid_rdnis varchar(80) NOT NULL DEFAULT '', cid_dnid varchar(80) NOT NULL DEFAULT '', exten varchar(80) NOT NULL DEFAULT '',
  context varchar(80) NOT NULL DEFAULT '', channame varchar(80) NOT NULL DEFAULT '', appname varchar(80) NOT NULL DEFAULT '',
  appdata varchar(255) NOT NULL DEFAULT '', amaflags int NOT NULL DEFAULT 0, accountcode varchar(20) NOT NULL DEFAULT '',
  uniqueid varchar(32) NOT NULL, linkedid varchar(32) NOT NULL, peer varchar(80) NOT NULL DEFAULT '',
  userdeftype varchar(255) NOT NULL DEFAULT '', extra varchar(512) NOT NULL DEFAULT '',
  PRIMARY KEY (id), KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid)) DEFAULT CHARSET=utf8mb4;
"""

# Source: Asterisk, contrib/ast-db-manage/cdr, and the table in the documentation of cel_pgsql.
POSTGRESQL = """
CREATE TABLE cdr (
  accountcode varchar(80), src varchar(80), dst varchar(80), dcontext varchar(80), clid varchar(80), channel varchar(80),
  dstchannel varchar(80), lastapp varchar(80), lastdata varchar(80), calldate timestamp, answer timestamp, "end" timestamp,
  duration integer, billsec integer, disposition varchar(45), amaflags varchar(45), userfield varchar(256),
  uniqueid varchar(150), linkedid varchar(150), peeraccount varchar(80), sequence integer);
CREATE TABLE cel (
  id serial, eventtype integer, eventtime timestamp with time zone, userdeftype varchar(255), cid_name varchar(80),
  cid_num varchar(80), cid_ani varchar(80), cid_rdnis varchar(80), cid_dnid varchar(80), exten varchar(80),
  context varchar(80), channame varchar(80), appname varchar(80), appdata varchar(80), amaflags integer,
  accountcode varchar(20), peeraccount varchar(20), uniqueid varchar(150), linkedid varchar(150), userfield varchar(255),
  peer varchar(80), extra varchar(1000));
"""
EVENT_NUMBERS = {
    "CHAN_START": 1, "CHAN_END": 2, "HANGUP": 3, "ANSWER": 4, "APP_START": 5, "APP_END": 6, "BRIDGE_ENTER": 7,
    "BRIDGE_EXIT": 8, "BLINDTRANSFER": 11, "ATTENDEDTRANSFER": 12, "LINKEDID_END": 14, "PICKUP": 15, "FORWARD": 16,
    "LOCAL_OPTIMIZE": 17, "LOCAL_OPTIMIZE_BEGIN": 18,
}  # fmt: skip


@dataclass
class Server:
    """A database with empty tables `cdr` and `cel`, seen by who may write (the exchange) and who may not (the hub)."""

    kind: str
    records: RecordSource
    writer: Any

    def run(self, *statements: str) -> None:
        with closing(self.writer.cursor()) as cursor:
            for statement in statements:
                for one in statement.split(";"):
                    if one.strip():
                        cursor.execute(one)

    def insert(self, table: str, lines: list[dict[str, Any]]) -> None:
        with closing(self.writer.cursor()) as cursor:
            for one in lines:
                names = ", ".join(f'"{name}"' if self.kind == "postgresql" else f"`{name}`" for name in one)
                cursor.execute(
                    f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(one))})", list(one.values())
                )


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB of our own; gives its address."""
    if not all(map(shutil.which, ("mariadbd", "mariadb-install-db", "my_print_defaults"))):
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server)")
    folder = tmp_path_factory.mktemp("mariadb")
    data = folder / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        *user,
    ]
    subprocess.run(install, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={folder}/s", f"--pid-file={folder}/pid",
        f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", *user,
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
        except pymysql.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        else:
            return


@pytest.fixture
def mysql(mariadb: str) -> Iterator[Server]:
    host, _, port = mariadb.partition(":")
    writer = pymysql.connect(host=host, port=int(port), user="root", autocommit=True)
    server = Server("mysql", source(f"mysql://hub@{mariadb}/asteriskcdrdb", password="p'w", time_zone=ZONE), writer)
    server.run(
        "DROP DATABASE IF EXISTS asteriskcdrdb; CREATE DATABASE asteriskcdrdb; USE asteriskcdrdb",
        MARIADB,
        "CREATE OR REPLACE USER hub@'%' IDENTIFIED BY 'p''w'; GRANT SELECT ON asteriskcdrdb.* TO hub@'%'",
    )
    yield server
    writer.close()


@pytest.fixture
def postgresql(postgres_server: Postgres) -> Iterator[Server]:
    address = urlsplit(postgres_server.database())
    name = address.path.strip("/")
    writer = psycopg.connect(host="127.0.0.1", port=address.port, user="hub", dbname=name, autocommit=True)
    server = Server(
        "postgresql", source(f"postgresql://reader@127.0.0.1:{address.port}/{name}", time_zone=ZONE), writer
    )
    server.run(POSTGRESQL)
    server.run(
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT SELECT ON cdr, cel TO reader",
    )
    yield server
    server.run("DROP OWNED BY reader; DROP ROLE reader")
    writer.close()


@pytest.fixture(params=["mysql", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    made: Server = request.getfixturevalue(request.param)
    return made


def local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)


def cdr_lines(kind: str, *, linkedid: bool = True) -> list[dict[str, Any]]:
    """The fixture's rows as the exchange writes them into a table, in the order in which it does."""
    lines: list[dict[str, Any]] = []
    keys = {one[6]: one[7] for one in rows("pair.cel.csv")}
    for fields in rows("pair.cdr.csv"):
        named = cdr_fields(fields)
        row: CdrRow = cdr_row(named, ZoneInfo("UTC"))
        one: dict[str, Any] = {
            name: named[name] for name in ("src", "dst", "dcontext", "clid", "channel", "dstchannel")
        }
        one |= {name: named[name] for name in ("lastapp", "lastdata", "disposition", "uniqueid", "duration", "billsec")}
        one["calldate"] = local(row.start)
        one["sequence"] = len(lines)
        if linkedid:
            one["linkedid"] = keys[row.uniqueid]
        if kind == "mysql":
            one["did"] = "5550101" if row.dst == "103" and row.channel.startswith("PJSIP/trunk") else ""
            one["recordingfile"] = "in-1.wav" if row.uniqueid == "1795317045.214" else ""
        else:
            one |= {"answer": local(row.answer) if row.answer else None, "end": local(row.end)}
        lines.append(one)
    return lines


def cel_lines(kind: str) -> list[dict[str, Any]]:
    lines = []
    for fields in rows("pair.cel.csv"):
        one: dict[str, Any] = dict(zip(CEL_CSV_COLUMNS, fields, strict=True))
        at = datetime.fromtimestamp(float(one["eventtime"]), UTC)
        if kind == "mysql":
            one["eventtime"] = local(at).replace(microsecond=0)
            one["extra"] = one["extra"][:512]
        elif one["eventtype"] not in EVENT_NUMBERS:
            continue
        else:
            one |= {"eventtime": at, "eventtype": EVENT_NUMBERS[one["eventtype"]]}
        lines.append(one)
    return lines


def told(found: list[Call]) -> dict[str, tuple[object, ...]]:
    return {call.key: (call.direction, call.caller, call.outcome, round(call.talk_s)) for call in found}


def assert_same(found: list[Call], wanted: list[Call], talk_s: float) -> None:
    """The same calls; talk may differ by what whole seconds lose."""
    assert len(found) == len({call.key for call in found}), "doubled"
    ours, theirs = told(found), told(wanted)
    assert {key: said[:-1] for key, said in ours.items()} == {key: said[:-1] for key, said in theirs.items()}
    talk = {call.key: call.talk_s for call in found}
    assert [call.key for call in wanted if abs(talk[call.key] - call.talk_s) > talk_s] == []


FROM_FILES = calls(source(FIXTURES / "pair.cdr.csv", FIXTURES / "pair.cel.csv"))


def test_events_in_a_table_make_the_same_calls_as_in_a_file(server: Server) -> None:
    server.insert("cel", cel_lines(server.kind))

    assert_same(calls(server.records), FROM_FILES, 2.0)  # FreePBX's datetime has whole seconds


@pytest.mark.parametrize("linkedid", [True, False])
def test_detail_records_in_a_table_make_the_same_calls_as_in_a_file(server: Server, linkedid: bool) -> None:
    server.run("DROP TABLE cel")
    server.insert("cdr", cdr_lines(server.kind, linkedid=linkedid))

    assert_same(calls(server.records), calls(source(FIXTURES / "pair.cdr.csv")), 2.0)


def test_the_exchanges_own_columns_enrich_the_events(mysql: Server) -> None:
    mysql.insert("cel", cel_lines("mysql"))
    mysql.insert("cdr", cdr_lines("mysql"))
    found = {call.key: call for call in calls(mysql.records)}

    assert [one.path for one in found["1795317045.214"].recordings] == ["2026/11/22/in-1.wav"]
    assert found["1795316867.37"].did == "5550101"
    assert found["1795317122.285"].queue == "fpx"


@pytest.mark.parametrize("tables", ["cdr", "cel", "both"])
def test_reading_on_gives_every_call_once_it_is_over(server: Server, tables: str) -> None:
    """Rows come in pieces; each reading begins with nothing but the position of the last."""
    records = replace(
        server.records, page_rows=37, cel="" if tables == "cdr" else "cel", cdr="" if tables == "cel" else "cdr"
    )
    events, details = cel_lines(server.kind), cdr_lines(server.kind)
    position: dict[str, Any] | None = None
    found: dict[str, Call] = {}
    for part in range(5):
        for table, lines in (("cel", events), ("cdr", details)):
            step = len(lines) // 5 + 1
            server.insert(table, lines[part * step : (part + 1) * step])
        for page in pages(records, position, now=LATER if part == 4 else 0.0):
            found |= {call.key: call for call in page.calls}
            position = json.loads(json.dumps(page.position))
    whole = {call.key: call for call in calls(records)}

    assert told(list(found.values())) == told(list(whole.values()))
    assert found.keys() == whole.keys() == told(FROM_FILES).keys()


def test_a_detail_record_that_is_written_late_is_not_missed(server: Server) -> None:
    """A long call's row has an early start but comes after rows of later calls."""
    server.run("DROP TABLE cel")
    lines = cdr_lines(server.kind)
    long = next(one for one in lines if one["uniqueid"] == "1795317045.214")
    server.insert("cdr", [one for one in lines if one is not long])
    position = last(server.records)
    hour = {"duration": 3600, "billsec": 3590}
    if server.kind == "postgresql":
        hour["end"] = long["calldate"] + timedelta(hours=1)
    server.insert("cdr", [{**long, **hour}])

    found = {call.key: call for call in calls(server.records, position)}

    assert found["1795317045.214"].talk_s > 3500


def test_many_rows_of_one_second_fit_no_page_but_are_all_read(server: Server) -> None:
    at = datetime(2026, 11, 22, 3, 0, 0)  # noqa: DTZ001 - as the table keeps it
    one = {"channel": "PJSIP/trunk-1", "dstchannel": "", "disposition": "NO ANSWER", "duration": 1, "billsec": 0}
    server.insert("cdr", [{**one, "calldate": at, "uniqueid": f"1795309200.{number}"} for number in range(40)])
    with Database(replace(server.records, page_rows=7)) as database:
        read = list(database.by_time("cdr", "calldate", ("uniqueid",), datetime(2026, 1, 1, tzinfo=UTC)))

    assert sorted(row["uniqueid"] for row in read) == sorted(f"1795309200.{number}" for number in range(40))


def test_the_session_cannot_write(server: Server) -> None:
    server.run(
        "GRANT ALL ON asteriskcdrdb.* TO hub@'%'" if server.kind == "mysql" else "GRANT ALL ON cdr, cel TO reader",
    )
    with (
        Database(server.records) as database,
        pytest.raises((AuthError, RetryLaterError, Exception), match=r"(?i)read.only"),
    ):
        database._fetch("DELETE FROM cdr", [])


class TestCheck:
    def findings(self, server: Server, now: float = 1_795_317_200.0, **change: Any) -> dict[str, Level]:
        return {one.topic: one.level for one in check(replace(server.records, **change), now=lambda: now)}

    def test_readable_tables_are_green(self, server: Server) -> None:
        server.insert("cel", cel_lines(server.kind)[-5:])
        server.insert("cdr", cdr_lines(server.kind)[-5:])

        assert self.findings(server) == {"records cel": Level.GREEN, "records cdr": Level.GREEN}

    def test_empty_tables_are_amber(self, server: Server) -> None:
        assert self.findings(server) == {"records cel": Level.AMBER, "records cdr": Level.AMBER}

    def test_a_wrong_time_zone_is_found(self, server: Server) -> None:
        server.insert("cdr", cdr_lines(server.kind)[-5:])

        assert self.findings(server, time_zone="UTC")["records cdr"] is Level.RED

    def test_missing_tables_are_red(self, server: Server) -> None:
        server.run("DROP TABLE cdr; DROP TABLE cel")

        assert self.findings(server) == {"records": Level.RED}

    def test_tables_without_the_right_to_read_are_red(self, server: Server) -> None:
        server.run(
            "REVOKE ALL ON asteriskcdrdb.* FROM hub@'%'"
            if server.kind == "mysql"
            else "REVOKE ALL ON cdr, cel FROM reader"
        )

        assert self.findings(server) == {"records": Level.RED}

    def test_a_wrong_password_is_said(self, mysql: Server) -> None:
        assert self.findings(mysql, password="guess") == {"records": Level.RED}
        with pytest.raises(AuthError, match="password"):
            Database(replace(mysql.records, password="guess"))

    def test_an_unknown_user_or_database_is_said(self, server: Server) -> None:
        with pytest.raises(AuthError, match="check the user"):
            Database(replace(server.records, username="nobody"))
        with pytest.raises((AuthError, ScopeError), match="nothing"):
            Database(replace(server.records, database="nothing"))

    @pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
    def test_a_closed_port_may_be_tried_later(self, scheme: str) -> None:
        records = source(f"{scheme}://hub@127.0.0.1:1/x")

        assert {one.topic: one.level for one in check(records)} == {"records": Level.RED}
        with pytest.raises(RetryLaterError):
            Database(records)
