"""Texts with a delimiter: encodings, dialects, and what is wrong with files that customers bring."""

import csv
import io
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import UserError
from hub.imports.reading import Look, Row, encodings, look, open_table

# ruff: noqa: RUF001 - names in their own letters
WORDS = {
    "he": ("דנה כהן", "יוסי לוי", 'חברת בניין בע"מ', "רחוב הרצל 5, חיפה", "לקוח ותיק מאוד", "רות שמעוני"),
    "ar": ("محمد أحمد", "شركة النور للتجارة", "شارع الملك فيصل", "فاطمة الزهراء", "عميل قديم جدا", "خالد حسن"),
    "ru": ("Иван Петров", "ООО Ромашка", "ул. Ленина, 5", "Мария Сидорова", "постоянный клиент", "Щукин Юрий"),
    "pl": ("Łukasz Żółć", "Spółka z o.o. Wąż", "ul. Świętojańska 5", "Małgorzata Dąbrowska", "Józef Śliwa", "Ąę"),
}
ENCODED = (
    ("he", "cp1255"), ("he", "iso8859-8"), ("he", "utf-16-le"), ("ru", "utf-16-be"), ("ru", "utf-16-le"), ("he", "utf-16"),
    ("pl", "cp1250"), ("ar", "cp1256"), ("ru", "cp1251"), ("pl", "iso8859-2"), ("ru", "koi8-r"), ("ar", "utf-8-sig"),
    ("pl", "utf-8"), ("he", "cp862"),
)  # fmt: skip


def rows_of(path: Path, data: bytes | str, **chosen: Any) -> tuple[Look, tuple[str, ...], list[Row]]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    found = replace(look(path), **chosen)
    with open_table(path, found) as table:
        return found, table.columns, list(table.rows())


def short(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.number, row.trouble, *row.values.values()) for row in rows]


