"""Models of the ledger: journal entries (which invoices are), their lines, payments, and what was settled by what."""

from decimal import Decimal
from typing import Any

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
    money,
    number,
    one,
    text,
)
from connectors.odoo.simulated.store import View

MOVE, LINE, PAYMENT, PARTIAL = "account.move", "account.move.line", "account.payment", "account.partial.reconcile"
INBOUND = frozenset({"out_invoice", "out_receipt", "in_refund"})  # somebody is to pay us
SALES = frozenset({"out_invoice", "out_refund", "out_receipt"})
PURCHASES = frozenset({"in_invoice", "in_refund", "in_receipt"})
DOCUMENTS = SALES | PURCHASES
# What takes a document back.
REVERSED = {
    "out_invoice": "out_refund",
    "in_invoice": "in_refund",
    "out_refund": "out_invoice",
    "in_refund": "in_invoice",
}
MOVE_TYPES = (
    "entry:Journal Entry", "out_invoice:Customer Invoice", "out_refund:Customer Credit Note", "in_invoice:Vendor Bill",
    "in_refund:Vendor Credit Note", "out_receipt:Sales Receipt", "in_receipt:Purchase Receipt",
)  # fmt: skip
PAYMENT_STATES = (
    "not_paid:Not Paid", "in_payment:In Payment", "paid:Paid", "partial:Partially Paid", "reversed:Reversed",
    "blocked:Blocked", "invoicing_legacy:Invoicing App Legacy",
)  # fmt: skip
_SHOWN = frozenset({"product", "line_section", "line_subsection", "line_note"})
_DRAFTS = {
    "out_invoice": "Draft Invoice", "out_refund": "Draft Credit Note", "in_invoice": "Draft Bill",
    "in_refund": "Draft Vendor Credit Note", "out_receipt": "Draft Sales Receipt",
    "in_receipt": "Draft Purchase Receipt", "entry": "Draft Entry",
}  # fmt: skip


def _move_name(_view: View, row: Row) -> str:
    """Its number with the reference behind it; a draft is called so."""
    name: str = row["name"] or ""
    if row["state"] == "draft":
        name = f"{_DRAFTS[row['move_type']]} {name}".strip()
    elif not name:
        return ""
    return f"{name} ({row['ref']})" if row["ref"] else name


def _line_name(view: View, row: Row) -> str:
    move = view.get(MOVE, row["move_id"])
    words = [_move_name(view, move) if move is not None else ""]
    if row["name"] and move is not None and row["name"] != move["name"]:
        words.append(row["name"])
    return " ".join(words)


def lines_of(view: View, move: int) -> list[Row]:
    return view.related(LINE, "move_id", move)


def terms_of(view: View, move: int) -> list[Row]:
    """The lines of a document that are to be paid, the first to be paid first."""
    found = [one for one in lines_of(view, move) if one["display_type"] == "payment_term"]
    return sorted(found, key=lambda one: (one["date_maturity"], one["id"]))


def partials_of(view: View, line: int) -> list[Row]:
    """What a line was settled with."""
    return [
        *view.related(PARTIAL, "debit_move_id", line),
        *view.related(PARTIAL, "credit_move_id", line),
    ]


def other_side(partial: Row, line: int) -> int:
    found: int = partial["credit_move_id"] if partial["debit_move_id"] == line else partial["debit_move_id"]
    return found


def _line_ids(view: View, row: Row) -> tuple[int, ...]:
    return tuple(view.lookup(LINE, "move_id", row["id"]))


def _shown_line_ids(view: View, row: Row) -> tuple[int, ...]:
    """The lines that a document's reader sees."""
    return tuple(one["id"] for one in lines_of(view, row["id"]) if one["display_type"] in _SHOWN)


def _refunds(view: View, row: Row) -> tuple[int, ...]:
    return tuple(view.lookup(MOVE, "reversed_entry_id", row["id"]))


def _payments(view: View, row: Row) -> tuple[int, ...]:
    found = []
    for line in terms_of(view, row["id"]):
        for partial in partials_of(view, line["id"]):
            other = view.get(LINE, other_side(partial, line["id"]))
            if other is not None and other["payment_id"] is not None:
                found.append(other["payment_id"])
    return tuple(dict.fromkeys(found))


def _status(_view: View, row: Row) -> str:
    """What the list of invoices shows: the state, and for what was posted how it is paid."""
    if row["state"] != "posted":
        return str(row["state"])
    return "posted" if row["payment_state"] == "not_paid" else str(row["payment_state"])


def _url(_view: View, row: Row) -> str:
    return f"/my/invoices/{row['id']}" if row["move_type"] in REVERSED else "#"


