"""Calls: the list of past ones, the card of a live one, and what can be done with it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from hub.cti import assign, history, queries, screen_pop, wrap_up
from hub.cti.models import CallRow
from hub.errors import NotFoundError, UserError
from hub.fields.models import Of
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.identity.phone import PhoneContext, normalise
from hub.security.policy import Right, may
from hub.store.base import now
from hub.timeline.queries import Cursor
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import card as card_of
from hub.web.console import moments, more_filters, record_fields, wording
from hub.web.console.customers import begun
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("calls", __name__)
LONGEST_DRAFT = 20_000
FIELDS = ("note", "outcome", "call_back", "call_back_at")


@blueprint.get("/calls")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """List calls, newest first: one's own, and everybody's for those who may see them."""
    person, asked = current_person(), request.args
    everybody = may(person.role, Right.SEE_ALL_CALLS) and asked.get("who") != "me"
    before = Cursor.parse(asked["before"]) if asked.get("before") else None
    user_id = None if everybody else person.id
    with current_hub().db.read() as session:
        more = more_filters.of(session, Of.CALL)
        which = replace(_filter(), more=more.where(CallRow.fields))
        calls, older = history.listed(session, person, user_id, which=which, before=before)
    template = "agent/_calls.html" if auth.is_htmx() else "agent/calls.html"
    facts = {"asked": asked, "everybody": everybody, "more": more}
    return render_template(template, calls=calls, older=older, wording=wording, **facts)


def _filter() -> history.Filter:
    asked = request.args
    number = asked.get("number", "").strip()[:100]
    phones = normalise(number, PhoneContext(region=current_hub().settings.hub.region))
    return history.Filter(
        outcome=asked.get("outcome", "") if asked.get("outcome", "") in wording.OUTCOMES else "",
        direction=asked.get("direction", "") if asked.get("direction", "") in wording.DIRECTIONS else "",
        number=phones[0].key if phones else number,
        since=moments.start_of(asked.get("since", "")),
    )


@blueprint.get("/calls/<uuid:public_id>/card")
@needs(Right.USE, background=True)
def card(public_id: UUID) -> ResponseReturnValue:
    """Show the body of a card, or the same as a page."""
    current_hub().telephone.await_written(public_id)  # browsers are told before the row is written
    return _card(public_id)


@blueprint.get("/calls/<uuid:public_id>/note")
@needs(Right.USE)
def note_form(public_id: UUID) -> ResponseReturnValue:
    """Show the form for another note."""
    if not auth.is_htmx():
        return redirect(url_for("calls.card", public_id=public_id), 303)
    return _note(public_id, form={})


@blueprint.post("/calls/<uuid:public_id>/note")
@needs(Right.USE)
def note(public_id: UUID) -> ResponseReturnValue:
    """Keep note, outcome and the time to call back."""
    hub, form = current_hub(), request.form
    try:
        with hub.db.write() as session:
            at = moments.call_back(form.get("call_back", ""), form.get("call_back_at", ""), at=now())
            wrap_up.save(
                session,
                hub.bus,
                current_person(),
                _call(session, public_id),
                note=form.get("note", ""),
                disposition=form.get("outcome", ""),
                call_back_at=at,
            )
    except UserError as error:
        return _note(public_id, form=form, error=error)
    if not auth.is_htmx():
        return redirect(url_for("calls.card", public_id=public_id), 303)
    return render_template("agent/_note_saved.html", public_id=public_id)


@blueprint.post("/calls/<uuid:public_id>/draft")
@needs(Right.USE, background=True)
def draft(public_id: UUID) -> ResponseReturnValue:
    """Keep a half-written note."""
    kept = {name: request.form.get(name, "")[:LONGEST_DRAFT] for name in FIELDS}
    hub = current_hub()
    with hub.db.write() as session:
        screen_pop.save_draft(session, hub.bus, _call(session, public_id), current_person().id, kept)
    return Response(status=204)


@blueprint.post("/calls/<uuid:public_id>/dismiss")
@needs(Right.USE)
def dismiss(public_id: UUID) -> ResponseReturnValue:
    """Hide the card; the call goes on."""
    hub = current_hub()
    with hub.db.write() as session:
        screen_pop.dismiss(session, hub.bus, _call(session, public_id), current_person().id)
    return Response(status=204) if auth.is_htmx() else redirect("/", 303)


@blueprint.post("/calls/<uuid:public_id>/assign")
@needs(Right.EDIT_PARTIES)
def assign_to(public_id: UUID) -> ResponseReturnValue:
    """Say whose call it is: a known customer, or a new one. The number's earlier calls follow."""
    try:
        with current_hub().db.write() as session:
            call, region = _call(session, public_id), current_hub().settings.hub.region
            assign.assign_call(session, current_person(), call, _chosen(session), region=region)
    except UserError as error:
        return _card(public_id, error=error)
    return _done(public_id)


@blueprint.post("/calls/<uuid:public_id>/ignore")
@needs(Right.EDIT_PARTIES)
def ignore(public_id: UUID) -> ResponseReturnValue:
    """Never show a card for this number again."""
    with current_hub().db.write() as session:
        call = _call(session, public_id)
        assign.ignore_number(session, current_person(), call.number)
    return _done(public_id, _("Calls from this number are kept, but no card is shown for them any more."))


