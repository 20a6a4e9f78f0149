"""What the questions of a connection's forms are for: every one that was answered, what the hub took it for, and why."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.intake.models import Account
from hub.leads import came, change
from hub.leads.change import Question
from hub.records.lead import RECORD
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, lead_words
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("lead_questions", __name__, url_prefix="/connections/<uuid:account_id>/questions")


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(account_id: UUID) -> ResponseReturnValue:
    """Show the questions of each form."""
    return _page(account_id)


@blueprint.post("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def name(account_id: UUID) -> ResponseReturnValue:
    """Say what a question is for; the leads it concerns are read again."""
    hub, form = current_hub(), request.form
    asked = Question(typed(form, "form"), typed(form, "key"), form.get("scope") == "all")
    try:
        with hub.db.write() as session:
            row = _account(session, account_id)
            again = change.name_question(session, current_person(), row.id, asked, form.get("field", ""))
    except NotFoundError:
        raise
    except UserError as error:
        return _page(account_id, error)
    hub.trigger.notify("records")
    return redirect(url_for(".show", account_id=account_id, again=again), 303)


@blueprint.post("/again")
@auth.needs(Right.MANAGE_CONNECTIONS)
def read_again(account_id: UUID) -> ResponseReturnValue:
    """Read the leads of a form again."""
    hub = current_hub()
    with hub.db.write() as session:
        again = change.read_again(session, _account(session, account_id).id, typed(request.form, "form"))
    hub.trigger.notify("records")
    return redirect(url_for(".show", account_id=account_id, again=again), 303)


@blueprint.get("/progress")
@auth.needs(Right.MANAGE_CONNECTIONS, background=True)
def progress(account_id: UUID) -> ResponseReturnValue:
    """Say how many leads still wait to be read again; the page asks until none does."""
    if not auth.is_htmx():
        return redirect(url_for(".show", account_id=account_id), 303)
    with current_hub().db.read() as session:
        row = _account(session, account_id)
        left, every = came.waiting(session, row.id)
    return render_template("admin/_questions_progress.html", account=row, left=left, every=every, was_busy=True)


def _page(account_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        row = _account(session, account_id)
        forms = came.forms(session, row.id)
        left, every = came.waiting(session, row.id)
        html = render_template(
            "admin/lead_questions.html",
            **account_page.frame(row, "questions"),
            forms=forms,
            left=left,
            every=every,
            again=request.args.get("again", type=int),
            was_busy=False,
            words=lead_words,
            error=lead_words.sentence(error) if error else "",
        )
    return html, 422 if error else 200


def _account(session: Session, account_id: UUID) -> Account:
    """Return an account that brings leads.

    Raises:
        NotFoundError: there is none, or it brings none.
    """
    row = account_page.account_of(session, account_id)
    if not account_page.brings(row, RECORD):
        raise NotFoundError("This connection brings no leads.")
    return row
