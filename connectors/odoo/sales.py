"""Quotes and orders, purchase orders, deliveries: what is no debt yet.

A quote that is confirmed stays the same record, so quotes and orders are one stream; what it is follows from its state.
Sources: https://github.com/odoo/odoo/blob/19.0/addons/sale/models/sale_order.py,
https://github.com/odoo/odoo/blob/19.0/addons/purchase/models/purchase_order.py,
https://github.com/odoo/odoo/blob/19.0/addons/stock/models/stock_picking.py
"""

from collections.abc import Sequence
from functools import partial

from connectors.odoo.client import Client, Domain, Row
from connectors.odoo.joined import companies, is_unwanted, parties, wanted_companies
from connectors.odoo.listing import Kind
from connectors.odoo.settings import OdooSettings

QUOTES = ("draft", "sent")  # states of a sale order that nobody confirmed
SHOWN = 3  # texts of lines


def _orders(settings: OdooSettings) -> Domain:
    if not settings.quotes:
        return [*wanted_companies(settings), ["state", "not in", list(QUOTES)]]
    if not settings.orders:
        return [*wanted_companies(settings), ["state", "in", list(QUOTES)]]
    return wanted_companies(settings)


def _refused_order(settings: OdooSettings, row: Row) -> str:
    if is_unwanted(settings, row):
        return "company"
    is_quote = row.get("state") in QUOTES
    return "" if (settings.quotes if is_quote else settings.orders) else "quote" if is_quote else "order"


def _refused(settings: OdooSettings, row: Row) -> str:
    return "company" if is_unwanted(settings, row) else ""


def _deliveries(settings: OdooSettings) -> Domain:
    return [*wanted_companies(settings), ["picking_type_code", "in", ["incoming", "outgoing"]]]


def _refused_delivery(settings: OdooSettings, row: Row) -> str:
    """Leave out what never leaves the house."""
    return _refused(settings, row) or ("" if row.get("picking_type_code") in {"incoming", "outgoing"} else "internal")


def _order_joined(client: Client, rows: Sequence[Row], *, lines: str) -> None:
    parties(client, rows)
    companies(client, rows)
    with_texts(client, rows, "order_line", lines)
    _with_invoices(client, rows)


def _delivery_joined(client: Client, rows: Sequence[Row]) -> None:
    parties(client, rows)
    companies(client, rows)


def with_texts(client: Client, rows: Sequence[Row], field: str, model: str) -> None:
    """Put in how many lines there are and what the first ones say, in place of all their ids."""
    first = {row["id"]: list(row.pop(field, None) or ()) for row in rows}
    wanted = [one for lines in first.values() for one in lines[:SHOWN]]
    names = client.of_ids(model, wanted, ("name",)) if wanted else {}
    for row in rows:
        lines = first[row["id"]]
        row["lines"] = len(lines)
        texts = (names[one].get("name") for one in lines[:SHOWN] if one in names)
        row["first_lines"] = [text for text in texts if text]


def _with_invoices(client: Client, rows: Sequence[Row]) -> None:
    """Put in the numbers of the invoices that were made of an order."""
    ids = {one for row in rows for one in row.get("invoice_ids") or ()}
    found = client.of_ids("account.move", ids, ("name", "move_type")) if ids else {}
    for row in rows:
        row["invoices"] = [found[one] for one in sorted(row.pop("invoice_ids", None) or ()) if one in found]


ORDERS = Kind(
    records="orders",
    title="Quotes and orders",
    model="sale.order",
    version=1,
    fields=(
        "name", "state", "date_order", "validity_date", "commitment_date", "partner_id", "company_id", "currency_id", "currency_rate",
        "amount_untaxed", "amount_tax", "amount_total", "invoice_status", "client_order_ref", "origin", "invoice_ids",
        "payment_term_id", "order_line", "write_date",
    ),
    domain=_orders,
    refused=_refused_order,
    joined=partial(_order_joined, lines="sale.order.line"),
)  # fmt: skip
PURCHASES = Kind(
    records="purchases",
    title="Purchases",
    model="purchase.order",
    version=1,
    fields=(
        "name", "state", "date_order", "date_approve", "date_planned", "partner_id", "partner_ref", "company_id", "currency_id",
        "currency_rate", "amount_untaxed", "amount_tax", "amount_total", "invoice_status", "origin", "invoice_ids",
        "payment_term_id", "order_line", "write_date",
    ),
    domain=wanted_companies,
    refused=_refused,
    joined=partial(_order_joined, lines="purchase.order.line"),
)  # fmt: skip
DELIVERIES = Kind(
    records="deliveries",
    title="Deliveries",
    model="stock.picking",
    version=1,
    fields=(
        "name", "state", "picking_type_code", "partner_id", "company_id", "scheduled_date", "date_done", "origin", "sale_id",
        "return_id", "write_date",
    ),
    domain=_deliveries,
    refused=_refused_delivery,
    joined=_delivery_joined,
)  # fmt: skip
