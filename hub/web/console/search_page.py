"""Search: customers by name, company, number or e-mail; and what is known of a number that is nobody's yet."""

from collections.abc import Sequence

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.cti import history
from hub.fields.models import Of
from hub.identity import photos, search
from hub.identity.models import Party
from hub.identity.phone import PhoneContext, normalise
from hub.identity.words import LONGEST_QUERY
from hub.security.policy import Right, may
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import more_filters, wording
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("search_page", __name__)
HITS = 30
LOOKED_AT = 250  # customers that a question finds, before filters
CALLS = 5


@blueprint.get("/search")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """Show what matches."""
    query = request.args.get("q", "").strip()[:LONGEST_QUERY]
    person = current_person()
    number = _number(query)
    with current_hub().db.read() as session:
        more = more_filters.of(session, Of.PERSON, Of.COMPANY)
        hits = _hits(session, query, more.where(Party.fields, Party.kind))
        pictures = photos.of_parties(session, [hit.party_id for hit in hits])
        everybody = may(person.role, Right.SEE_ALL_CALLS)
        calls = (
            history.listed(
                session, person, None if everybody else person.id, which=history.Filter(number=number), limit=CALLS
            )[0]
            if number
            else []
        )
    template = "agent/_results.html" if auth.is_htmx() else "agent/search.html"
    return render_template(
        template, query=query, hits=hits[:HITS], more=len(hits) > HITS, number=number, calls=calls, wording=wording,
        photos=pictures, filters=more,
    )  # fmt: skip


def _hits(session: Session, query: str, more: Sequence[ColumnElement[bool]]) -> list[search.Hit]:
    """Return who matches, and fulfils what is asked beside; of a question with filters, among the first found."""
    if not more:
        return search.search(session, query, HITS + 1)
    found = search.search(session, query, LOOKED_AT)
    left = set(session.scalars(select(Party.id).where(Party.id.in_([hit.party_id for hit in found]), *more)))
    return [hit for hit in found if hit.party_id in left][: HITS + 1]


def _number(query: str) -> str:
    """Return the number that was searched for, if the whole question is one."""
    if any(c.isalpha() for c in query):
        return ""
    phones = normalise(query, PhoneContext(region=current_hub().settings.hub.region))
    return phones[0].key if len(phones) == 1 else ""
