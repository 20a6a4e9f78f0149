"""Administrators' fields of leads, calls and documents: shown on their pages, and filled in where they stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.accounting import queries as documents
from hub.accounting.models import DocumentRow
from hub.cti import history
from hub.cti import queries as calls
from hub.errors import NotFoundError
from hub.fields import change, definitions, seen
from hub.fields.change import FieldsError, Record
from hub.fields.models import Of
from hub.fields.value import FieldValueError
from hub.leads import queries as leads
from hub.security.policy import Right, may
from hub.web import auth
from hub.web.console import field_values, money
from hub.web.console.field_values import Line
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("record_fields", __name__)


@dataclass(frozen=True, slots=True)
class Panel:
    """The fields of one record, as far as somebody sees them. `address`: where they are filled in; empty: not by them."""

    lines: Sequence[Line]
    address: str


@dataclass(frozen=True, slots=True)
class _Kind:
    of: Of
    page: str  # of one record
    find: Callable[[Session, UUID], Record]


@blueprint.route("/<any(leads, calls, documents):kind>/<uuid:public_id>/fields", methods=["GET", "POST"])
@auth.needs(Right.EDIT_PARTIES)
def edit(kind: str, public_id: UUID) -> ResponseReturnValue:
    """Fill in fields; `look` only shows again what can be chosen."""
    if request.method == "GET" or request.form.get("look"):
        return _form(kind, public_id, {})
    person, region = current_person(), current_hub().settings.hub.region
    of = _KINDS[kind].of
    try:
        with current_hub().db.write() as session:
            row, known = _KINDS[kind].find(session, public_id), definitions.load(session)
            session.refresh(row, ["fields", "fields_here"], with_for_update=True)  # what is compared is what is changed
            shown, currency = seen.fields(known, of, person.role), _currency(row)
            given = field_values.read(shown, row.fields, request.form, region=region, currency=currency)
            change.record(session, person, known, of, row, given, region=region, currency=currency)
    except FieldsError as error:
        return _form(kind, public_id, error.problems)
    if not auth.is_htmx():
        return redirect(url_for(_KINDS[kind].page, public_id=public_id), 303)
    with current_hub().db.read() as session:
        panel = of_record(session, kind, _KINDS[kind].find(session, public_id))
    return render_template("agent/_fields.html", custom=panel)


def of_record(session: Session, kind: str, row: Record, *, party: object = "") -> Panel | None:
    """Return the fields of a record for its page; None: there are none that this person sees.

    Args:
        kind: leads, calls or documents.
        party: whom a number in them is dialled for.
    """
    person = current_person()
    shown = seen.fields(definitions.load(session), _KINDS[kind].of, person.role)
    if not shown:
        return None
    address = url_for("record_fields.edit", kind=kind, public_id=row.public_id)
    address = address if may(person.role, Right.EDIT_PARTIES) else ""
    return Panel(field_values.lines(shown, row.fields, party=party), address)


def _form(kind: str, public_id: UUID, problems: Mapping[str, FieldValueError]) -> ResponseReturnValue:
    person, page = current_person(), url_for(_KINDS[kind].page, public_id=public_id)
    with current_hub().db.read() as session:
        row = _KINDS[kind].find(session, public_id)
        shown = seen.fields(definitions.load(session), _KINDS[kind].of, person.role)
        inputs = field_values.inputs(shown, row.fields, request.form, problems, currency=_currency(row))
    template = "agent/_fields_form.html" if auth.is_htmx() else "agent/edit_fields.html"
    address = url_for(".edit", kind=kind, public_id=public_id)
    return render_template(template, inputs=inputs, address=address, page=page), 422 if problems else 200


def _currency(row: Any) -> str:
    """Return the currency of amounts that have none: a document's own."""
    return row.currency if isinstance(row, DocumentRow) else ""


def _lead(session: Session, public_id: UUID) -> Record:
    return leads.row(session, public_id)


def _call(session: Session, public_id: UUID) -> Record:
    row = calls.call_by_id(session, public_id)
    if row is None or not history.may_see(session, current_person(), row.id):
        raise NotFoundError("There is no such call, or you took no part in it.")
    return row


def _document(session: Session, public_id: UUID) -> Record:
    is_for = may(current_person().role, Right.SEE_MONEY)
    line = documents.documents_by_id(session, money.eyes(session), [public_id]).get(public_id) if is_for else None
    if line is None:
        raise NotFoundError("There is no such document, or it is not for you.")
    return session.get_one(DocumentRow, line.place.number)


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "leads": _Kind(Of.LEAD, "leads.lead", _lead),
        "calls": _Kind(Of.CALL, "calls.card", _call),
        "documents": _Kind(Of.DOCUMENT, "document_page.document", _document),
    }
)
