"""The shelf of files: whole or not at all, also when the process is killed while it writes."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import GoneError
from hub.mail.files import LONGEST_NAME, Limits, safe_name, same
from hub.mail.models import FileState
from hub.records.mail import Attachment
from hub.records.picture import picture_type
from hub.store.shelf import OLD_S, Shelf, TooLargeError, Verdict

CONTENT = b"offer " * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
# Receives a file of three blocks and gives it its place; killed where it is told to be, as by a power cut.
CHILD = """
import os, signal, sys
from pathlib import Path
from hub.store import shelf

where, folder = sys.argv[1], Path(sys.argv[2])
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

def blocks():
    for number in range(3):
        if where == f"block{number}":
            die()
        yield b"offer " * 1000 if number == 0 else b""

if where == "flushed":
    shelf.os.fsync = die
if where == "linked":
    shelf.flush = die
one = shelf.Shelf(folder, 10**6)
draft = one.receive(blocks())
if where == "received":
    die()
one.place(draft)
die()
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "files", 10**6)


def put(shelf: Shelf, content: bytes) -> str:
    draft = shelf.receive([content])
    shelf.place(draft)
    return draft.sha256


@pytest.mark.parametrize(
    ("where", "there"),
    [
        ("block0", False), ("block1", False), ("block2", False), ("flushed", False), ("received", False),
        ("linked", False), ("end", True),
    ],
)  # fmt: skip
def test_a_process_that_is_killed_leaves_the_whole_file_or_none(shelf: Shelf, where: str, there: bool) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, where, str(shelf.folder)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert list(shelf.names()) == ([SHA] if there else [])
    for name in shelf.names():
        with shelf.open(name) as file:
            assert file.read() == CONTENT
    assert put(shelf, CONTENT) == SHA  # the next one is not disturbed
    assert list(shelf.names()) == [SHA]


def test_what_a_dead_writer_left_goes_after_a_day_and_what_is_being_written_stays(shelf: Shelf) -> None:
    old, young = shelf.receive([b"old"]), shelf.receive([b"young"])
    before = time.time() - OLD_S - 60
    os.utime(old.path, (before, before))
    assert shelf.sweep_incoming() == 1
    assert (old.path.exists(), young.path.exists()) == (False, True)


def test_a_file_that_is_too_large_leaves_nothing(shelf: Shelf) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    with pytest.raises(TooLargeError):
        shelf.receive(endless())
    assert [one for one in shelf.folder.rglob("*") if one.is_file()] == []


def test_the_same_content_is_one_file_that_only_we_read(shelf: Shelf) -> None:
    assert put(shelf, CONTENT) == put(shelf, CONTENT) == SHA
    [file] = [one for one in shelf.folder.rglob("*") if one.is_file()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shelf.remove(SHA)
    shelf.remove(SHA)
    assert list(shelf.names()) == []


def test_without_a_scanner_every_file_passes(shelf: Shelf) -> None:
    assert shelf.scan(shelf.receive([CONTENT])) == (Verdict.CLEAN, "")


# --- names and kinds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("offer.pdf", "offer.pdf"), ("הצעה 44.pdf", "הצעה 44.pdf"), ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\Windows\\x.dll", "C__Windows_x.dll"), ("", "file-3"), (" . . ", "file-3"), (".htaccess", "htaccess"),
        ("con", "_con"), ("LPT1.txt", "_LPT1.txt"), ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\nb\x00c.pdf", "abc.pdf"), ("x" * 300 + ".pdf", "x" * (LONGEST_NAME - 4) + ".pdf"),
    ],
)  # fmt: skip
def test_a_name_to_save_under_is_harmless(name: str, safe: str) -> None:
    assert safe_name(name, 2) == safe


@given(st.text(max_size=400))
def test_any_name_becomes_one_that_every_system_takes(name: str) -> None:
    safe = safe_name(name, 0)
    assert 0 < len(safe) <= LONGEST_NAME
    assert not set(safe) & set('<>:"/\\|?*\x00\n\r\u202e')
    assert safe == safe.strip(". ")
    assert safe_name(safe, 0) == safe


@pytest.mark.parametrize(
    ("name", "media_type", "size", "refusal"),
    [
        ("offer.pdf", "application/pdf", 10, None), ("offer.pdf", "application/pdf", 11, FileState.TOO_LARGE),
        ("run.exe", "application/pdf", 1, FileState.REFUSED), ("RUN.ExE", "x/y", 1, FileState.REFUSED),
        ("run.exe ", "x/y", 1, FileState.REFUSED), ("exe", "x/y", 1, None),
        ("offer", "Application/X-Msdownload", 1, FileState.REFUSED),
    ],
)  # fmt: skip
def test_what_is_never_fetched_is_known_by_its_name_type_or_size(
    name: str, media_type: str, size: int, refusal: FileState | None
) -> None:
    assert Limits(10, frozenset({".exe", "application/x-msdownload"})).refusal(name, media_type, size) == refusal


def test_a_picture_is_what_its_first_bytes_say() -> None:
    assert picture_type(b"\x89PNG\r\n\x1a\n....") == "image/png"
    assert picture_type(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert picture_type(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    assert picture_type(b"<svg xmlns=") == picture_type(b"RIFF\x00\x00\x00\x00WAVE") == picture_type(b"") == ""


def attachment(number: str, name: str = "offer.pdf", size: int = 10) -> Attachment:
    return Attachment(number, name, "application/pdf", size, "", inline=False)


def test_a_file_is_found_again_in_a_copy_that_numbers_its_parts_otherwise() -> None:
    told = {"number": "1", "name": "offer.pdf", "type": "application/pdf", "size": 10}
    here, other = attachment("1"), attachment("AAMk=")
    assert same(told, [attachment("1", "else.pdf"), here]) is here
    assert same(told, [attachment("0", size=99), other]) is other
    assert same(told, [attachment("7", size=11)]).number == "7"  # a provider that counts otherwise
    with pytest.raises(GoneError):
        same(told, [attachment("1", "else.pdf")])
