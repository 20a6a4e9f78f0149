"""Documents and payments of all customers: lists with filters, their sums, and the lists as CSV."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounting import panel, queries
from hub.accounting.models import DocumentRow
from hub.accounting.panel import Eyes
from hub.accounting.queries import PAGE, Document, Payment, Place, Total, Wanted
from hub.errors import NotFoundError
from hub.fields import value
from hub.fields.models import Of
from hub.identity import parties
from hub.identity.models import Party
from hub.records.document import Side
from hub.records.money import digits
from hub.security import audit
from hub.security.models import Business
from hub.security.policy import Right
from hub.web import auth, spreadsheet
from hub.web.auth import needs
from hub.web.console import field_values, money, money_words, more_filters
from hub.web.console.more_filters import MoreFilters
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("documents", __name__)
EXPORTED = 1000  # rows of a list that are read at once
FILTERS = (
    "side", "kind", "status", "business", "currency", "account", "since", "until", "q", "customer", "nobody", "gone",
    "copies",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: the filters as they stand there, as the database is asked, and whose documents alone."""

    args: dict[str, Any]
    wanted: Wanted
    customer: Party | None
    more: MoreFilters


@blueprint.get("/documents")
@needs(Right.SEE_MONEY)
def page() -> ResponseReturnValue:
    """List documents, the newest first."""
    return _list(queries.documents, queries.document_totals, "documents", Of.DOCUMENT)


@blueprint.get("/payments")
@needs(Right.SEE_MONEY)
def payments() -> ResponseReturnValue:
    """List payments, the newest first."""
    return _list(queries.payments, queries.payment_totals, "payments")


@blueprint.get("/documents/totals")
@needs(Right.SEE_MONEY, background=True)
def totals() -> ResponseReturnValue:
    """Show the sums of a list of documents: they take longer than the list."""
    return _totals(queries.document_totals, ".page", Of.DOCUMENT)


@blueprint.get("/payments/totals")
@needs(Right.SEE_MONEY, background=True)
def payment_totals() -> ResponseReturnValue:
    """Show the sums of a list of payments."""
    return _totals(queries.payment_totals, ".payments")


@blueprint.get("/documents.csv")
@needs(Right.SEE_MONEY)
def export() -> ResponseReturnValue:
    """Hand out a list of documents, all pages of it."""
    head = (
        _("Document"), _("Number"), _("Status"), _("Status in the ledger"), _("Date"), _("Due date"), _("Customer"),
        _("Name on the document"), _("Sales or purchases"), _("Currency"), _("Total"), _("Still open"), _("Legal entity"),
        _("Connection"), _("Original"), _("Id"),
    )  # fmt: skip
    return _export("documents", head, queries.documents, _cells, Of.DOCUMENT)


@blueprint.get("/payments.csv")
@needs(Right.SEE_MONEY)
def export_payments() -> ResponseReturnValue:
    """Hand out a list of payments, all pages of it."""
    head = (
        _("Payment"), _("Number"), _("Status"), _("Status in the ledger"), _("Date"), _("Customer"),
        _("Name on the payment"), _("Sales or purchases"), _("Currency"), _("Amount"), _("Settles nothing yet"),
        _("Paid by"), _("Reference"), _("Legal entity"), _("Connection"), _("Original"), _("Id"),
    )  # fmt: skip
    return _export("payments", head, queries.payments, _payment_cells)


# --- the list -----------------------------------------------------------------------------------------------------

Reads = Callable[..., Sequence[Any]]
Sums = Callable[[Session, Eyes, Wanted], Sequence[Total]]


def _list(read: Reads, sums: Sums, name: str, *ofs: Of) -> ResponseReturnValue:
    hub, before = current_hub(), request.args.get("before", "")
    with hub.db.read() as session:
        eye = money.eyes(session)
        asked = _asked(session, eye, ofs)
        place = Place.parse(before) if before else None
        found = read(session, eye, asked.wanted, before=place, limit=PAGE + 1)
        known = panel.known(session, eye, ledgers=hub.flow.ledgers())
        facts = {
            "accounts": queries.accounts(session, eye),
            "currencies": _currencies(session, eye),
            "totals": sums(session, eye, asked.wanted) if "sums" in request.args else None,
        }
    shown = found[:PAGE]
    return render_template(
        f"agent/{'_' if auth.is_htmx() else ''}{name}.html",
        lines=shown,
        older=str(shown[-1].place) if len(found) > PAGE else "",
        is_first=not before,
        asked=asked.args,
        more=asked.more,
        customer=asked.customer,
        known=known,
        businesses=eye.names,
        words=money_words,
        **facts,
    )


