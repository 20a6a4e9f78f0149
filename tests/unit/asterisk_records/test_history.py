"""Reading on from a saved position: nothing lost, nothing doubled, whenever the reader dies."""

import functools
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.records import RecordSource, check, check_position
from connectors.asterisk.records.source import CEL_CSV_COLUMNS
from hub.connector.contract import Level
from hub.records.call import Call
from tests.unit.asterisk_records.scene import FIXTURES, LATER, calls, last, line, pages, rows, source

CEL = rows("pair.cel.csv")
CDR = rows("pair.cdr.csv")


@functools.cache
def whole() -> dict[str, Call]:
    return {call.key: call for call in calls(source(FIXTURES / "pair.cdr.csv", FIXTURES / "pair.cel.csv"))}


def write(path: Path, lines: list[list[str]], mode: str = "a") -> None:
    with path.open(mode) as file:
        file.writelines(line(one) for one in lines)


class Books:
    """The hub's side: keeps calls by their key, and the position with them, as one transaction does."""

    def __init__(self, records: RecordSource) -> None:
        self.records = records
        self.position: dict[str, Any] | None = None
        self.calls: dict[str, Call] = {}
        self.given = 0

    def read(self, now: float = LATER, *, pages_before_death: int | None = None) -> "Books":
        for number, page in enumerate(pages(self.records, self.position, now=now)):
            if number == pages_before_death:
                break
            for call in page.calls:
                self.given += 1
                self.calls[call.key] = call
            self.position = json.loads(json.dumps(page.position))
        return self


def test_without_a_source_there_is_nothing() -> None:
    assert list(pages(None)) == []


def test_reading_twice_gives_each_call_once() -> None:
    books = Books(source(FIXTURES / "pair.cdr.csv", FIXTURES / "pair.cel.csv")).read()
    given = books.given
    books.read().read()

    assert books.given == given == len(books.calls)


