"""Customers: the list, the form for a new one, and everything about one of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from hub.accounting.queries import Document, Payment
from hub.cti import history
from hub.errors import NotFoundError, UserError
from hub.fields import change as field_change
from hub.fields import definitions, incoming, pins, seen
from hub.fields.change import FieldsError
from hub.fields.definitions import Field, Fields
from hub.fields.models import Of
from hub.fields.value import FieldValueError
from hub.identity import parties, photos, search
from hub.identity.callers import PHONE
from hub.identity.models import Party, PartyKind
from hub.leads import queries as leads
from hub.mail import queries as mail
from hub.mail import share
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import now
from hub.timeline import note_files as stored_files
from hub.timeline import notes, queries, questions, tasks
from hub.timeline.models import Kind, Note, TaskKind
from hub.timeline.queries import Cursor, Item, Wanted
from hub.web import auth, headers
from hub.web.auth import needs
from hub.web.console import (
    address_books,
    card,
    claims_page,
    duplicates,
    elsewhere,
    field_values,
    imports_beside,
    imports_words,
    lead_words,
    message_words,
    messages,
    moments,
    money_words,
    more_filters,
    note_files,
    open_questions,
    wording,
)
from hub.web.console import money as moneys
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("customers", __name__)
FILTERS = "timeline"  # in a user's preferences
CHOICES = 8
MOST_STAFF = 20
RECENT = 30
# Built once: every page of a customer asks these.
_STAFF = (
    select(Party)
    .where(Party.company_id == bindparam("company"), Party.merged_into.is_(None))
    .order_by(Party.name)
    .limit(MOST_STAFF)
)
# Plain tables: of whom the customer works at and is looked after by, only a few words are shown.
_party, _user = Party.__table__.c, User.__table__.c
_COMPANY = select(_party.public_id, _party.name).where(_party.id == bindparam("id"))
_OWNER = select(_user.name).where(_user.id == bindparam("id"))
_COLLEAGUES = select(_user.id, _user.name).where(_user.disabled_at.is_(None)).order_by(_user.name)


@blueprint.get("/customers")
@needs(Right.USE)
def index() -> ResponseReturnValue:
    """List the customers that were changed last, or those that the filters leave."""
    before = Cursor.parse(request.args["before"]) if request.args.get("before") else None
    with current_hub().db.read() as session:
        more = more_filters.of(session, Of.PERSON, Of.COMPANY)
        place = (before.started_at, before.interaction_id) if before else None
        found = parties.recent(session, limit=RECENT + 1, more=more.where(Party.fields, Party.kind), before=place)
        shown, last = found[:RECENT], found[RECENT - 1] if len(found) > RECENT else None
        rows = search.shown(session, [party.id for party in shown])
        pictures = photos.of_parties(session, [row.party_id for row in rows])
    template = "agent/_customers.html" if auth.is_htmx() else "agent/customers.html"
    older = str(Cursor(last.changed_at, last.id)) if last else ""
    return render_template(template, hits=rows, photos=pictures, more=more, older=older)


@blueprint.get("/customers/new")
@needs(Right.EDIT_PARTIES)
def new() -> ResponseReturnValue:
    """Show the form for a new customer, filled with what is known."""
    return _new_form(request.args)


@blueprint.post("/customers")
@needs(Right.EDIT_PARTIES)
def create() -> ResponseReturnValue:
    """Make a customer."""
    form, person, hub = request.form, current_person(), current_hub()
    region = hub.settings.hub.region
    given = [parties.Given(kind, form[kind]) for kind in parties.KINDS if form.get(kind, "").strip()]
    kind = PartyKind.COMPANY if form.get("kind") == PartyKind.COMPANY else PartyKind.PERSON
    try:
        with hub.db.write() as session:
            name, company = form.get("name", ""), None
            of_company, of_this = begun(session, PartyKind.COMPANY), begun(session, kind)
            if kind == PartyKind.PERSON:
                company = parties.company_named(session, person, form.get("company", ""), of_company)
            party = parties.create(session, person, kind, name, given, region=region, company=company, begun=of_this)
    except UserError as error:
        return _new_form(form, error), 422
    return redirect(url_for("customers.page", public_id=party.public_id), 303)


@blueprint.get("/customers/choose")
@needs(Right.EDIT_PARTIES, background=True)
def choose() -> ResponseReturnValue:
    """Offer customers to give a call to."""
    try:
        call = UUID(request.args.get("call", ""))
    except ValueError:
        raise NotFoundError("There is no such call.") from None
    query = request.args.get("q", "")
    with current_hub().db.read() as session:
        hits = search.search(session, query, CHOICES)
    template = "agent/_choose.html" if auth.is_htmx() else "agent/choose.html"
    return render_template(template, call=call, query=query, hits=hits)


@blueprint.get("/customers/<uuid:public_id>")
@needs(Right.USE)
def page(public_id: UUID) -> ResponseReturnValue:
    """Show everything about a customer; of htmx, the timeline alone."""
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)
        if party.public_id != public_id:  # merged since: the old address goes on to work; for now, for it can be undone
            return redirect(url_for("customers.page", public_id=party.public_id), 302)
        facts = _timeline(session, party) if auth.is_htmx() else _everything(session, party)
    if not auth.is_htmx():
        headers.let_pages_of_ours_in()  # a mail as it was sent
        return render_template("agent/customer.html", **facts, wording=wording)
    _remember()
    older = "before" in request.args
    return render_template("agent/_items.html" if older else "agent/_timeline.html", **facts, wording=wording)


@blueprint.get("/customers/<uuid:public_id>/items/<int:number>")
@needs(Right.USE)
def item(public_id: UUID, number: int) -> ResponseReturnValue:
    """Show the body of one row."""
    person, hub = current_person(), current_hub()
    with hub.db.read() as session:
        party = parties.get(session, public_id)
        found = queries.item(session, parties.with_merged(session, party), number, person=person)
        if found is None:
            raise NotFoundError("There is no such row, or it is not for you.")
        if found.kind == Kind.CALL:  # what came before it was a field may be for some roles only
            found = replace(found, detail=seen.without(definitions.load(session), [Of.CALL], found.detail))
        call = history.of_items(session, person, [found]).get(number)
        messages = mail.of_item(session, number) if found.kind == Kind.EMAIL and not found.hidden else []
        lead = leads.of_item(session, number) if found.kind == Kind.LEAD and not found.hidden else None
        sharing = share.of_item(session, person, number) if found.kind == Kind.EMAIL else None
        money = moneys.of_items(session, [found]).get(number)
    if messages:
        with hub.db.write() as session:
            audit.record(session, person, "mail.read", "interaction", found.id, messages=len(messages))
    template = "agent/_item.html" if auth.is_htmx() else "agent/item.html"
    headers.let_pages_of_ours_in()
    facts = {"party": party, "item": found, "call": call, "messages": messages, "sharing": sharing, "lead": lead}
    words = {"wording": wording, "lead_words": lead_words, "money_words": money_words}
    return render_template(template, **facts, **words, money=money)


@blueprint.route("/customers/<uuid:public_id>/edit", methods=["GET", "POST"])
@needs(Right.EDIT_PARTIES)
def edit(public_id: UUID) -> ResponseReturnValue:
    """Change name, company, owner and the fields that administrators defined; `look` only draws the form again."""
    form, person, region = request.form, current_person(), current_hub().settings.hub.region
    if request.method == "GET" or form.get("look"):
        return _edit_form(public_id)
    try:
        with current_hub().db.write() as session:
            party = parties.get(session, public_id)
            session.refresh(party, with_for_update={"key_share": True})  # what is compared is what is changed
            known = definitions.load(session)
            given = field_values.read(_fields(known, party), party.fields, form, region=region)
            company: Party | parties.Keep | None = parties.KEEP
            if party.kind == PartyKind.PERSON:
                of_company = begun(session, PartyKind.COMPANY)
                company = parties.company_named(session, person, form.get("company", ""), of_company)
            parties.edit(session, person, party, name=form.get("name", ""), company=company, owner_id=_owner(form))
            field_change.party(session, person, known, party, given, region=region)
    except FieldsError as error:
        return _edit_form(public_id, problems=error.problems)
    except UserError as error:
        return _edit_form(public_id, error)
    return _details_again(public_id)


@blueprint.post("/customers/<uuid:public_id>/identifiers")
@needs(Right.EDIT_PARTIES)
def add_identifier(public_id: UUID) -> ResponseReturnValue:
    """Add a number or an address; its kind is what it looks like."""
    raw = request.form.get("value", "")
    kind = request.form.get("kind") or (parties.EMAIL if "@" in raw else PHONE)
    try:
        with current_hub().db.write() as session:
            party, region = parties.get(session, public_id), current_hub().settings.hub.region
            parties.add_identifier(session, current_person(), party, parties.Given(kind, raw), region=region)
    except UserError as error:
        return _edit_form(public_id, UserError(str(error), error_id=error.error_id, field="value"))
    return _details_again(public_id)


@blueprint.post("/customers/<uuid:public_id>/identifiers/<int:number>/remove")
@needs(Right.EDIT_PARTIES)
def remove_identifier(public_id: UUID, number: int) -> ResponseReturnValue:
    """Take a number or an address away."""
    with current_hub().db.write() as session:
        parties.remove_identifier(session, current_person(), parties.get(session, public_id), number)
    return _details_again(public_id)


def _on_timeline(change: Callable[..., None]) -> Callable[..., ResponseReturnValue]:
    """Show the timeline after something on it was changed, or why it was not."""

    @wraps(change)
    def changed(public_id: UUID, **named: Any) -> ResponseReturnValue:
        try:
            change(public_id, **named)
        except UserError as error:
            return _timeline_again(public_id, error)
        return _timeline_again(public_id)

    return changed


@blueprint.post("/customers/<uuid:public_id>/notes")
@needs(Right.EDIT_PARTIES)
@_on_timeline
def add_note(public_id: UUID) -> None:
    """Write a note, maybe with files."""
    hub, person = current_hub(), current_person()
    with note_files.brought() as files, hub.db.write() as session:
        party, form = parties.get(session, public_id), request.form
        first = files[0].name if files else ""
        note = notes.add(
            session, person, party_id=party.id, text=form.get("note", ""), pinned=form.get("pinned") == "yes",
            file_name=first, is_question=form.get("question") == "yes",
        )  # fmt: skip
        stored_files.attach(session, stored_files.shelf(hub.settings), person, note, files)


@blueprint.post("/customers/<uuid:public_id>/notes/<uuid:note_id>/edit")
@needs(Right.EDIT_PARTIES)
@_on_timeline
def edit_note(public_id: UUID, note_id: UUID) -> None:
    """Change one's own note, or put more files with it."""
    hub, person = current_hub(), current_person()
    with note_files.brought() as files, hub.db.write() as session:
        note = _note(session, public_id, note_id)
        stored_files.attach(session, stored_files.shelf(hub.settings), person, note, files)
        notes.edit(session, person, note, request.form.get("note", ""))


