"""Invoices, credit notes, bills and receipts; payments; what was settled by what.

An entry of the books is no document: of `account.move` the six types of documents are read. Sources:
https://github.com/odoo/odoo/blob/19.0/addons/account/models/account_move.py,
https://github.com/odoo/odoo/blob/19.0/addons/account/models/account_payment.py,
https://github.com/odoo/odoo/blob/19.0/addons/account/models/account_partial_reconcile.py
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.odoo.client import Client, Domain, Row, id_of
from connectors.odoo.joined import companies, is_unwanted, parties, wanted_companies
from connectors.odoo.listing import Kind
from connectors.odoo.sales import with_texts
from connectors.odoo.settings import OdooSettings

TYPES = ("out_invoice", "out_refund", "out_receipt", "in_invoice", "in_refund", "in_receipt")
# What is owed by a customer or to a supplier stands on lines of these accounts.
OWED = ("asset_receivable", "liability_payable")
CREDITS = ("out_refund", "in_refund")
SIDES = ("debit", "credit")


# --- documents --------------------------------------------------------------------------------------------------------


def _documents(settings: OdooSettings) -> Domain:
    return [*wanted_companies(settings), ["move_type", "in", list(TYPES)]]


def _refused_document(settings: OdooSettings, row: Row) -> str:
    if is_unwanted(settings, row):
        return "company"
    return "" if row.get("move_type") in TYPES else "entry"


def _document_joined(client: Client, rows: Sequence[Row]) -> None:
    parties(client, rows)
    companies(client, rows)
    with_texts(client, rows, "invoice_line_ids", "account.move.line")
    _with_instalments(client, rows)
    _with_references(client, rows)
    for row in rows:  # together, since the sign of an amount in the books depends on the type
        amounts = {"total": row.get("amount_total_signed"), "residual": row.get("amount_residual_signed")}
        row["in_books"] = {"type": row.get("move_type"), **amounts}


def _with_instalments(client: Client, rows: Sequence[Row]) -> None:
    """Put in what of a document is due when."""
    ids = [row["id"] for row in rows]
    domain: Domain = [["move_id", "in", ids], ["display_type", "=", "payment_term"]]
    fields = ("move_id", "date_maturity", "amount_currency", "amount_residual_currency")
    found: dict[int, list[Row]] = defaultdict(list)
    for line in client.rows("account.move.line", domain, fields, order="date_maturity,id") if ids else ():
        found[id_of(line.get("move_id"))].append({name: line.get(name) for name in fields[1:]})
    for row in rows:
        row["payment_terms"] = [{"type": row.get("move_type"), **line} for line in found[row["id"]]]


def _with_references(client: Client, rows: Sequence[Row]) -> None:
    """Put in the type of the documents that a credit note takes back, or a debit note adds to."""
    fields = ("reversed_entry_id", "debit_origin_id")
    ids = {one for row in rows for field in fields if (one := id_of(row.get(field)))}
    types = client.of_ids("account.move", ids, ("name", "move_type")) if ids else {}
    for row in rows:
        row["corrects"] = [types[one] for field in fields if (one := id_of(row.get(field))) in types]


INVOICES = Kind(
    records="invoices",
    title="Invoices and credit notes",
    model="account.move",
    version=1,
    fields=(
        "name", "move_type", "state", "payment_state", "partner_id", "commercial_partner_id", "company_id", "currency_id",
        "company_currency_id", "invoice_currency_rate", "invoice_date", "invoice_date_due", "date", "delivery_date",
        "invoice_payment_term_id", "amount_untaxed", "amount_tax", "amount_total", "amount_residual", "amount_total_signed",
        "amount_residual_signed", "ref", "invoice_origin", "payment_reference", "reversed_entry_id", "debit_origin_id",
        "invoice_line_ids", "sequence_prefix", "invoice_pdf_report_id", "message_main_attachment_id", "write_date",
    ),
    domain=_documents,
    refused=_refused_document,
    joined=_document_joined,
)  # fmt: skip


# --- payments ---------------------------------------------------------------------------------------------------------


def _refused_payment(settings: OdooSettings, row: Row) -> str:
    """Leave out money that goes from one of our own accounts to another."""
    if is_unwanted(settings, row):
        return "company"
    return "transfer" if row.get("is_internal_transfer") or row.get("paired_internal_transfer_payment_id") else ""


def _payment_joined(client: Client, rows: Sequence[Row]) -> None:
    parties(client, rows)
    companies(client, rows)
    _with_open_rest(client, rows)


def _with_open_rest(client: Client, rows: Sequence[Row]) -> None:
    """Put in what of a payment is not settled with any document; one without lines in the books says nothing."""
    ids = [row["id"] for row in rows]
    domain = [["payment_id", "in", ids], ["account_id.account_type", "in", list(OWED)]]
    found: dict[int, list[Row]] = defaultdict(list)
    for line in client.rows("account.move.line", domain, ("payment_id", "amount_residual_currency")) if ids else ():
        found[id_of(line.get("payment_id"))].append(line)
    for row in rows:
        row["unapplied"] = [line.get("amount_residual_currency") for line in found[row["id"]]]


PAYMENTS = Kind(
    records="payments",
    title="Payments",
    model="account.payment",
    version=1,
    fields=(
        "name", "state", "payment_type", "partner_type", "partner_id", "company_id", "currency_id", "company_currency_id", "amount",
        "amount_company_currency_signed", "date", "memo", "ref", "payment_reference", "payment_method_line_id", "journal_id",
        "is_internal_transfer", "paired_internal_transfer_payment_id", "move_id", "write_date",
    ),
    domain=wanted_companies,
    refused=_refused_payment,
    joined=_payment_joined,
)  # fmt: skip


# --- what was settled by what -----------------------------------------------------------------------------------------


def _allocations(settings: OdooSettings) -> Domain:
    of_documents = [[f"{side}_move_id.move_id.move_type", "in", list(TYPES)] for side in SIDES]
    return [*wanted_companies(settings), "|", *of_documents]


def _refused_allocation(settings: OdooSettings, row: Row) -> str:
    if is_unwanted(settings, row):
        return "company"
    if not row["document"]:
        return "no document"
    # The difference of two rates moves nothing in the document's own currency.
    return "" if row["settled"].strip("0.-") else "exchange difference"


def _allocation_joined(client: Client, rows: Sequence[Row]) -> None:
    """Put in which document was settled (`document`), by what (`source`), and how much of its own currency (`settled`)."""
    lines = client.of_ids("account.move.line", _lines(rows), ("move_id", "payment_id"))
    moves = client.of_ids("account.move", _named(lines.values(), "move_id"), ("move_type", "statement_line_id"))
    for row in rows:
        sides = [_side(row, side, lines, moves) for side in SIDES]
        # Of two documents the credit note settles the other one.
        documents = sorted((one for one in sides if one.is_document), key=lambda side: side.is_credit)
        document = documents[0] if documents else None
        other = next((one for one in sides if one is not document), None)
        row["document"] = document.key if document else ""
        row["settled"] = document.amount if document else "0"
        row["source"] = other.key if other else ""
        row["is_payment"] = bool(other and other.is_payment)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two lines that an allocation joins."""

    key: str  # of its payment, else of its document; empty: it is an entry of the books
    is_document: bool
    is_credit: bool
    is_payment: bool
    amount: str  # in the currency of its line