def test_every_encoding_is_guessed_from_20_and_from_2_000_rows(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    chance = random.Random(2)
    for language, encoding in ENCODED:
        for count in (20, 2_000):
            text = "id,name,street,phone,notes\r\n" + "".join(
                f'{at},"{chance.choice(WORDS[language])}",x,05{chance.randrange(10**8):08},{chance.choice(WORDS[language])[:5]}\r\n'
                for at in range(count)
            )
            path.write_bytes(text.encode(encoding))
            for languages in ((), ("he", "en")) if count == 20 else ((language,),):
                guessed = look(path, languages=languages).encoding
                assert guessed in encodings()
                assert text.encode(encoding).decode(guessed, "replace").removeprefix("\ufeff") == text, (
                    encoding,
                    guessed,
                )


def test_names_far_behind_the_start_say_the_encoding_and_a_person_can_correct_it(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    text = "id,name\n" + "".join(f"{at},Name\n" for at in range(20_000)) + "7,דנה כהן\n8,רות\n"
    found, _, rows = rows_of(path, text.encode("cp1255"))
    assert (found.encoding, rows[-1].values["name"]) == ("cp1255", "רות")
    rows = rows_of(path, text.encode("cp1255"), encoding="utf-8")[2]
    assert short(rows[-2:]) == [
        (20_002, "bad_bytes", "7", r"\xe3\xf0\xe4 \xeb\xe4\xef"), (20_003, "bad_bytes", "8", r"\xf8\xe5\xfa"),
    ]  # fmt: skip
    assert Look.of_json(replace(found, encoding="cp1251").as_json()).encoding == "cp1251"
    for wrong in ({}, {"format": 1}, {"format": "csv", "more": 1}, {"format": "csv", "header_row": "1"}):
        with pytest.raises(UserError, match="not how a file is read"):
            Look.of_json(wrong)


BASE = "id,name,phone\n1,Dan,050\n2,Rut,051\n"
FINE = [("1", "Dan", "050"), ("2", "Rut", "051")]


def test_files_are_read_whatever_parts_their_cells_and_ends_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    for data in (
        BASE, BASE.replace("\n", "\r"), "\ufeff" + BASE.replace("\n", "\r\n"), BASE.replace(",", "\t"), BASE.replace(",", ";"),
        BASE.replace(",", "|"), "sep=;\r\n" + BASE.replace(",", ";"), '"sep=\t"\n' + BASE.replace(",", "\t"),
        "Customers of 2026,,\n\n" + BASE + "3,Lea,052\n4,Gil,053\n", BASE.rstrip("\n"), BASE + "\n,,\n\x1a", BASE + "\0" * 9,
        BASE.replace(",", ", ").replace("Dan", '"Dan"'), BASE.replace("Dan", '"Dan"').replace("051", '="051"'),
        "id,name,phone\n'1','Dan','050'\n'2','Rut','051'\n",
        BASE.replace("Dan", "Dan\0\0\0"), BASE.replace("phone\n", "phone,,\n").replace("0\n", "0,,\n"),
    ):  # fmt: skip
        found, columns, rows = rows_of(path, data)
        assert (columns, [tuple(row.values.values()) for row in rows][:2]) == (("id", "name", "phone"), FINE), (
            data,
            found,
        )
        assert not any(row.trouble for row in rows), data
        lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert ["Dan" in lines[rows[0].number - 1], "Rut" in lines[rows[1].number - 1]] == [True, True], data


def test_columns_have_names_each_once_also_where_the_file_says_none(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    for data, header_row, columns in (
        (" name ,name,,x\na,b,c,d\n", 0, ("name", "name (2)", "C", "x")),
        ("1,Dan,0501234567\n2,Rut,0511234567\n", -1, ("A", "B", "C")),
        ("name\nDan Cohen\nRut Levi, Ltd\n", 0, ("name",)),
        ("id,name,phone\n", 0, ("id", "name", "phone")),
        ("id;שם\n1;דנה\n", 0, ("id", "שם")),
        (",".join(f"c{at}" for at in range(500)) + "\n" + "x," * 499 + "x\n", 0, tuple(f"c{at}" for at in range(500))),
    ):
        found, named, _ = rows_of(path, data)
        assert (found.header_row, named) == (header_row, columns), data
    assert rows_of(path, BASE, header_row=-1)[1] == ("A", "B", "C")
    assert rows_of(path, BASE, header_row=1)[1] == ("1", "Dan", "050")


def test_what_is_wrong_with_a_row_is_said_at_that_row_and_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    rows = rows_of(
        path, 'id,name,phone\n1,"Dan,050\n2,Rut,051\n3,"Lea, Ltd",052\n4,"two\nlines",053\n5,"Gil,054\n6,Tal,055\n'
    )[2]
    assert short(rows) == [
        (2, "open_quote", "1", '"Dan', "050"), (3, "", "2", "Rut", "051"), (4, "", "3", "Lea, Ltd", "052"),
        (5, "", "4", "two\nlines", "053"), (7, "open_quote", "5", '"Gil', "054"), (8, "", "6", "Tal", "055"),
    ]  # fmt: skip
    rows = rows_of(path, 'id,name,phone\n1,"כהן בע"מ","050"\n2,"a ""b"" c",051\n3,"x,y"z",05\n4,7" nail,07\n')[2]
    assert short(rows) == [
        (2, "", "1", 'כהן בע"מ', "050"), (3, "", "2", 'a "b" c', "051"), (4, "", "3", 'x,y"z', "05"), (5, "", "4", '7" nail', "07"),
    ]  # fmt: skip
    mixed = (
        "id,name,phone\n1,דנה,050\n".encode() + "2,רות,051\n".encode("cp1255") + "3,#N/A,052\n4,ג\0יל,053\n".encode()
    )
    assert short(rows_of(path, mixed)[2]) == [
        (2, "", "1", "דנה", "050"), (3, "bad_bytes", "2", r"\xf8\xe5\xfa", "051"), (4, "error_cell", "3", "", "052"),
        (5, "nul", "4", "גיל", "053"),
    ]  # fmt: skip
    rows = rows_of(path, "id,name,phone\n1,Dan\n2,Rut,051,x,y\n3,Lea,052,,\nid,name,phone\n4,Gil,053\n")[2]
    assert short(rows) == [
        (2, "short_row", "1", "Dan", ""), (3, "long_row", "2", "Rut", "051", "x", "y"), (4, "", "3", "Lea", "052"),
        (5, "header_again", "id", "name", "phone"), (6, "", "4", "Gil", "053"),
    ]  # fmt: skip
    assert list(rows[1].values)[3:] == ["+1", "+2"]
    broken = (
        "id,name,street,city\n1,Dan,Main\n5 gate,Haifa\n2,Rut,Main,Tel\n3,Lea\n4,Gil\n5,Tal\n6,a,b,c\n7,Z\n8,z,z,z\n"
    )
    assert [row.trouble for row in rows_of(path, broken)[2]] == [
        "broken_row", "broken_row", "", "short_row", "short_row", "short_row", "", "short_row", "",
    ]  # fmt: skip


def test_cells_and_lines_without_end_are_cut_and_the_rows_behind_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    for cell, trouble in (
        ("x" * 140_000, "long_cell"),
        (f'"{"y" * 140_000}"', "long_cell"),
        ("z" * 3_000_000, "long_line"),
    ):
        rows = rows_of(path, f"id,name\n1,{cell}\n2,ok\n")[2]
        assert [(row.number, row.trouble) for row in rows] == [(2, trouble), (3, "")]
        assert len(rows[0].values["name"]) == 10_000
    rows = rows_of(path, 'id,name\n1,"' + "line, of a text\n" * 20_000 + "2,ok\n")[2]
    assert [(row.number, row.trouble) for row in (rows[0], rows[-1])] == [(2, "open_quote"), (20_002, "")]
    assert len(rows) == 20_001


# Reads 50 MB of which the first row opens a quote that is never closed; says what the memory grew by, in MB.
MEASURED = """
import resource, sys
from pathlib import Path
from hub.imports.reading import look, open_table
path = Path(sys.argv[1])
found = look(path)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_table(path, found) as table:
    count = sum(1 for row in table.rows() if not row.trouble)
    progress = table.progress()
print(count, progress, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_large_file_with_a_quote_that_is_never_closed_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    row = b'7,Dan Cohen,+972501234567,dan@x.example,"Main St, 5",Haifa,' + "שלום".encode() * 6 + b"\n"
    with path.open("wb") as file:
        file.write(b'id,name,phone,email,street,city,notes\n0,"open,1,2,3,4,5\n')
        for _ in range(50):
            file.write(row * (1_000_000 // len(row)))
    done = subprocess.run([sys.executable, "-c", MEASURED, path], capture_output=True, text=True, check=True)
    count, progress, grown = done.stdout.split()
    assert int(count) == 50 * (1_000_000 // len(row))
    assert float(progress) == 1
    assert int(grown) < 40


def test_what_is_no_table_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data, code in (
        (b"", "empty_file"), (b"\xef\xbb\xbf\r\n", "empty_file"), (b"\0" * 50, "empty_file"), (b"%PDF-1.7 x", "pdf_file"),
        (b"\x89PNG\r\n", "picture_file"), (b"\x1f\x8bxx", "packed_file"), (b"SQLite format 3\0", "database_file"),
        (b"\x09\x00\x04\x00\x02\x00\x10\x00", "old_sheet"), (b'[{"a": 1}]', "json_file"), (b"<?xml version='1.0'?><a/>", "xml_file"),
        (bytes(range(256)) * 50, "binary_file"),
        (b",".join(b"c%d" % at for at in range(1_500)) + b"\n", "too_many_columns"),
    ):  # fmt: skip
        with pytest.raises(UserError) as refused:
            rows_of(path, data)
        assert (refused.value.error_id, refused.value.field) == (code, "file"), data
        assert len(str(refused.value)) > 20
    path.write_bytes(BASE.encode())
    for wrong in (
        {"format": "exe"}, {"encoding": "rot13"}, {"encoding": ""}, {"delimiter": ",,"}, {"delimiter": '"'}, {"quote": ","},
        {"header_row": -2},
    ):  # fmt: skip
        with pytest.raises(UserError) as refused, open_table(path, replace(look(path), **wrong)):
            raise AssertionError(wrong)
        assert refused.value.error_id == "bad_look"
    with pytest.raises(UserError) as refused, open_table(path, replace(look(path), header_row=9)):
        raise AssertionError
    assert refused.value.error_id == "no_header"


PAGE = (
    '<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta http-equiv=Content-Type content="text/html; '
    'charset=windows-1255"></head><body><table border=1><tr><th colspan=3>דוח</th></tr><tr><th>שם<th>טלפון<th>הערות</tr>'
    "<tr><td>דנה&nbsp;כהן<td>050<td>a<br>b &amp; c</tr><tr><td rowspan=2>רות<td>1<td>2<tr><td>3<td>4"
    "<tr><td>#N/A<td>5<td><!-- x --><b>x</b> y</table>"
)


def test_a_web_page_under_the_name_of_a_spreadsheet_is_read_by_its_table(tmp_path: Path) -> None:
    path = tmp_path / "report.xls"
    found, columns, rows = rows_of(path, PAGE.encode("cp1255"))
    assert (found.format, found.encoding, columns) == ("html", "cp1255", ("שם", "טלפון", "הערות"))
    assert short(rows) == [
        (3, "", "דנה כהן", "050", "a\nb & c"), (4, "", "רות", "1", "2"), (5, "", "", "3", "4"), (6, "error_cell", "", "5", "x y"),
    ]  # fmt: skip
    found, _, rows = rows_of(path, PAGE)
    assert (found.encoding, rows[0].values["שם"]) == ("utf-8", "דנה כהן")  # the page says another, and is wrong
    inner = "<table><tr><td>layout<table><tr><td>id<td>name</tr><tr><td>1<td>Dan</tr></table></td></tr></table>"
    assert short(rows_of(path, inner)[2]) == [(2, "", "1", "Dan")]
    spoilt = b"<table><tr><td>id<td>name</tr><tr><td>1<td>D\xe9n</tr><tr><td>2<td>R\0ut</table>" + "דנה\n".encode() * 3
    assert short(rows_of(path, spoilt)[2]) == [(2, "bad_bytes", "1", r"D\xe9n"), (3, "nul", "2", "Rut")]
    for data in (b"<html><p>no table", b"<table>" + b"<tr><td><table>" * 5_000, b"<html>" + b"<p>x" * 5_000_000):
        with pytest.raises(UserError) as refused:
            rows_of(path, data)
        assert refused.value.error_id == "page_file"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


CELLS = st.text(st.sampled_from(["a", "1", '"', ",", "\n", " ", "é", "ש", "'", ";", "\t"]), max_size=6)


@settings(max_examples=40)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=30), st.sampled_from(",;\t|"), st.booleans())
def test_what_the_standard_library_writes_is_read_back_and_reading_can_go_on_anywhere(
    folder: Path, table: list[list[str]], delimiter: str, is_all_quoted: bool
) -> None:
    path = folder / "table.csv"
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL if is_all_quoted else csv.QUOTE_MINIMAL)
    writer.writerows([["x", "y", "z"], *table])
    path.write_bytes(file.getvalue().encode())
    chosen = Look("csv", encoding="utf-8", delimiter=delimiter)
    with open_table(path, chosen) as opened:
        rows = list(opened.rows())
        for at in range(len(rows)):
            assert list(opened.rows(after=rows[at].number)) == rows[at + 1 :]
    read = [tuple(row.values.values()) for row in rows]
    # The space behind a delimiter is no part of a cell, unless it is quoted.
    wanted = [tuple(cell if is_all_quoted else _as_unquoted(cell, delimiter) for cell in one) for one in table]
    assert read == [one for one in wanted if any(one)]


def _as_unquoted(cell: str, delimiter: str) -> str:
    is_quoted = any(mark in cell for mark in ('"', "\n", "\r", delimiter))
    return cell if is_quoted else cell.lstrip(" ")