def _partner_shown(view: View, row: Row) -> str | None:
    return view.name_of("res.partner", row["partner_id"]) or None


def _company_currency(view: View, row: Row) -> int | None:
    company = view.get("res.company", row["company_id"])
    return company["currency_id"] if company is not None else None


def _settles(*, sales: bool) -> Any:
    def count(view: View, row: Row) -> tuple[int, ...]:
        moves = view.rows(MOVE, row["invoice_ids"])
        return tuple(one["id"] for one in moves if (one["move_type"] in SALES) is sales)

    return count


def _is_settled(view: View, row: Row) -> bool:
    """Whether nothing of a payment is left that settles nothing."""
    lines = (
        [one for one in lines_of(view, row["move_id"]) if one["account_type"] != "asset_current"]
        if row["move_id"]
        else []
    )
    return bool(lines) and all(not one["amount_residual"] for one in lines)


def _signed(_view: View, row: Row) -> Decimal:
    amount: Decimal = row["amount"]
    return amount if row["payment_type"] == "inbound" else -amount


def _in_books(view: View, row: Row) -> Decimal:
    """The amount in the company's currency."""
    lines = (
        [one for one in lines_of(view, row["move_id"]) if one["account_type"] == "asset_current"]
        if row["move_id"]
        else []
    )
    return lines[0]["balance"] if lines else _signed(view, row)


def _matched(side: str) -> Any:
    def count(view: View, row: Row) -> tuple[int, ...]:
        return tuple(view.lookup(PARTIAL, side, row["id"]))

    return count


_STATUS_IN_PAYMENT = (
    *((key, words) for key, _, words in (one.partition(":") for one in PAYMENT_STATES)), ("draft", "Draft"), ("posted", "Posted"), ("sent", "Sent"),
    ("cancel", "Cancelled"),
)  # fmt: skip
_TRANSACTION = model(
    "payment.transaction", "Payment Transaction", {}, groups=("Accounting/Invoicing", "Role / Administrator")
)
MOVES = model(
    MOVE, "Journal Entry",
    {
        "name": char("Number"), "ref": char("Reference"), "date": date("Date"),
        "state": choice("Status", "draft", "posted", "cancel:Cancelled", default="draft"),
        "move_type": choice("Type", *MOVE_TYPES, default="entry"),
        "payment_state": choice("Payment Status", *PAYMENT_STATES, default="not_paid"),
        "status_in_payment": counted("selection", "Status In Payment", _status, selection=_STATUS_IN_PAYMENT),
        "journal_id": one("account.journal", "Journal"), "company_id": one("res.company", "Company"),
        "currency_id": one("res.currency", "Currency"),
        "company_currency_id": counted("many2one", "Company Currency", _company_currency, "res.currency"),
        "partner_id": one("res.partner", "Partner"), "commercial_partner_id": one("res.partner", "Commercial Entity"),
        "partner_shipping_id": one("res.partner", "Delivery Address"),
        "invoice_partner_display_name": counted("char", "Invoice Partner Display Name", _partner_shown),
        "invoice_date": date("Invoice/Bill Date"), "invoice_date_due": date("Due Date"), "delivery_date": date("Delivery Date"),
        "invoice_payment_term_id": one("account.payment.term", "Payment Terms"), "invoice_origin": char("Origin"),
        "invoice_user_id": one("res.users", "Salesperson"), "payment_reference": char("Payment Reference"),
        "narration": html("Terms and Conditions"), "sequence_prefix": char("Sequence Prefix"),
        "sequence_number": integer("Sequence Number"), "invoice_currency_rate": number("Currency Rate"),
        "amount_untaxed": money("Untaxed Amount"), "amount_tax": money("Tax"), "amount_total": money("Total"),
        "amount_residual": money("Amount Due"), "amount_untaxed_signed": money("Untaxed Amount Signed"),
        "amount_tax_signed": money("Tax Signed"), "amount_total_signed": money("Total Signed"),
        "amount_residual_signed": money("Amount Due Signed"),
        "amount_total_in_currency_signed": money("Total in Currency Signed"),
        "reversed_entry_id": one(MOVE, "Reversal of"), "debit_origin_id": one(MOVE, "Original Invoice Debited"),
        "reversal_move_ids": counted("one2many", "Reversal Move", _refunds, MOVE),
        "line_ids": counted("one2many", "Journal Items", _line_ids, LINE),
        "invoice_line_ids": counted(
            "one2many", "Invoice lines", _shown_line_ids, LINE,
        ),
        "matched_payment_ids": counted("many2many", "Matched Payments", _payments, PAYMENT),
        "invoice_pdf_report_id": one("ir.attachment", "PDF Attachment"),
        "message_main_attachment_id": one("ir.attachment", "Main Attachment"),
        "origin_payment_id": one(PAYMENT, "Payment"), "is_move_sent": boolean("Is Move Sent"),
        "access_url": counted("char", "Portal Access URL", _url),
    },
    order="date desc,name desc,invoice_date desc,id desc", name_of=_move_name, module="account",
    indexed=("commercial_partner_id", "reversed_entry_id"), groups=("Accounting/Invoicing", "Role / Administrator"),
    unreadable=("transaction_ids", _TRANSACTION),
)  # fmt: skip

