"""Models of what comes before an invoice: quotations and orders, purchases, and transfers out of and into the stock."""

from connectors.odoo.simulated.schema import (
    Model,
    Row,
    boolean,
    char,
    choice,
    counted,
    date,
    html,
    integer,
    many,
    model,
    moment,
    money,
    number,
    one,
    text,
)
from connectors.odoo.simulated.store import View

SALE, PURCHASE, PICKING = "sale.order", "purchase.order", "stock.picking"
_LINE_TYPES = ("line_section:Section", "line_subsection:Subsection", "line_note:Note")


def _sale_lines(view: View, row: Row) -> tuple[int, ...]:
    return tuple(view.lookup("sale.order.line", "order_id", row["id"]))


def _purchase_lines(view: View, row: Row) -> tuple[int, ...]:
    return tuple(view.lookup("purchase.order.line", "order_id", row["id"]))


def _stock_moves(view: View, row: Row) -> tuple[int, ...]:
    return tuple(view.lookup("stock.move", "picking_id", row["id"]))


def _kind(_view: View, row: Row) -> str:
    return "Quotation" if row["state"] in ("draft", "sent", "cancel") else "Sales Order"


def _line_name(view: View, row: Row) -> str:
    return f"{view.name_of(SALE, row['order_id'])} - {row['name']}"


_AMOUNTS = {
    "amount_untaxed": money("Untaxed Amount"), "amount_tax": money("Taxes"), "amount_total": money("Total"),
    "currency_id": one("res.currency", "Currency"), "currency_rate": number("Currency Rate"),
    "company_id": one("res.company", "Company"), "partner_id": one("res.partner", "Customer"),
    "payment_term_id": one("account.payment.term", "Payment Terms"), "origin": char("Source Document"),
    "user_id": one("res.users", "Salesperson"), "invoice_ids": many("account.move", "Invoices"),
    "invoice_count": counted("integer", "Invoice Count", lambda _view, row: len(row["invoice_ids"])),
}  # fmt: skip

ORDERS = model(
    SALE, "Sales Order",
    {
        "name": char("Order Reference"), **_AMOUNTS,
        "state": choice("Status", "draft:Quotation", "sent:Quotation Sent", "sale:Sales Order", "cancel:Cancelled", default="draft"),
        "invoice_status": choice(
            "Invoice Status", "upselling:Upselling Opportunity", "invoiced:Fully Invoiced", "to invoice:To Invoice",
            "no:Nothing to Invoice", default="no",
        ),
        "partner_invoice_id": one("res.partner", "Invoice Address"), "partner_shipping_id": one("res.partner", "Delivery Address"),
        "date_order": moment("Order Date"), "validity_date": date("Expiration"), "commitment_date": moment("Delivery Date"),
        "client_order_ref": char("Customer Reference"), "note": html("Terms and conditions"), "locked": boolean("Locked"),
        "signed_on": moment("Signed On"), "order_line": counted("one2many", "Order Lines", _sale_lines, "sale.order.line"),
        "type_name": counted("char", "Type Name", _kind),
        "access_url": counted("char", "Portal Access URL", lambda _view, row: f"/my/orders/{row['id']}"),
        "is_expired": boolean("Is Expired"),
    },
    order="date_order desc,id desc", module="sale",
    groups=("Sales/Administrator", "Sales/User: Own Documents Only"),
)  # fmt: skip
ORDER_LINE = model(
    "sale.order.line", "Sales Order Line",
    {
        "order_id": one(SALE, "Order Reference"), "name": text("Description"), "product_uom_qty": number("Quantity"),
        "price_unit": number("Unit Price"), "price_subtotal": money("Subtotal"), "price_total": money("Total"),
        "product_id": one("product.product", "Product"), "product_uom_id": one("uom.uom", "Unit"),
        "display_type": choice("Display Type", *_LINE_TYPES), "qty_invoiced": number("Invoiced Quantity"),
        "qty_delivered": number("Delivery Quantity"), "sequence": integer("Sequence", 10),
    },
    order="order_id,sequence,id", name_of=_line_name, module="sale", indexed=("order_id",),
    groups=("Sales/Administrator", "Sales/User: Own Documents Only"),
)  # fmt: skip

