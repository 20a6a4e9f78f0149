"""Rules on pages of administrators: the list, the editor with its trial, and those that come with the hub."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.events.types import RULE_FIRED
from hub.fields import definitions
from hub.rules import desk, grammar, trial
from hub.rules.grammar import OPERATORS, About, Known, Operator, When
from hub.rules.models import Fired, Rule
from hub.rules.trial import Tried
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth
from hub.web.console import rules_form, rules_sentences, rules_shipped, rules_words
from hub.web.console.rules_form import Form
from hub.web.console.rules_sentences import Naming, Sentence
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed
from hub.webhooks import endpoints
from hub.webhooks.plan import wants

blueprint = Blueprint("rules", __name__, url_prefix="/admin/rules")
LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Line:
    """A rule of the list, in words."""

    id: UUID | None  # None: one that comes with the hub and was not made yet
    key: str
    name: str
    when: str
    conditions: Sequence[Sentence]
    actions: Sequence[Sentence]
    is_on: bool = False
    fired: int = 0
    failed: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What the editor says besides its rows."""

    error: str = ""
    field: str = ""  # at fault
    is_conflict: bool = False
    tried: Tried | None = None
    focus: str = ""


# --- the list -------------------------------------------------------------------------------------------------------


@blueprint.get("")
@auth.needs(Right.MANAGE_USERS)
def show() -> ResponseReturnValue:
    """List the rules, and those that come with the hub and were not made yet."""
    return _list()


@blueprint.post("/<uuid:public_id>/<any(on, off, back):what>")
@auth.needs(Right.MANAGE_USERS)
def switch(public_id: UUID, what: str) -> ResponseReturnValue:
    """Turn a rule on or off, or bring one back that was removed."""
    try:
        with current_hub().db.write() as session:
            if what == "back":
                desk.bring_back(session, current_person(), public_id)
            else:
                desk.switch(session, current_person(), public_id, on=what == "on")
    except NotFoundError:
        raise
    except UserError as error:
        return _list(error, public_id)
    return redirect(url_for(".show", _anchor=f"rule-{public_id}"), 303)


@blueprint.post("/ready/<key>")
@auth.needs(Right.MANAGE_USERS)
def turn_on(key: str) -> ResponseReturnValue:
    """Make a rule of one that comes with the hub, and turn it on; made meanwhile, it is only turned on."""
    try:
        with current_hub().db.write() as session:
            row = desk.ready_made(session, current_person(), _shipped(key), key)
            desk.switch(session, current_person(), row.public_id, on=True)
            public_id = row.public_id
    except NotFoundError:
        raise
    except UserError as error:
        return _list(error)
    return redirect(url_for(".show", _anchor=f"rule-{public_id}"), 303)


@blueprint.route("/<uuid:public_id>/remove", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_USERS)
def remove(public_id: UUID) -> ResponseReturnValue:
    """Ask whether a rule is to be removed, and remove it."""
    if request.method == "GET":
        with current_hub().db.read() as session:
            return render_template("admin/rule_remove.html", rule=desk.get(session, public_id))
    with current_hub().db.write() as session:
        desk.remove(session, current_person(), public_id)
    return redirect(url_for(".show", removed=str(public_id)), 303)