LINES = model(
    LINE, "Journal Item",
    {
        "move_id": one(MOVE, "Journal Entry"), "sequence": integer("Sequence", 100), "name": char("Label"),
        "display_type": choice(
            "Display Type", "product", "tax", "payment_term:Payment Term", "line_section:Section",
            "line_subsection:Subsection", "line_note:Note", "rounding", "cogs:Cost of Goods Sold", default="product",
        ),
        "parent_state": choice("Status", "draft", "posted", "cancel:Cancelled", default="draft"),
        "account_id": one("account.account", "Account"),
        "account_type": choice(
            "Internal Type", "asset_receivable:Receivable", "liability_payable:Payable", "asset_current:Current Assets",
            "income", "expense:Expenses", "liability_current:Current Liabilities",
        ),
        "partner_id": one("res.partner", "Partner"), "company_id": one("res.company", "Company"),
        "company_currency_id": counted("many2one", "Company Currency", _company_currency, "res.currency"),
        "currency_id": one("res.currency", "Currency"), "journal_id": one("account.journal", "Journal"),
        "date": date("Date"), "date_maturity": date("Due Date"), "debit": money("Debit"), "credit": money("Credit"),
        "balance": money("Balance"), "amount_currency": money("Amount in Currency"),
        "amount_residual": money("Residual Amount"), "amount_residual_currency": money("Residual Amount in Currency"),
        "quantity": number("Quantity"), "price_unit": number("Unit Price"), "price_subtotal": money("Subtotal"),
        "price_total": money("Total"), "discount": number("Discount (%)"), "product_id": one("product.product", "Product"),
        "product_uom_id": one("uom.uom", "Unit"), "tax_ids": many("account.tax", "Taxes"),
        "tax_line_id": one("account.tax", "Originator Tax"), "reconciled": boolean("Reconciled"),
        "payment_id": one(PAYMENT, "Originator Payment"),
        "full_reconcile_id": one("account.full.reconcile", "Matching"),
        "matched_debit_ids": counted("one2many", "Matched Debits", _matched("credit_move_id"), PARTIAL),
        "matched_credit_ids": counted("one2many", "Matched Credits", _matched("debit_move_id"), PARTIAL),
    },
    order="date desc,id", name_of=_line_name, module="account", indexed=("move_id", "partner_id"),
    groups=("Accounting/Invoicing", "Role / Administrator"),
)  # fmt: skip

PAYMENTS = model(
    PAYMENT, "Payments",
    {
        "name": char("Number"), "date": date("Date"),
        "state": choice("State", "draft", "in_process:In Process", "paid", "canceled", "rejected", default="draft"),
        "payment_type": choice("Payment Type", "outbound:Send", "inbound:Receive", default="inbound"),
        "partner_type": choice("Partner Type", "customer", "supplier:Vendor", default="customer"),
        "amount": money("Amount"), "amount_signed": counted("monetary", "Amount Signed", _signed),
        "amount_company_currency_signed": counted("monetary", "Amount Company Currency Signed", _in_books),
        "currency_id": one("res.currency", "Currency"), "company_id": one("res.company", "Company"),
        "company_currency_id": counted("many2one", "Company Currency", _company_currency, "res.currency"),
        "partner_id": one("res.partner", "Customer/Vendor"), "memo": char("Memo"),
        "payment_reference": char("Payment Reference"), "journal_id": one("account.journal", "Journal"),
        "payment_method_line_id": one("account.payment.method.line", "Payment Method"),
        "payment_method_id": one("account.payment.method", "Method"), "move_id": one(MOVE, "Journal Entry"),
        "invoice_ids": many(MOVE, "Invoices"),
        "reconciled_invoice_ids": counted("many2many", "Reconciled Invoices", _settles(sales=True), MOVE),
        "reconciled_bill_ids": counted("many2many", "Reconciled Bills", _settles(sales=False), MOVE),
        "is_reconciled": counted("boolean", "Is Reconciled", _is_settled), "is_matched": boolean("Is Matched With a Bank Statement"),
        "is_sent": boolean("Is Sent"),
    },
    order="date desc,name desc,id desc", module="account", groups=("Accounting/Invoicing", "Role / Administrator"),
)  # fmt: skip

