"""Click-to-dial: the person's own phone rings first. One line says what happened."""

from urllib.parse import unquote
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import parties
from hub.security.policy import Right
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import wording
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("dial", __name__)
LONGEST = 200  # characters of what is clicked elsewhere


@blueprint.get("/dial")
@needs(Right.DIAL)
def ask() -> ResponseReturnValue:
    """Ask before a number is dialled that was clicked on somebody else's page; the browser hands it on as `tel:…`."""
    number = typed(request.args, "number", LONGEST).strip()
    number = number[4:] if number[:4].lower() == "tel:" else number
    return render_template("agent/ask_dial.html", number=unquote(number))


@blueprint.post("/dial")
@needs(Right.DIAL)
def dial() -> ResponseReturnValue:
    """Order the call; refused in words, with nothing sent."""
    hub = current_hub()
    number = request.form.get("number", "")
    try:
        with hub.db.write() as session:
            click = hub.telephone.dial(session, current_person(), number, party_id=_party(session))
            number = click.number
    except UserError as error:
        return _line(number, wording.sentence(error)), 422
    return _line(number)


def _party(session: Session) -> int | None:
    """Return whom the number was clicked for; one that is gone since then does not keep anybody from calling."""
    try:
        return parties.get(session, UUID(request.form.get("party", ""))).id
    except (ValueError, NotFoundError):
        return None


def _line(number: str, error: str = "") -> str:
    template = "agent/_dial.html" if auth.is_htmx() else "agent/dial.html"
    return render_template(template, number=number, error=error)
