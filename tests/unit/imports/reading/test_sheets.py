"""Spreadsheets: every cell as text, and files that want to harm whoever opens them."""

import re
import struct
import zipfile
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import psutil
import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from hub.errors import UserError
from hub.imports.reading import Look, Row, look, open_table, sheets

FIXTURES = Path(__file__).parents[3] / "fixtures" / "imports"


def rows_of(path: Path, **chosen: str | int) -> tuple[Look, tuple[str, ...], list[Row]]:
    found = replace(look(path), **chosen)
    with open_table(path, found) as table:
        rows = list(table.rows())
        assert list(table.rows(after=rows[0].number)) == rows[1:]
        assert table.progress() == 1
        return found, table.columns, rows


def test_cells_of_an_xlsx_are_text_as_a_person_would_write_them(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "Notes"  # nothing in it
    sheet = book.create_sheet("לקוחות")
    hidden = book.create_sheet("Lists")
    hidden.sheet_state = "hidden"
    hidden.append(["not", "seen"])
    sheet.append(["Customers"])
    sheet.append([])
    sheet.append(["phone", "day", "at", "clock", "long", "is", "share", "error", "sum", "id", "text"])
    day, at = date(2026, 1, 5), datetime(2026, 1, 5, 10, 30, 1)  # noqa: DTZ001 - a sheet knows no zones
    sheet.append(
        [
            502345678.0,
            day,
            at,
            time(9, 5),
            timedelta(hours=30),
            True,
            0.1,
            "#N/A",
            "=1+1",
            1234567890123456789,
            "a\r\nb",
        ]
    )
    sheet["H4"].data_type = "e"
    sheet.append(["m", "m"])
    sheet.merge_cells("A5:B6")
    for epoch in (book.epoch, CALENDAR_MAC_1904):
        book.epoch = epoch
        book.save(tmp_path / "book.xlsx")
        found, columns, rows = rows_of(tmp_path / "book.xlsx")
        assert (found.format, found.sheet, found.header_row) == ("xlsx", "לקוחות", 2)
        assert columns == ("phone", "day", "at", "clock", "long", "is", "share", "error", "sum", "id", "text")
        assert (rows[0].number, rows[0].trouble) == (4, "long_number")
        assert list(rows[0].values.values())[:9] == [
            "502345678", "2026-01-05", "2026-01-05T10:30:01", "09:05:00", "30:00:00", "true", "0.1", "", "",
        ]  # fmt: skip
        assert rows[0].values["text"] == "a\nb"
        assert [(row.number, *list(row.values.values())[:2]) for row in rows[1:]] == [(5, "m", "")]
    assert sheets(tmp_path / "book.xlsx", found) == ("Notes", "לקוחות")
    assert rows_of(tmp_path / "book.xlsx", sheet="Lists", header_row=-1)[2][0].values == {"A": "not", "B": "seen"}
    with pytest.raises(UserError) as refused:
        rows_of(tmp_path / "book.xlsx", sheet="None")
    assert (refused.value.error_id, refused.value.field) == ("no_sheet", "sheet")


def test_errors_and_the_results_of_formulas_that_excel_kept_are_read(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = Workbook()
    book.active.append(["a", "b"])
    book.active.append(["=1+1", "=1/0"])
    book.active.append(["x", "y"])
    book.save(tmp_path / "plain.xlsx")
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as plain, zipfile.ZipFile(path, "w") as made:
        for part in plain.namelist():
            data = plain.read(part)
            if part == "xl/worksheets/sheet1.xml":
                data = re.sub(rb"(<f>1\+1</f>)<v ?/>|(<f>1\+1</f>)<v></v>", rb"\1\2<v>2</v>", data)
                data = re.sub(
                    rb'<c r="B2"><f>1/0</f>(<v ?/>|<v></v>)', b'<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v>', data
                )
                assert b"<v>2</v>" in data
                assert b"#DIV/0!" in data
            made.writestr(part, data)
    assert rows_of(path)[2] == [Row(2, {"a": "2", "b": ""}, "error_cell"), Row(3, {"a": "x", "b": "y"})]


def test_old_and_open_spreadsheets_are_read(tmp_path: Path) -> None:
    dana = {"id": "502345678", "name": "דנה", "born": "1990-02-03", "active": "true", "balance": ""}
    for name in ("book.xls", "book_1904.xls"):
        assert rows_of(FIXTURES / name)[2] == [Row(2, dana)]
    assert rows_of(FIXTURES / "book_95.xls")[2] == [Row(2, {"id": "7", "שם": "רות"})]
    dana.pop("balance")
    no_name = {"id": "2", "name": "", "born": "", "active": ""}
    assert rows_of(FIXTURES / "book.ods")[2] == [Row(2, dana), Row(3, no_name, "error_cell")]


def readers() -> list[psutil.Process]:
    """Return the programs that read spreadsheets for us now."""
    return [one for one in psutil.Process().children() if any(part.endswith("cells.py") for part in one.cmdline())]


def test_what_reads_a_spreadsheet_ends_with_the_table_also_in_the_middle(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("S")
    for at in range(5_000):
        sheet.append([f"name {at}", "x"])
    book.save(tmp_path / "book.xlsx")
    chosen = Look("xlsx", sheet="S")
    with open_table(tmp_path / "book.xlsx", chosen) as table:
        rows = table.rows()
        assert next(rows).number == 2
        assert table.total == 5_000
        assert 0 < table.progress() < 1
        assert len(readers()) == 1
    assert readers() == []
    with pytest.raises(UserError), open_table(tmp_path / "book.xlsx", replace(chosen, header_row=9_999)):
        raise AssertionError
    assert readers() == []


def archive(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return path


def test_a_spreadsheet_that_would_take_all_memory_is_refused_and_takes_none(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.xlsx", {"xl/workbook.xml": b"x", "xl/worksheets/sheet1.xml": b"\0" * (17 << 20)})
    many = archive(tmp_path / "many.xlsx", {"xl/workbook.xml": b"x", **{f"{at}": b"" for at in range(10_001)}})
    # Two cells, so far from each other that whoever makes a table of them asks for 500 GB; its reader then ends the process.
    wide = Workbook()
    wide.active["A1"], wide.active["XFD1048576"] = "a", "z"
    wide.save(tmp_path / "wide.xlsx")
    for path, code in ((bomb, "zip_bomb"), (many, "zip_bomb"), (tmp_path / "wide.xlsx", "sheet_too_large")):
        with pytest.raises(UserError) as refused:
            look(path)
        assert refused.value.error_id == code


def test_what_is_no_spreadsheet_or_a_locked_one_is_refused_with_what_to_do(tmp_path: Path) -> None:
    other = tmp_path / "other"
    locked_ods = {
        "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": b"x",
        "META-INF/manifest.xml": b"<manifest:encryption-data/>",
    }
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    whole = (FIXTURES / "book.xls").read_bytes()
    empty = tmp_path / "empty.xlsx"
    Workbook().save(empty)
    for path, code in (
        (FIXTURES / "locked.xlsx", "password"),
        (archive(tmp_path / "locked.ods", locked_ods), "password"),
        (archive(tmp_path / "text.docx", {"word/document.xml": b"x"}), "not_a_sheet"),
        (archive(tmp_path / "files.zip", {"a.csv": b"x"}), "packed_file"),
        (empty, "empty_file"),
    ):
        with pytest.raises(UserError) as refused:
            look(path, name="customers")
        assert refused.value.error_id == code, path
        assert str(refused.value).startswith("customers: ")
    for data, code in (
        (b"PK\x03\x04" + b"x" * 100, "broken_sheet"),
        (ole, "not_a_sheet"),
        (whole.replace(struct.pack("<HH", 0x0809, 16), struct.pack("<HH", 0x0809, 0xFFFF)), "broken_sheet"),
    ):
        other.write_bytes(data)
        with pytest.raises(UserError) as refused:
            look(other)
        assert refused.value.error_id == code
