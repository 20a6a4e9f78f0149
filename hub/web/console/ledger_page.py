"""Whether the hub agrees with a ledger: the nightly comparison of ids and sums, and what differs, document by document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.accounting import check
from hub.accounting.check import Sums
from hub.accounting.models import BusinessRecord, CheckState, DocumentRow, LedgerCheck
from hub.intake.models import Account, StreamState
from hub.records.document import ALLOCATION, DOCUMENT, PAYMENT
from hub.records.money import digits
from hub.security.models import Business
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth, spreadsheet
from hub.web.console import account_page, connections, money_words
from hub.web.frame import current_hub

blueprint = Blueprint("ledger_page", __name__, url_prefix="/connections/<uuid:account_id>")
COMPARED = (DOCUMENT, PAYMENT, ALLOCATION)


@dataclass(frozen=True, slots=True)
class Compared:
    """One stream of a ledger: when it was compared, and what was found."""

    title: str
    at: datetime | None  # of the last comparison of ids
    compared: int  # ids
    missing: int
    is_due: bool  # it is being compared now, or next
    trouble: str
    sums: LedgerCheck | None  # None: the ledger has no sums of its own, or was not asked yet
    differences: Sequence["Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """A sum that differs, with our documents behind it."""

    business: str
    kind: str
    currency: str
    month: str
    party: str
    theirs: Sums
    ours: Sums
    documents: Sequence[tuple[UUID, str]]  # public id and number


@blueprint.get("/agreement")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show what the last comparisons found."""
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        lines = _compared(session, row)
        return render_template(
            "admin/agreement.html",
            **account_page.frame(row, "agreement"),
            lines=lines,
            states=CheckState,
            words=money_words,
        )


@blueprint.get("/agreement.csv")
@auth.needs(Right.MANAGE_CONNECTIONS)
def export(account_id: UUID) -> ResponseReturnValue:
    """Hand out the sums that differ."""
    with current_hub().db.read() as session:
        lines = [
            line for one in _compared(session, account_page.account_of(session, account_id)) for line in one.differences
        ]
    sums = (_("How many"), _("Total"), _("Still open"))
    sides = [f"{side} · {one}" for side in (_("In the books"), _("Here")) for one in sums]
    head = (_("Legal entity"), _("Document"), _("Currency"), _("Month"), *sides, _("Documents here"))
    return spreadsheet.table("agreement.csv", head, [[_cells(line) for line in lines]])


@blueprint.post("/agreement")
@auth.needs(Right.MANAGE_CONNECTIONS)
def compare(account_id: UUID) -> ResponseReturnValue:
    """Compare now instead of tonight."""
    hub = current_hub()
    with hub.db.write() as session:
        row = account_page.account_of(session, account_id)
        for state in _streams(session, row):
            session.execute(update(StreamState).where(StreamState.id == state.id).values(audit_at=now()))
        connections.record(session, row, "ledger.compared")
    hub.trigger.notify("audit")
    return redirect(url_for(".show", account_id=account_id), 303)


def _cells(line: Line) -> list[Any]:
    def written(amount: Decimal | None) -> str:
        return "" if amount is None else digits(amount, line.currency)

    sides = (line.theirs, line.ours)
    sums = [cell for side in sides for cell in (side.count, written(side.gross), written(side.balance))]
    numbers = ", ".join(number for _id, number in line.documents)
    return [line.business, money_words.kind(line.kind), line.currency, line.month, *sums, numbers]


def _streams(session: Session, row: Account) -> list[StreamState]:
    mine = (StreamState.account_id == row.id, StreamState.wanted, StreamState.records != "")
    flow = current_hub().flow
    found = session.scalars(select(StreamState).where(*mine).order_by(StreamState.stream)).all()
    return [one for one in found if flow.kind(row.connector, one.records) in COMPARED]


def _compared(session: Session, row: Account) -> list[Compared]:
    checks = {one.records: one for one in check.latest(session, row.id)}
    names = dict(
        session.execute(
            select(BusinessRecord.remote_id, Business.name)
            .join(Business, Business.id == BusinessRecord.business_id)
            .where(BusinessRecord.account_id == row.id)
        ).all()
    )
    return [_of_stream(session, one, checks.get(one.records), names) for one in _streams(session, row)]


def _of_stream(session: Session, state: StreamState, sums: LedgerCheck | None, names: dict[str, str]) -> Compared:
    audited = state.audit or {}
    return Compared(
        title=state.title or state.stream,
        at=datetime.fromisoformat(audited["at"]) if audited.get("at") else None,
        compared=audited.get("compared", 0),
        missing=len(audited.get("missing", ())),
        is_due=state.audit_at is not None and state.audit_at <= now(),
        trouble=state.last_error,
        sums=sums,
        differences=[_line(session, one, names) for one in (sums.differences if sums else ())],
    )


def _line(session: Session, told: dict[str, Any], names: dict[str, str]) -> Line:
    ids = [UUID(one) for one in told["documents"]]
    rows = session.execute(
        select(DocumentRow.public_id, DocumentRow.number, DocumentRow.key)
        .where(DocumentRow.public_id.in_(ids))
        .order_by(DocumentRow.issue_date, DocumentRow.id)
    )
    return Line(
        business=names.get(told["business"], told["business"]),
        kind=told["kind"],
        currency=told["currency"],
        month=told["month"],
        party=told["party"],
        theirs=Sums.of_json(told["theirs"]),
        ours=Sums.of_json(told["ours"]),
        documents=[(row.public_id, row.number or row.key) for row in rows],
    )
