"""Pages of ours in frames of other products: one customer's card, and the pop that waits for calls.

The first load exchanges a ticket; everything after it proves itself by a header (hub/web/embedded.py).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.identity import callers, parties
from hub.identity.callers import PHONE
from hub.identity.models import Party
from hub.identity.phone import PhoneContext
from hub.security import embedding, sessions
from hub.security.embedding import Page, Subject
from hub.security.policy import Right
from hub.store.base import now
from hub.timeline import queries
from hub.timeline.models import Kind
from hub.timeline.queries import Wanted
from hub.web import auth, headers
from hub.web.auth import needs
from hub.web.console import card, elsewhere, money_words, open_questions, wording
from hub.web.console import money as moneys
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("embed", __name__, url_prefix="/embed")
NOTES = 3  # the last ones, beside those that are pinned
MOST_NUMBER = 100  # characters


@blueprint.get("/<any(card,pop):page>")
def show(page: str) -> ResponseReturnValue:
    """Exchange the ticket and show the page; who has none, or a spent one, learns nothing."""
    hub, secret = current_hub(), request.args.get("ticket", "")
    auth.nobody()
    with hub.db.read() as session:
        if not embedding.is_ticket(session, secret):
            raise NotFoundError("There is no such ticket.")
    with hub.db.write() as session:
        opened = embedding.spend(
            session, secret, Page(page), hub.settings, address=auth.address(), browser=request.user_agent.string
        )
        found = sessions.look(session, opened.token, hub.settings, embedded=True) if opened else None
    if opened is None:
        raise NotFoundError("There is no such ticket.")
    headers.let_into(opened.origin)
    if found is None:
        return render_template("embed/spent.html", origin=opened.origin), 410
    auth.in_frame(found)
    facts: dict[str, Any] = {"origin": opened.origin, "token": opened.token, "page": page}
    with hub.db.read() as session:
        return render_template(f"embed/{page}.html", **facts, **_first(session, opened.subject))


@blueprint.get("/customers/<uuid:public_id>")
@needs(Right.USE)
def customer(public_id: UUID) -> ResponseReturnValue:
    """Show one customer."""
    with current_hub().db.read() as session:
        return render_template("embed/_customer.html", **_customer(session, parties.get(session, public_id)))


@blueprint.get("/customers")
@needs(Right.USE)
def customer_of_number() -> ResponseReturnValue:
    """Show whose number it is, or those whose it may be."""
    with current_hub().db.read() as session:
        return render_template(
            "embed/_customer.html", **_of_number(session, typed(request.args, "number", MOST_NUMBER))
        )


def _first(session: Session, subject: Subject) -> dict[str, Any]:
    """Return what is shown before anybody chose. A customer who is gone since the ticket was made is nobody."""
    if subject.party:
        try:
            return _customer(session, parties.get(session, UUID(subject.party)))
        except NotFoundError:
            return _nobody()
    return _of_number(session, subject.number) if subject.number else _nobody()


def _nobody(number: str = "", several: Sequence[Party] = ()) -> dict[str, Any]:
    return {"party": None, "number": number, "several": several}


def _of_number(session: Session, number: str) -> dict[str, Any]:
    found = callers.who(session, number, PhoneContext(region=current_hub().settings.hub.region), at=now())
    held = [one for one in (parties.now_is(session, party) for party in found.parties) if one is not None]
    return _customer(session, held[0]) if len(held) == 1 else _nobody(found.number, held)


def _customer(session: Session, party: Party) -> dict[str, Any]:
    """Return what this person may know of a customer."""
    person = current_person()
    ids = parties.with_merged(session, party)
    numbers = [row.value for row in parties.identifiers(session, party) if row.kind == PHONE]
    money = moneys.of_party(session, person, party)
    due, pinned = card.open_tasks(session, ids, numbers), queries.pinned(session, ids)
    waiting = open_questions.of_party(session, ids, open_questions.ON_CARD)
    asked = {line.note for line in waiting.lines}
    written = queries.page(session, ids, person=person, wanted=Wanted(kinds=(Kind.NOTE,)), limit=NOTES).items
    notes = [*pinned, *(note for item in written for note in item.notes if not note.pinned)]
    return {
        **_nobody(),
        "party": party,
        "company": session.get(Party, party.company_id) if party.company_id else None,
        "numbers": numbers,
        "alerts": card.alerts(due, pinned, money),
        "money": money,
        "money_words": money_words,
        "contacts": card.contacts(session, person, ids),
        "due": due,
        "now": now(),
        "waiting": waiting,
        "notes": [note for note in notes if note.id not in asked],  # what is asked stands there already
        "records": [one._asdict() for one in elsewhere.records(session, ids)],
        "wording": wording,
    }
