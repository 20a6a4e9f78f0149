"""A person's own settings: name, language, time zone, keys, sound, password, and where they are signed in."""

from collections.abc import Sequence
from functools import lru_cache

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.security import audit, sessions, users
from hub.security.limits import SignInLimit
from hub.security.models import User, UserSession
from hub.security.policy import Right
from hub.security.tokens import digest
from hub.settings import LANGUAGES, zones
from hub.store.base import now
from hub.web import auth
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("settings_page", __name__, url_prefix="/settings")
SWITCHES = ("shortcuts", "sound")  # preferences that are on or off


@blueprint.get("")
@auth.needs(Right.USE)
def show() -> ResponseReturnValue:
    """Show the person's own settings."""
    return _page(saved=request.args.get("saved", ""))


@blueprint.post("")
@auth.needs(Right.USE)
def save() -> ResponseReturnValue:
    """Keep name, language, time zone, keys and sound."""
    language, zone = request.form.get("language", ""), request.form.get("time_zone", "")
    if language not in ("", *LANGUAGES) or (zone and zone not in zones()):
        raise UserError("Choose from the lists.", error_id="bad_choice")
    try:
        with current_hub().db.write() as session:
            user = session.get_one(User, current_person().id)
            users.rename(session, user, request.form.get("name", ""))
            user.language, user.time_zone = language, zone
            users.prefer(session, user, **{name: name in request.form for name in SWITCHES})
            away = "away" in request.form
            user.paused_at = (user.paused_at or now()) if away else None
    except UserError as error:
        return _page(error=sentence(error), field=error.field, status=422)
    return redirect(url_for(".show", saved="profile"), 303)


@blueprint.post("/password")
@auth.needs(Right.USE)
def change_password() -> ResponseReturnValue:
    """Change the password; every other browser is signed out."""
    hub, person = current_hub(), current_person()
    limit = SignInLimit(hub.limiter, hub.settings.security.sign_in_limit)
    if limit.take(auth.address(), person.email):
        return _page(error=sentence(UserError("", error_id="rate_limited")), field="current", status=429)
    with hub.db.read() as session:
        right = users.check_password(session, person.email, request.form.get("current", "")) is not None
    if not right:
        limit.failed(auth.address())
        wrong = UserError("The present password is wrong.", error_id="password_wrong")
        return _page(error=sentence(wrong), field="current", status=422)
    limit.succeeded(person.email)
    try:
        with hub.db.write() as session:
            user = session.get_one(User, person.id)
            users.set_password(session, user, request.form.get("password", ""))
            _record(session, "user.password_changed")
            auth.sign_in(session, user)
    except UserError as error:
        return _page(error=sentence(error), field=error.field, status=422)
    hub.bus.drop_user(person.id)
    return redirect(url_for(".show", saved="password"), 303)


@blueprint.post("/sign-out-everywhere")
@auth.needs(Right.USE)
def sign_out_everywhere() -> ResponseReturnValue:
    """Sign out in every browser but this one."""
    person = current_person()
    with current_hub().db.write() as session:
        sessions.end_all(session, person.id, but=auth.own_token())
        _record(session, "user.signed_out_everywhere")
    current_hub().bus.drop_user(person.id)
    return redirect(url_for(".show", saved="sessions"), 303)


def _page(*, saved: str = "", error: str = "", field: str = "", status: int = 200) -> ResponseReturnValue:
    hub, person = current_hub(), current_person()
    with hub.db.read() as session:
        user = session.get_one(User, person.id)
        html = render_template(
            "settings/own.html",
            user=user,
            form=request.form if status >= 400 else {},
            zones=_zones(),
            hub_zone=hub.settings.hub.time_zone,
            sessions=_folded(sessions.of_user(session, person.id, hub.settings)),
            here=digest(auth.own_token()),
            saved=saved,
            error=error,
            field=field,
        )
    return html, status


def _folded(rows: Sequence[UserSession]) -> list[UserSession]:
    """Leave one of each product whose pages show ours, the last used: each page that is opened there has its own."""
    seen = {row.origin: row for row in reversed(rows) if row.origin}
    return [row for row in rows if not row.origin or row is seen[row.origin]]


def _record(session: Session, action: str) -> None:
    person = current_person()
    audit.record(session, person, action, "user", person.public_id, address=auth.address())


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    """Return the zones that people know by a city."""
    continents = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ("UTC", *sorted(zone for zone in zones() if zone.startswith(continents)))
