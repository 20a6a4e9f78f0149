"""Fields that administrators define: the list by kind of record, the form with a preview, archiving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from werkzeug.datastructures import MultiDict

from hub.accounting.models import DocumentRow
from hub.cti.models import CallRow
from hub.errors import NotFoundError, UserError
from hub.fields import edit, masks, value
from hub.fields.definitions import FALLBACK, Field, Fields, load
from hub.fields.edit import LISTS, Draft, OptionDraft
from hub.fields.masks import EXAMPLES
from hub.fields.models import FieldRow, Of, Type
from hub.fields.value import FieldValueError
from hub.identity.models import Party, PartyKind, PartyStatus
from hub.leads.models import LeadRow
from hub.security.policy import Right
from hub.settings import LANGUAGES
from hub.web import auth
from hub.web.console import field_words
from hub.web.frame import current_hub, current_person
from hub.web.typed import all_typed, typed

blueprint = Blueprint("fields_page", __name__, url_prefix="/admin/fields")
BLANK_OPTIONS = 3  # rows of a list that is begun, and that each "more" adds
MOST_ROWS = edit.MOST_OPTIONS + 50  # that a form is read for
_KINDS = "<any(person, company, lead, call, document):of>"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list in the form."""

    value: str  # of one that is kept already; empty: new
    wanted: str  # what was typed as value of a new one
    labels: Mapping[str, str]
    parents: frozenset[str]
    is_archived: bool

    @property
    def is_blank(self) -> bool:
        """Whether nothing is written in it."""
        return not (self.value or self.wanted.strip() or any(map(str.strip, self.labels.values())))

    def written(self, codes: Sequence[str]) -> int:
        """Return in how many of these languages it has a label."""
        return sum(1 for code in codes if self.labels.get(code, "").strip())

    @property
    def draft(self) -> OptionDraft:
        """What is to be kept of it."""
        return OptionDraft(self.labels, self.value or self.wanted, tuple(self.parents), self.is_archived)


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it stands: what is kept, or what somebody has typed."""

    draft: Draft
    rows: Sequence[Row]
    seen: str = ""  # when the field had last changed, as its form was opened
    sample: str = ""  # a value to be tried


@blueprint.get("")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show() -> ResponseReturnValue:
    """List the fields of each kind of record."""
    with current_hub().db.read() as session:
        fields = load(session)
    return render_template("admin/fields.html", fields=fields, words=field_words, kinds=list(Of), language=_language())


@blueprint.get(f"/{_KINDS}/new")
@auth.needs(Right.MANAGE_CONNECTIONS)
def new(of: str) -> ResponseReturnValue:
    """Show the form for a new field."""
    draft = Draft(type=typed(request.args, "type", 20) or Type.TEXT, labels={})
    return _page(Of(of), None, Form(draft, ()))


@blueprint.post(f"/{_KINDS}")
@auth.needs(Right.MANAGE_CONNECTIONS)
def add(of: str) -> ResponseReturnValue:
    """Define a field."""
    form = _form()
    try:
        with current_hub().db.write() as session:
            made = edit.create(session, current_person(), Of(of), form.draft, region=_region())
            anchor = f"field-{made.public_id}"
    except UserError as error:
        return _page(Of(of), None, form, error=error)
    return redirect(url_for(".show", _anchor=anchor), 303)


@blueprint.get("/<uuid:public_id>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def one(public_id: UUID) -> ResponseReturnValue:
    """Show one field to be changed."""
    with current_hub().db.read() as session:
        row = edit.row(session, public_id)
        seen = row.changed_at.isoformat()
        # One that is archived counts for nobody and is kept all the same.
        parent = session.get_one(FieldRow, row.parent_id).name if row.parent_id is not None else ""
        field = _known(load(session), public_id)
    return _page(field.of, field, _of(field, parent, seen))


@blueprint.post("/<uuid:public_id>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def change(public_id: UUID) -> ResponseReturnValue:
    """Write a field anew."""
    form = _form()
    try:
        with current_hub().db.write() as session:
            edit.change(session, current_person(), public_id, form.draft, _moment(form.seen), region=_region())
    except NotFoundError:
        raise
    except UserError as error:
        with current_hub().db.read() as session:
            field = _known(load(session), public_id)
        return _page(field.of, field, form, error=error)
    return redirect(url_for(".show", _anchor=f"field-{public_id}"), 303)


@blueprint.post(f"/{_KINDS}/form")
@auth.needs(Right.MANAGE_CONNECTIONS)
def draw(of: str) -> ResponseReturnValue:
    """Show a form again as it stands, saving nothing: after another type, with more rows, in another order."""
    field = None
    if request.form.get("field"):
        with current_hub().db.read() as session:
            field = _known(load(session), _uuid(typed(request.form, "field")))
    return _page(Of(of), field, *_acted(_form(), typed(request.form, "act", 20)))


@blueprint.post("/<uuid:public_id>/<any(up, down):way>")
@auth.needs(Right.MANAGE_CONNECTIONS)
def move(public_id: UUID, way: str) -> ResponseReturnValue:
    """Show a field earlier or later."""
    with current_hub().db.write() as session:
        edit.move(session, current_person(), public_id, up=way == "up")
    return redirect(url_for(".show", _anchor=f"field-{public_id}"), 303)


@blueprint.route("/<uuid:public_id>/archive", methods=["GET", "POST"])
@auth.needs(Right.MANAGE_CONNECTIONS)
def archive(public_id: UUID) -> ResponseReturnValue:
    """Say what happens to the values of a field when it is archived, and archive it."""
    if request.method == "POST":
        with current_hub().db.write() as session:
            edit.archive(session, current_person(), public_id)
        return redirect(url_for(".show"), 303)
    with current_hub().db.read() as session:
        fields = load(session)
        field = _known(fields, public_id)
        filled = _filled(session, field)
    below = [one for one in fields.of(field.of).values() if one.parent == field.name]
    return render_template(
        "admin/field_archive.html", field=field, filled=filled, below=below, words=field_words, language=_language()
    )


@blueprint.post("/<uuid:public_id>/bring-back")
@auth.needs(Right.MANAGE_CONNECTIONS)
def bring_back(public_id: UUID) -> ResponseReturnValue:
    """Show and fill an archived field again."""
    with current_hub().db.write() as session:
        edit.bring_back(session, current_person(), public_id)
    return redirect(url_for(".show", _anchor=f"field-{public_id}"), 303)


# --- the form ---------------------------------------------------------------------------------------------------------


def _page(
    of: Of, field: Field | None, form: Form, focus: str = "", *, error: UserError | None = None
) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        fields = load(session)
    kind = field.type if field else _type(form.draft.type)
    parents = [
        one
        for one in fields.every(of)
        if one.type == Type.CHOICE
        and (not one.is_archived or one.name == form.draft.parent)
        and (field is None or one.name != field.name)
    ]
    parent = next((one for one in parents if one.name == form.draft.parent), None)
    rows = list(form.rows)
    if kind in LISTS and not rows:
        rows = [_BLANK] * BLANK_OPTIONS
    part = "admin/_field_preview.html" if request.form.get("part") == "preview" else "admin/_field_parts.html"
    html = render_template(
        part if auth.is_htmx() else "admin/field.html",
        of=of,
        kept=field,
        kind=kind,
        form=form,
        draft=form.draft,
        rows=rows,
        parents=parents,
        parent=parent,
        masks=masks.OF_TYPE.get(kind, ()),
        example=EXAMPLES.get(form.draft.mask, ""),
        is_list=kind in LISTS,
        shown=_shown(of, field, form, kind),
        words=field_words,
        language=_language(),
        codes=_codes(),
        focus=focus,
        error=field_words.sentence(error) if error else "",
        field=error.field if error else "",
    )
    return html, 422 if error else 200


@dataclass(frozen=True, slots=True)
class Shown:
    """How a field will look, and what becomes of a value that is tried."""

    field: Field
    default: str
    sample: str
    kept: str = ""
    problem: str = ""


def _shown(of: Of, field: Field | None, form: Form, kind: Type) -> Shown:
    draft = replace(form.draft, type=kind)
    made = edit.drafted(of, draft, field, region=_region())
    default = value.text(made, made.default, _language())
    if not form.sample.strip():
        return Shown(made, default, "")
    if made.type in LISTS:
        made = replace(made, parent="")
    try:
        kept = value.text(made, value.read(made, form.sample, region=_region()), _language())
    except FieldValueError as error:
        return Shown(made, default, form.sample, problem=field_words.problem(error))
    return Shown(made, default, form.sample, kept)


def _of(field: Field, parent: str, seen: str) -> Form:
    """Return the form of a field as it is kept."""
    rows = [Row(one.value, "", one.labels, one.parents, one.is_archived) for one in field.options]
    draft = Draft(
        type=field.type,
        labels=field.labels,
        name=field.name,
        mask=field.mask,
        pattern=field.pattern,
        required=field.required,
        default=value.text(field, field.default, _language()),
        roles=tuple(field.roles),
        parent=parent,
        options=[one.draft for one in rows],
    )
    return Form(draft, rows, seen)


def _form() -> Form:
    """Return the form as it was sent; rows that nothing is written in are left out."""
    given = request.form
    rows = [one for number in _numbers(given) if not (one := _row(given, f"option-{number}")).is_blank]
    draft = Draft(
        type=typed(given, "type", 20),
        labels={language: typed(given, f"label-{language}") for language in LANGUAGES},
        name=typed(given, "name", 60),
        mask=typed(given, "mask", 20),
        pattern=typed(given, "pattern", 2 * masks.LONGEST_PATTERN),
        required=bool(given.get("required")),
        default=typed(given, "default", 10_000),
        roles=all_typed(given, "roles", 20),
        parent=typed(given, "parent", 60),
        options=[one.draft for one in rows],
    )
    return Form(draft, rows, typed(given, "seen", 60), typed(given, "sample", 1_000))


def _numbers(given: MultiDict[str, str]) -> range:
    count = given.get("options", "")
    return range(min(int(count), MOST_ROWS) if count.isdecimal() and len(count) < 6 else 0)


def _row(given: MultiDict[str, str], name: str) -> Row:
    return Row(
        value=typed(given, f"{name}-kept"),
        wanted=typed(given, f"{name}-value"),
        labels={language: typed(given, f"{name}-{language}") for language in LANGUAGES},
        parents=frozenset(all_typed(given, f"{name}-parents")),
        is_archived=bool(given.get(f"{name}-archived")),
    )


_BLANK = Row("", "", {}, frozenset(), is_archived=False)


def _acted(form: Form, act: str) -> tuple[Form, str]:
    """Return the form after a button that changes only what is seen, and what has the focus then."""
    rows = list(form.rows)
    if act == "more":
        return replace(form, rows=[*rows, *[_BLANK] * BLANK_OPTIONS]), f"option-{len(rows)}-en"
    way, _, number = act.partition("-")
    if way in {"up", "down"} and number.isdecimal() and int(number) < len(rows):
        at = int(number)
        to = min(max(at - 1 if way == "up" else at + 1, 0), len(rows) - 1)
        rows[at], rows[to] = rows[to], rows[at]
        # At either end there is no further way there; the other button has the focus then.
        other = "down" if to == 0 else "up" if to == len(rows) - 1 else way
        return replace(form, rows=rows), f"{other}-{to}"
    return form, ""


# --- small change -----------------------------------------------------------------------------------------------------


def _known(fields: Fields, public_id: UUID) -> Field:
    for of in Of:
        for field in fields.every(of):
            if field.public_id == public_id:
                return field
    raise NotFoundError("There is no such field.")


def _filled(session: Session, field: Field) -> int:
    """Return how many records have a value in a field."""
    table, where = _TABLES[field.of]
    values: InstrumentedAttribute[dict[str, Any]] = table.fields
    has_one = values[field.name].as_string().is_not(None)
    return session.scalar(select(func.count()).select_from(table).where(has_one, *where)) or 0


_ACTIVE: ColumnElement[bool] = Party.status == PartyStatus.ACTIVE
_TABLES: Mapping[str, tuple[Any, tuple[ColumnElement[bool], ...]]] = {
    Of.PERSON: (Party, (Party.kind == PartyKind.PERSON, _ACTIVE)),
    Of.COMPANY: (Party, (Party.kind == PartyKind.COMPANY, _ACTIVE)),
    Of.LEAD: (LeadRow, ()),
    Of.CALL: (CallRow, ()),
    Of.DOCUMENT: (DocumentRow, ()),
}


def _type(word: str) -> Type:
    return Type(word) if word in set(Type) else Type.TEXT


def _codes() -> list[str]:
    """Return the languages, that of the page first, then English, which stands for those that are left empty."""
    return sorted(LANGUAGES, key=lambda code: (code != _language(), code != FALLBACK))


def _language() -> str:
    return str(get_locale())[:2]


def _region() -> str:
    return current_hub().settings.hub.region


def _moment(text: str) -> datetime | None:
    """Return when the form was opened; without that, nothing that is kept now is taken for seen."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UserError("The form is incomplete.", error_id="field_changed", field="labels") from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is no such field.") from None
