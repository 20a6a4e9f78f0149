"""Record files that grow, rotate and break off while they are read."""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.records.files import RecordFile
from hub.errors import ConnectorError, RejectedError


class Reader:
    """Reads what is new, each time with a new reader and only the saved place, as after a crash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place: dict[str, Any] | None = None
        self.lost = False

    def new(self) -> list[str]:
        file = RecordFile(str(self.path))
        found = [fields[0] for _, fields in file.lines(self.place, 0.0)]
        self.place = file.place(file.end())
        self.lost = file.lost
        return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "Master.csv"
    log.write_text("")
    return log


def write(log: Path, *names: str) -> None:
    with log.open("a") as file:
        file.writelines(f'"{name}","0612345678"\n' for name in names)


def rename(log: Path) -> None:
    log.rename(f"{log}.1")


def rename_to_a_date(log: Path) -> None:
    log.rename(f"{log}-20261122")


def rename_and_create(log: Path) -> None:
    log.rename(f"{log}.1")
    log.write_text("")


def copy_and_truncate(log: Path) -> None:
    shutil.copy2(log, f"{log}.1")
    os.truncate(log, 0)


def compress(log: Path) -> None:
    with gzip.open(f"{log}.1.gz", "wb") as packed:
        packed.write(log.read_bytes())
    os.utime(f"{log}.1.gz", ns=(log.stat().st_atime_ns, log.stat().st_mtime_ns))
    log.unlink()


ROTATIONS = [rename, rename_to_a_date, rename_and_create, copy_and_truncate, compress]


def test_only_what_is_new_is_read(log: Path) -> None:
    reader = Reader(log)
    assert reader.new() == []
    write(log, "a", "b")
    assert reader.new() == ["a", "b"]
    assert reader.new() == []
    write(log, "c")
    assert reader.new() == ["c"]


def test_an_unfinished_line_is_left_for_the_next_time(log: Path) -> None:
    reader = Reader(log)
    write(log, "a")
    with log.open("a") as file:
        file.write('"b","06')
    assert reader.new() == ["a"]
    with log.open("a") as file:
        file.write('1"\n"c","1"\n')
    assert reader.new() == ["b", "c"]


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_the_rest_of_a_rotated_file_comes_before_the_new_one(log: Path, rotate: Callable[[Path], None]) -> None:
    reader = Reader(log)
    write(log, "a", "b")
    assert reader.new() == ["a", "b"]
    write(log, "c")
    rotate(log)
    write(log, "d")

    assert reader.new() == ["c", "d"]
    assert not reader.lost
    write(log, "e")
    assert reader.new() == ["e"]


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_seen_before_anything_new_was_written(log: Path, rotate: Callable[[Path], None]) -> None:
    reader = Reader(log)
    write(log, "a")
    assert reader.new() == ["a"]
    write(log, "b")
    rotate(log)
    assert reader.new() == ["b"]
    write(log, "c")
    assert reader.new() == ["c"]


def test_two_rotations_in_between_lose_nothing(log: Path) -> None:
    reader = Reader(log)
    write(log, "a")
    assert reader.new() == ["a"]
    write(log, "b")
    log.rename(f"{log}.2")
    os.utime(f"{log}.2", (1, 1))
    write(log, "c")
    log.rename(f"{log}.1")
    os.utime(f"{log}.1", (2, 2))
    write(log, "d")

    assert reader.new() == ["b", "c", "d"]


def test_a_longer_file_in_the_place_of_the_old_one_is_not_mistaken_for_it(log: Path) -> None:
    reader = Reader(log)
    write(log, "a")
    assert reader.new() == ["a"]
    copy_and_truncate(log)
    write(log, *"bcdefgh")

    assert reader.new() == list("bcdefgh")


def test_a_file_that_was_thrown_away_is_noticed_and_the_new_one_read(log: Path) -> None:
    reader = Reader(log)
    write(log, "a", "b")
    assert reader.new() == ["a", "b"]
    log.unlink()
    write(log, "c")

    assert reader.new() == ["c"]
    assert reader.lost


def test_the_first_reading_takes_rotated_files_too_but_not_ancient_ones(log: Path) -> None:
    write(log, "ancient")
    log.rename(f"{log}.2")
    os.utime(f"{log}.2", (1000, 1000))
    write(log, "old")
    log.rename(f"{log}.1")
    os.utime(f"{log}.1", (3000, 3000))
    write(log, "new")
    file = RecordFile(str(log))

    assert [fields[0] for _, fields in file.lines(None, 2000.0)] == ["old", "new"]


def test_other_files_beside_it_are_not_ours(log: Path) -> None:
    reader = Reader(log)
    write(log, "a")
    (log.parent / "Master.csv.d").mkdir()
    os.mkfifo(log.parent / "Master.csv.pipe")
    (log.parent / "Master.csv.broken.gz").write_bytes(b"no archive")
    (log.parent / "Master.csvx").write_text('"x"\n')

    assert reader.new() == ["a"]


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "Master.csv")
    assert reader.new() == []
    write(reader.path, "a")
    assert reader.new() == ["a"]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_folder_or_pipe_in_its_place_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "Master.csv")

    with pytest.raises(RejectedError):
        Reader(tmp_path / "Master.csv").new()


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ('"a\nb","1"\n"c","2"\n', ["a\nb", "c"]),  # a caller name with a line break
        ('"a","1\n"b","2"\n', ["a", "b"]),  # a line that was broken off
        ('"a ""quoted""","1"\n', ['a "quoted"']),
        ("\n\n\r\n", []),
        ('"a","1"\r\n', ["a"]),
        ("\0\0\n" + '"a","1"\n', ["\0\0", "a"]),
    ],
)
def test_strange_lines_do_no_harm_to_their_neighbours(log: Path, content: str, names: list[str]) -> None:
    log.write_text(content, newline="")
    found = Reader(log).new()

    assert found[-1:] == names[-1:]
    assert len(found) == len(names)


