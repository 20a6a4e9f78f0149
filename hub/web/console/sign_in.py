"""Signing in and out, the first administrator, password links, and the language of people not signed in yet."""

from math import ceil

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from hub import log
from hub.errors import UserError
from hub.security import audit, links, users
from hub.security.limits import SignInLimit
from hub.security.models import User
from hub.security.policy import Person
from hub.settings import LANGUAGES
from hub.web import auth, i18n
from hub.web.errors import sentence
from hub.web.frame import current_hub

blueprint = Blueprint("sign_in", __name__)
YEAR_S = 365 * 24 * 3600
_log = log.get(__name__)


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """Ask for e-mail and password."""
    if auth.signed_in() is not None:
        return redirect(auth.safe_next(request.args.get("next")), 303)
    with current_hub().db.read() as session:
        if users.nobody_yet(session):
            return redirect(url_for("sign_in.setup"), 303)
    return _login_page()


@blueprint.post("/login")
def check() -> ResponseReturnValue:
    """Sign in."""
    hub = current_hub()
    email, password = users.email_key(request.form.get("email", ""))[:320], request.form.get("password", "")
    limit = SignInLimit(hub.limiter, hub.settings.security.sign_in_limit)
    if wait := limit.take(auth.address(), email):
        _log.warning("sign-in refused for a while", address=auth.address())
        return _login_page(_too_often(wait), 429, wait)
    with hub.db.read() as session:  # checking takes a while: not while others wait to write
        found = users.check_password(session, email, password)
        user_id = found.id if found is not None else None
    if user_id is None:
        limit.failed(auth.address())
        with hub.db.write() as session:
            audit.record(session, _stranger(email), "sign_in.failed", "user", address=auth.address())
        return _login_page(_("E-mail or password is wrong."), 422)
    limit.succeeded(email)
    with hub.db.write() as session:
        user = session.get_one(User, user_id)
        users.rehash(session, user, password)
        _welcome(session, user)
    return redirect(auth.safe_next(request.form.get("next")), 303)


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """Sign out of this browser; its open streams end."""
    person = auth.signed_in()
    if person is not None:
        with current_hub().db.write() as session:
            audit.record(session, person, "sign_out", "user", person.public_id, address=auth.address())
            auth.sign_out(session)
        current_hub().bus.drop_user(person.id)  # the person's other browsers join again by themselves
    return redirect(url_for("sign_in.login"), 303)


@blueprint.route("/setup", methods=["GET", "POST"])
def setup() -> ResponseReturnValue:
    """Add the first administrator, with the code that the hub printed at its start."""
    hub = current_hub()
    with hub.db.read() as session:
        if not users.nobody_yet(session):
            raise NotFound
    if request.method == "GET":
        return render_template("sign_in/setup.html", form={}, error=None, field="")
    limit = SignInLimit(hub.limiter, hub.settings.security.sign_in_limit)
    if wait := limit.take(auth.address(), "first administrator"):
        return _again("sign_in/setup.html", _too_often(wait), status=429)
    try:
        with hub.db.write() as session:
            user = links.add_first_admin(
                session,
                hub.vault,
                code=request.form.get("code", ""),
                email=request.form.get("email", ""),
                name=request.form.get("name", ""),
                password=request.form.get("password", ""),
            )
            _record_user(session, user, "user.first_admin")
            _welcome(session, user)
    except UserError as error:
        if error.error_id == "setup_code":
            limit.failed(auth.address())
        return _again("sign_in/setup.html", sentence(error), error.field)
    return redirect("/", 303)


@blueprint.route("/password/<token>", methods=["GET", "POST"])
def password(token: str) -> ResponseReturnValue:
    """Set a password by a one-time link."""
    hub = current_hub()
    limit = SignInLimit(hub.limiter, hub.settings.security.sign_in_limit)
    if wait := limit.take(auth.address(), f"link {token[:64]}"):
        return _again("sign_in/password.html", _too_often(wait), status=429, email="")
    with hub.db.read() as session:
        found = links.find(session, token)
        email = found.email if found is not None else ""
    if not email:
        limit.failed(auth.address())
        return render_template("sign_in/password.html", email="", error=None, field=""), 404
    if request.method == "GET":
        return render_template("sign_in/password.html", email=email, error=None, field="")
    try:
        with hub.db.write() as session:
            user = links.use(session, token, request.form.get("password", ""))
            if user is not None:
                _record_user(session, user, "user.password_set")
                _welcome(session, user)
    except UserError as error:
        return _again("sign_in/password.html", sentence(error), error.field, email=email)
    if user is None:
        return render_template("sign_in/password.html", email="", error=None, field=""), 404
    hub.bus.drop_user(user.id)
    return redirect("/", 303)


@blueprint.post("/language")
def language() -> ResponseReturnValue:
    """Choose the language of the pages: kept with the person, and in this browser for the sign-in page."""
    chosen = request.form.get("lang", "")
    if chosen not in LANGUAGES:
        raise UserError(_("Choose one of the languages."), error_id="unknown_language", field="lang")
    person = auth.signed_in()
    if person is not None:
        with current_hub().db.write() as session:
            user = session.get_one(User, person.id)
            user.language = chosen
    response = redirect(auth.safe_next(request.form.get("next")), 303)
    response.set_cookie(
        i18n.COOKIE,
        chosen,
        max_age=YEAR_S,
        httponly=True,
        samesite="Lax",
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
    )
    return response


def _login_page(error: str | None = None, status: int = 200, wait: float = 0) -> ResponseReturnValue:
    where = auth.safe_next(request.values.get("next"))
    html = render_template("sign_in/login.html", email=request.form.get("email", ""), next=where, error=error)
    return html, status, {"Retry-After": str(ceil(wait))} if wait else {}


def _again(template: str, error: str, field: str = "", *, status: int = 422, **facts: object) -> ResponseReturnValue:
    """Show a form again with what was typed, passwords aside."""
    form = {name: value for name, value in request.form.items() if name != "password"}
    return render_template(template, form=form, error=error, field=field, **facts), status


def _welcome(session: Session, user: User) -> None:
    """Sign in a user who proved who they are."""
    auth.sign_in(session, user)
    _record_user(session, user, "sign_in")


def _record_user(session: Session, user: User, action: str) -> None:
    audit.record(session, users.person(user), action, "user", user.public_id, address=auth.address())


def _stranger(email: str) -> Person:
    """Return who tried, for the audit; never a text that may be a password typed into the wrong field."""
    return Person(0, None, email if users.EMAIL.fullmatch(email) else "unknown", "", "")


def _too_often(wait: float) -> str:
    minutes = ceil(wait / 60)
    text = ngettext(
        "Too many tries. Wait %(num)d minute and try again.",
        "Too many tries. Wait %(num)d minutes and try again.",
        minutes,
    )
    return str(text)
