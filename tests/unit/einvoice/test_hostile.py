"""Files of strangers: read, or refused with a reason; never anything else, and never for long."""

import time
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from hub.connector.einvoice import safe
from hub.connector.einvoice.dispatch import read
from hub.errors import ShapeError
from tests.unit.einvoice.files import FIXTURES, empty_pdf, factur_x, fixture, payload, replaced, with_files, written

XML = sorted(one.name for one in FIXTURES.glob("*.xml"))
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refusal(data: bytes) -> str:
    """Why a file is refused; empty: it was read."""
    try:
        read(data)
    except ShapeError as error:
        return str(error)
    return ""


BOMB = b'<?xml version="1.0"?><!DOCTYPE i [%s]><i>&e9;</i>' % b"".join(
    b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"a" * 10) for n in range(10)
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (BOMB, "document type"),
        (b'<!DOCTYPE i SYSTEM "http://evil.example/x.dtd"><i/>', "document type"),
        (b'<!DOCTYPE i [<!ENTITY x SYSTEM "file:///etc/passwd">]><i>&x;</i>', "document type"),
        (b"<a>" * 100_000, "cannot be read"),
        (b"<a>" * 300 + b"</a>" * 300, "cannot be read"),
        (b"<a/>" * 1_000_001, "more elements than any invoice"),
        (b"<a>" + b"x" * safe.LARGEST + b"</a>", "larger than 20 MB"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "cannot be read"),
        (b"<a " + b"".join(b'x%d="1" ' % n for n in range(1000)) + b"/>", "no invoice that is known"),
        (b"<a", "cannot be read"),
        (b"<a>\xff\xfe</a>", "cannot be read"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "UTF-7, which is not read"),
        (b'<?xml version="1.0" encoding="EBCDIC-CP-US"?><a/>', "which is not read"),
        (b"", "empty"),
        (b"hello", "neither XML nor PDF"),
        (b"\x00" * 100, "neither XML nor PDF"),
        (b"PK\x03\x04", "neither XML nor PDF"),
    ],
)
def test_hostile_xml_is_refused_at_once(data: bytes, why: str) -> None:
    began = time.monotonic()
    assert why in refusal(data)
    assert time.monotonic() - began < 3


def test_entities_of_others_are_never_looked_up(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TOP")
    data = (
        b'<!DOCTYPE i [<!ENTITY x SYSTEM "%s">]>' % secret.as_uri().encode()
        + fixture("ubl-invoice.xml").partition(b"?>")[2]
    )
    said = refusal(data.replace(b"2026 / 0017", b"&x;"))
    assert "document type" in said
    assert "TOP" not in said


def test_an_invoice_in_utf_16_and_one_with_a_mark_are_read() -> None:
    text = fixture("fa3-vat.xml").decode()
    assert read(text.replace('"UTF-8"', '"UTF-16"').encode("utf-16"))["number"] == "FV 7/03/2026"
    assert read(b"\xef\xbb\xbf" + text.encode())["buyer"]["name"] == "Kowalska i Syn"


def test_an_invoice_that_lies_about_its_encoding_is_refused_or_kept_as_it_says() -> None:
    assert "cannot be read" in refusal(fixture("fa3-vat.xml").decode().encode("cp1250"))


def test_an_invoice_of_ten_thousand_lines_is_read_in_a_second() -> None:
    text = fixture("ubl-invoice.xml").decode()
    at = text.index("  <cac:InvoiceLine>")
    line = text[at : text.index("</cac:InvoiceLine>") + len("</cac:InvoiceLine>\n")]
    data = (text[:at] + line * 10_000 + "</Invoice>\n").encode()
    began = time.process_time()
    found = read(data)
    assert (found["lines_count"], len(found["first_lines"])) == (10_000, 3)
    assert time.process_time() - began < 3


@QUICK
@given(name=st.sampled_from(XML), data=st.data())
def test_a_damaged_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    whole = fixture(name)
    at = data.draw(st.integers(0, len(whole)))
    cut = data.draw(st.integers(0, 40))
    refusal(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + cut :])


@QUICK
@given(name=st.sampled_from(XML), text=st.text(max_size=30), data=st.data())
def test_any_text_in_any_place_is_read_or_refused(name: str, text: str, data: st.DataObject) -> None:
    root = safe.parse(fixture(name))
    some = [one for one in root.iter() if one.text and one.text.strip()]
    place = data.draw(st.sampled_from(some))
    try:
        place.text = text
    except ValueError:  # no XML can hold it
        return
    refusal(safe.etree.tostring(root, encoding="utf-8"))


# --- PDF --------------------------------------------------------------------------------------------------------------------


def test_the_invoice_inside_a_pdf_is_the_same_as_beside_it() -> None:
    assert read(factur_x(fixture("cii.xml"))) == payload("cii.xml")


def test_other_xml_files_in_a_pdf_are_passed_over() -> None:
    data = with_files({"a.xml": b"<note/>", "b.txt": b"x", "rechnung.XML": fixture("ubl-invoice.xml")})
    assert read(data)["number"] == "2026 / 0017"
    both = with_files({"a.xml": fixture("ubl-invoice.xml"), "factur-x.xml": fixture("cii.xml")})
    assert read(both)["format"] == "CII", "the known name comes first"


def encrypted() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    writer.add_attachment("factur-x.xml", fixture("cii.xml"))
    writer.encrypt("secret")
    return written(writer)


def inflating() -> bytes:
    """A PDF whose attached file is small and unpacks to 200 MB."""
    small = with_files({"factur-x.xml": b"<a/>"})
    packed = zlib.compress(b"\0" * 200_000_000, 9)
    old = b"stream\n<a/>\nendstream"
    assert old in small
    head, _, tail = small.partition(old)
    open_at = head.rindex(b"<<", 0, head.rindex(b"/Length"))
    head = head[:open_at] + b"<< /Filter /FlateDecode /Type /EmbeddedFile /Length %d >>\n" % len(packed)
    return head + b"stream\n" + packed + b"\nendstream" + tail


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (empty_pdf, "a picture of an invoice"),
        (encrypted, "encrypted"),
        (inflating, "cannot be read"),
        (lambda: b"%PDF-1.7\n" + b"garbage" * 100, "cannot be read"),
        (lambda: factur_x(fixture("cii.xml"))[:3000], "cannot be read"),
        (lambda: with_files({"a.xml": b"<note/>"}), "no invoice that is known: its root is note"),
        (lambda: with_files({"a.xml": BOMB}), "document type"),
        (lambda: with_files({"a.xml": replaced("cii.xml", (">119.00<", ">1e5<"))}), "is no amount"),
        (lambda: b"%PDF-" + b"x" * safe.LARGEST, "larger than 20 MB"),
    ],
)
def test_a_pdf_without_a_readable_invoice_is_refused_with_its_reason(make: object, why: str) -> None:
    assert callable(make)
    began = time.monotonic()
    assert why in refusal(make())
    assert time.monotonic() - began < 5


PDF = factur_x(fixture("cii.xml"))


@QUICK
@given(data=st.data())
def test_a_damaged_pdf_is_read_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(8, len(PDF)))
    cut = data.draw(st.integers(0, 60))
    refusal(PDF[:at] + data.draw(st.binary(max_size=12)) + PDF[at + cut :])