@blueprint.post("/customers/<uuid:public_id>/notes/<uuid:note_id>/<any(pin, unpin, close, reopen, remove):what>")
@needs(Right.EDIT_PARTIES)
@_on_timeline
def change_note(public_id: UUID, note_id: UUID, what: str) -> None:
    """Pin a note, close it or open it again where it is a question, or delete one's own."""
    person = current_person()
    with current_hub().db.write() as session:
        note = _note(session, public_id, note_id)
        if what == "remove":
            notes.remove(session, person, note)
        elif what == "close":
            questions.close(session, person, note)
        elif what == "reopen":
            questions.reopen(session, person, note)
        else:
            notes.pin(session, person, note, pinned=what == "pin")


@blueprint.post("/customers/<uuid:public_id>/notes/<uuid:note_id>/files/<uuid:file_id>/remove")
@needs(Right.EDIT_PARTIES)
@_on_timeline
def remove_file(public_id: UUID, note_id: UUID, file_id: UUID) -> None:
    """Take a file away from one's own note."""
    person = current_person()
    with current_hub().db.write() as session:
        note = _note(session, public_id, note_id)
        stored_files.remove(session, person, note, stored_files.get(session, person, note, file_id))


@blueprint.post("/customers/<uuid:public_id>/call-back")
@needs(Right.USE)
@_on_timeline
def call_back(public_id: UUID) -> None:
    """Promise a call back."""
    form, person = request.form, current_person()
    at = moments.call_back(form.get("call_back", ""), form.get("call_back_at", ""), at=now())
    if at is None:
        raise UserError("Choose a date and a time in the future.", error_id="bad_time", field="call_back")
    with current_hub().db.write() as session:
        party = parties.get(session, public_id)
        title = form.get("title", "")[: tasks.LONGEST_TITLE]
        phones = [row.value for row in parties.identifiers(session, party) if row.kind == PHONE]
        tasks.add(
            session,
            person,
            kind=TaskKind.CALL_BACK,
            title=title,
            due_at=at,
            party_id=party.id,
            number=phones[0] if phones else "",
            owner_id=person.id,
        )