@pytest.mark.parametrize("files", ["cel", "cdr", "both"])
@pytest.mark.parametrize("page_rows", [1, 7, 50])
def test_small_pages_give_the_same_calls(files: str, page_rows: int) -> None:
    cdr = FIXTURES / "pair.cdr.csv" if files != "cel" else ""
    cel = FIXTURES / "pair.cel.csv" if files != "cdr" else ""
    big, small = source(cdr, cel), replace(source(cdr, cel), page_rows=page_rows)

    assert Books(small).read().calls == Books(big).read().calls


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_file_that_grows_while_the_reader_dies_gives_the_same_calls(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Rows come in pieces, the reader is started at any moment and dies after any page."""
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("grow")
    cel, cdr = folder / "cel.csv", folder / "cdr.csv"
    books = Books(replace(source(cdr, cel), page_rows=40))
    at = written = 0
    while at < len(CEL):
        step = chance.randint(1, 300)
        write(cel, CEL[at : at + step])
        at += step
        clock = float(CEL[min(at, len(CEL)) - 1][1])
        while written < len(CDR) and datetime.fromisoformat(f"{CDR[written][11]}+00:00").timestamp() <= clock:
            write(cdr, [CDR[written]])
            written += 1
        if chance.random() < 0.7:
            books.read(clock + chance.choice([0, 5, 100]), pages_before_death=chance.choice([None, 1, 2]))
    books.read()

    assert {key: (call.outcome, call.talk_s, call.caller) for key, call in books.calls.items()} == {
        key: (call.outcome, call.talk_s, call.caller) for key, call in whole().items()
    }


def test_a_call_that_is_not_over_waits(tmp_path: Path) -> None:
    log = tmp_path / "cel.csv"
    mine = rows("01_ringgroup_answer.cel.csv")
    write(log, mine[:10])
    books = Books(source(cel=log)).read(now=1_795_308_420.0)
    assert books.calls == {}

    write(log, mine[10:])
    assert list(books.read().calls) == ["1795308404.7"]


def test_a_call_waits_until_it_is_settled_even_if_nothing_more_is_written() -> None:
    records = source(FIXTURES / "01_ringgroup_answer.cdr.csv")

    assert calls(records, now=1_795_308_412.0 + 10) == []
    assert len(calls(records, now=1_795_308_412.0 + 100)) == 1


def test_a_restart_closes_what_was_open_before_it(tmp_path: Path) -> None:
    """No row says that the exchange died; the next channel's number says that it counts from zero again."""
    log = tmp_path / "cel.csv"
    write(log, rows("01_ringgroup_answer.cel.csv")[:12])
    write(log, rows("40_restart_midcall_part1.cel.csv")[:2])
    books = Books(source(cel=log)).read(now=1_795_309_324.0 + 90)

    assert {key: call.outcome for key, call in books.calls.items()} == {"1795308404.7": "lost"}


def test_a_call_without_an_end_is_lost_after_the_longest_time() -> None:
    records = source(cel=FIXTURES / "40_restart_midcall_part1.cel.csv")

    assert calls(records, now=1_795_309_324.0 + 3600) == []
    assert [call.outcome for call in calls(records, now=1_795_309_324.0 + 13 * 3600)] == ["lost"]


def test_calls_before_the_wanted_time_are_not_given_out() -> None:
    began = datetime.fromtimestamp(1_795_317_000, UTC)
    found = calls(source(FIXTURES / "pair.cdr.csv", FIXTURES / "pair.cel.csv"), since=began)

    assert found
    assert all(call.started_at >= began for call in found)


def test_detail_records_make_the_calls_of_the_time_before_events_were_written(tmp_path: Path) -> None:
    cel = tmp_path / "cel.csv"
    half = next(number for number, one in enumerate(CEL) if one[6] == "1795317045.214")
    write(cel, CEL[half:])
    books = Books(source(FIXTURES / "pair.cdr.csv", cel)).read()

    assert set(books.calls) == set(whole())
    assert books.given == len(books.calls)
    assert books.calls["1795316972.96"].transfers == ()  # a detail record says nothing of it
    assert books.calls["1795317060.229"].transfers != ()


def test_an_event_file_that_is_still_missing_leaves_detail_records_to_make_calls(tmp_path: Path) -> None:
    books = Books(source(FIXTURES / "pair.cdr.csv", tmp_path / "cel.csv")).read()

    assert set(books.calls) == set(whole())


def test_a_rotated_file_is_read_on(tmp_path: Path) -> None:
    log = tmp_path / "cel.csv"
    write(log, CEL[:400])
    books = Books(source(cel=log)).read(now=float(CEL[399][1]))
    write(log, CEL[400:700])
    log.rename(f"{log}.1")
    write(log, CEL[700:])
    books.read()

    assert set(books.calls) == set(whole())
    assert all(
        (call.outcome, call.talk_s) == (whole()[key].outcome, whole()[key].talk_s) for key, call in books.calls.items()
    )


def test_garbage_between_the_rows_costs_nothing_but_itself(tmp_path: Path) -> None:
    log = tmp_path / "cel.csv"
    garbage = [["?"], ["CHAN_START", "yesterday", "", "", "", "", "1.1", "1.1", "", ""], [""] * 10, ["x"] * 40]
    write(log, [piece for one in CEL for piece in (one, *random.Random(1).sample(garbage, 1))])

    assert {call.key: call.outcome for call in calls(source(cel=log))} == {k: c.outcome for k, c in whole().items()}


def test_the_position_stays_small() -> None:
    position = last(source(FIXTURES / "pair.cdr.csv", FIXTURES / "pair.cel.csv"))

    assert len(json.dumps(position)) < 2000


class TestDetailRecords:
    def record(self, **fields: Any) -> list[str]:
        """A line of cdr-csv/Master.csv."""
        start = datetime(2026, 11, 22, 10, tzinfo=UTC) + timedelta(seconds=fields.get("at", 0))
        end = start + timedelta(seconds=fields.get("lasts", 10))
        answered = fields.get("disposition", "ANSWERED") == "ANSWERED"
        return [
            "",
            fields.get("src", "0612345678"),
            fields.get("dst", "5550100"),
            "from-trunk",
            '"Ada Smith" <0612345678>',
            fields.get("channel", "PJSIP/trunk-00000001"),
            fields.get("dstchannel", "PJSIP/101-00000002"),
            fields.get("app", "Dial"),
            fields.get("data", "PJSIP/101"),
            f"{start:%Y-%m-%d %H:%M:%S}",
            f"{start:%Y-%m-%d %H:%M:%S}" if answered else "",
            f"{end:%Y-%m-%d %H:%M:%S}",
            str(fields.get("lasts", 10)),
            str(fields.get("lasts", 10)) if answered else "0",
            fields.get("disposition", "ANSWERED"),
            "DOCUMENTATION",
            fields.get("uniqueid", "1795341600.1"),
            fields.get("userfield", ""),
        ]

    def test_a_recording_named_in_the_userfield_is_filed_by_its_day(self, tmp_path: Path) -> None:
        write(tmp_path / "cdr.csv", [self.record(userfield="audio:in-0612345678-1.wav")])
        (call,) = calls(source(tmp_path / "cdr.csv"))

        assert [one.path for one in call.recordings] == ["2026/11/22/in-0612345678-1.wav"]

    def test_a_userfield_of_another_meaning_is_no_recording(self, tmp_path: Path) -> None:
        write(tmp_path / "cdr.csv", [self.record(userfield="project 7")])

        assert calls(source(tmp_path / "cdr.csv"))[0].recordings == ()

    def test_a_callers_name_is_read(self, tmp_path: Path) -> None:
        write(tmp_path / "cdr.csv", [self.record()])

        assert calls(source(tmp_path / "cdr.csv"))[0].caller_name == "Ada Smith"

    def test_a_row_of_an_agents_side_alone_is_no_call(self, tmp_path: Path) -> None:
        """The row of a question to a colleague is written before the customer's call, which it belongs to."""
        log = tmp_path / "cdr.csv"
        asked = self.record(
            channel="PJSIP/101-00000002", dstchannel="Local/102@x-00000001;1", app="AppDial", uniqueid="1795341600.2"
        )
        write(log, [asked])
        books = Books(source(log)).read(now=LATER)
        assert books.calls == {}

        write(log, [self.record(lasts=3000)])
        assert list(books.read().calls) == ["1795341600.1"]

    def test_the_same_channel_name_after_a_restart_is_another_call(self, tmp_path: Path) -> None:
        write(tmp_path / "cdr.csv", [self.record(), self.record(at=60, uniqueid="1795341660.1")])

        assert len(calls(source(tmp_path / "cdr.csv"))) == 2

    def test_a_linkedid_column_keeps_rows_together(self, tmp_path: Path) -> None:
        """With `newcdrcolumns` there are three more columns."""
        one = [*self.record(), "", "1795341600.1", "4"]
        two = [*self.record(at=30, channel="PJSIP/trunk-00000007", uniqueid="1795341630.9"), "", "1795341600.1", "5"]
        write(tmp_path / "cdr.csv", [one, two])

        assert [call.key for call in calls(source(tmp_path / "cdr.csv"))] == ["1795341600.1"]

    @pytest.mark.parametrize(
        ("app", "dstchannel", "disposition", "lasts", "outcome"),
        [
            ("VoiceMail", "", "ANSWERED", 20, "voicemail"),
            ("VoiceMail", "", "ANSWERED", 3, "abandoned"),  # heard the greeting and left
            ("Playback", "", "ANSWERED", 20, "abandoned"),
            ("Queue", "", "ANSWERED", 20, "missed"),
            ("Dial", "PJSIP/101-00000002", "NO ANSWER", 20, "missed"),
            ("Dial", "PJSIP/101-00000002", "BUSY", 0, "busy"),
            ("Dial", "PJSIP/101-00000002", "BUSY", 8, "missed"),  # rang, then was refused
            ("Dial", "PJSIP/101-00000002", "FAILED", 0, "failed"),
            ("Congestion", "", "CONGESTION", 0, "failed"),
            ("Busy", "", "BUSY", 0, "busy"),
        ],
    )
    def test_each_disposition_has_its_outcome(
        self, tmp_path: Path, app: str, dstchannel: str, disposition: str, lasts: int, outcome: str
    ) -> None:
        row = self.record(app=app, dstchannel=dstchannel, disposition=disposition, lasts=lasts)
        write(tmp_path / "cdr.csv", [row])

        assert [call.outcome for call in calls(source(tmp_path / "cdr.csv"))] == [outcome]


class TestCheck:
    def levels(self, records: RecordSource | None, now: float = LATER, position: Any = None) -> dict[str, Level]:
        return {one.topic: one.level for one in check(records, position, now=lambda: now)}

    def test_a_good_source_is_green(self) -> None:
        records = source(FIXTURES / "pair.cdr.csv", FIXTURES / "pair.cel.csv")

        assert self.levels(records) == {"records cel": Level.GREEN, "records cdr": Level.GREEN}

    def test_no_source_is_amber(self) -> None:
        assert self.levels(None) == {"records": Level.AMBER}

    def test_detail_records_alone_are_amber(self) -> None:
        assert self.levels(source(FIXTURES / "pair.cdr.csv"))["records cel"] is Level.AMBER

    def test_a_wrong_time_zone_is_found(self) -> None:
        for zone in ("Asia/Jerusalem", "America/New_York"):
            levels = self.levels(source(FIXTURES / "pair.cdr.csv", time_zone=zone), now=1_795_317_200.0)
            assert levels["records cdr"] is Level.RED, zone

    def test_a_missing_file_is_amber_and_a_folder_red(self, tmp_path: Path) -> None:
        assert self.levels(source(tmp_path / "none.csv"))["records cdr"] is Level.AMBER
        assert self.levels(source(tmp_path)) == {"records": Level.RED}

    def test_a_file_of_other_columns_is_red(self) -> None:
        assert self.levels(source(cel=FIXTURES / "pair.cdr.csv")) == {"records": Level.RED}

    def test_a_gap_is_told(self) -> None:
        records = source(FIXTURES / "pair.cdr.csv")
        position = last(records)

        assert self.levels(records, LATER + 60, position)["records gap"] is Level.GREEN
        assert self.levels(records, LATER + 5 * 86400, position)["records gap"] is Level.AMBER
        lost = {**position, "cdr": {"lost": True}}
        assert self.levels(records, LATER + 60, lost)["records lost"] is Level.AMBER

    def test_a_file_that_was_rotated_away_is_told_and_one_that_was_kept_is_not(self, tmp_path: Path) -> None:
        log = tmp_path / "cel.csv"
        write(log, CEL[:400])
        records = source(cel=log)
        position = last(records)

        assert self.levels(records, LATER, position)["records gap"] is Level.GREEN
        assert "records lost" not in self.levels(records, LATER, position)
        log.rename(f"{log}.1")
        write(log, CEL[400:])
        assert "records lost" not in self.levels(records, LATER, position)
        Path(f"{log}.1").unlink()
        assert self.levels(records, LATER, position)["records lost"] is Level.AMBER
        assert [one.topic for one in check_position(records, position, now=lambda: LATER)] == [
            "records gap",
            "records lost",
        ]
        assert check_position(None, position) == check_position(records, None) == []

    def test_the_place_in_the_time_before_events_counts_no_more(self, tmp_path: Path) -> None:
        write(tmp_path / "cdr.csv", [["old", "line"]])
        write(tmp_path / "cel.csv", CEL)
        records = source(tmp_path / "cdr.csv", tmp_path / "cel.csv")
        position = last(source(cel=tmp_path / "cel.csv"))
        gone = {"inode": 1, "offset": 0, "head_bytes": 10, "head": "0" * 64}
        done = {**position, "cdr_done": True, "cdr": {"low": gone}}

        assert "records lost" not in self.levels(records, LATER, done)


def test_the_readme_gives_the_line_that_the_reader_expects() -> None:
    """Asterisk's names of the columns, in the order of the reader."""
    written = {
        "eventtype": "eventtype", "eventtime": "eventtime", "cid_num": "CALLERID(num)", "exten": "CHANNEL(exten)",
        "channame": "CHANNEL(channame)", "appname": "CHANNEL(appname)", "uniqueid": "CHANNEL(uniqueid)",
        "linkedid": "CHANNEL(linkedid)", "peer": "BRIDGEPEER", "extra": "eventextra",
    }  # fmt: skip
    line = "Master.csv => " + ",".join(f"${{CSV_QUOTE(${{{written[column]}}})}}" for column in CEL_CSV_COLUMNS)
    root = Path(__file__).parents[3]
    assert line in (root / "connectors/asterisk/README.md").read_text(encoding="utf-8").splitlines()
    assert line in (root / "tests/e2e/asterisk/near/cel_custom.conf").read_text(encoding="utf-8").splitlines()
