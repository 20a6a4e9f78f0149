"""The project's own e-invoices, and what is made of them."""

from io import BytesIO
from pathlib import Path
from typing import Any

from facturx import generate_from_binary
from pypdf import PdfWriter

from hub.connector.einvoice.dispatch import read

FIXTURES = Path(__file__).parents[2] / "fixtures/einvoice"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def payload(name: str) -> dict[str, Any]:
    return read(fixture(name))


def replaced(name: str, *pairs: tuple[str, str]) -> bytes:
    """A fixture in which some texts are others, each of which must be there."""
    text = fixture(name).decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def empty_pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    return written(writer)


def written(writer: PdfWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_files(files: dict[str, bytes]) -> bytes:
    """A PDF with files attached, as any program attaches them."""
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    for name, data in files.items():
        writer.add_attachment(name, data)
    return written(writer)


def factur_x(xml: bytes) -> bytes:
    """A Factur-X invoice as its own library makes it."""
    made: bytes = generate_from_binary(empty_pdf(), xml, check_xsd=True, check_schematron=False)
    return made
