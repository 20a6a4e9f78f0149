"""Contacts as other address books read them."""

import csv
import io
from typing import Any

from hub.exports.contacts import GOOGLE, OUTLOOK, Card, google, outlook, vcard
from hub.exports.report import page
from hub.exports.write import _cell
from hub.records.cell import harmless


def dana(**fields: Any) -> Card:
    told = {
        "given": "Dana", "family": "Levi", "job_title": "Buyer", "notes": "Line 1\nLine 2; and, more",
        "addresses": [{"value": "1 Herzl St; Haifa", "label": "work"}], "urls": [{"value": "https://levi.example"}],
        "birthday": "1980-05-17", **fields,
    }  # fmt: skip
    card = Card("01a2", is_company=False, name="Dana Levi", company="Levi, Sons & Co", fields=told)
    card.phones = [("+97236123456", "fixed"), ("+972502345671", "mobile"), ("+972541111111", ""), ("+972542222222", "")]
    card.emails = [("dana@levi.example", "work")]
    return card


def test_a_vcard_has_every_value_escaped_and_its_lines_folded() -> None:
    written = vcard(dana(notes="Line 1\nLine 2; and, more " * 5))
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    lines = written.replace("\r\n ", "").split("\r\n")
    assert lines[:5] == ["BEGIN:VCARD", "VERSION:3.0", "UID:urn:uuid:01a2", "N:Levi;Dana;;;", "FN:Dana Levi"]
    assert lines[-2:] == ["END:VCARD", ""]
    assert {
        "ORG:Levi\\, Sons & Co",
        "TEL:+97236123456",
        "TEL;TYPE=CELL:+972502345671",
        "ADR:;;1 Herzl St\\; Haifa;;;;",
    } <= {*lines}
    assert "NOTE:" + "Line 1\\nLine 2\\; and\\, more " * 5 in lines
    hebrew = vcard(Card("1", is_company=True, name="לוי בע״מ", company="", fields={}))
    assert "FN:לוי בע״מ\r\nORG:לוי בע״מ\r\n" in hebrew


def test_google_and_outlook_find_every_number_in_its_column_and_lose_none() -> None:
    theirs, others = google(dana()), outlook(dana())
    assert theirs.keys() <= set(GOOGLE)
    assert others.keys() <= set(OUTLOOK)
    assert (theirs["First Name"], theirs["Last Name"], theirs["Organization Name"]) == (
        "Dana",
        "Levi",
        "Levi, Sons & Co",
    )
    assert [theirs[f"Phone {n} - Value"] for n in (1, 2, 3)] == ["+97236123456", "+972502345671", "+972541111111"]
    assert "+972542222222" in theirs["Notes"]
    assert (others["Mobile Phone"], others["Business Phone"], others["Home Phone"]) == (
        "+972502345671", "+97236123456", "+972541111111",
    )  # fmt: skip
    assert others["E-mail Address"] == "dana@levi.example"
    alone = Card("1", is_company=False, name="Dana van der Berg", company="", fields={})
    assert (google(alone)["First Name"], google(alone)["Last Name"]) == ("Dana van der", "Berg")


def test_a_cell_is_no_formula_and_a_page_no_program() -> None:
    for hostile in ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\uff1d1", " =1", ["=1"], {"a": "=1"}):
        written = io.StringIO()
        csv.writer(written).writerow([_cell(hostile)])
        [[cell]] = csv.reader(io.StringIO(written.getvalue()))
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
    assert harmless("+972502345671") == "+972502345671"  # a number stays one
    told: dict[str, Any] = {
        "party": {"name": "<script>alert(1)</script>"}, "identifiers": [], "fields": [], "sources": [], "held": [],
        "shared_with": [], "seen": {"by": [], "lines": []}, "kept": {"rules": [], "holds": []},
    }  # fmt: skip
    assert "<script>" not in page(told)
