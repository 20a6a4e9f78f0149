"""Users as the administrator sees them: add, change, disable, send a password link, give a phone."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.accounting import entities
from hub.cti.models import Extension
from hub.errors import NotFoundError, UserError
from hub.intake.models import Account, AccountState
from hub.security import audit, businesses, links, users
from hub.security.models import Role, User
from hub.security.policy import Right
from hub.store.public import by_public_id
from hub.web import auth
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("people", __name__, url_prefix="/people")


@blueprint.get("")
@auth.needs(Right.MANAGE_USERS)
def show() -> ResponseReturnValue:
    """List the users."""
    return _list()


@blueprint.post("")
@auth.needs(Right.MANAGE_USERS)
def add() -> ResponseReturnValue:
    """Add a user and show the link by which they set their password."""
    hub = current_hub()
    try:
        with hub.db.write() as session:
            user = users.add(
                session, request.form.get("email", ""), request.form.get("name", ""), request.form.get("role", "")
            )
            link = links.password_link(session, user, hub.settings)
            _record(session, user, "user.added", role=user.role)
    except UserError as error:
        return _list(error=sentence(error), field=error.field, status=422)
    return _one(user.public_id, link=link)


@blueprint.get("/<uuid:user_id>")
@auth.needs(Right.MANAGE_USERS)
def one(user_id: UUID) -> ResponseReturnValue:
    """Show one user."""
    return _one(user_id)


@blueprint.post("/<uuid:user_id>")
@auth.needs(Right.MANAGE_USERS)
def change(user_id: UUID) -> ResponseReturnValue:
    """Change name and role."""
    try:
        with current_hub().db.write() as session:
            user = _user(session, user_id)
            before = user.role
            users.rename(session, user, request.form.get("name", ""))
            users.set_role(session, user, request.form.get("role", ""))
            _allow(session, user)
            _record(session, user, "user.changed", role=user.role, role_before=before)
    except NotFoundError:
        raise
    except UserError as error:
        return _one(user_id, error=sentence(error), field=error.field, status=422)
    current_hub().bus.drop_user(user.id)  # the browser joins again with the new role
    return redirect(url_for(".one", user_id=user_id), 303)


@blueprint.post("/<uuid:user_id>/link")
@auth.needs(Right.MANAGE_USERS)
def link(user_id: UUID) -> ResponseReturnValue:
    """Make a one-time link to set a password; it is shown once."""
    hub = current_hub()
    try:
        with hub.db.write() as session:
            user = _user(session, user_id)
            address = links.password_link(session, user, hub.settings)
            _record(session, user, "user.password_link")
    except NotFoundError:
        raise
    except UserError as error:
        return _one(user_id, error=sentence(error), status=422)
    return _one(user_id, link=address)


@blueprint.post("/<uuid:user_id>/disable")
@auth.needs(Right.MANAGE_USERS)
def disable(user_id: UUID) -> ResponseReturnValue:
    """Shut a user out: sessions, links, tokens and open streams end at once."""
    try:
        with current_hub().db.write() as session:
            user = _user(session, user_id)
            users.disable(session, user)
            _record(session, user, "user.disabled")
    except NotFoundError:
        raise
    except UserError as error:
        return _one(user_id, error=sentence(error), status=422)
    current_hub().bus.drop_user(user.id)
    return redirect(url_for(".one", user_id=user_id), 303)


@blueprint.post("/<uuid:user_id>/enable")
@auth.needs(Right.MANAGE_USERS)
def enable(user_id: UUID) -> ResponseReturnValue:
    """Let a disabled user in again."""
    with current_hub().db.write() as session:
        user = _user(session, user_id)
        users.enable(session, user)
        _record(session, user, "user.enabled")
    return redirect(url_for(".one", user_id=user_id), 303)


def _list(*, error: str = "", field: str = "", status: int = 200) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        phones: dict[int, list[str]] = {}
        for number, owner in session.execute(select(Extension.number, Extension.user_id).order_by(Extension.number)):
            phones.setdefault(owner or 0, []).append(number)
        html = render_template(
            "admin/people.html",
            people=users.people(session),
            phones=phones,
            roles=list(Role),
            form=request.form if error else {},
            error=error,
            field=field,
        )
    return html, status


def _one(user_id: UUID, *, link: str = "", error: str = "", field: str = "", status: int = 200) -> ResponseReturnValue:
    hub = current_hub()
    with hub.db.read() as session:
        user = _user(session, user_id)
        phones = session.execute(
            select(Extension.number, Account.name, Account.public_id)
            .join(Account, Extension.account_id == Account.id)
            .where(Extension.user_id == user.id, Account.state != AccountState.REMOVED)
            .order_by(Account.name, func.length(Extension.number), Extension.number)
        ).all()
        html = render_template(
            "admin/person.html",
            user=user,
            phones=phones,
            roles=list(Role),
            companies=entities.listed(session),
            allowed=businesses.of_user(session, user.id),
            link=link,
            link_min=round(hub.settings.security.reset_link_min),
            form=request.form if status >= 400 else {},
            error=error,
            field=field,
        )
    return html, status


def _allow(session: Session, user: User) -> None:
    """Keep of which legal entities the user sees the money; the form names them only where there are several."""
    if request.form.get("whose") == "some":
        chosen = {int(one) for one in request.form.getlist("company") if one.isdecimal()}
        known = {one.id for one in entities.listed(session)}
        if not chosen & known:
            raise UserError("Choose a legal entity, or all of them.", error_id="no_choice", field="company")
        businesses.allow(session, user.id, chosen & known)
    elif request.form.get("whose") == "all":
        businesses.allow(session, user.id, ())


def _user(session: Session, user_id: UUID) -> User:
    return by_public_id(session, User, user_id, "There is no such user.")


def _record(session: Session, user: User, action: str, **detail: str) -> None:
    audit.record(session, current_person(), action, "user", user.public_id, address=auth.address(), **detail)
