"""The XML inside a PDF: Factur-X and ZUGFeRD are PDF/A-3 with an invoice attached.

Source: https://fnfe-mpe.org/factur-x/ (names of the attached file), https://pypdf.readthedocs.io
"""

from io import BytesIO
from itertools import islice

from pypdf import PdfReader, apply_configuration

from hub.connector.einvoice.safe import LARGEST
from hub.errors import ShapeError

MARK, MARK_WITHIN = b"%PDF-", 1024  # readers accept some bytes before it
MOST_FILES = 50
MOST_BYTES = 2 * LARGEST  # of all XML files together
# In the order in which they are looked for; the invoice of other programs is any attached XML.
KNOWN = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")


def is_pdf(data: bytes) -> bool:
    """Say whether something looks like a PDF."""
    return MARK in data[:MARK_WITHIN]


def attached(data: bytes) -> list[bytes]:
    """Return the XML files of a PDF, those with a known name first.

    Raises:
        ShapeError: there are none, or it cannot be read; says why.
    """
    if len(data) > LARGEST:
        raise ShapeError(f"the file is larger than {LARGEST // 2**20} MB")
    try:
        # What unpacks to more than an invoice may have is not unpacked.
        with apply_configuration(
            maximum_declared_stream_length=LARGEST, array_based_stream_maximum_output_length=LARGEST,
            zlib_maximum_output_length=LARGEST, lzw_maximum_output_length=LARGEST,
            run_length_maximum_output_length=LARGEST, stream_decoding_work_maximum_length=4 * LARGEST,
        ):  # fmt: skip
            found = _files(data)
    except ShapeError:
        raise
    except RecursionError:
        raise ShapeError("the PDF is nested without end") from None
    except Exception as error:  # a broken PDF makes pypdf fail in any way
        raise ShapeError(f"the PDF cannot be read: {type(error).__name__}") from error
    if not found:
        raise ShapeError("the PDF holds no XML: it is a picture of an invoice, not an electronic one")
    return [found[name] for name in sorted(found, key=_order)]


def _order(name: str) -> tuple[int, str]:
    return (KNOWN.index(name) if name in KNOWN else len(KNOWN), name)


def _files(data: bytes) -> dict[str, bytes]:
    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted:
        raise ShapeError("the PDF is encrypted")
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    for file in islice(reader.attachment_list, MOST_FILES):
        name = str(file.name).rpartition("/")[2].strip().lower()
        if name.endswith(".xml") and left > 0:
            found.setdefault(name, file.content)
            left -= len(found[name])
    return found
