"""Our legal entities, and from which overdue amounts on people are told."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounting import alerts, entities
from hub.accounting.entities import Draft
from hub.accounting.models import BusinessRecord, DocumentRow
from hub.errors import NotFoundError, UserError
from hub.intake.models import Account, AccountState
from hub.security import audit
from hub.security.models import Business
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import wording
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("companies", __name__, url_prefix="/admin/companies")
_FIELDS = ("name", "tax_id", "currency", "region", "time_zone")


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show() -> ResponseReturnValue:
    """List our legal entities, with the accounts that speak of each."""
    return _page()


@blueprint.post("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def add() -> ResponseReturnValue:
    """Add a legal entity."""
    return _write(None)


@blueprint.post("/<int:number>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(number: int) -> ResponseReturnValue:
    """Change a legal entity."""
    return _write(number)


@blueprint.post("/alerts")
@auth.needs(Right.MANAGE_CONNECTIONS)
def keep_alerts() -> ResponseReturnValue:
    """Keep from which overdue amounts on people are told."""
    given = {name.removeprefix("least-"): typed(request.form, name, 40) for name in request.form if "least-" in name}
    try:
        with current_hub().db.write() as session:
            entities.keep_least(session, given, current_person().id)
            audit.record(session, current_person(), "alerts.changed", "choice", alerts.CHOICE, address=auth.address())
    except UserError as error:
        return _page(error)
    return redirect(url_for(".show"), 303)


def _write(number: int | None) -> ResponseReturnValue:
    draft = Draft(**{name: typed(request.form, name) for name in _FIELDS})
    try:
        with current_hub().db.write() as session:
            before = entities.get(session, number) if number is not None else None
            business = entities.write(session, before, draft)
            action = "business.changed" if before else "business.added"
            audit.record(session, current_person(), action, "business", business.id, address=auth.address())
    except NotFoundError:
        raise
    except UserError as error:
        return _page(error, number)
    return redirect(url_for(".show"), 303)


def _page(error: UserError | None = None, at: int | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        rows = [
            {**_values(row), "number": row.id, "accounts": _accounts(session, row)} for row in entities.listed(session)
        ]
        html = render_template(
            "admin/companies.html",
            rows=rows,
            form=request.form if error else {},
            at=at,
            least=_least(session),
            error=wording.sentence(error) if error else "",
            field=error.field if error else "",
            zone=current_hub().settings.hub.time_zone,
            empty=asdict(Draft("")),
        )
    return html, 422 if error else 200


def _values(row: Business) -> dict[str, str]:
    return {name: getattr(row, name) or "" for name in _FIELDS}


def _accounts(session: Session, business: Business) -> list[Any]:
    query = (
        select(Account.name, Account.public_id)
        .join(BusinessRecord, BusinessRecord.account_id == Account.id)
        .where(BusinessRecord.business_id == business.id, Account.state != AccountState.REMOVED)
        .distinct()
        .order_by(Account.name)
    )
    return list(session.execute(query))


def _least(session: Session) -> dict[str, str]:
    """Return the amounts by currency, also those of currencies in which somebody owes."""
    kept = alerts.least(session)
    owed = session.scalars(select(DocumentRow.currency).where(DocumentRow.is_open).distinct())
    return {code: str(kept[code]) if code in kept else "" for code in sorted({*kept, *owed})}