def test_latin_1_bytes_are_letters(log: Path) -> None:
    log.write_bytes(b'"Jos\xe9 M\xfcller","1"\n"\xd7\xa0\xd7\x95\xd7\xa2\xd7\x94","2"\n')

    assert Reader(log).new() == ["José Müller", "נועה"]


def test_a_line_without_end_does_not_fill_the_memory(log: Path) -> None:
    with log.open("w") as file:
        file.write('"a","1"\n' + '"' + "x" * 3_000_000 + "\n" + '"b","2"\n')
    reader = RecordFile(str(log))
    found = [fields[0] for _, fields in reader.lines(None, 0.0)]

    assert found[0] == "a"
    assert found[-1] == "b"


STEPS = st.lists(
    st.one_of(
        st.integers(1, 4).map(lambda count: ("write", count)),
        st.sampled_from([("read", 0), ("rotate", 0), ("copy", 0)]),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_in_between_each_line_is_read_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    log = tmp_path_factory.mktemp("steps") / "Master.csv"
    reader, number, seen, rotated = Reader(log), 0, [], 0
    reader.new()
    for step, count in [*steps, ("read", 0)]:
        if step == "write":
            write(log, *(f"line {number + one}" for one in range(count)))
            number += count
        elif step == "read":
            seen += reader.new()
        elif log.exists() and log.stat().st_size:
            rotated += 1
            name = f"{log}.{99 - rotated}"
            if step == "copy":
                shutil.copyfile(log, name)
                os.truncate(log, 0)
            else:
                log.rename(name)
            os.utime(name, (rotated, rotated))

    assert seen == [f"line {one}" for one in range(number)]


def test_a_file_that_may_not_be_read_says_so(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(ConnectorError, match="Permission denied"):
        Reader(log).new()