PARTIALS = model(
    PARTIAL, "Partial Reconcile",
    {
        "debit_move_id": one(LINE, "Debit Move"), "credit_move_id": one(LINE, "Credit Move"),
        "amount": money("Amount"), "debit_amount_currency": money("Debit Amount Currency"),
        "credit_amount_currency": money("Credit Amount Currency"),
        "debit_currency_id": one("res.currency", "Currency of the debit journal item"),
        "credit_currency_id": one("res.currency", "Currency of the credit journal item"),
        "company_currency_id": counted("many2one", "Company Currency", _company_currency, "res.currency"),
        "company_id": one("res.company", "Company"), "max_date": date("Max Date of Matched Lines"),
        "full_reconcile_id": one("account.full.reconcile", "Full Reconcile"),
        "exchange_move_id": one(MOVE, "Exchange Move"),
    },
    name_of=lambda _view, row: f"account.partial.reconcile,{row['id']}", module="account",
    indexed=("debit_move_id", "credit_move_id"), groups=("Accounting/Invoicing", "Role / Administrator"),
)  # fmt: skip

TERM = model(
    "account.payment.term", "Payment Terms",
    {
        "name": char("Payment Terms"), "active": boolean("Active", default=True), "note": html("Description on the Invoice"),
        "company_id": one("res.company", "Company"), "early_discount": boolean("Early Discount"),
        "line_ids": counted(
            "one2many", "Terms", lambda view, row: tuple(view.lookup("account.payment.term.line", "payment_id", row["id"])),
            "account.payment.term.line",
        ),
    },
    order="name", module="account",
)  # fmt: skip
TERM_LINE = model(
    "account.payment.term.line", "Payment Terms Line",
    {
        "payment_id": one("account.payment.term", "Payment Terms"), "value": choice("Value", "percent", "fixed", default="percent"),
        "value_amount": number("Due"), "nb_days": integer("Days"),
        "delay_type": choice("Delay Type", "days_after:Days after invoice date", default="days_after"),
    },
    name_of=lambda _view, row: f"account.payment.term.line,{row['id']}", module="account", indexed=("payment_id",),
)  # fmt: skip
JOURNAL = model(
    "account.journal", "Journal",
    {
        "name": char("Journal Name"), "code": char("Sequence Prefix"), "company_id": one("res.company", "Company"),
        "type": choice("Type", "sale:Sales", "purchase", "cash", "bank", "general:Miscellaneous"),
    },
    module="account",
)  # fmt: skip
ACCOUNT = model(
    "account.account", "Account",
    {"name": char("Account Name"), "code": char("Code"), "account_type": char("Type"), "company_id": one("res.company")},
    name_of=lambda _view, row: f"{row['code']} {row['name']}", module="account",
)  # fmt: skip
TAX = model(
    "account.tax", "Tax", {"name": char("Tax Name"), "amount": number("Amount"), "description": text("Description")}
)
METHOD = model("account.payment.method", "Payment Methods", {"name": char("Name"), "code": char("Code")})
METHOD_LINE = model("account.payment.method.line", "Payment Methods", {"name": char("Name")})
FULL = model("account.full.reconcile", "Full Reconcile", {}, name_of=lambda _view, row: str(row["id"]))
REGISTER = model(
    "account.payment.register", "Pay",
    {
        "amount": money("Amount"), "payment_date": date("Payment Date"), "currency_id": one("res.currency", "Currency"),
        "move_ids": many(MOVE),
    },
    name_of=lambda _view, row: f"account.payment.register,{row['id']}", module="account", readable=False,
    groups=("Accounting/Invoicing",),
)  # fmt: skip
REVERSAL = model(
    "account.move.reversal", "Account Move Reversal",
    {
        "reason": char("Reason"), "date": date("Reversal date"), "journal_id": one("account.journal", "Journal"),
        "move_ids": many(MOVE),
    },
    name_of=lambda _view, row: f"account.move.reversal,{row['id']}", module="account", readable=False,
    groups=("Accounting/Invoicing",),
)  # fmt: skip

MODELS: tuple[Model, ...] = (
    MOVES, LINES, PAYMENTS, PARTIALS, TERM, TERM_LINE, JOURNAL, ACCOUNT, TAX, METHOD, METHOD_LINE, FULL, REGISTER, REVERSAL,
)  # fmt: skip