@blueprint.post("/calls/<uuid:public_id>/hangup")
@needs(Right.CONTROL_OWN_CALL)
def hangup(public_id: UUID) -> ResponseReturnValue:
    """End the call."""
    hub = current_hub()
    try:
        hub.telephone.hang_up(current_person(), _seen(public_id))
    except UserError as error:
        return _acted(public_id, error=error)
    return _acted(public_id, _("The call was ended."))


@blueprint.post("/calls/<uuid:public_id>/transfer")
@needs(Right.CONTROL_OWN_CALL)
def transfer(public_id: UUID) -> ResponseReturnValue:
    """Hand the customer on to a colleague or a number."""
    hub, form = current_hub(), request.form
    to = form.get("number", "").strip() or form.get("extension", "")
    try:
        hub.telephone.transfer(current_person(), _seen(public_id), to)
    except UserError as error:
        return _acted(public_id, error=error)
    return _acted(public_id, _("The call was handed on."))


@blueprint.post("/calls/<uuid:public_id>/recording")
@needs(Right.CONTROL_OWN_CALL)
def recording(public_id: UUID) -> ResponseReturnValue:
    """Pause the recording while something secret is said, or go on."""
    hub, paused = current_hub(), request.form.get("paused") == "yes"
    try:
        hub.telephone.pause_recording(current_person(), _seen(public_id), paused=paused)
    except UserError as error:
        return _acted(public_id, error=error)
    return _acted(public_id, _("The recording is paused.") if paused else _("The recording goes on."))


def _call(session: Session, public_id: UUID) -> CallRow:
    call = queries.call_by_id(session, public_id)
    if call is None or not history.may_see(session, current_person(), call.id):
        raise NotFoundError("There is no such call, or you took no part in it.")
    return call


def _seen(public_id: UUID) -> CallRow:
    """Return a call for an order to the telephone system, with no transaction left open."""
    with current_hub().db.read() as session:
        return _call(session, public_id)


def _chosen(session: Session) -> Party:
    """Return the customer that the form names, or make the one that it describes."""
    form, person = request.form, current_person()
    if form.get("party"):
        try:
            return parties.get(session, UUID(form["party"]))
        except ValueError:
            raise NotFoundError("There is no such customer.") from None
    if "new_name" not in form:
        raise UserError("Choose one.", error_id="no_choice", field="party")
    region = current_hub().settings.hub.region
    company = parties.company_named(session, person, form.get("company", ""), begun(session, PartyKind.COMPANY))
    kind = PartyKind.COMPANY if form.get("kind") == PartyKind.COMPANY else PartyKind.PERSON
    fields = begun(session, kind)
    return parties.create(session, person, kind, form["new_name"], region=region, company=company, begun=fields)


def _card(public_id: UUID, message: str = "", error: UserError | None = None) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        facts = _facts(session, public_id)
    template = "agent/_card.html" if auth.is_htmx() else "agent/call.html"
    text, field = (wording.sentence(error), error.field) if error else ("", "")
    facts |= {"message": message, "error": text, "field": field, "typed": request.form, "wording": wording}
    return render_template(template, **facts), 422 if error else 200


def _facts(session: Session, public_id: UUID) -> dict[str, Any]:
    """Return what a card shows; of its page, the fields of the call too."""
    facts = card_of.of(session, current_person(), public_id)
    if auth.is_htmx():
        return facts
    row, party = session.get_one(CallRow, facts["call"].row_id), facts["call"].party
    return facts | {"custom": record_fields.of_record(session, "calls", row, party=party or "")}


def _done(public_id: UUID, message: str = "") -> ResponseReturnValue:
    return _card(public_id, message) if auth.is_htmx() else redirect(url_for("calls.card", public_id=public_id), 303)


def _note(public_id: UUID, *, form: object, error: UserError | None = None) -> ResponseReturnValue:
    """Show the note's form, with what was typed and what was wrong."""
    text, field = (wording.sentence(error), error.field) if error else ("", "")
    with current_hub().db.read() as session:
        facts = _facts(session, public_id)
    facts |= {"form": form, "error": text, "field": field, "wording": wording}
    template = "agent/_note.html" if auth.is_htmx() else "agent/call.html"
    return render_template(template, **facts), 422 if error else 200


def _acted(public_id: UUID, message: str = "", error: UserError | None = None) -> ResponseReturnValue:
    """Show what became of an order to the telephone system, in the part of the card with its buttons."""
    if not auth.is_htmx() and error is None:
        return redirect(url_for("calls.card", public_id=public_id), 303)
    with current_hub().db.read() as session:
        facts = _facts(session, public_id)
    facts |= {"message": message, "error": wording.sentence(error) if error else "", "wording": wording}
    facts |= {"field": error.field if error else "", "typed": request.form}
    template = "agent/_actions.html" if auth.is_htmx() else "agent/call.html"
    return render_template(template, **facts), 422 if error else 200
