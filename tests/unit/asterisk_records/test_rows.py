"""Single rows: times, columns, settings."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.asterisk.records import RecordSource, Store
from connectors.asterisk.records.rows import cdr_fields, cdr_row, cel_row, clid_name, moment
from hub.errors import ShapeError

JERUSALEM = ZoneInfo("Asia/Jerusalem")


@pytest.mark.parametrize(
    ("value", "zone", "utc"),
    [
        ("2026-11-22 00:46:44", "UTC", "2026-11-22T00:46:44"),
        ("2026-11-22 00:46:44", "Asia/Jerusalem", "2026-11-21T22:46:44"),
        ("2026-07-22 00:46:44", "Asia/Jerusalem", "2026-07-21T21:46:44"),
        ("1795308404.5", "Asia/Jerusalem", "2026-11-22T00:46:44.500000"),
        ("2026-11-22 00:46:44.25", "UTC", "2026-11-22T00:46:44.250000"),
        ("2026-11-22T02:46:44+02:00", "UTC", "2026-11-22T00:46:44"),
        (datetime(2026, 11, 22, 0, 46, 44), "Asia/Jerusalem", "2026-11-21T22:46:44"),  # noqa: DTZ001 - as drivers give it
        (datetime(2026, 11, 22, 0, 46, 44, tzinfo=UTC), "Asia/Jerusalem", "2026-11-22T00:46:44"),
    ],
)
def test_a_time_is_read_in_the_zone_of_the_source(value: object, zone: str, utc: str) -> None:
    assert moment(value, ZoneInfo(zone)) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("epoch", "hour"),
    [("1792882800.1", "2026-10-24T23:30:00"), ("1792884000.1", "2026-10-24T23:30:00")],
)
def test_in_the_hour_that_happens_twice_the_channels_birth_decides(epoch: str, hour: str) -> None:
    """25 October 2026, 02:00 in Jerusalem becomes 01:00 again."""
    second = moment("2026-10-25 01:30:00", JERUSALEM, "1792884500.1")
    first = moment("2026-10-25 01:30:00", JERUSALEM, "1792880000.1")

    assert (second - first).total_seconds() == 3600
    assert first == datetime(2026, 10, 24, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "0000-00-00 00:00:00", "soon", "99999999999999", None])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ShapeError):
        moment(value, JERUSALEM)


@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ([], {}),
        (["1795308404.7"], {"uniqueid": "1795308404.7"}),
        (["pbx1-1795308404.7"], {"uniqueid": "pbx1-1795308404.7"}),
        (["project 7"], {"userfield": "project 7"}),
        (["1795308404.7", "u"], {"uniqueid": "1795308404.7", "userfield": "u"}),
        (["a", "l", "5"], {"peeraccount": "a", "linkedid": "l", "sequence": "5"}),
        (
            ["1795308404.7", "u", "a", "l", "5"],
            {"uniqueid": "1795308404.7", "userfield": "u", "linkedid": "l", "sequence": "5"},
        ),
    ],
)
def test_the_columns_of_a_csv_line_are_known_by_their_number(rest: list[str], named: dict[str, str]) -> None:
    fields = cdr_fields(["x"] * 16 + rest)

    assert {name: fields[name] for name in named} == named


def test_a_line_of_another_number_of_fields_is_refused() -> None:
    with pytest.raises(ShapeError):
        cdr_fields(["x"] * 30)


@pytest.mark.parametrize(
    ("clid", "name"),
    [
        ('"Ada Smith" <0612345678>', "Ada Smith"),
        ("Ada Smith <0612345678>", "Ada Smith"),
        ('"0612345678" <0612345678>', ""),
        ("<0612345678>", ""),
        ("0612345678", ""),
        ('"A "B" C" <1>', 'A "B" C'),
        ("", ""),
    ],
)
def test_a_name_is_taken_from_the_caller_id(clid: str, name: str) -> None:
    assert clid_name(clid) == name


def test_freepbx_columns_are_read() -> None:
    row = cdr_row(
        {
            "calldate": datetime(2026, 11, 22, 2, 46, 44),  # noqa: DTZ001 - MySQL's datetime has no zone
            "channel": "PJSIP/trunk-1",
            "duration": 8,
            "billsec": 6,
            "disposition": "ANSWERED",
            "uniqueid": "1795308404.7",
            "did": "5550100",
            "cnam": "Ada",
            "recordingfile": "in.wav",
            "sequence": 4,
        },
        JERUSALEM,
    )

    assert (row.start, row.end) == (
        datetime(2026, 11, 22, 0, 46, 44, tzinfo=UTC),
        datetime(2026, 11, 22, 0, 46, 52, tzinfo=UTC),
    )
    assert row.answer == datetime(2026, 11, 22, 0, 46, 46, tzinfo=UTC)
    assert (row.did, row.name, row.recording, row.sequence) == ("5550100", "Ada", "2026/11/22/in.wav", 4)


@pytest.mark.parametrize(
    ("written", "event"), [("CHAN_START", "CHAN_START"), ("hangup", "HANGUP"), (14, "LINKEDID_END")]
)
def test_events_are_known_by_name_and_by_number(written: Any, event: str) -> None:
    row = cel_row({"eventtype": written, "eventtime": "1795308404.5", "uniqueid": "1.1", "linkedid": "1.1"}, JERUSALEM)

    assert row.event == event


@pytest.mark.parametrize("extra", ["", "{", "[]", "{" * 3000, '{"a": {"b": 1}}', None, b'{"a": "\xff"}'])
def test_extras_that_are_no_object_are_no_extras(extra: Any) -> None:
    row = cel_row(
        {"eventtype": "HANGUP", "eventtime": "1795308404.5", "uniqueid": "1.1", "linkedid": "1.1", "extra": extra},
        JERUSALEM,
    )

    assert set(row.extra) <= {"a"}


@pytest.mark.parametrize(
    ("text", "cel", "wanted"),
    [
        ("/var/log/a.csv", "", {"store": Store.CSV, "cdr": "/var/log/a.csv", "cel": ""}),
        (
            "csv:/a.csv?cel=/b.csv&zone=Asia/Jerusalem",
            "",
            {"cdr": "/a.csv", "cel": "/b.csv", "time_zone": "Asia/Jerusalem"},
        ),
        ("/a.csv", "/b.csv", {"cdr": "/a.csv", "cel": "/b.csv"}),
        ("/a.csv", "csv:/b.csv", {"cdr": "/a.csv", "cel": "/b.csv"}),
        ("", "/b.csv", {"cdr": "", "cel": "/b.csv"}),
        (
            "mysql://hub@db.example/asteriskcdrdb",
            "",
            {"store": Store.MYSQL, "host": "db.example", "port": 3306, "database": "asteriskcdrdb", "username": "hub"},
        ),
        ("mysql://hub@db/x", "events", {"cdr": "cdr", "cel": "events"}),
        ("mysql://hub@db/x", "mysql://hub@db/x?cel=ev", {"cdr": "cdr", "cel": "ev"}),
        ("postgres://hub@db:5433/x?cdr=a.cdr&cel=b", "", {"store": Store.POSTGRESQL, "port": 5433, "cdr": "a.cdr"}),
        ("mysql://hub:p%40ss@db/x", "", {"password": "p@ss"}),
        ("mysql://hub@db/x", "", {"password": "secret"}),
    ],
)
def test_a_source_is_written_in_one_line(text: str, cel: str, wanted: dict[str, Any]) -> None:
    found = RecordSource.parse(text, cel, password="secret")

    assert {name: getattr(found, name) for name in wanted} == wanted
    assert "secret" not in repr(found)
    assert "p@ss" not in f"{found!r} {found}"


def test_an_empty_source_is_none() -> None:
    assert RecordSource.parse("", "  ") is None


@pytest.mark.parametrize(
    ("text", "cel"),
    [
        ("relative.csv", ""),
        ("csv:relative.csv", ""),
        ("oracle://db/x", ""),
        ("mysql://hub@db/x?cdr=cdr;drop table cdr", ""),
        ("mysql://hub@db/x?cdr=`", ""),
        ("mysql://hub@db/x?cdr=a.b.c", ""),
        ("mysql://hub@db/x", "mysql://hub@other/x"),
        ("mysql://hub@db/x", "/b.csv"),
        ("/a.csv?colour=red", ""),
        ("/a.csv?zone=Mars", ""),
        ("/a.csv?zone=../../etc/passwd", ""),
        ("/a.csv?columns=eventtype,eventtime", ""),
        ("/a.csv?columns=eventtype,eventtype,eventtime,channame,uniqueid,linkedid", ""),
    ],
)
def test_a_source_that_cannot_be_is_refused(text: str, cel: str) -> None:
    with pytest.raises(ValueError, match="records source"):
        RecordSource.parse(text, cel)
