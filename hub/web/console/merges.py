"""The page on which a customer is merged with another one, merges are undone, and source records are taken out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.fields import change, definitions, seen
from hub.identity import parties, search
from hub.identity.callers import PHONE
from hub.identity.merging import undo as undoing
from hub.identity.merging.merge import merge
from hub.identity.merging.preview import Look, look, preview
from hub.identity.merging.split import split
from hub.identity.models import Link, Merge, Party
from hub.intake.models import Account
from hub.security.models import User
from hub.security.policy import Right
from hub.web.auth import needs
from hub.web.console import claims_page, duplicate_words, field_values, wording
from hub.web.frame import current_hub, current_person
from hub.web.jinja import bidi

blueprint = Blueprint("merges", __name__)
CHOICES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One field of both, and of what they would be as one."""

    label: str
    one: Markup
    other: Markup
    merged: Markup
    source: str  # whose word it is; empty: nobody's in particular


@blueprint.get("/customers/<uuid:public_id>/merge")
@needs(Right.EDIT_PARTIES)
def page(public_id: UUID) -> ResponseReturnValue:
    """Find whom to merge with; show what was merged and which records speak of the customer."""
    return _page(public_id)


@blueprint.get("/customers/<uuid:public_id>/merge/<uuid:other_id>")
@needs(Right.EDIT_PARTIES)
def compare(public_id: UUID, other_id: UUID) -> ResponseReturnValue:
    """Show two customers side by side, and what they would be as one."""
    winner_id = request.args.get("winner", "")
    try:
        # What is looked at is done and taken back by the database: it needs the right to write.
        with current_hub().db.write() as session:
            one, other = parties.get(session, public_id), parties.get(session, other_id)
            winner = next((party for party in (one, other) if str(party.public_id) == winner_id), None)
            looks = look(session, one), look(session, other)
            merged = preview(session, current_person(), one, other, winner=winner)
            for party in (one, other):  # what was done to them was taken back
                session.refresh(party)
            facts = _compared(session, one, other, (*looks, merged))
    except UserError as error:
        if isinstance(error, NotFoundError):
            raise
        return _page(public_id, error)
    chosen = winner_id or str(min((one, other), key=lambda party: party.id).public_id)
    return render_template("agent/merge_preview.html", **facts, chosen=chosen)


@blueprint.post("/customers/<uuid:public_id>/merge")
@needs(Right.EDIT_PARTIES)
def join(public_id: UUID) -> ResponseReturnValue:
    """Merge a customer with another one."""
    form = request.form
    try:
        with current_hub().db.write() as session:
            one, other = parties.get(session, public_id), parties.get(session, _uuid(form.get("other", "")))
            winner = next((party for party in (one, other) if str(party.public_id) == form.get("winner")), None)
            merge(session, current_person(), one, other, winner=winner)
            kept = parties.get(session, public_id).public_id
    except UserError as error:
        if isinstance(error, NotFoundError):
            raise
        return _page(public_id, error)
    return redirect(url_for("merges.page", public_id=kept), 303)


@blueprint.post("/customers/<uuid:public_id>/merges/<uuid:merge_id>/undo")
@needs(Right.EDIT_PARTIES)
def undo(public_id: UUID, merge_id: UUID) -> ResponseReturnValue:
    """Take a merge back."""
    try:
        with current_hub().db.write() as session:
            row = undoing.get(session, merge_id)
            undoing.undo(session, current_person(), row)
            kept = session.get_one(Party, row.winner_id).public_id
    except UserError as error:
        if isinstance(error, NotFoundError):
            raise
        return _page(public_id, error)
    return redirect(url_for("merges.page", public_id=kept), 303)


