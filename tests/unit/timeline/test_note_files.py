"""Files of notes: what they are called and what they are, who may put them there, and what the shelf keeps of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import UserError
from hub.records.media_type import OTHER, media_type
from hub.security.models import Role
from hub.security.policy import Person, may_attach
from hub.store.shelf import MIB, Shelf
from hub.timeline import note_files
from hub.timeline.note_files import LONGEST_NAME, cleaned, received


def test_a_name_has_no_path_and_nothing_that_hides() -> None:
    table = [
        ("contract.pdf", "contract.pdf"), ("C:\\up\\חוזה.pdf", "חוזה.pdf"), ("../../etc/passwd", "passwd"), ("a/b/", "b"),
        ("\u202efdp.exe", "fdp.exe"), ("a\x00b\n.txt", "ab.txt"), ("", "file"), ("///", "file"), ("  two  words .txt ", "two words .txt"),
        ("n" * 300 + ".pdf", "n" * (LONGEST_NAME - 4) + ".pdf"),
    ]  # fmt: skip
    assert [cleaned(written) for written, _ in table] == [name for _, name in table]


@given(st.text(max_size=400))
def test_every_name_can_be_kept(written: str) -> None:
    name = cleaned(written)
    assert name
    assert len(name) <= LONGEST_NAME
    assert cleaned(name) == name
    assert not {"/", "\\", "\0"} & set(name)


def test_a_file_is_what_its_first_bytes_are() -> None:
    table = [
        (b"%PDF-1.7", "application/pdf"), (b"PK\x03\x04..", "application/zip"), (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<html><script>", "text/plain"), ("שלום".encode(), "text/plain"), ("שלום".encode()[:-1], "text/plain"),
        (b"RIFF....WAVE", "audio/wav"), (b"....ftypisom", "video/mp4"), (b"\x00\x01", OTHER), (b"\xff", OTHER), (b"", OTHER),
    ]  # fmt: skip
    assert [media_type(head) for head, _ in table] == [kind for _, kind in table]


def test_who_puts_files_with_a_note() -> None:
    noa = Person(1, None, "noa@example.com", "Noa", Role.AGENT)
    program = Person(0, None, "", "a program", Role.ADMIN)
    nobody = Person(2, None, "x@example.com", "X", "")
    found = [(who.id, author, may_attach(who, author)) for who in (noa, program, nobody) for author in (None, 1, 3)]
    assert found == [
        (1, None, True), (1, 1, True), (1, 3, False), (0, None, True), (0, 1, False), (0, 3, False),
        (2, None, False), (2, 1, False), (2, 3, False),
    ]  # fmt: skip


def test_what_has_no_place_in_the_end_is_dropped(tmp_path: Path) -> None:
    on = Shelf(tmp_path, MIB)
    with received(on, [("a.txt", [b"a"]), ("b.pdf", [b"%PDF-", b"1"])]) as (first, second):
        assert [(one.name, one.media_type, one.draft.size) for one in (first, second)] == [
            ("a.txt", "text/plain", 1), ("b.pdf", "application/pdf", 6),
        ]  # fmt: skip
        on.place(first.draft)
    assert list(on.names()) == [first.draft.sha256]
    refused = [
        (on, [("a.txt", [b"a"]), ("big.bin", [b"x" * MIB, b"x"])], "big.bin is larger than 1 MB"),
        (on, [("a.txt", [b"a"])] * (note_files.MOST + 1), "at most 50"),
        (Shelf(tmp_path, MIB, ["false"]), [("a.txt", [b"a"])], "found something in a.txt"),
        (Shelf(tmp_path, MIB, [str(tmp_path / "none")]), [("a.txt", [b"a"])], "could not look at a.txt"),
    ]  # fmt: skip
    for shelf, given_files, words in refused:
        with pytest.raises(UserError, match=words), received(shelf, given_files):
            pytest.fail("it came in")
    assert list(on.names()) == [first.draft.sha256]
    assert list((tmp_path / "incoming").iterdir()) == []
