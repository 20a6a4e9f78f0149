"""An archive of files: which one a row means, whatever it is called there, and what a hostile one cannot do."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import UserError
from hub.imports import archive
from hub.imports.archive import Archive, TroubleError, packed

MB = 1 << 20


def pack(path: Path, files: Sequence[tuple[str | bytes | zipfile.ZipInfo, bytes]]) -> Path:
    """Write a ZIP; a name in bytes stands in it as it is, as old programs write it."""
    raws: list[tuple[bytes, bytes]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for at, (name, content) in enumerate(files):
            if isinstance(name, bytes):
                stand_in = chr(65 + at) * len(name)
                raws.append((stand_in.encode(), name))
                out.writestr(stand_in, content)
            else:
                out.writestr(name, content)
    data = path.read_bytes()
    for former, raw in raws:
        assert data.count(former) == 2
        data = data.replace(former, raw)
    path.write_bytes(data)
    return path


def read(path: Path, *wanted: str, largest: int = MB, learnt: Sequence[str] = ()) -> list[str]:
    """Return what each row gets: the content of its file, or why it gets none."""
    with Archive(path, largest=largest) as opened:
        opened.learn([*learnt, *wanted])
        return [_one(opened, one) for one in wanted]


def _one(opened: Archive, wanted: str) -> str:
    try:
        return b"".join(opened.blocks(opened.find(wanted))).decode("utf-8", "replace")
    except TroubleError as error:
        return f"! {error.trouble}"


def test_a_row_gets_the_one_file_that_it_means(tmp_path: Path) -> None:
    path = pack(
        tmp_path / "a.zip",
        [
            ("export/12/scan.pdf", b"12"), ("export/13/scan.pdf", b"13"), ("export/Contract.PDF", b"contract"),
            ("top.txt", b"top"), ("again.txt", b"1"), ("x/again.txt", b"2"), ("y/only.txt", b"only"), ("y/", b""),
        ],
    )  # fmt: skip
    table = [
        ("export/12/scan.pdf", "12"),
        (r"C:\crm\export\13\SCAN.pdf", "13"),  # the archive has less of the path
        ("13/scan.pdf", "13"),  # the row has less of it
        ("scan.pdf", "! two_files"),
        ("14/scan.pdf", "! no_file"),  # of another folder: somebody else's
        ("contract.pdf", "contract"),
        (r"\\server\share\top.txt", "top"),
        ("./top.txt", "! two_files"),  # a longer path was taken for it
        ("again.txt", "1"),
        ("only.txt", "only"),
        ("z/only.txt", "! no_file"),
        ("../top.txt", "! no_file"),
        ("", "! no_file"),
        ("y/", "! no_file"),
    ]
    found = dict(zip([wanted for wanted, _ in table], read(path, *(wanted for wanted, _ in table)), strict=True))
    assert found == {**dict(table), "./top.txt": "top"}
    # Two rows that name two files, of which the archive has one under the bare name: nobody knows whose it is.
    assert read(path, "a/top.txt", "top.txt", learnt=["b/top.txt"]) == ["! two_files", "top"]


def test_names_are_found_in_whatever_encoding_the_archive_has_them(tmp_path: Path) -> None:
    names = [("חוזה דנה.pdf", "cp862"), ("Договор №5.pdf", "cp1251"), ("ДОГОВОР.pdf", "cp866"), ("umowa łódź.pdf", "cp852"),
             ("عقد.pdf", "cp1256"), ("חשבון.pdf", "utf-8"), ("façade.pdf", "cp437")]  # fmt: skip
    files: list[tuple[str | bytes | zipfile.ZipInfo, bytes]] = [
        (f"{at}/".encode() + name.encode(encoding), name.encode()) for at, (name, encoding) in enumerate(names)
    ]
    decomposed = "żółw.txt".encode()
    files.append(("z\u0307o\u0301\u0142w.txt", decomposed))  # as a Mac writes it
    path = pack(tmp_path / "a.zip", files)
    assert read(path, *(f"{at}/{name}" for at, (name, _) in enumerate(names)), "żółw.txt") == [
        *(name for name, _ in names), "żółw.txt",
    ]  # fmt: skip


def test_a_name_beside_the_old_one_counts(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("_____.pdf")
    name = "обложка.pdf".encode()
    info.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, zlib.crc32(b"_____.pdf")) + name
    assert read(pack(tmp_path / "a.zip", [(info, b"cover")]), "обложка.pdf", "_____.pdf") == ["cover", "! no_file"]


def test_a_hostile_archive_harms_nobody(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = pack(
        tmp_path / "a.zip",
        [
            ("../../etc/evil.txt", b"evil"), ("/abs.txt", b"abs"), (link, b"/etc/passwd"), ("big.txt", b"x" * (MB + 1)),
            ("bomb.txt", b"\0" * 20 * MB), ("fine.txt", b"fine"), ("twice.txt", b"1"), ("d/../twice.txt", b"2"),
        ],
    )  # fmt: skip
    assert read(path, "evil.txt", "etc/evil.txt", "abs.txt", "link.txt", "big.txt", "fine.txt", "twice.txt") == [
        "! no_file", "! no_file", "abs", "! bad_file", "! large_file", "fine", "1",
    ]  # fmt: skip
    assert read(path, "bomb.txt", largest=64 * MB) == ["! large_file"]
    # Two of one name, one that is locked, and one whose bytes are not what they were.
    with pytest.warns(UserWarning, match="Duplicate"):
        again = pack(
            tmp_path / "b.zip", [("a.txt", b"1"), ("a.txt", b"2"), ("locked.txt", b"3"), ("torn.txt", b"torn!" * 9)]
        )
    data = bytearray(again.read_bytes())
    at = data.rindex(b"locked.txt") - 46
    data[at + 8] |= 1
    torn = data.index(b"torn.txt") + len(b"torn.txt")
    data[torn] ^= 0xFF
    again.write_bytes(data)
    assert read(again, "a.txt", "locked.txt", "torn.txt") == ["! two_files", "! bad_file", "! bad_file"]
    for wrong in (b"", b"PK\x03\x04 no", bytes(data[: len(data) // 2])):
        again.write_bytes(wrong)
        with pytest.raises(UserError, match="damaged"):
            Archive(again, largest=MB)
    with patch.object(archive, "MOST_FILES", 3), pytest.raises(UserError, match="more than 3"):
        Archive(path, largest=MB)
    with patch.object(archive, "LARGEST_LIST", 100), pytest.raises(UserError, match="more than"):
        Archive(path, largest=MB)
    with (
        patch.object(archive, "SMALL_TOGETHER", MB),
        patch.object(archive, "LARGEST_RATIO", 10),
        pytest.raises(UserError),
    ):
        Archive(path, largest=MB)


def test_the_table_of_an_archive_is_found(tmp_path: Path) -> None:
    table: list[tuple[list[str], str]] = [
        (["index.csv", "a.csv", "b.pdf"], "index.csv"),
        (["export/INDEX.XLSX", "export/docs/index.csv"], "index.xlsx"),
        (["list.csv", "docs/prices.csv"], "list.csv"),
        (["list.csv", "other.csv"], ""),
        (["a.pdf"], ""),
    ]
    for names, expected in table:
        path = pack(tmp_path / "a.zip", [(name, b"id;file") for name in names])
        with Archive(path, largest=MB) as opened:
            if expected:
                name, blocks = opened.index()
                assert (name, b"".join(blocks)) == (expected, b"id;file")
            else:
                with pytest.raises(UserError, match="needs one table"):
                    opened.index()


def test_a_folder_is_packed_the_same_each_time_and_links_stay_out(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "מסמך.txt").write_bytes(b"one")
    (folder / "large.bin").write_bytes(b"x" * (MB + 5))
    (folder / "away.txt").symlink_to("/etc/passwd")
    path = tmp_path / "a.zip"
    first = b"".join(packed(folder, largest=MB))
    path.write_bytes(first)
    assert read(path, "sub/מסמך.txt", "large.bin", "away.txt") == ["one", "! large_file", "! no_file"]
    assert b"".join(packed(folder, largest=MB)) == first


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_make_it_do_anything_else(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    path = pack(
        tmp_path_factory.getbasetemp() / "noise.zip", [("index.csv", b"a,b\n1,2\n" * 9), ("ü/b.txt", b"b" * 50)]
    )
    data = bytearray(path.read_bytes())
    data[at : at + len(noise)] = noise
    path.write_bytes(data)
    with suppress(UserError), Archive(path, largest=MB) as opened:
        for wanted in ("b.txt", "index.csv"):
            assert len(_one(opened, wanted)) <= MB
        b"".join(opened.index()[1])
