"""My day: who waits to be called back, what was promised, mails begun and not sent, and the last calls."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.cti import history
from hub.mail import write
from hub.rules import notices
from hub.security.policy import Right
from hub.store.base import now
from hub.timeline import tasks
from hub.timeline.models import TaskKind
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import leads, messages, moments, wording
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("my_day", __name__)
RECENT = 10
IN_DOCK = 3


@blueprint.get("/")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """Show the day."""
    with current_hub().db.read() as session:
        mine = current_person().id
        drafts, told = write.unfinished(session, mine), notices.of_user(session, mine)
        new = {**leads.to_answer(session), **messages.to_answer(session)}
        facts = {**new, **_to_do(session), "drafts": drafts, "notices": told, "calls": _recent(session, RECENT)}
    return render_template("agent/my_day.html", **facts, wording=wording)


@blueprint.get("/tasks")
@needs(Right.USE, background=True)
def to_do() -> ResponseReturnValue:
    """Show what is to be done again: the list of My day alone."""
    with current_hub().db.read() as session:
        facts = _to_do(session)
    return render_template("agent/_to_do.html" if auth.is_htmx() else "agent/to_do.html", **facts, wording=wording)


@blueprint.get("/calls/recent")
@needs(Right.USE, background=True)
def recent() -> ResponseReturnValue:
    """Show the last calls again; `?in=dock` is the short list beside every page."""
    in_dock = request.args.get("in") == "dock"
    with current_hub().db.read() as session:
        calls = _recent(session, IN_DOCK if in_dock else RECENT)
    template = "agent/_recent_dock.html" if in_dock else "agent/_recent.html"
    if not auth.is_htmx() and not in_dock:
        return redirect("/", 303)
    return render_template(template, calls=calls, wording=wording)


@blueprint.post("/tasks/<uuid:public_id>/done")
@needs(Right.USE)
def done(public_id: UUID) -> ResponseReturnValue:
    """Tick off a task, with all missed calls of the same number."""
    with current_hub().db.write() as session:
        tasks.done(session, current_person(), tasks.get(session, public_id))
    return _changed(undo=public_id)


@blueprint.post("/tasks/<uuid:public_id>/undo")
@needs(Right.USE)
def undo(public_id: UUID) -> ResponseReturnValue:
    """Take "done" back."""
    with current_hub().db.write() as session:
        tasks.undo(session, current_person(), tasks.get(session, public_id))
    return _changed()


def _changed(undo: UUID | None = None) -> ResponseReturnValue:
    if not auth.is_htmx():
        return redirect(auth.safe_next(request.form.get("next")), 303)
    with current_hub().db.read() as session:
        facts = _to_do(session)
    return render_template("agent/_to_do.html", **facts, undo=undo, wording=wording)


def _to_do(session: Session) -> dict[str, Any]:
    """Divide what is open by what it asks for: a call back now, today, or later."""
    rows = tasks.open_for(session, current_person().id)
    tomorrow = moments.start_of_day(now()) + timedelta(days=1)
    promised = [row for row in rows if row.kind != TaskKind.MISSED_CALL]
    return {
        "missed": [row for row in rows if row.kind == TaskKind.MISSED_CALL],
        "today": [row for row in promised if row.due_at < tomorrow],
        "later": [row for row in promised if row.due_at >= tomorrow],
        "now": now(),
    }


def _recent(session: Session, limit: int) -> list[history.CallFact]:
    person = current_person()
    calls, _ = history.listed(session, person, person.id, limit=limit)
    return calls
