"""Reads any electronic invoice: which format it is, its namespace says, never its name or the name of its file."""

import hashlib
from collections.abc import Callable, Mapping

from lxml import etree

from hub.connector.einvoice import cii, fa, pdf, safe, schema, ubl
from hub.connector.einvoice.payload import Invoice, Json
from hub.errors import ShapeError

LARGEST = safe.LARGEST
_READERS: Mapping[str, Callable[[etree._Element], Invoice]] = {
    ubl.INVOICE: ubl.read,
    ubl.CREDIT_NOTE: ubl.read,
    cii.INVOICE: cii.read,
    fa.FA_2: fa.read,
    fa.FA_3: fa.read,
}
_NOT_READ = {
    "http://crd.gov.pl/wzor/2026/03/06/14189/": "an FA_RR(1) invoice of a farmer, which is not read yet",
    "http://crd.gov.pl/wzor/2021/11/29/11089/": "an FA(1) invoice, which ended in 2023",
    "urn:ferd:CrossIndustryDocument:invoice:1p0": "a ZUGFeRD 1 invoice; ask for version 2 or later",
    "urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:100": "an order (Order-X) and no invoice",
}
_LONGEST_SHOWN = 120


def read(data: bytes) -> Json:
    """Return the payload of an invoice (`payload.Invoice.payload`).

    Args:
        data: XML, or a PDF with XML inside.

    Raises:
        ShapeError: it is none that can be read; says why.
    """
    if not data:
        raise ShapeError("the file is empty")
    if pdf.is_pdf(data):
        return _of_pdf(data)
    if not safe.is_xml(data):
        raise ShapeError("the file is neither XML nor PDF")
    return _of_xml(data, safe.parse(data))


def _of_pdf(data: bytes) -> Json:
    """Read the invoice among the XML files of a PDF; other XML files may be there."""
    found = [(one, safe.parse(one)) for one in pdf.attached(data)]
    known = [pair for pair in found if str(etree.QName(pair[1]).namespace) in _READERS]
    return _of_xml(*(known or found)[0])


def _of_xml(data: bytes, root: etree._Element) -> Json:
    name = etree.QName(root)
    reader = _READERS.get(name.namespace or "")
    if reader is None:
        known = _NOT_READ.get(name.namespace or "")
        raise ShapeError(
            f"the file is {known or f'no invoice that is known: its root is {str(name.text)[:_LONGEST_SHOWN]}'}"
        )
    try:
        payload = reader(root).payload()
    except (ArithmeticError, RecursionError) as error:  # sums of numbers that nobody could owe
        raise ShapeError(f"the document cannot be reckoned: {type(error).__name__}") from error
    warnings = [*payload["warnings"], *schema.faults(root)]
    # The hash of the XML, so that another one of the same document is another version of it, whatever it differs in.
    return {**payload, "warnings": warnings, "sha256": hashlib.sha256(data).hexdigest()}
