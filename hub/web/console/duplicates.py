"""Duplicates: customers that may be one, side by side; a person says which are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext, ngettext
from markupsafe import Markup
from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow
from hub.errors import NotFoundError, UserError
from hub.fields import change as field_change
from hub.fields import definitions, seen
from hub.identity import parties, reviews
from hub.identity.callers import PHONE
from hub.identity.models import Link, Party, PartyStatus, Review, ReviewState
from hub.identity.parties import EMAIL, TAX_ID
from hub.identity.reviewing import look, queue
from hub.identity.reviewing.queue import Waiting
from hub.identity.reviewing.taught import alike
from hub.intake.models import Account
from hub.security.policy import Right, may
from hub.store.base import now
from hub.timeline import queries
from hub.timeline.models import Participant
from hub.web import auth
from hub.web.console import duplicate_words, field_values, wording
from hub.web.console import money as moneys
from hub.web.errors import sentence
from hub.web.frame import current_hub, current_person
from hub.web.jinja import ago, bidi, day, money, tel

blueprint = Blueprint("duplicates", __name__, url_prefix="/duplicates")
NEXT = 12  # of the queue, beside the pair that is shown
AT_ONCE = 25  # pairs of one reason that are merged with one click
LEAST_ALIKE = 2  # pairs that are worth a list of their own
MOST_KINDS = 8  # lists of pairs that are alike
LATELY = timedelta(days=90)  # who was in contact since then is worth more
FACTS = ("birthday", "addresses")  # that sources say and no administrator defined


class Mark(StrEnum):
    """How what two customers have compares."""

    SAME = "same"
    PARTLY = "partly"
    DIFFERENT = "different"
    ONE = "one"  # only one of them has it


MARKS = {
    Mark.SAME: ("circle-check", lazy_gettext("the same")),
    Mark.PARTLY: ("link-2", lazy_gettext("partly the same")),
    Mark.DIFFERENT: ("triangle-alert", lazy_gettext("differs")),
    Mark.ONE: ("info", lazy_gettext("only here")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is known of both, or of one of them."""

    label: str
    sides: tuple[Sequence[Markup], Sequence[Markup]]
    mark: Mark | None  # None: it says nothing about who they are


