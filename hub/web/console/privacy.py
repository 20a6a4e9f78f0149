"""What administrators do for the privacy of customers: say what is held, erase, keep for a court; and how long things are kept."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, lazy_gettext
from sqlalchemy import select

from hub.errors import NotFoundError, UserError
from hub.exports import report
from hub.exports.kinds import One
from hub.identity import parties
from hub.identity.models import Party
from hub.privacy import erase, holds, retention
from hub.privacy.models import Erasure, ErasureStatus
from hub.privacy.scope import closure
from hub.privacy.shelves import shelves
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.timeline.models import Kind
from hub.web import auth
from hub.web.console import wording
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("privacy", __name__)
MOST_ERASURES = 100  # listed, the newest
LONGEST_DAYS = 36_500
# What an erasure takes away, as `erase.Preview` and the row of an erasure count it.
WHAT: Mapping[str, LazyString] = MappingProxyType({
    **{str(kind): wording.KINDS[kind] for kind in wording.KINDS},
    Kind.NOTE: lazy_gettext("Notes"),
    Kind.TASK: lazy_gettext("Tasks"),
    "parties": lazy_gettext("Customers, with those that were merged"),
    "notes": lazy_gettext("Notes"),
    "note files": lazy_gettext("Files of notes"),
    "tasks": lazy_gettext("Tasks"),
    "records": lazy_gettext("Records of other systems"),
    "identifiers": lazy_gettext("Numbers and addresses"),
    "recordings": lazy_gettext("Recordings"),
    "merges": lazy_gettext("Merges, which can be undone no more"),
    "calls": lazy_gettext("Calls"),
    "conversations": lazy_gettext("Conversations"),
    "messages": lazy_gettext("Messages"),
    "shared": lazy_gettext("Conversations with other customers, of which only their part went"),
    "bookings": lazy_gettext("Bookings"),
    "drafts": lazy_gettext("Drafts"),
    "orders": lazy_gettext("Orders to dial"),
    "consents": lazy_gettext("Consents that name nobody now"),
    "imported rows": lazy_gettext("Rows of imported files"),
    "kept by law": lazy_gettext("Documents and payments that stay"),
    "traces": lazy_gettext("Lines of logs"),
})  # fmt: skip
KEPT: Mapping[str, tuple[LazyString, LazyString]] = MappingProxyType({
    retention.Kind.MAILS: (
        lazy_gettext("Mails"), lazy_gettext("Subject, text and files go. That there was one, with whom and when, stays.")
    ),
    retention.Kind.MESSAGES: (
        lazy_gettext("Messages"), lazy_gettext("Text and files go. That there was one, with whom and when, stays.")
    ),
    retention.Kind.CALLS: (lazy_gettext("Calls"), lazy_gettext("With whom is forgotten. That there was one is counted.")),
    retention.Kind.RECORDINGS: (
        lazy_gettext("Recordings"), lazy_gettext("The files go too, where the exchange lets the hub remove them.")
    ),
    retention.Kind.LEADS: (lazy_gettext("Leads"), lazy_gettext("Those that are closed and brought no customer.")),
    retention.Kind.RECORDS: (
        lazy_gettext("Raw records"), lazy_gettext("Those that were not understood, left out, or are gone at their source.")
    ),
    retention.Kind.ACCOUNTING: (
        lazy_gettext("Names on documents"),
        lazy_gettext("On documents and payments of nobody we know, such as customers who were erased."),
    ),
})  # fmt: skip


@blueprint.get("/customers/<uuid:public_id>/privacy")
@auth.needs(Right.MANAGE_PRIVACY)
def show(public_id: UUID) -> ResponseReturnValue:
    """Show what is held about a customer and what can be done about it."""
    return _page(public_id)


@blueprint.get("/customers/<uuid:public_id>/privacy/report")
@auth.needs(Right.MANAGE_PRIVACY)
def save_report(public_id: UUID) -> ResponseReturnValue:
    """Hand out the answer to a customer who asks what is held: a page to be saved."""
    hub, person = current_hub(), current_person()
    with hub.db.read() as session:
        ids = closure(session, parties.get(session, public_id).id)
        names = {row.id: str(row.public_id) for row in session.scalars(select(Party).where(Party.id.in_(ids)))}
        text = report.page(report.of(session, One(tuple(ids), tuple(names[one] for one in ids)), now()))
    with hub.db.write() as session:
        audit.record(session, person, "party.reported", "party", names[ids[0]], address=auth.address())
    answer = Response(text, content_type="text/html; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{names[ids[0]]}.html"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.post("/customers/<uuid:public_id>/privacy/erase")
@auth.needs(Right.MANAGE_PRIVACY)
def begin(public_id: UUID) -> ResponseReturnValue:
    """Erase a customer: who they are at once, all else in the background."""
    hub = current_hub()
    try:
        if "sure" not in request.form:
            raise UserError("Tick the box first.", error_id="not_sure", field="sure")
        with hub.db.write() as session:
            party = parties.get(session, public_id)
            erase.ask(session, hub.vault, current_person(), party, shelves(hub.settings))
    except UserError as error:
        return _page(public_id, error), 422
    hub.trigger.notify("erasures")
    return redirect(url_for(".rules", _anchor="h-erased"), 303)


@blueprint.post("/customers/<uuid:public_id>/privacy/hold")
@auth.needs(Right.MANAGE_PRIVACY)
def place(public_id: UUID) -> ResponseReturnValue:
    """Keep a customer as they are."""
    try:
        with current_hub().db.write() as session:
            holds.place(session, current_person(), parties.get(session, public_id), request.form.get("reason", ""))
    except UserError as error:
        return _page(public_id, error), 422
    return redirect(url_for(".show", public_id=public_id), 303)


@blueprint.post("/customers/<uuid:public_id>/privacy/lift")
@auth.needs(Right.MANAGE_PRIVACY)
def lift(public_id: UUID) -> ResponseReturnValue:
    """End the holds of a customer."""
    with current_hub().db.write() as session:
        holds.lift(session, current_person(), parties.get(session, public_id))
    return redirect(url_for(".show", public_id=public_id), 303)


def _page(public_id: UUID, error: UserError | None = None) -> str:
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)
        told, held = erase.preview(session, party), holds.of_party(session, party.id)
        people = {
            row.id: row.name for row in session.scalars(select(User).where(User.id.in_([one.by_id for one in held])))
        }
    return render_template(
        "agent/privacy.html",
        party=party,
        told=told,
        holds=[(one, people.get(one.by_id or 0, "")) for one in held],
        systems=sorted({system for system, _, _ in told.remote}),
        what=WHAT,
        error=wording.sentence(error) if error else "",
        field=error.field if error else "",
        reason=request.form.get("reason", "") if error else "",
    )


# --- how long -----------------------------------------------------------------------------------------------------


@blueprint.get("/admin/privacy")
@auth.needs(Right.MANAGE_PRIVACY)
def rules() -> ResponseReturnValue:
    """Show how long things are kept, who is held, and who was erased."""
    return _rules()


@blueprint.post("/admin/privacy")
@auth.needs(Right.MANAGE_PRIVACY)
def keep() -> ResponseReturnValue:
    """Say first how much would go, and only then keep a kind of thing for so many days."""
    hub = current_hub()
    try:
        kind, days = _asked()
    except UserError as error:
        return _rules(error=wording.sentence(error)), 422
    with hub.db.read() as session:
        count = retention.count(session, kind, days)
    if count and request.form.get("gone") != str(count):
        return _rules(asked=(kind, days, count))
    with hub.db.write() as session:
        retention.set_rule(session, current_person(), kind, days)
    hub.trigger.notify("retention")
    return redirect(url_for(".rules"), 303)


@blueprint.post("/admin/privacy/<kind>/drop")
@auth.needs(Right.MANAGE_PRIVACY)
def drop(kind: str) -> ResponseReturnValue:
    """Keep a kind of thing for ever again."""
    if kind not in set(retention.Kind):
        raise NotFoundError("There is no such rule.")
    with current_hub().db.write() as session:
        retention.drop_rule(session, current_person(), retention.Kind(kind))
    return redirect(url_for(".rules"), 303)


def _asked() -> tuple[retention.Kind, int]:
    try:
        kind, days = retention.Kind(request.form.get("kind", "")), int(request.form.get("days", ""))
    except ValueError:
        days = -1
    if not 0 <= days <= LONGEST_DAYS:
        raise UserError("Write a number of days from 0 to 36500.", error_id="retention_days", field="days")
    return kind, days


def _rules(*, error: str = "", asked: tuple[retention.Kind, int, int] | None = None) -> str:
    hub = current_hub()
    with hub.db.read() as session:
        known = {row.kind: row for row in retention.rules(session)}
        held = [(one, session.get_one(Party, one.party_id)) for one in holds.all_open(session)]
        found = session.scalars(select(Erasure).order_by(Erasure.id.desc()).limit(MOST_ERASURES)).all()
        people = {
            row.id: row.name
            for row in session.scalars(select(User).where(User.id.in_([one.asked_by for one in found])))
        }
    return render_template(
        "admin/privacy.html",
        kinds=[(kind, *KEPT[kind], known.get(kind)) for kind in retention.Kind],
        held=held,
        erasures=[(one, people.get(one.asked_by or 0, ""), erase.left(hub.vault, one)) for one in found],
        what=WHAT,
        done=ErasureStatus.DONE,
        asked=asked,
        error=error,
        typed=request.form if error else {},
    )
