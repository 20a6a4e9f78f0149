"""A person's own list of mail that is never kept, and what the company leaves out for everybody."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.errors import UserError
from hub.mail import blocks
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import wording
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("mail_blocks", __name__, url_prefix="/settings/mail")


@blueprint.get("")
@auth.needs(Right.USE)
def show() -> ResponseReturnValue:
    """Show what is blocked."""
    return _page()


@blueprint.get("/list")
@auth.needs(Right.USE, background=True)
def listed() -> ResponseReturnValue:
    """Show the list alone, while stored mail is being taken back."""
    if not auth.is_htmx():
        return redirect(url_for(".show"), 303)
    with current_hub().db.read() as session:
        rows = blocks.of_user(session, current_person().id)
    return render_template("settings/_mail_blocks.html", blocks=rows)


@blueprint.post("")
@auth.needs(Right.USE)
def add() -> ResponseReturnValue:
    """Block an address or a domain."""
    hub = current_hub()
    try:
        with hub.db.write() as session:
            blocks.add(session, current_person(), request.form.get("block", ""))
    except UserError as error:
        return _page(error), 422
    hub.trigger.notify("blocks")
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:number>/remove")
@auth.needs(Right.USE)
def remove(number: int) -> ResponseReturnValue:
    """Let mail come in again."""
    with current_hub().db.write() as session:
        blocks.remove(session, current_person(), number)
    return redirect(url_for(".show"), 303)


def _page(error: UserError | None = None) -> str:
    hub = current_hub()
    with hub.db.read() as session:
        rows = blocks.of_user(session, current_person().id)
    return render_template(
        "settings/mail.html",
        blocks=rows,
        rules=hub.settings.mail,
        typed=request.form.get("block", "") if error else "",
        error=wording.sentence(error) if error else "",
    )
