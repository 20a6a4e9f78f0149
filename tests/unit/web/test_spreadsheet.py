"""Cells that spreadsheets would run are made harmless; numbers stay numbers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import Babel, get_locale

from hub.records.cell import harmless
from hub.web.spreadsheet import pages, table


def app() -> Flask:
    made = Flask(__name__)
    Babel(made, locale_selector=lambda: "he")
    return made


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1+1", "'+1+1"), ("-1+1", "'-1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"), (" =1", "' =1"), ("\uff1d1", "'\uff1d1"), ("-", "'-"), ("+972 50 234 5678", "'+972 50 234 5678"),
        ("-12.50", "-12.50"), ("+972502345678", "+972502345678"), ("-1e5", "'-1e5"), ("Levi & Co", "Levi & Co"), ("a=b", "a=b"),
        (Decimal("-50.00"), "-50.00"), (Decimal("1E+3"), "1000"), (None, ""), ("", ""), (0, "0"), ("a\0b", "ab"),
        (date(2026, 11, 23), "2026-11-23"), (datetime(2026, 11, 23, 9, 5, tzinfo=UTC), "2026-11-23T09:05:00+00:00"),
    ],
)  # fmt: skip
def test_a_cell(value: object, cell: str) -> None:
    assert harmless(value) == cell


def test_a_table_is_sent_in_pages_with_a_mark_and_quotes() -> None:
    with app().test_request_context():
        answer = table("list.csv", ["=Name", "Amount"], [[('say "hi", Levi', Decimal("1.50"))], [("דנה", "=1")]])
    parts = [part.decode() for part in answer.iter_encoded()]  # the request is over
    assert len(parts) == 3, "a part for each page"
    assert "".join(parts) == '\ufeff\'=Name,Amount\r\n"say ""hi"", Levi",1.50\r\nדנה,\'=1\r\n'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="list.csv"'
    assert answer.content_type == "text/csv; charset=utf-8"


def test_an_empty_table_has_its_head() -> None:
    with app().test_request_context():
        assert table("list.csv", ["Name"], []).get_data(as_text=True) == "\ufeffName\r\n"


def test_pages_are_read_until_one_is_empty() -> None:
    asked: list[int | None] = []

    def read(before: int | None) -> list[int]:
        asked.append(before)
        return {None: [5, 4], 4: [3], 3: []}[before]

    assert list(pages(read, lambda number: number)) == [[5, 4], [3]]
    assert asked == [None, 4, 3]


def test_what_is_made_after_the_request_speaks_its_language() -> None:
    def rows() -> Iterator[list[list[str]]]:
        yield [[str(get_locale())]]

    with app().test_request_context():
        answer = table("list.csv", ["Language"], rows())
    assert answer.get_data(as_text=True).split() == ["\ufeffLanguage", "he"]