def _list(error: UserError | None = None, at: UUID | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        rows, counts, naming = (
            desk.listed(session),
            desk.counts(session, now() - LATELY),
            rules_sentences.naming(session),
        )
        lines = [_line(row, naming, counts.get(row.id, {})) for row in rows]
        removed = _removed(session)
    made = {row.key for row in rows}
    ready = [
        _in_words(naming, _shipped(one.key), key=one.key) for one in rules_shipped.SHIPPED if one.key not in made
    ]  # fmt: skip
    html = render_template(
        "admin/rules.html", lines=lines, ready=ready, days=LATELY.days, removed=removed, states=Fired,
        error=rules_words.sentence(error) if error else "", at=at,
    )  # fmt: skip
    return html, 422 if error else 200


def _removed(session: Session) -> Rule | None:
    """Return the rule that was removed just now, if it still is."""
    try:
        row = desk.get(session, UUID(request.args.get("removed", "")))
    except (ValueError, NotFoundError):
        return None
    return row if row.removed_at is not None else None


def _line(row: Rule, naming: Naming, counts: Mapping[str, int]) -> Line:
    numbers = {
        "fired": sum(counts.values()), "failed": counts.get(Fired.FAILED, 0), "held": counts.get(Fired.HELD, 0)
    }  # fmt: skip
    return _in_words(naming, desk.as_given(row), id=row.public_id, key=row.key, is_on=row.is_on, **numbers)


def _in_words(naming: Naming, given: Mapping[str, Any], **more: Any) -> Line:
    return Line(
        **({"id": None} | more), name=given["name"], when=rules_words.when(given["asks"], given["after"]),
        conditions=naming.conditions(given["asks"], given["conditions"]),
        actions=[naming.action(one) for one in given["actions"]],
    )  # fmt: skip


def _shipped(key: str) -> dict[str, Any]:
    found = rules_shipped.BY_KEY.get(key)
    if found is None:
        raise NotFoundError("There is no such rule.")
    return found.given(current_hub().settings.hub.language)


# --- the editor -----------------------------------------------------------------------------------------------------


@blueprint.get("/new")
@auth.needs(Right.MANAGE_USERS)
def new() -> ResponseReturnValue:
    """Show the form of a new rule; `from`: of one that comes with the hub."""
    key = request.args.get("from", "")
    return _editor(None, rules_form.of(_shipped(key)) if key else Form(), Said())


@blueprint.get("/<uuid:public_id>")
@auth.needs(Right.MANAGE_USERS)
def one(public_id: UUID) -> ResponseReturnValue:
    """Show one rule to be changed."""
    return _editor(public_id, None, Said())


@blueprint.post("/new")
@auth.needs(Right.MANAGE_USERS)
def add() -> ResponseReturnValue:
    """Do what a button of the form of a new rule says."""
    return _posted(None)


@blueprint.post("/<uuid:public_id>")
@auth.needs(Right.MANAGE_USERS)
def change(public_id: UUID) -> ResponseReturnValue:
    """Do what a button of a rule's form says."""
    return _posted(public_id)


def _posted(public_id: UUID | None) -> ResponseReturnValue:
    verb, _, rest = request.form.get("do", "").partition(":")
    form = rules_form.read(request.form)
    if verb in {"save", "over"}:
        return _save(public_id, rules_form.pruned(form), seen=_moment("newer" if verb == "over" else "seen"))
    if verb == "test":
        return _tried(public_id, rules_form.pruned(form))
    with current_hub().db.read() as session:
        known = grammar.known(When(form.asks), definitions.load(session))
    form, focus = rules_form.edited(form, verb, rest, known)
    return _editor(public_id, form, Said(focus=focus))


def _save(public_id: UUID | None, form: Form, *, seen: datetime) -> ResponseReturnValue:
    key = request.form.get("key", "")
    try:
        with current_hub().db.write() as session:
            if public_id is None:
                known = key if key in rules_shipped.BY_KEY else ""
                row = desk.add(session, current_person(), form.given(), key=known)
            else:
                row = desk.change(session, current_person(), public_id, form.given(), seen)
            address = url_for(".one", public_id=row.public_id, saved=1)
    except NotFoundError:
        raise
    except UserError as error:
        is_conflict = error.error_id == "rule_changed"
        return _editor(public_id, form, _wrong(error, is_conflict=is_conflict)), 409 if is_conflict else 422
    if auth.is_htmx():
        return "", 200, {"HX-Redirect": address}
    return redirect(address, 303)


def _tried(public_id: UUID | None, form: Form) -> ResponseReturnValue:
    hub = current_hub()
    given = form.given()
    given["name"] = given["name"].strip() or "?"  # what is tried needs no name yet
    try:
        with hub.db.read() as session:
            found = trial.tried(session, given, zone=hub.settings.hub.time_zone, days=LATELY.days)
            return _editor(public_id, form, Said(tried=found, focus="tried"), session)
    except UserError as error:
        return _editor(public_id, form, _wrong(error)), 422


def _wrong(error: UserError, *, is_conflict: bool = False) -> Said:
    where = error.field or ""
    return Said(rules_words.sentence(error), where, is_conflict, focus=where)


def _moment(name: str) -> datetime:
    """Return when the rule had last changed, as the form says it."""
    try:
        return datetime.fromisoformat(typed(request.form, name, 100))
    except ValueError:
        return now()  # nobody has seen what is kept, so nothing is written over


def _editor(public_id: UUID | None, form: Form | None, said: Said, session: Session | None = None) -> str:
    if session is None:
        with current_hub().db.read() as opened:
            return _editor(public_id, form, said, opened)
    row = desk.get(session, public_id) if public_id is not None else None
    shown = form or rules_form.of(desk.as_given(row)) if row is not None else form or Form()
    naming = rules_sentences.naming(session)
    known = naming.known(shown.asks)
    rows = [_shown(one, known) for one in shown.conditions]
    return render_template(
        "admin/_rule_editor.html" if auth.is_htmx() else "admin/rule.html",
        rule=row,
        key=request.values.get("from", "") or request.values.get("key", ""),
        form=shown,
        rows=rows,
        known=known,
        names=[(name, rules_words.field(name, known)) for name in _in_order(known)],
        people=_people(session),
        endpoints=endpoints.listed(session),
        nobody_wants=not any(wants(one.types, RULE_FIRED) for one in endpoints.listed(session) if not one.disabled_at),
        mails_go=bool(current_hub().settings.smtp.host or current_hub().settings.notices.through),
        settable=grammar.settable(naming.fields),
        unit=rules_words.unit(shown.asks),
        seen=request.form.get("seen", "") or (row.changed_at.isoformat() if row is not None else ""),
        saved="saved" in request.args,
        said=said,
        words=rules_words,
        naming=naming,
        why=lambda reason: naming.conditions(shown.asks, reason),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A condition as the editor shows it."""

    field: str
    operator: str
    values: Sequence[str]
    operators: Sequence[tuple[str, str]]
    input: str  # see `rules_form.input_of`
    options: Sequence[tuple[str, str]]
    is_known: bool


def _shown(one: Mapping[str, Any], known: Mapping[str, Known]) -> Row:
    field = known.get(one["field"])
    may: Sequence[Operator] = OPERATORS[field.kind] if field is not None else ()
    values = one["values"]
    options = [(value, rules_words.value(one["field"], value, known)) for value in field.options] if field else []
    return Row(
        one["field"], one["operator"], values,
        [(str(word), rules_words.operator(word, field.kind if field else None)) for word in may],
        rules_form.input_of(field, one["operator"]), options, field is not None,
    )  # fmt: skip


def _in_order(known: Mapping[str, Known]) -> Sequence[str]:
    """Return the names of fields, those of what it is about first, those of the time last."""
    last = [About.CUSTOMER, About.TIME]
    return sorted(known, key=lambda name: last.index(known[name].about) if known[name].about in last else -1)


def _people(session: Session) -> Sequence[tuple[str, str]]:
    rows = session.execute(
        select(User.public_id, User.name).where(User.disabled_at.is_(None)).order_by(User.name, User.id)
    ).all()
    return [(str(row.public_id), row.name) for row in rows]