def _side(row: Row, side: str, lines: Mapping[int, Row], moves: Mapping[int, Row]) -> _Side:
    line = lines.get(id_of(row.get(f"{side}_move_id")), {})
    move = moves.get(id_of(line.get("move_id")), {})
    payment = id_of(line.get("payment_id"))
    is_document = move.get("move_type") in TYPES
    key = f"payments:{payment}" if payment else f"invoices:{move['id']}" if is_document else ""
    return _Side(
        key=key,
        is_document=is_document,
        is_credit=move.get("move_type") in CREDITS,
        # A line of a bank statement is money too, whether or not somebody wrote a payment before.
        is_payment=bool(payment or id_of(move.get("statement_line_id"))),
        amount=str(row.get(f"{side}_amount_currency") or "0"),
    )


def _lines(rows: Iterable[Row]) -> set[int]:
    return {one for side in SIDES for one in _named(rows, f"{side}_move_id")}


def _named(rows: Iterable[Row], field: str) -> set[int]:
    return {one for row in rows if (one := id_of(row.get(field)))}


ALLOCATIONS = Kind(
    records="allocations",
    title="Allocations",
    model="account.partial.reconcile",
    version=1,
    fields=(
        "debit_move_id", "credit_move_id", "amount", "debit_amount_currency", "credit_amount_currency", "debit_currency_id",
        "credit_currency_id", "max_date", "company_id", "exchange_move_id", "create_date", "write_date",
    ),
    domain=_allocations,
    refused=_refused_allocation,
    vanishes=True,  # whoever lets go of a payment deletes what it settled
    joined=_allocation_joined,
)  # fmt: skip