PURCHASES = model(
    PURCHASE, "Purchase Order",
    {
        "name": char("Order Reference"), **_AMOUNTS,
        "state": choice(
            "Status", "draft:RFQ", "sent:RFQ Sent", "to approve:To Approve", "purchase:Purchase Order", "cancel:Cancelled",
            default="draft",
        ),
        "invoice_status": choice("Billing Status", "no:Nothing to Bill", "to invoice:Waiting Bills", "invoiced:Fully Billed", default="no"),
        "date_order": moment("Order Deadline"), "date_planned": moment("Expected Arrival"),
        "date_approve": moment("Confirmation Date"), "partner_ref": char("Vendor Reference"), "note": html("Terms and Conditions"),
        "order_line": counted("one2many", "Order Lines", _purchase_lines, "purchase.order.line"),
    },
    order="id desc", module="purchase",
    groups=("Purchase/User", "Purchase/Administrator"),
)  # fmt: skip
PURCHASE_LINE = model(
    "purchase.order.line", "Purchase Order Line",
    {
        "order_id": one(PURCHASE, "Order Reference"), "name": text("Description"), "product_qty": number("Quantity"),
        "price_unit": number("Unit Price"), "price_subtotal": money("Subtotal"), "price_total": money("Total"),
        "product_id": one("product.product", "Product"), "product_uom_id": one("uom.uom", "Unit"),
        "display_type": choice("Display Type", *_LINE_TYPES), "sequence": integer("Sequence", 10),
        "qty_invoiced": number("Billed Qty"), "qty_received": number("Received Qty"),
    },
    order="order_id,sequence,id", module="purchase", indexed=("order_id",),
    groups=("Purchase/User", "Purchase/Administrator"),
)  # fmt: skip

PICKINGS = model(
    PICKING, "Transfer",
    {
        "name": char("Reference", "/"), "origin": char("Source Document"), "note": html("Notes"),
        "state": choice(
            "Status", "draft", "waiting:Waiting Another Operation", "confirmed:Waiting", "assigned:Ready", "done",
            "cancel:Cancelled", default="draft",
        ),
        "partner_id": one("res.partner", "Contact"), "company_id": one("res.company", "Company"),
        "scheduled_date": moment("Scheduled Date"), "date_deadline": moment("Deadline"),
        "date_done": moment("Date of Transfer"), "return_id": one(PICKING, "Return of"),
        "backorder_id": one(PICKING, "Back Order of"), "user_id": one("res.users", "Responsible"),
        "picking_type_id": one("stock.picking.type", "Operation Type"),
        "picking_type_code": choice("Type of Operation", "incoming:Receipt", "outgoing:Delivery", "internal:Internal Transfer"),
        "sale_id": one(SALE, "Sales Order"), "purchase_id": one(PURCHASE, "Purchase Orders"),
        "move_ids": counted("one2many", "Stock Moves", _stock_moves, "stock.move"),
        "is_locked": boolean("Is Locked", default=True), "printed": boolean("Printed"),
    },
    order="scheduled_date,id desc", module="stock", groups=("Inventory/User",),
)  # fmt: skip
PICKING_TYPE = model(
    "stock.picking.type", "Picking Type", {"name": char("Operation Type"), "code": char("Type")}, module="stock"
)
STOCK_MOVE = model(
    "stock.move", "Stock Move",
    {
        "picking_id": one(PICKING, "Transfer"), "description_picking": char("Description of Picking"),
        "product_id": one("product.product", "Product"), "product_uom_qty": number("Demand"), "quantity": number("Quantity"),
        "product_uom": one("uom.uom", "Unit"), "state": char("Status", "draft"), "sequence": integer("Sequence", 10),
    },
    order="sequence,id", name_of=lambda _view, row: row["description_picking"], module="stock", indexed=("picking_id",),
    groups=("Inventory/User",),
)  # fmt: skip

MODELS: tuple[Model, ...] = (ORDERS, ORDER_LINE, PURCHASES, PURCHASE_LINE, PICKINGS, PICKING_TYPE, STOCK_MOVE)
