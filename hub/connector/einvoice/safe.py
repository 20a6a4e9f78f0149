"""XML of strangers: no document type, no entities, no network, so much and no more.

A file is whatever somebody put into a folder or sent by mail. libxml2 by itself refuses what is nested deeper than 256 elements
and texts of more than 10 MB; the rest is refused here, before or after it parses.
Sources: https://lxml.de/parsing.html, https://lxml.de/FAQ.html (How do I use lxml safely as a web-service endpoint?)
"""

import re

from lxml import etree

from hub.errors import ShapeError

LARGEST = 20 * 2**20  # bytes; KSeF allows 3 MB, and 10 MB with attachments
MOST_TAGS = 1_000_000  # begins and ends, up to 0.3 KB of memory each; an invoice of 10,000 lines has about 600,000
# What invoices are written in. iconv knows more, and some of it hides its angle brackets from whoever counts them.
_ENCODINGS = re.compile(
    r"utf-?(8|16(le|be)?)|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?\d|windows-125\d|cp125\d", re.IGNORECASE
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_PROLOG = 1 << 16
_NO_DOCUMENT_TYPE = "the XML has a document type (DOCTYPE), which no invoice has"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # UTF-8, UTF-16 of either order
_WHERE = re.compile(r",? line \d+, column \d+.*", re.DOTALL)


def is_xml(data: bytes) -> bool:
    """Say whether something looks like XML at all."""
    return data.startswith(_MARKS[1:]) or data.removeprefix(_MARKS[0]).lstrip()[:1] == b"<"


def parse(data: bytes) -> etree._Element:
    """Return the root of a document.

    Raises:
        ShapeError: it is none, or one that may do harm; says why.
    """
    if len(data) > LARGEST:
        raise ShapeError(f"the file is larger than {LARGEST // 2**20} MB")
    if not is_xml(data):
        raise ShapeError("the file is no XML")
    if data.count(b"<") > MOST_TAGS:
        raise ShapeError("the file has more elements than any invoice")
    _check_encoding(data)
    if _has_document_type(data[:_PROLOG].replace(b"\0", b"")):  # NUL: half of each letter in UTF-16
        raise ShapeError(_NO_DOCUMENT_TYPE)
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, dtd_validation=False, attribute_defaults=False, no_network=True,
        huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False, recover=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise ShapeError(f"the XML cannot be read: {_said(error)}") from error
    if root is None:
        raise ShapeError("the XML is empty")
    if root.getroottree().docinfo.internalDTD is not None:
        raise ShapeError(_NO_DOCUMENT_TYPE)
    return root


def _has_document_type(prolog: bytes) -> bool:
    """Look at what comes before the first element: declaration, comments, instructions. Linear in its length."""
    at = prolog.find(b"<")
    while at >= 0:
        if prolog.startswith(b"<!DOCTYPE", at):
            return True
        end = b"-->" if prolog.startswith(b"<!--", at) else b"?>" if prolog.startswith(b"<?", at) else b""
        if not end or (closed := prolog.find(end, at)) < 0:
            return False
        at = prolog.find(b"<", closed)
    return False


def _check_encoding(data: bytes) -> None:
    found = _DECLARED.match(data.removeprefix(_MARKS[0])[:400])
    if found and not _ENCODINGS.fullmatch(found[1].decode("ascii")):
        raise ShapeError(f"the XML is written in {found[1].decode('ascii')}, which is not read")


def _said(error: Exception) -> str:
    """Return libxml2's words in one line: what is wrong, and where."""
    text = " ".join(str(error).split())
    where = f" (line {error.lineno})" if isinstance(error, etree.XMLSyntaxError) and error.lineno else ""
    return f"{_WHERE.sub('', text)[:200]}{where}"
