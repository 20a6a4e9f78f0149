"""What an account reads: the streams by themselves, the log of their runs, the mapping of their records."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.connector.stream import Lane
from hub.errors import NotFoundError
from hub.intake import read
from hub.intake.models import LISTING
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, connections, kinds, mapping_place, streams
from hub.web.frame import current_hub

blueprint = Blueprint("stream_page", __name__, url_prefix="/connections/<uuid:account_id>")


@blueprint.get("/streams")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def show(account_id: UUID) -> ResponseReturnValue:
    """Return the streams alone: the page asks every few seconds while something is being read."""
    if not auth.is_htmx():
        return redirect(url_for("account_page.show", account_id=account_id), 303)
    return _streams(account_id)


@blueprint.post("/sync")
@auth.needs(Right.MANAGE_CONNECTIONS)
def sync(account_id: UUID) -> ResponseReturnValue:
    """Let one stream be read now, or all of them; somebody waits for it, so it goes before the others."""
    wanted = request.form.get("stream", "")
    with current_hub().db.write() as session:
        row = account_page.account_of(session, account_id)
        keys = {state.stream for state in read.wanted(session, row.id)}
        if wanted and wanted not in {*keys, LISTING}:
            raise NotFoundError("There is no such stream.")
        if not wanted and current_hub().remotes.reads(row):
            read.begin(session, row.id)
        read.hint(session, row.id, [wanted] if wanted else keys, Lane.INTERACTIVE)
        connections.record(session, row, "account.sync_asked", stream=wanted or "all")
    current_hub().trigger.notify("streams")
    if auth.is_htmx():
        return _streams(account_id)
    return redirect(url_for("account_page.show", account_id=account_id), 303)


@blueprint.get("/runs")
@auth.needs(Right.MANAGE_CONNECTIONS)
def runs(account_id: UUID) -> ResponseReturnValue:
    """Show the newest runs of the streams."""
    failed = request.args.get("show") == "failed"
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        return render_template(
            "admin/runs.html",
            **account_page.frame(row, "runs"),
            runs=streams.runs(session, row, failed=failed),
            failed=failed,
        )


@blueprint.get("/mapping")
@auth.needs(Right.MANAGE_CONNECTIONS)
def mappings(account_id: UUID) -> ResponseReturnValue:
    """Show which kinds of records come, what becomes of each, and which mapping says so."""
    hub = current_hub()
    with hub.db.read() as session:
        row = account_page.account_of(session, account_id)
        frame = account_page.frame(row, "mapping")
        mapped = kinds.mapped(hub.flow, row.connector, is_exchange=frame["is_exchange"])
        told = mapping_place.overview(session, row)
    lines = [(kind, kinds.words([record]), told.get(kind)) for kind, record in mapped]
    return render_template("admin/mappings.html", **frame, lines=lines)


@blueprint.get("/mappings/<kind>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def mapping(account_id: UUID, kind: str) -> ResponseReturnValue:
    """Lead to the editor of one kind of records, with this account's records as samples."""
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        mapping_place.known(row.connector, kind)
    more = {name: value for name in ("own", "sample") if (value := request.args.get(name))}
    kept: dict[str, Any] = {"connector": row.connector, "stream": kind, "account": row.public_id, **more}
    return redirect(url_for("mapping_page.show", **kept), 303)


def _streams(account_id: UUID) -> str:
    with current_hub().db.read() as session:
        row = account_page.account_of(session, account_id)
        return render_template("admin/_streams.html", account=row, lines=streams.lines(session, row))