@dataclass(frozen=True, slots=True)
class Alike:
    """Pairs that wait for the same reasons."""

    name: str
    codes: Sequence[str]
    count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A pair in a list."""

    id: UUID
    one: Party
    other: Party
    score: float
    reasons: Sequence[Markup]
    is_later: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """The pair that is shown."""

    id: UUID
    one: Party
    other: Party
    score: float
    reasons: Sequence[tuple[bool, Markup]]  # whether it speaks against
    is_later: bool
    rows: Sequence[Row]
    previews: Sequence[tuple[Party, queue.Preview]]  # the older one first


@dataclass(frozen=True, slots=True)
class Refused:
    """A pair that could not be merged with the others."""

    names: tuple[str, str]
    why: str


@blueprint.get("")
@auth.needs(Right.EDIT_PARTIES)
def page() -> ResponseReturnValue:
    """Show the queue, and one pair of it: the one that is asked for, else the first."""
    wanted = request.args.get("pair", "")
    try:
        return _page(wanted=UUID(wanted) if wanted else None)
    except ValueError:
        raise NotFoundError("There is no such pair.") from None


@blueprint.post("/<uuid:public_id>")
@auth.needs(Right.EDIT_PARTIES)
def answer(public_id: UUID) -> ResponseReturnValue:
    """Keep an answer and go on with the next pair."""
    said, chosen = request.form.get("answer", ""), request.form.get("winner", "")
    try:
        with current_hub().db.write() as session:
            row = reviews.get(session, public_id)
            winner = _winner(session, chosen) if said == ReviewState.SAME and chosen else None
            reviews.decide(session, current_person(), row, said, winner=winner)
    except NotFoundError:
        raise
    except UserError as error:
        gone = error.error_id == "answered"  # there is nothing to correct: the next pair is shown
        return _page(error, wanted=None if gone else public_id), 409 if gone else 422
    current_hub().trigger.notify("merges")
    return redirect(url_for(".page"), 303)


@blueprint.post("/undo")
@auth.needs(Right.EDIT_PARTIES)
def undo() -> ResponseReturnValue:
    """Take back the answer that a person gave last, and show the pair again."""
    try:
        with current_hub().db.write() as session:
            row = reviews.get(session, _id(request.form.get("pair", "")))
            if row.decided_by != current_person().id:
                raise UserError("This answer was taken back already.", error_id="answered")
            reviews.take_back(session, current_person(), row)
            shown = row.public_id
    except NotFoundError:
        raise
    except UserError as error:
        return _page(error), 422
    current_hub().trigger.notify("merges")
    return redirect(url_for(".page", pair=shown), 303)


@blueprint.route("/look", methods=["GET", "POST"])
@auth.needs(Right.EDIT_PARTIES, background=True)
def look_now() -> ResponseReturnValue:
    """Look for duplicates now instead of at night; asked with GET, say how far that is."""
    if request.method == "POST":
        with current_hub().db.write() as session:
            look.ask(session, current_person())
        current_hub().trigger.notify("duplicates")
    if not auth.is_htmx():
        return redirect(url_for(".page"), 303)
    with current_hub().db.read() as session:
        return render_template("agent/_duplicates_look.html", look=look.progress(session))


@blueprint.get("/alike")
@auth.needs(Right.EDIT_PARTIES)
def several() -> ResponseReturnValue:
    """List the pairs that wait for the same reasons, before they are merged together."""
    return _several(request.args.get("of", ""))


@blueprint.post("/alike")
@auth.needs(Right.EDIT_PARTIES)
def merge_several() -> ResponseReturnValue:
    """Merge the pairs of a list that a person looked at; what cannot be merged is told and stays."""
    of, chosen = request.form.get("of", ""), request.form.getlist("pair")[:AT_ONCE]
    if not chosen or request.form.get("confirm") != "yes":
        text = gettext("Choose at least one pair, and say that you looked at the list.")
        return _several(of, error=text), 422
    refused = []
    for one in dict.fromkeys(chosen):
        with current_hub().db.read() as session:
            row = reviews.get(session, _id(one))
            names = _name(session, row.a_id), _name(session, row.b_id)
        try:
            with current_hub().db.write() as session:  # one by one: what fails keeps no other back
                row = reviews.get(session, _id(one))
                if alike(row.reasons) != of:
                    raise UserError("It waits for other reasons now.", error_id="answered")
                reviews.decide(session, current_person(), row, ReviewState.SAME)
        except UserError as error:
            refused.append(Refused(names, sentence(error)))
    current_hub().trigger.notify("merges")
    if refused:
        return _several(of, refused=refused, merged=len(set(chosen)) - len(refused)), 409
    return redirect(url_for(".page", merged=len(set(chosen))), 303)


def hint(session: Session, party: Party) -> tuple[UUID, Party] | None:
    """Return the pair in which a customer waits to be judged, and the other one; None: in none, or not for this person."""
    if not may(current_person().role, Right.EDIT_PARTIES):
        return None
    row = queue.of_party(session, party)
    if row is None:
        return None
    return row.public_id, session.get_one(Party, row.b_id if row.a_id == party.id else row.a_id)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is no such pair.") from None


def _winner(session: Session, text: str) -> Party:
    """Return whom a person chose as the one that stays; a customer who was merged since is no choice any more."""
    try:
        found = session.scalar(select(Party).where(Party.public_id == UUID(text), Party.status == PartyStatus.ACTIVE))
    except ValueError:
        found = None
    if found is None:
        raise UserError("Choose one of the two.", error_id="bad_choice", field="winner")
    return found


def _name(session: Session, number: int) -> str:
    return session.scalar(select(Party.name).where(Party.id == number)) or ""


# --- what the pages show ------------------------------------------------------------------------------------------


def _page(error: UserError | None = None, *, wanted: UUID | None = None) -> str:
    merged = request.args.get("merged", "")
    with current_hub().db.read() as session:
        waiting = queue.waiting(session, _worth(session))
        shown = _chosen(session, wanted, waiting)
        person = current_person()
        last = reviews.last_answer(session, person) if person.id else None
        return render_template(
            "agent/duplicates.html",
            counts=queue.counts(session),
            pair=_pair(session, shown) if shown else None,
            following=_listed(session, [one for one in waiting if not shown or one.id != shown.id][:NEXT]),
            alike=_alike(waiting),
            last=_listed_row(session, last) if last else None,
            last_answer=last.state if last else "",
            look=look.progress(session),
            marks=MARKS,
            words=duplicate_words,
            merged=int(merged) if merged.isdecimal() and len(merged) < len("1000") else 0,
            error=sentence(error) if error else "",
        )


def _several(of: str, *, error: str = "", refused: Sequence[Refused] = (), merged: int = 0) -> str:
    with current_hub().db.read() as session:
        those = [one for one in queue.waiting(session, _worth(session)) if one.alike == of]
        if not those and not refused:
            raise NotFoundError("No pair waits for these reasons any more.")
        done = ngettext("%(num)d pair was merged.", "%(num)d pairs were merged.", merged) if merged else ""
        return render_template(
            "agent/duplicates_alike.html", of=of, codes=of.split("+"), pairs=_listed(session, those[:AT_ONCE]),
            count=len(those), refused=refused, error=error, done=done, words=duplicate_words,
        )  # fmt: skip


def _worth(session: Session) -> Callable[[Any], ColumnElement[Any]]:
    """Return how a question is weighed: its score, doubled where money is open, half as much more with a recent contact."""
    since = now() - LATELY
    seen_of = moneys.eyes(session).names if may(current_person().role, Right.SEE_MONEY) else {}

    def worth(row: Any) -> ColumnElement[Any]:
        both = (row.a_id, row.b_id)
        recent = or_(*(
            exists().where(Participant.party_id == one, Participant.started_at > since).correlate(Review) for one in both
        ))  # fmt: skip
        is_open = or_(*(
            exists()
            .where(DocumentRow.party_id == one, DocumentRow.is_open, DocumentRow.business_id.in_(seen_of))
            .correlate(Review)
            for one in both
        ))  # fmt: skip
        weight: ColumnElement[Any] = row.score * (1 + case((is_open, 1.0), else_=0.0) + case((recent, 0.5), else_=0.0))
        return weight

    return worth


def _chosen(session: Session, wanted: UUID | None, waiting: Sequence[Waiting]) -> Review | None:
    """Return the pair to be shown; where the one that is asked for is answered, the first of the queue."""
    if wanted is not None:
        row: Review | None = session.scalars(queue.open_ones().where(Review.public_id == wanted)).first()
        if row is not None:
            return row
    return session.get(Review, waiting[0].id) if waiting else None


def _alike(waiting: Sequence[Waiting]) -> list[Alike]:
    counts: dict[str, int] = {}
    for one in waiting:
        counts[one.alike] = counts.get(one.alike, 0) + 1
    several = sorted(
        ((count, name) for name, count in counts.items() if count >= LEAST_ALIKE), key=lambda n: (-n[0], n[1])
    )
    return [Alike(name, name.split("+"), count) for count, name in several[:MOST_KINDS]]


def _listed(session: Session, some: Sequence[Waiting]) -> list[Listed]:
    numbers = {number for one in some for number in (one.a_id, one.b_id)}
    known = {row.id: row for row in session.scalars(select(Party).where(Party.id.in_(numbers)))}
    ids = dict(
        session.execute(select(Review.id, Review.public_id).where(Review.id.in_({one.id for one in some}))).all()
    )
    return [
        Listed(
            ids[one.id], known[one.a_id], known[one.b_id], one.score,
            [duplicate_words.reason(code, values) for code, values in one.reasons], one.state == ReviewState.LATER,
        )
        for one in some
    ]  # fmt: skip


def _listed_row(session: Session, row: Review) -> Listed:
    one, other = session.get_one(Party, row.a_id), session.get_one(Party, row.b_id)
    return Listed(row.public_id, one, other, row.score, (), row.state == ReviewState.LATER)


def _pair(session: Session, row: Review) -> Pair:
    one, other = session.get_one(Party, row.a_id), session.get_one(Party, row.b_id)
    return Pair(
        id=row.public_id,
        one=one,
        other=other,
        score=row.score,
        reasons=[
            (code in duplicate_words.AGAINST, duplicate_words.reason(code, values)) for code, values in row.reasons
        ],
        is_later=row.state == ReviewState.LATER,
        rows=_rows(session, one, other),
        previews=[(one, queue.preview(session, one, other)), (other, queue.preview(session, other, one))],
    )


_Cells = dict[str, Markup]  # by what is compared


def _rows(session: Session, one: Party, other: Party) -> list[Row]:
    """Return what is known of two customers, row by row; what neither has is left out."""
    sides = [_facts(session, party) for party in (one, other)]
    labels = {name: label for side in sides for name, (label, _) in side.items()}
    order = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    rows = []
    for name in order:
        first, second = (side.get(name, ("", {}))[1] for side in sides)
        if first or second:
            mark = None if name.startswith("+") else _mark(first, second)
            rows.append(Row(labels[name], (list(first.values()), list(second.values())), mark))
    return rows


def _mark(one: _Cells, other: _Cells) -> Mark:
    if not one or not other:
        return Mark.ONE
    if one.keys() == other.keys():
        return Mark.SAME
    return Mark.DIFFERENT if one.keys().isdisjoint(other.keys()) else Mark.PARTLY


def _facts(session: Session, party: Party) -> dict[str, tuple[str, _Cells]]:
    """Return what is known of a customer by name, with its label; a name with a plus says nothing about who it is."""
    held = parties.identifiers(session, party)
    company = session.get(Party, party.company_id) if party.company_id else None
    phones = {row.value: tel(row.value, party=party.public_id) for row in held if row.kind == PHONE}
    emails = {row.value: bidi(row.value, ltr=True) for row in held if row.kind == EMAIL}
    numbers = {row.value: bidi(row.value, ltr=True) for row in held if row.kind == TAX_ID}
    found: dict[str, tuple[str, _Cells]] = {
        "name": (gettext("Name"), {party.name: bidi(party.name)}),
        "company": (gettext("Company"), {company.name: bidi(company.name)} if company else {}),
        "job_title": (gettext("Job title"), _texts(party.fields.get("job_title"))),
        "phones": (gettext("Phone"), phones),
        "emails": (gettext("E-mail"), emails),
        "tax_id": (gettext("Tax number"), numbers),
        "birthday": (gettext("Birth date"), _texts(party.fields.get("birthday"))),
        "addresses": (gettext("Address"), _texts(party.fields.get("addresses"))),
    }
    known = seen.fields(definitions.load(session), field_change.of_party(party), current_person().role)
    for line in field_values.lines(known, party.fields, party=party.public_id):
        found[f"field {line.name}"] = (line.label, {str(party.fields[line.name]): line.html})
    return found | _history(session, party)


def _texts(value: Any) -> _Cells:
    """Return a value that sources say, or the entries of a list of them."""
    several = value if isinstance(value, list) else [value]
    texts = [str(one.get("value") or "") if isinstance(one, dict) else str(one or "") for one in several]
    return {text: bidi(text) for text in texts if text}


def _history(session: Session, party: Party) -> dict[str, tuple[str, _Cells]]:
    """Return where a customer is from and what happened: different for nearly everybody, and so never marked."""
    ids = parties.with_merged(session, party)
    query = (
        select(Account.name, func.count().label("records"))
        .join(Link, Link.account_id == Account.id)
        .where(Link.party_id.in_(ids))
        .group_by(Account.id, Account.name)
        .order_by(Account.name)
    )
    sources = {row.name: bidi(row.name) for row in session.execute(query)}
    here = gettext("Written down here")
    last = queries.last_contacts(session, ids, person=current_person(), limit=1)
    contact = {
        str(one.number): Markup("{} · {}").format(bidi(wording.item_title(one)), ago(one.started_at)) for one in last
    }
    shown = moneys.of_party(session, current_person(), party)
    owed = shown.panel.owed if shown and not shown.company else ()
    return {
        "+sources": (gettext("Sources"), sources or {"": bidi(here)}),
        "+contact": (gettext("Last contact"), contact),
        "+money": (
            gettext("Open money"),
            {one.business + one.currency: money(one.aged.net, one.currency) for one in owed},
        ),
        "+since": (gettext("Here since"), {"": day(party.created_at)}),
    }