@blueprint.post("/customers/<uuid:public_id>/split")
@needs(Right.EDIT_PARTIES)
def take_out(public_id: UUID) -> ResponseReturnValue:
    """Make a customer of their own of some records."""
    links = [int(one) for one in request.form.getlist("record") if one.isdecimal() and len(one) < len(str(2**63))]
    try:
        with current_hub().db.write() as session:
            row = split(session, current_person(), parties.get(session, public_id), links)
            made = session.get_one(Party, row.loser_id).public_id
    except UserError as error:
        if isinstance(error, NotFoundError):
            raise
        return _page(public_id, error)
    return redirect(url_for("customers.page", public_id=made), 303)


# --- what the pages show --------------------------------------------------------------------------------------------


def _page(public_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    query = request.args.get("q", "")
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)
        hits = [
            hit
            for hit in search.search(session, query, CHOICES + 1)
            if hit.party_id != party.id and hit.kind == party.kind
        ]
        rows = undoing.of_party(session, party)
        facts = {
            "party": party,
            "hits": hits[:CHOICES],
            "merges": _told(session, rows),
            "records": _records(session, party),
        }
    said = wording.sentence(error) if error else ""
    return render_template("agent/merge.html", **facts, query=query, error=said), 422 if error else 200


def _told(session: Session, rows: Sequence[Merge]) -> list[dict[str, Any]]:
    ids = {number for row in rows for number in (row.winner_id, row.loser_id)}
    of_parties = {party.id: party for party in session.scalars(select(Party).where(Party.id.in_(ids)))}
    by = dict(
        session.execute(select(User.id, User.name).where(User.id.in_({row.actor_id for row in rows} - {None}))).all()
    )
    return [
        {
            "row": row, "winner": of_parties[row.winner_id], "loser": of_parties[row.loser_id],
            "by": by.get(row.actor_id or 0, ""), "is_split": row.rule == undoing.SPLIT,
            "reasons": [duplicate_words.reason(*one) for one in row.reasons if isinstance(one, list)],
        }
        for row in rows
    ]  # fmt: skip


def _records(session: Session, party: Party) -> Sequence[Any]:
    query = (
        select(Link.id, Link.remote_id, Link.seen_at, Link.gone_at, Account.name)
        .join(Account, Account.id == Link.account_id)
        .where(Link.party_id == party.id)
    )
    return session.execute(query.order_by(Link.id)).all()


def _compared(session: Session, one: Party, other: Party, looks: tuple[Look, Look, Look]) -> dict[str, Any]:
    known = seen.fields(definitions.load(session), change.of_party(one), current_person().role)
    rows = [
        _line(looks, "name", gettext("Name"), [_text(each.name) for each in looks]),
        _line(looks, "company", gettext("Company"), [_text(each.company) for each in looks]),
        _line(looks, "owner", gettext("Owner"), [_text(each.owner) for each in looks]),
        _line(
            looks, "job_title", gettext("Job title"), [_text(str(each.fields.get("job_title") or "")) for each in looks]
        ),
    ]
    for kind, label in (
        (PHONE, gettext("Phone")),
        (parties.EMAIL, gettext("E-mail")),
        (parties.TAX_ID, gettext("Tax number")),
    ):
        rows.append(_line(looks, "", label, [_listed(each, kind) for each in looks]))
    for name, field in known.items():
        cells = [
            field_values.html(field, each.fields[name]) if each.fields.get(name) is not None else Markup()
            for each in looks
        ]
        rows.append(_line(looks, name, field.label(field_values.language()), cells))
    return {"party": one, "other": other, "lines": [row for row in rows if row.one or row.other or row.merged]}


def _line(looks: tuple[Look, Look, Look], field: str, label: str, cells: Sequence[Markup]) -> Line:
    word = looks[2].sources.get(field) if cells[2] else None
    return Line(label, cells[0], cells[1], cells[2], claims_page.source(word) if word is not None else "")


def _text(value: str) -> Markup:
    return bidi(value) if value else Markup()


def _listed(each: Look, kind: str) -> Markup:
    return Markup("<br>").join(bidi(value, ltr=True) for one, value in each.identifiers if one == kind)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is no such customer.") from None