def _totals(sums: Sums, endpoint: str, *ofs: Of) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        eye = money.eyes(session)
        asked = _asked(session, eye, ofs)
        if not auth.is_htmx():
            return redirect(url_for(endpoint, **asked.args, sums=1), 303)
        found = sums(session, eye, asked.wanted)
    return render_template("agent/_totals.html", totals=found, asked=asked.args, words=money_words)


def _asked(session: Session, eye: Eyes, ofs: Iterable[Of]) -> Asked:
    """Read the filters; one that means nothing is no filter, one that names what is not there finds nothing.

    Args:
        ofs: kinds of record in the list that can have fields of administrators.
    """
    args: dict[str, Any] = {name: value for name in FILTERS if (value := typed(request.args, name, 200).strip())}
    more = more_filters.of(session, *ofs)
    customer = _customer(session, args.get("customer", ""))
    wanted = Wanted(
        side=args["side"] if args.get("side") in set(Side) else "",
        kind=args["kind"] if args.get("kind") in money_words.KINDS else "",
        status=args["status"] if args.get("status") in {*money_words.FILTERS, *money_words.PAYMENT_FILTERS} else "",
        business_id=_number(args.get("business", "")),
        currency=args.get("currency", "").upper()[:3],
        account_id=_account(session, eye, args.get("account", "")),
        since=_day(args.get("since", "")),
        until=_day(args.get("until", "")),
        text=args.get("q", ""),
        party_ids=parties.with_merged(session, customer) if customer else (),
        nobody=args.get("nobody") == "1",
        gone=args.get("gone") == "1",
        copies=args.get("copies") == "1",
        more=more.where(DocumentRow.fields),
    )
    return Asked(args | more.address, wanted, customer, more)


def _customer(session: Session, text: str) -> Party | None:
    try:
        return parties.get(session, UUID(text)) if text else None
    except ValueError:
        raise NotFoundError("There is no such customer.") from None


def _account(session: Session, eye: Eyes, text: str) -> int | None:
    if not text:
        return None
    return next((number for number, public_id, _name in queries.accounts(session, eye) if str(public_id) == text), 0)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and int(text) <= queries.LARGEST_NUMBER else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _currencies(session: Session, eye: Eyes) -> list[str]:
    """Return currencies to choose from: those of the books of our legal entities; any other can be typed."""
    query = select(Business.currency).where(Business.id.in_(list(eye.names)), Business.currency != "").distinct()
    return sorted(session.scalars(query))


# --- as CSV -------------------------------------------------------------------------------------------------------


def _export(
    name: str, head: Sequence[object], read: Reads, cells: Callable[[Any], Sequence[object]], *ofs: Of
) -> ResponseReturnValue:
    """Send a list whole, page by page; that somebody took it away is written down first."""
    hub, person, spoken = current_hub(), current_person(), field_values.language()
    with hub.db.write() as session:
        eye = money.eyes(session)
        asked = _asked(session, eye, ofs)
        shown = [field for of in ofs for field in asked.more.shown[of].values()]
        audit.record(session, person, f"{name}.exported", "list", name, address=auth.address(), filters=asked.args)

    def rows(before: Place | None) -> Sequence[Any]:
        with hub.db.read() as session:
            return read(session, eye, asked.wanted, before=before, limit=EXPORTED)

    def whole(line: Any) -> Sequence[object]:
        return (*cells(line), *(value.text(field, line.fields.get(field.name), spoken) for field in shown))

    found: Iterable[Sequence[Any]] = spreadsheet.pages(rows, lambda line: line.place)
    heads = [*head, *(field.label(spoken) for field in shown)]
    return spreadsheet.table(f"{name}.csv", heads, ([whole(line) for line in some] for some in found))


def _cells(one: Document) -> Sequence[object]:
    return (
        money_words.kind(one.kind), one.number, money_words.status(one), one.source_status, one.issue_date,
        one.due_date, one.party.name if one.party else "", one.party_name, money_words.SIDES.get(one.side, one.side),
        one.currency, digits(one.gross, one.currency),
        "" if one.balance is None else digits(one.balance, one.currency), one.business, one.account, one.url, one.id,
    )  # fmt: skip


def _payment_cells(one: Payment) -> Sequence[object]:
    return (
        money_words.payment_title(one.side, is_refund=one.is_refund), one.number, money_words.payment_status(one),
        one.source_status, one.day, one.party.name if one.party else "", one.party_name,
        money_words.SIDES.get(one.side, one.side), one.currency, digits(one.amount, one.currency),
        "" if one.unapplied is None else digits(one.unapplied, one.currency), one.method, one.reference, one.business,
        one.account, one.url, one.id,
    )  # fmt: skip
