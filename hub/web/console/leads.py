"""Leads: the inbox, one lead with all of its answers, who looks after it and what became of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.fields.models import Of
from hub.leads import change, queries, stages
from hub.leads.models import LeadRow
from hub.leads.queries import Shown, Wanted
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import lead_words, more_filters, record_fields
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("leads", __name__)


@blueprint.get("/leads")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """List leads, the newest first."""
    asked = request.args
    with current_hub().db.read() as session:
        more = more_filters.of(session, Of.LEAD)
        wanted = replace(_wanted(), more=more.where(LeadRow.fields))
        found = queries.listed(session, wanted, before=_before(asked.get("before", "")), limit=queries.PAGE + 1)
    shown, older = found[: queries.PAGE], len(found) > queries.PAGE
    template = "agent/_leads.html" if auth.is_htmx() else "agent/leads.html"
    before = _place(shown[-1]) if older else ""
    return render_template(template, leads=shown, before=before, asked=asked, words=lead_words, more=more)


@blueprint.get("/leads/waiting")
@needs(Right.USE, background=True)
def waiting() -> ResponseReturnValue:
    """Show again who waits for an answer: the list of My day alone."""
    with current_hub().db.read() as session:
        facts = to_answer(session)
    if not auth.is_htmx():
        return redirect("/", 303)
    return render_template("agent/_new_leads.html", **facts)


@blueprint.get("/leads/<uuid:public_id>")
@needs(Right.USE)
def lead(public_id: UUID) -> ResponseReturnValue:
    """Show one lead whole."""
    return _lead(public_id)


@blueprint.post("/leads/<uuid:public_id>/take")
@needs(Right.EDIT_PARTIES)
def take(public_id: UUID) -> ResponseReturnValue:
    """Look after a lead oneself."""
    with current_hub().db.write() as session:
        change.take(queries.row(session, public_id, lock=True), current_person().id)
    return _back(public_id)


@blueprint.post("/leads/<uuid:public_id>/owner")
@needs(Right.EDIT_PARTIES)
def give(public_id: UUID) -> ResponseReturnValue:
    """Let somebody look after a lead."""
    with current_hub().db.write() as session:
        change.give(session, queries.row(session, public_id, lock=True), _user(request.form.get("user", "")))
    return _back(public_id)


@blueprint.post("/leads/<uuid:public_id>/stage")
@needs(Right.EDIT_PARTIES)
def stage(public_id: UUID) -> ResponseReturnValue:
    """Say how far a lead came."""
    form = request.form
    try:
        with current_hub().db.write() as session:
            row = queries.row(session, public_id, lock=True)
            stages.set_by(session, current_person(), row, typed(form, "stage"), typed(form, "reason", 500))
    except UserError as error:
        return _lead(public_id, error=error)
    return _back(public_id)


@blueprint.post("/leads/<uuid:public_id>/reopen")
@needs(Right.EDIT_PARTIES)
def reopen(public_id: UUID) -> ResponseReturnValue:
    """Take back that nothing more is to be done."""
    with current_hub().db.write() as session:
        stages.reopen(queries.row(session, public_id, lock=True))
    return _back(public_id)


@blueprint.post("/leads/<uuid:public_id>/question")
@needs(Right.MANAGE_CONNECTIONS)
def question(public_id: UUID) -> ResponseReturnValue:
    """Say what a question of the lead's form is for; its leads are read again."""
    hub, form = current_hub(), request.form
    try:
        with hub.db.write() as session:
            row = queries.row(session, public_id)
            change.name_field(session, current_person(), row, typed(form, "key"), typed(form, "field"))
    except UserError as error:
        return _lead(public_id, error=error)
    hub.trigger.notify("records")
    return redirect(url_for("leads.lead", public_id=public_id, again="1"), 303)


def to_answer(session: Session) -> dict[str, Any]:
    """Return what My day shows of new leads."""
    minutes = current_hub().settings.leads.answer_within_min
    return {
        "new_leads": queries.waiting_for(session, current_person().id),
        "late_s": round(minutes * 60),
        "now": now(),
        "lead_words": lead_words,
    }


def _lead(public_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        whole = queries.whole(session, public_id)
        people = session.execute(
            select(User.public_id, User.name, User.id).where(User.disabled_at.is_(None)).order_by(User.name)
        ).all()
        row = queries.row(session, public_id)
        custom = record_fields.of_record(session, "leads", row, party=whole.shown.party or "")
    text = render_template(
        "agent/lead.html",
        whole=whole,
        one=whole.shown,
        custom=custom,
        people=people,
        words=lead_words,
        error=error,
        stages=stages.BY_HAND,
    )
    return (text, 422) if error else text


def _back(public_id: UUID) -> ResponseReturnValue:
    """Go back to where the button was."""
    if auth.is_htmx():
        return waiting()
    return redirect(auth.safe_next(request.form.get("next") or url_for("leads.lead", public_id=public_id)), 303)


def _user(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError(_("There is no such person.")) from None


def _wanted() -> Wanted:
    asked = request.args
    state = asked.get("state", "open")
    return Wanted(
        state=state if state in lead_words.STATES else "open",
        owner_id=current_person().id if asked.get("who") == "me" else None,
        form_id=typed(asked, "form"),
        campaign_id=typed(asked, "campaign"),
        tests=asked.get("tests") == "1",
    )


def _place(line: Shown) -> str:
    return f"{line.created_at.timestamp():.6f}-{line.number}"


def _before(text: str) -> tuple[datetime, int] | None:
    """Read what `_place` wrote; of anything else, the first page."""
    at, _dash, number = text.partition("-")
    try:
        return datetime.fromtimestamp(float(at), UTC), int(number)
    except (ValueError, OverflowError, OSError):
        return None
