"""What an account has to send: what waits, and what was refused, to be tried again or given up."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.outbound import outbox
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import User
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, connections
from hub.web.frame import current_hub

blueprint = Blueprint("outbox_page", __name__, url_prefix="/connections/<uuid:account_id>/outbox")
MOST = 100


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show what waits and what was refused; the refused first, then what has waited longest."""
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        return render_template(
            "admin/outbox.html", **account_page.frame(row, "outbox"), rows=_rows(session, row.id), most=MOST
        )


@blueprint.post("/<int:number>/<any(retry, drop):what>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(account_id: UUID, number: int, what: str) -> ResponseReturnValue:
    """Try something that was refused once more, or give it up."""
    hub = current_hub()
    with hub.db.write() as session:
        row = account_page.account_of(session, account_id)
        found = session.get(Outbox, number)
        if found is None or found.account_id != row.id or found.user_id is not None:
            raise NotFoundError("There is no such thing, or somebody else decides about it.")
        item = outbox.retry(session, number) if what == "retry" else outbox.drop(session, number)
        connections.record(session, row, f"outbox.{what}", item=str(item.id), kind=item.kind)
    hub.trigger.notify("outbox")
    return redirect(url_for(".show", account_id=account_id), 303)


def _rows(session: Session, account_id: int) -> Sequence[Any]:
    return session.execute(
        select(Outbox, User.name)
        .outerjoin(User, User.id == Outbox.user_id)
        .where(Outbox.account_id == account_id, Outbox.state.in_([OutboxState.WAITING, OutboxState.REFUSED]))
        .order_by(Outbox.state == OutboxState.WAITING, Outbox.id)
        .limit(MOST)
    ).all()
