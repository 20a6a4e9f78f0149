"""Streams of documents: their lines, and where Odoo keeps one, their PDF.

Odoo makes a PDF only for a person who is signed in; what it made before, for a customer's mail, is kept as an attachment,
and so is the scan of a supplier's bill. These are read with the key. Source:
https://github.com/odoo/odoo/blob/19.0/addons/account/models/account_move.py (`invoice_pdf_report_id`),
https://github.com/odoo/odoo/blob/19.0/odoo/addons/base/models/ir_attachment.py
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from connectors.odoo import ledger, sales
from connectors.odoo.client import Client, Row, id_of
from connectors.odoo.listing import Kind, OdooStream
from hub.errors import GoneError, RejectedError, ShapeError
from hub.records.document import Line

MOST_LINES = 10_000
PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the lines of a kind of documents are, and what their fields are called."""

    model: str
    parent: str
    quantity: str
    order: str
    wanted: tuple[tuple[str, str, Any], ...] = ()


LINES: Mapping[str, Lines] = MappingProxyType(
    {
        "invoices": Lines(
            "account.move.line", "move_id", "quantity", "sequence,id",
            (("display_type", "in", ["product", "line_section", "line_subsection", "line_note"]),),
        ),
        "orders": Lines("sale.order.line", "order_id", "product_uom_qty", "sequence,id"),
        "purchases": Lines("purchase.order.line", "order_id", "product_qty", "sequence,id"),
        "deliveries": Lines("stock.move", "picking_id", "quantity", "sequence,id"),
    }
)  # fmt: skip
# A unit of measure changed its name in Odoo 19.
_UNITS = ("product_uom_id", "product_uom")
_TEXTS = ("name", "description_picking", "product_id")


class DocumentStream(OdooStream):
    """Documents with lines (`hub.connector.ledger.HasLines`)."""

    __slots__ = ()

    def lines(self, remote_id: str) -> Sequence[Line]:
        """Return the lines of a document in their order, as many as a page can show."""
        where = LINES[self.kind.records]
        self._must_be_there(remote_id)
        domain = [[where.parent, "=", int(remote_id)], *map(list, where.wanted)]
        fields = (*_TEXTS, where.quantity, *_UNITS, "price_unit", "price_subtotal", "display_type")
        rows = self.client.rows(where.model, domain, fields, order=where.order, limit=MOST_LINES)
        return [_line(row, where) for row in rows]

    def _must_be_there(self, remote_id: str) -> Row:
        found = self.client.of_ids(self.kind.model, [int(remote_id)] if remote_id.isdecimal() else [], PDFS)
        if not found:
            raise GoneError(f"Odoo has no {self.kind.model} {remote_id} any more.")
        return found[int(remote_id)]


PDFS = ("invoice_pdf_report_id", "message_main_attachment_id")  # the first is the one that the customer got


class InvoiceStream(DocumentStream):
    """Invoices, of which Odoo may keep a PDF (`hub.connector.ledger.HasPdf`)."""

    __slots__ = ()

    def pdf(self, remote_id: str, *, largest: int) -> bytes:
        """Return the PDF that Odoo keeps of a document."""
        document = self._must_be_there(remote_id)
        ids = [one for field in PDFS if (one := id_of(document.get(field)))]
        files = self.client.of_ids("ir.attachment", ids, ("mimetype", "file_size")) if ids else {}
        found = next((one for one in ids if one in files and files[one].get("mimetype") == PDF), 0)
        if not found:
            raise RejectedError("Odoo keeps no PDF of this document; it makes one when somebody prints or sends it.")
        size = files[found].get("file_size")
        if not isinstance(size, int) or size > largest:
            raise RejectedError(f"The PDF is larger than {largest} bytes.")
        return _content(self.client, found, largest)


def stream(client: Client, kind: Kind) -> OdooStream:
    """Return the stream of a kind."""
    if kind is ledger.INVOICES:
        return InvoiceStream(client, kind)
    if kind in (sales.ORDERS, sales.PURCHASES, sales.DELIVERIES):
        return DocumentStream(client, kind)
    return OdooStream(client, kind)


def _content(client: Client, attachment: int, largest: int) -> bytes:
    told = client.of_ids("ir.attachment", [attachment], ("datas",)).get(attachment, {}).get("datas")
    try:
        content = base64.b64decode(told, validate=True) if isinstance(told, str) else b""
    except binascii.Error as error:
        raise ShapeError("Odoo's attachment is no base64") from error
    if not content:
        raise GoneError("The PDF is no more.")
    if len(content) > largest:
        raise RejectedError(f"The PDF is larger than {largest} bytes.")
    return content


def _line(row: Row, where: Lines) -> Line:
    text = next((words for field in _TEXTS if (words := _words(row.get(field)))), "")
    if row.get("display_type") not in (False, None, "product"):  # a heading or a note
        return Line(text)
    unit = next((words for field in _UNITS if (words := _words(row.get(field)))), "")
    return Line(
        text, _number(row.get(where.quantity)), unit, _number(row.get("price_unit")), _number(row.get("price_subtotal"))
    )


def _words(value: Any) -> str:
    """Return a text, or the name of a record that is named."""
    last = value[-1] if isinstance(value, list) and value else value
    return last if isinstance(last, str) else ""


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise ShapeError(f"Odoo's amount {str(value)[:40]!r} is no number") from error
