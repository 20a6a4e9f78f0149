"""Who gets new leads: the rules in their order, each with what it would have got lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from hub.errors import NotFoundError, UserError
from hub.leads import assign, came
from hub.leads.assign import WANTS, Draft
from hub.leads.came import Choice
from hub.leads.models import LeadRule
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.console import lead_words
from hub.web.frame import current_hub, current_person
from hub.web.typed import all_typed, typed

blueprint = Blueprint("lead_rules", __name__, url_prefix="/admin/lead-rules")
LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Option:
    """One box of a condition."""

    value: str
    name: str
    beside: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of the list."""

    id: UUID
    name: str
    wants: Sequence[tuple[str, Sequence[str]]]  # the condition, and what it may be, in words
    people: Sequence[str]
    left: bool  # nobody of it works here any more
    got: int


@blueprint.get("")
@auth.needs(Right.MANAGE_USERS)
def show() -> ResponseReturnValue:
    """List the rules in the order in which they are looked at."""
    with current_hub().db.read() as session:
        rows, seen = assign.rules(session), _seen(session)
        choices = came.choices(session, seen)
        names = _names(session)
        *got, rest = assign.divided([_in_force(row, names) for row in rows], seen)
    lines = [_line(row, choices, names, count) for row, count in zip(rows, got, strict=True)]
    return render_template("admin/lead_rules.html", lines=lines, rest=rest, total=len(seen), days=LATELY.days)


@blueprint.get("/new")
@auth.needs(Right.MANAGE_USERS)
def new() -> ResponseReturnValue:
    """Show the form for a new rule."""
    return _form(None)


@blueprint.post("")
@auth.needs(Right.MANAGE_USERS)
def add() -> ResponseReturnValue:
    """Add a rule behind the others."""
    try:
        with current_hub().db.write() as session:
            assign.add_rule(session, current_person(), _draft())
    except UserError as error:
        return _form(None, error)
    return redirect(url_for(".show"), 303)


@blueprint.get("/<uuid:public_id>")
@auth.needs(Right.MANAGE_USERS)
def one(public_id: UUID) -> ResponseReturnValue:
    """Show one rule to be changed."""
    return _form(public_id)


@blueprint.post("/<uuid:public_id>")
@auth.needs(Right.MANAGE_USERS)
def change(public_id: UUID) -> ResponseReturnValue:
    """Write a rule anew."""
    try:
        with current_hub().db.write() as session:
            assign.change_rule(session, current_person(), public_id, _draft())
    except NotFoundError:
        raise
    except UserError as error:
        return _form(public_id, error)
    return redirect(url_for(".show"), 303)


@blueprint.post("/<uuid:public_id>/<any(up, down):way>")
@auth.needs(Right.MANAGE_USERS)
def move(public_id: UUID, way: str) -> ResponseReturnValue:
    """Let a rule be looked at earlier or later."""
    with current_hub().db.write() as session:
        assign.move_rule(session, current_person(), public_id, up=way == "up")
    return redirect(url_for(".show", _anchor=f"rule-{public_id}"), 303)


@blueprint.route("/<uuid:public_id>/remove", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_USERS)
def remove(public_id: UUID) -> ResponseReturnValue:
    """Ask whether a rule is to be dropped, and drop it."""
    if request.method == "GET":
        with current_hub().db.read() as session:
            return render_template("admin/lead_rule_remove.html", rule=assign.rule(session, public_id))
    with current_hub().db.write() as session:
        assign.remove_rule(session, current_person(), public_id)
    return redirect(url_for(".show"), 303)


@blueprint.post("/preview")
@auth.needs(Right.MANAGE_USERS)
def preview() -> ResponseReturnValue:
    """Say how many of the last leads a rule would have got, as its form stands."""
    with current_hub().db.read() as session:
        counted = _preview(session, _uuid(request.form.get("rule", "")), _wants(request.form), _seen(session))
    if not auth.is_htmx():
        return redirect(url_for(".show"), 303)
    return render_template("admin/_lead_rule_preview.html", counted=counted, days=LATELY.days)


# --- what the pages show --------------------------------------------------------------------------------------------


