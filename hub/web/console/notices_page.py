"""Notices of rules on My day: read, put away, and brought back."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from hub.errors import NotFoundError
from hub.rules import notices
from hub.security.policy import Right
from hub.web import auth
from hub.web.auth import needs
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("notices_page", __name__, url_prefix="/notices")


@blueprint.get("")
@needs(Right.USE, background=True)
def show() -> ResponseReturnValue:
    """Show them again: the list of My day alone."""
    return _list()


@blueprint.post("/<uuid:public_id>/away")
@needs(Right.USE)
def put_away(public_id: UUID) -> ResponseReturnValue:
    """Put one away."""
    with current_hub().db.write() as session:
        notices.put_away(session, current_person().id, public_id)
    return _list(undo=public_id)


@blueprint.post("/<uuid:public_id>/back")
@needs(Right.USE)
def bring_back(public_id: UUID) -> ResponseReturnValue:
    """Take "put away" back."""
    with current_hub().db.write() as session:
        notices.bring_back(session, current_person().id, public_id)
    return _list()


@blueprint.post("/away")
@needs(Right.USE)
def put_all_away() -> ResponseReturnValue:
    """Put away all that the person saw; what came since stays."""
    try:
        newest = UUID(typed(request.form, "newest"))
    except ValueError:
        raise NotFoundError("There is no such notice.") from None
    with current_hub().db.write() as session:
        notices.put_all_away(session, current_person().id, newest)
    return _list()


def _list(undo: UUID | None = None) -> ResponseReturnValue:
    if not auth.is_htmx():
        return redirect("/", 303)
    with current_hub().db.read() as session:
        rows = notices.of_user(session, current_person().id)
    return render_template("agent/_notices.html", notices=rows, undone=undo)