# --- what the pages show ------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A row of a timeline with its words."""

    item: Item
    call: history.CallFact | None
    title: str
    reason: str  # why nobody spoke
    month: str  # the heading above it, where one begins
    messages: Sequence[Item]  # that it stands for, the oldest first
    money: Document | Payment | None  # as it is now, where it is one


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of a timeline: out of the address, else as the person left them."""

    kinds: tuple[str, ...]
    by: str
    find: str
    before: str

    @property
    def any(self) -> bool:
        return bool(self.kinds or self.by or self.find)

    @property
    def address(self) -> dict[str, Any]:
        """The same as parameters of an address."""
        return {"kind": list(self.kinds), "by": self.by or None, "find": self.find or None, "filters": "on"}


def _asked() -> Asked:
    args = request.args
    if not ({"filters", "kind", "by", "find", "before"} & args.keys()):
        left = auth.preferences().get(FILTERS, {})
        return Asked(tuple(k for k in left.get("kind", []) if k in wording.KINDS), str(left.get("by", "")), "", "")
    kinds = tuple(kind for kind in dict.fromkeys(args.getlist("kind")) if kind in wording.KINDS)
    by = args.get("by", "")
    return Asked(kinds, by if by.isdecimal() else "", args.get("find", "").strip()[:200], args.get("before", ""))


def _remember() -> None:
    """Keep the filters with the person, unless they are as they were."""
    asked = _asked()
    left = {"kind": list(asked.kinds), "by": asked.by}
    if "filters" not in request.args or auth.preferences().get(FILTERS, {"kind": [], "by": ""}) == left:
        return
    with current_hub().db.write() as session:
        user = session.get_one(User, current_person().id)
        user.preferences = {**user.preferences, FILTERS: left}


def _everything(session: Session, party: Party) -> dict[str, Any]:
    ids = parties.with_merged(session, party)
    facts = {**_timeline(session, party, ids), **_details(session, party, ids)}
    photo = photos.of_party(session, party, ids)
    money = moneys.of_party(session, current_person(), party)
    return facts | {
        "alerts": card.alerts(facts["due"], facts["pinned"], money),
        "money": money,
        "photo": photo,
        "double": duplicates.hint(session, party),
        "refused": imports_beside.of_party(session, current_person(), ids),
        "reasons": imports_words.REASONS,
        **messages.ways_to(session, ids),
    }


def _timeline(session: Session, party: Party, ids: Sequence[int] = ()) -> dict[str, Any]:
    person, asked = current_person(), _asked()
    ids = ids or parties.with_merged(session, party)
    wanted = Wanted(
        kinds=wording.wanted_kinds(list(asked.kinds)),
        by=int(asked.by) if asked.by else None,
        find=asked.find,
        # What came before it was a field of calls may be for some roles only.
        unread=frozenset(one.name for one in definitions.load(session).every(Of.CALL)) if asked.find else frozenset(),
    )
    before = Cursor.parse(asked.before) if asked.before else None
    found = queries.page(session, ids, person=person, wanted=wanted, before=before)
    calls, paid = history.of_items(session, person, found.items), moneys.of_items(session, found.items)
    return {
        "party": party,
        "asked": asked,
        "items": found.items,
        "lines": list(_lines(found.items, calls, paid, before)),
        "older": found.next,
        "looked_to": found.looked_to,
        "pinned": queries.pinned(session, ids),
        "largest_file": note_files.largest(),
        "due": tasks.of_party(session, ids),
        "waiting": open_questions.of_party(session, ids),
        "message_words": message_words,
        "money_words": money_words,
        "ticket_states": open_questions.STATES,
    }


def _lines(
    items: Iterable[Item],
    calls: Mapping[int, history.CallFact],
    money: Mapping[int, Document | Payment],
    after: Cursor | None,
) -> Iterator[Line]:
    """Put words to rows; made here and not in the template, where each step of a row takes several times as long."""
    last = moments.month(after.started_at) if after else None
    for item, several in message_words.folded(items):
        call, month = calls.get(item.number), moments.month(item.started_at)
        title = wording.call_title(call) if call else wording.item_title(item)
        title = message_words.title(several) if several else title
        heading = moments.month_name(item.started_at) if month != last else ""
        reason = wording.reason(call) if call else ""
        yield Line(item, call, title, reason, heading, several, money.get(item.number))
        last = month


def _details(session: Session, party: Party, ids: Sequence[int] = ()) -> dict[str, Any]:
    ids = ids or parties.with_merged(session, party)
    held = parties.identifiers(session, party)
    numbers = [row.value for row in held if row.kind == PHONE]
    known = definitions.load(session)
    shown, said = _fields(known, party), pins.words(session, current_person(), known, party)
    return {
        "known": [
            *claims_page.lines(party.fields),
            *field_values.lines(shown, party.fields, party=party.public_id),
        ],
        "party": party,
        "identifiers": held,
        "company": session.execute(_COMPANY, {"id": party.company_id}).first() if party.company_id else None,
        "staff": session.scalars(_STAFF, {"company": party.id}).all() if party.kind == PartyKind.COMPANY else [],
        "owner": session.execute(_OWNER, {"id": party.owner_id}).first() if party.owner_id else None,
        "merged": len(ids) - 1,
        "said_by": claims_page.beside(said, held),
        "sources": elsewhere.sources(session, ids),
        "number": numbers[0] if numbers else "",
        "people": _people(session),
        "books": address_books.missing(session, party),
    }


def _people(session: Session) -> list[tuple[int, str]]:
    """Return the colleagues, for the filter by person and the choice of an owner."""
    return [(number, name) for number, name in session.execute(_COLLEAGUES)]


def _note(session: Session, public_id: UUID, note_id: UUID) -> Note:
    note, party = notes.get(session, note_id), parties.get(session, public_id)
    if note.party_id not in parties.with_merged(session, party):
        raise NotFoundError("This note is about another customer.")
    return note


def _owner(form: Any) -> int | parties.Keep | None:
    value = form.get("owner")
    if value is None:
        return parties.KEEP
    return int(value) if value.isdecimal() else None


def _new_form(typed: Any, error: UserError | None = None) -> str:
    values = {name: typed.get(name, "") for name in ("kind", "name", "company", "phone", "email", "tax_id")}
    values["phone"] = values["phone"] or typed.get("number", "")
    return render_template("agent/new_customer.html", form=values, **_fault(error))


def begun(session: Session, kind: str) -> Mapping[str, Any]:
    """Return what the fields of a new person or company begin with."""
    known = incoming.load(session)
    return known.defaults(Of(kind)) if known is not None else parties.NOTHING


def _fields(known: Fields, party: Party) -> dict[str, Field]:
    return seen.fields(known, field_change.of_party(party), current_person().role)


def _edit_form(
    public_id: UUID, error: UserError | None = None, problems: Mapping[str, FieldValueError] | None = None
) -> ResponseReturnValue:
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)
        facts = _details(session, party)
        shown = _fields(definitions.load(session), party)
        inputs = field_values.inputs(shown, party.fields, request.form, problems or {})
    template = "agent/_details_form.html" if auth.is_htmx() else "agent/edit_customer.html"
    html = render_template(template, **facts, inputs=inputs, form=request.form, **_fault(error), wording=wording)
    return html, 422 if error or problems else 200


def _details_again(public_id: UUID) -> ResponseReturnValue:
    if not auth.is_htmx():
        return redirect(url_for("customers.page", public_id=public_id), 303)
    with current_hub().db.read() as session:
        facts = _details(session, parties.get(session, public_id))
    return render_template("agent/_details.html", **facts, wording=wording)


def _timeline_again(public_id: UUID, error: UserError | None = None) -> ResponseReturnValue:
    """Show the timeline after something was written to it, or the form with what was wrong."""
    if not auth.is_htmx() and error is None:
        return redirect(url_for("customers.page", public_id=public_id), 303)
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)
        facts = _timeline(session, party) if auth.is_htmx() else _everything(session, party)
    template = "agent/_timeline.html" if auth.is_htmx() else "agent/customer.html"
    is_large = error is not None and error.error_id == "large_form"  # nothing of it was read
    form = request.form if error and not is_large else {}
    html = render_template(template, **facts, form=form, **_fault(error), wording=wording)
    return html, (413 if is_large else 422) if error else 200


def _fault(error: UserError | None) -> dict[str, str]:
    return {"error": wording.sentence(error), "field": error.field} if error else {"error": "", "field": ""}