def _form(public_id: UUID | None, error: UserError | None = None) -> ResponseReturnValue:
    form = request.form
    with current_hub().db.read() as session:
        row = assign.rule(session, public_id) if public_id else None
        wants = _wants(form) if error else dict(row.wants) if row else {}
        users = set(form.getlist("users")) if error else _public(session, row.users if row else ())
        seen = _seen(session)
        choices = came.choices(session, seen)
        people = session.execute(
            select(User.public_id, User.name).where(User.disabled_at.is_(None)).order_by(User.name)
        ).all()
        counted = _preview(session, public_id, wants, seen)
    html = render_template(
        "admin/lead_rule.html",
        rule=row,
        name=form.get("name", "") if error else row.name if row else "",
        conditions=[(name, lead_words.WANTS[name], _options(name, choices[name], wants)) for name in WANTS],
        people=[(str(one.public_id), one.name, str(one.public_id) in users) for one in people],
        counted=counted,
        days=LATELY.days,
        error=lead_words.sentence(error) if error else "",
        field=error.field if error else "",
    )
    return html, 422 if error else 200


def _options(name: str, choices: Sequence[Choice], wants: Mapping[str, Any]) -> list[Option]:
    """Return the boxes of a condition; what was chosen and did not come in lately is among them."""
    chosen = [str(one) for one in wants.get(name, ())]
    known = {one.value for one in choices}
    found = [*choices, *(Choice(value, "") for value in chosen if value not in known)]
    return [Option(one.value, _word(name, one), one.beside, one.value in chosen) for one in found]


def _line(row: LeadRule, choices: Mapping[str, Sequence[Choice]], names: Mapping[int, str], got: int) -> Line:
    wants = []
    for name in WANTS:
        known = {one.value: one for one in choices[name]}
        if values := [str(one) for one in row.wants.get(name, ())]:
            words = [_word(name, known.get(value, Choice(value, ""))) for value in values]
            wants.append((str(lead_words.WANTS[name]), words))
    people = [names[one] for one in row.users if one in names]
    return Line(row.public_id, row.name, wants, people, not people, got)


def _word(name: str, choice: Choice) -> str:
    """Return what people call a value: a country, a language, a campaign."""
    locale = get_locale()
    tables: Mapping[str, Mapping[str, str]] = {
        "platform": lead_words.PLATFORMS, "language": locale.languages, "region": locale.territories,
    }  # fmt: skip
    known = tables.get(name, {})
    return choice.name or known.get(choice.value) or known.get(choice.value.partition("_")[0]) or choice.value


def _preview(
    session: Session, public_id: UUID | None, wants: Mapping[str, Any], seen: Sequence[Mapping[str, str]]
) -> tuple[int, int, int]:
    """Return how many of the last leads a rule would have got, how many fit it, and how many there were.

    Those that a rule above it takes it does not get; a new rule comes behind all.
    """
    names, above = _names(session), list[Mapping[str, Any]]()
    for row in assign.rules(session):
        if row.public_id == public_id:
            break
        above.append(_in_force(row, names))
    got = assign.divided([*above, wants], seen)[len(above)]
    return got, assign.divided([wants], seen)[0], len(seen)


def _in_force(row: LeadRule, names: Mapping[int, str]) -> Mapping[str, Any]:
    """Return what a rule asks for; one whose people all left is passed over, so it asks for what nothing is."""
    return row.wants if any(one in names for one in row.users) else {"account": ["nobody"]}


def _seen(session: Session) -> list[Mapping[str, str]]:
    return came.facts(session, now() - LATELY, current_hub().settings.hub.region)


def _names(session: Session) -> dict[int, str]:
    """Return who works here."""
    rows = session.execute(select(User.id, User.name).where(User.disabled_at.is_(None)))
    return {row.id: row.name for row in rows}


def _public(session: Session, ids: Sequence[int]) -> set[str]:
    return {str(one) for one in session.scalars(select(User.public_id).where(User.id.in_(ids)))}


def _draft() -> Draft:
    form = request.form
    users = [one for text in form.getlist("users") if (one := _uuid(text)) is not None]
    return Draft(typed(form, "name"), _wants(form), users)


def _wants(form: MultiDict[str, str]) -> dict[str, list[str]]:
    found = {name: all_typed(form, name) for name in WANTS}
    return {name: values for name, values in found.items() if values}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
