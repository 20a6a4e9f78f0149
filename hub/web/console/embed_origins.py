"""Which other products may show pages of ours in their frames: the list that administrators keep."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.errors import NotFoundError, UserError
from hub.security import embedding
from hub.security.policy import Right
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import wording
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("embed_origins", __name__, url_prefix="/admin/embedding")


@blueprint.get("")
@needs(Right.MANAGE_USERS)
def show() -> ResponseReturnValue:
    """List who may."""
    return _page()


@blueprint.post("")
@needs(Right.MANAGE_USERS)
def allow() -> ResponseReturnValue:
    """Let one more."""
    try:
        with current_hub().db.write() as session:
            embedding.allow(session, current_person(), typed(request.form, "origin"), address=auth.address())
    except UserError as error:
        return _page(error), 422
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:number>/remove")
@needs(Right.MANAGE_USERS)
def forbid(number: int) -> ResponseReturnValue:
    """Take one off; what is open in its frames ends."""
    try:
        with current_hub().db.write() as session:
            embedding.forbid(session, current_person(), number, address=auth.address())
    except NotFoundError:  # somebody else did it meanwhile
        pass
    return redirect(url_for(".show"), 303)


def _page(error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        return render_template(
            "settings/embedding.html",
            origins=embedding.origins(session),
            typed=request.form.get("origin", "") if error else "",
            error=wording.sentence(error) if error else "",
        )
