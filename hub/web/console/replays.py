"""Runs of the mapping over what a connection sent: how far they are, and taken back."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from hub import replays
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("replays", __name__, url_prefix="/connections/<uuid:account_id>/replays")


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def show(account_id: UUID) -> ResponseReturnValue:
    """Say how far the runs are; the page asks until none goes on."""
    if not auth.is_htmx():
        return redirect(url_for("account_page.show", account_id=account_id), 303)
    return _part(account_id)


@blueprint.post("/<uuid:replay_id>/cancel")
@auth.needs(Right.MANAGE_CONNECTIONS)
def cancel(account_id: UUID, replay_id: UUID) -> ResponseReturnValue:
    """Take a run back; what it did stays."""
    with current_hub().db.write() as session:
        row = account_page.account_of(session, account_id)
        replays.cancel(session, current_person(), replays.one(session, row.id, replay_id))
    if not auth.is_htmx():
        return redirect(url_for("account_page.show", account_id=account_id), 303)
    return _part(account_id)


def _part(account_id: UUID) -> str:
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        return render_template("admin/_replays.html", account=row, runs=replays.progress(session, row.id))
